//! How this node gets into its cluster: one answer to what was seen. Total and pure; the loop around it observes,
//! asks `decide`, acts, and observes again.

use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend};
use crate::exit::ExitCode;
use crate::plan::data::{ClusterId, Data, MovedData};
use crate::plan::leader::{Belief, Cluster, Doubt};
use crate::plan::moved_node;
use crate::plan::node::{Asking, Decision, Node, Role, Seen, is_here, is_node};
use crate::plan::refusal::Refusal;
use crate::plan::witness::{self, Witness};
use crate::settings::{Bootstrap, Endpoint, Host};

/// What has to be seen before `decide` can say more than "wait".
pub fn asking(node: &Node) -> Asking {
    match (&node.data, node.role.is_fe()) {
        (Data::Joined { .. } | Data::UnfinishedFounding | Data::Dropped { .. }, _) => Asking::Nobody,
        (Data::Moved(moved), _) if moved.data == MovedData::Dropped => Asking::Nobody,
        (Data::Adopted { .. }, true) => Asking::Once,
        (
            Data::Empty { .. }
            | Data::Unfinished { .. }
            | Data::Unproven { .. }
            | Data::Adopted { .. }
            | Data::Moved(_),
            _,
        ) => Asking::Until,
    }
}

/// The decision: every combination of node and what was seen has exactly one answer.
pub fn decide(node: &Node, seen: &Seen) -> Decision {
    if let Data::Dropped { cluster } = &node.data {
        return was_dropped(node, cluster.as_ref());
    }
    if let Some(moved) = moved_node::of(&node.data).filter(|moved| moved.data == MovedData::Dropped) {
        return moved_node::was_dropped(node, moved);
    }
    if asking(node) == Asking::Nobody {
        return Decision::Start;
    }
    if let Some(refusal) = fatal(seen) {
        return Decision::Refuse(refusal);
    }
    if let Some(refusal) = foreign(node, seen) {
        return Decision::Refuse(refusal);
    }
    if let Some(moved) = moved_node::of(&node.data) {
        return moved_node::decide(node, moved, seen);
    }
    if node.role.is_fe() {
        decide_fe(node, seen)
    } else {
        decide_backend(node, seen)
    }
}

fn decide_fe(node: &Node, seen: &Seen) -> Decision {
    match &node.data {
        // An adopted FE asked once, and no other cluster answered.
        Data::Joined { .. } | Data::UnfinishedFounding | Data::Adopted { .. } => Decision::Start,
        Data::Dropped { cluster } => was_dropped(node, cluster.as_ref()),
        Data::Moved(moved) => moved_node::decide(node, moved, seen),
        Data::Empty { known } => match &seen.belief {
            // `BOOTSTRAP=force` founds whoever answers.
            _ if node.role == Role::Seed && node.bootstrap == Bootstrap::Force => Decision::Found,
            Belief::Leader(cluster) => join_at(node, cluster, seen),
            Belief::Nobody if node.role == Role::Seed => found_or_wait(node, seen, known.is_some()),
            Belief::Doubt(_) | Belief::Nobody => wait(node, seen),
        },
        Data::Unfinished { keep: false, why, .. } => match &seen.belief {
            Belief::Leader(_) => Decision::SetAside { why: why.clone() },
            Belief::Doubt(_) | Belief::Nobody => wait(node, seen),
        },
        Data::Unfinished { keep: true, why, .. } => match &seen.belief {
            // Registered anew it gets a new name in the group, and this data has the old one: with a helper it was seen
            // to end the living leader.
            Belief::Leader(cluster) if !is_listed(node, &cluster.frontends) => {
                Decision::SetAside { why: why.clone() }
            }
            Belief::Leader(cluster) => join_at(node, cluster, seen),
            // Its members may wait for the very vote this FE would bring: with a member that answers, it is
            // started with that helper all the same.
            Belief::Doubt(_) => match helper(node, &seen.members, None) {
                Some((helper, cluster)) if is_member(node, &seen.members) => {
                    Decision::Join { helper, cluster }
                }
                // An observer may serve where the voters wait: it answers, and has nothing to show.
                None if seen.members.is_empty() => bring_the_vote(node, seen),
                Some(_) | None => wait(node, seen),
            },
            Belief::Nobody => bring_the_vote(node, seen),
        },
        Data::Unproven { why, .. } => match &seen.belief {
            Belief::Leader(_) => Decision::SetAside { why: why.clone() },
            // Silence: it is this seed's own founding that was cut short.
            Belief::Nobody if node.role == Role::Seed && seen.guard_over && seen.witnesses.is_empty() => {
                if node.bootstrap == Bootstrap::Never {
                    wait(node, seen)
                } else {
                    Decision::Start
                }
            }
            Belief::Doubt(_) | Belief::Nobody => wait(node, seen),
        },
    }
}

