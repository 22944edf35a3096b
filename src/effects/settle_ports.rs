//! A plan that holds on this host: each of its ports was tried, and none is another node's.

use std::path::Path;

use crate::effects::reserve::{self, Taken};
use crate::facts::Facts;
use crate::facts::ports::Candidate;
use crate::plan::refusal::Refusal;
use crate::plan::{Plan, Prescribed, derive};
use crate::settings::Settings;
use std::collections::BTreeMap;

/// Makes the plan, and makes it anew for every port of it that turns out to be somebody's: the next free number may lie
/// behind whatever was looked at before. Ends because every number is looked at once. `taken` gathers what other nodes
/// have reserved.
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
        // Who holds them is asked once, at the end: with many nodes that start together a look at every process for
        // every port of theirs would be most of the start.
        let named = facts.ports.name_holders(Path::new("/"));
        if !name_others(taken, result.is_err()) && !named {
            return result;
        }
    }
}

/// Tries the ports of a plan that were only thought of so far; whether there were any.
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

/// For a refusal it is worth a look who the other nodes are; whether that made a difference.
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
