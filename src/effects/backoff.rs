//! How long to pause between two rounds of asking, and between two questions of one: short while the port is closed,
//! because a refused connection costs nobody anything; longer while FEs answer that they have no leader; the longer the
//! longer an answer took, because hundreds may be asking the same FE; always with jitter.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::engine::failure::Failure;

/// While nobody listens: the mean wait after the leader opens its port is half of this.
const CLOSED: Duration = Duration::from_millis(200);
/// While FEs answer without a leader: an election takes 0.4 to 1.5 s (observed).
const LEADERLESS: Duration = Duration::from_millis(800);
/// While an FE does not keep up.
const OVERRUN: Duration = Duration::from_secs(4);
const FIRST: Duration = Duration::from_millis(50);

/// An answer within this time is that of an FE with nothing else to do.
const QUICK: Duration = Duration::from_millis(25);
/// For every moment beyond that it is left alone for so many: of those who ask, one in ten is connected at a time,
/// however slow the FE is.
const SHARE: u32 = 9;
/// The longest pause between two questions of one round: what the first of them brought must not grow old. What an FE
/// shows of the others is 10 to 20 s behind as it is (observed).
const STALE: Duration = Duration::from_secs(4);
/// A real FE took 40 ms of two cores for each of 300 nodes that registered at once (observed), four questions each.
const TURN_MS: u64 = 15;

/// Ten seconds are to be enough for all, and the last has its questions to ask yet.
const LAST_MS: u64 = 6000;

/// What a round met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Nobody who shows that an FE is there.
    Nobody,
    /// An answer, though not the one that was wished for.
    Answer,
    /// An FE that does not keep up.
    Overrun,
    /// An FE that had just opened its port to so many others.
    Crowd(u32),
}

impl Met {
    /// The answers of a round, whoever gave them.
    pub fn of<'f>(answered: bool, failures: impl Iterator<Item = &'f Failure>) -> Self {
        failures.fold(
            if answered { Self::Answer } else { Self::Nobody },
            |met, failure| match (met, failure) {
                (Self::Crowd(most), Failure::Crowded(number)) => Self::Crowd(most.max(*number)),
                (_, Failure::Crowded(number)) => Self::Crowd(*number),
                (Self::Nobody | Self::Answer, Failure::Busy(_) | Failure::Deadline(_) | Failure::Lost(_)) => {
                    Self::Overrun
                }
                _ => met,
            },
        )
    }
}

/// How long an FE is left alone that took so long to answer.
pub fn polite(took: Duration) -> Duration {
    took.saturating_sub(QUICK) * SHARE
}

/// The same before the next question of one round.
pub fn polite_within_a_round(took: Duration) -> Duration {
    polite(took).min(STALE)
}

/// When it is the turn of whoever came as this number.
pub fn turn(number: u32) -> Duration {
    let turn = u64::from(number) * TURN_MS;
    // Beyond the last turn they are spread over the second half of all.
    let folded = if turn < LAST_MS {
        turn
    } else {
        LAST_MS / 2 + turn % (LAST_MS / 2)
    };
    Duration::from_millis(folded)
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
            overrun: up_to(OVERRUN / 2),
        }
    }

    /// The next pause.
    pub fn next(&mut self, met: Met) -> Duration {
        let backoff = match met {
            Met::Nobody => &mut self.closed,
            Met::Answer => &mut self.leaderless,
            Met::Overrun => &mut self.overrun,
            Met::Crowd(number) => return turn(number),
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
    use std::time::Duration;

    use super::{Backoff, CLOSED, LEADERLESS, Met, OVERRUN, polite, polite_within_a_round};
    use crate::engine::failure::Failure;

    #[test]
    fn pauses_grow_to_their_bound_and_never_end() {
        let mut pace = Backoff::new();
        for _ in 0..1000 {
            assert!(pace.next(Met::Nobody) <= CLOSED);
            assert!(pace.next(Met::Answer) <= LEADERLESS);
            assert!(pace.next(Met::Overrun) <= OVERRUN);
        }
    }

    #[test]
    fn turns_come_in_the_order_of_the_numbers() {
        let mut pace = Backoff::new();
        let turns = [25, 26, 300, 401, 19_999].map(|number| pace.next(Met::Crowd(number)).as_millis());
        assert_eq!(turns, [375, 390, 4500, 3015, 5985]);
    }

    #[test]
    fn an_fe_is_left_alone_in_proportion_to_what_it_took() {
        let table = [
            (2, 0, 0),
            (25, 0, 0),
            (35, 90, 90),
            (125, 900, 900),
            (1025, 9000, 4000),
        ];
        for (took, pause, within_a_round) in table {
            let took = Duration::from_millis(took);
            let found = [polite(took), polite_within_a_round(took)];
            assert_eq!(
                found,
                [pause, within_a_round].map(Duration::from_millis),
                "{took:?}"
            );
        }
    }

    #[test]
    fn what_a_round_met_is_told_by_the_worst_of_its_answers() {
        let busy = Failure::Busy("Failed to acquire globalStateMgr lock. Try again".to_owned());
        let table: [(bool, &[Failure], Met); 6] = [
            (false, &[Failure::Refused], Met::Nobody),
            (true, &[Failure::Refused], Met::Answer),
            (true, &[Failure::NoLeader("x".to_owned())], Met::Answer),
            (true, &[Failure::Refused, busy.clone()], Met::Overrun),
            (true, &[Failure::Deadline(3)], Met::Overrun),
            (
                true,
                &[Failure::Crowded(40), busy, Failure::Crowded(30)],
                Met::Crowd(40),
            ),
        ];
        for (answered, failures, met) in table {
            assert_eq!(Met::of(answered, failures.iter()), met, "{failures:?}");
        }
    }
}
