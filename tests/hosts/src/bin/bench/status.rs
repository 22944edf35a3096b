//! What the state of a cluster costs whoever asks for it: of one of the usual size, and of a large one in which most are silent.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, StandIn, binary, eventually};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::bench::Bench;
use crate::row::{Line, Row};
use crate::sample::Sample;

pub(crate) const ROW: Row = Row {
    name: "status",
    about: "the state of 3 FEs and 30 BEs, then of 300 nodes of which most are silent",
    per_engine: true,
    measure,
};

const PATIENCE: Duration = Duration::from_secs(120);
/// A machine that nobody has: what is sent there gets no answer, not even a refusal.
const NOBODY: std::ops::Range<u8> = 120..250;

struct Cost {
    /// Milliseconds.
    wall: f64,
    cpu: f64,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let cluster = bench.fresh_cluster()?;
    let [_, image] = bench.world.stand_in(&StandIn::QUICK)?;
    let seed = cluster.seed()?;
    cluster.hosts.iter().try_for_each(Host::start)?;
    cluster.becomes_whole(PATIENCE)?;
    let more = (1..=bench.much(29, 2)).map(|n| {
        let host = bench.world.host(&format!("more{n}"), 20 + n, &image)?;
        host.set("MASTER_HOST", &seed.address().to_string())
            .set("LOCAL_HOST", &host.address().to_string());
        host.start()?;
        Ok(host)
    });
    let more = more.collect::<anyhow::Result<Vec<Host>>>()?;
    for host in &more {
        host.says(PATIENCE, "is alive in cluster")?;
    }
    eventually(PATIENCE, "a cluster that is well", || {
        let (code, said, _) = status(seed)?;
        ensure!(code == Some(0), "{said}");
        Ok(())
    })?;
    let usual = costs(seed, bench.much(100, 3), 0)?;
    add_silent(cluster, bench.much(267, 10))?;
    let large = costs(seed, bench.much(10, 1), 1)?;
    // What is the largest child so far was asked last.
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    for host in more.iter().chain(&cluster.hosts) {
        host.kill9()?;
    }
    let line = |what: &str, costs: &[Cost], figure: fn(&Cost) -> f64, budget: f64| {
        let sample = Sample::of(costs.iter().map(figure));
        Line {
            what: what.to_owned(),
            muster: sample.text_with_size("ms"),
            others: Vec::new(),
            budget: format!("median ≤ {budget} ms"),
            met: sample.median() <= budget,
        }
    };
    Ok(vec![
        line("status of 3 FEs and 30 BEs", &usual, |cost| cost.wall, 50.0),
        line(
            "status of 300 nodes, most silent",
            &large,
            |cost| cost.wall,
            3200.0,
        ),
        line("status of 300 nodes, CPU", &large, |cost| cost.cpu, 1000.0),
        Line {
            what: "status of 300 nodes, memory at most".to_owned(),
            muster: format!("{} MB", memory / 1024),
            others: Vec::new(),
            budget: "≤ 20 MB".to_owned(),
            met: memory / 1024 <= 20,
        },
    ])
}

/// BEs that a person has added and that never answer.
fn add_silent(cluster: &Cluster, count: usize) -> anyhow::Result<()> {
    let leader = cluster.leader()?;
    let nobody = NOBODY.flat_map(|last| [9050, 9051, 9052].map(|port| format!("10.99.0.{last}:{port}")));
    for at in nobody.take(count) {
        leader.sql(&format!("ALTER SYSTEM ADD BACKEND \"{at}\""))?;
    }
    Ok(())
}

fn costs(seed: &Host, times: usize, code: i32) -> anyhow::Result<Vec<Cost>> {
    (0..times)
        .map(|_| {
            let (ended, said, cost) = status(seed)?;
            ensure!(ended == Some(code), "{ended:?}: {said}");
            Ok(cost)
        })
        .collect()
}

/// One look from beside the seed.
fn status(seed: &Host) -> anyhow::Result<(Option<i32>, String, Cost)> {
    let before = cpu()?;
    let begun = Instant::now();
    let done = Command::new(binary("muster")?)
        .args(["status", "--json", "--home"])
        .arg(seed.home())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .context("muster status")?;
    let wall = begun.elapsed().as_secs_f64() * 1000.0;
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    let cpu = cpu()? - before;
    Ok((done.status.code(), said, Cost { wall, cpu }))
}

/// Milliseconds of all our children that have ended.
fn cpu() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a run")]
    Ok(micros as f64 / 1000.0)
}
