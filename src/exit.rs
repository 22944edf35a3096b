//! How `muster` ends: one code for one remedy. Operators' scripts may depend on every number here.

/// The outcome of a run before it is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// All went well: an answer was given, or an asked stop ended cleanly.
    Ok,
    /// `health` only: the node is not in the state that was asked for.
    Unhealthy,
    /// The command line cannot be understood.
    Usage,
    /// No leader that may be believed answered within the patience.
    NoLeader,
    /// A belief of this program was wrong.
    Internal,
    /// A port or a file that is needed is taken, or cannot be written.
    Taken,
    /// Nothing is wrong with the settings; the same start may succeed later.
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
    /// What the engine itself ended with: its own code, or 128 + the signal that killed it.
    Engine(u8),
}

impl ExitCode {
    /// Every code with a meaning of ours, in the order of the number.
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

    /// What happened, and the one thing to do about it.
    pub const fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("done, or stopped when asked", "nothing"),
            Self::Unhealthy => ("`health`: not healthy", "read the line it printed"),
            Self::Usage => ("the command line was not understood", "see `muster --help`"),
            Self::NoLeader => (
                "no leader in time",
                "start the other FEs, or check MASTER_HOST and the network; the last answers are in the log",
            ),
            Self::Internal => ("a fault in muster", "report it with the log"),
            Self::Taken => (
                "a port or a file is taken or not writable",
                "free what the message names, or choose another",
            ),
            Self::TryAgain => ("not now", "start it again; a restart policy does"),
            Self::Credentials => (
                "the cluster refused the account",
                "set CLUSTER_USER and CLUSTER_PASSWORD_FILE to an account that may run ALTER SYSTEM",
            ),
            Self::Configuration => (
                "settings, image or configuration files cannot be used",
                "correct every line of the report",
            ),
            Self::Refused => (
                "refused, to protect data",
                "do what the message says; nothing was changed",
            ),
            Self::NotExecutable => (
                "the start script cannot be executed",
                "check its mode and its first line",
            ),
            Self::NotFound => ("the start script does not exist", "check the image, or --home"),
            Self::Engine(_) => (
                "the engine's own code, or 128 + signal",
                "read the engine's last lines",
            ),
        }
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let rest: String = causes.map(|cause| format!(": {cause}")).collect();
    error.to_string() + &rest
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
