//! The engines as data: this folder holds everything that differs between them, by version where versions differ. No other
//! folder names an engine.

pub mod accounts;
pub mod aliases;
pub mod calendar;
mod doris;
pub mod failure;
pub mod heartbeat;
mod host_checks;
pub mod member;
mod member_list;
mod poll;
pub mod probe;
pub mod signature;
mod starrocks;
pub mod valid;

use std::time::Duration;

pub use host_checks::{Demand, HostCheck, HostChecks};
pub use member_list::MemberList;
pub use poll::{Call, MEMBER_ANSWER, Poll, member_path, seed_in, seed_path};
pub use probe::Probes;

/// The engines that muster runs.
pub const ALL: [&Engine; 2] = [&starrocks::ENGINE, &doris::ENGINE];

/// One database engine: its files, flags, ports, log texts and times.
#[derive(Debug, PartialEq, Eq)]
pub struct Engine {
    /// The value of `ENGINE`, also used in the record and in JSON.
    pub id: &'static str,
    /// The name in messages.
    pub name: &'static str,
    /// The variable of its images that names the home dir.
    pub home_variable: &'static str,
    /// The key of an FE's conf whose value a cluster keeps from its founding on.
    pub founding_mode: Option<FoundingMode>,
    /// True if the vendor's image runs `command:` only once the engine has ended.
    pub command_follows_engine: bool,
    /// True if a node is known by the name that a person gave its machine, where no variable says another host.
    pub hostname_is_identity: bool,
    pub replication: ReplicationKey,
    pub one_time_flags: &'static [OneTimeFlag],
    pub ignored_keys: &'static [IgnoredKey],
    pub unsupported: &'static [UnsupportedValue],
    /// The beginnings of other names that its start scripts may give a value, and that a conf may therefore use.
    pub script_adds: &'static [&'static str],
    /// Its files, one entry for each component.
    pub layouts: &'static [Layout],
    /// Every port it listens on.
    pub ports: &'static [Port],
    /// The time between two heartbeats of the leader.
    pub heartbeat: Duration,
    /// The proof that an FE was once ready.
    pub ready_proof: ReadyProof,
    /// How an FE computes its own host.
    pub own_host: OwnHost,
    /// Variables that make its start scripts fail.
    pub unwanted: &'static [&'static str],
    /// Log texts of an FE that show an interrupted founding: nothing can have been stored.
    pub cut_founding: &'static [&'static str],
    /// Log texts that show a kept join that cannot finish: the data is set aside, and the node joins without data.
    pub cut_join: &'static [&'static str],
    pub sql: Sql,
    pub accounts: accounts::Accounts,
    /// How a cluster lists each component that is no FE.
    pub lists: &'static [MemberList],
    /// The HTTP requests that its nodes answer without a password.
    pub probes: Probes,
    /// The calls that a cluster makes to a member without data that waits.
    pub call_listeners: &'static [CallListener],
}

/// The mode that a cluster is founded in.
#[derive(Debug, PartialEq, Eq)]
pub struct FoundingMode {
    pub conf_key: &'static str,
    pub default: &'static str,
    /// The key of VERSION that keeps it.
    pub version_key: &'static str,
}

/// One kind of call and its port.
#[derive(Debug, PartialEq, Eq)]
pub struct CallListener {
    pub components: &'static [Component],
    pub port: PortName,
    pub poll: Poll,
}

/// The component of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    Fe,
    Be,
    Cn,
    Broker,
}

impl Component {
    pub const ALL: [Self; 4] = [Self::Fe, Self::Be, Self::Cn, Self::Broker];

