//! The kernel refuses us what it refuses processes on a bad day, at random: no memory, no descriptors, no room, no
//! process. An engine that runs goes on running and ends as cleanly as ever; a start that cannot be ends with a sentence.
//!
//! strace makes the refusals, of our own calls and not of the engine's. `FAULTS_SEED=N` replays one run.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy knows a test by its attribute, not its helpers"
)]

use std::process::Command;

use crate::support::whole::{ENGINE, Whole};
use crate::support::{Place, eventually};

const USR1: i32 = 10;
const TERM: i32 = 15;

/// Calls that are refused together, and what the kernel may say of them.
const FAULTS: [(&str, &[&str]); 10] = [
    ("clone,clone3,vfork,fork", &["EAGAIN", "ENOMEM"]),
    ("wait4,waitid", &["EAGAIN", "ENOMEM", "EINTR"]),
    ("write,writev,pwrite64,ftruncate", &["ENOSPC", "EIO", "EAGAIN"]),
    ("fsync,fdatasync", &["EIO", "ENOSPC"]),
    (
        "rename,renameat,renameat2,unlink,mkdir",
        &["EIO", "ENOSPC", "ENOMEM"],
    ),
    ("socket,bind,listen", &["EMFILE", "ENOMEM", "EAGAIN"]),
    ("openat,pipe2", &["EMFILE", "ENOMEM", "EIO"]),
    ("signalfd4,socketpair,sendmsg,recvmsg", &["EMFILE", "ENOMEM"]),
    ("poll,ppoll", &["ENOMEM", "EINTR", "EIO"]),
    ("read,readv", &["EIO", "EAGAIN", "ENOMEM"]),
];

/// Of a run that refuses nothing: what these cost must be known before what they do is told.
const CALM: u64 = 0;

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// strace's own words for what is refused in the run of this seed: from the n-th call on, every m-th.
fn faults(seed: u64) -> Vec<String> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1);
    let mut words = Vec::new();
    for (calls, errors) in FAULTS {
        let mut below = |bound: u64| next(&mut state) % bound;
        if seed == CALM || below(3) > 0 {
            continue;
        }
        let error = errors[usize::try_from(below(errors.len() as u64)).unwrap()];
        // Early ones keep it from starting, late ones meet it while the engine runs.
        let reach = usize::try_from(below(3)).unwrap();
        // The first files are the loader's, where the program is no static one; with the first poll the standard library
        // looks for the three descriptors.
        let own = match calls.split(',').next() {
            Some("openat" | "read") => 20,
            Some("poll") => 2,
            _ => 1,
        };
        let first = own + below([4, 40, 400][reach]);
        let step = 2 + below(7);
        words.push(format!("inject={calls}:error={error}:when={first}+{step}"));
    }
    words
}

/// What became of one run.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Ran,
    Refused(i32),
}

fn run(seed: u64) -> Option<Fate> {
    let place = Place::new();
    let words = faults(seed);
    let whole = refusing(&place, &words);
    let mut run = whole.start()?;
    let words = words.join(" ");
    let told = |what: &str| format!("seed {seed}: {what}\n{words}\n{}", whole.said());
    let early = eventually("it is up, or has ended", || {
        let ended = run.ended();
        (ended.is_some() || whole.has("up")).then_some(ended)
    });
    if let Some(code) = early {
        assert!(
            !whole.has("up"),
            "{}",
            told("the engine was started, and is gone")
        );
        // What is refused where we print cannot be said.
        let mute = words.contains("write");
        assert!(
            whole.said().contains("error: ") || mute,
            "{}",
            told(&format!("no sentence, {code}"))
        );
        assert!(
            [70, 73, 75, 78, 79].contains(&code),
            "{}",
            told(&format!("code {code}"))
        );
        return Some(Fate::Refused(code));
    }
    for _ in 0..5 {
        run.signal(USR1);
    }
    eventually("a signal comes through", || whole.has("heard").then_some(()));
    assert_eq!(run.ended(), None, "{}", told("it ended by itself"));
    run.signal(TERM);
    let code = run.end();
    assert_eq!(whole.read("mark"), "clean\n", "{}", told("the stop was cut off"));
    assert_eq!(
        code,
        0,
        "{}",
        told("the stop was clean, and that was not the code")
    );
    Some(Fate::Ran)
}

