//! `settings → facts`: the state of this machine before anything is done. Reads and never writes; the plan decides what
//! follows.
//!
//! Paths of `/proc` and `/sys` and the vendors' default homes are read below a `root`, which is `/` outside tests.

pub mod addresses;
pub mod conf;
pub mod conf_folder;
pub mod container;
pub mod data;
pub mod dir_lock_facts;
pub mod dir_state;
pub mod disk;
pub mod fe_token;
#[cfg(test)]
pub(crate) mod fixture;
pub mod history;
pub mod home;
pub mod host;
pub mod java;
pub mod limits;
pub mod machine;
pub mod mounts;
pub mod old_file;
pub mod own_name;
pub mod pidfile;
pub mod ports;
pub mod process;
pub mod record;
pub mod resolve;
pub mod script;
mod search;
pub mod sockets;
pub mod status;
pub mod storage;
pub mod version;

use std::fs;
use std::path::{Path, PathBuf};

pub use search::Sought;

use crate::engine::{Component, NameMode, ReadyProof, Version};
use crate::settings::{Host, JAVA_OPTIONS, Settings, Source, Sourced};
use std::collections::BTreeSet;

use addresses::Addresses;
use conf::{ConfFile, Grammar, Unresolved, Variables};
use conf_folder::ConfFolder;
use container::ContainerFacts;
use data::FeData;
use dir_lock_facts::Holder;
use dir_state::Place;
use home::Home;
use java::Java;
use limits::{HostLimits, ProcessLimits};
use mounts::Mounts;
use own_name::OwnName;
use pidfile::{PidFileFact, PidFileState};
use ports::{Candidate, PortFacts};
use record::RecordCopy;
use storage::StoragePath;

/// The Java option that moves the dir for temporary files.
const TEMP_DIR: &str = "-Djava.io.tmpdir";

/// The facts of this machine and this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub home: Home,
    /// The engine's version, if it can be told.
    pub version: Option<Version>,
    pub conf: ConfFile,
    /// The second conf file, which has precedence, for engines that read one.
    pub custom_conf: Option<ConfFile>,
    pub conf_folder: Option<ConfFolder>,
    pub data: DataFacts,
    pub records: Records,
    pub addresses: Addresses,
    /// The address that the conf fixes for an FE, whatever `LOCAL_HOST` is.
    pub fixed_address: Option<Sourced<String>>,
    /// The names of this machine, of an FE that knows itself by one.
    pub own_name: Option<OwnName>,
    pub ports: PortFacts,
    pub pid_file: PidFileFact,
    /// The dirs where the engine may write its log files, each once.
    pub log_dirs: Vec<PathBuf>,
    /// The process that has a data dir locked.
    pub holder: Option<Holder>,
    pub limits: ProcessLimits,
    pub host_limits: HostLimits,
    /// The reason why the start script cannot set the mode of the engine's program.
    pub fixed_mode: Option<String>,
    pub container: ContainerFacts,
    /// The Java that an FE would be started with.
    pub java: Option<Java>,
    /// The engine's dir for temporary files if it cannot be written, and why not.
    pub unwritable_temp: Option<(PathBuf, String)>,
}

/// The data of this component on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataFacts {
    Fe(Box<FeData>),
    Storage(Vec<StoragePath>),
    /// A component without data.
    Nothing,
    /// A path that cannot be resolved.
    Unresolved {
        problem: Unresolved,
        source: Source,
    },
}

/// Both copies of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    pub data: RecordCopy,
    pub state_path: PathBuf,
    pub state: RecordCopy,
    pub state_dir: Place,
}

/// The files that an FE writes into its data dir itself, whoever asks it to over HTTP (`/dump`, observed): `image.12`.
pub fn loose_images(data_dir: &Path) -> usize {
    let Ok(entries) = fs::read_dir(data_dir) else {
        return 0;
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_loose_image(name)).count()
}

fn is_loose_image(name: &str) -> bool {
    let number = name.strip_prefix("image.").unwrap_or_default();
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
}

/// The conf files of one component, and the variables that they may use.
struct Confs {
    conf: ConfFile,
    custom: Option<ConfFile>,
    folder: Option<ConfFolder>,
    variables: Variables,
}

