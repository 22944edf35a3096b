//! Once all is settled a fresh image of PID 1 goes on: nothing of what it watches over may notice.

use std::fs;
use std::time::Duration;

use crate::support::{Place, SHAPES, Start, eventually, pass};

const TERM: i32 = 15;

#[test]
fn a_fresh_image_stops_every_shape_of_start_script_as_cleanly() {
    for shape in SHAPES {
        let place = Place::new();
        let start = Start::script(shape).arg(place.mark()).flag("--watch settles");
        let Some(mut run) = start.run() else { return };
        run.line("engine up");
        run.settled();
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "{shape}: {end:?}");
        assert!(place.stopped_cleanly(), "{shape}: {end:?}");
        assert!(end.says("stopped as asked"), "{shape}: {end:?}");
    }
}

#[test]
fn below_another_pid_1_a_fresh_image_still_adopts_orphans() {
    for shape in SHAPES {
        let place = Place::new();
        let start = Start::script(shape)
            .arg(place.mark())
            .below_a_shell()
            .flag("--watch settles");
        let Some(mut run) = start.run() else { return };
        run.line("engine up");
        run.settled();
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "{shape}: {end:?}");
        assert!(place.stopped_cleanly(), "{shape}: {end:?}");
    }
}

/// The script ends while the image changes: its status waits in the kernel, and so does the signal that tells of it.
#[test]
fn no_exit_code_is_lost_while_images_change() {
    for code in 0..40 {
        let start = Start::script("exits.sh")
            .arg(code.to_string())
            .flag("--watch settles");
        let Some(run) = start.run() else { return };
        let end = run.end();
        assert_eq!(end.code, code, "{end:?}");
    }
}

/// Before the change, in the middle of it, after it; and while the script sets its trap, of which it then dies.
#[test]
fn no_stop_request_is_lost_while_images_change() {
    let mut dice = hosts::dice();
    for round in 0..60 {
        let place = Place::new();
        let start = Start::script("engine.sh")
            .arg(place.mark())
            .flag("--watch settles");
        let Some(run) = start.run() else { return };
        run.signals_blocked();
        let pause = Duration::from_micros(dice.u64(0..12_000));
        pass(pause);
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "round {round}, {pause:?}: {end:?}");
        assert!(end.says("stopped as asked"), "round {round}, {pause:?}: {end:?}");
        let stopping = end.lines.contains(&"stopping".to_owned());
        assert_eq!(
            place.stopped_cleanly(),
            stopping,
            "round {round}, {pause:?}: {end:?}"
        );
    }
}

/// `docker exec … cat /proc/1/environ` shows whatever PID 1 was started with.
#[test]
fn the_secrets_leave_the_environment_of_pid_1_and_its_name_stays() {
    let place = Place::new();
    let start = Start::script("engine.sh")
        .arg(place.mark())
        .env("PASSWORD_OF_ROOT", "geheim")
        .env("OTHER", "stays")
        .flag("--unset PASSWORD_OF_ROOT --watch settles");
    let Some(mut run) = start.run() else { return };
    run.line("engine up");
    let environment = run.settled();
    // And it is still found under its name.
    eventually("it has its name again", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", run.supervisor())).ok()?;
        (name == "pid1\n").then_some(())
    });
    assert!(environment.contains("OTHER=stays"), "{environment}");
    assert!(!environment.contains("geheim"), "{environment}");
    run.signal(TERM);
    assert_eq!(run.end().code, 0);
}

/// A signal to ourselves is not heard, so a watch that wants the engine stopped says so by how it ends.
#[test]
fn a_watch_that_asks_for_the_stop_gets_a_clean_one() {
    for shape in ["engine.sh", "does-not-exec.sh", "own-session.sh"] {
        let place = Place::new();
        let start = Start::script(shape).arg(place.mark()).flag("--watch stops");
        let Some(run) = start.run() else { return };
        let end = run.end();
        assert_eq!(end.code, 0, "{shape}: {end:?}");
        assert!(end.says("stopped as asked"), "{shape}: {end:?}");
    }
}
