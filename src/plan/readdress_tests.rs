//! The table of changes: engine × listed members × new host → statements, or a refusal.

use super::{Inputs, Move, Verdict, decide};
use crate::engine::member::Backend;
use crate::engine::{ALL, Component};
use crate::plan::leader::Cluster;
use crate::plan::leader::tests::members;
use crate::settings::{Endpoint, Host};

fn cluster(rows: &str) -> Cluster {
    let mut frontends = members(rows);
    for fe in &mut frontends {
        // A member with a name.
        fe.host = fe.host.replace("10.0.0.8", "fe8");
    }
    Cluster {
        id: "77".to_owned(),
        leader: frontends[0].clone(),
        frontends,
        from: Endpoint {
            host: Host::parse("10.0.0.1").unwrap(),
            port: 9030,
        },
    }
}

/// `b5-` is a dead BE at 10.0.0.5, `c5+` a CN that is alive.
fn backends(text: &str) -> Vec<Backend> {
    let backend = |word: &str| Backend {
        component: Some(if word.starts_with('b') {
            Component::Be
        } else {
            Component::Cn
        }),
        host: format!("10.0.0.{}", word.chars().nth(1).unwrap()),
        port: 9050,
        alive: word.ends_with('+'),
        ..Backend::default()
    };
    text.split_whitespace().map(backend).collect()
}

