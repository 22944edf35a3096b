//! Hosts that nobody named: whatever they say costs this node a sentence, and gets no statement and no account. Whom a node
//! believes by HTTP alone, `cluster.rs` shows with real members.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::fakes::{FRONTENDS, Fe, Manner, Reply, Stage};
use hosts::{Component, Engine, Host, StandIn, World, eventually};

for_each_engine! {
    a_stranger_that_says_it_leads_gets_no_login_and_nobody_follows_it: both,
    one_poll_of_a_stranger_delays_a_founding_by_one_guard_time,
    nothing_is_refused_before_every_named_fe_has_answered,
    a_node_of_an_old_cluster_joins_the_one_that_is_named_and_says_who_still_polls_it,
}

const PATIENCE: Duration = Duration::from_secs(60);

/// The world's own address, where the stranger is.
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 99, 255, 254);
/// Nobody is there.
const NAMED: &str = "10.99.0.77";

/// What a leader says of itself over HTTP, to a host that it lists. It names no other member.
fn leads(path: &str) -> (u16, &'static str, &'static str) {
    /// A leader writes.
    static JOURNAL: AtomicU64 = AtomicU64::new(9);
    match path.split('?').next() {
        Some("/role") => (200, "role: FOLLOWER\r\nname: x_9010_1\r\n", ""),
        Some("/version") => (200, "", "#date\nclusterId=55\ntoken=t\n"),
        _ => {
            let journal = JOURNAL.fetch_add(1, Ordering::Relaxed);
            let page = format!(
                r#"{{"role":"LEADER","master":"{STRANGER}","electable_nodes":"","observer_nodes":"","current_journal_id":"{journal}"}}"#
            );
            (200, "", page.leak())
        }
    }
}

/// A stranger that would take any login, and leads a cluster by its own word.
fn stranger(stage: &Stage) -> Fe {
    stage.web(SocketAddr::from((STRANGER, 8030)), leads);
    stage.fe(SocketAddr::from((STRANGER, 9030)), Manner::Speaks, |_| {
        Reply::Hangs
    })
}

/// A leader's poll of an FE: the port and the message.
fn poll(engine: &Engine) -> (u16, &'static [u8]) {
    if engine.is_doris() {
        // The beginning of a thrift call; its arguments are not read.
        (9020, b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01\x0c\0\x01\0\0")
    } else {
        (8030, b"GET /api/bootstrap?cluster_id=55&token=t HTTP/1.1\r\n\r\n")
    }
}

/// A leader's heartbeat to a BE: the leader, its HTTP port and the host by which it lists the BE.
fn heartbeat(listed: &str) -> Vec<u8> {
    let leader = STRANGER.to_string();
    let mut message = vec![0x80, 1, 0, 1, 0, 0, 0, 9];
    let mut text = |before: &[u8], text: &str| {
        message.extend_from_slice(before);
        message.extend_from_slice(text.as_bytes());
    };
    let length = |text: &str| u8::try_from(text.len()).unwrap_or(u8::MAX);
    text(&[], "heartbeat");
    text(
        &[0, 0, 0, 1, 12, 0, 1, 12, 0, 1, 11, 0, 1, 0, 0, 0, length(&leader)],
        &leader,
    );
    let port_and_id = [8, 0, 2, 0, 0, 0x23, 0x3c, 0, 8, 0, 2, 0, 0, 0, 55];
    let listed_field = [11, 0, 5, 0, 0, 0, length(listed)];
    text(&[&port_and_id[..], &listed_field].concat(), listed);
    text(&[8, 0, 6, 0, 0, 0x1f, 0x5e, 0, 0], "");
    message
}

/// Calls once, and hears the answer to its end.
fn call(host: &Host, port: u16, message: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect((host.address(), port))?;
    stream.write_all(message)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn a_stranger_that_says_it_leads_gets_no_login_and_nobody_follows_it(world: &World) -> Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let fake = stranger(&Stage::new()?);
    let (port, poll) = poll(world.engine());
    let nodes = [
        (world.host("fe1", 1, &fe)?, port, poll.to_vec()),
        (world.host("be2", 2, &be)?, 9050, heartbeat("10.99.0.12")),
    ];
    for (host, port, message) in &nodes {
        host.set("MASTER_HOST", NAMED)
            .set("LOCAL_HOST", &host.address().to_string())
            .start()?;
        eventually(PATIENCE, "an open port", || call(host, *port, message))?;
        host.says(
            PATIENCE,
            "10.99.255.254 leads a cluster that lists this host, but no host of MASTER_HOST",
        )?;
        assert_eq!(host.stop()?, 0, "{}", host.log_tail());
        ensure!(!host.log().contains("engine started"), "{}", host.log_tail());
    }
    assert_eq!(fake.accepted(), 0, "it was asked by SQL");
    Ok(())
}

/// Nobody answers where the poll came from.
fn one_poll_of_a_stranger_delays_a_founding_by_one_guard_time(world: &World) -> Result<()> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let seed = world.host("fe1", 1, &fe)?;
    let own = seed.address().to_string();
    seed.set("MASTER_HOST", &own)
        .set("LOCAL_HOST", &own)
        .set("GUARD_TIME", "3s")
        .start()?;
    let (port, poll) = poll(world.engine());
    eventually(PATIENCE, "an open port", || call(&seed, port, poll))?;
    seed.says(PATIENCE, "polls this host as a leader does")?;
    seed.says(PATIENCE, "founding a new cluster")?;
    seed.says(PATIENCE, "is alive in cluster")
}

