//! Asks a host that called this one, and that nobody named: over HTTP only, without an account.

use futures_util::future::join;

use crate::cluster::FeClient;
use crate::effects::listen::Caller;
use crate::engine::failure::Failure;
use crate::engine::probe::Membership;
use crate::engine::{Call, Component, PortName};
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
    let ha = client.ha(&from, http_port).await;
    let leader = ha.as_ref().and_then(|ha| ha.leader.as_deref());
    let leads_itself = leads_itself(leader, &from).await;
    let leader = leader
        .and_then(|leader| Host::parse(leader).ok())
        .filter(|_| leads_itself);
    let at = (&from, http_port);
    // It is a member under the host that its cluster lists, which may be a name.
    let listed = leader.as_ref().unwrap_or(&from);
    let (asked, membership) = membership(client, at, listed, &election_ports(plan), &me).await;
    let (mut edit_log_port, mut cluster) = (None, None);
    if leader.is_some() {
        // The leader's election port is not told, but confirmed.
        let row;
        (row, cluster) = join(
            client.membership(at, &asked, &asked),
            client.cluster_id(at, &asked),
        )
        .await;
        edit_log_port = matches!(row, Ok(Membership::Member { .. })).then_some(asked.port);
    }
    Some(CallerAnswers {
        leader: from.clone(),
        leads_itself,
        journal_rose: false,
        membership: membership.ok(),
        edit_log_port,
        cluster,
        ha,
        from,
    })
}

/// The election ports that an FE of this cluster may have: most clusters use one port for all.
pub(super) fn election_ports(plan: &Plan) -> Vec<u16> {
    let default = plan.node.engine.port(Component::Fe, PortName::EditLog);
    let default = default.and_then(|port| port.default);
    let own = Some(plan.node.identity_port).filter(|_| plan.node.role.is_fe());
    let mut ports: Vec<u16> = own.into_iter().chain(default).collect();
    ports.dedup();
    ports
}

/// Asks an FE for its row of `about`, by each of the election ports that it may have itself. Returns the FE as the last question
/// named it.
pub(super) async fn membership<C: FeClient>(
    client: &C,
    at: (&Host, u16),
    listed: &Host,
    ports: &[u16],
    about: &Endpoint,
) -> (Endpoint, Result<Membership, Failure>) {
    let mut asked = Endpoint {
        host: listed.clone(),
        port: about.port,
    };
    let mut answer = Ok(Membership::OtherSpelling);
    for port in ports {
        asked.port = *port;
        answer = client.membership(at, &asked, about).await;
        if answer != Ok(Membership::OtherSpelling) {
            break;
        }
    }
    (asked, answer)
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
