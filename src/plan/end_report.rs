//! The report on an engine that ended by itself: the reason, if a line of its logs or its exit code is known, and its last
//! lines.

use std::fmt;
use std::time::Duration;

use super::explain::seconds;
use crate::engine::signature::{BUSY_LOGS, ENDS, End, HANGS, HEAP_FULL, ROWS, Signature};

/// The name of the engine's console output. It is already in the container's log, so it is searched but not printed again.
pub const CONSOLE: &str = "console";

/// The maximum of lines that are printed, names of files included.
const MAX_LINES: usize = 50;
/// The maximum of bytes that are printed of one line.
const MAX_LINE_BYTES: usize = 500;
/// The number of lines that are searched at the end of a log, not counting the frames of a stack trace. The engine has
/// survived earlier errors. A start that fails hardly logs more in all.
const SEARCHED: usize = 100;
/// The same for an `.out` file after a long run: a crash is reported in its last lines.
const SEARCHED_PRINTED: usize = 20;
/// After a run of this length, quiet logs are not searched: their last hundred lines may span a month.
const LONG_RUN: Duration = Duration::from_secs(600);
/// The maximum of frames that are printed of one stack trace, so that the line above it is printed too.
const MAX_FRAMES: usize = 5;

/// The exit code of SIGKILL: 128 + 9.
const KILLED: u8 = 137;
const KILLER: &str = "look for what kills it: `docker kill`, or `kill -9` in the container or on the host";

/// Why an engine ended, as far as its logs and its exit code tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndReport {
    /// The exit code, and the time since the start.
    end: String,
    number: u8,
    /// The id of the signature that matched.
    id: Option<&'static str>,
    /// The problem and the remedy.
    why: Option<(String, &'static str)>,
    /// The line that matched, after the name of its file.
    matched: Option<String>,
    /// The last lines, each group after the name of its file.
    lines: Vec<String>,
}

impl EndReport {
    /// The id of the signature that matched.
    pub fn id(&self) -> Option<&'static str> {
        self.id
    }

    /// The problem, if it is known: a clause without a full stop.
    pub fn sentence(&self) -> Option<&str> {
        self.why.as_ref().map(|(sentence, _)| sentence.as_str())
    }

    pub fn hint(&self) -> Option<&'static str> {
        self.why.as_ref().map(|(_, hint)| *hint)
    }

    /// The end and the problem: `255 after 12 s: the disk is full`.
    pub fn clause(&self) -> String {
        match self.sentence() {
            Some(sentence) => format!("{}: {sentence}", self.end),
            None => self.end.clone(),
        }
    }

    /// The same, with the number of processes of this container that the kernel has killed because memory ran out, if it is known.
    #[must_use]
    pub fn with_oom_kills(mut self, kills: Option<u64>) -> Self {
        let Some(kills) = kills.filter(|_| self.number == KILLED && self.id.is_none()) else {
            return self;
        };
        if kills == 0 {
            let sentence = "it was killed (SIGKILL), but not by muster, and not because memory ran out: its control group has \
                            oom_kill 0";
            self.why = Some((sentence.to_owned(), KILLER));
        } else if let Some((sentence, _)) = &mut self.why {
            *sentence = format!(
                "the kernel killed it because memory ran out: its control group has oom_kill {kills}"
            );
        }
        self
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for EndReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: the engine ended with {}", self.clause())?;
        if let Some(line) = &self.matched {
            writeln!(f, "  {line}")?;
        }
        if let Some(hint) = self.hint() {
            writeln!(f, "\nhint: {hint}")?;
        }
        if !self.lines.is_empty() {
            f.write_str("\n")?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Reports an end that was not requested. `texts` holds the lines that each log gained since the start, logs with the
/// reason of an end first; `number` is the exit code, or 128 + the signal.
pub fn derive(texts: &[(String, String)], number: u8, uptime: Duration) -> EndReport {
    let logs: Vec<LogText<'_>> = texts
        .iter()
        .map(|(name, text)| LogText {
            name,
            lines: relevant_lines(text),
        })
        .collect();
    let end = ENDS.iter().find(|end| end.number == number);
    let cause = find_cause(&logs, end, uptime);
    EndReport {
        end: format!("{number} after {}", seconds(uptime)),
        number,
        id: cause.as_ref().map(|cause| cause.row.id),
        why: match (&cause, end) {
            (Some(cause), _) => Some((cause.row.sentence_of(cause.line), cause.row.hint)),
            (None, Some(end)) => Some((end.sentence.to_owned(), end.hint)),
            (None, None) => None,
        },
        matched: cause
            .as_ref()
            .map(|Cause { file, line, .. }| format!("{file}: {}", printable(line.trim()))),
        lines: last_lines(&logs, cause.map(|cause| cause.file)),
    }
}

/// The reason why an FE that runs does not get ready, by the last lines of its logs: the problem and the remedy.
pub fn hang(texts: &[(String, String)]) -> Option<(&'static str, &'static str)> {
    let recent = |row: &Signature| {
        texts.iter().any(|(_, text)| {
            let mut lines = text.lines().rev().take(SEARCHED);
            lines.any(|line| row.matches(line))
        })
    };
    let row = HANGS.iter().find(|row| recent(row))?;
    Some((row.sentence, row.hint))
}

/// One log without the lines that never matter.
#[derive(Debug)]
struct LogText<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
}

/// A signature, and the line that it matches.
#[derive(Debug)]
struct Cause<'a> {
    row: &'static Signature,
    file: &'a str,
    line: &'a str,
}

