//! Finds where a conf key is set, in the order in which the engine reads it.

use crate::facts::Facts;
use crate::facts::conf::ConfFile;
use crate::settings::Settings;

/// The value of a conf key that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetKey {
    pub value: String,
    /// The file or the variable, for messages.
    pub place: String,
    /// Unsets it there.
    pub remedy: String,
    /// True if a line that muster adds to the conf file cannot change it.
    pub wins: bool,
}

impl SetKey {
    /// The second conf file has precedence over requested values, and these over the first one.
    pub(super) fn of(settings: &Settings, facts: &Facts, key: &str) -> Option<Self> {
        let in_file = |file: &ConfFile, wins| {
            let value = file.lookup(key).filter(|value| !value.is_empty())?;
            let place = file.path.file_name().unwrap_or_default().to_string_lossy();
            Some(Self {
                value,
                remedy: format!("remove {key} from {place}"),
                place: place.into_owned(),
                wins,
            })
        };
        let requested = || {
            let requests = settings.conf.get(&facts.home.component)?;
            let request = requests.iter().rev().find(|request| request.key == key)?;
            let name = request.source.name();
            Some(Self {
                value: request.value.clone(),
                place: name.to_owned(),
                remedy: format!("unset {name}"),
                wins: true,
            })
        };
        facts
            .custom_conf
            .as_ref()
            .and_then(|file| in_file(file, true))
            .or_else(requested)
            .or_else(|| in_file(&facts.conf, false))
    }
}
