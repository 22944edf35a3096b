//! `settings → facts → plan`: decides the next actions. Pure: no clock, socket, file, process or environment.

pub mod accounts;
pub mod ask_list;
pub mod before_start;
pub mod caller;
pub mod clock;
pub mod conf;
mod conf_file;
mod conf_preflight;
mod container;
pub mod data;
mod dir_preflight;
pub mod doctor;
pub mod drop_detector;
pub mod end_report;
mod explain;
pub mod explain_line;
pub mod founding_mode;
pub mod history;
pub mod init;
pub mod init_files;
pub mod join;
mod known_keys;
pub mod launch;
pub mod leader;
pub mod limits;
pub mod lost_vote;
pub mod mask;
mod moved_node;
mod no_effect;
pub mod node;
mod not_local;
mod own_host;
pub mod own_metrics;
pub mod ports;
mod prescribed;
pub mod readdress;
pub mod record_merge;
pub mod refusal;
pub mod report;
pub mod role_host;
mod self_join;
mod set_key;
pub mod sql;
pub mod start_script;
pub mod view;
mod waiting;
pub mod witness;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::conf_file::{Conf, ConfManner};
pub use self::explain::{displayed_value, progress_word, seconds};
pub use self::prescribed::{Prescribed, prescribed};
use crate::engine::{Component, Engine, PortKind, PortName};
use crate::exit::ExitCode;
use crate::facts::conf::ConfState;
use crate::facts::data::RoleFile;
use crate::facts::dir_lock_facts::Holder;
use crate::facts::dir_state::{Place, PlaceState};
use crate::facts::limits::ProcessLimits;
use crate::facts::pidfile::PidFileState;
use crate::facts::record::{Progress, Record};
use crate::facts::resolve::Resolved;
use crate::facts::storage::ClusterIdFile;
use crate::facts::{DataFacts, Facts};
use crate::plan::conf::ConfEntry;
use crate::plan::data::{ClusterId, Data, FeDir, Storage};
use crate::plan::explain_line::ExplainLine;
use crate::plan::node::{Node, Role};
use crate::plan::ports::Choice;
use crate::plan::record_merge::{Identity, RecordCopies};
use crate::plan::refusal::Refusal;
use crate::settings::{Bootstrap, FeRole, Host, Settings};

/// The decisions that need no answer of another FE, made again once the cluster has shown the ports it prescribes.
#[derive(Debug, Clone)]
pub struct Plan {
    pub node: Node,
    pub ports: Vec<Choice>,
    pub conf: Conf,
    /// The conf file gives root its password, when this FE founds.
    pub root_in_conf: bool,
    /// The engine's data dir, which holds the first copy of the record; `None` for a component that keeps no data.
    pub data_dir: Option<PathBuf>,
    /// All data dirs: they are set aside together.
    pub data_dirs: Vec<DataDir>,
    pub state_dir: PathBuf,
    /// Pid files that name no live process.
    pub stale_files: Vec<PathBuf>,
    /// The engine's log dirs.
    pub log_dirs: Vec<PathBuf>,
    /// The hosts of `MASTER_HOST`, this one once.
    pub masters: Vec<Host>,
    /// The MySQL ports of FEs whose own is not known.
    pub query_ports: Vec<u16>,
    pub guard_time: Duration,
    pub stop_grace: Duration,
    pub limits: ProcessLimits,
    /// In the order of `explain`.
    pub decisions: Vec<ExplainLine>,
    pub warnings: Vec<String>,
    /// The variables of ours that are set and apply to other nodes only.
    pub for_others: Vec<String>,
    /// The engine's version, if it can be told.
    pub version: Option<String>,
}

impl Plan {
    /// The HTTP port of an FE whose port is not known: every FE of a cluster uses the same.
    pub fn http_port(&self) -> Option<u16> {
        let choice = self
            .ports
            .iter()
            .find(|choice| choice.port.name == PortName::Http);
        choice.map(|choice| choice.number)
    }
}

/// One directory with data of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    pub path: PathBuf,
    pub is_mount_point: bool,
}

/// The value of a conf key that turns a port off, in both engines.
const OFF: &str = "-1";

