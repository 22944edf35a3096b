//! Who came to the MySQL port, counted: how many at a time tells a herd from many visits. `SHOW TALLY` shows it, which
//! no engine understands.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Answer;

const STATEMENT: &str = "SHOW TALLY";
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
    /// One statement at a time, for the fault that makes an FE as slow as one out of CPU.
    pub(crate) desk: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Counts {
    open: Crowd,
    /// Logged in, which is what an engine limits: 100 for one account in Doris and in older `StarRocks`.
    sessions: Crowd,
    /// When the connections of the last second came.
    lately: VecDeque<Instant>,
    busiest_second: usize,
    statements: BTreeMap<String, usize>,
}

#[derive(Debug, Default)]
struct Crowd {
    now: usize,
    most: usize,
    all: usize,
}

impl Crowd {
    fn come(&mut self) {
        self.now += 1;
        self.all += 1;
        self.most = self.most.max(self.now);
    }
}

/// Somebody who is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Present<'t> {
    tally: &'t Tally,
    of: fn(&mut Counts) -> &mut Crowd,
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        (self.of)(&mut self.tally.counts()).now -= 1;
    }
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection was accepted.
    pub(crate) fn connected(&self) -> Present<'_> {
        let now = Instant::now();
        let mut counts = self.counts();
        counts.lately.push_back(now);
        while counts.lately.front().is_some_and(|then| now - *then > SECOND) {
            counts.lately.pop_front();
        }
        counts.busiest_second = counts.busiest_second.max(counts.lately.len());
        drop(counts);
        self.present(|counts| &mut counts.open)
    }

    /// Somebody has logged in.
    pub(crate) fn logged_in(&self) -> Present<'_> {
        self.present(|counts| &mut counts.sessions)
    }

    /// How many are logged in now.
    pub(crate) fn sessions(&self) -> usize {
        self.counts().sessions.now
    }

    fn present(&self, of: fn(&mut Counts) -> &mut Crowd) -> Present<'_> {
        of(&mut self.counts()).come();
        Present { tally: self, of }
    }

    /// Counts a statement; the answer if it is the one that asks for the counts.
    pub(crate) fn heard(&self, sql: &str) -> Option<Answer> {
        if sql.eq_ignore_ascii_case(STATEMENT) {
            return Some(self.answer());
        }
        let kind: Vec<&str> = sql.split_whitespace().take(3).collect();
        *self.counts().statements.entry(kind.join(" ")).or_default() += 1;
        None
    }

    fn answer(&self) -> Answer {
        let counts = self.counts();
        let figures = [
            ("connections at a time", counts.open.most),
            ("connections", counts.open.all),
            ("connections in the busiest second", counts.busiest_second),
            ("sessions at a time", counts.sessions.most),
            ("sessions", counts.sessions.all),
        ];
        let figures = figures.iter().map(|(what, count)| ((*what).to_owned(), *count));
        let statements = counts
            .statements
            .iter()
            .map(|(kind, count)| (kind.clone(), *count));
        let rows = figures
            .chain(statements)
            .map(|(what, count)| vec![Some(what), Some(count.to_string())])
            .collect();
        Answer::rows(&["What", "Count"], rows)
    }
}
