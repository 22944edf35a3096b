//! The start of an FE, step by step at the moments that were observed, so that a kill between two steps leaves what
//! the real one leaves.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Fe;
use super::conf::FeConf;
use super::image::{ImageDir, RoleFile, VersionFile};
use super::start::{self, Arguments, Found, Way};
use crate::address::Identity;
use crate::clock::{Scale, now_millis};
use crate::faults::Faults;
use crate::group::journal::{Journal, JournalDir};
use crate::group::membership::{Account, FeRole, Frontend, GroupNode, Membership};
use crate::group::message::{Line, Message};
use crate::group::{Group, Opening, Standing};
use crate::halt::Halt;
use crate::log::{Log, say};
use crate::network::{self, Network};
use crate::settings::Settings;
use crate::wire::http;

/// Engine seconds after the start, and after the first transition, at which things were seen to happen.
struct Steps {
    files: f64,
    lock: f64,
    journal: f64,
    door: f64,
    elect: f64,
    can_write: f64,
    host_type: f64,
    services: f64,
    http: f64,
}

const FOUNDING: Steps = Steps {
    files: 3.96,
    lock: 4.1,
    journal: 4.3,
    door: 4.53,
    elect: 9.5,
    can_write: 2.0,
    host_type: 2.5,
    services: 4.27,
    http: 4.57,
};
const JOINING: Steps = Steps {
    files: 3.3,
    lock: 3.6,
    journal: 3.7,
    door: 3.8,
    elect: 4.3,
    can_write: 0.0,
    host_type: 0.7,
    services: 3.2,
    http: 3.5,
};
const RESTARTING: Steps = Steps {
    files: 2.5,
    lock: 2.6,
    journal: 2.7,
    door: 3.0,
    elect: 4.3,
    can_write: 0.5,
    host_type: 0.7,
    services: 2.2,
    http: 2.5,
};

/// Everything known before the group is opened.
struct Ground {
    settings: Settings,
    conf: FeConf,
    faults: Faults,
    log: Arc<Log>,
    image: ImageDir,
    journals: JournalDir,
    network: Network,
    identity: Identity,
    arguments: Arguments,
    began: Instant,
    halts: mpsc::UnboundedSender<Halt>,
}

/// Starts an FE; comes back when its ports are open. What runs then ends through `halts`.
pub(crate) async fn start(
    settings: Settings,
    words: &[String],
    halts: mpsc::UnboundedSender<Halt>,
) -> Result<Arc<Fe>, Halt> {
    let ground = Ground::prepare(settings, words, halts).await?;
    let found = Found::look(&ground.image, &ground.journals)?;
    let way = found.way(&ground.arguments.helpers)?;
    let (role, steps, helper) = match way {
        Way::Found => (ground.found().await?, &FOUNDING, None),
        Way::Join => {
            let (role, helper) = ground.join(&found).await?;
            (role, &JOINING, Some(helper))
        }
        Way::Restart => {
            ground.log.info(&format!(
                "find ROLE and VERSION file in local, ignore helper nodes: {:?}",
                ground.arguments.helpers
            ));
            let role = found.role.clone().ok_or_else(|| Halt::fatal("ROLE is gone"))?;
            (role, &RESTARTING, ground.arguments.helpers.first().cloned())
        }
    };
    ground.open(way, &found, role, steps, helper).await
}

impl Ground {
    async fn prepare(
        settings: Settings,
        words: &[String],
        halts: mpsc::UnboundedSender<Halt>,
    ) -> Result<Self, Halt> {
        let began = Instant::now();
        say(LOG_SETTINGS);
        let arguments = Arguments::parse(words)?;
        let conf = FeConf::read(&settings).map_err(Halt::unlogged)?;
        let log = Arc::new(Log::open(&conf.sys_log_dir, "fe", settings.log_to_console));
        let faults = Faults::of(&settings.home);
        write_pid_file(&settings.pid_dir)?;
        let meta = &conf.meta_dir;
        if !meta.is_dir() {
            return Err(Halt::fatal(format!("meta dir {} dose not exist", meta.display())));
        }
        if faults.is("disk", "full") {
            return Err(Halt::fatal(format!(
                "Free capacity left for meta dir: {} is less than 5GB",
                meta.display()
            )));
        }
        let image = ImageDir::of(meta);
        let by_name = match &arguments.host_type {
            Some(given) => given == "FQDN",
            None => image.role().is_some_and(|role| role.host_type == "FQDN"),
        };
        let identity = match conf
            .frontend_address
            .as_deref()
            .and_then(|text| text.parse().ok())
        {
            // An address in the configuration wins over everything, `--host_type FQDN` included.
            Some(address) => Identity {
                host: conf.frontend_address.clone().unwrap_or_default(),
                address,
                is_name: false,
                remark: None,
            },
            None => Identity::choose(&settings, &conf.priority_networks, by_name)
                .await
                .map_err(Halt::fatal)?,
        };
        if let Some(remark) = &identity.remark {
            log.warn(remark);
        }
        let ground = Self {
            journals: JournalDir::of(meta),
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
        };
        ground.check_helpers().await?;
        Ok(ground)
    }

