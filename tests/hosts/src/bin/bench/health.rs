//! What a health check costs, beside the `curl` that other images have for it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::{binary, eventually};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::bench::{Bench, tool};
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "health",
    about: "a health check of a ready FE",
    per_engine: false,
    measure,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// In milliseconds.
struct Cost {
    wall: f64,
    cpu: f64,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let seed = bench.fresh_cluster()?.seed()?;
    seed.start()?;
    let mut contestants = vec![Contestant {
        name: "muster",
        words: vec![
            binary("muster")?.into(),
            "health".into(),
            "--home".into(),
            seed.home().into(),
        ],
    }];
    if let Some(curl) = tool("curl") {
        let page = format!("http://{}:8030/api/health", seed.address());
        contestants.push(Contestant {
            name: "curl -fs",
            words: vec![curl.into(), "-fs".into(), page.into()],
        });
    }
    for contestant in &contestants {
        eventually(PATIENCE, "ready", || check(contestant)).with_context(|| seed.log_tail())?;
    }
    let found = in_turns(&contestants, bench.much(300, 5), check)?;
    seed.kill9()?;

    let sample = |costs: &[Cost], figure: fn(&Cost) -> f64| Sample::of(costs.iter().map(figure));
    let line = |what: &str, figure: fn(&Cost) -> f64, budget: &str, within: fn(f64, Option<f64>) -> bool| {
        let own = sample(found.first().context("muster was measured")?, figure);
        let other = found.get(1).map(|costs| sample(costs, figure));
        anyhow::Ok(Line {
            what: what.to_owned(),
            muster: own.text_with_size("ms"),
            others: contestants
                .iter()
                .skip(1)
                .zip(&other)
                .map(|(contestant, sample)| (contestant.name.to_owned(), sample.text("ms")))
                .collect(),
            budget: budget.to_owned(),
            met: within(own.median(), other.map(|other| other.median())),
        })
    };
    Ok(vec![
        line(
            "health of an FE, wall",
            |cost| cost.wall,
            "≤ ½ of curl",
            |own, curl| curl.is_some_and(|curl| own * 2.0 <= curl),
        )?,
        line(
            "health of an FE, CPU",
            |cost| cost.cpu,
            "≤ ½ of curl",
            |own, curl| curl.is_some_and(|curl| own * 2.0 <= curl),
        )?,
    ])
}

/// One check that says yes. Nothing else of ours ends meanwhile, so what is added to our children is this one's.
fn check(contestant: &Contestant) -> anyhow::Result<Cost> {
    let mut words = contestant.words.iter();
    let mut command = Command::new(words.next().context("no program")?);
    command.args(words).env_clear().stdin(Stdio::null());
    let before = cpu()?;
    let begun = Instant::now();
    let done = command.output().with_context(|| contestant.name.to_owned())?;
    let wall = begun.elapsed();
    let said = String::from_utf8_lossy(&done.stdout);
    ensure!(
        done.status.success(),
        "{}: {} {said}",
        contestant.name,
        done.status
    );
    Ok(Cost {
        wall: wall.as_secs_f64() * 1000.0,
        cpu: cpu()?.saturating_sub(before).as_secs_f64() * 1000.0,
    })
}

/// What all children that were waited for have used.
fn cpu() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let used = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(used.num_microseconds().try_into()?))
}
