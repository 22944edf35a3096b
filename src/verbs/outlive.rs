//! A fault in us is not worth a database: whatever panics, or is refused by the kernel, while an engine runs, a fresh
//! image of this process goes on with it, or, where there can be none, this one does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::Duration;

use super::Outcome;
use crate::supervise::Resident;

/// Between two attempts to go on: what made the last one fail may be over then.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs `first`, and `again` for as long as it leaves an engine behind.
pub(super) fn outlive(first: impl FnOnce() -> Outcome, again: impl Fn(Resident) -> Outcome) -> Outcome {
    let mut over = catch_unwind(AssertUnwindSafe(first));
    loop {
        let Some(resident) = Resident::running() else {
            return over.unwrap_or_else(|_| {
                Outcome::internal("nothing in it panics; the line above says where it did")
            });
        };
        if let Ok(outcome) = &over {
            tracing::error!("{}", outcome.report.trim());
        }
        tracing::error!("a fault in muster: the engine runs on, and is watched anew");
        let error = resident.take_over(&[]);
        tracing::error!("no fresh image: {error}");
        #[expect(clippy::disallowed_methods, reason = "there is no runtime any more")]
        sleep(PAUSE);
        over = catch_unwind(AssertUnwindSafe(|| again(resident)));
    }
}
