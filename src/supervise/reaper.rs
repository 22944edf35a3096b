//! Waits: the one place in the program that collects exit statuses. A second one would steal the engine's.

use std::io;

use rustix::process::{WaitOptions, wait};

use super::{Exit, SuperviseError};

/// What one sweep found.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// Everyone who ended, in the order the kernel reported them.
    pub(super) ended: Vec<(i32, Exit)>,
    /// A child was suspended, and by this signal: the last one there was.
    pub(super) suspended: Option<(i32, i32)>,
    /// No child is left, living or dead. With every orphan handed to us that means: the tree is empty.
    pub(super) childless: bool,
}

/// Collects every child that has ended. Signals coalesce: one SIGCHLD may stand for three thousand.
///
/// `suspended`: those that were suspended are of interest, too.
pub(super) fn sweep(suspended: bool) -> Result<Sweep, SuperviseError> {
    let mut options = WaitOptions::NOHANG;
    options.set(WaitOptions::UNTRACED, suspended);
    let mut sweep = Sweep::default();
    loop {
        // rustix rather than nix: nix answers EINVAL, and so loses the pid, for a death by a real-time signal.
        match wait(options) {
            Ok(Some((pid, status))) if status.stopped() => {
                let signal = status.stopping_signal();
                sweep.suspended = signal.map(|signal| (pid.as_raw_nonzero().get(), signal));
            }
            Ok(Some((pid, status))) => {
                let code = status
                    .exit_status()
                    .and_then(|code| u8::try_from(code).ok())
                    .map(Exit::Code);
                if let Some(exit) = code.or(status.terminating_signal().map(Exit::Signal)) {
                    sweep.ended.push((pid.as_raw_nonzero().get(), exit));
                }
            }
            Ok(None) => return Ok(sweep),
            Err(rustix::io::Errno::CHILD) => {
                return Ok(Sweep {
                    childless: true,
                    ..sweep
                });
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(SuperviseError::Wait(io::Error::from(errno))),
        }
    }
}
