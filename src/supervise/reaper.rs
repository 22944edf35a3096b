//! Collects exit statuses, as the only place in the program: a second one could take the engine's.

use std::io;

use rustix::process::{WaitOptions, wait};

use super::{Exit, SuperviseError};

/// The result of one sweep.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// The ended children, in the kernel's order.
    pub(super) ended: Vec<(i32, Exit)>,
    /// True if no child is left, running or zombie. If orphans become children of muster, the tree is empty then.
    pub(super) childless: bool,
}

impl Sweep {
    /// Collects every child that has ended. Signals coalesce: one SIGCHLD may stand for three thousand. The statuses collected
    /// before an error are returned: the kernel does not report them again.
    pub(super) fn collect(&mut self) -> Result<(), SuperviseError> {
        loop {
            // rustix, because nix returns EINVAL and loses the pid for an end by a real-time signal.
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
