//! Sets up muster's log on stderr: text on a terminal, JSON otherwise.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use tracing_subscriber::fmt;

use crate::settings::{LogFormat, LogSettings};

/// Starts the log, and returns whether it is JSON. A wrong `LOG_FORMAT` or `LOG_LEVEL` is reported with the other settings, not here.
pub(super) fn begin(vars: &[(OsString, OsString)]) -> bool {
    let requested = LogSettings::read(vars);
    let text = match requested.format {
        Some(LogFormat::Text) => true,
        Some(LogFormat::Json) => false,
        None => std::io::stderr().is_terminal(),
    };
    let builder = fmt()
        .with_max_level(requested.level)
        .with_target(false)
        // Such an error is printed with eprintln, which panics if stderr cannot be written: on a full disk.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let begun = if text {
        tracing::subscriber::set_global_default(builder.compact().finish())
    } else {
        tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
    };
    if begun.is_err() {
        // Only tests set up two.
        tracing::debug!("the log is already set up");
    }
    !text
}
