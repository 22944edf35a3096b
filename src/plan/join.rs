//! Decides the next step of a node on its way into its cluster. Total and pure; the loop around it observes, calls
//! `decide`, acts, and observes again.

use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::engine::member::Frontend;
use crate::exit::ExitCode;
use crate::plan::caller::Believed;
use crate::plan::data::{ClusterId, Data, MovedData};
use crate::plan::leader::{Belief, Cluster, Doubt};
use crate::plan::moved_node;
use crate::plan::node::{Asking, Decision, Node, Role, Seen};
use crate::plan::refusal::Refusal;
use crate::plan::waiting::{wait, wait_to_join};
use crate::settings::{Bootstrap, Endpoint, Host};

/// Decides how long to ask other FEs before `decide` is final.
pub fn asking(node: &Node) -> Asking {
    match (&node.data, node.role.is_fe()) {
        // A BE that was added again by hand starts with its old data.
        (Data::Adopted { .. }, true) | (Data::Dropped { .. }, false) => Asking::Once,
        (Data::Joined { .. } | Data::UnfinishedFounding | Data::Dropped { .. }, _) => Asking::Nobody,
        (Data::Moved(moved), _) if moved.data == MovedData::Dropped => Asking::Nobody,
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
        return if is_listed_backend(node, seen) {
            Decision::Start
        } else {
            was_dropped(node, cluster.as_ref())
        };
    }
    if let Some(moved) = moved_node::of(&node.data).filter(|moved| moved.data == MovedData::Dropped) {
        return moved_node::was_dropped(node, moved);
    }
    if let Some(reset) = &seen.reset {
        if node.rejoin && matches!(node.data, Data::Joined { .. }) {
            return Decision::SetAside {
                why: reset.sentence.clone(),
            };
        }
        return Decision::Refuse(reset.clone());
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
    if let Some(refusal) = &seen.other_mode {
        return Decision::Refuse(refusal.clone());
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
            // `BOOTSTRAP=force` founds even if an FE answers.
            _ if node.role == Role::Seed && node.bootstrap == Bootstrap::Force => Decision::Found,
            Belief::Leader(cluster) => join_at(node, cluster, seen),
            Belief::Doubt(_) | Belief::Nobody if believed_caller(node, seen).is_some() => {
                join_caller(node, seen)
            }
            Belief::Nobody if node.role == Role::Seed => found_or_wait(node, seen, known.is_some()),
            Belief::Doubt(_) | Belief::Nobody => wait(node, seen),
        },
        Data::Unfinished { keep: false, why, .. } => match &seen.belief {
            Belief::Leader(_) => Decision::SetAside { why: why.clone() },
            Belief::Doubt(_) | Belief::Nobody if believed_caller(node, seen).is_some() => {
                Decision::SetAside { why: why.clone() }
            }
            Belief::Doubt(_) | Belief::Nobody => wait(node, seen),
        },
        Data::Unfinished { keep: true, why, .. } => match &seen.belief {
            // A new registration gives it a new name in the election group, but this data holds the old one: started with a
            // helper, such data made the leader exit (observed).
            Belief::Leader(cluster) if !is_listed(node, &cluster.frontends) => {
                Decision::SetAside { why: why.clone() }
            }
            Belief::Leader(cluster) => join_at(node, cluster, seen),
            Belief::Doubt(_) | Belief::Nobody if believed_caller(node, seen).is_some() => {
                join_caller(node, seen)
            }
            // Elected with its vote, a member that lags behind would be followed by the others, and writes that this node's
            // lost data had acknowledged would be gone (observed in both engines).
            Belief::Doubt(_) | Belief::Nobody if node.lost => wait(node, seen),
            // The other members may need this FE's vote to elect a leader: it starts with a member that answers as helper.
            Belief::Doubt(_) => match helper(node, &seen.members, None) {
                Some((helper, cluster)) if is_member(node, &seen.members) => {
                    Decision::Join { helper, cluster }
                }
                // An observer may answer while the voters wait; it lists no members.
                None if seen.members.is_empty() => bring_the_vote(node, seen),
                Some(_) | None => wait(node, seen),
            },
            Belief::Nobody => bring_the_vote(node, seen),
        },
        Data::Unproven { why, .. } => match &seen.belief {
            Belief::Leader(_) => Decision::SetAside { why: why.clone() },
            Belief::Doubt(_) | Belief::Nobody if believed_caller(node, seen).is_some() => {
                Decision::SetAside { why: why.clone() }
            }
            // No FE answers: this is the seed's own founding, which was interrupted.
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

/// The caller, if its cluster can be the one of this node's data or record.
fn believed_caller<'s>(node: &Node, seen: &'s Seen) -> Option<&'s Believed> {
    let own = node.data.cluster().map(|(id, _)| id);
    let differs =
        |its: &Believed| own.is_some_and(|own| its.cluster.as_deref().is_some_and(|its| its != own));
    seen.caller.as_ref().filter(|its| !differs(its))
}

/// Joins the cluster of a caller, which lists this node: no ADD is needed.
fn join_caller(node: &Node, seen: &Seen) -> Decision {
    match believed_caller(node, seen) {
        Some(Believed {
            helper: Some(helper),
            cluster: Some(cluster),
            ..
        }) => Decision::Join {
            helper: helper.clone(),
            cluster: cluster.clone(),
        },
        _ => wait(node, seen),
    }
}

/// Joins voters that have only their election ports open: they need this vote to elect a leader.
fn bring_the_vote(node: &Node, seen: &Seen) -> Decision {
    match (seen.waiting.first(), node.data.cluster()) {
        (Some(helper), Some((cluster, _))) => Decision::Join {
            helper: helper.clone(),
            cluster: cluster.to_owned(),
        },
        _ => wait(node, seen),
    }
}

/// The hint for a node that was dropped, where no other FE is known.
pub(super) const NO_OTHER_FE: &str = "name an FE of that cluster in MASTER_HOST: neither it nor the record names another FE. \
                                      If this is the only FE, LOCAL_HOST was wrong when it was recorded as dropped: correct it, \
                                      and move the records away (muster.json in the data dir, muster-fe.json in the state dir)";

/// Refuses a dropped node, or sets its data aside if `REJOIN` is set.
fn was_dropped(node: &Node, cluster: Option<&ClusterId>) -> Decision {
    let mut refusal = dropped(node, cluster.map(|cluster| cluster.id.as_str()));
    if node.alone {
        NO_OTHER_FE.clone_into(&mut refusal.hint);
        return Decision::Refuse(refusal);
    }
    if node.rejoin {
        return Decision::SetAside {
            why: refusal.sentence,
        };
    }
    Decision::Refuse(refusal)
}

/// The refusal of a dropped node. The election group never accepts an FE's old data again (observed). A BE's old data would
/// be accepted, but its replicas were created again elsewhere and the engine deletes unknown ones: set aside, it is kept.
fn dropped(node: &Node, cluster: Option<&str>) -> Refusal {
    let name = cluster.map_or_else(|| "its cluster".to_owned(), |id| format!("cluster {id}"));
    let what = if node.role.is_fe() {
        ", and its data cannot be used again"
    } else {
        ""
    };
    Refusal::protect(
        format!("{} was dropped from {name}{what}", node.host),
        if node.keeps_data() {
            "set REJOIN=1 to set the data aside and join again, or remove this node"
        } else {
            "set REJOIN=1 to join again, or remove this node"
        },
    )
}

/// Decides for a node without data whose cluster has a leader.
pub(super) fn join_as_new(node: &Node, cluster: &Cluster, seen: &Seen) -> Decision {
    if node.role.is_fe() {
        join_at(node, cluster, seen)
    } else {
        decide_backend(node, seen)
    }
}

/// Joins if the cluster lists this node, registers it if not, and refuses if it is listed with another port.
pub(super) fn join_at(node: &Node, cluster: &Cluster, seen: &Seen) -> Decision {
    match registration(node, &cluster.frontends) {
        Registration::Same => {
            if let Some((helper, cluster)) = helper(node, &cluster.frontends, Some(&cluster.leader)) {
                return Decision::Join { helper, cluster };
            }
            let why = format!(
                "the cluster led by {} lists no other live follower that could be the helper",
                cluster.leader.host
            );
            wait_to_join(seen, why)
        }
        Registration::OtherPort(frontend) => Decision::Refuse(Refusal::new(
            ExitCode::Refused,
            format!(
                "the cluster led by {} lists this host as {} with edit_log_port {}, but this node uses {}",
                cluster.leader.host, frontend.host, frontend.edit_log_port, node.identity_port
            ),
            format!(
                "set EDIT_LOG_PORT={} or drop that FE first",
                frontend.edit_log_port
            ),
        )),
        // A joiner asks the helper for a row with its own text, and waits for ever (observed in both engines).
        Registration::OtherSpelling(frontend) => Decision::Refuse(Refusal::new(
            ExitCode::Refused,
            format!(
                "the cluster led by {} lists this host as {}, but LOCAL_HOST is {}: members compare the texts, so this FE would \
                 not find itself",
                cluster.leader.host, frontend.host, node.host
            ),
            format!(
                "set LOCAL_HOST={}; or drop that FE first, so that it joins as {}",
                frontend.host, node.host
            ),
        )),
        Registration::None => register(node, cluster),
    }
}

/// Registers a node that the cluster does not list. A node that was a member according to its record was dropped, even if
/// its data is gone.
fn register(node: &Node, cluster: &Cluster) -> Decision {
    if let Data::Empty { known: Some(known) } = &node.data
        && known.member
        && !node.rejoin
    {
        return Decision::Refuse(Refusal::protect(
            format!(
                "{}, but the cluster led by {} no longer lists it: it was dropped",
                known.sentence, cluster.leader.host
            ),
            "set REJOIN=1 to let it join again, or remove this node",
        ));
    }
    Decision::Register {
        cluster: Box::new(cluster.clone()),
    }
}

enum Registration<'a> {
    Same,
    OtherPort(&'a Frontend),
    OtherSpelling(&'a Frontend),
    None,
}

fn registration<'a>(node: &Node, frontends: &'a [Frontend]) -> Registration<'a> {
    let me = node.identity();
    let exactly = |fe: &&Frontend| Host::parse(&fe.host).is_ok_and(|host| host == node.host);
    let exact = frontends.iter().find(exactly);
    match exact.or_else(|| frontends.iter().find(|fe| me.is_at(&fe.host))) {
        Some(fe) if !me.is(fe) => Registration::OtherPort(fe),
        Some(_) if exact.is_some() => Registration::Same,
        Some(fe) => Registration::OtherSpelling(fe),
        None => Registration::None,
    }
}

