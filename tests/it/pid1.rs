//! PID 1's duties, with real processes: lose no status, and stay until the last one is gone.

use std::time::Duration;

use crate::support::{Place, SHAPES, Start, eventually, let_go_on, status_line};

const TERM: i32 = 15;

/// "With tini, tini -g, dumb-init, catatonit -g, docker --init: bash dies first, the init exits, the kernel kills
/// the engine after 0.05 s": the stop these engines begin is the stop they finish.
#[test]
fn a_stop_is_clean_whatever_the_shape_of_the_start_script() {
    for shape in SHAPES {
        let place = Place::new();
        let Some(mut run) = Start::script(shape).arg(place.mark()).run() else {
            return;
        };
        run.line("engine up");
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "{shape}: {end:?}");
        assert!(place.stopped_cleanly(), "{shape}: {end:?}");
        assert!(end.says("stopped as requested"), "{shape}: {end:?}");
    }
}

#[test]
fn a_stop_is_as_clean_below_another_pid_1() {
    for shape in SHAPES {
        let place = Place::new();
        let Some(mut run) = Start::script(shape).arg(place.mark()).below_a_shell().run() else {
            return;
        };
        run.line("adopting orphans as a subreaper");
        run.line("engine up");
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "{shape}: {end:?}");
        assert!(place.stopped_cleanly(), "{shape}: {end:?}");
    }
}

#[test]
fn the_wait_for_the_rest_is_said_and_bounded() {
    let place = Place::new();
    let start = Start::script("does-not-exec.sh")
        .arg(place.mark())
        .grace(Duration::from_millis(100));
    let Some(mut run) = start.run() else { return };
    run.line("engine up");
    run.signal(TERM);
    let waiting = run.line("start script ended with 143 (SIGTERM), waiting up to");
    assert!(waiting.contains("engine.sh (pid "), "{waiting}");
    run.line(": killing engine.sh (pid ");
    // The wrapper's own end was clean; the engine's was not, and that is what counts.
    let end = run.end();
    assert_eq!(end.code, 137, "{end:?}");
    assert!(!place.stopped_cleanly());
}

#[test]
fn a_daemon_left_behind_is_the_engine_and_its_end_is_ours() {
    let place = Place::new();
    let fifo = place.fifo("end");
    let Some(mut run) = Start::script("daemon-fails.sh").arg(&fifo).run() else {
        return;
    };
    run.line("start script ended with 0 and left the engine running");
    let _held = let_go_on(&fifo);
    let end = run.end();
    assert_eq!(end.code, 7, "{end:?}");
}

#[test]
fn what_a_crashed_wrapper_leaves_behind_is_stopped_cleanly_and_the_crash_is_told() {
    let place = Place::new();
    let crash = place.fifo("crash");
    let Some(mut run) = Start::script("wrapper-crashes.sh")
        .arg(place.mark())
        .arg(&crash)
        .run()
    else {
        return;
    };
    run.line("engine up");
    let _held = let_go_on(&crash);
    run.line("start script ended with 3 without a stop request");
    let end = run.end();
    assert_eq!(end.code, 3, "{end:?}");
    assert!(place.stopped_cleanly());
}

/// `docker stop` does not know that the engine is being stopped already.
#[test]
fn a_stop_request_after_a_crash_neither_hastens_the_stop_nor_hides_the_crash() {
    let place = Place::new();
    let (crash, go_on) = (place.fifo("crash"), place.fifo("go-on"));
    let start = Start::script("wrapper-crashes.sh")
        .env("ENGINE", "counts-term.sh")
        .arg(place.mark())
        .arg(&crash)
        .arg(&go_on);
    let Some(mut run) = start.run() else { return };
    run.line("engine up");
    let _crashed = let_go_on(&crash);
    run.line("stopping");
    for _ in 0..2 {
        run.signal(TERM);
        run.line("stop requested again");
    }
    let _held = let_go_on(&go_on);
    let end = run.end();
    assert_eq!(end.code, 3, "{end:?}");
    assert!(!end.lines.contains(&"again".to_owned()), "{end:?}");
    assert!(place.stopped_cleanly(), "{end:?}");
}

#[test]
fn a_stop_request_after_the_wrapper_has_obeyed_the_first_does_not_hasten_the_engine() {
    let place = Place::new();
    let go_on = place.fifo("go-on");
    let start = Start::script("does-not-exec.sh")
        .env("ENGINE", "counts-term.sh")
        .arg(place.mark())
        .arg(&go_on);
    let Some(mut run) = start.run() else { return };
    run.line("engine up");
    run.signal(TERM);
    run.lines(["stopping", "start script ended with 143 (SIGTERM), waiting up to"]);
    for _ in 0..2 {
        run.signal(TERM);
        run.line("stop requested again");
    }
    let _held = let_go_on(&go_on);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(!end.lines.contains(&"again".to_owned()), "{end:?}");
    assert!(place.stopped_cleanly(), "{end:?}");
}

#[test]
fn a_daemon_is_stopped_as_cleanly_as_what_stays_in_the_foreground() {
    let place = Place::new();
    let Some(mut run) = Start::script("daemon.sh").arg(place.mark()).run() else {
        return;
    };
    run.lines(["engine up", "left the engine running: supervising"]);
    run.signal(TERM);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(place.stopped_cleanly(), "{end:?}");
    assert!(end.says("stopped as requested"), "{end:?}");
}

#[test]
fn a_healthy_engine_wakes_nobody() {
    let place = Place::new();
    let Some(mut run) = Start::script("engine.sh").arg(place.mark()).run() else {
        return;
    };
    run.lines(["engine up", "engine started"]);
    let supervisor = run.supervisor();
    let switches = || status_line(supervisor, "voluntary_ctxt_switches").unwrap();
    // The line above may be read before the supervisor has gone to sleep for the first time.
    eventually("it sleeps", || {
        status_line(supervisor, "State")?.starts_with('S').then_some(())
    });
    let before = switches();
    run.stays_quiet(Duration::from_secs(1));
    assert_eq!(switches(), before);
}
