//! Reads what the engine wrote into its own log files since a start, to find the reason of its end.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

/// The most bytes read of each file: the last lines matter.
const TAIL: u64 = 256 * 1024;

/// The log files of one start and their lengths before it. A later companion receives it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTail {
    files: Vec<(PathBuf, u64)>,
}

impl LogTail {
    /// Records the current lengths of the files.
    pub fn from_here(dirs: &[PathBuf], names: &[&str]) -> Self {
        Self { files: Vec::new() }.and(dirs, names)
    }

    /// Records more files; `names` are relative to each of `dirs`.
    #[must_use]
    pub fn and(mut self, dirs: &[PathBuf], names: &[&str]) -> Self {
        for name in names {
            for dir in dirs {
                let path = dir.join(name);
                let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                self.files.push((path, length));
            }
        }
        self
    }

    /// The name and the new text of each file that grew and can be read.
    pub fn texts(&self) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (path, from) in &self.files {
            if let (Some(name), Ok(text)) = (path.file_name(), since(path, *from))
                && !text.is_empty()
            {
                texts.push((name.to_string_lossy().into_owned(), text));
            }
        }
        texts
    }
}

/// The first of `phrases` that one of the texts contains.
pub fn find(phrases: &[&'static str], texts: &[(String, String)]) -> Option<&'static str> {
    phrases
        .iter()
        .copied()
        .find(|phrase| texts.iter().any(|(_, text)| text.contains(phrase)))
}

fn since(path: &Path, from: u64) -> std::io::Result<String> {
    let mut file = file::open(path)?;
    let length = file.metadata()?.len();
    // A shorter file was rotated: all of it is new.
    let from = if length < from { 0 } else { from };
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL))))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{LogTail, find};
    use std::fs;

    #[test]
    fn only_what_was_written_since_the_start_counts() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("fe.log"), "has no root\n").unwrap();
        let tail = LogTail::from_here(&[dir.path().to_owned()], &["fe.log", "fe.out"]);
        assert_eq!(find(&["has no root"], &tail.texts()), None);
        fs::write(dir.path().join("fe.out"), "x\nwill exit\n").unwrap();
        assert_eq!(
            find(&["has no root", "will exit"], &tail.texts()),
            Some("will exit")
        );
        fs::write(dir.path().join("fe.log"), "new\n").unwrap();
        let texts = tail.texts().into_iter().map(|(_, text)| text);
        assert_eq!(
            texts.collect::<Vec<_>>(),
            ["new\n", "x\nwill exit\n"],
            "a rotated file is new from its start"
        );
    }

    #[test]
    fn each_text_is_what_its_file_gained_behind_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("meta/bdb")).unwrap();
        fs::write(at("fe.log"), "old\n").unwrap();
        fs::write(at("fe.out"), "old\n").unwrap();
        fs::write(at("meta/bdb/je.info.0"), "old\n").unwrap();
        let tail = LogTail::from_here(&[dir.path().to_owned()], &["fe.out", "fe.log", "fe.warn.log"])
            .and(&[at("meta"), at("none")], &["bdb/je.info.0"]);
        assert_eq!(tail.texts(), []);
        fs::write(at("fe.log"), "old\nnew \u{e4}\n").unwrap();
        fs::write(at("meta/bdb/je.info.0"), "rotated\n".repeat(2)).unwrap();
        let texts = tail.texts();
        let texts: Vec<_> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(
            texts,
            [("fe.log", "new \u{e4}\n"), ("je.info.0", "ted\nrotated\n")],
            "a file that grew is new from where it ended"
        );
        // A later companion receives it as JSON.
        let passed = serde_json::to_string(&tail).unwrap();
        assert_eq!(serde_json::from_str::<LogTail>(&passed).unwrap(), tail);
    }

    #[test]
    fn of_a_long_text_only_the_end_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let tail = LogTail::from_here(&[dir.path().to_owned()], &["be.INFO"]);
        let line = "a line of an engine that says a lot\n";
        fs::write(dir.path().join("be.INFO"), line.repeat(20_000) + "the end\n").unwrap();
        let texts = tail.texts();
        assert_eq!(texts[0].1.len(), 256 * 1024);
        assert!(texts[0].1.ends_with("the end\n"));
    }
}
