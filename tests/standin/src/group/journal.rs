//! What a node keeps on disk about the group, in `meta/bdb/`, in a form that survives a kill at any moment.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::membership::{Frontend, Membership};

/// Orders what nodes hold: a later term wins, then a later change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) term: u64,
    pub(crate) index: u64,
}

/// The whole agreed state is small, so each change replaces it: a log of length one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// Which group this is; nothing before the first contact or self-election.
    pub(crate) group: Option<String>,
    pub(crate) term: u64,
    pub(crate) voted_for: Option<String>,
    pub(crate) version: Version,
    pub(crate) membership: Membership,
    /// Whether this node was ever ready. Before that the real files lose the group's data when the process is
    /// killed, so a bare start elects itself.
    pub(crate) settled: bool,
    /// Whether this group began here, by self-election.
    pub(crate) nascent: bool,
    /// This node as the list of members has it: the real files have that as text once the list was replayed.
    #[serde(flatten)]
    pub(crate) own_row: Option<MemberText>,
}

/// A member as the real files have it. Source: the order of the fields of `Frontend.java` of Doris.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberText {
    #[serde(rename = "nodeName")]
    pub(crate) name: String,
    pub(crate) host: String,
}

impl MemberText {
    pub(crate) fn of(row: &Frontend) -> Self {
        Self {
            name: row.name.clone(),
            host: row.host.clone(),
        }
    }
}

/// Observed: so many bytes.
const ROOTLESS: usize = 38;

#[derive(Debug, Clone)]
pub(crate) struct JournalDir(PathBuf);

impl JournalDir {
    pub(crate) fn of(meta_dir: &Path) -> Self {
        Self(meta_dir.join("bdb"))
    }

    /// `je.info.0` is empty at first, the lock and the settings come before the first log file.
    pub(crate) fn create_lock_files(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        for name in ["je.info.0", "je.info.0.lck", "je.lck"] {
            File::options()
                .create(true)
                .append(true)
                .open(self.0.join(name))?;
        }
        Ok(())
    }

    /// Observed: the first log file is there for a moment before it holds anything that can be opened.
    pub(crate) fn create_without_root(&self) -> io::Result<()> {
        std::fs::write(self.0.join("00000000.jdb"), [0; ROOTLESS])
    }

    /// The log files, the first of them with a journal if there is none yet.
    pub(crate) fn create_log_files(&self, new: Option<&Journal>) -> io::Result<()> {
        for (name, text) in [
            ("je.config.csv", "time,name,value\n"),
            ("je.stat.csv", "time,stat\n"),
        ] {
            let path = self.0.join(name);
            if !path.exists() {
                std::fs::write(path, text)?;
            }
        }
        match new {
            Some(journal) => self.save(journal),
            None => Ok(()),
        }
    }

    pub(crate) fn load(&self) -> io::Result<Option<Journal>> {
        match std::fs::read(self.0.join("00000000.jdb")) {
            Ok(bytes) if bytes.len() == ROOTLESS => Err(io::Error::other(
                "This environment's log file has no root. Since the root is the first entry written into a log at \
                 environment creation, this should never happen.",
            )),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Written beside, flushed, renamed: a kill leaves the old or the new content, never half of one.
    pub(crate) fn save(&self, journal: &Journal) -> io::Result<()> {
        self.write(journal)?.sync_data()?;
        std::fs::rename(self.beside(), self.0.join("00000000.jdb"))?;
        File::open(&self.0)?.sync_data()
    }

    /// The same for the time, which no power cut has to leave behind.
    pub(crate) fn save_time(&self, journal: &Journal) -> io::Result<()> {
        self.write(journal)?;
        std::fs::rename(self.beside(), self.0.join("00000000.jdb"))
    }

    fn beside(&self) -> PathBuf {
        self.0.join("00000000.new")
    }

    fn write(&self, journal: &Journal) -> io::Result<File> {
        let bytes = serde_json::to_vec(journal).map_err(io::Error::other)?;
        let mut file = File::create(self.beside())?;
        file.write_all(&bytes)?;
        Ok(file)
    }

    /// Appends a line to the group's own log, which is where a self-election can be told afterwards.
    pub(crate) fn tell(&self, words: &str) {
        if let Ok(mut file) = File::options()
            .create(true)
            .append(true)
            .open(self.0.join("je.info.0"))
        {
            writeln!(file, "{words}").ok();
        }
    }
}
