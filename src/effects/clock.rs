//! Reads the leader's clock, and this machine's before and after.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cluster::FeClient;
use crate::plan::clock::Reading;
use crate::plan::leader::Cluster;

/// Asks a confirmed leader; `None` without an answer.
pub async fn read_clock<C: FeClient>(client: &C, cluster: &Cluster) -> Option<Reading> {
    let asked = now();
    let answer = client.time(&cluster.endpoint(), cluster.leader.http_port).await?;
    Some(Reading {
        leader: cluster.leader.host.clone(),
        answer,
        asked,
        answered: now(),
    })
}

/// The clock of this machine, in seconds since 1970.
pub fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

/// The clock of this machine, in milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
