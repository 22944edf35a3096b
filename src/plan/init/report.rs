//! The report of `init`: the role of this host, its ports, which files changed, and the next command.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::lines::{seed_port, usual};
use super::{ChosenPort, FileChange, Inputs, RenderedFile, Target, seed};
use crate::engine::{Component, PortName};
use crate::plan::node::Role;
use crate::plan::role;

/// Renders the report, which is printed once the files are written.
pub(super) fn render(inputs: &Inputs<'_>, ports: &[ChosenPort], files: &[RenderedFile<'_>]) -> String {
    let mut text = String::new();
    if let Some(target) = inputs.targets.first() {
        add_role(&mut text, target);
    }
    for RenderedFile { target, .. } in files {
        let (component, path) = (target.component, target.old.path.display());
        add(&mut text, format_args!("\n{}  {path}\n", component.name()));
        for ChosenPort { choice, .. } in ports.iter().filter(|chosen| chosen.component == component) {
            let (name, number, why) = (choice.port.name.variable(), choice.number, &choice.why);
            add(&mut text, format_args!("  {name:17}  {number:<5}  {why}\n"));
        }
    }
    text.push('\n');
    if files.iter().all(|file| file.change == FileChange::Unchanged) {
        text.push_str("nothing changed: both files are up to date\n");
    } else {
        for file in files {
            add_change(&mut text, file);
        }
    }
    add_secrets(&mut text, inputs);
    for target in inputs.targets {
        add_moved_seed(&mut text, inputs, target, ports);
    }
    text.push_str("\nnext:\n");
    for RenderedFile { target, .. } in files {
        let name = target.old.path.file_name().unwrap_or_default().display();
        let component = target.component.name();
        add(
            &mut text,
            format_args!("  put `env_file: {name}` into the {component}'s service\n"),
        );
    }
    text.push_str("  docker compose up -d\n");
    text
}

/// Writing into a text cannot fail.
fn add(text: &mut String, line: fmt::Arguments<'_>) {
    text.write_fmt(line).unwrap_or_default();
}

fn add_role(text: &mut String, target: &Target) {
    let (host, seed) = (&target.settings.local_host.value, seed(&target.settings));
    match role(&target.settings, Component::Fe) {
        Role::Seed => add(
            text,
            format_args!("{host} is the seed: it may found the cluster\n"),
        ),
        Role::Observer => add(
            text,
            format_args!("{host} is an observer in the cluster of {seed}\n"),
        ),
        Role::Follower | Role::Component(_) => {
            add(
                text,
                format_args!("{host} is a follower in the cluster of {seed}\n"),
            );
        }
    }
}

fn add_change(text: &mut String, file: &RenderedFile<'_>) {
    let path = file.target.old.path.display();
    match &file.change {
        FileChange::Unchanged => add(text, format_args!("unchanged: {path}\n")),
        FileChange::Created => add(text, format_args!("created: {path}\n")),
        FileChange::Rewritten(keys) if keys.is_empty() => {
            add(text, format_args!("rewritten: {path}; no value changed\n"));
        }
        FileChange::Rewritten(keys) => {
            let keys = keys.join(", ");
            add(text, format_args!("rewritten: {path}; changed: {keys}\n"));
        }
        FileChange::Replaced => {
            let aside = file.target.old.aside.display();
            add(
                text,
                format_args!("replaced: {path}; the old file is kept as {aside}\n"),
            );
        }
    }
}

fn add_secrets(text: &mut String, inputs: &Inputs<'_>) {
    let targets = inputs.targets.iter();
    let names = targets.flat_map(|target| &target.settings.secret_variables);
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    if !names.is_empty() {
        let names = Vec::from_iter(names).join(", ");
        add(
            text,
            format_args!(
                "not copied from {}, because they are secrets: {names}; set CLUSTER_PASSWORD_FILE to a file that holds the password\n",
                inputs.app_env.name()
            ),
        );
    }
}

/// The other hosts ask the seed on the usual port, so they have to be told of another one.
fn add_moved_seed(text: &mut String, inputs: &Inputs<'_>, target: &Target, ports: &[ChosenPort]) {
    let set = target.settings.master_query_port.as_ref();
    let asked = set
        .map(|port| port.value)
        .or_else(|| usual(inputs, PortName::Query));
    if target.component == Component::Fe
        && let Some(asked) = asked
        && let Some(number) = seed_port(target, ports, PortName::Query)
        && number != asked
    {
        add(
            text,
            format_args!(
                "the seed's query port is {number}, but the other hosts ask it on {asked}: set MASTER_FE_QUERY_PORT={number} in the app.env of each\n"
            ),
        );
    }
}
