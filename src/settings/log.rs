//! The format and level of muster's own log. They are needed before anything can be reported, so a wrong value falls back here and is
//! reported when the settings are read.

use std::ffi::OsString;

use tracing::Level;

use super::enums;
use super::environment;
use super::parse::Parser;

/// The format and level of muster's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// `None`: text on a terminal, JSON otherwise.
    pub format: Option<LogFormat>,
    pub level: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogSettings {
    /// Never fails; `Settings::read` reports wrong values.
    pub fn read(vars: &[(OsString, OsString)]) -> Self {
        let ours = vars
            .iter()
            .filter(|(name, _)| name == "LOG_FORMAT" || name == "LOG_LEVEL");
        let environment = environment::collect(&mut ours.cloned(), None);
        Self::from_parser(&mut Parser::new(&environment, None, None))
    }

    pub(super) fn from_parser(parser: &mut Parser<'_>) -> Self {
        Self {
            format: parser
                .parse("LOG_FORMAT", enums::log_format)
                .map(|format| format.value),
            level: parser
                .parse("LOG_LEVEL", enums::log_level)
                .map_or(Level::INFO, |level| level.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, LogSettings};
    use tracing::Level;

    #[test]
    fn a_wrong_value_falls_back() {
        let table = [
            ("", "", None, Level::INFO),
            ("JSON", "Debug", Some(LogFormat::Json), Level::DEBUG),
            ("text", "error", Some(LogFormat::Text), Level::ERROR),
            ("xml", "loud", None, Level::INFO),
        ];
        for (format, level, expected_format, expected_level) in table {
            let vars = [
                ("LOG_FORMAT", format),
                ("LOG_LEVEL", level),
                ("MASTER_HOST", ",,"),
            ];
            let read = LogSettings::read(&vars.map(|(name, value)| (name.into(), value.into())));
            assert_eq!((read.format, read.level), (expected_format, expected_level));
        }
    }
}
