//! The companion, as PID 1 has it: a child of the same binary that does everything that can block, fail or be lied to.
//! Its death costs one sentence, and never an engine.

use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::message::{Channel, Request, Work};
use super::spawn::spawn_companion;
use super::{Exit, SuperviseError};

/// From the death of a companion beside a running engine to the next one.
const RESTART: Duration = Duration::from_secs(60);
/// The second word of its command line, as `docker top` shows it.
pub const COMPANION: &str = "companion";

#[derive(Debug)]
pub struct Companion {
    /// What was typed behind `run`.
    args: Vec<OsString>,
    pid: Option<i32>,
    channel: Option<Channel>,
    /// When to start the next one beside a running engine.
    restart: Option<Instant>,
    /// A death beside this engine was said already.
    said: bool,
}

impl Companion {
    /// Starts nothing yet.
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

    /// While it lives, or is not reaped yet.
    pub(super) const fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// To wait for: readable when it has a request.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.channel.as_ref().map(Channel::as_fd)
    }

    /// Its next request, if there is one now. One that cannot be read ends it: it is as good as dead.
    pub(super) fn request(&mut self) -> Option<(Request, Vec<OwnedFd>)> {
        match self.channel.as_ref()?.receive(true) {
            Ok(Some(request)) => return Some(request),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
            // It has ended; its status says how.
            Ok(None) => {}
            Err(error) => warn!("the companion's message cannot be read: {error}"),
        }
        self.kill();
        None
    }

    /// Ends it at once. Whatever it was doing, the record says how far it got.
    pub(super) fn kill(&mut self) {
        self.channel = None;
        self.restart = None;
        if let Some(pid) = self.pid.and_then(Pid::from_raw)
            && let Err(error) = kill_process(pid, Signal::KILL)
        {
            debug!(%error, "cannot kill the companion");
        }
    }

    /// How it ended, if it is among those who did.
    pub(super) fn reaped(&mut self, ended: &[(i32, Exit)]) -> Option<Exit> {
        let (_, exit) = ended.iter().find(|(pid, _)| Some(*pid) == self.pid)?;
        self.pid = None;
        Some(*exit)
    }

    /// It ended beside an engine that runs: the next one is started a minute later.
    pub(super) fn died_beside(&mut self, exit: Exit) {
        self.channel = None;
        self.restart = Some(Instant::now() + RESTART);
        if self.said {
            debug!("the companion ended with {exit} again");
        } else {
            error!(
                "the companion ended with {exit}: the engine runs on, and the companion is started again in {RESTART:?}"
            );
        }
        self.said = true;
    }

    /// When [`restart_beside`](Self::restart_beside) has something to do.
    pub(super) const fn restart_at(&self) -> Option<Instant> {
        self.restart
    }

    /// Starts the next one, told that the engine runs.
    pub(super) fn restart_beside(&mut self, kept: &str) {
        let kept = kept.to_owned();
        if let Err(error) = self.start(&Work::Watch { kept }) {
            debug!("{error}");
            self.restart = Some(Instant::now() + RESTART);
        }
    }

    /// Another engine: a death beside it is worth a line again.
    pub(super) const fn begin_engine(&mut self) {
        self.said = false;
    }
}
