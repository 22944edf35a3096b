//! The only way in which muster opens files for reading: a regular file within the limit of its kind, opened without waiting.
//! A pipe, a device or gigabytes in its place are one error, and neither a hang nor memory.
//!
//! An error says what is wrong with the file and what to do; the caller adds the path.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::libc::{ENXIO, O_DIRECTORY, O_NOCTTY, O_NONBLOCK};

/// A kind of file, and the bytes that one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    what: &'static str,
    most: u64,
}

impl Kind {
    const fn new(what: &'static str, most: u64) -> Self {
        Self { what, most }
    }
}

/// 1000 members are half of that.
pub const RECORD: Kind = Kind::new("a record", 1 << 20);
/// 200 lines have about 60 KiB.
pub const HISTORY: Kind = Kind::new("a history", 1 << 20);
pub const STATUS: Kind = Kind::new("a status file", 1 << 20);
/// The longest shipped one has 20 KiB.
pub const CONF: Kind = Kind::new("a conf file", 4 << 20);
pub const ENV: Kind = Kind::new("an env file", 1 << 20);
/// ROLE, VERSION and `cluster_id` have about a hundred bytes.
pub const IDENTITY: Kind = Kind::new("a file of this name", 64 << 10);
pub const PID: Kind = Kind::new("a pid file", 4 << 10);
/// The name of the node that has a data dir locked.
pub const HOLDER: Kind = Kind::new("a file of this name", 4 << 10);
/// A password is one line.
pub const SECRET: Kind = Kind::new("a password file", 64 << 10);
/// All public authorities together have 220 KiB.
pub const AUTHORITIES: Kind = Kind::new("a file of certificates", 4 << 20);
/// A launcher may be a binary.
pub const SCRIPT: Kind = Kind::new("a start script", 16 << 20);

/// The usual size of a file of /proc, whose size is given as 0.
const USUAL: usize = 4096;

/// Reads a whole file.
pub fn read(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > kind.most {
        return Err(too_long(&format!("it has {length} bytes"), kind));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // It may grow meanwhile.
    file.take(kind.most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > kind.most {
        return Err(too_long(&format!("it has more than {} bytes", kind.most), kind));
    }
    Ok(bytes)
}

/// Reads a whole file of UTF-8.
pub fn text(path: &Path, kind: Kind) -> io::Result<String> {
    String::from_utf8(read(path, kind)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8; save it as UTF-8"))
}

/// Opens a regular file, of which the caller reads a bounded part.
pub fn open(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK a pipe without a writer keeps `open` for ever.
    let file = match OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK | O_NOCTTY)
        .open(path)
    {
        Err(error) if error.raw_os_error() == Some(ENXIO) => {
            return Err(fs::metadata(path).map_or(error, |found| not_regular(&found)));
        }
        opened => opened?,
    };
    let found = file.metadata()?;
    if found.is_file() {
        Ok(file)
    } else {
        Err(not_regular(&found))
    }
}

/// Opens a directory, to sync or to lock it.
pub fn open_dir(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(O_DIRECTORY).open(path)
}

/// Reads a file that the kernel makes, below /proc or /sys.
pub fn of_kernel(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(USUAL);
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text.
pub fn text_of_kernel(path: &Path) -> io::Result<String> {
    String::from_utf8(of_kernel(path)?).map_err(io::Error::other)
}

fn too_long(it: &str, kind: Kind) -> io::Error {
    let Kind { what, most } = kind;
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("{it}, and {what} may have {most}; check which file this is"),
    )
}

fn not_regular(found: &Metadata) -> io::Error {
    let kind = found.file_type();
    let what = if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    io::Error::other(format!("it is {what}; put a regular file there"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::{PID, RECORD, read, text};

    /// Each once took a start for ever, or its memory.
    #[test]
    fn what_is_no_regular_file_within_its_limit_is_said_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        mkfifo(&at("pipe"), Mode::from_bits_truncate(0o600)).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        File::create(at("sparse")).unwrap().set_len(4 << 30).unwrap();
        std::fs::write(at("long"), "x".repeat(4097)).unwrap();
        std::fs::write(at("latin"), b"\xfc").unwrap();
        let table = [
            (at("pipe"), "it is a pipe; put a regular file there"),
            (at("socket"), "it is a socket; put a regular file there"),
            ("/dev/zero".into(), "it is a device; put a regular file there"),
            (at(""), "it is a directory; put a regular file there"),
            (
                at("sparse"),
                "it has 4294967296 bytes, and a record may have 1048576; check which file this is",
            ),
            (at("latin"), "it is not UTF-8; save it as UTF-8"),
            (at("missing"), "No such file or directory (os error 2)"),
        ];
        for (path, expected) in table {
            assert_eq!(text(&path, RECORD).unwrap_err().to_string(), expected);
        }
        let error = read(&at("long"), PID).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("it has 4097 bytes, and a pid file may have 4096;")
        );
        // The kernel gives its files no size.
        let error = read(Path::new("/proc/kallsyms"), PID).unwrap_err();
        assert!(
            error.to_string().starts_with("it has more than 4096 bytes,"),
            "{error}"
        );
    }
}
