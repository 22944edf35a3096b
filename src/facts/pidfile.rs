//! Reads the engine's pid file and checks the process that it names. The file survives a kill, pid numbers repeat in a
//! container, and older start scripts treat any live process with that number as the engine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::home::Home;
use crate::file;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFileFact {
    pub path: PathBuf,
    pub state: PidFileState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PidFileState {
    Missing,
    /// Not a pid; the text of the file.
    NoPid(String),
    Unreadable(String),
    /// No process, or a zombie, has that pid.
    Dead {
        pid: u32,
    },
    /// Another program has that pid now.
    Other {
        pid: u32,
        command: String,
    },
    /// The engine of this home runs.
    Engine {
        pid: u32,
        command: String,
    },
}

impl PidFileFact {
    /// Reads the pid file at `path` and the process in `<root>/proc`.
    pub fn read(path: &Path, home: &Home, root: &Path) -> Self {
        Self {
            path: path.to_owned(),
            state: state(path, home, root),
        }
    }

    /// True if it can be removed: it exists and does not name this engine.
    pub const fn is_stale(&self) -> bool {
        matches!(
            self.state,
            PidFileState::NoPid(_) | PidFileState::Dead { .. } | PidFileState::Other { .. }
        )
    }
}

fn state(path: &Path, home: &Home, root: &Path) -> PidFileState {
    let text = match file::read(path, file::PID) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return PidFileState::Missing,
        Err(error) => return PidFileState::Unreadable(error.to_string()),
        Ok(head) => String::from_utf8_lossy(&head).into_owned(),
    };
    // A BE overwrites a longer old number without truncating the file: only the first line counts.
    let first = text.lines().next().unwrap_or_default().trim();
    let pid = match first.parse::<u32>() {
        Ok(pid) if pid > 0 => pid,
        _ => return PidFileState::NoPid(first.to_owned()),
    };
    let process = root.join("proc").join(pid.to_string());
    let Ok(command_line) = file::of_kernel(&process.join("cmdline")) else {
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

/// True if the process has this home in its environment: newer scripts pass the class path there and not as an argument.
fn runs_in(process: &Path, home: &Home) -> bool {
    let variable = format!("{}={}", home.engine.home_variable, home.dir.display());
    file::of_kernel(&process.join("environ")).is_ok_and(|environment| {
        environment
            .split(|b| *b == 0)
            .any(|entry| entry == variable.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{PidFileFact, PidFileState};
    use crate::engine::Component;
    use crate::facts::fixture::{home, tree};

    /// The pid file's text and process 42, as far as the kernel shows it; `HOME`, `MARK` and `VARIABLE` are the
    /// engine's own.
    fn look(text: &str, command_line: Option<&str>, environment: Option<&str>) -> PidFileFact {
        let home = home(Path::new("/opt/e/fe"), Component::Fe);
        let filled = |text: &str| {
            text.replace("HOME", "/opt/e/fe")
                .replace("MARK", home.layout.process_mark)
                .replace("VARIABLE", home.engine.home_variable)
                .replace(' ', "\0")
        };
        let (command_line, environment) = (command_line.map(filled), environment.map(filled));
        let mut files = vec![("fe.pid", text)];
        files.extend(command_line.as_deref().map(|text| ("proc/42/cmdline", text)));
        files.extend(environment.as_deref().map(|text| ("proc/42/environ", text)));
        let root = tree(&files);
        PidFileFact::read(&root.path().join("fe.pid"), &home, root.path())
    }

    #[test]
    fn a_pid_file_is_stale_unless_the_engine_of_this_home_lives() {
        let java = Some("java -Xlog:gc:HOME/log/fe.gc.log com.x.MARK ");
        // The file, its process, its environment; what it is, and whether it may be removed.
        let table = [
            ("42", java, None, "engine", false),
            (
                "42",
                Some("java com.x.MARK "),
                Some("A=1 VARIABLE=HOME B=2 "),
                "engine",
                false,
            ),
            ("42\n", java, None, "engine", false),
            // A BE leaves the tail of a longer number on the next line.
            ("42\n17", java, None, "engine", false),
            ("42", Some("java com.x.MARK "), None, "other", true),
            ("42", Some("java -cp HOME2/lib com.x.MARK "), None, "other", true),
            ("42", Some("java -cp HOME/lib com.x.Main "), None, "other", true),
            ("42", Some("/usr/bin/muster run "), None, "other", true),
            ("42", Some(""), None, "dead", true),
            ("42", None, None, "dead", true),
            ("43", java, None, "dead", true),
            ("", None, None, "no pid", true),
            ("0", None, None, "no pid", true),
            ("-1", None, None, "no pid", true),
            ("pid", None, None, "no pid", true),
        ];
        for (text, command_line, environment, expected, stale) in table {
            let fact = look(text, command_line, environment);
            let outcome = match fact.state {
                PidFileState::Missing => "missing",
                PidFileState::NoPid(_) => "no pid",
                PidFileState::Unreadable(_) => "unreadable",
                PidFileState::Dead { .. } => "dead",
                PidFileState::Other { .. } => "other",
                PidFileState::Engine { .. } => "engine",
            };
            assert_eq!(outcome, expected, "{text:?} {command_line:?}");
            assert_eq!(fact.is_stale(), stale, "{text:?} {command_line:?}");
        }
    }

    #[test]
    fn no_pid_file_is_nothing_to_remove() {
        let root = tree(&[]);
        let home = home(root.path(), Component::Fe);
        let fact = PidFileFact::read(&root.path().join("bin/fe.pid"), &home, root.path());
        assert_eq!((fact.is_stale(), fact.state), (false, PidFileState::Missing));
    }

    /// In a container the numbers come again: after a kill the file may name this very process.
    #[test]
    fn our_own_number_is_never_the_engine() {
        let own = std::process::id();
        let root = tree(&[("fe.pid", &own.to_string())]);
        let mut home = home(root.path(), Component::Fe);
        // The test's own command line lies below this.
        home.dir = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let fact = PidFileFact::read(&root.path().join("fe.pid"), &home, Path::new("/"));
        assert!(matches!(fact.state, PidFileState::Other { pid, .. } if pid == own));
    }
}
