//! What the engines do, as it was observed on real ones: elections, lists, ADD, and every window of a start. Where the
//! two engines differ it is the worse of both.

use crate::ground::Ground;
use crate::promise::Promise;
use crate::world::{Cluster, Dir, Engine, Id, Phase, Run, Set, View, Who, World};

impl World {
    /// Hosts whose engine counts as a vote in the group of this cluster.
    fn votes(&self, id: Id, electable: Set) -> Set {
        let cluster = self.cluster(id);
        let mut votes = Set::NONE;
        for who in cluster.joined.only(electable).iter() {
            let takes_part = self.engine(who).is_some_and(|engine| {
                matches!(
                    engine.phase,
                    Phase::Joining | Phase::Entered | Phase::Waiting | Phase::Serving
                )
            });
            if takes_part && self.belongs(who, id) {
                votes = votes.with(who);
            }
        }
        votes
    }

    /// Whether the data of this host is that of its present registration.
    fn belongs(&self, who: Who, id: Id) -> bool {
        let name = self.cluster(id).names[usize::from(who)];
        match self.host(who).dir {
            Dir::Join {
                cluster,
                journal: true,
                name: own,
            }
            | Dir::Ready { cluster, name: own } => cluster == id && own == name,
            Dir::Founding {
                cluster,
                written: true,
            } => cluster == id,
            Dir::Nothing | Dir::Join { .. } | Dir::Founding { .. } | Dir::Nascent { .. } => false,
        }
    }

    /// The votes that reach this host.
    fn heard(&self, id: Id, who: Who, electable: Set) -> Set {
        let votes = self.votes(id, electable);
        votes
            .iter()
            .filter(|other| self.connected(who, *other))
            .fold(Set::NONE, Set::with)
    }

    fn is_majority(&self, id: Id, votes: Set, electable: Set) -> bool {
        votes.count() * 2 > self.cluster(id).joined.only(electable).count()
    }

    /// Whether this host could lead with those it can hear.
    fn has_majority(&self, id: Id, who: Who, electable: Set) -> bool {
        self.is_majority(id, self.heard(id, who, electable), electable)
    }

    /// Whether a leader of this cluster has acknowledged what this host does not have, and somebody has.
    fn lags(&self, id: Id, who: Who) -> bool {
        id == 0 && !self.copies.is_empty() && !self.copies.has(who)
    }

    /// Whether a majority votes for this host: nobody votes for one whose log is shorter than its own, and an empty log is
    /// a vote like any other (observed).
    fn may_win(&self, id: Id, who: Who, electable: Set) -> bool {
        let heard = self.heard(id, who, electable);
        if !self.lags(id, who) {
            return self.is_majority(id, heard, electable);
        }
        let behind = heard.but(self.copies);
        let in_any_case = self.is_majority(id, behind.but(self.unled), electable);
        self.is_majority(id, behind, electable) && !Ground::may_be_copying(in_any_case)
    }

    /// What a leader has acknowledged, and what it has not, is what whoever follows it has: those behind catch up, and
    /// those ahead roll back (observed).
    fn replay(&mut self, id: Id, who: Who) {
        if id == 0
            && let Some(leader) = self.cluster(id).leader
        {
            self.copies = if self.copies.has(leader) {
                self.copies.with(who)
            } else {
                self.copies.without(who)
            };
        }
    }

    /// The hosts that would hold what the leader writes now, if that is a majority: then it is acknowledged.
    pub fn acknowledges(&self, id: Id, electable: Set) -> Option<Set> {
        let leader = self.cluster(id).leader?;
        let serves = |who: &Who| {
            self.engine(*who)
                .is_some_and(|engine| engine.phase == Phase::Serving)
        };
        let heard = self.heard(id, leader, electable);
        let copies = heard.iter().filter(serves).fold(Set::NONE, Set::with);
        (copies.has(leader) && self.is_majority(id, copies, electable)).then_some(copies)
    }

    /// The leader that can write.
    pub fn quorum_leader(&self, id: Id, electable: Set) -> Option<Who> {
        let leader = self.cluster(id).leader?;
        self.has_majority(id, leader, electable).then_some(leader)
    }

