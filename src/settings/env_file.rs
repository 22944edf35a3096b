//! A file of `KEY=VALUE` lines, read as docker reads it: `docker run --env-file`, and compose's `env_file`.

use std::ffi::OsString;
use std::fmt;

use std::collections::BTreeMap;

use super::problems::Problem;

/// The variables of a file. They are meant for containers: the files they name are not looked for on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// As it was named.
    name: String,
    /// The last line of a key counts, as for docker.
    lines: BTreeMap<String, Line>,
    /// Lines that set nothing.
    pub(super) broken: Vec<Problem>,
}

#[derive(Clone, PartialEq, Eq)]
struct Line {
    /// The file and the number of the line.
    place: String,
    value: String,
}

impl EnvFile {
    /// Reads the whole text; a line that cannot be read is kept as a problem, without its words: it may be a password.
    pub fn parse(name: impl Into<String>, text: &str) -> Self {
        let mut file = Self {
            name: name.into(),
            lines: BTreeMap::new(),
            broken: Vec::new(),
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match pair(line) {
                Ok((key, value)) => {
                    let value = value.to_owned();
                    let place = format!("{}, line {number}", file.name);
                    file.lines.insert(key.to_owned(), Line { place, value });
                }
                Err(why) => file.broken.push(Problem {
                    variable: file.name.clone(),
                    text: format!("line {number} {why}"),
                }),
            }
        }
        file
    }

    /// The same with other values, which win; `place` is where they are set.
    #[must_use]
    pub fn with<'a>(mut self, values: impl IntoIterator<Item = (&'a str, String)>, place: &str) -> Self {
        for (key, value) in values {
            let place = place.to_owned();
            self.lines.insert(key.to_owned(), Line { place, value });
        }
        self
    }

    /// The same without these keys.
    #[must_use]
    pub fn without(mut self, is_meant: impl Fn(&str) -> bool) -> Self {
        self.lines.retain(|key, _| !is_meant(key));
        self
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of a key; an empty one is none.
    pub fn get(&self, key: &str) -> Option<&str> {
        let value = self.lines.get(key)?.value.trim();
        Some(value).filter(|value| !value.is_empty())
    }

    /// Every key that has a value, in the order of their names.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.lines.keys().map(String::as_str);
        keys.filter(|key| self.get(key).is_some())
    }

    /// Where a key is set, in words.
    pub fn place(&self, key: &str) -> String {
        match self.lines.get(key) {
            Some(line) => line.place.clone(),
            None => self.name.clone(),
        }
    }

    pub(super) fn vars(&self) -> impl Iterator<Item = (OsString, OsString)> {
        let pairs = self.lines.iter();
        pairs.map(|(key, line)| (key.into(), line.value.as_str().into()))
    }
}

/// The keys alone: values may be secrets.
impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with ", self.name)?;
        f.debug_list().entries(self.keys()).finish()
    }
}

fn pair(line: &str) -> Result<(&str, &str), &'static str> {
    let exported = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(char::is_whitespace));
    let line = exported.map_or(line, str::trim_start);
    let (key, value) = line
        .split_once('=')
        .ok_or("has no `=`: it is neither KEY=VALUE nor a comment")?;
    if key.is_empty() {
        return Err("has nothing before its `=`");
    }
    if key.contains(char::is_whitespace) {
        return Err("has a space before its `=`, which docker refuses");
    }
    Ok((key, unquoted(value.trim())))
}

/// Compose takes a pair of quotes off; `docker run` would keep it.
pub(super) fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::EnvFile;

    #[test]
    fn a_line_is_read_as_docker_reads_it() {
        let table = [
            ("A=1", Some("1")),
            ("  A=1  ", Some("1")),
            ("export A=1", Some("1")),
            ("export\tA=1", Some("1")),
            ("A=\"1 2\"", Some("1 2")),
            ("A='1'", Some("1")),
            ("A=\"1'", Some("\"1'")),
            ("A=\"", Some("\"")),
            ("A=x=y", Some("x=y")),
            ("A=1\r", Some("1")),
            ("A=1 # one", Some("1 # one")),
            ("\u{feff}A=1", Some("1")),
            ("A=1\nA=2", Some("2")),
            ("A=1\nA=", None),
            ("A=\"\"", None),
            ("#A=1", None),
            ("  # A=1", None),
            ("", None),
            ("B=1", None),
        ];
        for (text, expected) in table {
            let file = EnvFile::parse("app.env", text);
            assert_eq!(file.get("A"), expected, "{text:?}");
            assert!(file.broken.is_empty(), "{text:?}");
            assert_eq!(file.keys().any(|key| key == "A"), expected.is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_sets_nothing_is_named_by_its_number_and_not_repeated() {
        let file = EnvFile::parse(
            "app.env",
            "# one\nhunter2\r\nA=1\n=hunter2\nCLUSTER_PASSWORD hunter2=x\nexport\n",
        );
        let said: Vec<&str> = file.broken.iter().map(|problem| problem.text.as_str()).collect();
        assert_eq!(
            said,
            [
                "line 2 has no `=`: it is neither KEY=VALUE nor a comment",
                "line 4 has nothing before its `=`",
                "line 5 has a space before its `=`, which docker refuses",
                "line 6 has no `=`: it is neither KEY=VALUE nor a comment",
            ]
        );
        assert_eq!(file.get("A"), Some("1"));
        assert_eq!(file.place("A"), "app.env, line 3");
    }

    #[test]
    fn values_do_not_print() {
        let file = EnvFile::parse("app.env", "CLUSTER_PASSWORD=hunter2");
        assert_eq!(format!("{file:?}"), "app.env with [\"CLUSTER_PASSWORD\"]");
    }
}
