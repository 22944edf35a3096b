//! One engine's life: what the kernel tells about its processes as events of `Phase`, and its actions done.

use std::fs;
use std::future::poll_fn;
use std::mem::take;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use nix::libc::{SIGCONT, SIGKILL, SIGPWR, SIGTSTP, SIGTTIN, SIGTTOU};
use rustix::process::Pid;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tracing::{debug, error, info, warn};

use super::console::Console;
use super::phase::{Action, Event, Phase, Stop};
use super::reaper::sweep;
use super::resident::Resident;
use super::signals::name;
use super::spawn::spawn;
use super::stop_note::StopNote;
use super::supervisor::{Job, asks_to_stop};
use super::terminal::Terminal;
use super::tree::{Tree, Visibility, ask};
use super::{Exit, SuperviseError};

/// For what KILL does not end at once: a process in the middle of a disk access, say.
const LAST: Duration = Duration::from_secs(2);

/// How often the group is asked for where orphans are not handed to us, and only while it is being waited for.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// One engine, from spawn to the end of its last process.
#[derive(Debug)]
pub(super) struct RunningEngine {
    pub(super) started: Instant,
    pub(super) phase: Phase,
    tree: Tree,
    pub(super) main: i32,
    grace: Duration,
    sight: Visibility,
    pub(super) console: Console,
    terminal: Option<Terminal>,
    /// It was suspended because we were asked to pass that on.
    suspended: bool,
    /// Armed from the stop request on; a healthy engine has no timer.
    pub(super) alarm: Option<Pin<Box<Sleep>>>,
    pub(super) armed_at: Option<Instant>,
    /// Where to note a stop, and the note while there is one.
    stop_path: Option<PathBuf>,
    stop_note: Option<StopNote>,
    kept: String,
}

impl RunningEngine {
    pub(super) fn begin(charge: Job<'_>, sight: Visibility) -> Result<Self, SuperviseError> {
        let (console, ends) = Console::open();
        let main = match spawn(charge.launch, &ends) {
            Ok(main) => main,
            Err(error) => {
                console.into_tail();
                return Err(error);
            }
        };
        drop(ends);
        if let Some(path) = &charge.stop_note {
            // Of the stop before, of which was told.
            fs::remove_file(path).ok();
        }
        let number = main.as_raw_nonzero().get();
        let life = Self {
            started: Instant::now(),
            phase: Phase::Running,
            tree: Tree::new(main, sight),
            main: number,
            grace: charge.grace,
            sight,
            console,
            terminal: Terminal::give(number),
            suspended: false,
            alarm: None,
            armed_at: None,
            stop_path: charge.stop_note,
            stop_note: None,
            kept: charge.kept,
        };
        // From here on it is somebody's whatever happens to us.
        Resident::note(life.resident().as_ref());
        info!("engine started: {} is pid {main}", charge.launch.script.display());
        if life.terminal.is_some() {
            // It may have asked for the terminal before it had it, and was suspended for that.
            life.tree.send(SIGCONT);
        }
        Ok(life)
    }

    pub(super) fn resume(resident: Resident) -> Result<Self, SuperviseError> {
        let lost = SuperviseError::Lost { pid: resident.main };
        let mut tree = Tree::new(Pid::from_raw(resident.main).ok_or(lost)?, resident.sight);
        tree.main_reaped = !resident.phase.main_lives();
        let now = Instant::now();
        let phase = resident.phase.phase();
        let spent = resident.left.map(|left| resident.grace.saturating_sub(left));
        let armed_at = spent.map(|spent| now.checked_sub(spent).unwrap_or(now));
        let note = resident.stop_note.clone().filter(|_| phase.is_asked());
        let life = Self {
            started: now.checked_sub(resident.lived).unwrap_or(now),
            phase,
            tree,
            main: resident.main,
            grace: resident.grace,
            sight: resident.sight,
            console: Console::resume(&resident.console).map_err(SuperviseError::Console)?,
            terminal: Terminal::give(resident.main),
            suspended: false,
            alarm: resident.left.map(|left| Box::pin(sleep(left))),
            armed_at,
            stop_note: note.map(|path| StopNote::begin(path, armed_at.unwrap_or(now))),
            stop_path: resident.stop_note,
            kept: resident.kept,
        };
        Resident::note(life.resident().as_ref());
        Ok(life)
    }

    /// What a fresh image has to know; `None` when all is over.
    pub(super) fn resident(&self) -> Option<Resident> {
        Some(Resident {
            pid: std::process::id(),
            main: self.main,
            phase: self.phase.carried()?,
            grace: self.grace,
            left: self
                .armed_at
                .map(|armed_at| self.grace.saturating_sub(armed_at.elapsed())),
            lived: self.started.elapsed(),
            sight: self.sight,
            console: self.console.kept(),
            stop_note: self.stop_path.clone(),
            kept: self.kept.clone(),
        })
    }

