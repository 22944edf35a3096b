//! A directory and what can be done there, whether it exists yet or not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, eaccess};

use super::mounts::Mounts;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    pub state: PlaceState,
    pub is_mount_point: bool,
    /// Why we may not create files in it, or, while it does not exist, create it.
    pub unwritable: Option<String>,
    pub parent_exists: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceState {
    Missing,
    Directory,
    /// It, or something above it, is a file.
    NotADirectory,
    LinkToNowhere,
    /// It is there, but cannot be listed.
    Unreadable(String),
}

impl Place {
    pub fn look(path: &Path, mounts: &Mounts) -> Self {
        let nearest = path
            .ancestors()
            .find(|dir| dir.is_dir())
            .unwrap_or(Path::new("/"));
        Self {
            path: path.to_owned(),
            state: state(path),
            is_mount_point: mounts.is_mount_point(path),
            unwritable: eaccess(nearest, AccessFlags::W_OK)
                .err()
                .map(|errno| io::Error::from(errno).to_string()),
            parent_exists: path.parent().is_some_and(Path::is_dir),
        }
    }
}

/// Whether this process may write there: by mode and owner, and by the file system being writable at all.
pub(super) fn may_write(path: &Path) -> bool {
    eaccess(path, AccessFlags::W_OK).is_ok()
}

fn state(path: &Path) -> PlaceState {
    match fs::read_dir(path) {
        Ok(_) => PlaceState::Directory,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound if path.is_symlink() => PlaceState::LinkToNowhere,
            io::ErrorKind::NotFound => PlaceState::Missing,
            io::ErrorKind::NotADirectory => PlaceState::NotADirectory,
            _ => PlaceState::Unreadable(error.to_string()),
        },
    }
}
