//! Makes a view of the answers, with every verdict.

use std::collections::BTreeMap;

use crate::engine::Component;
use crate::engine::calendar::timestamp;
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend, FrontendRole, Member};
use crate::engine::signature::{HEARTBEAT, Signature};
use crate::plan::history::CrashLoop;
use crate::plan::leader::{Answer, Belief, Cluster, Doubt, no_leader};
use crate::plan::node::Identity;
use crate::plan::progress_word;
use crate::settings::{Endpoint, Host, ROOT};

use super::observed::{FrontendSeen, Observed, Own};
use super::verdict::{META_FREE, Verdict};
use super::{ItselfSays, Leader, LeaderSays, Node, Quorum, SingleReplicas, SingleTable, Unseen, View};

/// An FE that is so many entries behind cannot keep up.
const BEHIND: u64 = 10_000;
/// An image is made every 50,000 entries on both engines, unless an FE cannot.
const WITHOUT_IMAGE: u64 = 100_000;
/// From 95 % on a BE takes no more data; both engines move tablets away from 85 % on.
const FULL: u8 = 85;
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

/// The tablets of the nodes that leave: until they are moved, they count as unhealthy.
fn being_moved(seen: &Observed) -> u64 {
    let lists = seen.lists.iter().filter_map(|(_, list)| list.as_ref().ok());
    let leaving = lists.flatten().filter(|row| row.leaving);
    leaving.filter_map(|row| row.tablets).sum()
}

/// What is known of the tablets that nodes of one list are to leave, from one look.
struct Leaves {
    /// The reason why they cannot move.
    stuck: Option<String>,
    /// No tablet of any table has yet to be moved.
    done: bool,
}

impl Leaves {
    fn of(seen: &Observed, list: &[Backend], off: &[(String, String)]) -> Self {
        let stay: Vec<&Backend> = list
            .iter()
            .filter(|row| row.may_be(Component::Be) && row.is_up() && !row.leaving)
            .collect();
        let stops = seen.engine.sql.balance.stops_moves;
        let stops = off.iter().find(|(key, _)| key == stops);
        let is_full = |row: &&Backend| row.disk_used.is_some_and(|percent| percent >= FULL);
        let most = seen.most_replicas.filter(|most| *most > stay.len() as u64);
        let stuck = match (stay.len(), most, stops) {
            (0, ..) => Some("no other node that is alive stays".to_owned()),
            (1, Some(most), _) => Some(format!("1 BE stays, and a table has {most} replicas")),
            (count, Some(most), _) => Some(format!("{count} BEs stay, and a table has {most} replicas")),
            (_, _, Some((key, value))) => Some(format!("{key} = {value}")),
            _ if stay.iter().all(is_full) => Some(format!(
                "each BE that stays has a disk of which {FULL} % or more are used"
            )),
            _ => None,
        };
        let done = matches!(seen.tablets, Some(Ok(tablets)) if tablets.unhealthy == 0);
        Self { stuck, done }
    }

