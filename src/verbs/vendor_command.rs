//! The arguments of `run`, also where they were written for the vendor's image, and those that this container was started
//! with: `docker exec` sees the variables of a container, but not its command.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::{Cli, RunArgs, Verb};
use crate::exit::ExitCode;
use crate::file;
use crate::plan::refusal::Refusal;
use crate::settings::{Command, CommandProblem, Flags, variable_of};
use crate::verbs::machine::image_home;

/// The arguments of `run` that are muster's own, and the flags that the others give.
pub(super) fn split(
    args: &[OsString],
    vars: &[(OsString, OsString)],
) -> Result<(Vec<OsString>, Flags), Refusal> {
    let unsplit = (args.to_owned(), Flags::default());
    let [_, verb, rest @ ..] = args else {
        return Ok(unsplit);
    };
    let words: Vec<String> = rest
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let Some(at) = after_flags(&words).filter(|_| verb == "run") else {
        return Ok(unsplit);
    };
    let (before, after) = words.split_at(at);
    let own = args.get(..at + 2).unwrap_or(args).to_owned();
    let variables: Option<Vec<_>> = after.iter().map(|word| variable_of(word)).collect();
    if let Some(variables) = variables {
        let flags = Flags {
            variables,
            ..Flags::default()
        };
        return Ok((own, flags));
    }
    let value = |name: &str| {
        let (_, value) = vars.iter().find(|(known, _)| known == name)?;
        value.to_str().map(str::to_owned)
    };
    match Command::read(after, &value) {
        None => Ok(unsplit),
        Some(Ok(command)) => {
            let flags = Flags {
                variables: command.variables.clone(),
                command: Some(command),
                ..Flags::default()
            };
            Ok((own, flags))
        }
        // A shell alone is somebody who wants to look into the image.
        Some(Err(CommandProblem::NoCall(names))) if after.len() > 1 && follows_engine(before, vars) => {
            let flags = Flags {
                not_run: names,
                ..Flags::default()
            };
            Ok((own, flags))
        }
        Some(Err(problem)) => {
            let code = match problem {
                CommandProblem::WritesConf { .. } => ExitCode::Configuration,
                _ => ExitCode::Usage,
            };
            Err(Refusal::new(code, problem.to_string(), problem.hint()))
        }
    }
}

/// True if the vendor's image of this container runs a command once the engine has ended. `before`: the flags of `run`.
fn follows_engine(before: &[String], vars: &[(OsString, OsString)]) -> bool {
    let mut homes = before.iter().zip(before.iter().skip(1).map(Some).chain([None]));
    let home = homes.find_map(|(flag, next)| match flag.strip_prefix("--home")? {
        "" => next.map(PathBuf::from),
        value => value.strip_prefix('=').map(PathBuf::from),
    });
    let flags = Flags {
        home,
        ..Flags::default()
    };
    image_home(&flags, vars).is_some_and(|home| home.engine.command_follows_engine)
}

/// The index of the first word that is no flag of `run`. `None`: there is none, or clap has to report a mistake.
fn after_flags(words: &[String]) -> Option<usize> {
    let mut at = 0;
    loop {
        match words.get(at)?.as_str() {
            "--exec" => at += 1,
            "--home" => at += 2,
            word if word.starts_with("--home=") => at += 1,
            word if word.starts_with('-') && variable_of(word).is_none() => return None,
            _ => return Some(at),
        }
    }
}

/// The flags of a `run`; `given` are those of `split`.
pub(super) fn run_flags(args: RunArgs, given: Flags) -> Flags {
    Flags {
        home: args.image.home,
        component: args.component,
        exec: args.exec,
        script_args: args.script_args,
        ..given
    }
}

/// The flags of the `run` that this container was started with, and over them those of another verb.
pub(super) fn beside_run(flags: Flags, args: &[OsString], vars: &[(OsString, OsString)]) -> Flags {
    let run = run_flags_of(&line_of_pid_1(), &own_name(args), vars).unwrap_or_default();
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
        variables: run.variables,
        not_run: run.not_run,
        ..flags
    }
}

/// Where the `serve` listens that this container was started with.
pub(super) fn served(args: &[OsString]) -> Option<SocketAddr> {
    served_by(&line_of_pid_1(), &own_name(args))
}

fn line_of_pid_1() -> Vec<OsString> {
    let line = file::of_kernel(Path::new("/proc/1/cmdline")).unwrap_or_default();
    // Each word ends with a zero byte.
    let words = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0);
    words.map(|word| OsStr::from_bytes(word).to_owned()).collect()
}

fn own_name(args: &[OsString]) -> String {
    let own = args.first().map(|name| file_name(name).to_string_lossy());
    own.unwrap_or_default().into_owned()
}

/// The address in a command line of ours, which an init may have started.
fn served_by(line: &[OsString], own: &str) -> Option<SocketAddr> {
    let at = line.iter().position(|word| file_name(word) == own)?;
    let (name, rest) = line.get(at..)?.split_first()?;
    match Cli::try_parse_from([name].into_iter().chain(without_run(rest)))
        .ok()?
        .verb
    {
        Verb::Serve(args) => Some(args.listen),
        _ => None,
    }
}

/// The words of a command line without the `run` of an image's entrypoint in front of `serve`, which starts no engine.
pub(super) fn without_run(words: &[OsString]) -> &[OsString] {
    match words {
        [run, rest @ ..] if run == "run" && rest.first().is_some_and(|verb| verb == "serve") => rest,
        words => words,
    }
}

/// The flags in a command line of ours, or of an init that starts ours.
fn run_flags_of(line: &[OsString], own: &str, vars: &[(OsString, OsString)]) -> Option<Flags> {
    let is_run = |pair: &[OsString]| matches!(pair, [name, verb] if file_name(name) == own && verb == "run");
    let at = line.windows(2).position(is_run)?;
    let (args, given) = split(line.get(at..)?, vars).ok()?;
    match Cli::try_parse_from(args).ok()?.verb {
        Verb::Run(args) => Some(run_flags(args, given)),
        _ => None,
    }
}

fn file_name(path: &OsStr) -> &OsStr {
    Path::new(path).file_name().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::{after_flags, run_flags_of, served_by};
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
    fn a_container_that_serves_is_told_from_one_that_runs_an_engine() {
        let table = [
            ("muster run serve --listen 0.0.0.0:80", Some("0.0.0.0:80")),
            (
                "/sbin/docker-init -- /bin/muster run serve",
                Some("127.0.0.1:19320"),
            ),
            ("/muster serve --master 10.0.0.1", Some("127.0.0.1:19320")),
            ("muster run", None),
            ("muster run fe serve", None),
            ("muster run serve --listen nowhere", None),
            ("muster status", None),
            ("/sbin/init", None),
            ("", None),
        ];
        for (line, expected) in table {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let at = served_by(&words, "muster").map(|at| at.to_string());
            assert_eq!(at.as_deref(), expected, "{line}");
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
