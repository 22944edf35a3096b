//! A container is killed and started again, with the pid file of its engine left behind and a start script that takes
//! any live process of that number for the engine: whether the engine comes back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::binary;

use crate::bench::{BASH, Bench, tool};
use crate::container::Container;
use crate::member::Member;
use crate::row::{Line, Row};
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "restart",
    about: "start after SIGKILL of the container, with the vendors' older pid check",
    per_engine: false,
    measure,
};

const PATIENCE: Duration = Duration::from_secs(5);
/// Of the stand-in's profiles, one whose scripts ask `kill -0`.
const PROFILE: &str = "starrocks-3.1";

/// An init and a home of its own, in which its pid file stays.
struct Entrant {
    contestant: Contestant,
    member: Member,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let rounds = bench.much(10, 3);
    let mut lines = Vec::new();
    for (what, exec) in [("the script becomes", "yes"), ("the script waits for", "no")] {
        let entrants = entrants(bench, exec)?;
        for entrant in &entrants {
            ensure!(
                comes_up(bench, entrant)?,
                "{}: not even the first time",
                entrant.contestant.name
            );
        }
        let found = in_turns(&entrants, rounds, |entrant| {
            comes_up(bench, entrant).with_context(|| entrant.contestant.name)
        })?;
        let back = |all: &[bool]| all.iter().filter(|back| **back).count();
        let own = back(found.first().context("muster was measured")?);
        lines.push(Line {
            what: format!("back after SIGKILL of a container with a pid file, {what} the engine"),
            muster: format!("{own} of {rounds}"),
            others: entrants
                .iter()
                .zip(&found)
                .skip(1)
                .map(|(entrant, all)| {
                    let name = entrant.contestant.name.to_owned();
                    (name, format!("{} of {rounds}", back(all)))
                })
                .collect(),
            budget: format!("{rounds} of {rounds}"),
            met: own == rounds,
        });
    }
    Ok(lines)
}

fn entrants(bench: &Bench, exec: &str) -> anyhow::Result<Vec<Entrant>> {
    let mut all = vec![Entrant::new(bench, exec, "muster", |member| {
        Ok(Contestant::muster("muster", binary("muster")?, &member.home, &[]))
    })?];
    // As `entrypoint.sh` starts it in the vendors' images, by itself and behind an init.
    for (name, program, flags) in [
        ("nothing between", "", &[][..]),
        ("bash", "bash", &BASH),
        ("tini", "tini", &["-s", "--"]),
        (
            "tini, bash",
            "tini",
            &["-s", "--", "bash", "-c", "\"$@\"; exit $?", "bash"],
        ),
        ("dumb-init", "dumb-init", &["--"]),
        ("catatonit", "catatonit", &["--"]),
    ] {
        let path = tool(program);
        if path.is_none() && !program.is_empty() {
            continue;
        }
        all.push(Entrant::new(bench, exec, name, |member| {
            let mut contestant = match &path {
                Some(path) if !program.is_empty() => Contestant::before(name, path, flags, &member.script),
                _ => Contestant {
                    name,
                    words: vec![member.script.clone().into()],
                },
            };
            contestant.words.push("--logconsole".into());
            Ok(contestant)
        })?);
    }
    Ok(all)
}

impl Entrant {
    /// The stand-in's own scripts, with `extra` for its server.
    fn new(
        bench: &Bench,
        exec: &str,
        name: &str,
        contestant: impl FnOnce(&Member) -> anyhow::Result<Contestant>,
    ) -> anyhow::Result<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../standin/home/starrocks/fe/bin");
        let text = |name: &str| {
            let path = scripts.join(name);
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let home = format!("restart-{exec}-{}", name.replace([' ', ','], "-"));
        let member = Member::new(bench, &home, &text("start_fe.sh")?)?;
        fs::write(member.home.join("bin/common.sh"), text("common.sh")?)?;
        fs::write(
            member.home.join("standin.conf"),
            format!("profile = {PROFILE}\nexec = {exec}\n"),
        )?;
        fs::copy(binary("extra")?, member.home.join("lib/standin"))?;
        Ok(Self {
            contestant: contestant(&member)?,
            member,
        })
    }
}

/// Whether the engine is up before the container ends, which is killed then.
fn comes_up(bench: &Bench, entrant: &Entrant) -> anyhow::Result<bool> {
    let mark = bench.world.dir().join("restart-mark");
    let mut variables = Member::variables();
    variables.push(("ACT", "stop".to_owned()));
    variables.push(("MARK", mark.display().to_string()));
    fs::write(&mark, "")?;
    let output = bench.world.dir().join("restart-output");
    let mut container = Container::start(&entrant.contestant.words, &variables, &output)?;
    let up = container.notes(&mark, "up\n", PATIENCE)?;
    let said = container.said();
    ensure!(up || said.contains("Stop it first"), "no engine: {said}");
    drop(container);
    ensure!(
        entrant.member.home.join("bin/fe.pid").is_file(),
        "an engine that is killed leaves its pid file"
    );
    Ok(up)
}
