//! From the model's small world to what the rules read, and back: one sight of one node, and the step that follows.
//! The same sight comes up in a great many histories, so that every answer is kept.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use muster::effects::look::Round;
use muster::engine::failure::Failure;
use muster::engine::member::{Backend, Frontend, FrontendRole};
use muster::engine::probe::{Ha, HttpWitness};
use muster::engine::{Component, Engine};
use muster::facts::record::{MemberSeen, Progress, Record, RecordCopy};
use muster::plan::before_start::{self, MemberAnswer};
use muster::plan::data::{ClusterId, Data, FeDir, Storage};
use muster::plan::drop_detector::{DropDetector, LOOKS, Missed};
use muster::plan::leader::{Answer, Belief};
use muster::plan::node::{Asking, Decision, Node, Role, Seen};
use muster::plan::record_merge::{Identity, RecordCopies};
use muster::plan::refusal::Refusal;
use muster::plan::witness::{self, Witness};
use muster::settings::{Bootstrap, Host};

use crate::rules::Rules;
use crate::world::{Dir, Got, Id, MOST, Rec, Set, View, Who};

/// What one host said when it was asked over SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Said {
    NotAsked,
    /// Nothing listens, or it cannot be reached.
    Nothing,
    NoLeader,
    /// It accepted, and no answer came.
    Late,
    Lists(View),
}

/// Everything one round of one node rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sight {
    pub me: Who,
    pub role: Part,
    pub dir: Dir,
    pub data: Option<Rec>,
    pub state: Option<Rec>,
    pub rejoin: bool,
    pub said: [Said; MOST],
    /// Leaders that have called so far.
    pub heard: Set,
    /// Callers that this round asked.
    pub asked: Set,
    /// Who has asked for this host's vote.
    pub votes: Set,
    /// Members whose muster has called.
    pub voices: Set,
    /// FEs whose HTTP port answers this node.
    pub http: Set,
    /// Of these, the ones that list it.
    pub http_lists: Set,
    /// Hosts whose election port is open to this node.
    pub voting: Set,
    pub guard_over: bool,
    /// What the FEs of its own cluster show over HTTP before a member starts.
    pub before_start: [Option<View>; MOST],
}

/// A role, as a part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Seed,
    Follower,
    Observer,
    Backend,
}

impl Part {
    pub const fn role(self) -> Role {
        match self {
            Self::Seed => Role::Seed,
            Self::Follower => Role::Follower,
            Self::Observer => Role::Observer,
            Self::Backend => Role::Component(Component::Be),
        }
    }

    pub const fn votes(self) -> bool {
        matches!(self, Self::Seed | Self::Follower)
    }
}

/// What the data amounts to, as far as the loop around the decision tells kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Empty,
    Joined,
    Adopted,
    Unfinished,
    UnfinishedFounding,
    Dropped,
    Unproven,
    Moved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Start,
    Join { helper: Who, cluster: Id },
    Found,
    Register { leader: Who, cluster: Id },
    SetAside,
    Wait,
    Refuse(u8),
}

/// What follows from a sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub act: Act,
    pub kind: Option<Kind>,
    /// The cluster the data, or the record of it, belongs to.
    pub cluster: Option<Id>,
    pub was_member: bool,
    /// The `lost` of the record that is written next.
    pub lost: bool,
    /// The members of a believed cluster.
    pub learned: Option<Set>,
    pub witnessed: bool,
    /// Who was believed to lead, and the list it was believed for.
    pub believed: Option<View>,
}

/// What has to be known of a node before it is asked anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub asking: Asking,
    pub kind: Kind,
}

