//! Hides secrets in texts of others: lines of logs, conf files, answers. What may be one is hidden, and a word too many rather
//! than one too few.

use crate::engine::ALL;
use crate::settings::is_secret_name;

/// Stands for what is hidden.
pub const HIDDEN: &str = "***";

/// Parts of the name of a secret, without the signs between its words.
const NAMES: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "accesskey",
    "privatekey",
    "sharedkey",
    "accountkey",
    "apikey",
    "encryptionkey",
    "signature",
    "authorization",
];
/// Whole names.
const SHORT_NAMES: [&str; 4] = ["sig", "pass", "ak", "sk"];
/// Words in front of `key`, with a blank between.
const KINDS_OF_KEY: [&str; 6] = ["access", "secret", "private", "shared", "account", "api"];
/// A line without any of these, in small letters, holds no secret that is told by its looks.
const MARKS: [&str; 13] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "key",
    "sig",
    "auth",
    "identified",
    "bearer",
    "@",
    "eyj",
    " -p",
];
/// The same, followed by what gives them a value.
const SHORT_MARKS: [&str; 2] = ["ak", "sk"];
/// After `IDENTIFIED` so many literals, on so many lines, are hidden.
const ARMED: (usize, usize) = (4, 8);
const SEPARATORS: [&str; 6] = ["=>", "==", ":=", "=", ":", ">"];

/// The text without its secrets.
pub fn masked(text: &str) -> String {
    let mut scan = Scan {
        rest: text,
        shown: String::with_capacity(text.len()),
        at_start: true,
        armed: None,
        client: false,
    };
    while !scan.rest.is_empty() {
        scan.step();
    }
    scan.shown
}

/// JSON with every string masked, and the value of every key whose name says that it is a secret. A text that is none is masked
/// as a text.
pub fn masked_json(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(mut value) => {
            mask_value(&mut value);
            serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
        }
        Err(_) => masked(text),
    }
}

