//! A release names its commit and nobody's directories, and the scripts that GitHub runs are there. scripts/release checks that
//! a commit is always the same bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "what is looked for stands in the environment"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use hosts::docker::release;
use yaml_rust2::{Yaml, YamlLoader};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Built once for all tests here. None where `MUSTER_BIN` says that the tests are about another program.
fn built() -> Option<&'static Path> {
    static RELEASE: LazyLock<PathBuf> = LazyLock::new(|| release().unwrap());
    if let Some(other) = std::env::var_os("MUSTER_BIN").filter(|path| !path.is_empty()) {
        let why = format!(
            "skipped: MUSTER_BIN={} is no release of this checkout\n",
            other.display()
        );
        // Not eprintln, which the test harness would swallow.
        std::io::stderr().write_all(why.as_bytes()).unwrap();
        return None;
    }
    Some(&RELEASE)
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_release_names_no_directory_of_the_machine_it_was_built_on() {
    let Some(path) = built() else { return };
    let program = fs::read(path).unwrap();
    let holds = |text: &str| program.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    // A panic says where it was, so that much is in it.
    assert!(
        holds("src/supervise/") && holds("crates.io/tokio-"),
        "{} is no release",
        path.display()
    );
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let here = [Some(root().to_owned()), std::env::home_dir(), cargo];
    let here = here.into_iter().flatten().filter(|dir| dir.parent().is_some());
    let names = here.map(|dir| format!("{}/", dir.display()));
    // And what is in the middle of such a name, whoever's it is.
    for name in names.chain(["/registry/src/", "/home/", "/target/"].map(str::to_owned)) {
        assert!(!holds(&name), "{name} is in {}", path.display());
    }
}

#[test]
fn a_release_names_the_commit_that_was_built() {
    let Some(path) = built() else { return };
    let version = said(Command::new(path).arg("--version"));
    let commit = if root().join(".git").exists() {
        let git = |words: &[&str]| said(Command::new("git").arg("-C").arg(root()).args(words));
        let dirty = if git(&["status", "--porcelain"]).is_empty() {
            ""
        } else {
            "-dirty"
        };
        let commit: String = git(&["rev-parse", "HEAD"]).chars().take(12).collect();
        format!("{commit}{dirty}, ")
    } else {
        "unknown commit, ".to_owned()
    };
    let begins = format!("muster {} ({commit}", env!("CARGO_PKG_VERSION"));
    assert!(
        version.starts_with(&begins),
        "{version} does not begin with {begins}"
    );
    assert_eq!(version.lines().count(), 1, "{version}");
}

/// The commands and the actions of a workflow's steps.
fn steps(workflow: &Yaml) -> (Vec<&str>, Vec<&str>) {
    let jobs = workflow["jobs"].as_hash().unwrap();
    let steps: Vec<&Yaml> = jobs
        .values()
        .flat_map(|job| job["steps"].as_vec().unwrap())
        .collect();
    let said = |key: &str| steps.iter().filter_map(|step| step[key].as_str()).collect();
    (said("run"), said("uses"))
}

#[test]
fn a_workflow_runs_scripts_that_are_there_and_may_do_nothing_it_does_not_say() {
    for (file, script) in [("ci.yml", ".ci/run"), ("release.yml", "scripts/release")] {
        let text = fs::read_to_string(root().join(".github/workflows").join(file)).unwrap();
        let documents = YamlLoader::load_from_str(&text).unwrap();
        let [workflow] = &documents[..] else {
            panic!("{file} has {} documents", documents.len())
        };
        let granted = &workflow["permissions"];
        assert!(
            granted.as_hash().is_some(),
            "{file}: without `permissions` a job may do anything"
        );
        let (lines, actions) = steps(workflow);
        let words = lines.iter().flat_map(|line| line.split_whitespace());
        let scripts: Vec<&str> = words
            .filter(|word| word.starts_with("scripts/") || word.starts_with(".ci/"))
            .collect();
        assert!(scripts.contains(&script), "{file} runs {scripts:?}");
        for script in scripts {
            let mode = fs::metadata(root().join(script)).unwrap().permissions().mode();
            assert!(mode & 0o111 != 0, "{file} runs {script}, which is not executable");
        }
        for action in actions {
            assert!(action.contains('@'), "{file} takes {action} at no version");
        }
    }
}