/// Whether strace may do that here; where it may not, that is said in words.
fn may_refuse() -> bool {
    let refused = Command::new("strace")
        .args(["-qqq", "-o", "/dev/null", "-e", "inject=getpid:error=EIO", "true"])
        .status();
    let may = refused.is_ok_and(|status| status.success());
    if !may {
        crate::support::skipped("this machine has no strace, or does not let it trace");
    }
    may
}

/// Below strace, which refuses what these words say.
fn refusing(place: &Place, words: &[String]) -> Whole {
    refusing_of(place, words, ENGINE)
}

fn refusing_of(place: &Place, words: &[String], does: &str) -> Whole {
    let trace = place.path("trace");
    let mut strace: Vec<String> = ["strace", "-qqq", "-o", trace.to_str().unwrap()]
        .map(str::to_owned)
        .to_vec();
    for word in words {
        strace.extend(["-e".to_owned(), word.clone()]);
    }
    Whole::new(place, does).through(&strace)
}

/// Neither PID 1 nor a subreaper: then nobody tells us of orphans, and only the group is left to be watched.
#[test]
fn who_cannot_adopt_orphans_says_so_and_still_stops_cleanly() {
    if !may_refuse() {
        return;
    }
    let place = Place::new();
    // The script does not exec: its engine outlives it, and is in its group.
    let does = format!("sh -c '{}' & wait\n", ENGINE.replace('\'', "'\\''"));
    let words = ["inject=prctl:error=EINVAL".to_owned()];
    let whole = refusing_of(&place, &words, &does);
    let Some(mut run) = whole.start() else { return };
    eventually("it is up", || whole.has("up").then_some(()));
    assert!(
        whole.said().contains("neither PID 1 nor a subreaper"),
        "{}",
        whole.said()
    );
    run.signal(TERM);
    assert_eq!(run.end(), 0, "{}", whole.said());
    assert_eq!(whole.read("mark"), "clean\n");
}

/// NFS without a lock daemon.
#[test]
fn a_data_dir_that_cannot_be_locked_is_warned_about_once_and_used() {
    if !may_refuse() {
        return;
    }
    let place = Place::new();
    let trace = place.path("trace");
    let strace = ["strace", "-f", "-qqq", "-o", trace.to_str().unwrap()];
    let words = strace.into_iter().chain(["-e", "inject=flock:error=ENOLCK"]);
    let words: Vec<String> = words.map(str::to_owned).collect();
    let whole = Whole::new(&place, ENGINE).through(&words);
    let Some(mut run) = whole.start() else { return };
    eventually("it is up", || whole.has("up").then_some(()));
    let said = whole.said();
    assert_eq!(
        said.matches("two engines could be started on it").count(),
        1,
        "{said}"
    );
    assert!(said.contains("home/meta: No locks available"), "{said}");
    run.signal(TERM);
    assert_eq!(run.end(), 0, "{}", whole.said());
}

#[expect(
    clippy::disallowed_methods,
    reason = "a seed is a fact about the test run, not a setting"
)]
fn seeds(number: u64) -> Vec<u64> {
    match std::env::var("FAULTS_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=number).collect(),
    }
}

#[test]
fn whatever_the_kernel_refuses_an_engine_that_runs_ends_cleanly_and_one_that_cannot_start_is_told() {
    refuse(20);
}

#[test]
#[ignore = "nightly: the same with many more seeds"]
fn whatever_the_kernel_refuses_of_many_more_calls() {
    refuse(60);
}

fn refuse(number: u64) {
    if !may_refuse() {
        return;
    }
    let Some(fate) = run(CALM) else { return };
    assert_eq!(fate, Fate::Ran, "with nothing refused");
    let (mut ran, mut refused) = (0, 0);
    // 110 is the one whose log could not be written any more.
    for seed in seeds(number).into_iter().chain([110]) {
        match run(seed) {
            Some(Fate::Ran) => ran += 1,
            Some(Fate::Refused(_)) => refused += 1,
            None => return,
        }
    }
    assert!(
        seeds(number).len() == 1 || (ran > 0 && refused > 0),
        "{ran} ran, {refused} were refused"
    );
}
