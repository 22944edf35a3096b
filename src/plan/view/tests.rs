//! Clusters as they are seen, and what is said of each. `UPDATE_VIEWS=1 cargo test -p muster --lib plan::view` writes
//! `tests/views.txt` anew.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

mod page;
mod schema;

use std::collections::BTreeSet;
use std::time::Duration;

use super::may_stop::{may_stop, on_host};
use super::moves::Moves;
use super::observed::{ClockSeen, FrontendSeen, Observed, Own, ServiceSeen, TableSeen, Tablets};
use super::verdict::REFERENCE;
use super::{View, Whole, metrics, report, table, targets, view};
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend};
use crate::engine::probe::Ha;
use crate::engine::{ALL, Component};
use crate::exit::ExitCode;
use crate::expect_file;
use crate::facts::record::Progress;
use crate::plan::history::CrashLoop;
use crate::plan::leader::believe;
use crate::plan::leader::tests::answers;
use crate::settings::Host;

/// One cluster, with the defaults of a healthy one.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// As in the tests of `plan::leader`.
    sql: &'static str,
    /// What each FE says over HTTP: `1=L` it leads, `2=F1` it follows 10.0.0.1, `3=-` nothing, `3=!` that it is not ready,
    /// `3=U` that it knows no leader, `3=O` that it is out of date; `~9` its clock is 9 s ahead.
    http: &'static str,
    /// BEs `b5+`, CNs `c6+` and brokers `k7+`, dead with `-`. Then come `s` it serves, `x` it does not, `l12` 12 tablets are to
    /// leave, `d91` a disk is 91 % full, `v2.5.0` its version.
    others: &'static str,
    /// `1204/120331`: the unhealthy tablets of all.
    tablets: &'static str,
    off: &'static [(&'static str, &'static str)],
    /// `fe 10.0.0.3 of 88`: the record of this host.
    own: &'static str,
    change: fn(&mut Observed),
}

const WELL: Case = Case {
    name: "well",
    sql: "1: 1L+ 2F+ 3F+ / 2: 1L+ 2F+ 3F+ / 3: 1L+ 2F+ 3F+",
    http: "1=L 2=F1 3=F1",
    others: "b5+ b6+ b7+",
    tablets: "0/120331",
    off: &[],
    own: "",
    change: |_| (),
};

/// Every row that any FE shows.
fn rows(seen: &mut Observed) -> impl Iterator<Item = &mut Frontend> {
    let lists = seen.answers.iter_mut();
    lists.filter_map(|answer| answer.said.as_mut().ok()).flatten()
}

