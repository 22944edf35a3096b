//! The ports of both components, chosen together: no number twice, and no port moves without a reason.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ports::{self, Choice};
use super::{ChosenPort, HostPorts, Inputs, Target, is_seed};
use crate::engine::{Component, Port, PortKind, PortName};
use crate::plan::refusal::Refusal;
use crate::settings::Source;

/// The ports of all components; the reasons why one has none go to `refusals`.
pub(super) fn choose(
    inputs: &Inputs<'_>,
    host_ports: &HostPorts<'_>,
    refusals: &mut Vec<Refusal>,
) -> Vec<ChosenPort> {
    let mut all: Vec<ChosenPort> = Vec::new();
    for target in inputs.targets {
        let component = target.component;
        match choose_for(inputs, host_ports, target, &all) {
            Ok(choices) => all.extend(choices.into_iter().map(|choice| ChosenPort { component, choice })),
            Err(why) => refusals.extend(why),
        }
    }
    all
}

fn choose_for(
    inputs: &Inputs<'_>,
    host_ports: &HostPorts<'_>,
    target: &Target,
    before: &[ChosenPort],
) -> Result<Vec<Choice>, Vec<Refusal>> {
    let (engine, component) = (inputs.engine, target.component);
    let mut requested = target.settings.ports.clone();
    let mut taken = host_ports.taken.clone();
    // A port of the old file is held by this component's own engine.
    taken.retain(|number, _| target.old_ports.values().all(|own| own != number));
    // A port of the other component's old file is that one's, unless the number is requested.
    for other in inputs.targets.iter().filter(|other| other.component != component) {
        for (name, number) in &other.old_ports {
            if !is_requested(inputs, *number) {
                taken.insert(*number, holder(other.component, *name));
            }
        }
    }
    for ChosenPort { component, choice } in before {
        taken.insert(choice.number, holder(*component, choice.port.name));
    }
    let mut cluster = BTreeMap::new();
    for port in engine.ports_of(component) {
        if let (PortKind::ClusterWide, Some(seed_ports)) = (port.kind, inputs.seed_ports) {
            cluster.extend(seed_ports.get_key_value(&port.name));
            continue;
        }
        let request = requested.get(&port.name).map(|request| request.value);
        let old = target.old_ports.get(&port.name).copied();
        if comes_from_cluster(target, port) {
            // `run` reads this port from the cluster before it checks whether it is free.
            if let Some(number) = request.or(old).or(port.default) {
                taken.remove(&number);
            }
        } else if port.kind == PortKind::Local
            && old.is_some()
            && request.is_some_and(|number| taken.contains_key(&number))
        {
            // The port that was given instead of the requested one stays while that one is taken.
            requested.remove(&port.name);
        }
    }
    let chosen = ports::choose(&ports::Inputs {
        engine,
        component,
        requested: &requested,
        recorded: &target.old_ports,
        registered: false,
        cluster: &cluster,
        conf: &BTreeMap::new(),
        off: &BTreeSet::new(),
        taken: &taken,
        ephemeral: host_ports.ephemeral.clone(),
        reserved: host_ports.reserved,
    });
    let mut choices = chosen.map_err(|mut refusals| {
        for refusal in &mut refusals {
            "stop the process that holds it, or set another port in app.env; nothing was written"
                .clone_into(&mut refusal.hint);
        }
        refusals
    })?;
    for choice in &mut choices {
        explain(inputs, target, &taken, choice);
    }
    Ok(choices)
}

fn is_requested(inputs: &Inputs<'_>, number: u16) -> bool {
    let mut requests = inputs
        .targets
        .iter()
        .flat_map(|target| target.settings.ports.values());
    requests.any(|request| request.value == number)
}

/// Whether the seed chooses this port, on another host.
fn comes_from_cluster(target: &Target, port: &Port) -> bool {
    port.kind == PortKind::ClusterWide && !is_seed(&target.settings)
}

fn holder(component: Component, name: PortName) -> String {
    format!("the {}'s {}", component.name(), name.variable())
}

/// Rewords the reasons that differ from those of a start.
fn explain(inputs: &Inputs<'_>, target: &Target, taken: &BTreeMap<u16, String>, choice: &mut Choice) {
    if let Source::Environment(variable) = &choice.source {
        choice.why = format!("set in {}", inputs.app_env.place(variable));
    } else if let Some(request) = target.settings.ports.get(&choice.port.name)
        && choice.source == Source::Record
        && let Some(holder) = taken.get(&request.value)
    {
        choice.why = format!("the same as before: {holder} holds {}", request.value);
    }
    if comes_from_cluster(target, choice.port) && inputs.seed_ports.is_none() {
        choice
            .why
            .push_str("; if the cluster uses another port, `run` takes that one");
    }
}
