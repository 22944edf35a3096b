//! Decides: whether an engine that has ended is started again in this container, and after how long.

use std::time::Duration;

use crate::exit::ExitCode;
use crate::settings::Restart;

/// An engine that lived so long had got over what ended the ones before it.
const LONG_LIFE: Duration = Duration::from_secs(600);

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// The next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    pub delay: Duration,
    /// How many there are in a row with this one.
    pub restarts: u32,
}

/// `restarts` is how many there were in a row. Only an engine's own failure counts: what muster refuses would be refused
/// again, a script that cannot be run stays one, and whoever asked for the stop does not want it back.
pub fn again(
    policy: Option<Restart>,
    restarts: u32,
    code: ExitCode,
    asked: bool,
    lived: Duration,
) -> Option<Again> {
    let most = policy?.most.unwrap_or(u32::MAX);
    let restarts = if lived >= LONG_LIFE { 0 } else { restarts };
    if asked || restarts >= most || !matches!(code, ExitCode::Engine(number) if number != 0) {
        return None;
    }
    let delay = FIRST_DELAY.saturating_mul(1 << restarts.min(16));
    Some(Again {
        delay: delay.min(LONGEST_DELAY),
        restarts: restarts + 1,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::again;
    use crate::exit::ExitCode::{self, Engine, NotFound, Ok, Refused};
    use crate::settings::Restart;

    type Row = (Option<Restart>, u32, ExitCode, bool, Duration, Option<(u64, u32)>);

    #[test]
    fn only_a_failure_nobody_asked_for_is_followed_by_a_start_and_each_comes_later() {
        let on_failure = |most| Some(Restart { most });
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(600));
        let table: [Row; 15] = [
            (None, 0, Engine(255), false, short, None),
            (on_failure(None), 0, Engine(255), false, short, Some((1, 1))),
            (on_failure(None), 1, Engine(255), false, short, Some((2, 2))),
            (on_failure(None), 5, Engine(255), false, short, Some((32, 6))),
            (on_failure(None), 6, Engine(255), false, short, Some((60, 7))),
            (
                on_failure(None),
                4_000_000,
                Engine(1),
                false,
                short,
                Some((60, 4_000_001)),
            ),
            (on_failure(None), 9, Engine(137), false, long, Some((1, 1))),
            (on_failure(Some(3)), 2, Engine(255), false, short, Some((4, 3))),
            (on_failure(Some(3)), 3, Engine(255), false, short, None),
            (on_failure(Some(3)), 3, Engine(255), false, long, Some((1, 1))),
            (on_failure(Some(0)), 0, Engine(255), false, long, None),
            (on_failure(None), 0, Ok, false, short, None),
            (on_failure(None), 0, Engine(137), true, short, None),
            (on_failure(None), 0, Refused, false, short, None),
            (on_failure(None), 0, NotFound, false, short, None),
        ];
        for (policy, restarts, code, asked, lived, expected) in table {
            let again = again(policy, restarts, code, asked, lived);
            let again = again.map(|again| (again.delay.as_secs(), again.restarts));
            assert_eq!(
                again, expected,
                "{policy:?} {restarts} {code:?} {asked} {lived:?}"
            );
        }
    }
}
