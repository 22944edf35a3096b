//! What becomes of it once nothing disturbs any more: everything is healed, every node is started, and one fair order
//! of steps is followed until it goes round in a circle.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::ground::{Ground, Move};
use crate::sight::Part;
use crate::world::{Dir, Got, Phase, Run, Set, World};

/// The name of the property.
pub const SETTLES: &str = "left alone it becomes one cluster, or waits for a named reason";

/// Longer than any way to quiet that was seen; a model that goes on for longer has no quiet.
const LONGEST: usize = 2000;

thread_local! {
    /// Worlds from which the way to a good end is known. Every checker thread has its own, and serves one model.
    static GOOD: RefCell<HashSet<u64>> = RefCell::default();
}

/// Whether this world comes to a good end.
pub fn settles(ground: &Ground, world: &World) -> bool {
    // Such a history has ended: it is told by the promise it broke, or excused.
    if world.broken != 0 || world.excused {
        return true;
    }
    end(ground, world, true).is_ok()
}

/// The end this world comes to.
pub fn end(ground: &Ground, world: &World, remember: bool) -> Result<Option<End>, Box<World>> {
    let mut world = calmed(world);
    let mut way = Vec::new();
    let mut on_the_way = HashSet::new();
    for _ in 0..LONGEST {
        let mark = mark(&world);
        if remember && GOOD.with_borrow(|good| good.contains(&mark)) {
            GOOD.with_borrow_mut(|good| good.extend(way));
            return Ok(None);
        }
        if world.broken != 0 || world.excused {
            return Ok(None);
        }
        if !on_the_way.insert(mark) {
            let end = good_end(ground, &world).ok_or_else(|| Box::new(world))?;
            if remember {
                GOOD.with_borrow_mut(|good| good.extend(way));
            }
            return Ok(Some(end));
        }
        way.push(mark);
        world = next(ground, &world);
    }
    Err(Box::new(world))
}

fn mark(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Healed, and what had ended may be started again; also an engine that asks a helper which may never list it: that
/// goes on without end (observed).
fn calmed(world: &World) -> World {
    let mut world = *world;
    world.left = 0;
    world.cut = None;
    world.shut = Set::NONE;
    for host in &mut world.hosts {
        let asks_in_vain = matches!(host.run, Run::Engine(engine)
            if engine.phase == Phase::Begun && engine.launch.helper.is_some());
        if asks_in_vain || matches!(host.run, Run::Refused(_)) {
            host.run = Run::Down;
        }
    }
    world
}

/// One step of the fair order.
fn next(ground: &Ground, world: &World) -> World {
    let moves = |next: Move| ground.after(world, next).filter(|after| after != world);
    let electable = ground.electable();
    for who in 0..ground.count {
        let step = match world.host(who).run {
            Run::Down => moves(Move::Start(who)),
            Run::Refused(_) => None,
            // Whoever is replaced or stuck for good is started again by whoever watches over containers.
            Run::Engine(engine) if engine.stale.is_some() => moves(Move::GivesUp(who)),
            Run::Engine(_) => moves(Move::Engine(who)),
            Run::Looking(look) if look.looked => None,
            Run::Looking(_) | Run::Adding(..) | Run::Checking(..) | Run::Writing(..) | Run::Marking(..) => {
                moves(Move::Muster(who))
            }
        };
        if let Some(after) = step {
            return after;
        }
        for id in 0..world.founded {
            if world.electable_now(id, who, electable)
                && let Some(after) = moves(Move::Elect(id, who))
            {
                return after;
            }
        }
    }
    for who in 0..ground.count {
        if matches!(world.host(who).run, Run::Engine(_))
            && let Some(after) = moves(Move::Muster(who))
        {
            return after;
        }
    }
    ground.after(world, Move::Beat).unwrap_or(*world)
}

/// The ends that are allowed, and what each needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Everybody who was not dropped is a member, alive, once.
    OneCluster,
    /// So many voters lost their data that no majority of the others is left: nobody may go on without them.
    MajorityLost,
    /// The one vote that is missing is that of a first start cut short, whose record a person took away: nothing says to
    /// which members it could bring it.
    VoteForgotten,
    /// Records name a cluster of which nobody has data any more; only a person may give it up.
    RememberedOnly,
    /// The same, and what is remembered is only a call: this seed gives up when its patience ends, and its next start
    /// hears nobody.
    HeardOnly,
}

