//! The engine's pid file, and whether what it names can still be this engine. It survives a kill, pid numbers come
//! again in a container, and older start scripts take any living process of that number for the engine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::home::Home;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFileFact {
    pub path: PathBuf,
    pub state: PidFileState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PidFileState {
    Missing,
    /// Nothing in it names a process: what it holds.
    NoPid(String),
    Unreadable(String),
    /// Nobody has that number, or only a zombie.
    Dead {
        pid: u32,
    },
    /// Somebody else has that number now.
    Other {
        pid: u32,
        command: String,
    },
    /// The engine of this home runs already.
    Engine {
        pid: u32,
        command: String,
    },
}

impl PidFileFact {
    /// Reads the pid file at `path`; processes are looked up in `<root>/proc`.
    pub fn read(path: &Path, home: &Home, root: &Path) -> Self {
        Self {
            path: path.to_owned(),
            state: state(path, home, root),
        }
    }

    /// Whether it can be removed: it is there and nothing it names can be this engine.
    pub const fn is_stale(&self) -> bool {
        matches!(
            self.state,
            PidFileState::NoPid(_) | PidFileState::Dead { .. } | PidFileState::Other { .. }
        )
    }
}

fn state(path: &Path, home: &Home, root: &Path) -> PidFileState {
    let text = match super::search::head(path, 256) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return PidFileState::Missing,
        Err(error) => return PidFileState::Unreadable(error.to_string()),
        Ok((head, _)) => String::from_utf8_lossy(&head).into_owned(),
    };
    // A BE writes over a longer old number without cutting it off: only the first line counts.
    let first = text.lines().next().unwrap_or_default().trim();
    let pid = match first.parse::<u32>() {
        Ok(pid) if pid > 0 => pid,
        _ => return PidFileState::NoPid(first.to_owned()),
    };
    let process = root.join("proc").join(pid.to_string());
    let Ok(command_line) = fs::read(process.join("cmdline")) else {
        return PidFileState::Dead { pid };
    };
    // A zombie has no command line any more.
    if command_line.is_empty() {
        return PidFileState::Dead { pid };
    }
    let command = String::from_utf8_lossy(&command_line)
        .split('\0')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let is_engine = pid != std::process::id()
        && command.contains(home.layout.process_mark)
        && (mentions(&command, &home.dir) || runs_in(&process, home));
    if is_engine {
        PidFileState::Engine { pid, command }
    } else {
        PidFileState::Other { pid, command }
    }
}

fn mentions(command: &str, dir: &Path) -> bool {
    let inside = |dir: &Path| command.contains(&format!("{}/", dir.display()));
    inside(dir) || fs::canonicalize(dir).is_ok_and(|real| inside(&real))
}

/// Newer scripts hand the class path over in the environment; the home dir is then in nothing but that.
fn runs_in(process: &Path, home: &Home) -> bool {
    let wanted = format!("{}={}", home.engine.home_variable, home.dir.display());
    fs::read(process.join("environ")).is_ok_and(|environment| {
        environment
            .split(|b| *b == 0)
            .any(|entry| entry == wanted.as_bytes())
    })
}
