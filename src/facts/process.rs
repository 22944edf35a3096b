//! Whether the engine of a home runs, for a check that must not depend on a pid file.

use std::fs;
use std::path::Path;

use super::home::Home;

/// Whether any process carries the engine's mark in its command line.
pub fn runs(home: &Home, root: &Path) -> bool {
    let Ok(processes) = fs::read_dir(root.join("proc")) else {
        return false;
    };
    processes
        .filter_map(Result::ok)
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .bytes()
                .all(|b| b.is_ascii_digit())
        })
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .any(|line| {
            let words = line.split(|b| *b == 0).map(String::from_utf8_lossy);
            words
                .into_iter()
                .any(|word| is_mark(&word, home.layout.process_mark))
        })
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
