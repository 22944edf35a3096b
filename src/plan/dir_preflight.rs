//! Checks the directories that every start writes to, before anything is written.

use crate::engine::Component;
use crate::exit::ExitCode;
use crate::facts::conf::ConfFile;
use crate::facts::dir_state::{Place, PlaceState};
use crate::facts::{DataFacts, Facts};
use crate::plan::refusal::Refusal;
use crate::settings::{Settings, Source};

/// A directory that has to be writable.
struct RequiredDir<'a> {
    /// Its name in messages.
    name: &'static str,
    place: &'a Place,
    source: Source,
    /// Only the last part of the path may be missing.
    needs_parent: bool,
}

/// The reasons why the data or the record cannot be written.
pub(super) fn problems(settings: &Settings, facts: &Facts) -> Vec<Refusal> {
    let mut problems: Vec<Refusal> = required_dirs(settings, facts)
        .iter()
        .filter_map(problem)
        .collect();
    problems.extend(facts.unwritable_temp.as_ref().map(|(dir, why)| {
        let dir = dir.display();
        Refusal::new(
            ExitCode::Configuration,
            format!("{dir} cannot be written: {why}; the engine would end over it after it has joined its cluster"),
            format!("mount a writable directory there (compose: `tmpfs: {dir}`), or set -Djava.io.tmpdir in the Java options"),
        )
    }));
    problems
}

fn required_dirs<'a>(settings: &Settings, facts: &'a Facts) -> Vec<RequiredDir<'a>> {
    let data = |name, place, needs_parent| RequiredDir {
        name,
        place,
        source: data_source(settings, facts),
        needs_parent,
    };
    let mut all: Vec<RequiredDir<'a>> = match &facts.data {
        DataFacts::Fe(fe) => vec![data("the data dir", &fe.place, false)],
        // muster creates them. A BE whose other path has no parent most likely lacks a volume.
        DataFacts::Storage(paths) => paths
            .iter()
            .enumerate()
            .map(|(at, path)| {
                let needs_parent = at > 0 && facts.home.component == Component::Be;
                data("the storage path", &path.place, needs_parent)
            })
            .collect(),
        DataFacts::Nothing | DataFacts::Unresolved { .. } => Vec::new(),
    };
    all.push(RequiredDir {
        name: "the state dir",
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

/// The source of the data dir's path.
fn data_source(settings: &Settings, facts: &Facts) -> Source {
    let key = facts.home.layout.data.as_ref().map_or("", |data| data.key);
    let in_file = |file: &ConfFile| file.lookup(key).is_some_and(|value| !value.is_empty());
    if facts.custom_conf.as_ref().is_some_and(in_file) {
        return Source::ConfFile;
    }
    let requested = settings.conf.get(&facts.home.component);
    let requested = requested.and_then(|entries| entries.iter().rev().find(|entry| entry.key == key));
    match requested {
        Some(entry) => entry.source.clone(),
        None if in_file(&facts.conf) => Source::ConfFile,
        None => Source::Default,
    }
}

fn problem(dir: &RequiredDir<'_>) -> Option<Refusal> {
    let RequiredDir {
        name, place, source, ..
    } = dir;
    let path = place.path.display();
    let subject = format!("{name} {path}, from {source},");
    let hint = "set it to a directory, or to a path that does not exist yet";
    let misconfigured = |why: &str| {
        let sentence = format!("{subject} {why}");
        Some(Refusal::new(ExitCode::Configuration, sentence, hint))
    };
    let inaccessible = |why: String| {
        let hint = match name {
            &"the state dir" => {
                "set STATE_DIR to a directory that the user of this container can write to, preferably on a volume"
            }
            _ => "mount it so that the user of this container can write to it",
        };
        Some(Refusal::new(ExitCode::Taken, format!("{subject} {why}"), hint))
    };
    match &place.state {
        PlaceState::NotADirectory => misconfigured("is not a directory"),
        PlaceState::LinkToNowhere => misconfigured("is a broken symbolic link"),
        PlaceState::Unreadable(why) => inaccessible(format!("cannot be read: {why}")),
        PlaceState::Missing if dir.needs_parent && !place.parent_exists => {
            misconfigured("does not exist, and neither does its parent directory")
        }
        PlaceState::Missing | PlaceState::Directory => place
            .unwritable
            .as_ref()
            .and_then(|why| inaccessible(format!("cannot be written: {why}"))),
    }
}
