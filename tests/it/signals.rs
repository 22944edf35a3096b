//! Signals and exit codes, with real processes: every one is passed on, none is lost, and the end is told as it was.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Place, Start, eventually, example, fixture, let_go_on, namespaces, pass, status_line};

const INT: i32 = 2;
const QUIT: i32 = 3;
const USR1: i32 = 10;
const USR2: i32 = 12;
const TERM: i32 = 15;
const CHLD: i32 = 17;
const TSTP: i32 = 20;
const PWR: i32 = 30;
/// Cannot be caught (9, 19), or are kept by the C library for itself (32, 33; musl takes 34 as well).
const NEVER_SEEN: [i32; 5] = [9, 19, 32, 33, 34];

#[test]
fn every_exit_code_is_passed_through_but_0_which_nobody_asked_for() {
    for code in 0..=255 {
        let Some(run) = Start::script("exits.sh").arg(code.to_string()).run() else {
            return;
        };
        let end = run.end();
        assert_eq!(end.code, code.max(1), "{end:?}");
        assert!(end.says(&format!("engine ended with {code} after")), "{end:?}");
    }
}

#[test]
fn every_death_by_a_signal_is_128_and_the_signal() {
    // Whose default is to be ignored, to stop or to go on, see signal(7).
    let not_fatal = [CHLD, 18, TSTP, 21, 22, 23, 28];
    for signal in (1..=64).filter(|signal| *signal == 9 || !NEVER_SEEN.contains(signal)) {
        if not_fatal.contains(&signal) {
            continue;
        }
        let Some(run) = Start::script("dies.sh").arg(signal.to_string()).run() else {
            return;
        };
        let end = run.end();
        assert_eq!(end.code, 128 + signal, "{end:?}");
    }
}

#[test]
fn every_signal_that_can_be_caught_reaches_the_engine() {
    let Some(mut run) = Start::script(example("hears")).run() else {
        return;
    };
    run.line("hearing");
    // CHLD is news for the supervisor itself; INT, TERM and PWR are stop requests.
    for signal in (1..=64).filter(|signal| !NEVER_SEEN.contains(signal)) {
        if ![INT, TERM, CHLD, PWR].contains(&signal) {
            run.signal(signal);
            run.line(&format!("heard {signal}"));
        }
    }
    run.signal(TERM);
    run.line("heard 15");
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
}

#[test]
fn real_time_signals_queue_and_arrive_in_their_number() {
    let Some(mut run) = Start::script(example("hears")).run() else {
        return;
    };
    run.line("hearing");
    for _ in 0..20 {
        run.signal(40);
    }
    for _ in 0..20 {
        run.line("heard 40");
    }
    run.signal(TERM);
    assert_eq!(run.end().code, 0);
}

#[test]
fn a_descendant_in_its_own_session_hears_what_the_group_hears() {
    let Some(mut run) = Start::script("beside.sh").arg(example("hears")).run() else {
        return;
    };
    run.line("hearing");
    run.signal(USR1);
    run.line("heard 10");
    run.signal(TERM);
    run.line("heard 15");
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
}

/// SIGPWR ends a JVM or a BE on the spot, by the default action: neither handles it. And a shell lets what it starts with
/// `&` ignore INT.
#[test]
fn every_stop_request_reaches_the_engine_as_the_one_it_understands() {
    for signal in [INT, PWR] {
        let Some(mut run) = Start::script(example("hears")).run() else {
            return;
        };
        run.line("hearing");
        run.signal(signal);
        run.line("heard 15");
        let end = run.end();
        assert_eq!(end.code, 0, "{end:?}");
        assert!(!end.says(&format!("heard {signal}")), "{end:?}");
    }
}