/// The rules by their name, and what they are shown.
type Looking = (&'static str, Sight);

thread_local! {
    static NEEDS: RefCell<HashMap<Looking, Result<Need, u8>>> = RefCell::default();
    static OUTCOMES: RefCell<HashMap<Looking, Outcome>> = RefCell::default();
    static BELIEFS: RefCell<HashMap<Watching, Option<Watched>>> = RefCell::default();
}

/// How this node would ask, by its data and records alone; the exit code if these are refused.
pub fn need(rules: &Rules, sight: &Sight) -> Result<Need, u8> {
    let key = (rules.name, *sight);
    if let Some(known) = NEEDS.with_borrow(|needs| needs.get(&key).copied()) {
        return known;
    }
    let need = match node(rules, sight) {
        Ok(node) => Ok(Need {
            asking: (rules.asking)(&node),
            kind: kind(&node.data),
        }),
        Err(code) => Err(code),
    };
    NEEDS.with_borrow_mut(|needs| needs.insert(key, need));
    need
}

/// The step muster takes.
pub fn outcome(rules: &Rules, parts: &[Part; MOST], sight: &Sight) -> Outcome {
    let key = (rules.name, *sight);
    if let Some(known) = OUTCOMES.with_borrow(|outcomes| outcomes.get(&key).copied()) {
        return known;
    }
    let outcome = see(rules, parts, sight);
    OUTCOMES.with_borrow_mut(|outcomes| outcomes.insert(key, outcome));
    outcome
}

/// What the watch beside the engine rests on.
type Watching = (&'static str, [Part; MOST], [Said; MOST], Option<Id>);

/// What it means that a believed leader does not list a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    ProvesNothing,
    Dropped,
    /// It leads another cluster.
    Foreign,
}

/// Who is believed beside the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    pub view: View,
    /// What it shows of a node that it does not list, look after look.
    pub missed: Missing,
}

/// One look of the watch of a node that knows itself to be of cluster `own`.
pub fn watched(rules: &Rules, parts: &[Part; MOST], said: &[Said; MOST], own: Option<Id>) -> Option<Watched> {
    let key = (rules.name, *parts, *said, own);
    if let Some(known) = BELIEFS.with_borrow(|beliefs| beliefs.get(&key).copied()) {
        return known;
    }
    let belief = (rules.believe)(&answers(parts, said), heartbeat());
    let watched = view_of(&belief, said).map(|view| Watched {
        view,
        missed: misses(&belief, own),
    });
    BELIEFS.with_borrow_mut(|beliefs| beliefs.insert(key, watched));
    watched
}

fn misses(belief: &Belief, own: Option<Id>) -> Missing {
    let Belief::Leader(cluster) = belief else {
        return Missing::ProvesNothing;
    };
    let own = own.map(id_text);
    let mut misses = DropDetector::default();
    for _ in 0..LOOKS {
        match misses.missed(cluster, own.as_deref()) {
            // Whether the leader's heartbeats go on is for who watches to tell.
            Missed::Dropped | Missed::HeartbeatPending => return Missing::Dropped,
            Missed::Foreign => return Missing::Foreign,
            Missed::PerhapsDropped | Missed::PerhapsForeign => {}
        }
    }
    Missing::ProvesNothing
}

