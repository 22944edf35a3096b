//! The engines as data: everything that is true of one of them and not of the other stands in this folder,
//! per version where versions differ. No other folder names an engine.

pub mod aliases;
mod doris;
pub mod failure;
pub mod member;
mod poll;
pub mod probe;
pub mod signature;
mod starrocks;

use std::time::Duration;

pub use poll::{Call, MEMBER_ANSWER, Poll, member_path, seed_in, seed_path};
pub use probe::Probes;

/// The engines that are recognised, supported or not.
pub const ALL: [&Engine; 2] = [&starrocks::ENGINE, &doris::ENGINE];

/// One database engine: its files, flags, ports, words and times.
#[derive(Debug, PartialEq, Eq)]
pub struct Engine {
    /// The word of `ENGINE`, of the record and of messages that a program reads.
    pub id: &'static str,
    /// The name people use.
    pub name: &'static str,
    /// Whether this version of muster can run it, or only recognise it.
    pub supported: bool,
    /// The variable in which its images keep the home dir.
    pub home_variable: &'static str,
    /// Keys of an FE's conf whose value a cluster keeps from its founding on.
    pub founding_keys: &'static [&'static str],
    /// What its files look like, one entry a component.
    pub layouts: &'static [Layout],
    /// Every port it listens on.
    pub ports: &'static [Port],
    /// Between two heartbeats of the leader.
    pub heartbeat: Duration,
    /// What proves that an FE was once ready.
    pub ready_proof: ReadyProof,
    /// Variables its start scripts end over.
    pub unwanted: &'static [&'static str],
    /// The words of its own FE start that mean "a founding that was cut short": nothing can have been stored.
    pub cut_founding: &'static [&'static str],
    /// The words that mean "this kept, unfinished join cannot be finished": set aside and join as if empty.
    pub cut_join: &'static [&'static str],
    pub sql: Sql,
    /// What its nodes tell over HTTP without a password.
    pub probes: Probes,
    /// Where a node that waits with nothing is called by the cluster it belongs to.
    pub call_listeners: &'static [CallListener],
}

/// One kind of call and the port it comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct CallListener {
    pub components: &'static [Component],
    pub port: PortName,
    pub poll: Poll,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    Fe,
    Be,
    Cn,
    Broker,
}

impl Component {
    pub const ALL: [Self; 4] = [Self::Fe, Self::Be, Self::Cn, Self::Broker];

    /// The word of `COMPONENT`, of the record and of `run`'s argument.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Fe => "fe",
            Self::Be => "be",
            Self::Cn => "cn",
            Self::Broker => "broker",
        }
    }

    /// The word people use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fe => "FE",
            Self::Be => "BE",
            Self::Cn => "CN",
            Self::Broker => "broker",
        }
    }

    pub const fn is_fe(self) -> bool {
        matches!(self, Self::Fe)
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|component| component.id().eq_ignore_ascii_case(word))
    }
}

/// The files of one component below its home dir; all paths are relative to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    pub component: Component,
    /// Where the vendor's image puts this home.
    pub default_home: &'static str,
    /// Where other images of the vendor put it.
    pub other_homes: &'static [&'static str],
    /// The script that starts it.
    pub script: &'static str,
    /// The vendor's image begins with a script of this name; its argument is a name behind which an FE answers.
    pub entrypoint: Option<&'static str>,
    /// Other scripts the first one hands its arguments to: a flag is known if any of them mentions it.
    pub inner_scripts: &'static [&'static str],
    /// Files of which one tells this engine from the other.
    pub marks: &'static [&'static str],
    pub conf: &'static str,
    /// A second file the engine reads after `conf` and that wins over it.
    pub custom_conf: Option<&'static str>,
    pub pid_file: &'static str,
    /// Files below the data dir that its process has locked while it runs.
    pub engine_locks: &'static [&'static str],
    /// What stands in the command line of this component's live process.
    pub process_mark: &'static str,
    /// Sends the engine's log to the console, in versions whose scripts know it.
    pub console_flag: &'static str,
    /// Its log files, those with the reason of an end first.
    pub log_files: &'static [&'static str],
    /// The same in its data dir: written also while the console takes the others.
    pub data_logs: &'static [&'static str],
    /// Where they lie when the conf does not say otherwise.
    pub default_logs: &'static str,
    /// The conf keys that move them: the console's file goes by one, the others by another.
    pub log_dir_keys: &'static [&'static str],
    /// The conf key of the data dir, or of a list of them.
    pub data_key: &'static str,
    /// The data dir when the conf does not name one.
    pub default_data: &'static str,
    /// From a stop request to SIGKILL, if `STOP_GRACE` does not say otherwise.
    pub stop_grace: Duration,
}

/// Which rule a port follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortKind {
    /// The same on every FE: the seed chooses, everyone else takes it from the cluster.
    ClusterWide,
    /// Part of what the cluster knows this node by: free to choose before the first registration only.
    Identity,
    /// This host's own affair.
    Local,
}

/// The name of a port, whatever the engine calls its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortName {
    Http,
    Rpc,
    Query,
    EditLog,
    ArrowFlight,
    Be,
    BeHttp,
    Heartbeat,
    Brpc,
    Starlet,
    BrokerIpc,
}

