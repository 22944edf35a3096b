//! What the engine wrote into its own log files since a start: read after it ended, to tell one kind of end from
//! another.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// No more than this is read of each file: the words looked for come last.
const TAIL: u64 = 256 * 1024;

/// The log files of one start and how long each was before it.
#[derive(Debug)]
pub struct LastWords {
    files: Vec<(PathBuf, u64)>,
}

impl LastWords {
    /// Notes where the files end now.
    pub fn from_here(dirs: &[PathBuf], names: &[&str]) -> Self {
        let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let files = names
            .iter()
            .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)))
            .map(|path| (path.clone(), length(&path)))
            .collect();
        Self { files }
    }

    /// The first of `words` that was written since.
    pub fn find(&self, words: &[&'static str]) -> Option<&'static str> {
        let texts: Vec<String> = self
            .files
            .iter()
            .filter_map(|(path, from)| since(path, *from).ok())
            .collect();
        words
            .iter()
            .copied()
            .find(|word| texts.iter().any(|text| text.contains(word)))
    }

    /// The last lines that were written since, file by file.
    pub fn lines(&self, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, from) in &self.files {
            let Ok(text) = since(path, *from) else { continue };
            let all: Vec<&str> = text.lines().collect();
            lines.extend(
                all.iter()
                    .skip(all.len().saturating_sub(most))
                    .map(|line| (*line).to_owned()),
            );
        }
        lines
    }
}

fn since(path: &Path, from: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    // Shorter than before: it was rotated, and all of it is new.
    let from = if length < from { 0 } else { from };
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL))))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::LastWords;
    use std::fs;

    #[test]
    fn only_what_was_written_since_the_start_counts() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("fe.log"), "has no root\n").unwrap();
        let words = LastWords::from_here(&[dir.path().to_owned()], &["fe.log", "fe.out"]);
        assert_eq!(words.find(&["has no root"]), None);
        fs::write(dir.path().join("fe.out"), "x\nwill exit\n").unwrap();
        assert_eq!(words.find(&["has no root", "will exit"]), Some("will exit"));
        assert_eq!(words.lines(1), ["will exit"]);
        fs::write(dir.path().join("fe.log"), "new\n").unwrap();
        assert_eq!(
            words.lines(5),
            ["new", "x", "will exit"],
            "a rotated file is new from its start"
        );
    }
}
