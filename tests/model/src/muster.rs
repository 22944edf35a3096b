//! The loop around the decisions, one step of one node at a time; each step ends where a kill would leave something
//! else behind. It follows `effects/join_loop`, `effects/register`, `effects/watch` and `verbs/companion`.

use muster::plan::node::Asking;

use crate::ground::Ground;
use crate::promise::Promise;
use crate::sight::{self, Act, Kind, Missing, Outcome, Part, Said, Sight};
use crate::world::{Dir, Engine, Got, Launch, Look, MOST, Phase, Rec, Run, Set, View, Who, World};

impl World {
    /// muster is started: it gathers its facts.
    pub fn start(&mut self, who: Who) {
        let before = self.host(who).state;
        self.host_mut(who).run = Run::Looking(Look {
            before,
            ..Look::default()
        });
    }
}

impl Ground {
    /// The next step of this node's muster, before and beside the engine.
    pub fn muster_step(&self, world: &mut World, who: Who) {
        match world.host(who).run {
            Run::Down | Run::Refused(_) => {}
            Run::Looking(look) => self.round(world, who, look),
            Run::Adding(look, leader) => {
                if let Some(id) = look.cluster {
                    world.add(leader, who, id, self.electable());
                }
                world.host_mut(who).run = Run::Checking(look, leader);
            }
            Run::Checking(look, leader) => self.look_again(world, who, look, leader),
            Run::Writing(rec, launch) => {
                let host = world.host_mut(who);
                host.data = Some(rec);
                // The FEs it has looked at, and its own.
                let known = self.named.and(rec.members).with(who).only(self.fes());
                host.run = Run::Engine(Engine {
                    launch,
                    phase: Phase::Begun,
                    settled: false,
                    looked: false,
                    known,
                    missed: None,
                    stale: None,
                });
            }
            Run::Engine(engine) => self.watch(world, who, engine),
            Run::Marking(rec, engine) => {
                world.host_mut(who).data = Some(rec);
                let settled = Engine {
                    settled: true,
                    ..engine
                };
                world.host_mut(who).run = Run::Engine(settled);
            }
        }
    }

    /// One round of looking around ends, and what was decided begins.
    fn round(&self, world: &mut World, who: Who, mut look: Look) {
        let host = *world.host(who);
        let empty = self.sight(world, who, &look, [Said::NotAsked; MOST]);
        let need = match sight::need(&self.rules, &empty) {
            Ok(need) => need,
            Err(code) => {
                world.host_mut(who).run = Run::Refused(code);
                return;
            }
        };
        let said = if need.asking == Asking::Nobody {
            [Said::NotAsked; MOST]
        } else {
            let remembered = host.data.or(look.before).map_or(Set::NONE, |rec| rec.members);
            let mut known = self
                .named
                .and(remembered)
                .and(look.members)
                .and(look.asked)
                .only(self.fes());
            if self.part(who) != Part::Backend {
                known = known.without(who);
            }
            self.ask(world, who, known)
        };
        if need.asking == Asking::Until && !look.ear {
            look.ear = true;
            let known = host.data.or(look.before).is_some_and(|rec| match rec.got {
                Got::Founding => false,
                Got::Planned => rec.cluster.is_some(),
                Got::Added | Got::Started | Got::Joined | Got::Dropped => true,
            });
            look.election =
                self.part(who) == Part::Seed && matches!(need.kind, Kind::Empty | Kind::Unproven) && !known;
        }
        let sight = self.sight(world, who, &look, said);
        let outcome = sight::outcome(&self.rules, &self.parts, &sight);
        look.looked = true;
        look.asked = look.heard.and(look.votes).and(look.voices);
        if let Some(learned) = outcome.learned {
            look.members = learned;
        }
        world.host_mut(who).run = Run::Looking(look);
        if need.asking == Asking::Until && outcome.believed.is_none() {
            self.call_members(world, who, host.data.or(look.before), &said);
        }
        self.judge(world, who, &look, &sight, &outcome);
        let host = world.host_mut(who);
        match outcome.act {
            Act::Wait => {}
            Act::Refuse(code) => host.run = Run::Refused(code),
            Act::SetAside => {
                (host.dir, host.data) = (Dir::Nothing, None);
                if let Some(state) = &mut host.state
                    && state.got == Got::Started
                {
                    // It has not been started on the data that it gets now.
                    state.got = Got::Added;
                }
                if matches!(outcome.kind, Some(Kind::Dropped | Kind::Joined)) {
                    let rec = record(&look, &outcome, look.before, Got::Planned);
                    host.state = Some(rec);
                    world.dropped = world.dropped.without(who);
                }
                let host = world.host_mut(who);
                look.before = host.state;
                look.heard = Set::NONE;
                look.votes = Set::NONE;
                look.voices = Set::NONE;
                look.asked = Set::NONE;
                look.ear = false;
                look.election = false;
                host.run = Run::Looking(look);
            }
            Act::Register { leader, cluster } => {
                look.cluster = Some(cluster);
                look.adds += 1;
                host.state = Some(record(&look, &outcome, host.data.or(look.before), Got::Planned));
                host.run = Run::Adding(look, leader);
            }
            Act::Start => self.finish(world, who, &look, &outcome, None, false),
            Act::Found => self.finish(world, who, &look, &outcome, None, true),
            Act::Join { helper, cluster } => {
                look.cluster = Some(cluster);
                self.finish(world, who, &look, &outcome, Some(helper), false);
            }
        }
    }