impl PortName {
    pub const ALL: [Self; 11] = [
        Self::Http,
        Self::Rpc,
        Self::Query,
        Self::EditLog,
        Self::ArrowFlight,
        Self::Be,
        Self::BeHttp,
        Self::Heartbeat,
        Self::Brpc,
        Self::Starlet,
        Self::BrokerIpc,
    ];

    /// The variable that wishes for it; also its name in `explain`.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Http => "HTTP_PORT",
            Self::Rpc => "RPC_PORT",
            Self::Query => "FE_QUERY_PORT",
            Self::EditLog => "EDIT_LOG_PORT",
            Self::ArrowFlight => "ARROW_FLIGHT_PORT",
            Self::Be => "BE_PORT",
            Self::BeHttp => "BE_HTTP_PORT",
            Self::Heartbeat => "HEARTBEAT_PORT",
            Self::Brpc => "BRPC_PORT",
            Self::Starlet => "STARLET_PORT",
            Self::BrokerIpc => "BROKER_IPC_PORT",
        }
    }
}

/// One port of one component.
#[derive(Debug, PartialEq, Eq)]
pub struct Port {
    pub name: PortName,
    pub components: &'static [Component],
    pub kind: PortKind,
    /// The key in the component's conf file.
    pub conf_key: &'static str,
    /// What the engine listens on when nobody says anything; `None` if it is off by default.
    pub default: Option<u16>,
    /// The engine tests or uses UDP on the same number too.
    pub udp: bool,
}

/// How an FE data dir shows that its FE was ready at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyProof {
    /// A key of ROLE that has a value only after the first readiness.
    RoleKeyFilled(&'static str),
    /// Words of the journal's own log, `bdb/je.info.*`: joined as a replica, or nascent group with its own name in a `*.jdb`.
    JournalInfo,
}

/// The statements of membership. `{}` stands for `host:port`, already in the engine's spelling.
#[derive(Debug, PartialEq, Eq)]
pub struct Sql {
    pub show_frontends: &'static str,
    pub show_backends: &'static str,
    /// `None`: compute nodes are rows of `show_backends`.
    pub show_compute_nodes: Option<&'static str>,
    pub add_follower: &'static str,
    pub add_observer: &'static str,
    pub add_backend: &'static str,
    pub add_compute_node: Option<&'static str>,
    pub drop_follower: &'static str,
    pub drop_observer: &'static str,
    pub drop_backend: &'static str,
    /// `None`: a compute node is dropped like a backend.
    pub drop_compute_node: Option<&'static str>,
    pub frontend_host: Rehost,
    pub backend_host: Rehost,
    /// Activates granted roles that are not default ones.
    pub set_all_roles: &'static str,
    /// Gives the account that says it a password; `{}` stands for the quoted text.
    pub set_own_password: &'static str,
}

/// How a member's host is changed. `{from}`, `{to}` and `{port}` stand for the hosts and the member's identity port.
#[derive(Debug, PartialEq, Eq)]
pub struct Rehost {
    pub statement: &'static str,
    /// An address may be given too, not only a name.
    pub to_address: bool,
}

impl Sql {
    /// What changes the host of such a node, if anything does.
    pub const fn rehost(&self, component: Component) -> Option<&Rehost> {
        match component {
            Component::Fe => Some(&self.frontend_host),
            Component::Be => Some(&self.backend_host),
            // Where a CN is a row of the BEs' list it is moved like one.
            Component::Cn if self.show_compute_nodes.is_none() => Some(&self.backend_host),
            Component::Cn | Component::Broker => None,
        }
    }
}

impl Engine {
    /// The engine of that id.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|engine| engine.id.eq_ignore_ascii_case(id))
    }

    #[cfg(test)]
    pub fn layout(&self, component: Component) -> Option<&'static Layout> {
        self.layouts.iter().find(|layout| layout.component == component)
    }

    /// The ports one component listens on.
    pub fn ports_of(&self, component: Component) -> impl Iterator<Item = &'static Port> {
        self.ports
            .iter()
            .filter(move |port| port.components.contains(&component))
    }

    /// Where one component is called.
    pub fn ears_of(&self, component: Component) -> impl Iterator<Item = &'static CallListener> {
        self.call_listeners
            .iter()
            .filter(move |listener| listener.components.contains(&component))
    }

    pub fn port(&self, component: Component, name: PortName) -> Option<&'static Port> {
        self.ports_of(component).find(|port| port.name == name)
    }

    /// How long a seed that has nothing listens before it founds: two heartbeats and a second, so that a living
    /// leader has called at least once.
    pub fn default_guard(&self) -> Duration {
        self.heartbeat * 2 + Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Component};

    #[test]
    fn every_engine_has_a_layout_and_exactly_one_identity_port_for_each_component_it_lists() {
        for engine in ALL {
            for layout in engine.layouts {
                let identity = engine
                    .ports_of(layout.component)
                    .filter(|port| port.kind == super::PortKind::Identity)
                    .count();
                assert_eq!(identity, 1, "{} {}", engine.name, layout.component.name());
            }
        }
    }

    #[test]
    fn a_component_is_found_by_its_word_in_any_case() {
        assert_eq!(Component::parse("Fe"), Some(Component::Fe));
        assert_eq!(Component::parse("frontend"), None);
    }
}
