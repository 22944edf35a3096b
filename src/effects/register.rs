//! Registering is look, add, look: whatever ADD answers, only the second look counts.

use crate::cluster::{Add, Cluster};
use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::plan::join::{Node, Role, is_here};
use crate::settings::Endpoint;

/// How one try to register ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The second look shows this node.
    Yes,
    /// It does not; what ADD said.
    NotYet(Failure),
}

/// Adds this node at the leader, and looks whether it is there. The first look is the one that led here.
pub async fn register<C: Cluster>(client: &C, leader: &Endpoint, node: &Node) -> Registered {
    let what = match node.role {
        Role::Seed | Role::Follower => Add::Follower,
        Role::Observer => Add::Observer,
        Role::Backend => Add::Backend,
        Role::ComputeNode => Add::ComputeNode,
    };
    let added = client
        .add(leader, what, &node.host.with_port(node.identity_port))
        .await;
    match (listed(client, leader, node).await, added) {
        (Ok(true), _) => Registered::Yes,
        (Ok(false) | Err(_), Err(why)) | (Err(why), Ok(())) => Registered::NotYet(why),
        (Ok(false), Ok(())) => Registered::NotYet(Failure::Busy(
            "it accepted the ADD, but does not list this node".to_owned(),
        )),
    }
}

/// Whether the cluster lists this node: host, port and kind.
pub async fn listed<C: Cluster>(client: &C, leader: &Endpoint, node: &Node) -> Result<bool, Failure> {
    Ok(match node.component {
        Component::Fe => client
            .frontends(leader)
            .await?
            .iter()
            .any(|fe| is_here(node, &fe.host) && fe.edit_log_port == node.identity_port),
        Component::Be | Component::Broker => here(node, &client.backends(leader).await?),
        Component::Cn => here(node, &client.compute_nodes(leader).await?),
    })
}

fn here(node: &Node, list: &[crate::engine::member::Backend]) -> bool {
    list.iter()
        .any(|be| is_here(node, &be.host) && be.heartbeat_port == node.identity_port)
}
