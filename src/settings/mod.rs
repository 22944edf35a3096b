//! What was asked: every variable and flag read once, all problems reported at once.
//! What is so, and what will be done about it, is decided to the right of here.

mod host;
mod read;
pub use read::{Flags, LogFormat, LogSettings, Problems};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

pub use host::{Endpoint, Host, NotAHost};

use crate::engine::{Component, Engine, PortName};

/// A value and who said it, for messages and `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Source,
}

/// Who said a value, in the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A command line flag, or the argument of `run`.
    Flag(&'static str),
    /// A variable, under the name it was found by: an alias is named as it was written.
    Environment(String),
    Record,
    Cluster,
    /// The engine's conf file as shipped or mounted.
    ConfFile,
    /// The files of the image.
    Image,
    /// Follows from other values.
    Derived,
    /// The engine's own default, or ours where only we have one.
    Default,
}

/// Everything that was asked of this node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `MASTER_HOST`: the seed first, then more FEs to ask. Never empty, no host twice.
    pub master_hosts: Sourced<Vec<Host>>,
    pub local_host: Sourced<Host>,
    /// The seed's MySQL port, if it is not the engine's default: where to ask first.
    pub master_query_port: Option<Sourced<u16>>,
    pub master_edit_log_port: Option<Sourced<u16>>,
    pub fe_role: Option<Sourced<FeRole>>,
    pub ports: BTreeMap<PortName, Sourced<u16>>,
    pub image: ImageSettings,
    /// Conf keys asked for through variables, per component, in the order they are to be written.
    pub conf: BTreeMap<Component, Vec<ConfWish>>,
    pub account: Account,
    /// `CLUSTER_TLS` and `CLUSTER_CA_FILE`.
    pub tls: Tls,
    pub root_password_file: Option<PathBuf>,
    pub bootstrap: Sourced<Bootstrap>,
    /// `None`: two heartbeats and a second.
    pub guard_time: Option<Sourced<Duration>>,
    pub rejoin: bool,
    pub wait_timeout: Sourced<Duration>,
    pub stop_grace: Option<Sourced<Duration>>,
    pub join_timeout: Sourced<Duration>,
    /// `MUSTER_EXEC=1` or `run --exec`.
    pub exec: bool,
    /// Names of pre-flight checks that warn instead of refusing.
    pub skip_preflight: BTreeSet<String>,
    /// Variables that must not reach the engine: those that held a secret.
    pub secret_variables: Vec<String>,
    /// Arguments after `--`, handed to the start script as they are.
    pub script_args: Vec<String>,
}

/// What says where the engine is and which one it is; all of it is usually found without being asked.
#[derive(Debug, Clone, Default)]
pub struct ImageSettings {
    pub home: Option<Sourced<PathBuf>>,
    pub component: Option<Sourced<Component>>,
    pub engine: Option<Sourced<&'static Engine>>,
    /// `None`: beside the conf file.
    pub state_dir: Option<Sourced<PathBuf>>,
}

/// What an FE that is not the seed joins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeRole {
    Follower,
    Observer,
}

/// One conf key somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfWish {
    pub key: String,
    pub value: String,
    pub source: Source,
}

/// Who speaks to the cluster.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: Sourced<String>,
    pub password: Option<Sourced<Secret>>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How the MySQL connection to an FE is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub mode: TlsMode,
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    Off,
    /// TLS where the server offers it, plain otherwise; the certificate is not checked.
    Prefer,
    /// TLS or nothing; the certificate is not checked.
    Require,
    /// TLS with a certificate that a known authority signed for this host.
    Verify,
}

/// Whether a seed that has nothing may found a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bootstrap {
    /// After nobody contradicted for the guard time.
    Guarded,
    Never,
    /// At once, whoever contradicts: for a person who knows.
    Force,
}

/// A duration as people write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    text.parse::<u64>()
        .map(Duration::from_secs)
        .map_err(|error| error.to_string())
}