/// Every case that operators have to tell apart.
#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let case = |name, sql, http, others| Case {
        name,
        sql,
        http,
        others,
        ..WELL
    };
    let three = WELL.sql;
    vec![
        WELL,
        case("one FE alone", "1: 1L+", "1=L", "b5+"),
        case("no FE answers", "1: refused / 2: unreachable", "1=- 2=-", ""),
        case(
            "an election",
            "1: has no leader / 2: has no leader / 3: has no leader",
            "1=U 2=U 3=U",
            "",
        ),
        case(
            "two of three are gone",
            "1: has no leader / 2: refused / 3: refused",
            "1=U 2=- 3=-",
            "",
        ),
        case(
            "the quorum is lost",
            "1: 1L+ 2F- 3F- / 2: refused / 3: refused",
            "1=L 2=- 3=-",
            "",
        ),
        case(
            "a leader that is none any more",
            "2: 1F+ 2L+ 3F+ / 3: 1F+ 2L+ 3F+ / 1: 1L+ 2F+1 3F+1",
            "1=L 2=L 3=F2",
            "b5+",
        ),
        case("two clusters", "1: 1L+ 2F+ / 3: 3L+ of 88", "1=L 2=F1 3=L", ""),
        case(
            "an FE that was dropped and runs on",
            three,
            "1=L 2=F1 3=F1 4=U",
            "b5+",
        ),
        Case {
            own: "be 10.0.0.5 of 88",
            ..case("data of another cluster", three, WELL.http, "b5-s")
        },
        Case {
            own: "be 10.0.0.9 of 77",
            ..case("this node was dropped", three, WELL.http, "b5+ b6+")
        },
        Case {
            own: "be fe9.test of 77",
            change: |seen| {
                if let Some(own) = &mut seen.own {
                    own.also = BTreeSet::from([Host::parse("10.0.0.5").unwrap()]);
                }
            },
            ..case("listed under another name", three, WELL.http, "b5+ b6+")
        },
        Case {
            change: |seen| {
                for fe in rows(seen).filter(|fe| fe.host == "10.0.0.4") {
                    fe.last_heartbeat = None;
                }
            },
            ..case("half-joined", "1: 1L+ 2F+ 3F+ 4f-", WELL.http, "b5+")
        },
        Case {
            change: |seen| {
                for fe in rows(seen).filter(|fe| fe.host == "10.0.0.3") {
                    fe.last_heartbeat = Some("2026-02-28 22:00:00".to_owned());
                    fe.error = "java.net.ConnectException: Connection refused".to_owned();
                }
            },
            ..case(
                "an FE is dead",
                "1: 1L+ 2F+ 3F- / 2: 1L+ 2F+ 3F- / 3: refused",
                "1=L 2=F1 3=-",
                "b5+",
            )
        },
        case(
            "a BE, a CN and a broker are dead",
            three,
            WELL.http,
            "b5+ b6- c7- k8-",
        ),
        case("alive, and does not serve", three, "1=L 2=F1 3=!", "b5+x b6+"),
        case(
            "serves, and is not reached",
            "1: 1L+ 2F+ 3F- / 2: 1L+ 2F+ 3F-",
            "1=L 2=F1 3=F1",
            "b5+ b6-s",
        ),
        case(
            "an even number of voters",
            "1: 1L+ 2F+ / 2: 1L+ 2F+",
            "1=L 2=F1",
            "b5+",
        ),
        Case {
            change: |seen| {
                for fe in rows(seen) {
                    fe.version = Some(
                        if fe.host == "10.0.0.3" {
                            "x-3.5.1-1"
                        } else {
                            "x-3.5.2-7"
                        }
                        .to_owned(),
                    );
                }
            },
            ..case("versions are mixed", three, WELL.http, "b5+v3.5.2 b6+v3.5.1")
        },
        Case {
            change: |seen| {
                for fe in rows(seen) {
                    fe.journal = Some(if fe.host == "10.0.0.3" { 1_000 } else { 500_000 });
                }
            },
            ..case(
                "an FE is behind, and no image is made",
                three,
                "1=L 2=F1 3=O",
                "b5+",
            )
        },
        Case {
            off: &[
                ("disable_balance", "true"),
                ("tablet_sched_max_scheduling_tablets", "0"),
            ],
            ..case("balancing was forgotten", three, WELL.http, "b5+ b6+")
        },
        Case {
            tablets: "1204/120331",
            ..case("unhealthy replicas", three, WELL.http, "b5+ b6+")
        },
        Case {
            change: |seen| {
                if let Some((_, list)) = seen.lists.first_mut() {
                    *list = Err(Failure::Deadline(3));
                }
            },
            ..case("a list is not to be had", three, WELL.http, "b5+ c6+")
        },
        Case {
            tablets: "1204/120331",
            ..case("one leaves", three, WELL.http, "b5+ b6+l1204")
        },
        case(
            "one has left but for needless copies",
            three,
            WELL.http,
            "b5+ b6+l12",
        ),
        Case {
            tablets: "1204/120331",
            ..case("one leaves and cannot", three, WELL.http, "b6+l1204")
        },
        Case {
            tablets: "1204/120331",
            change: |seen| seen.most_replicas = Some(3),
            ..case(
                "one leaves and too few stay for the replicas",
                three,
                WELL.http,
                "b5+ b6+l1204 b7+",
            )
        },
        Case {
            tablets: "1204/120331",
            off: &[
                ("disable_tablet_scheduler", "true"),
                ("tablet_sched_max_scheduling_tablets", "0"),
            ],
            ..case(
                "one leaves and nothing moves",
                three,
                WELL.http,
                "b5+ b6+l1204 b7+",
            )
        },
        Case {
            tablets: "1204/120331",
            ..case(
                "one leaves and the others are full",
                three,
                WELL.http,
                "b5+d91 b6+l1204",
            )
        },
        case("clocks", three, "1=L 2=F1~9 3=F1~-60", "b5+"),
        case("a full disk", three, WELL.http, "b5+d91 b6+d84"),
        Case {
            change: |seen| {
                seen.meta_free = vec![("10.0.0.2".to_owned(), 4 << 30), ("10.0.0.3".to_owned(), 5 << 30)];
            },
            ..case("an FE without room for its journal", three, WELL.http, "b5+")
        },
        case(
            "the account is refused",
            "1: denies / 2: denies / 3: denies",
            WELL.http,
            "",
        ),
        Case {
            own: "be 10.0.0.5 of 77",
            change: does_not_stay_up,
            ..case("a node that does not stay up", three, WELL.http, "b5+ b6+")
        },
        Case {
            own: "be 10.0.0.5 of 77",
            change: does_not_stay_up,
            ..case(
                "a node that does not stay up, and no leader",
                "1: refused",
                "1=-",
                "",
            )
        },
    ]
}

