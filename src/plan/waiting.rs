//! Waits, up to `WAIT_TIMEOUT`: the text of the waiting line, and the refusal at its end.

use crate::engine::member::Frontend;
use crate::exit::ExitCode;
use crate::plan::data::Data;
use crate::plan::leader::no_leader;
use crate::plan::node::{Decision, Node, Role, Seen};
use crate::plan::refusal::Refusal;
use crate::plan::witness::Witness;
use crate::settings::Bootstrap;

/// Waits, up to `WAIT_TIMEOUT`, although the cluster has a leader.
pub(super) fn wait_to_join(seen: &Seen, why: String) -> Decision {
    if !seen.patience_over {
        return Decision::Wait { why };
    }
    Decision::Refuse(Refusal::new(
        ExitCode::NoLeader,
        format!("cannot join within WAIT_TIMEOUT: {why}"),
        "check the FE named above and its log",
    ))
}

/// The hint for a seed whose cluster is known and does not answer.
const LOST: &str = "start the other FEs of that cluster; if it no longer exists and a new, empty cluster is intended, set \
                    BOOTSTRAP=force once";

/// The hint for a seed that is kept from listening.
const CROWD: &str = "keep these hosts away from the ports of this node, or raise its limit of open files; if there is no \
                     cluster yet, set BOOTSTRAP=force once";

pub(super) fn wait(node: &Node, seen: &Seen) -> Decision {
    let why = waiting_for(node, seen);
    if !seen.patience_over {
        return Decision::Wait { why };
    }
    let hint = match &node.data {
        Data::Empty { known: Some(_) } if node.role == Role::Seed => LOST,
        Data::Empty { .. } | Data::Unproven { .. }
            if node.role == Role::Seed && evidence(seen).next().is_some() =>
        {
            let rival = |witness: &Witness| matches!(witness, Witness::Seed { .. });
            let crowd = |witness: &Witness| matches!(witness, Witness::Unheard { .. });
            if evidence(seen).all(crowd) {
                CROWD
            } else if evidence(seen).all(rival) {
                "set MASTER_HOST to the same list on every node, with the FE that founds the cluster first"
            } else {
                LOST
            }
        }
        _ => "start the other FEs, and check MASTER_HOST and the network between the hosts",
    };
    Decision::Refuse(Refusal::new(
        ExitCode::NoLeader,
        format!("no leader within WAIT_TIMEOUT: {why}"),
        hint,
    ))
}

/// The text of the waiting line.
fn waiting_for(node: &Node, seen: &Seen) -> String {
    let mut clauses = vec![no_leader(&seen.belief, &seen.answers)];
    if let (Some(caller), Some((own, read_from))) = (&seen.caller, node.data.cluster()) {
        clauses.push(format!(
            "{} lists this host, but leads cluster {}, and this node belongs to cluster {own} ({read_from})",
            caller.leader,
            caller.cluster.as_deref().unwrap_or("?")
        ));
    }
    if node.lost && !node.data.is_empty() {
        clauses
            .push("this node's data was lost, so it is no vote until it has copied the leader's".to_owned());
    }
    clauses.extend(lost_quorum(node, seen));
    let evidence: Vec<String> = evidence(seen).map(ToString::to_string).collect();
    let evidence = (!evidence.is_empty()).then(|| evidence.join(", "));
    let founder = matches!(node.data, Data::Empty { .. } | Data::Unproven { .. }) && node.role == Role::Seed;
    match &node.data {
        Data::Empty { known: Some(known) } if founder => {
            clauses.push(format!("not founding: {}", known.sentence));
            clauses.extend(evidence);
        }
        Data::Empty { known: None } if founder && node.bootstrap == Bootstrap::Never => {
            clauses.push("not founding: BOOTSTRAP is never".to_owned());
            clauses.extend(evidence);
        }
        _ if founder => clauses.extend(evidence.map(|evidence| format!("not founding: {evidence}"))),
        _ => clauses.extend(evidence),
    }
    clauses.join("; ")
}

/// The clause for a cluster of two that cannot elect a leader again without a person: the vote of this node was its majority.
fn lost_quorum(node: &Node, seen: &Seen) -> Option<String> {
    let voters = |fe: &&Frontend| fe.role.is_electable() && fe.join;
    let all: Vec<&Frontend> = seen.members.iter().filter(voters).collect();
    let others: Vec<&&Frontend> = all.iter().filter(|fe| !node.identity().is_at(&fe.host)).collect();
    let gone = node.lost || matches!(&node.data, Data::Empty { known: Some(known) } if known.member);
    match (others.as_slice(), all.len()) {
        ([other], 2) if gone => Some(format!(
            "{} has lost its quorum: 1 of 2 voters; this node's data was wiped, so its vote is gone too",
            other.host
        )),
        _ => None,
    }
}

/// All that speaks of a cluster while no leader is confirmed.
fn evidence(seen: &Seen) -> impl Iterator<Item = &Witness> {
    seen.witnesses.iter().chain(&seen.calls)
}
