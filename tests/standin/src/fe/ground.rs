//! What an FE does before its group is open: checks, files, and the questions a joiner asks its helper.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Fe;
use super::boot::{Boot, unwritable};
use super::conf::FeConf;
use super::image::{ImageDir, RoleFile, VersionFile};
use super::start::{self, Arguments, Found, Way};
use super::steps::{FOUNDING, Steps};
use crate::address::Identity;
use crate::clock::{Scale, now_millis};
use crate::faults::Faults;
use crate::group::journal::{Journal, JournalDir};
use crate::group::membership::{FeRole, GroupNode};
use crate::group::message::{Line, Message, Service};
use crate::group::{Group, Opening};
use crate::halt::Halt;
use crate::log::{Log, say};
use crate::network::{self, Network};
use crate::settings::Settings;
use crate::wire::http;

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
}

impl Ground {
    pub(crate) async fn prepare(
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

    pub(crate) fn scale(&self) -> Scale {
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
        self.faults.strike_at(point);
    }

    pub(crate) async fn found(&self) -> Result<RoleFile, Halt> {
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
    pub(crate) async fn join(&self, found: &Found) -> Result<(RoleFile, (String, u16)), Halt> {
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
        if let Ok(stream) = self.network.connect(&helper.0, helper.1, patience).await
            && let Ok(mut line) = Line::call(stream, Service::Feeder).await
        {
            line.say(&Message::Stranger { group, node }).await.ok();
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
            tally: super::tally::Tally::default(),
        })
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
    written.map_err(|_| Halt::fatal("java.io.IOException: pid file is already locked."))
}

/// Every start of the engine prints its log settings; here in short.
const LOG_SETTINGS: &str = "=====\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Auto Generated. DO NOT MODIFY IT! -->\n\
<Configuration status=\"info\" packages=\"com.starrocks.common\"/>\n=====";
