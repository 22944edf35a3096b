//! The life of a member that looks for a leader: ask, attach, follow, and elect one when nobody leads.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::journal::{Journal, MemberText, Version};
use super::membership::GroupNode;
use super::message::{Leader, Line, Message, Refusal, Service};
use super::{Group, Standing};
use crate::clock::now_millis;
use crate::halt::Halt;

/// How a leader was lost.
enum Loss {
    Closed,
    Silent,
    Removed,
}

impl Group {
    /// Runs for the life of the process. `helper` is whom a node without a group asks first.
    pub(crate) async fn take_part(self: Arc<Self>, helper: Option<(String, u16)>) {
        self.state().standing = Standing::Unknown;
        self.announce();
        let mut tries = 0_u32;
        loop {
            if self.state().detached {
                std::future::pending::<()>().await;
            }
            if let Some((leader, _)) = self.find_leader(helper.as_ref()).await
                && let Some((line, leader, term)) = self.attach(&leader).await
            {
                tries = 0;
                let loss = self.follow(line, leader, term).await;
                self.lose_leader(&loss).await;
                continue;
            }
            if let Some(helper) = &helper {
                self.copy_from(helper).await;
            }
            if self.may_be_elected() && self.wins_election().await {
                self.lead().await;
            }
            tries += 1;
            self.wait_for_news(tries).await;
        }
    }

