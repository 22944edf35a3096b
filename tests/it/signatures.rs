//! The last lines of engines, as they were seen or as their sources print them: `tests/signatures/<id>/` holds the logs of
//! one end, named as the engine names them, the cause among harmless lines. The name of a directory is the id of the
//! signature, with `--` and a variant after it if the signature has several patterns; `healthy-…` are runs without a problem, and
//! `hang-…` of an FE that does not get ready and does not end.
//! The excerpts were written for this test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use muster::engine::signature::{HANGS, ROWS, matches};
use muster::plan::end_report::{CONSOLE, EndReport, derive, hang};

/// The name of each directory, and its logs, in the order of the engine's list.
fn fixtures() -> Vec<(String, Vec<(String, String)>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signatures");
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mut texts: Vec<_> = fs::read_dir(entry.path())
                .unwrap()
                .map(|file| {
                    let file = file.unwrap();
                    let name = file.file_name().into_string().unwrap();
                    (name, fs::read_to_string(file.path()).unwrap())
                })
                .collect();
            texts.sort_by_key(|(name, _)| position(name));
            (entry.file_name().into_string().unwrap(), texts)
        })
        .collect();
    found.sort();
    found
}

/// The position of a name in the layouts; the console comes first.
fn position(name: &str) -> usize {
    let layouts = muster::engine::ALL.iter().flat_map(|engine| engine.layouts);
    let names = layouts.flat_map(|layout| layout.log_files.iter().chain(layout.data_logs));
    std::iter::once(CONSOLE)
        .chain(names.map(|name| name.rsplit('/').next().unwrap()))
        .position(|known| known == name)
        // Every log has a name that some engine uses.
        .unwrap()
}

/// The id that a report has to have, by the name of its directory.
fn expected(name: &str) -> Option<&str> {
    let (id, _) = name.split_once("--").unwrap_or((name, ""));
    Some(id).filter(|id| !id.starts_with("healthy-") && !id.starts_with("hang-"))
}

fn report(texts: &[(String, String)]) -> EndReport {
    derive(texts, 255, Duration::from_secs(7))
}

#[test]
fn every_end_is_recognised_and_no_healthy_run_is() {
    let mut wrong = Vec::new();
    for (name, texts) in fixtures() {
        let expected = expected(&name);
        let id = report(&texts).id();
        if id != expected {
            wrong.push(format!("{name}: {id:?}"));
        }
        // The order of the files does not matter.
        let backwards: Vec<_> = texts.iter().rev().cloned().collect();
        if derive(&backwards, 1, Duration::ZERO).id() != expected {
            wrong.push(format!("{name}, its files backwards"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_hang_is_named_by_the_lines_that_the_engine_repeats() {
    let fixtures = fixtures();
    for row in HANGS {
        for pattern in row.patterns.split('|') {
            let shown = fixtures.iter().any(|(name, texts)| {
                let lines = || texts.iter().flat_map(|(_, text)| text.lines());
                let id = name.strip_prefix("hang-").unwrap_or_default();
                id.split("--").next() == Some(row.id) && lines().any(|line| matches(line, pattern))
            });
            assert!(
                shown,
                "tests/signatures/hang-{} does not show `{pattern}`",
                row.id
            );
        }
    }
    for (name, texts) in fixtures {
        if let Some(id) = name.strip_prefix("hang-") {
            let row = HANGS
                .iter()
                .find(|row| id.split("--").next() == Some(row.id))
                .unwrap();
            assert_eq!(hang(&texts), Some((row.sentence, row.hint)), "{name}");
        }
    }
}

#[test]
fn every_pattern_of_every_row_has_an_end_that_shows_it() {
    let fixtures = fixtures();
    for row in ROWS.into_iter().flatten() {
        for pattern in row.patterns.split('|') {
            let shown = fixtures.iter().any(|(name, texts)| {
                let lines = || texts.iter().flat_map(|(_, text)| text.lines());
                expected(name) == Some(row.id) && lines().any(|line| matches(line, pattern))
            });
            assert!(shown, "tests/signatures/{} does not show `{pattern}`", row.id);
        }
    }
    let healthy = fixtures.iter().filter(|(name, _)| expected(name).is_none());
    assert!(healthy.count() >= 4);
}

#[test]
fn a_report_has_the_sentence_and_the_line_that_matched() {
    for (name, texts) in fixtures() {
        let report = report(&texts);
        let text = report.to_string();
        let row = ROWS.into_iter().flatten().find(|row| Some(row.id) == report.id());
        if let Some(row) = row {
            let mut parts = row.sentence.split('*');
            assert!(parts.all(|part| text.contains(part)), "{name}:\n{text}");
            assert!(!text.lines().next().unwrap().contains('*'), "{name}:\n{text}");
            assert!(text.lines().any(|line| row.matches(line)), "{name}:\n{text}");
        }
        assert!(report.lines().len() <= 50, "{name}");
        assert!(!text.contains("<Configuration"), "{name}:\n{text}");
    }
}
