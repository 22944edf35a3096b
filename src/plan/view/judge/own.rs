//! The node of this container, by its record and its history.

use super::is;
use crate::plan::history::CrashLoop;
use crate::plan::leader::Cluster;
use crate::plan::node::Identity;
use crate::plan::progress_word;
use crate::plan::view::observed::Own;
use crate::plan::view::verdict::{META_FREE, Verdict};
use crate::plan::view::{ItselfSays, Node, View};

/// The node of this container, by its record.
pub(super) fn own_node(view: &mut View, own: &Own, cluster: &Cluster) {
    let record_says = Some(progress_word(own.progress));
    let foreign = own.cluster_id.as_ref().filter(|id| **id != cluster.id);
    let is_own = |node: &Node| {
        let identity = Identity {
            component: own.component,
            host: &own.host,
            also: &own.also,
            identity_port: own.identity_port.unwrap_or(node.port),
        };
        node.component == own.component && node.port == identity.identity_port && identity.is_at(&node.host)
    };
    let foreign = foreign.map(|id| Verdict::Foreign {
        own: id.clone(),
        cluster: cluster.id.clone(),
    });
    if let Some(node) = view.nodes.iter_mut().find(|node| is_own(node)) {
        node.record_says = record_says;
        if !is(&node.host, &own.host) {
            node.verdicts.push(Verdict::Moved {
                listed: node.host.clone(),
                record: own.host.to_string(),
            });
        }
        node.verdicts.extend(foreign);
        // More exact than what the leader knows.
        if let Some(free) = own.meta_free {
            node.verdicts
                .retain(|verdict| !matches!(verdict, Verdict::MetaFull { .. }));
            node.verdicts
                .extend((free < META_FREE).then_some(Verdict::MetaFull { free }));
        }
        return;
    }
    if !own.progress.binds_host() {
        return;
    }
    let missing = foreign.unwrap_or_else(|| Verdict::NotListed {
        cluster: cluster.id.clone(),
    });
    let known = view.nodes.iter_mut().find(|node| {
        node.component == own.component && node.leader_says.is_none() && is(&node.host, &own.host)
    });
    if let Some(node) = known {
        node.record_says = record_says;
        node.verdicts = vec![missing];
        return;
    }
    view.nodes.push(unlisted(own, missing));
}

/// The node of this container, where nobody lists it.
fn unlisted(own: &Own, verdict: Verdict) -> Node {
    Node {
        component: own.component,
        host: own.host.to_string(),
        port: own.identity_port.unwrap_or_default(),
        http_port: 0,
        role: None,
        name: None,
        version: None,
        leader_says: None,
        itself_says: ItselfSays::NotAsked,
        record_says: Some(progress_word(own.progress)),
        verdicts: vec![verdict],
    }
}

/// The node of this container, by its history.
pub(super) fn crash_loop(view: &mut View, own: &Own) {
    let Some(CrashLoop { times, last }) = own.crash_loop.clone() else {
        return;
    };
    let verdict = Verdict::CrashLoop { times, last };
    let is_own = |node: &&mut Node| {
        let port = own.identity_port.unwrap_or(node.port);
        let identity = Identity {
            component: own.component,
            host: &own.host,
            also: &own.also,
            identity_port: port,
        };
        // Without a leader the port of an FE may not be known.
        node.component == own.component && [0, port].contains(&node.port) && identity.is_at(&node.host)
    };
    match view.nodes.iter_mut().find(is_own) {
        Some(node) => node.verdicts.push(verdict),
        None => view.nodes.push(unlisted(own, verdict)),
    }
}
