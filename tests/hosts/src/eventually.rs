//! Waiting without guessing how long it takes.

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