fn does_not_stay_up(seen: &mut Observed) {
    if let Some(own) = &mut seen.own {
        own.crash_loop = Some(CrashLoop {
            times: 4,
            last: "255 after 12 s: the disk is full".to_owned(),
        });
    }
}

fn host(text: &str) -> Host {
    let text = if text.len() == 1 {
        format!("10.0.0.{text}")
    } else {
        text.to_owned()
    };
    Host::parse(&text).unwrap()
}

fn frontend_seen(word: &str) -> FrontendSeen {
    let (number, rest) = word.split_once('=').unwrap();
    let (said, clock) = rest.split_once('~').unwrap_or((rest, "0"));
    let (letter, leader) = said.split_at(1);
    let ahead = clock.parse::<i64>().unwrap() * 1_000;
    let own = host(number);
    let ha = |leads: bool, leader: Option<Host>, is_ready: bool| {
        Ok(Some(Ha {
            leads,
            leader: leader.map(|leader| leader.to_string()),
            image: Some(1),
            journal: Some(2),
            is_ready,
            ..Ha::default()
        }))
    };
    let (ready, ha) = match letter {
        "L" => (Ok(()), ha(true, Some(own.clone()), true)),
        "F" => (Ok(()), ha(false, Some(host(leader)), true)),
        "O" => (Ok(()), ha(false, Some(host("1")), false)),
        "U" => (Ok(()), ha(false, None, true)),
        "!" => {
            let why = Failure::NotReady("FE is not ready".to_owned());
            (Err(why.clone()), Err(why))
        }
        _ => (Err(Failure::Refused), Err(Failure::Refused)),
    };
    FrontendSeen {
        host: own,
        http_port: 8030,
        ready,
        ha,
        clock: Some(ClockSeen {
            least: ahead - 10,
            most: ahead + 1_010,
        }),
    }
}

fn other(word: &str) -> (Component, Backend, ServiceSeen) {
    let (letter, rest) = word.split_at(1);
    let (number, rest) = rest.split_at(1);
    let (alive, rest) = rest.split_at(1);
    let component = match letter {
        "b" => Component::Be,
        "c" => Component::Cn,
        _ => Component::Broker,
    };
    let more = |mark: char| rest.strip_prefix(mark);
    let row = Backend {
        component: Some(component),
        name: (component == Component::Broker).then(|| "hdfs".to_owned()),
        host: format!("10.0.0.{number}"),
        port: if component == Component::Broker {
            8000
        } else {
            9050
        },
        alive: alive == "+",
        error: if alive == "+" {
            String::new()
        } else {
            "Connection refused".to_owned()
        },
        last_heartbeat: Some(
            if alive == "+" {
                "2026-03-01 00:00:59"
            } else {
                "2026-02-28 23:00:59"
            }
            .to_owned(),
        ),
        version: more('v').map(str::to_owned),
        leaving: more('l').is_some(),
        tablets: more('l').map(|count| count.parse().unwrap()),
        disk_used: more('d').map(|percent| percent.parse().unwrap()),
        ..Backend::default()
    };
    let serves = more('s').is_some() || (row.alive && more('x').is_none());
    let service = ServiceSeen {
        component,
        host: row.host.clone(),
        port: row.port,
        serves: if serves { Ok(()) } else { Err(Failure::Refused) },
    };
    (component, row, service)
}

