//! Reads the engine's conf file in its two grammars. `plan/conf` decides the new content.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::dir_state::may_write;
use super::home::Home;
use super::mounts::Mounts;
use crate::engine::Component;
use crate::file;
use crate::settings::Inherited;

/// The start of the first line of the block that muster writes.
pub const BEGIN_MARK: &str = "# >>> muster";
/// The start of its last line.
pub const END_MARK: &str = "# <<< muster";

/// The grammar in which a component reads its conf file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// `java.util.Properties`: three separators, escapes, continued lines.
    Properties,
    /// `key = value`, one line, everything literal.
    Plain,
}

/// A conf file and the ways to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfFile {
    pub path: PathBuf,
    /// The file that `text` is from: `path`, or its namesake in the conf folder.
    pub read_from: PathBuf,
    pub grammar: Grammar,
    /// The text on disk, with muster's block; empty without a file.
    pub text: String,
    pub state: ConfState,
    pub writable: bool,
    /// True if the file is a mount point or a link: it can be rewritten in place, not replaced.
    pub is_pinned: bool,
    /// True if files can be created beside it.
    pub dir_writable: bool,
    /// The parsed text: every start looks up every key.
    read: Entries,
    /// The keys whose value uses a variable without a value, and that variable.
    pub unresolved: Vec<(String, String)>,
}

/// The values in the shipped text, as the engine and as the start script read them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entries {
    engine: Vec<(String, String)>,
    exported: Vec<(String, String)>,
}

impl Entries {
    fn of(text: &str, grammar: Grammar) -> Self {
        let shipped = without_block(text);
        Self {
            engine: grammar.entries(&shipped),
            exported: exported_entries(&shipped),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfState {
    Missing,
    Read,
    /// Bytes that are not UTF-8 were read as `U+FFFD`: writing `text` back would change them.
    ReadLossy,
    Unreadable(String),
}

/// `${NAME}` in a path with an unknown NAME.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` uses the variable {variable}, which is not set")]
pub struct Unresolved {
    pub value: String,
    pub variable: String,
}

impl Grammar {
    pub const fn of(component: Component) -> Self {
        match component {
            Component::Fe | Component::Broker => Self::Properties,
            Component::Be | Component::Cn => Self::Plain,
        }
    }

    /// Every key with its value, in the order of the file. The last value of a key wins.
    pub fn entries(self, text: &str) -> Vec<(String, String)> {
        match self {
            Self::Properties => properties::entries(text),
            Self::Plain => plain_entries(text),
        }
    }
}

impl ConfFile {
    /// Reads the text of `source`: the file itself, or one that takes its place when muster writes it.
    pub fn read(path: &Path, source: &Path, grammar: Grammar, mounts: &Mounts) -> Self {
        let (text, state) = match file::read(source, file::CONF) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => (text, ConfState::Read),
                Err(error) => (
                    String::from_utf8_lossy(error.as_bytes()).into_owned(),
                    ConfState::ReadLossy,
                ),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), ConfState::Missing),
            Err(error) => (String::new(), ConfState::Unreadable(error.to_string())),
        };
        Self {
            path: path.to_owned(),
            read_from: source.to_owned(),
            grammar,
            unresolved: Vec::new(),
            read: Entries::of(&text, grammar),
            text,
            state,
            writable: may_write(path),
            // A link is replaced by a file of another folder, never written through.
            is_pinned: source == path && (mounts.is_mount_point(path) || path.is_symlink()),
            dir_writable: path.parent().is_some_and(may_write),
        }
    }

    /// Puts the values of variables in place, as the engine does when it reads the file. The last value of a key counts.
    pub fn resolve(&mut self, variables: &Variables) {
        for (key, value) in &mut self.read.engine {
            self.unresolved.retain(|(known, _)| known != key);
            match variables.expand(value) {
                Ok(expanded) => *value = expanded,
                Err(Unresolved { variable, .. }) => self.unresolved.push((key.clone(), variable)),
            }
        }
    }

    /// The shipped or mounted text, without muster's block.
    pub fn shipped(&self) -> String {
        without_block(&self.text)
    }

    /// The value of a key in the shipped text, without muster's block. A key without a value has an empty one, for which
    /// the FE uses its default.
    pub fn lookup(&self, key: &str) -> Option<String> {
        last(&self.read.engine, key)
    }

    /// The value that the start script exports for an upper-case key, before the shell expands it.
    pub fn exported(&self, key: &str) -> Option<String> {
        last(&self.read.exported, key)
    }

    /// The last line of an upper-case key as it is written, after its `=`: with its quotes and variables. `None` also if it goes
    /// on in the next line.
    pub fn shell_line(&self, key: &str) -> Option<String> {
        let shipped = self.shipped();
        let mut pairs = shipped.lines().filter_map(|line| line.split_once('='));
        let (_, value) = pairs.rfind(|(name, _)| name.trim() == key)?;
        let value = value.trim();
        (!value.ends_with('\\')).then(|| value.to_owned())
    }

    /// The upper-case keys whose value ends with a `\r` for the start script, but not for the engine.
    pub fn returned_keys(&self) -> Vec<String> {
        returned_keys(&self.shipped())
    }
}

/// The keys whose value the start script ends with the `\r` of a Windows line end: `read` keeps it.
fn returned_keys(text: &str) -> Vec<String> {
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix("\r\n")?.split_once('='))
        .map(|(key, _)| key.trim_end_matches(' '))
        .filter(|key| is_shell_key(key))
        .map(str::to_owned)
        .collect()
}

/// The text outside muster's block. A truncated block extends to the last line.
pub fn without_block(text: &str) -> String {
    let mut inside = false;
    text.split_inclusive('\n')
        .filter(|line| {
            let begins = !inside && line.starts_with(BEGIN_MARK);
            let ends = inside && line.starts_with(END_MARK);
            let ours = inside || begins;
            inside = (inside || begins) && !ends;
            !ours
        })
        .collect()
}

