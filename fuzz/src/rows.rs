//! Rows of SHOW, and whom one believes by them. Eight bytes are a row; the first one says which FE answers with it and
//! the others what stands in its cells, mostly as an engine would write it.

use std::collections::BTreeMap;
use std::time::Duration;

use muster::engine::failure::Failure;
use muster::engine::member::{Frontend, FrontendRole, Row};
use muster::plan::leader::{Answer, Belief, believe};
use muster::settings::Host;

const ODD: [&str; 12] = [
    "",
    "NULL",
    "-1",
    "0",
    "65536",
    "true",
    "LEADER",
    " 9010 ",
    "ü",
    "::1",
    "9999-99-99 99:99:99",
    "-",
];
const HOSTS: [&str; 8] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "10.0.0.4",
    "fe5.example",
    "2001:db8::6",
    "::ffff:10.0.0.1",
    "not a host",
];

pub fn holds(input: &[u8]) {
    let mut said: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    for bytes in input.chunks_exact(8).take(64) {
        said.entry(usize::from(bytes[0] % 5))
            .or_default()
            .push(row(bytes));
    }
    let mut answers: Vec<Answer> = said
        .into_iter()
        .map(|(from, rows)| Answer {
            from: Host::parse(HOSTS[from]).unwrap_or(Host::Name("nobody".to_owned())),
            port: 9030,
            said: Frontend::read(&rows),
        })
        .collect();
    if input.first().is_some_and(|byte| byte & 64 != 0) {
        answers.push(Answer {
            from: Host::Name("hung".to_owned()),
            port: 9030,
            said: Err(Failure::Deadline(3)),
        });
    }
    let belief = believe(&answers, Duration::from_secs(5));
    is_founded(&belief, &answers);
    // Who answers first does not decide who leads.
    for turn in 1..answers.len() {
        answers.rotate_left(turn);
        let other = believe(&answers, Duration::from_secs(5));
        assert_eq!(leader(&other), leader(&belief), "by the order of the answers");
        answers.reverse();
        let other = believe(&answers, Duration::from_secs(5));
        assert_eq!(leader(&other), leader(&belief), "by the order of the answers");
    }
}

fn leader(belief: &Belief) -> Option<(&str, &str)> {
    match belief {
        Belief::Leader(cluster) => Some((&cluster.leader.host, &cluster.id)),
        Belief::Doubt(_) | Belief::Nobody => None,
    }
}

fn is_founded(belief: &Belief, answers: &[Answer]) {
    match belief {
        Belief::Leader(cluster) => {
            assert!(
                answers
                    .iter()
                    .any(|answer| answer.said.as_ref() == Ok(&cluster.frontends))
            );
            let leads = |fe: &&Frontend| fe.role == FrontendRole::Leader;
            let leaders: Vec<&Frontend> = cluster.frontends.iter().filter(leads).collect();
            assert_eq!(leaders, [&cluster.leader], "exactly one leads");
            assert_eq!(cluster.id, cluster.leader.cluster_id);
            let voters = || {
                cluster
                    .frontends
                    .iter()
                    .filter(|fe| fe.role.is_electable() && fe.join)
            };
            assert!(
                voters().filter(|fe| fe.alive).count() * 2 > voters().count(),
                "by a majority"
            );
            // A row with another port of a member's host is alive too.
            let joined = |host: &str| cluster.frontends.iter().any(|fe| fe.join && fe.host == host);
            assert!(
                cluster
                    .frontends
                    .iter()
                    .all(|fe| !fe.role.is_electable() || fe.join || !fe.alive || joined(&fe.host)),
                "and nobody is alive outside the group"
            );
        }
        Belief::Doubt(doubts) => {
            assert!(!doubts.is_empty());
            assert!(doubts.iter().all(|doubt| !doubt.to_string().trim().is_empty()));
        }
        Belief::Nobody => assert!(answers.iter().all(|answer| answer.said.is_err())),
    }
}

fn row(bytes: &[u8]) -> Row {
    let pick = |byte: u8, usual: &[&str]| -> String {
        // One cell in sixteen is odd.
        if byte >= 240 {
            ODD[usize::from(byte) % ODD.len()].to_owned()
        } else {
            usual[usize::from(byte) % usual.len()].to_owned()
        }
    };
    let host = pick(bytes[1], &HOSTS);
    let mut row: Vec<(&str, String)> = vec![
        ("Name", format!("{host}_9010")),
        (if bytes[2] & 1 == 0 { "IP" } else { "Host" }, host),
        ("EditLogPort", pick(bytes[2], &["9010", "9011"])),
        ("HttpPort", pick(bytes[3], &["8030", "0", "-1"])),
        ("QueryPort", pick(bytes[3], &["9030", "0", ""])),
        ("RpcPort", pick(bytes[3], &["9020", "0"])),
        (
            "Role",
            pick(
                bytes[4],
                &["FOLLOWER", "FOLLOWER", "LEADER", "OBSERVER", "follower"],
            ),
        ),
        ("IsMaster", pick(bytes[4] / 5, &["false", "false", "true"])),
        ("ClusterId", pick(bytes[5], &["77", "77", "77", "88"])),
        ("Join", pick(bytes[6], &["true", "true", "false"])),
        ("Alive", pick(bytes[6] / 3, &["true", "true", "false"])),
        (
            "LastHeartbeat",
            pick(
                bytes[7],
                &[
                    "2026-03-01 00:00:00",
                    "2026-03-01 00:00:12",
                    "2026-03-01 00:01:00",
                    "NULL",
                ],
            ),
        ),
        ("ErrMsg", pick(bytes[7], &["", "Connection refused"])),
    ];
    if bytes[5] == 239 {
        row.remove(usize::from(bytes[7]) % row.len());
    }
    row.into_iter()
        .map(|(name, cell)| (name.to_owned(), (cell != "NULL").then_some(cell)))
        .collect()
}
