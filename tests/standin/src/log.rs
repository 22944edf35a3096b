//! The log files: one line per event. With `--logconsole` it is on stderr instead, with `--console` on stdout too.

use std::io::Write;
use std::path::PathBuf;

use crate::clock;
use crate::profile::Engine;
use crate::settings::Settings;

/// Where the lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    Files,
    Stderr,
    FilesAndStdout,
}

impl Lines {
    pub(crate) fn of(settings: &Settings) -> Self {
        match (settings.log_to_console, settings.profile.engine) {
            (false, _) => Self::Files,
            (true, Engine::StarRocks) => Self::Stderr,
            // common/Log4jConfig.java adds the console to the files.
            (true, Engine::Doris) => Self::FilesAndStdout,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Log {
    lines: Lines,
    info: PathBuf,
    /// Warnings are repeated there.
    warn: PathBuf,
    /// Statements that change something, where they were carried out. Written with `--logconsole` too: whoever counts
    /// them does not know how the leader of the moment was started.
    audit: PathBuf,
}

impl Log {
    /// Creates the files either way: with `--logconsole` they exist and stay empty.
    pub(crate) fn open(dir: &std::path::Path, program: &str, lines: Lines) -> Self {
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
            lines,
            info,
            warn,
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
        match self.lines {
            Lines::Stderr => {
                std::io::stderr().write_all(line.as_bytes()).ok();
                return;
            }
            Lines::FilesAndStdout => say(line.trim_end()),
            Lines::Files => {}
        }
        append(&self.info, &line);
        if level != "INFO" {
            append(&self.warn, &line);
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