fn observed(case: &Case, engine: usize) -> Observed {
    let engine = ALL[engine];
    let others: Vec<_> = case.others.split_whitespace().map(other).collect();
    let lists = [Component::Be, Component::Cn, Component::Broker].map(|component| {
        let own = others.iter().filter(|(of, ..)| *of == component);
        (component, Ok(own.map(|(_, row, _)| row.clone()).collect()))
    });
    let (unhealthy, all) = case.tablets.split_once('/').unwrap();
    let mut seen = Observed {
        engine,
        account: "root".to_owned(),
        answers: answers(case.sql),
        belief: crate::plan::leader::Belief::Nobody,
        frontends: case.http.split_whitespace().map(frontend_seen).collect(),
        lists: lists.into_iter().collect(),
        services: others.into_iter().map(|(_, _, service)| service).collect(),
        tablets: Some(Ok(Tablets {
            all: all.parse().unwrap(),
            unhealthy: unhealthy.parse().unwrap(),
        })),
        tables: None,
        most_replicas: None,
        balance_off: Some(Ok(case
            .off
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect())),
        meta_free: Vec::new(),
        own: case.own.split_once(" of ").map(|(node, id)| {
            let (kind, at) = node.split_once(' ').unwrap();
            Own {
                component: Component::parse(kind).unwrap(),
                host: host(at),
                also: BTreeSet::new(),
                identity_port: Some(9050),
                cluster_id: Some(id.to_owned()),
                progress: Progress::Joined,
                crash_loop: None,
                meta_free: None,
            }
        }),
    };
    (case.change)(&mut seen);
    seen.belief = believe(&seen.answers, Duration::from_secs(5));
    seen
}

fn seen(case: &Case, engine: usize) -> View {
    view(&observed(case, engine))
}

#[test]
fn every_cluster_is_shown_with_what_is_wrong_and_what_to_do() {
    let mut text = String::from(
        "# What `muster status` prints, one cluster after the other; the exit code stands behind the name.\n\
         # Written by `UPDATE_VIEWS=1 cargo test -p muster --lib plan::view`.\n",
    );
    for (number, case) in cases().iter().enumerate() {
        let view = seen(case, number % ALL.len());
        let code = view.whole().code().number();
        text.push_str(&format!(
            "\n## {} ({code})\n\n{}",
            case.name,
            table::text(&view, false)
        ));
    }
    // Nothing out here names one.
    for engine in ALL {
        text = text.replace(engine.name, "Engine");
    }
    for line in text
        .lines()
        .filter(|line| !line.starts_with("      ") && !line.starts_with('#'))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
    expect_file::holds("src/plan/view/tests/views.txt", &text, "UPDATE_VIEWS");
}

#[test]
fn every_verdict_is_seen_in_some_cluster_and_has_a_sentence_and_a_row_in_the_reference() {
    let mut met = BTreeSet::new();
    for case in cases() {
        for engine in 0..ALL.len() {
            let view = seen(&case, engine);
            for (node, verdict) in view.all() {
                assert!(!verdict.say().trim().is_empty(), "{verdict:?}");
                let remedy = verdict.remedy(&view, node);
                let is_note = verdict.weight() == super::verdict::Weight::Note;
                assert_eq!(remedy.say.is_empty(), is_note, "{verdict:?}: {remedy:?}");
                assert!(
                    remedy.say.is_empty()
                        || remedy.say.ends_with(['.', '"', ')', ';'])
                        || !remedy.command.is_empty()
                );
                met.insert(verdict.id());
            }
        }
    }
    let all: BTreeSet<&str> = REFERENCE.iter().map(|(id, ..)| *id).collect();
    assert_eq!(met, all);
    let reference = include_str!("../../../docs/reference.md");
    for (id, means, _) in REFERENCE {
        assert!(reference.contains(&format!("| `{id}` | {means} |")), "{id}");
    }
}

