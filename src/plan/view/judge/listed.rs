//! A node of the leader's list: what the leader says of it, and what it says itself.

use super::leaving::{FULL, Leaves};
use super::{over_http, said};
use crate::engine::Component;
use crate::engine::calendar::timestamp;
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend, Member as _};
use crate::engine::signature::{HEARTBEAT, Signature};
use crate::plan::leader::Cluster;
use crate::plan::view::observed::Observed;
use crate::plan::view::verdict::{META_FREE, Verdict};
use crate::plan::view::{ItselfSays, LeaderSays, Node};

/// An FE that is so many entries behind cannot keep up.
const BEHIND: u64 = 10_000;

pub(super) fn time(text: Option<&str>) -> Option<i64> {
    timestamp(text?)
}

/// An FE of the leader's list.
pub(super) fn frontend(fe: &Frontend, seen: &Observed, cluster: &Cluster, newest: Option<i64>) -> Node {
    let http = over_http(seen, &fe.host);
    let is_leader = fe.host == cluster.leader.host && fe.edit_log_port == cluster.leader.edit_log_port;
    let silent_for = newest
        .zip(time(fe.last_heartbeat.as_deref()))
        .map(|(newest, own)| (newest - own).max(0));
    let behind = cluster
        .leader
        .journal
        .zip(fe.journal)
        .map(|(leader, own)| leader.saturating_sub(own));
    let alive = fe.alive || is_leader;
    let mut verdicts = Vec::new();
    let serves = http.is_some_and(|http| http.ready.is_ok());
    if !fe.join && silent_for.is_none() {
        verdicts.push(Verdict::HalfJoined);
    } else if !alive || !fe.join {
        verdicts.push(unheard(silent_for, &fe.error, serves));
    } else if let Some(http) = http {
        if let Err(why) = &http.ready {
            verdicts.push(Verdict::DoesNotServe {
                why: format!("http port {}: {why}", http.http_port),
            });
        }
        if let Ok(Some(ha)) = &http.ha {
            if ha.leads && !is_leader {
                verdicts.push(Verdict::StaleLeader {
                    leader: cluster.leader.host.clone(),
                });
            } else if !ha.is_ready {
                verdicts.push(Verdict::OutOfDate);
            }
        }
        if let Some(entries) = behind.filter(|entries| *entries > BEHIND) {
            verdicts.push(Verdict::Behind { entries });
        }
    }
    let disk = seen.meta_free.iter().find(|(host, _)| *host == fe.host);
    if let Some((_, free)) = disk.filter(|(_, free)| alive && *free < META_FREE) {
        verdicts.push(Verdict::MetaFull { free: *free });
    }
    Node {
        component: Component::Fe,
        host: fe.host.clone(),
        port: fe.edit_log_port,
        http_port: fe.http_port,
        role: Some(fe.role),
        name: None,
        version: fe.version.clone(),
        leader_says: Some(LeaderSays {
            alive,
            joined: fe.join,
            silent_for,
            error: fe.error.clone(),
            behind: behind.filter(|_| alive),
            ..LeaderSays::default()
        }),
        itself_says: said(http),
        record_says: None,
        verdicts,
    }
}

/// A node that the leader does not hear.
fn unheard(silent_for: Option<i64>, error: &str, serves: bool) -> Verdict {
    let cause = HEARTBEAT.iter().find(|row| row.matches(error));
    let why = match cause {
        Some(Signature { sentence, .. }) => format!("{sentence} ({error})"),
        None => error.to_owned(),
    };
    if serves {
        Verdict::Unreached { error: why }
    } else {
        Verdict::Dead { silent_for, why }
    }
}

/// A BE, CN or broker of the leader's list.
pub(super) fn service(
    row: &Backend,
    component: Component,
    seen: &Observed,
    newest: Option<i64>,
    leaves: &Leaves,
) -> Node {
    let serves = seen
        .services
        .iter()
        .find(|service| {
            service.component == component && service.host == row.host && service.port == row.port
        })
        .map(|service| &service.serves);
    let silent_for = newest
        .zip(time(row.last_heartbeat.as_deref()))
        .map(|(newest, own)| (newest - own).max(0));
    let stopping = row.alive && !row.is_up();
    let mut verdicts = Vec::new();
    if !row.alive {
        verdicts.push(unheard(silent_for, &row.error, matches!(serves, Some(Ok(())))));
    } else if let Some(Err(why)) = serves
        && !stopping
    {
        verdicts.push(Verdict::DoesNotServe { why: why.to_string() });
    }
    let tablets = row.tablets.unwrap_or_default();
    if row.leaving {
        verdicts.push(leaves.judge(tablets));
    }
    if let Some(percent) = row.disk_used.filter(|percent| *percent >= FULL) {
        verdicts.push(Verdict::DiskFull { percent });
    }
    Node {
        component,
        host: row.host.clone(),
        port: row.port,
        http_port: row.http_port,
        role: None,
        name: row.name.clone(),
        version: row.version.clone(),
        leader_says: Some(LeaderSays {
            id: row.id,
            alive: row.alive,
            joined: true,
            silent_for,
            error: row.error.clone(),
            behind: None,
            leaving: row.leaving,
            stopping,
            tablets: row.tablets,
            disk_used: row.disk_used,
        }),
        itself_says: match serves {
            None => ItselfSays::NotAsked,
            Some(Ok(())) => ItselfSays::Ready,
            Some(Err(Failure::NotReady(why))) => ItselfSays::NotReady(why.clone()),
            Some(Err(why)) => ItselfSays::Silent(why.to_string()),
        },
        record_says: None,
        verdicts,
    }
}
