//! The waiting line: said when the waiting begins, when its reason changes, and every 15 s.

use std::time::Duration;

use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(15);
/// A reason that changes back and forth is not repeated more often than this.
const CHANGE: Duration = Duration::from_secs(2);

/// What was last said, and when.
#[derive(Debug)]
pub struct WaitLog {
    since: Instant,
    said: Option<(Instant, String)>,
}

impl WaitLog {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            said: None,
        }
    }

    /// How long this wait lasts already.
    pub fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    /// Says why nothing can be done yet, if it is time to.
    pub fn wait(&mut self, why: &str, answers: &str) {
        let due = match &self.said {
            None => true,
            Some((when, last)) => when.elapsed() >= EVERY || (last != why && when.elapsed() >= CHANGE),
        };
        if due {
            tracing::info!(
                waited_s = self.waited().as_secs(),
                "waiting: {why}; last answers: {answers}"
            );
            self.said = Some((Instant::now(), why.to_owned()));
        }
    }
}

impl Default for WaitLog {
    fn default() -> Self {
        Self::new()
    }
}
