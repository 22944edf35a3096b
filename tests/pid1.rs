//! PID 1's duties, with real processes: reap everyone, lose no status, and stay until the last one is gone.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy knows a test by its attribute, not its helpers"
)]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Place, Run, Start, eventually, let_go_on, status_line};
use tokio::time::Instant;

const TERM: i32 = 15;

/// Every way a vendor's script is known to run its engine.
const SHAPES: [&str; 6] = [
    "engine.sh",
    "execs.sh",
    "does-not-exec.sh",
    "own-session.sh",
    "through-tee.sh",
    "daemon.sh",
];

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
        assert!(end.says("stopped as asked"), "{shape}: {end:?}");
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

/// Where the kernel hands us no orphans, the group is what is left to watch.
#[test]
fn without_orphans_of_its_own_it_still_waits_for_the_group() {
    let place = Place::new();
    let start = Start::script("does-not-exec.sh")
        .arg(place.mark())
        .below_a_shell()
        .flag("--adopt-nobody");
    let Some(mut run) = start.run() else { return };
    run.line("engine up");
    run.signal(TERM);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(place.stopped_cleanly(), "{end:?}");
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
    run.line("now killed: engine.sh (pid ");
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
    run.line("start script ended with 3, unasked");
    let end = run.end();
    assert_eq!(end.code, 3, "{end:?}");
    assert!(place.stopped_cleanly());
}

#[test]
fn three_thousand_orphans_that_die_together_are_reaped_and_the_engines_status_is_kept() {
    let place = Place::new();
    let fifo = place.fifo("storm");
    let Some(mut run) = Start::script("storm.sh").arg(&fifo).arg("3000").run() else {
        return;
    };
    run.line("released");
    let released = Instant::now();
    run.line("all reaped");
    let took = released.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let end = run.end();
    assert_eq!(end.code, 42, "{end:?}");
}

/// A process in the namespace whose parent is outside of it, as `docker exec` makes them.
fn visit(run: &Run) -> std::process::Child {
    let mut nsenter = Command::new("nsenter");
    if nix::unistd::getuid().is_root() {
        nsenter.args(["--pid", "--mount"]);
    } else {
        nsenter.args(["--user", "--preserve-credentials", "--pid", "--mount"]);
    }
    nsenter
        .args(["--target", &run.supervisor().to_string()])
        .arg(support::fixture("visitor.sh"));
    nsenter
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("nsenter")
}

#[test]
fn a_visitor_is_not_signalled_nor_waited_for_and_its_orphans_are_reaped() {
    use std::io::{BufRead, BufReader};
    let place = Place::new();
    let Some(mut run) = Start::script("engine.sh").arg(place.mark()).run() else {
        return;
    };
    run.line("engine up");
    let mut visitor = visit(&run);
    let mut lines = BufReader::new(visitor.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("visiting"));
    let zombies = || {
        let children =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", run.supervisor())).unwrap();
        let states = children
            .split_whitespace()
            .map(|pid| status_line(pid.parse().unwrap(), "State"));
        states.flatten().filter(|state| state.starts_with('Z')).count()
    };
    eventually("no zombie is left", || (zombies() == 0).then_some(()));
    run.signal(TERM);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(place.stopped_cleanly());
    // The visitor died with the namespace, and not before.
    assert_eq!(lines.collect::<Vec<_>>(), [""; 0]);
    #[expect(
        clippy::disallowed_methods,
        reason = "the test program's own child, and nothing else waits here"
    )]
    let gone = visitor.wait().unwrap();
    assert!(!gone.success());
}

/// No shell in between: dash clears the mask itself when it forks.
fn masks(start: Start) -> Option<[u64; 2]> {
    let end = start.arg("/proc/self/status").run()?.end();
    assert_eq!(end.code, 0, "{end:?}");
    let mask = |name| {
        let mask = end.lines.iter().find_map(|line| line.strip_prefix(name)).unwrap();
        // 32 and 33 are the C library's own, and posix_spawn ignores them in the child.
        u64::from_str_radix(mask.trim(), 16).unwrap() & !(3 << 31)
    };
    Some([mask("SigBlk:"), mask("SigIgn:")])
}

