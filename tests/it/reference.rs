//! docs/reference.md says what the program says: its tables are made from the program's own.
//! `UPDATE_README=1 cargo test --test it reference` writes them anew.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the switch of the person who runs the test"
)]

use std::fmt::Write as _;
use std::path::Path;

use muster::exit::ExitCode;
use muster::plan::doctor;
use muster::plan::view::verdict::{REFERENCE, Weight};
use muster::settings::variables;

fn exit_codes() -> String {
    let mut table = String::from("| code | what happened | what to do |\n|---|---|---|\n");
    let rows = ExitCode::TABLE
        .iter()
        .map(|code| (code.number().to_string(), code.meaning()));
    for (number, (meaning, remedy)) in rows.chain([("n".to_owned(), ExitCode::Engine(0).meaning())]) {
        writeln!(table, "| {number} | {meaning} | {remedy} |").unwrap();
    }
    table
}

fn verdicts() -> String {
    let mut table = String::from("| in JSON | what is so | exit |\n|---|---|---|\n");
    for (id, means, weight) in REFERENCE {
        let code = match weight {
            Weight::Note => ExitCode::Ok,
            Weight::Attention if id == "refused" => ExitCode::Credentials,
            Weight::Attention => ExitCode::Unhealthy,
            Weight::NoLeader => ExitCode::NoLeader,
        };
        writeln!(table, "| `{id}` | {means} | {} |", code.number()).unwrap();
    }
    table
}

fn checks() -> String {
    let mut table = String::from("| scope | check | passes if |\n|---|---|---|\n");
    for check in doctor::checks() {
        writeln!(
            table,
            "| {} | `{}` | {} |",
            check.scope.word(),
            check.name,
            check.about
        )
        .unwrap();
    }
    table
}

/// The text with everything between the two marks replaced.
fn filled(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).expect("it has the first mark");
    let (_, after) = rest.split_once(&end).expect("and the last");
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn the_reference_lists_every_setting_exit_code_verdict_and_check() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let tables = [
        ("settings", variables::markdown()),
        ("exit codes", exit_codes()),
        ("verdicts", verdicts()),
        ("checks", checks()),
    ];
    let should = tables
        .iter()
        .fold(text.clone(), |text, (name, table)| filled(&text, name, table));
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, &should).unwrap();
    } else {
        assert!(
            text == should,
            "docs/reference.md is behind: UPDATE_README=1 cargo test --test it reference"
        );
    }
}
