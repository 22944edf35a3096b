//! The table of `decide.txt`: the files of a node, the answers it got, and the decision with its message.
//! `UPDATE_DECIDE=1 cargo test -p muster --lib decide_table` writes it again; read the difference before you commit it.

use std::time::Duration;

use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::engine::probe::HttpWitness;
use crate::exit::ExitCode;
use crate::expect_file;
use crate::facts::record::Progress;
use crate::plan::join::decide;
use crate::plan::leader::tests::members as rows;
use crate::plan::leader::{Answer, believe};
use crate::plan::node::{Decision, Role, Seen};
use crate::plan::refusal::Refusal;
use crate::plan::witness::Witness;
use crate::settings::{Bootstrap, Endpoint, Host};

use super::every::REAL;
use super::seen::{caller, lists, silence};
use super::situation::{Id, Kept, Lies, Situation, node};

/// Headings and rows of: role | data | record in the data dir, record in the state dir | shown | conditions.
const ROWS: &str = "
= A cluster begins
seed | nothing | -, - | silence |
seed | nothing | -, - | silence | guard over
seed | nothing | -, - | silence | guard over, BOOTSTRAP=never
seed | nothing | -, - | silence | BOOTSTRAP=force
seed | nothing | -, - | silence | guard over, patience over, BOOTSTRAP=never
seed | nothing | -, - | no leader | guard over
seed | nothing | -, - | silence | guard over, called
seed | nothing | -, - | silence | guard over, over HTTP
seed | nothing | -, - | silence | guard over, wants our vote
seed | nothing | -, - | silence | guard over, its muster called
seed | nothing | -, - | silence | guard over, another seed
seed | nothing | -, - | silence | guard over, a stranger's seed
seed | nothing | -, - | silence | guard over, an FE starts
seed | nothing | -, - | silence | guard over, patience over, an FE starts
seed | nothing | -, - | silence | guard over, a crowd
seed | nothing | -, - | silence | guard over, patience over, a crowd
seed | nothing | -, - | 1L+ 2F+ 5F- | a crowd
seed | nothing | -, - | silence | guard over, patience over, another seed
seed | nothing | -, - | 1L+ 2F+ 3F+ | guard over
seed | nothing | -, - | 1L+ 2F+ 3F+ | guard over, other mode
seed | nothing | -, - | 1L+ 2F+ 5F- |
seed | nothing | -, planned | silence | guard over
seed | nothing | -, planned 77 | silence | guard over
seed | nothing | -, - | 1L+ 2F+ | BOOTSTRAP=force
seed | nothing | -, - | denied | guard over

= A founding was interrupted
seed | nothing | -, founding | silence | guard over
seed | begun | founding, founding | silence |
seed | elected itself | founding, founding | 1L+ 2F+ |
seed | ready | founding, founding | silence |
seed | elected itself | -, - | silence |
seed | elected itself | -, - | silence | guard over
seed | elected itself | -, - | silence | guard over, BOOTSTRAP=never
seed | elected itself | -, - | silence | guard over, called
seed | elected itself | -, - | 1L+ 2F+ 5F- |

= A seed was wiped
seed | nothing | -, joined 77 | silence | guard over
seed | nothing | -, joined 77 | silence | guard over, patience over
seed | nothing | -, joined 77 | 1L+ 2F+ 5F- |
seed | nothing | -, joined 77 | 1L+ 2F+ |
seed | nothing | -, joined | 1L+ 2F+ 5F- |
seed | nothing | founding, joined 77 | silence | guard over
seed | nothing | -, joined 77 | silence | guard over, BOOTSTRAP=force
seed | nothing | -, joined 77 | 1L+ 2F+ 5F- of 88 |

= A voter of two was wiped
follower | nothing | -, joined 77 | 1F+ 5F- |
follower | nothing | -, joined 77 | 1F+ 2F- 5F- |

= A follower or an observer joins
follower | nothing | -, - | silence |
follower | nothing | -, - | silence | patience over
follower | nothing | -, - | 1L+ |
observer | nothing | -, - | 2F+ 1F+ 3L+ 5o- |
follower | nothing | -, planned 77 | 1L+ |
follower | nothing | -, added 77 | 1L+ 5f- |
follower | nothing | -, - | 1L+ 2F- 3F- |
follower | nothing | -, - | 1f+ 2f+ 4L+ |
follower | nothing | -, - | 1F+ 2F+ 3F+ |
follower | nothing | -, - | no leader | patience over
follower | nothing | -, - | 1L+ 5f-@9011 |
follower | nothing | -, - | 1L+ 5f-=fe5 |
follower | nothing | -, - | 1L+ 5F+=fe5 5f- |
follower | begun | started 77, started 77 | 1L+ 2F+ 5F-=FE5. |
follower | nothing | -, - | 5L+ |
follower | nothing | -, - | 5L+ | patience over
follower | nothing | -, - | denied |
follower | nothing | -, joined 88 | 1L+ |

