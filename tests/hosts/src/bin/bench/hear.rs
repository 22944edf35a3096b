//! From SIGTERM to PID 1 until the engine has it in its hands.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::binary;
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

use crate::bench::{Bench, inits, s6, supervisord};
use crate::container::Container;
use crate::member::{Member, script_of};
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "hear",
    about: "SIGTERM to PID 1 until the engine has heard it",
    per_engine: false,
    measure,
};

const BUDGET: f64 = 0.5;
/// supervisord takes a second to call what it has started running.
const PATIENCE: Duration = Duration::from_secs(10);

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let member = Member::new(bench, "hear", &script_of(&binary("extra")?)?)?;
    let mut contestants = vec![Contestant::muster("muster", binary("muster")?, &member.home, &[])];
    // As PID 1 a bash without a trap never hears TERM, and so passes nothing on.
    let inits = inits(&member.script)?.into_iter();
    contestants.extend(inits.filter(|init| init.name != "bash"));
    let script = member.script.display().to_string();
    contestants.extend(supervisord(bench, "hear-with-supervisord", &script)?);
    contestants.extend(s6(bench, "hear-with-s6", &member.script)?);
    let found = in_turns(&contestants, bench.much(50, 2), |contestant| {
        hear_once(bench.world.dir(), contestant).with_context(|| contestant.name)
    })?;
    let mut all = contestants
        .iter()
        .zip(found)
        .map(|(contestant, delays)| (contestant.name.to_owned(), Sample::of(delays)));
    let (_, own) = all.next().context("muster was measured")?;
    Ok(vec![Line {
        what: "SIGTERM to PID 1 → the engine has heard it".to_owned(),
        muster: own.text_with_size("ms"),
        others: all.map(|(name, sample)| (name, sample.text("ms"))).collect(),
        budget: format!("≤ {BUDGET} ms"),
        met: own.median() <= BUDGET,
    }])
}

/// Milliseconds.
fn hear_once(dir: &Path, contestant: &Contestant) -> anyhow::Result<f64> {
    let mark = dir.join("hear-mark");
    let mut variables = Member::variables();
    variables.push(("ACT", "hear".to_owned()));
    variables.push(("MARK", mark.display().to_string()));
    fs::write(&mark, "")?;
    let mut container = Container::start(&contestant.words, &variables, &dir.join("hear-output"))?;
    ensure!(
        container.notes(&mark, "up\n", PATIENCE)?,
        "no engine: {}",
        container.said()
    );
    let asked = now()?;
    container.signal(Signal::SIGTERM)?;
    ensure!(
        container.notes(&mark, "heard ", PATIENCE)?,
        "it was never passed on"
    );
    container.end(PATIENCE)?.context("it does not end")?;
    let noted = fs::read_to_string(&mark)?;
    let heard: i64 = noted
        .lines()
        .find_map(|line| line.strip_prefix("heard "))
        .context("it was noted")?
        .parse()?;
    ensure!(heard >= asked, "it was heard before it was said");
    Ok(Duration::from_nanos(heard.abs_diff(asked)).as_secs_f64() * 1000.0)
}

/// Nanoseconds of the clock that all processes have in common.
fn now() -> anyhow::Result<i64> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.num_nanoseconds())
}
