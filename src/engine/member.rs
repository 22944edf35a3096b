//! Reads the rows of SHOW FRONTENDS, SHOW BACKENDS, SHOW COMPUTE NODES and SHOW BROKER by column name: an `Id` came
//! first in one version, columns were added in many, rows come in any order.

use super::failure::{Failure, presentable};
use super::valid::{is_cluster_id, is_host, is_node_name};
use super::{Component, MemberList};
use crate::printable::excerpt;
use std::collections::BTreeMap;

/// No cluster has so many FEs, and a record can hold them.
const MOST_FRONTENDS: usize = 1000;
/// The length of the part of a cell that is shown.
const EXCERPT: usize = 60;

/// One row: column name to cell, `None` for SQL NULL.
pub type Row = BTreeMap<String, Option<String>>;

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
    /// The number of the last journal entry that it has replayed.
    pub journal: Option<u64>,
    /// As it was at the last heartbeat.
    pub version: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontendRole {
    Leader,
    Follower,
    Observer,
}

impl FrontendRole {
    /// True if it has a vote.
    pub const fn is_electable(self) -> bool {
        matches!(self, Self::Leader | Self::Follower)
    }
}

/// One member that is no FE, a BE, CN or broker, as the cluster lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backend {
    /// `BackendId` or `ComputeNodeId`: the one that was registered earlier has the smaller one.
    pub id: Option<u64>,
    /// `None`: its list has several components and does not say which it is.
    pub component: Option<Component>,
    /// The name of a broker.
    pub name: Option<String>,
    pub host: String,
    /// The heartbeat port, or a broker's only one.
    pub port: u16,
    pub alive: bool,
    /// `StatusCode` where the version has it.
    pub status: Option<String>,
    pub error: String,
    /// 0 until the first heartbeat, and for a broker, which has none.
    pub http_port: u16,
    /// As `http_port`.
    pub be_port: u16,
    /// As `http_port`.
    pub brpc_port: u16,
    /// As for an FE; a broker's is its last update.
    pub last_heartbeat: Option<String>,
    pub version: Option<String>,
    /// Somebody has its tablets moved away (`SystemDecommissioned`).
    pub leaving: bool,
    pub tablets: Option<u64>,
    /// Of its fullest disk, in percent, rounded down.
    pub disk_used: Option<u8>,
}

/// A row of any of the lists.
pub trait Member {
    /// As the cluster spells it.
    fn host(&self) -> &str;
    /// The port that is part of what the cluster knows it by.
    fn identity_port(&self) -> u16;
    /// True if the cluster shows it as alive, as a member of the election group, and not as shutting down.
    fn is_up(&self) -> bool;
    /// The cluster's error about it.
    fn error(&self) -> &str;
}

impl Member for Frontend {
    fn host(&self) -> &str {
        &self.host
    }

    fn identity_port(&self) -> u16 {
        self.edit_log_port
    }

    fn is_up(&self) -> bool {
        self.alive && self.join
    }

    fn error(&self) -> &str {
        &self.error
    }
}

impl Member for Backend {
    fn host(&self) -> &str {
        &self.host
    }

    fn identity_port(&self) -> u16 {
        self.port
    }

    fn is_up(&self) -> bool {
        self.alive && self.status.as_deref() != Some("SHUTDOWN")
    }

    fn error(&self) -> &str {
        &self.error
    }
}

impl Frontend {
    /// All rows of SHOW FRONTENDS.
    pub fn read(rows: &[Row]) -> Result<Vec<Self>, Failure> {
        if rows.len() > MOST_FRONTENDS {
            return Err(Failure::Malformed(format!(
                "it has more than {MOST_FRONTENDS} rows"
            )));
        }
        rows.iter().map(Self::read_one).collect()
    }