fn verdict(engine: usize, from: &str, to: &str, rows: &str, be: &str) -> String {
    let engine = ALL[engine];
    let (from, to) = (Host::parse(from).unwrap(), Host::parse(to).unwrap());
    let inputs = Inputs {
        cluster: &cluster(rows),
        backends: &backends(be),
        only: None,
        open: &[],
        resolves: Ok(()),
        same_machine: to.to_string() == "same",
    };
    let change = Move {
        engine,
        from: &from,
        to: &to,
        name: "",
    };
    match decide(&change, &inputs) {
        Verdict::Done(_) => "done".to_owned(),
        Verdict::Run(statements) => statements
            .into_iter()
            .map(|(_, statement)| statement)
            .collect::<Vec<_>>()
            .join("; "),
        Verdict::Refuse(refusal) => format!("{}: {refusal}", refusal.code.number()),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn only_statements_that_an_engine_was_observed_to_accept_are_run() {
    const SR: usize = 0;
    const OTHER: usize = 1;
    let table = [
        // "MODIFY FRONTEND HOST ip->ip: Can't change ip to ip."; a name is fine.
        (
            SR,
            "10.0.0.5",
            "fe5",
            "1L+ 2F+ 5F-",
            "",
            "ALTER SYSTEM MODIFY FRONTEND HOST \"10.0.0.5\" TO \"fe5\"",
        ),
        (
            SR,
            "10.0.0.5",
            "fe5",
            "1L+ 2F+ 5O-",
            "",
            "ALTER SYSTEM MODIFY FRONTEND HOST \"10.0.0.5\" TO \"fe5\"",
        ),
        (
            SR,
            "fe8",
            "fe9",
            "1L+ 2F+ 8F-",
            "",
            "ALTER SYSTEM MODIFY FRONTEND HOST \"fe8\" TO \"fe9\"",
        ),
        (
            SR,
            "10.0.0.5",
            "10.0.0.6",
            "1L+ 2F+ 5F-",
            "",
            "79: ENGINE cannot change the host of an FE from 10.0.0.5 to the address 10.0.0.6, only to a name",
        ),
        (
            SR,
            "fe8",
            "10.0.0.6",
            "1L+ 2F+ 8F-",
            "",
            "79: ENGINE cannot change the host of an FE from fe8 to the address 10.0.0.6, only to a name",
        ),
        // "… is not a member of the group".
        (
            SR,
            "10.0.0.5",
            "fe5",
            "1L+ 2F+ 5f-",
            "",
            "79: follower 10.0.0.5:9010 is registered but has never joined, so its host cannot be changed",
        ),
        // A live one: the leader changes the host in its memory.
        (
            SR,
            "10.0.0.5",
            "fe5",
            "1L+ 2F+ 5F+",
            "",
            "79: follower 10.0.0.5:9010 is alive according to the leader 10.0.0.1",
        ),
        (
            SR,
            "10.0.0.5",
            "same",
            "1L+ 2F+ 5F+",
            "",
            "79: follower 10.0.0.5:9010 is alive according to the leader 10.0.0.1",
        ),
        (
            SR,
            "10.0.0.1",
            "fe1",
            "1L+ 2F+ 5F+",
            "",
            "79: follower 10.0.0.1:9010 is the leader of this cluster, so it still runs at its old host",
        ),
        // BEs.
        (
            SR,
            "10.0.0.5",
            "be5",
            "1L+",
            "b5-",
            "ALTER SYSTEM MODIFY BACKEND HOST \"10.0.0.5\" TO \"be5\"",
        ),
        (
            SR,
            "10.0.0.5",
            "be5",
            "1L+",
            "b5+",
            "79: BE 10.0.0.5:9050 is alive according to the leader 10.0.0.1",
        ),
        (
            SR,
            "10.0.0.5",
            "same",
            "1L+",
            "b5+",
            "ALTER SYSTEM MODIFY BACKEND HOST \"10.0.0.5\" TO \"same\"",
        ),
        (
            SR,
            "10.0.0.5",
            "10.0.0.6",
            "1L+",
            "b5-",
            "79: ENGINE cannot change the host of a BE from 10.0.0.5 to the address 10.0.0.6, only to a name",
        ),
        (
            SR,
            "10.0.0.5",
            "10.0.0.6",
            "1L+",
            "b5- b6-",
            "79: the cluster led by 10.0.0.1 lists both BE 10.0.0.5:9050 and BE 10.0.0.6:9050",
        ),
        (
            SR,
            "10.0.0.5",
            "cn5",
            "1L+",
            "c5-",
            "79: ENGINE has no statement that changes the host of a CN",
        ),
        // Both members of one host are changed, or neither.
        (
            SR,
            "10.0.0.5",
            "h5",
            "1L+ 5F-",
            "b5-",
            "ALTER SYSTEM MODIFY FRONTEND HOST \"10.0.0.5\" TO \"h5\"; ALTER SYSTEM MODIFY BACKEND HOST \"10.0.0.5\" TO \"h5\"",
        ),
        (
            SR,
            "10.0.0.5",
            "h5",
            "1L+ 5F-",
            "b5+",
            "79: BE 10.0.0.5:9050 is alive according to the leader 10.0.0.1",
        ),
        // Nothing to do, or no member at that host.
        (SR, "10.0.0.5", "fe8", "1L+ 8F-", "", "done"),
        (
            SR,
            "10.0.0.5",
            "fe5",
            "1L+ 2F+",
            "b4+",
            "78: the cluster led by 10.0.0.1 lists neither 10.0.0.5 nor fe5",
        ),
        (
            SR,
            "10.0.0.5",
            "10.0.0.5",
            "1L+ 5F-",
            "",
            "64: --from and --to are the same host, 10.0.0.5",
        ),
        (
            SR,
            "10.0.0.5",
            "10.0.0.6",
            "1L+ 5F- 6F-",
            "",
            "79: the cluster led by 10.0.0.1 lists both follower 10.0.0.5:9010 and follower 10.0.0.6:9010",
        ),
        // The other engine changes the host of a dead FE to an address too, and corrupts its list for a live one.
        (
            OTHER,
            "10.0.0.5",
            "10.0.0.6",
            "1L+ 2F+ 5F-",
            "",
            "ALTER SYSTEM MODIFY FRONTEND \"10.0.0.5:9010\" HOSTNAME \"10.0.0.6\"",
        ),
        // Brackets where a port follows, as in ADD and DROP (observed).
        (
            OTHER,
            "fd00::5",
            "fd00::6",
            "1L+ 2F+ 5F-=fd00::5",
            "",
            "ALTER SYSTEM MODIFY FRONTEND \"[fd00::5]:9010\" HOSTNAME \"fd00::6\"",
        ),
        (
            OTHER,
            "10.0.0.5",
            "10.0.0.6",
            "1L+ 2F+ 5F+",
            "",
            "79: follower 10.0.0.5:9010 is alive according to the leader 10.0.0.1",
        ),
        (
            OTHER,
            "10.0.0.5",
            "be5",
            "1L+",
            "b5-",
            "ALTER SYSTEM MODIFY BACKEND \"10.0.0.5:9050\" HOSTNAME \"be5\"",
        ),
        (
            OTHER,
            "10.0.0.5",
            "10.0.0.6",
            "1L+",
            "b5-",
            "79: ENGINE cannot change the host of a BE from 10.0.0.5 to the address 10.0.0.6, only to a name",
        ),
    ];
    for (engine, from, to, rows, be, expected) in table {
        let expected = expected.replace("ENGINE", ALL[engine].name);
        assert_eq!(
            verdict(engine, from, to, rows, be),
            expected,
            "{engine} {from} {to} {rows} {be}"
        );
    }
}

#[test]
fn a_member_whose_port_is_open_keeps_its_host() {
    let (from, to) = (Host::parse("10.0.0.5").unwrap(), Host::parse("fe5").unwrap());
    let change = Move {
        engine: ALL[0],
        from: &from,
        to: &to,
        name: "",
    };
    let inputs = Inputs {
        cluster: &cluster("1L+ 2F+ 5F-"),
        backends: &[],
        only: None,
        open: &["10.0.0.5:9010".to_owned()],
        resolves: Ok(()),
        same_machine: false,
    };
    let Verdict::Refuse(refusal) = decide(&change, &inputs) else {
        panic!("it is not refused")
    };
    assert_eq!(
        refusal.sentence,
        "follower 10.0.0.5:9010 may still run: 10.0.0.5:9010 accepts connections"
    );
    let unknown = Inputs {
        open: &[],
        resolves: Err("no such name".to_owned()),
        ..inputs
    };
    let Verdict::Refuse(refusal) = decide(&change, &unknown) else {
        panic!("it is not refused")
    };
    assert_eq!(refusal.to_string(), "fe5 does not resolve here: no such name");
}

#[test]
fn each_refusal_of_an_address_names_the_statement_and_the_settings_that_work() {
    let (from, to) = (Host::parse("10.0.0.5").unwrap(), Host::parse("10.0.0.6").unwrap());
    let change = Move {
        engine: ALL[0],
        from: &from,
        to: &to,
        name: "",
    };
    for (rows, be, drop) in [
        ("1L+ 2F+ 5F-", "", "ALTER SYSTEM DROP FOLLOWER \"10.0.0.5:9010\""),
        ("1L+ 2F+ 5O-", "", "ALTER SYSTEM DROP OBSERVER \"10.0.0.5:9010\""),
        ("1L+", "b5-", "ALTER SYSTEM DROP BACKEND \"10.0.0.5:9050\""),
        ("1L+", "c5-", "ALTER SYSTEM DROP COMPUTE NODE \"10.0.0.5:9050\""),
    ] {
        let inputs = Inputs {
            cluster: &cluster(rows),
            backends: &backends(be),
            only: None,
            open: &[],
            resolves: Ok(()),
            same_machine: false,
        };
        let Verdict::Refuse(refusal) = decide(&change, &inputs) else {
            panic!("{rows} {be} is not refused")
        };
        assert!(refusal.hint.contains(drop), "{}", refusal.hint);
        assert!(
            refusal.hint.contains("LOCAL_HOST=10.0.0.6 and REJOIN=1"),
            "{}",
            refusal.hint
        );
    }
}