    /// Whether `who` may be elected now.
    pub fn electable_now(&self, id: Id, who: Who, electable: Set) -> bool {
        if self.quorum_leader(id, electable).is_some() || self.cluster(id).leader == Some(who) {
            return false;
        }
        let whole = matches!(
            self.host(who).dir,
            Dir::Ready { .. } | Dir::Founding { written: true, .. }
        );
        let up = self
            .engine(who)
            .is_some_and(|engine| matches!(engine.phase, Phase::Waiting | Phase::Serving));
        whole && up && self.votes(id, electable).has(who) && self.may_win(id, who, electable)
    }

    pub fn elect(&mut self, id: Id, who: Who) {
        if self.lags(id, who) {
            self.broke(Promise::NoWriteLost);
        }
        let view = self.own_view(id, self.cluster(id).leader);
        if let Some(former) = self.cluster(id).leader
            && let Some(engine) = self.engine_mut(former)
        {
            engine.stale = Some(view);
        }
        let cluster = self.cluster_mut(id);
        cluster.leader = Some(who);
        cluster.pending = Set::NONE;
        cluster.missed = Set::NONE;
        // It lists itself alive.
        cluster.alive = cluster.alive.with(who);
        if let Some(engine) = self.engine_mut(who) {
            engine.stale = None;
        }
    }

    fn own_view(&self, id: Id, leader: Option<Who>) -> View {
        let cluster = self.cluster(id);
        View {
            cluster: id,
            leader,
            registered: cluster.registered.and(cluster.pending),
            joined: cluster.joined,
            alive: cluster.alive,
            missed: cluster.missed,
        }
    }

    /// What the FE `at` shows when it is asked from anywhere: its own list if it leads, or what the leader it follows
    /// told it. `None`: it knows no leader.
    pub fn shows(&self, at: Who) -> Option<View> {
        let id = self.host(at).dir.cluster()?;
        let engine = self.engine(at)?;
        let view = if let Some(stale) = engine.stale {
            stale
        } else {
            let leader = self.cluster(id).leader?;
            let answers = self
                .engine(leader)
                .is_some_and(|engine| engine.phase == Phase::Serving);
            if !answers || !self.connected(at, leader) {
                return None;
            }
            self.own_view(id, Some(leader))
        };
        Some(self.falsified(at, view))
    }

    /// While an impostor runs every FE of the cluster shows it as the only leader.
    fn falsified(&self, at: Who, view: View) -> View {
        let impostor = view.registered.iter().find(|who| {
            self.connected(at, *who)
                && self.host(*who).dir
                    == (Dir::Nascent {
                        cluster: view.cluster,
                    })
                && self
                    .engine(*who)
                    .is_some_and(|engine| engine.phase == Phase::Impostor)
        });
        match impostor {
            Some(who) => View {
                leader: Some(who),
                joined: Set::of(who),
                alive: view.alive.with(who),
                ..view
            },
            None => view,
        }
    }

    /// ADD arrives at an FE that was believed to lead this cluster.
    pub fn add(&mut self, at: Who, from: Who, id: Id, electable: Set) {
        let serving = self
            .engine(at)
            .is_some_and(|engine| engine.phase == Phase::Serving);
        if !serving || !self.connected(at, from) || self.host(at).dir.cluster() != Some(id) {
            return;
        }
        if let Some(stale) = self.engine_mut(at).and_then(|engine| engine.stale.as_mut()) {
            // Observed: the statement hangs, and its row is shown by this FE all the same.
            stale.registered = stale.registered.with(from);
            return;
        }
        let leads = self.cluster(id).leader;
        let Some(leader) = leads.filter(|leader| self.connected(at, *leader)) else {
            return;
        };
        let quorum = self.has_majority(id, leader, electable);
        let cluster = self.cluster_mut(id);
        if !quorum {
            cluster.pending = cluster.pending.with(from);
        } else if !cluster.registered.has(from) {
            cluster.registered = cluster.registered.with(from);
            cluster.names[usize::from(from)] += 1;
        }
    }