/// Decides everything that needs no answer of another FE, or returns every reason why this node cannot start.
/// `taken` adds ports that were found taken after the facts were gathered.
pub fn derive(
    settings: &Settings,
    facts: &Facts,
    prescribed: &Prescribed,
    taken: &BTreeMap<u16, String>,
) -> Result<Plan, Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut warnings = Vec::new();
    let settings = &own_name_once(settings, facts, &mut warnings);
    let home = &facts.home;
    let copies = RecordCopies {
        data: &facts.records.data,
        state: &facts.records.state,
        owner: Identity {
            engine: home.engine,
            component: home.component,
            host: &settings.local_host.value,
        },
    };
    warnings.extend(copies.warnings());
    let role = role(settings, home.component);
    refusals.extend(image_problems(settings, facts, &mut warnings));
    let record = copies.merge().ok().flatten().map(|merged| merged.record);
    let data = match classify(facts, role, copies) {
        Ok(data) => Some(data),
        Err(refusal) => {
            refusals.push(refusal);
            None
        }
    };
    let ports = match choose_ports(settings, facts, record, &prescribed.ports, taken) {
        Ok(ports) => ports,
        Err(problems) => {
            refusals.extend(problems);
            Vec::new()
        }
    };
    let Some(data) = data.filter(|_| refusals.is_empty()) else {
        return Err(refusals);
    };
    if let Some(refusal) = joins_itself(settings, facts, role, &data) {
        return Err(vec![refusal]);
    }
    let node = Node {
        role,
        engine: home.engine,
        component: home.component,
        host: settings.local_host.value.clone(),
        name: broker_name(settings),
        also: also(facts),
        identity_port: identity(&ports),
        data,
        data_of_observer: holds_observer(facts),
        lost: record.is_some_and(|record| record.lost),
        bootstrap: settings.bootstrap.value,
        rejoin: settings.rejoin,
        alone: home.component.is_fe() && no_other_fe(settings, facts),
    };
    if let Some(refusal) = moved_node::asks_nobody(&node) {
        return Err(vec![refusal]);
    }
    warnings.extend(newer_than_known(facts));
    warnings.extend(port_warnings(settings, facts, &ports));
    warnings.extend(known_keys::warnings(settings, facts));
    warnings.extend(no_effect::warnings(settings, facts, role));
    let entries = conf_file::entries(settings, facts, &ports, prescribed);
    let conf = conf_file::derive(facts, &entries);
    if let Some(refusal) = container::refusal(&facts.container, home, &conf.manner) {
        return Err(vec![refusal]);
    }
    let has = [!node.data.is_empty(), facts.conf.state != ConfState::Missing];
    warnings.extend(container::warnings(&facts.container, (home, &conf.manner), has));
    let guard_time = settings
        .guard_time
        .as_ref()
        .map_or(home.engine.default_guard(), |guard| guard.value);
    warnings.extend(short_times(settings, home.engine, role, guard_time));
    let stop_grace = settings
        .stop_grace
        .as_ref()
        .map_or(home.layout.stop_grace, |grace| grace.value);
    let mut plan = Plan {
        node,
        ports,
        log_dirs: conf_file::log_dirs(facts, &conf),
        root_in_conf: conf_file::has_root_hash(facts, &conf),
        conf,
        data_dir: data_place(facts).map(|place| place.path.clone()),
        data_dirs: data_dirs(facts),
        state_dir: facts.records.state_dir.path.clone(),
        stale_files: stale_files(facts),
        query_ports: query_ports(settings, facts),
        guard_time,
        stop_grace,
        masters: settings.master_hosts.value.clone(),
        limits: facts.limits,
        decisions: Vec::new(),
        warnings,
        for_others: no_effect::for_others(settings, facts, role),
        version: facts.version.as_ref().map(|version| version.text.clone()),
    };
    plan.decisions = explain::decisions(settings, facts, &plan, &entries, record);
    Ok(plan)
}

fn stale_files(facts: &Facts) -> Vec<PathBuf> {
    let stale = Some(&facts.pid_file).filter(|fact| fact.is_stale());
    stale.map(|fact| fact.path.clone()).into_iter().collect()
}

/// Warnings about ports that cannot be used, or are not.
fn port_warnings(settings: &Settings, facts: &Facts, ports: &[Choice]) -> Vec<String> {
    let path = facts.conf.read_from.display().to_string();
    let unused = ports::not_used(&settings.ports, &conf_ports(facts), &path, ports);
    let unreadable = conf::warnings(&facts.conf, ports, &settings.ports);
    unreadable.into_iter().chain(unused).collect()
}

