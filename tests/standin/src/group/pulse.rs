//! What the leader knows from its polls and heartbeats. Not agreed on, only passed along, so that a new leader
//! begins with what the old one saw: a dead member stays Alive until three polls of the new one have failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Pulses {
    /// By node name.
    pub(crate) frontends: BTreeMap<String, FePulse>,
    /// By node id.
    pub(crate) nodes: BTreeMap<u64, NodePulse>,
    /// By `Broker::key`.
    pub(crate) brokers: BTreeMap<String, BrokerPulse>,
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
    pub(crate) arrow_port: u16,
}

impl FePulse {
    /// Nothing is said, and nothing changes, before so many failures in a row.
    pub(crate) fn fail(&mut self, error: &str, tolerated: u32) {
        self.failures += 1;
        if self.failures >= tolerated {
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
    /// `be_node_role`.
    pub(crate) role: String,
    pub(crate) shutting_down: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodePorts {
    pub(crate) be: i32,
    pub(crate) http: i32,
    pub(crate) brpc: i32,
    pub(crate) arrow: i32,
}

/// What the leader knows of a broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BrokerPulse {
    pub(crate) alive: bool,
    pub(crate) failures: u32,
    pub(crate) error: String,
    pub(crate) last_start: Option<u64>,
    pub(crate) last_update: Option<u64>,
}

impl BrokerPulse {
    /// Source: `FsBroker.handleHbResponse` of both engines; a start is when it was first seen alive.
    pub(crate) fn succeed(&mut self, now: u64) {
        if !self.alive || self.last_start.is_none() {
            self.last_start = Some(now);
        }
        self.alive = true;
        self.failures = 0;
        self.error.clear();
        self.last_update = Some(now);
    }

    pub(crate) fn fail(&mut self, error: &str, tolerated: u32) {
        self.failures += 1;
        if self.failures >= tolerated {
            self.alive = false;
            error.clone_into(&mut self.error);
        }
    }
}

impl NodePulse {
    pub(crate) fn fail(&mut self, error: &str, tolerated: u32) {
        self.failures += 1;
        if self.failures >= tolerated {
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
