//! Starts the script: beside us (`spawn`) or in our place (`exec`), with an empty signal mask either way.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::SigSet;
use rustix::process::Pid;

use super::SuperviseError;
use crate::plan::launch::Launch;

/// The script as the leader of its own process group, with our stdin, stdout and stderr, an empty mask and default
/// dispositions. std would let it inherit our mask, in which everything is blocked: its engine would never hear TERM.
pub(super) fn spawn(launch: &Launch) -> Result<Pid, SuperviseError> {
    // posix_spawn has no directory of its own here; ours is nobody's.
    std::env::set_current_dir(&launch.dir).map_err(|source| refused(launch, source))?;
    let pid = spawned(launch).map_err(|errno| refused(launch, errno.into()))?;
    Pid::from_raw(pid.as_raw()).ok_or_else(|| SuperviseError::Spawn {
        script: launch.script.clone(),
        source: io::Error::other("the kernel gave it no pid"),
    })
}

fn spawned(launch: &Launch) -> nix::Result<nix::unistd::Pid> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
    attributes.set_sigmask(&SigSet::empty())?;
    attributes.set_sigdefault(&SigSet::all())?;
    let script = c_string(launch.script.as_os_str())?;
    let mut args = vec![script.clone()];
    for arg in &launch.args {
        args.push(c_string(OsStr::new(arg))?);
    }
    let inherited = std::env::vars_os()
        .filter(|(name, _)| !launch.unset.iter().any(|unset| name == unset.as_str()))
        .filter(|(name, _)| !launch.set.keys().any(|set| name == set.as_str()));
    let set = launch.set.iter().map(|(name, value)| (name.into(), value.into()));
    let environment = inherited
        .chain(set)
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c_string(&name)
        })
        .collect::<nix::Result<Vec<CString>>>()?;
    posix_spawn(
        script.as_c_str(),
        &PosixSpawnFileActions::init()?,
        &attributes,
        &args,
        &environment,
    )
}

/// A text with a NUL in it is nobody's argument.
fn c_string(text: &OsStr) -> nix::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| Errno::EINVAL)
}

/// Replaces this process by the start script, for those who want nothing resident. Returns only on failure.
/// A signal that is pending at that moment meets the default action, which PID 1 does not have: it is dropped.
pub fn exec(launch: &Launch) -> SuperviseError {
    if let Err(errno) = SigSet::empty().thread_set_mask() {
        return SuperviseError::Block(errno);
    }
    let source = command(launch).exec();
    refused(launch, source)
}

fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.script);
    command
        .args(&launch.args)
        .envs(&launch.set)
        .current_dir(&launch.dir);
    for variable in &launch.unset {
        command.env_remove(variable);
    }
    command
}

/// The kernel says ENOENT for three different absences; only one of them is the script's.
fn refused(launch: &Launch, source: io::Error) -> SuperviseError {
    let script = launch.script.clone();
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) if !launch.dir.is_dir() => SuperviseError::Directory {
            script,
            dir: launch.dir.clone(),
        },
        Some(Errno::ENOENT) if launch.script.exists() => SuperviseError::Interpreter { script },
        Some(Errno::ENOENT | Errno::ENOTDIR) => SuperviseError::Missing { script },
        Some(
            Errno::EACCES
            | Errno::EPERM
            | Errno::ENOEXEC
            | Errno::EISDIR
            | Errno::ELOOP
            | Errno::ETXTBSY
            | Errno::ELIBBAD,
        ) => SuperviseError::NotExecutable { script, source },
        Some(Errno::EAGAIN | Errno::ENOMEM) => SuperviseError::Fork { script, source },
        _ => SuperviseError::Spawn { script, source },
    }
}
