//! The models that are checked: small clusters, each with what may happen to it.

use crate::ground::{Begin, Ground, Kinds};
use crate::rules::Rules;
use crate::sight::Part;
use crate::world::{MOST, Set};

/// Everything but what only matters with one more node.
const ALL: Kinds = Kinds {
    crash: true,
    wipe: true,
    forget: true,
    cut: true,
    slow: true,
    drop: true,
    bare: true,
    shut: false,
    write: false,
};

const CRASHES: Kinds = Kinds {
    crash: true,
    wipe: true,
    forget: false,
    cut: false,
    slow: false,
    drop: false,
    bare: false,
    shut: false,
    write: false,
};

/// What a write can be lost by.
const LOSSES: Kinds = Kinds {
    cut: true,
    write: true,
    ..CRASHES
};

/// A model without a name yet: who there is and how it begins.
const fn ground(rules: Rules, parts: [Part; MOST], count: u8, begin: Begin) -> Ground {
    Ground {
        rules,
        parts,
        count,
        named: Set::of(0),
        rejoin: false,
        begin,
        disturbances: 2,
        may: ALL,
        foreign: None,
        alike: false,
    }
}

const VOTERS: [Part; MOST] = [Part::Seed, Part::Follower, Part::Follower, Part::Observer];
const WITH_OBSERVER: [Part; MOST] = [Part::Seed, Part::Follower, Part::Observer, Part::Backend];
const WITH_BACKEND: [Part; MOST] = [Part::Seed, Part::Follower, Part::Backend, Part::Observer];

/// Every model by its name, with the number of disturbances that is checked exhaustively in a short time.
pub fn all(rules: Rules) -> Vec<(&'static str, Ground)> {
    let none = Begin::Formed { without: Set::NONE };
    let mut all = vec![
        ("pair-cold", ground(rules, VOTERS, 2, Begin::Cold)),
        (
            "pair",
            Ground {
                disturbances: 4,
                ..ground(rules, VOTERS, 2, none)
            },
        ),
        (
            "three-cold",
            Ground {
                may: CRASHES,
                disturbances: 1,
                alike: true,
                ..ground(rules, VOTERS, 3, Begin::Cold)
            },
        ),
        (
            "three",
            Ground {
                alike: true,
                ..ground(rules, VOTERS, 3, none)
            },
        ),
        (
            "third-joins",
            Ground {
                disturbances: 1,
                ..ground(rules, VOTERS, 3, Begin::Formed { without: Set::of(2) })
            },
        ),
        (
            "power-cut",
            Ground {
                disturbances: 1,
                alike: true,
                ..ground(rules, VOTERS, 3, Begin::PowerCut)
            },
        ),
        (
            "observer",
            Ground {
                disturbances: 1,
                ..ground(rules, WITH_OBSERVER, 3, Begin::Cold)
            },
        ),
        (
            "observer-stays",
            Ground {
                disturbances: 1,
                ..ground(rules, WITH_OBSERVER, 3, Begin::Formed { without: Set::of(1) })
            },
        ),
        (
            "backend",
            Ground {
                disturbances: 1,
                ..ground(rules, WITH_BACKEND, 3, Begin::Cold)
            },
        ),
        (
            "rejoin",
            Ground {
                rejoin: true,
                alike: true,
                ..ground(rules, VOTERS, 3, none)
            },
        ),
        (
            "lagging",
            Ground {
                may: CRASHES,
                disturbances: 3,
                ..ground(rules, VOTERS, 3, Begin::Lagging)
            },
        ),
        (
            "writes",
            Ground {
                may: LOSSES,
                disturbances: 4,
                ..ground(rules, VOTERS, 3, none)
            },
        ),
        (
            "foreign",
            Ground {
                disturbances: 2,
                foreign: Some(1),
                ..ground(rules, VOTERS, 3, Begin::Foreign)
            },
        ),
    ];
    all.extend(of_four(rules));
    all
}

fn of_four(rules: Rules) -> [(&'static str, Ground); 5] {
    let none = Begin::Formed { without: Set::NONE };
    [
        (
            "four",
            Ground {
                disturbances: 1,
                alike: true,
                ..ground(rules, VOTERS, 4, none)
            },
        ),
        (
            "four-cold",
            Ground {
                may: CRASHES,
                disturbances: 0,
                alike: true,
                ..ground(rules, VOTERS, 4, Begin::Cold)
            },
        ),
        (
            "four-with-backend",
            Ground {
                disturbances: 1,
                ..ground(rules, WITH_OBSERVER, 4, none)
            },
        ),
        (
            "fourth-joins",
            Ground {
                disturbances: 1,
                alike: true,
                ..ground(rules, VOTERS, 4, Begin::Formed { without: Set::of(3) })
            },
        ),
        (
            "four-power-cut",
            Ground {
                disturbances: 1,
                alike: true,
                ..ground(rules, VOTERS, 4, Begin::PowerCut)
            },
        ),
    ]
}

/// The model of this name.
pub fn named(rules: Rules, name: &str) -> Option<Ground> {
    all(rules)
        .into_iter()
        .find(|(own, _)| *own == name)
        .map(|(_, ground)| ground)
}
