//! The replication group behind the FEs, on `edit_log_port`: majority election and replicated membership that
//! survive a kill at any moment. The rules are Raft's for a log of one entry, because the whole state is small:
//! what a later leader holds replaces what was there. The vendor's wire format is not imitated.

mod agree;
pub(crate) mod door;
mod election;
pub(crate) mod journal;
pub(crate) mod lead;
pub(crate) mod membership;
pub(crate) mod message;
pub(crate) mod pulse;
pub(crate) mod replica;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock::Scale;
use crate::halt::Halt;
use crate::log::Log;
use crate::network::Network;
use crate::profile::Profile;
use journal::{Journal, JournalDir, Version};
use membership::{GroupNode, Membership};
use message::Leader;
use pulse::Pulses;

/// The default of `edit_log_roll_num`.
const JOURNALS_A_ROLL: u64 = 50_000;

/// Where a node stands in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not yet asked anybody.
    Init,
    Unknown,
    /// Has the votes, and not yet a majority that holds its first change.
    Elected,
    Leader,
    Follows {
        leader: Leader,
        replayed: bool,
    },
}

/// A follower or observer as its leader sees it.
#[derive(Debug, Clone)]
pub(crate) struct Fed {
    pub(crate) connection: u64,
    pub(crate) version: Version,
    pub(crate) heard: Instant,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) journal: Journal,
    pub(crate) standing: Standing,
    pub(crate) pulses: Pulses,
    pub(crate) fed: BTreeMap<String, Fed>,
    pub(crate) committed: Version,
    /// Since when a leader is without its majority, and whether it was told so by a closed connection.
    pub(crate) quorum_lost: Option<Instant>,
    pub(crate) leader_heard: Instant,
    /// The latest term a member came with that is later than this leader's own.
    pub(crate) outbid: u64,
    /// When a leader was lost in silence: questions about it hang for a while after.
    pub(crate) silence: Option<Instant>,
    /// Observers that were dropped live on without applying anything.
    pub(crate) zombie: bool,
    /// Followers that were dropped, and leaders that met a stranger with their own number.
    pub(crate) detached: bool,
    /// Those who claim to lead this node's group from outside of it.
    pub(crate) impostors: Vec<(u64, String, u16)>,
    /// As a leader: the group of the last change that a majority holds.
    pub(crate) agreed: Vec<GroupNode>,
    /// As a leader: the journal id at which it took the lead.
    pub(crate) began_at: u64,
    /// As a leader: what the next checkpoint has in it, and its journal id.
    pub(crate) rolled: Option<(u64, Membership)>,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) me: GroupNode,
    pub(crate) profile: &'static Profile,
    pub(crate) rpc_port: u16,
    pub(crate) network: Network,
    pub(crate) scale: Scale,
    pub(crate) dir: JournalDir,
    pub(crate) log: Arc<Log>,
    pub(crate) halts: mpsc::UnboundedSender<Halt>,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    /// `edit_log_roll_num`: so many journal entries make a new journal, and with it a checkpoint.
    pub(crate) journals_a_roll: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Unagreed {
    #[error("{0}")]
    Refused(String),
    #[error("this node does not lead")]
    NotLeader,
    #[error("cannot write the journal: {0}")]
    Disk(#[from] io::Error),
}

/// What a group is opened with.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) me: GroupNode,
    pub(crate) profile: &'static Profile,
    pub(crate) rpc_port: u16,
    pub(crate) network: Network,
    pub(crate) scale: Scale,
    pub(crate) dir: JournalDir,
    pub(crate) log: Arc<Log>,
    pub(crate) halts: mpsc::UnboundedSender<Halt>,
    pub(crate) journal: Journal,
}

impl Group {
    pub(crate) fn open(opening: Opening) -> Arc<Self> {
        let Opening {
            me,
            profile,
            rpc_port,
            network,
            scale,
            dir,
            log,
            halts,
            journal,
        } = opening;
        let state = State {
            journal,
            standing: Standing::Init,
            pulses: Pulses::default(),
            fed: BTreeMap::new(),
            committed: Version::default(),
            quorum_lost: None,
            leader_heard: Instant::now(),
            outbid: 0,
            silence: None,
            zombie: false,
            detached: false,
            impostors: Vec::new(),
            agreed: Vec::new(),
            began_at: 0,
            rolled: None,
        };
        let changes = watch::Sender::new(0);
        let state = Mutex::new(state);
        Arc::new(Self {
            me,
            profile,
            rpc_port,
            network,
            scale,
            dir,
            log,
            halts,
            state,
            changes,
            journals_a_roll: AtomicU64::new(JOURNALS_A_ROLL),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody who waits for a change of the state.
    pub(crate) fn announce(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until the state gives an answer.
    pub(crate) async fn until<T>(&self, mut answer: impl FnMut(&State) -> Option<T>) -> T {
        let mut changes = self.changes();
        loop {
            if let Some(found) = answer(&self.state()) {
                return found;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) fn halt(&self, halt: Halt) {
        // The receiver lives as long as the program does.
        self.halts.send(halt).ok();
    }

    pub(crate) fn as_leader(&self) -> Leader {
        Leader {
            name: self.me.name.clone(),
            host: self.me.host.clone(),
            edit_log_port: self.me.port,
            rpc_port: self.rpc_port,
        }
    }

    /// Without an answer for this long somebody is gone. A floor, because a busy machine is silent too.
    pub(crate) fn silence(&self) -> Duration {
        self.scale.at_least(30.0, Duration::from_secs(2))
    }

    pub(crate) fn patience(&self) -> Duration {
        self.scale.at_least(3.0, Duration::from_millis(500))
    }

    /// The group this node begins by itself, having heard of no other.
    pub(crate) fn elect_self(&self) -> io::Result<()> {
        let mut journal = Journal {
            group: Some(format!("{:016x}", fastrand::u64(..))),
            term: 1,
            voted_for: Some(self.me.name.clone()),
            version: Version { term: 1, index: 1 },
            nascent: true,
            ..Journal::default()
        };
        journal
            .membership
            .admit(&self.me.name, &self.me.host, self.me.port, true);
        self.dir.save(&journal)?;
        self.dir.tell(&format!(
            "Nascent group. {} is master by virtue of being the first node.",
            self.me.name
        ));
        self.state().journal = journal;
        Ok(())
    }
}

impl State {
    pub(crate) fn leads(&self) -> bool {
        matches!(self.standing, Standing::Elected | Standing::Leader)
    }

    pub(crate) fn has_leader(&self) -> bool {
        matches!(self.standing, Standing::Leader | Standing::Follows { .. })
    }

    pub(crate) fn leader(&self) -> Option<Leader> {
        match &self.standing {
            Standing::Follows { leader, .. } => Some(leader.clone()),
            _ => None,
        }
    }
}
