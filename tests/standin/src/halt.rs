//! How a program of the stand-in ends: an exit code and the words the engine would leave behind.

use std::process::ExitCode;

/// An end the program brings upon itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Halt {
    pub(crate) code: u8,
    pub(crate) words: String,
    /// Where the words appear. A value that cannot be read is reported on stdout only: the engine has no log yet.
    pub(crate) logged: bool,
    /// An exception ended the start: not every version makes an exit code of that.
    pub(crate) thrown: bool,
}

impl Halt {
    /// `System.exit(-1)`, with a line in the log.
    pub(crate) fn fatal(words: impl Into<String>) -> Self {
        Self {
            code: 255,
            words: words.into(),
            logged: true,
            thrown: false,
        }
    }

    /// An exception that nobody catches before `main` does.
    pub(crate) fn thrown(words: impl Into<String>) -> Self {
        Self {
            thrown: true,
            ..Self::fatal(words)
        }
    }

    /// The same, before there is a log.
    pub(crate) fn unlogged(words: impl Into<String>) -> Self {
        Self {
            logged: false,
            ..Self::thrown(words)
        }
    }

    pub(crate) fn with_code(code: u8, words: impl Into<String>) -> Self {
        Self {
            code,
            words: words.into(),
            logged: true,
            thrown: false,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}
