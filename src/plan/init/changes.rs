//! What becomes of a file, line by line.

use super::entries::EnvEntry;
use super::{Inputs, Side};
use crate::settings::{is_secret_name, is_secret_value};

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Unchanged,
    New,
    /// Somebody else's is kept beside.
    Replaced,
    /// None of the lines may have: the block looked different then.
    Changed(Vec<Change>),
}

/// One line that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    pub old: Option<String>,
    pub new: Option<String>,
    pub why: String,
}

pub(super) fn fate(inputs: &Inputs<'_>, side: &Side, entries: &[EnvEntry], text: &str) -> Fate {
    if side.block.is_foreign() {
        Fate::Replaced
    } else if side.block.is_new() {
        Fate::New
    } else if side.old.says(text) {
        Fate::Unchanged
    } else {
        Fate::Changed(changes(inputs, side, entries))
    }
}

fn changes(inputs: &Inputs<'_>, side: &Side, entries: &[EnvEntry]) -> Vec<Change> {
    let old = side.block.lines();
    let mut changes = Vec::new();
    for EnvEntry { key, value, why } in entries {
        let was = old.get(key);
        if was != Some(value.as_str()) {
            changes.push(Change {
                key: key.clone(),
                old: was.map(|was| shown(key, was)),
                new: Some(value.clone()),
                why: why.clone(),
            });
        }
    }
    for key in old.keys() {
        if entries.iter().all(|entry| entry.key != key) {
            changes.push(Change {
                key: key.to_owned(),
                old: old.get(key).map(|was| shown(key, was)),
                new: None,
                why: why_gone(inputs, key),
            });
        }
    }
    changes
}

/// Somebody may have written a secret between our lines.
fn shown(key: &str, value: &str) -> String {
    if is_secret_name(key) || is_secret_value(value) {
        "(secret)".to_owned()
    } else {
        value.to_owned()
    }
}

fn why_gone(inputs: &Inputs<'_>, key: &str) -> String {
    if inputs.app_env.get(key).is_some() {
        "it is not written into this file".to_owned()
    } else if key.ends_with("_INDEX") {
        "MASTER_HOST does not list this host".to_owned()
    } else {
        format!("{} does not set it", inputs.app_env.name())
    }
}
