//! Calls the members of its cluster that are not there: one of them may have lost everything, and be about to found
//! another cluster while nobody leads this one. A leader calls such a node by itself; a member that comes back, from the
//! same power cut perhaps, has none yet.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::engine::failure::Failure;
use crate::facts::record::{MemberSeen, Progress, Record};
use crate::plan::leader::Answer;
use crate::settings::Host;

/// Between two calls to the same host: a guard time holds several of them.
const APART: Duration = Duration::from_secs(1);

/// What this node knows of its cluster, to be said to those who may have forgotten it.
#[derive(Debug)]
pub struct Voice {
    cluster: String,
    members: Vec<MemberSeen>,
    last: Option<Instant>,
    waiting: Vec<Host>,
}

impl Voice {
    /// `None` if this node does not know itself to be of a cluster.
    pub fn of(record: &Record) -> Option<Self> {
        let member = match record.progress {
            Progress::Added | Progress::Started | Progress::Joined => true,
            Progress::Planned | Progress::Founding | Progress::Dropped => false,
        };
        let others = record.members.iter().filter(|seen| seen.host != record.host);
        Some(Self {
            cluster: record.cluster_id.clone().filter(|_| member)?,
            members: others.filter(|seen| seen.http_port != 0).cloned().collect(),
            last: None,
            waiting: Vec::new(),
        })
    }

    /// Calls the members whose MySQL port refused. Returns those where a muster waits and no engine, as of the last call.
    pub async fn call<C: Cluster>(&mut self, client: &C, answers: &[Answer]) -> &[Host] {
        if self.last.is_none_or(|last| last.elapsed() >= APART) {
            let refused = |host: &Host| {
                answers
                    .iter()
                    .any(|answer| &answer.from == host && answer.said == Err(Failure::Refused))
            };
            let silent = self.members.iter().filter(|member| refused(&member.host));
            let calls = silent.map(async |member| {
                let heard = client.call(&member.host, member.http_port, &self.cluster).await;
                heard.then(|| member.host.clone())
            });
            self.waiting = join_all(calls).await.into_iter().flatten().collect();
            self.last = Some(Instant::now());
        }
        &self.waiting
    }
}
