//! Decides for a node whose record names another host than `LOCAL_HOST`. It is the only member that asks before it starts:
//! only its cluster knows whether the host was changed, the node was dropped, or the old host is still listed.

use std::collections::BTreeSet;

use crate::engine::member::{Backend, Frontend, Member};
use crate::plan::data::{Data, Moved, MovedData, NamedBy};
use crate::plan::join;
use crate::plan::leader::{Belief, Cluster};
use crate::plan::node::{Decision, Identity, Node, Seen};
use crate::plan::readdress::{Kind, Move};
use crate::plan::refusal::Refusal;
use crate::plan::role_host;
use crate::plan::waiting;

/// The rows of this node in the cluster's lists, under its old and its new host.
struct HostRows<'a> {
    old: Option<MovedRow<'a>>,
    new: Option<MovedRow<'a>>,
}

/// A row of an FE, or of a BE or CN.
enum MovedRow<'a> {
    Frontend(&'a Frontend),
    Backend(&'a Backend),
}

impl MovedRow<'_> {
    const fn joined(&self) -> bool {
        match self {
            Self::Frontend(fe) => fe.join,
            Self::Backend(_) => true,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Frontend(_) => None,
            Self::Backend(be) => be.name.as_deref(),
        }
    }

    const fn alive(&self) -> bool {
        match self {
            Self::Frontend(fe) => fe.alive,
            Self::Backend(be) => be.alive,
        }
    }
}

/// Decides the next step. That the data belongs to this cluster was checked before.
pub(super) fn decide(node: &Node, moved: &Moved, seen: &Seen) -> Decision {
    let cluster = match &seen.belief {
        Belief::Leader(cluster) => cluster,
        Belief::Doubt(_) => return waiting::wait(node, seen),
        Belief::Nobody => {
            let why = "and no leader answers, so muster cannot check which host the cluster lists";
            return Decision::Refuse(refusal(node, moved, why, None));
        }
    };
    let leader = &cluster.leader.host;
    if moved.data == MovedData::Member && moved.cluster.is_none() {
        let why = "and neither its data nor its record names its cluster";
        return Decision::Refuse(refusal(node, moved, why, Some((false, None))));
    }
    let rows = match host_rows(node, moved, cluster, seen) {
        Ok(rows) => rows,
        Err(step) => return *step,
    };
    match (rows.old, rows.new) {
        (Some(old), new) => {
            let which = if new.is_some() {
                "both"
            } else {
                &moved.from.to_string()
            };
            let mut refusal = refusal(
                node,
                moved,
                &format!("and {leader} lists {which}"),
                Some((old.joined() && new.is_none(), old.name())),
            );
            if old.alive() {
                refusal.hint = format!(
                    "{} is alive according to the leader {leader}: if this data belongs to that node, give it back; {}",
                    moved.from, refusal.hint
                );
            }
            Decision::Refuse(refusal)
        }
        // It was never added under the old host, so it is a new node.
        (None, None) if moved.data == MovedData::Planned => join::join_as_new(node, cluster, seen),
        // Only a record shows that a list once had the old host.
        (None, None) if moved.named_by != NamedBy::Record => Decision::Refuse(Refusal::protect(
            format!("{}, and {leader} lists neither", belongs(node, moved)),
            format!(
                "set LOCAL_HOST={}, and check MASTER_HOST; if this data is not needed, move it away",
                moved.from
            ),
        )),
        (None, None) => was_dropped(node, moved),
        (None, Some(new)) => match (moved.data, &new) {
            // The host was changed: the row keeps the node's name in the election group. A new member has another name.
            (MovedData::Member, MovedRow::Frontend(fe))
                if moved.name.as_ref().is_none_or(|name| *name == fe.name) =>
            {
                Decision::Start
            }
            (MovedData::Member | MovedData::Empty | MovedData::Planned, MovedRow::Backend(_)) => {
                Decision::Start
            }
            (MovedData::Empty | MovedData::Planned, MovedRow::Frontend(_)) => {
                join::join_at(node, cluster, seen)
            }
            (MovedData::Member | MovedData::Unfinished | MovedData::Dropped, MovedRow::Frontend(_))
            | (MovedData::Unfinished | MovedData::Dropped, MovedRow::Backend(_)) => rejoin(
                node,
                format!(
                    "{leader} lists {} as a new node, and the data is that of {}",
                    node.host, moved.from
                ),
            ),
        },
    }
}

/// The refusal of a node that has nobody to ask, before anything is done.
pub(super) fn asks_nobody(node: &Node) -> Option<Refusal> {
    let moved = of(&node.data).filter(|moved| node.alone && moved.data != MovedData::Dropped)?;
    let why = "and no other FE is known that could say which of the two its cluster lists";
    Some(refusal(node, moved, why, None))
}

