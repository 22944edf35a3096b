//! What stands after `run`, also where it was written for the vendor's image, and what stood there when the container was
//! started: `docker exec` sees the variables of a container, but not its command.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::engine::Component;
use crate::exit::ExitCode;
use crate::plan::refusal::Refusal;
use crate::settings::{Command, Flags, after_flags};
use crate::verbs::Outcome;

/// The arguments without a vendor's command, and what that says.
pub(super) fn split<'a>(
    args: &'a [OsString],
    vars: &[(OsString, OsString)],
) -> Result<(&'a [OsString], Option<Command>), Outcome> {
    match args {
        [_, verb, rest @ ..] if verb == "run" => {
            let words: Vec<String> = rest
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect();
            let Some(at) = after_flags(&words) else {
                return Ok((args, None));
            };
            match Command::read(words.get(at..).unwrap_or_default(), &|name| value(vars, name)) {
                None => Ok((args, None)),
                Some(Ok(command)) => Ok((args.get(..at + 2).unwrap_or(args), Some(command))),
                Some(Err(problem)) => Err(Outcome::refused(&[Refusal::new(
                    ExitCode::Usage,
                    problem.to_string(),
                    problem.hint(),
                )])),
            }
        }
        _ => Ok((args, None)),
    }
}

/// The flags of the `run` that this container was started with, and over them those of another verb.
pub(super) fn beside_run(flags: Flags, args: &[OsString], vars: &[(OsString, OsString)]) -> Flags {
    let own = args
        .first()
        .map(|name| file_name(&name.to_string_lossy()).to_owned());
    let words = fs::read("/proc/1/cmdline").unwrap_or_default();
    let words: Vec<String> = words
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let run = of_run(&words, &own.unwrap_or_default(), vars);
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

/// What a command line says, of ours or of an init with ours behind it.
fn of_run(line: &[String], own: &str, vars: &[(OsString, OsString)]) -> Flags {
    let is_run = |pair: &[String]| matches!(pair, [name, verb] if file_name(name) == own && verb == "run");
    let Some(at) = line.windows(2).position(is_run) else {
        return Flags::default();
    };
    let words = line.get(at + 2..).unwrap_or_default();
    // A command line ends with the end of its last word.
    let words = words.strip_suffix(&[String::new()]).unwrap_or(words);
    let at = after_flags(words);
    let (before, rest) = words
        .split_at_checked(at.unwrap_or(words.len()))
        .unwrap_or_default();
    let mut homes = before.iter().zip(before.iter().skip(1).map(Some).chain([None]));
    let home = homes.find_map(|(word, next)| match word.strip_prefix("--home=") {
        Some(home) => Some(home),
        None => next.filter(|_| word == "--home").map(String::as_str),
    });
    Flags {
        home: home.map(|home| Path::new(home).to_owned()),
        component: rest.first().and_then(|word| Component::parse(word)),
        command: Command::read(rest, &|name| value(vars, name)).and_then(Result::ok),
        ..Flags::default()
    }
}

fn value(vars: &[(OsString, OsString)], name: &str) -> Option<String> {
    let (_, value) = vars.iter().find(|(known, _)| known == name)?;
    value.to_str().map(str::to_owned)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::of_run;
    use crate::settings::Flags;

    fn shown(line: &[&str]) -> String {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let Flags {
            home,
            component,
            command,
            ..
        } = of_run(&line, "muster", &[]);
        let home = home.map(|home| home.display().to_string());
        let command = command.map(|command| format!("{} {:?}", command.script, command.says.service));
        format!("{home:?} {component:?} {command:?}")
    }

    #[test]
    fn the_command_line_of_pid_1_says_what_the_container_was_started_with() {
        let table: &[(&[&str], &str)] = &[
            (&["muster", "run", ""], "None None None"),
            (&["/bin/muster", "run", "fe", ""], "None Some(Fe) None"),
            (
                &[
                    "muster",
                    "run",
                    "--exec",
                    "--home",
                    "/x",
                    "be",
                    "--",
                    "--home=/y",
                    "",
                ],
                "Some(\"/x\") Some(Be) None",
            ),
            (&["muster", "run", "--home=/x", ""], "Some(\"/x\") None None"),
            (
                &[
                    "/sbin/docker-init",
                    "--",
                    "muster",
                    "run",
                    "bash",
                    "-c",
                    "fe_entrypoint.sh a\n",
                    "",
                ],
                "None None Some(\"fe_entrypoint.sh Some(\\\"a\\\")\")",
            ),
            (&["bash", "run", "fe", ""], "None None None"),
            (&["muster", "health", "be", ""], "None None None"),
            (&["/sbin/init"], "None None None"),
            (&[], "None None None"),
        ];
        for (line, expected) in table {
            assert_eq!(shown(line), *expected, "{line:?}");
        }
    }
}
