//! Files that variables name. Their content never appears in a message.

use std::path::{Path, PathBuf};

use super::parse::absolute_path;
use crate::file::{self, Kind};

/// The one line that a file holds, without its line end; `None` if the file is empty.
pub(super) fn read_secret(text: &str) -> Result<Option<String>, String> {
    let path = absolute_path(text)?;
    let bytes = read(&path, file::SECRET)?;
    let line = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.chars().any(|c| matches!(c, '\n' | '\r' | '\0')) {
        return Err("contains more than one line".to_owned());
    }
    Ok(Some(line.to_owned()).filter(|line| !line.is_empty()))
}

/// A file of certificates that can be read now, and is read later.
pub(super) fn readable(text: &str) -> Result<PathBuf, String> {
    let path = absolute_path(text)?;
    read(&path, file::AUTHORITIES)?;
    Ok(path)
}

/// A file with a password, which is read later.
pub(super) fn secret_file(text: &str) -> Result<PathBuf, String> {
    match read_secret(text)? {
        Some(_) => absolute_path(text),
        None => Err("is an empty file".to_owned()),
    }
}

fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, String> {
    file::read(path, kind).map_err(|error| format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{read_secret, readable, secret_file};

    #[test]
    fn a_secret_is_the_one_line_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let name = path.to_str().unwrap();
        let table = [
            (&b"hunter2"[..], Ok(Some("hunter2"))),
            (&b"hunter2\n"[..], Ok(Some("hunter2"))),
            (&b"hunter2\r\n"[..], Ok(Some("hunter2"))),
            (&b" hunter2 \n"[..], Ok(Some(" hunter2 "))),
            (&b"\n"[..], Ok(None)),
            (&b"hunter2\nhunter3\n"[..], Err(())),
            (&b"hunter\xff"[..], Err(())),
        ];
        for (content, expected) in table {
            std::fs::write(&path, content).unwrap();
            let read = read_secret(name);
            if let Err(why) = &read {
                assert!(!why.contains("hunter"), "{why}");
            }
            assert_eq!(
                read.map_err(|_| ()),
                expected.map(|line| line.map(str::to_owned)),
                "{content:?}"
            );
        }
        std::fs::write(&path, b"").unwrap();
        assert!(secret_file(name).is_err());
        assert!(readable(name).is_ok());
        assert!(readable(dir.path().to_str().unwrap()).is_err());
        assert!(readable("/dev/zero").is_err());
        assert!(readable("password").is_err());
    }
}
