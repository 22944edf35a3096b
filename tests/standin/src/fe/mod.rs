//! The FE program.

pub(crate) mod accounts;
pub(crate) mod alter;
pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod boot;
mod changes;
pub(crate) mod checkpoint;
pub(crate) mod conf;
pub(crate) mod forward;
pub(crate) mod ground;
pub(crate) mod image;
mod joining;
pub(crate) mod pages;
pub(crate) mod rounds;
pub(crate) mod select;
pub(crate) mod session;
pub(crate) mod start;
pub(crate) mod statement;
pub(crate) mod steps;
pub(crate) mod tables;
pub(crate) mod tally;
mod tls;
mod tokens;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::address::Identity;
use crate::faults::Faults;
use crate::group::membership::Frontend;
use crate::group::{Group, Standing};
use crate::log::Log;
use crate::network::Network;
use crate::settings::Settings;
use conf::FeConf;
use image::ImageDir;
use tally::Tally;

/// One FE: what it was told, who it is, and its part in the group.
#[derive(Debug)]
pub(crate) struct Fe {
    pub(crate) settings: Settings,
    pub(crate) conf: FeConf,
    pub(crate) faults: Faults,
    pub(crate) log: Arc<Log>,
    pub(crate) image: ImageDir,
    pub(crate) network: Network,
    pub(crate) identity: Identity,
    pub(crate) group: Arc<Group>,
    pub(crate) start_millis: u64,
    /// Set once, when the node first has a leader and has replayed what it sent.
    pub(crate) ready: AtomicBool,
    /// All ports are open.
    pub(crate) served: AtomicBool,
    /// Between SIGUSR1 and the end: no new work, health turns 500.
    pub(crate) leaving: AtomicBool,
    pub(crate) tally: Tally,
    /// As the leader: hosts that it gave to living members in its memory, and could not give them in the group, by node name.
    pub(crate) renamed: Mutex<BTreeMap<String, String>>,
    /// Keys that were set since the start.
    pub(crate) changed: Mutex<BTreeMap<String, String>>,
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")]
    pub(crate) lock: Option<File>,
}

impl Fe {
    pub(crate) fn changed(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn renamed(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.renamed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host of a member as this FE has it in its memory.
    pub(crate) fn host_of(&self, frontend: &Frontend) -> String {
        let renamed = self.renamed().get(&frontend.name).cloned();
        renamed.unwrap_or_else(|| frontend.host.clone())
    }

    /// What `SHOW_HA` calls `is_ready` and `/api/bootstrap` stands for.
    pub(crate) fn is_ready(&self) -> bool {
        if !self.ready.load(Ordering::Relaxed) || self.leaving.load(Ordering::Relaxed) {
            return false;
        }
        let state = self.group.state();
        match self.settings.profile.fe.ready_without_leader {
            // Observed: `not ready` for a moment while it becomes the leader, and at no other time.
            None => state.standing != Standing::Elected,
            Some(tolerated) => {
                state.has_leader()
                    || state.zombie
                    || state.leader_heard.elapsed() < self.settings.scale.seconds(tolerated)
            }
        }
    }

    /// The word of `SHOW_HA` and of the log.
    pub(crate) fn role_word(&self) -> &'static str {
        let state = self.group.state();
        match state.standing {
            Standing::Init => "INIT",
            Standing::Unknown | Standing::Elected => "UNKNOWN",
            Standing::Leader => self.settings.profile.fe.leader,
            Standing::Follows { .. } if self.group.me.electable => "FOLLOWER",
            Standing::Follows { .. } => "OBSERVER",
        }
    }

    pub(crate) fn leads(&self) -> bool {
        self.group.state().standing == Standing::Leader
    }
}