    /// What a leader without a quorum had accepted is written as soon as it has one again.
    fn write_pending(&mut self, electable: Set) {
        for id in 0..self.founded {
            if self.quorum_leader(id, electable).is_none() {
                continue;
            }
            let Cluster {
                pending, registered, ..
            } = *self.cluster(id);
            for who in pending.iter().filter(|who| !registered.has(*who)) {
                let cluster = self.cluster_mut(id);
                cluster.registered = cluster.registered.with(who);
                cluster.names[usize::from(who)] += 1;
            }
            self.cluster_mut(id).pending = Set::NONE;
        }
    }

    /// A person drops a member at the leader.
    pub fn drop_member(&mut self, id: Id, who: Who) {
        let cluster = self.cluster_mut(id);
        cluster.registered = cluster.registered.without(who);
        cluster.joined = cluster.joined.without(who);
        cluster.alive = cluster.alive.without(who);
        cluster.missed = cluster.missed.without(who);
        cluster.pending = cluster.pending.without(who);
        if let Some(engine) = self.engine_mut(who) {
            // It neither ends nor serves.
            engine.phase = Phase::Stuck;
        }
    }

    /// One heartbeat interval: every leader calls everyone it lists, and every guard runs on. `slow`: the calls do
    /// not come in this one.
    pub fn beat(&mut self, hosts: u8, backends: Set, electable: Set, slow: bool) {
        self.write_pending(electable);
        for id in 0..self.founded {
            if slow {
                break;
            }
            if let Some(leader) = self.cluster(id).leader {
                let Cluster {
                    registered,
                    alive,
                    missed,
                    ..
                } = *self.cluster(id);
                if self.calls(leader, id, registered, backends) {
                    let (alive, missed) = self.pulse(leader, id, registered, alive, missed, backends);
                    let cluster = self.cluster_mut(id);
                    (cluster.alive, cluster.missed) = (alive, missed);
                }
            }
        }
        for who in (0..hosts).filter(|_| !slow) {
            if let Some(view) = self.engine(who).and_then(|engine| engine.stale)
                && self.calls(who, view.cluster, view.registered, backends)
            {
                let (alive, missed) = self.pulse(
                    who,
                    view.cluster,
                    view.registered,
                    view.alive,
                    view.missed,
                    backends,
                );
                if let Some(stale) = self.engine_mut(who).and_then(|engine| engine.stale.as_mut()) {
                    (stale.alive, stale.missed) = (alive, missed);
                }
            }
        }
        self.ask_for_votes(hosts, electable);
        // Of a leader that was replaced no majority answers the heartbeats: it is gone before that.
        let lives: Set = (0..self.founded)
            .filter(|_| !slow)
            .filter_map(|id| self.quorum_leader(id, electable))
            .fold(Set::NONE, Set::with);
        for host in &mut self.hosts {
            match &mut host.run {
                Run::Looking(look) => {
                    look.looked = false;
                    if look.ear {
                        look.guard = (look.guard + 1).min(2);
                    }
                }
                Run::Engine(engine) => {
                    engine.looked = false;
                    if let Some((leader, goes_on)) = &mut engine.missed {
                        *goes_on |= lives.has(*leader);
                    }
                }
                _ => {}
            }
        }
    }

    /// A voter without a leader asks all voters of its group, whether there is an engine or not.
    fn ask_for_votes(&mut self, hosts: u8, electable: Set) {
        for id in 0..self.founded {
            let votes = self.votes(id, electable);
            let asked = self.cluster(id).joined.only(electable);
            for who in votes.iter() {
                if self.hears_leader(id, who, electable) || self.cluster(id).leader == Some(who) {
                    continue;
                }
                for other in asked.iter().filter(|other| *other < hosts) {
                    if !self.connected(who, other) {
                        continue;
                    }
                    if let Run::Looking(look) = &mut self.host_mut(other).run
                        && look.election
                    {
                        look.votes = look.votes.with(who);
                    }
                }
            }
        }
    }

