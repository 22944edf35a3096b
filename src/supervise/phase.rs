//! Decides: where the engine is in its life, and what follows from an event. Pure and total.
//!
//! ```text
//!            stop              main ended, others live              grace over
//!  Running ────────► Stopping ────────────────────────► Draining ─────────────► Killing
//!     │ main ended badly, others live ──────────────────► ▲ │                      │
//!     │ main ended with 0, others live ─► Daemon ─ stop ──┘ │                      │
//!     └──── main ended, nobody left ──────► Over ◄──────────┴── nobody left ───────┘
//! ```
#![warn(clippy::wildcard_enum_match_arm)]

use nix::libc::{SIGINT, SIGKILL, SIGPWR, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use serde::{Deserialize, Serialize};

use super::Exit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The main process lives and nobody asked for a stop.
    Running,
    /// Asked to stop, at last by this; the main process still lives.
    Stopping(Stop),
    /// The script ended with 0 and left processes behind: it started a daemon. That is the engine now, and
    /// the exit is that of whoever ended last.
    Daemon(Exit),
    /// The main process is gone, others are not. PID 1 stays, because the kernel kills the whole
    /// namespace the moment PID 1 exits. Without a stop request this is a crash.
    Draining(Exit, Option<Stop>),
    /// The grace is over and everyone was sent KILL. No exit while the main process is not reaped.
    Killing { exit: Option<Exit>, asked: bool },
    /// Nothing is left to wait for.
    Over { exit: Exit, asked: bool, drained: bool },
}

/// A stop request, the gentler one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    Interrupt,
    Terminate,
}

impl Stop {
    /// What the tree is sent.
    pub(super) fn signal(self) -> i32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Terminate => SIGTERM,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    StopAsked(Stop),
    /// Somebody pressed Ctrl-C at the terminal the engine has: it heard that itself, and ends of it.
    Interrupted,
    /// Any other signal but CHLD.
    Signal(i32),
    /// Others than the main process were reaped; this one last.
    OthersEnded(Exit),
    /// The main process was reaped, and others live.
    MainEnded(Exit),
    /// The main process was reaped, and nobody is left.
    AllEnded(Exit),
    /// Nobody is left; the main process was reaped earlier.
    TreeEmpty,
    GraceOver,
}

impl Event {
    /// QUIT is no stop request on purpose: `kill -QUIT` is how one asks a JVM for a thread dump, and a grace begun
    /// by that would end in KILL for a healthy engine. PWR is one, and as TERM: no engine handles PWR.
    pub(super) fn of(signal: i32) -> Self {
        match signal {
            SIGINT => Self::StopAsked(Stop::Interrupt),
            SIGTERM | SIGPWR => Self::StopAsked(Stop::Terminate),
            other => Self::Signal(other),
        }
    }
}

/// What a fresh image of this process has to know of the phase: without the killing, which begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Carried {
    daemon: bool,
    /// Of the main process, where it has ended: its code, or the signal below zero.
    exit: Option<i32>,
    /// The signal of the last stop request.
    stop: Option<i32>,
}

impl Carried {
    /// Whether the main process still has to be reaped.
    pub(super) fn main_lives(self) -> bool {
        self.exit.is_none()
    }

