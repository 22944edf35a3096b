//! The FE program.

pub(crate) mod accounts;
pub(crate) mod alter;
pub(crate) mod answer;
pub(crate) mod boot;
pub(crate) mod conf;
pub(crate) mod forward;
pub(crate) mod ground;
pub(crate) mod image;
pub(crate) mod pages;
pub(crate) mod rounds;
pub(crate) mod select;
pub(crate) mod session;
pub(crate) mod start;
pub(crate) mod statement;
pub(crate) mod steps;
pub(crate) mod tables;
pub(crate) mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::address::Identity;
use crate::faults::Faults;
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
    /// Between SIGUSR1 and the end: no new work, health turns 500.
    pub(crate) leaving: AtomicBool,
    pub(crate) tally: Tally,
}

/// Observed: a member answers as if nothing had happened for this long after its leader is gone.
const DELAY_TOLERATED: f64 = 300.0;

impl Fe {
    /// What `SHOW_HA` calls `is_ready` and `/api/bootstrap` stands for.
    pub(crate) fn is_ready(&self) -> bool {
        if !self.ready.load(Ordering::Relaxed) || self.leaving.load(Ordering::Relaxed) {
            return false;
        }
        let state = self.group.state();
        state.has_leader()
            || state.zombie
            || state.leader_heard.elapsed() < self.settings.scale.seconds(DELAY_TOLERATED)
    }

    /// The word of `SHOW_HA` and of the log.
    pub(crate) fn role_word(&self) -> &'static str {
        let state = self.group.state();
        match state.standing {
            Standing::Init => "INIT",
            Standing::Unknown | Standing::Elected => "UNKNOWN",
            Standing::Leader => "LEADER",
            Standing::Follows { .. } if self.group.me.electable => "FOLLOWER",
            Standing::Follows { .. } => "OBSERVER",
        }
    }

    pub(crate) fn leads(&self) -> bool {
        self.group.state().standing == Standing::Leader
    }
}
