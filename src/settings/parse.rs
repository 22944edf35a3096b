//! Makes `Settings` of flags and environment, or a report of everything that is wrong with them.

use std::ffi::OsString;
use std::time::Duration;

use crate::engine::aliases::{self, Meaning};
use crate::engine::{Engine, PortName};
use std::collections::{BTreeMap, BTreeSet};

use super::duration::{parse_duration, parse_patience};
use super::env_file::EnvFile;
use super::environment::Environment;
use super::image::ImageSettings;
use super::log::LogSettings;
use super::problems::{Problem, Problems, Warning, shown};
use super::secret::{is_secret_name, is_secret_value};
use super::{
    Bootstrap, FeRole, Flags, Host, Inherited, Settings, Source, Sourced, account, conf, enums, environment,
    heap, hosts, ports, vendor, words,
};

impl Settings {
    /// Reads everything once. Other people's variables are left alone, also where they are not UTF-8.
    pub fn read(
        flags: Flags,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<Warning>), Problems> {
        let engine = flags.machine.engine;
        let arguments = flags
            .variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let environment = environment::collect(&mut arguments.chain(vars), engine);
        read_all(Parser::new(&environment, None, engine), flags)
    }

    /// The same for the lines of a file, as `run` will read them in a container. The files that they name are in the
    /// container, and are not looked at.
    pub fn read_file(flags: Flags, file: &EnvFile) -> Result<(Self, Vec<Warning>), Problems> {
        let engine = flags.machine.engine;
        let environment = environment::collect(&mut file.vars(), engine);
        read_all(Parser::new(&environment, Some(file), engine), flags)
    }
}

fn read_all(mut parser: Parser<'_>, flags: Flags) -> Result<(Settings, Vec<Warning>), Problems> {
    let settings = read(&mut parser, flags);
    match settings {
        Some(settings) if parser.problems.is_empty() => Ok((settings, parser.warnings)),
        _ => Err(Problems::new(
            parser.problems,
            parser.warnings,
            parser.file.map(EnvFile::name),
        )),
    }
}

