//! Whether the engine of a home runs, for a check that must not depend on a pid file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::home::Home;

/// Whether any process carries the engine's mark in its command line.
pub fn runs(home: &Home, root: &Path) -> bool {
    engines(home, root).next().is_some()
}

/// The pids of processes that do.
fn engines(home: &Home, root: &Path) -> impl Iterator<Item = i32> {
    let proc = root.join("proc");
    let mark = home.layout.process_mark;
    let entries = fs::read_dir(&proc).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(move |pid| words(&proc, *pid).iter().any(|word| is_mark(word, mark)))
}

/// Whom to ask for a stop of this home's engine: the `run` it was started by, or the engine where that has handed over
/// to it. Only among those that see the same files: with the host's pids others are in sight.
pub fn to_stop(home: &Home, root: &Path) -> Option<i32> {
    let proc = root.join("proc");
    let files = |pid: &str| fs::read_link(proc.join(pid).join("ns/mnt")).ok();
    let ours = files("self");
    let engine = engines(home, root).find(|pid| ours.is_some() && files(&pid.to_string()) == ours)?;
    let own = fs::metadata(proc.join("self/exe")).ok()?;
    let mut pid = engine;
    while let Some(parent) = parent(&proc, pid).filter(|parent| *parent > 0) {
        pid = parent;
        let is_run = words(&proc, pid).get(1).is_some_and(|verb| verb == "run");
        let exe = fs::metadata(proc.join(pid.to_string()).join("exe"));
        if is_run && exe.is_ok_and(|exe| (exe.dev(), exe.ino()) == (own.dev(), own.ino())) {
            return Some(pid);
        }
    }
    Some(engine)
}

fn words(proc: &Path, pid: i32) -> Vec<String> {
    let line = fs::read(proc.join(pid.to_string()).join("cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

fn parent(proc: &Path, pid: i32) -> Option<i32> {
    let status = fs::read_to_string(proc.join(pid.to_string()).join("status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}

/// A word that is the mark, or ends with it as a path or a class name does.
fn is_mark(word: &str, mark: &str) -> bool {
    word.strip_suffix(mark)
        .is_some_and(|before| before.is_empty() || before.ends_with(['/', '.']))
}

#[cfg(test)]
mod tests {
    use super::is_mark;

    #[test]
    fn a_mark_is_a_word_a_file_or_a_class() {
        assert!(is_mark("com.example.EngineFE", "EngineFE"));
        assert!(is_mark("/opt/lib/engine_be", "engine_be"));
        assert!(!is_mark("grep-EngineFE", "EngineFE"));
        assert!(!is_mark("EngineFE.log", "EngineFE"));
    }
}
