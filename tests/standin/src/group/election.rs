//! Who may be elected, and how votes are gathered.

use tokio::task::JoinSet;

use super::Group;
use super::membership::GroupNode;
use super::message::{Line, Message, Service};
use super::replica::is_moved;

impl Group {
    /// Only members of a group vote and are voted for, at the address the group knows them by.
    pub(super) fn may_be_elected(&self) -> bool {
        let at_home = self.is_at_home();
        let state = self.state();
        let known = state.journal.membership.group_node(&self.me.name).is_some();
        self.me.electable && state.journal.group.is_some() && known && at_home && !state.detached
    }

    /// Whether the group, if it knows this node, knows it where it is.
    pub(crate) fn is_at_home(&self) -> bool {
        let state = self.state();
        let known = state.journal.membership.group_node(&self.me.name);
        known.is_none_or(|known| !self.is_elsewhere(known, &self.me))
    }

    /// Whether a known node comes from another place: another address; observed in Doris, another port too.
    pub(super) fn is_elsewhere(&self, known: &GroupNode, now: &GroupNode) -> bool {
        is_moved(&known.host, &now.host) || self.profile.is_doris() && known.port != now.port
    }

    pub(super) async fn wins_election(&self) -> bool {
        if self.state().journal.membership.majority() > 1 && !self.gathers_votes(true).await {
            return false;
        }
        {
            let mut state = self.state();
            state.journal.term += 1;
            state.journal.voted_for = Some(self.me.name.clone());
            if let Err(error) = self.dir.save(&state.journal) {
                self.log.error(&format!("cannot write the journal: {error}"));
                return false;
            }
        }
        self.gathers_votes(false).await
    }

    /// A trial asks without binding anybody, so that a node alone does not push the term up for ever.
    async fn gathers_votes(&self, trial: bool) -> bool {
        let term = self.state().journal.term + u64::from(trial);
        let won = self.gathers_votes_for(term, trial).await;
        let state = self.state();
        won && (trial
            || (state.journal.term == term && state.journal.voted_for.as_ref() == Some(&self.me.name)))
    }

    /// Whether a majority votes for this node in that term, itself included.
    pub(super) async fn gathers_votes_for(&self, term: u64, trial: bool) -> bool {
        let (ballot, peers, needed) = {
            let state = self.state();
            let group = state.journal.group.clone().unwrap_or_default();
            let version = state.journal.version;
            let ballot = Message::Vote {
                trial,
                group,
                term,
                name: self.me.name.clone(),
                version,
            };
            (ballot, self.peers(&state), state.journal.membership.majority())
        };
        let mut asked = JoinSet::new();
        for (host, port) in peers {
            let (network, patience, ballot) = (self.network.clone(), self.patience(), ballot.clone());
            asked.spawn(async move {
                let stream = network.connect(&host, port, patience).await.ok()?;
                let mut line = Line::call(stream, Service::Acceptor).await.ok()?;
                line.say(&ballot).await.ok()?;
                match line.hear(patience).await.ok()? {
                    Message::Voted { granted, term } => Some((granted, term)),
                    _ => None,
                }
            });
        }
        let mut granted = 1;
        while granted < needed {
            let Some(answer) = asked.join_next().await else {
                return false;
            };
            let Ok(Some((yes, their_term))) = answer else {
                continue;
            };
            granted += usize::from(yes);
            let mut state = self.state();
            if !yes && their_term > state.journal.term && state.leads() {
                state.outbid = state.outbid.max(their_term);
            } else if !yes && their_term > state.journal.term {
                // Someone voted later than we know; the next try has to be later still.
                state.journal.term = their_term;
                state.journal.voted_for = None;
                self.dir.save(&state.journal).ok();
            }
        }
        true
    }
}
