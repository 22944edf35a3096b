//! Makes a view of the answers, with every verdict.

mod leaderless;
mod leaving;
mod listed;
mod own;

use std::collections::BTreeMap;

use self::leaderless::leaderless;
use self::leaving::{Leaves, being_moved};
use self::listed::{frontend, service, time};
use self::own::{crash_loop, own_node};
use super::observed::{FrontendSeen, Observed};
use super::verdict::Verdict;
use super::{ItselfSays, Leader, Node, Quorum, SingleReplicas, SingleTable, Unseen, View};
use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::engine::member::{Frontend, FrontendRole};
use crate::plan::leader::{Answer, Belief, Cluster, no_leader};
use crate::settings::{Endpoint, Host, ROOT};

/// An image is made every 50,000 entries on both engines, unless an FE cannot.
const WITHOUT_IMAGE: u64 = 100_000;
/// Milliseconds: the engines' own limit for an FE that starts.
const CLOCKS: i64 = 5_000;

/// The view of these answers.
pub fn view(seen: &Observed) -> View {
    let mut view = View {
        engine: seen.engine,
        account: seen.account.clone(),
        cluster_id: cluster_id(seen),
        leader: leader(seen),
        nodes: Vec::new(),
        quorum: None,
        tablets: None,
        single_replicas: single_replicas(seen),
        unseen: Vec::new(),
        verdicts: Vec::new(),
    };
    if let Belief::Leader(cluster) = &seen.belief {
        led(&mut view, seen, cluster);
    } else {
        leaderless(&mut view, seen);
    }
    if let Some(own) = &seen.own {
        crash_loop(&mut view, own);
    }
    // No list has an order of its own (observed).
    view.nodes
        .sort_by_key(|node| (node.component, Host::parse(&node.host).ok(), node.port));
    other_versions(&mut view);
    refusals(&mut view, seen);
    unseen(&mut view, seen);
    view
}

fn cluster_id(seen: &Observed) -> Option<String> {
    if let Belief::Leader(cluster) = &seen.belief {
        return Some(cluster.id.clone());
    }
    let mut ids = shown(seen).map(|fe| fe.cluster_id.as_str());
    let first = ids.next()?;
    ids.all(|id| id == first).then(|| first.to_owned())
}

/// All rows that any FE showed.
fn shown(seen: &Observed) -> impl Iterator<Item = &Frontend> {
    seen.answers
        .iter()
        .filter_map(|answer| answer.said.as_deref().ok())
        .flatten()
}

fn failures(seen: &Observed) -> Vec<String> {
    seen.answers.iter().filter_map(Answer::failure).collect()
}

fn leader(seen: &Observed) -> Result<Leader, String> {
    let Belief::Leader(cluster) = &seen.belief else {
        return Err(no_leader(&seen.belief, &failures(seen)));
    };
    let lists = seen
        .answers
        .iter()
        .filter_map(|answer| answer.said.as_deref().ok());
    let names = |list: &&[Frontend]| {
        list.iter()
            .any(|fe| fe.role == FrontendRole::Leader && fe.host == cluster.leader.host)
    };
    Ok(Leader {
        host: cluster.leader.host.clone(),
        endpoint: cluster.endpoint(),
        named_by: lists.clone().filter(names).count(),
        of: lists.count(),
    })
}

fn single_replicas(seen: &Observed) -> SingleReplicas {
    let tables = match &seen.tables {
        None => return SingleReplicas::NotAsked,
        Some(Ok(tables)) => tables,
        Some(Err(why @ Failure::Rejected { .. })) => return SingleReplicas::NotShown(why.to_string()),
        Some(Err(why)) => return SingleReplicas::Unseen(why.to_string()),
    };
    let has_some = matches!(seen.tablets, Some(Ok(count)) if count.all > 0);
    if tables.is_empty() && has_some && seen.account != ROOT {
        return SingleReplicas::Unseen(format!(
            "{} may see no table, and needs SELECT on them",
            seen.account
        ));
    }
    let own = seen.engine.sql.tables.own_database;
    let single = tables
        .iter()
        .filter(|table| table.replicas < 2 && table.database != own);
    SingleReplicas::Seen(
        single
            .map(|table| SingleTable {
                name: format!("{}.{}", table.database, table.name),
                backends: table.backends.clone(),
            })
            .collect(),
    )
}