/// The warning about a version of the engine whose sources nobody has read for muster.
fn newer_than_known(facts: &Facts) -> Option<String> {
    let (engine, version) = (facts.home.engine, facts.version.as_ref()?);
    let (major, minor) = engine.newest;
    (version.number > engine.newest).then(|| {
        format!(
            "{} {} is newer than {major}.{minor}, the newest version that this muster knows: it is treated as that one",
            engine.name, version.text
        )
    })
}

/// Warnings about times that are too short for a seed without data.
fn short_times(settings: &Settings, engine: &Engine, role: Role, guard_time: Duration) -> Vec<String> {
    let mut warnings = Vec::new();
    if guard_time < engine.default_guard() && role == Role::Seed {
        warnings.push(format!(
            "GUARD_TIME = {} is shorter than two heartbeats and a second ({}): a seed that lost its data could found a \
             second cluster before the leader of its own cluster calls",
            seconds(guard_time),
            seconds(engine.default_guard())
        ));
    }
    let patience = settings.wait_timeout.value;
    if patience <= guard_time && role == Role::Seed && settings.bootstrap.value == Bootstrap::Guarded {
        warnings.push(format!(
            "WAIT_TIMEOUT = {} is not longer than GUARD_TIME = {}: a seed without data stops before it may found a cluster",
            seconds(patience),
            seconds(guard_time)
        ));
    }
    warnings
}

/// Compares two hosts: equal means seed, which may found; every other FE joins.
fn role(settings: &Settings, component: Component) -> Role {
    match component {
        Component::Be | Component::Cn | Component::Broker => Role::Component(component),
        Component::Fe if is_seed(settings) => Role::Seed,
        Component::Fe => match settings.fe_role.as_ref().map(|role| role.value) {
            Some(FeRole::Observer) => Role::Observer,
            Some(FeRole::Follower) | None => Role::Follower,
        },
    }
}

/// The name that a broker is added under: it stays the same for as long as the host does.
fn broker_name(settings: &Settings) -> String {
    let of_host = || {
        let host = settings.local_host.value.to_string();
        format!("broker_{}", host.replace(['.', ':', '-'], "_"))
    };
    let requested = settings.broker_name.as_ref().map(|name| name.value.clone());
    requested.unwrap_or_else(of_host)
}

/// The settings with this host once in `MASTER_HOST`.
fn own_name_once<'a>(settings: &'a Settings, facts: &Facts, warnings: &mut Vec<String>) -> Cow<'a, Settings> {
    let (masters, local) = (&settings.master_hosts.value, &settings.local_host.value);
    let Some((once, warning)) = self_join::own_name_once(masters, local, &facts.addresses) else {
        return Cow::Borrowed(settings);
    };
    warnings.push(warning);
    let mut settings = settings.clone();
    settings.master_hosts.value = once;
    Cow::Owned(settings)
}

fn joins_itself(settings: &Settings, facts: &Facts, role: Role, data: &Data) -> Option<Refusal> {
    let joins = matches!(role, Role::Follower | Role::Observer);
    if !joins || !matches!(data, Data::Empty { known: None }) {
        return None;
    }
    let (masters, local) = (&settings.master_hosts.value, &settings.local_host.value);
    self_join::asks_itself(masters, local, &facts.addresses)
}

/// True if neither `MASTER_HOST` nor a record names another FE than this one.
fn no_other_fe(settings: &Settings, facts: &Facts) -> bool {
    let own = |host: &Host| *host == settings.local_host.value;
    let records = [&facts.records.data, &facts.records.state].into_iter();
    let records = records.filter_map(|copy| copy.record());
    settings.master_hosts.value.iter().all(own)
        && records
            .flat_map(|record| record.members.iter().map(move |member| (record, &member.host)))
            .all(|(record, member)| own(member) || *member == record.host)
}

fn is_seed(settings: &Settings) -> bool {
    settings.master_hosts.value.first() == Some(&settings.local_host.value)
}