    /// Between two tries; a new leader's call ends the pause.
    async fn wait_for_news(&self, tries: u32) {
        let engine = (0.15 + 0.35 * fastrand::f64()) * f64::from(tries.min(4));
        let pause = self.scale.at_least(engine, Duration::from_millis(15));
        let mut changes = self.changes();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = changes.changed() => {}
        }
    }

    /// The leader that somebody of the group knows, and the term of whoever said so.
    pub(super) async fn find_leader(&self, helper: Option<&(String, u16)>) -> Option<(Leader, u64)> {
        let (group, mut peers) = {
            let state = self.state();
            (state.journal.group.clone(), self.peers(&state))
        };
        peers.extend(helper.filter(|helper| !peers.contains(helper)).cloned());
        let mut asked = JoinSet::new();
        for (host, port) in peers {
            let (network, patience, group) = (self.network.clone(), self.patience(), group.clone());
            asked.spawn(async move {
                let stream = network.connect(&host, port, patience).await.ok()?;
                let mut line = Line::call(stream, Service::Learner).await.ok()?;
                line.say(&Message::WhoLeads { group }).await.ok()?;
                match line.hear(patience).await.ok()? {
                    Message::Leads { leader, term } => Some((leader?, term)),
                    _ => None,
                }
            });
        }
        while let Some(answer) = asked.join_next().await {
            if let Ok(Some((leader, term))) = answer
                && leader.name != self.me.name
            {
                return Some((leader, term));
            }
        }
        None
    }

    pub(super) fn peers(&self, state: &super::State) -> Vec<(String, u16)> {
        let others = state
            .journal
            .membership
            .electable()
            .filter(|node| node.name != self.me.name);
        others.map(|node| (node.host.clone(), node.port)).collect()
    }

    async fn attach(&self, leader: &Leader) -> Option<(Line, Leader, u64)> {
        let stream = self
            .network
            .connect(&leader.host, leader.edit_log_port, self.patience())
            .await
            .ok()?;
        let mut line = Line::call(stream, Service::Feeder).await.ok()?;
        let (group, term) = {
            let state = self.state();
            (state.journal.group.clone(), state.journal.term)
        };
        line.say(&Message::Attach {
            group,
            term,
            node: self.me.clone(),
            clock: now_millis(),
        })
        .await
        .ok()?;
        match line.hear(self.patience()).await.ok()? {
            Message::Attached { group, term, leader } => {
                self.adopt(&group, term).ok()?;
                Some((line, leader, term))
            }
            Message::Refused(Refusal::Removed) if self.profile.group.outcasts_end => {
                let id = self.own_number();
                self.end_after_three_tries(format!(
                    "Node: {}({id}) is no longer a member of the group. It was explicitly removed. HANDSHAKE_ERROR",
                    self.me.name
                ))
                .await
            }
            Message::Refused(Refusal::Removed) => {
                self.detach();
                None
            }
            Message::Refused(Refusal::StaleLeader { term }) => {
                self.give_up_candidacy(term, &leader.name).ok();
                None
            }
            Message::Refused(Refusal::Clock(clock)) => {
                // Observed: minus means that the replica is ahead; the leader says nothing.
                let delta = i128::from(clock) - i128::from(now_millis());
                let je = self.profile.group.je;
                self.end_after_three_tries(format!(
                    "{je} Clock delta: {delta} ms. between Feeder: {} and this Replica exceeds max permissible delta: 5000 ms. \
                     HANDSHAKE_ERROR: Error during the handshake between two nodes.",
                    leader.name
                ))
                .await
            }
            Message::Refused(Refusal::Moved(known)) if self.profile.group.outcasts_end => {
                let (name, id, own) = (&self.me.name, self.own_number(), &self.me.host);
                self.end_after_three_tries(format!(
                    "Conflicting hostnames for replica id: {name}({id}) Feeder thinks it is: {known} Replica is \
                     configured to use: {own}"
                ))
                .await
            }
            Message::Refused(Refusal::Moved(_)) => {
                // Observed: no exit and no text, the node stays where it is until its old address is back.
                std::future::pending().await
            }
            _ => None,
        }
    }

    /// Observed: a wiped voter whose helper knows no leader copies that one's log, votes, and may be elected, although its old
    /// vote acknowledged what this log does not have.
    async fn copy_from(&self, (host, port): &(String, u16)) -> Option<()> {
        if !self.me.electable || self.state().journal.group.is_some() {
            return None;
        }
        let stream = self.network.connect(host, *port, self.patience()).await.ok()?;
        let mut line = Line::call(stream, Service::Feeder).await.ok()?;
        let name = self.me.name.clone();
        line.say(&Message::Copy { name }).await.ok()?;
        let Message::Copied {
            group,
            term,
            version,
            membership,
        } = line.hear(self.patience()).await.ok()?
        else {
            return None;
        };
        let mut state = self.state();
        state.journal.group = Some(group);
        state.journal.term = term;
        state.journal.version = version;
        state.journal.membership = *membership;
        self.dir.save(&state.journal).ok()
    }

    fn adopt(&self, group: &str, term: u64) -> io::Result<()> {
        let mut state = self.state();
        let journal = &mut state.journal;
        if term < journal.term {
            return Err(io::Error::other("an older leader"));
        }
        if journal.group.as_deref() != Some(group) || journal.term != term {
            journal.group = Some(group.to_owned());
            journal.term = term;
            journal.voted_for = None;
            self.dir.save(journal)?;
        }
        Ok(())
    }

    /// Whoever asked for votes in a later term and lost while another was being elected in an earlier one would be refused
    /// by that leader for ever. Its vote was its own, and it holds nothing newer: it takes the leader's term.
    fn give_up_candidacy(&self, term: u64, leader: &str) -> io::Result<()> {
        let mut state = self.state();
        let journal = &mut state.journal;
        let lost = journal.term > term && journal.voted_for.as_ref() == Some(&self.me.name);
        if lost && journal.version.term <= term {
            journal.term = term;
            journal.voted_for = Some(leader.to_owned());
            self.dir.save(journal)?;
        }
        Ok(())
    }

    /// Doris opens its journal three times, with 5 s between, before it gives up; the other engine once.
    async fn end_after_three_tries<T>(&self, words: String) -> T {
        if self.profile.is_doris() {
            self.scale.sleep(14.0).await;
        }
        self.halt(Halt::fatal(words));
        std::future::pending().await
    }

    /// This node's number in its group.
    fn own_number(&self) -> u32 {
        let state = self.state();
        let known = state.journal.membership.group_node(&self.me.name);
        known.map_or(0, |node| node.id)
    }

    fn detach(&self) {
        let name = &self.me.name;
        self.log.warn(&format!(
            "Node: {name} is no longer a member of the group. It was explicitly removed. HANDSHAKE_ERROR"
        ));
        self.log.warn(&format!("this node is DETACHED: {name}"));
        let mut state = self.state();
        state.detached = true;
        state.standing = Standing::Unknown;
        drop(state);
        self.announce();
    }

    /// Takes what the leader sends until it stops sending.
    async fn follow(&self, mut line: Line, leader: Leader, term: u64) -> Loss {
        loop {
            let heard = line.hear::<Message>(self.silence()).await;
            let (version, membership, pulses) = match heard {
                Ok(Message::Append {
                    term: from,
                    version,
                    membership,
                    pulses,
                }) if from == term => (version, membership, pulses),
                Ok(Message::Refused(Refusal::Removed)) => return Loss::Removed,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Loss::Silent,
                Ok(_) | Err(_) => return Loss::Closed,
            };
            {
                let mut state = self.state();
                if state.journal.term != term {
                    return Loss::Closed;
                }
                if let Some(membership) = membership {
                    let gone = membership.frontend(&self.me.name).is_none();
                    if gone && self.profile.group.outcasts_end {
                        return Loss::Removed;
                    }
                    if gone && !self.me.electable {
                        self.skip(version, &mut state);
                    } else {
                        let is_time = state.journal.membership == *membership && state.journal.settled;
                        state.journal.membership = *membership;
                        state.journal.version = version;
                        self.settle_if_attached(&mut state.journal);
                        let saved = if is_time {
                            self.dir.save_time(&state.journal)
                        } else {
                            self.dir.save(&state.journal)
                        };
                        if let Err(error) = saved {
                            self.log.error(&format!("cannot write the journal: {error}"));
                            return Loss::Closed;
                        }
                    }
                }
                state.pulses = pulses;
                state.leader_heard = Instant::now();
                let caught_up = state.zombie || state.journal.version == version;
                let standing = Standing::Follows {
                    leader: leader.clone(),
                    replayed: caught_up,
                };
                if state.standing != standing {
                    state.standing = standing;
                    state.silence = None;
                }
            }
            self.announce();
            if line.say(&Message::Ack { version }).await.is_err() {
                return Loss::Closed;
            }
        }
    }

    /// Observed in Doris: from here on a start without a helper finds the group again.
    fn settle_if_attached(&self, journal: &mut Journal) {
        if self.profile.group.settled_by_attaching && !journal.settled {
            journal.settled = true;
            self.dir.tell("Joined group as a replica.");
        }
        if journal.settled
            && let Some(row) = journal.membership.frontend(&self.me.name)
        {
            journal.own_row = Some(MemberText::of(row));
        }
    }

    /// Observed: a dropped observer throws away what it is sent, says so, and lives on.
    fn skip(&self, version: Version, state: &mut super::State) {
        let Version { index, .. } = version;
        let (host, port) = (&self.me.host, self.me.port);
        self.log
            .error(&format!("!!! DANGER: SKIP JOURNAL, id: {index}, data: {{}} !!!"));
        self.log.error(&format!(
            "current fe name: {}, role: OBSERVER, {host}:{port} is removed. will exit",
            self.me.name
        ));
        state.zombie = true;
    }

    async fn lose_leader(&self, loss: &Loss) {
        if matches!(loss, Loss::Removed) && self.profile.group.outcasts_end {
            let GroupNode { name, host, port, .. } = &self.me;
            let role = if self.me.electable { "FOLLOWER" } else { "OBSERVER" };
            self.halt(Halt::fatal(format!(
                "current fe name: {name}, role: {role}, {host}:{port}, is alive: false is removed. will exit"
            )));
            std::future::pending::<()>().await;
        }
        if matches!(loss, Loss::Removed) {
            self.detach();
            return;
        }
        {
            let mut state = self.state();
            state.standing = Standing::Unknown;
            if matches!(loss, Loss::Silent) {
                state.silence = Some(Instant::now());
            }
        }
        self.log.warn("notify new FE type transfer: UNKNOWN");
        if self.profile.is_doris() {
            let role = if self.me.electable { "FOLLOWER" } else { "OBSERVER" };
            self.log
                .warn(&format!("{role} to UNKNOWN, still offer read service"));
        }
        self.announce();
        match loss {
            // Observed: a new leader 0.4-1.5 s after a kill, 10 s after the silence was noticed.
            Loss::Silent => self.scale.sleep(8.0 + 2.0 * fastrand::f64()).await,
            Loss::Closed | Loss::Removed => self.scale.sleep(0.3 + 0.5 * fastrand::f64()).await,
        }
    }
}

/// A changed IP address is not the same node; names are compared by nobody here.
pub(crate) fn is_moved(known: &str, now: &str) -> bool {
    let both_addresses = known.parse::<std::net::IpAddr>().is_ok() && now.parse::<std::net::IpAddr>().is_ok();
    both_addresses && known != now
}