#[test]
fn nothing_is_blocked_or_ignored_in_the_script_whatever_we_were_started_with() {
    let given = "env --ignore-signal=INT,QUIT,TERM,CHLD,USR1,PIPE,40 --block-signal=TERM,USR1";
    for start in [
        Start::script("/bin/cat"),
        Start::script("/bin/cat").flag("--exec"),
    ] {
        let Some(masks) = masks(start.through(given)) else {
            return;
        };
        assert_eq!(masks, [0, 0]);
    }
}

/// nohup promises that a hangup changes nothing.
#[test]
fn an_ignored_hangup_stays_ignored() {
    let Some(masks) = masks(Start::script("/bin/cat").through("env --ignore-signal=HUP")) else {
        return;
    };
    assert_eq!(masks, [0, 1]);
}

#[test]
fn an_exit_status_is_not_lost_to_an_ignored_chld() {
    let start = Start::script("exits.sh")
        .arg("42")
        .through("env --ignore-signal=CHLD");
    let Some(run) = start.run() else { return };
    assert_eq!(run.end().code, 42);
}

#[test]
fn the_script_gets_its_environment_directory_and_group_and_no_stray_descriptor() {
    for (how, identity) in [
        ("", "pid 2 group 2 in /tmp"),
        (" --exec", "pid 1 group 0 in /tmp"),
    ] {
        let start = Start::script("state.sh")
            .through(support::fixture("opens-nine.sh").to_str().unwrap())
            .env("SECRET", "s3cret")
            .env("INHERITED", "from outside")
            .env("GIVEN", "from outside")
            .flag(&format!("--unset SECRET --dir /tmp{how}"));
        let Some(run) = start.run() else { return };
        let end = run.end();
        assert_eq!(end.code, 0, "{end:?}");
        assert!(
            end.says("given by the launch secret none inherited from outside"),
            "{how}: {end:?}"
        );
        assert!(end.says(identity), "{how}: {end:?}");
        if how.is_empty() {
            let descriptors = end
                .lines
                .iter()
                .filter(|line| line.parse::<u32>().is_ok())
                .collect::<Vec<_>>();
            // 3 is what `ls` reads the directory through.
            assert_eq!(descriptors, ["0", "1", "2", "3"], "{end:?}");
        }
    }
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

#[test]
fn a_watch_that_panics_or_ends_takes_nothing_with_it() {
    for (watch, line) in [
        ("panics", "the watch beside the engine panicked"),
        ("ends", "watch ended"),
    ] {
        let place = Place::new();
        let start = Start::script("engine.sh")
            .arg(place.mark())
            .flag(&format!("--watch {watch}"));
        let Some(mut run) = start.run() else { return };
        run.line(line);
        // The engine may have been first.
        run.signals_blocked();
        eventually("the trap is set", || {
            let engine = run.engine()?;
            (u64::from_str_radix(&status_line(engine, "SigCgt")?, 16).ok()? >> (TERM - 1) & 1 == 1)
                .then_some(())
        });
        run.signal(TERM);
        let end = run.end();
        assert_eq!(end.code, 0, "{end:?}");
        assert!(place.stopped_cleanly());
    }
}

/// A node that finds itself dropped stops its engine. It used to send itself TERM, and its own signals are not heard.
#[test]
fn a_watch_that_wants_the_engine_stopped_is_heard() {
    let place = Place::new();
    let start = Start::script("engine.sh").arg(place.mark()).flag("--watch stops");
    let Some(run) = start.run() else { return };
    let end = run.end();
    assert!(end.says("stop requested by SIGTERM"), "{end:?}");
    assert_eq!(end.code, 0, "{end:?}");
}

/// And not with the engine: asking a cluster about a member that leaves would be noise.
#[test]
fn the_watch_ends_with_the_stop_request() {
    let place = Place::new();
    let go_on = place.fifo("go-on");
    let Some(mut run) = Start::script("counts-term.sh")
        .arg(place.mark())
        .arg(&go_on)
        .run()
    else {
        return;
    };
    run.line("engine up");
    run.signal(TERM);
    run.line("watch dropped");
    let _held = let_go_on(&go_on);
    let end = run.end();
    assert!(end.says("engine ended with 0"), "{end:?}");
}
