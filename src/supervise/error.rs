//! The errors of supervision, and their exit codes.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::exit::ExitCode;

#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    #[error("cannot block signals")]
    Block(#[source] Errno),
    #[error("cannot open a descriptor for signals")]
    Listen(#[source] Errno),
    #[error("cannot read the next signal")]
    Read(#[source] io::Error),
    #[error("cannot start the companion process")]
    Companion(#[source] io::Error),
    #[error("cannot take over the locks of the data dirs: the kernel passed {passed} of {sent} descriptors")]
    Locks { passed: usize, sent: usize },
    #[error("cannot wait for children")]
    Wait(#[source] io::Error),
    #[error("cannot start {}: it does not exist", script.display())]
    Missing { script: PathBuf },
    #[error("cannot start {}: its working directory {} cannot be entered", script.display(), dir.display())]
    Directory {
        script: PathBuf,
        dir: PathBuf,
        source: io::Error,
    },
    #[error("cannot start {}: the interpreter in its first line does not exist", script.display())]
    Interpreter { script: PathBuf },
    #[error("cannot start {}: it cannot be executed", script.display())]
    NotExecutable { script: PathBuf, source: io::Error },
    #[error("cannot start {}: no process can be created now", script.display())]
    Fork { script: PathBuf, source: io::Error },
    #[error("cannot start {}", script.display())]
    Spawn { script: PathBuf, source: io::Error },
    #[error("lost the exit status of the start script (pid {pid}): only the reaper may wait for children")]
    Lost { pid: i32 },
}

impl SuperviseError {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Missing { .. } | Self::Directory { .. } => ExitCode::NotFound,
            Self::Interpreter { .. } | Self::NotExecutable { .. } => ExitCode::NotExecutable,
            Self::Fork { .. } => ExitCode::TryAgain,
            Self::Locks { .. } => ExitCode::Taken,
            Self::Block(_)
            | Self::Listen(_)
            | Self::Companion(_)
            | Self::Read(_)
            | Self::Wait(_)
            | Self::Spawn { .. }
            | Self::Lost { .. } => ExitCode::Internal,
        }
    }
}
