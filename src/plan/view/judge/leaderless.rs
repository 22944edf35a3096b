//! A view without a leader.

use std::collections::BTreeMap;

use super::{is, over_http, said};
use crate::engine::Component;
use crate::engine::member::FrontendRole;
use crate::plan::leader::{Belief, Doubt};
use crate::plan::view::observed::Observed;
use crate::plan::view::verdict::Verdict;
use crate::plan::view::{ItselfSays, Node, View};

/// A view without a leader: what any FE showed, and what each says itself.
pub(super) fn leaderless(view: &mut View, seen: &Observed) {
    let longest = seen
        .answers
        .iter()
        .filter_map(|answer| answer.said.as_deref().ok())
        .max_by_key(|list| list.len())
        .unwrap_or_default();
    let mut hosts: BTreeMap<String, (u16, Option<FrontendRole>)> = longest
        .iter()
        .map(|fe| (fe.host.clone(), (fe.edit_log_port, Some(fe.role))))
        .collect();
    for fe in &seen.frontends {
        if let Ok(Some(ha)) = &fe.ha {
            let voters = ha.leader.iter().chain(&ha.voters);
            let named = voters.map(|host| (host, FrontendRole::Follower));
            for (host, role) in named.chain(ha.observers.iter().map(|host| (host, FrontendRole::Observer))) {
                hosts.entry(host.clone()).or_insert((0, Some(role)));
            }
        }
    }
    for fe in &seen.frontends {
        if !hosts.keys().any(|host| is(host, &fe.host)) {
            hosts.insert(fe.host.to_string(), (0, None));
        }
    }
    for (host, (port, role)) in hosts {
        // Who leads is just what is not known.
        let role = role.map(|role| match role {
            FrontendRole::Leader => FrontendRole::Follower,
            other => other,
        });
        view.nodes.push(Node {
            component: Component::Fe,
            itself_says: said(over_http(seen, &host)),
            http_port: over_http(seen, &host).map_or(0, |fe| fe.http_port),
            host,
            port,
            role,
            name: None,
            version: None,
            leader_says: None,
            record_says: None,
            verdicts: Vec::new(),
        });
    }
    // Where nobody shows a list, every FE that is known may be a voter.
    let is_shown = !longest.is_empty();
    let may_vote = |node: &&Node| node.role.map_or(!is_shown, FrontendRole::is_electable);
    let voters: Vec<&Node> = view.nodes.iter().filter(may_vote).collect();
    let answers = |node: &&&Node| !matches!(node.itself_says, ItselfSays::Silent(_) | ItselfSays::NotAsked);
    let (voting, alive) = (voters.len(), voters.iter().filter(answers).count());
    let first = voters
        .iter()
        .filter(|node| !answers(node))
        .map(|node| node.host.clone())
        .collect();
    let why = view.leader.clone().err().unwrap_or_default();
    let any_fe = seen
        .frontends
        .iter()
        .any(|fe| fe.ready.is_ok() || matches!(fe.ha, Ok(Some(_))));
    view.verdicts.push(match &seen.belief {
        Belief::Doubt(doubts) if doubts.iter().any(is_two) => Verdict::TwoClusters { why },
        Belief::Nobody if !any_fe => Verdict::NoFe { why },
        Belief::Nobody | Belief::Doubt(_) | Belief::Leader(_) => Verdict::NoLeader {
            why,
            alive,
            voters: voting,
            is_shown,
            first,
        },
    });
}

/// Several leaders, each with its own followers.
const fn is_two(doubt: &Doubt) -> bool {
    matches!(
        doubt,
        Doubt::TwoClusters { .. } | Doubt::TwoLeaders { .. } | Doubt::Impostor { .. }
    )
}
