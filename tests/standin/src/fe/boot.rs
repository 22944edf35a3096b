//! The start of an FE, step by step at the moments that were observed, so that a kill between two steps leaves what
//! the real one leaves.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Fe;
use super::accounts::read_digest;
use super::ground::Ground;
use super::image::{Checkpoint, RoleFile};
use super::start::Way;
use super::steps::Steps;
use super::tls;
use crate::group::Standing;
use crate::group::journal::MemberText;
use crate::group::membership::{Account, FeRole, Frontend, Membership};
use crate::group::message::{Line, Message, Service};
use crate::halt::Halt;
use crate::log::say;
use crate::network;
use crate::profile::Engine;
use crate::settings::Settings;

/// Starts an FE; comes back when its ports are open. What runs then ends through `halts`.
pub(crate) async fn start(
    settings: Settings,
    words: &[String],
    halts: mpsc::UnboundedSender<Halt>,
) -> Result<Arc<Fe>, Halt> {
    let rules = &settings.profile.fe;
    let ground = Ground::prepare(settings, words, halts).await?;
    let found = ground.look().await?;
    let way = found.way(&ground.arguments.helpers, ground.settings.profile)?;
    let (role, steps, helper) = match way {
        Way::Found => (ground.found().await?, &rules.founding, None),
        Way::Join => {
            let (role, helper) = ground.join(&found).await?;
            (role, &rules.joining, Some(helper))
        }
        Way::Restart => {
            ground.log.info(&format!(
                "find ROLE and VERSION file in local, ignore helper nodes: {:?}",
                ground.arguments.helpers
            ));
            ground.check_cluster_id(&found)?;
            let role = found.role.clone().ok_or_else(|| Halt::fatal("ROLE is gone"))?;
            (role, &rules.restarting, ground.arguments.helpers.first().cloned())
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

/// The ports of an FE that is ready.
#[derive(Debug, Clone, Copy)]
enum Door {
    Rpc,
    Query,
    Http,
    Arrow,
}

impl Boot<'_> {
    pub(crate) async fn run(self, helper: Option<(String, u16)>) -> Result<Arc<Fe>, Halt> {
        let fe = self.fe.clone();
        let profile = fe.settings.profile;
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
        if profile.engine == Engine::StarRocks {
            self.tell_transfer("UNKNOWN");
            fe.killed_at("UNKNOWN");
        }
        tokio::spawn(fe.group.clone().take_part(helper));
        self.wait_for_leader().await;
        let changed = Instant::now();
        let word = fe.role_word();
        self.tell_transfer(word);
        fe.killed_at(word);
        if self.way == Way::Found {
            self.finish_founding(changed).await?;
        } else {
            self.check_belonging(alone).await?;
            scale.sleep_until(changed, self.steps.can_write).await;
            if fe.leads() {
                self.tell_can_write();
            }
        }
        scale.sleep_until(changed, self.steps.settle).await;
        self.settle()?;
        fe.killed_at("hostType");
        fe.ready.store(true, Ordering::Relaxed);
        self.open_ports(changed).await?;
        Ok(fe)
    }

    fn tell_transfer(&self, word: &str) {
        say(&format!("notify new FE type transfer: {word}"));
        self.fe.log.info(&format!("notify new FE type transfer: {word}"));
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
        let profile = fe.settings.profile;
        let mut round = 0;
        loop {
            let led = fe.group.until(|state| {
                let replayed = matches!(
                    state.standing,
                    Standing::Leader | Standing::Follows { replayed: true, .. }
                );
                replayed.then_some(())
            });
            let (every, words) = profile.waiting(round);
            tokio::select! {
                () = led => return,
                () = fe.settings.scale.sleep(every) => {}
            }
            // Observed in Doris: one that has not met its group, or is not where that knows it, is still opening its journal, and
            // says nothing.
            let opening = self.way == Way::Join || !fe.group.is_at_home();
            match profile.engine {
                Engine::Doris if opening => {}
                Engine::Doris if round == 0 => self.tell_transfer("UNKNOWN"),
                Engine::StarRocks | Engine::Doris => fe.log.info(&words),
            }
            round += 1;
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
        // A text that is no digest is passed over, with a warning.
        let password = fe.conf.root_password.as_deref().and_then(read_digest);
        let accounts = Account::built_in(fe.settings.profile.engine, password);
        fe.group.state().journal.own_row = Some(MemberText {
            name: name.clone(),
            host: host.clone(),
        });
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
            membership.accounts = accounts;
            Ok(())
        });
        proposal.await.map_err(|error| Halt::fatal(error.to_string()))?;
        self.tell_can_write();
        fe.killed_at("can-write");
        Ok(())
    }

    fn tell_can_write(&self) {
        let words = self.fe.settings.profile.can_write();
        say(words);
        self.fe.log.info(words);
    }

    async fn check_belonging(&self, alone: bool) -> Result<(), Halt> {
        let fe = &self.fe;
        let profile = fe.settings.profile;
        let (host, port) = (&fe.identity.host, fe.conf.edit_log_port);
        let checkpoint = fe.image.checkpoint().map(|(_, membership)| membership);
        if alone
            && let Some(old) = &checkpoint
            && let Some(own) = old.frontend_at(host, port)
        {
            let serves = own.name == fe.group.me.name || profile.is_doris();
            return self.impersonate(old, serves).await;
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
        Err(Halt::fatal(profile.not_added(host, port)))
    }

    /// Observed: a self-elected node whose image lists its address leads a group of its own, and every FE of the
    /// real cluster shows it as the only leader for as long as it runs.
    async fn impersonate(&self, old: &Membership, serves: bool) -> Result<(), Halt> {
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
        if serves {
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
            // What elected itself and lists this host by its image alone was never a member.
            if !fe.settings.profile.is_doris() || state.journal.own_row.is_some() {
                state.journal.settled = true;
            }
            fe.group.dir.save(&state.journal).map_err(unwritable)?;
        }
        if self.host_type == host_type || fe.settings.profile.is_doris() {
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
        let mut doors = vec![
            (self.steps.rpc, Door::Rpc, Some(fe.conf.rpc_port)),
            (self.steps.query, Door::Query, Some(fe.conf.query_port)),
            (self.steps.http, Door::Http, Some(fe.conf.http_port)),
            (self.steps.arrow, Door::Arrow, fe.conf.arrow_port),
        ];
        doors.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
        for (moment, door, port) in doors {
            if let Some(port) = port {
                scale.sleep_until(changed, moment).await;
                self.open(door, port)?;
            }
        }
        tokio::spawn(fe.clone().make_rounds());
        tokio::spawn(fe.clone().make_checkpoints());
        scale.sleep_until(changed, self.steps.served).await;
        fe.served.store(true, Ordering::Relaxed);
        fe.log.info("FE started successfully");
        fe.killed_at("ports");
        Ok(())
    }

    fn open(&self, door: Door, port: u16) -> Result<(), Halt> {
        let fe = self.fe.clone();
        if matches!(door, Door::Http) && fe.settings.profile.is_doris() {
            make_server_dir(port)?;
        }
        let listener = network::listen(fe.settings.listen_on(port)).map_err(|_| {
            let words = match door {
                Door::Rpc => format!("thrift server start failed with port {port} , will exit"),
                Door::Query => {
                    fe.log.error("Open MySQL network service failed.");
                    "mysql server start failed".to_owned()
                }
                Door::Http => format!("Fail to start FE query http server[port: {port}]"),
                Door::Arrow => format!("Arrow Flight SQL service start failed, port: {port}"),
            };
            Halt::fatal(words)
        })?;
        match door {
            Door::Rpc => drop(tokio::spawn(fe.serve_members(listener))),
            Door::Query => {
                let files = fe.settings.tls.as_ref();
                let tls = files.map(tls::acceptor).transpose().map_err(unwritable)?;
                drop(tokio::spawn(fe.serve_mysql(listener, tls)));
            }
            Door::Http => drop(tokio::spawn(fe.serve_http(listener))),
            Door::Arrow => drop(tokio::spawn(network::keep_open(listener))),
        }
        Ok(())
    }
}

impl Fe {
    fn killed_at(&self, point: &str) {
        self.faults.strike_at(point);
    }

    /// The bytes of a checkpoint of this moment.
    pub(crate) fn checkpoint_of(membership: &Membership) -> Vec<u8> {
        serde_json::to_vec(&Checkpoint::of(membership)).unwrap_or_default()
    }
}

/// The web server of Doris wants a directory below `/tmp`, and finds out after the FE has become a leader. It leaves it behind.
fn make_server_dir(port: u16) -> Result<(), Halt> {
    let dir = std::path::Path::new("/tmp").join(format!("jetty-docbase.{port}.{}", std::process::id()));
    std::fs::create_dir(&dir)
        .and_then(|()| std::fs::remove_dir(&dir))
        .map_err(|error| {
            Halt::thrown(format!(
                "WebServerException: Unable to create tempDir. java.io.tmpdir is set to /tmp ({error})"
            ))
        })
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn unwritable(error: std::io::Error) -> Halt {
    Halt::thrown(format!("java.io.IOException: {error}"))
}
