//! `muster init`: writes the two env files of one host from its `app.env`. Looks at the files and the ports there are,
//! lets the plan decide, and writes both files or none.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::InitArgs;
use crate::effects::together::{self, Wanted};
use crate::exit::ExitCode;
use crate::exit::chain;
use crate::facts::addresses::Addresses;
use crate::facts::old_file::OldFile;
use crate::facts::ports::{Candidate, PortFacts};
use crate::plan::init::{self, Busy, Chosen, Fate, Inputs, Side};
use crate::plan::refusal::Refusal;
use crate::settings::{EnvFile, Flags, Problems, Settings};
use crate::verbs::{Outcome, report, warning_lines};

/// Writes the files, or says why not.
pub fn init(args: &InitArgs) -> Outcome {
    let path = app_env_of(args);
    let app_env = match read(&path) {
        Ok(app_env) => app_env,
        Err(refusal) => return refused(&[refusal]),
    };
    let mut warnings = Vec::new();
    let settings = match settings(&app_env, &mut warnings) {
        Ok(settings) => settings,
        Err(problems) => {
            return Outcome {
                output: String::new(),
                report: format!("{}error: {problems}\n", warning_lines(problems.warnings())),
                code: ExitCode::Configuration,
            };
        }
    };
    let written = write(args, &path, &app_env, settings, &mut warnings);
    let report = warning_lines(&warnings);
    match written {
        Ok(output) => Outcome {
            output,
            report,
            code: ExitCode::Ok,
        },
        Err(refusals) => {
            let refused = refused(&refusals);
            Outcome {
                report: report + &refused.report,
                ..refused
            }
        }
    }
}

/// Both files, or neither.
fn write(
    args: &InitArgs,
    path: &Path,
    app_env: &EnvFile,
    settings: Vec<Settings>,
    warnings: &mut Vec<String>,
) -> Result<String, Vec<Refusal>> {
    let Some(first) = settings.first() else {
        return Err(Vec::new());
    };
    let engine = init::engine(first, app_env).map_err(|refusal| vec![refusal])?;
    warnings.extend(elsewhere(first));
    let dir = args.dir.as_deref().unwrap_or_else(|| dir_of(path));
    let mut sides = Vec::new();
    for (component, settings) in init::COMPONENTS.into_iter().zip(settings) {
        let old = OldFile::look(&dir.join(init::file_name(engine, component)));
        sides.push(Side::new(component, settings, old));
    }
    let mut ports = PortFacts::look(Path::new("/"), &init::candidates(engine, &sides));
    let inputs = Inputs {
        engine,
        app_env,
        sides: &sides,
        force: args.force,
    };
    let init = loop {
        let decided = init::derive(
            &inputs,
            &Busy {
                taken: &ports.taken(engine.ports.iter().any(|port| port.udp)),
                ephemeral: &ports.ephemeral,
                reserved: &ports.reserved,
            },
        );
        let chosen = decided.as_ref().map_or(&[][..], |init| &init.ports);
        if !try_out(chosen, &mut ports) {
            break decided?;
        }
    };
    warnings.extend(init.warnings.iter().cloned());
    let files: Vec<Wanted<'_>> = init
        .files
        .iter()
        .filter(|file| file.fate != Fate::Unchanged)
        .map(|file| Wanted {
            path: &file.side.old.real,
            text: &file.text,
            aside: (file.fate == Fate::Replaced).then_some(file.side.old.aside.as_path()),
        })
        .collect();
    match together::write(&files, path) {
        Ok(()) => Ok(init.said()),
        Err(error) => Err(vec![Refusal::new(
            ExitCode::Taken,
            chain(&error),
            "neither file was changed; --dir names another directory, which has to be there",
        )]),
    }
}

/// Tries the ports that were only thought of so far, and asks who holds those that are taken; whether there was
/// anything to find out.
fn try_out(chosen: &[Chosen], ports: &mut PortFacts) -> bool {
    let mut found = false;
    for Chosen { choice, .. } in chosen {
        if !ports.tried.contains(&choice.number) {
            ports.look_further(Candidate {
                number: choice.number,
                udp: choice.port.udp,
            });
            found = true;
        }
    }
    ports.name_holders(Path::new("/")) || found
}

/// The files may be meant for another host, or this may be a container that does not see its host's network.
fn elsewhere(settings: &Settings) -> Option<String> {
    let local = &settings.local_host.value;
    let elsewhere = Addresses::look(local, &[]).check(local).err()?;
    (!settings.skip_preflight.contains("address")).then(|| {
        format!("{elsewhere}; `run` will refuse it here, and the ports were looked for on this machine")
    })
}

/// The one that was named, or the one here, or else the one where the files go: in a container that is mounted somewhere.
fn app_env_of(args: &InitArgs) -> PathBuf {
    let here = PathBuf::from("./app.env");
    match (&args.app_env, &args.dir) {
        (Some(named), _) => named.clone(),
        (None, Some(dir)) if !here.exists() => dir.join("app.env"),
        (None, _) => here,
    }
}

fn dir_of(path: &Path) -> &Path {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}

fn read(path: &Path) -> Result<EnvFile, Refusal> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(EnvFile::parse(name, &text)),
        Err(error) => Err(Refusal::new(
            ExitCode::Configuration,
            format!("cannot read {name}: {error}"),
            "two lines are enough, such as MASTER_HOST=10.0.0.10, the host of the first FE and the same on every host, and \
             LOCAL_HOST=10.0.0.11, the address or name of this one; --app-env names a file elsewhere",
        )),
    }
}

/// What each component's `run` will read, or everything that is wrong with it.
fn settings(app_env: &EnvFile, warnings: &mut Vec<String>) -> Result<Vec<Settings>, Problems> {
    let mut all = Vec::new();
    let mut problems: Option<Problems> = None;
    for component in init::COMPONENTS {
        let flags = Flags {
            component: Some(component),
            ..Flags::default()
        };
        match Settings::read_file(flags, app_env) {
            Ok((settings, odd)) => {
                all.push(settings);
                for warning in odd {
                    let warning = warning.to_string();
                    // Said of the other one already.
                    if !warnings.contains(&warning) {
                        warnings.push(warning);
                    }
                }
            }
            Err(more) => {
                problems = Some(match problems {
                    Some(before) => before.and(more),
                    None => more,
                });
            }
        }
    }
    problems.map_or(Ok(all), Err)
}

fn refused(refusals: &[Refusal]) -> Outcome {
    Outcome {
        report: report(refusals, "not to write"),
        ..Outcome::refused(refusals)
    }
}
