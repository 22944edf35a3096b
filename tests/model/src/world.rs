//! What there is in the model: disks, records, processes, clusters. Small and comparable; every history is one value.

use std::fmt;

/// A host, by its place in the list of hosts; 0 is the seed.
pub type Who = u8;

/// A cluster, by its place in the list of clusters.
pub type Id = u8;

/// The most hosts a model has.
pub const MOST: usize = 4;

/// Hosts, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Set(pub u8);

impl Set {
    pub const NONE: Self = Self(0);

    pub const fn of(who: Who) -> Self {
        Self(1 << who)
    }

    pub const fn has(self, who: Who) -> bool {
        self.0 & (1 << who) != 0
    }

    #[must_use]
    pub const fn with(self, who: Who) -> Self {
        Self(self.0 | 1 << who)
    }

    #[must_use]
    pub const fn without(self, who: Who) -> Self {
        Self(self.0 & !(1 << who))
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub const fn but(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub fn iter(self) -> impl Iterator<Item = Who> {
        (0..8).filter(move |who| self.has(*who))
    }

    fn swapped(self, one: Who, other: Who) -> Self {
        let mut set = self.without(one).without(other);
        if self.has(one) {
            set = set.with(other);
        }
        if self.has(other) {
            set = set.with(one);
        }
        set
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What the engine has left in its data dir. The windows are those in which real engines were killed and started again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Dir {
    Nothing,
    /// Of a founder, from the first byte in `image/` on. `written`: it could write, so that a bare start finishes it.
    Founding {
        cluster: Id,
        written: bool,
    },
    /// Of a joiner: ROLE and VERSION, then a journal. Not proved ready.
    Join {
        cluster: Id,
        journal: bool,
        name: u8,
    },
    /// It elected itself: the right cluster id, and a group of its own.
    Nascent {
        cluster: Id,
    },
    /// It was ready once, under this name. Of a BE: its storage has a cluster id.
    Ready {
        cluster: Id,
        name: u8,
    },
}

impl Dir {
    pub const fn cluster(self) -> Option<Id> {
        match self {
            Self::Nothing => None,
            Self::Founding { cluster, .. }
            | Self::Join { cluster, .. }
            | Self::Nascent { cluster }
            | Self::Ready { cluster, .. } => Some(cluster),
        }
    }

    /// Whether it can hold what its cluster has written.
    pub const fn has_log(self) -> bool {
        matches!(
            self,
            Self::Founding { written: true, .. } | Self::Join { journal: true, .. } | Self::Ready { .. }
        )
    }
}

/// How far a record says its node got.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Got {
    Planned,
    Added,
    Started,
    Joined,
    Founding,
    Dropped,
}

/// One copy of the record, as far as the rules read it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Rec {
    pub got: Got,
    pub cluster: Option<Id>,
    pub members: Set,
    /// A member's data was found gone, and it has not been joined again since.
    pub lost: bool,
}

/// What one host is and runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Host {
    pub dir: Dir,
    /// The record in the data dir.
    pub data: Option<Rec>,
    /// The record in the state dir.
    pub state: Option<Rec>,
    pub run: Run,
}

/// Where the one process of a host is: muster before the engine, and muster with the engine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Run {
    Down,
    /// It refused, with this exit code; nothing runs until somebody starts it again.
    Refused(u8),
    Looking(Look),
    /// `planned` is written; ADD has not arrived yet.
    Adding(Look, Who),
    /// ADD arrived or was lost; the second look comes next.
    Checking(Look, Who),
    /// The state copy of the record is written, the data copy is next, then the engine is started.
    Writing(Rec, Launch),
    Engine(Engine),
    /// Beside the engine: the state copy is written, the data copy is next.
    Marking(Rec, Engine),
}

/// What the loop of one entry knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Look {
    /// The state copy as it was when the facts were gathered: what is written since is not read again.
    pub before: Option<Rec>,
    /// Leaders that called since the ears are open.
    pub heard: Set,
    /// Engines that asked for this host's vote since.
    pub votes: Set,
    /// Members whose muster called since.
    pub voices: Set,
    /// Who had called when the round that is going on began: only these are asked.
    pub asked: Set,
    /// Heartbeats since somebody could have called; at 2 the guard is over.
    pub guard: u8,
    pub ear: bool,
    /// It listens where voters are asked, too: it may found.
    pub election: bool,
    /// A round has ended since the last heartbeat.
    pub looked: bool,
    /// Members a believed leader has shown.
    pub members: Set,
    pub cluster: Option<Id>,
    /// ADD statements sent.
    pub adds: u8,
}

