//! `muster run`: the entrypoint, PID 1. The companion prepares a start and reports the end, or writes it down; this process
//! supervises the engine. It reads one setting: the time for which a companion that ends is started again.

use std::ffi::OsString;
use std::time::Duration;

use crate::exit::{ExitCode, chain};
use crate::supervise::{Companion, Ended, Prepared, Signals, SuperviseError, Supervisor, Work, exec};
use crate::verbs::Outcome;

/// Runs this node to its end; `args` follow `run` on the command line.
pub fn run(signals: Signals, args: Vec<OsString>, patience: Duration) -> Outcome {
    match supervise(signals, args, patience) {
        Ok(code) => Outcome::silent(code),
        Err(error) => Outcome {
            output: String::new(),
            report: format!("error: {}\n", chain(&error)),
            code: error.exit_code(),
        },
    }
}

fn supervise(signals: Signals, args: Vec<OsString>, patience: Duration) -> Result<ExitCode, SuperviseError> {
    let mut supervisor = Supervisor::new(signals, Companion::new(args))?;
    let mut work = Work::Prepare;
    loop {
        let start = match supervisor.prepare(&work, patience)? {
            // No engine runs, and the record has the progress.
            Prepared::Stopped => return Ok(ExitCode::Ok),
            Prepared::Ended(code) => return Ok(code),
            Prepared::Start(start) => *start,
        };
        if start.hand_over.exec {
            // The companion ends by itself; the start script must not inherit a zombie.
            supervisor.await_companion();
            return Err(exec(&start.hand_over.launch, &start.locks));
        }
        let kept = start.hand_over.kept.clone();
        let end = match supervisor.run_start(start) {
            Ok(end) => end,
            Err(error) => {
                supervisor.remember(Ended::not_begun(error.exit_code()), kept);
                return Err(error);
            }
        };
        if end.again {
            work = Work::Prepare;
        } else if end.ended.asked {
            supervisor.remember(end.ended, kept);
            return Ok(end.ended.code());
        } else {
            work = Work::Report {
                ended: end.ended,
                kept,
                console: end.console,
            };
        }
    }
}
