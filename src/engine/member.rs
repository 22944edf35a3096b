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

use std::collections::BTreeMap;

use super::failure::Failure;

/// One row: column name to cell, `None` for SQL NULL.
pub type Row = BTreeMap<String, Option<String>>;

struct Cells<'a> {
    statement: &'static str,
    row: &'a Row,
}

impl Cells<'_> {
    fn maybe(&self, column: &str) -> Option<&str> {
        self.row
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(column))?
            .1
            .as_deref()
    }

    fn text(&self, column: &'static str) -> Result<&str, Failure> {
        let cell = self
            .row
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(column));
        let cell = cell.ok_or(Failure::MissingColumn {
            statement: self.statement,
            column,
        })?;
        Ok(cell.1.as_deref().unwrap_or_default())
    }

    fn port(&self, column: &'static str) -> Result<u16, Failure> {
        let text = self.text(column)?;
        text.parse().map_err(|_| Failure::BadCell {
            statement: self.statement,
            column,
            value: text.to_owned(),
        })
    }

    fn flag(&self, column: &'static str) -> Result<bool, Failure> {
        Ok(self.text(column)?.eq_ignore_ascii_case("true"))
    }

    fn filled(&self, column: &str) -> Option<String> {
        self.maybe(column)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }
}

impl Frontend {
    /// All rows of SHOW FRONTENDS.
    pub fn read(rows: &[Row]) -> Result<Vec<Self>, Failure> {
        rows.iter().map(Self::read_one).collect()
    }

    fn read_one(row: &Row) -> Result<Self, Failure> {
        let cells = Cells {
            statement: "SHOW FRONTENDS",
            row,
        };
        let role = match cells.text("Role")? {
            // Before the role said it, a column of its own did.
            "FOLLOWER"
                if cells
                    .maybe("IsMaster")
                    .is_some_and(|is| is.eq_ignore_ascii_case("true")) =>
            {
                FrontendRole::Leader
            }
            "LEADER" | "MASTER" => FrontendRole::Leader,
            "FOLLOWER" => FrontendRole::Follower,
            "OBSERVER" => FrontendRole::Observer,
            other => {
                return Err(Failure::BadCell {
                    statement: "SHOW FRONTENDS",
                    column: "Role",
                    value: other.to_owned(),
                });
            }
        };
        Ok(Self {
            name: cells.text("Name")?.to_owned(),
            host: cells
                .maybe("Host")
                .map_or_else(|| cells.text("IP"), Ok)?
                .to_owned(),
            edit_log_port: cells.port("EditLogPort")?,
            http_port: cells.port("HttpPort")?,
            query_port: cells.port("QueryPort")?,
            rpc_port: cells.port("RpcPort")?,
            role,
            cluster_id: cells.text("ClusterId")?.to_owned(),
            join: cells.flag("Join")?,
            alive: cells.flag("Alive")?,
            last_heartbeat: cells.filled("LastHeartbeat"),
            error: cells.maybe("ErrMsg").unwrap_or_default().to_owned(),
            version: cells.filled("Version"),
        })
    }
}

impl Backend {
    /// All rows of SHOW BACKENDS.
    pub fn read_backends(rows: &[Row]) -> Result<Vec<Self>, Failure> {
        rows.iter()
            .map(|row| Self::read(row, "SHOW BACKENDS", "BackendId"))
            .collect()
    }

    /// All rows of SHOW COMPUTE NODES.
    pub fn read_compute_nodes(rows: &[Row]) -> Result<Vec<Self>, Failure> {
        rows.iter()
            .map(|row| Self::read(row, "SHOW COMPUTE NODES", "ComputeNodeId"))
            .collect()
    }

    fn read(row: &Row, statement: &'static str, id: &'static str) -> Result<Self, Failure> {
        let cells = Cells { statement, row };
        Ok(Self {
            id: cells.text(id)?.to_owned(),
            host: cells
                .maybe("Host")
                .map_or_else(|| cells.text("IP"), Ok)?
                .to_owned(),
            heartbeat_port: cells.port("HeartbeatPort")?,
            alive: cells.flag("Alive")?,
            decommissioned: cells
                .maybe("SystemDecommissioned")
                .is_some_and(|is| is.eq_ignore_ascii_case("true")),
            status: cells.filled("StatusCode"),
            error: cells.maybe("ErrMsg").unwrap_or_default().to_owned(),
            version: cells.filled("Version"),
        })
    }
}
