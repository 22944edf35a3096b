//! What a statement comes to.

use serde::{Deserialize, Serialize};

use crate::profile::{Engine, Profile};

pub(crate) type Row = Vec<Option<String>>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Rows {
        columns: Vec<String>,
        rows: Vec<Row>,
    },
    Error {
        code: u16,
        state: String,
        text: String,
    },
    /// The connection is closed without an answer.
    Closed,
    /// The connection stays and nothing comes.
    Never,
}

impl Profile {
    /// The engine's answer to practically everything it does not like.
    pub(crate) fn refused(&self, text: impl Into<String>) -> Answer {
        let text = text.into();
        let prefix = self.mysql.refusal_prefix;
        if text.starts_with(prefix) {
            return self.said(text);
        }
        self.said(format!("{prefix}{text}"))
    }

    pub(crate) fn no_database(&self, name: &str) -> Answer {
        let words = format!("Unknown database '{name}'");
        match self.engine {
            Engine::StarRocks => Answer::error(5501, "3F000", words),
            Engine::Doris => Answer::error(1049, "42000", words),
        }
    }

    /// The words of another class, without what stands in front of a refusal.
    pub(crate) fn said(&self, text: impl Into<String>) -> Answer {
        Answer::error(self.mysql.refusal_code, "HY000", text)
    }
}

impl Answer {
    pub(crate) fn error(code: u16, state: &str, text: impl Into<String>) -> Self {
        Self::Error {
            code,
            state: state.to_owned(),
            text: text.into(),
        }
    }

    pub(crate) fn rows(columns: &[&str], rows: Vec<Row>) -> Self {
        Self::Rows {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows,
        }
    }

    /// The same rows with one column fewer, as an older or newer engine might send them.
    pub(crate) fn without(self, missing: &str) -> Self {
        let Self::Rows {
            mut columns,
            mut rows,
        } = self
        else {
            return self;
        };
        if let Some(at) = columns.iter().position(|column| column == missing) {
            columns.remove(at);
            for row in &mut rows {
                row.remove(at);
            }
        }
        Self::Rows { columns, rows }
    }
}