= Members come back
seed | ready | joined 77, joined 77 | silence |
follower | ready | joined 77, joined 77 | 1L+ 2F- 3F- |
follower | ready | joined 77, - | silence |
follower | begun | joined 77, joined 77 | silence |
follower | ready | -, joined 77 | silence |
follower | ready | started 77, started 77 | silence |
follower | ready | -, - | silence |
follower | ready | -, - | 1L+ 5F- |
follower | ready | -, - | 1L+ of 88 |
follower | ready | joined 77, joined 77 | 1L+ of 88 |
BE | 77 | joined 77, joined 77 | silence |

= A join was interrupted
follower | begun | added 77, added 77 | silence |
follower | begun | added 77, added 77 | 1L+ 5f- |
follower | begun | started 77, started 77 | 1L+ |
follower | begun | started 77, started 77 | 1F+ 2F- 5F- |
follower | begun | started 77, started 77 | silence | waiting for a vote
follower | begun | started 77, started 77 | no leader | waiting for a vote
follower | elected itself | started 77, started 77 | silence | waiting for a vote
follower | elected itself | started 77, started 77 | 1L+ 2F+ 5F- |
follower | no journal | started 77, started 77 | 1L+ 2F+ 5F- |
follower | no journal | started 77, started 77 | silence | guard over
follower | begun | -, - | 1L+ 5F- |
follower | begun | started 77, started 77 | 1L+ 5F- of 88 |
follower | begun of unknown | started 77, started 77 | 1L+ 5F- of 88 |

= BE and CN
BE | nothing | -, - | silence |
BE | nothing | -, - | 1L+ | BEs: 4
BE | nothing | -, - | 1L+ | BEs: 4 5
BE | nothing | -, - | 1L+ | BEs not shown
BE | nothing | -, - | 1L+ | BEs not shown, patience over
BE | nothing | -, - | 1L+ | may not see BEs
BE | 77 | -, - | 1L+ | BEs: 4
BE | 77 | -, - | 1L+ | BEs: 4 5
BE | 88 | -, - | 1L+ | BEs: 4
BE | both | -, - | 1L+ | BEs: 4
CN | nothing | -, - | 1L+ | BEs: 4 5
CN | nothing | -, - | 1L+ | 5 of no kind
BE | 77 | -, - | 1L+ | 5 as CN

= A broker
broker | never any | -, - | silence |
broker | never any | -, - | 1L+ | BEs: 4
broker | never any | -, - | 1L+ | BEs: 4 5
broker | never any | -, - | 1L+ | may not see BEs
broker | never any | -, added 77 | 1L+ | BEs: 4 5
broker | never any | -, joined 77 | silence |
broker | never any | -, joined 88 | 1L+ | BEs: 4
broker | never any | -, dropped 77 | 1L+ | BEs: 4
broker | never any | -, dropped 77 | 1L+ | BEs: 4, REJOIN
broker | never any | -, dropped 77 | 1L+ | BEs: 4 5
broker | never any | -, cut off | silence |

= A host that nobody named calls
follower | nothing | -, - | silence | a caller leads
follower | nothing | -, - | 1L+ | a caller leads
follower | nothing | -, - | 1F+ 2F- | a caller leads
follower | nothing | -, joined 88 | silence | a caller leads
follower | begun | started 77, started 77 | silence | a caller leads
follower | no journal | started 77, started 77 | silence | a caller leads
seed | nothing | -, - | silence | guard over, a caller leads
seed | nothing | -, - | silence | BOOTSTRAP=force, a caller leads
BE | nothing | -, - | silence | a caller leads
follower | nothing | -, - | silence | patience over, a stranger polls
follower | nothing | -, - | silence | a stranger leads
seed | nothing | -, - | silence | guard over, a stranger polls

= Dropped while it was away
follower | ready | dropped 77, dropped 77 | silence |
follower | ready | joined 77, dropped 77 | 1L+ 2F+ |
follower | nothing | -, joined 77 | 1L+ 2F+ |
follower | nothing | -, joined 77 | 1L+ 2F+ | REJOIN
BE | nothing | -, joined 77 | 1L+ | BEs: 4
follower | ready | dropped 77, dropped 77 | 1L+ 2F+ | REJOIN
follower | nothing | -, dropped 77 | 1L+ 2F+ |
BE | nothing | -, dropped 77 | 1L+ | BEs: 4
BE | 77 | dropped 77, dropped 77 | 1L+ | BEs: 4, REJOIN
BE | 77 | dropped 77, dropped 77 | silence |
BE | 77 | dropped 77, dropped 77 | 1L+ | BEs: 4 5