    /// The value of `COMPONENT`, of the record and of `run`'s argument.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Fe => "fe",
            Self::Be => "be",
            Self::Cn => "cn",
            Self::Broker => "broker",
        }
    }

    /// The name in messages.
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
    /// The home dir in the vendor's image.
    pub default_home: &'static str,
    /// The home dirs in other images of the vendor.
    pub other_homes: &'static [&'static str],
    /// The script that starts it.
    pub script: &'static str,
    /// The entrypoint scripts of the vendor's images and of others that are built from them.
    pub entrypoints: &'static [Entrypoint],
    /// Other scripts that get its arguments: a flag is known if one of them mentions it.
    pub inner_scripts: &'static [&'static str],
    /// Files of which one identifies this engine.
    pub marks: &'static [&'static str],
    /// A text of the start script that identifies this engine, where `marks` are named as those of another one.
    pub script_mark: Option<&'static str>,
    /// Variables that the start script sets before it reads the conf: a value of the container has no effect. The first one
    /// is the home dir.
    pub script_sets: &'static [&'static str],
    pub conf: &'static str,
    /// A second file that the engine reads after `conf` and that has precedence.
    pub custom_conf: Option<&'static str>,
    pub pid_file: &'static str,
    /// Files below the data dir that its process has locked while it runs.
    pub engine_locks: &'static [&'static str],
    /// A text in the command line of this component's running process.
    pub process_mark: &'static str,
    /// The flag that sends the engine's log to the console, in versions whose scripts know it.
    pub console_flag: Option<&'static str>,
    /// Its log files, those with the reason of an end first.
    pub log_files: &'static [&'static str],
    /// Log files in its data dir, written even if the others go to the console.
    pub data_logs: &'static [&'static str],
    /// The default log dir.
    pub default_logs: &'static str,
    /// The conf keys that set the log dirs: first the variable of the start script, for the console's file, then the one for
    /// the others.
    pub log_dir_keys: &'static [&'static str],
    /// `None`: it keeps no data.
    pub data: Option<DataKey>,
    /// The conf key with the networks of which one has the node's address. `None`: it listens on every address.
    pub networks_key: Option<&'static str>,
    pub java_home: JavaHome,
    /// The demands of the start script on the host.
    pub host_checks: Option<&'static HostChecks>,
    /// The file whose mode some versions of the start script set at every start.
    pub program: Option<&'static str>,
    /// Lines of the conf that make a process this component, where nothing else tells it from another one.
    pub fixed_conf: &'static [(&'static str, &'static str)],
    /// The conf key of the only cluster whose heartbeats are accepted. Without it the cluster of the first heartbeat counts.
    pub cluster_id_key: Option<&'static str>,
    /// The time from a stop request to SIGKILL, unless `STOP_GRACE` is set.
    pub stop_grace: Duration,
}

/// Where the start script needs `JAVA_HOME`, if it mentions that at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JavaHome {
    /// Nowhere: it looks for Java itself, or goes on without.
    Optional,
    /// In the environment or in the conf file, which it reads before.
    InEither,
    /// In the environment.
    InEnvironment,
}

/// How the conf names the data dir.
#[derive(Debug, PartialEq, Eq)]
pub struct DataKey {
    /// The key of the data dir, or of a list of them.
    pub key: &'static str,
    /// The data dir when the conf does not name one.
    pub default: &'static str,
}

/// A script that finds the cluster and starts a component.
#[derive(Debug, PartialEq, Eq)]
pub struct Entrypoint {
    pub script: &'static str,
    /// True if its argument is a name behind which an FE answers. Otherwise all that it reads is in the environment.
    pub takes_host: bool,
}

impl Entrypoint {
    const fn with_host(script: &'static str) -> Self {
        Self {
            script,
            takes_host: true,
        }
    }

    const fn alone(script: &'static str) -> Self {
        Self {
            script,
            takes_host: false,
        }
    }
}

/// The key of an FE's conf with the number of copies of a table's data.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplicationKey {
    pub key: &'static str,
    /// The number that needs no key, because it is the engine's own and the key counts also for tables with another number.
    pub needless: Option<&'static str>,
}

/// A flag of a start script that is for one start by hand.
#[derive(Debug, PartialEq, Eq)]
pub struct OneTimeFlag {
    pub flag: &'static str,
    /// What it does, after "which".
    pub does: &'static str,
}

/// A key that people write into a conf file and that the engine ignores, as every key that it does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct IgnoredKey {
    pub component: Component,
    pub key: &'static str,
    /// The key that does it, or when it was one; the end of a sentence.
    pub instead: &'static str,
    /// True if its value is meant to be the host of this node.
    pub names_host: bool,
}

/// A value of a conf key with which muster cannot run the engine.
#[derive(Debug, PartialEq, Eq)]
pub struct UnsupportedValue {
    pub key: &'static str,
    pub value: &'static str,
    /// The end of a sentence.
    pub why: &'static str,
}

/// The rule that a port follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortKind {
    /// The same on every FE: the seed chooses, the other FEs use the cluster's.
    ClusterWide,
    /// Identifies this node in the cluster: can be chosen only before the first registration.
    Identity,
    /// Used by this host alone.
    Local,
}

/// The name of a port, independent of the engine's conf key.
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

    /// The variable that requests it; also its name in `explain`.
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
    /// The engine's default; `None` if it is off by default.
    pub default: Option<u16>,
    /// True if the engine tests or uses UDP on the same number.
    pub udp: bool,
}

/// The proof in an FE data dir that the FE was ready at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyProof {
    /// A key of ROLE that has a value only after the first readiness.
    RoleKeyFilled(&'static str),
    /// Texts in the journal's own log, `bdb/je.info.*`: joined as a replica, or nascent group with its own name in a `*.jdb`.
    JournalInfo,
}

/// How an FE computes the host by which it knows itself. It compares that text with the list of members.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnHost {
    /// The conf key that fixes an address and has precedence over everything else.
    pub address_key: Option<AddressKey>,
    pub by_name: NameMode,
    /// The key of ROLE with the address mode (`IP` or `FQDN`), in engines whose `name` in ROLE begins with the host:
    /// `<host>_<edit_log_port>_<millis>`.
    pub role_mode_key: Option<&'static str>,
}