    fn read_one(row: &Row) -> Result<Self, Failure> {
        let cells = Cells {
            statement: "SHOW FRONTENDS",
            row,
        };
        Ok(Self {
            name: cells.valid("Name", is_node_name)?.to_owned(),
            host: cells.host()?.to_owned(),
            edit_log_port: cells.port("EditLogPort")?,
            http_port: cells.learned_port("HttpPort")?,
            query_port: cells.learned_port("QueryPort")?,
            rpc_port: cells.learned_port("RpcPort")?,
            role: cells.role()?,
            cluster_id: cells.valid("ClusterId", is_cluster_id)?.to_owned(),
            join: cells.flag("Join")?,
            alive: cells.flag("Alive")?,
            last_heartbeat: cells.filled("LastHeartbeat"),
            error: cells.error(),
            journal: cells.cell("ReplayedJournalId").and_then(|id| id.parse().ok()),
            version: cells.filled("Version"),
        })
    }
}

impl Backend {
    /// All rows of a list.
    pub fn read(rows: &[Row], list: &MemberList) -> Result<Vec<Self>, Failure> {
        rows.iter().map(|row| Self::read_one(row, list)).collect()
    }

    fn read_one(row: &Row, list: &MemberList) -> Result<Self, Failure> {
        let cells = Cells {
            statement: list.show,
            row,
        };
        let id = cells.cell("BackendId").or_else(|| cells.cell("ComputeNodeId"));
        Ok(Self {
            id: id.and_then(|id| id.parse().ok()),
            component: cells.component(list),
            name: cells.filled("Name"),
            host: cells.host()?.to_owned(),
            port: cells.port(list.port_column)?,
            alive: cells.flag("Alive")?,
            status: cells.filled("StatusCode"),
            error: cells.error(),
            // A broker has none.
            http_port: cells.learned_port("HttpPort").unwrap_or_default(),
            be_port: cells.learned_port("BePort").unwrap_or_default(),
            brpc_port: cells.learned_port("BrpcPort").unwrap_or_default(),
            last_heartbeat: cells
                .filled("LastHeartbeat")
                .or_else(|| cells.filled("LastUpdateTime")),
            version: cells.filled("Version"),
            leaving: cells
                .cell("SystemDecommissioned")
                .is_some_and(|is| is.eq_ignore_ascii_case("true")),
            tablets: cells.cell("TabletNum").and_then(|count| count.parse().ok()),
            disk_used: cells.cell("MaxDiskUsedPct").and_then(percent),
        })
    }

    /// True if it can be a member of that component.
    pub fn may_be(&self, component: Component) -> bool {
        self.component.is_none_or(|own| own == component)
    }
}

/// Reads `85.12 %`.
fn percent(text: &str) -> Option<u8> {
    let number = text.split(['.', ' ', '%']).next()?;
    number.parse().ok().filter(|percent| *percent <= 100)
}

/// A row together with the statement that messages name.
struct Cells<'a> {
    statement: &'static str,
    row: &'a Row,
}

