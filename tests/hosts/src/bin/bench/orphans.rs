//! Thousands of orphans end at one moment: whether PID 1 reaps them all, and still knows how its main process ended.

use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::binary;

use crate::bench::{Bench, inits, s6};
use crate::container::Container;
use crate::member::{Member, script_of};
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "orphans",
    about: "orphans of PID 1 that end together",
    per_engine: false,
    measure,
};

/// What the main process ends with.
const CODE: i32 = 42;

struct Reaped {
    /// Zombies half a second after the orphans were told to end.
    left: u32,
    gone_ms: f64,
    code: Option<i32>,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let crowd = bench.much(3000, 100);
    let member = Member::new(bench, "orphans", &script_of(&binary("extra")?)?)?;
    let mut contestants = vec![Contestant::muster("muster", binary("muster")?, &member.home, &[])];
    contestants.extend(inits(&member.script)?);
    contestants.extend(s6(bench, "orphans-with-s6", &member.script)?);
    let found = in_turns(&contestants, bench.much(3, 1), |contestant| {
        reap_once(bench, contestant, crowd).with_context(|| contestant.name)
    })?;
    let own = found.first().context("muster was measured")?;
    Ok(vec![Line {
        what: format!("{crowd} orphans that end together"),
        muster: format!("{} (n {})", text(own), own.len()),
        others: contestants
            .iter()
            .zip(&found)
            .skip(1)
            .map(|(contestant, all)| (contestant.name.to_owned(), text(all)))
            .collect(),
        budget: "0 left after 0.5 s, main status kept".to_owned(),
        met: own.iter().all(|it| it.left == 0 && it.code == Some(CODE)),
    }])
}

fn reap_once(bench: &Bench, contestant: &Contestant, crowd: u32) -> anyhow::Result<Reaped> {
    let mut variables = Member::variables();
    variables.push(("ACT", "crowd".to_owned()));
    variables.push(("CROWD", crowd.to_string()));
    let output = bench.world.dir().join("orphans-output");
    let mut container = Container::start(&contestant.words, &variables, &output)?;
    let code = container.end(Duration::from_secs(60))?;
    let said = container.said();
    let line = said.lines().find(|line| line.starts_with("left "));
    let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    let ["left", left, "peak", _, "gone", gone] = words.as_slice() else {
        anyhow::bail!("ended with {code:?} and said: {said}")
    };
    ensure!(code.is_some(), "it does not end");
    Ok(Reaped {
        left: left.parse()?,
        gone_ms: gone.parse()?,
        code,
    })
}

fn text(all: &[Reaped]) -> String {
    let left = all.iter().map(|it| it.left).max().unwrap_or_default();
    let gone = Sample::of(all.iter().map(|it| it.gone_ms));
    let lost = all.iter().any(|it| it.code != Some(CODE));
    let status = if lost { ", main status lost" } else { "" };
    format!("{left} left, all gone after {}{status}", gone.text("ms"))
}
