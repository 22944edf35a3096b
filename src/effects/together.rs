//! Writes several files: all of them or none, as far as possible without a transaction.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::effects::files::{WriteError, beside, sync_dir};
use crate::file;

/// One file to write.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    pub path: &'a Path,
    pub text: &'a str,
    /// A free name, under which the old file is kept.
    pub aside: Option<&'a Path>,
}

/// Writes all files beside, then renames them. A file that replaces another one gets its mode and owner; for a new one root
/// uses the owner of `like`, so that a container leaves no file of root in a user's directory.
pub fn write(files: &[NewFile<'_>], like: &Path) -> Result<(), WriteError> {
    let mut made = Vec::new();
    let staged: Result<Vec<Staged>, WriteError> = files
        .iter()
        .map(|file| stage(file, like, &mut made, Sync::Always))
        .collect();
    let written = staged.and_then(|staged| rename(files, &staged));
    if written.is_err() {
        for path in made {
            drop(fs::remove_file(path));
        }
    }
    written
}

/// Writes the files one after another, in directories that are made where they are missing. Nothing is synced, because they are
/// many: what a power cut or a full disk leaves out is written by the next run.
pub fn write_each(files: &[NewFile<'_>], like: &Path) -> Result<(), WriteError> {
    for file in files {
        let mut made = Vec::new();
        let written = make_dirs(dir_of(file.path), like)
            .map_err(|source| failed(file, source))
            .and_then(|()| stage(file, like, &mut made, Sync::Never))
            .and_then(|(beside, _)| fs::rename(beside, file.path).map_err(|source| failed(file, source)));
        if written.is_err() {
            for path in made {
                drop(fs::remove_file(path));
            }
        }
        written?;
    }
    Ok(())
}

/// Makes a directory and those above it; for root they get the owner of `like`.
fn make_dirs(dir: &Path, like: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    make_dirs(dir_of(dir), like)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => return Ok(()),
        made => made?,
    }
    if let (Ok(like), true) = (fs::metadata(like), geteuid().is_root()) {
        // Not on every file system; the directory is there all the same.
        drop(chown(dir, Some(like.uid()), Some(like.gid())));
    }
    Ok(())
}

/// True if what is written has to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    Always,
    Never,
}

/// A new file that is not renamed yet; open, so that nobody takes it for abandoned.
type Staged = (PathBuf, File);

/// Creates the new file and the copy of the old one; `made` collects the files to remove after a
/// failure.
fn stage(file: &NewFile<'_>, like: &Path, made: &mut Vec<PathBuf>, sync: Sync) -> Result<Staged, WriteError> {
    let ownership = Ownership::of(file.path, like);
    let staged = (|| {
        if let Some(aside) = file.aside {
            let old = file::read(file.path, file::ENV)?;
            let copy = File::create_new(aside)?;
            made.push(aside.to_owned());
            fill(&copy, &old, &ownership, sync)?;
        }
        let (beside, new) = beside(file.path)?;
        made.push(beside.clone());
        fill(&new, file.text.as_bytes(), &ownership, sync)?;
        Ok((beside, new))
    })();
    staged.map_err(|source| failed(file, source))
}