    /// The leader names itself to whoever waits with an open ear, and a BE learns its cluster; whether it calls.
    fn calls(&mut self, leader: Who, id: Id, registered: Set, backends: Set) -> bool {
        if self
            .engine(leader)
            .is_none_or(|engine| engine.phase != Phase::Serving)
        {
            return false;
        }
        for who in registered.iter().filter(|who| *who != leader) {
            if !self.connected(leader, who) {
                continue;
            }
            let host = self.host_mut(who);
            match &mut host.run {
                Run::Looking(look) if look.ear => look.heard = look.heard.with(leader),
                Run::Engine(engine) | Run::Marking(_, engine)
                    if backends.has(who) && engine.phase == Phase::Serving && host.dir == Dir::Nothing =>
                {
                    host.dir = Dir::Ready { cluster: id, name: 1 };
                }
                _ => {}
            }
        }
        true
    }

    /// Alive lags: one missed round is forgiven.
    fn pulse(
        &self,
        leader: Who,
        id: Id,
        registered: Set,
        mut alive: Set,
        mut missed: Set,
        backends: Set,
    ) -> (Set, Set) {
        for who in registered.iter() {
            let up = self
                .engine(who)
                .is_some_and(|engine| engine.phase == Phase::Serving)
                && (if backends.has(who) {
                    self.host(who).dir.cluster() == Some(id)
                } else {
                    self.belongs(who, id)
                });
            if who == leader || up && self.connected(leader, who) {
                (alive, missed) = (alive.with(who), missed.without(who));
            } else if alive.has(who) && !missed.has(who) {
                missed = missed.with(who);
            } else {
                (alive, missed) = (alive.without(who), missed.without(who));
            }
        }
        (alive.only(registered), missed.only(registered))
    }

    /// The next thing the engine of this host does by itself; nothing if it waits.
    pub fn engine_step(&mut self, who: Who, backend: bool, electable: Set) {
        let Run::Engine(engine) = self.host(who).run else {
            return;
        };
        let dir = self.host(who).dir;
        if backend {
            if engine.phase == Phase::Begun {
                self.enter_phase(who, Phase::Serving);
            }
            return;
        }
        match engine.phase {
            Phase::Begun => self.begin(who, engine, electable),
            Phase::Founding => match dir {
                Dir::Founding {
                    cluster,
                    written: false,
                } => {
                    self.host_mut(who).dir = Dir::Founding {
                        cluster,
                        written: true,
                    };
                    *self.cluster_mut(cluster) = Cluster {
                        registered: Set::of(who),
                        joined: Set::of(who),
                        names: [0; crate::world::MOST],
                        leader: Some(who),
                        alive: Set::of(who),
                        ..Cluster::default()
                    };
                    self.enter_phase(who, Phase::Waiting);
                }
                _ => self.enter_phase(who, Phase::Stuck),
            },
            Phase::Joining => self.join(who, electable),
            Phase::Entered => {
                if let Dir::Join { cluster, name, .. } = dir
                    && self.hears_leader(cluster, who, electable)
                {
                    self.host_mut(who).dir = Dir::Ready { cluster, name };
                    self.replay(cluster, who);
                    self.enter_phase(who, Phase::Serving);
                }
            }
            Phase::Waiting => {
                let Some(id) = dir.cluster() else { return };
                if !self.cluster(id).registered.has(who) || !self.belongs(who, id) {
                    // HttpWitness by whoever it reaches: its registration is gone.
                    if self.hears_leader(id, who, electable) {
                        self.enter_phase(who, Phase::Stuck);
                    }
                } else if self.hears_leader(id, who, electable) {
                    let name = self.cluster(id).names[usize::from(who)];
                    self.host_mut(who).dir = Dir::Ready { cluster: id, name };
                    self.replay(id, who);
                    self.enter_phase(who, Phase::Serving);
                }
            }
            Phase::Serving => {
                if let Some(id) = dir.cluster()
                    && self.hears_leader(id, who, electable)
                {
                    self.replay(id, who);
                }
            }
            Phase::Stuck | Phase::Impostor => {}
        }
    }

    fn enter_phase(&mut self, who: Who, phase: Phase) {
        if let Some(engine) = self.engine_mut(who) {
            engine.phase = phase;
        }
    }

    fn hears_leader(&self, id: Id, who: Who, electable: Set) -> bool {
        self.quorum_leader(id, electable)
            .is_some_and(|leader| self.connected(who, leader))
    }

