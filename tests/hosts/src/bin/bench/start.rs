//! From the start of an init to the first instruction of what it starts, with nothing to ask: the path of a restart.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use hosts::binary;

use crate::bench::{Bench, inits, tool};
use crate::member::{Member, script_of};
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "start",
    about: "start → exec with nothing to ask",
    per_engine: false,
    measure,
};

/// In ms: the engine takes 5 to 14 s.
const BUDGET: f64 = 8.0;

const MUSTER: &str = "muster run";
const MUSTER_EXEC: &str = "muster run --exec";
const BASH_EXEC: &str = "bash -c 'exec …'";

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let member = Member::new(bench, "start", &script_of(&binary("extra")?)?)?;
    let muster = binary("muster")?;
    let mut contestants = inits(&member.script)?;
    contestants.push(Contestant::muster(MUSTER, muster.clone(), &member.home, &[]));
    contestants.push(Contestant::muster(MUSTER_EXEC, muster, &member.home, &["--exec"]));
    contestants.push(Contestant {
        name: "nothing between",
        words: vec![member.script.clone().into()],
    });
    let bash = tool("bash").context("bash is not installed")?;
    let exec = ["-c", "exec \"$@\"", "bash"];
    contestants.push(Contestant::before(BASH_EXEC, &bash, &exec, &member.script));

    let found = in_turns(&contestants, bench.much(300, 5), until_it_runs)?;
    let all: Vec<(&str, Sample)> = contestants
        .iter()
        .map(|contestant| contestant.name)
        .zip(found.into_iter().map(Sample::of))
        .collect();
    let of = |name: &str| {
        let found = all.iter().find(|(of, _)| *of == name);
        found.map(|(_, sample)| sample).context("not measured")
    };
    let line = |what: &str, own: &str, others: Vec<(String, String)>| {
        anyhow::Ok(Line {
            what: what.to_owned(),
            muster: of(own)?.text_with_size("ms"),
            others,
            budget: format!("≤ {BUDGET} ms"),
            met: of(own)?.median() <= BUDGET,
        })
    };
    let handing_over = ["nothing between", BASH_EXEC];
    let text = |(name, sample): &(&str, Sample)| ((*name).to_owned(), sample.text("ms"));
    let (short, long): (Vec<_>, Vec<_>) = all
        .iter()
        .filter(|(name, _)| *name != MUSTER && *name != MUSTER_EXEC)
        .partition(|(name, _)| handing_over.contains(name));
    Ok(vec![
        line(
            "start → exec, supervising",
            MUSTER,
            long.into_iter().map(text).collect(),
        )?,
        line(
            "start → exec, handing over",
            MUSTER_EXEC,
            short.into_iter().map(text).collect(),
        )?,
    ])
}

/// Milliseconds from the fork to the first line of what is started, by its own clock.
pub(crate) fn until_it_runs(contestant: &Contestant) -> anyhow::Result<f64> {
    let mut words = contestant.words.iter();
    let mut command = Command::new(words.next().context("no program")?);
    command
        .args(words)
        .env_clear()
        .envs(Member::variables())
        .env("ACT", "tell")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let begun = SystemTime::now();
    let done = command.output().with_context(|| contestant.name.to_owned())?;
    let said = String::from_utf8_lossy(&done.stdout);
    // muster makes a 1 of a 0 that nobody asked for.
    let ended = done.status.code().is_some_and(|code| code <= 1);
    ensure!(ended, "{}: {}", contestant.name, done.status);
    Ok(since(begun, started(&said)?)?.as_secs_f64() * 1000.0)
}

/// When `extra` says that it was started.
pub(crate) fn started(said: &str) -> anyhow::Result<SystemTime> {
    let moment = said
        .lines()
        .find_map(|line| line.strip_prefix("started "))
        .with_context(|| format!("nothing was started: {said}"))?;
    Ok(UNIX_EPOCH + Duration::from_nanos(moment.trim().parse()?))
}

pub(crate) fn since(begun: SystemTime, moment: SystemTime) -> anyhow::Result<Duration> {
    moment
        .duration_since(begun)
        .context("the clock was set back meanwhile")
}