    fn scale(&self) -> Scale {
        self.settings.scale
    }

    async fn check_helpers(&self) -> Result<(), Halt> {
        let own = (self.identity.host.clone(), self.conf.edit_log_port);
        if self.arguments.helpers.contains(&own) {
            return Err(Halt::fatal(
                "Getting analyzing error. Detail message: Do not specify the helper node to FE itself. Please specify \
                 it to the existing running Leader or Follower FE.",
            ));
        }
        self.scale().sleep_until(self.began, 2.4).await;
        let port = self.conf.edit_log_port;
        if network::listen(self.settings.listen_on(port)).is_err() {
            self.scale().sleep_until(self.began, 3.9).await;
            return Err(Halt::fatal(format!(
                "edit_log_port {port} is already in use. will exit."
            )));
        }
        Ok(())
    }

    /// A fault that ends the process at a named point as a SIGKILL from outside would.
    fn killed_at(&self, point: &str) {
        killed_at(&self.faults, point);
    }

    async fn found(&self) -> Result<RoleFile, Halt> {
        self.scale().sleep_until(self.began, FOUNDING.files).await;
        let role = self.new_role();
        self.image.write_role(&role).map_err(unwritable)?;
        self.killed_at("role-only");
        self.scale().sleep_until(self.began, FOUNDING.files + 0.04).await;
        let version = VersionFile {
            cluster_id: fastrand::u32(1..i32::MAX as u32),
            token: new_token(),
        };
        self.image.write_version(&version).map_err(unwritable)?;
        self.killed_at("role");
        self.killed_at("version");
        Ok(role)
    }

    fn new_role(&self) -> RoleFile {
        let name = format!(
            "{}_{}_{}",
            self.identity.host,
            self.conf.edit_log_port,
            now_millis()
        );
        RoleFile {
            role: FeRole::Follower,
            name,
            host_type: String::new(),
        }
    }

    /// Asks the helpers for role and name until one knows this node, for ever.
    async fn join(&self, found: &Found) -> Result<(RoleFile, (String, u16)), Halt> {
        self.scale().sleep_until(self.began, 3.0).await;
        let (role, helper) = loop {
            if let Some(answer) = self.ask_helpers().await {
                break answer;
            }
            let helpers: Vec<String> = self
                .arguments
                .helpers
                .iter()
                .map(|(host, port)| format!("{host}:{port}"))
                .collect();
            self.log.warn(&format!(
                "current node is not added to the group. please add it first. sleep 5 seconds and retry, current \
                 helper nodes: {helpers:?}"
            ));
            self.scale().sleep(5.0).await;
        };
        self.scale().sleep(0.3).await;
        self.image.write_role(&role).map_err(unwritable)?;
        self.killed_at("role-only");
        let host = helper.0.as_str();
        let text = self
            .fetch(host, "/version")
            .await
            .map(|reply| String::from_utf8_lossy(&reply.body).into_owned());
        let version = text.as_deref().and_then(ImageDir::parse_version);
        let version = version
            .ok_or_else(|| Halt::fatal("fail to download version file from helper node. will exit."))?;
        if found
            .version
            .as_ref()
            .is_some_and(|own| own.token != version.token)
        {
            return Err(Halt::fatal(format!(
                "token is not equal with helper node {host}. will exit."
            )));
        }
        self.image.write_version(&version).map_err(unwritable)?;
        self.killed_at("role");
        self.killed_at("version");
        self.fetch_checkpoint(host).await;
        Ok((role, helper))
    }

