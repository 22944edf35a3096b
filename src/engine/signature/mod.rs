//! The words engines are known to end with: what each of them means, and what to do. Rows are data with a source, and
//! nothing here decides which of them is to blame.
//!
//! The first row that matches wins, so a row that names the matter stands before one that names a result of it: the
//! journal that cannot be written comes after the disk that is full. Words an engine survives on a good day come last.
//! What it says on every start has no row at all, like `failed to setup environment because of UnknownMasterException for
//! the first time, ignore it`.

mod ends;
mod general;
mod machine;
mod membership;
mod start;

pub use ends::{ENDS, End};
pub use machine::HEAP_FULL;

/// Words and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub id: &'static str,
    /// Parts of one line of the engine's: `*` stands for anything between two of them, `$` for the end of the line, and
    /// `|` separates words that mean the same, of the other engine or of another version.
    pub words: &'static str,
    /// What happened: a clause without a full stop.
    pub sentence: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

impl Signature {
    /// Whether a line holds these words.
    pub fn is_in(&self, line: &str) -> bool {
        self.words.split('|').any(|words| holds(line, words))
    }
}

/// Whether a line holds every part in this order.
pub fn holds(line: &str, words: &str) -> bool {
    let mut rest = line;
    words.split('*').all(|part| {
        if let Some(end) = part.strip_suffix('$') {
            return rest.ends_with(end);
        }
        let found = rest.split_once(part);
        rest = found.map_or("", |(_, after)| after);
        found.is_some()
    })
}

/// The logs an engine writes to all the time: whatever stands at their end has just happened. The others may be silent for
/// days.
pub const BUSY_LOGS: [&str; 3] = ["fe.log", "be.INFO", "cn.INFO"];

/// Every row, in the order in which they are asked.
pub const ROWS: [&[Signature]; 4] = [membership::ROWS, start::ROWS, machine::ROWS, general::ROWS];

const fn row(id: &'static str, words: &'static str, sentence: &'static str, hint: &'static str) -> Signature {
    Signature {
        id,
        words,
        sentence,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDS, ROWS, holds};

    #[test]
    fn every_row_has_a_name_of_its_own_words_a_sentence_and_something_to_do() {
        let rows = ROWS.concat();
        assert!(rows.len() >= 30, "{}", rows.len());
        for (at, row) in rows.iter().enumerate() {
            assert!(rows[..at].iter().all(|other| other.id != row.id), "{}", row.id);
            for words in row.words.split('|') {
                assert!(words.split('*').all(|part| part.len() >= 5), "{}", row.id);
                assert!(words.len() >= 10, "{}", row.id);
            }
            for text in [row.sentence, row.hint] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}", row.id);
            }
        }
    }

    #[test]
    fn no_words_are_hidden_behind_those_of_an_earlier_row() {
        let rows = ROWS.concat();
        for (at, row) in rows.iter().enumerate() {
            for words in row.words.split('|') {
                let line = words.replace(['*', '$'], " ");
                let hides = rows[..at].iter().find(|earlier| earlier.is_in(&line));
                assert!(hides.is_none(), "{hides:?} hides {words}");
            }
        }
    }

    #[test]
    fn words_are_parts_of_one_line_in_their_order() {
        for (words, line, held) in [
            ("in use", "port 1 is in use now", true),
            ("port *in use", "port 1 is in use", true),
            ("port *in use", "in use is port 1", false),
            ("port *port ", "port 1", false),
            ("in use$", "port 1 is in use", true),
            ("in use$", "port 1 is in use, never mind", false),
            ("port *use$", "port 1 is in use", true),
        ] {
            assert_eq!(holds(line, words), held, "{words} in {line}");
        }
    }

    #[test]
    fn every_end_is_told_once() {
        for (at, end) in ENDS.iter().enumerate() {
            assert!(ENDS[..at].iter().all(|other| other.number != end.number));
            assert!(!end.sentence.ends_with('.') && !end.hint.ends_with('.'));
        }
    }
}