    fn finish(
        &self,
        world: &mut World,
        who: Who,
        look: &Look,
        outcome: &Outcome,
        helper: Option<Who>,
        found: bool,
    ) {
        if helper.is_some() && outcome.believed.is_none() {
            world.unled = world.unled.with(who);
        }
        let host = world.host_mut(who);
        let before = host.data.or(look.before);
        let founding = matches!(outcome.kind, Some(Kind::UnfinishedFounding | Kind::Unproven));
        let got = match outcome.kind {
            _ if found || founding => Got::Founding,
            Some(Kind::Joined | Kind::Dropped) => before.map_or(Got::Started, |rec| rec.got),
            Some(Kind::Adopted) if self.part(who) != Part::Backend => Got::Planned,
            _ => Got::Started,
        };
        let rec = record(look, outcome, before, got);
        let launch = Launch {
            helper,
            found,
            founding: founding && helper.is_none(),
            member: outcome.was_member,
        };
        host.state = Some(rec);
        host.run = Run::Writing(rec, launch);
    }

    fn look_again(&self, world: &mut World, who: Who, look: Look, leader: Who) {
        let listed = match self.ask(world, who, Set::of(leader))[usize::from(leader)] {
            Said::Lists(view) => view.registered.has(who),
            Said::NotAsked | Said::Nothing | Said::NoLeader | Said::Late => false,
        };
        let host = world.host_mut(who);
        if listed && let Some(planned) = host.state {
            host.state = Some(Rec {
                got: Got::Added,
                ..planned
            });
        }
        host.run = Run::Looking(look);
    }

    /// One look of the watch beside the engine.
    fn watch(&self, world: &mut World, who: Who, mut engine: Engine) {
        if engine.settled {
            return;
        }
        engine.looked = true;
        let missed = engine.missed.take();
        world.host_mut(who).run = Run::Engine(engine);
        let said = self.ask(world, who, engine.known);
        let host = *world.host(who);
        let Some(rec) = host.data else { return };
        let Some(watched) = sight::watched(&self.rules, &self.parts, &said, rec.cluster) else {
            self.call_members(world, who, Some(rec), &said);
            return;
        };
        let view = watched.view;
        engine.known = engine.known.and(view.registered.only(self.fes()));
        let seen = |got| Rec {
            got,
            cluster: Some(view.cluster),
            members: view.registered.only(self.fes()),
            lost: false,
        };
        let missing = if view.registered.has(who) {
            Missing::ProvesNothing
        } else {
            watched.missed
        };
        let lives = missed == view.leader.map(|leader| (leader, true));
        if missing == Missing::Dropped && self.rules.waits_for_heartbeats && !lives {
            let before = missed.filter(|(leader, _)| view.leader == Some(*leader));
            engine.missed = before.or_else(|| view.leader.map(|leader| (leader, false)));
            world.host_mut(who).run = Run::Engine(engine);
            return;
        }
        let never_ran = !engine.launch.member && engine.phase != Phase::Serving;
        if missing == Missing::Dropped && never_ran && self.fes().has(who) {
            // The engine is stopped, and it enters anew.
            world.end(who, Run::Down);
            world.start(who);
        } else if missing == Missing::Dropped && !engine.launch.member && !self.fes().has(who) {
            // It is registered again, beside its engine.
            if let Some(leader) = view.leader {
                world.add(leader, who, view.cluster, self.electable());
            }
            // A BE never knew of the drop: it waits for heartbeats, and gets them again.
            engine.phase = Phase::Begun;
            world.host_mut(who).run = Run::Engine(engine);
        } else if missing == Missing::Foreign || (missing == Missing::Dropped && rec.got == Got::Planned) {
            // It is said, and nothing is written down.
            engine.settled = true;
            world.host_mut(who).run = Run::Engine(engine);
        } else if missing == Missing::Dropped {
            let rec = Rec {
                got: Got::Dropped,
                ..rec
            };
            let host = world.host_mut(who);
            host.state = Some(rec);
            host.run = Run::Marking(rec, engine);
        } else if view.alive.has(who)
            && view.joined.and(self.backends()).has(who)
            && engine.phase == Phase::Serving
        {
            let host = world.host_mut(who);
            host.state = Some(seen(Got::Joined));
            host.run = Run::Marking(seen(Got::Joined), engine);
        } else {
            world.host_mut(who).run = Run::Engine(engine);
        }
    }

