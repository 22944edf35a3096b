//! Writes the status of this companion beside the record whenever it changes. A full disk affects only this file.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use crate::effects::files::{make_dir, replace_unsynced};
use crate::engine::Component;
use crate::facts::process;
use crate::facts::status::{Decided, Phase, Status};
use crate::plan::{Plan, displayed_value};

/// The status of this process; not written before the plan names the dir.
#[derive(Debug, Default)]
pub struct StatusFile {
    written: RefCell<Option<(PathBuf, Status)>>,
    /// The directory, if it was made for the file.
    made: RefCell<Option<PathBuf>>,
    /// Tells of each new phase.
    entered: Notify,
}

impl StatusFile {
    /// Writes the decisions; the engine is not started yet.
    pub fn decided(&self, plan: &Plan) {
        let (decisions, conf) = (decided(plan), conf_lines(plan));
        self.begin(&plan.state_dir, plan.node.component);
        self.change(|status| (status.decisions, status.conf) = (decisions, conf));
    }

    /// Begins the file of a companion beside a running engine, without decisions.
    pub fn begin(&self, state_dir: &Path, component: Component) {
        let pid = std::process::id();
        let path = Status::path(state_dir, component);
        self.written.borrow_mut().get_or_insert_with(|| {
            let status = Status {
                pid,
                started: process::started(Path::new("/"), pid).unwrap_or_default(),
                phase: Phase::Waiting,
                waiting_for: String::new(),
                since: now(),
                notice: String::new(),
                clock: String::new(),
                decisions: Vec::new(),
                conf: Vec::new(),
            };
            (path, status)
        });
    }

    pub fn waits_for(&self, what: &str) {
        self.change(|status| what.clone_into(&mut status.waiting_for));
    }

    pub fn enters(&self, phase: Phase) {
        self.change(|status| {
            status.phase = phase;
            status.waiting_for.clear();
            status.since = now();
        });
        self.entered.notify_one();
    }

    /// Waits for the next phase, or for one that nobody was told of yet.
    pub async fn entered(&self) {
        self.entered.notified().await;
    }

    /// Reads the status of this process, once it is begun.
    pub fn look<T>(&self, read: impl FnOnce(&Status) -> T) -> Option<T> {
        self.written.borrow().as_ref().map(|(_, status)| read(status))
    }

    pub fn notices(&self, what: &str) {
        self.change(|status| what.clone_into(&mut status.notice));
    }

    pub fn clock(&self, differs: &str) {
        self.change(|status| differs.clone_into(&mut status.clock));
    }

    /// Leaves nothing of it: this companion ends, and has nothing to say any more.
    pub fn remove(&self) {
        if let Some((path, _)) = self.written.take() {
            fs::remove_file(path).ok();
        }
        if let Some(made) = self.made.take() {
            // Unless the record lies there by now.
            fs::remove_dir(made).ok();
        }
    }

    fn change(&self, how: impl FnOnce(&mut Status)) {
        let mut written = self.written.borrow_mut();
        let Some((path, status)) = &mut *written else {
            return;
        };
        let before = status.clone();
        how(status);
        if *status == before && path.exists() {
            return;
        }
        let dir = path.parent().unwrap_or(Path::new("/"));
        if !dir.exists() {
            self.made.replace(Some(dir.to_owned()));
        }
        if let Err(error) = replace(path, status) {
            tracing::debug!("{}: {error}", path.display());
        }
    }
}

/// The decisions, as `explain` prints them.
pub fn decided(plan: &Plan) -> Vec<Decided> {
    let decided = plan.decisions.iter().map(|line| Decided {
        subject: line.subject.clone(),
        value: line.value.clone(),
        source: line.source.to_string(),
        why: line.why.clone(),
    });
    decided.collect()
}

/// The lines of muster's block in the conf file, without secrets.
pub fn conf_lines(plan: &Plan) -> Vec<String> {
    let lines = plan.conf.entries.iter();
    lines
        .map(|entry| format!("{} = {}", entry.key, displayed_value(entry)))
        .collect()
}

/// Replaces the file without a sync: after a power cut its process no longer exists.
fn replace(path: &Path, status: &Status) -> io::Result<()> {
    let text = serde_json::to_vec(status)?;
    // Synced: the record, which lies beside it, rests on that.
    make_dir(path.parent().unwrap_or(Path::new("/"))).map_err(|error| error.source)?;
    replace_unsynced(path, &text)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
