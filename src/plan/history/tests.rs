use std::collections::BTreeMap;
use std::time::Duration;

use super::{CrashLoop, Start, Stop, alive, crash_loop, ended, json, kept, no_end, refused, table};
use crate::engine::Component;
use crate::facts::fixture::one_engine;
use crate::facts::history::{Event, MOST, Word};
use crate::facts::record::{Progress, Record};
use crate::plan::end_report::derive;
use crate::plan::leader::tests::answers;
use crate::plan::leader::{Belief, Cluster, believe};
use crate::settings::Host;

fn record(host: &str, progress: Progress) -> Record {
    Record {
        engine: one_engine(),
        component: Component::Fe,
        role: "follower".to_owned(),
        host: Host::parse(host).unwrap(),
        ports: BTreeMap::new(),
        cluster_id: None,
        members: Vec::new(),
        progress,
        first_steps: None,
        lost: false,
    }
}

fn cluster(sql: &str) -> Cluster {
    match believe(&answers(sql), Duration::from_secs(5)) {
        Belief::Leader(cluster) => cluster,
        other => panic!("{other:?}"),
    }
}

fn event(word: Word) -> Event {
    Event::new(word, word.id())
}

fn words(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.event.id()).collect()
}

#[test]
fn a_start_says_first_what_it_shows_of_the_run_before() {
    let started = |version: &str, exec: bool| Event {
        version: Some(version.to_owned()),
        exec: exec.then_some(true),
        ..event(Word::Started)
    };
    let old = |host| Some(record(host, Progress::Joined));
    let table = [
        (vec![], None, vec!["started"]),
        (vec![started("1.0", false)], None, vec!["no-end", "started"]),
        // What comes between does not end a run.
        (
            vec![started("1.0", false), event(Word::Leader), event(Word::Refused)],
            None,
            vec!["no-end", "started"],
        ),
        (
            vec![started("1.0", false), event(Word::Ended)],
            None,
            vec!["started"],
        ),
        (
            vec![started("1.0", false), event(Word::Again)],
            None,
            vec!["started"],
        ),
        (
            vec![started("1.0", false), event(Word::NoEnd)],
            None,
            vec!["started"],
        ),
        // Nobody could have told its end.
        (vec![started("1.0", true)], None, vec!["started"]),
        (
            vec![started("0.9", false), event(Word::Stopped)],
            old("10.0.0.12"),
            vec!["readdressed", "version", "started"],
        ),
        (
            vec![started("1.0", false), event(Word::Stopped)],
            old("10.0.0.13"),
            vec!["started"],
        ),
        // A host that no list has shown is none that it has left.
        (
            vec![],
            Some(record("10.0.0.12", Progress::Planned)),
            vec!["started"],
        ),
    ];
    for (past, before, expected) in table {
        let record = record("10.0.0.13", Progress::Started);
        let start = Start {
            engine: one_engine(),
            version: Some("1.0"),
            role: "follower",
            record: &record,
            helper: Some("10.0.0.10:9010"),
            exec: false,
        };
        let events = start.events(&past, before.as_ref());
        assert_eq!(words(&events), expected, "{past:?}");
        let last = events.last().unwrap();
        assert!(
            last.say
                .ends_with("1.0 FE 10.0.0.13, follower, to join by 10.0.0.10:9010"),
            "{last:?}"
        );
        if expected.len() == 3 {
            assert_eq!(events[0].say, "10.0.0.13, and 10.0.0.12 before");
            assert_eq!(events[1].say, "1.0, and 0.9 before");
        }
    }
    let cut = no_end(&[Event {
        at: 1_795_245_687,
        ..event(Word::Started)
    }]);
    assert_eq!(
        cut.unwrap().say,
        "the run of 2026-11-21T07:21:27Z has no end: it was killed, or the host went down"
    );
}

#[test]
fn an_end_has_its_code_its_time_and_its_reason() {
    let report = derive(&[], 137, Duration::from_millis(12_400));
    let killed = ended(&report, 137, Duration::from_millis(12_400));
    assert!(killed.say.starts_with("137 after 12.4 s: "), "{killed:?}");
    assert_eq!((killed.code, killed.ran_s), (Some(137), Some(12)));
    let stop = |unclean, millis, cut| {
        let stop = Stop {
            unclean,
            took: Duration::from_millis(millis),
            ran: Duration::from_secs(90_000),
            cut,
        };
        stop.event()
    };
    let table = [
        (
            stop(None, 512, false),
            "on request, in 0.5 s; it had run for 25 h",
        ),
        (
            stop(Some(139), 500, false),
            "on request, in 0.5 s, with 139: the stop was not clean; it had run for 25 h",
        ),
        (
            stop(Some(137), 60_000, true),
            "on request, killed after 60 s: it had not stopped by then; it had run for 25 h",
        ),
    ];
    for (event, say) in table {
        assert_eq!(event.say, say);
        assert_eq!(event.cut, Some(say.contains("killed")));
    }
    assert_eq!(stop(None, 512, false).stop_ms, Some(512));
}

#[test]
fn a_refusal_has_every_sentence_of_its_report_and_no_hint() {
    let table = [
        (
            79,
            "error: this node was dropped\n\nhint: REJOIN=1\n",
            "79: this node was dropped",
        ),
        (
            78,
            "warning: odd\nerror: 2 settings cannot be used\n  A: no port\n  B: no host\n\nhint: correct them\n",
            "78: 2 settings cannot be used; A: no port; B: no host",
        ),
        (70, "", "70: "),
    ];
    for (code, report, say) in table {
        let event = refused(code, report);
        assert_eq!((event.say.as_str(), event.code), (say, Some(code)));
    }
    let long = refused(78, &"x".repeat(10_000));
    assert!(long.say.chars().count() <= 601);
}

