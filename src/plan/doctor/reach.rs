//! The ways from this node to the others: every port that it dials, and the names.

use std::collections::BTreeMap;

use super::{Check, Dialled, Examined, Finding, Looked, Scope, Severity};
use crate::engine::failure::Failure;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        Scope::Reach,
        "ports",
        "every port of the other nodes that this node dials is open from here",
        ports,
    ),
    Check::new(
        Scope::Reach,
        "names",
        "the names of the other nodes resolve here",
        names,
    ),
    Check::new(
        Scope::Reach,
        "twice",
        "no node is in the cluster under two names",
        twice,
    ),
];

fn ports(examined: &Examined<'_>) -> Looked {
    if examined.dialled.is_empty() {
        return Looked::NotHere;
    }
    let mut hosts: BTreeMap<(_, &str), Vec<&Dialled>> = BTreeMap::new();
    for dialled in examined.dialled {
        hosts
            .entry((dialled.component, &dialled.host))
            .or_default()
            .push(dialled);
    }
    let mut found = Vec::new();
    for ((component, host), dialled) in hosts {
        let shut: Vec<&&Dialled> = dialled.iter().filter(|dialled| dialled.answer.is_err()).collect();
        let called = format!("{} {host}", component.name());
        if let (true, Some(one)) = (shut.len() == dialled.len(), shut.first()) {
            // One sentence for a host that is away.
            found.push(all_shut(&called, one, &dialled));
            continue;
        }
        found.extend(
            shut.iter()
                .filter_map(|one| Some(one_shut(&called, one, one.answer.as_ref().err()?))),
        );
    }
    Looked::Found(found)
}

fn all_shut(called: &str, one: &Dialled, all: &[&Dialled]) -> Finding {
    let numbers: Vec<String> = all.iter().map(|dialled| dialled.port.to_string()).collect();
    let why = one
        .answer
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default();
    let finding = Finding::new(
        Severity::Error,
        format!(
            "{called} cannot be reached from here at {}: {why}",
            numbers.join(", ")
        ),
    );
    match one.answer {
        Err(Failure::Refused) => finding
            .why("its host answers, and nothing listens there")
            .fix(format!(
                "start it, or see why it ended: docker logs on {}",
                one.host
            )),
        Err(Failure::Unresolvable(_)) => {
            finding.fix("add the name to DNS, or to extra_hosts: of this container")
        }
        _ => finding
            .why("its host is down or cut off, or a firewall between drops what this node sends")
            .fix("start the host, or let the ports in: muster ports there prints the rules"),
    }
}

fn one_shut(called: &str, dialled: &Dialled, why: &Failure) -> Finding {
    let Dialled {
        port, key, purpose, ..
    } = dialled;
    let finding = Finding::new(
        Severity::Error,
        format!("{called} is reached, but not its port {port} ({key}): {why}"),
    );
    match why {
        Failure::NotMySql(_) | Failure::NotReady(_) | Failure::Malformed(_) | Failure::Rejected { .. } => finding
            .why(format!("another program answers there, and not the engine: {purpose}"))
            .fix("free that port on its host, or give the engine another one"),
        Failure::Deadline(_) => finding
            .why(format!("something took the connection and says nothing: {purpose}"))
            .fix("see whether the engine hangs, or another program has that port"),
        Failure::Refused => finding
            .why(format!("nothing listens there, or a firewall refuses it: {purpose}"))
            .fix("see in its log whether that port was free, and let it in: muster ports there prints the rules"),
        _ => finding
            .why(format!("a firewall between drops it: {purpose}"))
            .fix("let that port in: muster ports there prints the rules"),
    }
}

fn names(examined: &Examined<'_>) -> Looked {
    if examined.resolved.is_empty() {
        return Looked::NotHere;
    }
    let failed = examined.resolved.iter().filter_map(|(host, found)| {
        let why = found.as_ref().err()?;
        Some(
            Finding::new(Severity::Error, format!("{host} does not resolve here: {why}"))
                .why("this node reaches that one by its name only")
                .fix("add the name to DNS, or to extra_hosts: of this container"),
        )
    });
    Looked::Found(failed.collect())
}

/// Two rows of one kind with the same port whose hosts have an address in common.
fn twice(examined: &Examined<'_>) -> Looked {
    let Some(view) = examined.view.filter(|view| view.leader.is_ok()) else {
        return Looked::NotHere;
    };
    let addresses = |host: &str| -> Vec<String> {
        let known = examined.resolved.iter().find(|(name, _)| name == host);
        match known {
            Some((_, Ok(addresses))) => addresses.clone(),
            _ => vec![host.to_owned()],
        }
    };
    let mut found = Vec::new();
    for (at, node) in view.nodes.iter().enumerate() {
        let own = addresses(&node.host);
        let others = view.nodes.iter().skip(at + 1);
        let same = others.filter(|other| other.component == node.component && other.port == node.port);
        for other in same.filter(|other| addresses(&other.host).iter().any(|address| own.contains(address))) {
            found.push(
                Finding::new(
                    Severity::Error,
                    format!(
                        "{} and {} are one node: both are {}",
                        node.called(),
                        other.called(),
                        own.join(", ")
                    ),
                )
                .why("it counts twice, for a majority or for the copies of a table")
                .fix("drop the one that its own record does not have; see muster status"),
            );
        }
    }
    Looked::Found(found)
}
