//! What is said: who this host is, its ports, what changed, and what to type next.

use std::fmt::{self, Write as _};

use super::changes::{Change, Fate};
use super::entries::{is_left_out, usual};
use super::{Chosen, File, Init, Inputs, is_seed};
use crate::engine::{Component, PortName};
use crate::plan::node::Role;
use std::collections::BTreeSet;

impl Init<'_> {
    /// The report; what to type next is said last.
    pub fn said(&self) -> String {
        let mut text = String::new();
        let (host, seed) = (self.host, self.seed);
        match self.role {
            Role::Seed => add(
                &mut text,
                format_args!("{host} is the seed: it may found the cluster\n"),
            ),
            Role::Observer => add(
                &mut text,
                format_args!("{host} is an observer in the cluster of {seed}\n"),
            ),
            Role::Follower | Role::Backend | Role::ComputeNode => {
                add(
                    &mut text,
                    format_args!("{host} is a follower in the cluster of {seed}\n"),
                );
            }
        }
        let names = self
            .ports
            .iter()
            .map(|chosen| chosen.choice.port.name.variable().len());
        let width = names.max().unwrap_or(0);
        for File { side, .. } in &self.files {
            let (name, path) = (side.component.name(), side.old.path.display());
            add(&mut text, format_args!("\n{name}  {path}\n"));
            for Chosen { component, choice } in &self.ports {
                if *component == side.component {
                    let (name, number, why) = (choice.port.name.variable(), choice.number, &choice.why);
                    add(&mut text, format_args!("  {name:width$}  {number:<5}  {why}\n"));
                }
            }
        }
        text.push('\n');
        if self.changes_nothing() {
            text.push_str("nothing changed: both files say so already\n");
        } else {
            for file in &self.files {
                add_fate(&mut text, file);
            }
        }
        for note in &self.notes {
            add(&mut text, format_args!("{note}\n"));
        }
        self.add_next(&mut text);
        text
    }

    /// Both files say it already.
    pub fn changes_nothing(&self) -> bool {
        self.files.iter().all(|file| file.fate == Fate::Unchanged)
    }

    fn add_next(&self, text: &mut String) {
        let mut word = "\nnext, with";
        for File { side, .. } in &self.files {
            let name = side.old.path.file_name().unwrap_or_default().display();
            let component = side.component.name();
            add(
                text,
                format_args!("{word} `env_file: {name}` in the {component}'s service"),
            );
            word = " and";
        }
        text.push_str(":\n  docker compose up -d\n");
    }
}

/// Writing into a text cannot fail.
fn add(text: &mut String, line: fmt::Arguments<'_>) {
    text.write_fmt(line).unwrap_or_default();
}

fn add_fate(text: &mut String, file: &File<'_>) {
    let path = file.side.old.path.display();
    match &file.fate {
        Fate::Unchanged => add(text, format_args!("{path} is as it was\n")),
        Fate::New => add(text, format_args!("{path} is new\n")),
        Fate::Replaced => {
            let aside = file.side.old.aside.display();
            add(
                text,
                format_args!("{path} is new; what was there is kept as {aside}\n"),
            );
        }
        Fate::Changed(changes) if changes.is_empty() => {
            let what = "muster's block is written anew, with the same values";
            add(text, format_args!("{path}: {what}\n"));
        }
        Fate::Changed(changes) => {
            for Change { key, old, new, why } in changes {
                add(text, format_args!("{path}: {key} ="));
                match (old, new) {
                    (Some(old), Some(new)) => add(text, format_args!(" {old} → {new}")),
                    (None, Some(new)) => add(text, format_args!(" {new} is new")),
                    (Some(old), None) => add(text, format_args!(" {old} is gone")),
                    (None, None) => {}
                }
                add(text, format_args!(": {why}\n"));
            }
        }
    }
}

/// What a person has to know besides the files.
pub(super) fn notes(inputs: &Inputs<'_>, ports: &[Chosen]) -> Vec<String> {
    let mut notes = Vec::new();
    let app_env = inputs.app_env.name();
    let mut secrets = BTreeSet::new();
    for side in inputs.sides {
        secrets.extend(side.settings.secret_variables.iter().map(String::as_str));
    }
    if !secrets.is_empty() {
        notes.push(format!(
            "not copied from {app_env}, because secrets stay where they are: {}; CLUSTER_PASSWORD_FILE names a file that holds \
             the password instead",
            secrets.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    let keys = inputs.app_env.keys();
    let left_out: Vec<&str> = keys.filter(|key| is_left_out(inputs, key)).collect();
    if !left_out.is_empty() {
        notes.push(format!(
            "not copied from {app_env}, because they say nothing to an FE or a BE of their own: {}",
            left_out.join(", ")
        ));
    }
    notes.extend(seed_moved(inputs, ports));
    notes
}

/// The other hosts ask the seed where nobody told them otherwise.
fn seed_moved(inputs: &Inputs<'_>, ports: &[Chosen]) -> Option<String> {
    let fe = inputs.sides.iter().find(|side| side.component == Component::Fe)?;
    let asked = match &fe.settings.master_query_port {
        Some(port) => port.value,
        None => usual(inputs, PortName::Query)?.0,
    };
    let mut choices = ports.iter().map(|chosen| &chosen.choice);
    let number = choices.find(|choice| choice.port.name == PortName::Query)?.number;
    (is_seed(&fe.settings) && number != asked).then(|| {
        format!(
            "the seed will answer on {number}, and the other hosts ask it on {asked}: set MASTER_FE_QUERY_PORT={number} in the \
             {} of each",
            inputs.app_env.name()
        )
    })
}
