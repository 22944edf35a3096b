//! Who answers where a leader should: nobody who understands, somebody who hangs, or a leader that makes no sense.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use hosts::fakes::{FRONTENDS, Fe, Manner, Reply, Stage};
use hosts::{Component, Host, World, this_test};

use super::ports::held;
use super::trial::{SECRET, Started, Trial, fits, host};

/// The world's own address, where the fakes are.
const FAKE: Ipv4Addr = Ipv4Addr::new(10, 99, 255, 254);

/// Sent before the login is answered; nothing else is known of the account.
type Script = fn(&str) -> Reply;

/// A host whose leader is a fake of its own.
struct Case {
    host: Host,
    fake: Fe,
}

impl Case {
    fn new(
        world: &World,
        stage: &Stage,
        n: u8,
        component: Component,
        manner: Manner,
        script: Script,
    ) -> Result<Self> {
        let host = host(world, n, component)?;
        let port = 19000 + u16::from(n);
        let fake = stage.fe(SocketAddr::from((FAKE, port)), manner, script);
        host.set("MASTER_HOST", &FAKE.to_string())
            .set("MASTER_FE_QUERY_PORT", &port.to_string())
            .set("CLUSTER_PASSWORD", "");
        Ok(Self { host, fake })
    }

    fn start(&self) -> Result<Started<'_>> {
        // Whoever answers with a header of 16 MB gets no 16 MB for it.
        Trial::of(&self.host).after("ulimit -v 300000").start()
    }

    /// Its `@` is the fake's address.
    fn ends(&self, started: Started<'_>, code: i32, report: &str) -> Result<()> {
        let said = started.ends(code)?;
        let report = report.replace('@', &self.fake.at.to_string());
        ensure!(fits(&said, &report), "it said\n{said}\nand not\n{report}");
        let heard = self.fake.heard();
        ensure!(
            !heard.iter().any(|statement| statement.contains("ADD")),
            "{heard:?}"
        );
        Ok(())
    }
}

fn nothing(_: &str) -> Reply {
    Reply::Hangs
}

/// All are tried at once: most of the time is spent on waiting for an answer.
fn all_end(cases: &[(Case, i32, &str)]) -> Result<()> {
    let mut started = Vec::new();
    for (case, code, report) in cases {
        started.push((case, case.start()?, *code, *report));
    }
    for (case, started, code, report) in started {
        case.ends(started, code, report)
            .with_context(|| case.host.name().to_owned())?;
    }
    Ok(())
}

/// The fake as a leader; its port is the one it was asked at.
const LEADER: [Option<&str>; 12] = [
    Some("10.99.255.254_9010_1"),
    Some("10.99.255.254"),
    Some("9010"),
    Some("8030"),
    Some("0"),
    Some("9020"),
    Some("LEADER"),
    Some("77"),
    Some("true"),
    Some("true"),
    Some("2026-01-01 00:00:00"),
    Some(""),
];

fn leader() -> Reply {
    Reply::Rows(FRONTENDS.to_vec(), vec![LEADER.to_vec()])
}

fn backends() -> Reply {
    let columns = vec![
        "BackendId",
        "IP",
        "HeartbeatPort",
        "Alive",
        "SystemDecommissioned",
        "ErrMsg",
    ];
    Reply::Rows(columns, Vec::new())
}

/// Without some of the columns.
fn without(names: &[&str]) -> Reply {
    let (columns, row) = FRONTENDS
        .into_iter()
        .zip(LEADER)
        .filter(|(column, _)| !names.contains(column))
        .unzip();
    Reply::Rows(columns, vec![row])
}

const NO_LEADER: &str =
    "\n\nhint: start the other FEs, and check MASTER_HOST and the network between the hosts";

#[test]
fn whoever_never_answers_is_waited_for_as_long_as_was_asked() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    let manners: [(Manner, Script); 4] = [
        (Manner::Silent, nothing),
        (Manner::SaysToLogin(b""), nothing),
        (Manner::Speaks, nothing),
        (Manner::Speaks, |_| {
            Reply::RowsThenHangs(FRONTENDS.to_vec(), LEADER.to_vec())
        }),
    ];
    let report = format!("error: no leader within WAIT_TIMEOUT: @: no answer within 3 s{NO_LEADER}");
    let mut cases = Vec::new();
    for (n, (manner, script)) in (1..).zip(manners) {
        let case = Case::new(&world, &stage, n, Component::Fe, manner, script)?;
        // Long enough for two looks: the first is what is said while it waits.
        case.host.set("WAIT_TIMEOUT", "5s");
        cases.push((case, 69, report.as_str()));
    }
    all_end(&cases)?;
    for (case, _, _) in &cases {
        let waiting = format!("waiting: {0}: no answer within 3 s", case.fake.at);
        ensure!(
            case.host.last_log().contains(&waiting),
            "{}",
            case.host.last_log()
        );
    }
    Ok(())
}

