//! The status file: written by the companion, read by `health` and `explain`, which run beside it. A file whose writer no
//! longer runs is ignored.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::engine::Component;
use crate::facts::process;
use crate::file;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The pid of the companion.
    pub pid: u32,
    /// The companion's start time, in clock ticks since boot: pids repeat.
    pub started: u64,
    pub phase: Phase,
    /// The reason for waiting; empty if it waits for nothing.
    pub waiting_for: String,
    /// The start of this phase, in seconds since 1970.
    pub since: u64,
    /// A warning about a running node: it was dropped, or the FEs belong to another cluster.
    pub notice: String,
    /// How the clock of this machine differs from the leader's; empty if it does not, or if that is not known.
    pub clock: String,
    /// Every decision of this start.
    pub decisions: Vec<Decided>,
    /// The lines added to the conf file, without secrets.
    pub conf: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The engine is not started yet.
    Waiting,
    /// The engine was started, and the cluster has not shown this node alive yet.
    Starting,
    /// The cluster has shown this node alive.
    Running,
}

/// One decision, as `explain` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub subject: String,
    pub value: String,
    pub source: String,
    pub why: String,
}

impl Status {
    pub fn path(state_dir: &Path, component: Component) -> PathBuf {
        state_dir.join(format!("muster-{}.status", component.id()))
    }

    /// Reads the file; `None` if it does not exist or its companion no longer runs. `root` contains `proc`.
    pub fn read(path: &Path, root: &Path) -> Option<Self> {
        let status: Self = serde_json::from_slice(&file::read(path, file::STATUS).ok()?).ok()?;
        (process::started(root, status.pid) == Some(status.started)).then_some(status)
    }

    /// One sentence about the phase, such as `waiting 95 s for a leader: …`.
    pub fn sentence(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let lasts = now.saturating_sub(Duration::from_secs(self.since)).as_secs();
        match self.phase {
            Phase::Waiting if self.waiting_for.is_empty() => format!("preparing the start for {lasts} s"),
            Phase::Waiting => format!("waiting {lasts} s {}", self.waiting_for),
            Phase::Starting if self.waiting_for.is_empty() => {
                format!(
                    "the engine was started {lasts} s ago, and the cluster has not shown this node alive yet"
                )
            }
            Phase::Starting => format!("the engine was started {lasts} s ago: {}", self.waiting_for),
            Phase::Running => "the engine runs, and the cluster shows this node alive".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Phase, Status};
    use crate::engine::Component;
    use crate::facts::process;

    #[test]
    fn only_a_status_of_a_process_that_lives_says_anything() {
        let dir = tempfile::tempdir().unwrap();
        let path = Status::path(dir.path(), Component::Fe);
        assert_eq!(path.file_name().unwrap(), "muster-fe.status");
        let pid = std::process::id();
        let status = Status {
            pid,
            started: process::started(Path::new("/"), pid).unwrap(),
            phase: Phase::Waiting,
            waiting_for: "for a leader: 10.0.0.10:9030: connection refused".to_owned(),
            since: 0,
            notice: String::new(),
            clock: String::new(),
            decisions: Vec::new(),
            conf: Vec::new(),
        };
        let write = |status: &Status| fs::write(&path, serde_json::to_string(status).unwrap()).unwrap();
        let read = || Status::read(&path, Path::new("/"));
        assert_eq!(read(), None);
        write(&status);
        assert_eq!(read(), Some(status.clone()));
        assert!(
            status
                .sentence()
                .ends_with(" s for a leader: 10.0.0.10:9030: connection refused")
        );
        // The number came again.
        write(&Status {
            started: status.started + 1,
            ..status
        });
        assert_eq!(read(), None);
        fs::write(&path, "{").unwrap();
        assert_eq!(read(), None);
    }
}
