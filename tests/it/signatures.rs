//! What engines were seen to say last, or would by their sources: `tests/signatures/<id>/` holds the files of one end as
//! the engine names them, the reason among harmless lines. The name of a directory is what the end is to be told as, with
//! `--` and which one of them behind it where a row knows several; `healthy-…` are runs that have nothing to tell. The
//! excerpts were written for this test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use muster::engine::signature::{ROWS, holds};
use muster::plan::end_report::{CONSOLE, EndReport, derive};

/// The name of each directory, and what each of its files says, in the order the engine's own list has.
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
            texts.sort_by_key(|(name, _)| place(name));
            (entry.file_name().into_string().unwrap(), texts)
        })
        .collect();
    found.sort();
    found
}

/// Where a name stands among those of the layouts; the console comes before all.
fn place(name: &str) -> usize {
    let layouts = muster::engine::ALL.iter().flat_map(|engine| engine.layouts);
    let names = layouts.flat_map(|layout| layout.log_files.iter().chain(layout.data_logs));
    std::iter::once(CONSOLE)
        .chain(names.map(|name| name.rsplit('/').next().unwrap()))
        .position(|known| known == name)
        // No engine has a log of another name.
        .unwrap()
}

/// What an end is to be told as, by the name of its directory.
fn expected(name: &str) -> Option<&str> {
    let (id, _) = name.split_once("--").unwrap_or((name, ""));
    Some(id).filter(|id| !id.starts_with("healthy-"))
}

fn told(texts: &[(String, String)]) -> EndReport {
    derive(texts, 255, Duration::from_secs(7))
}

#[test]
fn every_end_is_told_as_what_it_is_and_no_healthy_run_as_anything() {
    let mut wrong = Vec::new();
    for (name, texts) in fixtures() {
        let expected = expected(&name);
        let told = told(&texts);
        if told.id() != expected {
            wrong.push(format!("{name}: {:?}", told.id()));
        }
        // Whichever way the files come: the reason is not where somebody looked first.
        let backwards: Vec<_> = texts.iter().rev().cloned().collect();
        if derive(&backwards, 1, Duration::ZERO).id() != expected {
            wrong.push(format!("{name}, its files backwards"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_row_of_the_table_has_an_end_that_shows_it_and_so_have_all_words_it_knows() {
    let fixtures = fixtures();
    for row in ROWS.into_iter().flatten() {
        for words in row.words.split('|') {
            let shown = fixtures.iter().any(|(name, texts)| {
                let lines = || texts.iter().flat_map(|(_, text)| text.lines());
                expected(name) == Some(row.id) && lines().any(|line| holds(line, words))
            });
            assert!(shown, "tests/signatures/{} does not show `{words}`", row.id);
        }
    }
    let healthy = fixtures.iter().filter(|(name, _)| expected(name).is_none());
    assert!(healthy.count() >= 4);
}

#[test]
fn what_is_printed_of_an_end_holds_the_words_it_is_told_by() {
    for (name, texts) in fixtures() {
        let told = told(&texts);
        let report = told.to_string();
        let row = ROWS.into_iter().flatten().find(|row| Some(row.id) == told.id());
        if let Some(row) = row {
            assert!(report.contains(row.sentence), "{name}:\n{report}");
            assert!(report.lines().any(|line| row.is_in(line)), "{name}:\n{report}");
        }
        assert!(told.lines().len() <= 50, "{name}");
        assert!(!report.contains("<Configuration"), "{name}:\n{report}");
    }
}