/// `kill -QUIT 1` is how one asks a JVM in a container for a thread dump.
#[test]
fn a_thread_dump_begins_no_grace() {
    let start = Start::script(example("hears")).grace(Duration::from_millis(1));
    let Some(mut run) = start.run() else { return };
    run.lines(["hearing", "engine started"]);
    run.signal(QUIT);
    run.line("heard 3");
    run.stays_quiet(Duration::from_millis(200));
    run.signal(USR1);
    run.line("heard 10");
}

/// A start at the very moment of `docker stop`, 200 moments of it: before the first instruction, before the fork,
/// between fork and exec, while the script sets its trap. TERM is blocked from outside in every other round, because
/// PID 1 without a handler never hears what comes before it has blocked signals itself.
#[test]
fn a_stop_request_no_time_after_the_start_is_obeyed() {
    let mut dice = hosts::dice();
    for round in 0..200 {
        let place = Place::new();
        let mut start = Start::script("does-not-exec.sh").arg(place.mark());
        let early = round % 2 == 0;
        if early {
            // unshare blocks TERM in the child it forks, too, and then not any more.
            start = start.through("env --block-signal=TERM,USR2");
        }
        let Some(run) = start.run() else { return };
        if early {
            run.blocks([TERM, USR2]);
        } else {
            run.signals_blocked();
        }
        let pause = Duration::from_micros(dice.u64(0..4000));
        pass(pause);
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "round {round}, {pause:?}: {end:?}");
        assert!(end.says("as requested"), "round {round}, {pause:?}: {end:?}");
        // It may have died before it had a trap. A stop that it began it has finished.
        let stopping = end.lines.contains(&"stopping".to_owned());
        assert_eq!(
            place.stopped_cleanly(),
            stopping,
            "round {round}, {pause:?}: {end:?}"
        );
    }
}

/// A shell blocks signals while it forks, so its child may know nothing of the stop request that the shell then dies of; and
/// until that child has become its program, it hears the request with the shell's trap.
#[test]
fn a_process_that_began_after_the_stop_request_is_told_of_it() {
    for script in ["begins-another.sh", "becomes-another.sh"] {
        let place = Place::new();
        let Some(mut run) = Start::script(script).arg(place.mark()).run() else {
            return;
        };
        run.line("script is ready");
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "{script}: {end:?}");
        assert!(end.says("as requested"), "{script}: {end:?}");
    }
}

#[test]
fn a_second_stop_request_shortens_nothing() {
    let place = Place::new();
    let go_on = place.fifo("go-on");
    let start = Start::script("counts-term.sh").arg(place.mark()).arg(&go_on);
    let Some(mut run) = start.run() else { return };
    run.line("engine up");
    run.signal(TERM);
    run.line("stopping");
    // By the sentence about the third, what would be done about the second is done.
    for _ in 0..2 {
        run.signal(TERM);
        run.line("stop requested again");
    }
    let _held = let_go_on(&go_on);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(!end.lines.contains(&"again".to_owned()), "{end:?}");
    assert!(place.stopped_cleanly());
}

/// At a terminal, as with `docker run -it`: the first is a stop request like any other, the second ends the waiting.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test program's own child, and nothing else waits here"
)]
fn only_a_second_ctrl_c_on_a_terminal_kills() {
    let Some(unshare) = namespaces() else { return };
    // The shell of `script` is whatever SHELL says. One that waits for its command dies of the first Ctrl-C.
    let words = [
        "exec unshare",
        &unshare.join(" "),
        "--",
        example("pid1").to_str().unwrap(),
        "--",
        fixture("ignores-term.sh").to_str().unwrap(),
    ]
    .join(" ");
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command", &words, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = terminal.stdin.take().unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines();
    let mut line = |text: &str| {
        let mut seen = Vec::new();
        let found = lines.by_ref().map_while(Result::ok).any(|line| {
            let found = line.contains(text);
            seen.push(line);
            found
        });
        assert!(found, "{text} never came: {seen:#?}");
    };
    line("ignoring TERM");
    keys.write_all(b"\x03").unwrap();
    line("stop requested: sending SIGTERM to the engine, which has 30 s to stop");
    keys.write_all(b"\x03").unwrap();
    line("second Ctrl-C: killing the engine");
    line("engine ended with 137 (SIGKILL)");
    assert_eq!(terminal.wait().unwrap().code(), Some(137));
}

