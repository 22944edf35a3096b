//! The settings: every variable and flag is read once, and all problems are reported at once. Nothing here looks at the
//! machine, except for the files that variables name.

mod account;
mod applies_to;
mod command;
mod conf;
mod conf_lines;
mod conf_value;
mod duration;
mod enums;
mod env_file;
mod environment;
mod files;
mod heap;
mod host;
mod host_list;
mod hosts;
mod image;
mod inherited;
mod log;
mod machine;
mod missing;
mod networks;
mod parse;
#[cfg(test)]
mod parse_tests;
mod ports;
mod problems;
mod secret;
mod servers;
mod shell;
mod suggest;
pub mod variables;
mod vendor;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use account::{Account, ROOT, Tls, TlsMode};
pub use applies_to::{applies_to, is_for_another};
pub use command::{Command, CommandProblem, variable_of};
pub use conf::ConfRequest;
pub use duration::parse_duration;
pub use env_file::EnvFile;
pub use heap::{Heap, JAVA_OPTIONS, variable_of as heap_variable};
pub use host::{Endpoint, Host, NotAHost};
pub use host_list::{HostList, ListedHost};
pub use image::ImageSettings;
pub use inherited::Inherited;
pub use log::{LogFormat, LogSettings};
pub use machine::Machine;
pub use problems::{Problem, Problems, Warning};
pub use secret::{Secret, is_secret_name, is_secret_value, may_hold_secret};
pub use variables::{VARIABLES, Variable};

use crate::engine::{Component, Engine, PortName};
use std::collections::{BTreeMap, BTreeSet};

/// The command line; it wins over the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    pub home: Option<PathBuf>,
    pub component: Option<Component>,
    /// `run --exec`; without it the environment decides.
    pub exec: bool,
    /// The arguments after `--`.
    pub script_args: Vec<String>,
    /// A command that was written for the vendor's image.
    pub command: Option<Command>,
    /// Variables that the arguments give; they win over those of the environment.
    pub variables: Vec<(String, String)>,
    /// The first words of a command that starts no engine, and that the vendor's image would run once the engine has ended.
    pub not_run: Vec<String>,
    pub machine: Machine,
}

/// A value and its source, for messages and `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Source,
}

impl<T> Sourced<T> {
    /// A part of the value, from the same source.
    fn map<U>(&self, part: impl FnOnce(&T) -> U) -> Sourced<U> {
        Sourced {
            value: part(&self.value),
            source: self.source.clone(),
        }
    }
}

/// The source of a value, in the order of precedence.
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
    /// The one address that the machine has.
    OnlyAddress,
    /// Follows from other values.
    Derived,
    /// The engine's own default, or ours where only we have one.
    Default,
}

impl Source {
    /// The variable or flag, as messages name it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Environment(name) => name,
            Self::Flag(name) => name,
            Self::OnlyAddress => "the only address of this container",
            Self::Record | Self::Cluster | Self::ConfFile | Self::Image | Self::Derived | Self::Default => {
                "a default"
            }
        }
    }
}

/// All settings of this node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `MASTER_HOST`: the seed first, then more FEs to ask. Never empty, no host twice.
    pub master_hosts: Sourced<Vec<Host>>,
    pub local_host: Sourced<Host>,
    /// The seed's MySQL port, if it is not the engine's default: where to ask first.
    pub master_query_port: Option<Sourced<u16>>,
    pub master_edit_log_port: Option<Sourced<u16>>,
    pub fe_role: Option<Sourced<FeRole>>,
    /// The name that a broker is added under. `None`: it follows from the host.
    pub broker_name: Option<Sourced<String>>,
    pub ports: BTreeMap<PortName, Sourced<u16>>,
    pub image: ImageSettings,
    /// The folder whose files take the place of those in `conf/`.
    pub conf_folder: Option<Sourced<PathBuf>>,
    /// Conf keys asked for through variables, per component, in the order they are to be written.
    pub conf: BTreeMap<Component, Vec<ConfRequest>>,
    /// `FE_HEAP` and `BE_HEAP`.
    pub heap: BTreeMap<Component, Sourced<Heap>>,
    /// Names by which members are known, and the address of each: a vendor's script would write them into `/etc/hosts`.
    pub host_names: Vec<(Host, Host)>,
    pub account: Account,
    /// `CLUSTER_TLS` and `CLUSTER_CA_FILE`.
    pub tls: Tls,
    /// `ROOT_PASSWORD_FILE` and `ADMIN_PASSWORD_FILE`: the first passwords of accounts that the engine ships.
    pub root_password_file: Option<PathBuf>,
    pub admin_password_file: Option<PathBuf>,
    pub bootstrap: Sourced<Bootstrap>,
    /// `None`: two heartbeats and a second.
    pub guard_time: Option<Sourced<Duration>>,
    pub rejoin: bool,
    pub wait_timeout: Sourced<Duration>,
    pub stop_grace: Option<Sourced<Duration>>,
    pub join_timeout: Sourced<Duration>,
    /// As it is set: a file, or the directory of one.
    pub metrics_file: Option<Sourced<PathBuf>>,
    /// `MUSTER_EXEC=1` or `run --exec`.
    pub exec: bool,
    /// Names of pre-flight checks that warn instead of refusing.
    pub skip_preflight: BTreeSet<String>,
    /// Variables that must not reach the engine: those that held a secret.
    pub secret_variables: Vec<String>,
    /// The other ones.
    pub inherited: Inherited,
    /// The names of ours and of vendors, and those of conf keys, that are set.
    pub names: Vec<String>,
    /// Arguments after `--`, handed to the start script as they are.
    pub script_args: Vec<String>,
}

impl Settings {
    /// The file with the first password of an account, by its variable.
    pub fn first_password_file(&self, variable: &str) -> Option<&Path> {
        match variable {
            account::ROOT_PASSWORD_FILE => self.root_password_file.as_deref(),
            account::ADMIN_PASSWORD_FILE => self.admin_password_file.as_deref(),
            _ => None,
        }
    }

    /// The file of `METRICS_FILE`: in a directory, which the nodes of one host may share, it has the name of the component.
    pub fn metrics_path(&self, component: Component) -> Option<PathBuf> {
        let path = &self.metrics_file.as_ref()?.value;
        let is_file = path.extension().is_some_and(|extension| extension == "prom");
        Some(if is_file {
            path.clone()
        } else {
            path.join(format!("muster-{}.prom", component.id()))
        })
    }

    /// Lets a component have the requests for the conf file that it shares with another one.
    pub fn share_conf(&mut self, engine: &Engine, component: Component) {
        let others = Component::ALL
            .into_iter()
            .filter(|other| *other != component && engine.share_conf(*other, component));
        let theirs = others.filter_map(|other| self.conf.get(&other));
        let theirs: Vec<ConfRequest> = theirs.flatten().cloned().collect();
        let own = self.conf.entry(component).or_default();
        for request in theirs {
            if own.iter().all(|known| known.key != request.key) {
                own.push(request);
            }
        }
    }
}

/// The role in which an FE that is not the seed joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeRole {
    Follower,
    Observer,
}

/// The right of a seed without data to found a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bootstrap {
    /// After the guard time, if no existing cluster was seen.
    Guarded,
    Never,
    /// At once, even if a cluster is seen: for a person who knows.
    Force,
}
