//! The messages that engines end with, as a table: the pattern, its meaning, and what to do. Each row has a source.
//! `plan::end_report` decides which row explains an end.
//!
//! The first row that matches wins, so a cause comes before its results: the full disk before the journal that cannot be
//! written. Messages that an engine may survive come last. Messages of every start have no row, like `failed to setup
//! environment because of UnknownMasterException for the first time, ignore it`.

mod ends;
mod general;
mod hangs;
mod heartbeat;
mod machine;
mod membership;
mod start;

pub use ends::{ENDS, End};
pub use hangs::HANGS;
pub use heartbeat::HEARTBEAT;
pub use machine::HEAP_FULL;
pub use membership::OWN_DROP;

/// A message of an engine, and its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub id: &'static str,
    /// Parts of one line of a log: `*` stands for anything between two of them, `$` for the end of the line, and `|`
    /// separates alternatives, such as the message of the other engine or of another version.
    pub patterns: &'static str,
    /// The problem: a clause without a full stop. `*` stands for the text between the first two parts of the pattern.
    pub sentence: &'static str,
    /// The remedy: a clause without a full stop.
    pub hint: &'static str,
}

impl Signature {
    pub fn matches(&self, line: &str) -> bool {
        self.patterns.split('|').any(|pattern| matches(line, pattern))
    }

    /// The sentence about a line that matches.
    pub fn sentence_of(&self, line: &str) -> String {
        let between = self.patterns.split('|').find_map(|pattern| {
            let (first, rest) = pattern.split_once('*')?;
            let second = rest.split('*').next()?;
            let (_, line) = line.split_once(first)?;
            Some(line.split_once(second)?.0)
        });
        self.sentence.replace('*', between.unwrap_or_default())
    }
}

/// Whether a line has every part of a pattern, in this order.
pub fn matches(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    pattern.split('*').all(|part| {
        if let Some(end) = part.strip_suffix('$') {
            return rest.ends_with(end);
        }
        let found = rest.split_once(part);
        rest = found.map_or("", |(_, after)| after);
        found.is_some()
    })
}

/// The logs that an engine writes to all the time: their last lines are recent. In the others these may be days old.
pub const BUSY_LOGS: [&str; 3] = ["fe.log", "be.INFO", "cn.INFO"];

/// Every row, in the order in which they are tried.
pub const ROWS: [&[Signature]; 4] = [membership::ROWS, start::ROWS, machine::ROWS, general::ROWS];

const fn row(
    id: &'static str,
    patterns: &'static str,
    sentence: &'static str,
    hint: &'static str,
) -> Signature {
    Signature {
        id,
        patterns,
        sentence,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDS, HANGS, ROWS, matches};

    #[test]
    fn every_row_has_an_id_of_its_own_patterns_a_sentence_and_a_hint() {
        let rows = [ROWS.concat(), HANGS.to_vec()].concat();
        assert!(rows.len() >= 30, "{}", rows.len());
        for (at, row) in rows.iter().enumerate() {
            assert!(rows[..at].iter().all(|other| other.id != row.id), "{}", row.id);
            for pattern in row.patterns.split('|') {
                assert!(pattern.split('*').all(|part| part.len() >= 5), "{}", row.id);
                assert!(pattern.len() >= 10, "{}", row.id);
            }
            for text in [row.sentence, row.hint] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}", row.id);
            }
        }
    }

    #[test]
    fn no_pattern_is_hidden_by_an_earlier_row() {
        let rows = ROWS.concat();
        for (at, row) in rows.iter().enumerate() {
            for pattern in row.patterns.split('|') {
                let line = pattern.replace(['*', '$'], " ");
                let earlier = rows[..at].iter().find(|earlier| earlier.matches(&line));
                assert!(earlier.is_none(), "{earlier:?} hides {pattern}");
            }
        }
    }

    #[test]
    fn a_pattern_matches_its_parts_in_their_order() {
        for (pattern, line, expected) in [
            ("in use", "port 1 is in use now", true),
            ("port *in use", "port 1 is in use", true),
            ("port *in use", "in use is port 1", false),
            ("port *port ", "port 1", false),
            ("in use$", "port 1 is in use", true),
            ("in use$", "port 1 is in use, never mind", false),
            ("port *use$", "port 1 is in use", true),
        ] {
            assert_eq!(matches(line, pattern), expected, "{pattern} in {line}");
        }
    }

    #[test]
    fn every_number_is_in_the_table_once() {
        for (at, end) in ENDS.iter().enumerate() {
            assert!(ENDS[..at].iter().all(|other| other.number != end.number));
            assert!(!end.sentence.ends_with('.') && !end.hint.ends_with('.'));
        }
    }
}
