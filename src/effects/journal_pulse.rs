//! Tells whether a leader's journal rises. One engine's leader goes on saying that it leads after it has lost its majority; a
//! healthy one writes an entry every 10 s at least (observed).

use std::time::Duration;

use tokio::time::Instant;

/// How long an entry counts.
const LASTS: Duration = Duration::from_secs(12);

/// The last entry that was seen of one leader.
#[derive(Debug)]
pub(super) struct JournalPulse {
    last: u64,
    /// When it was first seen.
    since: Instant,
    /// An earlier entry was seen before it.
    rose: bool,
}

impl JournalPulse {
    pub(super) fn begin(journal: u64) -> Self {
        Self {
            last: journal,
            since: Instant::now(),
            rose: false,
        }
    }

    /// Takes the entry that was just read; true if the journal has risen within the last 12 s.
    pub(super) fn beats(&mut self, journal: u64) -> bool {
        if journal != self.last {
            *self = Self {
                rose: journal > self.last,
                ..Self::begin(journal)
            };
        }
        self.rose && self.since.elapsed() <= LASTS
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::JournalPulse;

    /// Seconds to wait, the entry that is read then, and whether the journal counts as rising.
    #[tokio::test(start_paused = true)]
    async fn a_journal_rises_as_long_as_its_last_entry_is_no_older_than_twelve_seconds() {
        let mut pulse = JournalPulse::begin(74);
        let table = [
            (0, 74, false),
            (30, 74, false),
            (1, 75, true),
            (12, 75, true),
            (1, 75, false),
            (1, 77, true),
            // Another process has taken its place.
            (1, 20, false),
            (1, 21, true),
        ];
        for (seconds, journal, expected) in table {
            advance(Duration::from_secs(seconds)).await;
            assert_eq!(pulse.beats(journal), expected, "{seconds} s, {journal}");
        }
    }
}