/// The first signature that matches near the end of any log, with the last line that it matches. An engine that another
/// process stopped has no cause in its log, except for a JVM that kills itself when its heap is full.
fn find_cause<'a>(logs: &[LogText<'a>], end: Option<&End>, uptime: Duration) -> Option<Cause<'a>> {
    let from_outside = end.filter(|end| end.from_outside);
    for row in ROWS.into_iter().flatten() {
        if from_outside.is_some_and(|end| end.number != KILLED || row.id != HEAP_FULL) {
            continue;
        }
        for LogText { name: file, lines } in logs {
            let mut left = searched_lines(file, uptime);
            for line in lines.iter().rev() {
                if left == 0 {
                    break;
                }
                if row.matches(line) {
                    return Some(Cause { row, file, line });
                }
                left -= usize::from(!is_frame(line));
            }
        }
    }
    None
}

/// The number of lines that are searched at the end of a log.
fn searched_lines(file: &str, uptime: Duration) -> usize {
    if uptime < LONG_RUN || file == CONSOLE || BUSY_LOGS.contains(&file) {
        SEARCHED
    } else if file.contains(".out") {
        SEARCHED_PRINTED
    } else {
        0
    }
}

/// Whether a line is one frame of a stack trace: of Java, of glog, or of the newer BEs (`12# name at file:line`).
fn is_frame(line: &str) -> bool {
    let frame = line.trim_start();
    let numbered = || {
        let rest = frame.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < frame.len() && rest.starts_with("# ")
    };
    let indented = || {
        frame.starts_with("at ")
            || frame.starts_with("@ ")
            || (frame.starts_with("... ") && frame.ends_with(" more"))
    };
    (frame.len() < line.len() && indented()) || numbered()
}

/// The lines of a log, without blank ones and without the log settings that an FE prints at every start: some 120 lines of
/// XML between lines of `=`.
fn relevant_lines(text: &str) -> Vec<&str> {
    let is_rule = |line: &str| line.starts_with("=====") && line.trim_matches('=').is_empty();
    let mut relevant = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("<?xml") {
            // Where the text was cut off, the XML has no end.
            let mut ahead = lines.clone();
            if ahead.any(|line| is_rule(line) || line.contains("</Configuration>")) {
                lines = ahead;
            }
        } else if !is_rule(line) && !line.trim().is_empty() {
            relevant.push(line);
        }
    }
    relevant
}

/// The last lines of all logs, `first` before the others. A log that others follow leaves them a third of the lines.
fn last_lines(logs: &[LogText<'_>], first: Option<&str>) -> Vec<String> {
    let mut files: Vec<&LogText<'_>> = Vec::new();
    for log in logs.iter().filter(|log| log.name != CONSOLE) {
        let position = if Some(log.name) == first { 0 } else { files.len() };
        files.insert(position, log);
    }
    let mut shown: Vec<&str> = Vec::new();
    let mut printed = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let left = MAX_LINES - printed.len();
        let share = if at + 1 == files.len() { left } else { left * 2 / 3 };
        // Lines of an earlier file are left out: fe.warn.log repeats fe.log, be.WARNING repeats be.INFO.
        let mut tail = Vec::new();
        let mut frames = 0;
        for line in &file.lines {
            frames = if is_frame(line) { frames + 1 } else { 0 };
            if frames <= MAX_FRAMES && !shown.contains(line) {
                tail.push(*line);
            }
        }
        let skipped = tail.len().saturating_sub(share.saturating_sub(1));
        let tail = tail.get(skipped..).unwrap_or_default();
        if !tail.is_empty() {
            printed.push(format!("{}:", file.name));
            printed.extend(tail.iter().map(|line| printable(line)));
            shown.extend(tail);
        }
    }
    printed
}

/// Shortens a long line, and hides the cluster's token, which was seen in URLs of error messages.
fn printable(line: &str) -> String {
    const MARK: &str = "token=";
    let mut parts = line.split(MARK);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(MARK);
        shown.push_str("***");
        shown.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    }
    let mut end = MAX_LINE_BYTES.min(shown.len());
    while !shown.is_char_boundary(end) {
        end -= 1;
    }
    shown.truncate(end);
    shown
}

#[cfg(test)]
mod tests;
