//! From one run of the engine to the next: on the same data or not, cut off in its stop or not.

mod support;

use std::fs;

use support::whole::{ENGINE, Running, Whole};
use support::{Place, eventually};

const TERM: i32 = 15;
const KILL: i32 = 9;

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
        assert!(ours.contains("nobody asked it to stop"), "{said}");
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

/// Nobody tells a container how long Docker waits; a stop that was cut off shows it.
#[test]
fn a_stop_that_was_cut_off_is_told_at_the_next_start_and_only_there() {
    let place = Place::new();
    let slow = ENGINE.replace("sleep 0.2; ", "touch slow; sleep 1000; ");
    let whole = Whole::new(&place, &slow);
    let Some(mut run) = whole.start() else { return };
    up(&whole, &mut run);
    run.signal(TERM);
    eventually("it is stopping", || whole.has("slow").then_some(()));
    let note = whole.state().join("muster-fe.stopping");
    eventually("it is noted", || {
        fs::read_to_string(&note).ok().filter(|text| text == "000001\n")
    });
    run.signal(KILL);
    run.end();
    for (told, quick) in [(true, false), (false, true)] {
        fs::remove_file(whole.home.join("up")).unwrap();
        if quick {
            place.remove("home/bin/start_fe.sh");
            Whole::new(&place, ENGINE);
        }
        let Some(mut run) = whole.start() else { return };
        up(&whole, &mut run);
        assert_eq!(
            whole.said().contains("the last stop was cut off after 1 s")
                && whole.said().contains("set stop_grace_period: 35s"),
            told,
            "{}",
            whole.said()
        );
        assert!(!note.exists());
        if quick {
            run.signal(TERM);
            assert_eq!(run.end(), 0, "{}", whole.said());
        } else {
            run.signal(KILL);
            run.end();
        }
        assert!(!note.exists());
    }
}

/// Its engine's status went to somebody else, so no end of it will ever be told: to wait for that would be for ever.
#[test]
fn a_fresh_image_whose_engine_is_nowhere_ends_and_says_so() {
    let place = Place::new();
    let left = r#"{"pid":1,"main":99,"phase":{"daemon":false,"exit":null,"stop":null},"grace":{"secs":1,"nanos":0},
        "left":null,"lived":{"secs":1,"nanos":0},"sight":{"adopts":true,"sees_proc":true},"console":[[99,1]],"stop_note":null,
        "kept":"{}"}"#;
    let whole = Whole::new(&place, ENGINE).env("MUSTER_RESIDENT", left);
    let Some(mut run) = whole.start() else { return };
    assert_eq!(run.end(), 70, "{}", whole.said());
    let said = whole.said();
    assert!(
        said.contains("error: lost the exit status of the start script (pid 99)"),
        "{said}"
    );
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
        said.contains("error: another muster (host ") && said.contains("pid 1) holds"),
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
    assert!(!second.said().contains("holds"), "{}", second.said());
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
