//! Writing files so that a power cut leaves the old content or the new one, never a mixture.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Writes beside and renames, both synced: after the return the new content survives a power cut.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let dir = path.parent().unwrap_or(Path::new("."));
    let beside = beside(path);
    let written = (|| {
        let mut file = File::create(&beside)?;
        // The mode of a file that is there already stays: it may be mounted, read by others or kept from them.
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_dir(dir)
    })();
    if written.is_err() {
        // On a full disk the half-written file beside would be one more thing that takes room.
        drop(fs::remove_file(&beside));
    }
    written.map_err(failed)
}

/// Whether that content could be written there: takes the room it needs for a moment, and leaves nothing.
pub fn try_out(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let beside = beside(path);
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(content)?;
        file.sync_all()
    })();
    drop(fs::remove_file(&beside));
    written.map_err(|source| WriteError {
        path: path.to_owned(),
        source,
    })
}

/// Rewrites a file that cannot be replaced because it is a mount point itself. Whoever mounted it has no other copy of it
/// here, so it is never cut: what both contents begin with stays untouched, the rest is one write, and what is left over
/// of a longer one is blank lines until the file is shortened. A kill leaves the old text or the new one.
pub fn rewrite_in_place(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let written = (|| {
        let file = OpenOptions::new().write(true).open(path)?;
        let old = fs::read(path)?;
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

/// Makes a directory and those above it that are missing. Each is an entry of the one above, and synced as such: what is
/// written below would be lost with it.
pub fn make_dir(dir: &Path) -> Result<(), WriteError> {
    let missing = dir.ancestors().take_while(|dir| !dir.is_dir()).count();
    let made = fs::create_dir_all(dir).and_then(|()| {
        dir.ancestors()
            .skip(1)
            .take(missing)
            // A relative path ends in nothing, which is where we are.
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

/// Makes what was created, renamed or removed in a directory survive a power cut.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Where the new content stands until it is renamed.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".muster-new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::{replace, rewrite_in_place};
    use std::os::unix::fs::PermissionsExt;

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
