//! A stop request to PID 1 while an engine runs that needs a known time to stop cleanly, behind both shapes of script.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::binary;
use nix::sys::signal::Signal;

use crate::bench::{Bench, inits, tool};
use crate::container::Container;
use crate::member::Member;
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "stop",
    about: "SIGTERM to PID 1 until its end, less what the engine needs",
    measure,
};

const BUDGET: f64 = 100.0;
/// Who has not ended so long after the engine could have is killed, as by `docker stop`, only sooner.
const LATEST: Duration = Duration::from_secs(1);

struct Stopped {
    /// Milliseconds beyond the engine's own time, if it ended by itself.
    over: Option<f64>,
    /// The engine got to the end of its own stop.
    clean: bool,
    code: Option<i32>,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let engine = Duration::from_millis(bench.much(1000, 200));
    let extra = binary("extra")?;
    let extra = extra.display();
    let mut lines = Vec::new();
    for (what, script) in [
        (
            "a script that execs",
            format!("#!/bin/bash\nexec {extra} \"$@\"\n"),
        ),
        (
            "a script that does not",
            format!("#!/bin/bash\n{extra} \"$@\"\nexit $?\n"),
        ),
    ] {
        let name = format!("stop-{}", lines.len());
        let member = Member::new(bench, &name, &script)?;
        let mut contestants = vec![Contestant::muster("muster", binary("muster")?, &member.home, &[])];
        // The static build of a program stops as the other does.
        contestants.extend(
            inits(&member.script)?
                .into_iter()
                .filter(|init| init.name != "tini-static"),
        );
        for (name, program) in [("tini -g", "tini"), ("catatonit -g", "catatonit")] {
            let program = tool(program);
            contestants
                .extend(program.map(|path| Contestant::before(name, &path, &["-g", "--"], &member.script)));
        }
        let found = in_turns(&contestants, bench.much(5, 1), |contestant| {
            stop_once(bench, contestant, engine).with_context(|| contestant.name)
        })?;
        let own = found.first().context("muster was measured")?;
        let over = own.iter().map(|stop| stop.over.unwrap_or(f64::INFINITY));
        lines.push(Line {
            what: format!("clean stop behind {what}"),
            muster: format!("{} (n {})", text(own), own.len()),
            others: contestants
                .iter()
                .zip(&found)
                .skip(1)
                .map(|(contestant, stops)| (contestant.name.to_owned(), text(stops)))
                .collect(),
            budget: format!("clean, own {} s + {BUDGET} ms", engine.as_secs_f32()),
            met: own.iter().all(|stop| stop.clean) && Sample::of(over).median() <= BUDGET,
        });
    }
    Ok(lines)
}

fn stop_once(bench: &Bench, contestant: &Contestant, engine: Duration) -> anyhow::Result<Stopped> {
    let mut variables = Member::variables();
    variables.push(("ACT", "stop".to_owned()));
    variables.push(("STOP_MS", engine.as_millis().to_string()));
    let output = bench.world.dir().join("stop-output");
    let mut container = Container::start(&contestant.words, &variables, &output)?;
    container.says("up\n")?;
    let asked = Instant::now();
    container.signal(Signal::SIGTERM)?;
    let code = container.end(engine + LATEST)?;
    let took = asked.elapsed();
    let clean = container.said().contains("stopped\n");
    ensure!(
        !clean || took >= engine,
        "the engine stopped in less than its time"
    );
    Ok(Stopped {
        over: code.map(|_| (took.as_secs_f64() - engine.as_secs_f64()) * 1000.0),
        clean,
        code,
    })
}

/// What became of most of them; all are alike but for some milliseconds.
fn text(stops: &[Stopped]) -> String {
    let clean = stops.iter().filter(|stop| stop.clean).count();
    let over: Vec<f64> = stops.iter().filter_map(|stop| stop.over).collect();
    let codes: Vec<String> = stops
        .iter()
        .filter_map(|stop| stop.code.map(|code| code.to_string()))
        .collect();
    let how = match clean {
        0 => "engine cut off".to_owned(),
        all if all == stops.len() => "clean".to_owned(),
        some => format!("clean {some} of {}", stops.len()),
    };
    match codes.as_slice() {
        [first, ..] if over.len() == stops.len() => {
            let sample = Sample::of(over);
            let code = if codes.iter().all(|code| code == first) {
                first.clone()
            } else {
                codes.join(",")
            };
            if clean == 0 {
                format!("{how}, exit {code}")
            } else {
                format!("+ {}, {how}, exit {code}", sample.text("ms"))
            }
        }
        _ => format!("{how}, has to be killed"),
    }
}
