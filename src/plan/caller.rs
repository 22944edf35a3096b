//! Decides whether a caller is believed: a host that nobody named, which calls this one as the leader of its cluster. It gets
//! no statement and no account; what it answers over HTTP counts only if its cluster lists this host and a named one.

use std::collections::BTreeSet;

use crate::engine::probe::{Ha, Membership};
use crate::plan::node::{Node, Role};
use crate::plan::witness::Witness;
use crate::settings::Host;

/// What a caller answered, and the leader that its call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerAnswers {
    pub from: Host,
    /// The FE that was asked: the caller, or the leader that its heartbeat names.
    pub leader: Host,
    pub ha: Option<Ha>,
    /// The leader that it names is itself.
    pub leads_itself: bool,
    /// Its journal has risen in the last seconds.
    pub journal_rose: bool,
    /// Its row of this node: an FE's is asked for, a BE's host comes with the heartbeat.
    pub membership: Option<Membership>,
    /// Its own election port, which it confirmed.
    pub edit_log_port: Option<u16>,
    pub cluster: Option<String>,
}

/// A leader that is believed though nobody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    pub leader: Host,
    /// `host:edit_log_port`, for a node that is an FE.
    pub helper: Option<String>,
    pub cluster: Option<String>,
}

/// Judges a caller; `named` has every spelling of the hosts that were named.
pub fn judge(node: &Node, named: &BTreeSet<Host>, answers: &CallerAnswers) -> Result<Believed, Witness> {
    let from = || answers.from.clone();
    let unconfirmed = || Witness::Polls(from());
    let lists_us = matches!(answers.membership, Some(Membership::Member { .. }));
    let ha = answers.ha.as_ref().ok_or_else(unconfirmed)?;
    let risen = answers.journal_rose || !node.engine.probes.leader_needs_journal;
    if !ha.leads || !answers.leads_itself || !risen || !lists_us {
        return Err(unconfirmed());
    }
    // The seed is named by its own MASTER_HOST.
    let knows_a_named_one = node.role == Role::Seed
        || ha
            .members()
            .filter_map(|member| Host::parse(member).ok())
            .any(|member| named.contains(&member));
    if !knows_a_named_one {
        return Err(Witness::Unnamed(from()));
    }
    let leader = ha.leader.as_deref().and_then(|leader| Host::parse(leader).ok());
    let leader = leader.ok_or_else(unconfirmed)?;
    let helper = match (node.role.is_fe(), answers.edit_log_port, &answers.cluster) {
        (false, _, _) => None,
        (true, Some(port), Some(_)) => Some(leader.with_port(port)),
        (true, _, _) => return Err(unconfirmed()),
    };
    Ok(Believed {
        leader,
        helper,
        cluster: answers.cluster.clone(),
    })
}

/// The warning about a caller that leads another cluster than the one that this node joins.
pub fn other_cluster(node: &Node, members: &[String], answers: &CallerAnswers) -> Option<String> {
    let lists_us = matches!(answers.membership, Some(Membership::Member { .. }));
    let leads = answers.ha.as_ref().is_some_and(|ha| ha.leads) && answers.leads_itself;
    let own = |host: &Host| {
        members
            .iter()
            .any(|member| Host::parse(member).is_ok_and(|member| member == *host))
    };
    (leads && lists_us && !own(&answers.leader) && !own(&answers.from)).then(|| {
        format!(
            "{} of another cluster still polls this host; drop {} there",
            answers.leader, node.host
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Believed, CallerAnswers, judge};
    use crate::engine::probe::{Ha, Membership};
    use crate::engine::{ALL, Component};
    use crate::plan::data::Data;
    use crate::plan::join::tests::node;
    use crate::plan::node::Role;
    use crate::plan::witness::Witness;
    use crate::settings::Host;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    fn answers() -> CallerAnswers {
        CallerAnswers {
            from: host("10.0.0.2"),
            leader: host("10.0.0.2"),
            ha: Some(Ha {
                leads: true,
                leader: Some("10.0.0.2".to_owned()),
                voters: vec!["10.0.0.1".to_owned(), "10.0.0.5".to_owned()],
                journal: Some(7),
                ..Ha::default()
            }),
            leads_itself: true,
            journal_rose: true,
            membership: Some(Membership::Member {
                role: "FOLLOWER".to_owned(),
            }),
            edit_log_port: Some(9010),
            cluster: Some("77".to_owned()),
        }
    }

    /// This node is 10.0.0.5, and was told of 10.0.0.1.
    #[test]
    fn a_caller_is_believed_only_if_it_leads_and_its_cluster_lists_this_host_and_a_named_one() {
        type Change = fn(&mut CallerAnswers);
        let polls = || Err(Witness::Polls(host("10.0.0.2")));
        let believed = |helper: Option<&str>| {
            Ok(Believed {
                leader: host("10.0.0.2"),
                helper: helper.map(str::to_owned),
                cluster: Some("77".to_owned()),
            })
        };
        let fe = Some("10.0.0.2:9010");
        let table: Vec<(Role, Change, Result<Believed, Witness>)> = vec![
            (Role::Follower, |_| {}, believed(fe)),
            (Role::Seed, |_| {}, believed(fe)),
            (Role::Component(Component::Be), |_| {}, believed(None)),
            (Role::Follower, |it| it.ha = None, polls()),
            (Role::Follower, |it| it.leads_itself = false, polls()),
            (
                Role::Follower,
                |it| it.ha.as_mut().unwrap().leads = false,
                polls(),
            ),
            (
                Role::Follower,
                |it| it.membership = Some(Membership::NotListed),
                polls(),
            ),
            (
                Role::Follower,
                |it| it.membership = Some(Membership::Stranger),
                polls(),
            ),
            (Role::Follower, |it| it.edit_log_port = None, polls()),
            (Role::Follower, |it| it.cluster = None, polls()),
            (
                Role::Component(Component::Be),
                |it| it.cluster = None,
                Ok(Believed {
                    cluster: None,
                    ..believed(None).unwrap()
                }),
            ),
            // Its cluster lists this host, and none that was named.
            (
                Role::Follower,
                |it| it.ha.as_mut().unwrap().voters.clear(),
                Err(Witness::Unnamed(host("10.0.0.2"))),
            ),
            (
                Role::Seed,
                |it| it.ha.as_mut().unwrap().voters.clear(),
                believed(fe),
            ),
            // The named one may be an observer.
            (
                Role::Follower,
                |it| {
                    let ha = it.ha.as_mut().unwrap();
                    ha.observers = std::mem::take(&mut ha.voters);
                },
                believed(fe),
            ),
        ];
        let named = BTreeSet::from([host("10.0.0.1")]);
        for (role, change, expected) in table {
            let node = node(role, Data::Empty { known: None });
            let mut answers = answers();
            change(&mut answers);
            assert_eq!(judge(&node, &named, &answers), expected, "{role:?} {answers:?}");
        }
        // A leader without a majority of the other engine says so for ever.
        let mut node = node(Role::Follower, Data::Empty { known: None });
        node.engine = ALL[1];
        let stands = CallerAnswers {
            journal_rose: false,
            ..answers()
        };
        assert_eq!(judge(&node, &named, &stands), polls());
        assert_eq!(judge(&node, &named, &answers()), believed(fe));
    }
}