/// How the engine is started.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Launch {
    pub helper: Option<Who>,
    pub found: bool,
    /// The words of a first start that was cut short have the data set aside.
    pub founding: bool,
    /// The data was a member's when it was started.
    pub member: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Engine {
    pub launch: Launch,
    pub phase: Phase,
    /// The watch beside it has seen it alive, and has ended.
    pub settled: bool,
    /// The watch has looked since the last heartbeat.
    pub looked: bool,
    /// Members the watch has asked and learned.
    pub known: Set,
    /// A believed leader that did not list this node, and whether its heartbeats have gone on since.
    pub missed: Option<(Who, bool)>,
    /// It led, and somebody else was elected: it goes on claiming, with the list it had.
    pub stale: Option<View>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Phase {
    Begun,
    Founding,
    Joining,
    /// In the group, not proved ready.
    Entered,
    /// Only the election port is open.
    Waiting,
    Serving,
    /// It runs and will never serve: dropped, or its data is of a group that is gone.
    Stuck,
    /// It leads a group of its own under the right cluster id.
    Impostor,
}

/// What one FE shows of its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct View {
    pub cluster: Id,
    pub leader: Option<Who>,
    pub registered: Set,
    pub joined: Set,
    pub alive: Set,
    /// Not heard from in the last round, and not given up yet.
    pub missed: Set,
}

/// What a majority of the voters has agreed upon, and who leads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Cluster {
    pub registered: Set,
    /// Members of the group: of the voters among them a majority is needed.
    pub joined: Set,
    /// Which registration of a host this is: data carries the one it joined under.
    pub names: [u8; MOST],
    pub leader: Option<Who>,
    pub alive: Set,
    pub missed: Set,
    /// Rows of a leader without a quorum: shown, not agreed upon.
    pub pending: Set,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct World {
    pub hosts: [Host; MOST],
    pub clusters: [Cluster; MOST],
    pub founded: u8,
    /// Cut off from all others.
    pub cut: Option<Who>,
    /// FEs whose MySQL port refuses although they serve.
    pub shut: Set,
    /// Members that a person dropped and did not tell to join again.
    pub dropped: Set,
    /// Hosts whose data holds the one write that a leader of the first cluster has acknowledged; none before it.
    pub copies: Set,
    /// Hosts whose engine was last started with a helper while nobody was believed to lead.
    pub unled: Set,
    /// Disturbances that may still come.
    pub left: u8,
    /// Promises that were broken on the way here.
    pub broken: u16,
    /// A second cluster was founded where nobody could have known of the first: see `assume.rs`.
    pub excused: bool,
}

impl World {
    pub fn host(&self, who: Who) -> &Host {
        &self.hosts[usize::from(who)]
    }

    pub fn host_mut(&mut self, who: Who) -> &mut Host {
        &mut self.hosts[usize::from(who)]
    }

    pub fn cluster(&self, id: Id) -> &Cluster {
        &self.clusters[usize::from(id)]
    }

    pub fn cluster_mut(&mut self, id: Id) -> &mut Cluster {
        &mut self.clusters[usize::from(id)]
    }

    pub fn connected(&self, one: Who, other: Who) -> bool {
        one == other || (self.cut != Some(one) && self.cut != Some(other))
    }

    pub fn engine(&self, who: Who) -> Option<&Engine> {
        match &self.host(who).run {
            Run::Engine(engine) | Run::Marking(_, engine) => Some(engine),
            Run::Down
            | Run::Refused(_)
            | Run::Looking(_)
            | Run::Adding(..)
            | Run::Checking(..)
            | Run::Writing(..) => None,
        }
    }

    pub fn engine_mut(&mut self, who: Who) -> Option<&mut Engine> {
        match &mut self.host_mut(who).run {
            Run::Engine(engine) | Run::Marking(_, engine) => Some(engine),
            Run::Down
            | Run::Refused(_)
            | Run::Looking(_)
            | Run::Adding(..)
            | Run::Checking(..)
            | Run::Writing(..) => None,
        }
    }

    /// The process is gone, whatever it was doing.
    pub fn end(&mut self, who: Who, run: Run) {
        self.host_mut(who).run = run;
        self.unled = self.unled.without(who);
        for cluster in &mut self.clusters {
            if cluster.leader == Some(who) {
                cluster.leader = None;
                cluster.pending = Set::NONE;
            }
        }
    }

