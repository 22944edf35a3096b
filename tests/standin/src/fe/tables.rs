//! SHOW FRONTENDS, BACKENDS, COMPUTE NODES, BROKER and SHOW PROC.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Fe;
use super::answer::{Answer, Row};
use crate::clock::timestamp;
use crate::group::membership::{Broker, Frontend, GroupNode, Node, NodeKind};
use crate::group::pulse::{BrokerPulse, FePulse, NodePulse};
use crate::group::{Standing, State};
use crate::profile::Engine;

/// A value that is there, as opposed to the few that are SQL NULL.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a row is made of values that may be NULL"
)]
fn some<T: ToString + ?Sized>(value: &T) -> Option<String> {
    Some(value.to_string())
}

/// Rows are built with all columns known to any version; a profile's own list picks from them.
struct Named(Vec<(&'static str, Option<String>)>);

impl Named {
    fn pick(mut self, columns: &[&str]) -> Row {
        columns
            .iter()
            .map(|column| {
                let at = self.0.iter().position(|(name, _)| name == column)?;
                self.0.swap_remove(at).1
            })
            .collect()
    }
}

/// Where the registered hosts are, as far as they can be resolved.
type Addresses = BTreeMap<String, Option<IpAddr>>;

impl Fe {
    pub(crate) async fn show_frontends(&self, through: &str) -> Answer {
        let columns = self.settings.profile.columns.frontends();
        self.ask_members().await;
        let addresses = self.addresses().await;
        let state = self.group.state();
        let mut rows: Vec<Row> = state
            .journal
            .membership
            .frontends
            .iter()
            .map(|frontend| {
                let row = self.frontend_row(frontend, &state, &addresses, through);
                row.pick(&columns)
            })
            .collect();
        drop(state);
        fastrand::shuffle(&mut rows); // observed: in no fixed order
        self.without_missing(Answer::rows(&columns, rows))
    }

    /// The volumes of each FE: `meta=4G` is what all of them have left for their metadata.
    pub(crate) fn show_frontend_disks(&self) -> Answer {
        let left = self.faults.all("meta").pop().unwrap_or_else(|| "90G".to_owned());
        let columns = [
            "Name",
            "Host",
            "DirType",
            "Dir",
            "Filesystem",
            "Capacity",
            "Used",
            "Available",
            "UseRate",
            "MountOn",
        ];
        let state = self.group.state();
        let frontends = &state.journal.membership.frontends;
        let rows = frontends.iter().flat_map(|frontend| {
            ["meta", "log"].map(|kind| {
                let left = if kind == "meta" { left.as_str() } else { "1G" };
                let host = self.host_of(frontend);
                [
                    &frontend.name,
                    &host,
                    kind,
                    "/opt",
                    "/dev/sda1",
                    "100G",
                    "10G",
                    left,
                    "10%",
                    "/",
                ]
                .map(|cell| Some(cell.to_owned()))
                .to_vec()
            })
        });
        Answer::rows(&columns, rows.collect())
    }

    fn without_missing(&self, answer: Answer) -> Answer {
        match self.faults.argument("show", "missing-column") {
            Some(missing) => answer.without(&missing),
            None => answer,
        }
    }

    /// A time, or what stands for none.
    fn time(&self, millis: Option<u64>) -> Option<String> {
        let unset = self.settings.profile.mysql.unset_time;
        millis.map(timestamp).or_else(|| unset.map(str::to_owned))
    }

    /// Whether a row and a member of the group are one. Observed: StarRocks goes by the name, Doris by address and port, so
    /// that two rows may be one process.
    fn is_same(&self, row: &Frontend, node: &GroupNode, addresses: &Addresses) -> bool {
        let host = self.host_of(row);
        match self.settings.profile.engine {
            Engine::StarRocks => row.name == node.name,
            Engine::Doris => {
                let address = |host: &str| addresses.get(host).copied().flatten();
                let is_there =
                    host == node.host || address(&host).is_some_and(|at| address(&node.host) == Some(at));
                is_there && row.edit_log_port == node.port
            }
        }
    }

    fn frontend_row(
        &self,
        frontend: &Frontend,
        state: &State,
        addresses: &Addresses,
        through: &str,
    ) -> Named {
        let profile = self.settings.profile;
        let host = self.host_of(frontend);
        let myself = frontend.name == self.group.me.name;
        let none = FePulse::default();
        let pulse = state.pulses.frontends.get(&frontend.name).unwrap_or(&none);
        let impostor = state.impostors.first();
        let hidden = self.faults.is("leader", "none");
        let leader_name = match &state.standing {
            _ if hidden => None,
            Standing::Leader => Some(self.group.me.name.as_str()),
            Standing::Follows { leader, .. } => Some(leader.name.as_str()),
            _ => None,
        };
        // Whoever claims to lead the group hides everybody else, on every FE of the real cluster.
        let (leads, joined) = if let Some((_, at, port)) = impostor {
            let is_it = *at == frontend.host && *port == frontend.edit_log_port;
            (is_it, is_it)
        } else {
            let group = state.journal.membership.group.iter();
            let known = group.filter(|node| self.is_same(frontend, node, addresses));
            let known: Vec<&GroupNode> = known.collect();
            let is_leader = known.iter().any(|node| leader_name == Some(node.name.as_str()));
            (is_leader, !known.is_empty() && leader_name.is_some())
        };
        let alive = pulse.alive || myself || (impostor.is_some() && leads);
        let columns = profile.columns.frontends();
        // Where a column of its own says who leads, the role does not.
        let role = if leads && !columns.contains(&"IsMaster") {
            profile.fe.leader
        } else {
            frontend.role.word()
        };
        let index = state.journal.version.index;
        let (query, rpc, arrow) = if myself {
            let arrow = self.conf.arrow_port.map_or(-1, i32::from);
            (self.conf.query_port, self.conf.rpc_port, arrow)
        } else {
            (pulse.query_port, pulse.rpc_port, pulse.arrow_port.into())
        };
        let now = crate::clock::now_millis();
        let heard = if myself { Some(now) } else { pulse.last_heartbeat };
        let started = if myself {
            Some(self.start_millis)
        } else {
            pulse.start_time
        };
        let version = if myself {
            some(profile.version)
        } else {
            pulse.version.clone()
        };
        // Observed in Doris: what was wrong is known where it was found.
        let error = match (myself, profile.engine) {
            (true, _) => "",
            (false, Engine::Doris) if !state.leads() && !pulse.error.is_empty() => "Unknown error",
            (false, _) => &pulse.error,
        };
        let helper = frontend.role == crate::group::membership::FeRole::Follower;
        let connected = if frontend.name == through { "Yes" } else { "No" };
        Named(vec![
            ("Id", some(&frontend.id)),
            ("Name", some(&frontend.name)),
            ("IP", some(&host)),
            ("Host", some(&host)),
            ("EditLogPort", some(&frontend.edit_log_port)),
            ("HttpPort", some(&self.conf.http_port)),
            ("QueryPort", some(&query)),
            ("RpcPort", some(&rpc)),
            ("ArrowFlightSqlPort", some(&arrow)),
            ("Role", some(&role)),
            ("IsMaster", some(&leads)),
            ("ClusterId", some(&state.journal.membership.cluster_id)),
            ("Join", some(&joined)),
            ("Alive", some(&alive)),
            (
                "ReplayedJournalId",
                some(&if myself { index } else { pulse.replayed }),
            ),
            ("LastStartTime", self.time(started)),
            ("LastHeartbeat", self.time(heard)),
            ("IsHelper", some(&helper)),
            ("ErrMsg", some(error)),
            ("StartTime", self.time(started)),
            ("Version", version),
            ("CurrentConnected", some(connected)),
            ("LiveSince", self.time(started.filter(|_| alive))),
        ])
    }

    pub(crate) fn show_nodes(&self, kind: NodeKind) -> Answer {
        let columns = match kind {
            NodeKind::Backend => self.settings.profile.columns.backends(),
            NodeKind::Compute => self.settings.profile.columns.compute_nodes(),
        };
        let state = self.group.state();
        let none = NodePulse::default();
        let nodes = state
            .journal
            .membership
            .nodes
            .iter()
            .filter(|node| node.kind == kind);
        let rows = nodes
            .map(|node| {
                let pulse = state.pulses.nodes.get(&node.id).unwrap_or(&none);
                self.node_row(node, pulse).pick(&columns)
            })
            .collect();
        drop(state);
        self.without_missing(Answer::rows(&columns, rows))
    }

    pub(crate) fn show_broker(&self) -> Answer {
        let columns = self.settings.profile.columns.brokers();
        let state = self.group.state();
        let none = BrokerPulse::default();
        let brokers = state.journal.membership.brokers.iter();
        let rows = brokers
            .map(|broker| {
                let pulse = state.pulses.brokers.get(&broker.key()).unwrap_or(&none);
                self.broker_row(broker, pulse).pick(&columns)
            })
            .collect();
        Answer::rows(&columns, rows)
    }

    fn broker_row(&self, broker: &Broker, pulse: &BrokerPulse) -> Named {
        Named(vec![
            ("Name", some(&broker.name)),
            ("IP", some(&broker.host)),
            ("Host", some(&broker.host)),
            ("Port", some(&broker.port)),
            ("Alive", some(&pulse.alive)),
            ("LastStartTime", self.time(pulse.last_start)),
            ("LastUpdateTime", self.time(pulse.last_update)),
            ("ErrMsg", some(&pulse.error)),
        ])
    }

    pub(crate) async fn show_proc(&self, path: &str, through: &str) -> Answer {
        let profile = self.settings.profile;
        match path.trim_end_matches('/') {
            "" => {
                let names = ["backends", "brokers", "compute_nodes", "frontends"];
                let names = names
                    .iter()
                    .filter(|name| !profile.is_doris() || **name != "compute_nodes");
                Answer::rows(&["name"], names.map(|name| vec![some(name)]).collect())
            }
            "/frontends" => self.show_frontends(through).await,
            "/backends" => self.show_nodes(NodeKind::Backend),
            "/compute_nodes" if !profile.is_doris() => self.show_nodes(NodeKind::Compute),
            "/brokers" => self.show_broker(),
            "/statistic" if !profile.is_doris() => self.tablets(&["UnhealthyTabletNum"], 0),
            "/cluster_health/tablet_health" if profile.is_doris() => self.tablets(&["HealthyNum"], 1),
            other => profile.refused(profile.analysis(&format!(
                "Unknown proc node path: {other}. msg: Unknown proc path"
            ))),
        }
    }

    /// The tablets of one database and their sum: `tablets=12 of 345` of them are not as they should be.
    fn tablets(&self, column: &[&'static str], of_healthy: u64) -> Answer {
        let fault = self.faults.all("tablets").pop().unwrap_or_default();
        let (unhealthy, all) = fault.split_once(" of ").unwrap_or(("0", "0"));
        let (unhealthy, all) = (unhealthy.parse().unwrap_or(0), all.parse().unwrap_or(0u64));
        let counted = if of_healthy == 1 {
            all - unhealthy
        } else {
            unhealthy
        };
        let rows = ["10001", "Total"].map(|id| {
            vec![
                some(id),
                some(if id == "Total" { "1" } else { "demo" }),
                some(&all),
                some(&counted),
            ]
        });
        let columns = [&["DbId", "DbName", "TabletNum"], column].concat();
        Answer::rows(&columns, rows.to_vec())
    }

    pub(crate) fn alive_backends(&self) -> (usize, usize) {
        let state = self.group.state();
        let backends = state
            .journal
            .membership
            .nodes
            .iter()
            .filter(|node| node.kind == NodeKind::Backend);
        let alive = |node: &&Node| state.pulses.nodes.get(&node.id).is_some_and(|pulse| pulse.alive);
        (backends.clone().filter(alive).count(), backends.count())
    }

    /// `leaves=1204`: so many tablets are on each BE under decommission, which is not dropped then.
    pub(crate) fn tablets_to_leave(&self, node: &Node) -> u64 {
        let left = self.faults.all("leaves").pop();
        let left = left.and_then(|left| left.parse().ok()).unwrap_or_default();
        if node.decommissioned { left } else { 0 }
    }

    /// In percent: `disk=10.99.0.14 91`.
    fn fullest_disk(&self, node: &Node) -> u8 {
        let percent = self.faults.argument("disk", &node.host);
        percent
            .and_then(|percent| percent.parse().ok())
            .unwrap_or_default()
    }

    fn node_row(&self, node: &Node, pulse: &NodePulse) -> Named {
        let port =
            |pick: fn(&crate::group::pulse::NodePorts) -> i32| some(&pulse.ports.as_ref().map_or(-1, pick));
        let capacity = |text: &str| some(if pulse.alive { text } else { "0.000 B" });
        let reported = pulse.last_heartbeat.map_or_else(|| "N/A".to_owned(), timestamp);
        let status = match self.settings.profile.engine {
            Engine::StarRocks => format!("{{\"lastSuccessReportTabletsTime\":\"{reported}\"}}"),
            Engine::Doris => format!(
                "{{\"lastSuccessReportTabletsTime\":\"{reported}\",\"lastStreamLoadTime\":-1,\
                 \"isQueryDisabled\":false,\"isLoadDisabled\":false,\"isShutdown\":{}}}",
                pulse.shutting_down
            ),
        };
        Named(vec![
            ("BackendId", some(&node.id)),
            ("ComputeNodeId", some(&node.id)),
            ("IP", some(&node.host)),
            ("Host", some(&node.host)),
            ("HeartbeatPort", some(&node.heartbeat_port)),
            ("BePort", port(|p| p.be)),
            ("HttpPort", port(|p| p.http)),
            ("BrpcPort", port(|p| p.brpc)),
            ("ArrowFlightSqlPort", port(|p| p.arrow)),
            ("LastStartTime", self.time(pulse.last_start)),
            ("LastHeartbeat", self.time(pulse.last_heartbeat)),
            ("Alive", some(&pulse.alive)),
            ("SystemDecommissioned", some(&node.decommissioned)),
            ("ClusterDecommissioned", some(&false)),
            ("TabletNum", some(&self.tablets_to_leave(node))),
            ("DataUsedCapacity", capacity("0.000 B")),
            ("TrashUsedCapacity", capacity("0.000 B")),
            ("TrashUsedCapcacity", capacity("0.000 B")),
            ("RemoteUsedCapacity", some("0.000 B")),
            ("AvailCapacity", capacity("100.000 GB")),
            ("TotalCapacity", capacity("200.000 GB")),
            ("UsedPct", some("0.00 %")),
            (
                "MaxDiskUsedPct",
                some(&format!("{}.00 %", self.fullest_disk(node))),
            ),
            ("Tag", some(&format!("{{\"location\" : \"{}\"}}", node.tag))),
            ("ErrMsg", some(&pulse.error)),
            ("Version", some(&pulse.version)),
            ("Status", some(&status)),
            ("HeartbeatFailureCounter", some(&pulse.failures)),
            (
                "NodeRole",
                some(if pulse.alive { pulse.role.as_str() } else { "" }),
            ),
            ("DataTotalCapacity", capacity("100.000 GB")),
            ("DataUsedPct", some("0.00 %")),
            ("CpuCores", some(&pulse.cores)),
            ("Memory", capacity("1.000 GB")),
            ("LiveSince", self.time(pulse.last_start.filter(|_| pulse.alive))),
            ("RunningTasks", some(&0)),
            ("MemLimit", some(if pulse.alive { "1.000GB" } else { "0.000B" })),
            ("NumRunningQueries", some(&0)),
            ("MemUsedPct", some("0.00 %")),
            ("CpuUsedPct", some("0.0 %")),
            ("DataCacheMetrics", some("N/A")),
            ("HasStoragePath", some(&(node.kind == NodeKind::Backend))),
            ("Location", some("")),
            ("StatusCode", some(pulse.status.word())),
        ])
    }
}