= The record
follower | ready | joined 77 of another host, - | silence |
follower | nothing | -, joined 77 of another host | 1L+ |
follower | ready | joined 77, joined 77 of another host | silence |
follower | ready | joined 88, joined 88 | silence |
follower | ready | joined 77, joined 88 | silence |
follower | ready | joined 77, cut off | silence |
follower | ready | cut off, joined 77 | silence |
follower | begun | cut off, joined 77 | silence |
seed | nothing | cut off, founding | silence | guard over
seed | nothing | -, cut off | silence | guard over
follower | ready | cut off, - | silence |
follower | ready | joined 77, newer | silence |
follower | ready | newer, joined 77 | silence |
follower | no journal | joined 77, joined 77 | silence |
";

fn role(text: &str) -> Role {
    match text {
        "seed" => Role::Seed,
        "follower" => Role::Follower,
        "observer" => Role::Observer,
        "BE" => Role::Component(Component::Be),
        "CN" => Role::Component(Component::Cn),
        "broker" => Role::Component(Component::Broker),
        other => panic!("no such role: {other}"),
    }
}

fn lies(text: &str) -> Lies {
    let (text, id) = text.split_once(" of ").map_or((text, Id::Of77), |(text, of)| {
        (text, if of == "unknown" { Id::Unknown } else { Id::Of88 })
    });
    let fe = |journal, nascent, ready| Lies::Fe {
        journal,
        nascent,
        ready,
        id,
    };
    match text {
        "nothing" => Lies::Nothing,
        "ready" => fe(true, false, true),
        "begun" => fe(true, false, false),
        "elected itself" => fe(true, true, false),
        "no journal" => fe(false, false, false),
        "77" => Lies::Storage(Id::Of77),
        "88" => Lies::Storage(Id::Of88),
        "both" => Lies::Mixed,
        "never any" => Lies::Never,
        other => panic!("no such data: {other}"),
    }
}

fn kept(text: &str) -> Kept {
    let (text, ours) = text
        .split_once(" of another host")
        .map_or((text, true), |(text, _)| (text, false));
    let (word, id) = text.split_once(' ').unwrap_or((text, ""));
    let progress = match word {
        "-" => return Kept::Missing,
        "cut" => return Kept::Unreadable,
        "newer" => return Kept::Newer,
        "planned" => Progress::Planned,
        "added" => Progress::Added,
        "started" => Progress::Started,
        "joined" => Progress::Joined,
        "founding" => Progress::Founding,
        "dropped" => Progress::Dropped,
        other => panic!("no such progress: {other}"),
    };
    let id = match id {
        "" => Id::Unknown,
        "77" => Id::Of77,
        _ => Id::Of88,
    };
    Kept::Present { progress, ours, id }
}