    /// Lets the members hear of the cluster whose MySQL port refused, while nobody leads it.
    fn call_members(&self, world: &mut World, who: Who, rec: Option<Rec>, said: &[Said; MOST]) {
        let Some(rec) = rec.filter(|rec| {
            matches!(rec.got, Got::Added | Got::Started | Got::Joined) && rec.cluster.is_some()
        }) else {
            return;
        };
        for other in rec
            .members
            .without(who)
            .iter()
            .filter(|other| *other < self.count)
        {
            if said[usize::from(other)] == Said::Nothing
                && world.connected(who, other)
                && let Run::Looking(look) = &mut world.host_mut(other).run
                && look.ear
                && !self.backends().has(other)
            {
                look.voices = look.voices.with(who);
            }
        }
    }

    fn sight(&self, world: &World, who: Who, look: &Look, said: [Said; MOST]) -> Sight {
        let host = world.host(who);
        let up = |phases: &[Phase]| {
            let open = |other: &Who| {
                world.connected(who, *other)
                    && world
                        .engine(*other)
                        .is_some_and(|engine| phases.contains(&engine.phase))
            };
            (0..self.count).filter(open).fold(Set::NONE, Set::with)
        };
        let asked = self.named.and(look.asked).and(look.members).without(who);
        let http = up(&[Phase::Serving, Phase::Stuck]).only(asked).only(self.fes());
        Sight {
            me: who,
            role: self.part(who),
            dir: host.dir,
            data: host.data,
            state: look.before,
            rejoin: self.rejoin,
            said,
            heard: look.heard,
            asked: look.asked,
            votes: look.votes,
            voices: look.voices,
            http,
            http_lists: http
                .iter()
                .filter(|other| world.shows(*other).is_some_and(|view| view.registered.has(who)))
                .fold(Set::NONE, Set::with),
            voting: up(&[Phase::Joining, Phase::Entered, Phase::Waiting, Phase::Serving]).only(self.fes()),
            guard_over: look.guard >= 2,
            before_start: self.before_start(world, who, look),
        }
    }

    /// What a member is shown that looks at its group before it starts.
    fn before_start(&self, world: &World, who: Who, look: &Look) -> [Option<View>; MOST] {
        let host = world.host(who);
        let mut shown = [None; MOST];
        if !matches!(host.dir, Dir::Ready { .. }) {
            return shown;
        }
        let remembered = host.data.or(look.before).map_or(Set::NONE, |rec| rec.members);
        for other in self.named.and(remembered).only(self.fes()).without(who).iter() {
            let serves = world
                .engine(other)
                .is_some_and(|engine| engine.phase == Phase::Serving);
            if serves && world.connected(who, other) {
                shown[usize::from(other)] = world.shows(other);
            }
        }
        shown
    }

    /// Asks these for their members, over SQL.
    fn ask(&self, world: &World, who: Who, known: Set) -> [Said; MOST] {
        let mut said = [Said::NotAsked; MOST];
        for other in known.iter().filter(|other| *other < self.count) {
            let phase = world
                .engine(other)
                .filter(|_| world.connected(who, other))
                .map(|engine| engine.phase);
            said[usize::from(other)] = match phase {
                Some(Phase::Serving | Phase::Impostor) if world.shut.has(other) => Said::Nothing,
                Some(Phase::Serving | Phase::Impostor) => {
                    world.shows(other).map_or(Said::NoLeader, Said::Lists)
                }
                // It accepts and never greets.
                Some(Phase::Stuck) if world.host(other).dir != Dir::Nothing => Said::Late,
                _ => Said::Nothing,
            };
        }
        said
    }

