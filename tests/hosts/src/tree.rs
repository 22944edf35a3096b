//! What lies in directories: names, kinds, modes and contents, to see afterwards what has changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Programs are told by inode, size and time: reading them again and again would take longer than the tests.
const LARGE: u64 = 1 << 20;

/// Directories as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    pub fn of(dirs: &[PathBuf]) -> anyhow::Result<Self> {
        let mut tree = Self(BTreeMap::new());
        for dir in dirs {
            tree.add(dir)?;
        }
        Ok(tree)
    }

    fn add(&mut self, path: &Path) -> anyhow::Result<()> {
        let metadata = fs::symlink_metadata(path).with_context(|| path.display().to_string())?;
        let mode = metadata.permissions().mode();
        let what = if metadata.is_symlink() {
            fs::read_link(path)?.display().to_string()
        } else if !metadata.is_file() {
            String::new()
        } else if metadata.len() > LARGE {
            format!("{} {} {}", metadata.ino(), metadata.len(), metadata.mtime())
        } else {
            fs::read(path)?.escape_ascii().to_string()
        };
        self.0.insert(path.to_owned(), format!("{mode:o} {what}"));
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                let path = entry?.path();
                // The status file says what a process does, and the history what one did: neither changes anything for the next
                // start.
                if path
                    .extension()
                    .is_none_or(|end| end != "status" && end != "history")
                {
                    self.add(&path)?;
                }
            }
        }
        Ok(())
    }

    /// One line for everything that is not as it was.
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let gone = self.0.keys().filter(|path| !after.0.contains_key(*path));
        let gone = gone.map(|path| format!("{} is gone", path.display()));
        let new = after.0.iter().filter_map(|(path, now)| match self.0.get(path) {
            Some(before) if before == now => None,
            Some(before) => Some(format!("{} was `{before}` and is `{now}`", path.display())),
            None => Some(format!("{} is new: `{now}`", path.display())),
        });
        gone.chain(new).collect()
    }
}