fn see(rules: &Rules, parts: &[Part; MOST], sight: &Sight) -> Outcome {
    let node = match node(rules, sight) {
        Ok(node) => node,
        Err(code) => {
            return Outcome {
                act: Act::Refuse(code),
                kind: None,
                cluster: None,
                was_member: false,
                lost: false,
                learned: None,
                witnessed: false,
                believed: None,
            };
        }
    };
    let asking = (rules.asking)(&node);
    let answers = match asking {
        Asking::Nobody => Vec::new(),
        Asking::Once | Asking::Until => answers(parts, &sight.said),
    };
    let round = Round {
        belief: (rules.believe)(&answers, heartbeat()),
        answers,
        complete: true,
    };
    let seen = seen(rules, parts, sight, &node, &round);
    let record = copy(sight.role, &node.host, sight.data.or(sight.state));
    let believed = view_of(&round.belief, &sight.said);
    let act = match (rules.decide)(&node, &seen) {
        Decision::Start => Act::Start,
        Decision::Join { helper, cluster } => Act::Join {
            helper: who_of(helper.split(':').next().unwrap_or_default()),
            cluster: id_of(&cluster),
        },
        Decision::Found => Act::Found,
        Decision::Register { cluster } => Act::Register {
            leader: who_of(&cluster.leader.host),
            cluster: id_of(&cluster.id),
        },
        Decision::SetAside { .. } => Act::SetAside,
        Decision::Wait { .. } => Act::Wait,
        Decision::Refuse(refusal) => Act::Refuse(refusal.code.number()),
    };
    Outcome {
        act,
        kind: Some(kind(&node.data)),
        cluster: node.data.cluster().map(|(id, _)| id_of(id)),
        was_member: node.data.was_member(),
        lost: (rules.is_lost)(&node, &seen.belief, record.record()),
        learned: believed.map(|view| view.registered.only(fes(parts))),
        witnessed: !seen.witnesses.is_empty(),
        believed,
    }
}

/// What the loop would hand to `decide`; the callers, the HTTP answers and the open election ports are told together as
/// it does in its round of observing.
fn seen(rules: &Rules, parts: &[Part; MOST], sight: &Sight, node: &Node, round: &Round) -> Seen {
    let called = sight
        .heard
        .iter()
        .filter_map(|from| witness::of_leader(node.identity(), host(from), &round.answers));
    let votes = sight.votes.iter().map(host).map(Witness::WantsVote);
    let voices = sight.voices.iter().map(host).map(|from| Witness::Member {
        from,
        cluster: id_text(0),
    });
    let mut witnesses: Vec<Witness> = called.chain(votes).chain(voices).collect();
    let may_found = matches!(node.data, Data::Empty { .. } | Data::Unproven { .. });
    if node.role == Role::Seed && may_found && !round.answered() {
        witnesses.extend(sight.http.iter().map(|who| Witness::Http {
            from: host(who),
            told: if sight.http_lists.has(who) {
                HttpWitness::Lists("FOLLOWER".to_owned())
            } else {
                HttpWitness::IsFe
            },
        }));
    }
    let may_bring_its_vote = |rec: &Rec| match node.data {
        Data::Unfinished { keep: true, .. } => matches!(rec.got, Got::Added | Got::Started),
        // No rule brings it but one with a mistake.
        Data::Empty { .. } => rec.got == Got::Joined,
        _ => false,
    };
    let recorded = sight.data.or(sight.state).filter(may_bring_its_vote);
    let leaderless = !matches!(round.belief, Belief::Leader(_));
    let waiting = recorded.filter(|_| leaderless).map_or_else(Vec::new, |rec| {
        let open = rec.members.only(sight.voting).without(sight.me);
        open.iter().map(|who| host(who).with_port(9010)).collect()
    });
    let believed = view_of(&round.belief, &sight.said);
    Seen {
        belief: round.belief.clone(),
        fatal: Vec::new(),
        members: round.members().to_vec(),
        backends: believed
            .filter(|_| !node.role.is_fe())
            .map(|view| Ok(backends(parts, &view))),
        answers: Vec::new(),
        witnesses,
        caller: None,
        calls: Vec::new(),
        complete: true,
        reset: reset(rules, parts, sight, node),
        other_mode: None,
        waiting,
        guard_over: sight.guard_over,
        patience_over: false,
    }
}

fn reset(rules: &Rules, parts: &[Part; MOST], sight: &Sight, node: &Node) -> Option<Refusal> {
    if !before_start::looks(node) {
        return None;
    }
    let shown = (0..)
        .zip(sight.before_start)
        .filter_map(|(from, view)| Some((from, view?)));
    let answers: Vec<MemberAnswer> = shown
        .map(|(from, view)| {
            let voters = view.joined.iter().filter(|who| parts[usize::from(*who)].votes());
            MemberAnswer {
                from: host(from),
                ha: Ha {
                    leads: view.leader == Some(from),
                    leader: view.leader.map(address),
                    ..Ha::default()
                },
                leads_itself: view.leader == Some(from),
                ours: Some(view.cluster) == sight.dir.cluster(),
                voters: voters
                    .map(|who| (address(who), address(who).parse().into_iter().collect()))
                    .collect(),
            }
        })
        .collect();
    (rules.reset_without)(node, &[], &answers)
}

