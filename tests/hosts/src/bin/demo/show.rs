//! What a person sees: lines with the time in front, and tables.

use std::io::Write;
use std::time::Instant;

use comfy_table::{Table, presets};

/// Tells when things happened, in seconds since it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn says(self, text: &str) {
        line(&format!("{:6.1} s  {text}", self.0.elapsed().as_secs_f32()));
    }
}

/// One line, seen at once even if somebody reads through a pipe. Nobody reading is no reason to stop.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).ok();
}

pub(crate) fn failure(error: &anyhow::Error) {
    writeln!(std::io::stderr(), "\nerror: {error:#}").ok();
}

pub(crate) fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(columns);
    for row in rows {
        table.add_row(row);
    }
    line(&table.to_string());
}
