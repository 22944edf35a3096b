//! Holds the data dirs of this node for as long as its engine runs, so that a second container on the same volume is
//! refused before it has done anything. The kernel lets go when the last process that has the descriptor is gone.

use std::fs;
use std::mem::take;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::close;
use tokio::time::sleep;

use crate::facts::dir_lock_facts::{HOLDER, Holder};
use crate::facts::text;
use crate::plan::DataDir;

/// Somebody who only looks holds it for a moment.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// Locks by descriptor.
#[derive(Debug, Default)]
pub struct DirLocks {
    locks: Vec<(PathBuf, i32)>,
}

impl DirLocks {
    /// Takes what is not held yet of the dirs that exist; `Err` is who has one of them.
    pub async fn take(&mut self, dirs: &[DataDir]) -> Result<(), Holder> {
        for dir in dirs {
            if self.locks.iter().any(|(held, _)| *held == dir.path) || !dir.path.is_dir() {
                continue;
            }
            let mut tries = 1;
            let lock = loop {
                match lock(&dir.path) {
                    Err(Errno::EWOULDBLOCK) if tries < TRIES => {
                        tries += 1;
                        sleep(PAUSE).await;
                    }
                    Err(Errno::EWOULDBLOCK) => return Err(Holder::of(&dir.path)),
                    Err(error) => {
                        tracing::debug!("cannot lock {}: {error}", dir.path.display());
                        break None;
                    }
                    Ok(lock) => break Some(lock),
                }
            };
            self.locks.extend(lock.map(|lock| (dir.path.clone(), lock)));
        }
        Ok(())
    }

    /// Says in each dir who holds it. For people: a full disk changes nothing about the lock.
    pub fn sign(&self) {
        let host = text::read(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
        let name = format!("host {}, pid {}\n", host.trim(), std::process::id());
        for (dir, _) in &self.locks {
            let path = dir.join(HOLDER);
            // A container that starts again is called what it was called; to write it anew takes a millisecond of ext4.
            if !text::read(&path).is_ok_and(|said| said == name) {
                fs::write(path, &name).ok();
            }
        }
    }

    /// The descriptors, for as long as an engine runs: they outlive a panic, and an execve of ours.
    pub fn keep(mut self) -> Vec<i32> {
        take(&mut self.locks).into_iter().map(|(_, lock)| lock).collect()
    }

    /// Lets go of all of them.
    pub fn release(&mut self) {
        for (_, lock) in take(&mut self.locks) {
            release(&[lock]);
        }
    }
}

impl Drop for DirLocks {
    fn drop(&mut self) {
        self.release();
    }
}

/// Lets go of what was kept.
pub fn release(locks: &[i32]) {
    for lock in locks {
        close(*lock).ok();
    }
}

fn lock(dir: &Path) -> nix::Result<i32> {
    // Not closed by an execve: with `--exec` the engine itself holds it.
    let opened: OwnedFd = open(dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())?;
    let number = opened.as_raw_fd();
    let lock = Flock::lock(opened, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error)?;
    std::mem::forget(lock);
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::{DirLocks, release};
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
        let pid = format!("pid {}", std::process::id());
        assert!(
            holder.name.as_ref().is_some_and(|name| name.ends_with(&pid)),
            "{holder:?}"
        );
        assert_eq!(Holder::look(&[root.path().join("a")], &[]), Some(holder));
        first.release();
        second.take(&dirs).await.unwrap();
        let kept = second.keep();
        assert!(first.take(&dirs).await.is_err());
        release(&kept);
        first.take(&dirs).await.unwrap();
    }
}
