//! The nodes of a cluster as targets of Prometheus, for `file_sd` and `http_sd`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::{Component, PortName};

use super::{Node, View};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Group<'a> {
    targets: Vec<String>,
    /// `job` (the engine), `group` (fe, be, cn or broker), `host` and, where it is known, `cluster`.
    labels: BTreeMap<&'static str, &'a str>,
}

/// The JSON of both: one group for each node. Without a leader it has the FEs that are known.
pub fn targets(view: &View) -> String {
    let groups: Vec<Group<'_>> = view
        .nodes
        .iter()
        .filter(|node| view.leader.is_err() || node.leader_says.is_some())
        .filter_map(|node| {
            let port = port(view, node)?;
            let mut labels = BTreeMap::from([
                ("job", view.engine.id),
                ("group", node.component.id()),
                ("host", node.host.as_str()),
            ]);
            labels.extend(view.cluster_id.as_deref().map(|id| ("cluster", id)));
            Some(Group {
                targets: vec![node.at(port)],
                labels,
            })
        })
        .collect();
    // Strings only, so the conversion cannot fail.
    serde_json::to_string_pretty(&groups).unwrap_or_default() + "\n"
}

/// The port with `/metrics`; of a broker, which has none, its only one, for a probe of the port.
fn port(view: &View, node: &Node) -> Option<u16> {
    let name = match node.component {
        Component::Fe => PortName::Http,
        Component::Be | Component::Cn => PortName::BeHttp,
        Component::Broker => return Some(node.port),
    };
    let default = view
        .engine
        .port(node.component, name)
        .and_then(|port| port.default);
    Some(node.http_port).filter(|port| *port != 0).or(default)
}
