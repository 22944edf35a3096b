//! The data of a start that PID 1 keeps.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::effects::join_loop::Unproven;
use crate::effects::log_tail::LogTail;
use crate::effects::record_store::RecordStore;

/// The data of a start that PID 1 keeps for a later companion.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The id of the component.
    pub component: String,
    pub logs: LogTail,
    pub data_dir: Option<PathBuf>,
    pub state_dir: PathBuf,
    pub data_dirs: Vec<PathBuf>,
    /// The data dirs that are mount points.
    pub mount_points: Vec<PathBuf>,
    /// The statement that adds this node to a cluster.
    pub add: String,
    /// Other spellings of this host.
    pub also: Vec<String>,
    pub unproven: Option<Unproven>,
    pub helper: Option<String>,
    /// True if the data was a member's before this start.
    pub was_member: bool,
    /// The conf file gives root its password, if this FE founds.
    pub root_in_conf: bool,
    /// When this start of the node began, in seconds since 1970; 0 if nobody asks.
    pub start: u64,
}

impl Kept {
    /// The place of the record.
    pub(super) fn store(&self) -> RecordStore {
        RecordStore {
            data_dir: self.data_dir.clone(),
            state_dir: self.state_dir.clone(),
        }
    }
}
