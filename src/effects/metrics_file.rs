//! Keeps the file of `METRICS_FILE` for the textfile collector of `node_exporter`: the time of its last change shows whether anybody
//! still writes it. A file that cannot be written is one warning.

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;

use crate::effects::clock::seconds;
use crate::effects::files::replace_unsynced;
use crate::effects::history::History;
use crate::effects::status_file::StatusFile;
use crate::facts::disk::Room;
use crate::facts::home::Home;
use crate::facts::record::{Progress, RecordCopy, state_copy};
use crate::facts::status::Phase;
use crate::facts::version;
use crate::plan::own_metrics::{
    DataSpace, LastFailure, NOT_STARTED, OwnNode, RecordSeen, last_ends, own_metrics,
};
use crate::settings::Settings;

/// The pause between two writes, unless the phase changes.
const EVERY: Duration = Duration::from_secs(60);

/// The file, and what is not known from elsewhere.
#[derive(Debug)]
pub struct MetricsFile<'a> {
    path: PathBuf,
    settings: &'a Settings,
    home: &'a Home,
    /// The record beside the conf or in `STATE_DIR`.
    record: PathBuf,
    history: History,
    start: u64,
    companion_start: u64,
    data_dirs: RefCell<Vec<PathBuf>>,
    engine_version: OnceCell<String>,
    warned: Cell<bool>,
}

impl<'a> MetricsFile<'a> {
    /// `start`: when this start of the node began, if that was before this process.
    pub fn new(
        path: PathBuf,
        settings: &'a Settings,
        home: &'a Home,
        state_dir: &Path,
        start: Option<u64>,
    ) -> Self {
        let component = home.component;
        Self {
            path,
            settings,
            home,
            record: state_dir.join(state_copy(component)),
            history: History::of(state_dir, component),
            start: start.unwrap_or_else(seconds),
            companion_start: seconds(),
            data_dirs: RefCell::default(),
            engine_version: OnceCell::new(),
            warned: Cell::new(false),
        }
    }

    /// When this start of the node began, in seconds since 1970.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// The dirs of the engine's data, once they are known.
    pub fn data_is_in(&self, dirs: &[PathBuf]) {
        self.data_dirs.replace(dirs.to_vec());
    }

    /// Writes the file at once, at each new phase, and once a minute.
    pub async fn keep(&self, status: &StatusFile) -> Infallible {
        loop {
            let now = status.look(|status| Moment {
                phase: Some(status.phase),
                began: status.since,
                not_listed: !status.notice.is_empty(),
                clock_differs: !status.clock.is_empty(),
            });
            let now = now.unwrap_or(Moment {
                phase: Some(Phase::Waiting),
                began: self.companion_start,
                not_listed: false,
                clock_differs: false,
            });
            self.write(&now, None);
            tokio::select! {
                () = sleep(EVERY) => {}
                () = status.entered() => {}
            }
        }
    }

    /// Writes it for the last time: the container ends with this code, and nobody has requested that.
    pub fn ends(&self, code: u8) {
        let now = seconds();
        let ended = Moment {
            phase: None,
            began: now,
            not_listed: false,
            clock_differs: false,
        };
        self.write(&ended, Some((code, now)));
    }

    /// `failed`: the code and the time of an end just now, of which the history may not know.
    fn write(&self, now: &Moment, failed: Option<(u8, u64)>) {
        let (known, last_stop) = last_ends(&self.history.events());
        let is_new = |failure: &LastFailure| failed.is_none() || failure.at >= self.companion_start;
        let unwritten = failed.map(|(code, at)| LastFailure {
            code,
            reason: NOT_STARTED.to_owned(),
            at,
        });
        let last_failure = known.filter(is_new).or(unwritten);
        let copy = RecordCopy::read(&self.record);
        let changed = || {
            fs::metadata(&self.record)
                .and_then(|found| found.modified())
                .map_or(0, since_1970)
        };
        let record = copy.record().map(|record| RecordSeen {
            record,
            changed: changed(),
        });
        // It takes some milliseconds, which a start should not wait for.
        let version = if now.phase == Some(Phase::Waiting) {
            ""
        } else {
            self.engine_version.get_or_init(|| {
                let found = version::find(self.home);
                found.map(|version| version.text).unwrap_or_default()
            })
        };
        let dirs = self.data_dirs.borrow();
        let dropped = record.is_some_and(|seen| seen.record.progress == Progress::Dropped);
        let text = own_metrics(&OwnNode {
            engine: self.home.engine,
            component: self.home.component,
            host: &self.settings.local_host.value.to_string(),
            engine_version: version,
            muster_version: env!("CARGO_PKG_VERSION"),
            phase: now.phase,
            phase_began: now.began,
            start: self.start,
            companion_start: self.companion_start,
            wait_timeout: self.settings.wait_timeout.value,
            not_listed: now.not_listed || dropped,
            clock_differs: now.clock_differs,
            record,
            data: dirs.iter().filter_map(|dir| space(dir)).collect(),
            last_failure,
            last_stop,
        });
        match replace_unsynced(&self.path, text.as_bytes()) {
            Ok(()) => self.warned.set(false),
            Err(error) => {
                if !self.warned.replace(true) {
                    let path = self.path.display();
                    tracing::warn!(
                        "cannot write {path}, from METRICS_FILE: {error}; mount a directory there that this user can write to; \
                         the node runs on without it"
                    );
                }
            }
        }
    }
}