impl Confs {
    fn read(settings: &Settings, home: &Home, mounts: &Mounts) -> Self {
        let grammar = Grammar::of(home.component);
        let folder = settings.conf_folder.as_ref();
        let folder = folder.and_then(|folder| ConfFolder::look(folder, home, mounts));
        let read = |path: PathBuf| {
            let instead = folder.as_ref().and_then(|folder| folder.instead_of(&path));
            ConfFile::read(&path, instead.as_ref().unwrap_or(&path), grammar, mounts)
        };
        let mut conf = read(home.conf());
        let mut custom = home.layout.custom_conf.map(|path| read(home.dir.join(path)));
        let requested = settings.conf.get(&home.component);
        let requested = requested.into_iter().flatten();
        let requested = requested.map(|request| (request.key.as_str(), request.value.as_str()));
        let variables = Variables::of(&settings.inherited, home, &conf, requested);
        conf.resolve(&variables);
        if let Some(custom) = &mut custom {
            custom.resolve(&variables);
        }
        Self {
            conf,
            custom,
            folder,
            variables,
        }
    }

    const fn sources<'a>(&'a self, settings: &'a Settings, home: &'a Home) -> ConfSources<'a> {
        ConfSources {
            settings,
            home,
            conf: &self.conf,
            custom: self.custom.as_ref(),
            variables: &self.variables,
        }
    }
}

/// The data dir of an FE, without a look at anything else: no name is resolved and no port tried.
pub fn meta_dir(settings: &Settings, home: &Home, root: &Path) -> Option<PathBuf> {
    let data = home.layout.data.as_ref().filter(|_| home.component.is_fe())?;
    let confs = Confs::read(settings, home, &Mounts::read(root));
    let sources = confs.sources(settings, home);
    let value = sources.value(data.key).map(|value| value.value);
    sources.resolve(value.as_deref().unwrap_or(data.default)).ok()
}

/// Collects the facts. It never fails as a whole: a value that could not be read holds the reason.
pub fn gather(settings: &Settings, home: Home, root: &Path) -> Facts {
    let mounts = Mounts::read(root);
    let confs = Confs::read(settings, &home, &mounts);
    let sources = confs.sources(settings, &home);
    let conf = &confs.conf;
    let (mut data, data_paths) = look_at_data(&sources, &mounts);
    let records = look_at_records(&sources, &data_paths, &mounts);
    if let (DataFacts::Fe(fe), Some(dir)) = (&mut data, data_paths.first())
        && sources.only_journal_names_host(fe, &records)
    {
        fe.look_for_hosts(dir);
    }
    let ports = PortFacts::look(root, &sources.candidates(&records));
    let pid_file = sources.look_at_pid_file(&records.state_dir.path, root);
    let log_dirs = sources.log_dirs();
    let fixed_address = sources.fixed_address();
    let own_name = sources
        .knows_itself_by_name()
        .then(|| OwnName::look(&settings.local_host.value.to_string(), root));
    let used_logs = sources.used_log_dirs();
    let heap = settings.heap.get(&home.component).map(|heap| &heap.value);
    let options = |key: &str| {
        let requested = sources.requested(key).map(|request| request.value);
        let options = requested.or_else(|| conf.exported(key))?;
        let replaced = heap.and_then(|heap| heap.replace_in(&options));
        Some(replaced.unwrap_or(options))
    };
    let java = home.component.is_fe().then(|| {
        let inherited = |name: &str| {
            let mut all = settings.inherited.iter();
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| value.to_owned())
        };
        // The script exports the conf's over that of the container.
        let java_home = options("JAVA_HOME").and_then(|dir| sources.variables.expand(&dir).ok());
        let java_home = java_home.or_else(|| inherited("JAVA_HOME"));
        java::find(&home, java_home.as_deref(), inherited("PATH").as_deref())
    });
    let by_option = |key: &&'static str| options(key).is_some_and(|line| line.contains(TEMP_DIR));
    let elsewhere = JAVA_OPTIONS.iter().any(by_option);
    let temp_dir = home.layout.temp_dir.filter(|_| !elsewhere);
    let unwritable_temp = temp_dir.and_then(|dir| {
        let dir = root.join(dir.trim_start_matches('/'));
        let why = dir_state::why_unwritable(&dir)?;
        Some((dir, why))
    });
    let container = ContainerFacts::look(root, &home.dir, [&data_paths, &used_logs], &mounts, options);
    Facts {
        java: java.flatten(),
        unwritable_temp,
        version: version::find(&home),
        fixed_address,
        own_name,
        holder: Holder::look(&data_paths, home.layout.engine_locks),
        limits: ProcessLimits::look(),
        host_limits: HostLimits::look(root),
        fixed_mode: home
            .layout
            .program
            .and_then(|program| script::fixed_mode(&home.dir.join(program))),
        data,
        records,
        addresses: Addresses::look(&settings.local_host.value, &settings.master_hosts.value),
        ports,
        pid_file,
        log_dirs,
        container,
        conf: confs.conf,
        custom_conf: confs.custom,
        conf_folder: confs.folder,
        home,
    }
}

