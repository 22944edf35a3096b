//! The start of an FE, step by step at the moments that were observed, so that a kill between two steps leaves what
//! the real one leaves.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Fe;
use super::ground::Ground;
use super::image::RoleFile;
use super::start::{Found, Way};
use super::steps::{FOUNDING, JOINING, RESTARTING, Steps};
use crate::group::Standing;
use crate::group::membership::{Account, FeRole, Frontend, Membership};
use crate::group::message::{Line, Message, Service};
use crate::halt::Halt;
use crate::log::say;
use crate::network;
use crate::settings::Settings;

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

/// From the open group to the open ports.
#[derive(Debug)]
pub(crate) struct Boot<'a> {
    pub(crate) fe: Arc<Fe>,
    pub(crate) way: Way,
    pub(crate) steps: &'a Steps,
    pub(crate) began: Instant,
    pub(crate) found_nothing: bool,
    pub(crate) host_type: String,
}

impl Boot<'_> {
    pub(crate) async fn run(self, helper: Option<(String, u16)>) -> Result<Arc<Fe>, Halt> {
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
                        && let Ok(mut line) = Line::call(stream, Service::Learner).await
                        && line.say(&claim).await.is_ok()
                    {
                        // Ends when the other side goes away.
                        line.hear::<Message>(std::time::Duration::from_secs(3600))
                            .await
                            .ok();
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
        self.faults.strike_at(point);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn unwritable(error: std::io::Error) -> Halt {
    Halt::fatal(format!("java.io.IOException: {error}"))
}