fn host_rows<'a>(
    node: &Node,
    moved: &Moved,
    cluster: &'a Cluster,
    seen: &'a Seen,
) -> Result<HostRows<'a>, Box<Decision>> {
    let no_others = BTreeSet::new();
    let me = node.identity();
    let was = Identity {
        host: &moved.from,
        also: &no_others,
        ..me
    };
    if node.role.is_fe() {
        let frontends = &cluster.frontends;
        return Ok(HostRows {
            old: was.find(frontends).map(MovedRow::Frontend),
            new: frontends
                .iter()
                .find(|row| is_new(me, was, *row))
                .map(MovedRow::Frontend),
        });
    }
    let leader = &cluster.leader.host;
    let rows = match &seen.backends {
        Some(Ok(rows)) => rows,
        Some(Err(why)) if why.is_final() => {
            return Err(Box::new(Decision::Refuse(join::denied(leader, why))));
        }
        Some(Err(why)) => {
            return Err(Box::new(waiting::wait_to_join(
                seen,
                format!("the leader {leader}: {why}"),
            )));
        }
        None => {
            let kind = node.component.name();
            let why = format!("the leader {leader} has not listed its {kind}s yet");
            return Err(Box::new(waiting::wait_to_join(seen, why)));
        }
    };
    let own = |row: &&Backend| row.may_be(node.component);
    Ok(HostRows {
        old: was.find(rows).map(MovedRow::Backend),
        new: rows
            .iter()
            .filter(own)
            .find(|row| is_new(me, was, *row))
            .map(MovedRow::Backend),
    })
}

/// True for the row under the new host: an old address may be one of those that the new name has.
fn is_new(me: Identity<'_>, was: Identity<'_>, row: &impl Member) -> bool {
    me.is(row) && !was.is(row)
}

/// `old`: whether the old row can be moved, and its name if its list has names; `None` if nobody has shown that row.
fn refusal(node: &Node, moved: &Moved, why: &str, old: Option<(bool, Option<&str>)>) -> Refusal {
    let (joined, name) = old.unwrap_or((true, None));
    let change = Move {
        engine: node.engine,
        from: &moved.from,
        to: &node.host,
        name: name.unwrap_or("<name>"),
    };
    let hint = if node.alone {
        format!(
            "set LOCAL_HOST={from}; if this host has another address or name now, give it {from} again; if its cluster has \
             other FEs, name them in MASTER_HOST",
            from = moved.from
        )
    } else {
        change.hint(Kind::of(node.role), node.identity_port, joined)
    };
    Refusal::protect(format!("{}, {why}", belongs(node, moved)), hint)
}

/// Both hosts, and the file that has the old one.
fn belongs(node: &Node, moved: &Moved) -> String {
    match moved.named_by {
        NamedBy::Record => format!(
            "the cluster knows this node as {}, but LOCAL_HOST is {}",
            moved.from, node.host
        ),
        NamedBy::Role | NamedBy::Journal => format!(
            "this data belongs to the member {} ({}, {}); LOCAL_HOST says {}",
            moved.from,
            if moved.named_by == NamedBy::Role {
                "image/ROLE"
            } else {
                "its journal"
            },
            role_host::mode(&moved.from),
            node.host
        ),
    }
}

/// The cluster lists neither host.
pub(super) fn was_dropped(node: &Node, moved: &Moved) -> Decision {
    let from = moved.cluster.as_ref().map_or_else(
        || "its cluster".to_owned(),
        |cluster| format!("cluster {}", cluster.id),
    );
    rejoin(node, format!("{} was dropped from {from}", moved.from))
}

/// Sets the data aside if `REJOIN` is set, and refuses otherwise: the old membership has ended.
fn rejoin(node: &Node, why: String) -> Decision {
    if node.rejoin && !node.alone {
        return Decision::SetAside { why };
    }
    let hint = if node.alone {
        join::NO_OTHER_FE.to_owned()
    } else {
        format!(
            "set REJOIN=1 to {}join again as {}, or remove this node",
            if node.keeps_data() {
                "set the data aside and "
            } else {
                ""
            },
            node.host
        )
    };
    Decision::Refuse(Refusal::protect(
        format!("{why}; LOCAL_HOST is {}", node.host),
        hint,
    ))
}

/// The old host and data of a node that has moved.
pub(super) const fn of(data: &Data) -> Option<&Moved> {
    match data {
        Data::Moved(moved) => Some(moved),
        _ => None,
    }
}
