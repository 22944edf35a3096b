//! The loops of PID 1: one until the companion hands over a start, one while the engine runs. Each waits only for a signal,
//! a request of the companion, the engine's console or an alarm.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGPWR, SIGQUIT, SIGTERM};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::companion::Companion;
use super::message::{HandOver, Request, Work};
use super::phase::{Event, Phase};
use super::reaper::Sweep;
use super::running::{LAST, RunningEngine, without};
use super::signals::{Heard, Listener, Signals, name};
use super::{Ended, Exit, SuperviseError};
use crate::exit::ExitCode;
use crate::plan::launch::Launch;
use crate::plan::seconds;

/// The pause after a refused system call, and between two checks of a group whose end is not reported.
const TICK: Duration = Duration::from_millis(100);
/// The pause between two checks of an engine that is stopping, in case a signal was lost.
const LOOK: Duration = Duration::from_secs(1);
/// How long the container's end waits for the history of this node at most.
const REMEMBERING: Duration = Duration::from_secs(1);
/// The most bytes of console output in a report.
const CONSOLE: usize = 64 * 1024;

/// The engine to supervise.
#[derive(Debug)]
pub struct Job<'a> {
    pub launch: &'a Launch,
    /// The time from a stop request to SIGKILL.
    pub grace: Duration,
    /// Data of this start for a later companion.
    pub kept: &'a str,
}

/// The end of an engine.
#[derive(Debug)]
pub struct End {
    pub ended: Ended,
    /// The end of its console output, if muster copied it; at most 64 kB.
    pub console: String,
    /// True if the companion requested another start, and no stop was requested.
    pub again: bool,
}

/// The result of the preparation.
#[derive(Debug)]
pub enum Prepared {
    /// A stop was requested; no engine runs.
    Stopped,
    /// The companion ended without a start: its exit code.
    Ended(ExitCode),
    Start(Box<Start>),
}

/// A start that was handed over.
#[derive(Debug)]
pub struct Start {
    pub hand_over: HandOver,
    /// The locks of the data dirs, held while the engine runs.
    pub locks: Vec<OwnedFd>,
    /// The port reservations, held until the engine listens.
    ports: Vec<OwnedFd>,
}

/// PID 1.
#[derive(Debug)]
pub struct Supervisor {
    signals: Listener,
    companion: Companion,
    ports: Vec<OwnedFd>,
}

impl Supervisor {
    pub fn new(signals: Signals, companion: Companion) -> Result<Self, SuperviseError> {
        Ok(Self {
            signals: signals.listen()?,
            companion,
            ports: Vec::new(),
        })
    }