/// True if the cluster lists this host, with any port.
fn is_listed(node: &Node, frontends: &[Frontend]) -> bool {
    !matches!(registration(node, frontends), Registration::None)
}

fn is_member(node: &Node, frontends: &[Frontend]) -> bool {
    matches!(registration(node, frontends), Registration::Same)
}

/// Chooses the helper: an electable member with Join=true that is alive and not this node; the leader if there is one. An
/// observer, or a member that never started, makes the engine exit (observed: 255, `bad environment`).
fn helper(node: &Node, frontends: &[Frontend], leader: Option<&Frontend>) -> Option<(String, String)> {
    // If two clusters answer, the longer list may belong to the other one.
    let same_cluster = |fe: &Frontend| node.data.cluster().is_none_or(|(id, _)| id == fe.cluster_id);
    let usable = |fe: &&Frontend| {
        fe.role.is_electable() && fe.join && fe.alive && same_cluster(fe) && !node.identity().is_at(&fe.host)
    };
    let chosen = leader.filter(usable).or_else(|| frontends.iter().find(usable))?;
    let address = Host::parse(&chosen.host).map_or_else(
        |_| format!("{}:{}", chosen.host, chosen.edit_log_port),
        |host| host.with_port(chosen.edit_log_port),
    );
    Some((address, chosen.cluster_id.clone()))
}

