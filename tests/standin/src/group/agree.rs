//! How a leader has its members agree on a change: it is its own at once, and everybody's once a majority holds it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::membership::{GroupNode, Membership};
use super::{Group, Standing, State, Unagreed};
use crate::halt::Halt;

impl Group {
    /// A version is agreed on once a majority of those who vote holds it: of the group that it makes and, where a dropped
    /// member was seen to count until its drop is agreed on, of the one before.
    pub(super) fn count(&self) {
        let mut state = self.state();
        let version = state.journal.version;
        let holds = |node: &&GroupNode| {
            node.name == self.me.name || state.fed.get(&node.name).is_some_and(|f| f.version >= version)
        };
        let is_enough = |group: &[GroupNode]| {
            let voters = || group.iter().filter(|node| node.electable);
            voters().filter(holds).count() > voters().count() / 2
        };
        let group = &state.journal.membership.group;
        if is_enough(group) && (!self.profile.is_doris() || is_enough(&state.agreed)) {
            let state = &mut *state;
            state.agreed.clone_from(&state.journal.membership.group);
            state.committed = version;
        }
    }

    /// Changes the membership and waits, for ever if need be, until a majority holds the change.
    pub(crate) async fn propose<T>(
        &self,
        change: impl FnOnce(&mut Membership) -> Result<T, String>,
    ) -> Result<T, Unagreed> {
        let (made, version, before) = {
            let mut state = self.state();
            if state.standing != Standing::Leader {
                return Err(Unagreed::NotLeader);
            }
            let mut next = state.journal.clone();
            let made = change(&mut next.membership).map_err(Unagreed::Refused)?;
            next.version.index += 1;
            self.dir.save(&next)?;
            let version = next.version;
            let before = std::mem::replace(&mut state.journal, next);
            let is_first = state.committed >= before.version;
            self.roll_if_due(&mut state);
            (made, version, is_first.then_some(before))
        };
        self.count();
        self.announce();
        let agreed = self.until(|state| (state.committed >= version).then_some(()));
        let limit = self.profile.group.stuck_change;
        let (Some(limit), Some(before)) = (limit, before) else {
            agreed.await;
            return Ok(made);
        };
        tokio::pin!(agreed);
        let limit = self.scale.at_least(limit, Duration::from_millis(500));
        // A slow disk or a member that starts slowly is not a lost majority.
        while tokio::time::timeout(limit, &mut agreed).await.is_err() {
            if self.state().quorum_lost.is_some() {
                // Observed: what was not agreed on is gone after the restart.
                self.dir.save(&before)?;
                self.halt(Halt::fatal(self.profile.stuck_write(version.index)));
                std::future::pending::<()>().await;
            }
        }
        Ok(made)
    }

    /// As the leader of a group that keeps the time in its journal: a new entry, unless the last one hangs for want of a majority.
    pub(crate) fn write_time(&self) {
        {
            let mut state = self.state();
            if state.standing != Standing::Leader || state.committed < state.journal.version {
                return;
            }
            state.journal.version.index += 1;
            if let Err(error) = self.dir.save_time(&state.journal) {
                self.log.error(&format!("cannot write the journal: {error}"));
            }
            self.roll_if_due(&mut state);
        }
        self.count();
        self.announce();
    }

    fn roll_if_due(&self, state: &mut State) {
        let every = self.journals_a_roll.load(Ordering::Relaxed);
        let last = state.rolled.as_ref().map_or(0, |(at, _)| *at);
        if self.profile.is_doris() && state.journal.version.index - last >= every {
            state.roll();
        }
    }
}

impl State {
    /// Begins a new journal: the next checkpoint has in it what was before.
    pub(super) fn roll(&mut self) {
        let journal = &self.journal;
        self.rolled = Some((journal.version.index, journal.membership.clone()));
    }
}
