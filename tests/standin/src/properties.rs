//! `fe.conf` and the stand-in's own settings, read as java.util.Properties reads them.

use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
pub(crate) struct Properties(HashMap<String, String>);

impl Properties {
    /// Comments only at the start of a line, `=`, `:` or blank between key and value, backslash escapes and
    /// continuation, the last duplicate wins, quotes and trailing `# text` are part of the value.
    pub(crate) fn parse(text: &str) -> Self {
        let mut found = HashMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let mut logical = line.trim_start().to_owned();
            if logical.is_empty() || logical.starts_with(['#', '!']) {
                continue;
            }
            while ends_in_continuation(&logical) {
                logical.pop();
                match lines.next() {
                    Some(more) => logical.push_str(more.trim_start()),
                    None => break,
                }
            }
            let (key, value) = split(&logical);
            found.insert(key, value);
        }
        Self(found)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// This, and what another file adds or changes.
    pub(crate) fn overlaid(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// `${NAME}` is taken from the environment in every value, upper case keys included. An error is an unset name.
    pub(crate) fn substituted(&self, environment: &HashMap<String, String>) -> Result<Self, String> {
        let mut replaced = HashMap::new();
        for (key, value) in &self.0 {
            replaced.insert(key.clone(), substitute(value, environment)?);
        }
        Ok(Self(replaced))
    }
}

fn ends_in_continuation(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

fn split(line: &str) -> (String, String) {
    let mut key = String::new();
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => key.extend(rest.next().map(unescaped)),
            '=' | ':' => return (key, unescape(rest.collect::<String>().trim_start())),
            c if c.is_whitespace() => {
                let tail: String = rest.collect();
                let tail = tail.trim_start();
                let tail = tail.strip_prefix(['=', ':']).unwrap_or(tail);
                return (key, unescape(tail.trim_start()));
            }
            c => key.push(c),
        }
    }
    (key, String::new())
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            out.extend(chars.next().map(unescaped));
        } else {
            out.push(c);
        }
    }
    out
}

fn unescaped(c: char) -> char {
    match c {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\u{c}',
        other => other,
    }
}

fn substitute(value: &str, environment: &HashMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        let found = environment.get(name).ok_or_else(|| name.to_owned())?;
        out.push_str(found);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_duplicate_wins_and_an_inline_comment_is_part_of_the_value() {
        let read = Properties::parse("a = 1\n# a = 2\na: 3\nb 9030 # c\nempty =\nc\\nd = x\\\n  y");
        assert_eq!(read.get("a"), Some("3"));
        assert_eq!(read.get("b"), Some("9030 # c"));
        assert_eq!(read.get("empty"), None);
        assert_eq!(read.get("c\nd"), Some("xy"));
    }

    #[test]
    fn an_unset_variable_is_named() {
        let read = Properties::parse("x = ${NOPE}/y");
        assert_eq!(read.substituted(&HashMap::new()).unwrap_err(), "NOPE");
    }
}
