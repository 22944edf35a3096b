//! `muster run`: the entrypoint, PID 1. Has the companion prepare a start, supervises the engine, and has its end
//! explained. Reads no setting but how long a companion that dies is started again.

use std::ffi::OsString;
use std::time::Duration;

use crate::exit::{ExitCode, chain};
use crate::supervise::{Companion, Prepared, Signals, SuperviseError, Supervisor, Work, exec};
use crate::verbs::Outcome;

/// Runs this node to its end; `args` are those behind `run`.
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
            // Nothing runs, and the record says how far the companion got.
            Prepared::Stopped => return Ok(ExitCode::Ok),
            Prepared::Ended(code) => return Ok(code),
            Prepared::Start(start) => *start,
        };
        if start.hand_over.exec {
            // It ends by itself; a zombie would be left to a script that does not know it.
            supervisor.await_companion();
            return Err(exec(&start.hand_over.launch, &start.locks));
        }
        let kept = start.hand_over.kept.clone();
        let end = supervisor.run_start(start)?;
        if end.again {
            work = Work::Prepare;
        } else if end.ended.asked {
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
