//! The loop around an engine's life: waits for a signal, an alarm, the watch beside it and its console.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGPWR, SIGQUIT, SIGTERM};
use tokio::time::{Sleep, sleep};
use tracing::{debug, error, info, warn};

use super::phase::{Event, Phase};
use super::reaper::sweep;
use super::resident::Resident;
use super::running::{RunningEngine, TICK};
use super::signals::{Listener, Signals, name};
use super::stop_note;
use super::tree::Visibility;
use super::{Ended, SuperviseError};
use crate::plan::launch::Launch;

/// What is to be supervised.
#[derive(Debug)]
pub struct Job<'a> {
    pub launch: &'a Launch,
    /// From a stop request to SIGKILL.
    pub grace: Duration,
    /// Variables that a fresh image does without.
    pub without: &'a [String],
    /// The file that tells, while a stop goes on, for how long it has.
    pub stop_note: Option<PathBuf>,
    /// What the caller finds again in [`Resident::kept`].
    pub kept: String,
}

/// The end of an engine.
#[derive(Debug)]
pub struct End {
    pub ended: Ended,
    /// The last it wrote to the console, if that went through our hands.
    pub console: Vec<u8>,
}

/// How the watch beside the engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing but the engine's end is left to wait for.
    Settled,
    /// Whoever called `run` wants to hear of the end.
    Over,
    /// The engine is to be stopped as if somebody had asked for it. Not by a signal to ourselves: those are not heard.
    Stop,
}

/// The resident process.
#[derive(Debug)]
pub struct Supervisor {
    signals: Listener,
    /// Somebody has asked for a stop since the last launch.
    told: bool,
    sight: Visibility,
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
            sight: Visibility::open(),
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
                    SIGCHLD => sweep(false).map(|_| signal),
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
    ///
    /// # Errors
    ///
    /// Only what keeps the script from being started, and the loss of its exit status. Whatever goes wrong while the
    /// engine runs is said, and tried again.
    pub async fn run(
        &mut self,
        charge: Job<'_>,
        watch: impl Future<Output = Beside>,
    ) -> Result<End, SuperviseError> {
        // Whoever ended before signals were blocked told nobody.
        if let Err(error) = sweep(false) {
            debug!("{error}");
        }
        self.told = false;
        let without = charge.without;
        let life = RunningEngine::begin(charge, self.sight)?;
        self.live(life, watch, without).await
    }

    /// Whether somebody asked for the stop of the last engine, and not only the watch beside it.
    pub const fn was_told_to_stop(&self) -> bool {
        self.told
    }

    /// For the engine of a former image.
    pub fn resumed(signals: Signals, resident: &Resident) -> Result<Self, SuperviseError> {
        Ok(Self {
            signals: signals.listen()?,
            told: false,
            sight: resident.sight,
        })
    }

    /// Goes on with the engine that a former image of this process has started.
    pub async fn resume(&mut self, resident: Resident) -> Result<End, SuperviseError> {
        let mut life = RunningEngine::resume(resident)?;
        Resident::be_called_by_name();
        debug!("supervising pid {} in a fresh image", life.main);
        // Whoever ended while there was nobody to hear it.
        life.reaped().await?;
        self.live(life, std::future::pending(), &[]).await
    }

    async fn live(
        &mut self,
        mut life: RunningEngine,
        watch: impl Future<Output = Beside>,
        secrets: &[String],
    ) -> Result<End, SuperviseError> {
        let mut watch = Some(Box::pin(watch));
        let mut settled = false;
        loop {
            if let Phase::Over { exit, asked, drained } = life.phase {
                let ended = Ended {
                    exit,
                    asked,
                    drained,
                    lived: life.started.elapsed(),
                };
                let console = life.end().await;
                info!("{ended}");
                return Ok(End { ended, console });
            }
            if !matches!(life.phase, Phase::Running | Phase::Daemon(_)) {
                watch = None;
            } else if settled && life.console.is_idle() {
                settled = false;
                if let Some(resident) = life.resident() {
                    let error = resident.take_over(secrets);
                    debug!(%error, "no fresh image: going on as we are");
                }
            }
            tokio::select! {
                biased;
                signal = self.signals.next() => match signal {
                    Ok(SIGCHLD) => life.reaped().await?,
                    Ok(signal) => self.told |= life.heard(signal),
                    // What we do not hear we have to look for.
                    Err(error) => {
                        warn!("{error}: the engine runs on");
                        sleep(TICK).await;
                        life.reaped().await?;
                    }
                },
                () = over(&mut life.alarm) => {
                    life.alarm = None;
                    life.meet(Event::GraceOver);
                }
                beside = finished(&mut watch) => {
                    watch = None;
                    match beside {
                        Beside::Settled => settled = true,
                        Beside::Stop => life.meet(Event::of(SIGTERM)),
                        Beside::Over => {}
                    }
                }
                () = poll_fn(|context| life.console.poll_pass_on(context)) => {}
                () = sleep(TICK), if life.must_ask() => life.reaped().await?,
                // Also for the news of an end that never came: nobody waits out the grace for that.
                () = sleep(stop_note::EVERY), if life.armed_at.is_some() => {
                    life.note_the_stop();
                    life.reaped().await?;
                }
            }
        }
    }
}

pub(super) const fn asks_to_stop(signal: i32) -> bool {
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