/// True if a host string of the cluster means this host.
fn is(spelled: &str, host: &Host) -> bool {
    Host::parse(spelled).is_ok_and(|spelled| spelled == *host)
}

fn over_http<'o>(seen: &'o Observed, host: &str) -> Option<&'o FrontendSeen> {
    seen.frontends.iter().find(|fe| is(host, &fe.host))
}

/// A view with a leader.
fn led(view: &mut View, seen: &Observed, cluster: &Cluster) {
    let newest = cluster
        .frontends
        .iter()
        .filter_map(|fe| time(fe.last_heartbeat.as_deref()))
        .max();
    for fe in &cluster.frontends {
        view.nodes.push(frontend(fe, seen, cluster, newest));
    }
    let voters: Vec<&Frontend> = cluster
        .frontends
        .iter()
        .filter(|fe| fe.role.is_electable() && fe.join)
        .collect();
    let quorum = Quorum {
        voters: voters.len(),
        // The leader's own row may lag behind as not alive.
        alive: voters
            .iter()
            .filter(|fe| fe.alive || fe.host == cluster.leader.host)
            .count(),
    };
    view.quorum = Some(quorum);
    if quorum.may_fail() == 0 {
        view.verdicts.push(Verdict::NoMargin {
            voters: quorum.voters,
            alive: quorum.alive,
        });
    }
    let mut keys = Vec::new();
    if let Some(Ok(off)) = &seen.balance_off
        && !off.is_empty()
    {
        keys.clone_from(off);
        view.verdicts.push(Verdict::BalanceOff { keys: off.clone() });
    }
    if let Some(Ok(tablets)) = seen.tablets {
        view.tablets = Some(tablets);
        if tablets.unhealthy > being_moved(seen) {
            view.verdicts.push(Verdict::Unhealthy {
                tablets: tablets.unhealthy,
                of: tablets.all,
            });
        }
    }
    for (component, list) in &seen.lists {
        let list = match list {
            Ok(list) => list,
            Err(why) => {
                view.verdicts.push(Verdict::ListUnseen {
                    component: *component,
                    why: why.to_string(),
                });
                continue;
            }
        };
        let leaves = Leaves::of(seen, list, &keys);
        for row in list.iter().filter(|row| row.may_be(*component)) {
            view.nodes.push(service(
                row,
                row.component.unwrap_or(*component),
                seen,
                newest,
                &leaves,
            ));
        }
    }
    strangers(view, seen, cluster);
    if let Some(own) = &seen.own {
        own_node(view, own, cluster);
    }
    beside_leader(view, seen, cluster);
}

/// What the leader says over HTTP: its clock, beside those of the others, and its newest image.
fn beside_leader(view: &mut View, seen: &Observed, cluster: &Cluster) {
    if let Some(leader) = over_http(seen, &cluster.leader.host) {
        let leader_clock = leader.clock;
        for node in view.nodes.iter_mut().filter(|node| node.component.is_fe()) {
            let clock = over_http(seen, &node.host).and_then(|fe| fe.clock);
            let Some((own, leader)) = clock.zip(leader_clock) else {
                continue;
            };
            let (least, most) = (own.least - leader.most, own.most - leader.least);
            if least > CLOCKS || most < -CLOCKS {
                node.verdicts.push(Verdict::ClockOff {
                    by: i64::midpoint(least, most),
                });
            }
        }
        let image = leader.ha.as_ref().ok().and_then(|ha| ha.as_ref()?.image);
        let since = cluster
            .leader
            .journal
            .zip(image)
            .map(|(journal, image)| journal.saturating_sub(image));
        if let Some(entries) = since.filter(|entries| *entries > WITHOUT_IMAGE)
            && let Some(node) = view
                .nodes
                .iter_mut()
                .find(|node| node.host == cluster.leader.host)
        {
            node.verdicts.push(Verdict::NoImage { entries });
        }
    }
}

