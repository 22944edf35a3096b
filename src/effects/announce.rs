//! Calls the members of the own cluster that do not answer: one of them may have lost everything, and may found another
//! cluster while this one has no leader. A leader polls such a node by itself; members that come back from a power cut have
//! no leader yet.

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

/// The call of this node, and the hosts it calls.
#[derive(Debug)]
pub struct Announcer {
    call: Call,
    /// Host and HTTP port.
    to: Vec<(Host, u16)>,
    last: Option<Instant>,
    waiting: Vec<Host>,
}

#[derive(Debug)]
enum Call {
    /// The others are members of this cluster, and may have lost its data.
    Member { cluster: String },
    /// This node may found a cluster, and one of the others may too.
    Seed { own: Host, founding: bool },
}

impl Announcer {
    /// `None` if the record does not show this node as a member of a cluster.
    pub fn of(record: &Record) -> Option<Self> {
        let member = match record.progress {
            Progress::Added | Progress::Started | Progress::Joined => true,
            Progress::Planned | Progress::Founding | Progress::Dropped => false,
        };
        let others = record.members.iter().filter(|seen| seen.host != record.host);
        Some(Self {
            call: Call::Member {
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

    /// For a node that may found or founds: it calls the FEs of `MASTER_HOST`.
    pub fn of_seed(own: &Host, founding: bool, told: &[Host], http_port: u16) -> Self {
        let others = told.iter().filter(|host| *host != own);
        Self {
            call: Call::Seed {
                own: own.clone(),
                founding,
            },
            to: others.map(|host| (host.clone(), http_port)).collect(),
            last: None,
            waiting: Vec::new(),
        }
    }

    /// Calls the hosts whose MySQL port refused the connection. Returns the hosts where a muster waits, as of the last call;
    /// for a node that may found, the hosts that may found too.
    pub async fn call<C: FeClient>(&mut self, client: &C, answers: &[Answer]) -> &[Host] {
        if self.last.is_none_or(|last| last.elapsed() >= APART) {
            let refused = |host: &Host| {
                answers
                    .iter()
                    .any(|answer| &answer.from == host && answer.said == Err(Failure::Refused))
            };
            let silent = self.to.iter().filter(|(host, _)| refused(host));
            let calls = silent.map(async |(host, port)| match &self.call {
                Call::Member { cluster } => {
                    let heard = client.call(host, *port, cluster).await;
                    heard.then(|| host.clone())
                }
                Call::Seed { own, founding } => client.call_seed(host, *port, own, *founding).await,
            });
            self.waiting = join_all(calls).await.into_iter().flatten().collect();
            self.last = Some(Instant::now());
        }
        &self.waiting
    }
}
