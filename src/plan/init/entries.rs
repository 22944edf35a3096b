//! The lines of one component's block.

use super::{Chosen, Inputs, Side, is_seed, seed};
use crate::engine::{Component, PortName};
use crate::settings::{FeRole, Source, Sourced, VARIABLES, applies_to};

/// One line, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EnvEntry {
    pub key: String,
    pub value: String,
    pub why: String,
}

impl EnvEntry {
    fn new(key: &str, value: String, why: String) -> Self {
        Self {
            key: key.to_owned(),
            value,
            why,
        }
    }
}

/// What `docker run --env-file`, which takes a line as it is, and compose make different things of.
pub(super) fn warn_of_two_readings(entries: &[EnvEntry], warnings: &mut Vec<String>) {
    for EnvEntry { key, value, .. } in entries {
        let what = if value.contains('$') {
            "`$`, by which compose puts in a variable of its own"
        } else if value.contains(" #") {
            "` #`, where compose ends it"
        } else if value.starts_with(['"', '\'']) {
            "a quote, which compose takes off"
        } else {
            continue;
        };
        let warning = format!("{key} holds {what} and docker run does not");
        // Said of the other file already.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}

/// The variable that says which component an image is to start.
const COMPONENT: &str = "COMPONENT";

/// Whether a variable goes into the file of a component as it is.
fn is_carried(inputs: &Inputs<'_>, component: Component, key: &str) -> bool {
    // Each file is for one.
    key != COMPONENT && applies_to(key, inputs.engine, component) == Some(true)
}

/// Known, and for neither of the files.
pub(super) fn is_left_out(inputs: &Inputs<'_>, key: &str) -> bool {
    let mut sides = inputs.sides.iter();
    let other = |side: &Side| applies_to(key, inputs.engine, side.component) == Some(false);
    key == COMPONENT || sides.all(other)
}

/// Hosts first, so that the file alone is enough; then ports; then what else `app.env` says to this component.
pub(super) fn of(inputs: &Inputs<'_>, side: &Side, ports: &[Chosen]) -> Vec<EnvEntry> {
    let mut entries = hosts(inputs, side, ports);
    for Chosen { component, choice } in ports {
        if *component == side.component {
            let variable = choice.port.name.variable();
            entries.push(EnvEntry::new(
                variable,
                choice.number.to_string(),
                choice.why.clone(),
            ));
        }
    }
    if let Some(role) = &side.settings.fe_role
        && side.component == Component::Fe
    {
        let word = match role.value {
            FeRole::Follower => "follower",
            FeRole::Observer => "observer",
        };
        entries.push(EnvEntry::new(
            "FE_ROLE",
            word.to_owned(),
            said(inputs, &role.source),
        ));
    }
    // In the order of the table, and what has only its beginning in it by name.
    let known = VARIABLES.iter().map(|variable| variable.name);
    for key in known.chain(inputs.app_env.keys()) {
        let Some(value) = inputs.app_env.get(key) else {
            continue;
        };
        let secret = side.settings.secret_variables.iter().any(|secret| secret == key);
        let written = entries.iter().any(|entry| entry.key == key);
        if !secret && !written && is_carried(inputs, side.component, key) {
            entries.push(EnvEntry::new(key, value.to_owned(), set_in(inputs, key)));
        }
    }
    entries
}

/// Who the node is and whom it asks.
fn hosts(inputs: &Inputs<'_>, side: &Side, ports: &[Chosen]) -> Vec<EnvEntry> {
    let settings = &side.settings;
    let (masters, local) = (&settings.master_hosts, &settings.local_host);
    let names: Vec<String> = masters.value.iter().map(ToString::to_string).collect();
    let own = local.value.to_string();
    let first = "the first of MASTER_HOST".to_owned();
    let mut entries = Vec::new();
    let mut add = |key: &str, value: String, why: String| entries.push(EnvEntry::new(key, value, why));
    add("MASTER_HOST", names.join(","), said(inputs, &masters.source));
    add("LOCAL_HOST", own.clone(), said(inputs, &local.source));
    add("MASTER_FE_HOST", seed(settings).to_string(), first);
    if let Some((port, why)) = master_query_port(inputs, side, ports) {
        add("MASTER_FE_QUERY_PORT", port.to_string(), why);
    }
    if let Some((port, why)) = master_edit_log_port(inputs, side, ports) {
        add("MASTER_FE_EDIT_LOG_PORT", port.to_string(), why);
    }
    let same = || "LOCAL_HOST".to_owned();
    if side.component == Component::Fe {
        add("FE_HOST", own.clone(), same());
    }
    add("HOST_IP", own, same());
    let index = format!("{}_INDEX", side.component.name());
    let place = masters.value.iter().position(|host| *host == local.value);
    // Where app.env says it, it is carried over like the rest.
    if let (Some(place), None) = (place, inputs.app_env.get(&index)) {
        add(
            &index,
            (place + 1).to_string(),
            "its place in MASTER_HOST".to_owned(),
        );
    }
    entries
}

type Port = Option<(u16, String)>;

/// Where FEs are asked of which no port is known. The BE of the seed's host asks the FE beside it; that FE asks the
/// others, which have what everybody wishes for, also where it had to move itself.
fn master_query_port(inputs: &Inputs<'_>, side: &Side, ports: &[Chosen]) -> Port {
    let beside = side.component != Component::Fe;
    let asked = side.settings.master_query_port.as_ref();
    master_port(inputs, side, asked, beside, ports, PortName::Query)
}

fn master_edit_log_port(inputs: &Inputs<'_>, side: &Side, ports: &[Chosen]) -> Port {
    let asked = side.settings.master_edit_log_port.as_ref();
    master_port(inputs, side, asked, true, ports, PortName::EditLog)
}

/// What is asked for, or what the FE of this host has if it is the seed and is `meant`, or what it would have there.
fn master_port(
    inputs: &Inputs<'_>,
    side: &Side,
    asked: Option<&Sourced<u16>>,
    meant: bool,
    ports: &[Chosen],
    name: PortName,
) -> Port {
    if let Some(port) = asked {
        return Some((port.value, said(inputs, &port.source)));
    }
    let mut own = ports.iter().map(|chosen| &chosen.choice);
    match own.find(|choice| choice.port.name == name) {
        Some(own) if meant && is_seed(&side.settings) => {
            Some((own.number, "the FE of this host is the seed".to_owned()))
        }
        _ => usual(inputs, name),
    }
}

/// What an FE has on a host where nothing is in its way: the wish, taken to be the same everywhere, or the default.
pub(super) fn usual(inputs: &Inputs<'_>, name: PortName) -> Port {
    for side in inputs.sides {
        if let Some(wish) = side.settings.ports.get(&name) {
            return Some((wish.value, said(inputs, &wish.source)));
        }
    }
    let default = inputs.engine.port(Component::Fe, name)?.default?;
    Some((default, "the engine's default".to_owned()))
}

/// Who said a value.
fn said(inputs: &Inputs<'_>, source: &Source) -> String {
    match source {
        Source::Environment(name) => set_in(inputs, name),
        other => other.to_string(),
    }
}

fn set_in(inputs: &Inputs<'_>, key: &str) -> String {
    format!("set in {}", inputs.app_env.place(key))
}
