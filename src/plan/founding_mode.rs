//! Refuses a mode other than the one that the cluster was founded in, which it keeps. An FE with another one ends.

use crate::engine::FoundingMode;
use crate::exit::ExitCode;
use crate::facts::{DataFacts, Facts};
use crate::plan::refusal::Refusal;
use crate::settings::Settings;

/// The refusal of data that was founded in another mode.
pub(super) fn founded_otherwise(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let mode = facts.home.engine.founding_mode.as_ref()?;
    let DataFacts::Fe(data) = &facts.data else {
        return None;
    };
    let founded = data.version.as_ref()?.keys.get(mode.version_key)?;
    let place = format!("{}/image/VERSION", data.place.path.display());
    refusal(settings, facts, mode, founded, &place)
}

/// The refusal of an FE that is about to join a cluster of another mode; `its` is what the leader answered.
pub fn joins_otherwise(settings: &Settings, facts: &Facts, its: &str, leader: &str) -> Option<Refusal> {
    let mode = facts.home.engine.founding_mode.as_ref()?;
    refusal(settings, facts, mode, its, &format!("the leader {leader}"))
}

fn refusal(
    settings: &Settings,
    facts: &Facts,
    mode: &FoundingMode,
    founded: &str,
    place: &str,
) -> Option<Refusal> {
    let key = mode.conf_key;
    let requested = settings.conf.get(&facts.home.component);
    let requested = requested.and_then(|requests| requests.iter().rev().find(|request| request.key == key));
    let in_file = facts.conf.lookup(key).filter(|value| !value.is_empty());
    let (value, source) = match (requested, in_file) {
        (Some(request), _) => (request.value.clone(), request.source.to_string()),
        (None, Some(value)) => (value, facts.conf.read_from.display().to_string()),
        (None, None) => (
            mode.default.to_owned(),
            format!(
                "the default, because {} has no {key}",
                facts.conf.read_from.display()
            ),
        ),
    };
    (!founded.eq_ignore_ascii_case(&value)).then(|| {
        Refusal::new(
            ExitCode::Configuration,
            format!(
                "{key} is {value} (from {source}), but this cluster was founded with {founded} (from {place}); the FE would \
                 not start"
            ),
            format!(
                "set {key} to {founded}; a cluster keeps the mode it was founded in, and another mode needs a new cluster \
                 with an empty data dir"
            ),
        )
    })
}