/// A conf key with an address of the host.
#[derive(Debug, PartialEq, Eq)]
pub struct AddressKey {
    pub key: &'static str,
    /// The value that fixes nothing.
    pub unset: &'static str,
}

/// What makes an FE know itself by the name of its machine, and not by an address.
#[derive(Debug, PartialEq, Eq)]
pub enum NameMode {
    /// A flag of the start script. muster gives it to an FE whose host is a name.
    Flag(&'static str),
    /// A conf key with the value `true`.
    Key(&'static str),
}

/// The statements about FEs, and those without a member. `{}` stands for `host:port`, already in the engine's spelling.
#[derive(Debug, PartialEq, Eq)]
pub struct Sql {
    pub show_frontends: &'static str,
    pub add_follower: &'static str,
    pub add_observer: &'static str,
    pub drop_follower: &'static str,
    pub drop_observer: &'static str,
    pub frontend_host: Rehost,
    /// The words after ALTER SYSTEM that change the list of members.
    pub member_verbs: &'static [&'static str],
    /// Activates granted roles that are not default ones.
    pub set_all_roles: &'static str,
    /// Tells the clock of an FE, in seconds since 1970. `None`: the `Date` header of every HTTP answer tells it.
    pub unix_time: Option<&'static str>,
}

/// The statement that changes a member's host. `{from}`, `{to}` and `{port}` stand for the hosts and the member's identity port.
#[derive(Debug, PartialEq, Eq)]
pub struct Rehost {
    pub statement: &'static str,
    /// True if the new host can be an address, not only a name.
    pub to_address: bool,
}

impl Engine {
    /// The engine of that id.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|engine| engine.id.eq_ignore_ascii_case(id))
    }

    pub fn layout(&self, component: Component) -> Option<&'static Layout> {
        self.layouts.iter().find(|layout| layout.component == component)
    }

    /// The ports one component listens on.
    pub fn ports_of(&self, component: Component) -> impl Iterator<Item = &'static Port> {
        self.ports
            .iter()
            .filter(move |port| port.components.contains(&component))
    }

    /// The calls to one component.
    pub fn ears_of(&self, component: Component) -> impl Iterator<Item = &'static CallListener> {
        self.call_listeners
            .iter()
            .filter(move |listener| listener.components.contains(&component))
    }

    /// True if nodes of this component are started by this engine's images.
    pub fn has(&self, component: Component) -> bool {
        self.layouts.iter().any(|layout| layout.component == component)
    }

    pub fn port(&self, component: Component, name: PortName) -> Option<&'static Port> {
        self.ports_of(component).find(|port| port.name == name)
    }

    /// The port that is part of what a cluster knows a node by.
    pub fn identity_port(&self, component: Component) -> Option<&'static Port> {
        self.ports_of(component)
            .find(|port| port.kind == PortKind::Identity)
    }

    /// The list of that component; an FE has none of these.
    pub fn list(&self, component: Component) -> Option<&'static MemberList> {
        self.lists.iter().find(|list| list.component == component)
    }

    /// Every list that may have the address of such a node, its own first: those with the same identity port.
    pub fn lists_beside(&self, component: Component) -> Vec<&'static MemberList> {
        let port = |component| self.identity_port(component).map(|port| port.name);
        let own = self.list(component).into_iter();
        let others = self.lists.iter();
        let others = others.filter(|list| port(list.component) == port(component));
        let mut lists: Vec<&MemberList> = Vec::new();
        for list in own.chain(others) {
            if lists.iter().all(|known| known.show != list.show) {
                lists.push(list);
            }
        }
        lists
    }

    /// True if these two read the same conf file.
    pub fn share_conf(&self, one: Component, other: Component) -> bool {
        let conf = |component| self.layout(component).map(|layout| layout.conf);
        conf(one).is_some() && conf(one) == conf(other)
    }

    /// The statement that changes the host of such a node, if there is one.
    pub fn rehost(&self, component: Component) -> Option<&Rehost> {
        if component.is_fe() {
            return Some(&self.sql.frontend_host);
        }
        self.list(component)?.rehost.as_ref()
    }

    /// The default guard time: two heartbeats and a second, so that a running leader has called a seed without data at least
    /// once.
    pub fn default_guard(&self) -> Duration {
        self.heartbeat * 2 + Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Component};

    #[test]
    fn every_component_that_an_engine_has_can_be_listed_and_has_exactly_one_identity_port() {
        for engine in ALL {
            for layout in engine.layouts {
                let is_listed = layout.component.is_fe() || engine.list(layout.component).is_some();
                assert!(is_listed, "{} {}", engine.name, layout.component.name());
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