#[test]
fn only_what_is_new_of_a_node_that_is_alive_is_an_event() {
    let led_by_2 = cluster("2: 1F+ 2L+ 3F+");
    let known = |leader: &str| Event {
        leader: Some(leader.to_owned()),
        ..event(Word::Leader)
    };
    let table = [
        (Progress::Founding, vec![], Some("founded: cluster 77")),
        (
            Progress::Started,
            vec![],
            Some("joined: cluster 77, led by 10.0.0.2"),
        ),
        (
            Progress::Planned,
            vec![known("10.0.0.2")],
            Some("joined: cluster 77, led by 10.0.0.2"),
        ),
        (
            Progress::Dropped,
            vec![],
            Some("listed: cluster 77, led by 10.0.0.2, lists this node again"),
        ),
        (
            Progress::Joined,
            vec![known("10.0.0.2"), event(Word::Started)],
            None,
        ),
        (
            Progress::Joined,
            vec![known("10.0.0.2"), known("10.0.0.1")],
            Some("leader: 10.0.0.2 leads, and 10.0.0.1 before"),
        ),
        (
            Progress::Joined,
            vec![],
            Some("leader: 10.0.0.2 leads cluster 77"),
        ),
    ];
    for (before, past, expected) in table {
        let event = alive(before, &led_by_2, &past);
        let said = event.map(|event| format!("{}: {}", event.event.id(), event.say));
        assert_eq!(said.as_deref(), expected, "{before:?} {past:?}");
    }
}

#[test]
fn of_a_loop_the_beginning_and_the_end_stay_with_the_number_between() {
    let line = |event: Event| event.to_line().trim_end().to_owned();
    let mut lines = vec![line(Event::new(Word::Joined, "cluster 77"))];
    for round in 0..1_000 {
        lines.push(line(Event::new(Word::Started, round.to_string())));
        lines.push(line(Event {
            code: Some(255),
            ..Event::new(Word::Ended, round.to_string())
        }));
        lines = kept(lines);
    }
    assert_eq!(lines.len(), MOST);
    let events = crate::facts::history::events(&lines);
    let says = |at: usize| (events[at].event.id(), events[at].say.as_str());
    assert_eq!(says(0), ("joined", "cluster 77"));
    assert_eq!((says(1), says(2)), (("started", "0"), ("ended", "0")));
    assert_eq!(says(MOST - 1), ("ended", "999"));
    let more: u64 = events.iter().filter_map(|event| event.more).sum();
    assert_eq!(more + MOST as u64, 2_001, "none is lost without a word");
    // Without a loop the oldest goes.
    let different: Vec<String> = (0..=MOST)
        .map(|number| {
            line(Event {
                reason: Some(number.to_string()),
                ..event(Word::Ended)
            })
        })
        .collect();
    assert_eq!(kept(different.clone()), different[1..]);
}

#[test]
fn three_ends_within_an_hour_that_nobody_asked_for_are_a_loop() {
    let now = 100_000;
    let at = |ago: u64, word| Event {
        at: now - ago,
        ..Event::new(word, format!("{ago} s ago"))
    };
    let ended = |ago| at(ago, Word::Ended);
    let table = [
        (vec![], None),
        (vec![ended(20), ended(10)], None),
        (vec![ended(3_700), ended(20), ended(10)], None),
        (vec![ended(3_590), ended(20), ended(10)], Some((3, "10 s ago"))),
        (
            vec![
                ended(90),
                at(80, Word::Started),
                at(70, Word::NoEnd),
                at(60, Word::Refused),
                at(50, Word::Started),
            ],
            Some((3, "60 s ago")),
        ),
        // Asked for, each time.
        (
            vec![
                at(30, Word::Stopped),
                at(20, Word::Stopped),
                at(10, Word::Stopped),
            ],
            None,
        ),
    ];
    for (events, expected) in table {
        let expected = expected.map(|(times, last)| CrashLoop {
            times,
            last: last.to_owned(),
        });
        assert_eq!(crash_loop(&events, now), expected, "{events:?}");
    }
}

#[test]
fn the_table_has_one_line_an_event_and_fits_a_terminal() {
    let events = [
        Event {
            at: 1_795_245_687,
            ..Event::new(Word::Started, "an engine")
        },
        Event {
            at: 1_795_245_699,
            more: Some(540),
            ..Event::new(
                Word::Ended,
                "255 after 12 s: a sentence that is longer than the column",
            )
        },
    ];
    assert_eq!(
        table(&events),
        " 2026-11-21T07:21:27Z  started  an engine\n \
          2026-11-21T07:21:39Z  ended    255 after 12 s: a sentence that is longer than\n\
          \x20                               the column (540 more like it)\n"
    );
    assert_eq!(table(&[]), "");
    let json: serde_json::Value = serde_json::from_str(&json(Component::Fe, &events)).unwrap();
    assert_eq!(
        (json["muster"].as_u64(), json["component"].as_str()),
        (Some(1), Some("fe"))
    );
    assert_eq!(json["events"][1]["more"], 540);
    assert_eq!(json["events"][0]["at"], "2026-11-21T07:21:27Z");
}
