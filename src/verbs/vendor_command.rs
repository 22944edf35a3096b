//! The arguments of `run`, also where they were written for the vendor's image, and those that this container was started
//! with: `docker exec` sees the variables of a container, but not its command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Parser;

use crate::cli::{Cli, RunArgs, Verb};
use crate::exit::ExitCode;
use crate::file;
use crate::plan::refusal::Refusal;
use crate::settings::{Command, CommandProblem, Flags};

/// The arguments without a vendor's command, and what that says.
pub(super) fn split<'a>(
    args: &'a [OsString],
    vars: &[(OsString, OsString)],
) -> Result<(&'a [OsString], Option<Command>), Refusal> {
    let [_, verb, rest @ ..] = args else {
        return Ok((args, None));
    };
    if verb != "run" {
        return Ok((args, None));
    }
    let words: Vec<String> = rest
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let value = |name: &str| {
        let (_, value) = vars.iter().find(|(known, _)| known == name)?;
        value.to_str().map(str::to_owned)
    };
    let read = after_flags(&words).and_then(|at| Some((at, Command::read(words.get(at..)?, &value)?)));
    match read {
        None => Ok((args, None)),
        Some((at, Ok(command))) => Ok((args.get(..at + 2).unwrap_or(args), Some(command))),
        Some((_, Err(problem))) => {
            let code = match problem {
                CommandProblem::WritesConf { .. } => ExitCode::Configuration,
                _ => ExitCode::Usage,
            };
            Err(Refusal::new(code, problem.to_string(), problem.hint()))
        }
    }
}

/// The index of the first word that is no flag of `run`. `None`: there is none, or clap has to report a mistake.
fn after_flags(words: &[String]) -> Option<usize> {
    let mut at = 0;
    loop {
        match words.get(at)?.as_str() {
            "--exec" => at += 1,
            "--home" => at += 2,
            word if word.starts_with("--home=") => at += 1,
            word if word.starts_with('-') => return None,
            _ => return Some(at),
        }
    }
}

/// The flags of a `run`.
pub(super) fn run_flags(args: RunArgs, command: Option<Command>) -> Flags {
    Flags {
        home: args.image.home,
        component: args.component,
        exec: args.exec,
        script_args: args.script_args,
        command,
    }
}

/// The flags of the `run` that this container was started with, and over them those of another verb.
pub(super) fn beside_run(flags: Flags, args: &[OsString], vars: &[(OsString, OsString)]) -> Flags {
    let line = file::of_kernel(Path::new("/proc/1/cmdline")).unwrap_or_default();
    // Each word ends with a zero byte.
    let words = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0);
    let words: Vec<OsString> = words.map(|word| OsStr::from_bytes(word).to_owned()).collect();
    let own = args
        .first()
        .map(|name| file_name(name).to_string_lossy().into_owned());
    let run = run_flags_of(&words, &own.unwrap_or_default(), vars).unwrap_or_default();
    let component = run
        .command
        .as_ref()
        .map(|command| command.component)
        .or(run.component);
    if flags.component.is_some() && flags.component != component {
        return flags;
    }
    Flags {
        home: flags.home.or(run.home),
        component: flags.component.or(run.component),
        command: run.command,
        ..flags
    }
}

/// The flags in a command line of ours, or of an init that starts ours.
fn run_flags_of(line: &[OsString], own: &str, vars: &[(OsString, OsString)]) -> Option<Flags> {
    let is_run = |pair: &[OsString]| matches!(pair, [name, verb] if file_name(name) == own && verb == "run");
    let at = line.windows(2).position(is_run)?;
    let (args, command) = split(line.get(at..)?, vars).ok()?;
    match Cli::try_parse_from(args).ok()?.verb {
        Verb::Run(args) => Some(run_flags(args, command)),
        _ => None,
    }
}

fn file_name(path: &OsStr) -> &OsStr {
    Path::new(path).file_name().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::{after_flags, run_flags_of};
    use crate::settings::Flags;

    /// Words of a command line, and the home, component and service that they give.
    const LINES: &str = "
        muster run => None None None
        /bin/muster run fe => None Some(Fe) None
        muster run --exec --home /x be -- --home=/y => Some(\"/x\") Some(Be) None
        muster run --home=/x => Some(\"/x\") None None
        /sbin/docker-init -- muster run bash /x/fe_entrypoint.sh a => None None Some(\"a\")
        muster run bash own.sh => None None None
        bash run fe => None None None
        muster health be => None None None
        /sbin/init => None None None
        => None None None";

    #[test]
    fn the_command_line_of_pid_1_says_what_the_container_was_started_with() {
        for row in LINES.lines().skip(1) {
            let (line, expected) = row.trim().split_once("=> ").unwrap();
            let line: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let Flags {
                home,
                component,
                command,
                ..
            } = run_flags_of(&line, "muster", &[]).unwrap_or_default();
            let service = command.and_then(|command| command.hosts.service);
            assert_eq!(format!("{home:?} {component:?} {service:?}"), expected, "{row}");
        }
    }

    #[test]
    fn the_flags_of_run_stand_before_a_command() {
        let table = [
            ("", None),
            ("fe", Some(0)),
            ("--exec bash -c x", Some(1)),
            ("--home /x --exec --home=/y fe", Some(4)),
            ("--home", None),
            ("--help", None),
            ("-- --debug", None),
        ];
        for (text, expected) in table {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            assert_eq!(after_flags(&words), expected, "{text}");
        }
    }
}