/// With only their election ports open the voters cannot say who leads: there is no leader without this vote.
fn bring_the_vote(node: &Node, seen: &Seen) -> Decision {
    match (seen.waiting.first(), node.data.cluster()) {
        (Some(helper), Some((cluster, _))) => Decision::Join {
            helper: helper.clone(),
            cluster: cluster.to_owned(),
        },
        _ => wait(node, seen),
    }
}

/// Somebody dropped this node: it never adds itself back without being told to.
fn was_dropped(node: &Node, cluster: Option<&ClusterId>) -> Decision {
    let refusal = dropped(
        node.component,
        &node.host,
        cluster.map(|cluster| cluster.id.as_str()),
    );
    if node.rejoin {
        return Decision::SetAside {
            why: refusal.sentence,
        };
    }
    Decision::Refuse(refusal)
}

/// What is said of a node that was dropped, whoever noticed it. An FE's old data is refused by its group for ever
/// (observed); a BE's would be taken, but its replicas were made anew elsewhere, and the engine deletes what it does not
/// know: set aside, nothing of it is lost.
pub fn dropped(component: Component, host: &Host, cluster: Option<&str>) -> Refusal {
    let name = cluster.map_or_else(|| "its cluster".to_owned(), |id| format!("cluster {id}"));
    let what = if component.is_fe() {
        ", and its data can never start again"
    } else {
        ""
    };
    Refusal::protect(
        format!("{host} was dropped from {name}{what}"),
        "set REJOIN=1 to set the data aside and join anew, or remove this node",
    )
}

/// A node with nothing, whose cluster leads.
pub(super) fn join_as_new(node: &Node, cluster: &Cluster, seen: &Seen) -> Decision {
    if node.role.is_fe() {
        join_at(node, cluster, seen)
    } else {
        decide_backend(node, seen)
    }
}

/// Registered: join. Not registered: register first. Listed as something else: refuse.
pub(super) fn join_at(node: &Node, cluster: &Cluster, seen: &Seen) -> Decision {
    match registration(node, &cluster.frontends) {
        Registration::Same => {
            if let Some((helper, cluster)) = helper(node, &cluster.frontends, Some(&cluster.leader)) {
                return Decision::Join { helper, cluster };
            }
            let why = format!(
                "the cluster led by {} lists no other FE that could be the helper",
                cluster.leader.host
            );
            wait_to_join(seen, why)
        }
        Registration::OtherPort(frontend) => Decision::Refuse(Refusal::new(
            ExitCode::Refused,
            format!(
                "the cluster led by {} lists this host as {} with edit_log_port {}, and this node has {}",
                cluster.leader.host, frontend.host, frontend.edit_log_port, node.identity_port
            ),
            format!(
                "set EDIT_LOG_PORT={} or drop that FE first",
                frontend.edit_log_port
            ),
        )),
        Registration::None => register(node, cluster),
    }
}

/// Not listed. Who was a member by the record was dropped, and that its data is gone besides does not take that back.
fn register(node: &Node, cluster: &Cluster) -> Decision {
    if let Data::Empty { known: Some(known) } = &node.data
        && known.member
        && !node.rejoin
    {
        return Decision::Refuse(Refusal::protect(
            format!(
                "{}, and the cluster led by {} does not list it any more: somebody dropped it",
                known.sentence, cluster.leader.host
            ),
            "set REJOIN=1 to let it join anew, or remove this node",
        ));
    }
    Decision::Register {
        cluster: Box::new(cluster.clone()),
    }
}

enum Registration<'a> {
    Same,
    OtherPort(&'a Frontend),
    None,
}

fn registration<'a>(node: &Node, frontends: &'a [Frontend]) -> Registration<'a> {
    match frontends.iter().find(|fe| is_here(node, &fe.host)) {
        Some(fe) if fe.edit_log_port == node.identity_port => Registration::Same,
        Some(fe) => Registration::OtherPort(fe),
        None => Registration::None,
    }
}

/// Listed at all, be it with another port.
fn is_listed(node: &Node, frontends: &[Frontend]) -> bool {
    !matches!(registration(node, frontends), Registration::None)
}

fn is_member(node: &Node, frontends: &[Frontend]) -> bool {
    matches!(registration(node, frontends), Registration::Same)
}

