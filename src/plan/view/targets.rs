//! The nodes of a cluster as targets of Prometheus, for `file_sd` and `http_sd`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::{Component, Engine, PortName};
use crate::printable::json_lines;

use super::{Node, View};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Group<'a> {
    targets: Vec<String>,
    /// `job` (the engine), `group` (fe, be, cn or broker), `host` and, where it is known, `cluster`.
    labels: BTreeMap<&'static str, &'a str>,
}

/// One node to be scraped.
#[derive(Debug)]
pub struct ScrapedNode<'a> {
    pub component: Component,
    pub host: &'a str,
    /// The host and the port.
    pub at: String,
}

/// The JSON of both: one group for each node. Without a leader it has the FEs that are known.
pub fn targets(view: &View) -> String {
    let nodes = view.nodes.iter();
    let nodes = nodes.filter(|node| view.leader.is_err() || node.leader_says.is_some());
    let nodes = nodes.filter_map(|node| {
        Some(ScrapedNode {
            component: node.component,
            host: &node.host,
            at: node.at(port(view, node)?),
        })
    });
    render(view.engine, view.cluster_id.as_deref(), nodes)
}

/// The same of any nodes.
pub fn render<'a>(
    engine: &'static Engine,
    cluster_id: Option<&'a str>,
    nodes: impl Iterator<Item = ScrapedNode<'a>>,
) -> String {
    let groups: Vec<Group<'_>> = nodes
        .map(|node| {
            let mut labels = BTreeMap::from([
                ("job", engine.id),
                ("group", node.component.id()),
                ("host", node.host),
            ]);
            labels.extend(cluster_id.map(|id| ("cluster", id)));
            Group {
                targets: vec![node.at],
                labels,
            }
        })
        .collect();
    // Strings only, so the conversion cannot fail.
    json_lines(&serde_json::to_string_pretty(&groups).unwrap_or_default())
}

/// True if a text has that form: a list of targets with labels, and nothing else.
pub fn is_targets(text: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Any {
        #[serde(rename = "targets")]
        _targets: Vec<String>,
        #[serde(rename = "labels")]
        _labels: BTreeMap<String, String>,
    }
    serde_json::from_str::<Vec<Any>>(text).is_ok()
}

/// The port with `/metrics`; of a broker, which has none, its only one, for a probe of the port.
fn port(view: &View, node: &Node) -> Option<u16> {
    let name = scraped_port(node.component);
    if name == PortName::BrokerIpc {
        return Some(node.port);
    }
    let default = view
        .engine
        .port(node.component, name)
        .and_then(|port| port.default);
    Some(node.http_port).filter(|port| *port != 0).or(default)
}

/// The port of a component that is scraped.
pub const fn scraped_port(component: Component) -> PortName {
    match component {
        Component::Fe => PortName::Http,
        Component::Be | Component::Cn => PortName::BeHttp,
        Component::Broker => PortName::BrokerIpc,
    }
}
