//! Registering is look, add, look: whatever ADD answers, only the second look counts, and it is a look like the first: at
//! every known FE, and by a confirmed leader. A leader that has lost its quorum shows the row of an ADD that
//! no other FE will ever have (observed).

use crate::cluster::{Add, FeClient};
use crate::engine::failure::Failure;
use crate::plan::node::Role;
use crate::settings::Endpoint;

/// An ADD that was sent, until the next look has shown its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub leader: Endpoint,
    said: Result<(), Failure>,
}

impl Sent {
    /// The reason why the second look does not list this node.
    pub fn in_vain(self) -> Failure {
        self.said.err().unwrap_or_else(|| {
            Failure::Busy("it accepted the ADD but does not list this node yet".to_owned())
        })
    }
}

/// Adds a node, known as `host_port`, at the leader.
pub async fn add<C: FeClient>(client: &C, leader: Endpoint, role: Role, host_port: &str) -> Sent {
    let what = match role {
        Role::Seed | Role::Follower => Add::Follower,
        Role::Observer => Add::Observer,
        Role::Backend => Add::Backend,
        Role::ComputeNode => Add::ComputeNode,
    };
    let said = client.add(&leader, what, host_port).await;
    Sent { leader, said }
}