    /// Holds the step to what is so.
    fn judge(&self, world: &mut World, who: Who, look: &Look, sight: &Sight, outcome: &Outcome) {
        let host = *world.host(who);
        match outcome.act {
            Act::Found => {
                let calling = look.heard.iter().any(|leader| {
                    (0..world.founded).any(|id| {
                        world.quorum_leader(id, self.electable()) == Some(leader)
                            && world.connected(who, leader)
                            && world.cluster(id).registered.has(who)
                    })
                });
                if calling {
                    world.broke(Promise::NoFoundingBesideALeader);
                }
                let binds = |rec: Option<Rec>| {
                    rec.is_some_and(|rec| rec.got != Got::Founding && rec.cluster.is_some())
                };
                let recorded = binds(host.state) || binds(host.data);
                if outcome.witnessed || recorded {
                    world.broke(Promise::NoFoundingAgainstAWitness);
                }
                if self.another_cluster(world, who) && !calling {
                    let called = !look.heard.and(look.votes).and(look.voices).is_empty();
                    if recorded || called || !Self::may_be_forgotten(look) {
                        world.broke(Promise::NoSecondCluster);
                    } else {
                        world.excused = true;
                    }
                }
            }
            Act::Join { helper, .. } if helper == who => world.broke(Promise::NeverItsOwnHelper),
            Act::Join { cluster, .. } if host.dir.cluster().is_some_and(|own| own != cluster) => {
                world.broke(Promise::NoHelperOnForeignData);
            }
            Act::Start => {
                let shown = sight.said.iter().find_map(|said| match said {
                    Said::Lists(view) => Some(view.cluster),
                    Said::NotAsked | Said::Nothing | Said::NoLeader | Said::Late => None,
                });
                if let (Some(own), Some(shown)) = (host.dir.cluster(), shown)
                    && own != shown
                {
                    world.broke(Promise::NoForeignDataStarted);
                }
                if self.is_dropped_voter(sight) {
                    world.broke(Promise::NoDroppedVoterStarted);
                }
            }
            Act::Register { leader, cluster } => {
                let claims = world.shows(leader);
                let majority = claims.is_some_and(|view| {
                    let voters = view.joined.only(self.electable());
                    view.alive.only(voters).count() * 2 > voters.count()
                });
                if !majority
                    || claims.is_some_and(|view| world.host(leader).dir != host.dir && view.joined.is_empty())
                {
                    world.broke(Promise::NoAddWithoutMajority);
                }
                if claims.is_some_and(|view| view.registered.has(who)) {
                    world.broke(Promise::NoAddOfTheListed);
                }
                // Each disturbance may change who leads twice, when it comes and when it ends, and a row goes with a leader.
                if u32::from(look.adds) > u32::from(self.disturbances - world.left) * 2 + 1 {
                    world.broke(Promise::NoAddStorm);
                }
                let was_member = |rec: Option<Rec>| {
                    rec.is_some_and(|rec| {
                        matches!(rec.got, Got::Joined | Got::Dropped) && rec.cluster == Some(cluster)
                    })
                };
                if world.dropped.has(who) && (was_member(host.data) || was_member(look.before)) {
                    if self.rejoin {
                        // A person told it to.
                        world.dropped = world.dropped.without(who);
                    } else {
                        world.broke(Promise::TheDroppedStayAway);
                    }
                }
            }
            Act::SetAside => {
                let good = match host.dir {
                    Dir::Ready { cluster, name } => {
                        world.cluster(cluster).registered.has(who)
                            && world.cluster(cluster).names[usize::from(who)] == name
                    }
                    Dir::Founding { written, .. } => written,
                    Dir::Nothing | Dir::Join { .. } | Dir::Nascent { .. } => false,
                };
                if good {
                    world.broke(Promise::NothingGoodSetAside);
                }
            }
            Act::Join { .. } | Act::Wait | Act::Refuse(_) => {}
        }
    }

    /// Whether all that answer before the start name one leader, which answers too and does not list this voter.
    fn is_dropped_voter(&self, sight: &Sight) -> bool {
        let views = sight.before_start.iter().flatten();
        let leaders = views.fold(Set::NONE, |all, view| {
            view.leader.map_or(all, |one| all.with(one))
        });
        let dropped_by = |leader: Who| {
            let view = sight.before_start[usize::from(leader)];
            leaders == Set::of(leader)
                && view.is_some_and(|view| view.leader == Some(leader) && !view.joined.has(sight.me))
        };
        sight.role.votes() && (0..self.count).any(dropped_by)
    }

    /// Whether anybody else has data of a cluster.
    fn another_cluster(&self, world: &World, who: Who) -> bool {
        (0..self.count).filter(|other| *other != who).any(|other| {
            self.part(other) != Part::Backend
                && matches!(world.host(other).dir, Dir::Ready { cluster, .. } if Some(cluster) != self.foreign)
        })
    }
}

/// The record as `effects/join_loop` makes it: what was learned now, else what the data says, else what was written before.
fn record(look: &Look, outcome: &Outcome, before: Option<Rec>, got: Got) -> Rec {
    Rec {
        got,
        cluster: look
            .cluster
            .or(outcome.cluster)
            .or(before.and_then(|rec| rec.cluster)),
        members: if look.members.is_empty() {
            before.map_or(Set::NONE, |rec| rec.members)
        } else {
            look.members
        },
        lost: outcome.lost,
    }
}
