//! The loop around `Phase::step`: turns what the kernel tells into events, and actions into what is done.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGPWR, SIGQUIT, SIGTERM};
use rustix::process::Pid;
use tokio::time::{Instant, Sleep, sleep};
use tracing::{debug, error, info, warn};

use super::phase::{Action, Event, Phase};
use super::reaper::sweep;
use super::resident::Resident;
use super::signals::{Listener, Signals, name};
use super::spawn::spawn;
use super::tree::{Sight, Tree};
use super::{Ended, Exit, SuperviseError};
use crate::plan::launch::Launch;

/// For what KILL does not end at once: a process in the middle of a disk access, say.
const LAST: Duration = Duration::from_secs(2);

/// How often the group is asked for where orphans are not handed to us, and only while it is being waited for.
const TICK: Duration = Duration::from_millis(100);

/// How the watch beside the engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing but the engine's end is left to wait for.
    Settled,
    /// Whoever called `run` wants to hear of the end.
    Over,
    /// The engine must not go on: it is stopped as if somebody had asked for that.
    Stop,
}

/// The resident process.
#[derive(Debug)]
pub struct Supervisor {
    signals: Listener,
    /// Somebody has asked for a stop since the last launch.
    told: bool,
    sight: Sight,
}

/// How the time before the launch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before<T> {
    Done(T),
    /// INT, TERM, QUIT, HUP or PWR: nothing runs that could make anything else of it.
    StopRequested(i32),
}

impl Supervisor {
    /// To be called inside the runtime.
    pub fn new(signals: Signals) -> Result<Self, SuperviseError> {
        Ok(Self {
            signals: signals.listen()?,
            told: false,
            sight: Sight::open(),
        })
    }

    /// Gives up adopting orphans, as on a kernel that refuses it, so that a test can see the way without it.
    #[doc(hidden)]
    pub fn adopt_nobody(&mut self) {
        self.sight.adopts = false;
        if let Err(error) = nix::sys::prctl::set_child_subreaper(false) {
            debug!(%error, "still a subreaper");
        }
    }

    /// Runs `work` while nothing is launched yet: orphans are reaped, and a stop request ends it.
    pub async fn until<F: Future>(&mut self, work: F) -> Before<F::Output> {
        tokio::pin!(work);
        loop {
            let heard = tokio::select! {
                // A stop that was asked for wins over work that is done at the same moment.
                biased;
                signal = self.signals.next() => signal.and_then(|signal| match signal {
                    SIGCHLD => sweep().map(|_| signal),
                    _ => Ok(signal),
                }),
                done = &mut work => return Before::Done(done),
            };
            match heard {
                Ok(SIGCHLD) => {}
                Ok(signal) if asks_to_stop(signal) => {
                    info!("stop requested by {} before the engine was started", name(signal));
                    return Before::StopRequested(signal);
                }
                Ok(signal) => debug!("{} means nothing before the engine is started", name(signal)),
                Err(error) => {
                    // `run` reports it as its own error; the work need not suffer for it.
                    error!("{error}: no stop request is heard until the engine is started");
                    return Before::Done(work.await);
                }
            }
        }
    }

    /// Runs the engine to its end. `watch` is polled beside it until it ends itself, a stop is asked for, or
    /// it panics; none of the three touches the engine. Once it says that all is settled, a fresh image of this
    /// process goes on with [`resume`](Self::resume).
    pub async fn run(
        &mut self,
        launch: &Launch,
        grace: Duration,
        watch: impl Future<Output = Beside>,
    ) -> Result<Ended, SuperviseError> {
        // Whoever ended before signals were blocked told nobody.
        sweep()?;
        self.told = false;
        let life = Life::begin(launch, grace, self.sight)?;
        self.live(life, watch, &launch.unset).await
    }

    /// Whether somebody asked for the stop of the last engine, and not only the watch beside it.
    pub const fn was_told_to_stop(&self) -> bool {
        self.told
    }

    /// Goes on with the engine that a former image of this process has started.
    pub async fn resume(signals: Signals, resident: Resident) -> Result<Ended, SuperviseError> {
        let mut supervisor = Self {
            signals: signals.listen()?,
            sight: resident.sight,
            told: false,
        };
        let mut life = Life::resume(resident)?;
        Resident::be_called_by_name();
        debug!("supervising pid {} in a fresh image", resident.main);
        // Whoever ended while there was nobody to hear it.
        life.reap()?;
        supervisor.live(life, std::future::pending(), &[]).await
    }