fn good_end(ground: &Ground, world: &World) -> Option<End> {
    let electable = ground.electable();
    let led: Vec<u8> = (0..world.founded)
        .filter(|id| world.quorum_leader(*id, electable).is_some())
        .collect();
    if let [id] = led.as_slice() {
        let cluster = world.cluster(*id);
        let everybody = (0..ground.count).all(|who| {
            let host = world.host(who);
            let is_foreign = matches!(
                (host.dir.cluster(), ground.foreign),
                (Some(own), Some(foreign)) if own == foreign
            );
            // It has refused, or its engine hangs: it serves nobody. One that knew of no membership that it could have lost
            // is a member again.
            let apart = !cluster.registered.has(who) || matches!(host.run, Run::Refused(79));
            if apart && (world.dropped.has(who) || is_foreign) {
                return true;
            }
            // It was started with a helper that lost everything, or was dropped, a moment before: the engine asks it
            // without end, and muster says so at JOIN_TIMEOUT. The next start finds another.
            if let Run::Engine(engine) = host.run
                && engine.phase == Phase::Begun
                && engine.launch.helper.is_some_and(|helper| {
                    !cluster.registered.has(helper)
                        || world.host(helper).dir.cluster() != host.state.and_then(|rec| rec.cluster)
                })
            {
                return true;
            }
            // Nobody that it knows of is in the cluster any more: a person has to name somebody who is.
            let known = ground
                .named
                .and(host.data.or(host.state).map_or(Set::NONE, |rec| rec.members));
            if known.without(who).only(cluster.registered).is_empty() && !cluster.registered.has(who) {
                return matches!(host.run, Run::Looking(_));
            }
            let remembered = host.data.or(host.state).and_then(|rec| rec.cluster);
            if remembered.is_some_and(|own| own != *id && !has_data(ground, world, own)) {
                // Of a cluster that nobody has any more: it says so at its next start, and changes nothing.
                return !cluster.registered.has(who);
            }
            let serving = world
                .engine(who)
                .is_some_and(|engine| engine.phase == Phase::Serving && engine.settled);
            let member = cluster.registered.has(who)
                && (cluster.joined.has(who) || ground.part(who) == Part::Backend)
                && cluster.alive.has(who);
            let recorded = |rec: Option<crate::world::Rec>| {
                rec.is_some_and(|rec| rec.got == Got::Joined && rec.cluster == Some(*id))
            };
            // A wiped state copy comes back at the next start only.
            serving && member && recorded(host.data)
        });
        return everybody.then_some(End::OneCluster);
    }
    if !led.is_empty() {
        return None;
    }
    let lost = (0..world.founded).any(|id| {
        let voters = world.cluster(id).joined.only(electable);
        let whole = voters.iter().filter(|who| {
            let host = world.host(*who);
            let lost = host.data.or(host.state).is_some_and(|rec| rec.lost);
            match host.dir {
                Dir::Ready { cluster, .. } => cluster == id,
                Dir::Join {
                    cluster,
                    journal: true,
                    ..
                } => cluster == id && !lost,
                _ => false,
            }
        });
        !voters.is_empty() && whole.count() * 2 <= voters.count() as usize
    });
    if lost {
        return Some(End::MajorityLost);
    }
    let forgotten = (0..ground.count).any(|who| {
        let host = world.host(who);
        matches!(host.dir, Dir::Join { cluster, .. } if world.cluster(cluster).joined.has(who))
            && host.data.or(host.state).is_none_or(|rec| rec.members.is_empty())
    });
    if forgotten {
        return Some(End::VoteForgotten);
    }
    let remembered = world.hosts.iter().any(|host| {
        [host.data, host.state]
            .into_iter()
            .flatten()
            .any(|rec| rec.got != Got::Founding && rec.cluster.is_some_and(|id| !has_data(ground, world, id)))
    });
    let nobody = (0..world.founded).all(|id| !has_data(ground, world, id));
    let heard = matches!(world.host(0).run, Run::Looking(look)
        if !look.heard.and(look.votes).and(look.voices).is_empty());
    match (nobody, remembered, heard) {
        (true, true, _) => Some(End::RememberedOnly),
        (true, false, true) => Some(End::HeardOnly),
        _ => None,
    }
}

/// Whether any FE has data that this cluster could go on with.
fn has_data(ground: &Ground, world: &World, id: u8) -> bool {
    ground.fes().iter().any(|who| {
        matches!(world.host(who).dir,
            Dir::Ready { cluster, .. } | Dir::Founding { cluster, written: true } if cluster == id)
    })
}
