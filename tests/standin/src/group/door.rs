//! What comes in on `edit_log_port`.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::membership::GroupNode;
use super::message::{Line, Message, Refusal, Service};
use super::{Group, Standing};
use crate::clock::now_millis;

impl Group {
    pub(crate) async fn open_door(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(self.clone().answer(stream));
                }
                // Out of descriptors, say: the next caller may have more luck.
                Err(_) => self.scale.sleep(0.1).await,
            }
        }
    }

    async fn answer(self: Arc<Self>, stream: TcpStream) {
        stream.set_nodelay(true).ok();
        let Ok(mut line) = Line::answer(stream, self.silence()).await else {
            return;
        };
        let Ok(first) = line.hear::<Message>(self.silence()).await else {
            return;
        };
        let reply = match first {
            Message::WhoLeads { group } => self.who_leads(group.as_deref()),
            Message::Vote {
                trial,
                group,
                term,
                name,
                version,
            } => {
                let granted = self.votes_for(trial, &group, term, &name, version);
                Message::Voted {
                    granted,
                    term: self.state().journal.term,
                }
            }
            Message::Copy { name } => match self.copy_for(&name) {
                Some(copy) => copy,
                None => return,
            },
            Message::Attach {
                group,
                term,
                node,
                clock,
            } => match self.refusal(group.as_deref(), term, &node, clock) {
                Some(refusal) => Message::Refused(refusal),
                None => return self.feed(line, node).await,
            },
            Message::Leading { group, term } => {
                let news = {
                    let state = self.state();
                    state.journal.group.as_ref() == Some(&group) && term >= state.journal.term
                };
                if news {
                    self.announce();
                }
                return;
            }
            Message::Impostor { host, port } => return self.bear_impostor(line, host, port).await,
            Message::Stranger { group, node } => {
                let known = self.state().journal.membership.group_node(&node.name).is_some();
                self.hear_of_stranger(group, node).await;
                Message::Refused(if known {
                    Refusal::OtherGroup
                } else {
                    Refusal::NotLeader
                })
            }
            _ => return,
        };
        line.say(&reply).await.ok();
    }

    fn who_leads(&self, asked_for: Option<&str>) -> Message {
        let state = self.state();
        let term = state.journal.term;
        let other_group = asked_for.is_some() && asked_for != state.journal.group.as_deref();
        let leader = match &state.standing {
            _ if other_group => None,
            Standing::Elected | Standing::Leader => Some(self.as_leader()),
            Standing::Follows { leader, .. } => Some(leader.clone()),
            Standing::Init | Standing::Unknown => None,
        };
        Message::Leads { leader, term }
    }

    /// What this node has, for a member of its group that has lost it, while nobody leads.
    fn copy_for(&self, name: &str) -> Option<Message> {
        let state = self.state();
        let journal = &state.journal;
        journal.membership.electable().find(|node| node.name == name)?;
        (state.standing == Standing::Unknown && !state.detached).then_some(())?;
        Some(Message::Copied {
            group: journal.group.clone()?,
            term: journal.term,
            version: journal.version,
            membership: Box::new(journal.membership.clone()),
        })
    }

    /// One vote a term, never while a leader lives, never for someone who knows less.
    fn votes_for(&self, trial: bool, group: &str, term: u64, name: &str, version: super::Version) -> bool {
        let mut state = self.state();
        let journal = &state.journal;
        let stranger = journal.group.as_deref() != Some(group)
            || !journal.membership.electable().any(|node| node.name == name)
            || !self.me.electable;
        let overtaken = state.quorum_lost.is_some() && version > journal.version;
        // Its own leader may ask for a later term, see `lead::renew`.
        let leader_lives = match &state.standing {
            Standing::Init | Standing::Unknown => state.detached,
            Standing::Follows { leader, .. } => leader.name != name,
            // JE: a master without a majority is a candidate like any other.
            Standing::Elected | Standing::Leader => !overtaken,
        };
        if stranger || leader_lives || version < journal.version || term < journal.term {
            return false;
        }
        let free = term > journal.term || journal.voted_for.as_deref().is_none_or(|voted| voted == name);
        if trial || !free {
            return free;
        }
        state.journal.term = term;
        state.journal.voted_for = Some(name.to_owned());
        let saved = self.dir.save(&state.journal).is_ok();
        if state.leads() {
            drop(state);
            self.gives_way();
        }
        saved
    }

    fn refusal(&self, group: Option<&str>, term: u64, node: &GroupNode, clock: u64) -> Option<Refusal> {
        let mut state = self.state();
        if !state.leads() {
            return Some(Refusal::NotLeader);
        }
        if group.is_some() && group != state.journal.group.as_deref() {
            return Some(Refusal::OtherGroup);
        }
        if term > state.journal.term {
            state.outbid = state.outbid.max(term);
            let term = state.journal.term;
            drop(state);
            self.announce();
            return Some(Refusal::StaleLeader { term });
        }
        let membership = &state.journal.membership;
        if node.electable && membership.frontend(&node.name).is_none() {
            return Some(Refusal::Removed);
        }
        let known = membership.group_node(&node.name);
        if let Some(known) = known.filter(|known| self.is_elsewhere(known, node)) {
            return Some(Refusal::Moved(known.host.clone()));
        }
        let own = now_millis();
        (own.abs_diff(clock) > 5_000).then_some(Refusal::Clock(own))
    }

    /// Holds for as long as the claim's connection does.
    async fn bear_impostor(&self, mut line: Line, host: String, port: u16) {
        let claim = fastrand::u64(..);
        let theirs = self.state().journal.membership.frontend_at(&host, port).is_some();
        if !theirs {
            return;
        }
        self.state().impostors.push((claim, host, port));
        // It says nothing more; silence is how it stays, a closed connection how it goes.
        while line
            .hear::<Message>(std::time::Duration::from_secs(3600))
            .await
            .is_ok()
        {}
        self.state().impostors.retain(|(id, ..)| *id != claim);
    }

    async fn hear_of_stranger(self: &Arc<Self>, group: String, node: GroupNode) {
        let (leads, leader) = {
            let state = self.state();
            if state.journal.group.as_ref() == Some(&group) {
                return;
            }
            (state.leads(), state.leader())
        };
        if leads {
            self.meet_stranger(&node);
        } else if let Some(leader) = leader
            && let Ok(stream) = self
                .network
                .connect(&leader.host, leader.edit_log_port, self.patience())
                .await
            && let Ok(mut line) = Line::call(stream, Service::Feeder).await
        {
            line.say(&Message::Stranger { group, node }).await.ok();
        }
    }
}
