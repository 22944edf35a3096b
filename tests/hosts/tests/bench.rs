//! The bench measures, and leaves nothing behind. What it measures is nobody's promise on a busy machine.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{World, eventually, target_dir, this_test};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The bench as a person calls it; in the world only so that whatever it leaves can be seen.
fn bench(arguments: &[&str]) -> Command {
    let mut bench = World::unaware(env!("CARGO_BIN_EXE_bench"));
    bench.args(arguments);
    bench
}

/// Nobody runs but this test, and the files of the run are gone.
fn nothing_is_left(pid: u32) -> anyhow::Result<()> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let is_process = name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        if is_process && name != "1" {
            let command = fs::read_to_string(entry.path().join("cmdline"))?.replace('\0', " ");
            anyhow::bail!("still there: {} {command}", name.display());
        }
    }
    let files = target_dir()?.join("bench").join(pid.to_string());
    ensure!(!files.exists(), "{} is still there", files.display());
    Ok(())
}

fn said(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn start(world: &World, arguments: &[&str]) -> anyhow::Result<Child> {
    let output = fs::File::create(world.dir().join("bench"))?;
    bench(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("cannot run the bench")
}

#[test]
fn every_row_is_in_the_table_and_nothing_is_left() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let mut bench = start(&world, &["--quick"])?;
    let ended = bench.wait()?;
    let table = said(&world.dir().join("bench"));
    ensure!(ended.success(), "{ended}: {table}");
    for line in [
        "bytes in the image",
        "start → exec, supervising",
        "start → exec, handing over",
        "follower registered",
        "BE's engine started",
        "private dirty",
        "wake-ups",
        "health of an FE, CPU",
        "a script that execs",
        "a script that does not",
        "orphans that end together",
    ] {
        ensure!(table.contains(line), "no line `{line}` in\n{table}");
    }
    nothing_is_left(bench.id())
}

#[test]
fn an_interrupted_bench_leaves_nothing_either() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let mut bench = start(&world, &["--row", "memory"])?;
    let joined = target_dir()?
        .join("bench")
        .join(bench.id().to_string())
        .join("memory-bash");
    eventually(Duration::from_secs(30), "it measures", || {
        ensure!(joined.exists(), "{}", said(&world.dir().join("bench")));
        Ok(())
    })?;
    kill(Pid::from_raw(bench.id().cast_signed()), Signal::SIGTERM)?;
    assert_eq!(bench.wait()?.code(), Some(130));
    nothing_is_left(bench.id())
}

#[test]
fn a_row_that_does_not_exist_is_refused_with_those_that_do() -> anyhow::Result<()> {
    let done = bench(&["--row", "speed"]).output()?;
    let said = String::from_utf8(done.stderr)?;
    assert!(!done.status.success());
    ensure!(said.contains("orphans"), "{said}");
    Ok(())
}
