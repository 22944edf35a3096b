//! SHOW FRONTENDS, BACKENDS, COMPUTE NODES, BROKER and SHOW PROC.

use super::Fe;
use super::answer::{Answer, Row};
use crate::clock::timestamp;
use crate::group::membership::{Frontend, Node, NodeKind};
use crate::group::pulse::{FePulse, NodePulse};
use crate::group::{Standing, State};
use crate::profile::BROKER_COLUMNS;

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

impl Fe {
    pub(crate) fn show_frontends(&self) -> Answer {
        let columns = self.settings.profile.frontend_columns();
        let state = self.group.state();
        let mut rows: Vec<Row> = state
            .journal
            .membership
            .frontends
            .iter()
            .map(|frontend| self.frontend_row(frontend, &state).pick(&columns))
            .collect();
        drop(state);
        fastrand::shuffle(&mut rows); // observed: in no fixed order
        let answer = Answer::rows(&columns, rows);
        match self.faults.argument("show", "missing-column") {
            Some(missing) => answer.without(&missing),
            None => answer,
        }
    }

    fn frontend_row(&self, frontend: &Frontend, state: &State) -> Named {
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
        let (leads, joined) = if let Some((_, host, port)) = impostor {
            let is_it = *host == frontend.host && *port == frontend.edit_log_port;
            (is_it, is_it)
        } else {
            let known = state.journal.membership.group_node(&frontend.name).is_some();
            let is_leader = leader_name == Some(frontend.name.as_str());
            (is_leader, known && leader_name.is_some())
        };
        let alive = pulse.alive || myself || (impostor.is_some() && leads);
        let role = if leads { "LEADER" } else { frontend.role.word() };
        let index = state.journal.version.index;
        let (query, rpc) = if myself {
            (self.conf.query_port, self.conf.rpc_port)
        } else {
            (pulse.query_port, pulse.rpc_port)
        };
        let now = crate::clock::now_millis();
        let heard = if myself { Some(now) } else { pulse.last_heartbeat };
        let started = if myself {
            Some(self.start_millis)
        } else {
            pulse.start_time
        };
        let version = if myself {
            some(&self.settings.profile.version())
        } else {
            pulse.version.clone()
        };
        let helper = frontend.role == crate::group::membership::FeRole::Follower;
        Named(vec![
            ("Id", some(&frontend.id)),
            ("Name", some(&frontend.name)),
            ("IP", some(&frontend.host)),
            ("EditLogPort", some(&frontend.edit_log_port)),
            ("HttpPort", some(&self.conf.http_port)),
            ("QueryPort", some(&query)),
            ("RpcPort", some(&rpc)),
            ("Role", some(&role)),
            ("ClusterId", some(&state.journal.membership.cluster_id)),
            ("Join", some(&joined)),
            ("Alive", some(&alive)),
            (
                "ReplayedJournalId",
                some(&if myself { index } else { pulse.replayed }),
            ),
            ("LastHeartbeat", heard.map(timestamp)),
            ("IsHelper", some(&helper)),
            ("ErrMsg", some(&if myself { "" } else { &pulse.error })),
            ("StartTime", started.map(timestamp)),
            ("Version", version),
        ])
    }

    pub(crate) fn show_nodes(&self, kind: NodeKind) -> Answer {
        let columns = match kind {
            NodeKind::Backend => self.settings.profile.backend_columns(),
            NodeKind::Compute => self.settings.profile.compute_columns(),
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
            .map(|node| node_row(node, state.pulses.nodes.get(&node.id).unwrap_or(&none)).pick(&columns))
            .collect();
        drop(state);
        let answer = Answer::rows(&columns, rows);
        match self.faults.argument("show", "missing-column") {
            Some(missing) => answer.without(&missing),
            None => answer,
        }
    }

    pub(crate) fn show_broker(&self) -> Answer {
        let state = self.group.state();
        let brokers = state.journal.membership.brokers.iter();
        let rows = brokers
            .map(|broker| {
                let row = [
                    broker.name.clone(),
                    broker.host.clone(),
                    broker.port.to_string(),
                    "false".to_owned(),
                ];
                row.into_iter().map(Some).chain([None, None, some("")]).collect()
            })
            .collect();
        Answer::rows(&BROKER_COLUMNS, rows)
    }

    pub(crate) fn show_proc(&self, path: &str) -> Answer {
        match path.trim_end_matches('/') {
            "" => {
                let names = ["backends", "brokers", "compute_nodes", "frontends"];
                Answer::rows(&["name"], names.iter().map(|name| vec![some(&name)]).collect())
            }
            "/frontends" => self.show_frontends(),
            "/backends" => self.show_nodes(NodeKind::Backend),
            "/compute_nodes" => self.show_nodes(NodeKind::Compute),
            "/brokers" => self.show_broker(),
            other => Answer::refused(format!(
                "Getting analyzing error. Detail message: Unknown proc node path: {other}. msg: Unknown proc path."
            )),
        }
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
}

fn node_row(node: &Node, pulse: &NodePulse) -> Named {
    let port =
        |pick: fn(&crate::group::pulse::NodePorts) -> i32| some(&pulse.ports.as_ref().map_or(-1, pick));
    let capacity = |text: &str| some(&if pulse.alive { text } else { "0.000 B" });
    let status = format!(
        "{{\"lastSuccessReportTabletsTime\":\"{}\"}}",
        pulse.last_heartbeat.map_or_else(|| "N/A".to_owned(), timestamp)
    );
    Named(vec![
        ("BackendId", some(&node.id)),
        ("ComputeNodeId", some(&node.id)),
        ("IP", some(&node.host)),
        ("HeartbeatPort", some(&node.heartbeat_port)),
        ("BePort", port(|p| p.be)),
        ("HttpPort", port(|p| p.http)),
        ("BrpcPort", port(|p| p.brpc)),
        ("LastStartTime", pulse.last_start.map(timestamp)),
        ("LastHeartbeat", pulse.last_heartbeat.map(timestamp)),
        ("Alive", some(&pulse.alive)),
        ("SystemDecommissioned", some(&node.decommissioned)),
        ("ClusterDecommissioned", some(&false)),
        ("TabletNum", some(&0)),
        ("DataUsedCapacity", capacity("0.000 B")),
        ("AvailCapacity", capacity("100.000 GB")),
        ("TotalCapacity", capacity("200.000 GB")),
        ("UsedPct", some("0.00 %")),
        ("MaxDiskUsedPct", some("0.00 %")),
        ("ErrMsg", some(&pulse.error)),
        ("Version", some(&pulse.version)),
        ("Status", some(&status)),
        ("DataTotalCapacity", capacity("100.000 GB")),
        ("DataUsedPct", some("0.00 %")),
        ("CpuCores", some(&pulse.cores)),
        ("MemLimit", some(&if pulse.alive { "1.000GB" } else { "0.000B" })),
        ("NumRunningQueries", some(&0)),
        ("MemUsedPct", some("0.00 %")),
        ("CpuUsedPct", some("0.0 %")),
        ("DataCacheMetrics", some("N/A")),
        ("HasStoragePath", some(&(node.kind == NodeKind::Backend))),
        ("Location", some("")),
        ("StatusCode", some(&pulse.status.word())),
    ])
}
