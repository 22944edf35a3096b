//! The engines as data: this folder holds everything that differs between them, by version where versions differ. No other
//! folder names an engine.

pub mod accounts;
pub mod aliases;
pub mod calendar;
pub mod dialler;
mod doris;
mod environment;
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

pub use environment::{Environment, OneStart};
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
    /// The newest version whose sources were read: the first two numbers.
    pub newest: (u16, u16),
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
    /// Conf keys with which its members are kept in another way than muster's.
    pub unsupported: &'static [Unsupported],
    /// Variables that make its start scripts fail.
    pub unwanted: &'static [&'static str],
    /// Log texts of an FE that show an interrupted founding: nothing can have been stored.
    pub cut_founding: &'static [&'static str],
    /// Log texts that show a kept join that cannot finish: the data is set aside, and the node joins without data.
    pub cut_join: &'static [&'static str],
    pub sql: Sql,
    pub environment: Environment,
    pub accounts: accounts::Accounts,
    /// How a cluster lists each component that is no FE.
    pub lists: &'static [MemberList],
    /// The HTTP requests that its nodes answer without a password.
    pub probes: Probes,
    /// The calls that a cluster makes to a member without data that waits.
    pub call_listeners: &'static [CallListener],
}

/// A conf key that asks for what muster does not do.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsupported {
    pub key: &'static str,
    /// The value that does; `None`: any.
    pub value: Option<&'static str>,
    /// What keeps the membership then.
    pub kept_by: &'static str,
}

/// The mode that a cluster is founded in.
#[derive(Debug, PartialEq, Eq)]
pub struct FoundingMode {
    pub conf_key: &'static str,
    pub default: &'static str,
    /// The key of VERSION that keeps it.
    pub version_key: &'static str,
    /// Shows the mode of the FE that is asked, in the column `Value`. Needs OPERATE, which root has (observed).
    pub show: &'static str,
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
    /// The class with the version as a constant, in one of the jars among `marks`.
    pub version_class: Option<&'static str>,
    pub conf: &'static str,
    /// A second file that the engine reads after `conf` and that has precedence.
    pub custom_conf: Option<&'static str>,
    pub pid_file: &'static str,
    /// Files below the data dir that its process has locked while it runs.
    pub engine_locks: &'static [&'static str],
    /// A text in the command line of this component's running process.
    pub process_mark: &'static str,
    /// The keys of the conf with the Java options, each with the first version of Java that it is for, the newest first. A start
    /// script that names one of them ends without it.
    pub java_options: &'static [(u32, &'static str)],
    /// Files in the dir of `conf` that it writes on every start.
    pub written_conf: &'static [&'static str],
    /// A directory for temporary files outside its home; it ends after it has joined if it cannot write there.
    pub temp_dir: Option<&'static str>,
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
    /// The first version in which `default` is on; `None`: all.
    pub default_since: Option<(u16, u16)>,
    /// True if the engine tests or uses UDP on the same number.
    pub udp: bool,
}

impl Port {
    /// False if this version listens there on request only.
    pub fn is_default_in(&self, version: &Version) -> bool {
        // A build between two releases is 0.0.0.
        let is_release = version.number.0 > 0;
        self.default_since
            .is_none_or(|since| version.number >= since || !is_release)
    }
}

/// The version of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As the engine tells it: `3.0.6-rc01`.
    pub text: String,
    /// The first two numbers.
    pub number: (u16, u16),
}

impl Version {
    /// Reads `3.5.0`, or `<id>-3.0.6-rc01` with the engine's id before it.
    pub fn parse(text: &str, id: &str) -> Option<Self> {
        let bare = text.strip_prefix(id).and_then(|rest| rest.strip_prefix('-'));
        let text = bare.unwrap_or(text);
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let number = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (text.len() <= LONGEST_VERSION && text.contains('.') && text.chars().all(is_word)).then(|| Self {
            text: text.to_owned(),
            number,
        })
    }
}

/// The longest version that is shown.
const LONGEST_VERSION: usize = 60;

/// The proof in an FE data dir that the FE was ready at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyProof {
    /// A key of ROLE that has a value only after the first readiness.
    RoleKeyFilled(&'static str),
    /// Texts in the journal's own log, `bdb/je.info.*`: joined as a replica, or nascent group with its own name in a `*.jdb`.
    /// The journal and the images hold each member as text, see `JOURNAL_NAME` and `JOURNAL_HOSTS`.
    JournalInfo,
}

/// A member in the journal or in an image, as JSON: its name in the election group, then the key of its host, the older one
/// first. Observed for the name; the order and the older key: `Frontend.java`.
pub const JOURNAL_NAME: &str = "\"nodeName\":\"{}\"";
pub const JOURNAL_HOSTS: [&str; 2] = [",\"ip\":\"", ",\"host\":\""];