/// Exactly one helper: an electable member with Join=true, alive, not this node; the leader if there is one. An
/// observer, or a member that never started, makes the engine exit (observed: 255, `bad environment`).
fn helper(node: &Node, frontends: &[Frontend], leader: Option<&Frontend>) -> Option<(String, String)> {
    // Where two clusters answer, the longer list may be the other one's.
    let ours = |fe: &Frontend| node.data.cluster().is_none_or(|(id, _)| id == fe.cluster_id);
    let usable = |fe: &&Frontend| {
        fe.role.is_electable() && fe.join && fe.alive && ours(fe) && !is_here(node, &fe.host)
    };
    let chosen = leader.filter(usable).or_else(|| frontends.iter().find(usable))?;
    let address = Host::parse(&chosen.host).map_or_else(
        |_| format!("{}:{}", chosen.host, chosen.edit_log_port),
        |host| host.with_port(chosen.edit_log_port),
    );
    Some((address, chosen.cluster_id.clone()))
}

/// Nobody answers: found once the guard time is over, unless anything says that a cluster exists.
fn found_or_wait(node: &Node, seen: &Seen, known: bool) -> Decision {
    let silent = !known && seen.witnesses.is_empty();
    match node.bootstrap {
        Bootstrap::Guarded if silent && seen.guard_over => Decision::Found,
        Bootstrap::Guarded | Bootstrap::Never | Bootstrap::Force => wait(node, seen),
    }
}

fn decide_backend(node: &Node, seen: &Seen) -> Decision {
    let Belief::Leader(cluster) = &seen.belief else {
        return wait(node, seen);
    };
    let leader = &cluster.leader.host;
    let lists = match &seen.backends {
        Some(Ok(lists)) => lists,
        Some(Err(why)) if why.is_final() => return Decision::Refuse(denied(leader, why)),
        Some(Err(why)) => return wait_to_join(seen, format!("{leader} leads and {why}")),
        None => {
            let kind = node.component.name();
            return wait_to_join(seen, format!("{leader} has not shown its {kind}s yet"));
        }
    };
    let here = |list: &[Backend]| list.iter().any(|be| is_node(node, be));
    let (own, other, other_name) = match node.component {
        Component::Cn => (
            here(&lists.compute_nodes),
            here(&lists.backends),
            Component::Be.name(),
        ),
        Component::Fe | Component::Be | Component::Broker => (
            here(&lists.backends),
            here(&lists.compute_nodes),
            Component::Cn.name(),
        ),
    };
    if own {
        return Decision::Start;
    }
    if other {
        return Decision::Refuse(Refusal::new(
            ExitCode::Refused,
            format!(
                "the cluster led by {} lists {} as a {other_name}, and this node is a {}",
                cluster.leader.host,
                node.host.with_port(node.identity_port),
                node.component.name()
            ),
            format!("start it as a {other_name}, or drop the {other_name} first"),
        ));
    }
    register(node, cluster)
}

/// Data of another cluster is never added, never given a helper, never started. What an FE without a believed leader
/// shows is enough to refuse data, though not to act upon.
fn foreign(node: &Node, seen: &Seen) -> Option<Refusal> {
    let (id, read_from) = node.data.cluster()?;
    let (leader, cluster) = match &seen.belief {
        Belief::Leader(cluster) => (&cluster.leader.host, &cluster.id),
        // Its own cluster answers too.
        Belief::Doubt(doubts) if doubts.iter().any(|doubt| names(doubt, id)) => return None,
        Belief::Doubt(_) if !node.data.is_empty() => {
            let shown = seen.members.first()?;
            (&shown.host, &shown.cluster_id)
        }
        Belief::Doubt(_) | Belief::Nobody => return None,
    };
    let forced = node.role == Role::Seed && node.bootstrap == Bootstrap::Force && node.data.is_empty();
    if id == cluster || forced {
        return None;
    }
    Some(Refusal::protect(
        format!(
            "this node belongs to cluster {id} ({read_from}), but {leader} belongs to cluster {cluster} (SHOW FRONTENDS)"
        ),
        "check MASTER_HOST; if the old cluster no longer exists and its data here is not needed, move the data dir and \
         the record away and start again",
    ))
}

fn names(doubt: &Doubt, id: &str) -> bool {
    matches!(doubt, Doubt::TwoClusters { one, other } if one.1 == id || other.1 == id)
}

fn fatal(seen: &Seen) -> Option<Refusal> {
    // A leader that can be believed answered under the same account: the others do not matter.
    if matches!(seen.belief, Belief::Leader(_)) {
        return None;
    }
    let (from, why) = seen.fatal.first()?;
    Some(denied(from, why))
}

