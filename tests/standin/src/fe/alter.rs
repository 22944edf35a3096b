//! ALTER SYSTEM and the account statements, as the leader carries them out.

use super::Fe;
use super::accounts::Speaker;
use super::answer::Answer;
use super::changes::{Seen, change, place};
use super::ground::node_name;
use super::select::switches;
use super::statement::Statement;
use crate::group::Unagreed;
use crate::group::membership::{FeRole, Frontend, Membership, Node, NodeKind};
use crate::group::replica::is_moved;
use crate::profile::Engine;

impl Fe {
    pub(crate) async fn alter(&self, speaker: &Speaker, statement: &Statement) -> Answer {
        if matches!(
            statement,
            Statement::AddFrontend { .. } | Statement::AddNodes { .. }
        ) {
            if self.faults.is("add", "lock") {
                return self.settings.profile.refused(self.lock_is_busy());
            }
            let answer = self.alter_in_time(speaker, statement).await;
            return self.spoil(statement, answer).await;
        }
        self.alter_in_time(speaker, statement).await
    }

    fn lock_is_busy(&self) -> &'static str {
        match self.settings.profile.engine {
            Engine::StarRocks => "Failed to acquire globalStateMgr lock. Try again",
            Engine::Doris => "Failed to acquire env lock. Try again",
        }
    }

    /// Observed on a leader of StarRocks without a majority: never an answer, the connection is closed after 40 s. One of Doris
    /// closes it when it ends, or never.
    async fn alter_in_time(&self, speaker: &Speaker, statement: &Statement) -> Answer {
        let work = self.carry_out(speaker, statement);
        if self.settings.profile.is_doris() {
            return work.await;
        }
        let limit = self
            .settings
            .scale
            .at_least(40.0, std::time::Duration::from_millis(200));
        tokio::pin!(work);
        loop {
            // A slow disk or a member that starts slowly is not a lost majority.
            match tokio::time::timeout(limit, &mut work).await {
                Ok(answer) => return answer,
                Err(_) if self.group.state().quorum_lost.is_some() => return Answer::Closed,
                Err(_) => {}
            }
        }
    }

    /// The faults that follow an ADD which the cluster has taken.
    async fn spoil(&self, statement: &Statement, answer: Answer) -> Answer {
        if answer != Answer::Done {
            return answer;
        }
        if self.faults.is("add", "drop-after") {
            return Answer::Closed;
        }
        if self.faults.is("add", "lost-answer") {
            return Answer::Never;
        }
        if self.faults.is("add", "vanish") {
            let undo = match statement {
                Statement::AddFrontend { role, at } => Statement::DropFrontend {
                    role: *role,
                    at: at.clone(),
                },
                Statement::AddNodes { kind, at, .. } => Statement::DropNodes {
                    kind: *kind,
                    at: at.clone(),
                },
                _ => return answer,
            };
            self.carry_out(&Speaker::default(), &undo).await;
        }
        answer
    }

    async fn carry_out(&self, speaker: &Speaker, statement: &Statement) -> Answer {
        let outcome = match statement {
            Statement::AddFrontend { role, at } => self.add_frontend(*role, at).await,
            Statement::AddNodes { kind, at, tag } => self.add_nodes(*kind, at, tag).await,
            Statement::MoveFrontend { from, port, to } => self.move_frontend(from, *port, to).await,
            Statement::MoveBackend { from, port, to } => self.move_backend(from, *port, to).await,
            Statement::DropBackendByDoris => Err(DROPP.to_owned()),
            Statement::CreateImage => self.create_image().await,
            Statement::SetConfig { key, value } => self.set_config(key, value),
            other => {
                let seen = self.seen();
                self.agree(|membership| change(membership, speaker, other, &seen))
                    .await
            }
        };
        match outcome {
            Ok(()) => Answer::Done,
            Err(text) => self.settings.profile.refused(text),
        }
    }

    fn seen(&self) -> Seen {
        let leader = self.group.me.name.clone();
        let state = self.group.state();
        let alive = state.pulses.frontends.iter().filter(|(_, pulse)| pulse.alive);
        let alive = alive.map(|(name, _)| name.clone()).chain([leader.clone()]);
        Seen {
            profile: self.settings.profile,
            alive: alive.collect(),
            leader,
        }
    }

    async fn agree(&self, change: impl FnOnce(&mut Membership) -> Result<(), String>) -> Result<(), String> {
        match self.group.propose(change).await {
            Ok(()) => Ok(()),
            Err(Unagreed::Refused(text)) => Err(text),
            Err(Unagreed::NotLeader) => Err("forward failed: unknown result".to_owned()),
            Err(Unagreed::Disk(error)) => Err(format!("{} {error}", self.settings.profile.group.je)),
        }
    }

    async fn add_frontend(&self, role: FeRole, at: &str) -> Result<(), String> {
        let profile = self.settings.profile;
        let (host, port) = self.stored_place(at).await?;
        let seen = self.seen();
        self.agree(|membership| {
            let is_there = |known: &&Frontend| {
                known.host == host && (profile.engine == Engine::StarRocks || known.edit_log_port == port)
            };
            if let Some(known) = membership.frontends.iter().find(is_there) {
                return Err(profile.frontend_exists(known, seen.alive.contains(&known.name)));
            }
            let id = membership.next_id();
            let name = node_name(profile, &host, port);
            membership.frontends.push(Frontend {
                id,
                name,
                host,
                edit_log_port: port,
                role,
            });
            Ok(())
        })
        .await
    }

    async fn add_nodes(&self, kind: NodeKind, at: &[String], tag: &str) -> Result<(), String> {
        let profile = self.settings.profile;
        let mut places = Vec::new();
        for one in at {
            places.push(self.stored_place(one).await?);
        }
        self.agree(|membership| {
            let known = membership.nodes.clone();
            for (host, heartbeat_port) in places {
                // Observed: two that are equal in one statement of Doris are two rows.
                let known = match profile.engine {
                    Engine::StarRocks => &membership.nodes,
                    Engine::Doris => &known,
                };
                let known = known
                    .iter()
                    .find(|n| n.host == host && n.heartbeat_port == heartbeat_port);
                if let Some(known) = known {
                    return Err(profile.node_exists(known.kind, &host, heartbeat_port));
                }
                // Ids of backends start high in a fresh cluster; those of frontends do not.
                membership.last_id = membership.last_id.max(10_000);
                let id = membership.next_id();
                membership.nodes.push(Node {
                    id,
                    host,
                    heartbeat_port,
                    kind,
                    decommissioned: false,
                    tag: tag.to_owned(),
                });
            }
            Ok(())
        })
        .await
    }

    /// StarRocks in IP mode resolves a name once, here, and keeps the address; Doris keeps what it was told.
    async fn stored_place(&self, text: &str) -> Result<(String, u16), String> {
        let profile = self.settings.profile;
        let (host, port) = place(profile, text)?;
        if profile.is_doris() || host.parse::<std::net::IpAddr>().is_ok() {
            return Ok((host, port));
        }
        match self.network.resolve(&host).await {
            Ok(_) if self.identity.is_name => Ok((host, port)),
            Ok(address) => Ok((address.to_string(), port)),
            Err(_) if self.identity.is_name => Err(format!("unknown fqdn host: {host}")),
            Err(_) => Err(profile.unresolvable(&host)),
        }
    }

    async fn move_frontend(&self, from: &str, port: Option<u16>, to: &str) -> Result<(), String> {
        let profile = self.settings.profile;
        if profile.engine == Engine::StarRocks && is_moved(from, to) {
            return Err(profile.analysis("Can't change ip to ip"));
        }
        let found = {
            let state = self.group.state();
            let known = state.journal.membership.frontends.iter();
            let mut known = known.filter(|fe| port.is_none_or(|port| fe.edit_log_port == port));
            known.find(|fe| self.host_of(fe) == from).cloned()
        };
        let found = found.ok_or_else(|| profile.no_such_frontend(from))?;
        if profile.is_doris() && self.is_connected(&found.name) {
            // Observed: refused, and the leader has the new host in its memory all the same. The way back is refused too, and
            // repairs that.
            let mut renamed = self.renamed();
            renamed.remove(&found.name);
            if to != found.host {
                renamed.insert(found.name, to.to_owned());
            }
            let je = profile.group.je;
            return Err(format!(
                "{je} {je} Can't update the network address for a live node."
            ));
        }
        self.agree(|membership| {
            let node = membership.group.iter_mut().find(|node| node.name == found.name);
            match node {
                Some(node) => to.clone_into(&mut node.host),
                None if profile.is_doris() => {}
                None => {
                    return Err(format!(
                        "{} Node: {} is not a member of the group: PALO_JOURNAL_GROUP",
                        profile.group.je, found.name
                    ));
                }
            }
            if let Some(row) = membership.frontends.iter_mut().find(|fe| fe.name == found.name) {
                to.clone_into(&mut row.host);
            }
            Ok(())
        })
        .await
    }

    /// Whether a member of the group is connected to this leader, or is itself.
    fn is_connected(&self, name: &str) -> bool {
        name == self.group.me.name || self.group.state().fed.contains_key(name)
    }

    async fn move_backend(&self, from: &str, port: Option<u16>, to: &str) -> Result<(), String> {
        let profile = self.settings.profile;
        match profile.engine {
            // Observed for an FE; read in the source for a BE, which has the same check.
            Engine::StarRocks if is_moved(from, to) => return Err(profile.analysis("Can't change ip to ip")),
            Engine::Doris if self.network.resolve(to).await.is_err() => return Err(profile.unresolvable(to)),
            Engine::StarRocks | Engine::Doris => {}
        }
        self.agree(|membership| {
            let mut found = false;
            let is_it =
                |node: &&mut Node| node.host == from && port.is_none_or(|port| node.heartbeat_port == port);
            for node in membership.nodes.iter_mut().filter(is_it) {
                to.clone_into(&mut node.host);
                found = true;
            }
            if found {
                return Ok(());
            }
            Err(match profile.engine {
                Engine::StarRocks => format!("backend [{from}] not found"),
                Engine::Doris => format!("backend does not exist, host:{from}"),
            })
        })
        .await
    }

    async fn create_image(&self) -> Result<(), String> {
        let journal = self.group.state().journal.version.index + 1;
        self.agree(|membership| {
            membership.image_journal = journal;
            Ok(())
        })
        .await?;
        let bytes = Self::checkpoint_of(&self.group.state().journal.membership);
        self.image
            .write_checkpoint(journal, &bytes)
            .map_err(|error| error.to_string())
    }

    /// In memory only. The one key that does something here makes checkpoints come soon; the others are shown again.
    fn set_config(&self, key: &str, value: &str) -> Result<(), String> {
        match (key, value.parse()) {
            ("edit_log_roll_num", Ok(every)) => {
                let rolls = &self.group.journals_a_roll;
                rolls.store(every, std::sync::atomic::Ordering::Relaxed);
                Ok(())
            }
            ("edit_log_roll_num", Err(_)) => Err(self.settings.profile.bad_value(key, value)),
            _ if switches(self.settings.profile.is_doris())
                .iter()
                .any(|(known, _)| *known == key) =>
            {
                self.changed().insert(key.to_owned(), value.to_owned());
                Ok(())
            }
            _ => Err(format!("Config '{key}' does not exist")),
        }
    }
}

/// Observed.
const DROPP: &str = "It is highly NOT RECOMMENDED to use DROP BACKEND stmt.It is not safe to directly drop a backend. All data \
                     on this backend will be discarded permanently. If you insist, use DROPP instead of DROP";
