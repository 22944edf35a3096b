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

/// Writes a new file beside and renames it, both synced: after the return the new content survives a power cut.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let dir = path.parent().unwrap_or(Path::new("."));
    let beside = beside(path);
    let written = (|| {
        let mut file = File::create(&beside)?;
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

/// Checks that the content can be written there: writes a file beside and removes it.
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

/// Rewrites a file that cannot be replaced because it is a mount point itself. There is no other copy, so the file is never
/// truncated first: the common start stays, the rest is one write, and the end of a longer old text is blank lines until
/// the file is shortened. A kill leaves the old text or the new one.
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
    File::open(dir)?.sync_all()
}

/// The path of the new content until it is renamed.
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
