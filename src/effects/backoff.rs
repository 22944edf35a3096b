//! The pauses between two rounds of asking: short while the port is closed, because a refused connection costs nothing;
//! longer while FEs answer without a leader; seconds while an FE does not keep up. Always with jitter: hundreds of nodes
//! may ask the same FE.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::engine::failure::Failure;

/// While no FE listens: the mean wait after the leader opens its port is half of this.
const CLOSED: Duration = Duration::from_millis(200);
/// While FEs answer without a leader: an election takes 0.4 to 1.5 s (observed).
const LEADERLESS: Duration = Duration::from_millis(800);
/// While an FE does not keep up.
const OVERRUN: Duration = Duration::from_secs(2);
const FIRST: Duration = Duration::from_millis(50);
/// The same while an FE does not keep up: a login it refuses costs it too.
const FIRST_OVERRUN: Duration = Duration::from_millis(500);

/// The kind of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// No answer shows an FE.
    Nobody,
    /// An FE answered, and no leader is confirmed.
    Answer,
    /// An FE that does not keep up.
    Overrun,
}

impl Met {
    /// Sums up the answers of a round.
    pub fn of<'f>(answered: bool, mut failures: impl Iterator<Item = &'f Failure>) -> Self {
        let overrun = |failure: &Failure| {
            matches!(
                failure,
                Failure::Busy(_) | Failure::Deadline(_) | Failure::Lost(_)
            )
        };
        match (failures.any(overrun), answered) {
            (true, _) => Self::Overrun,
            (false, true) => Self::Answer,
            (false, false) => Self::Nobody,
        }
    }
}

/// The pauses of one wait.
#[derive(Debug)]
pub struct Backoff {
    closed: backon::ExponentialBackoff,
    leaderless: backon::ExponentialBackoff,
    overrun: backon::ExponentialBackoff,
}

impl Backoff {
    pub fn new() -> Self {
        // The jitter adds up to as much again.
        let between = |first, longest| {
            ExponentialBuilder::new()
                .with_min_delay(first)
                .with_max_delay(longest / 2)
                .without_max_times()
                .with_jitter()
                .build()
        };
        Self {
            closed: between(FIRST, CLOSED),
            leaderless: between(FIRST, LEADERLESS),
            overrun: between(FIRST_OVERRUN, OVERRUN),
        }
    }

    /// The next pause.
    pub fn next(&mut self, met: Met) -> Duration {
        let backoff = match met {
            Met::Nobody => &mut self.closed,
            Met::Answer => &mut self.leaderless,
            Met::Overrun => &mut self.overrun,
        };
        backoff.next().unwrap_or(LEADERLESS)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, CLOSED, LEADERLESS, Met, OVERRUN};
    use crate::engine::failure::Failure;

    #[test]
    fn pauses_grow_to_their_bound_and_never_end() {
        let mut backoff = Backoff::new();
        for _ in 0..1000 {
            assert!(backoff.next(Met::Nobody) <= CLOSED);
            assert!(backoff.next(Met::Answer) <= LEADERLESS);
            assert!(backoff.next(Met::Overrun) <= OVERRUN);
        }
    }

    #[test]
    fn what_a_round_met_is_told_by_the_worst_of_its_answers() {
        let busy = Failure::Busy("Failed to acquire globalStateMgr lock. Try again".to_owned());
        let table: [(bool, &[Failure], Met); 5] = [
            (false, &[Failure::Refused], Met::Nobody),
            (true, &[Failure::Refused], Met::Answer),
            (true, &[Failure::NoLeader("x".to_owned())], Met::Answer),
            (true, &[Failure::Refused, busy], Met::Overrun),
            (true, &[Failure::Deadline(3)], Met::Overrun),
        ];
        for (answered, failures, met) in table {
            assert_eq!(Met::of(answered, failures.iter()), met, "{failures:?}");
        }
    }
}