    pub(super) fn phase(self) -> Phase {
        let stop = self.stop.map(|signal| match signal {
            SIGINT => Stop::Interrupt,
            _ => Stop::Terminate,
        });
        let exit = self.exit.map(|number| match u8::try_from(number) {
            Ok(code) => Exit::Code(code),
            Err(_) => Exit::Signal(-number),
        });
        match (exit, stop) {
            (None, None) => Phase::Running,
            (None, Some(stop)) => Phase::Stopping(stop),
            (Some(exit), _) if self.daemon => Phase::Daemon(exit),
            (Some(exit), stop) => Phase::Draining(exit, stop),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Pass a signal to the tree.
    Forward(i32),
    /// Ask the whole tree to stop, and wake what is suspended.
    Ask(Stop),
    /// Ask those who ignore an interrupt: they have heard nothing.
    AskDeaf,
    /// Start the grace; what is still there at its end is killed.
    ArmGrace,
    KillTree,
    /// Even a killed process can hang in the kernel; give it a moment, not forever.
    ArmLast,
}

impl Phase {
    /// `None` when nothing is left to go on with.
    pub(super) fn carried(self) -> Option<Carried> {
        let (daemon, exit, stop) = match self {
            Self::Running => (false, None, None),
            Self::Stopping(stop) => (false, None, Some(stop)),
            Self::Daemon(exit) => (true, Some(exit), None),
            Self::Draining(exit, stop) => (false, Some(exit), stop),
            Self::Killing { exit, asked } => (false, exit, asked.then_some(Stop::Terminate)),
            Self::Over { .. } => return None,
        };
        Some(Carried {
            daemon,
            exit: exit.map(|exit| match exit {
                Exit::Code(code) => i32::from(code),
                Exit::Signal(signal) => -signal,
            }),
            stop: stop.map(Stop::signal),
        })
    }

    /// Whether the end that comes is one that somebody asked for.
    pub(super) fn is_asked(self) -> bool {
        match self {
            Self::Stopping(_) => true,
            Self::Draining(_, stop) => stop.is_some(),
            Self::Killing { asked, .. } | Self::Over { asked, .. } => asked,
            Self::Running | Self::Daemon(_) => false,
        }
    }

    #[expect(
        clippy::match_same_arms,
        reason = "a row for each question; merged, they answer nobody's"
    )]
    pub(super) fn step(self, event: Event) -> (Self, Vec<Action>) {
        use Action::{ArmGrace, ArmLast, Ask, AskDeaf, Forward, KillTree};
        use Event::{AllEnded, GraceOver, Interrupted, MainEnded, OthersEnded, Signal, StopAsked, TreeEmpty};
        use Phase::{Daemon, Draining, Killing, Over, Running, Stopping};

        match (self, event) {
            (Running, StopAsked(stop)) => (Stopping(stop), vec![Ask(stop), ArmGrace]),
            (Daemon(exit), StopAsked(stop)) => (Draining(exit, Some(stop)), vec![Ask(stop), ArmGrace]),
            // Told by the end of the main process: whoever heard it, too, is asked no second time.
            (Running, Interrupted) => (Stopping(Stop::Interrupt), vec![AskDeaf, ArmGrace]),
            // Whoever shrugged off INT may heed TERM. The grace already runs.
            (Stopping(last), StopAsked(stop)) if stop > last => (Stopping(stop), vec![Ask(stop)]),
            (Draining(exit, Some(last)), StopAsked(stop)) if stop > last => {
                (Draining(exit, Some(stop)), vec![Ask(stop)])
            }
            // The same again changes nothing: the tree has it, and for some programs a second one means "at once".
            (Stopping(_) | Draining(_, Some(_)), StopAsked(_)) => (self, vec![]),
            // After a crash the tree was sent TERM already, and the crash stays the reason of the end.
            (Draining(_, None), StopAsked(_)) => (self, vec![]),

            // Suspended, it could not do what it was asked to.
            (Stopping(_) | Draining(..), Signal(SIGTSTP | SIGTTIN | SIGTTOU)) => (self, vec![]),
            (Running | Stopping(_) | Daemon(_) | Draining(..), Signal(signal)) => {
                (self, vec![Forward(signal)])
            }
            (Killing { .. }, StopAsked(_) | Signal(_)) => (self, vec![]),

            (Running, AllEnded(exit)) => (drained(exit, false), vec![]),
            (Stopping(_), AllEnded(exit)) => (drained(exit, true), vec![]),
            (Killing { asked, .. }, AllEnded(exit)) => (killed(Some(exit), asked), vec![]),

            (Running, MainEnded(Exit::Code(0))) => (Daemon(Exit::Code(0)), vec![]),
            (Running, MainEnded(exit)) => (Draining(exit, None), vec![Ask(Stop::Terminate), ArmGrace]),
            (Stopping(stop), MainEnded(exit)) => (Draining(exit, Some(stop)), vec![]),
            // Someone may have forked while the killing went on.
            (Killing { asked, .. }, MainEnded(exit)) => (
                Killing {
                    exit: Some(exit),
                    asked,
                },
                vec![KillTree],
            ),
            (Killing { .. }, OthersEnded(_)) => (self, vec![KillTree]),

            (Daemon(_), OthersEnded(exit)) => (Daemon(exit), vec![]),
            (Running | Stopping(_) | Draining(..), OthersEnded(_)) => (self, vec![]),

            (Daemon(exit), TreeEmpty) => (drained(exit, false), vec![]),
            (Draining(exit, asked), TreeEmpty) => (drained(exit, asked.is_some()), vec![]),
            (Killing { exit, asked }, TreeEmpty | GraceOver) => (killed(exit, asked), vec![]),

            (Stopping(_), GraceOver) => (
                Killing {
                    exit: None,
                    asked: true,
                },
                vec![KillTree, ArmLast],
            ),
            (Draining(exit, asked), GraceOver) => (
                Killing {
                    exit: Some(exit),
                    asked: asked.is_some(),
                },
                vec![KillTree, ArmLast],
            ),

            // Cannot be: no grace is armed, the main process lives, or it has ended once already.
            (Running | Daemon(_), GraceOver) => (self, vec![]),
            // The stop is asked for already, or the process the terminal had is gone.
            (Stopping(_) | Daemon(_) | Draining(..) | Killing { .. }, Interrupted) => (self, vec![]),
            (Running | Stopping(_), TreeEmpty) => (self, vec![]),
            (Daemon(_) | Draining(..), MainEnded(_) | AllEnded(_)) => (self, vec![]),
            (
                Over { .. },
                StopAsked(_) | Interrupted | Signal(_) | OthersEnded(_) | MainEnded(_) | AllEnded(_)
                | TreeEmpty | GraceOver,
            ) => (self, vec![]),
        }
    }
}

