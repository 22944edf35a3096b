//! A file that is to be written and may be there already, by whoever.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What lies where a file is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldFile {
    /// As it is named in messages.
    pub path: PathBuf,
    /// Where a link leads: what it leads to is replaced, and the link stays.
    pub real: PathBuf,
    pub state: OldState,
    /// A name that nobody has, for what is to be kept of it.
    pub aside: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldState {
    Missing,
    Text(String),
    /// Bytes that are not UTF-8: it cannot be written back with a part of it changed.
    NotText,
    Unreadable(String),
}

/// The end of the name of a file that was kept.
const KEPT: &str = "before-muster";

impl OldFile {
    pub fn look(path: &Path) -> Self {
        let state = match read(path) {
            Ok(bytes) => String::from_utf8(bytes).map_or(OldState::NotText, OldState::Text),
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

    /// Whether that is what it says, byte for byte.
    pub fn says(&self, text: &str) -> bool {
        matches!(&self.state, OldState::Text(old) if old == text)
    }
}

/// Reading a pipe or a device might never end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        fs::read(path)
    } else {
        Err(io::Error::other("it is not a file"))
    }
}

/// `<name>.before-muster`, or with a number where earlier ones were kept.
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
    fn what_lies_there_is_told() {
        let root = tree(&[
            ("a.env", "A=1\n"),
            ("dir/", ""),
            ("to/b.env", "B=1\n"),
            ("link", "-> to/b.env"),
        ]);
        std::fs::write(root.path().join("latin"), b"A=\xfc\n").unwrap();
        let state = |name: &str| OldFile::look(&root.path().join(name)).state;
        assert_eq!(state("a.env"), OldState::Text("A=1\n".to_owned()));
        assert_eq!(state("none"), OldState::Missing);
        assert_eq!(state("latin"), OldState::NotText);
        assert_eq!(state("dir"), OldState::Unreadable("it is not a file".to_owned()));
        let link = OldFile::look(&root.path().join("link"));
        assert_eq!(link.state, OldState::Text("B=1\n".to_owned()));
        assert!(link.real.ends_with("to/b.env") && link.path.ends_with("link"));
    }

    #[test]
    fn the_name_for_what_is_kept_is_nobodys() {
        let root = tree(&[
            ("a.env", ""),
            ("a.env.before-muster", ""),
            ("a.env.before-muster-2", "-> gone"),
        ]);
        assert!(
            OldFile::look(&root.path().join("a.env"))
                .aside
                .ends_with("a.env.before-muster-3")
        );
        assert!(
            OldFile::look(&root.path().join("b.env"))
                .aside
                .ends_with("b.env.before-muster")
        );
    }
}
