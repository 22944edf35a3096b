//! Adds events to the history of this node. It waits for nobody, and nothing depends on it: where it cannot be written, it is
//! not.

use std::path::{Path, PathBuf};

use crate::effects::clock::seconds;
use crate::effects::files::{replace_unsynced, sync};
use crate::engine::Component;
use crate::facts::history::{self, Event};
use crate::plan::history::kept;

/// The file of one component.
#[derive(Debug, Clone)]
pub struct History {
    path: PathBuf,
}

impl History {
    pub fn of(state_dir: &Path, component: Component) -> Self {
        Self {
            path: history::path(state_dir, component),
        }
    }

    /// Everything that is known, the oldest first.
    pub fn events(&self) -> Vec<Event> {
        history::lines(&self.path).map_or_else(|_| Vec::new(), |lines| history::events(&lines))
    }

    /// Adds an event, as one that happens now. It survives a kill of this process, and a power cut after [`sync`](Self::sync).
    pub fn add(&self, event: Event) {
        self.extend(|_| vec![event]);
    }

    /// Adds what follows from the events so far, in one write. Returns true if there was something to add.
    pub fn extend(&self, events: impl FnOnce(&[Event]) -> Vec<Event>) -> bool {
        let at = seconds();
        let written = history::lines(&self.path).and_then(|mut lines| {
            let new = events(&history::events(&lines));
            if new.is_empty() {
                return Ok(false);
            }
            lines.extend(new.into_iter().map(|event| Event { at, ..event }.to_line()));
            let text: String = kept(lines)
                .iter()
                .flat_map(|line| [line.trim_end(), "\n"])
                .collect();
            replace_unsynced(&self.path, text.as_bytes()).map(|()| true)
        });
        // What cannot be read is somebody else's.
        written.unwrap_or_else(|error| {
            tracing::debug!("cannot write {}: {error}", self.path.display());
            false
        })
    }

    /// Waits for the disk.
    pub fn sync(&self) {
        if let Err(error) = sync(&self.path) {
            tracing::debug!("cannot write {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::History;
    use crate::engine::Component;
    use crate::facts::history::{Event, MOST, Word};

    #[test]
    fn the_newest_events_are_kept_and_a_lost_file_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::of(dir.path(), Component::Be);
        for number in 0..MOST + 5 {
            let reason = Some(number.to_string());
            history.add(Event {
                reason,
                ..Event::new(Word::Ended, number.to_string())
            });
        }
        history.sync();
        let events = history.events();
        assert_eq!(events.len(), MOST);
        assert_eq!(
            (events[0].say.as_str(), events[MOST - 1].say.as_str()),
            ("5", "204")
        );
        assert!(events[0].at > 1_700_000_000);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::remove_file(dir.path().join("muster-be.history")).unwrap();
        history.add(Event::new(Word::Started, "again"));
        assert_eq!(history.events().len(), 1);
    }

    /// A kind that a later version has is not lost when an earlier one writes.
    #[test]
    fn an_event_of_a_newer_muster_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("muster-fe.history");
        let newer = "{\"at\":\"2030-01-01T00:00:00Z\",\"event\":\"snapshot\",\"say\":\"kept\",\"bytes\":7}\n";
        std::fs::write(&file, newer).unwrap();
        let history = History::of(dir.path(), Component::Fe);
        history.add(Event::new(Word::Started, "now"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(newer) && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn a_place_that_cannot_be_written_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let missing = History::of(&dir.path().join("missing"), Component::Fe);
        missing.add(Event::new(Word::Started, "now"));
        missing.sync();
        assert!(missing.events().is_empty() && !dir.path().join("missing").exists());
        let file = dir.path().join("muster-fe.history");
        std::fs::create_dir(&file).unwrap();
        let taken = History::of(dir.path(), Component::Fe);
        taken.add(Event::new(Word::Started, "now"));
        assert!(file.is_dir());
    }
}