/// The answer of an FE at 10.0.0.1, evaluated.
fn seen(component: Component, text: &str, conditions: &str) -> Seen {
    let fe = component.is_fe();
    let from = Host::parse("10.0.0.1").unwrap();
    let said = match text {
        "silence" => Err(Failure::Refused),
        "no leader" => Err(Failure::NoLeader("forward failed".to_owned())),
        "denied" => Err(Failure::Denied("for user 'root'".to_owned())),
        list => Ok(rows(list)),
    };
    let mut seen = Seen {
        members: said.clone().unwrap_or_default(),
        fatal: match &said {
            Err(why @ Failure::Denied(_)) => vec![("10.0.0.1:9030".to_owned(), why.clone())],
            _ => Vec::new(),
        },
        ..silence()
    };
    let answer = Answer {
        from: from.clone(),
        port: 9030,
        said,
    };
    seen.belief = believe(&[answer], Duration::from_secs(5));
    let lists = lists(component);
    for conditions in conditions.split(", ").filter(|conditions| !conditions.is_empty()) {
        match conditions {
            "guard over" => seen.guard_over = true,
            "patience over" => seen.patience_over = true,
            "called" => seen.witnesses.push(Witness::Called(from.clone())),
            "over HTTP" => seen.witnesses.push(Witness::Http {
                from: from.clone(),
                told: HttpWitness::Lists("FOLLOWER".to_owned()),
            }),
            "wants our vote" => seen.witnesses.push(Witness::WantsVote(from.clone())),
            "its muster called" => seen.witnesses.push(Witness::Member {
                from: from.clone(),
                cluster: "77".to_owned(),
            }),
            "another seed" => seen.witnesses.push(Witness::Seed {
                host: from.clone(),
                founding: false,
                from: None,
            }),
            "other mode" => {
                seen.other_mode = Some(Refusal::new(
                    ExitCode::Configuration,
                    "run_mode is shared_data, not shared_nothing".to_owned(),
                    "set run_mode to shared_nothing",
                ));
            }
            "a stranger's seed" => seen.witnesses.push(Witness::Seed {
                host: from.clone(),
                founding: true,
                from: Some(Host::parse("10.0.0.66").unwrap()),
            }),
            "a crowd" => seen.witnesses.push(Witness::Unheard {
                count: 784,
                from: vec!["10.0.0.7".to_owned(), "10.0.0.8".to_owned()],
            }),
            "an FE starts" => seen.witnesses.push(Witness::Starts(Endpoint {
                host: from.clone(),
                port: 9010,
            })),
            "a caller leads" => seen.caller = Some(caller(fe)),
            "a stranger polls" => seen.calls.push(Witness::Polls(Host::parse("10.0.0.7").unwrap())),
            "a stranger leads" => seen
                .calls
                .push(Witness::Unnamed(Host::parse("10.0.0.7").unwrap())),
            "waiting for a vote" => seen.waiting.push("10.0.0.1:9010".to_owned()),
            "BEs: 4" => seen.backends = Some(Ok(Vec::new())),
            "BEs: 4 5" => seen.backends.clone_from(&lists[4]),
            "5 as CN" => seen.backends.clone_from(&lists[5]),
            "5 of no kind" => seen.backends.clone_from(&lists[7]),
            "BEs not shown" => seen.backends.clone_from(&lists[1]),
            "may not see BEs" => seen.backends.clone_from(&lists[2]),
            "REJOIN" | "BOOTSTRAP=never" | "BOOTSTRAP=force" => {}
            other => panic!("no such condition: {other}"),
        }
    }
    seen
}

fn render_row(row: &str) -> String {
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let [who, files, records, shown, conditions] = cells.as_slice() else {
        panic!("not a row: {row}");
    };
    let (data, state) = records.split_once(", ").unwrap();
    let situation = Situation {
        role: role(who),
        lies: lies(files),
        data: kept(data),
        state: kept(state),
    };
    let step = match situation.classify(&REAL) {
        Err(refusal) => Decision::Refuse(refusal),
        Ok(data) => {
            let mut node = node(situation.role, data);
            node.rejoin = conditions.contains("REJOIN");
            if conditions.contains("never") {
                node.bootstrap = Bootstrap::Never;
            } else if conditions.contains("force") {
                node.bootstrap = Bootstrap::Force;
            }
            decide(&node, &seen(node.component, shown, conditions))
        }
    };
    let step = match step {
        Decision::Start => "start".to_owned(),
        Decision::Join { helper, cluster } => format!("start with --helper {helper}, in cluster {cluster}"),
        Decision::Found => "found".to_owned(),
        Decision::Register { cluster } => format!("add at {}, then look again", cluster.leader.host),
        Decision::SetAside { why } => format!("set aside: {why}"),
        Decision::Wait { why } => format!("wait: {why}"),
        Decision::Refuse(refusal) => format!(
            "refuse {}: {refusal}\n{:87}hint: {}",
            refusal.code.number(),
            "",
            refusal.hint
        ),
    };
    format!("{who:8} | {files:15} | {records:24} | {shown:20} | {conditions:28} → {step}\n")
}

#[test]
fn each_row_has_the_decision_and_the_message_of_the_file() {
    let mut text = "\
# The decisions of muster, one row for each situation. This node is 10.0.0.5.
# role | data | record in the data dir, record in the state dir | list of an FE | conditions → decision and message
# An FE that is shown is `<last number of 10.0.0.x><role><alive>`: L leader, F follower, O observer, small if it never
# joined, + alive, - dead; @port is another edit_log_port. Of cluster 77 unless another is named.
# The lists of a broker's cluster are those of its brokers.
# Written by `UPDATE_DECIDE=1 cargo test -p muster --lib decide_table`.
"
    .to_owned();
    let mut rows = 0;
    for line in ROWS.lines().filter(|line| !line.is_empty()) {
        if let Some(heading) = line.strip_prefix("= ") {
            text.extend(["\n## ", heading, "\n\n"]);
        } else {
            text += &render_row(line);
            rows += 1;
        }
    }
    assert!((60..=150).contains(&rows), "{rows}");
    expect_file::holds("src/plan/join/tests/decide.txt", &text, "UPDATE_DECIDE");
}
