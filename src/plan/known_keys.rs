//! Keys of a conf file that mean nothing to the engine although people write them, and values with which muster cannot run it.

use crate::engine::IgnoredKey;
use crate::facts::Facts;
use crate::facts::conf::ConfFile;
use crate::settings::{Host, Settings, Source};

/// A value, and what sets it.
struct Set {
    value: String,
    place: String,
}

/// The value that the engine reads: the second conf file has precedence over what muster writes into the first.
fn set(settings: &Settings, facts: &Facts, key: &str) -> Option<Set> {
    let in_file = |file: &ConfFile| {
        let value = file.lookup(key).filter(|value| !value.is_empty())?;
        let place = file
            .read_from
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Some(Set { value, place })
    };
    let requests = settings.conf.get(&facts.home.component).into_iter().flatten();
    let requested = || {
        let request = requests.rev().find(|request| request.key == key)?;
        Some(Set {
            value: request.value.clone(),
            place: request.source.name().to_owned(),
        })
    };
    let custom = facts.custom_conf.as_ref().and_then(in_file);
    custom.or_else(requested).or_else(|| in_file(&facts.conf))
}

/// One sentence for each key that the engine ignores.
pub(super) fn warnings(settings: &Settings, facts: &Facts) -> Vec<String> {
    let (engine, component) = (facts.home.engine, facts.home.component);
    let keys = engine
        .ignored_keys
        .iter()
        .filter(|key| key.component == component);
    let lost = keys.filter_map(|key| Some((key, set(settings, facts, key.key)?)));
    lost.filter(|(key, set)| !agrees(settings, key, &set.value))
        .map(|(key, set)| {
            let IgnoredKey { key, instead, .. } = key;
            format!(
                "{key} in {} has no effect, because {} ignores it: {instead}",
                set.place, engine.name
            )
        })
        .collect()
}

/// True if the key means the host of this node, and says the one that it has.
fn agrees(settings: &Settings, key: &IgnoredKey, value: &str) -> bool {
    let local = &settings.local_host;
    key.names_host && (local.source == Source::ConfFile || Host::parse(value).as_ref() == Ok(&local.value))
}
