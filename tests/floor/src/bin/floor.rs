//! The least an init can do in Rust: start one program in a group of its own, pass signals on to it, reap, and end as
//! it ended. What muster takes beyond this is the price of what it does beyond this.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

fn main() -> io::Result<ExitCode> {
    let words: Vec<CString> = std::env::args_os()
        .skip(1)
        .map(|word| CString::new(word.into_vec()))
        .collect::<Result<_, _>>()?;
    let program = words.first().ok_or(io::ErrorKind::InvalidInput)?;
    let signals = SigSet::all();
    signals.thread_block()?;
    // Not with std: what its `Command` starts inherits the mask, and would never hear TERM.
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(PosixSpawnFlags::POSIX_SPAWN_SETPGROUP | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
    attributes.set_pgroup(Pid::from_raw(0))?;
    attributes.set_sigmask(&SigSet::empty())?;
    let environment: Vec<CString> = std::env::vars_os()
        .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()))
        .collect::<Result<_, _>>()?;
    let files = PosixSpawnFileActions::init()?;
    let main = posix_spawnp(program, &files, &attributes, &words, &environment)?;
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => {
                if let Some(code) = reap(main)? {
                    return Ok(ExitCode::from(code));
                }
            }
            // A group that is gone has an end to be reaped next.
            signal => match killpg(main, signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            },
        }
    }
}

/// Everyone who has ended; the code if the main process is among them.
#[expect(clippy::disallowed_methods, reason = "the only waiter of this program")]
fn reap(main: Pid) -> nix::Result<Option<u8>> {
    let mut end = None;
    loop {
        let (pid, code) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, code),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(end),
            Ok(_) => continue,
            Err(error) => return Err(error),
        };
        if pid == main {
            end = u8::try_from(code).ok();
        }
    }
}
