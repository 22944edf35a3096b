//! Reads files of /proc and /sys: their size is given as 0, so a reader that relies on it reads in small pieces.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The whole text; most of these files are shorter than this.
const USUAL: usize = 4096;

/// Reads a file of /proc or /sys.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = Vec::with_capacity(USUAL);
    File::open(path)?.read_to_end(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}
