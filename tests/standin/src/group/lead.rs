//! What a leader does: feed its members, agree on changes with a majority, and end when it has none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::journal::Version;
use super::membership::{GroupNode, Membership};
use super::message::{Line, LineReader, LineWriter, Message, Refusal, Service};
use super::{Fed, Group, Standing, Unagreed};
use crate::halt::Halt;

/// Observed: a leader goes on claiming to lead for 42-46 s after its majority is gone.
const CLAIM_SECONDS: f64 = 44.0;

impl Group {
    /// Takes the lead and keeps it until the process ends: a leader that is demoted always dies.
    pub(crate) async fn lead(self: &Arc<Self>) {
        let (group, term) = {
            let mut state = self.state();
            let term = state.journal.term;
            state.journal.version = Version {
                term,
                index: state.journal.version.index + 1,
            };
            state.standing = Standing::Elected;
            state.fed.clear();
            if let Err(error) = self.dir.save(&state.journal) {
                self.log.error(&format!("cannot write the journal: {error}"));
                state.standing = Standing::Unknown;
                return;
            }
            (state.journal.group.clone().unwrap_or_default(), term)
        };
        self.count();
        self.announce();
        self.call_the_others(&group, term);
        let mut claimed = false;
        loop {
            if !claimed && self.takes_office() {
                claimed = true;
            }
            self.watch_quorum();
            let mut changes = self.changes();
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(self.scale.at_least(1.0, Duration::from_millis(50))), if self.needs_others() => {}
            }
            if self.state().detached {
                return;
            }
        }
    }

    fn needs_others(&self) -> bool {
        self.state().journal.membership.majority() > 1
    }

    fn takes_office(&self) -> bool {
        let mut state = self.state();
        if state.committed != state.journal.version {
            return false;
        }
        state.standing = Standing::Leader;
        state.silence = None;
        drop(state);
        self.announce();
        true
    }

    fn call_the_others(self: &Arc<Self>, group: &str, term: u64) {
        let nodes: Vec<GroupNode> = self.state().journal.membership.group.clone();
        for node in nodes.into_iter().filter(|node| node.name != self.me.name) {
            let (network, patience) = (self.network.clone(), self.patience());
            let call = Message::Leading {
                group: group.to_owned(),
                term,
            };
            tokio::spawn(async move {
                if let Ok(stream) = network.connect(&node.host, node.port, patience).await
                    && let Ok(mut line) = Line::call(stream, Service::Learner).await
                {
                    line.say(&call).await.ok();
                }
            });
        }
    }

    /// How often a leader gives a sign of life.
    fn beat(&self) -> Duration {
        self.scale.at_least(5.0, Duration::from_millis(200))
    }

    /// Whether a majority has answered lately. What a poll found is a write too: observed, a leader that is cut off
    /// goes on showing everybody Alive.
    pub(crate) fn has_fresh_majority(&self) -> bool {
        let fresh = self.beat() * 2 + Duration::from_millis(100);
        let state = self.state();
        let membership = &state.journal.membership;
        let heard = |node: &&GroupNode| {
            node.name == self.me.name
                || state
                    .fed
                    .get(&node.name)
                    .is_some_and(|fed| fed.heard.elapsed() < fresh)
        };
        membership.electable().filter(heard).count() >= membership.majority()
    }

    fn watch_quorum(&self) {
        let mut state = self.state();
        let silence = self.silence();
        let membership = &state.journal.membership;
        let present = membership
            .electable()
            .filter(|node| {
                node.name == self.me.name
                    || state
                        .fed
                        .get(&node.name)
                        .is_some_and(|f| f.heard.elapsed() < silence)
            })
            .count();
        if present >= membership.majority() {
            state.quorum_lost = None;
            return;
        }
        // After a cut cable the last answer is older than the moment it is missed.
        let last_heard = state.fed.values().map(|fed| fed.heard).max();
        let now = Instant::now();
        let since = *state.quorum_lost.get_or_insert_with(|| last_heard.unwrap_or(now));
        drop(state);
        if since.elapsed() > self.scale.seconds(CLAIM_SECONDS) {
            self.log.error("transfer FE type from LEADER to UNKNOWN. exit");
            self.halt(Halt::fatal(
                "failed to begin txn after retried 3 times! db = CloseSafeDatabase{db=1} failed to rebuild txn!",
            ));
        }
    }

    /// A version is agreed on once a majority of those who vote holds it.
    fn count(&self) {
        let mut state = self.state();
        let version = state.journal.version;
        let membership = &state.journal.membership;
        let holding = membership
            .electable()
            .filter(|node| {
                node.name == self.me.name || state.fed.get(&node.name).is_some_and(|f| f.version >= version)
            })
            .count();
        if holding >= membership.majority() {
            state.committed = version;
        }
    }

    /// Changes the membership and waits, for ever if need be, until a majority holds the change. One at a time.
    pub(crate) async fn propose<T>(
        &self,
        change: impl FnOnce(&mut Membership) -> Result<T, String>,
    ) -> Result<T, Unagreed> {
        let _turn = self.proposals.lock().await;
        let (made, version) = {
            let mut state = self.state();
            if state.standing != Standing::Leader {
                return Err(Unagreed::NotLeader);
            }
            let mut next = state.journal.clone();
            let made = change(&mut next.membership).map_err(Unagreed::Refused)?;
            next.version.index += 1;
            self.dir.save(&next)?;
            let version = next.version;
            state.journal = next;
            (made, version)
        };
        self.count();
        self.announce();
        self.until(|state| (state.committed >= version).then_some(()))
            .await;
        Ok(made)
    }

    /// One member's connection, from its greeting to its end.
    pub(crate) async fn feed(self: Arc<Self>, mut line: Line, node: GroupNode) {
        let (group, term) = {
            let state = self.state();
            (
                state.journal.group.clone().unwrap_or_default(),
                state.journal.term,
            )
        };
        let leader = self.as_leader();
        if line
            .say(&Message::Attached { group, term, leader })
            .await
            .is_err()
        {
            return;
        }
        let connection = fastrand::u64(..);
        let (reader, writer) = line.split();
        let fed = Fed {
            connection,
            version: Version::default(),
            heard: Instant::now(),
        };
        self.state().fed.insert(node.name.clone(), fed);
        self.announce();
        self.clone().admit(node.clone());
        tokio::select! {
            () = self.take_acknowledgements(reader, &node.name, connection) => {}
            () = self.send_changes(writer, &node, term) => {}
        }
        let mut state = self.state();
        if state
            .fed
            .get(&node.name)
            .is_some_and(|fed| fed.connection == connection)
        {
            state.fed.remove(&node.name);
        }
        drop(state);
        self.announce();
    }

    /// The first contact is what makes a registered node a member that counts.
    fn admit(self: Arc<Self>, node: GroupNode) {
        let known = |membership: &Membership| {
            membership.group_node(&node.name).is_some() || membership.frontend(&node.name).is_none()
        };
        if known(&self.state().journal.membership) {
            return;
        }
        tokio::spawn(async move {
            let admitted = self.propose(|membership| {
                if membership.frontend(&node.name).is_some() {
                    membership.admit(&node.name, &node.host, node.port, node.electable);
                }
                Ok(())
            });
            if let Err(error) = admitted.await {
                self.log.warn(&format!("{} was not admitted: {error}", node.name));
            }
        });
    }

    async fn take_acknowledgements(&self, mut reader: LineReader, name: &str, connection: u64) {
        loop {
            let Ok(Message::Ack { version }) = reader.hear(self.silence() * 2).await else {
                return;
            };
            {
                let mut state = self.state();
                let Some(fed) = state.fed.get_mut(name).filter(|fed| fed.connection == connection) else {
                    return;
                };
                fed.version = fed.version.max(version);
                fed.heard = Instant::now();
            }
            self.count();
            self.announce();
        }
    }

    async fn send_changes(&self, mut writer: LineWriter, node: &GroupNode, term: u64) {
        let mut changes = self.changes();
        let mut sent = Version::default();
        let beat = self.beat();
        let mut due = Instant::now();
        loop {
            let message = {
                let state = self.state();
                let dropped = node.electable && state.journal.membership.removed.contains(&node.name);
                if !state.leads() {
                    return;
                }
                if dropped {
                    Some(Message::Refused(Refusal::Removed))
                } else if state.journal.version != sent {
                    sent = state.journal.version;
                    let membership = Some(Box::new(state.journal.membership.clone()));
                    Some(Message::Append {
                        term,
                        version: sent,
                        membership,
                        pulses: state.pulses.clone(),
                    })
                } else if Instant::now() >= due {
                    Some(Message::Append {
                        term,
                        version: sent,
                        membership: None,
                        pulses: state.pulses.clone(),
                    })
                } else {
                    None
                }
            };
            if let Some(message) = message {
                if writer.say(&message).await.is_err() || matches!(message, Message::Refused(_)) {
                    return;
                }
                due = Instant::now() + beat;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    /// Observed: a node of another instance whose number is ours and whose name is not takes a living leader
    /// down, unless its name, or its place under another number than the first, is known to the group.
    pub(crate) fn meet_stranger(self: &Arc<Self>, stranger: &GroupNode) {
        let victim = {
            let state = self.state();
            let group = &state.journal.membership.group;
            let name_is_known = group.iter().any(|node| node.name == stranger.name);
            let place = group
                .iter()
                .find(|node| node.host == stranger.host && node.port == stranger.port);
            if name_is_known || place.is_some_and(|node| node.id != 1) {
                return;
            }
            group
                .iter()
                .find(|node| node.id == stranger.id)
                .map(|node| node.name.clone())
        };
        let Some(ours) = victim else { return };
        let words = format!(
            "Ids: {} were equal. But names: {ours}, {} weren't! UNEXPECTED_STATE: Uncaught exception in feeder thread",
            stranger.id, stranger.name
        );
        let group = self.clone();
        tokio::spawn(async move {
            group.log.error(&words);
            group.scale.sleep(1.0).await;
            group.log.error("this node is DETACHED");
            {
                let mut state = group.state();
                state.detached = true;
                state.standing = Standing::Unknown;
                state.fed.clear();
            }
            group.announce();
            group.scale.sleep(10.0).await;
            group.halt(Halt::fatal(
                "failed to begin txn after retried 3 times! db = CloseSafeDatabase{db=1}",
            ));
        });
    }
}
