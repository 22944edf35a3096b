//! From flags and environment to `Settings`, or to everything that is wrong with them.

use std::ffi::OsString;
use std::time::Duration;

use crate::engine::aliases::{self, Meaning};
use std::collections::BTreeSet;

use super::command::{COMMAND, Command};
use super::duration::{parse_duration, parse_patience};
use super::env_file::EnvFile;
use super::image::ImageSettings;
use super::log::LogSettings;
use super::problem::{Problems, Warning};
use super::problems::Reader;
use super::{
    Bootstrap, FeRole, Flags, Settings, Source, Sourced, account, conf, enums, environment, hosts, ports,
};

impl Settings {
    /// Reads everything once. Other people's variables are left alone, also where they are not UTF-8.
    pub fn read(
        flags: Flags,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<Warning>), Problems> {
        let environment = environment::collect(&mut vars.into_iter());
        read_all(Reader::new(&environment, None), flags)
    }

    /// The same for the lines of a file: what `run` will make of them in the container that is given them. The files
    /// that they name are there and not here, and are not looked at.
    pub fn read_file(flags: Flags, file: &EnvFile) -> Result<(Self, Vec<Warning>), Problems> {
        let environment = environment::collect(&mut file.vars());
        read_all(Reader::new(&environment, Some(file)), flags)
    }
}

fn read_all(mut reader: Reader<'_>, flags: Flags) -> Result<(Settings, Vec<Warning>), Problems> {
    let settings = read(&mut reader, flags);
    match settings {
        Some(settings) if reader.problems.is_empty() => Ok((settings, reader.warnings)),
        _ => Err(Problems::new(
            reader.problems,
            reader.warnings,
            reader.file.map(EnvFile::name),
        )),
    }
}

/// `None` only where a problem was noted: without the two hosts there are no settings.
fn read(reader: &mut Reader<'_>, flags: Flags) -> Option<Settings> {
    // The log is set up already; this is for what was wrong about it.
    LogSettings::from_reader(reader);
    let image = ImageSettings::from_reader(reader, &flags);
    let component = image.component.as_ref().map(|component| component.value);
    let command = flags.command.as_ref();
    if let Some(text) = command.and_then(Command::warning) {
        reader.warn(COMMAND, text);
    }

    let hosts = hosts::read(reader, component, command.map(|command| &command.hosts));
    let mut wished = ports::read(reader);
    if let Some(local) = &hosts.local {
        ports::rename_backend_port(&mut wished, &local.source);
    }
    let conf = conf::read(reader, component, &mut wished);
    for alias in aliases::all() {
        if let Meaning::Port(port) = alias.meaning
            && let Some(number) = ports::read_port(reader, alias.variable)
        {
            wished.entry(port).or_insert(number);
        }
    }
    for (port, number) in hosts.ports {
        wished.entry(port).or_insert(number);
    }
    ports::check_distinct(reader, &wished, component);
    if let Some(local) = &hosts.local {
        conf::check_networks(reader, component, &conf, local);
    }

    let master_query_port = ports::read_port(reader, "MASTER_FE_QUERY_PORT");
    let mut master_edit_log_port = ports::read_port(reader, "MASTER_FE_EDIT_LOG_PORT");
    for variable in aliases::meaning(Meaning::MasterEditLogPort) {
        let port = ports::read_port(reader, variable);
        master_edit_log_port = master_edit_log_port.or(port);
    }
    for variable in ["FE_INDEX", "BE_INDEX"] {
        reader.parse(variable, |text| {
            text.parse::<u32>().map_err(|_| "is not a number".to_owned())
        });
    }
    let fe_role = fe_role(reader);
    let exec = reader.parse("MUSTER_EXEC", enums::boolean);
    let rejoin = reader.parse("REJOIN", enums::boolean);
    let bootstrap = reader.parse("BOOTSTRAP", enums::bootstrap);
    let guard_time = reader.parse("GUARD_TIME", parse_duration);
    let wait_timeout = patience(reader, "WAIT_TIMEOUT");
    let join_timeout = patience(reader, "JOIN_TIMEOUT");
    let stop_grace = reader.parse("STOP_GRACE", parse_patience);
    let skip_preflight = reader.parse("SKIP_PREFLIGHT", checks);
    let tls = account::tls(reader);
    let root_password_file = account::root_password_file(reader);
    let account = account::account(reader, root_password_file.as_deref());

    Some(Settings {
        master_hosts: hosts.master?,
        local_host: hosts.local?,
        master_query_port,
        master_edit_log_port: master_edit_log_port.or(hosts.master_edit_log_port),
        fe_role,
        ports: wished,
        image,
        conf,
        account,
        tls,
        root_password_file,
        bootstrap: bootstrap.unwrap_or(Sourced {
            value: Bootstrap::Guarded,
            source: Source::Default,
        }),
        guard_time,
        rejoin: rejoin.is_some_and(|rejoin| rejoin.value),
        wait_timeout,
        stop_grace,
        join_timeout,
        exec: flags.exec || exec.is_some_and(|exec| exec.value),
        skip_preflight: skip_preflight.map(|checks| checks.value).unwrap_or_default(),
        secret_variables: reader.environment.secrets.clone(),
        script_args: match flags.command {
            Some(command) => command.script_args,
            None => flags.script_args,
        },
    })
}

fn fe_role(reader: &mut Reader<'_>) -> Option<Sourced<FeRole>> {
    let ours = reader.parse("FE_ROLE", enums::fe_role);
    ours.or_else(|| {
        aliases::meaning(Meaning::Observer).find_map(|variable| {
            let observer = reader.parse(variable, enums::boolean)?;
            observer.value.then_some(Sourced {
                value: FeRole::Observer,
                source: observer.source,
            })
        })
    })
}

fn patience(reader: &mut Reader<'_>, variable: &str) -> Sourced<Duration> {
    reader.parse(variable, parse_patience).unwrap_or(Sourced {
        value: Duration::from_secs(300),
        source: Source::Default,
    })
}

/// Names of pre-flight checks; which there are is known where they are made.
fn checks(text: &str) -> Result<BTreeSet<String>, String> {
    let names: BTreeSet<String> = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|name| !name.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let sound = |name: &String| {
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if names.iter().all(sound) {
        Ok(names)
    } else {
        Err("is not a list of names separated by commas".to_owned())
    }
}