/// What changes from one write to the next.
#[derive(Debug)]
struct Moment {
    phase: Option<Phase>,
    began: u64,
    not_listed: bool,
    clock_differs: bool,
}

/// The file system of a data dir; `None` before there is the dir.
fn space(dir: &Path) -> Option<DataSpace> {
    let Room { free, size, .. } = Room::of(dir).ok()?;
    Some(DataSpace {
        dir: dir.display().to_string(),
        size,
        free,
    })
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs;
    use std::path::Path;
    use std::pin::{Pin, pin};
    use std::time::Duration;

    use super::{EVERY, MetricsFile};
    use crate::effects::status_file::StatusFile;
    use crate::engine::Component;
    use crate::facts::fixture::{home, settings};
    use crate::facts::history::{Event, Word};
    use crate::facts::home::Home;
    use crate::facts::status::Phase;
    use crate::settings::Settings;

    const SHORT: Duration = Duration::from_millis(1);

    fn file<'a>(dir: &Path, name: &str, settings: &'a Settings, home: &'a Home) -> MetricsFile<'a> {
        MetricsFile::new(dir.join(name), settings, home, dir, Some(7))
    }

    /// The value of the line that begins with this name and has this label.
    fn value(file: &MetricsFile<'_>, name: &str, label: &str) -> String {
        let text = fs::read_to_string(&file.path).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && line.contains(label));
        line.and_then(|line| line.rsplit_once(' ')).unwrap().1.to_owned()
    }

    async fn pass(keep: &mut Pin<&mut impl Future<Output = Infallible>>, time: Duration) {
        tokio::select! {
            biased;
            never = keep.as_mut() => match never {},
            () = tokio::time::sleep(time) => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_file_is_written_at_each_phase_and_once_a_minute() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, home) = (settings(), home(dir.path(), Component::Fe));
        let file = file(dir.path(), "a.prom", &settings, &home);
        let status = StatusFile::default();
        let mut keep = pin!(file.keep(&status));
        pass(&mut keep, SHORT).await;
        assert_eq!(value(&file, "muster_own_phase{", "waiting"), "1");
        assert_eq!(value(&file, "muster_own_start_time_seconds", ""), "7");
        status.begin(dir.path(), Component::Fe);
        status.enters(Phase::Running);
        status.notices("it was dropped");
        pass(&mut keep, SHORT).await;
        assert_eq!(value(&file, "muster_own_phase{", "running"), "1");
        assert_eq!(value(&file, "muster_own_not_listed", ""), "1");
        status.notices("");
        pass(&mut keep, EVERY.checked_sub(2 * SHORT).unwrap()).await;
        assert_eq!(value(&file, "muster_own_not_listed", ""), "1");
        pass(&mut keep, 2 * SHORT).await;
        assert_eq!(value(&file, "muster_own_not_listed", ""), "0");
    }

    /// A start that could not write its history, because the state dir was missing, is a failure all the same.
    #[test]
    fn an_end_is_that_of_the_history_if_that_knows_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, home) = (settings(), home(dir.path(), Component::Fe));
        let file = file(dir.path(), "a.prom", &settings, &home);
        file.ends(73);
        assert_eq!(value(&file, "muster_own_phase{", "ended"), "1");
        let code = |reason: &str| value(&file, "muster_own_last_failure_code", reason);
        assert_eq!(code("\"not-started\""), "73");
        file.history.add(Event {
            code: Some(255),
            reason: Some("disk-full".to_owned()),
            ..Event::new(Word::Ended, "")
        });
        file.ends(1);
        assert_eq!(code("\"disk-full\""), "255");
    }

    /// A missing mount, as it is on the day on which the variable is set.
    #[test]
    fn a_file_that_cannot_be_written_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, home) = (settings(), home(dir.path(), Component::Fe));
        let file = file(dir.path(), "missing/a.prom", &settings, &home);
        file.ends(1);
        assert!(file.warned.get() && !file.path.exists());
        fs::create_dir(dir.path().join("missing")).unwrap();
        file.ends(1);
        assert!(!file.warned.get() && file.path.exists());
    }
}
