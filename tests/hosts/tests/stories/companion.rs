//! Servers that lie: whatever the companion meets costs one attempt and one sentence, and never an engine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::fakes::{Fe, Manner, Reply, Stage};
use hosts::{Cluster, Host, StandIn, World, eventually};

for_each_engine! {
    a_server_that_lies_before_the_start_costs_one_attempt_after_the_other,
    a_server_that_lies_beside_an_engine_changes_nothing_for_it,
}

/// For anything that must happen; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The world's own address, where the servers are.
const FAKE: Ipv4Addr = Ipv4Addr::new(10, 99, 255, 254);

type Lie = (&'static str, Manner, fn(&str) -> Reply);

/// Each made a driver panic, abort, or allocate without end.
fn lies() -> [Lie; 3] {
    [
        ("2^40 columns", Manner::Speaks, |_| Reply::Columns(1 << 40)),
        ("endless rows", Manner::Speaks, |_| {
            Reply::Endless(vec!["Name"; 20])
        }),
        (
            "a switch to the native password with an empty nonce",
            Manner::SaysToLogin(b"\x17\0\0\x02\xfemysql_native_password\0"),
            |_| Reply::Hangs,
        ),
    ]
}

fn told_to_ask(host: &Host, stage: &Stage, port: u16, lie: (Manner, fn(&str) -> Reply)) -> Fe {
    let fake = stage.fe(SocketAddr::from((FAKE, port)), lie.0, lie.1);
    host.set("MASTER_HOST", &FAKE.to_string())
        .set("MASTER_FE_QUERY_PORT", &port.to_string())
        .set("CLUSTER_PASSWORD", "");
    fake
}

/// That it was asked, and asked again after that.
fn is_asked_again(fake: &Fe) -> Result<()> {
    eventually(PATIENCE, "another attempt", || {
        let heard = fake.heard().len();
        ensure!(heard >= 3, "{heard} statements");
        Ok(())
    })
}

fn a_server_that_lies_before_the_start_costs_one_attempt_after_the_other(world: &World) -> Result<()> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let stage = Stage::new()?;
    for (n, (what, manner, script)) in (1..).zip(lies()) {
        let host = world.host(&format!("fe{n}"), n, &fe)?;
        let address = host.address().to_string();
        let fake = told_to_ask(&host, &stage, 19000 + u16::from(n), (manner, script));
        host.set("LOCAL_HOST", &address);
        host.start()?;
        let asked = if what.contains("nonce") {
            // Nothing is heard of a login that is not finished.
            host.says(PATIENCE, "waiting: ")
        } else {
            is_asked_again(&fake)
        };
        asked.with_context(|| format!("{what}: {}", host.log_tail()))?;
        ensure!(!host.has_ended(), "{what}: {}", host.log_tail());
        assert_eq!(host.stop()?, 0, "{what}: {}", host.log_tail());
        ensure!(
            !host.log().contains("starting /opt"),
            "{what}: {}",
            host.log_tail()
        );
    }
    Ok(())
}

/// What PID 1 alone has of memory, in kB: pages of the program count half for as long as the companion has them too.
fn memory(host: &Host) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", host.one()?))?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"));
    Ok(line
        .context("no Private_Dirty")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?)
}

fn a_server_that_lies_beside_an_engine_changes_nothing_for_it(world: &World) -> Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let stage = Stage::new()?;
    let cluster = Cluster::new(world, 1, &fe, 0, None)?;
    let seed = cluster.seed()?;
    seed.set("GUARD_TIME", "3s");
    seed.start()?;
    seed.says(PATIENCE, "is alive in cluster")?;
    let host = world.host("be1", 7, &be)?;
    host.set("MASTER_HOST", &seed.address().to_string())
        .set("LOCAL_HOST", &host.address().to_string());
    host.start()?;
    host.says(PATIENCE, "is alive in cluster")?;
    seed.kill9()?;
    host.stop()?;
    for (n, (what, manner, script)) in (11..).zip(lies()) {
        let fake = told_to_ask(&host, &stage, 19000 + n, (manner, script));
        host.start()?;
        host.says(PATIENCE, "engine started")?;
        let before = memory(&host)?;
        if !what.contains("nonce") {
            eventually(PATIENCE, "a question", || {
                ensure!(!fake.heard().is_empty(), "none");
                Ok(())
            })
            .with_context(|| format!("{what}: {}", host.log_tail()))?;
        }
        let live = eventually(PATIENCE, "an engine that lives", || {
            let health = host.exec(&["muster", "health", "--live"])?;
            ensure!(health.code == 0, "{health:?}");
            Ok(())
        });
        live.with_context(|| format!("{what}: {}", host.log_tail()))?;
        let after = memory(&host)?;
        ensure!(after <= before + 512, "{what}: {before} kB, then {after} kB");
        assert_eq!(host.stop()?, 0, "{what}: {}", host.log_tail());
    }
    Ok(())
}
