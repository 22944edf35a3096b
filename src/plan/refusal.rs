//! Why we will not go on: one sentence, what to do, and the exit code that says which kind it is.

use crate::exit::ExitCode;

/// An end that is decided, not suffered: nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    pub code: ExitCode,
    pub sentence: String,
    /// What to do about it.
    pub hint: String,
}

impl Refusal {
    pub fn new(code: ExitCode, sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            sentence: sentence.into(),
            hint: hint.into(),
        }
    }

    /// Refused to protect data.
    pub fn protect(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ExitCode::Refused, sentence, hint)
    }
}
