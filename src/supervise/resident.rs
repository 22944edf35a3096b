//! Goes on in a fresh image of ourselves once the node is a member. Entering a cluster takes TLS, two clients and a
//! lot of parsing; nothing of it is needed to wait for the engine's end, and neither are the secrets in our environment.
//!
//! execve keeps what matters: the pid, the children, the signal mask, pending signals and being a subreaper. What it
//! does not keep travels in one variable. If it is refused, we go on as we are.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl::set_name;
use nix::unistd::execve;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::phase::Carried;
use super::tree::Visibility;

/// Whom a fresh image finds running.
const VARIABLE: &str = "MUSTER_RESIDENT";

/// The engine a former image of this process has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resident {
    /// Whose engine it is: the variable means nothing to anybody else who inherits it.
    pub(super) pid: u32,
    pub(super) main: i32,
    pub(super) phase: Carried,
    pub(super) grace: Duration,
    /// Of the grace, where a stop was asked for.
    pub(super) left: Option<Duration>,
    pub(super) lived: Duration,
    pub(super) sight: Visibility,
    /// Pipes with the engine's output, and which of our descriptors each goes to.
    pub(super) console: Vec<(i32, i32)>,
    pub(super) stop_note: Option<PathBuf>,
    /// What whoever started the engine wants to find again.
    pub(super) kept: String,
}

/// The engine that runs now, for a panic: whoever catches it goes on from here.
static RUNNING: Mutex<Option<(Resident, Instant)>> = Mutex::new(None);

impl Resident {
    /// What a former image of this process left to do, if there was one.
    pub fn inherited(vars: &[(OsString, OsString)]) -> Option<Self> {
        let (_, text) = vars.iter().find(|(name, _)| name == VARIABLE)?;
        let resident: Self = serde_json::from_str(text.to_str()?).ok()?;
        (resident.pid == std::process::id()).then_some(resident)
    }

    /// What this image has to go on with after a panic.
    pub fn running() -> Option<Self> {
        // Poisoned by the panic itself it holds what it held.
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut resident, since) = running.clone()?;
        resident.lived += since.elapsed();
        resident.left = resident.left.map(|left| left.saturating_sub(since.elapsed()));
        Some(resident)
    }

    /// What [`running`](Self::running) finds from now on.
    pub fn note(resident: Option<&Self>) {
        let now = resident.map(|resident| (resident.clone(), Instant::now()));
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// What was handed to the [`Job`](super::Job).
    pub fn kept(&self) -> &str {
        &self.kept
    }

    /// By /proc/self/exe we come to be called `exe`, which nobody would look for.
    pub(super) fn be_called_by_name() {
        let name = std::env::args_os().next().map(PathBuf::from);
        let name = name.as_deref().and_then(Path::file_name).unwrap_or_default();
        if let Ok(name) = CString::new(name.as_bytes()) {
            // Only for those who look with ps: nothing depends on it.
            set_name(&name).ok();
        }
    }

    /// Replaces this image by one that goes on. Returns only if that was refused.
    pub fn take_over(&self, without: &[String]) -> io::Error {
        match serde_json::to_string(self) {
            Ok(text) => fresh(VARIABLE, text, without),
            Err(error) => error.into(),
        }
    }
}

/// Variables between two images of this process: nobody else's, and nothing for the engine.
pub(super) const OURS: [&str; 1] = [VARIABLE];

fn fresh(name: &str, value: String, without: &[String]) -> io::Error {
    match exec(name, value, without) {
        Err(error) => error,
    }
}

fn exec(name: &str, value: String, without: &[String]) -> io::Result<Infallible> {
    let args = std::env::args_os().map(|arg| CString::new(arg.into_vec()));
    let args = args.collect::<Result<Vec<_>, _>>()?;
    let gone = |name: &OsString| {
        OURS.iter().any(|own| name == own) || without.iter().any(|secret| name == secret.as_str())
    };
    let env = std::env::vars_os()
        .filter(|(name, _)| !gone(name))
        .chain([(name.into(), value.into())])
        .map(|(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            CString::new(name.into_vec())
        });
    let env = env.collect::<Result<Vec<_>, _>>()?;
    // Ourselves, even if another file has come to lie where we were started from.
    let path = CString::new("/proc/self/exe")?;
    let replaced: Result<Infallible, Errno> = execve(&path, &args, &env);
    Ok(replaced?)
}

#[cfg(test)]
mod tests {
    use super::super::phase::Phase;
    use super::*;

    #[test]
    fn only_the_process_that_left_it_finds_it() {
        let resident = Resident {
            pid: std::process::id(),
            main: 7,
            phase: Phase::Running.carried().unwrap(),
            grace: Duration::from_secs(60),
            left: None,
            console: vec![(5, 1)],
            stop_note: None,
            kept: "\"x\"".to_owned(),
            lived: Duration::from_millis(12_345),
            sight: Visibility {
                adopts: true,
                sees_proc: true,
            },
        };
        let vars = |resident: &Resident| {
            let text = serde_json::to_string(resident).unwrap();
            vec![(OsString::from(VARIABLE), OsString::from(text))]
        };
        assert_eq!(Resident::inherited(&vars(&resident)), Some(resident.clone()));
        let other = Resident { pid: 1, ..resident };
        assert_eq!(Resident::inherited(&vars(&other)), None);
        assert_eq!(Resident::inherited(&[]), None);
        assert_eq!(Resident::inherited(&[(VARIABLE.into(), "{}".into())]), None);
    }
}
