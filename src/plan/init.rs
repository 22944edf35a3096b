//! `init`: the env files of one host, one for its FE and one for its BE, rendered from `app.env`.
//!
//! A file is rendered whole. The only thing taken from the file that is there already is its ports: the engines may be
//! running on them.

pub mod hosts;
mod lines;
mod ports;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::is_seed;
use super::ports::Choice;
use super::refusal::Refusal;
use crate::engine::{self, Component, Engine, PortName};
use crate::exit::ExitCode;
use crate::facts::old_file::{OldFile, OldState};
use crate::settings::{EnvFile, Host, Settings};

/// The components that get a file, in the order in which their ports are chosen.
pub const COMPONENTS: [Component; 2] = [Component::Fe, Component::Be];

/// The first line of the files of one host.
pub const FIRST_LINE: &str = "# Written by muster init, which overwrites this file: change app.env instead";

/// The part of the first line by which a file is recognised; later versions may change the rest.
const MARK: &str = "# Written by muster init";

/// Everything that is known before anything is written.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub engine: &'static Engine,
    pub app_env: &'a EnvFile,
    /// One per component.
    pub targets: &'a [Target],
    /// Replace files that `init` did not write.
    pub force: bool,
    /// The first line of every file.
    pub first_line: &'static str,
    /// The ports of the seed's FE, if they are known: every FE uses those that are the same in a cluster, and every node asks it
    /// there.
    pub seed_ports: Option<&'a BTreeMap<PortName, u16>>,
}

/// The ports of this host, as far as they were examined.
#[derive(Debug, Clone, Copy)]
pub struct HostPorts<'a> {
    /// Ports that are in use, with their holders.
    pub taken: &'a BTreeMap<u16, String>,
    /// The range from which the kernel takes ports for outgoing connections.
    pub ephemeral: &'a RangeInclusive<u16>,
    /// The exceptions from that range.
    pub reserved: &'a [RangeInclusive<u16>],
}

/// The env file of one component, before it is rendered.
#[derive(Debug)]
pub struct Target {
    pub component: Component,
    /// `app.env` as the `run` of this component reads it.
    pub settings: Settings,
    pub old: OldFile,
    old_lines: EnvFile,
    /// The ports that the old file sets.
    old_ports: BTreeMap<PortName, u16>,
}

impl Target {
    pub fn new(engine: &Engine, component: Component, settings: Settings, old: OldFile) -> Self {
        let old_lines = match &old.state {
            OldState::Text(text) => EnvFile::parse("", text),
            OldState::Missing | OldState::Unreadable(_) => EnvFile::parse("", ""),
        };
        let old_port = |name: PortName| old_lines.get(name.variable())?.parse().ok();
        let old_ports = engine
            .ports_of(component)
            .filter_map(|port| Some((port.name, old_port(port.name).filter(|number| *number > 0)?)))
            .collect();
        Self {
            component,
            settings,
            old,
            old_lines,
            old_ports,
        }
    }
}

/// The files to write, and what is printed about them.
#[derive(Debug)]
pub struct InitPlan<'a> {
    pub ports: Vec<ChosenPort>,
    pub files: Vec<RenderedFile<'a>>,
    /// For stdout, once the files are written.
    pub report: String,
    pub warnings: Vec<String>,
}

/// One port of one component.
#[derive(Debug)]
pub struct ChosenPort {
    pub component: Component,
    pub choice: Choice,
}

/// One env file, complete.
#[derive(Debug)]
pub struct RenderedFile<'a> {
    pub target: &'a Target,
    pub text: String,
    pub change: FileChange,
}

/// The difference between a rendered file and the file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    Unchanged,
    Created,
    /// The old file was written by `init`; these keys differ.
    Rewritten(Vec<String>),
    /// The old file was not written by `init`; it is kept beside.
    Replaced,
}

/// The engine the files are for: the one that `app.env` names, that of the image, or the first. A wrong name is reported with
/// the other settings.
pub fn engine(app_env: &EnvFile, image: Option<&'static Engine>) -> &'static Engine {
    let named = app_env.get("ENGINE").and_then(Engine::by_id);
    named.or(image).unwrap_or(engine::ALL[0])
}

/// The name of a component's env file.
pub fn file_name(engine: &Engine, component: Component) -> String {
    format!("{}-{}.env", engine.id, component.id())
}

/// Renders both files, or returns every reason why neither is written.
pub fn derive<'a>(inputs: &Inputs<'a>, host_ports: &HostPorts<'_>) -> Result<InitPlan<'a>, Vec<Refusal>> {
    let mut refusals = check_old_files(inputs.targets.iter().map(|target| &target.old), inputs.force);
    let ports = ports::choose(inputs, host_ports, &mut refusals);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    for target in inputs.targets {
        let lines = lines::of(inputs, target, &ports);
        lines::warn_of_ambiguous_values(&lines, &mut warnings);
        let text = lines::render(inputs.first_line, &lines);
        files.push(RenderedFile {
            change: change(target, &lines, &text),
            target,
            text,
        });
    }
    Ok(InitPlan {
        report: report::render(inputs, &ports, &files),
        ports,
        files,
        warnings,
    })
}

/// The first host of `MASTER_HOST`.
fn seed(settings: &Settings) -> &Host {
    let hosts = &settings.master_hosts.value;
    hosts.first().unwrap_or(&settings.local_host.value)
}

fn is_ours(text: &str) -> bool {
    // Editors on Windows put a byte order mark first.
    text.trim_start_matches('\u{feff}').starts_with(MARK)
}

fn change(target: &Target, lines: &lines::Lines, text: &str) -> FileChange {
    change_of(&target.old, text, is_ours, || {
        lines::changed_keys(&target.old_lines, lines)
    })
}

/// The difference between the file that is there and the new text; `keys` are those that differ.
fn change_of(
    old: &OldFile,
    text: &str,
    is_ours: impl Fn(&str) -> bool,
    keys: impl FnOnce() -> Vec<String>,
) -> FileChange {
    match &old.state {
        OldState::Missing => FileChange::Created,
        OldState::Text(old) if old == text => FileChange::Unchanged,
        OldState::Text(old) if is_ours(old) => FileChange::Rewritten(keys()),
        OldState::Text(_) | OldState::Unreadable(_) => FileChange::Replaced,
    }
}

/// Refuses old files that cannot be read, and those that `init` did not write.
fn check_old_files<'a>(files: impl Iterator<Item = &'a OldFile>, force: bool) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut foreign: Vec<String> = Vec::new();
    for old in files {
        let path = old.path.display();
        match &old.state {
            OldState::Unreadable(why) => refusals.push(Refusal::new(
                ExitCode::Taken,
                format!("cannot read {path}: {why}"),
                "move it away or make it readable; nothing was written",
            )),
            OldState::Text(text) if !is_ours(text) && !force => foreign.push(path.to_string()),
            OldState::Text(_) | OldState::Missing => {}
        }
    }
    if !foreign.is_empty() {
        refusals.push(Refusal::new(
            ExitCode::Taken,
            format!(
                "cannot overwrite {}: the first line does not begin with `{MARK}`",
                foreign.join(" and "),
            ),
            "--force replaces the file; its ports stay, and it is kept as <name>.before-muster; nothing was written",
        ));
    }
    refusals
}