    async fn ask_helpers(&self) -> Option<(RoleFile, (String, u16))> {
        for helper in &self.arguments.helpers {
            let question = format!(
                "/role?host={}&port={}",
                self.identity.host, self.conf.edit_log_port
            );
            let Some(reply) = self.fetch(&helper.0, &question).await else {
                continue;
            };
            let role = reply.header("role").and_then(FeRole::parse);
            if let (Some(role), Some(name)) = (role, reply.header("name")) {
                return Some((
                    RoleFile {
                        role,
                        name: name.to_owned(),
                        host_type: String::new(),
                    },
                    helper.clone(),
                ));
            }
        }
        None
    }

    /// HTTP goes to the helper's host and to this node's own `http_port`, which is why all must have the same.
    async fn fetch(&self, host: &str, target: &str) -> Option<http::Reply> {
        let patience = self.scale().at_least(30.0, std::time::Duration::from_secs(2));
        let reply = http::get(&self.network, host, self.conf.http_port, target, patience)
            .await
            .ok()?;
        (reply.status == 200).then_some(reply)
    }

    async fn fetch_checkpoint(&self, host: &str) {
        let Some(info) = self.fetch(host, "/info?subdir=").await else {
            return;
        };
        let id = serde_json::from_slice::<serde_json::Value>(&info.body).ok();
        let id = id
            .and_then(|info| info.get("imageJournalId")?.as_u64())
            .unwrap_or(0);
        if id == 0 {
            return;
        }
        let question = format!("/image?version={id}&subdir=&image_format_version=v2");
        if let Some(image) = self.fetch(host, &question).await {
            self.image.write_checkpoint(id, &image.body).ok();
            self.killed_at("image");
        }
    }

    async fn open(
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
        let journal = self.journals.load().map_err(unwritable)?.unwrap_or_default();
        self.journals.create_log_files(&journal).map_err(unwritable)?;
        self.killed_at("jdb");
        if way == Way::Restart
            && let Some(helper) = &helper
            && role.role == FeRole::Follower
            && let Err(halt) = start::check_helper(&journal, helper, &self.conf.meta_dir)
        {
            self.show_as_stranger(&journal, &role, helper).await;
            return Err(halt);
        }
        scale.sleep_until(began, steps.door).await;
        let listener = network::listen(self.settings.listen_on(self.conf.edit_log_port)).map_err(|_| {
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

    /// Observed: data of a group that began here by self-election, started with a helper of another group, ends
    /// itself, and may take the other group's leader along.
    async fn show_as_stranger(&self, journal: &Journal, role: &RoleFile, helper: &(String, u16)) {
        if !journal.nascent {
            return;
        }
        let patience = self.scale().at_least(3.0, std::time::Duration::from_millis(500));
        let id = journal
            .membership
            .group_node(&role.name)
            .map_or(1, |node| node.id);
        let node = GroupNode {
            id,
            name: role.name.clone(),
            host: self.identity.host.clone(),
            port: self.conf.edit_log_port,
            electable: true,
        };
        let group = journal.group.clone().unwrap_or_default();
        if let Ok(stream) = self.network.connect(&helper.0, helper.1, patience).await {
            Line::over(stream)
                .say(&Message::Stranger { group, node })
                .await
                .ok();
        }
        self.scale().sleep(1.0).await;
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
            ready: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
        })
    }
}

/// From the open group to the open ports.
struct Boot<'a> {
    fe: Arc<Fe>,
    way: Way,
    steps: &'a Steps,
    began: Instant,
    found_nothing: bool,
    host_type: String,
}