/// Checks the image, the machine and the files, independent of the data.
fn image_problems(settings: &Settings, facts: &Facts, warnings: &mut Vec<String>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let home = &facts.home;
    if let Err(problem) = facts.addresses.check(&settings.local_host.value) {
        let refusal = not_local::refusal(settings, &problem);
        if settings.skip_preflight.contains("address") {
            warnings.push(refusal.to_string());
        } else {
            refusals.push(refusal);
        }
    }
    warnings.extend(not_local::unresolved(settings, &facts.addresses.masters));
    // A name that is not of this machine has been reported.
    let name = Some(settings).filter(|_| facts.addresses.local.on_interface);
    if let Some(refusal) = name.and_then(|settings| own_host::unusable_name(settings, facts)) {
        if settings.skip_preflight.contains("address") {
            warnings.push(refusal.to_string());
        } else {
            refusals.push(refusal);
        }
    }
    refusals.extend(own_host::fixed_elsewhere(settings, facts));
    refusals.extend(own_host::other_mode(settings, facts));
    if let PidFileState::Engine { pid, command } = &facts.pid_file.state {
        refusals.push(Refusal::protect(
            format!(
                "an engine already runs in {}: pid {pid}, {command}",
                facts.home.dir.display()
            ),
            "stop it first; two engines on one data dir would damage it",
        ));
    }
    refusals.extend(held(facts));
    match &facts.conf.state {
        ConfState::Unreadable(why) => refusals.push(Refusal::new(
            ExitCode::Configuration,
            format!("cannot read {}: {why}", facts.conf.read_from.display()),
            "it must be a file that the user of this container can read",
        )),
        ConfState::ReadLossy => refusals.push(Refusal::new(
            ExitCode::Configuration,
            format!(
                "{} is not UTF-8, so muster cannot rewrite it unchanged",
                facts.conf.read_from.display()
            ),
            "save it as UTF-8",
        )),
        ConfState::Missing | ConfState::Read => {}
    }
    if let DataFacts::Unresolved { problem, source } = &facts.data {
        refusals.push(Refusal::new(
            ExitCode::Configuration,
            format!("cannot resolve the data dir, from {source}: {problem}"),
            if home.layout.script_sets.contains(&problem.variable.as_str()) {
                "write the path without that variable"
            } else {
                "set that variable in the environment of this container, or write the path without it"
            },
        ));
    }
    refusals.extend(conf_preflight::problems(settings, facts, warnings));
    refusals.extend(start_script::problems(settings, facts, warnings));
    refusals.extend(dir_preflight::problems(settings, facts));
    refusals
}

/// Refuses a locked data dir: two engines would damage it, and the processes of another container are not visible here.
fn held(facts: &Facts) -> Option<Refusal> {
    // The pid file named that engine already.
    if matches!(facts.pid_file.state, PidFileState::Engine { .. }) {
        return None;
    }
    facts.holder.as_ref().map(taken)
}

/// The refusal for a data dir that another process has locked.
pub fn taken(holder: &Holder) -> Refusal {
    let path = holder.path.display();
    let sentence = match holder.name.as_deref() {
        Some("") => format!("another muster uses {path}: it runs an engine on this data"),
        Some(name) => format!("another muster ({name}) uses {path}: it runs an engine on this data"),
        None => format!("{path} is locked: another engine runs on this data"),
    };
    Refusal::protect(
        sentence,
        "stop that container first, or mount a separate volume here; two engines on one data dir would damage it",
    )
}

/// The engine's data dirs.
fn data_dirs(facts: &Facts) -> Vec<DataDir> {
    let dir = |place: &Place| DataDir {
        path: place.path.clone(),
        is_mount_point: place.is_mount_point,
    };
    match &facts.data {
        DataFacts::Fe(data) => vec![dir(&data.place)],
        DataFacts::Storage(paths) => paths.iter().map(|path| dir(&path.place)).collect(),
        DataFacts::Nothing | DataFacts::Unresolved { .. } => Vec::new(),
    }
}

/// The engine's first data dir.
fn data_place(facts: &Facts) -> Option<&Place> {
    match &facts.data {
        DataFacts::Fe(data) => Some(&data.place),
        DataFacts::Storage(paths) => paths.first().map(|path| &path.place),
        DataFacts::Nothing | DataFacts::Unresolved { .. } => None,
    }
}

