//! Values that are one of a few words, in any case.

use crate::engine::{self, Component, Engine};

use super::{Bootstrap, FeRole, LogFormat, TlsMode};

/// 1/0, true/false, yes/no, on/off.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    one_of(
        text,
        &[
            ("1", true),
            ("0", false),
            ("true", true),
            ("false", false),
            ("yes", true),
            ("no", false),
            ("on", true),
            ("off", false),
        ],
    )
}

pub(super) fn fe_role(text: &str) -> Result<FeRole, String> {
    one_of(
        text,
        &[("follower", FeRole::Follower), ("observer", FeRole::Observer)],
    )
}

pub(super) fn bootstrap(text: &str) -> Result<Bootstrap, String> {
    one_of(
        text,
        &[
            ("guarded", Bootstrap::Guarded),
            ("never", Bootstrap::Never),
            ("force", Bootstrap::Force),
        ],
    )
}

pub(super) fn tls_mode(text: &str) -> Result<TlsMode, String> {
    one_of(
        text,
        &[
            ("off", TlsMode::Off),
            ("prefer", TlsMode::Prefer),
            ("require", TlsMode::Require),
            ("verify", TlsMode::Verify),
        ],
    )
}

pub(super) fn component(text: &str) -> Result<Component, String> {
    let words = Component::ALL.map(|component| (component.id(), component));
    one_of(text, &words)
}

pub(super) fn engine(text: &str) -> Result<&'static Engine, String> {
    let words = engine::ALL.map(|engine| (engine.id, engine));
    one_of(text, &words)
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    one_of(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
}

pub(super) fn log_level(text: &str) -> Result<tracing::Level, String> {
    one_of(
        text,
        &[
            ("error", tracing::Level::ERROR),
            ("warn", tracing::Level::WARN),
            ("info", tracing::Level::INFO),
            ("debug", tracing::Level::DEBUG),
            ("trace", tracing::Level::TRACE),
        ],
    )
}

/// `IP` or `FQDN`; true is the name.
pub(super) fn host_type(text: &str) -> Result<bool, String> {
    one_of(text, &[("IP", false), ("FQDN", true)])
}

fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("is none of {}", words.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::{boolean, bootstrap, component};
    use crate::engine::Component;
    use crate::settings::Bootstrap;

    #[test]
    fn words_are_read_in_any_case_and_a_wrong_one_lists_them_all() {
        for yes in ["1", "TRUE", "Yes", "on"] {
            assert_eq!(boolean(yes), Ok(true), "{yes}");
        }
        for no in ["0", "False", "NO", "off"] {
            assert_eq!(boolean(no), Ok(false), "{no}");
        }
        assert_eq!(bootstrap("Force"), Ok(Bootstrap::Force));
        assert_eq!(component("BE"), Ok(Component::Be));
        assert_eq!(
            bootstrap("maybe"),
            Err("is none of guarded, never, force".to_owned())
        );
        assert_eq!(
            component("frontend"),
            Err("is none of fe, be, cn, broker".to_owned())
        );
    }
}
