//! What is started in place of an engine where only the start, the stop or the crowd around it is measured. It is the
//! interpreter of the start script, `#!…/extra`, and `ACT` says what it does:
//!
//! | act | does |
//! |---|---|
//! | `tell` | says when it was started, and ends |
//! | `become` | says when it was started, and becomes bash with the same script |
//! | `stop` | notes `up`; when asked to stop takes `STOP_MS` for it, and notes `stopped` |
//! | `hear` | notes `up`; when asked to stop notes the moment, by the clock that all processes have in common, and ends |
//! | `crowd` | leaves `CROWD` orphans to PID 1, lets all end at once, says who is left when, and ends with 42 |
//!
//! What is noted is appended to the file `MARK`: who carries the output elsewhere may be stopped by the same signal. As
//! an engine does, it leaves its pid in `$PID_DIR/fe.pid`, if a start script has set that.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

fn main() -> io::Result<ExitCode> {
    let started = SystemTime::now();
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match variable("ACT").as_str() {
        "stop" => stop()?,
        "hear" => hear()?,
        "crowd" => return crowd(),
        "parent" => parent()?,
        "orphan" => {
            io::stdin().read_to_end(&mut Vec::new())?;
        }
        act => {
            let since = started
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_nanos();
            say(&format!("started {since}"))?;
            if act == "become" {
                return Err(Command::new("bash").args(words).exec());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn stop() -> io::Result<()> {
    asked_to_stop()?;
    pause(Duration::from_millis(
        variable("STOP_MS").parse().unwrap_or_default(),
    ));
    note("stopped")
}

fn hear() -> io::Result<()> {
    asked_to_stop()?;
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    note(&format!("heard {}", now.num_nanoseconds()))
}

/// Says that it is there, and returns with the request.
fn asked_to_stop() -> io::Result<()> {
    let asked: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    asked.thread_block()?;
    let dir = variable("PID_DIR");
    if !dir.is_empty() {
        fs::write(Path::new(&dir).join("fe.pid"), std::process::id().to_string())?;
    }
    note("up")?;
    asked.wait()?;
    Ok(())
}

fn note(line: &str) -> io::Result<()> {
    let mut mark = File::options().append(true).create(true).open(variable("MARK"))?;
    mark.write_all(format!("{line}\n").as_bytes())
}

/// The pipe holds the orphans: they end when this end of it is closed.
fn crowd() -> io::Result<ExitCode> {
    let (hold, let_go) = pipe()?;
    let own = std::env::current_exe()?;
    let size: usize = variable("CROWD").parse().unwrap_or_default();
    let ended = Command::new(own).env("ACT", "parent").stdin(hold).status()?;
    if !ended.success() || orphans()?.len() < size {
        return Err(io::Error::other(format!(
            "{} of {size} orphans, {ended}",
            orphans()?.len()
        )));
    }
    let begun = SystemTime::now();
    drop(let_go);
    let mut peak = 0;
    let mut after_half_a_second = None;
    loop {
        let left = orphans()?;
        let zombies = left.iter().filter(|state| **state == 'Z').count();
        let passed = begun.elapsed().unwrap_or_default();
        peak = peak.max(zombies);
        if passed >= Duration::from_millis(500) && after_half_a_second.is_none() {
            after_half_a_second = Some(zombies);
        }
        let over = left.is_empty() || passed >= Duration::from_secs(3);
        if over {
            let left = after_half_a_second.unwrap_or(zombies);
            say(&format!("left {left} peak {peak} gone {}", passed.as_millis()))?;
            return Ok(ExitCode::from(42));
        }
        pause(Duration::from_millis(5));
    }
}

/// Whom it starts is left to PID 1.
fn parent() -> io::Result<()> {
    let own = std::env::current_exe()?;
    let size: usize = variable("CROWD").parse().unwrap_or_default();
    for _ in 0..size {
        Command::new(&own)
            .env("ACT", "orphan")
            .stdout(Stdio::null())
            .spawn()?;
    }
    Ok(())
}

/// The states of all children of PID 1 but this program, and who may stand between the two.
fn orphans() -> io::Result<Vec<char>> {
    let not_left = [std::process::id(), std::os::unix::process::parent_id()].map(|pid| pid.to_string());
    let mut states = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .to_str()
            .is_none_or(|name| not_left.iter().any(|of| of == name) || name.parse::<u32>().is_err())
        {
            continue;
        }
        // Who is gone meanwhile is gone.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // A companion of PID 1 is no orphan.
        if !stat.contains("(extra)") {
            continue;
        }
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        if let (Some(state), Some("1")) = (fields.next(), fields.next()) {
            states.extend(state.chars().next());
        }
    }
    Ok(states)
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own: these are its arguments"
)]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own: it stands for one that takes this long"
)]
fn pause(time: Duration) {
    thread::sleep(time);
}
