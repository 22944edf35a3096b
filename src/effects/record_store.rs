//! Writes the two copies of the record. The copy in the state dir is written first: it is left when the data is gone, so it
//! must never know less than the other one.

use std::path::{Path, PathBuf};

use crate::effects::files::{self, WriteError, make_dir};
use crate::engine::Component;
use crate::facts::record::{DATA_COPY, Record, state_copy};
use crate::file;

/// The directories of the two copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordStore {
    /// `None`: the component keeps no data, so the copy in the state dir is the only one.
    pub data_dir: Option<PathBuf>,
    pub state_dir: PathBuf,
}

impl RecordStore {
    pub fn data_copy(&self) -> Option<PathBuf> {
        self.data_dir.as_ref().map(|dir| dir.join(DATA_COPY))
    }

    pub fn state_copy(&self, component: Component) -> PathBuf {
        self.state_dir.join(state_copy(component))
    }

    /// Writes both copies and creates missing directories. A copy that is the same already is not written again: a restart
    /// should not wait for the disk.
    pub fn write(&self, record: &Record) -> Result<(), WriteError> {
        let text = record.to_json();
        let copies = [Some(self.state_copy(record.component)), self.data_copy()];
        for path in copies.into_iter().flatten() {
            if file::read(&path, file::RECORD).is_ok_and(|old| old == text.as_bytes()) {
                continue;
            }
            make_dir(path.parent().unwrap_or(Path::new("/")))?;
            files::replace(&path, text.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the copy in the state dir only: there is no data yet. Checks first that the other copy can be written, because
    /// a node that could not start later must not be registered.
    pub fn write_plan(&self, record: &Record) -> Result<(), WriteError> {
        if let (Some(dir), Some(copy)) = (&self.data_dir, self.data_copy()) {
            make_dir(dir)?;
            files::try_out(&copy, record.to_json().as_bytes())?;
        }
        self.write_state(record)
    }

    /// Writes the copy in the state dir.
    pub fn write_state(&self, record: &Record) -> Result<(), WriteError> {
        make_dir(&self.state_dir)?;
        files::replace(&self.state_copy(record.component), record.to_json().as_bytes())
    }
}
