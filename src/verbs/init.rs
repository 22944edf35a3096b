//! `muster init`: writes the two env files of one host from its `app.env`. Reads the old files, examines the ports of this
//! machine, lets the plan decide, and writes both files or none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::InitArgs;
use crate::effects::together::{self, NewFile};
use crate::engine::Engine;
use crate::exit::ExitCode;
use crate::exit::chain;
use crate::facts::addresses::Addresses;
use crate::facts::old_file::OldFile;
use crate::facts::ports::{Candidate, PortFacts};
use crate::file;
use crate::plan::init::{self, ChosenPort, FileChange, HostPorts, Inputs, Target};
use crate::plan::refusal::Refusal;
use crate::settings::{EnvFile, Flags, Machine, Problems, Settings};
use crate::verbs::{Outcome, bad_settings, rendered, warning_lines};

/// Writes the files, or reports why not. `image`: the engine of this image, if it has one. `own`: ports of the node that this
/// container runs, which are free for it.
pub fn init(args: &InitArgs, image: Option<&'static Engine>, own: &[u16]) -> Outcome {
    let path = app_env_path(args);
    let app_env = match read_app_env(&path) {
        Ok(app_env) => app_env,
        Err(refusal) => return refused(&[refusal]),
    };
    let mut warnings = Vec::new();
    let engine = init::engine(&app_env, image);
    let settings = match read_settings(&app_env, engine, &mut warnings) {
        Ok(settings) => settings,
        Err(problems) => {
            return bad_settings(&problems);
        }
    };
    let mut outcome = match write(args, (&path, &app_env), engine, settings, own, &mut warnings) {
        Ok(output) => Outcome::printed(output),
        Err(refusals) => refused(&refusals),
    };
    outcome.report = each_once(warnings) + &outcome.report;
    outcome
}

/// The warnings: most are the same for all nodes.
pub(super) fn each_once(mut warnings: Vec<String>) -> String {
    let mut seen = BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    warning_lines(&warnings)
}

/// Writes both files or neither, and returns the report.
fn write(
    args: &InitArgs,
    (path, app_env): (&Path, &EnvFile),
    engine: &'static Engine,
    settings: Vec<Settings>,
    own: &[u16],
    warnings: &mut Vec<String>,
) -> Result<String, Vec<Refusal>> {
    let Some(first) = settings.first() else {
        return Err(Vec::new());
    };
    warnings.extend(foreign_address(first));
    let dir = args.dir.as_deref().unwrap_or_else(|| dir_of(path));
    let mut targets = Vec::new();
    for (component, settings) in init::COMPONENTS.into_iter().zip(settings) {
        let old = OldFile::read(&dir.join(init::file_name(engine, component)));
        targets.push(Target::new(engine, component, settings, old));
    }
    let inputs = Inputs {
        engine,
        app_env,
        targets: &targets,
        force: args.force,
        first_line: init::FIRST_LINE,
        seed_ports: None,
    };
    let mut ports = PortFacts::look(Path::new("/"), &[]);
    let plan = loop {
        ports.leave_out(own.iter().copied());
        let decided = init::derive(
            &inputs,
            &HostPorts {
                taken: &ports.taken(engine.ports.iter().any(|port| port.udp)),
                ephemeral: &ports.ephemeral,
                reserved: &ports.reserved,
            },
        );
        let chosen = decided.as_ref().map_or(&[][..], |plan| &plan.ports);
        if !try_out(chosen, &mut ports) {
            break decided?;
        }
    };
    warnings.extend(plan.warnings);
    let files: Vec<NewFile<'_>> = plan
        .files
        .iter()
        .filter(|file| file.change != FileChange::Unchanged)
        .map(|file| NewFile {
            path: &file.target.old.real,
            text: &file.text,
            aside: (file.change == FileChange::Replaced).then_some(file.target.old.aside.as_path()),
        })
        .collect();
    together::write(&files, path).map_err(|error| {
        vec![Refusal::new(
            ExitCode::Taken,
            chain(&error),
            "neither file was changed; --dir names another directory, which has to exist",
        )]
    })?;
    Ok(plan.report)
}

/// Binds the chosen ports that were not tried yet, and finds the holders of those that are taken. Returns whether
/// anything new was learned: then the choice has to be made again.
fn try_out(chosen: &[ChosenPort], ports: &mut PortFacts) -> bool {
    let mut learned = false;
    for ChosenPort { choice, .. } in chosen {
        if !ports.tried.contains(&choice.number) {
            ports.look_further(Candidate {
                number: choice.number,
                udp: choice.port.udp,
            });
            learned = true;
        }
    }
    ports.name_holders(Path::new("/")) || learned
}

/// Warns of a `LOCAL_HOST` that is not an address of this machine: the files may be for another host, or this is a container
/// without its host's network.
fn foreign_address(settings: &Settings) -> Option<String> {
    let local = &settings.local_host.value;
    let problem = Addresses::look(local, &[]).check(local).err()?;
    (!settings.skip_preflight.contains("address")).then(|| {
        format!(
            "LOCAL_HOST = {local} {problem}; `run` will refuse it here, and the ports were chosen by what is free on this machine"
        )
    })
}

/// `--app-env`, else `./app.env`, else the one in `--dir`, which a container may have mounted anywhere.
fn app_env_path(args: &InitArgs) -> PathBuf {
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

fn read_app_env(path: &Path) -> Result<EnvFile, Refusal> {
    let name = path.display().to_string();
    match file::text(path, file::ENV) {
        Ok(text) => Ok(EnvFile::parse(name, &text)),
        Err(error) => Err(Refusal::new(
            ExitCode::Configuration,
            format!("cannot read {name}: {error}"),
            "two lines are enough, such as MASTER_HOST=10.0.0.10, the host of the first FE and the same on every host, and \
             LOCAL_HOST=10.0.0.11, the address or name of this host; --app-env names a file elsewhere",
        )),
    }
}

/// Reads `app.env` as the `run` of each component reads it, or returns everything that is wrong with it.
fn read_settings(
    app_env: &EnvFile,
    engine: &'static Engine,
    warnings: &mut Vec<String>,
) -> Result<Vec<Settings>, Problems> {
    let mut all = Vec::new();
    let mut problems: Option<Problems> = None;
    for component in init::COMPONENTS {
        let flags = Flags {
            component: Some(component),
            machine: Machine {
                engine: Some(engine),
                ..Machine::default()
            },
            ..Flags::default()
        };
        match Settings::read_file(flags, app_env) {
            Ok((settings, more)) => {
                all.push(settings);
                warnings.extend(more.iter().map(ToString::to_string));
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
        report: rendered(refusals, "not to write"),
        ..Outcome::refused(refusals)
    }
}