#[test]
fn a_cluster_without_a_quorum_is_never_called_well() {
    for case in cases() {
        let view = seen(&case, 0);
        if view.leader.is_err() {
            assert_ne!(view.whole(), Whole::Well, "{}", case.name);
            assert_ne!(view.whole().code(), ExitCode::Ok, "{}", case.name);
        }
    }
}

#[test]
fn the_json_has_the_number_of_its_schema_and_every_figure_of_the_table() {
    let case = cases()
        .into_iter()
        .find(|case| case.name == "an FE is dead")
        .unwrap();
    let text = report::json(&seen(&case, 0), "2026-03-01T00:01:00Z");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["muster"], 1);
    assert_eq!(json["verdict"], "attention");
    assert_eq!(json["believed"]["host"], "10.0.0.1");
    assert_eq!(json["quorum"]["may_fail"], 0);
    let dead = json["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["host"] == "10.0.0.3")
        .unwrap();
    assert_eq!(dead["leader_says"]["silent_for_s"], 7_259);
    assert_eq!(dead["itself_says"]["state"], "no answer");
    assert_eq!(dead["verdicts"][0], "dead");
    let todo = &json["todo"][0];
    assert_eq!(
        (todo["verdict"].as_str(), todo["node"].as_str()),
        (Some("dead"), Some("FE 10.0.0.3"))
    );
    assert_eq!(todo["command"][0], "mysql");
}

/// The cluster, the node, and the beginning of the first reason; nothing if it may stop.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_node_may_stop_if_the_cluster_and_every_replica_stay() {
    let table = [
        (WELL, "1", ""),
        (WELL, "2", ""),
        (WELL, "5", ""),
        (
            Case {
                sql: "1: 1L+",
                http: "1=L",
                ..WELL
            },
            "1",
            "it is the only FE with a vote",
        ),
        (
            Case {
                sql: "1: 1L+ 2F+",
                http: "1=L 2=F1",
                ..WELL
            },
            "2",
            "1 of 2 voters would be alive, and a leader needs 2",
        ),
        (
            Case {
                sql: "1: 1L+ 2F+ 3F-",
                http: "1=L 2=F1 3=-",
                ..WELL
            },
            "1",
            "1 of 3 voters would be alive, and a leader needs 2",
        ),
        // The leader has not noticed yet.
        (
            Case {
                http: "1=L 2=F1 3=-",
                ..WELL
            },
            "1",
            "1 of 3 voters would be alive, and a leader needs 2: 10.0.0.3 does not answer, and the leader",
        ),
        (
            Case {
                others: "b5+ b6+x b7+",
                ..WELL
            },
            "5",
            "10.0.0.6 does not answer, and the leader has not noticed: a replica",
        ),
        (
            Case {
                others: "k5+ k6+x",
                ..WELL
            },
            "5",
            "no other broker is alive",
        ),
        // It is gone already.
        (
            Case {
                sql: "1: 1L+ 2F+ 3F-",
                http: "1=L 2=F1 3=-",
                ..WELL
            },
            "3",
            "",
        ),
        // An observer has no vote.
        (
            Case {
                sql: "1: 1L+ 2O+",
                http: "1=L 2=F1",
                ..WELL
            },
            "2",
            "",
        ),
        (
            Case {
                others: "b5+",
                ..WELL
            },
            "5",
            "it is the only BE",
        ),
        (
            Case {
                others: "b5+ b6-",
                ..WELL
            },
            "5",
            "10.0.0.6 is down",
        ),
        (
            Case {
                others: "b5+ b6+l7 b7+",
                ..WELL
            },
            "5",
            "the tablets of 10.0.0.6 are being moved",
        ),
        (
            Case {
                tablets: "3/9",
                ..WELL
            },
            "5",
            "3 of 9 tablets have a replica that is missing or wrong",
        ),
        (
            Case {
                others: "c5+",
                ..WELL
            },
            "5",
            "no other CN is alive",
        ),
        (
            Case {
                others: "c5+ c6+",
                ..WELL
            },
            "5",
            "",
        ),
        (
            Case {
                others: "k5+ k6-",
                ..WELL
            },
            "5",
            "no other broker is alive",
        ),
        (
            Case {
                change: |seen| {
                    for fe in rows(seen) {
                        fe.journal = Some(if fe.host == "10.0.0.1" { 5_000 } else { 1 });
                    }
                },
                ..WELL
            },
            "1",
            "no other FE with a vote is less than 1000 journal entries behind",
        ),
    ];
    for (case, number, expected) in table {
        let view = seen(&case, 0);
        let node = view
            .nodes
            .iter()
            .find(|node| node.host == format!("10.0.0.{number}"))
            .unwrap();
        let answer = may_stop(&view, node);
        let reason = answer.reasons.first().map(String::as_str).unwrap_or_default();
        assert!(
            reason.starts_with(expected) && reason.is_empty() == expected.is_empty(),
            "{} {} {number}: {answer:?}",
            case.sql,
            case.others
        );
    }
}