/// The start scripts export what matches `^[A-Z][A-Z_0-9]*=` once the blanks around the first `=` are gone, and never
/// see a last line without its newline (`export_env_from_conf` in common.sh).
fn exported_entries(text: &str) -> Vec<(String, String)> {
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim_end_matches(' '), value.trim()))
        .filter(|(key, _)| is_shell_key(key))
        .map(|(key, value)| (key.to_owned(), shell_word(value).trim_end().to_owned()))
        .collect()
}

/// Removes the quotes and the comment after a value: the shell drops them, the engine's own reader keeps them.
fn shell_word(value: &str) -> &str {
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
        None => value.split(" #").next().unwrap_or(value),
    }
}

fn is_shell_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_uppercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The BE's own reader (configbase.cpp): blanks around everything go, `#` is a comment at the start of a line only.
fn plain_entries(text: &str) -> Vec<(String, String)> {
    text.split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

fn last(entries: &[(String, String)], key: &str) -> Option<String> {
    let (_, value) = entries.iter().rev().find(|(name, _)| name == key)?;
    Some(value.clone())
}

/// The variables whose values the engine puts into its conf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, String>,
    /// The home dir: the working directory of the start script.
    home: PathBuf,
}

impl Variables {
    /// The environment of the engine: what it inherits, what the start script sets, and what the script exports from the
    /// conf file, in the order of the file; `requested` are the lines that muster adds.
    pub fn of<'a>(
        inherited: &Inherited,
        home: &Home,
        conf: &'a ConfFile,
        requested: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let (engine, layout) = (home.engine, home.layout);
        let is_lost = |name: &str| layout.script_sets.contains(&name) || engine.unwanted.contains(&name);
        let home_variable = layout
            .script_sets
            .first()
            .copied()
            .unwrap_or(engine.home_variable);
        let values = inherited.iter().filter(|(name, _)| !is_lost(name));
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut known = Self {
            values: values.collect(),
            home: home.dir.clone(),
        };
        let dir = home.dir.to_string_lossy();
        if let Some(logs) = layout.log_dir_keys.first() {
            known
                .values
                .insert((*logs).to_owned(), format!("{dir}/{}", layout.default_logs));
        }
        known.values.insert("PID_DIR".to_owned(), format!("{dir}/bin"));
        let shipped = conf
            .read
            .exported
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in shipped.chain(requested.filter(|(key, _)| is_shell_key(key))) {
            known.values.insert(home_variable.to_owned(), dir.to_string());
            if let Ok(value) = known.expand(value) {
                known.values.insert(key.to_owned(), value);
            }
        }
        known.values.insert(home_variable.to_owned(), dir.to_string());
        known
    }

    /// Resolves the path in a conf value; a relative path is below the home dir.
    pub fn path(&self, value: &str) -> Result<PathBuf, Unresolved> {
        Ok(self.home.join(self.expand(value)?))
    }

    /// Replaces each `${NAME}`.
    pub fn expand(&self, value: &str) -> Result<String, Unresolved> {
        let mut text = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            let (variable, after) = after.split_once('}').unwrap_or((after, ""));
            let Some(replacement) = self.values.get(variable) else {
                return Err(Unresolved {
                    value: value.to_owned(),
                    variable: variable.to_owned(),
                });
            };
            text.push_str(before);
            text.push_str(replacement);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

/// `java.util.Properties.load`, as its documentation describes it.
mod properties {
    pub(super) fn entries(text: &str) -> Vec<(String, String)> {
        logical_lines(text).iter().map(|line| split(line)).collect()
    }

    /// Comments and blank lines dropped, continued lines joined without the blanks they begin with.
    fn logical_lines(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut begun: Option<String> = None;
        for natural in text.replace("\r\n", "\n").split(['\n', '\r']) {
            let line = natural.trim_start_matches(is_blank);
            // A comment mark in a continued line is text; a blank line ends one.
            if begun.is_none() && (line.is_empty() || line.starts_with(['#', '!'])) {
                continue;
            }
            let mut whole = begun.take().unwrap_or_default();
            whole.push_str(line);
            let backslashes = line.len() - line.trim_end_matches('\\').len();
            if backslashes % 2 == 1 {
                whole.pop();
                begun = Some(whole);
            } else {
                lines.push(whole);
            }
        }
        lines.extend(begun);
        lines
    }

    fn split(line: &str) -> (String, String) {
        let mut escaped = false;
        let end = line
            .char_indices()
            .find(|(_, c)| {
                let is_end = !escaped && (matches!(c, '=' | ':') || is_blank(*c));
                escaped = *c == '\\' && !escaped;
                is_end
            })
            .map_or(line.len(), |(index, _)| index);
        let (key, rest) = line.split_at_checked(end).unwrap_or((line, ""));
        let rest = rest.trim_start_matches(is_blank);
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
        // The FE trims what Properties would keep at the end.
        (
            unescape(key),
            unescape(value.trim_start_matches(is_blank)).trim().to_owned(),
        )
    }

    fn unescape(text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                plain.push(c);
                continue;
            }
            match chars.next() {
                Some('t') => plain.push('\t'),
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('f') => plain.push('\u{c}'),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).ok();
                    plain.push(
                        code.and_then(char::from_u32)
                            .unwrap_or(char::REPLACEMENT_CHARACTER),
                    );
                }
                Some(other) => plain.push(other),
                None => {}
            }
        }
        plain
    }

    fn is_blank(c: char) -> bool {
        matches!(c, ' ' | '\t' | '\u{c}')
    }
}

#[cfg(test)]
mod tests;
