//! One model: who there is, what may happen to them, and by which rules they act. The moves of a history, and the
//! checker's view of them.

use stateright::{Model, Property};

use crate::promise::Promise;
use crate::rules::Rules;
use crate::sight::Part;
use crate::world::{Cluster, Dir, Engine, Got, Host, Id, Launch, MOST, Phase, Rec, Run, Set, Who, World};

/// The name of the example for what is assumed.
pub const FORGOTTEN: &str = "a seed that lost everything is called by nobody for a guard";

/// A small cluster and what may happen to it.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    pub rules: Rules,
    pub parts: [Part; MOST],
    pub count: u8,
    /// Hosts of `MASTER_HOST`.
    pub named: Set,
    /// Nodes that are told to join again if they were dropped.
    pub rejoin: bool,
    pub begin: Begin,
    pub disturbances: u8,
    pub may: Kinds,
    /// The cluster of data that does not belong here.
    pub foreign: Option<Id>,
    /// Hosts 1 and 2 are alike, and a history with both exchanged is the same history.
    pub alike: bool,
}

/// What every host has at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Nothing anywhere.
    Cold,
    /// All but the hosts of the set are members, up and alive.
    Formed { without: Set },
    /// The same, and everything was switched off.
    PowerCut,
    /// The same as formed, and the last host is cut off and does not have what the leader has acknowledged since.
    Lagging,
    /// Host 1 has the data of another cluster, and no record.
    Foreign,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "kinds of disturbance, each on its own"
)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Kinds {
    pub crash: bool,
    pub wipe: bool,
    pub forget: bool,
    pub cut: bool,
    pub slow: bool,
    pub drop: bool,
    pub bare: bool,
    pub shut: bool,
    pub write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// muster is started there.
    Start(Who),
    /// Its next step, before or beside the engine.
    Muster(Who),
    /// The engine's next step.
    Engine(Who),
    Elect(Id, Who),
    /// A leader that cannot write, or that somebody else has replaced, ends.
    GivesUp(Who),
    Beat,
    // What disturbs: each is counted.
    Crash(Who),
    WipeData(Who),
    WipeState(Who),
    WipeBoth(Who),
    /// Both copies of the record are gone, the data is not.
    Forget(Who),
    Cut(Who),
    SlowBeat,
    /// A person drops a member.
    Drop(Id, Who),
    /// A person starts the engine by hand, without muster and without a helper, and stops it again.
    ByHand(Who),
    /// Its MySQL port refuses.
    Shut(Who),
    /// Somebody writes, and the leader acknowledges it.
    Write(Id),
    // What ends it: these are not.
    Heal,
    Open(Who),
}

impl Ground {
    pub fn part(&self, who: Who) -> Part {
        self.parts[usize::from(who)]
    }

    pub fn electable(&self) -> Set {
        (0..self.count)
            .filter(|who| self.part(*who).votes())
            .fold(Set::NONE, Set::with)
    }

    pub fn backends(&self) -> Set {
        (0..self.count)
            .filter(|who| self.part(*who) == Part::Backend)
            .fold(Set::NONE, Set::with)
    }

    pub fn fes(&self) -> Set {
        (0..self.count)
            .filter(|who| self.part(*who) != Part::Backend)
            .fold(Set::NONE, Set::with)
    }

    /// Whether the process of this host is one that a person could wipe under: nothing runs.
    fn off(world: &World, who: Who) -> bool {
        matches!(world.host(who).run, Run::Down | Run::Refused(_))
    }

    pub fn after(&self, world: &World, next: Move) -> Option<World> {
        let mut after = *world;
        let world = &mut after;
        match next {
            Move::Start(who) => world.start(who),
            Move::Muster(who) => self.muster_step(world, who),
            Move::Engine(who) => {
                world.engine_step(who, self.part(who) == Part::Backend, self.electable());
            }
            Move::Elect(id, who) => world.elect(id, who),
            Move::GivesUp(who) => world.end(who, Run::Down),
            Move::Beat => world.beat(self.count, self.backends(), self.electable(), false),
            Move::Heal => world.cut = None,
            Move::Open(who) => world.shut = world.shut.without(who),
            disturbance => {
                world.left -= 1;
                self.disturb(world, disturbance);
            }
        }
        world.tidy();
        if self.alike {
            let other = world.swapped(1, 2);
            if other < after {
                after = other;
            }
        }
        Some(after)
    }