    /// The same world with two hosts of the same kind exchanged.
    #[must_use]
    pub fn swapped(&self, one: Who, other: Who) -> Self {
        let mut world = *self;
        world.hosts.swap(usize::from(one), usize::from(other));
        let who = |who: Who| match who {
            who if who == one => other,
            who if who == other => one,
            who => who,
        };
        let set = |set: &mut Set| *set = set.swapped(one, other);
        let rec = |rec: &mut Option<Rec>| {
            if let Some(rec) = rec {
                rec.members = rec.members.swapped(one, other);
            }
        };
        let look = |look: &mut Look| {
            look.heard = look.heard.swapped(one, other);
            look.votes = look.votes.swapped(one, other);
            look.voices = look.voices.swapped(one, other);
            look.asked = look.asked.swapped(one, other);
            look.members = look.members.swapped(one, other);
            rec(&mut look.before);
        };
        let engine = |engine: &mut Engine| {
            engine.launch.helper = engine.launch.helper.map(who);
            engine.known = engine.known.swapped(one, other);
            engine.missed = engine.missed.map(|(leader, lives)| (who(leader), lives));
            if let Some(view) = &mut engine.stale {
                view.leader = view.leader.map(who);
                for set in [
                    &mut view.registered,
                    &mut view.joined,
                    &mut view.alive,
                    &mut view.missed,
                ] {
                    *set = set.swapped(one, other);
                }
            }
        };
        for host in &mut world.hosts {
            rec(&mut host.data);
            rec(&mut host.state);
            match &mut host.run {
                Run::Down | Run::Refused(_) => {}
                Run::Looking(it) => look(it),
                Run::Adding(it, at) | Run::Checking(it, at) => {
                    look(it);
                    *at = who(*at);
                }
                Run::Writing(written, launch) => {
                    written.members = written.members.swapped(one, other);
                    launch.helper = launch.helper.map(who);
                }
                Run::Engine(it) => engine(it),
                Run::Marking(written, it) => {
                    written.members = written.members.swapped(one, other);
                    engine(it);
                }
            }
        }
        for cluster in &mut world.clusters {
            set(&mut cluster.registered);
            set(&mut cluster.joined);
            set(&mut cluster.alive);
            set(&mut cluster.missed);
            set(&mut cluster.pending);
            cluster.leader = cluster.leader.map(who);
            cluster.names.swap(usize::from(one), usize::from(other));
        }
        world.cut = world.cut.map(who);
        set(&mut world.shut);
        set(&mut world.dropped);
        set(&mut world.copies);
        set(&mut world.unled);
        world
    }
}

impl World {
    /// Forgets what can make no difference any more, so that histories that differ in nothing else meet.
    pub fn tidy(&mut self) {
        for host in &mut self.hosts {
            if let Run::Engine(engine) | Run::Marking(_, engine) = &mut host.run {
                if engine.phase != Phase::Begun {
                    engine.launch = Launch {
                        helper: None,
                        found: false,
                        founding: false,
                        member: engine.launch.member && !engine.settled,
                    };
                }
                if engine.settled {
                    engine.looked = false;
                    engine.known = Set::NONE;
                    engine.missed = None;
                }
            }
        }
        for who in self.copies.iter() {
            if !self.host(who).dir.has_log() {
                self.copies = self.copies.without(who);
            }
        }
        if self.copies.is_empty() {
            self.unled = Set::NONE;
        }
        while self.founded > 0 && !self.remembers(self.founded - 1) {
            self.founded -= 1;
            *self.cluster_mut(self.founded) = Cluster::default();
        }
    }

    fn remembers(&self, id: Id) -> bool {
        let rec = |rec: &Option<Rec>| rec.is_some_and(|rec| rec.cluster == Some(id));
        self.hosts.iter().any(|host| {
            host.dir.cluster() == Some(id)
                || rec(&host.data)
                || rec(&host.state)
                || match &host.run {
                    Run::Looking(look) | Run::Adding(look, _) | Run::Checking(look, _) => {
                        look.cluster == Some(id) || rec(&look.before)
                    }
                    Run::Writing(written, _) | Run::Marking(written, _) => written.cluster == Some(id),
                    Run::Down | Run::Refused(_) | Run::Engine(_) => false,
                }
        })
    }
}
