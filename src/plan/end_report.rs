//! What is said of an engine that ended unasked: why, if it left words that are known or ended in a way that tells, and
//! its own last lines.

use std::fmt;
use std::time::Duration;

use super::explain::seconds;
use crate::engine::signature::{BUSY_LOGS, ENDS, End, HEAP_FULL, ROWS, Signature};

/// The name of what the engine printed to our own console: it stands above in the container's log, and is searched but
/// not printed again.
pub const CONSOLE: &str = "console";

/// The most lines that are printed, names of files among them.
const MOST: usize = 50;
/// The most bytes of one line.
const LONGEST: usize = 500;
/// So many lines before the end of a text, frames of a trace not counted, are its last words. What was complained of
/// before that has been survived. A start that fails says hardly more in all.
const NEAR: usize = 100;
/// As many of what it printed, after a long life: a crash is reported in that.
const NEAR_PRINTED: usize = 20;
/// After that a file that says little does not tell the end any more: a hundred lines of warnings can be a month.
const LONG_LIFE: Duration = Duration::from_secs(600);
/// The most frames of one trace that are printed: fifty of them would push away the line they belong to.
const FRAMES: usize = 5;

/// 128 + SIGKILL.
const KILLED: u8 = 137;

/// An end in the words of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndReport {
    /// What it ended with, and after how long.
    end: String,
    /// The row whose words were found.
    id: Option<&'static str>,
    /// What happened, and what to do.
    why: Option<(&'static str, &'static str)>,
    /// The line that tells it, behind the name of its file.
    said: Option<String>,
    /// The last lines, each group behind the name of its file.
    lines: Vec<String>,
}

impl EndReport {
    /// The id of the signature, if the words were known.
    pub fn id(&self) -> Option<&'static str> {
        self.id
    }

    /// What happened, if that is known: a clause without a full stop.
    pub fn sentence(&self) -> Option<&'static str> {
        self.why.map(|(sentence, _)| sentence)
    }

    pub fn hint(&self) -> Option<&'static str> {
        self.why.map(|(_, hint)| hint)
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for EndReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: the engine ended with {}", self.end)?;
        if let Some((sentence, _)) = self.why {
            write!(f, ": {sentence}")?;
        }
        f.write_str("\n")?;
        if let Some(said) = &self.said {
            writeln!(f, "  {said}")?;
        }
        if let Some((_, hint)) = self.why {
            writeln!(f, "\nhint: {hint}")?;
        }
        if !self.lines.is_empty() {
            f.write_str("\n")?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Tells an end nobody asked for. `texts` are what each file gained since the start, those with the reason of an end
/// first; `number` is the exit code, or 128 + the signal.
pub fn derive(texts: &[(String, String)], number: u8, lived: Duration) -> EndReport {
    let sources: Vec<LogText<'_>> = texts
        .iter()
        .map(|(name, text)| LogText {
            name,
            lines: own_lines(text),
        })
        .collect();
    let end = ENDS.iter().find(|end| end.number == number);
    let blamed = blame(&sources, end, lived);
    EndReport {
        end: format!("{number} after {}", seconds(lived)),
        id: blamed.as_ref().map(|blamed| blamed.row.id),
        why: match (&blamed, end) {
            (Some(blamed), _) => Some((blamed.row.sentence, blamed.row.hint)),
            (None, Some(end)) => Some((end.sentence, end.hint)),
            (None, None) => None,
        },
        said: blamed
            .as_ref()
            .map(|Blamed { file, line, .. }| format!("{file}: {}", presentable(line.trim()))),
        lines: last_lines(&sources, blamed.map(|blamed| blamed.file)),
    }
}

/// One text without the lines that tell nothing.
#[derive(Debug)]
struct LogText<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
}

/// A row, and the line that holds its words.
#[derive(Debug)]
struct Blamed<'a> {
    row: &'static Signature,
    file: &'a str,
    line: &'a str,
}

