//! The record: the identity of this node, its cluster, its ports and the progress of its join. Kept twice: in the data dir
//! (it names the owner of this data) and in the state dir (it shows that this host belongs to a cluster, even if the data
//! is gone). This module reads and renders it; `effects/record_store` writes it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::valid::is_cluster_id;
use crate::engine::{Component, Engine, PortKind, PortName};
use crate::file;
use crate::printable::excerpt;
use crate::settings::Host;

/// The version this program writes; a newer muster writes a higher one.
pub const VERSION: u64 = 1;

/// The name of the copy inside the data dir.
pub const DATA_COPY: &str = "muster.json";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub engine: &'static Engine,
    pub component: Component,
    /// The role's name.
    pub role: String,
    /// The advertised host.
    pub host: Host,
    pub ports: BTreeMap<PortName, u16>,
    pub cluster_id: Option<String>,
    /// The FEs of the cluster when it was last seen.
    pub members: Vec<MemberSeen>,
    pub progress: Progress,
    /// The work that this node has to do once in the life of its cluster, because it founded it or was its first BE: the
    /// passwords of the accounts, and the init files. `None`: nothing, or all is done.
    pub first_steps: Option<FirstSteps>,
    /// The data of this member was found gone, and it has not been alive since: its vote acknowledged writes that its new
    /// data does not have yet.
    pub lost: bool,
}

/// The init files that have been run so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSteps {
    /// The name of the file that was begun last; empty before the first.
    pub file: String,
    /// The number of its statements that were run.
    pub statements: usize,
}

/// An FE to ask later. An unknown port is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSeen {
    pub host: Host,
    #[serde(default)]
    pub edit_log_port: u16,
    #[serde(default)]
    pub query_port: u16,
    #[serde(default)]
    pub http_port: u16,
}

/// The progress of a node: a joiner from `Planned` to `Joined`, a founder from `Founding` to `Joined`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    Planned,
    /// The cluster lists it.
    Added,
    /// Its engine was started as a member.
    Started,
    /// The cluster showed it Alive.
    Joined,
    /// Its engine was started as the first one of a new cluster.
    Founding,
    /// The cluster no longer lists it: this data never starts again.
    Dropped,
}

impl Progress {
    /// True if a list of the cluster has shown the host of such a record. Nothing but a `LOCAL_HOST` has named that of the others.
    pub const fn binds_host(self) -> bool {
        match self {
            Self::Planned | Self::Founding => false,
            Self::Added | Self::Started | Self::Joined | Self::Dropped => true,
        }
    }
}

/// One copy of the record on disk. Only a file that does not exist is `Missing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordCopy {
    Missing,
    Present(Record),
    /// Truncated, empty, unreadable, or not a record of muster.
    Unreadable {
        path: PathBuf,
        why: String,
    },
    Newer {
        path: PathBuf,
        version: u64,
    },
}

/// The reason why a text is not a usable record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    #[error("it is empty")]
    Empty,
    #[error("it is truncated or not JSON: {0}")]
    NotJson(String),
    #[error("it is JSON, but not a record of muster: {0}")]
    Foreign(String),
    #[error("a newer muster wrote it, as version {0}")]
    Newer(u64),
}

/// The name of the copy in the state dir.
pub fn state_copy(component: Component) -> String {
    format!("muster-{}.json", component.id())
}

impl Record {
    /// The port that identifies this node in the cluster: the `edit_log_port` of an FE, the heartbeat port of a BE or CN.
    pub fn identity_port(&self) -> Option<u16> {
        self.engine
            .ports_of(self.component)
            .filter(|port| port.kind == PortKind::Identity)
            .find_map(|port| self.ports.get(&port.name).copied())
    }

    /// The text of the file: the same record gives the same bytes.
    pub fn to_json(&self) -> String {
        let ports = self.ports.iter();
        let wire = Wire {
            version: VERSION,
            engine: self.engine.id.to_owned(),
            component: self.component.id().to_owned(),
            role: self.role.clone(),
            host: self.host.clone(),
            ports: ports
                .map(|(name, port)| (name.variable().to_owned(), *port))
                .collect(),
            cluster_id: self.cluster_id.clone(),
            members: self.members.clone(),
            progress: self.progress,
            first_steps_pending: self.first_steps.is_some(),
            init_files: self.first_steps.clone().filter(|steps| !steps.file.is_empty()),
            lost: self.lost,
        };
        // Strings and numbers only: nothing here can fail to be JSON.
        let mut text = serde_json::to_string_pretty(&wire).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Parses the text of a record. Unknown fields are ignored.
    pub fn parse(text: &str) -> Result<Self, NotARecord> {
        if text.trim().is_empty() {
            return Err(NotARecord::Empty);
        }
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| NotARecord::NotJson(error.to_string()))?;
        let foreign = |why: String| NotARecord::Foreign(why);
        match value.get("version").and_then(serde_json::Value::as_u64) {
            None | Some(0) => return Err(foreign("it has no version".to_owned())),
            Some(version) if version > VERSION => return Err(NotARecord::Newer(version)),
            Some(_) => {}
        }
        let wire: Wire = serde_json::from_value(value).map_err(|error| foreign(error.to_string()))?;
        if let Some(id) = wire.cluster_id.as_deref().filter(|id| !is_cluster_id(id)) {
            return Err(foreign(format!(
                "the cluster id `{}` is not a number",
                excerpt(id, 60)
            )));
        }
        if let Some((name, _)) = wire.ports.iter().find(|(_, port)| **port == 0) {
            return Err(foreign(format!("{name} is 0, which is no port")));
        }
        // An unknown port is ignored like any other unknown field.
        let port = |name: PortName| Some((name, *wire.ports.get(name.variable())?));
        Ok(Self {
            engine: Engine::by_id(&wire.engine)
                .ok_or_else(|| foreign(format!("the engine `{}` is unknown", wire.engine)))?,
            component: Component::parse(&wire.component)
                .ok_or_else(|| foreign(format!("the component `{}` is unknown", wire.component)))?,
            role: wire.role,
            host: wire.host,
            ports: PortName::ALL.into_iter().filter_map(port).collect(),
            cluster_id: wire.cluster_id,
            members: wire.members,
            progress: wire.progress,
            first_steps: wire
                .first_steps_pending
                .then(|| wire.init_files.unwrap_or_default()),
            lost: wire.lost,
        })
    }
}

