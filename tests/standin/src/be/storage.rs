//! The cluster that a BE belongs to: a number in each of its storage paths.

use std::io;
use std::path::{Path, PathBuf};

pub(super) fn cluster_id(storage: &Path) -> Option<i32> {
    std::fs::read_to_string(storage.join("cluster_id"))
        .ok()?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}

pub(super) fn write_cluster_id(storage: &Path, id: i32) -> io::Result<()> {
    std::fs::write(storage.join("cluster_id"), id.to_string())
}

/// Source: `StorageEngine::_open` and `_check_all_root_path_cluster_id` of both engines: the id of the conf is the own one, all
/// that is stored has to be the same, and where none is stored it is written.
pub(super) fn own_cluster(storage: &[PathBuf], configured: i32) -> Result<i32, String> {
    let mut own = configured;
    for stored in storage.iter().filter_map(|path| cluster_id(path)) {
        if own != -1 && own != stored {
            return Err(format!(
                "fail to check cluster id: multiple cluster ids is not equal. one={own}, other={stored}"
            ));
        }
        own = stored;
    }
    if own != -1 {
        for path in storage.iter().filter(|path| cluster_id(path).is_none()) {
            write_cluster_id(path, own).map_err(|error| error.to_string())?;
        }
    }
    Ok(own)
}
