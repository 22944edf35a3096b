//! Copies the engine's stdout and stderr, byte for byte, and keeps the end of both: some fatal errors are written nowhere
//! else, and a container cannot read back its own output.
//!
//! It wakes muster only when the engine writes. It never waits for a reader: unwritten bytes stay in the pipe, as without
//! muster, and a stream that could block (a terminal, a socket) is passed to the engine directly. If the reader is gone or
//! the disk is full, the bytes are dropped and the engine continues.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::PollFlags;
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{isatty, pipe2};
use tracing::debug;

/// The most bytes copied at once.
const CHUNK: usize = 16 * 1024;
/// The bytes kept of each stream: a stack trace of a JVM and the lines above it.
const TAIL: usize = 32 * 1024;

/// The copied streams: both or none.
#[derive(Debug, Default)]
pub(super) struct Console {
    streams: Vec<Stream>,
}

/// The writing ends for the child, each with its descriptors there.
#[derive(Debug, Default)]
pub(super) struct Ends {
    ends: Vec<(OwnedFd, Vec<i32>)>,
}

impl Ends {
    /// Pairs of a descriptor here and its number in the child.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (i32, i32)> {
        let pairs = |(end, becomes): &(OwnedFd, Vec<i32>)| {
            let end = end.as_raw_fd();
            becomes.iter().map(move |fd| (end, *fd)).collect::<Vec<_>>()
        };
        self.ends.iter().flat_map(pairs)
    }
}

#[derive(Debug)]
struct Stream {
    /// The reading end; `None` once all writers have ended.
    from: Option<File>,
    /// The descriptor of muster's own output.
    to: File,
    /// `to` is a pipe, which may be full; a file or a device takes everything at once.
    may_be_full: bool,
    pending: Vec<u8>,
    tail: Vec<u8>,
}

impl Console {
    /// Opens pipes for the engine's output, if muster's own output never blocks.
    pub(super) fn open() -> (Self, Ends) {
        Self::between().unwrap_or_else(|error| {
            debug!(%error, "the engine writes to the console directly");
            (Self::default(), Ends::default())
        })
    }

    fn between() -> io::Result<(Self, Ends)> {
        let (stdout, stderr) = (fstat(io::stdout())?, fstat(io::stderr())?);
        let same = (stdout.st_dev, stdout.st_ino) == (stderr.st_dev, stderr.st_ino);
        let numbers: &[&[i32]] = if same { &[&[1, 2]] } else { &[&[1], &[2]] };
        let (mut console, mut ends) = (Self::default(), Ends::default());
        for becomes in numbers {
            let (to, may_be_full) = destination(*becomes.first().unwrap_or(&1))?;
            let (reading, writing) = pipe2(OFlag::O_CLOEXEC)?;
            fcntl(&reading, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            console.streams.push(Stream {
                from: Some(reading.into()),
                to,
                may_be_full,
                pending: Vec::new(),
                tail: Vec::new(),
            });
            ends.ends.push((writing, becomes.to_vec()));
        }
        Ok((console, ends))
    }

    /// The descriptors to wait for: of each stream, until it can be written or read.
    pub(super) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.streams.iter().filter_map(|stream| match &stream.from {
            _ if !stream.pending.is_empty() => Some((stream.to.as_fd(), PollFlags::POLLOUT)),
            Some(from) => Some((from.as_fd(), PollFlags::POLLIN)),
            None => None,
        })
    }

    /// Copies without waiting. Returns true if bytes were copied.
    pub(super) fn pass_on(&mut self) -> bool {
        let moved: Vec<bool> = self.streams.iter_mut().map(Stream::pass_on).collect();
        moved.contains(&true)
    }

    /// True if all bytes that were read are written.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.iter().all(|stream| stream.pending.is_empty())
    }

    /// The end of the engine's output, stdout first.
    pub(super) fn into_tail(self) -> Vec<u8> {
        let mut all = Vec::new();
        for stream in self.streams {
            let from = stream.tail.len().saturating_sub(TAIL);
            all.extend_from_slice(stream.tail.get(from..).unwrap_or_default());
            all.push(b'\n');
        }
        all
    }
}

/// Opens this output for writing without waiting; true if it is a pipe, which may be full.
fn destination(number: i32) -> io::Result<(File, bool)> {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let own: BorrowedFd<'_> = if number == 1 {
        stdout.as_fd()
    } else {
        stderr.as_fd()
    };
    let kind = SFlag::from_bits_truncate(fstat(own)?.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFIFO {
        // Opened again: the non-blocking flag belongs to the open file description, which other processes share.
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let path = format!("/proc/self/fd/{number}");
        return Ok((open(path.as_str(), flags, Mode::empty())?.into(), true));
    }
    if kind == SFlag::S_IFREG || (kind == SFlag::S_IFCHR && !isatty(own).unwrap_or(true)) {
        return Ok((own.try_clone_to_owned()?.into(), false));
    }
    Err(io::Error::other("a terminal or a socket"))
}

impl Stream {
    /// Writes the pending bytes, then reads once and writes that. Returns true if bytes were read or written.
    fn pass_on(&mut self) -> bool {
        let had = self.pending.len();
        self.flush();
        if !self.pending.is_empty() {
            return self.pending.len() < had;
        }
        let Some(from) = &mut self.from else {
            return had > 0;
        };
        let mut chunk = [0; CHUNK];
        match from.read(&mut chunk) {
            Ok(0) => self.from = None,
            Ok(length) => {
                let chunk = chunk.get(..length).unwrap_or_default();
                self.pending.extend_from_slice(chunk);
                self.tail.extend_from_slice(chunk);
                if self.tail.len() > 2 * TAIL {
                    self.tail.drain(..self.tail.len() - TAIL);
                }
                self.flush();
                return true;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => debug!(%error, "cannot read the engine's output"),
        }
        had > 0
    }

    fn flush(&mut self) {
        while !self.pending.is_empty() {
            match self.to.write(&self.pending) {
                Ok(length) => drop(self.pending.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.may_be_full => return,
                // There is no reader, or no space.
                Err(_) => self.pending.clear(),
            }
        }
    }
}
