//! What the leader knows from its polls and heartbeats. Not agreed on, only passed along, so that a new leader
//! begins with what the old one saw: a dead member stays Alive until three polls of the new one have failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Failures in a row before the cluster says so.
const PATIENCE: u32 = 3;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Pulses {
    /// By node name.
    pub(crate) frontends: BTreeMap<String, FePulse>,
    /// By node id.
    pub(crate) nodes: BTreeMap<u64, NodePulse>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FePulse {
    pub(crate) alive: bool,
    pub(crate) failures: u32,
    pub(crate) error: String,
    pub(crate) last_heartbeat: Option<u64>,
    pub(crate) start_time: Option<u64>,
    pub(crate) version: Option<String>,
    pub(crate) replayed: u64,
    pub(crate) query_port: u16,
    pub(crate) rpc_port: u16,
}

impl FePulse {
    /// Nothing is said, and nothing changes, before the third failure.
    pub(crate) fn fail(&mut self, error: &str) {
        self.failures += 1;
        if self.failures >= PATIENCE {
            self.alive = false;
            error.clone_into(&mut self.error);
        }
    }

    pub(crate) fn succeed(&mut self, now: u64) {
        self.failures = 0;
        self.alive = true;
        self.error.clear();
        self.last_heartbeat = Some(now);
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NodeStatus {
    #[default]
    Connecting,
    Ok,
    Shutdown,
    Disconnected,
}

impl NodeStatus {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connecting => "CONNECTING",
            Self::Ok => "OK",
            Self::Shutdown => "SHUTDOWN",
            Self::Disconnected => "DISCONNECTED",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodePulse {
    pub(crate) alive: bool,
    pub(crate) failures: u32,
    pub(crate) error: String,
    pub(crate) status: NodeStatus,
    pub(crate) last_heartbeat: Option<u64>,
    pub(crate) last_start: Option<u64>,
    pub(crate) version: String,
    pub(crate) cores: i32,
    pub(crate) ports: Option<NodePorts>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodePorts {
    pub(crate) be: i32,
    pub(crate) http: i32,
    pub(crate) brpc: i32,
}

impl NodePulse {
    pub(crate) fn fail(&mut self, error: &str) {
        self.failures += 1;
        if self.failures >= PATIENCE {
            self.alive = false;
            self.status = NodeStatus::Disconnected;
            error.clone_into(&mut self.error);
        }
    }

    /// A node that says it stops is believed at once.
    pub(crate) fn stop(&mut self) {
        self.alive = false;
        self.status = NodeStatus::Shutdown;
        "BE is shutting down".clone_into(&mut self.error);
    }
}
