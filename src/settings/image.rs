//! The settings about the image, which every verb needs: the home of the engine, the component and the engine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::engine::aliases::Word;
use crate::engine::{self, Component, Engine};

use super::command::COMMAND;
use super::conf::{self, ConfRequest};
use super::environment::Environment;
use super::parse::{Parser, absolute_path, from_environment};
use super::problems::{Problems, Warning, shown};
use super::{Flags, Source, Sourced, enums, environment, words};

/// The home of the engine, the component and the engine, where they are set; usually they are found in the image.
#[derive(Debug, Clone, Default)]
pub struct ImageSettings {
    pub home: Option<Sourced<PathBuf>>,
    pub component: Option<Sourced<Component>>,
    pub engine: Option<Sourced<&'static Engine>>,
    /// `None`: beside the conf file.
    pub state_dir: Option<Sourced<PathBuf>>,
    /// The requested conf lines, without a word about wrong ones: a line can make a node another component.
    pub conf: BTreeMap<Component, Vec<ConfRequest>>,
}

impl ImageSettings {
    /// Reads only these variables: another one that is wrong does not stop a verb in `docker exec`.
    pub fn read(flags: &Flags, vars: &[(OsString, OsString)]) -> Result<(Self, Vec<Warning>), Problems> {
        let ours = vars.iter().filter(|(name, _)| {
            ["COMPONENT", "ENGINE", "STATE_DIR"]
                .into_iter()
                .chain(engine::ALL.into_iter().map(|engine| engine.home_variable))
                .chain(words::for_component().map(|alias| alias.variable))
                .any(|known| name == known)
        });
        let environment = environment::collect(&mut ours.cloned(), None);
        let mut parser = Parser::new(&environment, None, None);
        let whole = environment::collect(&mut vars.iter().cloned(), None);
        let image = Self {
            conf: conf_lines(&whole),
            ..Self::from_parser(&mut parser, flags)
        };
        if parser.problems.is_empty() {
            Ok((image, parser.warnings))
        } else {
            Err(Problems::new(parser.problems, parser.warnings, None))
        }
    }

    pub(super) fn from_parser(parser: &mut Parser<'_>, flags: &Flags) -> Self {
        let engine = parser.parse("ENGINE", enums::engine);
        // Read even if the flag wins: a wrong value is reported anyway.
        let mut component = parser.parse("COMPONENT", enums::component);
        for alias in words::for_component() {
            let word = parser
                .text(alias.variable)
                .and_then(|text| alias.meaning.word(text));
            if let Some(Word::Component(value) | Word::Node(value)) = word {
                component = parser.first(component, Some(from_environment(alias.variable, value)));
            }
        }
        let home = home(parser, engine.as_ref().map(|engine| engine.value), flags);
        let command = flags.command.as_ref();
        let named = flag(flags.home.clone(), "--home")
            .or(flag(command.and_then(|command| command.home.clone()), COMMAND));
        let called = flag(flags.component, "the argument of `run`")
            .or(flag(command.map(|command| command.component), COMMAND));
        Self {
            home: parser.first(named, home),
            component: parser.first(called, component),
            state_dir: parser.parse("STATE_DIR", absolute_path),
            engine,
            conf: conf_lines(parser.environment),
        }
    }

    /// True if the component is only that of a script in the command of the container, and the conf may say more.
    pub fn component_is_of_command(&self) -> bool {
        let source = self.component.as_ref().map(|component| &component.source);
        source == Some(&Source::Flag(COMMAND))
    }
}

fn conf_lines(environment: &Environment) -> BTreeMap<Component, Vec<ConfRequest>> {
    conf::read(
        &mut Parser::new(environment, None, None),
        None,
        &mut BTreeMap::new(),
    )
}

pub(super) fn flag<T>(value: Option<T>, name: &'static str) -> Option<Sourced<T>> {
    value.map(|value| Sourced {
        value,
        source: Source::Flag(name),
    })
}

/// The home dir that the variable of the engine names; of any engine, unless one was asked for.
fn home(parser: &mut Parser<'_>, engine: Option<&'static Engine>, flags: &Flags) -> Option<Sourced<PathBuf>> {
    let mut homes: Vec<(&'static str, Sourced<PathBuf>)> = Vec::new();
    for candidate in engine::ALL {
        let variable = candidate.home_variable;
        if engine.is_some_and(|engine| engine.id != candidate.id) {
            continue;
        }
        homes.extend(parser.parse(variable, absolute_path).map(|home| (variable, home)));
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
            "conflicts with {first_variable}, which names `{first}` (set ENGINE or --home to choose one)"
        );
        parser.refuse(variable, &other.value.to_string_lossy(), &why);
    }
    Some(first)
}
