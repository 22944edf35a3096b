//! The disk below a directory: what is left of it, its file system, its device.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};
use nix::sys::statvfs::statvfs;

use super::mounts::Mounts;
use crate::file;

/// The room of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are left for somebody who is not root, and of the whole.
    pub free: u64,
    pub size: u64,
    /// Files that can still be made, and of the whole; both 0 where the file system has no such limit.
    pub free_files: u64,
    pub files: u64,
}

impl Room {
    /// Of the file system below an existing dir.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let found = statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
        Ok(Self {
            free: bytes(found.blocks_available()),
            size: bytes(found.blocks()),
            free_files: found.files_available(),
            files: found.files(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    pub dir: PathBuf,
    pub room: Room,
    /// The number of its file system.
    pub device: u64,
    /// It is the container's own layer, which is deleted with the container.
    pub is_layer: bool,
    /// The file system, as the kernel names it.
    pub kind: Option<String>,
    /// The chosen scheduler of its device.
    pub scheduler: Option<Scheduler>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduler {
    /// The file that chooses it.
    pub file: PathBuf,
    pub name: String,
    /// The device has a head that moves.
    pub rotates: bool,
}

impl Disk {
    /// Looks at the nearest directory that exists.
    pub fn look(dir: &Path, root: &Path, mounts: &Mounts) -> Result<Self, String> {
        let real = dir.ancestors().find_map(|dir| fs::canonicalize(dir).ok());
        let real = real.unwrap_or_else(|| PathBuf::from("/"));
        let left = Room::of(&real).map_err(|error| error.to_string())?;
        let device = fs::metadata(&real).map(|found| found.dev()).unwrap_or_default();
        Ok(Self {
            dir: dir.to_owned(),
            room: left,
            device,
            is_layer: mounts.is_on_layer(&real),
            kind: mounts.kind_of(&real).map(str::to_owned),
            scheduler: scheduler(root, device),
        })
    }
}

/// That of the device, or of the disk that a partition is on.
fn scheduler(root: &Path, device: u64) -> Option<Scheduler> {
    let dir = format!("sys/dev/block/{}:{}", major(device), minor(device));
    let queues = [format!("{dir}/queue"), format!("{dir}/../queue")];
    queues.iter().find_map(|queue| {
        let text = |name: &str| file::text_of_kernel(&root.join(queue).join(name)).ok();
        let words = text("scheduler")?;
        let name = words.split_whitespace().find(|word| word.starts_with('['))?;
        Some(Scheduler {
            file: Path::new("/").join(queue).join("scheduler"),
            name: name.trim_matches(['[', ']']).to_owned(),
            rotates: text("rotational").is_some_and(|text| text.trim() == "1"),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Disk, scheduler};
    use crate::facts::fixture::tree;
    use crate::facts::mounts::Mounts;

    #[test]
    fn a_disk_is_that_of_the_nearest_directory_that_exists() {
        let root = tree(&[("data/", "")]);
        let mounts = Mounts::parse("1 1 0:2 / / rw - overlay x rw\n2 1 8:1 / /tmp rw - xfs /dev/sda1 rw\n");
        let here = Disk::look(&root.path().join("data"), root.path(), &mounts).unwrap();
        let later = Disk::look(&root.path().join("data/meta/bdb"), root.path(), &mounts).unwrap();
        assert!(here.room.size > 0 && here.room.free <= here.room.size, "{here:?}");
        assert_eq!((here.room.size, &here.kind), (later.room.size, &later.kind));
        assert_eq!(mounts.kind_of(Path::new("/tmp/data")), Some("xfs"));
        assert_eq!(mounts.kind_of(Path::new("/var")), Some("overlay"));
    }

    #[test]
    fn the_scheduler_of_a_partition_is_that_of_its_disk() {
        let root = tree(&[
            ("sys/devices/sda/queue/scheduler", "none [bfq] mq-deadline\n"),
            ("sys/devices/sda/queue/rotational", "1\n"),
            ("sys/devices/sda/sda1/partition", "1\n"),
            ("sys/dev/block/8:0", "-> ../../devices/sda"),
            ("sys/dev/block/8:1", "-> ../../devices/sda/sda1"),
        ]);
        for minor in 0..=1 {
            let found = scheduler(root.path(), nix::sys::stat::makedev(8, minor)).unwrap();
            assert_eq!((found.name.as_str(), found.rotates), ("bfq", true), "{minor}");
        }
        assert_eq!(scheduler(root.path(), nix::sys::stat::makedev(8, 2)), None);
    }
}
