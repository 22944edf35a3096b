//! `METRICS_FILE` of a node as it is: before its engine is started, beside it, and after its end.

use std::fs;
use std::path::PathBuf;

use crate::support::whole::{ENGINE, Whole};
use crate::support::{Place, eventually};

const TERM: i32 = 15;

/// The value of the metric of this node with that label, once the file has it.
fn value(file: &PathBuf, name: &str, label: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    let line =
        lines.find(|line| line.starts_with(&format!("muster_own_{name}{{")) && line.contains(label))?;
    Some(line.rsplit_once(' ')?.1.to_owned())
}

fn is(file: &PathBuf, name: &str, label: &str, expected: &str) {
    eventually(&format!("{name} {label} is {expected}"), || {
        (value(file, name, label)? == expected).then_some(())
    });
}

#[test]
fn the_file_tells_of_a_node_that_waits() {
    let place = Place::new();
    let dir = place.path("metrics");
    fs::create_dir(&dir).unwrap();
    let whole = Whole::new(&place, ENGINE)
        .env("MASTER_HOST", "127.0.0.2")
        .env("LOCAL_HOST", "127.0.0.3")
        .env("METRICS_FILE", dir.to_str().unwrap())
        .env("WAIT_TIMEOUT", "70s");
    let Some(mut run) = whole.start() else { return };
    let file = dir.join("muster-fe.prom");
    is(&file, "phase", "\"waiting\"", "1");
    is(&file, "wait_timeout_seconds", "host=\"127.0.0.3\"", "70");
    assert_eq!(value(&file, "last_failure_code", ""), None);
    run.signal(TERM);
    assert_eq!(run.end(), 0, "{}", whole.said());
    assert_eq!(
        value(&file, "phase", "\"waiting\"").unwrap(),
        "1",
        "a requested stop changes nothing"
    );
}

/// The disk is full, as the vendors' FEs say it; the next start knows of it.
#[test]
fn the_file_tells_how_the_engine_ended_also_at_the_next_starts() {
    let place = Place::new();
    let file = place.path("node.prom");
    let fails = "[ -e failed ] || { touch failed; echo 'java.io.IOException: No space left on device' >&2; exit 5; }\n";
    let whole = Whole::new(&place, &format!("{fails}{ENGINE}")).env("METRICS_FILE", file.to_str().unwrap());
    let Some(mut run) = whole.start() else { return };
    assert_eq!(run.end(), 5, "{}", whole.said());
    assert_eq!(
        value(&file, "phase", "\"ended\"").unwrap(),
        "1",
        "{}",
        whole.said()
    );
    let code = || value(&file, "last_failure_code", "reason=\"disk-full\"").unwrap();
    assert_eq!(code(), "5");
    let began = || -> u64 { value(&file, "start_time_seconds", "").unwrap().parse().unwrap() };
    let first = began();

    let mut run = whole.start().unwrap();
    eventually("the engine is up", || whole.has("up").then_some(()));
    is(&file, "phase", "\"starting\"", "1");
    is(&file, "progress", "\"founding\"", "1");
    assert_eq!(code(), "5");
    let text = fs::read_to_string(&file).unwrap();
    assert!(value(&file, "data_free_bytes", "dir=").is_some(), "{text}");
    assert!(began() >= first, "{text}");
    assert_eq!(value(&file, "last_stop_cut", ""), None);
    run.signal(TERM);
    assert_eq!(run.end(), 0, "{}", whole.said());

    // As the companion writes it at the end of a stop.
    let stopped = "{\"at\":\"2026-11-30T22:00:00Z\",\"event\":\"stopped\",\"say\":\"\",\"stop_ms\":30500,\"cut\":true}\n";
    fs::write(place.path("state").join("muster-fe.history"), stopped).unwrap();
    let mut run = whole.start().unwrap();
    is(&file, "last_stop_cut", "", "1");
    is(&file, "last_stop_seconds", "", "30.5");
    is(&file, "last_stop_time_seconds", "", "1796076000");
    run.signal(TERM);
    assert_eq!(run.end(), 0, "{}", whole.said());
}

#[test]
fn a_start_that_is_refused_is_a_failure_of_its_own() {
    let place = Place::new();
    let file = place.path("node.prom");
    // No address of this machine.
    let whole = Whole::new(&place, ENGINE)
        .env("MASTER_HOST", "192.0.2.1")
        .env("LOCAL_HOST", "192.0.2.7")
        .env("METRICS_FILE", file.to_str().unwrap());
    let Some(mut run) = whole.start() else { return };
    assert_eq!(run.end(), 78, "{}", whole.said());
    assert_eq!(
        value(&file, "last_failure_code", "reason=\"not-started\"").unwrap(),
        "78"
    );
    assert_eq!(value(&file, "phase", "\"ended\"").unwrap(), "1");
}

/// The directory is missing: one warning, and the engine runs.
#[test]
fn a_file_that_cannot_be_written_is_one_warning() {
    let place = Place::new();
    let whole = Whole::new(&place, ENGINE).env("METRICS_FILE", "/nowhere/at/all");
    let Some(mut run) = whole.start() else { return };
    eventually("the engine is up", || whole.has("up").then_some(()));
    run.signal(TERM);
    assert_eq!(run.end(), 0, "{}", whole.said());
    let warning = "cannot write /nowhere/at/all/muster-fe.prom, from METRICS_FILE: No such file or directory";
    assert_eq!(whole.said().matches(warning).count(), 1, "{}", whole.said());
    assert_eq!(whole.read("mark"), "clean\n");
}
