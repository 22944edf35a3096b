//! `init`: the two env files of one host, for its FE and its BE, made of what its `app.env` says.
//!
//! A file has one block of ours. What it says about ports is kept from one run to the next, because the engines may
//! listen on them; everything else in it is made anew, and what stands outside of it is somebody else's.

mod block;
mod changes;
mod entries;
mod ports;
mod report;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use self::block::Block;
pub use self::changes::{Change, Fate};
pub use self::ports::{Chosen, candidates};
use super::refusal::Refusal;
use super::{is_seed, role};
use crate::engine::{self, Component, Engine};
use crate::exit::ExitCode;
use crate::facts::conf::BEGIN_MARK;
use crate::facts::old_file::{OldFile, OldState};
use crate::plan::node::Role;
use crate::settings::{EnvFile, Host, Settings};
use std::collections::BTreeMap;

/// Whom a file is written for, in the order in which they get their ports.
pub const COMPONENTS: [Component; 2] = [Component::Fe, Component::Be];

/// Everything that is known before anything is written.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub engine: &'static Engine,
    pub app_env: &'a EnvFile,
    /// One a component.
    pub sides: &'a [Side],
    /// A file that is not ours is replaced as well.
    pub force: bool,
}

/// The ports of this host, as far as somebody looked.
#[derive(Debug, Clone, Copy)]
pub struct Busy<'a> {
    /// Nobody else may take these, and who holds them.
    pub taken: &'a BTreeMap<u16, String>,
    /// The kernel deals these out to outgoing connections.
    pub ephemeral: &'a RangeInclusive<u16>,
    /// Except these.
    pub reserved: &'a [RangeInclusive<u16>],
}

/// What concerns one component.
#[derive(Debug)]
pub struct Side {
    pub component: Component,
    /// `app.env` as its `run` reads it.
    pub settings: Settings,
    pub old: OldFile,
    block: Block,
}

impl Side {
    pub fn new(component: Component, settings: Settings, old: OldFile) -> Self {
        Self {
            component,
            settings,
            block: Block::of(&old),
            old,
        }
    }
}

/// What will be written, and what is said about it.
#[derive(Debug)]
pub struct Init<'a> {
    pub role: Role,
    pub host: &'a Host,
    pub seed: &'a Host,
    pub ports: Vec<Chosen>,
    pub files: Vec<File<'a>>,
    /// What a person has to know besides, a sentence each.
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

/// One file.
#[derive(Debug)]
pub struct File<'a> {
    pub side: &'a Side,
    pub text: String,
    pub fate: Fate,
}

/// The engine the files are for: the one that `app.env` asks for, or the first that can be run.
pub fn engine(settings: &Settings, app_env: &EnvFile) -> Result<&'static Engine, Refusal> {
    let supported = || engine::ALL.into_iter().filter(|engine| engine.supported);
    let Some(asked) = &settings.image.engine else {
        let first = supported().next();
        return first.ok_or_else(|| Refusal::new(ExitCode::Internal, "no engine is supported", ""));
    };
    if asked.value.supported {
        return Ok(asked.value);
    }
    let names: Vec<&str> = supported().map(|engine| engine.name).collect();
    Err(Refusal::new(
        ExitCode::Configuration,
        format!(
            "ENGINE = {}: {} is recognised, this version of muster runs {} only, set in {}",
            asked.value.id,
            asked.value.name,
            names.join(" and "),
            app_env.place("ENGINE")
        ),
        "leave ENGINE out, or write the env files of that engine by hand",
    ))
}

/// What the file of a component is called.
pub fn file_name(engine: &Engine, component: Component) -> String {
    format!("{}-{}.env", engine.id, component.id())
}

/// Decides both files, or says every reason why neither is written.
pub fn derive<'a>(inputs: &Inputs<'a>, busy: &Busy<'_>) -> Result<Init<'a>, Vec<Refusal>> {
    let mut refusals = not_ours(inputs);
    let ports = ports::choose(inputs, busy, &mut refusals);
    // Without one there are no two files to speak of.
    let (Some(first), true) = (inputs.sides.first(), refusals.is_empty()) else {
        return Err(refusals);
    };
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    for side in inputs.sides {
        let entries = entries::of(inputs, side, &ports);
        side.block.warn_of_overridden(&side.old, &entries, &mut warnings);
        entries::warn_of_two_readings(&entries, &mut warnings);
        let text = side.block.render(&entries);
        files.push(File {
            fate: changes::fate(inputs, side, &entries, &text),
            side,
            text,
        });
    }
    let settings = &first.settings;
    Ok(Init {
        role: role(settings, Component::Fe),
        host: &settings.local_host.value,
        seed: seed(settings),
        files,
        notes: report::notes(inputs, &ports),
        ports,
        warnings,
    })
}

/// The first of `MASTER_HOST`.
fn seed(settings: &Settings) -> &Host {
    let hosts = &settings.master_hosts.value;
    hosts.first().unwrap_or(&settings.local_host.value)
}

/// Files that somebody else wrote, in one refusal, and those that cannot be read.
fn not_ours(inputs: &Inputs<'_>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut hand_made: Vec<String> = Vec::new();
    for side in inputs.sides {
        let path = side.old.path.display();
        if let OldState::Unreadable(why) = &side.old.state {
            refusals.push(Refusal::new(
                ExitCode::Taken,
                format!("cannot read {path}: {why}"),
                "move it away, or make it readable",
            ));
        } else if side.block.is_foreign() && !inputs.force {
            hand_made.push(path.to_string());
        }
    }
    if !hand_made.is_empty() {
        let were = if hand_made.len() == 1 { "was" } else { "were" };
        refusals.push(Refusal::new(
            ExitCode::Taken,
            format!(
                "{} {were} not written by `muster init`: no line begins with `{BEGIN_MARK}`",
                hand_made.join(" and "),
            ),
            "--force writes it anew and keeps the old one beside it, as <name>.before-muster; nothing was written",
        ));
    }
    refusals
}