impl Boot<'_> {
    async fn run(self, helper: Option<(String, u16)>) -> Result<Arc<Fe>, Halt> {
        let fe = self.fe.clone();
        let scale = fe.settings.scale;
        let bare = helper.is_none();
        let unsettled = !fe.group.state().journal.settled;
        let alone = bare && (self.way == Way::Found || unsettled);
        if self.way == Way::Found {
            fe.log.warn("failed to setup environment because of UnknownMasterException for the first time, ignore it.");
        }
        scale.sleep_until(self.began, self.steps.elect).await;
        if alone && fe.group.me.electable {
            self.elect_self()?;
        } else if alone {
            // Observed: an observer that never was ready and finds no helper neither exits nor gets ready.
            return std::future::pending().await;
        }
        say("notify new FE type transfer: UNKNOWN");
        fe.log.info("notify new FE type transfer: UNKNOWN");
        fe.killed_at("UNKNOWN");
        tokio::spawn(fe.group.clone().take_part(helper));
        self.wait_for_leader().await;
        let changed = Instant::now();
        let word = fe.role_word();
        say(&format!("notify new FE type transfer: {word}"));
        fe.log.info(&format!("notify new FE type transfer: {word}"));
        fe.killed_at(word);
        if self.way == Way::Found {
            self.finish_founding(changed).await?;
        } else {
            self.check_belonging(alone).await?;
            scale.sleep_until(changed, self.steps.can_write).await;
            if word == "LEADER" {
                self.tell_can_write();
            }
        }
        scale.sleep_until(changed, self.steps.host_type).await;
        self.settle()?;
        fe.killed_at("hostType");
        fe.ready.store(true, Ordering::Relaxed);
        self.open_ports(changed).await?;
        Ok(fe)
    }

    fn elect_self(&self) -> Result<(), Halt> {
        let group = &self.fe.group;
        let nascent = group.state().journal.nascent;
        if nascent {
            return Ok(());
        }
        group.elect_self().map_err(unwritable)
    }

    async fn wait_for_leader(&self) {
        let fe = &self.fe;
        loop {
            let led = fe.group.until(|state| {
                let replayed = matches!(
                    state.standing,
                    Standing::Leader | Standing::Follows { replayed: true, .. }
                );
                replayed.then_some(())
            });
            tokio::select! {
                () = led => return,
                () = fe.settings.scale.sleep(2.0) => {
                    fe.log.info("wait globalStateMgr to be ready. FE type: INIT. is ready: false");
                }
            }
        }
    }

    /// The founder becomes a member of its own cluster only here; before, a restart finds an empty list.
    async fn finish_founding(&self, changed: Instant) -> Result<(), Halt> {
        let fe = &self.fe;
        fe.settings.scale.sleep_until(changed, self.steps.can_write).await;
        let version = fe.image.version().ok_or_else(|| Halt::fatal("VERSION is gone"))?;
        let (name, host, port) = (
            fe.group.me.name.clone(),
            fe.identity.host.clone(),
            fe.conf.edit_log_port,
        );
        let proposal = fe.group.propose(|membership| {
            membership.cluster_id = version.cluster_id;
            membership.token = version.token;
            let id = membership.next_id();
            membership.frontends.push(Frontend {
                id,
                name,
                host,
                edit_log_port: port,
                role: FeRole::Follower,
            });
            membership.accounts.push(Account {
                user: "root".to_owned(),
                password: None,
                roles: vec!["root".to_owned()],
                default_roles: vec!["root".to_owned()],
            });
            Ok(())
        });
        proposal.await.map_err(|error| Halt::fatal(error.to_string()))?;
        self.tell_can_write();
        fe.killed_at("can-write");
        Ok(())
    }

    fn tell_can_write(&self) {
        say("leader finished to replay journal, can write now.");
        self.fe
            .log
            .info("leader finished to replay journal, can write now.");
    }

    async fn check_belonging(&self, alone: bool) -> Result<(), Halt> {
        let fe = &self.fe;
        let (host, port) = (&fe.identity.host, fe.conf.edit_log_port);
        let checkpoint = fe.image.checkpoint().map(|(_, membership)| membership);
        if alone
            && let Some(old) = &checkpoint
            && let Some(own) = old.frontend_at(host, port)
        {
            return self.impersonate(old, own.name == fe.group.me.name).await;
        }
        let (belongs, swallowed) = {
            let state = fe.group.state();
            let membership = &state.journal.membership;
            (
                membership.frontend_at(host, port).is_some() || state.zombie,
                membership.image_journal,
            )
        };
        if self.way == Way::Restart && self.found_nothing && swallowed > 0 {
            loop {
                fe.log.warn(&format!(
                    "Can not find the key[1] in [{swallowed}]: key too small"
                ));
                fe.settings.scale.sleep(5.0).await;
            }
        }
        if belongs {
            return Ok(());
        }
        Err(Halt::fatal("current node is not added to the cluster, will exit"))
    }

    /// Observed: a self-elected node whose image lists its address leads a group of its own, and every FE of the
    /// real cluster shows it as the only leader for as long as it runs.
    async fn impersonate(&self, old: &Membership, same_name: bool) -> Result<(), Halt> {
        let fe = &self.fe;
        for other in old
            .frontends
            .iter()
            .filter(|other| other.host != fe.identity.host)
        {
            let (group, other) = (fe.group.clone(), other.clone());
            let claim = Message::Impostor {
                host: fe.identity.host.clone(),
                port: fe.conf.edit_log_port,
            };
            tokio::spawn(async move {
                loop {
                    if let Ok(stream) = group
                        .network
                        .connect(&other.host, other.edit_log_port, group.patience())
                        .await
                    {
                        let mut line = Line::over(stream);
                        if line.say(&claim).await.is_ok() {
                            // Ends when the other side goes away.
                            line.hear::<Message>(std::time::Duration::from_secs(3600))
                                .await
                                .ok();
                        }
                    }
                    group.scale.sleep(1.0).await;
                }
            });
        }
        if same_name {
            let old = old.clone();
            let adopted = fe.group.propose(|membership| {
                let group = std::mem::take(&mut membership.group);
                *membership = Membership { group, ..old };
                Ok(())
            });
            return adopted.await.map_err(|error| Halt::fatal(error.to_string()));
        }
        loop {
            fe.log.error(
                "java.lang.NullPointerException: Cannot invoke \"com.starrocks.system.Frontend.getFid()\" because \
                 \"frontend\" is null",
            );
            fe.settings.scale.sleep(2.0).await;
        }
    }

    /// `hostType` gets its value: the proof that this node was ready once.
    fn settle(&self) -> Result<(), Halt> {
        let fe = &self.fe;
        let host_type = if fe.identity.is_name { "FQDN" } else { "IP" };
        {
            let mut state = fe.group.state();
            state.journal.settled = true;
            fe.group.dir.save(&state.journal).map_err(unwritable)?;
        }
        if self.host_type == host_type {
            return Ok(());
        }
        let role = if fe.group.me.electable {
            FeRole::Follower
        } else {
            FeRole::Observer
        };
        let file = RoleFile {
            role,
            name: fe.group.me.name.clone(),
            host_type: host_type.to_owned(),
        };
        fe.image.write_role(&file).map_err(unwritable)
    }

    async fn open_ports(&self, changed: Instant) -> Result<(), Halt> {
        let fe = &self.fe;
        let scale = fe.settings.scale;
        let conf = &fe.conf;
        scale.sleep_until(changed, self.steps.services).await;
        let rpc = network::listen(fe.settings.listen_on(conf.rpc_port)).map_err(|_| {
            Halt::fatal(format!(
                "thrift server start failed with port {} , will exit",
                conf.rpc_port
            ))
        })?;
        let mysql = network::listen(fe.settings.listen_on(conf.query_port)).map_err(|_| {
            fe.log.error("Open MySQL network service failed.");
            Halt::fatal("mysql server start failed")
        })?;
        tokio::spawn(fe.clone().serve_forwarded(rpc));
        tokio::spawn(fe.clone().serve_mysql(mysql));
        scale.sleep_until(changed, self.steps.http).await;
        let http = network::listen(fe.settings.listen_on(conf.http_port)).map_err(|_| {
            Halt::fatal(format!(
                "Fail to start FE query http server[port: {}]",
                conf.http_port
            ))
        })?;
        tokio::spawn(fe.clone().serve_http(http));
        tokio::spawn(fe.clone().make_rounds());
        fe.log.info("FE started successfully");
        fe.killed_at("ports");
        Ok(())
    }
}

impl Fe {
    fn killed_at(&self, point: &str) {
        killed_at(&self.faults, point);
    }
}

/// The fault is spent first: the next start is an ordinary one.
fn killed_at(faults: &Faults, point: &str) {
    if !faults.is("kill", point) {
        return;
    }
    faults.spend("kill", point);
    nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL).ok();
}

fn unwritable(error: std::io::Error) -> Halt {
    Halt::fatal(format!("java.io.IOException: {error}"))
}

fn new_token() -> String {
    let n = fastrand::u128(..);
    let text = format!("{n:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn write_pid_file(dir: &Path) -> Result<(), Halt> {
    let written = std::fs::write(dir.join("fe.pid"), std::process::id().to_string());
    written.map_err(|_| Halt::fatal("java.io.IOException: pid file is already locked."))
}

/// Every start of the engine prints its log settings; here in short.
const LOG_SETTINGS: &str = "=====\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Auto Generated. DO NOT MODIFY IT! -->\n\
<Configuration status=\"info\" packages=\"com.starrocks.common\"/>\n=====";