    fn judge(&self, tablets: u64) -> Verdict {
        match &self.stuck {
            Some(why) if tablets > 0 && !self.done => Verdict::Stuck {
                tablets,
                why: why.clone(),
            },
            _ => Verdict::Leaving {
                tablets,
                needed: !self.done,
            },
        }
    }
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

fn time(text: Option<&str>) -> Option<i64> {
    timestamp(text?)
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

/// An FE of the leader's list.
fn frontend(fe: &Frontend, seen: &Observed, cluster: &Cluster, newest: Option<i64>) -> Node {
    let http = over_http(seen, &fe.host);
    let is_leader = fe.host == cluster.leader.host && fe.edit_log_port == cluster.leader.edit_log_port;
    let silent_for = newest
        .zip(time(fe.last_heartbeat.as_deref()))
        .map(|(newest, own)| (newest - own).max(0));
    let behind = cluster
        .leader
        .journal
        .zip(fe.journal)
        .map(|(leader, own)| leader.saturating_sub(own));
    let alive = fe.alive || is_leader;
    let mut verdicts = Vec::new();
    let serves = http.is_some_and(|http| http.ready.is_ok());
    if !fe.join && silent_for.is_none() {
        verdicts.push(Verdict::HalfJoined);
    } else if !alive || !fe.join {
        verdicts.push(unheard(silent_for, &fe.error, serves));
    } else if let Some(http) = http {
        if let Err(why) = &http.ready {
            verdicts.push(Verdict::DoesNotServe {
                why: format!("http port {}: {why}", http.http_port),
            });
        }
        if let Ok(Some(ha)) = &http.ha {
            if ha.leads && !is_leader {
                verdicts.push(Verdict::StaleLeader {
                    leader: cluster.leader.host.clone(),
                });
            } else if !ha.is_ready {
                verdicts.push(Verdict::OutOfDate);
            }
        }
        if let Some(entries) = behind.filter(|entries| *entries > BEHIND) {
            verdicts.push(Verdict::Behind { entries });
        }
    }
    let disk = seen.meta_free.iter().find(|(host, _)| *host == fe.host);
    if let Some((_, free)) = disk.filter(|(_, free)| alive && *free < META_FREE) {
        verdicts.push(Verdict::MetaFull { free: *free });
    }
    Node {
        component: Component::Fe,
        host: fe.host.clone(),
        port: fe.edit_log_port,
        http_port: fe.http_port,
        role: Some(fe.role),
        name: None,
        version: fe.version.clone(),
        leader_says: Some(LeaderSays {
            alive,
            joined: fe.join,
            silent_for,
            error: fe.error.clone(),
            behind: behind.filter(|_| alive),
            ..LeaderSays::default()
        }),
        itself_says: said(http),
        record_says: None,
        verdicts,
    }
}

/// A node that the leader does not hear.
fn unheard(silent_for: Option<i64>, error: &str, serves: bool) -> Verdict {
    let cause = HEARTBEAT.iter().find(|row| row.matches(error));
    let why = match cause {
        Some(Signature { sentence, .. }) => format!("{sentence} ({error})"),
        None => error.to_owned(),
    };
    if serves {
        Verdict::Unreached { error: why }
    } else {
        Verdict::Dead { silent_for, why }
    }
}

/// A BE, CN or broker of the leader's list.
fn service(
    row: &Backend,
    component: Component,
    seen: &Observed,
    newest: Option<i64>,
    leaves: &Leaves,
) -> Node {
    let serves = seen
        .services
        .iter()
        .find(|service| {
            service.component == component && service.host == row.host && service.port == row.port
        })
        .map(|service| &service.serves);
    let silent_for = newest
        .zip(time(row.last_heartbeat.as_deref()))
        .map(|(newest, own)| (newest - own).max(0));
    let stopping = row.alive && !row.is_up();
    let mut verdicts = Vec::new();
    if !row.alive {
        verdicts.push(unheard(silent_for, &row.error, matches!(serves, Some(Ok(())))));
    } else if let Some(Err(why)) = serves
        && !stopping
    {
        verdicts.push(Verdict::DoesNotServe { why: why.to_string() });
    }
    let tablets = row.tablets.unwrap_or_default();
    if row.leaving {
        verdicts.push(leaves.judge(tablets));
    }
    if let Some(percent) = row.disk_used.filter(|percent| *percent >= FULL) {
        verdicts.push(Verdict::DiskFull { percent });
    }
    Node {
        component,
        host: row.host.clone(),
        port: row.port,
        http_port: row.http_port,
        role: None,
        name: row.name.clone(),
        version: row.version.clone(),
        leader_says: Some(LeaderSays {
            id: row.id,
            alive: row.alive,
            joined: true,
            silent_for,
            error: row.error.clone(),
            behind: None,
            leaving: row.leaving,
            stopping,
            tablets: row.tablets,
            disk_used: row.disk_used,
        }),
        itself_says: match serves {
            None => ItselfSays::NotAsked,
            Some(Ok(())) => ItselfSays::Ready,
            Some(Err(Failure::NotReady(why))) => ItselfSays::NotReady(why.clone()),
            Some(Err(why)) => ItselfSays::Silent(why.to_string()),
        },
        record_says: None,
        verdicts,
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

/// The node of this container, by its record.
fn own_node(view: &mut View, own: &Own, cluster: &Cluster) {
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
fn crash_loop(view: &mut View, own: &Own) {
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

/// A view without a leader: what any FE showed, and what each says itself.
fn leaderless(view: &mut View, seen: &Observed) {
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
