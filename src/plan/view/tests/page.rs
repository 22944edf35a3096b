//! The page of a view, as a browser gets it. `UPDATE_VIEWS=1 cargo test -p muster --lib plan::view` writes `tests/*.html` anew,
//! without the style.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::{ALL, Case, Component, Observed, WELL, cases, other, rows, seen};
use crate::engine::failure::Failure;
use crate::expect_file;
use crate::plan::view::page::{POLICY, page};
use crate::plan::view::verdict::{REFERENCE, Verdict};
use crate::plan::view::{ItselfSays, Unseen, View, Whole, report, targets};

const AT: &str = "2026-03-01T00:01:00Z";
const STYLE: &str = include_str!("../../../../templates/page.css");

/// The page without its style and the hash of it, and without the name of an engine.
fn bare(view: &View, refresh: Option<u64>) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let mut text = page(view, AT, refresh).replace(STYLE, "").replace(&hash, "HASH");
    for engine in ALL {
        text = text.replace(engine.name, "Engine");
    }
    text
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

#[test]
fn the_page_of_a_cluster_that_is_well_says_so_and_lists_every_node() {
    let text = bare(&seen(&WELL, 0), Some(15));
    expect_file::holds("src/plan/view/tests/well.html", &text, "UPDATE_VIEWS");
}

/// Every verdict there is, each at a node of its kind or at the whole.
fn troubled() -> View {
    let mut view = seen(
        &Case {
            others: "b5+ b6- c7- k8-",
            own: "be 10.0.0.5 of 77",
            ..case("an FE is dead")
        },
        1,
    );
    let why = || "Connection refused".to_owned();
    view.verdicts = vec![
        Verdict::NoFe {
            why: "no FE answered: 10.0.0.1:9030: no route".to_owned(),
        },
        Verdict::NoLeader {
            why: why(),
            alive: 1,
            voters: 3,
            is_shown: true,
            first: vec!["10.0.0.2".to_owned()],
        },
        Verdict::TwoClusters {
            why: "two clusters answered: 77 at 10.0.0.1 and 88 at 10.0.0.3".to_owned(),
        },
        Verdict::Refused {
            why: "Access denied".to_owned(),
            cure: "GRANT NODE_PRIV ON *.*.* TO 'muster'".to_owned(),
        },
        Verdict::NoMargin { voters: 3, alive: 2 },
        Verdict::Unhealthy {
            tablets: 1_204,
            of: 120_331,
        },
        Verdict::BalanceOff {
            keys: vec![("disable_balance".to_owned(), "true".to_owned())],
        },
        Verdict::ListUnseen {
            component: Component::Broker,
            why: why(),
        },
    ];
    view.unseen = vec![Unseen {
        what: "the tablets".to_owned(),
        why: why(),
    }];
    let of_nodes = vec![
        Verdict::HalfJoined,
        Verdict::DoesNotServe { why: why() },
        Verdict::Unreached { error: why() },
        Verdict::StaleLeader {
            leader: "10.0.0.1".to_owned(),
        },
        Verdict::NotListed {
            cluster: "77".to_owned(),
        },
        Verdict::Foreign {
            own: "88".to_owned(),
            cluster: "77".to_owned(),
        },
        Verdict::Moved {
            listed: "10.0.0.5".to_owned(),
            record: "be1.example".to_owned(),
        },
        Verdict::Behind { entries: 12_000 },
        Verdict::OutOfDate,
        Verdict::NoImage { entries: 120_000 },
        Verdict::OtherVersion {
            own: "3.5.1".to_owned(),
            most: "3.5.2".to_owned(),
        },
        Verdict::Leaving {
            tablets: 7,
            needed: false,
        },
        Verdict::Stuck {
            tablets: 7,
            why: "nothing is balanced".to_owned(),
        },
        Verdict::DiskFull { percent: 91 },
        Verdict::ClockOff { by: -9_000 },
        Verdict::CrashLoop {
            times: 4,
            last: why(),
        },
    ];
    let nodes = view.nodes.len();
    for (number, verdict) in of_nodes.into_iter().enumerate() {
        view.nodes[number % nodes].verdicts.push(verdict);
    }
    let named = &mut view.nodes[0];
    named.itself_says = ItselfSays::NotReady(why());
    named.version = Some("3.5.1".to_owned());
    view
}

#[test]
fn every_verdict_has_its_place_on_the_page() {
    let view = troubled();
    for (id, ..) in REFERENCE {
        assert!(view.all().any(|(_, verdict)| verdict.id() == id), "{id}");
    }
    let text = bare(&view, None);
    for (node, verdict) in view.all() {
        let said = askama::filters::escape(verdict.say(), askama::filters::Html)
            .unwrap()
            .to_string();
        assert!(text.contains(&said), "{said}");
        if node.is_some() {
            assert!(text.contains(verdict.id()), "{}", verdict.id());
        }
    }
    expect_file::holds("src/plan/view/tests/troubled.html", &text, "UPDATE_VIEWS");
}

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;</td></title>\u{1b}[2J\r\n\u{202e}\u{2066}\u{0}]]>{{ 7 }}";
const HARMLESS: &str = "x";