/// Founds once the guard time is over, unless a witness or the record knows a cluster.
fn found_or_wait(node: &Node, seen: &Seen, known: bool) -> Decision {
    let silent = !known && seen.witnesses.is_empty();
    match node.bootstrap {
        Bootstrap::Guarded if silent && seen.guard_over => Decision::Found,
        Bootstrap::Guarded | Bootstrap::Never | Bootstrap::Force => wait(node, seen),
    }
}

/// True if the confirmed leader of this node's cluster lists this node, which is no FE.
fn is_listed_backend(node: &Node, seen: &Seen) -> bool {
    let (Belief::Leader(cluster), Some(Ok(rows))) = (&seen.belief, &seen.backends) else {
        return false;
    };
    let same = node.data.cluster().is_none_or(|(id, _)| id == cluster.id);
    let mut own = rows.iter().filter(|row| row.may_be(node.component));
    same && own.any(|row| node.identity().is(row))
}

fn decide_backend(node: &Node, seen: &Seen) -> Decision {
    let Belief::Leader(cluster) = &seen.belief else {
        // The heartbeat of a believed leader shows that its cluster lists this node.
        return match believed_caller(node, seen) {
            Some(_) => Decision::Start,
            None => wait(node, seen),
        };
    };
    let leader = &cluster.leader.host;
    let rows = match &seen.backends {
        Some(Ok(rows)) => rows,
        Some(Err(why)) if why.is_final() => return Decision::Refuse(denied(leader, why)),
        Some(Err(why)) => return wait_to_join(seen, format!("the leader {leader}: {why}")),
        None => {
            let kind = node.component.name();
            return wait_to_join(
                seen,
                format!("the leader {leader} has not listed its {kind}s yet"),
            );
        }
    };
    let mut others = None;
    for row in rows.iter().filter(|row| node.identity().is(*row)) {
        if row.may_be(node.component) {
            return Decision::Start;
        }
        others = others.or(row.component);
    }
    match others {
        Some(other) => Decision::Refuse(listed_as_another(node, leader, other)),
        None => register(node, cluster),
    }
}

