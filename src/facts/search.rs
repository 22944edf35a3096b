//! Searches files that are too long for memory.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::file;

const CHUNK: usize = 256 << 10;

/// The outcome of a search that may be too long to finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sought {
    /// The search was not needed.
    #[default]
    NotSought,
    Found,
    Absent,
    /// Not found in the part that was read.
    GivenUp,
}

/// Searches the files for `words`, reading `limit` bytes in all. With an unreadable file the search counts as unfinished.
pub(super) fn in_files(paths: &[PathBuf], words: &[u8], limit: u64) -> Sought {
    let mut left = limit;
    let mut whole = true;
    for path in paths {
        let Ok(file) = file::open(path) else {
            whole = false;
            continue;
        };
        match in_stream(file, words, &mut left) {
            Ok(true) => return Sought::Found,
            Ok(false) => {}
            Err(_) => whole = false,
        }
        if left == 0 {
            whole = false;
            break;
        }
    }
    if whole { Sought::Absent } else { Sought::GivenUp }
}

/// Reads chunk by chunk; the end of a chunk is kept, so that words across a border are seen.
fn in_stream(stream: impl Read, words: &[u8], left: &mut u64) -> io::Result<bool> {
    let mut stream = stream.take(*left);
    let mut window: Vec<u8> = Vec::with_capacity(CHUNK + words.len());
    loop {
        let read = stream.by_ref().take(CHUNK as u64).read_to_end(&mut window)?;
        *left = stream.limit();
        if read == 0 {
            return Ok(false);
        }
        if window.windows(words.len()).any(|part| part == words) {
            return Ok(true);
        }
        let keep = window.len().min(words.len().saturating_sub(1));
        window.drain(..window.len() - keep);
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Sought, in_files, in_stream};
    use std::path::PathBuf;

    #[test]
    fn words_are_found_wherever_they_lie() {
        for before in [0, 1, CHUNK - 3, CHUNK, 2 * CHUNK + 7] {
            let mut text = vec![b'.'; before];
            text.extend_from_slice(b"Nascent group");
            let mut left = 1 << 30;
            assert!(
                in_stream(text.as_slice(), b"Nascent group", &mut left).unwrap(),
                "after {before}"
            );
        }
    }

    #[test]
    fn a_search_that_could_not_read_everything_does_not_say_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000000.jdb");
        std::fs::write(&path, "0123456789 needle").unwrap();
        let here = [path.clone()];
        let gone = [dir.path().join("00000001.jdb"), path];
        let table: [(&[PathBuf], &str, u64, Sought); 5] = [
            (&here, "needle", 1000, Sought::Found),
            (&here, "thread", 1000, Sought::Absent),
            (&here, "needle", 10, Sought::GivenUp),
            (&gone, "needle", 1000, Sought::Found),
            (&gone, "thread", 1000, Sought::GivenUp),
        ];
        for (paths, words, limit, expected) in table {
            assert_eq!(
                in_files(paths, words.as_bytes(), limit),
                expected,
                "{words} in {limit} bytes"
            );
        }
    }
}
