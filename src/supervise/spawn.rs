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
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, execve, fchdir};
use rustix::process::Pid;
use tracing::{debug, warn};

use super::SuperviseError;
use super::console::Ends;
use super::resident::OURS;
use crate::plan::launch::Launch;
use crate::plan::limits::{LimitKind, Raise};

/// The script as the leader of its own process group, with our stdin, with our stdout and stderr or what stands for them,
/// and with no other descriptor.
pub(super) fn spawn(launch: &Launch, ends: &Ends) -> Result<Pid, SuperviseError> {
    let words = Words::of(launch).map_err(|error| odd(launch, error))?;
    launch.limits.iter().for_each(raise);
    // posix_spawn knows no directory in every C library: go there, and come back.
    let here = open(".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok();
    chdir(&launch.dir).map_err(|errno| no_directory(launch, errno))?;
    let spawned = descriptors(ends).and_then(|actions| {
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
    launch.limits.iter().for_each(raise);
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
            name.to_str().is_none_or(|name| {
                !launch.set.contains_key(name)
                    && !launch.unset.iter().any(|u| u == name)
                    && !OURS.contains(&name)
            })
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

/// For us and for whoever we start; only those who may raise the hard limit can go above it.
fn raise(raise: &Raise) {
    let resource = match raise.limit {
        LimitKind::OpenFiles => Resource::RLIMIT_NOFILE,
        LimitKind::Processes => Resource::RLIMIT_NPROC,
    };
    let hard = raise.hard.unwrap_or(RLIM_INFINITY);
    let mut reached = raise.to;
    if setrlimit(resource, reached, hard.max(reached)).is_err() {
        reached = hard.min(raise.to);
        if let Err(error) = setrlimit(resource, reached, hard) {
            debug!(%error, "the limit {} stays", raise.limit.name());
            return;
        }
    }
    let name = raise.limit.name();
    if reached < raise.least {
        warn!(
            "{name} is {reached} and cannot be raised: the engine needs {} at least; set ulimits: {name}: {} for this container",
            raise.least, raise.to
        );
    } else {
        debug!("{name} is {reached} for the engine");
    }
}

fn attributes() -> nix::Result<PosixSpawnAttr> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
    attributes.set_sigmask(&SigSet::empty())?;
    // The three that no handler can be registered for; everything else is the default already, see `signals`.
    let faults: SigSet = [Signal::SIGILL, Signal::SIGFPE, Signal::SIGSEGV]
        .into_iter()
        .collect();
    attributes.set_sigdefault(&faults)?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    Ok(attributes)
}

/// Closes, in the child, whatever we were started with beyond 0 to 2. Closing what is closed is no error there.
fn descriptors(ends: &Ends) -> nix::Result<PosixSpawnFileActions> {
    let mut actions = PosixSpawnFileActions::init()?;
    for (end, becomes) in ends.pairs() {
        actions.add_dup2(end, becomes)?;
    }
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