/// The refusal of a node whose address its cluster lists as a member of another component.
fn listed_as_another(node: &Node, leader: &str, other: Component) -> Refusal {
    let other = other.name();
    Refusal::new(
        ExitCode::Refused,
        format!(
            "the cluster led by {leader} lists {} as a {other}, but this node is a {}",
            node.host.with_port(node.identity_port),
            node.component.name()
        ),
        format!("start it as a {other}, or drop the {other} first"),
    )
}

/// Refuses data of another cluster: it is never registered, joined or started. The list of an FE without a confirmed leader
/// is enough to refuse, not to act on.
fn foreign(node: &Node, seen: &Seen) -> Option<Refusal> {
    let (id, read_from) = node.data.cluster()?;
    let (leader, cluster) = match &seen.belief {
        Belief::Leader(cluster) => (&cluster.leader.host, &cluster.id),
        // Its own cluster answers as well.
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
    // A confirmed leader accepted the same account, so the other answers do not matter.
    if matches!(seen.belief, Belief::Leader(_)) {
        return None;
    }
    let (from, why) = seen.fatal.first()?;
    Some(denied(from, why))
}

/// The refusal for an answer that stays the same until an operator changes something.
pub fn denied(from: &str, why: &Failure) -> Refusal {
    Refusal::new(ExitCode::Credentials, format!("{from}: {why}"), cure(why))
}

/// The hint for an answer that stays the same until an operator changes something.
pub fn cure(why: &Failure) -> String {
    let hint = match why {
        Failure::Denied(_) => {
            "set CLUSTER_USER and CLUSTER_PASSWORD (or CLUSTER_PASSWORD_FILE) to an account of this cluster"
        }
        Failure::NoPassword(_) => {
            "set ROOT_PASSWORD_FILE on the FE that founds: it gives root that password; or remove CLUSTER_PASSWORD and \
             CLUSTER_PASSWORD_FILE here"
        }
        Failure::Privilege { cure, .. } => return format!("as root: {cure}"),
        Failure::Plugin { .. } => {
            "set CLUSTER_USER to an account of this cluster that logs in by mysql_native_password; if the host is not an FE \
             of yours, correct MASTER_HOST"
        }
        Failure::NoTls => "set CLUSTER_TLS=prefer or off, or give the FE a certificate",
        Failure::Insecure(_) => "set CLUSTER_TLS=require, or verify with CLUSTER_CA_FILE",
        Failure::Tls(_) => {
            "set CLUSTER_CA_FILE to the authority that signed the FE's certificate; for CLUSTER_TLS=verify that has to be valid \
             today, and for the host as MASTER_HOST or the cluster's list names it"
        }
        _ => "check CLUSTER_USER and CLUSTER_PASSWORD",
    };
    hint.to_owned()
}

/// Refuses if the account may not send ADD.
pub fn denied_add(leader: &Endpoint, why: &Failure) -> Result<(), Refusal> {
    if !why.is_final() {
        return Ok(());
    }
    Err(Refusal::new(
        ExitCode::Credentials,
        format!("cannot register at {leader}: {why}"),
        cure(why),
    ))
}

/// The text of the waiting line while ADD has no effect, or the refusal once `WAIT_TIMEOUT` is over.
pub fn unregistered(leader: &Endpoint, why: &Failure, seen: &Seen) -> Result<String, Refusal> {
    let answer = format!("{leader}: {why}");
    if seen.patience_over {
        return Err(Refusal::new(
            ExitCode::TryAgain,
            format!("cannot register within WAIT_TIMEOUT: {answer}"),
            "start the container again: the registration continues where it stopped",
        ));
    }
    Ok(answer)
}

#[cfg(test)]
pub(crate) mod tests;