/// What an FE says itself.
fn said(fe: Option<&FrontendSeen>) -> ItselfSays {
    let Some(fe) = fe else {
        return ItselfSays::NotAsked;
    };
    match (&fe.ha, &fe.ready) {
        (Ok(Some(ha)), _) if ha.leads => ItselfSays::Leads,
        (Ok(Some(ha)), _) => match &ha.leader {
            Some(leader) => ItselfSays::Follows(leader.clone()),
            None => ItselfSays::Leaderless,
        },
        (_, Ok(())) => ItselfSays::Ready,
        (_, Err(Failure::NotReady(why))) => ItselfSays::NotReady(why.clone()),
        (_, Err(why)) => ItselfSays::Silent(why.to_string()),
    }
}

/// FEs that answer, and that the leader does not list.
fn strangers(view: &mut View, seen: &Observed, cluster: &Cluster) {
    let listed = |host: &Host| cluster.frontends.iter().any(|fe| is(&fe.host, host));
    // A host may be asked by an address and listed by its name: the name is in its own list.
    let spelled = |host: &Host| {
        seen.answers
            .iter()
            .filter(|answer| answer.from == *host)
            .any(|answer| answer.said.is_ok())
    };
    for fe in &seen.frontends {
        let runs = fe.ready.is_ok() || matches!(fe.ha, Ok(Some(_)));
        if !runs || listed(&fe.host) || spelled(&fe.host) {
            continue;
        }
        view.nodes.push(Node {
            component: Component::Fe,
            host: fe.host.to_string(),
            port: 0,
            http_port: fe.http_port,
            role: None,
            name: None,
            version: None,
            leader_says: None,
            itself_says: said(Some(fe)),
            record_says: None,
            verdicts: vec![Verdict::NotListed {
                cluster: cluster.id.clone(),
            }],
        });
    }
}

/// The numbers of a version: a build has more after them.
fn numbers(version: &str) -> &str {
    let begin = version.find(|c: char| c.is_ascii_digit()).unwrap_or_default();
    let text = version.get(begin..).unwrap_or_default();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn other_versions(view: &mut View) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for node in &view.nodes {
        if let Some(version) = &node.version {
            *counts.entry(numbers(version).to_owned()).or_default() += 1;
        }
    }
    let Some(most) = counts
        .iter()
        .max_by_key(|(_, count)| **count)
        .map(|(most, _)| most.clone())
    else {
        return;
    };
    for node in &mut view.nodes {
        let Some(own) = &node.version else { continue };
        if numbers(own) != most {
            node.verdicts.push(Verdict::OtherVersion {
                own: numbers(own).to_owned(),
                most: most.clone(),
            });
        }
    }
}

/// What the account may not do.
fn refusals(view: &mut View, seen: &Observed) {
    let answers = seen
        .answers
        .iter()
        .filter_map(|answer| answer.said.as_ref().err());
    let lists = seen.lists.iter().filter_map(|(_, list)| list.as_ref().err());
    let refused = answers.chain(lists).find(|why| why.is_final());
    if let Some(why) = refused {
        let cure = match why {
            Failure::Privilege { cure, .. } => cure.clone(),
            _ => String::new(),
        };
        // It says more than that no leader was found.
        view.verdicts
            .retain(|verdict| !matches!(verdict, Verdict::NoLeader { .. }));
        view.verdicts.insert(
            0,
            Verdict::Refused {
                why: why.to_string(),
                cure,
            },
        );
    }
}

fn unseen(view: &mut View, seen: &Observed) {
    let mut unseen = Vec::new();
    let mut push = |what: String, why: &Failure| {
        unseen.push(Unseen {
            what,
            why: why.to_string(),
        });
    };
    if let Some(Err(why)) = &seen.tablets {
        push("the tablets".to_owned(), why);
    }
    if let Some(Err(why)) = &seen.balance_off {
        push("the settings of the leader".to_owned(), why);
    }
    if view.leader.is_ok() {
        for answer in &seen.answers {
            let is_down = view
                .nodes
                .iter()
                .any(|node| is(&node.host, &answer.from) && node.component.is_fe() && !node.is_up());
            // One that is down is said to be.
            if let Err(why) = &answer.said
                && !is_down
            {
                let at = Endpoint {
                    host: answer.from.clone(),
                    port: answer.port,
                };
                push(format!("what {at} says of the cluster"), why);
            }
        }
    }
    view.unseen = unseen;
}