/// How an FE computes the host by which it knows itself. It compares that text with the list of members.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnHost {
    /// The conf key that fixes an address and has precedence over everything else.
    pub address_key: Option<AddressKey>,
    pub by_name: NameMode,
    /// By name: some versions take the name of the address in `priority_networks` in place of that of the machine.
    pub name_of_address: bool,
    /// Upper and lower case of a name differ for its members.
    pub case_matters: bool,
    /// The key of ROLE with the address mode (`IP` or `FQDN`), in engines whose `name` in ROLE begins with the host:
    /// `<host>_<edit_log_port>_<millis>`.
    pub role_mode_key: Option<&'static str>,
}

impl OwnHost {
    /// The conf key that makes an FE know itself by name.
    pub const fn name_key(&self) -> Option<&'static str> {
        match self.by_name {
            NameMode::Key(key) => Some(key),
            NameMode::Flag(_) => None,
        }
    }
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
    /// A conf key with the value `true`. muster writes it for an FE whose host is a name.
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
    pub replicas: ReplicaList,
    pub tables: TableList,
    /// Shows the free space below each dir of each FE: in the columns `Host`, `DirType` (`meta` is that of the metadata), `Capacity`
    /// and `Available`, which is such as `4G`. `None`: only the machine of an FE knows.
    pub frontend_disks: Option<&'static str>,
    pub balance: Switches,
}

/// The numbers of tablets by database, in the columns `DbId` and `TabletNum` among others.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplicaList {
    pub show: &'static str,
    /// `DbId` of the row with the sums.
    pub total: &'static str,
    pub unhealthy: Unhealthy,
}

/// The tablets of which some replica is missing or wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Unhealthy {
    Column(&'static str),
    /// All but those of this column.
    AllBut(&'static str),
}

/// Every table with the fewest replicas that one of its partitions has, in the columns `db`, `tbl` and `replicas`, the fewest
/// first. It has only the tables that the account may see.
#[derive(Debug, PartialEq, Eq)]
pub struct TableList {
    pub show: &'static str,
    /// Shows every replica of the table `{}`, with the id of its BE in the column `BackendId`.
    pub replicas_of: &'static str,
    /// Shows the most replicas that any partition has, in the column `replicas`.
    pub most: &'static str,
    /// The database of the engine's own statistics, which nobody misses while a node is away.
    pub own_database: &'static str,
}

/// Keys that people set before an upgrade and forget: with one of them nothing is balanced or repaired.
#[derive(Debug, PartialEq, Eq)]
pub struct Switches {
    /// Shows them at the FE that is asked, in the columns `Key` and `Value`.
    pub show: &'static str,
    /// The keys, each with the value that stops the work.
    pub off: &'static [(&'static str, &'static str)],
    /// The one of these that also stops what a decommission moves, which is repair and not balance.
    pub stops_moves: &'static str,
    /// Sets one: `{key}` and `{value}`.
    pub set: &'static str,
}

/// The statement that changes a member's host. `{from}` and `{to}` stand for the hosts, `{from}:{port}` for the old one with the
/// member's identity port.
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
    fn a_version_is_read_with_and_without_the_id_of_its_engine() {
        let table = [
            ("3.5.0", Some(("3.5.0", (3, 5)))),
            ("x-2.1.7-rc03", Some(("2.1.7-rc03", (2, 1)))),
            ("x-0.0.0", Some(("0.0.0", (0, 0)))),
            ("y-2.1.7", None),
            ("x", None),
            ("4", None),
            ("4.", None),
            ("4.0 of today", None),
            ("", None),
        ];
        for (text, expected) in table {
            let version = super::Version::parse(text, "x");
            let read = version
                .as_ref()
                .map(|version| (version.text.as_str(), version.number));
            assert_eq!(read, expected, "{text}");
        }
        let port = super::Port {
            name: super::PortName::ArrowFlight,
            components: &[Component::Fe],
            kind: super::PortKind::Local,
            conf_key: "x",
            default: Some(8070),
            default_since: Some((4, 0)),
            udp: true,
        };
        for (text, expected) in [("3.9.9", false), ("4.0.0", true), ("10.0", true), ("0.0.0", true)] {
            let version = super::Version::parse(text, "x").unwrap();
            assert_eq!(port.is_default_in(&version), expected, "{text}");
        }
    }

    #[test]
    fn a_component_is_found_by_its_word_in_any_case() {
        assert_eq!(Component::parse("Fe"), Some(Component::Fe));
        assert_eq!(Component::parse("frontend"), None);
    }
}
