//! The directories that are written whatever happens: refused before anything is, if one of them cannot be.

use crate::engine::Component;
use crate::exit::ExitCode;
use crate::facts::dir_state::{Place, PlaceState};
use crate::facts::{self, Facts};
use crate::plan::refusal::Refusal;
use crate::settings::{Settings, Source};

/// One of them, and what a message calls it.
struct Written<'a> {
    what: &'static str,
    place: &'a Place,
    source: Source,
    /// The engine makes no more than the last part of it.
    needs_parent: bool,
}

/// Why the data or the record could not be written.
pub(super) fn problems(settings: &Settings, facts: &Facts) -> Vec<Refusal> {
    written(settings, facts).iter().filter_map(problem).collect()
}

fn written<'a>(settings: &Settings, facts: &'a Facts) -> Vec<Written<'a>> {
    let data = |what, place, needs_parent| Written {
        what,
        place,
        source: data_source(settings, facts),
        needs_parent,
    };
    let mut all: Vec<Written<'a>> = match &facts.data {
        facts::Data::Fe(fe) => vec![data("the data dir", &fe.place, false)],
        // We make the first ourselves, for the record. A path that fails is the end of a BE; a CN goes on without it.
        facts::Data::Storage(paths) => paths
            .iter()
            .enumerate()
            .map(|(at, path)| {
                let needs_parent = at > 0 && facts.home.component == Component::Be;
                data("the storage path", &path.place, needs_parent)
            })
            .collect(),
        facts::Data::Nothing | facts::Data::Unresolved { .. } => Vec::new(),
    };
    all.push(Written {
        what: "the state dir",
        place: &facts.records.state_dir,
        source: settings
            .image
            .state_dir
            .as_ref()
            .map_or(Source::Default, |dir| dir.source.clone()),
        needs_parent: false,
    });
    all
}

/// Who said where the data lies.
fn data_source(settings: &Settings, facts: &Facts) -> Source {
    let key = facts.home.layout.data_key;
    let in_file = |file: &facts::conf::ConfFile| file.lookup(key).is_some_and(|value| !value.is_empty());
    if facts.custom_conf.as_ref().is_some_and(in_file) {
        return Source::ConfFile;
    }
    let wishes = settings.conf.get(&facts.home.component);
    let wish = wishes.and_then(|wishes| wishes.iter().rev().find(|wish| wish.key == key));
    match wish {
        Some(wish) => wish.source.clone(),
        None if in_file(&facts.conf) => Source::ConfFile,
        None => Source::Default,
    }
}

fn problem(written: &Written<'_>) -> Option<Refusal> {
    let Written {
        what, place, source, ..
    } = written;
    let path = place.path.display();
    let subject = format!("{what} {path}, from {source},");
    let another = "name a directory, or a path that does not exist yet";
    let wrong = |why: &str| {
        let sentence = format!("{subject} {why}");
        Some(Refusal::new(ExitCode::Configuration, sentence, another))
    };
    let closed = |why: String| {
        let hint = match what {
            &"the state dir" => {
                "set STATE_DIR to a directory that the user this container runs as may write to, best on a volume"
            }
            _ => "mount it writable, and for the user this container runs as",
        };
        Some(Refusal::new(ExitCode::Taken, format!("{subject} {why}"), hint))
    };
    match &place.state {
        PlaceState::NotADirectory => wrong("is not a directory"),
        PlaceState::LinkToNowhere => wrong("is a link to nowhere"),
        PlaceState::Unreadable(why) => closed(format!("cannot be read: {why}")),
        PlaceState::Missing if written.needs_parent && !place.parent_exists => {
            wrong("does not exist, and neither does what it would be in")
        }
        PlaceState::Missing | PlaceState::Directory => place
            .unwritable
            .as_ref()
            .and_then(|why| closed(format!("cannot be written: {why}"))),
    }
}
