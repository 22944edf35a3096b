//! The exit codes of `muster`: one code for one remedy. Operators' scripts may depend on every number here.

/// The outcome of a run, before it is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Success: an answer was printed, or a requested stop ended cleanly.
    Ok,
    /// `health`: the node is not in the requested state; `status`, `may-stop`, `doctor`: no. `run` ends with the same number if the engine ended with 0 and
    /// nobody asked for it.
    Unhealthy,
    /// The command line cannot be understood.
    Usage,
    /// No leader was confirmed in time.
    NoLeader,
    /// A bug in this program.
    Internal,
    /// A port or a file is in use, or a file cannot be written.
    Taken,
    /// A temporary failure; the same start may succeed later.
    TryAgain,
    /// The cluster refused the account.
    Credentials,
    /// The settings, the image or the configuration files cannot be used.
    Configuration,
    /// Refused, because going on could damage data.
    Refused,
    /// The start script cannot be executed.
    NotExecutable,
    /// The start script does not exist.
    NotFound,
    /// The engine's own exit code, or 128 + the signal that killed it.
    Engine(u8),
}

impl ExitCode {
    /// Every code of muster itself, in ascending order.
    pub const TABLE: [Self; 12] = [
        Self::Ok,
        Self::Unhealthy,
        Self::Usage,
        Self::NoLeader,
        Self::Internal,
        Self::Taken,
        Self::TryAgain,
        Self::Credentials,
        Self::Configuration,
        Self::Refused,
        Self::NotExecutable,
        Self::NotFound,
    ];

    /// The number the process ends with.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unhealthy => 1,
            Self::Usage => 64,
            Self::NoLeader => 69,
            Self::Internal => 70,
            Self::Taken => 73,
            Self::TryAgain => 75,
            Self::Credentials => 77,
            Self::Configuration => 78,
            Self::Refused => 79,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            Self::Engine(code) => code,
        }
    }

    /// The outcome in words, and what to do about it.
    pub const fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("done, or stopped on request", "nothing to do"),
            Self::Unhealthy => (
                "`health`: the node is not healthy; `status`: a person is needed; `may-stop`: no; `doctor`: an error was \
                 found; `run`: the engine ended with 0 or 1 by itself",
                "read what was printed, or the last lines of the engine's log",
            ),
            Self::Usage => ("wrong command line", "run `muster --help`"),
            Self::NoLeader => (
                "no leader in time",
                "start the other FEs, check MASTER_HOST and the network; the log has their last answers",
            ),
            Self::Internal => ("internal error in muster", "report it with the log"),
            Self::Taken => (
                "a port or a file is in use, or a file cannot be written",
                "free what the message names, or choose another",
            ),
            Self::TryAgain => ("temporary failure", "start it again; a restart policy does this"),
            Self::Credentials => (
                "the cluster refused the account",
                "set CLUSTER_USER and CLUSTER_PASSWORD_FILE to an account that may run ALTER SYSTEM",
            ),
            Self::Configuration => (
                "the settings, the image or a conf file cannot be used",
                "correct every line of the report",
            ),
            Self::Refused => (
                "refused to protect data",
                "follow the message; nothing was changed",
            ),
            Self::NotExecutable => (
                "the start script cannot be executed",
                "check its mode and its first line",
            ),
            Self::NotFound => ("the start script does not exist", "check the image or --home"),
            Self::Engine(_) => (
                "the engine's own exit code, or 128 + its signal",
                "read the last lines of the engine's log",
            ),
        }
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::ExitCode;

    #[test]
    fn every_code_is_listed_once_and_in_order() {
        let numbers: Vec<u8> = ExitCode::TABLE.iter().map(|code| code.number()).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(numbers, sorted);
    }
}
