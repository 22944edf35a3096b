//! Reads signals: every signal that can be caught is blocked and read from one descriptor. `phase` decides what follows.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::errno::Errno;
use nix::libc::{SI_KERNEL, SIGFPE, SIGHUP, SIGILL, SIGKILL, SIGSEGV, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tracing::debug;

use super::SuperviseError;
use crate::file;

/// Proof that signals are blocked. Made in the first instruction of `main`: threads inherit the mask, and a signal before it
/// is lost (the kernel drops a signal without a handler that is sent to PID 1).
#[derive(Debug)]
pub struct Signals(());

impl Signals {
    pub fn block() -> Result<Self, SuperviseError> {
        SigSet::all().thread_block().map_err(SuperviseError::Block)?;
        unignore();
        Ok(Self(()))
    }

    pub(super) fn listen(self) -> Result<Listener, SuperviseError> {
        let Self(()) = self;
        SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .map(|fd| Listener { fd })
            .map_err(SuperviseError::Listen)
    }
}

/// Resets ignored signals. The start script must receive forwarded signals, but "ignored" survives execve: `sh -c 'muster run &'` hands down an
/// ignored INT, and an ignored CHLD would let the kernel discard the engine's exit status. Handlers do not survive
/// it, so each ignored signal is given one; it never runs here, where everything is blocked. PIPE is always
/// among them, Rust's own doing. HUP stays as it is: that is what nohup promises.
fn unignore() {
    let kept = [SIGHUP, SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV];
    let status = file::text_of_kernel(Path::new("/proc/self/status")).unwrap_or_default();
    for signal in ignored(&status).filter(|signal| !kept.contains(signal)) {
        if let Err(error) = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))) {
            debug!(%error, "{} stays ignored", name(signal));
        }
    }
}

/// The signals of the `SigIgn:` line of /proc/PID/status, see proc(5).
fn ignored(status: &str) -> impl Iterator<Item = i32> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    (1..=64).filter(move |signal| mask >> (signal - 1) & 1 == 1)
}

/// TSTP, TTIN and TTOU, as a signalfd numbers them.
const SUSPENDING: [u32; 3] = [
    SIGTSTP.unsigned_abs(),
    SIGTTIN.unsigned_abs(),
    SIGTTOU.unsigned_abs(),
];

#[derive(Debug)]
pub(super) struct Listener {
    fd: SignalFd,
}

/// A received signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) signal: i32,
    /// True if the kernel sent it, as for Ctrl-C at a terminal.
    pub(super) from_terminal: bool,
}

impl Listener {
    /// The descriptor to wait for: readable when there is a signal.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The next signal; `None` if there is none now.
    pub(super) fn next(&mut self) -> Result<Option<Heard>, SuperviseError> {
        loop {
            match self.fd.read_signal() {
                // A write to a log without a reader raises PIPE in muster. A blocked signal is not ignored, so it is read
                // here; forwarded, it would end a healthy engine.
                Ok(Some(info)) if info.ssi_pid == std::process::id() => {}
                // Ctrl-Z at a terminal: the engine would stay suspended.
                Ok(Some(info)) if info.ssi_code == SI_KERNEL && SUSPENDING.contains(&info.ssi_signo) => {}
                Ok(Some(info)) => {
                    if let Ok(signal) = i32::try_from(info.ssi_signo) {
                        return Ok(Some(Heard {
                            signal,
                            from_terminal: info.ssi_code == SI_KERNEL,
                        }));
                    }
                }
                Ok(None) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(SuperviseError::Read(errno.into())),
            }
        }
    }
}

/// `SIGTERM`, or `signal 37` for one without a name.
pub(super) fn name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(
        |_| format!("signal {signal}"),
        |signal| signal.as_str().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ignored_signals_are_read_from_the_mask() {
        let status = "Name:\tsh\nSigBlk:\tffffffffffffffff\nSigIgn:\t8000000000000006\nSigCgt:\t0\n";
        assert_eq!(ignored(status).collect::<Vec<_>>(), [2, 3, 64]);
        assert_eq!(ignored("").count(), 0);
    }

    #[test]
    fn a_signal_is_called_by_its_name_if_it_has_one() {
        assert_eq!((name(15).as_str(), name(40).as_str()), ("SIGTERM", "signal 40"));
    }
}
