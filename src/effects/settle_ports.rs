//! Derives a plan whose ports are free on this host: each is tried and reserved.

use std::path::Path;

use crate::effects::reserve::{self, Taken};
use crate::facts::Facts;
use crate::facts::ports::Candidate;
use crate::plan::refusal::Refusal;
use crate::plan::{Plan, Prescribed, derive};
use crate::settings::Settings;
use std::collections::BTreeMap;

/// Derives the plan, and derives it again for every port that is not free: the next free number may not be tried yet. Ends
/// because every number is tried once. `taken` collects the ports that other nodes have reserved.
pub fn settle(
    settings: &Settings,
    facts: &mut Facts,
    prescribed: &Prescribed,
    taken: &mut BTreeMap<u16, String>,
    mut reserve: impl FnMut(&[u16]) -> Result<(), Taken>,
) -> Result<Plan, Vec<Refusal>> {
    loop {
        let result = derive(settings, facts, prescribed, taken);
        if let Ok(plan) = &result {
            if try_out(plan, facts) {
                continue;
            }
            let numbers: Vec<u16> = plan.ports.iter().map(|choice| choice.number).collect();
            if let Err(Taken(others)) = reserve(&numbers) {
                taken.extend(others.into_iter().map(|port| (port, reserve::ANOTHER.to_owned())));
                continue;
            }
        }
        // The holders are searched once, at the end: with many nodes that start together, a search of all processes for
        // each port would take most of the start.
        let named = facts.ports.name_holders(Path::new("/"));
        if !name_others(taken, result.is_err()) && !named {
            return result;
        }
    }
}

/// Tries the ports of a plan that were not tried yet; true if there were any.
fn try_out(plan: &Plan, facts: &mut Facts) -> bool {
    let candidates = plan.ports.iter().map(|choice| Candidate {
        number: choice.number,
        udp: choice.port.udp,
    });
    let untried: Vec<Candidate> = candidates
        .filter(|candidate| !facts.ports.tried.contains(&candidate.number))
        .collect();
    for candidate in &untried {
        facts.ports.look_further(*candidate);
    }
    !untried.is_empty()
}

/// Finds the names of the other nodes for a refusal; true if one was found.
fn name_others(taken: &mut BTreeMap<u16, String>, refused: bool) -> bool {
    let mut named = false;
    for (port, holder) in taken.iter_mut().filter(|_| refused) {
        let better = reserve::holder(Path::new("/"), *port);
        if holder == reserve::ANOTHER && better != *holder {
            *holder = better;
            named = true;
        }
    }
    named
}
