//! Problems of settings, all of them in one report, and warnings. Values are shown as they stand in a compose file, and never
//! if they may be a secret.

use std::ffi::OsStr;
use std::fmt;

use super::words::names_component;

use std::collections::BTreeSet;

/// One value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable or flag, as it was written.
    pub variable: String,
    /// The value, what was expected and where it came from; one line.
    pub text: String,
}

/// Everything that is wrong. `Display` is the report for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    found: Vec<Problem>,
    warnings: Vec<Warning>,
    /// The file they are from; `None`: our own environment.
    file: Option<String>,
}

/// A problem that does not stop anything; `Display` is one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub variable: String,
    pub text: String,
}

impl Problems {
    /// Sorted by variable; several of one variable stay in the order they were found.
    pub(super) fn new(mut problems: Vec<Problem>, warnings: Vec<Warning>, file: Option<&str>) -> Self {
        let mut seen = BTreeSet::new();
        problems.retain(|problem| seen.insert((problem.variable.clone(), problem.text.clone())));
        problems.sort_by(|one, other| one.variable.cmp(&other.variable));
        Self {
            found: problems,
            warnings,
            file: file.map(str::to_owned),
        }
    }

    /// The problems of two readings of one file, each once.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut warnings = self.warnings;
        warnings.extend(other.warnings);
        let problems = [self.found, other.found].concat();
        Self::new(problems, warnings, self.file.as_deref())
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter()
    }

    /// True if a vendor's variable asks for something that is no node.
    pub fn refuse_component(&self) -> bool {
        let mut found = self.found.iter();
        found.any(|problem| names_component(&problem.variable))
    }

    /// The warnings; not part of the report.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: BTreeSet<&str> = self
            .found
            .iter()
            .map(|problem| problem.variable.as_str())
            .collect();
        match (&self.file, variables.len()) {
            (Some(file), _) => writeln!(f, "{file} cannot be used")?,
            (None, 1) => writeln!(f, "1 setting cannot be used")?,
            (None, n) => writeln!(f, "{n} settings cannot be used")?,
        }
        for Problem { variable, text } in &self.found {
            writeln!(f, "  {variable}: {text}")?;
        }
        f.write_str(match self.file {
            Some(_) => "\nhint: correct these lines and run it again; nothing was written",
            None => {
                "\nhint: `muster explain` shows what the current settings lead to, without starting anything"
            }
        })
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.text)
    }
}

/// A value as a message shows it.
pub(super) fn shown(text: &str) -> String {
    shorten(escaped(text))
}

/// A value in one line, with everything that a terminal would act on spelled out.
pub(super) fn escaped(text: &str) -> String {
    text.chars().flat_map(escaped_char).collect()
}

/// A value that is not UTF-8: what can be read is shown, the rest as bytes.
pub(super) fn shown_lossily(text: &OsStr) -> String {
    let mut all = String::new();
    for chunk in text.as_encoded_bytes().utf8_chunks() {
        all.push_str(&escaped(chunk.valid()));
        all.extend(
            chunk
                .invalid()
                .iter()
                .flat_map(|byte| std::ascii::escape_default(*byte))
                .map(char::from),
        );
    }
    shorten(all)
}

/// The characters of a value that are shown at most.
const SHOWN: usize = 80;

fn shorten(text: String) -> String {
    if text.chars().count() <= SHOWN {
        return text;
    }
    let mut short: String = text.chars().take(SHOWN).collect();
    short.push('…');
    short
}

fn escaped_char(c: char) -> impl Iterator<Item = char> {
    let plain = matches!(c, '"' | '\'' | '\\') || c.escape_debug().count() == 1;
    plain
        .then_some(c)
        .into_iter()
        .chain(c.escape_debug().filter(move |_| !plain))
}

#[cfg(test)]
mod tests {
    use super::{Problem, Problems, shown, shown_lossily};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn problem(variable: &str, text: &str) -> Problem {
        Problem {
            variable: variable.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_report_lists_every_problem_by_name_and_ends_with_a_hint() {
        let problems = Problems::new(
            vec![
                problem(
                    "MASTER_HOST",
                    "`fe-0,,fe-2` has an empty host at position 2, set in the environment",
                ),
                problem(
                    "FE_QUERY_PORT",
                    "`90x0` is not a port (1–65535), set in the environment",
                ),
            ],
            Vec::new(),
            None,
        );
        assert_eq!(
            problems.to_string(),
            "2 settings cannot be used
  FE_QUERY_PORT: `90x0` is not a port (1–65535), set in the environment
  MASTER_HOST: `fe-0,,fe-2` has an empty host at position 2, set in the environment

hint: `muster explain` shows what the current settings lead to, without starting anything"
        );
    }

    #[test]
    fn two_problems_of_one_variable_are_one_setting() {
        let twice = problem("MASTER_HOST", "b");
        let problems = Problems::new(
            vec![twice.clone(), problem("MASTER_HOST", "a"), twice],
            Vec::new(),
            None,
        );
        assert!(
            problems
                .to_string()
                .starts_with("1 setting cannot be used\n  MASTER_HOST: b\n  MASTER_HOST: a\n\n"),
            "{problems}"
        );
    }

    #[test]
    fn a_value_is_shown_in_one_harmless_line() {
        let table = [
            ("plain", "plain"),
            ("a\nb\u{1b}[2J", r"a\nb\u{1b}[2J"),
            ("C:\\new \"x\" 'y'", "C:\\new \"x\" 'y'"),
            ("left\u{202e}right", r"left\u{202e}right"),
            ("fünf", "fünf"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), 81);
        assert_eq!(shown_lossily(OsStr::from_bytes(b"fe-\xff\n1")), r"fe-\xff\n1");
    }
}
