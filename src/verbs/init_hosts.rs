//! `muster init --hosts`: writes a directory for each host of a list. Reads the list and the old files, lets the plan decide, and
//! writes what differs.

use std::path::{Path, PathBuf};

use crate::cli::InitArgs;
use crate::effects::together::{self, NewFile};
use crate::engine::{Component, Engine};
use crate::exit::{ExitCode, chain};
use crate::facts::old_file::{OldFile, beside};
use crate::facts::resolve::resolve_all;
use crate::file;
use crate::plan::init::hosts::{self, COMPOSE, FIREWALL, HostDir, HostsInputs, TARGETS};
use crate::plan::init::{self, FileChange, Target};
use crate::plan::refusal::Refusal;
use crate::settings::{EnvFile, Flags, HostList, ListedHost, Machine, Problems, Settings};
use crate::verbs::init::each_once;
use crate::verbs::{Outcome, bad_settings, rendered};

/// Writes the directories into `out`, or reports why not. `image`: the engine of this image, if it has one.
pub fn init_hosts(args: &InitArgs, list: &Path, out: &Path, image: Option<&'static Engine>) -> Outcome {
    let app_env = match &args.app_env {
        None => Ok(EnvFile::parse(list.display().to_string(), "")),
        Some(path) => read(path).map(|text| EnvFile::parse(path.display().to_string(), &text)),
    };
    let (text, app_env) = match (read(list), app_env) {
        (Ok(text), Ok(app_env)) => (text, app_env),
        (one, other) => {
            let refusals: Vec<Refusal> = one.err().into_iter().chain(other.err()).collect();
            return refused(&refusals);
        }
    };
    let engine = init::engine(&app_env, image);
    let hosts = HostList::parse(list.display().to_string(), &text, app_env, engine);
    let mut warnings = Vec::new();
    let dirs = match dirs(&hosts, engine, out, &mut warnings) {
        Ok(dirs) => dirs,
        Err(problems) => return bad_settings(&problems),
    };
    let mut outcome = match write(args, (list, &hosts), engine, (out, &dirs), &mut warnings) {
        Ok(output) => Outcome::printed(output),
        Err(refusals) => refused(&refusals),
    };
    outcome.report = each_once(warnings) + &outcome.report;
    outcome
}

/// Writes what differs, and returns the report.
fn write(
    args: &InitArgs,
    (path, list): (&Path, &HostList),
    engine: &'static Engine,
    (out, dirs): (&Path, &[HostDir<'_>]),
    warnings: &mut Vec<String>,
) -> Result<String, Vec<Refusal>> {
    let listed: Vec<PathBuf> = dirs.iter().map(|dir| dir.path.join(COMPOSE)).collect();
    let mut others = beside(out, COMPOSE);
    others.retain(|other| !listed.contains(&other.path));
    let targets = OldFile::read(&out.join(TARGETS));
    let addresses = resolve_all(list.hosts.iter().map(|host| host.host.clone()).collect());
    let plan = hosts::derive(&HostsInputs {
        engine,
        list,
        hosts: dirs,
        targets: &targets,
        addresses: &addresses,
        others: &others,
        force: args.force,
    })?;
    warnings.extend(plan.warnings);
    let files: Vec<NewFile<'_>> = plan
        .files
        .iter()
        .filter(|file| file.change != FileChange::Unchanged)
        .map(|file| NewFile {
            path: &file.old.real,
            text: &file.text,
            aside: (file.change == FileChange::Replaced).then_some(file.old.aside.as_path()),
        })
        .collect();
    together::write_each(&files, path).map_err(|error| {
        vec![Refusal::new(
            ExitCode::Taken,
            chain(&error),
            "files before it are written; when this is cured, run it again for the rest",
        )]
    })?;
    Ok(plan.report)
}

/// Reads the settings of every node as its `run` reads them, and the files that are there, or returns everything that is wrong.
fn dirs<'a>(
    list: &'a HostList,
    engine: &'static Engine,
    out: &Path,
    warnings: &mut Vec<String>,
) -> Result<Vec<HostDir<'a>>, Problems> {
    let mut dirs = Vec::new();
    let mut problems: Option<Problems> = list.problems();
    for listed in &list.hosts {
        let env = list.env(listed);
        let path = out.join(listed.dir_name());
        let mut targets = Vec::new();
        for component in listed.components.iter().copied() {
            match settings(&env, engine, component) {
                Ok((settings, more)) => {
                    warnings.extend(more);
                    let old = OldFile::read(&path.join(init::file_name(engine, component)));
                    targets.push(Target::new(engine, component, settings, old));
                }
                Err(more) => {
                    problems = Some(match problems {
                        Some(before) => before.and(more),
                        None => more,
                    });
                }
            }
        }
        dirs.push(HostDir {
            listed,
            env,
            targets,
            compose: OldFile::read(&path.join(COMPOSE)),
            firewall: OldFile::read(&path.join(FIREWALL)),
            unused: unused(listed, engine, &path),
            path,
        });
    }
    problems.map_or(Ok(dirs), Err)
}

fn settings(
    env: &EnvFile,
    engine: &'static Engine,
    component: Component,
) -> Result<(Settings, Vec<String>), Problems> {
    let flags = Flags {
        component: Some(component),
        machine: Machine {
            engine: Some(engine),
            ..Machine::default()
        },
        ..Flags::default()
    };
    let (mut settings, warnings) = Settings::read_file(flags, env)?;
    settings.share_conf(engine, component);
    Ok((settings, warnings.iter().map(ToString::to_string).collect()))
}

/// The env files of nodes that the host has no more.
fn unused(listed: &ListedHost, engine: &Engine, dir: &Path) -> Vec<PathBuf> {
    let gone = Component::ALL.into_iter();
    let gone = gone.filter(|component| !listed.components.contains(component));
    let files = gone.map(|component| dir.join(init::file_name(engine, component)));
    files.filter(|file| file.exists()).collect()
}

fn read(path: &Path) -> Result<String, Refusal> {
    file::text(path, file::ENV).map_err(|error| {
        Refusal::new(
            ExitCode::Configuration,
            format!("cannot read {}: {error}", path.display()),
            "a line for each host is enough, such as `10.0.0.10 fe,be`; `muster help init` has an example",
        )
    })
}

fn refused(refusals: &[Refusal]) -> Outcome {
    Outcome {
        report: rendered(refusals, "not to write"),
        ..Outcome::refused(refusals)
    }
}
