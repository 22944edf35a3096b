//! What a statement comes to.

use serde::{Deserialize, Serialize};

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

impl Answer {
    /// 1064 HY000, the engine's answer to practically everything it does not like.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::error(1064, "HY000", text)
    }

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
