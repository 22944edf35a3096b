//! Words of the vendors' files that are no values: they name the component, ask for what is no node, or change nothing here.

use crate::engine::aliases::{self, Alias, Meaning, Word};
use crate::engine::{self, Component, PortName};

use super::command::{COMMAND, Command};
use super::parse::Parser;
use super::{Flags, Machine, enums};

/// The words that are set, each with its variable.
pub(super) fn given(parser: &Parser<'_>) -> impl Iterator<Item = (&'static str, Word)> {
    aliases::all().filter_map(|alias| {
        let word = alias.meaning.word(parser.text(alias.variable)?)?;
        Some((alias.variable, word))
    })
}

/// The variables of which a word names the component.
pub(super) fn for_component() -> impl Iterator<Item = &'static Alias> {
    aliases::all().filter(|alias| match alias.meaning {
        Meaning::Words(words) => words
            .words
            .iter()
            .any(|(_, word)| matches!(word, Word::Component(_) | Word::Node(_))),
        _ => false,
    })
}

/// True for such a variable.
pub(super) fn names_component(variable: &str) -> bool {
    for_component().any(|alias| alias.variable == variable)
}

/// The variable that makes this container an FE which founds unless it is told whom to ask.
pub(super) fn founding(parser: &Parser<'_>) -> Option<&'static str> {
    let mut all = given(parser);
    all.find(|(_, word)| *word == Word::Node(Component::Fe))
        .map(|(variable, _)| variable)
}

/// True if a variable asks for something that is no node, or none that muster runs.
pub(super) fn refuse_all(parser: &Parser<'_>) -> bool {
    aliases::all().any(|alias| match (alias.meaning, parser.text(alias.variable)) {
        (Meaning::Words(words), Some(text)) => match alias.meaning.word(text) {
            None => words.strict,
            Some(word) => matches!(word, Word::Refused(_)),
        },
        _ => false,
    })
}

/// Says what of a command is not run, and refuses what must not be run.
pub(super) fn check_command(parser: &mut Parser<'_>, flags: &Flags) {
    let command = flags.command.as_ref();
    if let Some(text) = command.and_then(Command::warning) {
        parser.warn(COMMAND, text);
    }
    if !flags.not_run.is_empty() {
        let words: Vec<String> = flags.not_run.iter().map(|word| format!("{word} …")).collect();
        let text = format!(
            "({}) is not run: muster starts the engine itself, and the vendor's image runs a command once the engine has ended",
            words.join(", ")
        );
        parser.warn(COMMAND, text);
    }
    let script_args = command.map_or(&flags.script_args, |command| &command.script_args);
    refuse_one_time_flags(parser, &flags.machine, script_args);
}

/// Refuses flags that are for one start by hand: a container has the same at every start.
fn refuse_one_time_flags(parser: &mut Parser<'_>, machine: &Machine, script_args: &[String]) {
    let engines = engine::ALL
        .into_iter()
        .filter(|engine| machine.engine.is_none_or(|installed| installed.id == engine.id));
    for (engine, one_time) in
        engines.flat_map(|engine| engine.one_time_flags.iter().map(move |flag| (engine, flag)))
    {
        let is_given = |arg: &String| arg.split('=').next() == Some(one_time.flag);
        if !script_args.iter().any(is_given) {
            continue;
        }
        let of = machine.component.unwrap_or(Component::Fe);
        let layout = engine.layouts.iter().find(|layout| layout.component == of);
        let script = layout.map_or_else(String::new, |layout| {
            format!("{}/{}", layout.default_home, layout.script)
        });
        let text = format!(
            "gives the start script {}, which {}, at every start of this container; remove it, and if it is needed stop this \
             container and run it once by hand: docker run --rm -it --volumes-from CONTAINER --entrypoint {script} IMAGE {}",
            one_time.flag, one_time.does, one_time.flag
        );
        parser.problem(COMMAND, text);
    }
}

/// Tells if a port that an image calls that of the seed is its MySQL port: by its number, or because the image also names its
/// component so.
pub(super) fn is_query_port(parser: &Parser<'_>, port: u16) -> bool {
    let by_number = engine::ALL.into_iter().any(|engine| {
        let query = engine.port(Component::Fe, PortName::Query);
        query.is_some_and(|query| query.default == Some(port))
    });
    by_number || given(parser).any(|(_, word)| matches!(word, Word::Component(_)))
}

/// Names the vendors' variables that muster does not read.
pub(super) fn warn_of_unread(parser: &mut Parser<'_>) {
    for alias in aliases::all() {
        if let Meaning::Unread(text, beside) = alias.meaning
            && parser
                .text(alias.variable)
                .is_some_and(|text| enums::boolean(text) != Ok(false))
            && beside.is_none_or(|other| parser.text(other).is_some())
        {
            parser.warn(alias.variable, text.to_owned());
        }
    }
}