    async fn live(
        &mut self,
        mut life: Life,
        watch: impl Future<Output = Beside>,
        secrets: &[String],
    ) -> Result<Ended, SuperviseError> {
        let mut watch = Some(Box::pin(watch));
        loop {
            if let Phase::Over { exit, asked, drained } = life.phase {
                let ended = Ended {
                    exit,
                    asked,
                    drained,
                    lived: life.started.elapsed(),
                };
                info!("{ended}");
                return Ok(ended);
            }
            if !matches!(life.phase, Phase::Running | Phase::Daemon(_)) {
                watch = None;
            }
            tokio::select! {
                biased;
                signal = self.signals.next() => match signal? {
                    SIGCHLD => life.reap()?,
                    signal => {
                        if signal == SIGPWR {
                            info!("SIGPWR asks for a clean stop: the engine knows that as SIGTERM");
                        }
                        self.told |= asks_to_stop(signal);
                        life.meet(Event::of(signal));
                    }
                },
                () = over(&mut life.alarm) => {
                    life.alarm = None;
                    life.meet(Event::GraceOver);
                }
                beside = finished(&mut watch) => {
                    watch = None;
                    match (beside, life.resident()) {
                        (Beside::Settled, Some(resident)) => {
                            let error = resident.take_over(secrets);
                            debug!(%error, "no fresh image: going on as we are");
                        }
                        (Beside::Stop, _) => life.meet(Event::of(SIGTERM)),
                        (Beside::Settled | Beside::Over, _) => {}
                    }
                }
                () = sleep(TICK), if life.must_ask() => life.reap()?,
            }
        }
    }
}

/// One engine, from spawn to the end of its last process.
#[derive(Debug)]
struct Life {
    started: Instant,
    phase: Phase,
    tree: Tree,
    main: i32,
    grace: Duration,
    sight: Sight,
    /// Armed from the stop request on; a healthy engine has no timer.
    alarm: Option<Pin<Box<Sleep>>>,
    armed_at: Option<Instant>,
}

impl Life {
    fn begin(launch: &Launch, grace: Duration, sight: Sight) -> Result<Self, SuperviseError> {
        let main = spawn(launch)?;
        info!("engine started: {} is pid {main}", launch.script.display());
        Ok(Self {
            started: Instant::now(),
            phase: Phase::Running,
            tree: Tree::new(main, sight),
            main: main.as_raw_nonzero().get(),
            grace,
            sight,
            alarm: None,
            armed_at: None,
        })
    }

    fn resume(resident: Resident) -> Result<Self, SuperviseError> {
        let lost = SuperviseError::Lost { pid: resident.main };
        let mut tree = Tree::new(Pid::from_raw(resident.main).ok_or(lost)?, resident.sight);
        tree.main_reaped = resident.daemon;
        let now = Instant::now();
        Ok(Self {
            started: now.checked_sub(resident.lived).unwrap_or(now),
            phase: if resident.daemon {
                Phase::Daemon(Exit::Code(0))
            } else {
                Phase::Running
            },
            tree,
            main: resident.main,
            grace: resident.grace,
            sight: resident.sight,
            alarm: None,
            armed_at: None,
        })
    }

    /// What a fresh image has to know; `None` unless the engine simply runs.
    fn resident(&self) -> Option<Resident> {
        let daemon = match self.phase {
            Phase::Running => false,
            Phase::Daemon(_) => true,
            Phase::Stopping(_) | Phase::Draining(..) | Phase::Killing { .. } | Phase::Over { .. } => {
                return None;
            }
        };
        Some(Resident {
            pid: std::process::id(),
            main: self.main,
            daemon,
            grace: self.grace,
            lived: self.started.elapsed(),
            sight: self.sight,
        })
    }

    /// Nothing will tell us that the group is empty: its members are other people's children.
    fn must_ask(&self) -> bool {
        self.tree.main_reaped && !self.sight.adopts
    }

