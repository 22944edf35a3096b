//! Finds the holder of a data dir: the muster of another container on the same volume, or an engine that was started
//! without muster. A pid file is not enough, because processes of other containers are not visible; a lock is.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};
use nix::libc::{F_UNLCK, F_WRLCK, SEEK_SET, flock};

use crate::file;
use crate::printable::excerpt;

/// The file that names the holder. The lock is on the directory itself, so taking it changes no file.
pub const HOLDER: &str = ".muster-holder";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The dir, or the engine's own lock file.
    pub path: PathBuf,
    /// The holder's description of itself; `None` for an engine's own lock.
    pub name: Option<String>,
}

impl Holder {
    /// Finds the first holder of one of the dirs; `engine_locks` are the engine's own lock files, relative to a dir.
    pub fn look(dirs: &[PathBuf], engine_locks: &[&str]) -> Option<Self> {
        dirs.iter().find_map(|dir| {
            muster(dir).or_else(|| {
                let mut locks = engine_locks.iter().map(|lock| dir.join(lock));
                locks
                    .find(|path| is_locked(path))
                    .map(|path| Self { path, name: None })
            })
        })
    }

    /// Reads the description of the muster that has `dir` locked.
    pub fn of(dir: &Path) -> Self {
        let name = file::text(&dir.join(HOLDER), file::HOLDER).unwrap_or_default();
        Self {
            path: dir.to_owned(),
            name: Some(excerpt(name.trim(), 200)),
        }
    }
}

/// Tries a shared lock for a moment: two checks at the same time do not block each other.
fn muster(dir: &Path) -> Option<Holder> {
    let opened = file::open_dir(dir).ok()?;
    match Flock::lock(opened, FlockArg::LockSharedNonblock) {
        Err((_, Errno::EWOULDBLOCK)) => Some(Holder::of(dir)),
        Err(_) | Ok(_) => None,
    }
}

/// True if a part of the file is locked like a JVM and a BE's key-value store do it.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(path) else {
        return false;
    };
    let mut lock = flock {
        l_type: i16::try_from(F_WRLCK).unwrap_or_default(),
        l_whence: i16::try_from(SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // Only tests the lock.
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)).is_ok() && i32::from(lock.l_type) != F_UNLCK
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};
    use nix::libc::flock;

    use super::{HOLDER, Holder};
    use crate::facts::fixture::tree;

    #[test]
    fn a_dir_is_held_while_a_muster_or_an_engine_has_its_lock_and_no_longer() {
        let root = tree(&[
            (&format!("a/{HOLDER}"), "host fe1, pid 1\n"),
            ("b/bdb/je.lck", ""),
            ("c/", ""),
        ]);
        let dirs = ["c", "missing", "b", "a"].map(|dir| root.path().join(dir));
        let look = || Holder::look(&dirs, &["bdb/je.lck"]);
        assert_eq!(look(), None);
        let dir = File::open(root.path().join("a")).unwrap();
        let held = Flock::lock(dir, FlockArg::LockExclusiveNonblock).unwrap();
        let holder = look().unwrap();
        assert_eq!(holder.name.as_deref(), Some("host fe1, pid 1"));
        let path = root.path().join("b/bdb/je.lck");
        let engine = File::options().write(true).open(&path).unwrap();
        let whole = flock {
            l_type: 1,
            l_whence: 0,
            l_start: 1,
            l_len: 1,
            l_pid: 0,
        };
        fcntl(&engine, FcntlArg::F_OFD_SETLK(&whole)).unwrap();
        assert_eq!(look(), Some(Holder { path, name: None }));
        drop(engine);
        drop(held);
        assert_eq!(look(), None);
    }
}
