//! Finds the engine's process without the pid file.

use std::fs;
use std::path::Path;

use super::home::Home;
use crate::file;

/// True if a process has the engine's marker in its command line.
pub fn runs(home: &Home, root: &Path) -> bool {
    let proc = root.join("proc");
    let mark = home.layout.process_mark;
    let entries = fs::read_dir(&proc).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .any(|pid| words(&proc, pid).iter().any(|word| is_mark(word, mark)))
}

/// The start time of a process, in clock ticks since boot: field 22 of /proc/PID/stat, proc(5).
pub fn started(root: &Path, pid: u32) -> Option<u64> {
    let stat = file::text_of_kernel(&root.join("proc").join(pid.to_string()).join("stat")).ok()?;
    // The name before it may contain spaces and brackets.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    (fields.next()? != "Z").then_some(())?;
    fields.nth(18)?.parse().ok()
}

fn words(proc: &Path, pid: i32) -> Vec<String> {
    let line = file::of_kernel(&proc.join(pid.to_string()).join("cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// True if the word is the marker, or a path or class name that ends with it.
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
