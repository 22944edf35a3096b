//! The man pages and the completions of a release, as `examples/manual.rs` writes them: they have every verb, option and exit code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use clap::CommandFactory as _;
use muster::cli::Cli;
use muster::exit::ExitCode;

use super::support::example;

/// Written once for all tests here.
fn manual() -> &'static Path {
    static MANUAL: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        let written = Command::new(example("manual")).arg(dir.path()).status().unwrap();
        assert!(written.success(), "{written}");
        dir
    });
    MANUAL.path()
}

/// A page as it is read, without the marks of roff.
fn page(name: &str) -> String {
    let path = manual().join("man1").join(format!("{name}.1"));
    let text = fs::read_to_string(path).unwrap();
    let text = text.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "");
    let text = text.replace("\\fI", "").replace("\\*(Aq", "'").replace("\\&", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every verb that a person is shown.
fn verbs() -> Vec<clap::Command> {
    let mut root = Cli::command();
    root.build();
    // The help of `muster help` is its own.
    let verbs = root
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help" && !verb.is_hide_set());
    verbs.cloned().collect()
}

fn options(verb: &clap::Command) -> Vec<String> {
    let shown = verb.get_arguments().filter(|option| !option.is_hide_set());
    shown
        .filter_map(|option| Some(format!("--{}", option.get_long()?)))
        .collect()
}

#[test]
fn every_verb_has_a_page_with_each_of_its_options_and_exit_codes() {
    let main = page("muster");
    for code in ExitCode::TABLE {
        assert!(
            main.contains(&format!(" {} {}", code.number(), code.meaning().0)),
            "{code:?}"
        );
    }
    for mut verb in verbs() {
        let name = verb.get_name().to_owned();
        assert!(
            main.contains(&format!("muster-{name}(1)")),
            "{name} is not in muster.1"
        );
        let page = page(&format!("muster-{name}"));
        for option in options(&verb) {
            assert!(page.contains(&option), "{option} is not in muster-{name}.1");
        }
        let help = verb.render_long_help().to_string();
        let Some((_, codes)) = help.split_once("Exit codes: ") else {
            continue;
        };
        // Each sentence of the list, with its number.
        for code in codes.split(';') {
            let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                page.contains(&code),
                "`{code}` is not in muster-{name}.1:\n{page}"
            );
        }
    }
}

#[test]
fn no_page_is_left_of_a_verb_that_is_gone() {
    let pages: BTreeSet<String> = fs::read_dir(manual().join("man1"))
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected: BTreeSet<String> = verbs()
        .iter()
        .map(|verb| format!("muster-{}.1", verb.get_name()))
        .collect();
    expected.insert("muster.1".to_owned());
    assert_eq!(pages, expected);
}

#[test]
fn every_shell_completes_each_verb_and_option() {
    let completions = manual().join("completions");
    for file in ["muster.bash", "muster.fish", "_muster"] {
        let text = fs::read_to_string(completions.join(file)).unwrap();
        for verb in verbs() {
            assert!(
                text.contains(verb.get_name()),
                "{} is not in {file}",
                verb.get_name()
            );
            for option in options(&verb) {
                // fish writes `-l json`.
                let word = option.trim_start_matches('-');
                let is_there = text.contains(&option) || text.contains(&format!("-l {word}"));
                assert!(is_there, "{option} of {} is not in {file}", verb.get_name());
            }
        }
    }
    let file = completions.join("muster.bash");
    let said = Command::new("bash").arg("-n").arg(file).output().unwrap();
    assert!(said.status.success(), "{said:?}");
}
