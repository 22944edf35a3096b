//! Passes the engine's stdout and stderr on, byte for byte, and keeps the last of both: some fatal words are written
//! nowhere else, and what a container has printed cannot be read back.
//!
//! It wakes us only when the engine writes. It never waits for a reader: what cannot be written yet stays in the pipe, as
//! it would without us, and a stream that could hold us up (a terminal, a socket) is not touched at all. A reader that is
//! gone, or a full disk, is not the engine's trouble: it goes on writing, to nobody.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd as _, OwnedFd};
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{close, isatty, pipe2};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};
use tracing::debug;

/// What is passed on at once.
const CHUNK: usize = 16 * 1024;
/// What is kept of each stream: a stack trace of a JVM, and the words above it.
const TAIL: usize = 32 * 1024;

/// Both streams, or none.
#[derive(Debug, Default)]
pub(super) struct Console {
    streams: Vec<Stream>,
}

/// The writing ends, for the child: each with the descriptors it is to become.
#[derive(Debug, Default)]
pub(super) struct Ends {
    ends: Vec<(OwnedFd, Vec<i32>)>,
}

impl Ends {
    /// Pairs of a descriptor and what it becomes.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (i32, i32)> {
        let pairs = |(end, becomes): &(OwnedFd, Vec<i32>)| {
            let end = end.as_raw_fd();
            becomes.iter().map(move |fd| (end, *fd)).collect::<Vec<_>>()
        };
        self.ends.iter().flat_map(pairs)
    }
}

/// A descriptor of ours that the engine's output goes to.
#[derive(Debug)]
enum To {
    /// A pipe, through a description of our own that does not block.
    Pipe(Sender),
    /// A file or a device that takes everything at once.
    File(File),
    /// It could not be opened again: the engine writes on, to nobody.
    Nobody,
}

#[derive(Debug)]
struct Stream {
    /// The reading end, which survives an execve and a panic: with it closed, the engine's next line would fail.
    kept: i32,
    /// 1 or 2.
    number: i32,
    /// `None` once nobody can write any more.
    from: Option<Receiver>,
    to: To,
    pending: Vec<u8>,
    tail: Vec<u8>,
}

impl Console {
    /// New pipes for the engine's output, if ours can be written to without waiting.
    pub(super) fn open() -> (Self, Ends) {
        Self::between().unwrap_or_else(|error| {
            debug!(%error, "the engine writes to our console itself");
            Self::default_with_ends()
        })
    }

    fn default_with_ends() -> (Self, Ends) {
        (Self::default(), Ends::default())
    }

    fn between() -> io::Result<(Self, Ends)> {
        let (stdout, stderr) = (fstat(io::stdout())?, fstat(io::stderr())?);
        let same = (stdout.st_dev, stdout.st_ino) == (stderr.st_dev, stderr.st_ino);
        let numbers: &[&[i32]] = if same { &[&[1, 2]] } else { &[&[1], &[2]] };
        let (mut console, mut ends) = Self::default_with_ends();
        // All of them before there is a pipe that only an end of the engine would close.
        let mut opened = Vec::new();
        for becomes in numbers {
            let number = *becomes.first().unwrap_or(&1);
            opened.push((number, *becomes, To::open(number)?));
        }
        for (number, becomes, to) in opened {
            // Not closed by an execve: the next image of this process goes on reading.
            let (reading, writing) = pipe2(OFlag::empty())?;
            let from = reader(reading.as_raw_fd())?;
            let stream = Stream::new(reading.into_raw_fd(), number, from, to);
            console.streams.push(stream);
            ends.ends.push((writing, becomes.to_vec()));
        }
        Ok((console, ends))
    }

    /// The pipes that a former image has left. With one that nobody reads the engine would stand still before long, so
    /// that is an error, to be tried again; who reads what we pass on is not worth one.
    pub(super) fn resume(left: &[(i32, i32)]) -> io::Result<Self> {
        let mut console = Self::default();
        for (kept, number) in left {
            let from = match reader(*kept) {
                // There is no such pipe, and that will not change.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                from => from?,
            };
            let to = To::open(*number).unwrap_or(To::Nobody);
            console.streams.push(Stream::new(*kept, *number, from, to));
        }
        Ok(console)
    }

    /// For the next image.
    pub(super) fn kept(&self) -> Vec<(i32, i32)> {
        self.streams
            .iter()
            .map(|stream| (stream.kept, stream.number))
            .collect()
    }

