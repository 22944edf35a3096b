//! What a row of SHOW FRONTENDS, SHOW BACKENDS and SHOW COMPUTE NODES says, read by column name: an `Id` came
//! first in one version, columns were added in many, rows come in any order.

/// One FE as the cluster lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontend {
    /// The node name inside the election group.
    pub name: String,
    /// The registered host string, an address or a name, as the cluster spells it.
    pub host: String,
    pub edit_log_port: u16,
    /// The answering FE's own setting: the same for every row. 0 is unknown.
    pub http_port: u16,
    /// 0 until the first heartbeat.
    pub query_port: u16,
    pub rpc_port: u16,
    pub role: FrontendRole,
    pub cluster_id: String,
    pub join: bool,
    pub alive: bool,
    /// `YYYY-MM-DD hh:mm:ss` by the leader's clock; `None` before the first.
    pub last_heartbeat: Option<String>,
    pub error: String,
    pub version: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontendRole {
    Leader,
    Follower,
    Observer,
}

impl FrontendRole {
    /// Whether it has a vote.
    pub const fn is_electable(self) -> bool {
        matches!(self, Self::Leader | Self::Follower)
    }
}

/// One BE or CN as the cluster lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    pub id: String,
    pub host: String,
    pub heartbeat_port: u16,
    pub alive: bool,
    pub decommissioned: bool,
    /// `StatusCode` where the version has it.
    pub status: Option<String>,
    pub error: String,
    pub version: Option<String>,
}
