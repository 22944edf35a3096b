//! Runs a script of the init directory, as the vendors' entrypoints do: a file that may be executed by itself, any other one by
//! the shell of the image.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use nix::libc::ENOEXEC;

/// The shells that an image may have, the better one first.
const SHELLS: [&str; 2] = ["bash", "sh"];

/// Runs it to its end, with the output of this process and the environment without `unset`.
///
/// This process has no other child, and its supervisor does not collect its children.
pub(super) async fn run(path: &Path, unset: &[String]) -> Result<(), String> {
    let is_program = std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
    if is_program {
        match end_of(Command::new(path), unset).await {
            // It has no first line that names its program.
            Err(error) if error.raw_os_error() == Some(ENOEXEC) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(
                    "it cannot be run: this image does not have the program that its first line names"
                        .to_owned(),
                );
            }
            ended => return judge(ended),
        }
    }
    for shell in SHELLS {
        let mut command = Command::new(shell);
        command.arg(path);
        match end_of(command, unset).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            ended => return judge(ended),
        }
    }
    Err(
        "it cannot be run: this image has no shell; use .sql, or a program of the image in its first line and make it \
         executable"
            .to_owned(),
    )
}

async fn end_of(mut command: Command, unset: &[String]) -> io::Result<ExitStatus> {
    for name in unset {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    // It may take minutes; what else this process does goes on.
    let ended = tokio::task::spawn_blocking(move || command.status()).await;
    ended.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn judge(ended: io::Result<ExitStatus>) -> Result<(), String> {
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(error) => Err(format!("it cannot be run: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::run;

    #[tokio::test]
    async fn a_script_is_run_by_its_own_first_line_or_by_the_shell_and_its_end_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let write = |name: &str, mode: u32, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text.replace("OUT", &out.display().to_string())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let table = [
            (
                "program",
                0o755,
                "#!/bin/sh\necho program > OUT\n",
                Ok("program\n"),
            ),
            ("no-mode", 0o644, "echo shell > OUT\n", Ok("shell\n")),
            // As a share of another system shows every file.
            ("no-first-line", 0o777, "echo line > OUT\n", Ok("line\n")),
            (
                "env",
                0o644,
                "echo \"${HOME-none} ${PATH:+path}\" > OUT\n",
                Ok("none path\n"),
            ),
            ("fails", 0o644, "exit 3\n", Err("it ended with exit status: 3")),
            (
                "dies",
                0o755,
                "#!/bin/sh\nkill -9 $$\n",
                Err("it ended with signal: 9"),
            ),
            (
                "no-interpreter",
                0o755,
                "#!/no/such/program\n",
                Err("does not have the program"),
            ),
        ];
        for (name, mode, text, expected) in table {
            let path = write(name, mode, text);
            let ended = run(&path, &["HOME".to_owned()]).await;
            match (expected, ended) {
                (Ok(text), Ok(())) => assert_eq!(fs::read_to_string(&out).unwrap(), text, "{name}"),
                (Err(part), Err(why)) => assert!(why.contains(part), "{name}: {why}"),
                (_, ended) => panic!("{name}: {ended:?}"),
            }
        }
    }
}