impl Facts {
    /// The engine's data dirs.
    pub fn data_dirs(&self) -> Vec<PathBuf> {
        match &self.data {
            DataFacts::Fe(data) => vec![data.place.path.clone()],
            DataFacts::Storage(paths) => paths.iter().map(|path| path.place.path.clone()).collect(),
            DataFacts::Nothing | DataFacts::Unresolved { .. } => Vec::new(),
        }
    }

    /// The pid of this node's running engine, and the facts as if it were stopped: without its pid file, lock and ports.
    /// `None` if it does not run.
    pub fn once_stopped(&self) -> Option<(u32, Self)> {
        let PidFileState::Engine { pid, .. } = self.pid_file.state else {
            return None;
        };
        let record = self.records.data.record().or(self.records.state.record());
        let mut facts = self.clone();
        facts.pid_file.state = PidFileState::Missing;
        facts.holder = None;
        facts.ports.leave_out(
            record
                .into_iter()
                .flat_map(|record| record.ports.values().copied()),
        );
        Some((pid, facts))
    }
}

/// The sources of a conf key's value.
struct ConfSources<'a> {
    settings: &'a Settings,
    home: &'a Home,
    conf: &'a ConfFile,
    custom: Option<&'a ConfFile>,
    variables: &'a Variables,
}

impl ConfSources<'_> {
    /// The value that the engine will read: the custom conf file has precedence over requested values.
    fn value(&self, key: &str) -> Option<Sourced<String>> {
        let from_file = |file: &ConfFile| {
            let value = file.lookup(key).filter(|value| !value.is_empty())?;
            Some(Sourced {
                value,
                source: Source::ConfFile,
            })
        };
        self.custom
            .and_then(from_file)
            .or_else(|| self.requested(key))
            .or_else(|| from_file(self.conf))
    }

    fn requested(&self, key: &str) -> Option<Sourced<String>> {
        let requests = self.settings.conf.get(&self.home.component)?;
        let request = requests.iter().rev().find(|request| request.key == key)?;
        Some(Sourced {
            value: request.value.clone(),
            source: request.source.clone(),
        })
    }

    fn resolve(&self, value: &str) -> Result<PathBuf, Unresolved> {
        self.variables.path(value)
    }

    /// The value of the conf key that fixes an FE's address.
    fn fixed_address(&self) -> Option<Sourced<String>> {
        let fe = self.home.component.is_fe();
        let address = self.home.engine.own_host.address_key.as_ref().filter(|_| fe)?;
        self.value(address.key)
            .filter(|value| value.value != address.unset)
    }

    fn knows_itself_by_name(&self) -> bool {
        let by_name = match &self.home.engine.own_host.by_name {
            NameMode::Flag(flag) => self.home.knows_flag(flag),
            // muster sets it.
            NameMode::Key(_) => true,
        };
        by_name && self.home.component.is_fe() && matches!(self.settings.local_host.value, Host::Name(_))
    }

    /// True for a member's data whose host neither a record that binds nor ROLE names.
    fn only_journal_names_host(&self, data: &FeData, records: &Records) -> bool {
        let engine = self.home.engine;
        let unbound = |copy: &RecordCopy| match copy {
            RecordCopy::Missing => true,
            RecordCopy::Present(record) => !record.progress.binds_host(),
            RecordCopy::Unreadable { .. } | RecordCopy::Newer { .. } => false,
        };
        data.ready
            && engine.ready_proof == ReadyProof::JournalInfo
            && engine.own_host.role_mode_key.is_none()
            && unbound(&records.data)
            && unbound(&records.state)
    }

    /// The pid file of an engine that runs in the shadow home, or else the one in the home dir.
    fn look_at_pid_file(&self, state_dir: &Path, root: &Path) -> PidFileFact {
        let shadow = Home {
            dir: self.home.shadow(state_dir),
            ..self.home.clone()
        };
        let path = self.pid_file();
        let moved = match path.strip_prefix(&self.home.dir) {
            Ok(below) => shadow.dir.join(below),
            Err(_) => path.clone(),
        };
        let fact = PidFileFact::read(&moved, &shadow, root);
        if matches!(fact.state, PidFileState::Engine { .. }) {
            return fact;
        }
        PidFileFact::read(&path, self.home, root)
    }

    fn pid_file(&self) -> PathBuf {
        let usual = self.home.dir.join(self.home.layout.pid_file);
        // A shell variable: only what the script exports moves it.
        let dir = self
            .requested("PID_DIR")
            .map(|request| request.value)
            .or_else(|| self.conf.exported("PID_DIR"));
        let elsewhere = dir.and_then(|dir| self.resolve(&dir).ok());
        match (elsewhere, usual.file_name()) {
            (Some(dir), Some(name)) => dir.join(name),
            _ => usual,
        }
    }

    /// Where the engine may write its log files.
    fn log_dirs(&self) -> Vec<PathBuf> {
        let layout = self.home.layout;
        let mut dirs = vec![self.home.dir.join(layout.default_logs)];
        for key in layout.log_dir_keys {
            dirs.extend(self.log_dir(key).filter(|dir| !dirs.contains(dir)));
        }
        dirs
    }

    /// Where it writes them: the dir of the start script's variable first.
    fn used_log_dirs(&self) -> Vec<PathBuf> {
        let mut dirs = self.log_dirs();
        let variable = self.home.layout.log_dir_keys.first();
        if variable
            .and_then(|key| self.log_dir(key))
            .is_some_and(|dir| dirs.first() != Some(&dir))
        {
            // Nothing is written to the default one.
            dirs.remove(0);
        }
        dirs
    }

    fn log_dir(&self, key: &str) -> Option<PathBuf> {
        let value = self.value(key).map(|value| value.value);
        let value = value.or_else(|| self.conf.exported(key))?;
        self.resolve(&value).ok()
    }

    /// The requested, recorded and default ports of each service, each once.
    fn candidates(&self, records: &Records) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for port in self.home.engine.ports_of(self.home.component) {
            let recorded = [&records.data, &records.state].into_iter();
            let recorded = recorded.filter_map(|copy| copy.record()?.ports.get(&port.name).copied());
            let numbers = self
                .settings
                .ports
                .get(&port.name)
                .map(|request| request.value)
                .into_iter()
                .chain(
                    self.value(port.conf_key)
                        .and_then(|value| value.value.parse().ok()),
                )
                .chain(recorded)
                .chain(port.default);
            let numbers: BTreeSet<u16> = numbers.filter(|number| *number > 0).collect();
            candidates.extend(numbers.into_iter().map(|number| Candidate {
                number,
                udp: port.udp,
            }));
        }
        candidates
    }
}

