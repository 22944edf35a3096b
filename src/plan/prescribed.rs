//! Decides what a confirmed cluster prescribes to this node.

use std::collections::BTreeMap;

use super::data::Data;
use super::leader::Cluster;
use super::node::{self, Node};
use crate::engine::member::Backend;
use crate::engine::{Component, PortKind, PortName};

/// What the cluster prescribes to this node, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prescribed {
    pub ports: BTreeMap<PortName, u16>,
    /// The id of the cluster, for a BE or CN without data: another cluster that still lists its host must not be the first that
    /// its engine hears.
    pub cluster_id: Option<String>,
}

/// What a confirmed cluster prescribes: the ports that every FE shares, and the port it lists for this host. A host may have
/// several BEs; only the one at `recorded`, the identity port in this node's record, is this node: it was added by an ADD
/// whose sender was killed before the answer.
pub fn prescribed(
    node: &Node,
    cluster: &Cluster,
    backends: Option<&[Backend]>,
    recorded: Option<u16>,
) -> Prescribed {
    let mut ports = BTreeMap::new();
    if !node.role.is_fe() {
        if let (Some(rows), Some(identity_port)) = (backends, recorded) {
            let me = node::Identity {
                identity_port,
                ..node.identity()
            };
            let own = node.engine.identity_port(node.component);
            if let (Some(port), Some(_)) = (own, me.find(rows)) {
                ports.insert(port.name, identity_port);
            }
        }
        let cluster_id = matches!(node.data, Data::Empty { .. }).then(|| cluster.id.clone());
        return Prescribed { ports, cluster_id };
    }
    let shared = [
        (PortName::Http, cluster.leader.http_port),
        (PortName::Rpc, cluster.leader.rpc_port),
    ];
    for (name, number) in shared {
        let port = node.engine.port(Component::Fe, name);
        if number != 0 && port.is_some_and(|port| port.kind == PortKind::ClusterWide) {
            ports.insert(name, number);
        }
    }
    let own = cluster
        .frontends
        .iter()
        .find(|fe| node.identity().is_at(&fe.host));
    if let Some(own) = own {
        ports.insert(PortName::EditLog, own.edit_log_port);
    }
    Prescribed {
        ports,
        cluster_id: None,
    }
}
