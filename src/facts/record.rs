//! The record: who this node is, which cluster it belongs to, which ports it was given, how far its join got.
//! Kept twice: in the data dir (whose identity this data is) and in the state dir (that this host belongs to a
//! cluster, even if the data is gone). Here it is read and spelled; others write it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::{Component, Engine, PortName};
use crate::settings::Host;

/// The version this program writes; a higher one is somebody newer's.
pub const VERSION: u64 = 1;

/// The name of the copy inside the data dir.
pub const DATA_COPY: &str = "muster.json";

/// No record is anywhere near this long.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub engine: &'static Engine,
    pub component: Component,
    /// The role's word.
    pub role: String,
    /// The advertised host.
    pub host: Host,
    pub ports: BTreeMap<PortName, u16>,
    pub cluster_id: Option<String>,
    /// The FEs of the cluster when it was last seen.
    pub members: Vec<MemberSeen>,
    pub progress: Progress,
}

/// An FE to ask later. A port that was not known is 0.
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

/// How far a node got: a joiner from `Planned` to `Joined`, a founder from `Founding` to `Joined`.
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
}

/// One copy of the record, as it lies there. Only a file that is not there is `Missing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordCopy {
    Missing,
    Present(Record),
    /// Truncated, empty, unreadable, or not a record of ours.
    Unreadable {
        path: PathBuf,
        why: String,
    },
    Newer {
        path: PathBuf,
        version: u64,
    },
}

/// Why a text is no record that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    #[error("it is empty")]
    Empty,
    #[error("it is cut off or not JSON: {0}")]
    NotJson(String),
    #[error("it is JSON, but not a record of muster: {0}")]
    Foreign(String),
    #[error("it was written by a newer muster, as version {0}")]
    Newer(u64),
}

/// The name of the copy in the state dir.
pub fn state_copy(component: Component) -> String {
    format!("muster-{}.json", component.id())
}

impl Record {
    /// The text of the file: the same record gives the same bytes.
    pub fn to_json(&self) -> String {
        let wire = Wire {
            version: VERSION,
            engine: self.engine.id.to_owned(),
            component: self.component.id().to_owned(),
            role: self.role.clone(),
            host: self.host.clone(),
            ports: self
                .ports
                .iter()
                .map(|(name, port)| (name.variable().to_owned(), *port))
                .collect(),
            cluster_id: self.cluster_id.clone(),
            members: self.members.clone(),
            progress: self.progress,
        };
        // Strings and numbers only: nothing here can fail to be JSON.
        let mut text = serde_json::to_string_pretty(&wire).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads the text of a record. Fields this version does not know are passed over.
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
        Ok(Self {
            engine: Engine::by_id(&wire.engine)
                .ok_or_else(|| foreign(format!("the engine `{}` is unknown", wire.engine)))?,
            component: Component::parse(&wire.component)
                .ok_or_else(|| foreign(format!("the component `{}` is unknown", wire.component)))?,
            role: wire.role,
            host: wire.host,
            // A port of a later muster is passed over like any other field of one.
            ports: PortName::ALL
                .into_iter()
                .filter_map(|name| Some((name, *wire.ports.get(name.variable())?)))
                .collect(),
            cluster_id: wire.cluster_id,
            members: wire.members,
            progress: wire.progress,
        })
    }
}

impl RecordCopy {
    pub fn read(path: &Path) -> Self {
        let unreadable = |why: String| Self::Unreadable {
            path: path.to_owned(),
            why,
        };
        let text = match text_of(path) {
            // A link to nowhere is not "no file": somebody meant a record to be there.
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

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
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
}