fn rename(files: &[NewFile<'_>], staged: &[Staged]) -> Result<(), WriteError> {
    let mut done: Vec<(&Path, Option<Vec<u8>>)> = Vec::new();
    for (file, (beside, _)) in files.iter().zip(staged) {
        let renamed = old(file.path).and_then(|old| {
            fs::rename(beside, file.path)?;
            done.push((file.path, old));
            sync_dir(dir_of(file.path))
        });
        if let Err(source) = renamed {
            for (path, old) in done {
                put_back(path, old);
            }
            return Err(failed(file, source));
        }
    }
    Ok(())
}

/// The old content, to be restored after a failure; `None` without a file.
fn old(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match file::read(path, file::ENV) {
        Ok(old) => Ok(Some(old)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Restores the old content; mode and owner are unchanged.
fn put_back(path: &Path, old: Option<Vec<u8>>) {
    let put = match old {
        Some(old) => fs::write(path, old),
        None => fs::remove_file(path),
    };
    // The first error is the one that is reported.
    drop(put);
}

fn failed(file: &NewFile<'_>, source: io::Error) -> WriteError {
    WriteError {
        path: file.path.to_owned(),
        source,
    }
}

/// The mode and owner of a file.
struct Ownership {
    permissions: Permissions,
    owner: Option<(u32, u32)>,
}

impl Ownership {
    fn of(path: &Path, like: &Path) -> Self {
        let owner = |file: &fs::Metadata| (file.uid(), file.gid());
        match fs::metadata(path) {
            Ok(old) => Self {
                owner: Some(owner(&old)),
                permissions: old.permissions(),
            },
            Err(_) => Self {
                owner: fs::metadata(like)
                    .ok()
                    .as_ref()
                    .map(owner)
                    .filter(|_| geteuid().is_root()),
                permissions: Permissions::from_mode(0o644),
            },
        }
    }
}

fn fill(mut file: &File, content: &[u8], ownership: &Ownership, sync: Sync) -> io::Result<()> {
    if let Some((user, group)) = ownership.owner {
        // Only root may change the owner, and not on every file system; the file is written all the same.
        drop(fchown(file, Some(user), Some(group)));
    }
    file.set_permissions(ownership.permissions.clone())?;
    file.write_all(content)?;
    match sync {
        Sync::Always => file.sync_all(),
        Sync::Never => Ok(()),
    }
}

fn dir_of(path: &Path) -> &Path {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::path::{Path, PathBuf};

    use super::{NewFile, write, write_each};

    fn new_file<'a>(path: &'a Path, text: &'a str) -> NewFile<'a> {
        NewFile {
            path,
            text,
            aside: None,
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        (dir, a, b)
    }

    #[test]
    fn a_replaced_file_keeps_its_look_and_a_new_one_can_be_read_by_all() {
        let (dir, a, b) = place();
        fs::write(&a, "old").unwrap();
        fs::set_permissions(&a, Permissions::from_mode(0o600)).unwrap();
        fs::write(dir.path().join(".a.muster-new"), "of a run that was killed").unwrap();
        write(&[new_file(&a, "new a"), new_file(&b, "new b")], dir.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&a), mode(&b)), (0o600, 0o644));
        assert_eq!(fs::read_to_string(&a).unwrap(), "new a");
        assert_eq!(fs::read_to_string(&b).unwrap(), "new b");
        assert_eq!(names(dir.path()), ["a", "b"]);
    }

    /// Without root the test only shows that it does no harm.
    #[test]
    fn root_leaves_nothing_of_its_own_in_a_users_directory() {
        let (dir, a, b) = place();
        let like = dir.path().join("like");
        for path in [&a, &like] {
            fs::write(path, "").unwrap();
        }
        let root = chown(&like, Some(1234), Some(2345)).is_ok() && chown(&a, Some(3456), Some(4567)).is_ok();
        write(&[new_file(&a, "a"), new_file(&b, "b")], &like).unwrap();
        let owner = |path: &Path| fs::metadata(path).map(|file| (file.uid(), file.gid())).unwrap();
        if root {
            assert_eq!((owner(&a), owner(&b)), ((3456, 4567), (1234, 2345)));
        } else {
            assert_eq!(owner(&b), owner(&like));
        }
    }

    #[test]
    fn when_one_cannot_be_written_the_others_are_what_they_were() {
        let (dir, a, b) = place();
        let full = dir.path().join("full");
        fs::create_dir_all(full.join("of something")).unwrap();
        fs::write(&a, "old").unwrap();
        let kept = dir.path().join("kept");
        let first = NewFile {
            aside: Some(&kept),
            ..new_file(&a, "new")
        };
        // The failure comes before the first rename, and after two.
        for path in [dir.path().join("none/at all"), full] {
            let error = write(&[first, new_file(&b, "b"), new_file(&path, "c")], dir.path()).unwrap_err();
            assert_eq!(error.path, path);
            assert_eq!(fs::read_to_string(&a).unwrap(), "old");
            assert_eq!(names(dir.path()), ["a", "full"]);
        }
    }

    /// Without root the owners only show that it does no harm.
    #[test]
    fn each_file_gets_the_directories_it_needs_and_the_first_that_cannot_be_written_ends_it() {
        let (dir, a, like) = place();
        fs::write(&like, "").unwrap();
        fs::write(&a, "old").unwrap();
        let root = chown(&like, Some(1234), Some(2345)).is_ok();
        let (new, never) = (dir.path().join("x/y/new"), dir.path().join("z"));
        let below_a_file = like.join("below");
        let files = [
            new_file(&new, "new"),
            new_file(&a, "a"),
            new_file(&below_a_file, "b"),
            new_file(&never, "z"),
        ];
        let error = write_each(&files, &like).unwrap_err();
        assert_eq!(error.path, below_a_file);
        assert_eq!(fs::read_to_string(&new).unwrap(), "new");
        assert_eq!(fs::read_to_string(&a).unwrap(), "a");
        assert_eq!(names(dir.path()), ["a", "b", "x"]);
        assert_eq!(names(&dir.path().join("x/y")), ["new"]);
        let owner = |path: &Path| fs::metadata(path).map(|file| (file.uid(), file.gid())).unwrap();
        for path in ["x", "x/y", "x/y/new"] {
            assert_eq!(owner(&dir.path().join(path)), owner(&like), "{path}");
        }
        assert!(!root || owner(&new) == (1234, 2345));
    }

    #[test]
    fn what_is_kept_takes_nobodys_name() {
        let (dir, a, _) = place();
        let kept = dir.path().join("kept");
        fs::write(&a, "old").unwrap();
        let file = NewFile {
            aside: Some(&kept),
            ..new_file(&a, "new")
        };
        write(&[file], dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "old");
        assert!(write(&[file], dir.path()).is_err());
        assert_eq!(fs::read_to_string(&kept).unwrap(), "old");
        assert_eq!(fs::read_to_string(&a).unwrap(), "new");
        assert_eq!(names(dir.path()), ["a", "kept"]);
    }
}
