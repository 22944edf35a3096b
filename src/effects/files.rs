//! Writing files so that a power cut leaves the old content or the new one, never a mixture.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::file;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Writes a new file beside and renames it, both synced: after the return the new content survives a power cut.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let dir = path.parent().unwrap_or(Path::new("."));
    let (beside, mut file) = beside(path).map_err(failed)?;
    let written = (|| {
        // The mode of an existing file stays: other users may need to read it, or must not.
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_dir(dir)
    })();
    if written.is_err() {
        // On a full disk the incomplete file must not use space.
        drop(fs::remove_file(&beside));
    }
    written.map_err(failed)
}

/// The same without a sync, for a file that nobody needs after a power cut.
pub fn replace_unsynced(path: &Path, content: &[u8]) -> io::Result<()> {
    let (beside, mut file) = beside(path)?;
    file.write_all(content)
        .and_then(|()| fs::rename(&beside, path))
        .inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// Waits until a file that was replaced without a sync survives a power cut.
pub fn sync(path: &Path) -> io::Result<()> {
    file::open(path)?.sync_all()?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Checks that the content can be written there: writes a file beside and removes it.
pub fn try_out(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let (beside, mut file) = beside(path).map_err(failed)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(fs::remove_file(&beside));
    written.map_err(failed)
}

/// Rewrites a file that cannot be replaced because it is a mount point itself. There is no other copy, so the file is never
/// truncated first: the common start stays, the rest is one write, and the end of a longer old text is blank lines until
/// the file is shortened. A kill leaves the old text or the new one.
pub fn rewrite_in_place(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let written = (|| {
        let old = file::read(path, file::CONF)?;
        let file = OpenOptions::new().write(true).open(path)?;
        let same = old
            .iter()
            .zip(content)
            .take_while(|(old, new)| old == new)
            .count();
        let mut rest = content.get(same..).unwrap_or_default().to_vec();
        rest.resize(rest.len() + old.len().saturating_sub(content.len()), b'\n');
        file.write_all_at(&rest, same as u64)?;
        file.set_len(content.len() as u64)?;
        file.sync_all()
    })();
    written.map_err(|source| WriteError {
        path: path.to_owned(),
        source,
    })
}

/// Creates a directory and its missing parents, and syncs the parent of each, so that they survive a power cut.
pub fn make_dir(dir: &Path) -> Result<(), WriteError> {
    let missing = dir.ancestors().take_while(|dir| !dir.is_dir()).count();
    let made = fs::create_dir_all(dir).and_then(|()| {
        dir.ancestors()
            .skip(1)
            .take(missing)
            // The last parent of a relative path is empty and means the working directory.
            .try_for_each(|above| {
                sync_dir(if above.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    above
                })
            })
    });
    made.map_err(|source| WriteError {
        path: dir.to_owned(),
        source,
    })
}

/// Makes created, renamed and removed entries of a directory survive a power cut.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    file::open_dir(dir)?.sync_all()
}

/// The end of the name of a file that is not renamed yet.
const NEW: &str = ".muster-new";

/// Creates the file of the new content until it is renamed. Its name is nobody else's: two that write at the same time
/// never see each other's half, and a link that waits at a name is not followed. It is locked until it is closed.
pub(super) fn beside(path: &Path) -> io::Result<(PathBuf, File)> {
    remove_abandoned(path);
    loop {
        let beside = path.with_file_name(format!("{}{:016x}{NEW}", prefix(path), fastrand::u64(..)));
        let file = match File::create_new(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            created => created?,
        };
        // Another process may have taken it for abandoned before it was locked.
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        if locked != Err(Errno::WOULDBLOCK) && file.metadata()?.nlink() > 0 {
            return Ok((beside, file));
        }
    }
}

fn prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes what processes that were killed have left: nobody has it locked.
pub(super) fn remove_abandoned(path: &Path) {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let entries = fs::read_dir(dir.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .flatten();
    let prefix = prefix(path);
    let half_written = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(NEW) && entry.file_type().is_ok_and(|kind| kind.is_file())
    });
    for entry in half_written {
        if let Ok(file) = file::open(&entry.path())
            && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            drop(fs::remove_file(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{beside, replace, replace_unsynced, rewrite_in_place};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_replaced_file_keeps_its_mode_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fe.conf");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// A link at the name of the new file once led it anywhere.
    #[test]
    fn a_new_file_has_a_name_of_its_own_and_takes_what_a_killed_process_left_away() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("foreign"), "foreign").unwrap();
        std::fs::write(at(".a.muster-new"), "of a run that was killed").unwrap();
        symlink(at("foreign"), at(".a.1.muster-new")).unwrap();
        let (first, open) = beside(&at("a")).unwrap();
        let (second, _) = beside(&at("a")).unwrap();
        assert_ne!(first, second);
        assert!(first.exists(), "it is written now");
        assert!(!at(".a.muster-new").exists());
        drop(open);
        replace(&at("a"), b"new").unwrap();
        assert!(!first.exists() && !second.exists());
        assert_eq!(std::fs::read_to_string(at("foreign")).unwrap(), "foreign");
        assert_eq!(std::fs::read_to_string(at("a")).unwrap(), "new");
    }

    /// Two that wrote at once once shared the file beside: one renamed the other's while it was empty.
    #[test]
    fn nobody_ever_reads_a_half_of_what_several_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        replace(&path, b"whole").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        replace_unsynced(&path, b"whole").unwrap();
                        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_content_and_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing").join("fe.conf");
        let error = replace(&path, b"new").unwrap_err();
        assert!(error.to_string().ends_with("missing/fe.conf"), "{error}");
    }

    #[test]
    fn a_file_rewritten_in_place_has_the_new_content_whatever_the_old_one_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fe.conf");
        for old in [
            "",
            "a = 1\n",
            "a = 1\nb = 2\n",
            "a = 1\nb = 2\nc = 3\n",
            "other\n",
        ] {
            for new in ["", "a = 1\n", "a = 1\nb = 2\n", "a = 1\nb = 3\n"] {
                std::fs::write(&path, old).unwrap();
                rewrite_in_place(&path, new.as_bytes()).unwrap();
                assert_eq!(std::fs::read_to_string(&path).unwrap(), new, "{old:?}");
            }
        }
    }
}
