//! After the start: watches the membership until the cluster shows this node alive, and ends then.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::FeClient;
use crate::effects::announce::Announcer;
use crate::effects::look::{CONTRADICTION, look};
use crate::effects::roster::{MemberRow, row};
use crate::engine::Component;
use crate::plan::drop_detector::{DropDetector, Missed};
use crate::plan::leader::{Belief, Cluster};
use crate::plan::node::Node;
use crate::settings::Endpoint;

/// Between two looks at first; a node turns alive at the heartbeat after it serves.
const SOON: Duration = Duration::from_millis(500);
/// Between two looks once the join has taken longer than anybody wanted.
const LATER: Duration = Duration::from_secs(10);
/// How long this node's own port may take to accept a connection.
const KNOCK: Duration = Duration::from_secs(1);
/// How the watch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    Alive(Box<Cluster>),
    /// The cluster does not list this node any more: a person dropped it.
    Dropped(Box<Cluster>),
    /// Nobody but this other cluster answers.
    Foreign(Box<Cluster>),
}

/// What the cluster shows of this node.
enum Shown {
    Alive,
    NotYet(String),
    Missing,
}

/// Looks until this node is alive or found dropped; after `patience` it says once what the cluster says, and goes on
/// slowly. `known` gives the FEs to ask, this node's own too; `own` is the id of its cluster. While nobody leads, `voice` is
/// heard by members that may have forgotten theirs.
pub async fn watch<C: FeClient>(
    client: &C,
    node: &Node,
    own: Option<&str>,
    mut known: Vec<Endpoint>,
    mut voice: Option<Announcer>,
    heartbeat: Duration,
    patience: Duration,
) -> Watched {
    let begun = Instant::now();
    let mut said = false;
    let mut misses = DropDetector::default();
    // Nothing can have changed since the look that led here.
    let mut asked = begun;
    let mut took = Duration::ZERO;
    let mut urgent = voice.is_some();
    let mut last = String::new();
    loop {
        // To ask one's own engine costs nobody anything, and before it serves the cluster has no news of it: hundreds
        // may be starting. Unless nobody leads, or it is the news that the node is not listed.
        let serves = serves(client, node, &known).await;
        let late = begun.elapsed() >= patience;
        if serves.is_ok() || late || urgent || asked.elapsed() >= heartbeat {
            asked = Instant::now();
            urgent = true;
            let round = look(client, &known, heartbeat, heartbeat * 2, CONTRADICTION).await;
            last = if let Belief::Leader(cluster) = round.belief {
                learn(&mut known, &cluster);
                // A list of another cluster may name this host too: a seed that was rebuilt, and nodes that were added to it.
                let foreign = own.is_some_and(|own| own != cluster.id);
                let shown = if foreign {
                    Shown::Missing
                } else {
                    shown(client, node, &cluster, serves).await
                };
                match shown {
                    Shown::Alive => return Watched::Alive(Box::new(cluster)),
                    Shown::Missing => match misses.missed(&cluster, own) {
                        Missed::Dropped => return Watched::Dropped(Box::new(cluster)),
                        Missed::Foreign => return Watched::Foreign(Box::new(cluster)),
                        Missed::Perhaps | Missed::Unproven => {
                            format!("the leader {} does not list this node", cluster.leader.host)
                        }
                        Missed::Stranger => format!(
                            "{} is the leader of cluster {}, and this node belongs to another",
                            cluster.leader.host, cluster.id
                        ),
                    },
                    Shown::NotYet(why) => {
                        misses.forget();
                        urgent = false;
                        why
                    }
                }
            } else {
                if let Some(voice) = &mut voice {
                    voice.call(client, &round.answers).await;
                }
                misses.forget();
                round.no_leader()
            };
            took = asked.elapsed();
        }
        if !said && late {
            said = true;
            tracing::error!(
                waited_s = begun.elapsed().as_secs(),
                "this node is not alive in its cluster after JOIN_TIMEOUT: {last}"
            );
        }
        sleep(if said { LATER } else { SOON.max(took).min(LATER) }).await;
    }
}

/// `serves`: whether its own engine does, or why not. A member that died is shown Alive for three heartbeats more, so its
/// row may be about the start before.
async fn shown<C: FeClient>(client: &C, node: &Node, cluster: &Cluster, serves: Result<(), String>) -> Shown {
    match row(client, &node.identity(), cluster).await {
        Err(why) => Shown::NotYet(format!("{}: {why}", cluster.leader.host)),
        Ok(MemberRow::None) => Shown::Missing,
        Ok(MemberRow::NotAlive(error)) => Shown::NotYet(not_yet(&error)),
        Ok(MemberRow::Alive) => serves.map_or_else(Shown::NotYet, |()| Shown::Alive),
    }
}

/// Whether this node's own engine serves. An FE opens its MySQL port when its data is whole, a BE or CN listens for
/// heartbeats when its storage is open.
async fn serves<C: FeClient>(client: &C, node: &Node, known: &[Endpoint]) -> Result<(), String> {
    if node.component != Component::Fe {
        let at = (node.host.to_string(), node.identity_port);
        return match timeout(KNOCK, TcpStream::connect(at)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(format!("its port {} is not open yet", node.identity_port)),
        };
    }
    let own = known
        .iter()
        .find(|endpoint| node.identity().is_at(&endpoint.host.to_string()));
    let Some(own) = own else { return Ok(()) };
    match client.frontends(own).await {
        Err(why) if !why.is_final() => Err(format!("{own}: {why}")),
        // A refusal that asking again does not change is the answer of an engine too.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn not_yet(error: &str) -> String {
    if error.is_empty() {
        "the cluster has not reached it yet".to_owned()
    } else {
        format!("the cluster says: {error}")
    }
}

fn learn(known: &mut Vec<Endpoint>, cluster: &Cluster) {
    for fe in cluster.frontends.iter().filter(|fe| fe.query_port != 0) {
        if let Ok(host) = crate::settings::Host::parse(&fe.host) {
            let endpoint = Endpoint {
                host,
                port: fe.query_port,
            };
            if !known.contains(&endpoint) {
                known.push(endpoint);
            }
        }
    }
}