impl RecordCopy {
    pub fn read(path: &Path) -> Self {
        let unreadable = |why: String| Self::Unreadable {
            path: path.to_owned(),
            why,
        };
        let text = match file::text(path, file::RECORD) {
            // A broken link is not "no file": a record was intended there.
            Err(error) if is_absence(&error) && path.is_symlink() => return unreadable(error.to_string()),
            Err(error) if is_absence(&error) => return Self::Missing,
            Err(error) => return unreadable(error.to_string()),
            Ok(text) => text,
        };
        match Record::parse(&text) {
            Ok(record) => Self::Present(record),
            Err(NotARecord::Newer(version)) => Self::Newer {
                path: path.to_owned(),
                version,
            },
            Err(problem) => unreadable(problem.to_string()),
        }
    }

    pub const fn record(&self) -> Option<&Record> {
        match self {
            Self::Present(record) => Some(record),
            Self::Missing | Self::Unreadable { .. } | Self::Newer { .. } => None,
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The file's shape, in the order of its keys.
#[derive(Serialize, Deserialize)]
struct Wire {
    version: u64,
    engine: String,
    component: String,
    role: String,
    host: Host,
    #[serde(default)]
    ports: BTreeMap<String, u16>,
    #[serde(default)]
    cluster_id: Option<String>,
    #[serde(default)]
    members: Vec<MemberSeen>,
    progress: Progress,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    first_steps_pending: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init_files: Option<FirstSteps>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{DATA_COPY, FirstSteps, MemberSeen, NotARecord, Progress, Record, RecordCopy, state_copy};
    use crate::engine::{Component, PortName};
    use crate::facts::fixture::{one_engine, tree};
    use crate::settings::Host;

    fn record() -> Record {
        Record {
            engine: one_engine(),
            component: Component::Fe,
            role: "follower".to_owned(),
            host: Host::parse("192.168.1.11").unwrap(),
            ports: BTreeMap::from([(PortName::Http, 8030), (PortName::EditLog, 9011)]),
            cluster_id: Some("147889237".to_owned()),
            members: vec![MemberSeen {
                host: Host::parse("192.168.1.10").unwrap(),
                edit_log_port: 9010,
                query_port: 9030,
                http_port: 8030,
            }],
            progress: Progress::Added,
            first_steps: None,
            lost: false,
        }
    }

    /// The text of `record()`, as an operator sees it.
    fn text() -> String {
        r#"{
  "version": 1,
  "engine": "ENGINE",
  "component": "fe",
  "role": "follower",
  "host": "192.168.1.11",
  "ports": {
    "EDIT_LOG_PORT": 9011,
    "HTTP_PORT": 8030
  },
  "cluster_id": "147889237",
  "members": [
    {
      "host": "192.168.1.10",
      "edit_log_port": 9010,
      "query_port": 9030,
      "http_port": 8030
    }
  ],
  "progress": "added"
}
"#
        .replace("ENGINE", one_engine().id)
    }

    #[test]
    fn a_record_is_small_readable_json_and_comes_back_as_it_was() {
        assert_eq!(record().to_json(), text());
        assert_eq!(Record::parse(&text()), Ok(record()));
    }

    #[test]
    fn unknown_fields_and_ports_are_ignored() {
        // An earlier muster wrote this field.
        let earlier = text().replace("\"progress\"", "\"contradicted\": true,\n  \"progress\"");
        assert_eq!(Record::parse(&earlier), Ok(record()));
        let later = text()
            .replace("\"role\"", "\"zone\": {\"rack\": 7},\n  \"role\"")
            .replace("\"HTTP_PORT\"", "\"QUIC_PORT\": 1,\n    \"HTTP_PORT\"");
        assert_eq!(Record::parse(&later), Ok(record()));
    }

    #[test]
    fn the_first_steps_are_kept_with_the_file_they_got_to() {
        let steps = |file: &str, statements| {
            Some(FirstSteps {
                file: file.to_owned(),
                statements,
            })
        };
        let begun = ",\n  \"first_steps_pending\": true";
        let table = [
            (None, String::new()),
            (steps("", 0), begun.to_owned()),
            (
                steps("10-it's.sql", 3),
                format!(
                    "{begun},\n  \"init_files\": {{\n    \"file\": \"10-it's.sql\",\n    \"statements\": 3\n  }}"
                ),
            ),
        ];
        for (first_steps, lines) in table {
            let record = Record {
                first_steps,
                ..record()
            };
            let expected = text().replace("\"added\"", &format!("\"added\"{lines}"));
            assert_eq!(record.to_json(), expected);
            assert_eq!(Record::parse(&expected), Ok(record));
        }
    }

    #[test]
    fn what_need_not_be_known_may_be_absent() {
        let short = format!(
            r#"{{"version":1,"engine":"{}","component":"be","role":"BE","host":"be1","progress":"planned"}}"#,
            one_engine().id
        );
        let record = Record::parse(&short).unwrap();
        assert!(record.ports.is_empty() && record.cluster_id.is_none() && record.members.is_empty());
        assert_eq!(record.progress, Progress::Planned);
    }

    #[test]
    fn only_a_file_that_is_not_there_is_missing() {
        let whole = text();
        let cut = whole.get(..whole.len() / 2).unwrap();
        let zeros = "\0".repeat(200);
        let other_engine = whole.replace(one_engine().id, "postgres");
        let other_host = whole.replace("192.168.1.11", "192.168.1.11:9010");
        let other_cluster = whole.replace("147889237", "147889237&token=1");
        let no_port = whole.replacen("8030", "0", 1);
        let long = whole.clone() + &" ".repeat((1 << 20) + 1 - whole.len());
        let table = [
            ("present", whole.as_str(), "present"),
            ("empty", "", "it is empty"),
            ("blank", " \n", "it is empty"),
            ("truncated", cut, "it is truncated or not JSON"),
            (
                "zeros, as a power cut leaves them",
                &zeros,
                "it is truncated or not JSON",
            ),
            ("foreign", r#"{"name": "somebody else's"}"#, "it has no version"),
            ("foreign array", "[1, 2]", "it has no version"),
            (
                "another program's version",
                r#"{"version": 1, "services": {}}"#,
                "not a record of muster: missing field",
            ),
            (
                "unknown engine",
                &other_engine,
                "the engine `postgres` is unknown",
            ),
            ("impossible host", &other_host, "has a port"),
            (
                "impossible cluster",
                &other_cluster,
                "the cluster id `147889237&token=1` is not a number",
            ),
            ("impossible port", &no_port, "HTTP_PORT is 0, which is no port"),
            (
                "long",
                &long,
                "it has 1048577 bytes, and a record may have 1048576",
            ),
            ("link to nowhere", "-> nowhere.json", "No such file"),
            ("newer", r#"{"version": 2, "identity": {}}"#, "newer 2"),
        ];
        for (name, text, expected) in table {
            let root = tree(&[(DATA_COPY, text)]);
            let outcome = match RecordCopy::read(&root.path().join(DATA_COPY)) {
                RecordCopy::Missing => "missing".to_owned(),
                RecordCopy::Present(found) => {
                    assert_eq!(found, record());
                    "present".to_owned()
                }
                RecordCopy::Unreadable { why, .. } => why,
                RecordCopy::Newer { version, .. } => format!("newer {version}"),
            };
            assert!(outcome.contains(expected), "{name}: {outcome}");
        }
        let root = tree(&[("dir/", ""), ("file", "")]);
        let copy = |path: &str| RecordCopy::read(&root.path().join(path));
        assert_eq!(copy("muster.json"), RecordCopy::Missing);
        assert_eq!(copy("no/such/dir/muster.json"), RecordCopy::Missing);
        assert_eq!(copy("file/muster.json"), RecordCopy::Missing);
        assert!(matches!(copy("dir"), RecordCopy::Unreadable { .. }));
    }

    #[test]
    fn a_record_cut_off_anywhere_is_unreadable() {
        let whole = text();
        for length in 0..whole.trim_end().len() {
            let cut = whole.get(..length).unwrap();
            assert!(
                matches!(
                    Record::parse(cut),
                    Err(NotARecord::Empty | NotARecord::NotJson(_))
                ),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_newer_record_is_told_from_a_broken_one() {
        assert_eq!(Record::parse(r#"{"version": 7}"#), Err(NotARecord::Newer(7)));
        assert_eq!(
            Record::parse(r#"{"version": "7"}"#),
            Err(NotARecord::Foreign("it has no version".to_owned()))
        );
    }

    #[test]
    fn each_component_of_a_host_has_a_state_copy_of_its_own() {
        assert_eq!(state_copy(Component::Fe), "muster-fe.json");
        assert_eq!(state_copy(Component::Be), "muster-be.json");
    }
}