#[test]
fn what_ignores_a_stop_request_is_killed_when_the_grace_is_over_and_that_is_said() {
    let start = Start::script("ignores-term.sh").grace(Duration::from_millis(200));
    let Some(mut run) = start.run() else { return };
    run.line("ignoring TERM");
    run.signal(TERM);
    run.line("stop requested: sending SIGTERM to the engine, which has 0.2 s to stop");
    let killed = run.line("still running after");
    assert!(
        killed.contains("ignores-term.sh (pid 2), sleep (pid 3)"),
        "{killed}"
    );
    let end = run.end();
    assert_eq!(end.code, 137, "{end:?}");
    assert!(end.says("killed before it had stopped"), "{end:?}");
}

/// A stopped process keeps TERM in its mailbox; systemd sends CONT after it for the same reason.
#[test]
fn a_suspended_engine_is_woken_to_stop() {
    let place = Place::new();
    let Some(mut run) = Start::script("engine.sh").arg(place.mark()).run() else {
        return;
    };
    run.line("engine up");
    run.signal(TSTP);
    eventually("it is suspended", || {
        status_line(run.engine()?, "State")?
            .starts_with('T')
            .then_some(())
    });
    run.signal(TERM);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(place.stopped_cleanly());
}

/// Two signals that wait together are read by their number: TERM first.
#[test]
fn a_suspension_does_not_overtake_a_stop_request() {
    let place = Place::new();
    let Some(mut run) = Start::script("engine.sh").arg(place.mark()).run() else {
        return;
    };
    run.line("engine up");
    run.signal(TERM);
    run.signal(TSTP);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(place.stopped_cleanly());
}

/// The kernel tells a writer with PIPE that the reader is gone; blocked, it is ours to read, and not the engine's.
#[test]
fn a_log_that_nobody_reads_does_not_end_the_engine() {
    let place = Place::new();
    let Some(mut run) = Start::script("fragile.sh").arg(place.mark()).log_unread().run() else {
        return;
    };
    run.line("engine up");
    run.signal(TERM);
    assert_eq!(run.end().code, 0);
    assert!(place.stopped_cleanly());
}

#[test]
fn a_script_that_cannot_be_started_has_its_own_code_and_sentence() {
    let place = Place::new();
    let missing = place.path("nowhere/start_fe.sh");
    let plain = place.script("plain.sh", 0o644, "#!/bin/sh\n");
    let lost = place.script("lost.sh", 0o755, "#!/no/such/shell\n");
    let blank = place.script("blank.sh", 0o755, "echo no first line\n\u{1}");
    let fine = fixture("exits.sh");
    let cases: [(&Path, &str, i32, &str); 6] = [
        (&missing, "/", 127, "nowhere/start_fe.sh: it does not exist"),
        (
            &plain,
            "/",
            126,
            "plain.sh: it cannot be executed: Permission denied",
        ),
        (Path::new("/"), "/", 126, "/: it cannot be executed"),
        (
            &lost,
            "/",
            126,
            "lost.sh: the interpreter in its first line does not exist",
        ),
        (
            &blank,
            "/",
            126,
            "blank.sh: it cannot be executed: Exec format error",
        ),
        (
            &fine,
            "/no/such/home",
            127,
            "its working directory /no/such/home cannot be entered: No such file",
        ),
    ];
    for exec in ["", " --exec"] {
        for (script, dir, code, sentence) in cases {
            let start = Start::script(script).arg("0").flag(&format!("--dir {dir}{exec}"));
            let Some(run) = start.run() else { return };
            let end = run.end();
            assert_eq!(end.code, code, "{end:?}");
            assert!(end.says(sentence), "{sentence}: {end:?}");
        }
    }
}