    /// Passes on what is left in the pipes, and hands back the last of it.
    pub(super) async fn end(&mut self) -> Vec<u8> {
        let mut console = take(&mut self.console);
        let drained = poll_fn(|context| console.poll_drain(context));
        if timeout(LAST, drained).await.is_err() {
            warn!("nobody reads the engine's last lines: they are lost");
        }
        if let Some(note) = self.stop_note.take() {
            note.remove();
        }
        Resident::note(None);
        console.into_tail()
    }

    pub(super) fn note_the_stop(&self) {
        if let Some(note) = &self.stop_note {
            note.write();
        }
    }

    /// Nothing will tell us that the group is empty: its members are other people's children.
    pub(super) fn must_ask(&self) -> bool {
        self.tree.main_reaped && !self.sight.adopts
    }

    /// Passes a signal on; whether it asked for a stop.
    pub(super) fn heard(&mut self, signal: i32) -> bool {
        if signal == SIGPWR {
            info!("SIGPWR asks for a clean stop: the engine knows that as SIGTERM");
        }
        match signal {
            SIGCONT => {
                self.suspended = false;
                if let Some(terminal) = &self.terminal {
                    terminal.went_on();
                }
            }
            SIGTSTP | SIGTTIN | SIGTTOU => self.suspended = true,
            _ => {}
        }
        self.meet(Event::of(signal));
        asks_to_stop(signal)
    }

    /// A wait that is refused is no reason to leave the engine; the next one may not be.
    pub(super) async fn reaped(&mut self) -> Result<(), SuperviseError> {
        loop {
            match self.reap() {
                Err(SuperviseError::Wait(error)) => {
                    warn!("cannot wait for children: {error}: trying again");
                    sleep(TICK).await;
                }
                done => return done,
            }
        }
    }

    pub(super) fn reap(&mut self) -> Result<(), SuperviseError> {
        let sweep = sweep(self.terminal.is_some())?;
        let main = sweep
            .ended
            .iter()
            .find(|(pid, _)| *pid == self.main && !self.tree.main_reaped);
        let last = sweep.ended.iter().rfind(|(pid, _)| *pid != self.main);
        if sweep.ended.len() > 1 {
            debug!("{} processes reaped at once", sweep.ended.len());
        }
        if let Some((pid, SIGTSTP | SIGTTIN | SIGTTOU)) = sweep.suspended
            && pid == self.main
        {
            self.was_suspended();
        }
        if let Some((_, exit)) = main {
            self.tree.main_reaped = true;
            // Ctrl-C is not told to us. An end by TERM is taken for one, too: scripts and engines trap both alike.
            if self.terminal.is_some() && *exit != Exit::Code(0) && exit.obeys() {
                self.meet(Event::Interrupted);
            }
        } else if sweep.childless && !self.tree.main_reaped {
            Resident::note(None);
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

    /// By Ctrl-Z at the terminal, or by asking for more than a background process may have.
    fn was_suspended(&self) {
        let from_terminal = self.terminal.as_ref().filter(|_| !self.suspended);
        if from_terminal.is_some_and(Terminal::suspended) {
            self.tree.send(SIGCONT);
        }
    }

    pub(super) fn meet(&mut self, event: Event) {
        let (next, actions) = self.phase.step(event);
        self.say(next, event);
        let changed = self.phase != next;
        self.phase = next;
        for action in actions {
            match action {
                Action::Forward(signal) => {
                    debug!("{} passed on to the engine", name(signal));
                    self.tree.send(signal);
                }
                Action::Ask(stop) => {
                    let deaf = (stop == Stop::Interrupt).then(|| self.tree.ignores_int());
                    self.tree.send(stop.signal());
                    ask(&deaf.unwrap_or_default());
                    self.tree.wake();
                }
                Action::AskDeaf => ask(&self.tree.ignores_int()),
                Action::ArmGrace => {
                    let now = Instant::now();
                    self.armed_at = Some(now);
                    self.alarm = Some(Box::pin(sleep(self.grace)));
                    let path = self.stop_path.clone().filter(|_| next.is_asked());
                    self.stop_note = path.map(|path| StopNote::begin(path, now));
                }
                Action::KillTree => self.tree.send(SIGKILL),
                Action::ArmLast => self.alarm = Some(Box::pin(sleep(LAST))),
            }
        }
        if changed {
            Resident::note(self.resident().as_ref());
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
