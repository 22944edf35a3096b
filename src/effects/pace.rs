//! How long to pause between two rounds of asking: short while the port is closed, because a refused connection
//! costs nobody anything; longer while FEs answer that they have no leader; always with jitter, because a whole
//! cluster may be asking.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// While nobody listens: the mean wait after the leader opens its port is half of this.
const CLOSED: Duration = Duration::from_millis(200);
/// While FEs answer without a leader: an election takes 0.4 to 1.5 s (observed).
const LEADERLESS: Duration = Duration::from_millis(800);
const FIRST: Duration = Duration::from_millis(50);

/// The pauses of one wait.
#[derive(Debug)]
pub struct Pace {
    closed: backon::ExponentialBackoff,
    leaderless: backon::ExponentialBackoff,
}

impl Pace {
    pub fn new() -> Self {
        let up_to = |longest| {
            ExponentialBuilder::new()
                .with_min_delay(FIRST)
                .with_max_delay(longest)
                .without_max_times()
                .with_jitter()
                .build()
        };
        Self {
            closed: up_to(CLOSED / 2),
            leaderless: up_to(LEADERLESS / 2),
        }
    }

    /// The next pause; `answered` says whether any FE gave an answer at all.
    pub fn next(&mut self, answered: bool) -> Duration {
        let backoff = if answered {
            &mut self.leaderless
        } else {
            &mut self.closed
        };
        backoff.next().unwrap_or(LEADERLESS)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{CLOSED, LEADERLESS, Pace};

    #[test]
    fn pauses_grow_to_their_bound_and_never_end() {
        let mut pace = Pace::new();
        for _ in 0..1000 {
            assert!(pace.next(false) <= CLOSED);
            assert!(pace.next(true) <= LEADERLESS);
        }
    }
}
