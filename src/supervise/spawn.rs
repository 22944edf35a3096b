//! Starts the script: as a child (`spawn`) or in place of this process (`exec`).
//!
//! Not with std: a child of its `Command` inherits the signal mask (since Rust 1.66), and muster's mask blocks all signals.
//! A start script with that mask never receives TERM.

use std::convert::Infallible;
use std::ffi::{CStr, CString, NulError, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, execve, fchdir, isatty};
use rustix::process::Pid;
use tracing::{debug, warn};

use super::SuperviseError;
use super::companion::COMPANION;
use super::console::Ends;
use crate::plan::launch::Launch;
use crate::plan::limits::{LimitKind, Raise};

/// Starts the script as the leader of its own process group, with muster's stdin, its stdout and stderr or the pipes for
/// them, and no other descriptor.
pub(super) fn spawn(launch: &Launch, ends: &Ends) -> Result<Pid, SuperviseError> {
    let words = Words::of(launch).map_err(|error| odd(launch, error))?;
    launch.limits.iter().for_each(raise);
    // posix_spawn cannot set a directory in every C library: change to it, and back.
    let here = open(".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok();
    chdir(&launch.dir).map_err(|errno| no_directory(launch, errno))?;
    // The engine's group is in the background of a terminal: reading from it would suspend the engine.
    let null = isatty(io::stdin())
        .unwrap_or(false)
        .then(|| File::open("/dev/null").ok());
    let spawned = descriptors(ends, null.flatten().as_ref()).and_then(|actions| {
        posix_spawn(
            words.path.as_c_str(),
            &actions,
            &attributes(true)?,
            &words.args,
            &words.env,
        )
    });
    // The old directory may be unreadable by now; staying in the engine's home does no harm.
    here.map(fchdir);
    let pid = spawned.map_err(|errno| refused(launch, errno))?;
    Pid::from_raw(pid.as_raw()).ok_or_else(|| odd(launch, io::Error::other("the kernel gave it no pid")))
}

/// Starts this program as the companion: with the whole environment, `stdin` as its stdin, muster's stdout and stderr, and no
/// other descriptor. The companion makes its own session.
pub(super) fn spawn_companion(args: &[OsString], stdin: BorrowedFd<'_>) -> io::Result<Pid> {
    let name = std::env::args_os().next().unwrap_or_else(|| "muster".into());
    let args = [name, COMPANION.into()].into_iter().chain(args.iter().cloned());
    let args: Vec<CString> = args
        .map(|arg| CString::new(arg.into_vec()))
        .collect::<Result<_, _>>()?;
    let env: Vec<CString> = std::env::vars_os()
        .map(|(name, value)| variable(name, value))
        .collect::<Result<_, _>>()?;
    let mut actions = PosixSpawnFileActions::init()?;
    actions.add_dup2(stdin.as_raw_fd(), 0)?;
    close_others(&mut actions)?;
    let pid = posix_spawn(SELF, &actions, &attributes(false)?, &args, &env)?;
    Pid::from_raw(pid.as_raw()).ok_or_else(|| io::Error::other("the kernel gave it no pid"))
}

/// This program, even if its file was replaced.
const SELF: &CStr = c"/proc/self/exe";

fn variable(mut name: OsString, value: OsString) -> Result<CString, NulError> {
    name.push("=");
    name.push(value);
    CString::new(name.into_vec())
}

/// Replaces this process by the start script. Returns only on failure.
/// A signal that is pending at that moment meets the default action, which PID 1 does not have: it is dropped.
/// Inherited descriptors stay open, and so do the locks of the data dirs: the engine holds them.
pub fn exec(launch: &Launch, locks: &[OwnedFd]) -> SuperviseError {
    let words = match Words::of(launch) {
        Ok(words) => words,
        Err(error) => return odd(launch, error),
    };
    launch.limits.iter().for_each(raise);
    if let Err(errno) = chdir(&launch.dir) {
        return no_directory(launch, errno);
    }
    for lock in locks {
        if let Err(error) = rustix::io::fcntl_setfd(lock, rustix::io::FdFlags::empty()) {
            debug!(%error, "a data dir is not locked while the engine runs");
        }
    }
    let replaced: Result<Infallible, Errno> = SigSet::empty()
        .thread_set_mask()
        .and_then(|()| execve(words.path.as_c_str(), &words.args, &words.env));
    match replaced {
        Err(errno) => refused(launch, errno),
    }
}

/// The arguments of execve.
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
        // `set` has the changes; the rest of the environment is unchanged.
        let inherited = std::env::vars_os().filter(|(name, _)| {
            name.to_str()
                .is_none_or(|name| !launch.set.contains_key(name) && !launch.unset.iter().any(|u| u == name))
        });
        let set = launch.set.iter().filter(|(name, _)| !launch.unset.contains(name));
        let set = set.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let env = inherited.chain(set).map(|(name, value)| variable(name, value));
        Ok(Self {
            path,
            args,
            env: env.collect::<Result<_, _>>()?,
        })
    }
}

/// Raises the limits of this process and its children; only a privileged process can exceed the hard limit.
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
            debug!(%error, "the limit {} is unchanged", raise.limit.name());
            return;
        }
    }
    let name = raise.limit.name();
    if reached < raise.least {
        warn!(
            "{name} is {reached} and cannot be raised: the engine needs at least {}; set ulimits: {name}: {} for this container",
            raise.least, raise.to
        );
    } else {
        debug!("{name} is {reached} for the engine");
    }
}

/// Attributes with no signal blocked and none ignored, if possible; `group`: as the leader of a process group of its own.
fn attributes(group: bool) -> nix::Result<PosixSpawnAttr> {
    let mut attributes = PosixSpawnAttr::init()?;
    let mut flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
    if group {
        attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
        flags |= PosixSpawnFlags::POSIX_SPAWN_SETPGROUP;
    }
    attributes.set_sigmask(&SigSet::empty())?;
    // Three signals cannot have a handler; the others are reset already, see `signals`.
    let faults: SigSet = [Signal::SIGILL, Signal::SIGFPE, Signal::SIGSEGV]
        .into_iter()
        .collect();
    attributes.set_sigdefault(&faults)?;
    attributes.set_flags(flags)?;
    Ok(attributes)
}

fn descriptors(ends: &Ends, stdin: Option<&File>) -> nix::Result<PosixSpawnFileActions> {
    let mut actions = PosixSpawnFileActions::init()?;
    if let Some(stdin) = stdin {
        actions.add_dup2(stdin.as_raw_fd(), 0)?;
    }
    for (end, becomes) in ends.pairs() {
        actions.add_dup2(end, becomes)?;
    }
    close_others(&mut actions)?;
    Ok(actions)
}

/// Closes, in the child, all descriptors above 2. Closing a closed one is no error there.
fn close_others(actions: &mut PosixSpawnFileActions) -> nix::Result<()> {
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<i32> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        actions.add_close(descriptor)?;
    }
    Ok(())
}

/// Names the cause: the kernel returns ENOENT for a missing script and for a missing interpreter.
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
