//! What the start script is born with, with real processes: nothing of what PID 1 needs for itself, and all the rest as
//! PID 1 was given it.

#![expect(
    clippy::unwrap_used,
    reason = "clippy knows a test by its attribute, not its helpers"
)]

use crate::support::{Start, fixture};

/// Cannot be caught, or are kept by the C library for itself (32, 33; musl takes 34 as well).
const NOT_OURS: [i32; 5] = [9, 19, 32, 33, 34];
/// Ignored it stays ignored: that is what nohup promises.
const HUP: i32 = 1;
/// These may be given no handler, and so stay ignored where nobody is between us and the script; whoever causes one dies of
/// it all the same (the kernel ignores no fault).
const FAULTS: [i32; 3] = [4, 8, 11];

/// No shell in between: dash clears the mask itself when it forks.
fn masks(start: Start) -> Option<[u64; 2]> {
    let end = start.arg("/proc/self/status").run()?.end();
    // It ends with 0 by itself; without `--exec` that becomes 1.
    assert!(end.code <= 1, "{end:?}");
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
            .through(crate::support::fixture("opens-nine.sh").to_str().unwrap())
            .env("SECRET", "s3cret")
            .env("INHERITED", "from outside")
            .env("GIVEN", "from outside")
            .flag(&format!("--unset SECRET --dir /tmp{how}"));
        let Some(run) = start.run() else { return };
        let end = run.end();
        assert_eq!(end.code, i32::from(how.is_empty()), "{end:?}");
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

/// A launcher may hand down anything: each signal ignored, blocked, and both.
#[test]
fn whatever_one_signal_was_set_to_before_us_the_script_finds_it_as_if_it_were_new() {
    for signal in (1..=64).filter(|signal| !NOT_OURS.contains(signal)) {
        for given in [
            format!("env --ignore-signal={signal}"),
            format!("env --block-signal={signal}"),
            format!("env --ignore-signal={signal} --block-signal={signal}"),
        ] {
            for how in ["", "--exec"] {
                let stays = signal == HUP || (how == "--exec" && FAULTS.contains(&signal));
                let kept = u64::from(given.contains("ignore") && stays) << (signal - 1);
                let mut start = Start::script("/bin/cat").through(&given);
                if !how.is_empty() {
                    start = start.flag(how);
                }
                let Some(masks) = masks(start) else { return };
                assert_eq!(masks, [0, kept], "{given} {how}");
            }
        }
    }
}

/// What an orchestrator sets for a container is set for the engine: a score of its own would get PID 1 and the engine
/// killed in another order, a umask of its own would make files that others cannot read.
#[test]
fn what_the_kernel_knows_of_a_process_is_handed_on_as_it_is_and_so_are_its_files() {
    for how in ["--grace-ms 30000", "--exec"] {
        let start = Start::script("tells.sh")
            .arg("found")
            .through(fixture("unusual.sh").to_str().unwrap())
            .flag(how);
        let Some(run) = start.run() else { return };
        let end = run.end();
        assert_eq!(end.code, i32::from(how != "--exec"), "{end:?}");
        let told = |who: &str| {
            let lines = end.lines.iter().filter_map(|line| line.strip_prefix(who));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let given = told("given: ");
        // How nice the test itself runs is added to the last figure.
        assert!(
            given[0].starts_with("oom 321, umask 0027, files 99, nice "),
            "{end:?}"
        );
        assert_eq!(given.len(), 4, "{end:?}");
        let found = told("found: ");
        if how == "--exec" {
            assert_eq!(found, given, "{end:?}");
        } else {
            // stdout and stderr go through our hands, in a pipe each; tests/it/console.rs is about those.
            assert_eq!(found[..2], given[..2], "{end:?}");
            assert!(
                found[2].starts_with("1 is pipe:") && found[3].starts_with("2 is pipe:"),
                "{end:?}"
            );
            assert_ne!(found[2..], given[2..], "{end:?}");
        }
    }
}
