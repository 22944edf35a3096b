//! The waiting line: logged when the waiting begins, when its reason changes, and every 15 s.

use std::time::Duration;

use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(15);
/// The shortest time between two lines, for a reason that changes back and forth.
const CHANGE: Duration = Duration::from_secs(2);

/// The last line, and when it was logged.
#[derive(Debug)]
pub struct WaitLog {
    since: Instant,
    last: Option<(Instant, String)>,
}

impl WaitLog {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            last: None,
        }
    }

    /// Logs why nothing can be done yet, if it is time to.
    pub fn wait(&mut self, why: &str) {
        let due = match &self.last {
            None => true,
            Some((when, last)) => when.elapsed() >= EVERY || (last != why && when.elapsed() >= CHANGE),
        };
        if due {
            tracing::info!(waited_s = self.since.elapsed().as_secs(), "waiting: {why}");
            self.last = Some((Instant::now(), why.to_owned()));
        }
    }
}

impl Default for WaitLog {
    fn default() -> Self {
        Self::new()
    }
}