#[test]
fn whoever_is_no_fe_is_told_by_what_it_says() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    let manners = [
        (
            Manner::Says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
            "not a MySQL server: it sent `HTTP/1.1 400 Bad Request\\r\\nContent-Len…`",
        ),
        (
            Manner::Says(b"\x8e\x01\xff\x00\x17\xc3\x99\xd2\x00\x00"),
            "not a MySQL server: it sent `\\x8e\\x01\\xff\\x00\\x17\\xc3\\x99\\xd2\\x00\\x00`",
        ),
        (
            Manner::Says(b"\xff\xff\xff\x00\x0a8.0.33\0"),
            "not a MySQL server: it sent `\\xff\\xff\\xff\\x00\\n8.0.33\\x00`",
        ),
        (
            Manner::ClosesAtOnce,
            "not a MySQL server: it closed the connection at once",
        ),
    ];
    let reports = manners
        .each_ref()
        .map(|(_, why)| format!("error: no leader within WAIT_TIMEOUT: no FE answered: @: {why}{NO_LEADER}"));
    let mut cases = Vec::new();
    for (n, ((manner, _), report)) in (1..).zip(manners.into_iter().zip(&reports)) {
        let case = Case::new(&world, &stage, n, Component::Fe, manner, nothing)?;
        cases.push((case, 69, report.as_str()));
    }
    let hung_up = format!("error: no leader within WAIT_TIMEOUT: @: connection lost: …{NO_LEADER}");
    let flood = Case::new(
        &world,
        &stage,
        5,
        Component::Fe,
        Manner::SaysToLogin(b"\xff\xff\xff\x01\0\0\0"),
        nothing,
    )?;
    let flooded = format!(
        "error: no leader within WAIT_TIMEOUT: @: malformed answer: it announced a packet of 16777215 bytes{NO_LEADER}"
    );
    cases.push((flood, 69, &flooded));
    let closes = Case::new(
        &world,
        &stage,
        6,
        Component::Fe,
        Manner::ClosesAfterGreeting,
        nothing,
    )?;
    cases.push((closes, 69, &hung_up));
    all_end(&cases)
}

#[test]
fn an_answer_without_what_is_needed_is_told_by_its_columns() -> Result<()> {
    fn fe(why: &str) -> String {
        format!("error: no leader within WAIT_TIMEOUT: @: {why}{NO_LEADER}")
    }
    fn be(why: &str) -> String {
        format!(
            "error: cannot join within WAIT_TIMEOUT: the leader 10.99.255.254: {why}\n\nhint: check the FE named above and its log"
        )
    }
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    let scripts: [(Component, Script, String); 9] = [
        (
            Component::Fe,
            |_| without(&["Alive"]),
            fe("SHOW FRONTENDS has no column Alive"),
        ),
        (
            Component::Fe,
            |_| Reply::Rows(FRONTENDS.to_vec(), Vec::new()),
            fe("its list has no leader"),
        ),
        (
            Component::Fe,
            |_| {
                let mut row = LEADER.to_vec();
                row[6] = None;
                Reply::Rows(FRONTENDS.to_vec(), vec![row])
            },
            fe("SHOW FRONTENDS has `NULL` in the column Role"),
        ),
        // It went to the start script as `--helper`.
        (
            Component::Fe,
            |_| {
                let mut row = LEADER.to_vec();
                row[1] = Some("10.9.0.11:9010 -Devil=1 --x");
                Reply::Rows(FRONTENDS.to_vec(), vec![row])
            },
            fe("SHOW FRONTENDS has `10.9.0.11:9010 -Devil=1 --x` in the column IP"),
        ),
        (
            Component::Fe,
            |_| Reply::Error(1064, "HY000", "\x1b[2J\x07gone".to_owned()),
            fe("error 1064: \\u{1b}[2J\\u{7}gone"),
        ),
        (
            Component::Fe,
            |_| without(&FRONTENDS[1..]),
            fe("SHOW FRONTENDS has no column IP"),
        ),
        (
            Component::Be,
            |statement| match statement {
                "SHOW FRONTENDS" => leader(),
                _ => Reply::Rows(vec!["BackendId"], vec![vec![Some("1")]]),
            },
            be("SHOW BACKENDS has no column IP"),
        ),
        (
            Component::Be,
            |statement| match statement {
                "SHOW FRONTENDS" => leader(),
                "SHOW BACKENDS" => backends(),
                _ => Reply::Hangs,
            },
            be("no answer within 3 s"),
        ),
        (
            Component::Be,
            |statement| match statement {
                "SHOW FRONTENDS" => leader(),
                _ => Reply::Error(5203, "42000", "Access denied; you need OPERATE".to_owned()),
            },
            "error: 10.99.255.254: missing privilege: Access denied; you need OPERATE\n\nhint: as root: GRANT cluster_admin TO USER 'root'".to_owned(),
        ),
    ];
    let mut cases = Vec::new();
    for (n, (component, script, report)) in (1..).zip(&scripts) {
        let case = Case::new(&world, &stage, n, *component, Manner::Speaks, *script)?;
        let code = if report.contains("privilege") { 77 } else { 69 };
        cases.push((case, code, report.as_str()));
    }
    all_end(&cases)
}

