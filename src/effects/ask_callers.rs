//! Asks a host that called this one, and that nobody named: over HTTP only, without an account.

use futures_util::future::join;

use crate::cluster::FeClient;
use crate::effects::listen::Caller;
use crate::engine::Call;
use crate::engine::probe::Membership;
use crate::facts::resolve::resolve;
use crate::plan::Plan;
use crate::plan::caller::CallerAnswers;
use crate::settings::{Endpoint, Host};

/// Asks the caller whether it leads, and whether it lists this node; `None` if its call is that of no leader. A journal that
/// rises is seen by the next question.
pub(super) async fn ask<C: FeClient>(client: &C, plan: &Plan, caller: &Caller) -> Option<CallerAnswers> {
    let from = Host::from(caller.from);
    let me = Endpoint {
        host: plan.node.host.clone(),
        port: plan.node.identity_port,
    };
    if let Call::Heartbeat(heartbeat) = &caller.call {
        let leader = Host::parse(&heartbeat.leader).ok()?;
        let ha = client.ha(&leader, heartbeat.http_port).await;
        let leads_itself = leads_itself(ha.as_ref().and_then(|ha| ha.leader.as_deref()), &leader).await;
        let lists_us = plan.node.identity().is_at(&heartbeat.listed);
        return Some(CallerAnswers {
            from,
            leader,
            ha,
            leads_itself,
            journal_rose: false,
            membership: lists_us.then(|| Membership::Member {
                role: plan.node.role.name().to_owned(),
            }),
            edit_log_port: None,
            cluster: None,
        });
    }
    let http_port = plan.http_port()?;
    let (ha, membership) = join(
        client.ha(&from, http_port),
        client.membership(&from, http_port, &me),
    )
    .await;
    let leader = ha.as_ref().and_then(|ha| ha.leader.as_deref());
    let leads_itself = leads_itself(leader, &from).await;
    let mut answers = CallerAnswers {
        leader: from.clone(),
        from,
        leads_itself,
        journal_rose: false,
        membership: membership.ok(),
        edit_log_port: None,
        cluster: None,
        ha: ha.clone(),
    };
    // The leader's election port is not told; most clusters use one port for all.
    if let Some(leader) = leader
        .and_then(|leader| Host::parse(leader).ok())
        .filter(|_| leads_itself)
    {
        let guess = Endpoint {
            host: leader,
            port: me.port,
        };
        let (row, cluster) = join(
            client.membership(&answers.from, http_port, &guess),
            client.cluster_id(&answers.from, http_port, me.port),
        )
        .await;
        answers.edit_log_port = matches!(row, Ok(Membership::Member { .. })).then_some(me.port);
        answers.cluster = cluster;
    }
    Some(answers)
}

/// True if the registered host of a leader means the host that was asked.
pub(super) async fn leads_itself(leader: Option<&str>, asked: &Host) -> bool {
    let Some(leader) = leader.and_then(|leader| Host::parse(leader).ok()) else {
        return false;
    };
    if leader == *asked {
        return true;
    }
    match join(resolve(&leader), resolve(asked)).await {
        (Ok(its), Ok(asked)) => its.iter().any(|address| asked.contains(address)),
        _ => false,
    }
}