fn drained(exit: Exit, asked: bool) -> Phase {
    Phase::Over {
        exit,
        asked,
        drained: true,
    }
}

fn killed(exit: Option<Exit>, asked: bool) -> Phase {
    Phase::Over {
        exit: exit.unwrap_or(Exit::Signal(SIGKILL)),
        asked,
        drained: false,
    }
}

#[cfg(test)]
mod tests {
    use nix::libc::{SIGCONT, SIGHUP, SIGQUIT, SIGUSR1};

    use super::Action::{ArmGrace, ArmLast, Ask, AskDeaf, Forward, KillTree};
    use super::Event::{
        AllEnded, GraceOver, Interrupted, MainEnded, OthersEnded, Signal, StopAsked, TreeEmpty,
    };
    use super::Phase::{Daemon, Draining, Running, Stopping};
    use super::*;

    const INT: Stop = Stop::Interrupt;
    const TERM: Stop = Stop::Terminate;
    const GOOD: Exit = Exit::Code(0);
    const BAD: Exit = Exit::Code(3);
    const DIED: Exit = Exit::Signal(15);

    /// Every phase, with values that a row of the table can tell apart.
    const KILLING: Phase = Phase::Killing {
        exit: None,
        asked: true,
    };
    const OVER: Phase = Phase::Over {
        exit: BAD,
        asked: false,
        drained: true,
    };

    const fn over(exit: Exit, asked: bool, drained: bool) -> Phase {
        Phase::Over { exit, asked, drained }
    }

    const fn killing(exit: Option<Exit>, asked: bool) -> Phase {
        Phase::Killing { exit, asked }
    }

