//! The cluster: what `status` finds, and the settings that have to be the same on all FEs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Config, Examined, Finding, Looked, Scope, Severity};
use crate::engine::Component;
use crate::plan::mask::is_name;
use crate::plan::view::verdict::Weight;

pub(super) const CHECKS: &[Check] = &[
    Check::new(Scope::Cluster, "status", "what `status` finds", status),
    Check::new(
        Scope::Cluster,
        "voters",
        "the number of FEs with a vote is odd",
        voters,
    ),
    Check::new(
        Scope::Cluster,
        "http_port",
        "all FEs have the same `http_port`",
        http_port,
    ),
    Check::new(
        Scope::Cluster,
        "conf_drift",
        "the FEs have the same settings",
        conf_drift,
    ),
];

fn status(examined: &Examined<'_>) -> Looked {
    let Some(view) = examined.view else {
        return Looked::Unseen("no FE is known: MASTER_HOST is not set, and there is no record".to_owned());
    };
    let found = view.all().filter(|(_, verdict)| verdict.weight() != Weight::Note);
    let found = found.map(|(node, verdict)| {
        let subject = node.map(|node| format!("{} ", node.called())).unwrap_or_default();
        let remedy = verdict.remedy(view, node);
        let words = remedy.command.iter().map(String::as_str);
        Finding {
            fix: remedy.say,
            command: shlex::try_join(words).unwrap_or_default(),
            ..Finding::new(Severity::Error, format!("{subject}{}", verdict.say()))
        }
    });
    Looked::Found(found.collect())
}

fn voters(examined: &Examined<'_>) -> Looked {
    let Some(quorum) = examined.view.and_then(|view| view.quorum) else {
        return Looked::NotHere;
    };
    let even = quorum.voters > 1 && quorum.voters % 2 == 0;
    let found = even.then(|| {
        let voters = quorum.voters;
        Finding::new(Severity::Advice, format!("{voters} FEs have a vote"))
            .want(format!("{} or {}", voters - 1, voters + 1))
            .why(format!(
                "no more of them may fail than of {}, and one more can",
                voters - 1
            ))
            .fix("add an FE, or make one an observer (FE_ROLE=observer, from a first start)")
    });
    Looked::Found(found.into_iter().collect())
}

fn http_port(examined: &Examined<'_>) -> Looked {
    let Some(view) = examined.view.filter(|view| view.leader.is_ok()) else {
        return Looked::NotHere;
    };
    let ports: BTreeSet<u16> = view
        .of(Component::Fe)
        .map(|node| node.http_port)
        .filter(|port| *port != 0)
        .collect();
    let found = (ports.len() > 1).then(|| {
        let numbers: Vec<String> = ports.iter().map(ToString::to_string).collect();
        Finding::new(
            Severity::Error,
            format!("the FEs have the http_ports {}", numbers.join(", ")),
        )
        .want("one for all")
        .why("an FE asks the others at its own http_port, for images and for a join")
        .fix("set HTTP_PORT to the same number everywhere, and restart the others one by one")
    });
    Looked::Found(found.into_iter().collect())
}

/// The ends of the names of keys that are a node's own.
const OWN: [&str; 6] = ["_dir", "_path", "_networks", "_address", "_port", "_file"];

fn conf_drift(examined: &Examined<'_>) -> Looked {
    let answered: Vec<(&str, BTreeMap<&str, &str>)> = examined.configs.iter().filter_map(of_one).collect();
    if answered.len() < 2 {
        let failed = examined.configs.iter().find_map(|config| {
            let why = config.keys.as_ref().err()?;
            Some(format!("{}: {why}", config.host))
        });
        return failed.map_or(Looked::NotHere, Looked::Unseen);
    }
    let keys: BTreeSet<&str> = answered
        .iter()
        .flat_map(|(_, keys)| keys.keys().copied())
        .collect();
    let mut found = Vec::new();
    for key in keys
        .into_iter()
        .filter(|key| !OWN.iter().any(|end| key.ends_with(end)))
    {
        // A key that one version does not have is no drift.
        let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (host, config) in &answered {
            if let Some(value) = config.get(key) {
                values.entry(value).or_default().push(host);
            }
        }
        if values.len() < 2 {
            continue;
        }
        let sides: Vec<String> = values
            .iter()
            .map(|(value, hosts)| format!("{value} on {}", hosts.join(", ")))
            .collect();
        let is = if is_name(key) {
            format!("{key}, which may be a secret, is not the same on all FEs")
        } else {
            format!("{key} is {}", sides.join("; "))
        };
        found.push(
            Finding::new(Severity::Warning, is)
                .want("the same on all FEs")
                .why("the cluster behaves otherwise as soon as another FE leads")
                .fix(
                    "put it into the conf of all FEs (FE_CONF__ in app.env), or set it again with ADMIN SET",
                ),
        );
    }
    Looked::Found(found)
}

fn of_one(config: &Config) -> Option<(&str, BTreeMap<&str, &str>)> {
    let keys = config.keys.as_ref().ok()?;
    let keys = keys.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Some((config.host.as_str(), keys.collect()))
}
