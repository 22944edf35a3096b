//! The ports of both components, chosen together: no number twice, and none that moves without a reason.

use std::collections::BTreeMap;

use super::super::ports::{self, Choice};
use super::{Busy, Inputs, Side, is_seed};
use crate::engine::{Component, Engine, Port, PortKind};
use crate::facts::ports::Candidate;
use crate::plan::refusal::Refusal;
use crate::settings::Source;

/// One port of one component.
#[derive(Debug)]
pub struct Chosen {
    pub component: Component,
    pub choice: Choice,
}

/// Every number that somebody wishes for, that a file says, or that is a default.
pub fn candidates(engine: &Engine, sides: &[Side]) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for side in sides {
        let kept = kept(engine, side);
        for port in engine.ports_of(side.component) {
            let wish = side.settings.ports.get(&port.name).map(|wish| wish.value);
            for number in [wish, said(&kept, port), port.default].into_iter().flatten() {
                let candidate = Candidate {
                    number,
                    udp: port.udp,
                };
                if !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
    }
    candidates
}

/// What a file of ours says about ports.
type Kept = Vec<(&'static Port, u16)>;

fn kept(engine: &Engine, side: &Side) -> Kept {
    let lines = side.block.lines();
    let mut kept = Kept::new();
    for port in engine.ports_of(side.component) {
        let number = lines.get(port.name.variable()).and_then(|text| text.parse().ok());
        if let Some(number) = number.filter(|number| *number > 0) {
            kept.push((port, number));
        }
    }
    kept
}

fn said(kept: &Kept, port: &Port) -> Option<u16> {
    let (_, number) = kept.iter().find(|(known, _)| known.name == port.name)?;
    Some(*number)
}

/// The choices of all sides, and every reason why there are not all of them.
pub(super) fn choose(inputs: &Inputs<'_>, busy: &Busy<'_>, refusals: &mut Vec<Refusal>) -> Vec<Chosen> {
    let mut all: Vec<Chosen> = Vec::new();
    for side in inputs.sides {
        match choose_one(inputs, busy, side, &all) {
            Ok(choices) => {
                for choice in choices {
                    let component = side.component;
                    all.push(Chosen { component, choice });
                }
            }
            Err(why) => refusals.extend(why),
        }
    }
    all
}

fn choose_one(
    inputs: &Inputs<'_>,
    busy: &Busy<'_>,
    side: &Side,
    before: &[Chosen],
) -> Result<Vec<Choice>, Vec<Refusal>> {
    let (engine, component) = (inputs.engine, side.component);
    let kept = kept(engine, side);
    let mut wished = side.settings.ports.clone();
    let mut taken = busy.taken.clone();
    // Whoever holds what our own file says is taken for our own engine.
    taken.retain(|number, _| !kept.iter().any(|(_, own)| own == number));
    for other in inputs.sides.iter().filter(|other| other.component != component) {
        // What is asked for beside this component is not taken by it.
        for (name, wish) in &other.settings.ports {
            if engine.port(component, *name).is_none() {
                wished.entry(*name).or_insert(wish.clone());
            }
        }
        // Neither is what the other file says, unless somebody asks for that very number.
        for (port, number) in self::kept(engine, other) {
            if !is_asked_for(inputs, number) {
                taken.insert(number, holder(other.component, port));
            }
        }
    }
    for Chosen { component, choice } in before {
        taken.insert(choice.number, holder(*component, choice.port));
    }
    for port in engine.ports_of(component) {
        let wish = wished.get(&port.name).map(|wish| wish.value);
        let own = said(&kept, port);
        if is_the_seeds(side, port) {
            // `run` asks the cluster which one it is before it looks who holds it.
            if let Some(number) = wish.or(own).or(port.default) {
                taken.remove(&number);
            }
        } else if port.kind == PortKind::Local
            && let (Some(wish), Some(own)) = (wish, own)
            && wish != own
            && taken.contains_key(&wish)
        {
            // A number that was given in place of a wish stays until the wish can be had.
            wished.remove(&port.name);
        }
    }
    let chosen = ports::choose(&ports::Inputs {
        engine,
        component,
        wished: &wished,
        recorded: &kept.iter().map(|(port, number)| (port.name, *number)).collect(),
        registered: false,
        cluster: &BTreeMap::new(),
        conf: &BTreeMap::new(),
        taken: &taken,
        ephemeral: busy.ephemeral.clone(),
        reserved: busy.reserved,
    });
    match chosen {
        Ok(mut choices) => {
            for choice in &mut choices {
                explain(inputs, side, &taken, choice);
            }
            Ok(choices)
        }
        Err(mut refusals) => {
            for refusal in &mut refusals {
                // Here a number can simply be asked for.
                "stop what holds it, or ask for another number in app.env; nothing was written"
                    .clone_into(&mut refusal.hint);
            }
            Err(refusals)
        }
    }
}

fn is_asked_for(inputs: &Inputs<'_>, number: u16) -> bool {
    let mut wishes = inputs.sides.iter().flat_map(|side| side.settings.ports.values());
    wishes.any(|wish| wish.value == number)
}

/// Whether the seed chooses it, on another host.
fn is_the_seeds(side: &Side, port: &Port) -> bool {
    port.kind == PortKind::ClusterWide && !is_seed(&side.settings)
}

fn holder(component: Component, port: &Port) -> String {
    format!("the {}'s {}", component.name(), port.conf_key)
}

/// In the words of a file instead of a start.
fn explain(inputs: &Inputs<'_>, side: &Side, taken: &BTreeMap<u16, String>, choice: &mut Choice) {
    if let Source::Environment(variable) = &choice.source {
        choice.why = format!("asked for in {}", inputs.app_env.place(variable));
    } else if let Some(wish) = side.settings.ports.get(&choice.port.name)
        && choice.source == Source::Record
        && let Some(holder) = taken.get(&wish.value)
    {
        choice.why = format!(
            "the same as before: {holder} holds {}, which is asked for",
            wish.value
        );
    }
    if is_the_seeds(side, choice.port) {
        choice
            .why
            .push_str("; the seed's counts, and `run` takes it from the cluster");
    }
}