    /// Runs companions for `work` until one hands over a start or ends, or a stop is requested. A companion that a signal or
    /// a panic ends is started again, with backoff, until `patience` is over.
    pub fn prepare(&mut self, work: &Work, patience: Duration) -> Result<Prepared, SuperviseError> {
        let begun = Instant::now();
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(15))
            .without_max_times()
            .build();
        loop {
            let exit = match self.companion.start(work) {
                Ok(()) => match self.attend()? {
                    Attended::Stopped => return Ok(Prepared::Stopped),
                    Attended::Start(start) => return Ok(Prepared::Start(start)),
                    Attended::Ended(exit) => exit,
                },
                Err(error) => {
                    error!("{}", crate::exit::chain(&error));
                    Exit::Code(ExitCode::Internal.number())
                }
            };
            match (exit, work) {
                (Exit::Code(code), _) if code != ExitCode::Internal.number() => {
                    return Ok(Prepared::Ended(ExitCode::Engine(code)));
                }
                (_, Work::Report { ended, .. }) => {
                    error!("the companion ended with {exit}: there is no report about the engine's end");
                    return Ok(Prepared::Ended(ended.code()));
                }
                _ => {}
            }
            let pause = pauses.next().unwrap_or(TICK);
            if begun.elapsed() + pause >= patience {
                error!(
                    "the companion ended with {exit}, and WAIT_TIMEOUT ({}) is over",
                    seconds(patience)
                );
                return Ok(Prepared::Ended(ExitCode::Internal));
            }
            error!(
                "the companion ended with {exit} before the engine was started: starting it again in {}",
                seconds(pause)
            );
            let until = Instant::now() + pause;
            while Instant::now() < until {
                self.wait(Some(until), None);
                if self.stop_requested(None)? {
                    return Ok(Prepared::Stopped);
                }
            }
        }
    }

    /// Waits until the companion hands over a start or ends.
    fn attend(&mut self) -> Result<Attended, SuperviseError> {
        loop {
            self.wait(None, None);
            let mut exit = None;
            // A stop request has precedence over a start that arrives at the same moment.
            if self.stop_requested(Some(&mut exit))? {
                self.end_companion();
                return Ok(Attended::Stopped);
            }
            while let Some((request, descriptors)) = self.companion.request() {
                match request {
                    Request::Start(hand_over) => match Start::of(*hand_over, descriptors) {
                        Ok(start) => return Ok(Attended::Start(Box::new(start))),
                        Err(error) => {
                            self.end_companion();
                            return Err(error);
                        }
                    },
                    Request::ReleasePorts | Request::StartAgain { .. } => {}
                }
            }
            if let Some(exit) = exit {
                return Ok(Attended::Ended(exit));
            }
        }
    }

    /// Handles all signals while no engine runs. Returns true if one of them requests a stop; sets `exit` if the companion
    /// ended.
    fn stop_requested(&mut self, exit: Option<&mut Option<Exit>>) -> Result<bool, SuperviseError> {
        let mut asked = false;
        let mut children = false;
        while let Some(Heard { signal, .. }) = self.signals.next()? {
            match signal {
                SIGCHLD => children = true,
                SIGINT | SIGTERM | SIGQUIT | SIGHUP | SIGPWR => {
                    info!("stop requested by {} before the engine was started", name(signal));
                    asked = true;
                }
                _ => debug!("{} is ignored before the engine is started", name(signal)),
            }
        }
        if children {
            let ended = self.companion.reaped(&self.sweep().ended);
            if let (Some(exit), Some(ended)) = (exit, ended) {
                *exit = Some(ended);
            }
        }
        Ok(asked)
    }

    /// Kills the companion and waits a limited time for its end, which frees its locks and ports.
    pub fn end_companion(&mut self) {
        self.companion.kill();
        let until = Instant::now() + LAST;
        while self.companion.pid().is_some() && Instant::now() < until {
            let sweep = self.sweep();
            self.companion.reaped(&sweep.ended);
            if self.companion.pid().is_some() {
                self.pause(Duration::from_millis(1));
            }
        }
    }

    /// Waits a limited time for a companion that ends by itself.
    pub fn await_companion(&mut self) {
        let until = Instant::now() + LAST;
        while self.companion.pid().is_some() && Instant::now() < until {
            self.wait(Some(until), None);
            let sweep = self.sweep();
            self.companion.reaped(&sweep.ended);
        }
    }

    /// Has a companion write the end of the engine down. Nothing depends on it, so the wait for it is short.
    pub fn remember(&mut self, ended: Ended, kept: String) {
        if let Err(error) = self.companion.start(&Work::Remember { ended, kept }) {
            debug!("{}", crate::exit::chain(&error));
            return;
        }
        let until = Instant::now() + REMEMBERING;
        while self.companion.pid().is_some() && Instant::now() < until {
            self.wait(Some(until), None);
            // The engine has ended: a signal has nothing to stop any more.
            while let Ok(Some(_)) = self.signals.next() {}
            let sweep = self.sweep();
            self.companion.reaped(&sweep.ended);
        }
        self.companion.kill();
    }

    /// Runs the engine of a start to its end.
    pub fn run_start(&mut self, start: Start) -> Result<End, SuperviseError> {
        self.ports = start.ports;
        let end = self.run(&Job {
            launch: &start.hand_over.launch,
            grace: start.hand_over.grace,
            kept: &start.hand_over.kept,
        });
        self.ports.clear();
        drop(start.locks);
        end
    }

    /// Runs the engine to its end, the companion beside it.
    ///
    /// # Errors
    ///
    /// Only a script that cannot be started, and the loss of its exit status. Other failures while the engine runs are logged
    /// and tried again.
    pub fn run(&mut self, job: &Job<'_>) -> Result<End, SuperviseError> {
        // A child that ended before signals were blocked caused no SIGCHLD.
        let sweep = self.sweep();
        let died = self.companion.reaped(&sweep.ended);
        let begun = RunningEngine::begin(job.launch, job.grace, self.companion.pid());
        let mut engine = match begun {
            Ok(engine) => engine,
            Err(error) => {
                self.end_companion();
                return Err(error);
            }
        };
        self.companion.begin_engine();
        if let Some(exit) = died {
            self.companion.died_beside(exit);
        }
        let mut again = false;
        loop {
            // An abort of PID 1 would kill the engine: a panic in here is logged, and the loop continues.
            let turned = catch_unwind(AssertUnwindSafe(|| self.turn(&mut engine, job.kept, &mut again)));
            match turned {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    self.end_companion();
                    return Err(error);
                }
                Err(_) => {
                    error!(
                        "internal error: muster panicked (see above); the engine runs on; please report it"
                    );
                    self.pause(LOOK);
                }
            }
            if let Phase::Over { exit, asked, drained } = engine.phase {
                self.end_companion();
                let ended = Ended {
                    exit,
                    asked,
                    drained,
                    lived: engine.started.elapsed(),
                    stopping: if asked { engine.stopping() } else { Duration::ZERO },
                };
                info!("{ended}");
                let again = again && !engine.told;
                let console = drain(engine);
                return Ok(End {
                    ended,
                    console,
                    again,
                });
            }
        }
    }

    /// Waits for the next event and handles it.
    fn turn(
        &mut self,
        engine: &mut RunningEngine,
        kept: &str,
        again: &mut bool,
    ) -> Result<(), SuperviseError> {
        let now = Instant::now();
        let look = if engine.must_ask() {
            Some(now + TICK)
        } else {
            engine.alarm.map(|_| now + LOOK)
        };
        let deadlines = [look, engine.alarm, self.companion.restart_at()];
        let ready = self.wait(deadlines.into_iter().flatten().min(), Some(engine));
        let now = Instant::now();
        let mut children = look.is_some_and(|look| now >= look);
        loop {
            match self.signals.next() {
                Ok(Some(heard)) if heard.signal == SIGCHLD => children = true,
                Ok(Some(heard)) => engine.heard(heard),
                Ok(None) => break,
                // Without signals the children must be checked.
                Err(error) => {
                    warn!("{}: the engine runs on", crate::exit::chain(&error));
                    self.pause(TICK);
                    children = true;
                    break;
                }
            }
        }
        while let Some((request, _)) = self.companion.request() {
            match request {
                Request::ReleasePorts => self.ports.clear(),
                Request::StartAgain { why } => {
                    info!("{why}: stopping the engine to start again");
                    *again = true;
                    engine.meet(Event::StopAsked);
                }
                Request::Start(_) => debug!("the companion hands over a start while an engine runs"),
            }
        }
        if children {
            self.reap(engine)?;
        }
        if engine.alarm.is_some_and(|alarm| Instant::now() >= alarm) {
            engine.alarm = None;
            engine.meet(Event::GraceOver);
        }
        if ready {
            engine.console.pass_on();
        }
        if !engine.phase.is_up() {
            self.companion.kill();
        } else if self.companion.restart_at().is_some_and(|at| now >= at) {
            self.companion.restart_beside(kept);
            engine.tree.companion = self.companion.pid();
        }
        Ok(())
    }

    /// Collects exit statuses; logs a refused wait, and the next one may succeed.
    fn sweep(&self) -> Sweep {
        let mut sweep = Sweep::default();
        while let Err(error) = sweep.collect() {
            warn!("{}: trying again", crate::exit::chain(&error));
            self.pause(TICK);
        }
        sweep
    }

    fn reap(&mut self, engine: &mut RunningEngine) -> Result<(), SuperviseError> {
        let sweep = self.sweep();
        let companion = self.companion.pid();
        if let Some(exit) = self.companion.reaped(&sweep.ended) {
            engine.tree.companion = None;
            if engine.phase.is_up() {
                self.companion.died_beside(exit);
            }
        }
        engine.reaped(&without(sweep, companion))
    }

    /// Waits for a signal, a request, the console, or `until`. Returns true if the console is ready.
    fn wait(&self, until: Option<Instant>, engine: Option<&RunningEngine>) -> bool {
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let companion: Option<BorrowedFd<'_>> = self.companion.as_fd();
        fds.extend(companion.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let own = fds.len();
        let console = engine.into_iter().flat_map(|engine| engine.console.interests());
        fds.extend(console.map(|(fd, flags)| PollFd::new(fd, flags)));
        match poll(&mut fds, timeout(until)) {
            Ok(_) => fds.iter().skip(own).any(|fd| fd.any() != Some(false)),
            Err(nix::errno::Errno::EINTR) => false,
            Err(error) => {
                debug!(%error, "cannot wait for events");
                self.pause(TICK);
                // It may be ready.
                true
            }
        }
    }

    #[expect(clippy::unused_self, reason = "only where nothing else can wait meanwhile")]
    #[expect(clippy::disallowed_methods, reason = "PID 1 has no runtime")]
    fn pause(&self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

/// The end of a companion's preparation.
enum Attended {
    Stopped,
    Ended(Exit),
    Start(Box<Start>),
}

impl Start {
    fn of(hand_over: HandOver, mut descriptors: Vec<OwnedFd>) -> Result<Self, SuperviseError> {
        let (passed, sent) = (descriptors.len(), hand_over.descriptors);
        // At the descriptor limit the kernel drops the last ones. A data dir without its lock may get two engines.
        if passed < sent || hand_over.locks > sent {
            return Err(SuperviseError::Locks { passed, sent });
        }
        let ports = descriptors.split_off(hand_over.locks);
        Ok(Self {
            hand_over,
            locks: descriptors,
            ports,
        })
    }
}

/// Copies the rest of the pipes, and returns the end of the output.
fn drain(mut engine: RunningEngine) -> String {
    let until = Instant::now() + LAST;
    while engine.console.pass_on() || !engine.console.is_idle() {
        if Instant::now() >= until {
            warn!("the engine's last lines are lost, because stdout or stderr has no reader");
            break;
        }
        if !engine.console.is_idle() {
            let mut fds: Vec<PollFd<'_>> = engine
                .console
                .interests()
                .map(|(fd, flags)| PollFd::new(fd, flags))
                .collect();
            poll(&mut fds, timeout(Some(until))).ok();
        }
    }
    last_of(&engine.console.into_tail())
}

/// Rounds up, so that no alarm is early.
fn timeout(until: Option<Instant>) -> PollTimeout {
    let Some(until) = until else {
        return PollTimeout::NONE;
    };
    let left = until.saturating_duration_since(Instant::now());
    let millis = left.as_micros().div_ceil(1000);
    i32::try_from(millis)
        .ok()
        .and_then(|millis| PollTimeout::try_from(millis).ok())
        .unwrap_or(PollTimeout::MAX)
}

/// Converts the output to text of at most 64 kB, without control characters, so that its JSON is not much longer.
fn last_of(console: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(console)
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let from = text.len().saturating_sub(CONSOLE);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at));
    text.get(from.unwrap_or(0)..).unwrap_or_default().to_owned()
}