/// The tables that are seen, the account, and the beginnings of the reason and of the note of a BE.
#[test]
fn a_be_may_not_stop_while_a_table_has_one_replica_or_may_have() {
    let tables = |all: &[(&str, &str, u64)]| {
        let table = |(database, name, replicas): &(&str, &str, u64)| TableSeen {
            database: (*database).to_owned(),
            name: (*name).to_owned(),
            replicas: *replicas,
            backends: None,
        };
        Some(Ok(all.iter().map(table).collect::<Vec<_>>()))
    };
    let rejected = Failure::Rejected {
        code: 1105,
        text: "Unknown column 'REPLICA_NUM'".to_owned(),
    };
    for (engine, own) in ALL
        .iter()
        .map(|engine| engine.sql.tables.own_database)
        .enumerate()
    {
        let table = [
            (None, "root", "", ""),
            (tables(&[]), "root", "", ""),
            (tables(&[(own, "s", 1), ("demo", "a", 2)]), "root", "", ""),
            (
                tables(&[("demo", "a", 1), ("demo", "b", 3)]),
                "root",
                "the table demo.a has one replica, and a part of it may be here",
                "",
            ),
            (
                tables(&["a", "b", "c", "d", "e"].map(|name| ("demo", name, 1))),
                "root",
                "5 tables have one replica, and a part of each may be here: demo.a, demo.b, demo.c and 2 more",
                "",
            ),
            (
                tables(&["a", "b"].map(|name| ("demo", name, 1))),
                "root",
                "2 tables have one replica, and a part of each may be here: demo.a, demo.b",
                "",
            ),
            // It has tablets, and the account sees no table.
            (
                tables(&[]),
                "muster",
                "tables with one replica could not be looked for: muster may see no table, and needs SELECT on them",
                "",
            ),
            (
                Some(Err(Failure::Deadline(3))),
                "root",
                "tables with one replica could not be looked for: no answer within 3 s",
                "",
            ),
            (
                Some(Err(rejected.clone())),
                "root",
                "",
                "a table with one replica may not be readable while it is away, and this version does not show them: \
                 error 1105: Unknown column",
            ),
        ];
        for (seen_tables, account, reason, note) in table {
            let mut seen = observed(&WELL, engine);
            seen.tables = seen_tables;
            account.clone_into(&mut seen.account);
            let view = view(&seen);
            let be = view.nodes.iter().find(|node| node.host == "10.0.0.5").unwrap();
            let answer = may_stop(&view, be);
            for (lines, expected) in [(&answer.reasons, reason), (&answer.notes, note)] {
                let first = lines.first().map(String::as_str).unwrap_or_default();
                assert!(
                    first.starts_with(expected) && first.is_empty() == expected.is_empty(),
                    "{expected}: {answer:?}"
                );
            }
            // An FE keeps none.
            let fe = view.nodes.iter().find(|node| node.host == "10.0.0.2").unwrap();
            assert_eq!(may_stop(&view, fe).reasons, [""; 0]);
        }
    }
}

