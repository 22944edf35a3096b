//! A seed that has nothing: how long until it founds if everybody is silent, and until it is back if somebody is not.

use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, eventually};

use crate::bench::Bench;
use crate::join::tells_its_start;
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::start::{since, started};

pub(crate) const ROW: Row = Row {
    name: "found",
    about: "a seed with nothing: all silent, called by its cluster, told of another FE",
    per_engine: true,
    measure,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two calls of the leader in the bench's cluster.
const HEARTBEAT_S: f64 = 1.0;

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let rounds = bench.much(5, 1);
    let engine = bench.world.engine();
    // Two heartbeats of the engine and a second, as by default.
    let guard = bench.much(f64::from(engine.heartbeat_s * 2 + 1), 1.0);
    let mut alone = Vec::new();
    for _ in 0..bench.much(2, 1) {
        let seed = bench.fresh_cluster()?.seed()?;
        seed.set("GUARD_TIME", &format!("{guard}s"));
        let founded = begins(seed);
        seed.set("GUARD_TIME", "0s");
        alone.push(founded?);
    }
    let mut lines = vec![line(
        "start → founding, all silent",
        &Sample::of(alone),
        format!("≤ {guard} s + 0.5 s"),
        guard + 0.5,
        "30 s of silence",
    )];
    let cluster = bench.fresh_cluster()?;
    let three: Vec<&Host> = cluster.fes().collect();
    for fe in &three {
        fe.start()?;
        eventually(PATIENCE, "its place in the cluster", || is_alive(cluster, fe))?;
    }
    let (mut called, mut told, mut alive) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds * 2 {
        let seed = cluster.seed()?;
        let knows = round % 2 == 1;
        seed.kill9()?;
        seed.wipe_both()?;
        eventually(PATIENCE, "another leader", || {
            ensure!(cluster.leader()?.name() != seed.name(), "it is shown still");
            Ok(())
        })?;
        let own = seed.address().to_string();
        let hosts: Vec<String> = three.iter().map(|fe| fe.address().to_string()).collect();
        seed.set("MASTER_HOST", &if knows { hosts.join(",") } else { own.clone() })
            .set("GUARD_TIME", &format!("{guard}s"));
        let begun = SystemTime::now();
        let took = begins(seed).with_context(|| seed.log_tail())?;
        seed.says(PATIENCE, "is alive in cluster")?;
        alive.push(since(begun, SystemTime::now())?.as_secs_f64());
        if knows { &mut told } else { &mut called }.push(took);
        seed.set("MASTER_HOST", &own).set("GUARD_TIME", "0s");
        eventually(PATIENCE, "its place in the cluster", || is_alive(cluster, seed))?;
    }
    lines.push(line(
        "a wiped seed, start → back at its cluster, called by it",
        &Sample::of(called),
        format!("≤ {HEARTBEAT_S} s to the call + 1 s"),
        HEARTBEAT_S + 1.0,
        "found a second cluster",
    ));
    lines.push(line(
        "the same, told of the others",
        &Sample::of(told),
        "≤ 1 s".to_owned(),
        1.0,
        "look every 1 to 5 s",
    ));
    lines.push(line(
        "a wiped seed, start → alive",
        &Sample::of(alive),
        "≤ 10 s".to_owned(),
        10.0,
        "never",
    ));
    Ok(lines)
}

/// `scripts`: what those of StarRocks do.
fn line(what: &str, sample: &Sample, budget: String, most: f64, scripts: &str) -> Line {
    Line {
        what: what.to_owned(),
        muster: sample.text_with_size("s"),
        others: vec![(
            "StarRocks' scripts".to_owned(),
            format!("{scripts} (not measured)"),
        )],
        budget,
        met: sample.median() <= most,
    }
}

/// Seconds from the start of the host to that of its engine.
fn begins(host: &Host) -> anyhow::Result<f64> {
    tells_its_start(host)?;
    let begun = SystemTime::now();
    host.start()?;
    let moment = eventually(PATIENCE, "the engine's start", || started(&host.last_log()))
        .with_context(|| host.log_tail())?;
    Ok(since(begun, moment)?.as_secs_f64())
}

fn is_alive(cluster: &Cluster, host: &Host) -> anyhow::Result<()> {
    let rows = cluster.sql("SHOW FRONTENDS")?;
    let address = host.address().to_string();
    let own = rows
        .iter()
        .filter(|row| row.host() == address && row.is("Alive", "true") && row.is("Join", "true"));
    ensure!(own.count() == 1, "{rows:?}");
    Ok(())
}
