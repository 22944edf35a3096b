//! SIGTERM to PID 1 while an engine runs that needs a known time to stop cleanly, behind every shape of script.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::binary;
use nix::sys::signal::Signal;

use crate::bench::{Bench, inits, s6, tool};
use crate::container::Container;
use crate::member::Member;
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "stop",
    about: "SIGTERM to PID 1 until its end, less what the engine needs, behind each shape of script",
    per_engine: false,
    measure,
};

const BUDGET: f64 = 100.0;
/// Until an engine is up that is not up by then: an init that restarts what has ended would do so for ever.
const START: Duration = Duration::from_secs(5);

/// What comes after `#!/bin/bash`; ENGINE is the engine's program.
const SHAPES: [(&str, &str); 6] = [
    ("a script that execs", "exec ENGINE \"$@\""),
    ("a script that does not", "ENGINE \"$@\"\nexit $?"),
    (
        "a script that pipes into tee",
        "ENGINE \"$@\" 2>&1 | tee -a \"$0.log\"",
    ),
    (
        "a script that traps TERM and runs a stop script",
        // By the pid file, which an engine writes before it is up.
        "export PID_DIR=${0%/*}\n\
         trap 'bash -c \"kill -TERM $(<$PID_DIR/fe.pid); while kill -0 $(<$PID_DIR/fe.pid); do sleep 0.02; done\"' TERM\n\
         ENGINE \"$@\" &\nwhile kill -0 $!; do wait $!; done 2>/dev/null",
    ),
    (
        "a script with the engine in a session of its own",
        "setsid ENGINE \"$@\" &\nwait $!",
    ),
    (
        "a script that leaves a daemon",
        "nohup setsid ENGINE \"$@\" >/dev/null 2>&1 </dev/null &\nexit 0",
    ),
];

struct Stopped {
    /// The engine ended before anybody asked for it, with its script.
    early: bool,
    /// Milliseconds beyond the engine's own time, if PID 1 ended by itself.
    over: Option<f64>,
    /// The engine got to the end of its own stop.
    clean: bool,
    code: Option<i32>,
}

/// What one stop is given.
struct Stop {
    engine: Duration,
    /// Who has not ended so long after the engine could have is killed, as by `docker stop`, only sooner.
    latest: Duration,
    mark: PathBuf,
    output: PathBuf,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let dir = bench.world.dir();
    let stop = Stop {
        engine: Duration::from_millis(bench.much(1000, 100)),
        latest: Duration::from_millis(bench.much(1000, 200)),
        mark: dir.join("stop-mark"),
        output: dir.join("stop-output"),
    };
    let extra = binary("extra")?;
    let mut lines = Vec::new();
    for (number, (what, script)) in SHAPES.into_iter().enumerate() {
        let script = script.replace("ENGINE", &extra.display().to_string());
        let name = format!("stop-{number}");
        let member = Member::new(bench, &name, &format!("#!/bin/bash\n{script}\n"))?;
        let contestants = contestants(bench, &name, &member)?;
        let found = in_turns(&contestants, bench.much(5, 1), |contestant| {
            stop.once(contestant)
                .with_context(|| format!("{} behind {what}", contestant.name))
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
            budget: format!("clean, own {} s + {BUDGET} ms", stop.engine.as_secs_f32()),
            met: own.iter().all(|stop| stop.clean && stop.code == Some(0))
                && Sample::of(over).median() <= BUDGET,
        });
    }
    Ok(lines)
}

fn contestants(bench: &Bench, name: &str, member: &Member) -> anyhow::Result<Vec<Contestant>> {
    let mut all = vec![Contestant::muster("muster", binary("muster")?, &member.home, &[])];
    // The static build of a program stops as the other does.
    let inits = inits(&member.script)?.into_iter();
    all.extend(inits.filter(|init| init.name != "tini-static"));
    for (name, program) in [("tini -g", "tini"), ("catatonit -g", "catatonit")] {
        let program = tool(program);
        all.extend(program.map(|path| Contestant::before(name, &path, &["-g", "--"], &member.script)));
    }
    all.extend(s6(bench, &format!("{name}-with-s6"), &member.script)?);
    Ok(all)
}

impl Stop {
    fn once(&self, contestant: &Contestant) -> anyhow::Result<Stopped> {
        let mut variables = Member::variables();
        variables.push(("ACT", "stop".to_owned()));
        variables.push(("STOP_MS", self.engine.as_millis().to_string()));
        variables.push(("MARK", self.mark.display().to_string()));
        fs::write(&self.mark, "")?;
        let mut container = Container::start(&contestant.words, &variables, &self.output)?;
        let up = container.notes(&self.mark, "up\n", START)?;
        let asked = Instant::now();
        // A PID 1 that has ended meanwhile took the engine along.
        let early = !up || container.signal(Signal::SIGTERM).is_err();
        let code = container.end(self.engine + self.latest)?;
        let took = asked.elapsed();
        let clean = noted(&self.mark)?.contains("stopped\n");
        ensure!(up || code.is_some(), "no engine: {}", container.said());
        ensure!(
            !clean || took >= self.engine,
            "the engine stopped in less than its time"
        );
        Ok(Stopped {
            early,
            over: code.map(|_| (took.as_secs_f64() - self.engine.as_secs_f64()) * 1000.0),
            clean,
            code,
        })
    }
}

fn noted(mark: &Path) -> anyhow::Result<String> {
    fs::read_to_string(mark).with_context(|| mark.display().to_string())
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
        0 if stops.iter().all(|stop| stop.early) => "engine gone with its script".to_owned(),
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
