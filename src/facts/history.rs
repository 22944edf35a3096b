//! The history: what happened to the node of this host, one JSON object a line, beside the copy of the record in the state dir.
//! This module reads and renders it; `effects/history` adds to it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::engine::Component;
use crate::file;

/// The most events that are kept.
pub const MOST: usize = 200;

/// The kind of an event. Kinds are only ever added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// The engine was handed over to PID 1.
    Started,
    /// The cluster shows this node alive, which founded it.
    Founded,
    /// The cluster shows this node alive for the first time.
    Joined,
    /// Another FE leads than before.
    Leader,
    /// The engine ended, and nobody had asked for it.
    Ended,
    /// The engine ended on request.
    Stopped,
    /// A run without an end.
    NoEnd,
    /// The engine was not started.
    Refused,
    /// The cluster no longer lists this node.
    Dropped,
    /// The cluster lists this node again.
    Listed,
    /// This node has another host than before.
    Readdressed,
    /// The engine has another version than before.
    Version,
    /// muster stopped the engine to start it again.
    Again,
}

impl Word {
    #[cfg(test)]
    const ALL: [Self; 13] = [
        Self::Started,
        Self::Founded,
        Self::Joined,
        Self::Leader,
        Self::Ended,
        Self::Stopped,
        Self::NoEnd,
        Self::Refused,
        Self::Dropped,
        Self::Listed,
        Self::Readdressed,
        Self::Version,
        Self::Again,
    ];

    /// As it stands in the file.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Founded => "founded",
            Self::Joined => "joined",
            Self::Leader => "leader",
            Self::Ended => "ended",
            Self::Stopped => "stopped",
            Self::NoEnd => "no-end",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::Listed => "listed",
            Self::Readdressed => "readdressed",
            Self::Version => "version",
            Self::Again => "again",
        }
    }
}

/// One event. What a kind does not have is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Event {
    /// RFC 3339, in seconds. Here: since 1970.
    #[serde(with = "rfc3339")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub at: u64,
    pub event: Word,
    /// One clause for a person, without secrets.
    pub say: String,
    /// The exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// How long the engine ran, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_s: Option<u64>,
    /// How long its stop took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_ms: Option<u64>,
    /// A process was killed because the grace was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<bool>,
    /// The id of the known cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The engine's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The host of the FE that leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// A start with `--exec`: no process of muster remains to tell the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<bool>,
    /// The number of events like this one that followed and are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
}

impl Event {
    /// An event whose time is set when it is written.
    pub fn new(event: Word, say: impl Into<String>) -> Self {
        Self {
            at: 0,
            event,
            say: say.into(),
            code: None,
            ran_s: None,
            stop_ms: None,
            cut: None,
            reason: None,
            version: None,
            cluster_id: None,
            leader: None,
            exec: None,
            more: None,
        }
    }

    /// Its line, with the end of the line.
    pub fn to_line(&self) -> String {
        // Strings and numbers only: nothing here can fail to be JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// A time in RFC 3339, to the second, in UTC.
pub fn time(at: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(at));
    let time = time.filter(|_| at < LAST_SECOND).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The end of the year 9999, beyond which there is no such text.
const LAST_SECOND: u64 = 253_402_300_800;

mod rfc3339 {
    use std::time::UNIX_EPOCH;

    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(at: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::time(*at))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_rfc3339(&text).map_err(de::Error::custom)?;
        Ok(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

/// The file of a component's history.
pub fn path(state_dir: &Path, component: Component) -> PathBuf {
    state_dir.join(format!("muster-{}.history", component.id()))
}

/// The lines of the file that are objects; one that does not exist has none. A newer muster may have kinds of its own.
pub fn lines(path: &Path) -> io::Result<Vec<String>> {
    let bytes = match file::read(path, file::HISTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let is_object = |line: &&str| line.starts_with('{') && serde_json::from_str::<IgnoredAny>(line).is_ok();
    Ok(text.lines().filter(is_object).map(str::to_owned).collect())
}

/// The events of these lines, the oldest first.
pub fn events(lines: &[String]) -> Vec<Event> {
    let parsed = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Event, Word, events, lines, path, time};
    use crate::engine::Component;
    use crate::facts::fixture::tree;

    #[test]
    fn an_event_is_one_readable_line_and_comes_back_as_it_was() {
        let ended = Event {
            at: 1_795_245_687,
            code: Some(255),
            ran_s: Some(12),
            reason: Some("disk-full".to_owned()),
            ..Event::new(Word::Ended, "255 after 12 s:\nthe disk is full")
        };
        let line = ended.to_line();
        assert_eq!(
            line,
            "{\"at\":\"2026-11-21T07:21:27Z\",\"event\":\"ended\",\"say\":\"255 after 12 s:\\nthe disk is full\",\
             \"code\":255,\"ran_s\":12,\"reason\":\"disk-full\"}\n"
        );
        assert_eq!(events(&[line]), [ended]);
    }

    #[test]
    fn every_word_is_the_one_of_the_file() {
        for word in Word::ALL {
            assert_eq!(
                serde_json::to_string(&word).unwrap(),
                format!("\"{}\"", word.id())
            );
        }
    }

    #[test]
    fn what_is_no_event_is_left_out_and_a_missing_file_has_none() {
        let whole = Event::new(Word::Started, "an engine").to_line();
        let newer = "{\"at\":\"2026-11-21T07:21:27Z\",\"event\":\"snapshot\",\"say\":\"\"}\n";
        let text = format!("{whole}\0\0\0\n{newer}{whole}{{\"at\":\"2026-11-21T07:21");
        let root = tree(&[("muster-fe.history", &text)]);
        let file = path(root.path(), Component::Fe);
        let found = lines(&file).unwrap();
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(events(&found).len(), 2);
        assert!(lines(&path(root.path(), Component::Be)).unwrap().is_empty());
        assert!(lines(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn no_number_of_seconds_is_too_large_for_a_time() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(u64::MAX), "1970-01-01T00:00:00Z");
    }
}
