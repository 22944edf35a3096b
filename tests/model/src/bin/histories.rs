//! Walks through the histories of one model, or of all: `histories [NAME [DISTURBANCES [RULES]]]`, where RULES are some
//! words of the name of rules with a mistake. `histories NAME random SECONDS [SEED [DISTURBANCES]]` follows long histories by
//! chance.

#![expect(clippy::print_stdout, reason = "its output is its result")]
#![expect(
    clippy::disallowed_types,
    reason = "a run is timed, and nothing waits for the time"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::ground::{FORGOTTEN, Ground};
use model::rules::{MUSTER, Rules};
use model::{broken, grounds, settle};
use stateright::{Checker, HasDiscoveries, Model, UniformChooser};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let kept = match words.as_slice() {
        [name, "random", seconds, rest @ ..] => by_chance(name, seconds, rest),
        words => every(words),
    };
    match kept {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            println!("error: {why}");
            ExitCode::from(64)
        }
    }
}

fn every(words: &[&str]) -> Result<bool, String> {
    let rules = match words.get(2) {
        None => MUSTER,
        Some(mistake) => with_mistake(mistake)?,
    };
    let mut kept = true;
    let grounds = match words.first() {
        None => grounds::all(rules),
        Some(name) => vec![(*name, ground(rules, name)?)],
    };
    for (name, mut ground) in grounds {
        if let Some(disturbances) = words.get(1) {
            ground.disturbances = number(disturbances)?;
        }
        let begun = Instant::now();
        let checker = ground
            .checker()
            .threads(2)
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        kept &= tell(name, &ground, begun, &checker);
    }
    Ok(kept)
}

fn by_chance(name: &str, seconds: &str, rest: &[&str]) -> Result<bool, String> {
    let mut ground = ground(MUSTER, name)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = match rest.first() {
        Some(seed) => number(seed)?,
        None => u64::from(since.subsec_nanos()),
    };
    ground.disturbances = match rest.get(1) {
        Some(disturbances) => number(disturbances)?,
        None => 8,
    };
    println!("seed {seed}");
    let begun = Instant::now();
    let checker = ground
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .timeout(Duration::from_secs(number(seconds)?))
        .spawn_simulation(seed, UniformChooser)
        .join();
    Ok(tell(name, &ground, begun, &checker))
}

/// Whether every promise was kept.
fn tell(name: &str, ground: &Ground, begun: Instant, checker: &impl Checker<Ground>) -> bool {
    println!(
        "{name}, {}: {} disturbances, {} states, {} unique, depth {}, {:.1} s",
        ground.rules.name,
        ground.disturbances,
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f32()
    );
    let mut kept = true;
    for (promise, path) in checker.discoveries() {
        if promise == FORGOTTEN {
            println!("  assumed: {promise}, {} moves", path.into_actions().len());
            continue;
        }
        kept = false;
        println!("BROKEN: {promise}");
        let last = *path.last_state();
        for next in path.into_actions() {
            println!("  {next:?}");
        }
        println!("  {last:?}");
        if let Err(stuck) = settle::end(ground, &last, false) {
            println!("  ends as {stuck:?}");
        }
    }
    kept
}

fn ground(rules: Rules, name: &str) -> Result<Ground, String> {
    grounds::named(rules, name).ok_or_else(|| {
        let names: Vec<&str> = grounds::all(MUSTER).iter().map(|(name, _)| *name).collect();
        format!("there is no model `{name}`: {}", names.join(", "))
    })
}

fn with_mistake(words: &str) -> Result<Rules, String> {
    let mut all = broken::ALL.into_iter();
    all.find(|rules| rules.name.contains(words)).ok_or_else(|| {
        let names: Vec<&str> = broken::ALL.iter().map(|rules| rules.name).collect();
        format!("no rules are called `{words}`: {}", names.join(", "))
    })
}

fn number<N: std::str::FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("`{word}` is not a number"))
}