/// The BEs of each of two tables with one replica, and the reason of a BE with the id 5.
#[test]
fn a_be_may_stop_if_the_only_replicas_are_known_to_be_elsewhere() {
    let table: [(&[Option<&[u64]>], &str); 6] = [
        (
            &[Some(&[5, 6])],
            "the table demo.0 has one replica, and a part of it is here",
        ),
        (&[Some(&[6])], ""),
        (
            &[Some(&[6]), Some(&[5])],
            "the table demo.1 has one replica, and a part of it is here",
        ),
        (
            &[Some(&[5]), Some(&[5])],
            "2 tables have one replica, and a part of each is here: demo.0, demo.1",
        ),
        (
            &[Some(&[5]), None],
            "2 tables have one replica, and a part of each may be here: demo.0, demo.1",
        ),
        (
            &[Some(&[6]), None],
            "the table demo.1 has one replica, and a part of it may be here",
        ),
    ];
    for (tables, reason) in table {
        let mut seen = observed(&WELL, 0);
        for (_, list) in &mut seen.lists {
            for row in list
                .as_mut()
                .unwrap()
                .iter_mut()
                .filter(|row| row.host == "10.0.0.5")
            {
                row.id = Some(5);
            }
        }
        let tables = tables.iter().enumerate().map(|(name, backends)| TableSeen {
            database: "demo".to_owned(),
            name: name.to_string(),
            replicas: 1,
            backends: backends.map(|backends| backends.iter().copied().collect()),
        });
        seen.tables = Some(Ok(tables.collect()));
        let view = view(&seen);
        let reasons = on_host(&view, Component::Be, &host("5"), None).reasons;
        assert_eq!(reasons.first().map(String::as_str).unwrap_or_default(), reason);
    }
}

/// Two BEs of one host have different ports; which one is meant cannot be guessed.
#[test]
fn a_node_of_a_host_with_several_may_stop_only_if_its_port_is_known() {
    let mut seen = observed(
        &Case {
            others: "b5+ b6+ b7+",
            ..WELL
        },
        0,
    );
    for (_, list) in &mut seen.lists {
        for row in list
            .as_mut()
            .unwrap()
            .iter_mut()
            .filter(|row| row.host == "10.0.0.6")
        {
            (row.host, row.port) = ("10.0.0.5".to_owned(), 9051);
        }
    }
    let view = view(&seen);
    let on = |text, port| on_host(&view, Component::Be, &host(text), port).reasons;
    let nothing = [""; 0];
    assert_eq!(
        on("5", None),
        ["2 of them are on that host; ask in the container of each"]
    );
    assert_eq!(on("5", Some(9051)), nothing);
    assert_eq!(on("7", None), nothing);
    for (text, port) in [("5", Some(9052)), ("9", None)] {
        assert_eq!(
            on(text, port),
            ["the cluster is not seen to list it; see muster status"]
        );
    }
    let nobody = super::view(&observed(&cases()[2], 0));
    let reasons = on_host(&nobody, Component::Be, &host("5"), None).reasons;
    assert!(reasons[0].starts_with("no leader is believed: "), "{reasons:?}");
}

