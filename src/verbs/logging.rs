//! Our own log: one sentence a decision, on stderr. Text where a person reads it, JSON where a program does.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use tracing_subscriber::fmt;

use crate::settings::{LogFormat, LogSettings};

/// Starts the log, and returns whether it is JSON. A wrong `LOG_FORMAT` or `LOG_LEVEL` is reported with the other settings, not here.
pub(super) fn begin(vars: &[(OsString, OsString)]) -> bool {
    let asked = LogSettings::read(vars);
    let text = match asked.format {
        Some(LogFormat::Text) => true,
        Some(LogFormat::Json) => false,
        None => std::io::stderr().is_terminal(),
    };
    let builder = fmt()
        .with_max_level(asked.level)
        .with_target(false)
        // That is reported with eprintln, which panics where stderr cannot be written: a full disk.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let begun = if text {
        tracing::subscriber::set_global_default(builder.compact().finish())
    } else {
        tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
    };
    if begun.is_err() {
        // Only a test starts two.
        tracing::debug!("the log has begun already");
    }
    !text
}