    type Row = (Phase, Event, Phase, &'static [Action]);

    #[rustfmt::skip]
    const TABLE: &[Row] = &[
        // A healthy engine.
        (Running, StopAsked(TERM), Stopping(TERM), &[Ask(TERM), ArmGrace]),
        (Running, StopAsked(INT), Stopping(INT), &[Ask(INT), ArmGrace]),
        (Running, Interrupted, Stopping(INT), &[AskDeaf, ArmGrace]),
        (Running, Signal(SIGUSR1), Running, &[Forward(SIGUSR1)]),
        (Running, Signal(SIGTSTP), Running, &[Forward(SIGTSTP)]),
        (Running, OthersEnded(BAD), Running, &[]),
        (Running, MainEnded(GOOD), Daemon(GOOD), &[]),
        (Running, MainEnded(BAD), Draining(BAD, None), &[Ask(TERM), ArmGrace]),
        (Running, MainEnded(DIED), Draining(DIED, None), &[Ask(TERM), ArmGrace]),
        (Running, AllEnded(BAD), over(BAD, false, true), &[]),
        (Running, TreeEmpty, Running, &[]),
        (Running, GraceOver, Running, &[]),
        // Asked to stop.
        (Stopping(TERM), StopAsked(TERM), Stopping(TERM), &[]),
        (Stopping(TERM), StopAsked(INT), Stopping(TERM), &[]),
        (Stopping(INT), StopAsked(TERM), Stopping(TERM), &[Ask(TERM)]),
        (Stopping(TERM), Interrupted, Stopping(TERM), &[]),
        (Stopping(TERM), Signal(SIGHUP), Stopping(TERM), &[Forward(SIGHUP)]),
        (Stopping(TERM), Signal(SIGTTIN), Stopping(TERM), &[]),
        (Stopping(TERM), Signal(SIGTTOU), Stopping(TERM), &[]),
        (Stopping(TERM), OthersEnded(BAD), Stopping(TERM), &[]),
        (Stopping(TERM), MainEnded(DIED), Draining(DIED, Some(TERM)), &[]),
        (Stopping(TERM), AllEnded(GOOD), over(GOOD, true, true), &[]),
        (Stopping(TERM), TreeEmpty, Stopping(TERM), &[]),
        (Stopping(TERM), GraceOver, killing(None, true), &[KillTree, ArmLast]),
        // A daemon in the place of the script.
        (Daemon(GOOD), StopAsked(TERM), Draining(GOOD, Some(TERM)), &[Ask(TERM), ArmGrace]),
        (Daemon(GOOD), Interrupted, Daemon(GOOD), &[]),
        (Daemon(GOOD), Signal(SIGCONT), Daemon(GOOD), &[Forward(SIGCONT)]),
        (Daemon(GOOD), OthersEnded(BAD), Daemon(BAD), &[]),
        (Daemon(GOOD), MainEnded(BAD), Daemon(GOOD), &[]),
        (Daemon(GOOD), AllEnded(BAD), Daemon(GOOD), &[]),
        (Daemon(BAD), TreeEmpty, over(BAD, false, true), &[]),
        (Daemon(GOOD), GraceOver, Daemon(GOOD), &[]),
        // Draining: after a stop request, and after a crash.
        (Draining(DIED, Some(TERM)), StopAsked(TERM), Draining(DIED, Some(TERM)), &[]),
        (Draining(DIED, Some(INT)), StopAsked(TERM), Draining(DIED, Some(TERM)), &[Ask(TERM)]),
        (Draining(BAD, None), StopAsked(TERM), Draining(BAD, None), &[]),
        (Draining(BAD, None), Interrupted, Draining(BAD, None), &[]),
        (Draining(DIED, Some(TERM)), Signal(SIGQUIT), Draining(DIED, Some(TERM)), &[Forward(SIGQUIT)]),
        (Draining(BAD, None), Signal(SIGTSTP), Draining(BAD, None), &[]),
        (Draining(BAD, None), Signal(SIGCONT), Draining(BAD, None), &[Forward(SIGCONT)]),
        (Draining(DIED, Some(TERM)), OthersEnded(BAD), Draining(DIED, Some(TERM)), &[]),
        (Draining(BAD, None), MainEnded(GOOD), Draining(BAD, None), &[]),
        (Draining(BAD, None), AllEnded(GOOD), Draining(BAD, None), &[]),
        (Draining(DIED, Some(TERM)), TreeEmpty, over(DIED, true, true), &[]),
        (Draining(BAD, None), TreeEmpty, over(BAD, false, true), &[]),
        (Draining(DIED, Some(TERM)), GraceOver, killing(Some(DIED), true), &[KillTree, ArmLast]),
        (Draining(BAD, None), GraceOver, killing(Some(BAD), false), &[KillTree, ArmLast]),
        // Everyone was killed.
        (KILLING, StopAsked(TERM), KILLING, &[]),
        (KILLING, Interrupted, KILLING, &[]),
        (KILLING, Signal(SIGUSR1), KILLING, &[]),
        (KILLING, OthersEnded(BAD), KILLING, &[KillTree]),
        (KILLING, MainEnded(BAD), killing(Some(BAD), true), &[KillTree]),
        (KILLING, AllEnded(BAD), over(BAD, true, false), &[]),
        (killing(Some(BAD), false), TreeEmpty, over(BAD, false, false), &[]),
        (KILLING, GraceOver, over(Exit::Signal(9), true, false), &[]),
        // Nothing happens after the end.
        (OVER, StopAsked(TERM), OVER, &[]),
        (OVER, Interrupted, OVER, &[]),
        (OVER, Signal(SIGUSR1), OVER, &[]),
        (OVER, OthersEnded(GOOD), OVER, &[]),
        (OVER, MainEnded(GOOD), OVER, &[]),
        (OVER, AllEnded(GOOD), OVER, &[]),
        (OVER, TreeEmpty, OVER, &[]),
        (OVER, GraceOver, OVER, &[]),
    ];

    #[test]
    fn every_pair_of_phase_and_event_has_its_row() {
        for (phase, event, next, actions) in TABLE {
            assert_eq!(
                phase.step(*event),
                (*next, actions.to_vec()),
                "{phase:?}, {event:?}"
            );
        }
    }

    /// Histories of up to five events, all of them: 9^5.
    #[test]
    fn the_grace_is_armed_once_and_nobody_is_killed_before_it_is_over() {
        let events = [
            StopAsked(INT),
            StopAsked(TERM),
            Interrupted,
            Signal(SIGUSR1),
            OthersEnded(BAD),
            MainEnded(GOOD),
            MainEnded(BAD),
            TreeEmpty,
            GraceOver,
        ];
        for mut number in 0..9_usize.pow(5) {
            let (mut phase, mut armed, mut told) = (Running, 0, Vec::new());
            for _ in 0..5 {
                let event = events[number % 9];
                number /= 9;
                let over = event == GraceOver && armed == 1;
                let (next, actions) = phase.step(event);
                armed += actions.iter().filter(|action| **action == ArmGrace).count();
                let kills = actions.contains(&KillTree);
                assert!(
                    !kills || over || matches!(phase, Phase::Killing { .. }),
                    "{phase:?} {event:?}"
                );
                told.extend(actions.into_iter().filter(|action| *action == Ask(TERM)));
                phase = next;
            }
            assert!(armed <= 1, "the deadline moved");
            assert!(told.len() <= 1, "a second TERM was passed on");
        }
    }

    #[test]
    fn a_phase_survives_the_change_of_images_but_for_the_killing_which_begins_again() {
        let same = [
            Running,
            Stopping(INT),
            Stopping(TERM),
            Daemon(GOOD),
            Daemon(DIED),
            Draining(BAD, None),
            Draining(DIED, Some(INT)),
        ];
        let all = same.map(|phase| (phase, Some(phase))).into_iter().chain([
            (KILLING, Some(Stopping(TERM))),
            (killing(Some(BAD), false), Some(Draining(BAD, None))),
            (OVER, None),
        ]);
        for (phase, expected) in all {
            assert_eq!(phase.carried().map(Carried::phase), expected, "{phase:?}");
        }
    }

    #[test]
    fn a_thread_dump_and_a_reload_are_no_stop_requests() {
        assert_eq!(Event::of(SIGQUIT), Signal(SIGQUIT));
        assert_eq!(Event::of(SIGHUP), Signal(SIGHUP));
        assert_eq!(Event::of(SIGPWR), StopAsked(TERM));
        assert_eq!(Event::of(SIGINT), StopAsked(INT));
        assert_eq!(Event::of(SIGTERM), StopAsked(TERM));
    }
}