fn classify(facts: &Facts, role: Role, copies: RecordCopies<'_>) -> Result<Data, Refusal> {
    match &facts.data {
        // A path that is not a directory is already refused.
        DataFacts::Fe(fe) if !fe.unreadable.is_empty() && fe.place.state == PlaceState::Directory => {
            Err(Refusal::protect(
                format!(
                    "cannot read the data dir {}: {}",
                    fe.place.path.display(),
                    fe.unreadable.join(", ")
                ),
                "it must be a file that the user of this container can read",
            ))
        }
        DataFacts::Fe(fe) => {
            let dir = FeDir::of(fe, &facts.home.engine.own_host);
            data::classify_fe(role == Role::Seed, &dir, copies)
        }
        DataFacts::Nothing => data::classify_without_data(copies),
        // The path has been refused.
        DataFacts::Unresolved { .. } => data::classify_backend(&Storage { ids: Vec::new() }, copies),
        DataFacts::Storage(paths) => {
            let mut ids = Vec::new();
            for storage in paths {
                let path = storage.place.path.join("cluster_id").display().to_string();
                match &storage.cluster_id {
                    ClusterIdFile::Unset => {}
                    ClusterIdFile::Id(id) => ids.push(ClusterId {
                        id: id.clone(),
                        read_from: path,
                    }),
                    ClusterIdFile::Unreadable(why) => {
                        return Err(Refusal::protect(
                            format!("cannot read the cluster id of the storage: {path}: {why}"),
                            "restore that file from another storage path of this node",
                        ));
                    }
                }
            }
            data::classify_backend(&Storage { ids }, copies)
        }
    }
}

fn choose_ports(
    settings: &Settings,
    facts: &Facts,
    record: Option<&Record>,
    prescribed: &BTreeMap<PortName, u16>,
    also_taken: &BTreeMap<u16, String>,
) -> Result<Vec<Choice>, Vec<Refusal>> {
    let home = &facts.home;
    let conf = conf_ports(facts);
    let off = home.engine.ports_of(home.component).filter(|port| {
        let in_conf = facts.conf.lookup(port.conf_key);
        let too_old = || {
            facts
                .version
                .as_ref()
                .is_some_and(|version| !port.is_default_in(version))
        };
        port.kind == PortKind::Local && in_conf.map_or_else(too_old, |value| value.trim() == OFF)
    });
    let off = off.map(|port| port.name).collect();
    let udp = home.engine.ports_of(home.component).any(|port| port.udp);
    let mut taken = facts.ports.taken(udp);
    taken.extend(also_taken.iter().map(|(port, holder)| (*port, holder.clone())));
    // Data that was ready once belongs to a member, whatever its record says.
    let ready = matches!(&facts.data, DataFacts::Fe(data) if data.ready);
    let registered = ready || record.is_some_and(|record| !matches!(record.progress, Progress::Planned));
    ports::choose(&ports::Inputs {
        engine: home.engine,
        component: home.component,
        requested: &settings.ports,
        recorded: &record.map(|record| record.ports.clone()).unwrap_or_default(),
        registered,
        cluster: prescribed,
        conf: &conf,
        off: &off,
        taken: &taken,
        ephemeral: facts.ports.ephemeral.clone(),
        reserved: &facts.ports.reserved,
    })
}

/// The ports in the conf file as shipped or mounted.
fn conf_ports(facts: &Facts) -> BTreeMap<PortName, u16> {
    let ports = facts.home.engine.ports_of(facts.home.component);
    ports
        .filter_map(|port| Some((port.name, facts.conf.lookup(port.conf_key)?.trim().parse().ok()?)))
        .collect()
}

fn identity(ports: &[Choice]) -> u16 {
    ports
        .iter()
        .find(|choice| choice.port.kind == PortKind::Identity)
        .map_or(0, |choice| choice.number)
}

/// True if ROLE says that this data is that of an observer.
fn holds_observer(facts: &Facts) -> bool {
    match &facts.data {
        DataFacts::Fe(data) => data.role.as_ref().is_some_and(RoleFile::is_observer),
        _ => false,
    }
}

/// The addresses of this host, if it is a name.
pub fn also(facts: &Facts) -> BTreeSet<Host> {
    local_addresses(facts).into_iter().map(Host::from).collect()
}

fn local_addresses(facts: &Facts) -> Vec<IpAddr> {
    match &facts.addresses.local.resolved {
        Resolved::Addresses(addresses) => addresses.clone(),
        Resolved::Failed(_) => Vec::new(),
    }
}

/// The MySQL ports of FEs whose own is not known.
fn query_ports(settings: &Settings, facts: &Facts) -> Vec<u16> {
    let in_conf = conf_ports(facts).get(&PortName::Query).copied();
    ask_list::query_ports(settings, facts.home.engine, in_conf)
}
