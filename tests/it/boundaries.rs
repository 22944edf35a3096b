//! What each folder may know of: rules about the code that the compiler does not check.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file below a folder of `src`, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The lines that hold one of the words, with the file and the number of each.
fn lines_with(sources: &[(PathBuf, String)], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_ascii_lowercase();
            if words.iter().any(|word| lower.contains(word)) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn nothing_outside_the_engine_folder_names_an_engine() {
    let mut sources = sources("");
    sources.retain(|(path, _)| !path.components().any(|part| part.as_os_str() == "engine"));
    let words: Vec<&str> = muster::engine::ALL.iter().map(|engine| engine.id).collect();
    assert_eq!(lines_with(&sources, &words), [""; 0]);
}

#[test]
fn the_pure_half_touches_nothing_of_the_world() {
    let words = [
        "tokio",
        "nix::",
        "rustix",
        "std::fs",
        "std::net::tcp",
        "std::net::udp",
        "std::env",
        "std::process",
        "std::time::instant",
        "systemtime",
        "reqwest",
        "rustls",
        "crate::effects",
        "crate::supervise",
        "crate::verbs",
    ];
    let mut sources = sources("plan");
    // Tests read and write what they compare with.
    sources.retain(|(path, _)| !path.components().any(|part| part.as_os_str() == "tests"));
    let mut found = lines_with(&sources, &words);
    // What a comment says about the world is not a use of it.
    found.retain(|line| !line.contains(": //"));
    assert_eq!(found, [""; 0]);
}

/// `src/file.rs` refuses what is no regular file and what is too long. Tests read what they wrote themselves.
#[test]
fn every_file_is_read_in_one_place() {
    let words = ["fs::read(", "read_to_string(", "File::open("];
    let mut found = Vec::new();
    for (path, text) in sources("") {
        let name = path.to_string_lossy();
        if name.ends_with("src/file.rs") || name.ends_with("src/expect_file.rs") || name.contains("tests") {
            continue;
        }
        let program = text.split("#[cfg(test)]").next().unwrap();
        let lines = program
            .lines()
            .filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(lines.map(|line| format!("{name}: {}", line.trim())));
    }
    found.retain(|line| !line.contains("File::open(\"/dev/null\")"));
    assert_eq!(found, [""; 0]);
}

/// A stage reads what the stages before it produced and nothing after it.
#[test]
fn data_moves_one_way() {
    for (folder, later) in [
        (
            "engine",
            &[
                "settings",
                "facts",
                "plan",
                "cluster",
                "effects",
                "supervise",
                "verbs",
            ][..],
        ),
        (
            "settings",
            &["facts", "plan", "cluster", "effects", "supervise", "verbs"],
        ),
        ("facts", &["plan", "cluster", "effects", "supervise", "verbs"]),
        ("plan", &["cluster", "effects", "supervise", "verbs"]),
        ("cluster", &["plan", "effects", "supervise", "verbs"]),
        ("effects", &["supervise", "verbs"]),
        ("supervise", &["effects", "verbs"]),
    ] {
        let words: Vec<String> = later.iter().map(|name| format!("crate::{name}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(lines_with(&sources(folder), &words), [""; 0], "{folder}");
    }
}
