//! After the start: watches the membership until the cluster shows this node alive, and ends then.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::Cluster;
use crate::effects::look::{CONTRADICTION, look};
use crate::effects::shown::{Me, Row, row};
use crate::effects::voice::Voice;
use crate::engine::Component;
use crate::plan::join::{Node, is_here};
use crate::plan::leader::{Belief, Cluster as Believed};
use crate::plan::misses::{Missed, Misses};
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
    Alive(Box<Believed>),
    /// The cluster does not list this node any more: a person dropped it.
    Dropped(Box<Believed>),
    /// Nobody but this other cluster answers.
    Foreign(Box<Believed>),
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
pub async fn watch<C: Cluster>(
    client: &C,
    node: &Node,
    own: Option<&str>,
    mut known: Vec<Endpoint>,
    mut voice: Option<Voice>,
    heartbeat: Duration,
    patience: Duration,
) -> Watched {
    let begun = Instant::now();
    let mut said = false;
    let mut misses = Misses::default();
    loop {
        let round = look(client, &known, heartbeat, heartbeat * 2, CONTRADICTION).await;
        let last = if let Belief::Leader(cluster) = round.belief {
            learn(&mut known, &cluster);
            // A list of another cluster may name this host too: a seed that was rebuilt, and nodes that were added to it.
            let foreign = own.is_some_and(|own| own != cluster.id);
            let shown = if foreign {
                Shown::Missing
            } else {
                shown(client, node, &cluster, &known).await
            };
            match shown {
                Shown::Alive => return Watched::Alive(Box::new(cluster)),
                Shown::Missing => match misses.missed(&cluster, own) {
                    Missed::Dropped => return Watched::Dropped(Box::new(cluster)),
                    Missed::Foreign => return Watched::Foreign(Box::new(cluster)),
                    Missed::Perhaps => format!("{} leads and does not list this node", cluster.leader.host),
                    Missed::Stranger => format!(
                        "{} leads cluster {}, and this node is of another",
                        cluster.leader.host, cluster.id
                    ),
                },
                Shown::NotYet(why) => {
                    misses.forget();
                    why
                }
            }
        } else {
            if let Some(voice) = &mut voice {
                voice.call(client, &round.answers).await;
            }
            misses.forget();
            round.summary()
        };
        if !said && begun.elapsed() >= patience {
            said = true;
            tracing::error!(
                waited_s = begun.elapsed().as_secs(),
                "this node is not alive in its cluster after JOIN_TIMEOUT: {last}"
            );
        }
        sleep(if said { LATER } else { SOON }).await;
    }
}

async fn shown<C: Cluster>(client: &C, node: &Node, cluster: &Believed, known: &[Endpoint]) -> Shown {
    let me = Me {
        component: node.component,
        host: &node.host,
        also: &node.also,
        identity_port: node.identity_port,
    };
    match row(client, &me, cluster).await {
        Err(why) => Shown::NotYet(format!("{} {why}", cluster.leader.host)),
        Ok(Row::None) => Shown::Missing,
        Ok(Row::NotAlive(error)) => Shown::NotYet(not_yet(&error)),
        Ok(Row::Alive) if node.component == Component::Fe => served(client, node, known).await,
        Ok(Row::Alive) => listens(node).await,
    }
}

/// A member that died is shown Alive for three heartbeats more, so its row may be about the start before. An FE opens
/// its MySQL port when its data is whole.
async fn served<C: Cluster>(client: &C, node: &Node, known: &[Endpoint]) -> Shown {
    let Some(own) = known
        .iter()
        .find(|endpoint| is_here(node, &endpoint.host.to_string()))
    else {
        return Shown::Alive;
    };
    match client.frontends(own).await {
        Err(why) if !why.is_final() => Shown::NotYet(format!("{own} {why}")),
        // A refusal that asking again does not change is the answer of an engine too.
        Ok(_) | Err(_) => Shown::Alive,
    }
}

/// The same of a BE or CN, which listens for heartbeats when its storage is open.
async fn listens(node: &Node) -> Shown {
    let at = (node.host.to_string(), node.identity_port);
    match timeout(KNOCK, TcpStream::connect(at)).await {
        Ok(Ok(_)) => Shown::Alive,
        Ok(Err(_)) | Err(_) => Shown::NotYet(format!("its port {} is not open yet", node.identity_port)),
    }
}

fn not_yet(error: &str) -> String {
    if error.is_empty() {
        "the cluster has not reached it yet".to_owned()
    } else {
        format!("the cluster says: {error}")
    }
}

/// The leader's MySQL port, or the one it answered at when it has not shown any yet.
pub fn endpoint(cluster: &Believed) -> Endpoint {
    let host = crate::settings::Host::parse(&cluster.leader.host);
    Endpoint {
        host: host.unwrap_or_else(|_| cluster.from.host.clone()),
        port: if cluster.leader.query_port == 0 {
            cluster.from.port
        } else {
            cluster.leader.query_port
        },
    }
}

fn learn(known: &mut Vec<Endpoint>, cluster: &Believed) {
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
