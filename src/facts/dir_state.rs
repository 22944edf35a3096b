//! The state of a directory that exists or is to be created.

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
    /// The reason why muster cannot create files in it, or cannot create it.
    pub unwritable: Option<String>,
    pub parent_exists: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceState {
    Missing,
    Directory,
    /// It, or one of its parents, is a file.
    NotADirectory,
    LinkToNowhere,
    /// It exists, but cannot be listed.
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
            unwritable: why_unwritable(nearest),
            parent_exists: path.parent().is_some_and(Path::is_dir),
        }
    }
}

/// True if this process can write there, by mode, owner and file system.
pub(super) fn may_write(path: &Path) -> bool {
    eaccess(path, AccessFlags::W_OK).is_ok()
}

/// The reason why this process cannot create files in an existing dir.
pub(super) fn why_unwritable(dir: &Path) -> Option<String> {
    let error = eaccess(dir, AccessFlags::W_OK).err()?;
    Some(io::Error::from(error).to_string())
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
