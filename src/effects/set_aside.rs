//! Data that can never start again is moved out of the way: renamed, never deleted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("cannot set {} aside as {}", from.display(), to.display())]
pub struct SetAsideError {
    pub from: PathBuf,
    pub to: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Moves a data dir to `<dir>.unfinished-<stamp>`, or, when it cannot be renamed because it is a mount point, its
/// contents into `<dir>/unfinished-<stamp>/`; what earlier calls left inside stays where it is. Returns where it went.
pub fn set_aside(dir: &Path, is_mount_point: bool, stamp: u64) -> Result<PathBuf, SetAsideError> {
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
            if !name.to_string_lossy().starts_with("unfinished-") && name != "lost+found" {
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
    use super::set_aside;
    use std::fs;

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
