//! What must never happen, whatever is killed, wiped or cut off. Each is checked where it would happen, by what is so
//! and not by what the rules believe; a history ends where one is broken.

use crate::world::World;

/// One promise; its text is the name of the property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Promise {
    NoFoundingBesideALeader,
    NoSecondCluster,
    NoFoundingAgainstAWitness,
    NeverItsOwnHelper,
    NoHelperOnPoisonedData,
    NoHelperOnForeignData,
    NoLeaderKilled,
    NoForeignDataStarted,
    NoUnfinishedJoinAlone,
    NoAddWithoutMajority,
    NoAddOfTheListed,
    NoAddStorm,
    TheDroppedStayAway,
    NothingGoodSetAside,
    NoWriteLost,
    NoDroppedVoterStarted,
}

impl Promise {
    pub const ALL: [Self; 16] = [
        Self::NoFoundingBesideALeader,
        Self::NoSecondCluster,
        Self::NoFoundingAgainstAWitness,
        Self::NeverItsOwnHelper,
        Self::NoHelperOnPoisonedData,
        Self::NoHelperOnForeignData,
        Self::NoLeaderKilled,
        Self::NoForeignDataStarted,
        Self::NoUnfinishedJoinAlone,
        Self::NoAddWithoutMajority,
        Self::NoAddOfTheListed,
        Self::NoAddStorm,
        Self::TheDroppedStayAway,
        Self::NothingGoodSetAside,
        Self::NoWriteLost,
        Self::NoDroppedVoterStarted,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::NoFoundingBesideALeader => "nobody founds while a leader that lists it calls it",
            Self::NoSecondCluster => "nobody founds a second cluster",
            Self::NoFoundingAgainstAWitness => "nobody founds while a record or a witness knows a cluster",
            Self::NeverItsOwnHelper => "nobody is its own helper",
            Self::NoHelperOnPoisonedData => "poisoned data never gets a helper",
            Self::NoHelperOnForeignData => "foreign data never gets a helper",
            Self::NoLeaderKilled => "no start kills a living leader",
            Self::NoForeignDataStarted => "foreign data is never started in sight of the cluster",
            Self::NoUnfinishedJoinAlone => "an unfinished join is never started bare",
            Self::NoAddWithoutMajority => "no ADD goes to a leader without a majority",
            Self::NoAddOfTheListed => "what is listed is never added",
            Self::NoAddStorm => "ADD is not repeated without a reason",
            Self::TheDroppedStayAway => "the dropped never add themselves back",
            Self::NothingGoodSetAside => "a member's data is never set aside",
            Self::NoWriteLost => "nobody is elected without an acknowledged write that somebody still has",
            Self::NoDroppedVoterStarted => "no voter is started in sight of the leader that dropped it",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl World {
    pub fn broke(&mut self, promise: Promise) {
        self.broken |= promise.bit();
    }

    pub const fn keeps(&self, promise: Promise) -> bool {
        self.broken & promise.bit() == 0
    }
}
