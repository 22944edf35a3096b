//! A view for programs: the JSON of `status`. Its keys are only ever added to; `muster` is the number of the schema.

use serde::Serialize;

use crate::engine::Component;
use crate::printable::json_lines;

use super::table::{itself, role};
use super::{ItselfSays, Node, View};

/// The number of the schema.
const SCHEMA: u8 = 1;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report<'a> {
    /// The number of the schema.
    muster: u8,
    /// When it was asked, as in RFC 3339.
    at: &'a str,
    engine: &'a str,
    cluster_id: Option<&'a str>,
    /// `well`, `attention`, `no-leader` or `refused`.
    verdict: &'a str,
    believed: Option<Believed<'a>>,
    /// The reason why no leader is believed.
    why: Option<&'a str>,
    quorum: Option<QuorumReport>,
    nodes: Vec<NodeReport<'a>>,
    tablets: Option<TabletsReport>,
    unseen: Vec<UnseenReport<'a>>,
    todo: Vec<Todo>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Believed<'a> {
    host: &'a str,
    query_port: u16,
    named_by: usize,
    of: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct QuorumReport {
    voters: usize,
    alive: usize,
    may_fail: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TabletsReport {
    all: u64,
    unhealthy: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnseenReport<'a> {
    what: &'a str,
    why: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NodeReport<'a> {
    kind: &'a str,
    host: &'a str,
    port: u16,
    role: Option<&'a str>,
    version: Option<&'a str>,
    leader_says: Option<LeaderReport<'a>>,
    itself_says: ItselfReport<'a>,
    record_says: Option<&'a str>,
    verdicts: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[expect(clippy::struct_excessive_bools, reason = "each is a key")]
struct LeaderReport<'a> {
    alive: bool,
    joined: bool,
    silent_for_s: Option<i64>,
    error: &'a str,
    behind: Option<u64>,
    leaving: bool,
    stopping: bool,
    tablets: Option<u64>,
    disk_used_percent: Option<u8>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ItselfReport<'a> {
    /// The word of the table.
    state: String,
    /// The reason, if it does not serve.
    why: Option<&'a str>,
    /// The leader that an FE names.
    leader: Option<&'a str>,
}

/// One thing to do.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Todo {
    pub verdict: &'static str,
    /// `FE 10.0.0.12`; `None`: the whole cluster.
    pub node: Option<String>,
    pub say: String,
    pub remedy: String,
    /// An argv; empty if a command alone does not do it.
    pub command: Vec<String>,
}

/// Everything that a person has to do, the heaviest first.
pub fn todo(view: &View) -> Vec<Todo> {
    let mut all: Vec<_> = view.all().collect();
    all.sort_by_key(|(_, verdict)| std::cmp::Reverse(verdict.weight()));
    let mut todo = Vec::new();
    for (node, verdict) in all {
        let remedy = verdict.remedy(view, node);
        if remedy.say.is_empty() {
            continue;
        }
        todo.push(Todo {
            verdict: verdict.id(),
            node: node.map(Node::called),
            say: verdict.say(),
            remedy: remedy.say,
            command: remedy.command,
        });
    }
    todo
}

/// The JSON of a view.
pub fn json(view: &View, at: &str) -> String {
    let report = Report {
        muster: SCHEMA,
        at,
        engine: view.engine.id,
        cluster_id: view.cluster_id.as_deref(),
        verdict: view.whole().word(),
        believed: view.leader.as_ref().ok().map(|leader| Believed {
            host: &leader.host,
            query_port: leader.endpoint.port,
            named_by: leader.named_by,
            of: leader.of,
        }),
        why: view.leader.as_ref().err().map(String::as_str),
        quorum: view.quorum.map(|quorum| QuorumReport {
            voters: quorum.voters,
            alive: quorum.alive,
            may_fail: quorum.may_fail(),
        }),
        nodes: view.nodes.iter().map(|node| of_node(view, node)).collect(),
        tablets: view.tablets.map(|tablets| TabletsReport {
            all: tablets.all,
            unhealthy: tablets.unhealthy,
        }),
        unseen: view
            .unseen
            .iter()
            .map(|unseen| UnseenReport {
                what: &unseen.what,
                why: &unseen.why,
            })
            .collect(),
        todo: todo(view),
    };
    // Strings, numbers and lists of them: nothing here can fail to be JSON.
    json_lines(&serde_json::to_string_pretty(&report).unwrap_or_default())
}

fn of_node<'a>(view: &View, node: &'a Node) -> NodeReport<'a> {
    NodeReport {
        kind: node.component.id(),
        host: &node.host,
        port: node.port,
        role: (node.component == Component::Fe).then(|| role(view, node)),
        version: node.version.as_deref(),
        leader_says: node.leader_says.as_ref().map(|says| LeaderReport {
            alive: says.alive,
            joined: says.joined,
            silent_for_s: says.silent_for,
            error: &says.error,
            behind: says.behind,
            leaving: says.leaving,
            stopping: says.stopping,
            tablets: says.tablets,
            disk_used_percent: says.disk_used,
        }),
        itself_says: ItselfReport {
            state: itself(node),
            why: match &node.itself_says {
                ItselfSays::Silent(why) | ItselfSays::NotReady(why) => Some(why),
                _ => None,
            },
            leader: match &node.itself_says {
                ItselfSays::Follows(leader) => Some(leader),
                _ => None,
            },
        },
        record_says: node.record_says,
        verdicts: node.verdicts.iter().map(super::verdict::Verdict::id).collect(),
    }
}