/// The list of a leader at this address, of this cluster.
fn list(host: &'static str, cluster: &'static str) -> Reply {
    let row = [
        "x",
        host,
        "9010",
        "8030",
        "9030",
        "9020",
        "LEADER",
        cluster,
        "true",
        "true",
        "2026-01-01 00:00:00",
        "",
    ];
    Reply::Rows(FRONTENDS.to_vec(), vec![row.map(Some).to_vec()])
}

/// The right leader answers a second after another cluster that `MASTER_HOST` names by mistake.
fn nothing_is_refused_before_every_named_fe_has_answered(world: &World) -> Result<()> {
    let [_, be] = world.stand_in(&StandIn::QUICK)?;
    let (quick, slow) = (Stage::new()?, Stage::new()?);
    quick.fe(SocketAddr::from((STRANGER, 9030)), Manner::Speaks, |_| {
        list("10.99.255.254", "88")
    });
    let late = Ipv4Addr::new(10, 99, 255, 253);
    slow.fe(SocketAddr::from((late, 9030)), Manner::Speaks, |_| {
        // It is slow: nothing waits for it.
        std::thread::sleep(Duration::from_secs(1));
        list("10.99.255.253", "77")
    });
    let host = world.host("be1", 1, &be)?;
    host.set("MASTER_HOST", &format!("{STRANGER},{late}"))
        .set("LOCAL_HOST", &host.address().to_string());
    std::fs::write(host.data().join("cluster_id"), "77\n")?;
    host.start()?;
    host.says(PATIENCE, "two clusters answered")?;
    ensure!(!host.has_ended(), "{}", host.log_tail());
    assert_eq!(host.stop()?, 0, "{}", host.log_tail());
    Ok(())
}

/// The machine was a member of another cluster, which has not been told: its leader goes on polling.
fn a_node_of_an_old_cluster_joins_the_one_that_is_named_and_says_who_still_polls_it(
    world: &World,
) -> Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let found = |name: &str, n| -> Result<Host> {
        let seed = world.host(name, n, &fe)?;
        let own = seed.address().to_string();
        seed.set("MASTER_HOST", &own)
            .set("LOCAL_HOST", &own)
            .set("GUARD_TIME", "3s")
            .start()?;
        seed.says(PATIENCE, "is alive in cluster")?;
        Ok(seed)
    };
    let (old, new) = (found("old", 1)?, found("new", 2)?);
    let nodes = [world.host("fe3", 3, &fe)?, world.host("be4", 4, &be)?];
    for node in &nodes {
        node.set("MASTER_HOST", &old.address().to_string())
            .set("LOCAL_HOST", &node.address().to_string());
        if node.component() == Component::Fe {
            // The old leader keeps its majority without it.
            node.set("FE_ROLE", "observer");
        }
        node.start()?;
        node.says(PATIENCE, "is alive in cluster")?;
        node.kill9()?;
        node.wipe_both()?;
    }
    let rows = new.sql("SHOW FRONTENDS")?;
    let id = rows
        .first()
        .context("it lists itself")?
        .get("ClusterId")
        .to_owned();
    // While the new leader is silent, the old one is no way out.
    new.freeze()?;
    for node in &nodes {
        node.set("MASTER_HOST", &new.address().to_string()).start()?;
        node.says(PATIENCE, "lists this host, but no host of MASTER_HOST")?;
    }
    new.thaw()?;
    for node in &nodes {
        // Both clusters send heartbeats to the BE, the old one's perhaps first.
        node.says(PATIENCE, &format!("is alive in cluster {id}"))?;
        let warning = format!(
            "{} of another cluster still polls this host; drop {} there",
            old.address(),
            node.address()
        );
        assert_eq!(
            node.last_log().matches(&warning).count(),
            1,
            "{}",
            node.log_tail()
        );
    }
    Ok(())
}
