//! A schedule from a seed, and from nothing else.

use fastrand::Rng;
use hosts::{DORIS, Engine, STARROCKS};

use crate::model::Model;
use crate::schedule::{Part, Schedule, Shape, Step, Wiped};

/// What happens in one go.
#[derive(Debug, Clone, Copy)]
enum Act {
    Start,
    KillDuringStart,
    Kill,
    KillEngine,
    Restart,
    Freeze,
    Thaw,
    Wipe,
    WipeAndStart,
    Cut,
    Island,
    StartWhileCut,
    Heal,
    PowerCut,
    Drop,
    Write,
    /// One is cut off while the others write; these die, one of them with its disk, and the two meet without a leader.
    WriteBehind,
}

/// How often each of them is tried, against the others. The second figure is while the cluster is being founded.
const ACTS: [(Act, u32, u32); 17] = [
    (Act::Start, 3, 6),
    (Act::KillDuringStart, 4, 8),
    (Act::Kill, 3, 3),
    (Act::KillEngine, 3, 2),
    (Act::Restart, 2, 2),
    (Act::Freeze, 4, 3),
    (Act::Thaw, 1, 1),
    (Act::Wipe, 4, 1),
    (Act::WipeAndStart, 7, 1),
    (Act::Cut, 2, 2),
    (Act::Island, 2, 2),
    (Act::StartWhileCut, 2, 1),
    (Act::Heal, 1, 1),
    (Act::PowerCut, 3, 2),
    (Act::Drop, 3, 0),
    (Act::Write, 3, 2),
    (Act::WriteBehind, 3, 0),
];

/// One of the schedules there are.
pub(crate) fn schedule(seed: u64) -> Schedule {
    let mut dice = Rng::with_seed(seed);
    let shape = shape(engine(seed), &mut dice);
    let mut story = Story {
        model: Model::new(&shape),
        steps: Vec::new(),
        dropped: None,
        dice,
    };
    // Half of them trouble the first start too.
    if story.dice.bool() {
        let acts = story.dice.usize(1..=5);
        story.trouble(acts);
    }
    story.all_is_well(false);
    let acts = story.dice.usize(3..=7);
    story.trouble(acts);
    story.all_is_well(true);
    Schedule {
        shape,
        steps: story.steps,
    }
}

/// Every second run is of the other engine.
const fn engine(seed: u64) -> &'static Engine {
    if seed.is_multiple_of(2) {
        &STARROCKS
    } else {
        &DORIS
    }
}

/// Three to five hosts.
fn shape(engine: &'static Engine, dice: &mut Rng) -> Shape {
    let (voters, observers, bes) = match dice.u8(0..10) {
        0..=3 => (3, 0, 1),
        4 => (3, 0, 2),
        5 => (3, 1, 1),
        6 => (2, 1, 1),
        7 => (2, 0, 1),
        8 => (4, 0, 1),
        _ => (5, 0, 0),
    };
    Shape {
        engine,
        voters,
        observers,
        bes,
        all_masters: dice.u8(0..3) == 0,
        patience: (dice.u8(0..3) == 0).then_some(6),
    }
}

struct Story {
    model: Model,
    steps: Vec<Step>,
    dropped: Option<String>,
    dice: Rng,
}

impl Story {
    fn trouble(&mut self, acts: usize) {
        let founded = self.model.founded;
        let weight = |act: &(Act, u32, u32)| if founded { act.1 } else { act.2 };
        let total: u32 = ACTS.iter().map(weight).sum();
        for _ in 0..acts {
            let mut at = self.dice.u32(..total);
            let act = ACTS.iter().find(|act| {
                let here = at < weight(act);
                at = at.saturating_sub(weight(act));
                here
            });
            if let Some((act, _, _)) = act {
                self.act(*act);
            }
            let longest = self.dice.choice([0, 300, 1500, 4000]).unwrap_or_default();
            self.pause(longest);
        }
    }

    fn act(&mut self, act: Act) {
        let host = self.any_host();
        match act {
            Act::Start => {
                let down = self.model.hosts.iter().filter(|host| !host.up);
                let down: Vec<String> = down.map(|host| host.name.clone()).collect();
                if let Some(host) = self.dice.choice(down) {
                    self.step(Step::Start(vec![host]));
                }
            }
            Act::KillDuringStart => {
                self.step(Step::Kill(host.clone()));
                if self.step(Step::Start(vec![host.clone()])) {
                    self.pause(3500);
                    self.step(Step::Kill(host));
                }
            }
            Act::Kill => {
                self.step(Step::Kill(host));
            }
            Act::KillEngine => {
                self.step(Step::KillEngine(host));
            }
            Act::Restart => {
                self.step(Step::Kill(host.clone()));
                self.pause(1500);
                self.step(Step::Start(vec![host]));
            }
            Act::Freeze => {
                let part = self.dice.choice([Part::Muster, Part::Engine, Part::All]);
                if self.step(Step::Freeze(host.clone(), part.unwrap_or(Part::All))) && self.dice.bool() {
                    self.pause(4000);
                    self.step(Step::Thaw(host));
                }
            }
            Act::Thaw => {
                let frozen = self.model.hosts.iter().find(|host| host.frozen);
                if let Some(name) = frozen.map(|host| host.name.clone()) {
                    self.step(Step::Thaw(name));
                }
            }
            Act::Wipe => {
                self.wipe(&host);
            }
            Act::WipeAndStart => {
                if self.wipe(&host) {
                    self.pause(1500);
                    self.step(Step::Start(vec![host]));
                }
            }
            Act::Cut => {
                self.step(Step::Cut(host));
            }
            Act::Island => {
                let some = self.some_hosts();
                self.step(Step::Island(some));
            }
            Act::StartWhileCut => {
                self.step(Step::Kill(host.clone()));
                if self.step(Step::Cut(host.clone())) {
                    self.step(Step::Start(vec![host]));
                }
            }
            Act::Heal => {
                self.step(Step::Heal);
            }
            Act::PowerCut => {
                self.step(Step::PowerCut);
                // A disk does not always survive it.
                if self.dice.u8(0..3) == 0 {
                    self.wipe(&host);
                }
                let mut some = self.some_hosts();
                some.push(host);
                some.dedup();
                self.step(Step::Start(some));
            }
            Act::Drop => {
                if self.step(Step::Drop(host.clone())) {
                    self.dropped = Some(host);
                }
            }
            Act::Write => {
                self.step(Step::Write);
            }
            Act::WriteBehind => {
                let mut others = self.names();
                others.retain(|name| *name != host);
                self.step(Step::Cut(host));
                self.step(Step::Write);
                self.pause(4000);
                for other in &others {
                    self.step(Step::Kill(other.clone()));
                }
                if let Some(other) = self.dice.choice(others)
                    && self.wipe(&other)
                {
                    self.step(Step::Heal);
                    self.step(Step::Start(vec![other]));
                }
            }
        }
    }

