//! One running engine: turns news about its processes into events of `Phase`, and performs the actions.

use std::time::Duration;

use nix::libc::{SIGINT, SIGKILL, SIGPWR};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::console::Console;
use super::phase::{Action, Event, Phase};
use super::reaper::Sweep;
use super::signals::{Heard, name};
use super::spawn::spawn;
use super::tree::{Tree, Visibility};
use super::{Exit, SuperviseError};
use crate::plan::launch::Launch;
use crate::plan::seconds;

/// The wait after KILL for a process that does not end at once, for example during a disk access.
pub(super) const LAST: Duration = Duration::from_secs(2);

/// One engine, from spawn to the end of its last process.
#[derive(Debug)]
pub(super) struct RunningEngine {
    pub(super) started: Instant,
    pub(super) phase: Phase,
    pub(super) tree: Tree,
    main: i32,
    grace: Duration,
    visibility: Visibility,
    pub(super) console: Console,
    /// The end of the grace, set at a stop request; a healthy engine has no timer.
    pub(super) alarm: Option<Instant>,
    armed_at: Option<Instant>,
    /// True once a signal has requested a stop.
    pub(super) told: bool,
}

impl RunningEngine {
    pub(super) fn begin(
        launch: &Launch,
        grace: Duration,
        companion: Option<i32>,
    ) -> Result<Self, SuperviseError> {
        let visibility = Visibility::open();
        let (console, ends) = Console::open();
        let main = spawn(launch, &ends)?;
        drop(ends);
        info!("engine started: {} is pid {main}", launch.script.display());
        Ok(Self {
            started: Instant::now(),
            phase: Phase::Running,
            tree: Tree::new(main, visibility, companion),
            main: main.as_raw_nonzero().get(),
            grace,
            visibility,
            console,
            alarm: None,
            armed_at: None,
            told: false,
        })
    }

    /// True if no signal reports the end of the group, because its members are not children of this process.
    pub(super) fn must_ask(&self) -> bool {
        self.tree.main_reaped && !self.visibility.adopts
    }

    /// The time since the stop request.
    pub(super) fn stopping(&self) -> Duration {
        self.armed_at
            .map_or(Duration::ZERO, |armed_at| armed_at.elapsed())
    }

    pub(super) fn heard(&mut self, heard: Heard) {
        let event = Event::of(heard.signal);
        if heard.signal == SIGPWR {
            info!("SIGPWR requests a clean stop: forwarding it as SIGTERM");
        }
        if event == Event::StopAsked {
            let again = self.told && heard.signal == SIGINT && heard.from_terminal;
            self.told = true;
            if again {
                info!("second Ctrl-C: killing the engine");
                return self.meet(Event::KillAsked);
            }
        }
        self.meet(event);
    }

    /// Handles the result of a sweep, without the companion.
    pub(super) fn reaped(&mut self, sweep: &Sweep) -> Result<(), SuperviseError> {
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
        if let Some((_, exit)) = last {
            self.meet(Event::OthersEnded(*exit));
        }
        let alone = self.tree.main_reaped && self.is_alone(sweep.childless);
        match (main, alone) {
            (Some((_, exit)), true) => self.meet(Event::AllEnded(*exit)),
            (Some((_, exit)), false) => self.meet(Event::MainEnded(*exit)),
            (None, true) => self.meet(Event::TreeEmpty),
            (None, false) => {}
        }
        Ok(())
    }

    fn is_alone(&self, childless: bool) -> bool {
        if childless {
            return self.visibility.adopts || self.tree.group_is_gone();
        }
        // The remaining child may be the companion, which does not belong to the engine.
        self.tree.companion.is_some() && self.tree.is_empty()
    }

    pub(super) fn meet(&mut self, event: Event) {
        let (next, actions) = self.phase.step(event);
        self.say(next, event);
        self.phase = next;
        for action in actions {
            match action {
                Action::Forward(signal) => {
                    debug!("forwarding {} to the engine", name(signal));
                    self.tree.send(signal);
                }
                Action::Terminate => self.tree.terminate(),
                Action::TerminateNew => self.tree.terminate_new(),
                Action::ArmGrace => {
                    let now = Instant::now();
                    self.armed_at = Some(now);
                    self.alarm = Some(now + self.grace);
                }
                Action::KillTree => self.tree.send(SIGKILL),
                Action::ArmLast => self.alarm = Some(Instant::now() + LAST),
            }
        }
    }

    /// Logs one sentence for each change of the phase.
    fn say(&self, next: Phase, event: Event) {
        let grace = self.grace;
        let waited = self.stopping();
        let left = grace.saturating_sub(waited);
        let names = || self.tree.names();
        match (self.phase, next) {
            (Phase::Stopping | Phase::Draining { .. }, _) if event == Event::StopAsked => {
                info!("stop requested again: the engine still has {}", seconds(left));
            }
            (Phase::Running, Phase::Stopping) | (Phase::Daemon(_), Phase::Draining { asked: true, .. }) => {
                info!(
                    "stop requested: sending SIGTERM to the engine, which has {} to stop",
                    seconds(grace)
                );
            }
            (Phase::Stopping, Phase::Draining { exit, .. }) => {
                info!(
                    "start script ended with {exit}, waiting up to {} for its processes: {}",
                    seconds(left),
                    names()
                );
            }
            (Phase::Running, Phase::Draining { exit, .. }) => {
                warn!(
                    "start script ended with {exit} without a stop request: stopping its processes within {}: {}",
                    seconds(grace),
                    names()
                );
            }
            (Phase::Running, Phase::Daemon(_)) => {
                info!(
                    "start script ended with 0 and left the engine running: supervising {}",
                    names()
                );
            }
            (Phase::Stopping | Phase::Draining { .. }, Phase::Killing { .. }) => {
                warn!("still running after {}: killing {}", seconds(waited), names());
            }
            (Phase::Killing { .. }, Phase::Over { .. }) if event == Event::GraceOver => {
                error!("still running {} after SIGKILL: {}", seconds(LAST), names());
            }
            _ => {}
        }
    }
}

/// Removes the companion from a sweep.
pub(super) fn without(mut sweep: Sweep, companion: Option<i32>) -> Sweep {
    sweep
        .ended
        .retain(|(pid, _): &(i32, Exit)| Some(*pid) != companion);
    sweep
}
