//! Notes how long a stop has gone on, beside the record: a container that is killed in the middle of it leaves the note
//! behind, and so the next start knows what no container is told, namely how long Docker waits.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

/// How often it is written anew, and so how exact it is.
pub(super) const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct StopNote {
    path: PathBuf,
    since: Instant,
}

impl StopNote {
    pub(super) fn begin(path: PathBuf, since: Instant) -> Self {
        let note = Self { path, since };
        note.write();
        note
    }

    /// Whole seconds since the stop was asked for. A full disk costs no more than the note.
    pub(super) fn write(&self) {
        // Never shorter than before, so that it is whole whenever we are killed.
        let text = format!("{:06}\n", self.since.elapsed().as_secs());
        let opened = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path);
        if let Err(error) = opened.and_then(|mut file| file.write_all(text.as_bytes())) {
            debug!("{}: {error}", self.path.display());
        }
    }

    pub(super) fn remove(self) {
        fs::remove_file(&self.path).ok();
    }
}
