//! Starts the script: beside us (`spawn`) or in our place (`exec`).
//!
//! Not with std: its `Command` lets a child inherit the signal mask (since Rust 1.66), and ours blocks everything.
//! A start script under that mask never hears TERM.

use std::convert::Infallible;
use std::ffi::{CString, NulError, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use nix::unistd::{chdir, execve, fchdir};
use rustix::process::Pid;

use super::SuperviseError;
use crate::plan::launch::Launch;

/// The script as the leader of its own process group, with our stdin, stdout and stderr and no other descriptor.
pub(super) fn spawn(launch: &Launch) -> Result<Pid, SuperviseError> {
    let words = Words::of(launch).map_err(|error| odd(launch, error))?;
    // posix_spawn knows no directory in every C library: go there, and come back.
    let here = open(".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok();
    chdir(&launch.dir).map_err(|errno| no_directory(launch, errno))?;
    let spawned = descriptors().and_then(|actions| {
        posix_spawn(
            words.path.as_c_str(),
            &actions,
            &attributes()?,
            &words.args,
            &words.env,
        )
    });
    // Where we started may be unreadable to us by now; staying in the engine's home does no harm.
    here.map(fchdir);
    let pid = spawned.map_err(|errno| refused(launch, errno))?;
    Pid::from_raw(pid.as_raw()).ok_or_else(|| odd(launch, io::Error::other("the kernel gave it no pid")))
}

/// Replaces this process by the start script, for those who want nothing resident. Returns only on failure.
/// A signal that is pending at that moment meets the default action, which PID 1 does not have: it is dropped.
/// Descriptors that we were started with and did not open ourselves are passed on.
pub fn exec(launch: &Launch) -> SuperviseError {
    let words = match Words::of(launch) {
        Ok(words) => words,
        Err(error) => return odd(launch, error),
    };
    if let Err(errno) = chdir(&launch.dir) {
        return no_directory(launch, errno);
    }
    let replaced: Result<Infallible, Errno> = SigSet::empty()
        .thread_set_mask()
        .and_then(|()| execve(words.path.as_c_str(), &words.args, &words.env));
    match replaced {
        Err(errno) => refused(launch, errno),
    }
}

/// What execve takes.
struct Words {
    path: CString,
    args: Vec<CString>,
    env: Vec<CString>,
}

impl Words {
    fn of(launch: &Launch) -> Result<Self, NulError> {
        let path = CString::new(launch.script.clone().into_os_string().into_vec())?;
        let args = launch.args.iter().map(|arg| CString::new(arg.as_bytes()));
        let args = std::iter::once(Ok(path.clone()))
            .chain(args)
            .collect::<Result<_, _>>()?;
        // What settings made of the environment is in `set`; the rest is the script's as it is.
        let inherited = std::env::vars_os().filter(|(name, _)| {
            name.to_str()
                .is_none_or(|name| !launch.set.contains_key(name) && !launch.unset.iter().any(|u| u == name))
        });
        let set = launch.set.iter().filter(|(name, _)| !launch.unset.contains(name));
        let set = set.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let env = inherited.chain(set).map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            CString::new(name.into_vec())
        });
        Ok(Self {
            path,
            args,
            env: env.collect::<Result<_, _>>()?,
        })
    }
}

fn attributes() -> nix::Result<PosixSpawnAttr> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
    attributes.set_sigmask(&SigSet::empty())?;
    attributes.set_flags(PosixSpawnFlags::POSIX_SPAWN_SETPGROUP | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
    Ok(attributes)
}

/// Closes, in the child, whatever we were started with beyond 0 to 2. Closing what is closed is no error there.
fn descriptors() -> nix::Result<PosixSpawnFileActions> {
    let mut actions = PosixSpawnFileActions::init()?;
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<i32> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        actions.add_close(descriptor)?;
    }
    Ok(actions)
}

/// The kernel says ENOENT for a missing script and for a missing interpreter.
fn refused(launch: &Launch, errno: Errno) -> SuperviseError {
    let (script, source) = (launch.script.clone(), io::Error::from(errno));
    match errno {
        Errno::ENOENT if Path::exists(&script) => SuperviseError::Interpreter { script },
        Errno::ENOENT | Errno::ENOTDIR => SuperviseError::Missing { script },
        Errno::EACCES
        | Errno::EPERM
        | Errno::ENOEXEC
        | Errno::EISDIR
        | Errno::ELOOP
        | Errno::ETXTBSY
        | Errno::ELIBBAD => SuperviseError::NotExecutable { script, source },
        Errno::EAGAIN | Errno::ENOMEM => SuperviseError::Fork { script, source },
        _ => SuperviseError::Spawn { script, source },
    }
}

fn no_directory(launch: &Launch, errno: Errno) -> SuperviseError {
    SuperviseError::Directory {
        script: launch.script.clone(),
        dir: launch.dir.clone(),
        source: errno.into(),
    }
}

fn odd(launch: &Launch, source: impl Into<io::Error>) -> SuperviseError {
    SuperviseError::Spawn {
        script: launch.script.clone(),
        source: source.into(),
    }
}