fn node(rules: &Rules, sight: &Sight) -> Result<Node, u8> {
    let host = host(sight.me);
    let copies = (
        copy(sight.role, &host, sight.data),
        copy(sight.role, &host, sight.state),
    );
    let copies = RecordCopies {
        data: &copies.0,
        state: &copies.1,
        owner: Identity {
            engine: engine(),
            component: component(sight.role),
            host: &host,
        },
    };
    let backend = sight.role == Part::Backend;
    let data = if backend {
        let ids = sight.dir.cluster().map(|id| ClusterId {
            id: id_text(id),
            read_from: "storage/cluster_id".to_owned(),
        });
        let storage = Storage {
            ids: ids.into_iter().collect(),
        };
        (rules.classify_backend)(&storage, copies)
    } else {
        (rules.classify_fe)(sight.role == Part::Seed, &fe_dir(sight.dir), copies)
    };
    let data = data.map_err(|refusal| refusal.code.number())?;
    Ok(Node {
        role: sight.role.role(),
        engine: engine(),
        component: component(sight.role),
        host: host.clone(),
        name: String::new(),
        also: BTreeSet::new(),
        identity_port: if backend { 9050 } else { 9010 },
        data,
        data_of_observer: false,
        lost: sight.data.or(sight.state).is_some_and(|rec| rec.lost),
        bootstrap: Bootstrap::Guarded,
        rejoin: sight.rejoin,
        alone: false,
    })
}

const fn component(part: Part) -> Component {
    match part {
        Part::Seed | Part::Follower | Part::Observer => Component::Fe,
        Part::Backend => Component::Be,
    }
}

fn fe_dir(dir: Dir) -> FeDir {
    FeDir {
        path: "meta".to_owned(),
        empty: dir == Dir::Nothing,
        journal: matches!(
            dir,
            Dir::Join { journal: true, .. } | Dir::Nascent { .. } | Dir::Ready { .. } | Dir::Founding { .. }
        ),
        nascent: matches!(dir, Dir::Nascent { .. } | Dir::Founding { .. }),
        ready: matches!(dir, Dir::Ready { .. }),
        // Asked for only where a record names another host: nobody moves here.
        name: None,
        host: None,
        cluster: dir.cluster().map(id_text),
    }
}

fn copy(part: Part, host: &Host, rec: Option<Rec>) -> RecordCopy {
    let Some(rec) = rec else {
        return RecordCopy::Missing;
    };
    RecordCopy::Present(Record {
        engine: engine(),
        component: component(part),
        role: part.role().name().to_owned(),
        host: host.clone(),
        ports: std::collections::BTreeMap::new(),
        cluster_id: rec.cluster.map(id_text),
        members: rec
            .members
            .iter()
            .map(|who| MemberSeen {
                host: self::host(who),
                edit_log_port: 9010,
                query_port: 9030,
                http_port: 8030,
            })
            .collect(),
        progress: match rec.got {
            Got::Planned => Progress::Planned,
            Got::Added => Progress::Added,
            Got::Started => Progress::Started,
            Got::Joined => Progress::Joined,
            Got::Founding => Progress::Founding,
            Got::Dropped => Progress::Dropped,
        },
        first_steps: None,
        lost: rec.lost,
    })
}

