//! Texts that a test compares with a file of the tree, and writes anew when it is told to.

use std::path::Path;

/// What the file says; nothing if it is not there.
pub(crate) fn written(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default()
}

/// The text is what the file says, or becomes it where the variable is set.
#[expect(
    clippy::disallowed_methods,
    reason = "the switch of the person who runs the test"
)]
pub(crate) fn holds(file: &str, text: &str, update: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os(update).is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = written(file);
    for (line, (is, was)) in (1..).zip(text.lines().zip(written.lines())) {
        assert_eq!(is, was, "line {line} of {file}");
    }
    assert_eq!(text.lines().count(), written.lines().count(), "{file}");
}

/// The text of metrics with the samples of each in their alphabetical order: they have none of their own.
pub(crate) fn sorted_samples(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for samples in lines.split_mut(|line| line.starts_with('#')) {
        samples.sort_unstable();
    }
    lines.join("\n") + "\n"
}