/// The tablets of a node that leaves at each look, with the seconds since the first one, and whether it is at a stand then.
#[test]
fn a_node_whose_tablets_do_not_move_for_five_minutes_is_at_a_stand() {
    let leaves = Case {
        others: "b5+ b6+l9 b7+",
        tablets: "9/99",
        ..WELL
    };
    let table: [&[(u64, u64, bool)]; 6] = [
        &[(0, 9, false), (299, 9, false), (300, 9, true), (302, 9, true)],
        // Two looks tell nothing.
        &[(0, 9, false), (900, 9, false), (902, 9, true)],
        &[
            (0, 9, false),
            (2, 9, false),
            (299, 8, false),
            (598, 8, false),
            (599, 8, true),
        ],
        // It moves again.
        &[
            (0, 9, false),
            (2, 9, false),
            (300, 9, true),
            (302, 8, false),
            (304, 8, false),
        ],
        // More of them are no progress.
        &[(0, 9, false), (2, 10, false), (300, 11, true)],
        // It is empty, and is about to be dropped.
        &[(0, 0, false), (2, 0, false), (300, 0, false)],
    ];
    for looks in table {
        let mut moves = Moves::default();
        for (at, tablets, stands) in looks {
            let mut seen = observed(&leaves, 0);
            for (_, list) in &mut seen.lists {
                for row in list.as_mut().unwrap().iter_mut().filter(|row| row.leaving) {
                    row.tablets = Some(*tablets);
                }
            }
            let mut view = view(&seen);
            moves.look(&mut view, Duration::from_secs(*at));
            let word = if *stands { "stuck" } else { "leaving" };
            let words: Vec<&str> = view
                .nodes
                .iter()
                .flat_map(|node| &node.verdicts)
                .map(super::verdict::Verdict::id)
                .collect();
            assert_eq!(words, [word], "{at} s in {looks:?}");
        }
    }
}

#[test]
fn every_node_is_a_target_and_without_a_leader_the_list_is_never_empty() {
    let json = |case: &Case| -> serde_json::Value {
        serde_json::from_str(&targets::targets(&seen(case, 0))).unwrap()
    };
    let all = json(&Case {
        others: "b5+ c6+ k7+",
        ..WELL
    });
    let lines: Vec<String> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let label = |name: &str| group["labels"][name].as_str().unwrap().to_owned();
            assert_eq!(
                (label("job").as_str(), label("cluster").as_str()),
                (ALL[0].id, "77")
            );
            format!("{} {}", label("group"), group["targets"][0].as_str().unwrap())
        })
        .collect();
    let expected = [
        "fe 10.0.0.1:8030",
        "fe 10.0.0.2:8030",
        "fe 10.0.0.3:8030",
        "be 10.0.0.5:8040",
        "cn 10.0.0.6:8040",
        "broker 10.0.0.7:8000",
    ];
    assert_eq!(lines, expected);
    for case in cases() {
        let groups = json(&case);
        assert!(!groups.as_array().unwrap().is_empty(), "{}", case.name);
    }
}

#[test]
fn metrics_have_every_verdict_and_the_figures_of_the_table() {
    let case = cases()
        .into_iter()
        .find(|case| case.name == "an FE is dead")
        .unwrap();
    let text = metrics::metrics(&seen(&case, 0));
    for line in [
        "muster_leader_believed 1",
        "muster_voters 3",
        "muster_voters_alive 2",
        "muster_voters_may_fail 0",
        "muster_tablets_unhealthy 0",
        "muster_verdicts{verdict=\"dead\"} 1",
        "muster_verdicts{verdict=\"two-clusters\"} 0",
        "muster_node_alive{kind=\"fe\",host=\"10.0.0.3\",port=\"9010\"} 0",
        "muster_node_serves{kind=\"fe\",host=\"10.0.0.3\",port=\"9010\"} 0",
        "muster_node_silent_seconds{kind=\"fe\",host=\"10.0.0.3\",port=\"9010\"} 7259",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    // `promtool check metrics` reads it as well.
    let hidden = expect_file::sorted_samples(&text).replace(ALL[0].id, "ENGINE");
    expect_file::holds("tests/monitoring/cluster.prom", &hidden, "UPDATE_METRICS");
    let verdicts = text.lines().filter(|line| line.starts_with("muster_verdicts{"));
    assert_eq!(verdicts.count(), REFERENCE.len());
    let without = metrics::metrics(&seen(&cases()[2], 0));
    assert!(without.contains("\nmuster_leader_believed 0\n"), "{without}");
    assert!(!without.contains("muster_voters_alive "), "{without}");
}
