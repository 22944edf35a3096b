//! The end of a process, and the exit code that follows from it.

use std::fmt;
use std::time::Duration;

use nix::libc::{SIGINT, SIGKILL, SIGTERM};
use serde::{Deserialize, Serialize};

use super::signals::name;
use crate::exit::ExitCode;

/// The end of one process, before it is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Code(u8),
    Signal(i32),
}

impl Exit {
    /// The shell's convention: the code itself, or 128 + the signal.
    pub fn number(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }

    /// True for the end of a clean stop. A JVM exits with 143 or 130 after its shutdown hooks ran; a wrapper script without
    /// a trap is ended by the signal.
    pub(super) fn obeys(self) -> bool {
        let polite = [SIGTERM, SIGINT];
        match self {
            Self::Code(code) => code == 0 || polite.iter().any(|s| i32::from(code) == 128 + s),
            Self::Signal(signal) => polite.contains(&signal),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Signal(signal) => write!(f, "{} ({})", self.number(), name(*signal)),
        }
    }
}

/// The end of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The exit of the main process, or of the last process if the start script started a daemon.
    pub exit: Exit,
    /// A stop request came before the end.
    pub asked: bool,
    /// The time from the spawn to the end of the last process.
    pub lived: Duration,
    /// False if a process had to be killed because the grace was over.
    pub drained: bool,
    /// The time from the stop request to the end; zero without one.
    pub stopping: Duration,
}

impl Ended {
    /// The end of a start script that could not be started.
    pub fn not_begun(code: ExitCode) -> Self {
        Self {
            exit: Exit::Code(code.number()),
            asked: false,
            lived: Duration::ZERO,
            drained: true,
            stopping: Duration::ZERO,
        }
    }

    /// True for an end on request that was clean.
    pub fn is_clean(&self) -> bool {
        self.asked && self.drained && self.exit.obeys()
    }

    /// The code of the container. An end that nobody asked for is never 0: `restart: on-failure` would leave it down.
    pub fn code(&self) -> ExitCode {
        if self.asked && !self.drained {
            return ExitCode::Engine(Exit::Signal(SIGKILL).number());
        }
        if self.asked && self.exit.obeys() {
            return ExitCode::Ok;
        }
        // A BE that fails a check of its start script, and an older FE that fails to start, end with 0.
        ExitCode::Engine(self.exit.number().max(1))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (self.asked, self.drained) {
            (true, true) if self.exit.obeys() => "stopped as requested",
            (true, true) => "a stop was requested, but it was not clean",
            (true, false) => "killed before it had stopped",
            (false, true) => "without a stop request",
            (false, false) => "without a stop request, and its remaining processes were killed",
        };
        write!(
            f,
            "engine ended with {} after {:.1?}, {how}",
            self.exit, self.lived
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_stop_is_zero_only_when_it_was_asked_for() {
        let ended = |exit, asked, drained| Ended {
            exit,
            asked,
            drained,
            lived: Duration::from_millis(500),
            stopping: Duration::ZERO,
        };
        for (exit, asked, drained, number) in [
            (Exit::Code(0), false, true, 1),
            (Exit::Code(0), false, false, 1),
            (Exit::Code(0), true, true, 0),
            (Exit::Code(143), true, true, 0),
            (Exit::Code(143), false, true, 143),
            (Exit::Signal(15), true, true, 0),
            (Exit::Signal(15), false, true, 143),
            (Exit::Code(130), true, true, 0),
            (Exit::Signal(2), false, true, 130),
            (Exit::Code(1), true, true, 1),
            (Exit::Signal(11), true, true, 139),
            (Exit::Signal(64), false, true, 192),
            // The wrapper went at once and cleanly; the engine it left behind did not.
            (Exit::Signal(15), true, false, 137),
            (Exit::Code(0), true, false, 137),
            // A crash keeps its own code, whatever had to be cleared away after it.
            (Exit::Code(3), false, false, 3),
        ] {
            let ended = ended(exit, asked, drained);
            assert_eq!(ended.code().number(), number, "{ended:?}");
        }
    }

    #[test]
    fn the_end_is_told_in_one_sentence() {
        let ended = Ended {
            exit: Exit::Signal(15),
            asked: true,
            drained: true,
            lived: Duration::from_millis(500),
            stopping: Duration::from_millis(20),
        };
        assert_eq!(
            ended.to_string(),
            "engine ended with 143 (SIGTERM) after 500.0ms, stopped as requested"
        );
    }
}
