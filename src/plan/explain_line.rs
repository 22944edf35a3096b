//! One line of `explain`: a subject, its value, the source of the value, and the reason.

use std::fmt;

use crate::settings::Source;

/// One decision, for `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainLine {
    pub subject: String,
    pub value: String,
    pub source: Source,
    pub why: String,
}

impl ExplainLine {
    pub fn new(
        subject: impl Into<String>,
        value: impl fmt::Display,
        source: Source,
        why: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            value: value.to_string(),
            source,
            why: why.into(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) if name.starts_with('-') => write!(f, "the flag {name}"),
            Self::Flag(name) => f.write_str(name),
            Self::Environment(name) => write!(f, "the variable {name}"),
            Self::Record => f.write_str("the record"),
            Self::Cluster => f.write_str("the cluster"),
            Self::ConfFile => f.write_str("the conf file"),
            Self::Image => f.write_str("the image"),
            Self::OnlyAddress => f.write_str("the only address of this container"),
            Self::Derived => f.write_str("derived"),
            Self::Default => f.write_str("the default"),
        }
    }
}
