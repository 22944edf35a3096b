//! Registering is look, add, look: whatever ADD answers, only the second look counts, and it is a look like the first: at
//! every known FE, and by a confirmed leader. A leader that has lost its quorum shows the row of an ADD that
//! no other FE will ever have (observed).

use crate::cluster::FeClient;
use crate::engine::failure::Failure;
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

/// Adds a node at the leader, by its statement.
pub async fn add<C: FeClient>(client: &C, leader: Endpoint, statement: &str) -> Sent {
    let said = client.add(&leader, statement).await;
    Sent { leader, said }
}
