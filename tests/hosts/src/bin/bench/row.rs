//! A row of the table: how it is called, and what was found.

use crate::bench::Bench;

/// One thing to be measured. It gives one line of the table, or some that come from the same measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// What `--row` calls it.
    pub(crate) name: &'static str,
    /// What happens meanwhile.
    pub(crate) about: &'static str,
    /// The other engine may take another time for it, and is measured too.
    pub(crate) per_engine: bool,
    /// An error is a fault in the measuring, never a budget that was missed.
    pub(crate) measure: fn(&Bench) -> anyhow::Result<Vec<Line>>,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) muster: String,
    /// Names and figures.
    pub(crate) others: Vec<(String, String)>,
    pub(crate) budget: String,
    pub(crate) met: bool,
}
