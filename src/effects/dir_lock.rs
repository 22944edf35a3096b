//! Locks the data dirs of this node while its engine runs, so that a second container on the same volume is refused before
//! it changes anything. The kernel frees a lock when the last process with its descriptor has ended.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::time::sleep;

use crate::effects::files::replace_unsynced;
use crate::facts::dir_lock_facts::{HOLDER, Holder};
use crate::file;
use crate::plan::DataDir;

/// The number of attempts: a process that only checks has the lock for a moment.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// The locks of one node; dropping them frees them, unless another process has the descriptors.
#[derive(Debug, Default)]
pub struct DirLocks {
    locks: Vec<(PathBuf, File)>,
    /// The dirs that cannot be locked, each logged once.
    unlockable: BTreeSet<PathBuf>,
}

impl DirLocks {
    /// Locks the existing dirs that are not locked yet; the error names the holder of one.
    pub async fn take(&mut self, dirs: &[DataDir]) -> Result<(), Holder> {
        for dir in dirs {
            if self.locks.iter().any(|(locked, _)| *locked == dir.path) || !dir.path.is_dir() {
                continue;
            }
            let mut tries = 1;
            let lock = loop {
                match lock(&dir.path) {
                    Err(error) if error.raw_os_error() == Some(Errno::WOULDBLOCK.raw_os_error()) => {
                        if tries == TRIES {
                            return Err(Holder::of(&dir.path));
                        }
                        tries += 1;
                        sleep(PAUSE).await;
                    }
                    Err(error) => {
                        if self.unlockable.insert(dir.path.clone()) {
                            tracing::warn!("{}", cannot_lock(&dir.path, &error));
                        }
                        break None;
                    }
                    Ok(lock) => break Some(lock),
                }
            };
            self.locks.extend(lock.map(|lock| (dir.path.clone(), lock)));
        }
        Ok(())
    }

    /// Writes the name of this holder into each dir, for people: the lock does not depend on it.
    pub fn sign(&self) {
        let host = file::text_of_kernel(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
        let name = format!("host {}\n", host.trim());
        for (dir, _) in &self.locks {
            let path = dir.join(HOLDER);
            // A restarted container has the same name; writing it again takes a millisecond on ext4.
            if !file::text(&path, file::HOLDER).is_ok_and(|old| old == name) {
                replace_unsynced(&path, name.as_bytes()).ok();
            }
        }
    }

    /// The descriptors for the process that keeps them while the engine runs.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.locks.iter().map(|(_, lock)| lock.as_fd()).collect()
    }

    /// Frees all locks.
    pub fn release(&mut self) {
        self.locks.clear();
    }
}

/// NFS without a lock daemon answers ENOLCK, some file systems of FUSE ENOSYS or EOPNOTSUPP.
fn cannot_lock(dir: &Path, error: &io::Error) -> String {
    format!(
        "cannot lock {}: {error}: two engines could be started on it, which destroys the data; make sure that no other \
         container uses this directory, or put it on a file system with locks",
        dir.display()
    )
}

fn lock(dir: &Path) -> io::Result<File> {
    let dir = file::open_dir(dir)?;
    flock(&dir, FlockOperation::NonBlockingLockExclusive)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::DirLocks;
    use crate::facts::dir_lock_facts::Holder;
    use crate::plan::DataDir;

    #[tokio::test(start_paused = true)]
    async fn a_dir_has_one_holder_who_says_who_it_is() {
        let root = tempfile::tempdir().unwrap();
        let dirs = ["a", "missing"].map(|name| DataDir {
            path: root.path().join(name),
            is_mount_point: false,
        });
        std::fs::create_dir(root.path().join("a")).unwrap();
        let (mut first, mut second) = (DirLocks::default(), DirLocks::default());
        first.take(&dirs).await.unwrap();
        first.take(&dirs).await.unwrap();
        assert_eq!(std::fs::read_dir(root.path().join("a")).unwrap().count(), 0);
        first.sign();
        assert_eq!(first.locks.len(), 1);
        let holder = second.take(&dirs).await.unwrap_err();
        assert!(
            holder.name.as_ref().is_some_and(|name| name.starts_with("host ")),
            "{holder:?}"
        );
        assert_eq!(Holder::look(&[root.path().join("a")], &[]), Some(holder));
        // Another process with the descriptor keeps the lock.
        let passed = first.descriptors()[0].try_clone_to_owned().unwrap();
        first.release();
        assert!(second.take(&dirs).await.is_err());
        drop(passed);
        second.take(&dirs).await.unwrap();
    }
}
