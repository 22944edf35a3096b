//! Decides the phase of the engine and the actions that follow from an event. Pure and total.
//!
//! ```text
//!            stop              main ended, others live       grace over, second Ctrl-C
//!  Running ────────► Stopping ────────────────────────► Draining ─────────────► Killing
//!     │ main ended badly, others live ──────────────────► ▲ │                      │
//!     │ main ended with 0, others live ─► Daemon ─ stop ──┘ │                      │
//!     └──── main ended, tree empty ───────► Over ◄──────────┴── tree empty ────────┘
//! ```
#![warn(clippy::wildcard_enum_match_arm)]

use nix::libc::{SIGINT, SIGKILL, SIGPWR, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

use super::Exit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The main process runs, without a stop request.
    Running,
    /// A stop was requested; the main process still runs.
    Stopping,
    /// The script ended with 0 and left processes: it started a daemon. That is the engine now, and the exit is that of the
    /// process that ends last.
    Daemon(Exit),
    /// The main process has ended, others have not. PID 1 stays, because the kernel kills the whole
    /// namespace the moment PID 1 exits. Without a stop request this is a crash.
    Draining { exit: Exit, asked: bool },
    /// The grace is over and the tree was sent KILL. `exit` is empty until the main process is reaped.
    Killing { exit: Option<Exit>, asked: bool },
    /// All processes have ended, or are given up.
    Over { exit: Exit, asked: bool, drained: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// INT, TERM or PWR. The tree is sent TERM for each of them: both engines end cleanly with TERM, and a shell lets
    /// what it starts with `&` ignore INT.
    StopAsked,
    /// A second Ctrl-C on the terminal.
    KillAsked,
    /// Any other signal but CHLD.
    Signal(i32),
    /// Processes other than the main one were reaped; this is the last exit.
    OthersEnded(Exit),
    /// The main process was reaped, and others still run.
    MainEnded(Exit),
    /// The main process was reaped, and the tree is empty.
    AllEnded(Exit),
    /// The tree is empty; the main process was reaped earlier.
    TreeEmpty,
    GraceOver,
}

impl Event {
    /// Translates a signal. QUIT is no stop request: `kill -QUIT` requests a thread dump of a JVM, and a grace would end in
    /// KILL for a healthy engine. PWR is one: no engine handles it, so it would end an engine during a write.
    pub(super) const fn of(signal: i32) -> Self {
        match signal {
            SIGINT | SIGTERM | SIGPWR => Self::StopAsked,
            other => Self::Signal(other),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Forward a signal to the tree.
    Forward(i32),
    /// Send TERM to the whole tree, and continue suspended processes.
    Terminate,
    /// Send TERM to the processes that did not get it, because they were forked during or after `Terminate`.
    TerminateNew,
    /// Start the grace; processes that still run at its end are killed.
    ArmGrace,
    KillTree,
    /// Wait a limited time for a killed process that hangs in the kernel.
    ArmLast,
}

impl Phase {
    /// True if the engine runs without a stop request.
    pub(super) const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Daemon(_))
    }

    #[expect(clippy::match_same_arms, reason = "a row for each case is easier to check")]
    pub(super) fn step(self, event: Event) -> (Self, Vec<Action>) {
        use Action::{ArmGrace, ArmLast, Forward, KillTree, Terminate, TerminateNew};
        use Event::{AllEnded, GraceOver, KillAsked, MainEnded, OthersEnded, Signal, StopAsked, TreeEmpty};
        use Phase::{Daemon, Draining, Killing, Over, Running, Stopping};

        match (self, event) {
            (Running, StopAsked) => (Stopping, vec![Terminate, ArmGrace]),
            (Daemon(exit), StopAsked) => (Draining { exit, asked: true }, vec![Terminate, ArmGrace]),
            // The tree got TERM already, and some programs treat a second one as "at once". After a crash the tree was
            // sent TERM, and the crash stays the reason of the end.
            (Stopping | Draining { .. } | Killing { .. }, StopAsked) => (self, vec![]),

            // A first Ctrl-C is a StopAsked, so a KillAsked cannot come before one.
            (Running | Daemon(_) | Killing { .. }, KillAsked) => (self, vec![]),
            (Stopping, KillAsked | GraceOver) => (killing(None, true), vec![KillTree, ArmLast]),
            (Draining { exit, asked }, KillAsked | GraceOver) => {
                (killing(Some(exit), asked), vec![KillTree, ArmLast])
            }

            // A suspended engine could not stop.
            (Stopping | Draining { .. }, Signal(SIGTSTP | SIGTTIN | SIGTTOU)) => (self, vec![]),
            (Running | Stopping | Daemon(_) | Draining { .. }, Signal(signal)) => {
                (self, vec![Forward(signal)])
            }
            (Killing { .. }, Signal(_)) => (self, vec![]),

            (Running, AllEnded(exit)) => (drained(exit, false), vec![]),
            (Stopping, AllEnded(exit)) => (drained(exit, true), vec![]),
            (Killing { asked, .. }, AllEnded(exit)) => (killed(Some(exit), asked), vec![]),

            (Running, MainEnded(Exit::Code(0))) => (Daemon(Exit::Code(0)), vec![]),
            (Running, MainEnded(exit)) => (Draining { exit, asked: false }, vec![Terminate, ArmGrace]),
            (Stopping, MainEnded(exit)) => (Draining { exit, asked: true }, vec![TerminateNew]),
            // A process may have forked during the kill.
            (Killing { asked, .. }, MainEnded(exit)) => (killing(Some(exit), asked), vec![KillTree]),
            (Killing { .. }, OthersEnded(_)) => (self, vec![KillTree]),

            (Daemon(_), OthersEnded(exit)) => (Daemon(exit), vec![]),
            (Running | Stopping | Draining { .. }, OthersEnded(_)) => (self, vec![]),

            (Daemon(exit), TreeEmpty) => (drained(exit, false), vec![]),
            (Draining { exit, asked }, TreeEmpty) => (drained(exit, asked), vec![]),
            (Killing { exit, asked }, TreeEmpty | GraceOver) => (killed(exit, asked), vec![]),

            // Impossible: no grace is armed, the main process runs, or it has ended already.
            (Running | Daemon(_), GraceOver) => (self, vec![]),
            (Running | Stopping, TreeEmpty) => (self, vec![]),
            (Daemon(_) | Draining { .. }, MainEnded(_) | AllEnded(_)) => (self, vec![]),
            (
                Over { .. },
                StopAsked | KillAsked | Signal(_) | OthersEnded(_) | MainEnded(_) | AllEnded(_) | TreeEmpty
                | GraceOver,
            ) => (self, vec![]),
        }
    }
}

const fn killing(exit: Option<Exit>, asked: bool) -> Phase {
    Phase::Killing { exit, asked }
}

const fn drained(exit: Exit, asked: bool) -> Phase {
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

    use super::Action::{ArmGrace, ArmLast, Forward, KillTree, Terminate, TerminateNew};
    use super::Event::{
        AllEnded, GraceOver, KillAsked, MainEnded, OthersEnded, Signal, StopAsked, TreeEmpty,
    };
    use super::Phase::{Daemon, Running, Stopping};
    use super::*;

    const GOOD: Exit = Exit::Code(0);
    const BAD: Exit = Exit::Code(3);
    const DIED: Exit = Exit::Signal(15);

    /// Every phase, with values that a row of the table can tell apart.
    const CRASHED: Phase = draining(BAD, false);
    const ASKED: Phase = draining(DIED, true);
    const KILLING: Phase = killing(None, true);
    const OVER: Phase = over(BAD, false, true);

    const fn draining(exit: Exit, asked: bool) -> Phase {
        Phase::Draining { exit, asked }
    }

    const fn over(exit: Exit, asked: bool, drained: bool) -> Phase {
        Phase::Over { exit, asked, drained }
    }

    type Row = (Phase, Event, Phase, &'static [Action]);

    #[rustfmt::skip]
    const TABLE: &[Row] = &[
        // A healthy engine.
        (Running, StopAsked, Stopping, &[Terminate, ArmGrace]),
        (Running, KillAsked, Running, &[]),
        (Running, Signal(SIGUSR1), Running, &[Forward(SIGUSR1)]),
        (Running, Signal(SIGTSTP), Running, &[Forward(SIGTSTP)]),
        (Running, OthersEnded(BAD), Running, &[]),
        (Running, MainEnded(GOOD), Daemon(GOOD), &[]),
        (Running, MainEnded(BAD), CRASHED, &[Terminate, ArmGrace]),
        (Running, AllEnded(GOOD), over(GOOD, false, true), &[]),
        (Running, AllEnded(DIED), over(DIED, false, true), &[]),
        (Running, TreeEmpty, Running, &[]),
        (Running, GraceOver, Running, &[]),
        // A stop was requested.
        (Stopping, StopAsked, Stopping, &[]),
        (Stopping, KillAsked, KILLING, &[KillTree, ArmLast]),
        (Stopping, Signal(SIGUSR1), Stopping, &[Forward(SIGUSR1)]),
        (Stopping, Signal(SIGTSTP), Stopping, &[]),
        (Stopping, Signal(SIGCONT), Stopping, &[Forward(SIGCONT)]),
        (Stopping, OthersEnded(BAD), Stopping, &[]),
        (Stopping, MainEnded(DIED), ASKED, &[TerminateNew]),
        (Stopping, AllEnded(DIED), over(DIED, true, true), &[]),
        (Stopping, TreeEmpty, Stopping, &[]),
        (Stopping, GraceOver, KILLING, &[KillTree, ArmLast]),
        // The script left a daemon behind.
        (Daemon(GOOD), StopAsked, draining(GOOD, true), &[Terminate, ArmGrace]),
        (Daemon(GOOD), KillAsked, Daemon(GOOD), &[]),
        (Daemon(GOOD), Signal(SIGUSR1), Daemon(GOOD), &[Forward(SIGUSR1)]),
        (Daemon(GOOD), OthersEnded(BAD), Daemon(BAD), &[]),
        (Daemon(GOOD), MainEnded(BAD), Daemon(GOOD), &[]),
        (Daemon(GOOD), AllEnded(BAD), Daemon(GOOD), &[]),
        (Daemon(BAD), TreeEmpty, over(BAD, false, true), &[]),
        (Daemon(GOOD), GraceOver, Daemon(GOOD), &[]),
        // The main process has ended, others have not.
        (ASKED, StopAsked, ASKED, &[]),
        (CRASHED, StopAsked, CRASHED, &[]),
        (ASKED, KillAsked, killing(Some(DIED), true), &[KillTree, ArmLast]),
        (CRASHED, KillAsked, killing(Some(BAD), false), &[KillTree, ArmLast]),
        (ASKED, Signal(SIGUSR1), ASKED, &[Forward(SIGUSR1)]),
        (ASKED, Signal(SIGTSTP), ASKED, &[]),
        (CRASHED, Signal(SIGCONT), CRASHED, &[Forward(SIGCONT)]),
        (ASKED, OthersEnded(BAD), ASKED, &[]),
        (CRASHED, MainEnded(GOOD), CRASHED, &[]),
        (CRASHED, AllEnded(GOOD), CRASHED, &[]),
        (ASKED, TreeEmpty, over(DIED, true, true), &[]),
        (CRASHED, TreeEmpty, over(BAD, false, true), &[]),
        (ASKED, GraceOver, killing(Some(DIED), true), &[KillTree, ArmLast]),
        (CRASHED, GraceOver, killing(Some(BAD), false), &[KillTree, ArmLast]),
        // The tree was killed.
        (KILLING, StopAsked, KILLING, &[]),
        (KILLING, KillAsked, KILLING, &[]),
        (KILLING, Signal(SIGUSR1), KILLING, &[]),
        (KILLING, OthersEnded(BAD), KILLING, &[KillTree]),
        (KILLING, MainEnded(BAD), killing(Some(BAD), true), &[KillTree]),
        (KILLING, AllEnded(BAD), over(BAD, true, false), &[]),
        (killing(Some(BAD), false), TreeEmpty, over(BAD, false, false), &[]),
        (KILLING, GraceOver, over(Exit::Signal(9), true, false), &[]),
        // Nothing happens after the end.
        (OVER, StopAsked, OVER, &[]),
        (OVER, KillAsked, OVER, &[]),
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
            StopAsked,
            KillAsked,
            Signal(SIGUSR1),
            OthersEnded(BAD),
            MainEnded(GOOD),
            MainEnded(BAD),
            AllEnded(BAD),
            TreeEmpty,
            GraceOver,
        ];
        for mut number in 0..9_usize.pow(5) {
            let (mut phase, mut armed, mut terminated) = (Running, 0, 0);
            for _ in 0..5 {
                let event = events[number % 9];
                number /= 9;
                let may_kill = matches!(event, GraceOver | KillAsked) && armed == 1;
                let (next, actions) = phase.step(event);
                let count = |wanted| actions.iter().filter(|action| **action == wanted).count();
                assert!(
                    count(KillTree) == 0 || may_kill || matches!(phase, Phase::Killing { .. }),
                    "{phase:?} {event:?}"
                );
                armed += count(ArmGrace);
                terminated += count(Terminate);
                phase = next;
            }
            assert!(armed <= 1, "the deadline moved");
            assert!(terminated <= 1, "a second TERM was passed on");
        }
    }

    #[test]
    fn a_thread_dump_and_a_reload_are_no_stop_requests() {
        assert_eq!(Event::of(SIGQUIT), Signal(SIGQUIT));
        assert_eq!(Event::of(SIGHUP), Signal(SIGHUP));
        for signal in [SIGPWR, SIGINT, SIGTERM] {
            assert_eq!(Event::of(signal), StopAsked);
        }
    }
}
