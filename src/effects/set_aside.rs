//! Data that can never start again is moved out of the way: renamed, never deleted.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::plan::DataDir;

/// What could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("cannot set {} aside as {}", from.display(), to.display())]
pub struct SetAsideError {
    pub from: PathBuf,
    pub to: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Moves every data dir of a node that is there, and says where each went and why. Called again after it was cut short
/// it goes on with what is left.
pub fn set_all_aside(dirs: &[DataDir], stamp: u64, why: &str) -> Result<(), SetAsideError> {
    for DataDir { path, is_mount_point } in dirs {
        if holds_nothing(path) {
            continue;
        }
        let to = set_aside(path, *is_mount_point, stamp)?;
        tracing::warn!("set {} aside as {}: {why}", path.display(), to.display());
    }
    Ok(())
}

/// It is not there, or nothing in it would be moved.
fn holds_nothing(dir: &Path) -> bool {
    fs::read_dir(dir).map_or(true, |mut entries| {
        !entries.any(|entry| entry.is_ok_and(|entry| goes(&entry.file_name())))
    })
}

/// What earlier calls left stays, and so does what belongs to the file system.
fn goes(name: &OsStr) -> bool {
    !name.to_string_lossy().starts_with("unfinished-") && name != "lost+found"
}

/// Moves a data dir to `<dir>.unfinished-<stamp>`, or, when it cannot be renamed because it is a mount point, its
/// contents into `<dir>/unfinished-<stamp>/`; what earlier calls left inside stays where it is. Returns where it went.
fn set_aside(dir: &Path, is_mount_point: bool, stamp: u64) -> Result<PathBuf, SetAsideError> {
    if is_mount_point {
        return move_contents(dir, stamp);
    }
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".unfinished-{stamp}"));
    let to = dir.with_file_name(name);
    match fs::rename(dir, &to) {
        Ok(()) => {
            sync(dir.parent());
            Ok(to)
        }
        // A mount point that nobody recognised as one, or a parent that may not be written.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ResourceBusy
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            move_contents(dir, stamp)
        }
        Err(source) => Err(SetAsideError {
            from: dir.to_owned(),
            to,
            source,
        }),
    }
}

fn move_contents(dir: &Path, stamp: u64) -> Result<PathBuf, SetAsideError> {
    let to = dir.join(format!("unfinished-{stamp}"));
    let moved = (|| {
        fs::create_dir(&to)?;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if goes(&name) {
                fs::rename(entry.path(), to.join(&name))?;
            }
        }
        io::Result::Ok(())
    })();
    sync(Some(dir));
    moved.map(|()| to.clone()).map_err(|source| SetAsideError {
        from: dir.to_owned(),
        to,
        source,
    })
}

fn sync(dir: Option<&Path>) {
    if let Some(error) = dir.and_then(|dir| fs::File::open(dir).and_then(|dir| dir.sync_all()).err()) {
        tracing::debug!(%error, "cannot sync a directory");
    }
}

#[cfg(test)]
mod tests {
    use super::{set_all_aside, set_aside};
    use crate::plan::DataDir;
    use std::fs;

    /// A BE's data goes as a whole, or what is left of it would be its data still.
    #[test]
    fn every_storage_path_is_set_aside_and_one_with_nothing_in_it_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let names = ["one", "two", "empty", "missing"];
        let dirs = names.map(|name| DataDir {
            path: root.path().join(name),
            is_mount_point: name == "two",
        });
        for name in ["one", "two", "empty"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        for name in ["one", "two"] {
            fs::write(root.path().join(name).join("cluster_id"), "77").unwrap();
        }
        set_all_aside(&dirs, 17, "it was dropped").unwrap();
        let is = |path: &str| root.path().join(path).exists();
        assert!(is("one.unfinished-17/cluster_id") && !is("one"));
        assert!(is("two/unfinished-17/cluster_id") && !is("two/cluster_id"));
        assert!(is("empty") && !is("empty.unfinished-17"));
        // Cut short and called again, it finds nothing left to do.
        set_all_aside(&dirs, 18, "it was dropped").unwrap();
        assert!(!is("two/unfinished-18") && !is("missing"));
    }

    #[test]
    fn a_data_dir_is_renamed_beside_itself() {
        let root = tempfile::tempdir().unwrap();
        let meta = root.path().join("meta");
        fs::create_dir_all(meta.join("bdb")).unwrap();
        let to = set_aside(&meta, false, 17).unwrap();
        assert_eq!(to, root.path().join("meta.unfinished-17"));
        assert!(to.join("bdb").is_dir() && !meta.exists());
    }

    #[test]
    fn the_contents_of_a_mount_point_move_into_it_and_earlier_ones_stay() {
        let root = tempfile::tempdir().unwrap();
        let meta = root.path().join("meta");
        fs::create_dir_all(meta.join("bdb")).unwrap();
        fs::create_dir_all(meta.join("unfinished-1")).unwrap();
        let to = set_aside(&meta, true, 17).unwrap();
        assert!(to.join("bdb").is_dir() && meta.join("unfinished-1").is_dir() && !meta.join("bdb").exists());
    }
}
