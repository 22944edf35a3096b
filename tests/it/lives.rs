//! How an engine ends, and who may start one on the same data.

use crate::support::whole::{ENGINE, Running, Whole};
use crate::support::{Place, eventually};

const TERM: i32 = 15;

/// What it says on the console stands there already, so only the sentence is added; what it wrote to its files is shown.
#[test]
fn an_end_nobody_asked_for_is_explained_by_the_engines_last_words() {
    let console =
        "echo 'start of the log'; echo 'edit_log_port 9010 is already in use. will exit.'; exit 255\n";
    let files = "mkdir -p log; echo 'java.lang.Exception: no such env variable: NOPE' >log/fe.out; \
                 echo 'an INFO of fe.log' >log/fe.log; exit 255\n";
    for (script, sentence, lines) in [
        (console, "edit_log_port", None),
        (files, "no such env variable: NOPE", Some("an INFO of fe.log")),
    ] {
        let place = Place::new();
        let whole = Whole::new(&place, script);
        let Some(mut run) = whole.start() else { return };
        assert_eq!(run.end(), 255, "{}", whole.said());
        let said = whole.said();
        let (engine, ours) = said.split_once("engine ended with 255 after ").unwrap();
        assert!(ours.contains("without a stop request"), "{said}");
        assert!(
            ours.contains("error: ") && ours.contains("hint: ") && ours.contains(sentence),
            "{said}"
        );
        assert_eq!(
            said.matches("start of the log").count(),
            usize::from(lines.is_none()),
            "{said}"
        );
        assert!(
            lines.is_none_or(|line| ours.contains(line) && !engine.contains(line)),
            "{said}"
        );
    }
}

#[test]
fn an_end_that_was_asked_for_is_explained_by_nothing() {
    let place = Place::new();
    let whole = Whole::new(
        &place,
        &ENGINE.replace(
            "echo stopping",
            "echo 'edit_log_port 9010 is already in use. will exit.'",
        ),
    );
    let Some(mut run) = whole.start() else { return };
    up(&whole, &mut run);
    run.signal(TERM);
    assert_eq!(run.end(), 0);
    assert!(!whole.said().contains("error: "), "{}", whole.said());
}

fn up(whole: &Whole, run: &mut Running) {
    eventually("it is up", || {
        assert_eq!(run.ended(), None, "{}", whole.said());
        whole.has("up").then_some(())
    });
}

/// Two containers on one volume: each has its own processes, and neither sees those of the other.
#[test]
fn a_second_muster_on_the_same_data_is_refused_and_the_first_named() {
    let place = Place::new();
    let whole = Whole::new(&place, ENGINE);
    let Some(mut first) = whole.start() else { return };
    up(&whole, &mut first);
    let before = whole.read("meta/muster.json");
    let other = Place::new();
    let second = Whole::new(&other, ENGINE).env("META_DIR", whole.home.join("meta").to_str().unwrap());
    let mut refused = second.start().unwrap();
    assert_eq!(refused.end(), 79, "{}", second.said());
    let said = second.said();
    assert!(
        said.contains("error: another muster (host ") && said.contains(") uses"),
        "{said}"
    );
    assert!(!second.has("up") && before == whole.read("meta/muster.json"));
    first.signal(TERM);
    assert_eq!(first.end(), 0);
    // With the first one gone the data is only another node's.
    let mut third = second.start().unwrap();
    eventually("it has decided", || {
        let ended = third.ended();
        (ended.is_some() || second.has("up")).then_some(())
    });
    assert!(!second.said().contains("another muster"), "{}", second.said());
}

/// The kernel's default for a process is 1024; the vendors' own scripts know 60,000 as the least.
#[test]
fn limits_are_raised_as_far_as_they_may_be() {
    let place = Place::new();
    let whole = Whole::new(&place, &format!("ulimit -Sn >soft; ulimit -Hn >hard\n{ENGINE}"));
    let through = ["prlimit", "--nofile=1024:", "--"].map(str::to_owned);
    let whole = whole.through(&through);
    let Some(mut run) = whole.start() else { return };
    up(&whole, &mut run);
    let [soft, hard] = ["soft", "hard"].map(|file| whole.read(file));
    let number: u64 = soft.trim().parse().unwrap();
    assert!(number == 655_350 || soft == hard, "{soft} of {hard}");
}