    fn disturb(&self, world: &mut World, disturbance: Move) {
        match disturbance {
            Move::Crash(who) => world.end(who, Run::Down),
            Move::WipeData(who) => {
                let host = world.host_mut(who);
                (host.dir, host.data) = (Dir::Nothing, None);
            }
            Move::WipeState(who) => world.host_mut(who).state = None,
            Move::WipeBoth(who) => {
                let host = world.host_mut(who);
                (host.dir, host.data, host.state) = (Dir::Nothing, None, None);
                // A host that has nothing is a new one.
                world.dropped = world.dropped.without(who);
            }
            Move::Forget(who) => {
                let host = world.host_mut(who);
                (host.data, host.state) = (None, None);
            }
            Move::Cut(who) => world.cut = Some(who),
            Move::SlowBeat => world.beat(self.count, self.backends(), self.electable(), true),
            Move::Drop(id, who) => {
                world.dropped = world.dropped.with(who);
                world.drop_member(id, who);
            }
            Move::ByHand(who) => {
                if let Dir::Join { cluster, .. } = world.host(who).dir {
                    world.host_mut(who).dir = Dir::Nascent { cluster };
                }
            }
            Move::Shut(who) => world.shut = world.shut.with(who),
            Move::Write(id) => {
                world.copies = world.acknowledges(id, self.electable()).unwrap_or(Set::NONE);
            }
            Move::Start(_)
            | Move::Muster(_)
            | Move::Engine(_)
            | Move::Elect(..)
            | Move::GivesUp(_)
            | Move::Beat
            | Move::Heal
            | Move::Open(_) => {}
        }
    }

    /// Whether a heartbeat may come now: a round of looking around, and a look beside the engine, are shorter than the time
    /// between two.
    pub fn may_beat(&self, world: &World) -> bool {
        (0..self.count).all(|who| match world.host(who).run {
            Run::Looking(look) => look.looked,
            Run::Engine(engine) => engine.settled || engine.looked,
            // A file is written sooner than that; an ADD may hang.
            Run::Writing(..) | Run::Marking(..) => false,
            Run::Down | Run::Refused(_) | Run::Adding(..) | Run::Checking(..) => true,
        })
    }

    fn disturbances(&self, world: &World, moves: &mut Vec<Move>) {
        let may = self.may;
        for who in 0..self.count {
            let host = world.host(who);
            if !Self::off(world, who) {
                if may.crash {
                    moves.push(Move::Crash(who));
                }
                let serves = world
                    .engine(who)
                    .is_some_and(|engine| engine.phase == Phase::Serving);
                if may.shut && serves && !world.shut.has(who) {
                    moves.push(Move::Shut(who));
                }
                continue;
            }
            let (data, state) = (
                host.dir != Dir::Nothing || host.data.is_some(),
                host.state.is_some(),
            );
            if may.wipe && data {
                moves.push(Move::WipeData(who));
            }
            if may.wipe && state {
                moves.push(Move::WipeState(who));
            }
            if may.wipe && data && state {
                moves.push(Move::WipeBoth(who));
            }
            if may.forget && host.data.is_some() && host.dir != Dir::Nothing {
                moves.push(Move::Forget(who));
            }
            if may.bare && matches!(host.dir, Dir::Join { .. }) {
                moves.push(Move::ByHand(who));
            }
        }
        if may.cut && world.cut.is_none() {
            moves.extend((0..self.count).map(Move::Cut));
        }
        if may.slow && self.may_beat(world) {
            moves.push(Move::SlowBeat);
        }
        if may.write && world.copies.is_empty() && world.acknowledges(0, self.electable()).is_some() {
            moves.push(Move::Write(0));
        }
        if may.drop {
            for id in 0..world.founded {
                let Some(leader) = world.quorum_leader(id, self.electable()) else {
                    continue;
                };
                let members = world.cluster(id).registered.without(leader);
                moves.extend(members.iter().map(|who| Move::Drop(id, who)));
            }
        }
    }

    /// The same cluster, its hosts up, alive and recorded as members.
    fn formed(&self, members: Set) -> World {
        let mut world = self.cold();
        let fes = members.only(self.fes());
        world.founded = 1;
        world.clusters[0] = Cluster {
            registered: members,
            joined: fes,
            names: [1; MOST],
            leader: Some(0),
            alive: members,
            missed: Set::NONE,
            pending: Set::NONE,
        };
        for who in members.iter() {
            let rec = Some(Rec {
                got: Got::Joined,
                cluster: Some(0),
                members: fes,
                lost: false,
            });
            *world.host_mut(who) = Host {
                dir: Dir::Ready { cluster: 0, name: 1 },
                data: rec,
                state: rec,
                run: Run::Engine(Engine {
                    launch: Launch {
                        helper: None,
                        found: false,
                        founding: false,
                        member: false,
                    },
                    phase: Phase::Serving,
                    settled: true,
                    looked: false,
                    known: fes,
                    missed: None,
                    stale: None,
                }),
            };
        }
        world
    }