impl<'a> Cells<'a> {
    /// `None`: there is no such column.
    fn column(&self, column: &str) -> Option<&'a Option<String>> {
        self.row
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(column))
            .map(|(_, cell)| cell)
    }

    /// `None`: there is no such column, or it is NULL.
    fn cell(&self, column: &str) -> Option<&'a str> {
        self.column(column)?.as_deref().map(str::trim)
    }

    /// A cell that must be there and hold something.
    fn text(&self, column: &'static str) -> Result<&'a str, Failure> {
        match self.cell(column) {
            Some("") => Err(self.bad(column, "")),
            Some(text) => Ok(text),
            None if self.column(column).is_some() => Err(self.bad(column, "NULL")),
            None => Err(Failure::MissingColumn {
                statement: self.statement,
                column,
            }),
        }
    }

    fn bad(&self, column: &'static str, value: &str) -> Failure {
        Failure::BadCell {
            statement: self.statement,
            column,
            value: excerpt(value, EXCERPT),
        }
    }

    /// A cell that may be missing, NULL or empty, which all mean that nothing is known.
    fn filled(&self, column: &str) -> Option<String> {
        self.cell(column).filter(|text| !text.is_empty()).map(presentable)
    }

    /// `IP` holds the name of a node that is registered by name; the other engine calls the same column `Host`.
    fn host(&self) -> Result<&'a str, Failure> {
        let column = if self.column("Host").is_some() {
            "Host"
        } else {
            "IP"
        };
        self.valid(column, is_host)
    }

    /// A cell of this form.
    fn valid(&self, column: &'static str, form: fn(&str) -> bool) -> Result<&'a str, Failure> {
        let text = self.text(column)?;
        if form(text) {
            Ok(text)
        } else {
            Err(self.bad(column, text))
        }
    }

    /// The component of a row. `NodeRole` is empty while a node is dead; then tablets tell a BE.
    fn component(&self, list: &MemberList) -> Option<Component> {
        if list.node_roles.is_empty() {
            return Some(list.component);
        }
        let role = self.cell("NodeRole").unwrap_or_default();
        let known = list.node_roles.iter().find(|(word, _)| *word == role);
        let stores = || {
            self.cell("TabletNum")?
                .parse::<u64>()
                .ok()
                .filter(|tablets| *tablets > 0)
        };
        known
            .map(|(_, component)| *component)
            .or_else(|| stores().map(|_| Component::Be))
    }

    fn role(&self) -> Result<FrontendRole, Failure> {
        // Until 2.3 a column of its own said who leads, and every member with a vote was FOLLOWER.
        let leads = self
            .cell("IsMaster")
            .is_some_and(|is| is.eq_ignore_ascii_case("true"));
        match self.text("Role")?.to_ascii_uppercase().as_str() {
            "LEADER" | "MASTER" => Ok(FrontendRole::Leader),
            "FOLLOWER" if leads => Ok(FrontendRole::Leader),
            "FOLLOWER" => Ok(FrontendRole::Follower),
            "OBSERVER" => Ok(FrontendRole::Observer),
            _ => Err(self.bad("Role", self.text("Role")?)),
        }
    }

    /// A port that is part of what the member is known by.
    fn port(&self, column: &'static str) -> Result<u16, Failure> {
        let text = self.text(column)?;
        text.parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| self.bad(column, text))
    }

    /// A port that a heartbeat brings: before that 0, -1 or nothing, all read as 0.
    fn learned_port(&self, column: &'static str) -> Result<u16, Failure> {
        match self.text(column) {
            Ok("-1") | Err(Failure::BadCell { .. }) => Ok(0),
            Ok(text) => text.parse().map_err(|_| self.bad(column, text)),
            Err(missing) => Err(missing),
        }
    }

    fn flag(&self, column: &'static str) -> Result<bool, Failure> {
        match self.text(column)?.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(self.bad(column, other)),
        }
    }

    fn error(&self) -> String {
        presentable(self.cell("ErrMsg").unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Backend, Frontend, FrontendRole, Row};
    use crate::engine::failure::Failure;
    use crate::engine::{ALL, Component, Engine};

    fn read(engine: &Engine, component: Component, table: &str) -> Vec<Backend> {
        Backend::read(&rows(table), engine.list(component).unwrap()).unwrap()
    }

    /// The first line names the columns; `NULL` is SQL NULL, nothing is the empty text.
    fn rows(table: &str) -> Vec<Row> {
        let mut lines = table
            .lines()
            .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
            .filter(|cells| cells.len() > 1);
        let names = lines.next().unwrap();
        lines
            .map(|cells| {
                assert_eq!(cells.len(), names.len(), "{cells:?}");
                let cell = |text: &str| (text != "NULL").then(|| text.to_owned());
                names
                    .iter()
                    .zip(cells)
                    .map(|(name, text)| ((*name).to_owned(), cell(text)))
                    .collect()
            })
            .collect()
    }

    /// 3.5.0, as observed: a leader, a follower that was added and never started, one that died, an observer.
    const FRONTENDS_WITH_ID: &str = "
        Id|Name                         |IP        |EditLogPort|HttpPort|QueryPort|RpcPort|Role    |ClusterId|Join |Alive|ReplayedJournalId|LastHeartbeat      |IsHelper|ErrMsg            |StartTime          |Version
        1 |10.77.0.11_9010_1795234059948|10.77.0.11|9010       |8030    |9030     |9020   |LEADER  |147889237|true |true |212              |2026-11-20 10:15:31|true    |                  |2026-11-20 10:08:02|3.5.0-0be11fd
        2 |10.77.0.12_9010_1795234168107|10.77.0.12|9010       |8030    |0        |0      |FOLLOWER|147889237|false|false|0                |NULL               |true    |                  |NULL               |NULL
        3 |10.77.0.13_9010_1795234190551|10.77.0.13|9010       |8030    |9030     |9020   |FOLLOWER|147889237|true |false|207              |2026-11-20 10:14:56|true    |Connection refused|NULL               |3.5.0-0be11fd
        4 |10.77.0.14_9010_1795234203016|fe4       |9010       |8030    |9030     |9020   |OBSERVER|147889237|true |true |212              |2026-11-20 10:15:31|false   |                  |2026-11-20 10:09:44|3.5.0-0be11fd";

    /// 2.4 to 3.4: no `Id`, the role still says who leads.
    const FRONTENDS_WITHOUT_ID: &str = "
        Name                       |IP      |EditLogPort|HttpPort|QueryPort|RpcPort|Role    |ClusterId|Join|Alive|ReplayedJournalId|LastHeartbeat      |IsHelper|ErrMsg|StartTime          |Version
        10.0.0.1_9010_1690000000000|10.0.0.1|9010       |8030    |9030     |9020   |LEADER  |42       |true|true |7                |2023-07-22 10:00:00|true    |      |2023-07-22 09:00:00|2.4.1-abc
        10.0.0.2_9010_1690000000001|10.0.0.2|9010       |8030    |9030     |9020   |FOLLOWER|42       |true|true |7                |2023-07-22 10:00:00|true    |      |2023-07-22 09:00:00|2.4.1-abc";

    /// 2.1 to 2.3: `IsMaster` says who leads.
    const FRONTENDS_WITH_IS_MASTER: &str = "
        Name                       |IP      |EditLogPort|HttpPort|QueryPort|RpcPort|Role    |IsMaster|ClusterId|Join|Alive|ReplayedJournalId|LastHeartbeat      |IsHelper|ErrMsg|StartTime          |Version
        10.0.0.1_9010_1650000000000|10.0.0.1|9010       |8030    |9030     |9020   |FOLLOWER|true    |42       |true|true |7                |2022-04-15 10:00:00|true    |      |2022-04-15 09:00:00|2.3.0-abc
        10.0.0.2_9010_1650000000001|10.0.0.2|9010       |8030    |9030     |9020   |FOLLOWER|false   |42       |true|true |7                |2022-04-15 10:00:00|true    |      |2022-04-15 09:00:00|2.3.0-abc
        10.0.0.3_9010_1650000000002|10.0.0.3|9010       |8030    |9030     |9020   |OBSERVER|false   |42       |true|true |7                |2022-04-15 10:00:00|false   |      |2022-04-15 09:00:00|2.3.0-abc";

    /// 1.19: a `HostName` beside the address, no version yet.
    const FRONTENDS_WITH_HOST_NAME: &str = "
        Name                       |IP      |HostName|EditLogPort|HttpPort|QueryPort|RpcPort|Role    |IsMaster|ClusterId|Join|Alive|ReplayedJournalId|LastHeartbeat      |IsHelper|ErrMsg
        10.0.0.1_9010_1630000000000|10.0.0.1|fe1     |9010       |8030    |9030     |9020   |FOLLOWER|true    |42       |true|true |7                |2021-08-26 10:00:00|true    |";

    /// The other engine, 4.0.1 as observed: `Host`, `ArrowFlightSqlPort`, `IsMaster`.
    const FRONTENDS_WITH_HOST: &str = "
        Name       |Host      |EditLogPort|HttpPort|QueryPort|RpcPort|ArrowFlightSqlPort|Role    |IsMaster|ClusterId |Join|Alive|ReplayedJournalId|LastStartTime      |LastHeartbeat      |IsHelper|ErrMsg|Version              |CurrentConnected|LiveSince
        fe_cb6b1f9e|10.78.0.11|9010       |8030    |9030     |9020   |8070              |FOLLOWER|true    |1403539615|true|true |66               |2026-11-20 09:00:00|2026-11-20 10:00:00|true    |      |doris-4.0.1-Unknown  |Yes             |2026-11-20 09:00:00
        fe_00c3a1d2|10.78.0.12|9010       |8030    |9030     |9020   |8070              |FOLLOWER|false   |1403539615|true|true |66               |2026-11-20 09:00:00|2026-11-20 10:00:00|true    |      |doris-4.0.1-Unknown  |No              |2026-11-20 09:00:00";

    #[test]
    fn frontends_are_read_by_name_in_every_layout() {
        use FrontendRole::{Follower, Leader, Observer};
        let table: &[(&str, &[(&str, FrontendRole)])] = &[
            (
                FRONTENDS_WITH_ID,
                &[
                    ("10.77.0.11", Leader),
                    ("10.77.0.12", Follower),
                    ("10.77.0.13", Follower),
                    ("fe4", Observer),
                ],
            ),
            (
                FRONTENDS_WITHOUT_ID,
                &[("10.0.0.1", Leader), ("10.0.0.2", Follower)],
            ),
            (
                FRONTENDS_WITH_IS_MASTER,
                &[
                    ("10.0.0.1", Leader),
                    ("10.0.0.2", Follower),
                    ("10.0.0.3", Observer),
                ],
            ),
            (FRONTENDS_WITH_HOST_NAME, &[("10.0.0.1", Leader)]),
            (
                FRONTENDS_WITH_HOST,
                &[("10.78.0.11", Leader), ("10.78.0.12", Follower)],
            ),
        ];
        for (layout, expected) in table {
            let members = Frontend::read(&rows(layout)).unwrap();
            let read: Vec<_> = members.iter().map(|fe| (fe.host.as_str(), fe.role)).collect();
            assert_eq!(&read, expected);
            assert!(members.iter().all(|fe| fe.edit_log_port == 9010));
            assert!(members.iter().all(|fe| fe.http_port == 8030));
        }
    }

    #[test]
    fn every_cell_of_a_frontend_reaches_its_field() {
        let members = Frontend::read(&rows(FRONTENDS_WITH_ID)).unwrap();
        assert_eq!(
            members[2],
            Frontend {
                name: "10.77.0.13_9010_1795234190551".to_owned(),
                host: "10.77.0.13".to_owned(),
                edit_log_port: 9010,
                http_port: 8030,
                query_port: 9030,
                rpc_port: 9020,
                role: FrontendRole::Follower,
                cluster_id: "147889237".to_owned(),
                join: true,
                alive: false,
                last_heartbeat: Some("2026-11-20 10:14:56".to_owned()),
                error: "Connection refused".to_owned(),
                journal: Some(207),
                version: Some("3.5.0-0be11fd".to_owned()),
            }
        );
    }

    #[test]
    fn a_frontend_that_never_started_has_no_heartbeat_and_no_learned_ports() {
        let members = Frontend::read(&rows(FRONTENDS_WITH_ID)).unwrap();
        let added = &members[1];
        assert_eq!((added.query_port, added.rpc_port), (0, 0));
        assert_eq!((added.join, added.alive), (false, false));
        assert_eq!(added.last_heartbeat, None);
        assert_eq!(added.error, "");
    }

    /// "SHOW FRONTENDS rows are in no fixed order."
    #[test]
    fn rows_in_another_order_are_the_same_members() {
        let mut turned = rows(FRONTENDS_WITH_ID);
        turned.rotate_left(2);
        let mut members = Frontend::read(&turned).unwrap();
        members.rotate_right(2);
        assert_eq!(members, Frontend::read(&rows(FRONTENDS_WITH_ID)).unwrap());
    }

    /// A table with its columns in another order, with new ones, and without those that nobody reads.
    fn changed(table: &str, rng: &mut fastrand::Rng) -> Vec<Row> {
        let read = [
            "Name",
            "IP",
            "Host",
            "EditLogPort",
            "HttpPort",
            "QueryPort",
            "RpcPort",
            "Role",
            "IsMaster",
            "ClusterId",
            "Join",
            "Alive",
            "LastHeartbeat",
            "ErrMsg",
            "BackendId",
            "HeartbeatPort",
            "BePort",
            "BrpcPort",
            "NodeRole",
            "TabletNum",
            "StatusCode",
            "ReplayedJournalId",
            "Version",
            "SystemDecommissioned",
            "MaxDiskUsedPct",
        ];
        let mut lines: Vec<Vec<String>> = table
            .lines()
            .map(|line| {
                line.split('|')
                    .map(|cell| cell.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|cells: &Vec<String>| cells.len() > 1)
            .collect();
        let mut order: Vec<usize> = (0..lines[0].len()).collect();
        rng.shuffle(&mut order);
        order.retain(|at| read.contains(&lines[0][*at].as_str()) || rng.bool());
        for (row, cells) in lines.iter_mut().enumerate() {
            let moved: Vec<String> = order.iter().map(|at| cells[*at].clone()).collect();
            *cells = moved;
            for number in 0..3 {
                let at = (number * 5) % (cells.len() + 1);
                let new = if row == 0 {
                    format!("New{number}")
                } else {
                    "NULL".to_owned()
                };
                cells.insert(at, new);
            }
        }
        let text: Vec<String> = lines.iter().map(|cells| cells.join("|")).collect();
        rows(&text.join("\n"))
    }

    #[test]
    fn columns_that_are_added_moved_and_removed_change_nothing() {
        let frontends = [
            FRONTENDS_WITH_ID,
            FRONTENDS_WITHOUT_ID,
            FRONTENDS_WITH_IS_MASTER,
            FRONTENDS_WITH_HOST_NAME,
            FRONTENDS_WITH_HOST,
        ];
        let backends = [BACKENDS, BACKENDS_WITH_CLUSTER, BACKENDS_WITH_HOST];
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            for table in frontends {
                let read = Frontend::read(&changed(table, &mut rng));
                assert_eq!(read, Frontend::read(&rows(table)), "seed {seed}: {table}");
            }
            for table in backends {
                for engine in ALL {
                    let list = engine.list(Component::Be).unwrap();
                    let read = Backend::read(&changed(table, &mut rng), list);
                    assert_eq!(read, Backend::read(&rows(table), list), "seed {seed}: {table}");
                }
            }
        }
    }

    #[test]
    fn columns_nobody_knows_and_other_cases_change_nothing() {
        let plain = rows(FRONTENDS_WITHOUT_ID);
        let strange: Vec<Row> = plain
            .iter()
            .map(|row| {
                let mut row: Row = row
                    .iter()
                    .map(|(name, cell)| (name.to_ascii_uppercase(), cell.clone()))
                    .collect();
                row.insert("Mood".to_owned(), None);
                row
            })
            .collect();
        assert_eq!(Frontend::read(&strange), Frontend::read(&plain));
    }

    #[test]
    fn a_missing_column_is_named_and_one_that_old_versions_lack_is_not_missed() {
        let needed = [
            "Name",
            "IP",
            "EditLogPort",
            "HttpPort",
            "QueryPort",
            "RpcPort",
            "Role",
            "ClusterId",
            "Join",
            "Alive",
        ];
        for row in rows(FRONTENDS_WITH_ID) {
            for column in row.keys() {
                let mut row = row.clone();
                row.remove(column);
                match needed.iter().find(|needed| *needed == column) {
                    Some(column) => assert_eq!(
                        Frontend::read(&[row]),
                        Err(Failure::MissingColumn {
                            statement: "SHOW FRONTENDS",
                            column
                        })
                    ),
                    None => assert!(Frontend::read(&[row]).is_ok(), "{column}"),
                }
            }
        }
    }

    #[test]
    fn a_cell_that_cannot_be_meant_is_named_with_its_value() {
        let (digits, cut) = ("7".repeat(3 << 20), "7".repeat(60) + "…");
        let table = [
            ("Role", Some("UNKNOWN"), "UNKNOWN"),
            ("Alive", Some("maybe"), "maybe"),
            ("Join", None, "NULL"),
            ("Name", None, "NULL"),
            ("IP", Some(""), ""),
            ("EditLogPort", Some("99999"), "99999"),
            ("EditLogPort", Some("0"), "0"),
            ("QueryPort", Some("9030 "), ""),
            ("QueryPort", Some("x"), "x"),
            // It would go to the start script as `--helper`.
            (
                "IP",
                Some("10.9.0.11:9010 -Devil=1 --x"),
                "10.9.0.11:9010 -Devil=1 --x",
            ),
            ("IP", Some("--helper"), "--helper"),
            ("IP", Some("fe\u{1b}[2J\n1"), r"fe\u{1b}[2J\n1"),
            ("Name", Some("a b"), "a b"),
            // It would be recorded, and the next start could not read the record.
            ("ClusterId", Some(&digits), &cut),
            ("ClusterId", Some("77&token=x"), "77&token=x"),
        ];
        for (column, cell, shown) in table {
            let mut row = rows(FRONTENDS_WITH_ID).remove(0);
            row.insert(column.to_owned(), cell.map(str::to_owned));
            let expected = (!shown.is_empty() || column == "IP").then(|| Failure::BadCell {
                statement: "SHOW FRONTENDS",
                column,
                value: shown.to_owned(),
            });
            assert_eq!(Frontend::read(&[row]).err(), expected, "{column} {cell:?}");
        }
    }

    /// 3.5.0, as observed: alive, just added, refused, shutting down.
    const BACKENDS: &str = "
        BackendId|IP        |HeartbeatPort|BePort|HttpPort|BrpcPort|LastStartTime      |LastHeartbeat      |Alive|SystemDecommissioned|ClusterDecommissioned|TabletNum|ErrMsg                                       |Version|Status|StatusCode
        10001    |10.77.0.14|9050         |9060  |8040    |8060    |2026-11-20 10:00:00|2026-11-20 10:15:31|true |false               |false                |12       |                                             |3.5.0  |{}    |OK
        10002    |10.77.0.15|9050         |-1    |-1      |-1      |                   |                   |false|false               |false                |0        |                                             |       |{}    |CONNECTING
        10003    |be3       |9150         |9060  |8040    |8060    |2026-11-20 10:00:00|2026-11-20 10:15:01|false|false               |false                |0        |java.net.ConnectException: Connection refused|3.5.0  |{}    |DISCONNECTED
        10004    |10.77.0.16|9050         |9060  |8040    |8060    |2026-11-20 10:00:00|2026-11-20 10:15:31|false|true                |false                |3        |BE is shutting down                          |3.5.0  |{}    |SHUTDOWN";

    /// 1.19 to 2.3: a `Cluster` column, no `StatusCode`.
    const BACKENDS_WITH_CLUSTER: &str = "
        BackendId|Cluster        |IP      |HostName|HeartbeatPort|BePort|HttpPort|BrpcPort|LastStartTime|LastHeartbeat|Alive|SystemDecommissioned|ClusterDecommissioned|TabletNum|ErrMsg|Version|Status
        10001    |default_cluster|10.0.0.4|be1     |9050         |9060  |8040    |8060    |NULL         |NULL         |true |false               |false                |1        |      |1.19.0 |{}";

    /// The other engine: `Host`, no `ClusterDecommissioned`.
    const BACKENDS_WITH_HOST: &str = "
        BackendId|Host      |HeartbeatPort|BePort|HttpPort|BrpcPort|ArrowFlightSqlPort|LastStartTime|LastHeartbeat|Alive|SystemDecommissioned|TabletNum|Tag|ErrMsg|Version|Status|HeartbeatFailureCounter|NodeRole
        10001    |10.78.0.14|9050         |-1    |-1      |-1      |-1                |NULL         |NULL         |false|false               |0        |{} |      |       |{}    |0                      |mix";

    #[test]
    fn backends_are_read_by_name_in_every_layout() {
        let own = read(ALL[0], Component::Be, BACKENDS);
        let shown: Vec<_> = own
            .iter()
            .map(|be| (be.host.as_str(), be.port, be.alive, be.status.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("10.77.0.14", 9050, true, Some("OK")),
                ("10.77.0.15", 9050, false, Some("CONNECTING")),
                ("be3", 9150, false, Some("DISCONNECTED")),
                ("10.77.0.16", 9050, false, Some("SHUTDOWN")),
            ]
        );
        assert_eq!(own[2].error, "java.net.ConnectException: Connection refused");
        assert!(own.iter().all(|be| be.component == Some(Component::Be)));
        for (engine, layout, host) in [
            (ALL[0], BACKENDS_WITH_CLUSTER, "10.0.0.4"),
            (ALL[1], BACKENDS_WITH_HOST, "10.78.0.14"),
        ] {
            let other = read(engine, Component::Be, layout);
            assert_eq!((other[0].host.as_str(), &other[0].status), (host, &None));
        }
    }

    /// The other engine's compute nodes: alive as either kind, dead with and without tablets, of a kind nobody knows.
    const BOTH_KINDS: &str = "
        BackendId|Host      |HeartbeatPort|Alive|TabletNum|ErrMsg|NodeRole
        10001    |10.78.0.14|9050         |true |12       |      |mix
        10002    |10.78.0.15|9050         |true |0        |      |computation
        10003    |10.78.0.16|9050         |false|0        |      |
        10004    |10.78.0.17|9050         |false|3        |      |
        10005    |10.78.0.18|9050         |true |0        |      |cache";

    #[test]
    fn a_list_of_both_kinds_tells_them_apart_as_far_as_it_can() {
        use Component::{Be, Cn};
        for asked_as in [Be, Cn] {
            let kinds: Vec<_> = read(ALL[1], asked_as, BOTH_KINDS)
                .iter()
                .map(|node| node.component)
                .collect();
            assert_eq!(kinds, [Some(Be), Some(Cn), None, Some(Be), None], "{asked_as:?}");
        }
    }

    /// Both engines, as observed: a new one, one that is alive, one that died.
    const BROKERS: &str = "
        Name|IP        |Port|Alive|LastStartTime      |LastUpdateTime     |ErrMsg
        b1  |10.77.0.15|8000|false|NULL               |NULL               |
        b1  |10.77.0.16|8000|true |2026-11-20 10:00:00|2026-11-20 10:15:31|
        hdfs|broker3   |8001|false|2026-11-20 10:00:00|2026-11-20 10:15:01|java.net.ConnectException: Connection refused";

    #[test]
    fn brokers_are_read_with_their_names() {
        for (engine, table) in [
            (ALL[0], BROKERS.to_owned()),
            (ALL[1], BROKERS.replace("|IP  ", "|Host")),
        ] {
            let all = read(engine, Component::Broker, &table);
            let shown: Vec<_> = all
                .iter()
                .map(|broker| {
                    (
                        broker.name.as_deref(),
                        broker.host.as_str(),
                        broker.port,
                        broker.alive,
                    )
                })
                .collect();
            assert_eq!(
                shown,
                [
                    (Some("b1"), "10.77.0.15", 8000, false),
                    (Some("b1"), "10.77.0.16", 8000, true),
                    (Some("hdfs"), "broker3", 8001, false),
                ]
            );
            assert!(all.iter().all(|broker| broker.may_be(Component::Broker)));
            assert_eq!(all[2].error, "java.net.ConnectException: Connection refused");
        }
    }

    const COMPUTE_NODES: &str = "
        ComputeNodeId|IP        |HeartbeatPort|BePort|HttpPort|BrpcPort|LastStartTime      |LastHeartbeat      |Alive|SystemDecommissioned|ClusterDecommissioned|ErrMsg|Version|HasStoragePath|StatusCode
        10005        |10.77.0.17|9050         |9060  |8040    |8060    |2026-11-20 10:00:00|2026-11-20 10:15:31|true |false               |false                |      |3.5.0  |false         |OK";

    #[test]
    fn compute_nodes_are_read_like_backends() {
        let read = read(ALL[0], Component::Cn, COMPUTE_NODES);
        assert_eq!(
            (read[0].host.as_str(), read[0].port, read[0].component),
            ("10.77.0.17", 9050, Some(Component::Cn))
        );
    }

    #[test]
    fn a_list_that_no_record_could_hold_is_no_list() {
        let row = rows(FRONTENDS_WITH_ID).remove(0);
        assert_eq!(
            Frontend::read(&vec![row; 1001]),
            Err(Failure::Malformed("it has more than 1000 rows".to_owned()))
        );
    }

    #[test]
    fn an_empty_list_is_an_empty_list() {
        assert_eq!(Frontend::read(&[]), Ok(vec![]));
        assert_eq!(
            Backend::read(&[], ALL[0].list(Component::Be).unwrap()),
            Ok(vec![])
        );
    }
}
