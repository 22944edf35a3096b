//! Starts the script: beside us (`spawn`) or in our place (`exec`). std resets the signal mask and PIPE for both.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use rustix::process::Pid;

use super::SuperviseError;
use crate::plan::launch::Launch;

/// The script as the leader of its own process group, with our stdin, stdout and stderr. The handle is
/// dropped: it must never be waited on, the reaper owns every wait.
pub(super) fn spawn(launch: &Launch) -> Result<Pid, SuperviseError> {
    let child = command(launch)
        .process_group(0)
        .spawn()
        .map_err(|source| refused(launch, source))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| SuperviseError::Spawn {
        script: launch.script.clone(),
        source: io::Error::other("the kernel gave it no pid"),
    })
}

/// Replaces this process by the start script, for those who want nothing resident. Returns only on failure.
/// A signal that is pending at that moment meets the default action, which PID 1 does not have: it is dropped.
pub fn exec(launch: &Launch) -> SuperviseError {
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