    fn cold(&self) -> World {
        World {
            hosts: [Host {
                dir: Dir::Nothing,
                data: None,
                state: None,
                run: Run::Down,
            }; MOST],
            clusters: [Cluster::default(); MOST],
            founded: 0,
            cut: None,
            shut: Set::NONE,
            dropped: Set::NONE,
            copies: Set::NONE,
            unled: Set::NONE,
            left: self.disturbances,
            broken: 0,
            excused: false,
        }
    }

    fn everybody(&self) -> Set {
        (0..self.count).fold(Set::NONE, Set::with)
    }

    pub fn first(&self) -> World {
        match self.begin {
            Begin::Cold => self.cold(),
            Begin::Formed { without } => {
                let members = (0..self.count).filter(|who| !without.has(*who));
                self.formed(members.fold(Set::NONE, Set::with))
            }
            Begin::Lagging => {
                let mut world = self.formed(self.everybody());
                world.cut = Some(self.count - 1);
                self.disturb(&mut world, Move::Write(0));
                world
            }
            Begin::PowerCut => {
                let mut world = self.formed(self.everybody());
                for who in 0..self.count {
                    world.end(who, Run::Down);
                }
                world
            }
            Begin::Foreign => {
                let mut world = self.formed(self.everybody().without(1));
                world.founded = 2;
                world.host_mut(1).dir = Dir::Ready { cluster: 1, name: 1 };
                world
            }
        }
    }
}

impl Model for Ground {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![self.first()]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        if world.broken != 0 || world.excused {
            return;
        }
        for who in 0..self.count {
            match world.host(who).run {
                Run::Down | Run::Refused(_) => moves.push(Move::Start(who)),
                Run::Engine(engine) => {
                    moves.push(Move::Engine(who));
                    if !engine.settled {
                        moves.push(Move::Muster(who));
                    }
                }
                Run::Looking(_)
                | Run::Adding(..)
                | Run::Checking(..)
                | Run::Writing(..)
                | Run::Marking(..) => {
                    moves.push(Move::Muster(who));
                }
            }
            let electable = self.electable();
            for id in 0..world.founded {
                if world.electable_now(id, who, electable) {
                    moves.push(Move::Elect(id, who));
                }
                let weak =
                    world.cluster(id).leader == Some(who) && world.quorum_leader(id, electable).is_none();
                if weak {
                    moves.push(Move::GivesUp(who));
                }
            }
            if world.engine(who).is_some_and(|engine| engine.stale.is_some()) {
                moves.push(Move::GivesUp(who));
            }
            if world.shut.has(who) {
                moves.push(Move::Open(who));
            }
        }
        if self.may_beat(world) {
            moves.push(Move::Beat);
        }
        if world.cut.is_some() {
            moves.push(Move::Heal);
        }
        if world.left > 0 {
            self.disturbances(world, moves);
        }
    }

    fn next_state(&self, world: &World, next: Move) -> Option<World> {
        self.after(world, next).filter(|after| after != world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! promises {
            ($($promise:ident),*) => {
                vec![
                    $(Property::<Self>::always(Promise::$promise.name(), |_, world: &World| {
                        world.keeps(Promise::$promise)
                    }),)*
                    Property::<Self>::always(crate::settle::SETTLES, crate::settle::settles),
                    // Not a promise: that it is found shows what is assumed.
                    Property::<Self>::sometimes(FORGOTTEN, |_, world: &World| world.excused),
                ]
            };
        }
        promises![
            NoFoundingBesideALeader,
            NoSecondCluster,
            NoFoundingAgainstAWitness,
            NeverItsOwnHelper,
            NoHelperOnPoisonedData,
            NoHelperOnForeignData,
            NoLeaderKilled,
            NoForeignDataStarted,
            NoUnfinishedJoinAlone,
            NoAddWithoutMajority,
            NoAddOfTheListed,
            NoAddStorm,
            TheDroppedStayAway,
            NothingGoodSetAside,
            NoWriteLost,
            NoDroppedVoterStarted
        ]
    }
}
