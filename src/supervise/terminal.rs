//! The terminal we were started at, as with `docker run -it` or in a shell: the engine's group gets it, so that Ctrl-C
//! and Ctrl-Z go where a person means them. Whoever is not in the foreground has nothing to give.

use std::fs::File;

use nix::unistd::{Pid, getpgrp, getpid, getsid, tcgetpgrp, tcsetpgrp};
use rustix::process::{Signal, kill_process};
use tracing::{debug, info};

#[derive(Debug)]
pub(super) struct Terminal {
    /// Not one of the three descriptors: each of them may be something else.
    tty: File,
    engine: Pid,
}

impl Terminal {
    /// Gives the terminal to the engine's group; after a change of images it has it already.
    pub(super) fn give(engine: i32) -> Option<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let engine = Pid::from_raw(engine);
        let foreground = tcgetpgrp(&tty).ok()?;
        let terminal = Self { tty, engine };
        if foreground == getpgrp() {
            terminal.hand_over();
        } else if foreground != engine {
            return None;
        }
        Some(terminal)
    }

    /// TTOU, which the kernel sends to whoever does that from the background, is blocked here.
    fn hand_over(&self) {
        if let Err(error) = tcsetpgrp(&self.tty, self.engine) {
            debug!(%error, "the terminal stays with us");
        }
    }

    /// A shell that lets us go on has given the terminal back to our own group.
    pub(super) fn went_on(&self) {
        if tcgetpgrp(&self.tty) == Ok(getpgrp()) {
            self.hand_over();
        }
    }

    /// The engine was suspended from the terminal. Where a shell started us, we follow, for it to notice; `true` where
    /// nobody is there who could let the engine go on again.
    pub(super) fn suspended(&self) -> bool {
        if getsid(None) == Ok(getpid()) {
            info!("suspended from the terminal, where nobody could wake it: the engine goes on");
            self.hand_over();
            return true;
        }
        if let Err(error) = kill_process(rustix::process::getpid(), Signal::STOP) {
            debug!(%error, "not suspended with the engine");
        }
        false
    }
}