/// Asking again cannot help before a person has changed something.
pub fn denied(from: &str, why: &Failure) -> Refusal {
    let hint = match why {
        Failure::Denied(_) => {
            "set CLUSTER_USER and CLUSTER_PASSWORD (or CLUSTER_PASSWORD_FILE) to an account of this cluster"
        }
        Failure::NoTls => "set CLUSTER_TLS=prefer or off, or give the FE a certificate",
        Failure::Insecure(_) => "set CLUSTER_TLS=require, or verify with CLUSTER_CA_FILE",
        Failure::Tls(_) => "set CLUSTER_CA_FILE to the authority that signed the FE's certificate",
        _ => "give the account of CLUSTER_USER the cluster_admin role",
    };
    Refusal::new(ExitCode::Credentials, format!("{from} {why}"), hint)
}

/// A leader is there, and something else is not: the patience is the same.
pub(super) fn wait_to_join(seen: &Seen, why: String) -> Decision {
    if !seen.patience_over {
        return Decision::Wait { why };
    }
    Decision::Refuse(Refusal::new(
        ExitCode::NoLeader,
        format!("cannot join in time: {why}"),
        "look at the FE it names and its log",
    ))
}

/// An ADD that this account may not send, and that no other has made needless meanwhile.
pub fn denied_add(leader: &Endpoint, why: &Failure) -> Result<(), Refusal> {
    if !why.is_final() {
        return Ok(());
    }
    Err(Refusal::new(
        ExitCode::Credentials,
        format!("cannot register at {leader}: it {why}"),
        "give the account of CLUSTER_USER the cluster_admin role",
    ))
}

/// What to say while ADD does not count, or why not to try it any more.
pub fn unregistered(leader: &Endpoint, why: &Failure, seen: &Seen) -> Result<String, Refusal> {
    let said = format!("{leader} {why}");
    if seen.patience_over {
        return Err(Refusal::new(
            ExitCode::TryAgain,
            format!("cannot register in time: {said}"),
            "start it again: it goes on where it stopped",
        ));
    }
    Ok(said)
}

/// What helps a seed whose cluster is known and does not come.
const LOST: &str = "start the other FEs of that cluster; if it is lost for good and a new, empty one is wanted, set \
                    BOOTSTRAP=force once";

pub(super) fn wait(node: &Node, seen: &Seen) -> Decision {
    let why = waiting_for(node, seen);
    if !seen.patience_over {
        return Decision::Wait { why };
    }
    let hint = match &node.data {
        Data::Empty { known: Some(_) } if node.role == Role::Seed => LOST,
        Data::Empty { .. } | Data::Unproven { .. }
            if node.role == Role::Seed && !seen.witnesses.is_empty() =>
        {
            let rival = |witness: &Witness| matches!(witness, Witness::Seed { .. });
            if seen.witnesses.iter().all(rival) {
                "make MASTER_HOST the same list on every node, the FE that may found first"
            } else {
                LOST
            }
        }
        _ => "start the other FEs, and check MASTER_HOST and the network between the hosts",
    };
    Decision::Refuse(Refusal::new(
        ExitCode::NoLeader,
        format!("no leader in time: {why}{}", last_answers(seen, &why)),
        hint,
    ))
}

/// What else was answered at last: who gives up may not have waited long enough to say it before.
fn last_answers(seen: &Seen, said: &str) -> String {
    let others = seen.answers.iter().filter(|answer| !said.contains(*answer));
    let others: Vec<&str> = others.map(String::as_str).collect();
    if others.is_empty() {
        String::new()
    } else {
        format!("; last answers: {}", others.join("; "))
    }
}

/// The sentence of the waiting line.
fn waiting_for(node: &Node, seen: &Seen) -> String {
    let doubts = |doubts: &[Doubt]| {
        doubts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let reason = match &seen.belief {
        Belief::Leader(cluster) => format!("{} leads", cluster.leader.host),
        Belief::Doubt(list) => doubts(list),
        Belief::Nobody if node.role == Role::Seed && !seen.guard_over => {
            "nobody has answered so far".to_owned()
        }
        Belief::Nobody => "no FE answers".to_owned(),
    };
    match (&node.data, node.role, node.bootstrap) {
        (Data::Empty { known: Some(known) }, Role::Seed, _) => {
            format!("{reason}; not founding: {}", known.sentence)
        }
        (Data::Empty { known: None }, Role::Seed, Bootstrap::Never) => {
            format!("{reason}; not founding: BOOTSTRAP is never")
        }
        (Data::Empty { known: None } | Data::Unproven { .. }, Role::Seed, _)
            if !seen.witnesses.is_empty() =>
        {
            format!("{reason}; not founding: {}", witness::sentence(&seen.witnesses))
        }
        _ => reason,
    }
}

#[cfg(test)]
mod tests;
