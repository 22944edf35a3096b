//! Waits: the one place in the program that collects exit statuses. A second one would steal the engine's.

use std::io;

use rustix::process::{WaitOptions, wait};

use super::{Exit, SuperviseError};

/// What one sweep found.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// Everyone who ended, in the order the kernel reported them.
    pub(super) ended: Vec<(i32, Exit)>,
    /// No child is left, living or dead. With every orphan handed to us that means: the tree is empty.
    pub(super) childless: bool,
}

impl Sweep {
    /// Collects every child that has ended. Signals coalesce: one SIGCHLD may stand for three thousand. What was collected
    /// before an error stays collected: nobody will be told of it again.
    pub(super) fn collect(&mut self) -> Result<(), SuperviseError> {
        loop {
            // rustix rather than nix: nix answers EINVAL, and so loses the pid, for a death by a real-time signal.
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let code = status
                        .exit_status()
                        .and_then(|code| u8::try_from(code).ok())
                        .map(Exit::Code);
                    if let Some(exit) = code.or(status.terminating_signal().map(Exit::Signal)) {
                        self.ended.push((pid.as_raw_nonzero().get(), exit));
                    }
                }
                Ok(None) => return Ok(()),
                Err(rustix::io::Errno::CHILD) => {
                    self.childless = true;
                    return Ok(());
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(SuperviseError::Wait(io::Error::from(errno))),
            }
        }
    }
}
