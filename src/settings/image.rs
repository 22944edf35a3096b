//! What says where the engine is and which one it is: the part of the settings that every verb needs.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::engine::{self, Component, Engine};

use super::command::COMMAND;
use super::problem::{Problems, Warning, shown};
use super::problems::{Reader, absolute_path};
use super::{Flags, Source, Sourced, enums, environment};

/// What says where the engine is and which one it is; all of it is usually found without being asked.
#[derive(Debug, Clone, Default)]
pub struct ImageSettings {
    pub home: Option<Sourced<PathBuf>>,
    pub component: Option<Sourced<Component>>,
    pub engine: Option<Sourced<&'static Engine>>,
    /// `None`: beside the conf file.
    pub state_dir: Option<Sourced<PathBuf>>,
}

impl ImageSettings {
    /// Works with any environment that does not get these few wrong: `docker exec` has no reason to repeat the rest.
    pub fn read(flags: &Flags, vars: &[(OsString, OsString)]) -> Result<(Self, Vec<Warning>), Problems> {
        let ours = vars.iter().filter(|(name, _)| {
            ["COMPONENT", "ENGINE", "STATE_DIR"]
                .into_iter()
                .chain(engine::ALL.into_iter().map(|engine| engine.home_variable))
                .any(|known| name == known)
        });
        let environment = environment::collect(&mut ours.cloned());
        let mut reader = Reader::new(&environment, None);
        let image = Self::from_reader(&mut reader, flags);
        if reader.problems.is_empty() {
            Ok((image, reader.warnings))
        } else {
            Err(Problems::new(reader.problems, reader.warnings, None))
        }
    }

    pub(super) fn from_reader(reader: &mut Reader<'_>, flags: &Flags) -> Self {
        let engine = reader.parse("ENGINE", enums::engine);
        // Read even if the flag wins: a wrong value is said all the same.
        let component = reader.parse("COMPONENT", enums::component);
        let home = home(reader, engine.as_ref().map(|engine| engine.value), flags);
        let command = flags.command.as_ref();
        Self {
            home: flag(flags.home.clone(), "--home")
                .or(flag(command.and_then(|command| command.home.clone()), COMMAND))
                .or(home),
            component: flag(flags.component, "the argument of `run`")
                .or(flag(command.map(|command| command.component), COMMAND))
                .or(component),
            state_dir: reader.parse("STATE_DIR", absolute_path),
            engine,
        }
    }
}

pub(super) fn flag<T>(value: Option<T>, name: &'static str) -> Option<Sourced<T>> {
    value.map(|value| Sourced {
        value,
        source: Source::Flag(name),
    })
}

/// The home dir that the variable of the engine names; of any engine, unless one was asked for.
fn home(reader: &mut Reader<'_>, engine: Option<&'static Engine>, flags: &Flags) -> Option<Sourced<PathBuf>> {
    let mut homes: Vec<(&'static str, Sourced<PathBuf>)> = Vec::new();
    for candidate in engine::ALL {
        let variable = candidate.home_variable;
        if engine.is_some_and(|engine| engine.id != candidate.id) {
            continue;
        }
        homes.extend(reader.parse(variable, absolute_path).map(|home| (variable, home)));
    }
    let mut homes = homes.into_iter();
    let (first_variable, first) = homes.next()?;
    if let Some((variable, other)) = homes.find(|(_, home)| home.value != first.value)
        && flags.home.is_none()
        && flags
            .command
            .as_ref()
            .is_none_or(|command| command.home.is_none())
    {
        let first = shown(&first.value.to_string_lossy());
        let why = format!(
            "is not the home dir that {first_variable} names, `{first}`; ENGINE or --home chooses one"
        );
        reader.refuse(variable, &other.value.to_string_lossy(), &why);
    }
    Some(first)
}
