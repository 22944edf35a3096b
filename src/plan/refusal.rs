//! The reason why muster does not continue: one sentence, a hint, and an exit code for the kind of reason.

use crate::exit::ExitCode;

/// A decision not to continue, before anything was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    pub code: ExitCode,
    pub sentence: String,
    /// The remedy.
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
