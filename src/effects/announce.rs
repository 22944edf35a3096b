//! Calls the members of its cluster that are not there: one of them may have lost everything, and be about to found
//! another cluster while nobody leads this one. A leader calls such a node by itself; a member that comes back, from the
//! same power cut perhaps, has none yet.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::cluster::FeClient;
use crate::engine::failure::Failure;
use crate::facts::record::{Progress, Record};
use crate::plan::leader::Answer;
use crate::settings::Host;

/// Between two calls to the same host: a guard time holds several of them.
const APART: Duration = Duration::from_secs(1);

/// What this node has to say, and to whom.
#[derive(Debug)]
pub struct Announcer {
    says: Says,
    /// Host and HTTP port.
    to: Vec<(Host, u16)>,
    last: Option<Instant>,
    waiting: Vec<Host>,
}

#[derive(Debug)]
enum Says {
    /// They are members of this cluster, and may have forgotten it.
    Member { cluster: String },
    /// This node may found a cluster; one of them may think the same of itself.
    Seed { own: Host, founding: bool },
}

impl Announcer {
    /// `None` if this node does not know itself to be of a cluster.
    pub fn of(record: &Record) -> Option<Self> {
        let member = match record.progress {
            Progress::Added | Progress::Started | Progress::Joined => true,
            Progress::Planned | Progress::Founding | Progress::Dropped => false,
        };
        let others = record.members.iter().filter(|seen| seen.host != record.host);
        Some(Self {
            says: Says::Member {
                cluster: record.cluster_id.clone().filter(|_| member)?,
            },
            to: others
                .filter(|seen| seen.http_port != 0)
                .map(|seen| (seen.host.clone(), seen.http_port))
                .collect(),
            last: None,
            waiting: Vec::new(),
        })
    }

    /// For a node that may found, or is founding: to the FEs it was told of.
    pub fn of_seed(own: &Host, founding: bool, told: &[Host], http_port: u16) -> Self {
        let others = told.iter().filter(|host| *host != own);
        Self {
            says: Says::Seed {
                own: own.clone(),
                founding,
            },
            to: others.map(|host| (host.clone(), http_port)).collect(),
            last: None,
            waiting: Vec::new(),
        }
    }

    /// Calls those whose MySQL port refused. Returns where a muster waits and no engine, as of the last call: for a node
    /// that may found, the hosts of those that may found too.
    pub async fn call<C: FeClient>(&mut self, client: &C, answers: &[Answer]) -> &[Host] {
        if self.last.is_none_or(|last| last.elapsed() >= APART) {
            let refused = |host: &Host| {
                answers
                    .iter()
                    .any(|answer| &answer.from == host && answer.said == Err(Failure::Refused))
            };
            let silent = self.to.iter().filter(|(host, _)| refused(host));
            let calls = silent.map(async |(host, port)| match &self.says {
                Says::Member { cluster } => {
                    let heard = client.call(host, *port, cluster).await;
                    heard.then(|| host.clone())
                }
                Says::Seed { own, founding } => client.call_seed(host, *port, own, *founding).await,
            });
            self.waiting = join_all(calls).await.into_iter().flatten().collect();
            self.last = Some(Instant::now());
        }
        &self.waiting
    }
}
