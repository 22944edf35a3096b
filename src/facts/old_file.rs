//! The file that a new file replaces.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file;

/// A path to write to, and the file that exists there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldFile {
    /// The path as requested, for messages.
    pub path: PathBuf,
    /// The path behind a symbolic link: that file is replaced, and the link stays.
    pub real: PathBuf,
    pub state: OldState,
    /// A free name beside it, for a copy of the old file.
    pub aside: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldState {
    /// No file, or an empty one: there is nothing to keep.
    Missing,
    /// Bytes that are not UTF-8 are replaced.
    Text(String),
    Unreadable(String),
}

/// The end of the name of a copy.
const KEPT: &str = "before-muster";

impl OldFile {
    pub fn read(path: &Path) -> Self {
        let state = match file::read(path, file::ENV) {
            Ok(bytes) if bytes.trim_ascii().is_empty() => OldState::Missing,
            Ok(bytes) => OldState::Text(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => OldState::Missing,
            Err(error) => OldState::Unreadable(error.to_string()),
        };
        Self {
            path: path.to_owned(),
            real: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            state,
            aside: aside(path),
        }
    }
}

/// The file of that name in each directory of `dir` that has one.
pub fn beside(dir: &Path, name: &str) -> Vec<OldFile> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path().join(name));
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.sort();
    files.iter().map(|file| OldFile::read(file)).collect()
}

/// `<name>.before-muster`, or with a number if that name is taken.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut aside = path.with_file_name(format!("{name}.{KEPT}"));
    let mut number = 1_u32;
    while aside.symlink_metadata().is_ok() {
        number += 1;
        aside = path.with_file_name(format!("{name}.{KEPT}-{number}"));
    }
    aside
}

#[cfg(test)]
mod tests {
    use super::{OldFile, OldState};
    use crate::facts::fixture::tree;

    #[test]
    fn a_file_is_read_through_a_link_and_an_empty_one_counts_as_missing() {
        let root = tree(&[
            ("a.env", "A=1\n"),
            ("empty", " \r\n"),
            ("dir/", ""),
            ("to/b.env", "B=1\n"),
            ("link", "-> to/b.env"),
        ]);
        std::fs::write(root.path().join("latin"), b"A=\xfc\n").unwrap();
        let read = |name: &str| OldFile::read(&root.path().join(name));
        let text = |text: &str| OldState::Text(text.to_owned());
        let table = [
            ("a.env", text("A=1\n")),
            ("none", OldState::Missing),
            ("empty", OldState::Missing),
            ("latin", text("A=\u{fffd}\n")),
            (
                "dir",
                OldState::Unreadable("it is a directory; put a regular file there".to_owned()),
            ),
            ("link", text("B=1\n")),
        ];
        for (name, expected) in table {
            assert_eq!(read(name).state, expected, "{name}");
        }
        let link = read("link");
        assert!(link.real.ends_with("to/b.env") && link.path.ends_with("link"));
    }

    #[test]
    fn an_old_file_is_kept_under_a_name_that_is_free() {
        let root = tree(&[
            ("a.env", ""),
            ("a.env.before-muster", ""),
            ("a.env.before-muster-2", "-> gone"),
        ]);
        for (name, expected) in [
            ("a.env", "a.env.before-muster-3"),
            ("b.env", "b.env.before-muster"),
        ] {
            assert!(OldFile::read(&root.path().join(name)).aside.ends_with(expected));
        }
    }
}
