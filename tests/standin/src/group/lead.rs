//! What a leader does: feed its members, agree on changes with a majority, and end when it has none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::journal::Version;
use super::membership::{GroupNode, Membership};
use super::message::{Line, LineReader, LineWriter, Message, Refusal, Service};
use super::{Fed, Group, Standing};
use crate::halt::Halt;

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
            let state = &mut *state;
            state.agreed.clone_from(&state.journal.membership.group);
            state.began_at = state.journal.version.index;
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
            self.watch_others().await;
            self.renew(&group).await;
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

    /// A member that voted in a later term for somebody who lost cannot follow this leader, and can vote for nobody
    /// else in that term: the leader has itself elected again in one that is later still. It leads on meanwhile, and a
    /// change that is on its way is agreed on together with the new term.
    async fn renew(self: &Arc<Self>, group: &str) {
        let term = {
            let state = self.state();
            if state.outbid <= state.journal.term {
                return;
            }
            state.outbid + 1
        };
        if !self.gathers_votes_for(term, false).await {
            return;
        }
        {
            let mut state = self.state();
            state.journal.term = term;
            state.journal.voted_for = Some(self.me.name.clone());
            state.journal.version = Version {
                term,
                index: state.journal.version.index + 1,
            };
            // They come again, under the new term.
            state.fed.clear();
            if let Err(error) = self.dir.save(&state.journal) {
                self.log.error(&format!("cannot write the journal: {error}"));
            }
        }
        self.count();
        self.announce();
        self.call_the_others(group, term);
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
        // A new leader begins a new journal; a founder has nothing to keep yet.
        if self.profile.is_doris() && !state.journal.membership.frontends.is_empty() {
            state.roll();
        }
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
        let journal = state.journal.version.index;
        drop(state);
        let claim = self.profile.group.claim.map(|claim| self.scale.seconds(claim));
        if claim.is_some_and(|claim| since.elapsed() > claim) {
            self.log.error("transfer FE type from LEADER to UNKNOWN. exit");
            self.halt(Halt::fatal(self.profile.stuck_write(journal)));
        }
    }

    /// Observed: a leader that was cut off and knows no end of its claim ends 15-23 s after it can reach another leader.
    async fn watch_others(&self) {
        let (lost, term) = {
            let state = self.state();
            (state.quorum_lost.is_some(), state.journal.term)
        };
        if !lost || self.profile.group.claim.is_some() {
            return;
        }
        if self
            .find_leader(None)
            .await
            .is_some_and(|(_, later)| later > term)
        {
            self.scale.sleep(15.0).await;
            self.gives_way();
        }
    }

    /// Ends this FE, which leads no more.
    pub(super) fn gives_way(&self) {
        let leader = self.profile.fe.leader;
        self.halt(Halt::fatal(format!(
            "transfer FE type from {leader} to UNKNOWN. exit"
        )));
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
                if !state.leads() || state.journal.term != term {
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
            group.halt(Halt::fatal(group.profile.stuck_write(0)));
        });
    }
}