const fn kind(data: &Data) -> Kind {
    match data {
        Data::Empty { .. } => Kind::Empty,
        Data::Joined { .. } => Kind::Joined,
        Data::Adopted { .. } => Kind::Adopted,
        Data::Unfinished { .. } => Kind::Unfinished,
        Data::UnfinishedFounding => Kind::UnfinishedFounding,
        Data::Dropped { .. } => Kind::Dropped,
        Data::Unproven { .. } => Kind::Unproven,
        Data::Moved(_) => Kind::Moved,
    }
}

fn answers(parts: &[Part; MOST], said: &[Said; MOST]) -> Vec<Answer> {
    let answer = |(who, said): (usize, &Said)| {
        let said = match said {
            Said::NotAsked => return None,
            Said::Nothing => Err(Failure::Refused),
            Said::NoLeader => Err(Failure::NoLeader("forward failed".to_owned())),
            Said::Late => Err(Failure::Deadline(3)),
            Said::Lists(view) => Ok(frontends(parts, view)),
        };
        Some(Answer {
            from: host(u8::try_from(who).unwrap_or_default()),
            port: 9030,
            said,
        })
    };
    said.iter().enumerate().filter_map(answer).collect()
}

fn frontends(parts: &[Part; MOST], view: &View) -> Vec<Frontend> {
    let row = |who: Who| Frontend {
        name: address(who),
        host: address(who),
        edit_log_port: 9010,
        http_port: 8030,
        query_port: 9030,
        rpc_port: 9020,
        role: if view.leader == Some(who) {
            FrontendRole::Leader
        } else if parts[usize::from(who)].votes() {
            FrontendRole::Follower
        } else {
            FrontendRole::Observer
        },
        cluster_id: id_text(view.cluster),
        join: view.joined.has(who),
        alive: view.alive.has(who),
        last_heartbeat: Some(if view.missed.has(who) {
            "2026-03-01 00:00:10".to_owned()
        } else {
            "2026-03-01 00:00:15".to_owned()
        }),
        error: String::new(),
        journal: None,
        version: None,
    };
    view.registered.only(fes(parts)).iter().map(row).collect()
}

fn backends(parts: &[Part; MOST], view: &View) -> Vec<Backend> {
    let backend = |who: Who| parts[usize::from(who)] == Part::Backend;
    view.registered
        .iter()
        .filter(|who| backend(*who))
        .map(|who| Backend {
            component: Some(Component::Be),
            host: address(who),
            port: 9050,
            alive: view.alive.has(who),
            ..Backend::default()
        })
        .collect()
}

/// The list a belief rests on.
fn view_of(belief: &Belief, said: &[Said; MOST]) -> Option<View> {
    let Belief::Leader(cluster) = belief else {
        return None;
    };
    match said[usize::from(who_of(&cluster.from.host.to_string()))] {
        Said::Lists(view) => Some(view),
        Said::NotAsked | Said::Nothing | Said::NoLeader | Said::Late => None,
    }
}

fn fes(parts: &[Part; MOST]) -> Set {
    let fe = |who: &Who| parts[usize::from(*who)] != Part::Backend;
    (0..4).filter(fe).fold(Set::NONE, Set::with)
}

fn engine() -> &'static Engine {
    #[expect(clippy::unwrap_used, reason = "it is in the table")]
    Engine::by_id("starrocks").unwrap()
}

fn heartbeat() -> std::time::Duration {
    engine().heartbeat
}

fn address(who: Who) -> String {
    format!("10.0.0.{}", who + 1)
}

fn host(who: Who) -> Host {
    #[expect(clippy::unwrap_used, reason = "an address")]
    Host::parse(&address(who)).unwrap()
}

fn who_of(host: &str) -> Who {
    let number = host.rsplit('.').next().and_then(|last| last.parse::<u8>().ok());
    number.unwrap_or(u8::MAX) - 1
}

fn id_text(id: Id) -> String {
    format!("7{id}")
}

fn id_of(text: &str) -> Id {
    text.strip_prefix('7')
        .and_then(|id| id.parse().ok())
        .unwrap_or(u8::MAX)
}
