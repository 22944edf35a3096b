//! Checks that the kernel can start the start script, before any FE is asked and anything is written: an engine that cannot
//! start must not be registered.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, eaccess, geteuid};

use crate::exit::ExitCode;
use crate::file;

/// The first bytes of a binary, which needs no interpreter.
const ELF: &[u8] = b"\x7fELF";

/// The reason why it cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptProblem {
    #[error("{} is a directory, not a start script", .0.display())]
    Directory(PathBuf),
    #[error("{} cannot be executed: its mode is {mode:04o}", script.display())]
    NotExecutable { script: PathBuf, mode: u32 },
    #[error("{} cannot be executed: its file system is mounted noexec", .0.display())]
    NoExec(PathBuf),
    #[error("cannot read {}: {why}", script.display())]
    Unreadable { script: PathBuf, why: String },
    #[error("{} cannot be executed: it is empty", .0.display())]
    Empty(PathBuf),
    #[error("{} cannot be executed: its first line is not `#!` and an interpreter", .0.display())]
    NoInterpreter(PathBuf),
    #[error(
        "{} cannot be executed: the interpreter of its first line, `{}`, {why}",
        script.display(),
        interpreter.escape_debug()
    )]
    Interpreter {
        script: PathBuf,
        interpreter: String,
        why: &'static str,
    },
}

impl ScriptProblem {
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unreadable { .. } => ExitCode::Configuration,
            _ => ExitCode::NotExecutable,
        }
    }

    /// The remedy.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotExecutable { .. } => "set its execute bit in the image: chmod +x",
            Self::NoExec(_) => "mount that file system without noexec",
            Self::Unreadable { .. } => "make it readable for the user this container runs as",
            Self::Interpreter { interpreter, .. } if interpreter.ends_with('\r') => {
                "save it with Unix line ends: the `\\r` of a Windows line end counts as part of the name"
            }
            Self::Interpreter { .. } => "install that interpreter in the image",
            Self::Directory(_) | Self::Empty(_) | Self::NoInterpreter(_) => {
                "restore the engine's start script there, or remove a volume that hides it"
            }
        }
    }
}

/// Reads a start script that the kernel can start; a relative interpreter is resolved in the engine's home.
pub(super) fn read(script: &Path, home: &Path) -> Result<String, ScriptProblem> {
    let unreadable = |error: io::Error| ScriptProblem::Unreadable {
        script: script.to_owned(),
        why: error.to_string(),
    };
    let metadata = fs::metadata(script).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(ScriptProblem::Directory(script.to_owned()));
    }
    if eaccess(script, AccessFlags::X_OK).is_err() {
        let mode = metadata.permissions().mode() & 0o7777;
        let noexec = statvfs(script).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOEXEC));
        return Err(if noexec && mode & 0o111 != 0 {
            ScriptProblem::NoExec(script.to_owned())
        } else {
            ScriptProblem::NotExecutable {
                script: script.to_owned(),
                mode,
            }
        });
    }
    let bytes = file::read(script, file::SCRIPT).map_err(unreadable)?;
    if bytes.is_empty() {
        return Err(ScriptProblem::Empty(script.to_owned()));
    }
    if !bytes.starts_with(ELF) {
        let interpreter =
            interpreter(&bytes).ok_or_else(|| ScriptProblem::NoInterpreter(script.to_owned()))?;
        if let Some(why) = not_a_program(&home.join(&interpreter)) {
            return Err(ScriptProblem::Interpreter {
                script: script.to_owned(),
                interpreter,
                why,
            });
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The reason why this process cannot set the mode of a file; `None` also if there is no such file.
pub(super) fn fixed_mode(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if statvfs(path).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_RDONLY)) {
        return Some("it is on a read-only file system".to_owned());
    }
    let (owner, own) = (metadata.uid(), geteuid());
    (!own.is_root() && owner != own.as_raw())
        .then(|| format!("it belongs to uid {owner}, and this container runs as {own}"))
}

/// execve(2): `#!`, blanks, and everything up to the next blank or the end of the line.
fn interpreter(script: &[u8]) -> Option<String> {
    let line = script.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = String::from_utf8_lossy(line);
    let name = name.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn not_a_program(path: &Path) -> Option<&'static str> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some("does not exist"),
        Ok(metadata) if !metadata.is_file() => Some("is not a file"),
        _ if eaccess(path, AccessFlags::X_OK).is_err() => Some("cannot be executed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::interpreter;

    #[test]
    fn the_interpreter_is_what_execve_makes_of_the_first_line() {
        let table = [
            ("#!/bin/bash\necho", Some("/bin/bash")),
            ("#! /usr/bin/env bash", Some("/usr/bin/env")),
            ("#!\t/bin/sh -e\n", Some("/bin/sh")),
            ("#!/bin/bash\r\n", Some("/bin/bash\r")),
            ("#!\n/bin/bash", None),
            ("echo no first line\n", None),
            ("\n#!/bin/bash\n", None),
        ];
        for (script, expected) in table {
            assert_eq!(interpreter(script.as_bytes()).as_deref(), expected, "{script}");
        }
    }
}
