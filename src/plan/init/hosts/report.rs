//! The report of `init --hosts`: the cluster, the ports that are not the usual ones, which files changed, and what is left over.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;

use super::{Chosen, File, HostsInputs, ports_of};
use crate::engine::{Component, PortName};
use crate::facts::old_file::OldState;
use crate::plan::init::{FileChange, is_ours};
use crate::printable::fit;
use crate::settings::Source;

/// Renders the report, which is printed once the files are written.
pub(super) fn render(inputs: &HostsInputs<'_>, hosts: &[Chosen<'_>], files: &[File<'_>]) -> String {
    let mut text = String::new();
    add_cluster(&mut text, inputs);
    add_ports(&mut text, hosts);
    text = fit(&text);
    text.push('\n');
    add_changes(&mut text, files);
    add_left_over(&mut text, inputs);
    if files.iter().any(|file| file.change != FileChange::Unchanged) {
        text.push_str(
            "\nnext, on each host with changes, in a copy of its directory:\n  docker compose up -d\n",
        );
    }
    text
}

/// Writing into a text cannot fail.
fn add(text: &mut String, line: fmt::Arguments<'_>) {
    text.write_fmt(line).unwrap_or_default();
}

fn add_cluster(text: &mut String, inputs: &HostsInputs<'_>) {
    let listed = || inputs.hosts.iter().map(|dir| dir.listed);
    let mut parts = vec![counted(listed().count(), "host")];
    let voters = listed().filter(|host| host.votes()).count();
    parts.push(counted(voters, "FE"));
    let observers = listed().filter(|host| host.observer).count();
    let mut others = vec![(observers, "observer")];
    for component in [Component::Be, Component::Cn, Component::Broker] {
        let count = listed()
            .filter(|host| host.components.contains(&component))
            .count();
        others.push((count, component.name()));
    }
    parts.extend(
        others
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| counted(count, word)),
    );
    add(
        text,
        format_args!("{}: {}\n", inputs.engine.name, parts.join(", ")),
    );
    let masters: Vec<String> = inputs.list.masters().map(ToString::to_string).collect();
    if let Some(seed) = masters.first() {
        add(
            text,
            format_args!(
                "{seed} may found the cluster; every node asks {}\n",
                masters.join(", ")
            ),
        );
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// The ports that nobody requested and that are not the usual ones.
fn add_ports(text: &mut String, hosts: &[Chosen<'_>]) {
    let mut any = false;
    for host in hosts {
        for chosen in &host.ports {
            let choice = &chosen.choice;
            if choice.port.default == Some(choice.number)
                || !matches!(choice.source, Source::Derived | Source::Record)
            {
                continue;
            }
            if !any {
                text.push('\n');
                any = true;
            }
            let (name, number) = (choice.port.name.variable(), choice.number);
            add(
                text,
                format_args!(
                    "{}: the {} has {name} = {number}: {}\n",
                    host.dir.listed.host,
                    chosen.component.name(),
                    choice.why
                ),
            );
        }
    }
}

fn add_changes(text: &mut String, files: &[File<'_>]) {
    if files.iter().all(|file| file.change == FileChange::Unchanged) {
        add(
            text,
            format_args!(
                "nothing changed: all {} are up to date\n",
                counted(files.len(), "file")
            ),
        );
        return;
    }
    let mut created: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    let mut unchanged = 0;
    let mut rest = String::new();
    for file in files {
        let path = &file.old.path;
        match &file.change {
            FileChange::Unchanged => unchanged += 1,
            FileChange::Created => {
                let dir = path.parent().unwrap_or(Path::new("."));
                created.entry(dir).or_default().push(path);
            }
            FileChange::Rewritten(keys) if keys.is_empty() => {
                add(&mut rest, format_args!("rewritten: {}\n", path.display()));
            }
            FileChange::Rewritten(keys) => {
                add(
                    &mut rest,
                    format_args!("rewritten: {}; changed: {}\n", path.display(), keys.join(", ")),
                );
            }
            FileChange::Replaced => {
                let aside = file.old.aside.display();
                add(
                    &mut rest,
                    format_args!("replaced: {}; the old file is kept as {aside}\n", path.display()),
                );
            }
        }
    }
    for (dir, paths) in created {
        match paths.as_slice() {
            [path] => add(text, format_args!("created: {}\n", path.display())),
            several => {
                add(
                    text,
                    format_args!("created: {} ({} files)\n", dir.display(), several.len()),
                );
            }
        }
    }
    text.push_str(&rest);
    if unchanged > 0 {
        add(text, format_args!("unchanged: {}\n", counted(unchanged, "file")));
    }
}

/// Hosts and nodes that the list has no more.
fn add_left_over(text: &mut String, inputs: &HostsInputs<'_>) {
    for other in inputs.others {
        if matches!(&other.state, OldState::Text(text) if is_ours(text)) {
            let dir = other.path.parent().unwrap_or(Path::new("."));
            add(
                text,
                format_args!(
                    "no longer in {}: {} stays as it is\n",
                    inputs.list.name(),
                    dir.display()
                ),
            );
        }
    }
    for path in inputs.hosts.iter().flat_map(|dir| &dir.unused) {
        add(
            text,
            format_args!("no longer used: {} stays as it is\n", path.display()),
        );
    }
}

/// Lists that work, and not as one may think.
pub(super) fn warnings(inputs: &HostsInputs<'_>, hosts: &[Chosen<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    let voters = inputs.hosts.iter().filter(|dir| dir.listed.votes()).count();
    if voters.is_multiple_of(2) {
        let may_fail = match voters / 2 - 1 {
            0 => "none may fail".to_owned(),
            some => format!("{some} may fail"),
        };
        warnings.push(format!(
            "{voters} FEs vote, and {may_fail}, as with {}: make one an observer, or add one",
            voters - 1
        ));
    }
    let query = |host: &Chosen<'_>| ports_of(&host.ports, Component::Fe).remove(&PortName::Query);
    let seed = hosts
        .iter()
        .filter(|host| host.dir.listed.votes())
        .find_map(query);
    for master in inputs.list.masters() {
        let port = hosts
            .iter()
            .find(|host| host.dir.listed.host == *master)
            .and_then(query);
        if let (Some(seed), Some(port)) = (seed, port)
            && port != seed
        {
            let variable = PortName::Query.variable();
            warnings.push(format!(
                "{master} has {variable} = {port}, and new nodes ask every FE at {seed}: they do not find the cluster by this one"
            ));
        }
    }
    warnings
}
