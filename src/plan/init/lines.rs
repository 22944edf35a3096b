//! The lines of one env file.

use std::collections::BTreeSet;

use super::{ChosenPort, Inputs, Target, is_seed, seed};
use crate::engine::{Component, PortName};
use crate::settings::{EnvFile, FeRole, applies_to};

/// Keys and values, in the order in which they are written.
pub(super) type Lines = Vec<(String, String)>;

/// The variable that selects a component. Each file is for one component, so it is in neither.
const COMPONENT: &str = "COMPONENT";

/// The hosts, the ports, and the other variables of `app.env` that apply to this component.
pub(super) fn of(inputs: &Inputs<'_>, target: &Target, ports: &[ChosenPort]) -> Lines {
    let (settings, component, app_env) = (&target.settings, target.component, inputs.app_env);
    let masters = &settings.master_hosts.value;
    let names: Vec<String> = masters.iter().map(ToString::to_string).collect();
    let own = &settings.local_host.value;
    let index = format!("{}_INDEX", component.name());
    let position = masters.iter().position(|host| host == own);

    let mut lines = Lines::new();
    let mut add = |key: &str, value: &dyn ToString| lines.push((key.to_owned(), value.to_string()));
    add("MASTER_HOST", &names.join(","));
    add("LOCAL_HOST", own);
    add("MASTER_FE_HOST", seed(settings));
    if let Some(port) = master_query_port(inputs, target, ports) {
        add("MASTER_FE_QUERY_PORT", &port);
    }
    if let Some(port) = master_edit_log_port(inputs, target, ports) {
        add("MASTER_FE_EDIT_LOG_PORT", &port);
    }
    if component == Component::Fe {
        add("FE_HOST", own);
    }
    add("HOST_IP", own);
    // An index in app.env is copied below.
    if let (Some(position), None, Component::Fe | Component::Be) = (position, app_env.get(&index), component)
    {
        add(&index, &(position + 1));
    }
    for chosen in ports.iter().filter(|chosen| chosen.component == component) {
        add(chosen.choice.port.name.variable(), &chosen.choice.number);
    }
    if let (Some(role), Component::Fe) = (&settings.fe_role, component) {
        let word = match role.value {
            FeRole::Follower => "follower",
            FeRole::Observer => "observer",
        };
        add("FE_ROLE", &word);
    }
    for key in app_env.keys() {
        let value = app_env.get(key).unwrap_or_default();
        let applies = key != COMPONENT && applies_to(key, value, inputs.engine, component) == Some(true);
        let secret = settings.secret_variables.iter().any(|secret| secret == key);
        let written = lines.iter().any(|(known, _)| known == key);
        if applies && !secret && !written {
            lines.push((key.to_owned(), value.to_owned()));
        }
    }
    lines
}

/// The whole file: the same lines give the same bytes.
pub(super) fn render(first_line: &str, lines: &Lines) -> String {
    let mut text = format!("{first_line}\n");
    for (key, value) in lines {
        for part in [key, "=", value, "\n"] {
            text.push_str(part);
        }
    }
    text
}

/// The keys that are new, gone, or have another value.
pub(super) fn changed_keys(old: &EnvFile, lines: &Lines) -> Vec<String> {
    let new = |key: &str| lines.iter().find(|(known, _)| known == key);
    let mut keys: BTreeSet<&str> = old.keys().collect();
    keys.extend(lines.iter().map(|(key, _)| key.as_str()));
    keys.retain(|key| old.get(key) != new(key).map(|(_, value)| value.as_str()));
    keys.into_iter().map(str::to_owned).collect()
}

/// Warns of values that compose and `docker run --env-file` read differently; the latter takes a line as it is.
pub(super) fn warn_of_ambiguous_values(lines: &Lines, warnings: &mut Vec<String>) {
    for (key, value) in lines {
        let what = if value.contains('$') {
            "`$`, which compose expands"
        } else if value.contains(" #") {
            "` #`, which begins a comment for compose"
        } else if value.starts_with(['"', '\'']) {
            "a quote, which compose removes"
        } else {
            continue;
        };
        warnings.push(format!("{key} contains {what} and docker run does not"));
    }
}

/// The query port of the FEs to ask: the one that is set; on the seed's host the port that was chosen for its FE; else the
/// usual one. The seed's own FE asks FEs on other hosts, so it gets the usual one as well.
fn master_query_port(inputs: &Inputs<'_>, target: &Target, ports: &[ChosenPort]) -> Option<u16> {
    let set = target.settings.master_query_port.as_ref();
    let chosen = || seed_port(target, ports, PortName::Query).filter(|_| target.component != Component::Fe);
    set.map(|port| port.value)
        .or_else(|| of_seed(inputs, PortName::Query))
        .or_else(chosen)
        .or_else(|| usual(inputs, PortName::Query))
}

fn master_edit_log_port(inputs: &Inputs<'_>, target: &Target, ports: &[ChosenPort]) -> Option<u16> {
    let set = target.settings.master_edit_log_port.as_ref();
    set.map(|port| port.value)
        .or_else(|| of_seed(inputs, PortName::EditLog))
        .or_else(|| seed_port(target, ports, PortName::EditLog))
        .or_else(|| usual(inputs, PortName::EditLog))
}

fn of_seed(inputs: &Inputs<'_>, name: PortName) -> Option<u16> {
    inputs.seed_ports?.get(&name).copied()
}

/// The port that was chosen for the FE of this host, if that is the seed.
pub(super) fn seed_port(target: &Target, ports: &[ChosenPort], name: PortName) -> Option<u16> {
    let mut choices = ports.iter().map(|chosen| &chosen.choice);
    let own = choices.find(|choice| choice.port.name == name)?.number;
    is_seed(&target.settings).then_some(own)
}

/// The port of an FE on a host where it is free: the requested one, which is taken to be the same on every host, or the
/// engine's default.
pub(super) fn usual(inputs: &Inputs<'_>, name: PortName) -> Option<u16> {
    let mut targets = inputs.targets.iter();
    let requested = targets.find_map(|target| target.settings.ports.get(&name));
    requested
        .map(|port| port.value)
        .or_else(|| inputs.engine.port(Component::Fe, name)?.default)
}