    /// Everything is healed and every node started, and what comes back has to be whole.
    fn all_is_well(&mut self, last: bool) {
        self.step(Step::Heal);
        let frozen: Vec<String> = self
            .model
            .hosts
            .iter()
            .filter(|host| host.frozen)
            .map(|host| host.name.clone())
            .collect();
        for host in frozen {
            self.step(Step::Thaw(host));
        }
        let mut all = self.names();
        self.dice.shuffle(&mut all);
        let together = self.dice.u8(0..4) == 0;
        self.step(if together {
            Step::Together(all)
        } else {
            Step::Start(all)
        });
        if let Some(host) = self.dropped.take() {
            let step = if last && self.dice.bool() {
                Step::Remove(host)
            } else {
                Step::Rejoin(host)
            };
            self.step(step);
        }
        self.step(Step::Whole);
        self.step(Step::Write);
    }

    fn wipe(&mut self, host: &str) -> bool {
        let what = self
            .dice
            .choice([Wiped::Data, Wiped::State, Wiped::Both, Wiped::Both]);
        self.step(Step::Wipe(host.to_owned(), what.unwrap_or(Wiped::Both)))
    }

    /// Does what is possible; whether it was.
    fn step(&mut self, step: Step) -> bool {
        let after = self.model.after(&step);
        if let Ok(after) = after {
            self.model = after;
            self.steps.push(step);
            true
        } else {
            false
        }
    }

    fn pause(&mut self, longest: u64) {
        let ms = self.dice.u64(..=longest);
        if ms > 0 {
            self.step(Step::Pause(ms));
        }
    }

    fn names(&self) -> Vec<String> {
        self.model.hosts.iter().map(|host| host.name.clone()).collect()
    }

    fn any_host(&mut self) -> String {
        // The seed is the one that can found: it gets a second chance of trouble.
        let mut names = self.names();
        names.push("fe1".to_owned());
        let n = self.dice.usize(..names.len());
        names.swap_remove(n)
    }

    fn some_hosts(&mut self) -> Vec<String> {
        let mut names = self.names();
        self.dice.shuffle(&mut names);
        names.truncate(self.dice.usize(1..=names.len()));
        names
    }
}

/// All nodes of a new cluster in the same instant, or the seed a little after all others.
pub(crate) fn first_start(seed: u64) -> Schedule {
    let mut dice = Rng::with_seed(seed);
    let shape = Shape {
        engine: engine(seed),
        voters: 3,
        observers: 0,
        bes: 2,
        all_masters: dice.bool(),
        patience: None,
    };
    let mut names = shape.names();
    dice.shuffle(&mut names);
    let steps = if dice.u8(0..4) == 0 {
        names.retain(|name| name != "fe1");
        vec![
            Step::Together(names),
            Step::Pause(dice.u64(1..4000)),
            Step::Start(vec!["fe1".to_owned()]),
            Step::Whole,
        ]
    } else {
        vec![Step::Together(names), Step::Whole]
    };
    Schedule { shape, steps }
}

/// Whether its seed may have to hear of its cluster from members that have no leader.
pub(crate) fn leaderless_blank_seed(schedule: &Schedule) -> bool {
    let mut model = Model::new(&schedule.shape);
    schedule.steps.iter().any(|step| {
        if let Ok(after) = model.after(step) {
            model = after;
        }
        model.founded && model.leaderless_blank_seed()
    })
}

#[cfg(test)]
mod tests {
    use super::{first_start, schedule};
    use crate::model::Model;
    use crate::schedule::Step;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_is_a_schedule_and_every_schedule_is_possible() {
        let mut kinds = BTreeSet::new();
        for seed in 0..2000 {
            let made = schedule(seed);
            assert_eq!(made, schedule(seed));
            let mut model = Model::new(&made.shape);
            for step in &made.steps {
                model = model.after(step).unwrap();
                kinds.insert(step.kind());
                // Or it waits for a host that nobody starts.
                let waits = *step == Step::Whole && model.hosts.iter().any(|host| !host.up);
                assert!(!waits, "{made}");
            }
            assert_eq!(
                made.steps.iter().filter(|step| **step == Step::Whole).count(),
                2,
                "{made}"
            );
        }
        // Nothing a cluster can meet is left out for good.
        assert_eq!(kinds.len(), 21, "{kinds:?}");
        assert_eq!(first_start(7), first_start(7));
    }
}