/// Whoever leads says no to every ADD, or says yes and does not mean it.
#[test]
fn an_add_that_never_counts_is_not_tried_for_ever() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    let scripts: [(Component, Script, &str); 3] = [
        (
            Component::Fe,
            |statement| match statement {
                "SHOW FRONTENDS" => leader(),
                _ => Reply::Error(1064, "HY000", "Unexpected exception: out of order".to_owned()),
            },
            "error 1064: Unexpected exception: out of order",
        ),
        (
            Component::Fe,
            |statement| match statement {
                "SHOW FRONTENDS" => leader(),
                _ => Reply::Ok,
            },
            "busy: it accepted the ADD but does not list this node yet",
        ),
        (
            Component::Be,
            |statement| match statement {
                "SHOW FRONTENDS" => leader(),
                "SHOW BACKENDS" | "SHOW COMPUTE NODES" => backends(),
                _ => Reply::Closes,
            },
            "connection lost: …",
        ),
    ];
    let mut cases = Vec::new();
    for (n, (component, script, why)) in (1..).zip(scripts) {
        let case = Case::new(&world, &stage, n, component, Manner::Speaks, script)?;
        case.host.start()?;
        cases.push((case, why));
    }
    for (case, why) in cases {
        assert_eq!(
            case.host.exit(super::trial::PATIENCE)?,
            75,
            "{}",
            case.host.last_log()
        );
        let said = super::trial::report_in(&case.host.last_log());
        let report = format!(
            "error: cannot register within WAIT_TIMEOUT: {}: {why}\n\nhint: start the container again: the registration continues where it stopped",
            case.fake.at
        );
        ensure!(fits(&said, &report), "it said\n{said}\nand not\n{report}");
        ensure!(!case.host.last_log().contains("the engine was started"));
    }
    Ok(())
}

/// The node does not request this port: it tries the port only once the cluster prescribes it.
#[test]
fn the_port_the_cluster_prescribes_is_refused_with_its_holder() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    let script: Script = |_| {
        let mut row = LEADER.to_vec();
        row[3] = Some("8130");
        Reply::Rows(FRONTENDS.to_vec(), vec![row])
    };
    let case = Case::new(&world, &stage, 1, Component::Fe, Manner::Speaks, script)?;
    let started = Trial::of(&case.host).after(&held(8130)).start()?;
    let report = "error: http_port must be 8130 (the cluster: every FE of this cluster uses it), but perl (pid …) on TCP 0.0.0.0:8130 \
                  uses it\n\nhint: stop the process that uses it, or run this node on another host";
    case.ends(started, 73, report)
}

#[test]
fn a_wrong_password_ends_it_at_once() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    let case = Case::new(
        &world,
        &stage,
        1,
        Component::Fe,
        // To every login, also to one without a password.
        Manner::SaysToLogin(
            b"\x3c\0\0\x02\xff\x15\x04#28000Access denied for user 'root' (using password: YES)",
        ),
        nothing,
    )?;
    case.host
        .set("CLUSTER_PASSWORD", SECRET)
        .set("WAIT_TIMEOUT", "300s");
    let report = "error: @: login refused: Access denied for user 'root' (using password: YES)\n\nhint: set CLUSTER_USER and \
                  CLUSTER_PASSWORD (or CLUSTER_PASSWORD_FILE) to an account of this cluster";
    case.ends(case.start()?, 77, report)
}
