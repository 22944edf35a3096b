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
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl::set_name;
use nix::unistd::execve;
use serde::{Deserialize, Serialize};

use super::tree::Sight;

/// Whom a fresh image finds running.
const VARIABLE: &str = "MUSTER_RESIDENT";

/// The engine a former image of this process has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resident {
    /// Whose engine it is: the variable means nothing to anybody else who inherits it.
    pub(super) pid: u32,
    pub(super) main: i32,
    /// The start script ended with 0 and left the engine running.
    pub(super) daemon: bool,
    pub(super) grace: Duration,
    pub(super) lived: Duration,
    pub(super) sight: Sight,
}

impl Resident {
    /// What a former image of this process left to do, if there was one.
    pub fn inherited(vars: &[(OsString, OsString)]) -> Option<Self> {
        let (_, text) = vars.iter().find(|(name, _)| name == VARIABLE)?;
        let resident: Self = serde_json::from_str(text.to_str()?).ok()?;
        (resident.pid == std::process::id()).then_some(resident)
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

    /// Replaces this image. Returns only if that was refused.
    pub(super) fn take_over(self, without: &[String]) -> io::Error {
        match self.exec(without) {
            Err(error) => error,
        }
    }

    fn exec(self, without: &[String]) -> io::Result<Infallible> {
        let args = std::env::args_os().map(|arg| CString::new(arg.into_vec()));
        let args = args.collect::<Result<Vec<_>, _>>()?;
        let own = (VARIABLE.into(), serde_json::to_string(&self)?.into());
        let env = std::env::vars_os()
            .filter(|(name, _)| name != VARIABLE && !without.iter().any(|secret| name == secret.as_str()))
            .chain([own])
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_left_it_finds_it() {
        let resident = Resident {
            pid: std::process::id(),
            main: 7,
            daemon: false,
            grace: Duration::from_secs(60),
            lived: Duration::from_millis(12_345),
            sight: Sight {
                adopts: true,
                walks: true,
            },
        };
        let vars = |resident: &Resident| {
            let text = serde_json::to_string(resident).unwrap();
            vec![(OsString::from(VARIABLE), OsString::from(text))]
        };
        assert_eq!(Resident::inherited(&vars(&resident)), Some(resident));
        let other = Resident { pid: 1, ..resident };
        assert_eq!(Resident::inherited(&vars(&other)), None);
        assert_eq!(Resident::inherited(&[]), None);
        assert_eq!(Resident::inherited(&[(VARIABLE.into(), "{}".into())]), None);
    }
}
