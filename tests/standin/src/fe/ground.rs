//! What an FE does before its group is open: checks and files.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Fe;
use super::boot::{Boot, unwritable};
use super::conf::FeConf;
use super::image::{ImageDir, RoleFile, VersionFile};
use super::start::{Arguments, Found, Way};
use super::steps::Steps;
use crate::address::Identity;
use crate::clock::{Scale, now_millis};
use crate::faults::Faults;
use crate::group::journal::{Journal, JournalDir};
use crate::group::membership::{FeRole, GroupNode};
use crate::group::{Group, Opening};
use crate::halt::Halt;
use crate::log::{Lines, Log, say};
use crate::network::{self, Network};
use crate::profile::{Engine, Profile};
use crate::settings::Settings;

/// Everything known before the group is opened.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) settings: Settings,
    pub(crate) conf: FeConf,
    pub(crate) faults: Faults,
    pub(crate) log: Arc<Log>,
    pub(crate) image: ImageDir,
    pub(crate) journals: JournalDir,
    pub(crate) network: Network,
    pub(crate) identity: Identity,
    pub(crate) arguments: Arguments,
    pub(crate) began: Instant,
    pub(crate) halts: mpsc::UnboundedSender<Halt>,
    /// Holds the data dir for this process.
    lock: Option<File>,
}

impl Ground {
    pub(crate) async fn prepare(
        settings: Settings,
        words: &[String],
        halts: mpsc::UnboundedSender<Halt>,
    ) -> Result<Self, Halt> {
        let began = Instant::now();
        let profile = settings.profile;
        say(LOG_SETTINGS);
        let arguments = Arguments::parse(words)?;
        let conf = FeConf::read(&settings).map_err(Halt::unlogged)?;
        if profile.is_doris() {
            std::fs::write(settings.home.join("conf/log4j2-spring.xml"), LOG_SETTINGS)
                .map_err(|error| Halt::unlogged(format!("java.io.IOException: {}", plain(&error))))?;
        }
        let log = Arc::new(Log::open(&conf.sys_log_dir, "fe", Lines::of(&settings)));
        let faults = Faults::of(&settings.home);
        let meta = conf.meta_dir.clone();
        if let Some(moment) = profile.fe.founding.lock_file {
            settings.scale.sleep_until(began, moment).await;
        }
        write_pid_file(&settings.pid_dir)?;
        let lock = match profile.fe.founding.lock_file {
            None if meta.is_dir() => None,
            None => return Err(Halt::fatal(format!("meta dir {} dose not exist", meta.display()))),
            Some(_) => Some(take_lock(&meta)?),
        };
        faults.strike_at("process.lock");
        if faults.is("disk", "full") {
            return Err(Halt::fatal(format!(
                "Free capacity left for meta dir: {} is less than 5GB",
                meta.display()
            )));
        }
        let image = ImageDir::of(&meta, profile);
        let by_name = match (&arguments.host_type, profile.engine) {
            (_, Engine::Doris) => conf.by_name,
            (Some(given), _) => given == "FQDN",
            (None, _) => image.role().is_some_and(|role| role.host_type == "FQDN"),
        };
        let fixed = conf
            .frontend_address
            .as_deref()
            .and_then(|text| text.parse().ok());
        let identity = match fixed {
            // An address in the configuration wins over everything, `--host_type FQDN` included.
            Some(address) => Identity::address(address, None),
            None => Identity::choose(&settings, &conf.priority_networks, by_name)
                .await
                .map_err(Halt::fatal)?,
        };
        if let Some(remark) = &identity.remark {
            log.warn(remark);
        }
        let ground = Self {
            journals: JournalDir::of(&meta),
            network: Network::of(&settings),
            settings,
            conf,
            faults,
            log,
            image,
            identity,
            arguments,
            began,
            halts,
            lock,
        };
        match profile.engine {
            Engine::StarRocks => {
                ground.check_helpers()?;
                ground.scale().sleep_until(ground.began, 2.4).await;
                ground.check_edit_log_port().await?;
            }
            Engine::Doris => {
                ground.check_all_ports()?;
                ground.check_helpers()?;
            }
        }
        Ok(ground)
    }

    pub(crate) fn scale(&self) -> Scale {
        self.settings.scale
    }

