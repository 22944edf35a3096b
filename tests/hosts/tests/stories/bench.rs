//! The bench measures, and leaves nothing behind. What it measures is nobody's promise on a busy machine.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use hosts::{World, eventually, this_test};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The bench as a person calls it; in the world only so that whatever it leaves can be seen.
fn bench(arguments: &[&str]) -> Command {
    let mut bench = World::unaware(env!("CARGO_BIN_EXE_bench"));
    bench.args(arguments);
    bench
}

/// A bench that was started, and where it puts what it says.
struct Run {
    program: Child,
    output: PathBuf,
}

impl Run {
    fn start(world: &World, arguments: &[&str]) -> anyhow::Result<Self> {
        let output = world.dir().join("bench");
        let file = File::create(&output)?;
        let program = bench(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        Ok(Self { program, output })
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Where its files are while it runs.
    fn files(&self) -> anyhow::Result<PathBuf> {
        let said = self.said();
        let line = said
            .lines()
            .find_map(|line| line.split_once("its files meanwhile: "));
        Ok(PathBuf::from(line.with_context(|| said.clone())?.1))
    }

    /// Nobody runs but this test, and the files of the run are gone.
    fn nothing_is_left(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name();
            let is_process = name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
            if is_process && name != "1" {
                let command = fs::read_to_string(entry.path().join("cmdline"))?.replace('\0', " ");
                bail!("still there: {} {command}", name.display());
            }
        }
        let files = self.files()?;
        ensure!(!files.exists(), "{} is still there", files.display());
        Ok(())
    }
}

#[test]
#[ignore = "nightly: what it measures is nobody's promise on a busy machine"]
fn every_row_is_in_the_table_and_nothing_is_left() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let mut bench = Run::start(&world, &["--quick"])?;
    let ended = bench.program.wait()?;
    let table = bench.said();
    ensure!(ended.success(), "{ended}: {table}");
    for line in [
        "bytes in the image",
        "start → exec, supervising",
        "start → exec, handing over",
        "follower registered",
        "BE's engine started",
        "BEs registered",
        "founding, all silent",
        "back at its cluster",
        "private dirty",
        "wake-ups",
        "health of an FE, CPU",
        "the engine has heard it",
        "a script that execs",
        "a script that does not",
        "a script that pipes into tee",
        "a script that traps TERM",
        "a session of its own",
        "a script that leaves a daemon",
        "orphans that end together",
        "back after SIGKILL of a container",
    ] {
        ensure!(table.contains(line), "no line `{line}` in\n{table}");
    }
    bench.nothing_is_left()
}

#[test]
fn an_interrupted_bench_leaves_nothing_either() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let mut bench = Run::start(&world, &["--row", "memory"])?;
    eventually(Duration::from_secs(30), "it measures", || {
        ensure!(bench.files()?.join("memory-bash").exists(), "{}", bench.said());
        Ok(())
    })?;
    kill(Pid::from_raw(bench.program.id().cast_signed()), Signal::SIGTERM)?;
    assert_eq!(bench.program.wait()?.code(), Some(130));
    bench.nothing_is_left()
}

#[test]
fn a_row_that_does_not_exist_is_refused_with_those_that_do() -> anyhow::Result<()> {
    let done = bench(&["--row", "speed"]).output()?;
    let said = String::from_utf8(done.stderr)?;
    assert!(!done.status.success());
    ensure!(said.contains("orphans"), "{said}");
    Ok(())
}
