//! A program from its start to its exit code: signals, pid files, last words.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::fe::{self, Fe};
use crate::group::membership::FeRole;
use crate::halt::Halt;
use crate::log::say;
use crate::log::{Lines, Log};
use crate::settings::{BROKER, SERVER, Settings, Variables};
use crate::{be, broker as brokers, sql as client};

/// Everything is one thread: hundreds of these run beside each other.
fn alone<T>(future: impl Future<Output = T>) -> Result<T, ExitCode> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let value = runtime.block_on(future);
            runtime.shutdown_background();
            Ok(value)
        }
        Err(error) => {
            say(&format!("cannot start the runtime: {error}"));
            Err(ExitCode::from(70))
        }
    }
}

fn settings(variables: Variables) -> Result<Settings, ExitCode> {
    Settings::read(variables).map_err(|words| {
        say(&words);
        ExitCode::from(255)
    })
}

pub(crate) fn fe(words: &[String]) -> ExitCode {
    let settings = match settings(SERVER) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let pid_file = settings.pid_dir.join("fe.pid");
    let log_dir = settings.log_dir.clone();
    let (lines, thrown) = (Lines::of(&settings), settings.profile.fe.thrown);
    let halt = match alone(run_fe(settings, words)) {
        Ok(halt) => halt,
        Err(code) => return code,
    };
    say(&halt.words);
    if halt.logged && !halt.words.is_empty() {
        Log::open(&log_dir, "fe", lines).error(&halt.words);
    }
    // Removed on every orderly end; a SIGKILL leaves it.
    std::fs::remove_file(pid_file).ok();
    if halt.thrown {
        ExitCode::from(thrown)
    } else {
        halt.exit_code()
    }
}

async fn run_fe(settings: Settings, words: &[String]) -> Halt {
    let scale = settings.scale;
    let graceful = settings.profile.fe.graceful_exit;
    let (halts, mut halted) = mpsc::unbounded_channel();
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal_unless_ignored()) else {
        return Halt::fatal("cannot listen for signals");
    };
    let life = async {
        match fe::boot::start(settings, words, halts).await {
            Ok(fe) => live(fe, graceful).await,
            Err(halt) => halt,
        }
    };
    tokio::select! {
        halt = life => halt,
        Some(halt) = halted.recv() => halt,
        _ = term.recv() => {
            scale.sleep(0.4).await;
            Halt::with_code(143, "")
        }
        () = received(&mut interrupt) => Halt::with_code(130, ""),
    }
}

/// A signal the parent left ignored stays ignored, as in a JVM.
fn signal_unless_ignored() -> std::io::Result<Option<tokio::signal::unix::Signal>> {
    const SIGINT_BIT: u64 = 1 << 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    if mask & SIGINT_BIT != 0 {
        Ok(None)
    } else {
        signal(SignalKind::interrupt()).map(Some)
    }
}

async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// A ready FE waits for SIGUSR1; before that moment, and in old versions always, the signal kills.
async fn live(fe: Arc<Fe>, graceful: bool) -> Halt {
    if !graceful {
        return std::future::pending().await;
    }
    let Ok(mut leave) = signal(SignalKind::user_defined1()) else {
        return std::future::pending().await;
    };
    leave.recv().await;
    let scale = fe.settings.scale;
    if !may_leave(&fe) {
        scale.sleep(1.0).await;
        return Halt::fatal(
            "The current number of FEs that are alive cannot match graceful exit condition, and can only exit \
             forcefully.",
        );
    }
    // Observed on a leader: it answers nobody and leads on for 16 s, and no other may lead meanwhile.
    fe.leaving.store(true, Ordering::Relaxed);
    scale.sleep(16.2).await;
    Halt::with_code(0, "")
}

/// After this node is gone a majority and one more must still be there: never with one or two followers.
fn may_leave(fe: &Fe) -> bool {
    let state = fe.group.state();
    let followers: Vec<_> = state
        .journal
        .membership
        .frontends
        .iter()
        .filter(|f| f.role == FeRole::Follower)
        .collect();
    let alive = followers
        .iter()
        .filter(|f| {
            f.name == fe.group.me.name || state.pulses.frontends.get(&f.name).is_some_and(|p| p.alive)
        })
        .count();
    alive > followers.len() / 2 + 1
}

pub(crate) fn be(words: &[String]) -> ExitCode {
    match settings(SERVER) {
        Ok(settings) => told(alone(be::run(settings, words))),
        Err(code) => code,
    }
}

pub(crate) fn broker() -> ExitCode {
    match settings(BROKER) {
        Ok(settings) => told(alone(brokers::run(settings))),
        Err(code) => code,
    }
}

fn told(halt: Result<Halt, ExitCode>) -> ExitCode {
    match halt {
        Ok(halt) => {
            if !halt.words.is_empty() {
                say(&halt.words);
            }
            halt.exit_code()
        }
        Err(code) => code,
    }
}

pub(crate) fn sql(words: &[String]) -> ExitCode {
    match alone(client::run(words)) {
        Ok(Ok(text)) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
        Err(code) => code,
    }
}
