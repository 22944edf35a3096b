//! The lines that a command text writes into a conf file, as settings to copy.

use super::command::{Value, is_name};
use super::conf::is_key;
use super::conf_value;
use super::env_file::unquoted;
use super::environment::conf_prefix;
use super::problems::{escaped, shown};
use super::secret::{is_secret_name, is_secret_value};
use crate::engine::Component;

/// A text with the values of the variables it names, as the shell would put them in. Secrets and unset ones stay names.
pub(super) fn with_values(text: &str, value: Value<'_>) -> String {
    let mut all = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        all.push_str(before);
        let bare = after.strip_prefix('{').unwrap_or(after);
        let end = bare.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (name, tail) = bare
            .split_at_checked(end.unwrap_or(bare.len()))
            .unwrap_or((bare, ""));
        let tail = if bare.len() == after.len() {
            Some(tail)
        } else {
            tail.strip_prefix('}')
        };
        let known =
            value(name).filter(|text| is_name(name) && !is_secret_name(name) && !is_secret_value(text));
        if let (Some(text), Some(tail)) = (known, tail) {
            all.push_str(&text);
            rest = tail;
        } else {
            all.push('$');
            rest = after;
        }
    }
    all + rest
}

/// A program and one of its words, for a message.
pub(super) fn named(program: &str, word: &str) -> String {
    if is_secret_value(word) {
        program.to_owned()
    } else {
        format!("`{program} {}`", shown(word))
    }
}

/// The lines that a sed script puts into the file; none if it only removes some. `None`: it changes a part of a line.
pub(super) fn edited_lines(script: &str) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    let mut rest = script.trim();
    while !rest.is_empty() {
        let edit = without_address(rest)?;
        let mut letters = edit.chars();
        rest = match letters.next()? {
            's' => {
                let mark = letters.next().filter(char::is_ascii_punctuation)?;
                let mut parts = letters.as_str().splitn(3, mark).skip(1);
                let (text, rest) = (parts.next()?, parts.next()?);
                if text.contains(['\\', '&']) || !text.contains('=') {
                    return None;
                }
                lines.push(text.to_owned());
                rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric())
            }
            'a' | 'i' | 'c' => {
                lines.push(letters.as_str().trim_start_matches(['\\', ' ', '\n']).to_owned());
                ""
            }
            'd' => letters.as_str(),
            _ => return None,
        };
        rest = rest.trim_start_matches([';', ' ', '\n']);
    }
    Some(lines)
}

/// What follows the lines that a command of sed is for.
fn without_address(edit: &str) -> Option<&str> {
    let rest = match edit.strip_prefix('/') {
        Some(pattern) => pattern.split_once('/')?.1,
        None => edit.trim_start_matches(|c: char| c == '$' || c == ',' || c.is_ascii_digit()),
    };
    Some(rest.trim_start())
}

/// Every `key = value` of the texts as a variable, the last one of a key, and those that no variable can set, each with the
/// reason. A secret is not repeated.
pub(super) fn settings(component: Component, texts: &[String]) -> (Vec<String>, Vec<String>) {
    let mut keys: Vec<(&str, String)> = Vec::new();
    let mut refused = Vec::new();
    let lines = texts
        .iter()
        .flat_map(|text| text.split("\\n"))
        .flat_map(str::lines);
    for (key, value) in lines.filter_map(|line| line.split_once('=')) {
        // A conf file may quote a value, a setting may not.
        let (key, value) = (key.trim(), unquoted(value.trim()));
        if is_key(key) && !value.is_empty() {
            keys.retain(|(known, _)| *known != key);
            if is_secret_name(key) || is_secret_value(value) {
                keys.push((key, "(the secret in the command)".to_owned()));
            } else if let Err(why) = conf_value::any(key, value) {
                refused.push(format!("{key}, whose value {why}"));
            } else {
                keys.push((key, escaped(value)));
            }
        }
    }
    let prefix = conf_prefix(component);
    let lines = keys.iter().map(|(key, value)| format!("{prefix}{key}={value}"));
    (lines.collect(), refused)
}