/// A cluster of which every text is this one.
fn speaking(text: &str) -> View {
    let long = text.repeat(5_000 / text.len());
    let mut view = seen(&case("the account is refused"), 0);
    view.leader = Err(long.clone());
    view.account.clone_from(&long);
    view.cluster_id = Some(long.clone());
    let mut all = seen(
        &Case {
            others: "b5- k6-",
            ..WELL
        },
        0,
    )
    .nodes;
    for node in &mut all {
        node.host.clone_from(&long);
        node.version = Some(long.clone());
        node.name = node.name.as_ref().map(|_| long.clone());
        node.itself_says = ItselfSays::Silent(long.clone());
        if let Some(says) = &mut node.leader_says {
            says.error.clone_from(&long);
        }
        node.verdicts = vec![
            Verdict::Dead {
                silent_for: None,
                why: long.clone(),
            },
            Verdict::Moved {
                listed: long.clone(),
                record: long.clone(),
            },
        ];
    }
    view.nodes = all;
    view.unseen = vec![Unseen {
        what: long.clone(),
        why: long.clone(),
    }];
    view.verdicts.push(Verdict::NoLeader {
        why: long.clone(),
        alive: 1,
        voters: 3,
        is_shown: false,
        first: vec![long],
    });
    view
}

/// The tags of a page, as they are written.
fn tags(html: &str) -> Vec<&str> {
    html.split('<')
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap())
        .collect()
}

#[test]
fn no_text_of_a_cluster_becomes_a_tag_or_turns_the_line_or_makes_the_page_long() {
    let hostile = bare(&speaking(HOSTILE), Some(15));
    let harmless = bare(&speaking(HARMLESS), Some(15));
    assert_eq!(tags(&hostile), tags(&harmless));
    assert!(hostile.contains("&#60;script&#62;alert(1)"), "{hostile}");
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(hostile.chars().find(|c| hidden(*c)), None);
    assert!(hostile.len() < 100_000, "{}", hostile.len());
    expect_file::holds("src/plan/view/tests/hostile.html", &hostile, "UPDATE_VIEWS");
}

#[test]
fn a_command_is_shown_whole_or_not_at_all() {
    let copied = |host: &str| {
        let mut view = seen(&case("a BE, a CN and a broker are dead"), 0);
        for node in &mut view.nodes {
            node.host = host.to_owned();
        }
        page(&view, AT, None)
    };
    assert!(copied("fe1").contains("ALTER SYSTEM DROP"));
    for host in ["fe\u{202e}1".to_owned(), "x".repeat(2_000)] {
        let text = copied(&host);
        assert!(!text.contains("ALTER SYSTEM"), "{text}");
        assert!(text.contains("muster status --json has the command"), "{text}");
    }
}

#[test]
fn the_page_of_three_fes_and_thirty_bes_has_at_most_30_kb() {
    fn thirty(seen: &mut Observed) {
        let (_, row, service) = other("b5+v3.5.2-a1b2c3d4e5");
        for number in 1..=30 {
            let host = format!("be-{number}.database.example.com");
            seen.services.push(crate::plan::view::observed::ServiceSeen {
                host: host.clone(),
                serves: if number == 7 {
                    Err(Failure::Refused)
                } else {
                    Ok(())
                },
                ..service.clone()
            });
            let mut row = row.clone();
            row.host = host;
            seen.lists[0].1.as_mut().unwrap().push(row);
        }
        for fe in rows(seen) {
            fe.version = Some("3.5.2-a1b2c3d4e5".to_owned());
        }
    }
    let view = seen(
        &Case {
            others: "",
            change: thirty,
            ..WELL
        },
        0,
    );
    assert_eq!(view.nodes.len(), 33);
    let text = page(&view, AT, Some(15));
    assert!(text.len() <= 30_000, "{}", text.len());
}

#[test]
fn every_page_says_in_words_how_the_cluster_is_and_when_it_was_seen() {
    let mut met = Vec::new();
    for case in cases() {
        let view = seen(&case, 0);
        let text = page(&view, AT, None);
        let headline = match view.whole() {
            Whole::Well => "Well",
            Whole::Attention => "Needs attention",
            Whole::NoLeader => "No leader",
            Whole::Refused => "Account refused",
        };
        assert!(text.contains(&format!("<h1>{headline}</h1>")), "{}", case.name);
        assert!(text.contains(AT), "{}", case.name);
        for node in &view.nodes {
            assert!(text.contains(&node.host), "{}: {}", case.name, node.host);
        }
        met.push(headline);
    }
    met.sort_unstable();
    met.dedup();
    assert_eq!(met.len(), 4);
}

#[test]
fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    assert_eq!(
        POLICY,
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
    );
    let text = page(&seen(&WELL, 0), AT, Some(15));
    assert!(text.contains(&format!("<style>{STYLE}</style>")));
    for word in ["<script", "style=", "url(", "http:", "https:", "onload", "cookie"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn only_the_page_of_a_server_loads_itself_again() {
    let view = seen(&WELL, 0);
    let refresh = "http-equiv=\"refresh\"";
    assert!(page(&view, AT, Some(15)).contains(refresh));
    assert!(!page(&view, AT, None).contains(refresh));
}

#[test]
fn no_text_of_a_cluster_breaks_the_json() {
    let view = speaking(HOSTILE);
    for text in [report::json(&view, AT), targets::targets(&view)] {
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        assert_eq!(text, crate::printable::lines(&text));
    }
}