    fn reap(&mut self) -> Result<(), SuperviseError> {
        let sweep = sweep()?;
        let main = sweep
            .ended
            .iter()
            .find(|(pid, _)| *pid == self.main && !self.tree.main_reaped);
        let last = sweep.ended.iter().rfind(|(pid, _)| *pid != self.main);
        if sweep.ended.len() > 1 {
            debug!("{} processes reaped at once", sweep.ended.len());
        }
        if main.is_some() {
            self.tree.main_reaped = true;
        } else if sweep.childless && !self.tree.main_reaped {
            return Err(SuperviseError::Lost { pid: self.main });
        }
        let alone = sweep.childless && (self.sight.adopts || self.tree.group_is_gone());
        if let Some((_, exit)) = last {
            self.meet(Event::OthersEnded(*exit));
        }
        match (main, alone) {
            (Some((_, exit)), true) => self.meet(Event::AllEnded(*exit)),
            (Some((_, exit)), false) => self.meet(Event::MainEnded(*exit)),
            (None, true) => self.meet(Event::TreeEmpty),
            (None, false) => {}
        }
        Ok(())
    }

    fn meet(&mut self, event: Event) {
        let (next, actions) = self.phase.step(event);
        self.say(next, event);
        self.phase = next;
        for action in actions {
            match action {
                Action::Forward(signal) => {
                    debug!("{} passed on to the engine", name(signal));
                    self.tree.send(signal);
                }
                Action::Ask(stop) => {
                    self.tree.send(stop.signal());
                    self.tree.wake();
                }
                Action::ArmGrace => {
                    self.armed_at = Some(Instant::now());
                    self.alarm = Some(Box::pin(sleep(self.grace)));
                }
                Action::KillTree => self.tree.send(SIGKILL),
                Action::ArmLast => self.alarm = Some(Box::pin(sleep(LAST))),
            }
        }
    }

    /// One sentence for every decision an operator would ask about.
    fn say(&self, next: Phase, event: Event) {
        let grace = self.grace;
        let waited = self
            .armed_at
            .map_or(Duration::ZERO, |armed_at| armed_at.elapsed());
        let left = grace.saturating_sub(waited);
        let who = || self.tree.names();
        match (self.phase, next) {
            (Phase::Stopping(_) | Phase::Draining(..), _) if matches!(event, Event::StopAsked(_)) => {
                info!("stop requested again: the engine still has {left:.1?}");
            }
            (Phase::Running, Phase::Stopping(stop)) | (Phase::Daemon(_), Phase::Draining(_, Some(stop))) => {
                let signal = name(stop.signal());
                info!("stop requested by {signal}: forwarding to the engine, up to {grace:?}");
            }
            (Phase::Stopping(_), Phase::Draining(exit, _)) => {
                info!(
                    "start script ended with {exit}, waiting up to {left:.1?} for what it started: {}",
                    who()
                );
            }
            (Phase::Running, Phase::Draining(exit, _)) => {
                warn!(
                    "start script ended with {exit}, unasked: stopping what it left, up to {grace:?}: {}",
                    who()
                );
            }
            (Phase::Running, Phase::Daemon(_)) => {
                info!(
                    "start script ended with 0 and left the engine running, now supervised: {}",
                    who()
                );
            }
            (Phase::Stopping(_) | Phase::Draining(..), Phase::Killing { .. }) => {
                warn!(
                    "still running when the grace was over after {waited:.1?}, now killed: {}",
                    who()
                );
            }
            (Phase::Killing { .. }, Phase::Over { .. }) if event == Event::GraceOver => {
                error!("killed {LAST:?} ago and still there: {}", who());
            }
            _ => {}
        }
    }
}

const fn asks_to_stop(signal: i32) -> bool {
    matches!(signal, SIGINT | SIGTERM | SIGQUIT | SIGHUP | SIGPWR)
}

async fn over(alarm: &mut Option<Pin<Box<Sleep>>>) {
    match alarm {
        Some(alarm) => alarm.await,
        None => std::future::pending().await,
    }
}

/// The end of the watch, a panic included: a fault there is not worth a database.
async fn finished<F: Future<Output = Beside>>(watch: &mut Option<Pin<Box<F>>>) -> Beside {
    let Some(watch) = watch else {
        return std::future::pending().await;
    };
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| watch.as_mut().poll(context))).unwrap_or_else(|_| {
            error!("the watch beside the engine panicked: it ends here, the engine goes on");
            Poll::Ready(Beside::Over)
        })
    })
    .await
}
