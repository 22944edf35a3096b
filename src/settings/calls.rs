//! Which programs a command line or a text for a shell would run, and which of them start an engine.

use super::shell_text::{Value, Word, commands};
use crate::engine::{self, Layout};

/// One call of a script that starts an engine.
pub(super) struct Call {
    pub layout: &'static Layout,
    pub script: &'static str,
    pub path: Word,
    pub args: Vec<Word>,
}

/// Everything a command would have run.
#[derive(Default)]
pub(super) struct Calls {
    pub calls: Vec<Call>,
    pub others: Vec<Vec<Word>>,
}

const SHELLS: [&str; 5] = ["bash", "sh", "dash", "ash", "ksh"];
/// They run what follows their flags.
const RUNNERS: [&str; 10] = [
    "exec",
    "nohup",
    "setsid",
    "command",
    "env",
    "time",
    "tini",
    "dumb-init",
    "catatonit",
    "docker-init",
];
/// They run what follows the name of a user.
const AS_USER: [&str; 2] = ["gosu", "su-exec"];
/// Words of the shell's own before a command.
const BEFORE: [&str; 9] = ["if", "then", "elif", "else", "while", "until", "do", "{", "!"];
/// Words of the shell's own with which no command begins.
const NO_COMMAND: [&str; 8] = ["for", "case", "select", "function", "fi", "done", "esac", "}"];
/// A shell in a shell in a shell is still read.
const DEEPEST: u8 = 3;

impl Calls {
    /// One command, as a list of words.
    pub(super) fn take(&mut self, words: &[Word], value: Value<'_>, depth: u8) {
        let Some((first, args)) = self.strip(words) else {
            return;
        };
        let name = file_name(&first.text);
        if let Some((layout, script)) = script(name) {
            self.calls.push(Call {
                layout,
                script,
                path: first.clone(),
                args: args.to_vec(),
            });
        } else if SHELLS.contains(&name) && depth < DEEPEST {
            self.shell(words, args, value, depth);
        } else {
            self.others.push([std::slice::from_ref(first), args].concat());
        }
    }

    /// `bash -lc "…"`, `bash -x file …`.
    fn shell(&mut self, words: &[Word], args: &[Word], value: Value<'_>, depth: u8) {
        let mut has_text = false;
        let mut args = args;
        while let [option, rest @ ..] = args {
            let (text, long) = (option.text.as_str(), option.text.starts_with("--"));
            if !text.starts_with(['-', '+']) {
                break;
            }
            args = rest;
            if text == "--" || text == "-" {
                break;
            }
            has_text |= !long && text.contains('c');
            if !long && text.ends_with('o') {
                args = args.get(1..).unwrap_or_default();
            }
        }
        match args.first() {
            Some(text) if has_text && !text.open => {
                for command in commands(&text.text, value) {
                    self.take(&command, value, depth + 1);
                }
            }
            // A file of commands is somebody's own script, unless we know it.
            Some(file) if !has_text && script(file_name(&file.text)).is_some() => {
                self.take(args, value, depth + 1);
            }
            _ => self.others.push(words.to_vec()),
        }
    }

    /// The word that is run, and what follows it.
    fn strip<'w>(&mut self, words: &'w [Word]) -> Option<(&'w Word, &'w [Word])> {
        let mut words = words;
        let mut assigned = None;
        loop {
            let Some((first, rest)) = words.split_first() else {
                // Nothing but `NAME=value`: it would have counted for what follows.
                self.others.extend(assigned.map(|word: &Word| vec![word.clone()]));
                return None;
            };
            let text = first.text.as_str();
            let name = file_name(text);
            words = if NO_COMMAND.contains(&text) {
                return None;
            } else if BEFORE.contains(&text) {
                rest
            } else if assignment(text).is_some() {
                assigned = Some(first);
                rest
            } else if RUNNERS.contains(&name) {
                let flags = rest.iter().take_while(|word| word.text.starts_with('-')).count();
                rest.get(flags..).unwrap_or_default()
            } else if AS_USER.contains(&name) {
                rest.get(1..).unwrap_or_default()
            } else {
                return Some((first, rest));
            };
        }
    }
}

pub(super) fn assignment(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (begins && name.chars().all(sound)).then_some(name)
}

/// Whether a program of that name may stand before the start of an engine, or is one.
pub(super) fn is_known(name: &str) -> bool {
    script(name).is_some() || SHELLS.contains(&name) || RUNNERS.contains(&name) || AS_USER.contains(&name)
}

/// The script of that name: an image's entrypoint, or what starts an engine.
pub(super) fn script(name: &str) -> Option<(&'static Layout, &'static str)> {
    let layouts = || engine::ALL.into_iter().flat_map(|engine| engine.layouts);
    layouts().find_map(|layout| {
        let both = [layout.entrypoint, Some(file_name(layout.script))];
        let script = both.into_iter().flatten().find(|script| *script == name)?;
        Some((layout, script))
    })
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
