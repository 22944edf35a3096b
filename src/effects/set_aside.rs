//! Sets data aside that never starts again: renames it, and never deletes it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::effects::files::sync_dir;
use crate::facts::data::{JOURNAL_DIR, SET_ASIDE};
use crate::facts::dir_lock_facts::HOLDER;
use crate::facts::record::DATA_COPY;
use crate::plan::DataDir;

/// A directory that could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("cannot set {} aside as {}", from.display(), to.display())]
pub struct SetAsideError {
    pub from: PathBuf,
    pub to: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Moves every data dir that is not empty, and logs the new path of each and the reason. The dir with the record is last:
/// after an interruption the next call continues with the rest.
pub fn set_all_aside(dirs: &[DataDir], stamp: u64, why: &str) -> Result<(), SetAsideError> {
    for DataDir { path, is_mount_point } in dirs.iter().rev() {
        if in_order(path).is_ok_and(|names| names.is_empty()) || !path.exists() {
            continue;
        }
        if let Some(to) = set_aside(path, *is_mount_point, stamp)? {
            tracing::warn!("set {} aside as {}: {why}", path.display(), to.display());
        }
    }
    Ok(())
}

/// Moves a data dir to `<dir>.unfinished-<stamp>`, or, when it cannot be renamed because it is a mount point, its
/// contents into `<dir>/unfinished-<stamp>/`; the dirs of earlier calls stay inside. Returns the new path; `None` if there
/// was nothing to move.
pub(super) fn set_aside(
    dir: &Path,
    is_mount_point: bool,
    stamp: u64,
) -> Result<Option<PathBuf>, SetAsideError> {
    // A rename would move the link itself, and new data would not go to its target.
    if is_mount_point || dir.is_symlink() {
        return move_contents(dir, stamp);
    }
    let mut beside = dir.file_name().unwrap_or_default().to_owned();
    beside.push(".");
    let to = free(stamp, |name| {
        let mut beside = beside.clone();
        beside.push(name);
        dir.with_file_name(beside)
    });
    match fs::rename(dir, &to) {
        Ok(()) => {
            sync(dir.parent());
            Ok(Some(to))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !dir.exists() => Ok(None),
        // An unrecognised mount point, a read-only parent, or a directory of the image: overlayfs answers EXDEV for one
        // (its documentation, "renaming directories").
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ResourceBusy
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::CrossesDevices
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

fn move_contents(dir: &Path, stamp: u64) -> Result<Option<PathBuf>, SetAsideError> {
    let to = free(stamp, |name| dir.join(name));
    let moved = (|| {
        let names = in_order(dir)?;
        if names.is_empty() {
            return Ok(false);
        }
        fs::create_dir(&to)?;
        for name in names {
            fs::rename(dir.join(&name), to.join(&name))?;
        }
        io::Result::Ok(true)
    })();
    match moved {
        Ok(false) => Ok(None),
        Ok(true) => {
            sync(Some(&to));
            sync(Some(dir));
            Ok(Some(to))
        }
        Err(source) => {
            // Removes the new dir only if it is empty.
            drop(fs::remove_dir(&to));
            Err(SetAsideError {
                from: dir.to_owned(),
                to,
                source,
            })
        }
    }
}

/// The names to move, in an order in which the next start recognises an interrupted move. The journal is first: data without
/// one is never taken for a member's, nor for a join that an engine can finish. The record is last: until then it names the
/// owner and the progress of the rest.
pub(super) fn in_order(dir: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let earlier = name.as_encoded_bytes().starts_with(SET_ASIDE.as_bytes());
        if !earlier && name != "lost+found" && name != HOLDER {
            names.push(name);
        }
    }
    let rank = |name: &OsString| (name == DATA_COPY, name != JOURNAL_DIR);
    names.sort_by(|one, other| (rank(one), one).cmp(&(rank(other), other)));
    Ok(names)
}

/// A free name: a container that restarts at once may set data aside twice in a second.
fn free(stamp: u64, path: impl Fn(&str) -> PathBuf) -> PathBuf {
    let name = format!("{SET_ASIDE}{stamp}");
    let mut free = path(&name);
    let mut number = 1;
    while free.symlink_metadata().is_ok() {
        number += 1;
        free = path(&format!("{name}.{number}"));
    }
    free
}

fn sync(dir: Option<&Path>) {
    if let Some(error) = dir.and_then(|dir| sync_dir(dir).err()) {
        tracing::debug!(%error, "cannot sync a directory");
    }
}

#[cfg(test)]
mod tests {
    use super::{in_order, set_all_aside, set_aside};
    use crate::plan::DataDir;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// All storage paths of a BE are moved: a remaining one would still be its data.
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
        // Called again, it has nothing left to do.
        set_all_aside(&dirs, 18, "it was dropped").unwrap();
        assert!(!is("two/unfinished-18") && !is("missing"));
    }

    #[test]
    fn a_data_dir_is_renamed_beside_itself() {
        let root = tempfile::tempdir().unwrap();
        let meta = root.path().join("meta");
        fs::create_dir_all(meta.join("bdb")).unwrap();
        let to = set_aside(&meta, false, 17).unwrap().unwrap();
        assert_eq!(to, root.path().join("meta.unfinished-17"));
        assert!(to.join("bdb").is_dir() && !meta.exists());
    }

    #[test]
    fn the_contents_of_a_mount_point_move_into_it_and_earlier_ones_stay() {
        let root = tempfile::tempdir().unwrap();
        let meta = root.path().join("meta");
        fs::create_dir_all(meta.join("bdb")).unwrap();
        fs::create_dir_all(meta.join("unfinished-1")).unwrap();
        let to = set_aside(&meta, true, 17).unwrap().unwrap();
        assert!(to.join("bdb").is_dir() && meta.join("unfinished-1").is_dir() && !meta.join("bdb").exists());
        assert_eq!(
            set_aside(&meta, true, 18).unwrap(),
            None,
            "nothing is left to move"
        );
        assert!(!meta.join("unfinished-18").exists());
    }

    /// A restart policy starts the container again in a tenth of a second.
    #[test]
    fn two_in_one_second_do_not_meet() {
        let root = tempfile::tempdir().unwrap();
        let meta = root.path().join("meta");
        for (mounted, name) in [
            (false, "meta.unfinished-17"),
            (false, "meta.unfinished-17.2"),
            (true, "meta/unfinished-17"),
            (true, "meta/unfinished-17.2"),
        ] {
            fs::create_dir_all(meta.join("bdb")).unwrap();
            let to = set_aside(&meta, mounted, 17).unwrap().unwrap();
            assert_eq!(to, root.path().join(name));
            assert!(to.join("bdb").is_dir());
        }
    }

    #[test]
    fn of_a_link_what_it_leads_to_is_set_aside_and_the_link_stays() {
        let root = tempfile::tempdir().unwrap();
        let volume = root.path().join("volume");
        let meta = root.path().join("meta");
        fs::create_dir_all(volume.join("bdb")).unwrap();
        symlink(&volume, &meta).unwrap();
        let to = set_aside(&meta, false, 17).unwrap().unwrap();
        assert_eq!(to, meta.join("unfinished-17"));
        assert!(volume.join("unfinished-17/bdb").is_dir() && meta.is_symlink());
    }

    #[test]
    fn the_journal_goes_first_and_the_record_last() {
        let root = tempfile::tempdir().unwrap();
        for dir in ["image", "bdb", "unfinished-3", "lost+found"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        for file in ["muster.json", "zz", ".muster.json.muster-new"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        let order = in_order(root.path()).unwrap();
        assert_eq!(
            order,
            ["bdb", ".muster.json.muster-new", "image", "zz", "muster.json"]
        );
    }
}
