//! What is asked for through variables, written into a conf file and read from it as the engine does.
//!
//! The first line of an input is `fe` or `be`, then come `key=value` lines up to an empty one, then the shipped file.

use std::ffi::OsString;

use muster::engine::Component;
use muster::facts::conf::{Grammar, without_block};
use muster::plan::conf::{ConfEntry, render};
use muster::settings::{Flags, Settings};

pub fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Some((component, rest)) = text.split_once('\n') else {
        return;
    };
    let (wishes, base) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let (component, prefix) = match component {
        "fe" => (Component::Fe, "FE_CONF__"),
        _ => (Component::Be, "BE_CONF__"),
    };
    let mut vars = vec![
        ("MASTER_HOST".to_owned(), "10.0.0.1"),
        ("LOCAL_HOST".to_owned(), "10.0.0.2"),
    ];
    for (key, value) in wishes.lines().filter_map(|line| line.split_once('=')) {
        vars.push((format!("{prefix}{key}"), value));
    }
    let vars = vars
        .into_iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    // What would not survive is refused.
    let Ok((settings, _)) = Settings::read(Flags::default(), vars) else {
        return;
    };
    let entries: Vec<ConfEntry> = settings
        .conf
        .get(&component)
        .into_iter()
        .flatten()
        .map(|wish| ConfEntry {
            key: wish.key.clone(),
            value: wish.value.clone(),
        })
        .collect();
    let grammar = Grammar::of(component);
    let once = render(base, &entries, grammar);
    assert_eq!(
        render(&once, &entries, grammar),
        once,
        "writing twice changes nothing"
    );
    let read = grammar.entries(&once);
    for entry in &entries {
        assert_eq!(
            last(&read, &entry.key),
            Some(entry.value.as_str()),
            "{}: {once:?}",
            entry.key
        );
    }
    // What nobody asked for is as it was.
    for (key, value) in grammar.entries(&without_block(base)) {
        if entries.iter().all(|entry| entry.key != key) {
            let shipped = grammar.entries(&without_block(base));
            assert_eq!(
                last(&read, &key),
                last(&shipped, &key),
                "{key} = {value}: {once:?}"
            );
        }
    }
    let back = render(&once, &[], grammar);
    assert_eq!(
        back.trim_end(),
        without_block(base).trim_end(),
        "without a wish the shipped text comes back"
    );
}

fn last<'a>(entries: &'a [(String, String)], key: &str) -> Option<&'a str> {
    entries
        .iter()
        .rev()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}