/// The data, and its paths in the order of the conf.
fn look_at_data(sources: &ConfSources<'_>, mounts: &Mounts) -> (DataFacts, Vec<PathBuf>) {
    let layout = sources.home.layout;
    let Some(data) = &layout.data else {
        return (DataFacts::Nothing, Vec::new());
    };
    let value = sources.value(data.key).unwrap_or_else(|| Sourced {
        value: data.default.to_owned(),
        source: Source::Default,
    });
    let unresolved = |problem| {
        let data = DataFacts::Unresolved {
            problem,
            source: value.source.clone(),
        };
        (data, Vec::new())
    };
    if layout.component == Component::Fe {
        return match sources.resolve(&value.value) {
            Err(problem) => unresolved(problem),
            Ok(dir) => {
                let data = FeData::look(&dir, sources.home.engine.ready_proof, mounts);
                (DataFacts::Fe(Box::new(data)), vec![dir])
            }
        };
    }
    let specs = storage::parse(&value.value).into_iter();
    let paths: Result<Vec<_>, _> = specs
        .map(|spec| Ok((sources.resolve(&spec.path)?, spec.medium)))
        .collect();
    match paths {
        Err(problem) => unresolved(problem),
        Ok(paths) => {
            let dirs = paths.iter().map(|(path, _)| path.clone()).collect();
            let looked = paths
                .into_iter()
                .map(|(path, medium)| StoragePath::look(&path, medium, mounts))
                .collect();
            (DataFacts::Storage(looked), dirs)
        }
    }
}

fn look_at_records(sources: &ConfSources<'_>, data_paths: &[PathBuf], mounts: &Mounts) -> Records {
    // A new disk before the others has no record yet: the first record found counts.
    let data = data_paths
        .iter()
        .map(|dir| RecordCopy::read(&dir.join(record::DATA_COPY)))
        .find(|copy| *copy != RecordCopy::Missing)
        .unwrap_or(RecordCopy::Missing);
    let conf_dir = sources.conf.path.parent().unwrap_or(&sources.home.dir);
    let state_dir = sources
        .settings
        .image
        .state_dir
        .as_ref()
        .map_or(conf_dir, |dir| &dir.value);
    let state_path = state_dir.join(record::state_copy(sources.home.component));
    Records {
        data,
        state: RecordCopy::read(&state_path),
        state_path,
        state_dir: Place::look(state_dir, mounts),
    }
}

#[cfg(test)]
mod tests;
