//! The mount points that this process sees.

use std::fs;
use std::path::{Path, PathBuf};

use crate::file;

/// The mount points of this mount namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mounts {
    points: Vec<PathBuf>,
    /// The file system of each.
    kinds: Vec<String>,
    /// True if `/` is the layer that a container writes to, and that is deleted with it.
    root_is_layer: bool,
}

/// File systems of such a layer. Other storage drivers (btrfs, zfs, vfs) look like any disk.
const LAYERS: [&str; 2] = ["overlay", "fuse.fuse-overlayfs"];

impl Mounts {
    /// Reads `<root>/proc/self/mountinfo`; without it nothing counts as a mount point.
    pub fn read(root: &Path) -> Self {
        Self::parse(&file::text_of_kernel(&root.join("proc/self/mountinfo")).unwrap_or_default())
    }

    /// `proc_pid_mountinfo(5)`: the fifth field of a line is the mount point, with blanks as `\040`.
    pub fn parse(text: &str) -> Self {
        let points: Vec<PathBuf> = text
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(|field| PathBuf::from(unescape(field)))
            .collect();
        // The type follows the lone hyphen.
        let kind = |line: &str| Some(line.split_once(" - ")?.1.split(' ').next()?.to_owned());
        let kinds: Vec<String> = text
            .lines()
            .filter(|line| line.split(' ').nth(4).is_some())
            .map(|line| kind(line).unwrap_or_default())
            .collect();
        let mut mounts = Self {
            points,
            kinds,
            root_is_layer: false,
        };
        let root = mounts.kind_of(Path::new("/"));
        mounts.root_is_layer = root.is_some_and(|kind| LAYERS.contains(&kind));
        mounts
    }

    /// The file system that `path` is on, as the kernel names it. What is mounted last over the same point counts.
    pub fn kind_of(&self, path: &Path) -> Option<&str> {
        let mounts = self.points.iter().zip(&self.kinds);
        let above = mounts.filter(|(point, _)| path.starts_with(point));
        // Of equals the last.
        let (_, kind) = above.max_by_key(|(point, _)| point.as_os_str().len())?;
        Some(kind)
    }

    /// True if `path`, which may not exist yet, is on the container's own layer and on no mount below it.
    pub fn is_on_layer(&self, path: &Path) -> bool {
        let real = path.ancestors().find_map(|dir| fs::canonicalize(dir).ok());
        let real = real.unwrap_or_default();
        let mut mounts = self.points.iter().filter(|point| **point != Path::new("/"));
        self.root_is_layer && !mounts.any(|point| real.starts_with(point))
    }

    /// The mount points directly below `dir`.
    pub fn below(&self, dir: &Path) -> impl Iterator<Item = PathBuf> {
        let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        let points = self.points.iter();
        points.filter(move |point| point.parent() == Some(&real)).cloned()
    }

    /// True if `path`, or the target of its link, is a mount point.
    pub fn is_mount_point(&self, path: &Path) -> bool {
        let real = fs::canonicalize(path);
        let target = real.as_deref().unwrap_or(path);
        self.points.iter().any(|point| point == target)
    }
}

/// The kernel writes blank, tab, newline and backslash as a backslash and three octal digits.
fn unescape(field: &str) -> String {
    field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::Mounts;
    use std::path::Path;

    #[test]
    fn the_fifth_field_is_the_mount_point_with_its_blanks_restored() {
        let mounts = Mounts::parse(
            "22 1 0:21 / / rw - overlay overlay rw\n\
             31 22 8:1 /vol/a /data rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
             32 22 8:1 /vol/b /with\\040blank rw - ext4 /dev/sda1 rw\n",
        );
        let table = [
            ("/data", true),
            ("/with blank", true),
            ("/data/meta", false),
            ("/vol/a", false),
        ];
        for (path, expected) in table {
            assert_eq!(mounts.is_mount_point(Path::new(path)), expected, "{path}");
        }
    }
}