/// The first row that matches the last words of any source, and of its lines the last. Whoever was ended from outside did
/// not die of what it said; only its own kill on a full heap looks the same from here.
fn blame<'a>(sources: &[LogText<'a>], end: Option<&End>, lived: Duration) -> Option<Blamed<'a>> {
    let from_outside = end.filter(|end| end.from_outside);
    for row in ROWS.into_iter().flatten() {
        if from_outside.is_some_and(|end| end.number != KILLED || row.id != HEAP_FULL) {
            continue;
        }
        for LogText { name: file, lines } in sources {
            let mut left = near(file, lived);
            for line in lines.iter().rev() {
                if left == 0 {
                    break;
                }
                if row.is_in(line) {
                    return Some(Blamed { row, file, line });
                }
                left -= usize::from(!is_frame(line));
            }
        }
    }
    None
}

/// How many lines of a file are last words.
fn near(file: &str, lived: Duration) -> usize {
    if lived < LONG_LIFE || file == CONSOLE || BUSY_LOGS.contains(&file) {
        NEAR
    } else if file.contains(".out") {
        NEAR_PRINTED
    } else {
        0
    }
}

/// Whether a line is one step of a stack trace: of Java, of glog, or of the newer BEs (`12# name at file:line`).
fn is_frame(line: &str) -> bool {
    let step = line.trim_start();
    let numbered = || {
        let rest = step.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < step.len() && rest.starts_with("# ")
    };
    let indented = || {
        step.starts_with("at ")
            || step.starts_with("@ ")
            || (step.starts_with("... ") && step.ends_with(" more"))
    };
    (step.len() < line.len() && indented()) || numbered()
}

/// The lines of a text without the log settings an FE prints on every start: some 120 lines of XML between lines of `=`.
fn own_lines(text: &str) -> Vec<&str> {
    let is_rule = |line: &str| line.starts_with("=====") && line.trim_matches('=').is_empty();
    let mut own = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("<?xml") {
            // A text that was cut off inside has no end of it.
            let mut ahead = lines.clone();
            if ahead.any(|line| is_rule(line) || line.contains("</Configuration>")) {
                lines = ahead;
            }
        } else if !is_rule(line) && !line.trim().is_empty() {
            own.push(line);
        }
    }
    own
}

/// The last lines of all files, `first` before the others. A file that others follow leaves them a third.
fn last_lines(sources: &[LogText<'_>], first: Option<&str>) -> Vec<String> {
    let mut files: Vec<&LogText<'_>> = Vec::new();
    for source in sources.iter().filter(|source| source.name != CONSOLE) {
        let place = if Some(source.name) == first {
            0
        } else {
            files.len()
        };
        files.insert(place, source);
    }
    let mut shown: Vec<&str> = Vec::new();
    let mut printed = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let left = MOST - printed.len();
        let share = if at + 1 == files.len() { left } else { left * 2 / 3 };
        // What another file has shown is left out: fe.warn.log repeats fe.log, be.WARNING repeats be.INFO.
        let mut tail = Vec::new();
        let mut frames = 0;
        for line in &file.lines {
            frames = if is_frame(line) { frames + 1 } else { 0 };
            if frames <= FRAMES && !shown.contains(line) {
                tail.push(*line);
            }
        }
        let skipped = tail.len().saturating_sub(share.saturating_sub(1));
        let tail = tail.get(skipped..).unwrap_or_default();
        if !tail.is_empty() {
            printed.push(format!("{}:", file.name));
            printed.extend(tail.iter().map(|line| presentable(line)));
            shown.extend(tail);
        }
    }
    printed
}

/// A line as it may be printed: not endless, and without the cluster's token, which URLs in error texts were seen to
/// carry.
fn presentable(line: &str) -> String {
    const MARK: &str = "token=";
    let mut parts = line.split(MARK);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(MARK);
        shown.push_str("***");
        shown.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    }
    let mut end = LONGEST.min(shown.len());
    while !shown.is_char_boundary(end) {
        end -= 1;
    }
    shown.truncate(end);
    shown
}

#[cfg(test)]
mod tests;
