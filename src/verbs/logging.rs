//! Sets up muster's log on stderr: text on a terminal, JSON otherwise. An event is one line, whatever its text contains, and
//! waits for no reader.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::O_NONBLOCK;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::stat::{SFlag, fstat};
use tracing_subscriber::fmt;

use crate::printable;
use crate::settings::{LogFormat, LogSettings};

/// Starts the log, and returns whether it is JSON. A wrong `LOG_FORMAT` or `LOG_LEVEL` is reported with the other settings, not here.
pub(super) fn begin(vars: &[(OsString, OsString)]) -> bool {
    let requested = LogSettings::read(vars);
    let json = match requested.format {
        Some(LogFormat::Text) => false,
        Some(LogFormat::Json) => true,
        None => !io::stderr().is_terminal(),
    };
    let Ok(lines) = Lines::to_stderr(json) else {
        // There is no stderr.
        return json;
    };
    let builder = fmt()
        .with_max_level(requested.level)
        .with_target(false)
        // Such an error is printed with eprintln, which panics if stderr cannot be written: on a full disk.
        .log_internal_errors(false)
        .with_writer(move || lines.clone());
    let begun = if json {
        tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
    } else {
        tracing::subscriber::set_global_default(builder.compact().finish())
    };
    if begun.is_err() {
        // Only tests set up two.
        tracing::debug!("the log is already set up");
    }
    // The usual one prints several lines, and panics if stderr cannot be written.
    std::panic::set_hook(Box::new(|panic| tracing::error!("internal error: {panic}")));
    json
}

/// How long an event waits for a reader, in milliseconds; the next ones do not wait until one was written.
const PATIENCE: u16 = 1000;

/// Writes each event as one line without control characters: texts of servers are in it. If nobody reads, events are lost:
/// a start or a stop must not wait for a reader.
#[derive(Debug, Clone)]
struct Lines {
    json: bool,
    to: Arc<File>,
    unread: Arc<AtomicBool>,
}

impl Lines {
    fn to_stderr(json: bool) -> io::Result<Self> {
        let own = io::stderr().as_fd().try_clone_to_owned()?;
        let is_pipe = SFlag::from_bits_truncate(fstat(&own)?.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO;
        // Opened again: the non-blocking flag belongs to the open file description, which other processes share.
        let again = is_pipe.then(|| {
            OpenOptions::new()
                .write(true)
                .custom_flags(O_NONBLOCK)
                .open("/proc/self/fd/2")
        });
        Ok(Self {
            json,
            to: Arc::new(again.and_then(Result::ok).unwrap_or_else(|| own.into())),
            unread: Arc::default(),
        })
    }

    /// True once all is written.
    fn put(&self, mut line: &[u8]) -> bool {
        while !line.is_empty() {
            match (&*self.to).write(line) {
                Ok(length) if length > 0 => line = line.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.has_room() => {}
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }

    /// Waits for a reader of a pipe that is full.
    fn has_room(&self) -> bool {
        let patience = if self.unread.load(Ordering::Relaxed) {
            0
        } else {
            PATIENCE
        };
        let mut full = [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)];
        poll(&mut full, patience).is_ok_and(|ready| ready > 0)
    }
}

impl io::Write for Lines {
    /// Called once for each event, with its line end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.trim_end_matches('\n');
        let line = if self.json {
            printable::json(text)
        } else {
            printable::line(text)
        };
        let written = self.put(format!("{line}\n").as_bytes());
        self.unread.store(!written, Ordering::Relaxed);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