fn mask_value(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = masked(text),
        serde_json::Value::Array(values) => values.iter_mut().for_each(mask_value),
        serde_json::Value::Object(entries) => {
            for (name, value) in entries {
                if is_name(name) && value.is_string() {
                    *value = HIDDEN.into();
                } else {
                    mask_value(value);
                }
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// A secret is looked for in all texts if it has so many characters: a shorter one would hide half of them.
const LEAST: usize = 6;

/// The text without these secrets, wherever they are in it.
pub fn without(text: String, secrets: &[String]) -> String {
    let is_word = |secret: &str| secret == "password" || ALL.into_iter().any(|engine| engine.id == secret);
    let hidden = secrets
        .iter()
        .filter(|secret| secret.chars().count() >= LEAST && !is_word(secret));
    hidden.fold(text, |text, secret| {
        // As a string of JSON has it.
        let escaped = serde_json::Value::from(secret.as_str()).to_string();
        let escaped = escaped.trim_matches('"');
        text.replace(secret, HIDDEN).replace(escaped, HIDDEN)
    })
}

/// True if the value of such a name may be a secret. The name of a secret's file is none.
pub fn is_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with("_file") {
        return false;
    }
    let plain: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    is_secret_name(name)
        || NAMES.iter().any(|part| plain.contains(part))
        || SHORT_NAMES.contains(&plain.as_str())
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

const fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

/// True for what ends a value without quotes.
fn ends_value(c: char) -> bool {
    c.is_whitespace() || is_quote(c) || matches!(c, '<' | '\\')
}

struct Scan<'t> {
    rest: &'t str,
    shown: String,
    /// The rest begins a line.
    at_start: bool,
    /// The literals that are still hidden, and on how many lines.
    armed: Option<(usize, usize)>,
    /// The line calls a client of MySQL.
    client: bool,
}

impl Scan<'_> {
    fn step(&mut self) {
        if std::mem::take(&mut self.at_start) && self.line() {
            return;
        }
        let Some(first) = self.rest.chars().next() else {
            return;
        };
        if is_word(first) {
            self.word();
        } else if self.rest.starts_with("://") {
            self.url();
        } else if is_quote(first) && self.armed.is_some() && !self.is_apostrophe() && !self.is_quoted_name() {
            self.literal();
            self.armed = self
                .armed
                .and_then(|(literals, lines)| Some((literals.checked_sub(1)?, lines)));
        } else {
            if first == ';' {
                self.armed = None;
            }
            self.copy(first.len_utf8());
        }
    }

    /// Begins a line; true if it is done with it.
    fn line(&mut self) -> bool {
        self.client = false;
        self.armed = self
            .armed
            .and_then(|(literals, lines)| Some((literals, lines.checked_sub(1)?)));
        let length = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
        let Some((line, _)) = self.rest.split_at_checked(length) else {
            return false;
        };
        if begins_record(line) {
            self.armed = None;
        }
        if line.contains("-----BEGIN ") && line.contains("PRIVATE KEY") {
            self.key();
            return true;
        }
        let lower = line.to_ascii_lowercase();
        let has_short = || {
            let mut words = lower.split(|c: char| !is_word(c));
            words.any(|word| SHORT_MARKS.contains(&word))
        };
        let holds = self.armed.is_some() || MARKS.iter().any(|mark| lower.contains(mark)) || has_short();
        if !holds {
            self.copy(length);
        }
        !holds
    }

    /// A private key of several lines.
    fn key(&mut self) {
        const END: &str = "-----END ";
        let end = self.rest.find(END).and_then(|at| {
            let (_, tail) = self.rest.split_at_checked(at + END.len())?;
            Some(at + END.len() + tail.find("-----")? + 5)
        });
        self.hide(end.unwrap_or(self.rest.len()));
    }

    fn word(&mut self) {
        let rest = self.rest;
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let Some((word, after)) = rest.split_at_checked(length) else {
            return self.copy(rest.len());
        };
        let lower = word.to_ascii_lowercase();
        if word.starts_with("-p") && word.len() > 2 && self.client {
            self.copy(2);
            return self.hide_value();
        }
        if lower.starts_with("eyj") && word.len() > 20 && word.contains('.') {
            return self.hide(length);
        }
        self.copy(length);
        self.client |= lower.ends_with("mysql") || lower.ends_with("mariadb");
        if lower == "identified" || lower == "set" && next_word(after).eq_ignore_ascii_case("password") {
            self.armed = Some(ARMED);
        }
        if lower == "bearer" {
            self.copy(blanks(after));
            return self.hide_value();
        }
        if KINDS_OF_KEY.contains(&lower.as_str()) && next_word(after).eq_ignore_ascii_case("key") {
            self.copy(blanks(after) + "key".len());
            return self.value(&lower);
        }
        if is_name(word) {
            return self.value(&lower);
        }
        // `user:password@host`.
        if let Some(tail) = after.strip_prefix(':')
            && let Some(at) = user_info(tail)
            && !tail.starts_with("//")
        {
            self.copy(1);
            self.hide(at);
        }
    }

    /// Hides the value behind the name of a secret, if there is one.
    fn value(&mut self, name: &str) {
        let rest = self.rest;
        let unquoted = rest
            .strip_prefix("\\\"")
            .or_else(|| rest.strip_prefix("\\'"))
            .or_else(|| rest.strip_prefix(is_quote))
            .unwrap_or(rest);
        let mut tail = unquoted.trim_start_matches([' ', '\t']);
        let word = next_word(tail);
        if ["is", "was", "value"].contains(&word) {
            tail = tail
                .strip_prefix(word)
                .unwrap_or(tail)
                .trim_start_matches([' ', '\t']);
        }
        let apart = tail.len() < unquoted.len();
        let opens =
            |text: &str| text.starts_with(is_quote) || text.starts_with("\\\"") || text.starts_with("\\'");
        let separator = SEPARATORS.iter().find_map(|mark| tail.strip_prefix(mark));
        let call = tail
            .strip_prefix('(')
            .map(str::trim_start)
            .filter(|tail| opens(tail));
        let value = match separator.or(call) {
            Some(value) => value,
            None if apart && (opens(tail) || name.starts_with("--")) => tail,
            None => return,
        };
        let mut begin = value.trim_start_matches([' ', '\t']);
        let below = begin.trim_start();
        if begin.starts_with(['\n', '\r']) && opens(below) {
            begin = below;
        }
        self.copy(rest.len() - begin.len());
        if name.contains("authorization") {
            let end = begin
                .find(|c: char| c == '\n' || is_quote(c))
                .unwrap_or(begin.len());
            return self.hide(end);
        }
        self.hide_value();
    }

    /// Hides what the rest begins with: a literal, or everything up to a blank.
    fn hide_value(&mut self) {
        for quote in ["\\\"", "\\'"] {
            if let Some(tail) = self.rest.strip_prefix(quote) {
                let length = tail.find(quote).or_else(|| tail.find('\n')).unwrap_or(tail.len());
                self.copy(quote.len());
                return self.hide(length);
            }
        }
        if self.rest.starts_with(is_quote) {
            return self.literal();
        }
        let word = next_word(self.rest);
        let call = self
            .rest
            .strip_prefix(word)
            .and_then(|tail| tail.strip_prefix('('));
        if is_name(word) && call.is_some_and(|tail| tail.starts_with(is_quote)) {
            // `PASSWORD('…')`, which is hidden as such.
            return;
        }
        let length = self.rest.find(ends_value).unwrap_or(self.rest.len());
        self.hide(length);
    }

    /// Hides a literal; one without an end up to the end of its line: further on it would end where another one begins.
    fn literal(&mut self) {
        let Some(quote) = self.rest.chars().next() else {
            return;
        };
        self.copy(quote.len_utf8());
        let mut end = self.rest.len();
        let mut chars = self.rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let ends = match c {
                '\n' => true,
                '\\' => {
                    chars.next_if(|(_, next)| *next != '\n');
                    false
                }
                _ => c == quote && chars.next_if(|(_, next)| *next == quote).is_none(),
            };
            if ends {
                end = at;
                break;
            }
        }
        self.hide(end);
        if self.rest.starts_with(quote) {
            self.copy(quote.len_utf8());
        }
    }

    /// True for the sign of `doesn't`, which opens no literal.
    fn is_apostrophe(&self) -> bool {
        let follows = self.shown.ends_with(|c: char| c.is_ascii_alphabetic());
        let tail = self.rest.strip_prefix('\'').unwrap_or_default();
        let ends = ["t", "s", "re", "ve", "ll", "d", "m"]
            .iter()
            .filter_map(|end| tail.strip_prefix(end));
        follows
            && ends
                .into_iter()
                .any(|after| after.is_empty() || after.starts_with([' ', '\n']))
    }

    /// True for a literal that is the name of a secret: what follows it is to be hidden.
    fn is_quoted_name(&self) -> bool {
        let mut chars = self.rest.chars();
        let quote = chars.next();
        let tail = chars.as_str();
        let word = next_word(tail);
        let after = tail.strip_prefix(word);
        is_name(word) && after.is_some_and(|after| after.chars().next() == quote)
    }

    /// Hides the user and the password of a URL.
    fn url(&mut self) {
        const MARK: &str = "://";
        self.copy(MARK.len());
        if let Some(at) = user_info(self.rest) {
            self.hide(at);
        }
    }

    fn copy(&mut self, length: usize) {
        if let Some((copied, rest)) = self.rest.split_at_checked(length) {
            self.shown.push_str(copied);
            self.at_start |= copied.ends_with('\n');
            self.rest = rest;
        } else {
            // No length is within a character.
            self.hide(self.rest.len());
        }
    }

    fn hide(&mut self, length: usize) {
        if length == 0 {
            return;
        }
        self.shown.push_str(HIDDEN);
        self.rest = self.rest.split_at_checked(length).map_or("", |(_, rest)| rest);
    }
}

/// True for the first line of what an engine logs at one time: it begins with a time, or with a letter and a time.
fn begins_record(line: &str) -> bool {
    let mut chars = line.chars();
    let first = chars.next();
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    digit(first)
        || first == Some('[')
        || (matches!(first, Some('I' | 'W' | 'E' | 'F')) && digit(chars.next()))
}

/// The place of the last `@` before a blank or a quote.
fn user_info(text: &str) -> Option<usize> {
    let end = text
        .find(|c: char| c.is_whitespace() || is_quote(c) || matches!(c, '<' | '>'))
        .unwrap_or(text.len());
    let (word, _) = text.split_at_checked(end)?;
    word.rfind('@')
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// The word behind the blanks that a text begins with; empty without blanks or words.
fn next_word(text: &str) -> &str {
    let tail = text.trim_start();
    let end = tail.find(|c: char| !is_word(c)).unwrap_or(tail.len());
    tail.split_at_checked(end).map_or("", |(word, _)| word)
}

#[cfg(test)]
mod tests;
