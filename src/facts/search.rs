//! Searches files that are too long for memory.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::file;

const CHUNK: usize = 256 << 10;

/// The longest text that is read after a match: that of a host.
const LONGEST: usize = 255;

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

/// Every text between `words` and the next `"`, in the order of the files. `None` if not everything could be read within
/// `limit` bytes.
pub(super) fn texts_after(paths: &[PathBuf], words: &[u8], limit: u64) -> Option<Vec<String>> {
    let mut left = limit;
    let mut found = Vec::new();
    for path in paths {
        let stream = file::open(path).ok()?;
        let read = each_match(stream, words, LONGEST, &mut left, |after| {
            let (text, _) = after.split_at(after.iter().position(|byte| *byte == b'"').unwrap_or(0));
            found.extend(std::str::from_utf8(text).map(str::to_owned));
            false
        });
        if read.is_err() || left == 0 {
            return None;
        }
    }
    Some(found)
}

fn in_stream(stream: impl Read, words: &[u8], left: &mut u64) -> io::Result<bool> {
    each_match(stream, words, 0, left, |_| true)
}

/// Reads chunk by chunk, and calls `matched` with up to `after` bytes that follow each match, until it returns true. The end of
/// a chunk is kept, so that a match across a border is seen, and seen once.
fn each_match(
    stream: impl Read,
    words: &[u8],
    after: usize,
    left: &mut u64,
    mut matched: impl FnMut(&[u8]) -> bool,
) -> io::Result<bool> {
    let keep = words.len().saturating_sub(1) + after;
    let mut stream = stream.take(*left);
    let mut window: Vec<u8> = Vec::with_capacity(CHUNK + keep);
    loop {
        let read = stream.by_ref().take(CHUNK as u64).read_to_end(&mut window)?;
        *left = stream.limit();
        let whole = if read == 0 {
            window.len()
        } else {
            window.len().saturating_sub(keep)
        };
        for at in 0..whole {
            let rest = window.get(at..).unwrap_or_default();
            if let Some(rest) = rest.strip_prefix(words)
                && matched(rest.get(..after).unwrap_or(rest))
            {
                return Ok(true);
            }
        }
        if read == 0 {
            return Ok(false);
        }
        window.drain(..whole);
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Sought, in_files, in_stream, texts_after};
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

    #[test]
    fn every_text_after_the_words_is_read_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, before: usize, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, [vec![b'.'; before], text.as_bytes().to_vec()].concat()).unwrap();
            path
        };
        let texts = |paths: &[PathBuf], limit| texts_after(paths, b"host\":\"", limit);
        for before in [0, CHUNK - 300, CHUNK - 9, CHUNK - 3, CHUNK, 2 * CHUNK + 7] {
            let one = write("1", before, "host\":\"10.0.0.1\",..host\":\"fe-1\"");
            let other = write("2", 0, "host\":\"10.0.0.2\"");
            let all = [one, other];
            assert_eq!(
                texts(&all, 1 << 30).unwrap(),
                ["10.0.0.1", "fe-1", "10.0.0.2"],
                "after {before}"
            );
            assert_eq!(texts(&all, before as u64 + 3), None);
        }
        assert_eq!(texts(&[dir.path().join("gone")], 1000), None);
        // Cut off, and too long for a host.
        let path = write("3", 0, &format!("host\":\"{} host\":\"10.0.0.1", "x".repeat(300)));
        assert_eq!(texts(&[path], 1000).unwrap(), ["", ""]);
    }
}