/// `None` only where a problem was noted: without the two hosts there are no settings.
fn read(parser: &mut Parser<'_>, flags: Flags) -> Option<Settings> {
    // The log is set up already; this reports what was wrong about it.
    LogSettings::from_parser(parser);
    let image = ImageSettings::from_parser(parser, &flags);
    let component = image.component.as_ref().map(|component| component.value);
    words::check_command(parser, &flags);
    let named = flags.command.as_ref().map(|command| &command.hosts);
    let hosts = hosts::read(parser, component, &flags.machine, named);
    let mut requested = ports::read(parser);
    if let Some(local) = &hosts.local {
        ports::rename_backend_port(&mut requested, &local.source);
    }
    let conf = conf::read(parser, component, &mut requested);
    let heap = heap::read(parser);
    let conf_folder =
        aliases::meaning(Meaning::ConfFolder).find_map(|variable| parser.parse(variable, absolute_path));
    for alias in aliases::all() {
        if let Meaning::Port(port) = alias.meaning
            && let Some(number) = ports::read_port(parser, alias.variable)
        {
            add_port(parser, &mut requested, port, number);
        }
    }
    for (port, number) in hosts.ports {
        add_port(parser, &mut requested, port, number);
    }
    ports::check_distinct(parser, &requested, component);
    if let Some(local) = &hosts.local {
        conf::check_networks(parser, component, &conf, local);
    }

    let [master_query_port, master_edit_log_port] = master_ports(parser);
    for variable in ["FE_INDEX", "BE_INDEX"] {
        parser.parse(variable, |text| {
            text.parse::<u32>().map_err(|_| "is not a number".to_owned())
        });
    }
    let fe_role = fe_role(parser, hosts.local.as_ref());
    let broker_name = parser.parse("BROKER_NAME", broker_name);
    for variable in aliases::meaning(Meaning::AlwaysOn) {
        if parser.parse(variable, enums::boolean).is_some_and(|on| !on.value) {
            let text = "has no effect: the engine's log always goes to the console too".to_owned();
            parser.warn(variable, text);
        }
    }
    words::warn_of_unread(parser);
    let exec = parser.parse("MUSTER_EXEC", enums::boolean);
    let rejoin = parser.parse("REJOIN", enums::boolean);
    let bootstrap = parser.parse("BOOTSTRAP", enums::bootstrap);
    let guard_time = parser.parse("GUARD_TIME", parse_duration);
    let wait_timeout = patience(parser, "WAIT_TIMEOUT");
    let join_timeout = patience(parser, "JOIN_TIMEOUT");
    let metrics_file = parser.parse("METRICS_FILE", absolute_path);
    let stop_grace = parser.parse("STOP_GRACE", parse_patience);
    let skip_preflight = parser.parse("SKIP_PREFLIGHT", checks);
    let tls = account::tls(parser);
    let root_password_file = account::first_password_file(parser, account::ROOT_PASSWORD_FILE);
    let admin_password_file = account::first_password_file(parser, account::ADMIN_PASSWORD_FILE);
    let account = account::account(parser, root_password_file.as_deref());

    Some(Settings {
        master_hosts: hosts.master?,
        local_host: hosts.local?,
        master_query_port,
        master_edit_log_port: master_edit_log_port.or(hosts.master_edit_log_port),
        fe_role,
        broker_name: broker_name.or(hosts.broker_name),
        ports: requested,
        image,
        conf_folder,
        conf,
        heap,
        host_names: hosts.names,
        account,
        tls,
        root_password_file,
        admin_password_file,
        bootstrap: bootstrap.unwrap_or(Sourced {
            value: Bootstrap::Guarded,
            source: Source::Default,
        }),
        guard_time,
        rejoin: rejoin.is_some_and(|rejoin| rejoin.value),
        wait_timeout,
        stop_grace,
        join_timeout,
        metrics_file,
        exec: flags.exec || exec.is_some_and(|exec| exec.value),
        skip_preflight: skip_preflight.map(|checks| checks.value).unwrap_or_default(),
        secret_variables: parser.environment.secrets.clone(),
        inherited: Inherited::new(parser.environment.all.clone(), &parser.environment.secrets),
        names: parser.environment.names.clone(),
        script_args: match flags.command {
            Some(command) => command.script_args,
            None => flags.script_args,
        },
    })
}

/// The seed's MySQL port and its edit log port.
fn master_ports(parser: &mut Parser<'_>) -> [Option<Sourced<u16>>; 2] {
    let mut query = ports::read_port(parser, "MASTER_FE_QUERY_PORT");
    let mut edit_log = ports::read_port(parser, "MASTER_FE_EDIT_LOG_PORT");
    for variable in aliases::meaning(Meaning::MasterPort) {
        let port = ports::read_port(parser, variable);
        let is_query = port
            .as_ref()
            .is_some_and(|port| words::is_query_port(parser, port.value));
        if is_query {
            query = parser.first(query, port);
        } else {
            edit_log = parser.first(edit_log, port);
        }
    }
    [query, edit_log]
}

/// Adds the request of a vendor's variable, unless there is one already.
fn add_port(
    parser: &mut Parser<'_>,
    requested: &mut BTreeMap<PortName, Sourced<u16>>,
    port: PortName,
    number: Sourced<u16>,
) {
    let chosen = parser.first(requested.remove(&port), Some(number));
    requested.extend(chosen.map(|chosen| (port, chosen)));
}

fn fe_role(parser: &mut Parser<'_>, local: Option<&Sourced<Host>>) -> Option<Sourced<FeRole>> {
    let mut role = parser.parse("FE_ROLE", enums::fe_role);
    for variable in aliases::meaning(Meaning::Role) {
        let other = parser.parse(variable, enums::fe_role);
        role = parser.first(role, other);
    }
    for variable in aliases::meaning(Meaning::Observer) {
        let observer = parser.parse(variable, enums::boolean).filter(|it| it.value);
        let other = observer.map(|observer| Sourced {
            value: FeRole::Observer,
            source: observer.source,
        });
        role = parser.first(role, other);
    }
    for variable in aliases::meaning(Meaning::Voters) {
        let count = parser.parse(variable, |text| {
            text.parse::<u32>().map_err(|_| "is not a number".to_owned())
        });
        let ordinal = local.and_then(|local| vendor::ordinal(&local.value));
        if let (Some(count), Some(ordinal), None) = (count, ordinal, &role) {
            role = (ordinal >= count.value).then_some(Sourced {
                value: FeRole::Observer,
                source: count.source,
            });
        }
    }
    role
}

