//! What a file says already: our block, and the lines around it, which are kept as they are.

use super::entries::EnvEntry;
use crate::facts::conf::{BEGIN_MARK, END_MARK};
use crate::facts::old_file::{OldFile, OldState};
use crate::settings::EnvFile;

/// The first line of the block, without its line end.
const BEGINS: &str =
    "# >>> muster: written by `muster init`, which writes it anew; lines of your own go above or below";

/// A file, taken apart.
#[derive(Debug, Default)]
pub(super) struct Block {
    before: String,
    /// `None`: there is no block.
    inside: Option<String>,
    after: String,
    /// Somebody wrote it, and it was not us.
    foreign: bool,
}

impl Block {
    pub(super) fn of(old: &OldFile) -> Self {
        match &old.state {
            OldState::Text(text) => Self::split(text),
            OldState::Missing | OldState::Unreadable(_) => Self::default(),
            OldState::NotText => Self {
                foreign: true,
                ..Self::default()
            },
        }
    }

    /// A block whose end was cut off is ours to the last line; of a second one nothing stays.
    fn split(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut found = Self::default();
        let mut open = false;
        let mut blocks = 0;
        for line in text.split_inclusive('\n') {
            if !open && line.starts_with(BEGIN_MARK) {
                open = true;
                blocks += 1;
                found.inside.get_or_insert_default();
                continue;
            }
            if open && line.starts_with(END_MARK) {
                open = false;
                continue;
            }
            match &mut found.inside {
                Some(inside) if open && blocks == 1 => inside.push_str(line),
                Some(_) if open => {}
                Some(_) => found.after.push_str(line),
                None => found.before.push_str(line),
            }
        }
        if found.inside.is_none() {
            // Nothing of it would be kept: an empty file is as good as none.
            let empty = found.before.trim().is_empty();
            return Self {
                foreign: !empty,
                ..Self::default()
            };
        }
        found
    }

    pub(super) const fn is_foreign(&self) -> bool {
        self.foreign
    }

    pub(super) const fn is_new(&self) -> bool {
        self.inside.is_none()
    }

    /// What the block sets.
    pub(super) fn lines(&self) -> EnvFile {
        EnvFile::parse("", self.inside.as_deref().unwrap_or_default())
    }

    /// The whole file: the same entries give the same bytes.
    pub(super) fn render(&self, entries: &[EnvEntry]) -> String {
        let mut text = format!("{}{BEGINS}\n", self.before);
        for EnvEntry { key, value, .. } in entries {
            for part in [key, "=", value, "\n"] {
                text.push_str(part);
            }
        }
        text.push_str(END_MARK);
        text.push('\n');
        text.push_str(&self.after);
        text
    }

    /// Keys that somebody set once more outside of the block.
    pub(super) fn warn_of_overridden(&self, old: &OldFile, entries: &[EnvEntry], warnings: &mut Vec<String>) {
        for (part, counts) in [(&self.before, "muster's line"), (&self.after, "that line")] {
            let theirs = EnvFile::parse("", part);
            for EnvEntry { key, .. } in entries {
                if theirs.get(key).is_some() {
                    warnings.push(format!(
                        "{} sets {key} outside of muster's block too: {counts} counts, because it is the last",
                        old.path.display(),
                    ));
                }
            }
        }
    }
}
