//! Waiting without guessing how long it takes, and chance that can be repeated.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Looks until it sees what it looks for; after `within` it fails with what was missing at the last look.
pub fn eventually<T>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(seen) => return Ok(seen),
            Err(missing) if Instant::now() >= deadline => {
                return Err(missing)
                    .with_context(|| format!("{what}: not within {} s", within.as_secs_f32()));
            }
            Err(_) => sleep(Duration::from_millis(50)),
        }
    }
}

/// Chance that can be repeated: `SEED=N` makes it the chance of the run that printed N.
#[expect(clippy::print_stdout, reason = "the test runner keeps it for tests that fail")]
pub fn dice() -> fastrand::Rng {
    let asked = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = asked.unwrap_or_else(|| fastrand::u64(..100_000));
    println!("SEED={seed} repeats it");
    fastrand::Rng::with_seed(seed)
}
