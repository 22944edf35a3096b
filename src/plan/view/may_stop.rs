//! Whether one node may be stopped now: by what was seen at one moment.

use serde::Serialize;

use crate::engine::Component;
use crate::settings::Host;

use super::{Node, SingleReplicas, SingleTable, View};

/// An FE that is no further behind can lead at once.
const CAUGHT_UP: u64 = 1_000;

/// The answer about one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Why it may not be stopped; empty: it may.
    pub reasons: Vec<String>,
    /// What to know before.
    pub notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    /// The number of the schema.
    muster: u8,
    may_stop: bool,
    /// `FE 10.0.0.12`.
    node: &'a str,
    /// Why it may not; empty if it may.
    reasons: &'a [String],
    /// What to know before.
    notes: &'a [String],
}

/// The JSON of an answer about that node.
pub fn json(node: &str, answer: &Answer) -> String {
    let report = Report {
        muster: 1,
        may_stop: answer.reasons.is_empty(),
        node,
        reasons: &answer.reasons,
        notes: &answer.notes,
    };
    // Strings only, so the conversion cannot fail.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

/// The number of tables that a reason names.
const NAMED: usize = 3;

impl Answer {
    fn no(reason: String) -> Self {
        Self {
            reasons: vec![reason],
            notes: Vec::new(),
        }
    }
}

/// Judges the stop of the node of that host. `port`: its identity port, where it is known.
pub fn on_host(view: &View, component: Component, host: &Host, port: Option<u16>) -> Answer {
    if let Err(why) = &view.leader {
        return Answer::no(format!("no leader is believed: {why}"));
    }
    let mut listed = view
        .of(component)
        .filter(|node| Host::parse(&node.host).is_ok_and(|listed| listed == *host))
        .filter(|node| node.leader_says.is_some() && port.is_none_or(|port| port == node.port));
    match (listed.next(), listed.count()) {
        (Some(node), 0) => may_stop(view, node),
        // What is not found is not judged: it may be listed under another name, or its list was not to be had.
        (None, _) => Answer::no("the cluster is not seen to list it; see muster status".to_owned()),
        (Some(_), others) => Answer::no(format!(
            "{} of them are on that host; ask in the container of each",
            others + 1
        )),
    }
}

/// Judges the stop of a node that the leader lists. The view has a leader.
pub fn may_stop(view: &View, node: &Node) -> Answer {
    let mut answer = Answer {
        reasons: Vec::new(),
        notes: Vec::new(),
    };
    match node.component {
        Component::Fe => frontend(view, node, &mut answer),
        Component::Be => backend(view, node, &mut answer),
        Component::Cn | Component::Broker => another(view, node, &mut answer),
    }
    if !node.is_up() {
        answer
            .notes
            .push(format!("{} is not alive as it is", node.called()));
    }
    answer
}

fn others<'v>(view: &'v View, node: &'v Node) -> impl Iterator<Item = &'v Node> {
    view.of(node.component)
        .filter(move |other| !(other.host == node.host && other.port == node.port))
}

/// Those that the leader has as alive, and that do not answer: it takes many seconds until it knows.
fn silent<'v>(nodes: impl Iterator<Item = &'v Node>) -> Option<String> {
    let hosts: Vec<&str> = nodes
        .filter(|node| node.is_up() && !node.serves())
        .map(|node| node.host.as_str())
        .collect();
    match hosts.len() {
        0 => None,
        1 => Some(format!("{} does not answer", hosts.join(", "))),
        _ => Some(format!("{} do not answer", hosts.join(", "))),
    }
}