/// A word that neither engine's SQL needs in quotes.
fn broker_name(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && text.len() <= 64 {
        return Ok(text.to_owned());
    }
    Err("is not a name of at most 64 letters, digits and `_` that begins with a letter".to_owned())
}

fn patience(parser: &mut Parser<'_>, variable: &str) -> Sourced<Duration> {
    parser.parse(variable, parse_patience).unwrap_or(Sourced {
        value: Duration::from_secs(300),
        source: Source::Default,
    })
}

/// Names of pre-flight checks; those that exist are known where they are made.
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

/// The environment, and the problems found in it so far, so that all of them are reported at once.
pub(super) struct Parser<'a> {
    pub environment: &'a Environment,
    /// That of the image, if it is known.
    pub engine: Option<&'static Engine>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
    /// Where the variables were written down for somebody else; `None`: they are our own.
    pub file: Option<&'a EnvFile>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        environment: &'a Environment,
        file: Option<&'a EnvFile>,
        engine: Option<&'static Engine>,
    ) -> Self {
        let broken = file.map(|file| file.broken.clone()).unwrap_or_default();
        Self {
            environment,
            engine,
            problems: [environment.problems.clone(), broken].concat(),
            warnings: environment.warnings.clone(),
            file,
        }
    }

    /// The source of a variable, as the end of a sentence.
    pub(super) fn set_in(&self, name: &str) -> String {
        match self.file {
            Some(file) => format!("set in {}", file.place(name)),
            None => "set in the environment".to_owned(),
        }
    }

    /// The text of a variable.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name)
    }

    /// A variable's value, if it is set and can be used.
    pub(super) fn parse<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Sourced<T>> {
        let text = self.text(name)?;
        match parse(text) {
            Ok(value) => Some(from_environment(name, value)),
            Err(why) => {
                self.refuse(name, text, &why);
                None
            }
        }
    }

    /// The first of two values of one setting, with a warning if the other one differs.
    pub(super) fn first<T: PartialEq>(
        &mut self,
        chosen: Option<Sourced<T>>,
        other: Option<Sourced<T>>,
    ) -> Option<Sourced<T>> {
        if let (Some(chosen), Some(other)) = (&chosen, &other)
            && chosen.value != other.value
        {
            let text = format!("conflicts with {} and is ignored", chosen.source.name());
            self.warn(other.source.name(), text);
        }
        chosen.or(other)
    }

    /// A value that cannot be used: shown, unless it may be a secret.
    pub(super) fn refuse(&mut self, name: &str, value: &str, why: &str) {
        let value = if is_secret_name(name) || is_secret_value(value) {
            "its value".to_owned()
        } else {
            format!("`{}`", shown(value))
        };
        self.problem(name, format!("{value} {why}, {}", self.set_in(name)));
    }

    pub(super) fn problem(&mut self, name: &str, text: String) {
        self.problems.push(Problem {
            variable: name.to_owned(),
            text,
        });
    }

    pub(super) fn warn(&mut self, name: &str, text: String) {
        self.warnings.push(Warning {
            variable: name.to_owned(),
            text,
        });
    }
}

pub(super) fn from_environment<T>(name: &str, value: T) -> Sourced<T> {
    Sourced {
        value,
        source: Source::Environment(name.to_owned()),
    }
}

/// A text without a line break or anything else a terminal or a conf file would act on.
pub(super) fn one_line(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("contains a control character".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn absolute_path(text: &str) -> Result<std::path::PathBuf, String> {
    let path = std::path::PathBuf::from(one_line(text)?);
    if !path.is_absolute() {
        return Err("is not an absolute path".to_owned());
    }
    Ok(path)
}