    fn begin(&mut self, who: Who, engine: Engine, electable: Set) {
        let helper = engine.launch.helper;
        match (self.host(who).dir, helper) {
            (Dir::Nothing, None) => {
                let cluster = self.founded;
                self.founded += 1;
                self.host_mut(who).dir = Dir::Founding {
                    cluster,
                    written: false,
                };
                self.enter_phase(who, Phase::Founding);
            }
            // It asks its helper for ever, until that one lists it.
            (Dir::Nothing, Some(helper)) => {
                let Some(cluster) = self.host(helper).dir.cluster() else {
                    return;
                };
                let serves = self
                    .engine(helper)
                    .is_some_and(|engine| engine.phase == Phase::Serving);
                if serves && self.connected(who, helper) && self.cluster(cluster).registered.has(who) {
                    self.host_mut(who).dir = Dir::Join {
                        cluster,
                        journal: false,
                        name: self.cluster(cluster).names[usize::from(who)],
                    };
                    self.enter_phase(who, Phase::Joining);
                }
            }
            // 255, with the words of a founding that was cut short: muster sets it aside and looks again.
            (Dir::Founding { written: false, .. }, None) => {
                if engine.launch.founding && !engine.settled {
                    let host = self.host_mut(who);
                    (host.dir, host.data) = (Dir::Nothing, None);
                    self.start(who);
                } else {
                    self.end(who, Run::Down);
                }
            }
            (Dir::Founding { written: true, .. } | Dir::Ready { .. }, None) => {
                self.enter_phase(who, Phase::Waiting);
            }
            (Dir::Join { cluster, .. }, None) => {
                self.broke(Promise::NoUnfinishedJoinAlone);
                self.host_mut(who).dir = Dir::Nascent { cluster };
                self.enter_phase(who, Phase::Impostor);
            }
            (Dir::Nascent { .. }, None) => {
                self.broke(Promise::NoUnfinishedJoinAlone);
                self.enter_phase(who, Phase::Impostor);
            }
            (Dir::Join { journal: true, .. }, Some(_)) => self.enter_phase(who, Phase::Joining),
            // The image was not there yet: it neither ends nor gets ready.
            (Dir::Join { journal: false, .. }, Some(_)) => self.enter_phase(who, Phase::Stuck),
            (Dir::Founding { .. } | Dir::Nascent { .. }, Some(helper)) => {
                self.broke(Promise::NoHelperOnPoisonedData);
                self.kill_leader_of(helper, who, electable);
            }
            (Dir::Ready { cluster, .. }, Some(helper)) => {
                let other = self.host(helper).dir.cluster();
                if other.is_some_and(|other| other != cluster) {
                    self.broke(Promise::NoHelperOnForeignData);
                    self.kill_leader_of(helper, who, electable);
                } else {
                    self.enter_phase(who, Phase::Waiting);
                }
            }
        }
    }

    /// Two members of one id in one group: the leader that hears of it ends.
    fn kill_leader_of(&mut self, helper: Who, who: Who, electable: Set) {
        self.enter_phase(who, Phase::Stuck);
        let Some(id) = self.host(helper).dir.cluster() else {
            return;
        };
        if let Some(leader) = self.quorum_leader(id, electable)
            && self.connected(who, leader)
        {
            self.broke(Promise::NoLeaderKilled);
            self.end(leader, Run::Down);
        }
    }

    fn join(&mut self, who: Who, electable: Set) {
        match self.host(who).dir {
            Dir::Join {
                cluster,
                journal: false,
                name,
            } => {
                self.host_mut(who).dir = Dir::Join {
                    cluster,
                    journal: true,
                    name,
                };
            }
            Dir::Join {
                cluster,
                journal: true,
                name,
            } if self.hears_leader(cluster, who, electable) => {
                let current = self.cluster(cluster).names[usize::from(who)];
                if !self.cluster(cluster).registered.has(who) || name != current {
                    // `is no longer a member of the group`: it ends, and these are no words of a cut-short join.
                    self.end(who, Run::Down);
                    return;
                }
                let joined = self.cluster(cluster).joined.with(who);
                self.cluster_mut(cluster).joined = joined;
                self.enter_phase(who, Phase::Entered);
            }
            _ => {}
        }
    }
}