fn frontend(view: &View, node: &Node, answer: &mut Answer) {
    let votes = node.votes() && node.is_joined();
    let Some(quorum) = view.quorum.filter(|_| votes) else {
        return;
    };
    let stay = || others(view, node).filter(|other| other.votes() && other.is_joined());
    let without = stay().filter(|other| other.serves()).count();
    if without < quorum.majority() {
        answer.reasons.push(if quorum.voters == 1 {
            "it is the only FE with a vote: without it there is no cluster".to_owned()
        } else {
            format!(
                "{without} of {} voters would be alive, and a leader needs {}{}",
                quorum.voters,
                quorum.majority(),
                silent(stay())
                    .map(|hosts| format!(": {hosts}, and the leader has not noticed"))
                    .unwrap_or_default()
            )
        });
        return;
    }
    let behind = |other: &Node| other.leader_says.as_ref().and_then(|says| says.behind);
    let ready = stay().any(|other| other.serves() && behind(other).is_none_or(|entries| entries < CAUGHT_UP));
    if !ready {
        answer.reasons.push(format!(
            "no other FE with a vote is less than {CAUGHT_UP} journal entries behind"
        ));
    }
    if view.leader.as_ref().is_ok_and(|leader| leader.host == node.host) {
        answer
            .notes
            .push("it leads: for some seconds nobody does, until another one is elected".to_owned());
    }
}

fn backend(view: &View, node: &Node, answer: &mut Answer) {
    let down: Vec<&str> = others(view, node)
        .filter(|other| !other.is_up())
        .map(|other| other.host.as_str())
        .collect();
    if !down.is_empty() {
        answer.reasons.push(format!(
            "{} is down: a replica may have its last copy here",
            down.join(", ")
        ));
    }
    if let Some(hosts) = silent(others(view, node)) {
        answer.reasons.push(format!(
            "{hosts}, and the leader has not noticed: a replica may have its last copy here"
        ));
    }
    if others(view, node).count() == 0 {
        answer.reasons.push("it is the only BE".to_owned());
    }
    let leaving: Vec<&str> = others(view, node)
        .filter(|other| other.leader_says.as_ref().is_some_and(|says| says.leaving))
        .map(|other| other.host.as_str())
        .collect();
    if !leaving.is_empty() {
        answer
            .reasons
            .push(format!("the tablets of {} are being moved", leaving.join(", ")));
    }
    match view.tablets {
        Some(tablets) if tablets.unhealthy > 0 => answer.reasons.push(format!(
            "{} of {} tablets have a replica that is missing or wrong",
            tablets.unhealthy, tablets.all
        )),
        Some(_) => {}
        None => answer
            .reasons
            .push("the tablets could not be looked at".to_owned()),
    }
    match &view.single_replicas {
        SingleReplicas::NotAsked => {}
        SingleReplicas::Seen(tables) => answer.reasons.extend(single(node, tables)),
        SingleReplicas::NotShown(why) => answer.notes.push(format!(
            "a table with one replica may not be readable while it is away, and this version does not show them: {why}"
        )),
        SingleReplicas::Unseen(why) => answer
            .reasons
            .push(format!("tables with one replica could not be looked for: {why}")),
    }
}

/// Those of the tables of which this BE has the only copy, or may have.
fn single(node: &Node, tables: &[SingleTable]) -> Option<String> {
    let id = node.leader_says.as_ref().and_then(|says| says.id);
    let known = |table: &SingleTable| Some(table.backends.as_ref()?.contains(&id?));
    let here: Vec<&SingleTable> = tables
        .iter()
        .filter(|table| known(table) != Some(false))
        .collect();
    let is = if here.iter().all(|table| known(table).is_some()) {
        "is"
    } else {
        "may be"
    };
    let (first, others) = here.split_at(here.len().min(NAMED));
    let names: Vec<&str> = first.iter().map(|table| table.name.as_str()).collect();
    let names = names.join(", ");
    match (first.len(), others.len()) {
        (0, _) => None,
        (1, _) => Some(format!(
            "the table {names} has one replica, and a part of it {is} here"
        )),
        (count, 0) => Some(format!(
            "{count} tables have one replica, and a part of each {is} here: {names}"
        )),
        (count, more) => Some(format!(
            "{} tables have one replica, and a part of each {is} here: {names} and {more} more",
            count + more
        )),
    }
}

fn another(view: &View, node: &Node, answer: &mut Answer) {
    if !others(view, node).any(Node::serves) {
        answer
            .reasons
            .push(format!("no other {} is alive", node.component.name()));
    }
}
