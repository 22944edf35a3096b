//! The log files: one line per event, on stderr instead with `--logconsole`.

use std::io::Write;
use std::path::PathBuf;

use crate::clock;

#[derive(Debug)]
pub(crate) struct Log {
    /// Information first, warnings (repeated) second; none when the console takes all of it.
    files: Option<(PathBuf, PathBuf)>,
    /// Statements that change something, where they were carried out. Written with `--logconsole` too: whoever counts
    /// them does not know how the leader of the moment was started.
    audit: PathBuf,
}

impl Log {
    /// Creates the files either way: with `--logconsole` they exist and stay empty.
    pub(crate) fn open(dir: &std::path::Path, program: &str, console: bool) -> Self {
        // A log directory that cannot be written costs the log and nothing else.
        std::fs::create_dir_all(dir).ok();
        let info = dir.join(format!("{program}.log"));
        let warn = dir.join(format!("{program}.warn.log"));
        let audit = dir.join(format!("{program}.audit.log"));
        for path in [&info, &warn, &audit] {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .ok();
        }
        Self {
            files: (!console).then_some((info, warn)),
            audit,
        }
    }

    pub(crate) fn info(&self, words: &str) {
        self.write("INFO", words);
    }

    pub(crate) fn warn(&self, words: &str) {
        self.write("WARN", words);
    }

    pub(crate) fn error(&self, words: &str) {
        self.write("ERROR", words);
    }

    /// As the leader: what was asked of it, before it answers.
    pub(crate) fn audit(&self, sql: &str) {
        let when = clock::timestamp(clock::now_millis());
        append(&self.audit, &format!("{when},000 [query] |Stmt={sql}\n"));
    }

    fn write(&self, level: &str, words: &str) {
        let line = format!(
            "{},000 {level} (main|1) [standin] {words}\n",
            clock::timestamp(clock::now_millis())
        );
        let Some((info, warn)) = &self.files else {
            std::io::stderr().write_all(line.as_bytes()).ok();
            return;
        };
        append(info, &line);
        if level != "INFO" {
            append(warn, &line);
        }
    }
}

fn append(path: &std::path::Path, line: &str) {
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
        file.write_all(line.as_bytes()).ok();
    }
}

/// What the program prints itself: `fe.out`, `be.out` or the console.
pub(crate) fn say(words: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("{words}\n").as_bytes()).ok();
    out.flush().ok();
}
