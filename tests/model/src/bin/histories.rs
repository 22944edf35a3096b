//! Walks through the histories of one model, or of all: `histories [NAME [DISTURBANCES [RULES]]]`, where
//! RULES are some words of the name of rules with a mistake.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::time::Instant;

use model::rules::MUSTER;
use model::{broken, grounds};
use stateright::{Checker, HasDiscoveries, Model};

fn main() {
    let mut words = std::env::args().skip(1);
    let name = words.next();
    let disturbances: Option<u8> = words.next().and_then(|word| word.parse().ok());
    let mistake = words.next();
    let rules = mistake.map_or(Some(MUSTER), |words| {
        broken::ALL.into_iter().find(|rules| rules.name.contains(&words))
    });
    let Some(rules) = rules else {
        println!("no rules are called so; there are:");
        broken::ALL.iter().for_each(|rules| println!("  {}", rules.name));
        return;
    };
    for (own, mut ground) in grounds::all(rules) {
        if name.as_deref().is_some_and(|name| name != own) {
            continue;
        }
        ground.disturbances = disturbances.unwrap_or(ground.disturbances);
        let begun = Instant::now();
        let checker = ground
            .checker()
            .threads(2)
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        println!(
            "{own}, {}: {} disturbances, {} states, {} unique, depth {}, {:.1} s",
            rules.name,
            ground.disturbances,
            checker.state_count(),
            checker.unique_state_count(),
            checker.max_depth(),
            begun.elapsed().as_secs_f32()
        );
        for (promise, path) in checker.discoveries() {
            println!("BROKEN: {promise}");
            let last = *path.last_state();
            for next in path.into_actions() {
                println!("  {next:?}");
            }
            println!("  {last:?}");
            if let Err(stuck) = model::settle::end(&ground, &last, false) {
                println!("  ends as {stuck:?}");
            }
        }
    }
}