    pub(super) fn profile(&self) -> &'static Profile {
        self.settings.profile
    }

    fn check_helpers(&self) -> Result<(), Halt> {
        let own = (self.identity.host.clone(), self.conf.edit_log_port);
        if self.arguments.helpers.contains(&own) {
            return Err(Halt::thrown(self.profile().own_helper()));
        }
        Ok(())
    }

    async fn check_edit_log_port(&self) -> Result<(), Halt> {
        let port = self.conf.edit_log_port;
        if network::listen(self.settings.listen_on(port)).is_err() {
            self.scale().sleep_until(self.began, 3.9).await;
            return Err(Halt::fatal(format!(
                "edit_log_port {port} is already in use. will exit."
            )));
        }
        Ok(())
    }

    /// Observed: every port, TCP and UDP, before anything else; one that is taken on 127.0.0.1 alone counts.
    fn check_all_ports(&self) -> Result<(), Halt> {
        let conf = &self.conf;
        let ports = [
            (
                "Edit log",
                "edit_log_port",
                Some(conf.edit_log_port),
                EDIT_LOG_ADVICE,
            ),
            ("Http", "http_port", Some(conf.http_port), HTTP_ADVICE),
            ("Query", "query_port", Some(conf.query_port), ""),
            ("Rpc", "rpc_port", Some(conf.rpc_port), ""),
            ("Arrow Flight SQL", "arrow_flight_sql_port", conf.arrow_port, ""),
        ];
        for (what, key, port, advice) in ports {
            let Some(port) = port else { continue };
            let at = self.settings.listen_on(port);
            let bound = network::listen(at).and_then(|_| std::net::UdpSocket::bind(at));
            if let Err(error) = bound {
                return Err(Halt::thrown(format!(
                    "{what} port {port} is already in use. Please change the '{key}' in fe.conf and try again.{advice}\n\
                     java.net.BindException: {error}\njava.io.IOException: port {port} already in use"
                )));
            }
        }
        Ok(())
    }

    /// A fault that ends the process at a named point as a SIGKILL from outside would.
    pub(super) fn killed_at(&self, point: &str) {
        self.faults.strike_at(point);
    }

    /// What the data dir holds; Doris first says there in which mode it runs.
    pub(crate) async fn look(&self) -> Result<Found, Halt> {
        let profile = self.profile();
        if profile.fe.deploy_mode {
            self.scale()
                .sleep_until(self.began, profile.fe.founding.files - 0.05)
                .await;
            match self.image.deploy_mode().as_deref() {
                Some("local") => {}
                Some(other) => {
                    return Err(Halt::thrown(format!(
                        "java.lang.IllegalArgumentException: You can't switch deploy mode from {other} to local, maybe \
                         you need to check fe.conf"
                    )));
                }
                None => self
                    .image
                    .write_deploy_mode(|| self.killed_at("deploy-mode"))
                    .map_err(unwritable)?,
            }
        }
        let found = Found::look(&self.image, &self.journals);
        if found.is_err() && profile.is_doris() {
            self.fail_three_times().await;
        }
        found
    }

    /// Berkeley DB is opened three times, with 5 s between, before the FE gives up.
    pub(super) async fn fail_three_times(&self) {
        self.scale().sleep(12.0).await;
    }

    /// The cluster that the conf names is the one that the data belongs to.
    pub(crate) fn check_cluster_id(&self, found: &Found) -> Result<(), Halt> {
        let stored = found.version.as_ref().map(|version| version.cluster_id);
        match (self.profile().engine, self.conf.cluster_id) {
            (Engine::Doris, Some(id)) if stored.is_some_and(|stored| stored != id) => Err(Halt::fatal(
                "Configured cluster_id does not match stored cluster_id. Please check your configuration.",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) async fn found(&self) -> Result<RoleFile, Halt> {
        let files = self.profile().fe.founding.files;
        self.scale().sleep_until(self.began, files).await;
        let role = self.new_role();
        self.image.write_role(&role).map_err(unwritable)?;
        self.killed_at("role-only");
        self.scale().sleep_until(self.began, files + 0.04).await;
        let version = VersionFile {
            cluster_id: self
                .conf
                .cluster_id
                .unwrap_or_else(|| fastrand::u32(1..i32::MAX as u32)),
            token: self.conf.auth_token.clone().unwrap_or_else(new_token),
        };
        self.image.write_version(&version).map_err(unwritable)?;
        self.killed_at("role");
        self.killed_at("version");
        Ok(role)
    }

    fn new_role(&self) -> RoleFile {
        RoleFile {
            role: FeRole::Follower,
            name: node_name(self.profile(), &self.identity.host, self.conf.edit_log_port),
            host_type: String::new(),
        }
    }

    pub(crate) async fn open(
        self,
        way: Way,
        found: &Found,
        role: RoleFile,
        steps: &Steps,
        helper: Option<(String, u16)>,
    ) -> Result<Arc<Fe>, Halt> {
        // A joiner may have waited long for its registration: its steps count from then.
        let began = if way == Way::Join {
            Instant::now() - self.scale().seconds(steps.files)
        } else {
            self.began
        };
        let scale = self.scale();
        scale.sleep_until(began, steps.lock).await;
        self.journals.create_lock_files().map_err(unwritable)?;
        self.killed_at("je.lck");
        scale.sleep_until(began, steps.journal).await;
        let journal = self.journals.load().map_err(unwritable)?;
        if self.profile().is_doris() && way == Way::Found && journal.is_none() {
            self.journals.create_without_root().map_err(unwritable)?;
            self.killed_at("jdb");
        }
        let is_new = journal.is_none();
        let journal = journal.unwrap_or_default();
        self.journals
            .create_log_files(is_new.then_some(&journal))
            .map_err(unwritable)?;
        self.killed_at("jdb");
        let helper = match helper {
            Some(helper) if way == Way::Restart && role.role == FeRole::Follower => {
                self.with_helper(&journal, &role, helper).await?
            }
            other => other,
        };
        scale.sleep_until(began, steps.door).await;
        let listener = network::listen(self.door()).map_err(|_| {
            Halt::fatal(format!(
                "edit_log_port {} is already in use. will exit.",
                self.conf.edit_log_port
            ))
        })?;
        let fe = self.build(&role, journal);
        tokio::spawn(fe.group.clone().open_door(listener));
        let boot = Boot {
            fe,
            way,
            steps,
            began,
            found_nothing: found.needs_first_journal(),
            host_type: role.host_type,
        };
        boot.run(helper).await
    }

    /// Observed: Doris' group listens on the own address alone.
    fn door(&self) -> std::net::SocketAddr {
        let port = self.conf.edit_log_port;
        match self.profile().engine {
            Engine::StarRocks => self.settings.listen_on(port),
            Engine::Doris => std::net::SocketAddr::new(self.identity.address, port),
        }
    }

    fn build(self, role: &RoleFile, journal: Journal) -> Arc<Fe> {
        let me = GroupNode {
            id: 0,
            name: role.name.clone(),
            host: self.identity.host.clone(),
            port: self.conf.edit_log_port,
            electable: role.role == FeRole::Follower,
        };
        let group = Group::open(Opening {
            me,
            profile: self.settings.profile,
            rpc_port: self.conf.rpc_port,
            network: self.network.clone(),
            scale: self.settings.scale,
            dir: self.journals,
            log: self.log.clone(),
            halts: self.halts,
            journal,
        });
        Arc::new(Fe {
            settings: self.settings,
            conf: self.conf,
            faults: self.faults,
            log: self.log,
            image: self.image,
            network: self.network,
            identity: self.identity,
            group,
            start_millis: now_millis(),
            ready: false.into(),
            served: false.into(),
            leaving: false.into(),
            renamed: std::sync::Mutex::default(),
            changed: std::sync::Mutex::default(),
            tally: super::tally::Tally::default(),
            lock: self.lock,
        })
    }
}

/// The name of a node in its group.
pub(crate) fn node_name(profile: &Profile, host: &str, port: u16) -> String {
    match profile.engine {
        Engine::StarRocks => format!("{host}_{port}_{}", now_millis()),
        Engine::Doris => format!("fe_{}", new_token().replace('-', "_")),
    }
}

fn new_token() -> String {
    let n = fastrand::u128(..);
    let text = format!("{n:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn write_pid_file(dir: &Path) -> Result<(), Halt> {
    let written = std::fs::write(dir.join("fe.pid"), std::process::id().to_string());
    written.map_err(|_| Halt::thrown("java.io.IOException: pid file is already locked."))
}

/// Locks `process.lock` as a JVM does, so that it can be seen from outside.
fn take_lock(meta: &Path) -> Result<File, Halt> {
    let path = meta.join("process.lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| {
        let class = match error.kind() {
            std::io::ErrorKind::NotFound => "java.nio.file.NoSuchFileException".to_owned(),
            _ => format!("java.io.IOException: {}", plain(&error)),
        };
        Halt::fatal(format!("Try to lock process failed\n{class}: {}", path.display()))
    })?;
    let whole = libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_SETLK(&whole)).map_err(|_| {
        Halt::fatal("FE process has been started，please do not start multiple FE processes at the same time")
    })?;
    Ok(file)
}

/// The message of an operating system error, as the JVM gives it.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error")
        .map_or(text.clone(), |(words, _)| words.to_owned())
}

const EDIT_LOG_ADVICE: &str = " But if this is not the first time your start this FE, please DO NOT change it.  You need to \
                               find the service that occupies the port and shut it down, and then return the port to Doris.";
const HTTP_ADVICE: &str = " But you need to make sure that ALL FEs http_port are same.";

/// Every start of the engine prints its log settings; here in short.
const LOG_SETTINGS: &str = "=====\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Auto Generated. DO NOT MODIFY IT! -->\n\
<Configuration status=\"info\"/>\n=====";
