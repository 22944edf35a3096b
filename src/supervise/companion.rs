//! The companion as PID 1 sees it: a child of the same binary that does everything that can block or fail. If it ends, PID 1
//! logs it, and the engine runs on.

use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::plan::seconds;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::message::{Channel, Request, Work};
use super::spawn::spawn_companion;
use super::{Exit, SuperviseError};

/// The pause before a new companion beside a running engine.
const RESTART: Duration = Duration::from_secs(60);
/// The second word of its command line, visible in `docker top`.
pub const COMPANION: &str = "companion";

#[derive(Debug)]
pub struct Companion {
    /// The arguments that follow `run`.
    args: Vec<OsString>,
    pid: Option<i32>,
    channel: Option<Channel>,
    /// The time to start the next one beside a running engine.
    restart: Option<Instant>,
    /// True once the end of a companion beside this engine was logged.
    said: bool,
}

impl Companion {
    /// Makes the value; no process is started yet.
    pub const fn new(args: Vec<OsString>) -> Self {
        Self {
            args,
            pid: None,
            channel: None,
            restart: None,
            said: false,
        }
    }

    pub(super) fn start(&mut self, work: &Work) -> Result<(), SuperviseError> {
        let (own, its) = Channel::pair().map_err(SuperviseError::Companion)?;
        own.send(work, &[]).map_err(SuperviseError::Companion)?;
        let pid = spawn_companion(&self.args, its.as_fd()).map_err(SuperviseError::Companion)?;
        debug!("companion started: pid {pid}");
        self.pid = Some(pid.as_raw_nonzero().get());
        self.channel = Some(own);
        self.restart = None;
        Ok(())
    }

    /// The pid, until it is reaped.
    pub(super) const fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// The descriptor to wait for: readable when there is a request.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.channel.as_ref().map(Channel::as_fd)
    }

    /// The next request, if there is one now. A companion whose request cannot be read is killed.
    pub(super) fn request(&mut self) -> Option<(Request, Vec<OwnedFd>)> {
        match self.channel.as_ref()?.receive(true) {
            Ok(Some(request)) => return Some(request),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
            // It has ended; the reaper gets its status.
            Ok(None) => {}
            Err(error) => warn!("the companion's message cannot be read: {error}"),
        }
        self.kill();
        None
    }

    /// Kills it. The record has its progress.
    pub(super) fn kill(&mut self) {
        self.channel = None;
        self.restart = None;
        if let Some(pid) = self.pid.and_then(Pid::from_raw)
            && let Err(error) = kill_process(pid, Signal::KILL)
        {
            debug!(%error, "cannot kill the companion");
        }
    }

    /// Its exit, if it is among the ended processes.
    pub(super) fn reaped(&mut self, ended: &[(i32, Exit)]) -> Option<Exit> {
        let (_, exit) = ended.iter().find(|(pid, _)| Some(*pid) == self.pid)?;
        self.pid = None;
        Some(*exit)
    }

    /// Schedules the next one, a minute after its end beside a running engine.
    pub(super) fn died_beside(&mut self, exit: Exit) {
        self.channel = None;
        self.restart = Some(Instant::now() + RESTART);
        if self.said {
            debug!("the companion ended with {exit} again");
        } else {
            error!(
                "the companion ended with {exit}: the engine runs on, and the companion is started again in {}",
                seconds(RESTART)
            );
        }
        self.said = true;
    }

    /// The time to call [`restart_beside`](Self::restart_beside).
    pub(super) const fn restart_at(&self) -> Option<Instant> {
        self.restart
    }

    /// Starts the next one beside the running engine.
    pub(super) fn restart_beside(&mut self, kept: &str) {
        let kept = kept.to_owned();
        if let Err(error) = self.start(&Work::Watch { kept }) {
            debug!("{error}");
            self.restart = Some(Instant::now() + RESTART);
        }
    }

    /// Logs the next end again, for a new engine.
    pub(super) const fn begin_engine(&mut self) {
        self.said = false;
    }
}