    /// Whether all that was read has been passed on.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.iter().all(|stream| stream.pending.is_empty())
    }

    /// Ready as soon as something was passed on. Loses nothing when dropped before.
    pub(super) fn poll_pass_on(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut moved = false;
        for stream in &mut self.streams {
            moved |= stream.poll_step(context).is_ready();
        }
        if moved { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What is still in the pipes of a tree that is gone. Ready when it is passed on.
    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut left = false;
        for stream in &mut self.streams {
            left |= stream.poll_drain(context).is_pending();
        }
        if left { Poll::Pending } else { Poll::Ready(()) }
    }

    /// The last of what the engine wrote, stdout first; and the end of it all.
    pub(super) fn into_tail(self) -> Vec<u8> {
        let mut all = Vec::new();
        for stream in self.streams {
            all.extend_from_slice(&stream.tail);
            all.push(b'\n');
            // Nobody is left who could write.
            close(stream.kept).ok();
        }
        all
    }
}

impl To {
    fn open(number: i32) -> io::Result<Self> {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let own: BorrowedFd<'_> = if number == 1 {
            stdout.as_fd()
        } else {
            stderr.as_fd()
        };
        let kind = SFlag::from_bits_truncate(fstat(own)?.st_mode) & SFlag::S_IFMT;
        if kind == SFlag::S_IFIFO {
            // Of its own: whether it blocks is a property of the description, which others share.
            return OpenOptions::new().open_sender(descriptor(number)).map(Self::Pipe);
        }
        if kind == SFlag::S_IFREG || (kind == SFlag::S_IFCHR && !isatty(own).unwrap_or(true)) {
            return Ok(Self::File(own.try_clone_to_owned()?.into()));
        }
        Err(io::Error::other("a terminal or a socket"))
    }
}

/// A description of our own of the pipe that `kept` reads: it does not block, and goes with us when we do.
fn reader(kept: i32) -> io::Result<Receiver> {
    OpenOptions::new().open_receiver(descriptor(kept))
}

fn descriptor(number: i32) -> String {
    format!("/proc/self/fd/{number}")
}

impl Stream {
    fn new(kept: i32, number: i32, from: Receiver, to: To) -> Self {
        Self {
            kept,
            number,
            from: Some(from),
            to,
            pending: Vec::new(),
            tail: Vec::new(),
        }
    }

    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.pending.is_empty() {
            return self.poll_flush(context);
        }
        loop {
            let Some(from) = &self.from else {
                return Poll::Pending;
            };
            if ready!(from.poll_read_ready(context)).is_err() {
                return Poll::Pending;
            }
            let mut chunk = [0; CHUNK];
            match from.try_read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => {
                    self.took(read, &chunk);
                    // Whether there was room or not: the loop asks again.
                    _ = self.poll_flush(context);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// What the kernel holds, whether we have been told of it or not.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.poll_flush(context));
            let Some(from) = &self.from else {
                return Poll::Ready(());
            };
            let mut chunk = [0; CHUNK];
            match nix::unistd::read(from, &mut chunk) {
                Err(Errno::EAGAIN) => return Poll::Ready(()),
                read => self.took(read.map_err(io::Error::from), &chunk),
            }
        }
    }

    fn took(&mut self, read: io::Result<usize>, chunk: &[u8]) {
        match read {
            Ok(0) => self.from = None,
            Ok(length) => {
                let chunk = chunk.get(..length).unwrap_or_default();
                self.pending.extend_from_slice(chunk);
                self.tail.extend_from_slice(chunk);
                if self.tail.len() > 2 * TAIL {
                    self.tail.drain(..self.tail.len() - TAIL);
                }
            }
            Err(error) => debug!(%error, "a line of the engine could not be read"),
        }
    }

    /// Ready when nothing is left to write.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !self.pending.is_empty() {
            let written = match &self.to {
                To::File(file) => (&mut &*file).write(&self.pending),
                To::Nobody => Ok(self.pending.len()),
                To::Pipe(pipe) => {
                    if ready!(pipe.poll_write_ready(context)).is_err() {
                        return Poll::Pending;
                    }
                    pipe.try_write(&self.pending)
                }
            };
            match written {
                Ok(length) => drop(self.pending.drain(..length)),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                // Nobody reads it, or there is no room for it, and there is nobody to tell.
                Err(_) => self.pending.clear(),
            }
        }
        Poll::Ready(())
    }
}
