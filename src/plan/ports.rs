//! Chooses the port of each service. Each of the three kinds has its rule: the same number on every FE; the port that
//! identifies this node in the cluster; a port of this host alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::engine::{Component, Engine, Port, PortKind, PortName};
use crate::exit::ExitCode;
use crate::plan::refusal::Refusal;
use crate::settings::{Source, Sourced};

/// The values that the choice depends on.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub engine: &'static Engine,
    pub component: Component,
    /// From flags and environment.
    pub requested: &'a BTreeMap<PortName, Sourced<u16>>,
    /// The ports of the record; empty without one.
    pub recorded: &'a BTreeMap<PortName, u16>,
    /// True if the cluster lists this node with its recorded identity port already.
    pub registered: bool,
    /// The ports that the cluster prescribes: its HTTP port, and the identity port it lists for this host.
    pub cluster: &'a BTreeMap<PortName, u16>,
    /// The ports in the conf file as shipped or mounted.
    pub conf: &'a BTreeMap<PortName, u16>,
    /// The ports that are off unless they are requested: by the conf file, or in this version.
    pub off: &'a BTreeSet<PortName>,
    /// Ports that are in use on this host, each with its holder.
    pub taken: &'a BTreeMap<u16, String>,
    /// The kernel's range for outgoing connections.
    pub ephemeral: RangeInclusive<u16>,
    /// The ports of that range that the kernel leaves out.
    pub reserved: &'a [RangeInclusive<u16>],
}

/// One port, its number and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub port: &'static Port,
    pub number: u16,
    pub source: Source,
    pub why: String,
}

/// Warnings about numbers that cannot hold: the cluster, or what it knows this node by, has another one. `conf` are those of
/// the file `path`.
pub fn not_used(
    requested: &BTreeMap<PortName, Sourced<u16>>,
    conf: &BTreeMap<PortName, u16>,
    path: &str,
    choices: &[Choice],
) -> Vec<String> {
    let ignored = choices.iter().filter_map(|choice| {
        let fixed = matches!(choice.port.kind, PortKind::ClusterWide | PortKind::Identity);
        let (key, number) = (choice.port.conf_key, choice.number);
        let other = |value: &u16| fixed && *value != number;
        // Compose files publish the port that they were told.
        let advice = |value: u16| match choice.port.name {
            PortName::Http => format!("; where it is published, write {value}:{number}"),
            _ => String::new(),
        };
        if let Some(request) = requested.get(&choice.port.name) {
            let value = Some(request.value).filter(other)?;
            let name = choice.port.name.variable();
            return Some(match choice.port.kind {
                PortKind::ClusterWide => format!(
                    "{name} = {value} is not used: {key} is {number} (from {}), and every FE of a cluster uses the same port{}",
                    choice.source,
                    advice(value)
                ),
                PortKind::Identity | PortKind::Local => format!(
                    "{name} = {value} is not used: {key} is {number} (from {}), and the cluster knows this node by it",
                    choice.source
                ),
            });
        }
        // An identity port of the conf file gives way without a word: nobody asked for it here.
        let in_conf = conf.get(&choice.port.name).copied().filter(other);
        let value = in_conf.filter(|_| choice.port.kind == PortKind::ClusterWide)?;
        Some(format!(
            "{path} says {key} = {value}; every FE of this cluster uses {number} (from {}){}",
            choice.source,
            advice(value)
        ))
    });
    ignored.collect()
}

/// Chooses the ports of one component, in the order of the engine's table, or returns every conflict.
pub fn choose(inputs: &Inputs<'_>) -> Result<Vec<Choice>, Vec<Refusal>> {
    let mut choices: Vec<Choice> = Vec::new();
    let mut refusals = Vec::new();
    for port in inputs.engine.ports_of(inputs.component) {
        let Some(preferred) = preferred(inputs, port) else {
            continue;
        };
        match choose_one(inputs, port, preferred, &choices) {
            Ok(choice) => choices.push(choice),
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() {
        Ok(choices)
    } else {
        Err(refusals)
    }
}

/// The number that a service gets if it is free.
struct Preferred {
    number: u16,
    source: Source,
    /// The reason why no other number is possible.
    fixed: Option<&'static str>,
    why: String,
}

fn preferred(inputs: &Inputs<'_>, port: &Port) -> Option<Preferred> {
    let request = inputs.requested.get(&port.name);
    let recorded = inputs.recorded.get(&port.name).copied();
    let cluster = inputs.cluster.get(&port.name).copied();
    let by = |number, source, fixed, why: String| {
        Some(Preferred {
            number,
            source,
            fixed,
            why,
        })
    };
    match port.kind {
        PortKind::ClusterWide => {
            if let Some(number) = cluster {
                let other = request.filter(|request| request.value != number);
                let why = other.map_or_else(
                    || "every FE of a cluster uses the same port".to_owned(),
                    |request| {
                        format!(
                            "every FE of a cluster uses the same port, so {} = {} is ignored",
                            port.name.variable(),
                            request.value
                        )
                    },
                );
                return by(
                    number,
                    Source::Cluster,
                    Some("every FE of this cluster uses it"),
                    why,
                );
            }
            if let (Some(number), true) = (recorded, inputs.registered) {
                return by(
                    number,
                    Source::Record,
                    Some("every FE of this cluster uses it"),
                    "every FE of this cluster uses it".to_owned(),
                );
            }
        }
        PortKind::Identity => {
            if let (Some(number), true) = (recorded, inputs.registered) {
                return by(
                    number,
                    Source::Record,
                    Some("this port identifies the node in the cluster"),
                    "this port identifies the node in the cluster".to_owned(),
                );
            }
            if let Some(number) = cluster {
                return by(
                    number,
                    Source::Cluster,
                    Some("this port identifies the node in the cluster"),
                    "this port identifies the node in the cluster".to_owned(),
                );
            }
        }
        PortKind::Local => {}
    }
    if let Some(request) = request {
        let fixed = (port.kind != PortKind::Local).then_some("requested");
        return by(
            request.value,
            request.source.clone(),
            fixed,
            "requested".to_owned(),
        );
    }
    if inputs.off.contains(&port.name) {
        return None;
    }
    if let Some(number) = recorded {
        return by(number, Source::Record, None, "used before".to_owned());
    }
    if let Some(number) = inputs.conf.get(&port.name).copied() {
        let fixed =
            (port.kind == PortKind::ClusterWide).then_some("every FE of a cluster uses the same port");
        return by(number, Source::ConfFile, fixed, "unchanged".to_owned());
    }
    let fixed = (port.kind == PortKind::ClusterWide).then_some("every FE of a cluster uses the same port");
    by(
        port.default?,
        Source::Default,
        fixed,
        "the engine's default".to_owned(),
    )
}

fn choose_one(
    inputs: &Inputs<'_>,
    port: &'static Port,
    preferred: Preferred,
    before: &[Choice],
) -> Result<Choice, Refusal> {
    let requested_by_another =
        || requested_elsewhere(inputs, port, preferred.number).filter(|_| preferred.fixed.is_none());
    let Some(holder) = holder(inputs, preferred.number, before).or_else(requested_by_another) else {
        return Ok(Choice {
            port,
            number: preferred.number,
            source: preferred.source,
            why: preferred.why,
        });
    };
    if let Some(reason) = preferred.fixed {
        return Err(Refusal::new(
            ExitCode::Taken,
            format!(
                "{} must be {} ({}: {reason}), but {holder} uses it",
                port.conf_key, preferred.number, preferred.source
            ),
            "stop the process that uses it, or run this node on another host",
        ));
    }
    let Some((number, ephemeral)) = next_free(inputs, preferred.number, before) else {
        return Err(Refusal::new(
            ExitCode::Taken,
            format!(
                "no port is free for {}: {holder} uses {}",
                port.conf_key, preferred.number
            ),
            "stop the processes that use the ports",
        ));
    };
    Ok(Choice {
        port,
        number,
        source: Source::Derived,
        why: format!(
            "the next free port{}: {holder} uses {}",
            if ephemeral {
                " in the kernel's range for outgoing connections, because no other is free"
            } else {
                ""
            },
            preferred.number
        ),
    })
}

/// The setting that requests this number for another service or for another component of this host, unless this service
/// has a request of its own.
fn requested_elsewhere(inputs: &Inputs<'_>, port: &Port, number: u16) -> Option<String> {
    if inputs.requested.contains_key(&port.name) {
        return None;
    }
    let mut requests = inputs.requested.iter();
    let (name, _) = requests.find(|(_, request)| request.value == number)?;
    Some(format!("the setting {}", name.variable()))
}

/// The holder of a port: a process on this host, or another service of this node.
fn holder(inputs: &Inputs<'_>, number: u16, before: &[Choice]) -> Option<String> {
    inputs.taken.get(&number).cloned().or_else(|| {
        before
            .iter()
            .find(|choice| choice.number == number)
            .map(|choice| format!("this node's {}", choice.port.conf_key))
    })
}

/// The next free number that is not the default or the requested port of another service, here or in another component of
/// this host, and outside the kernel's range for outgoing connections if possible; true if it is inside.
fn next_free(inputs: &Inputs<'_>, after: u16, before: &[Choice]) -> Option<(u16, bool)> {
    let is_usual = |number| {
        inputs
            .engine
            .ports
            .iter()
            .any(|port| port.default == Some(number))
    };
    let is_requested = |number| inputs.requested.values().any(|request| request.value == number);
    let ephemeral = |number: &u16| {
        inputs.ephemeral.contains(number) && !inputs.reserved.iter().any(|range| range.contains(number))
    };
    let free = |number: &u16| {
        holder(inputs, *number, before).is_none() && !is_usual(*number) && !is_requested(*number)
    };
    let numbers = || (after.saturating_add(1)..=u16::MAX).chain(1024..after);
    let better = numbers().find(|number| !ephemeral(number) && free(number));
    better
        .map(|number| (number, false))
        .or_else(|| numbers().find(free).map(|number| (number, true)))
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::{Choice, Inputs, choose, not_used};
    use crate::engine::{ALL, Component, Engine, PortName};
    use crate::plan::refusal::Refusal;
    use crate::settings::{Source, Sourced};

    #[derive(Default)]
    struct Case {
        requested: Vec<(PortName, u16)>,
        recorded: Vec<(PortName, u16)>,
        registered: bool,
        cluster: Vec<(PortName, u16)>,
        conf: Vec<(PortName, u16)>,
        off: Vec<PortName>,
        taken: Vec<u16>,
        reserved: Vec<RangeInclusive<u16>>,
        ephemeral: Option<RangeInclusive<u16>>,
        component: Option<Component>,
        engine: Option<&'static Engine>,
    }

    /// The choices, with the warnings about requests that cannot hold.
    fn choices(case: &Case) -> Result<(Vec<Choice>, Vec<String>), Vec<Refusal>> {
        let requested = case
            .requested
            .iter()
            .map(|(name, value)| {
                (
                    *name,
                    Sourced {
                        value: *value,
                        source: Source::Environment(name.variable().into()),
                    },
                )
            })
            .collect();
        let taken = case
            .taken
            .iter()
            .map(|port| (*port, format!("nginx (pid 7) on 0.0.0.0:{port}")))
            .collect();
        let conf = case.conf.iter().copied().collect();
        let inputs = Inputs {
            engine: case.engine.unwrap_or(ALL[0]),
            component: case.component.unwrap_or(Component::Fe),
            requested: &requested,
            recorded: &case.recorded.iter().copied().collect(),
            registered: case.registered,
            cluster: &case.cluster.iter().copied().collect(),
            conf: &conf,
            off: &case.off.iter().copied().collect(),
            taken: &taken,
            ephemeral: case.ephemeral.clone().unwrap_or(32768..=60999),
            reserved: &case.reserved,
        };
        let choices = choose(&inputs)?;
        let warnings = not_used(&requested, &conf, "fe.conf", &choices);
        Ok((choices, warnings))
    }

    fn outcome(case: &Case) -> String {
        match choices(case) {
            Ok((choices, _)) => choices
                .iter()
                .map(|choice| choice.number.to_string())
                .collect::<Vec<_>>()
                .join(" "),
            Err(refusals) => refusals
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    use PortName::{BeHttp, EditLog, Heartbeat, Http, Query, Rpc};

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn each_kind_of_port_follows_its_rule() {
        let none = Case::default;
        let table: Vec<(&str, Case, &str)> = vec![
            ("defaults", none(), "8030 9020 9030 9010"),
            (
                "the conf file's",
                Case {
                    conf: vec![(Query, 9131)],
                    ..none()
                },
                "8030 9020 9131 9010",
            ),
            (
                "a request over the conf file",
                Case {
                    conf: vec![(Query, 9131)],
                    requested: vec![(Query, 9231)],
                    ..none()
                },
                "8030 9020 9231 9010",
            ),
            (
                "a local port moves on",
                Case {
                    taken: vec![9030, 9031],
                    ..none()
                },
                "8030 9020 9032 9010",
            ),
            (
                "a requested local port moves on too",
                Case {
                    requested: vec![(Rpc, 9100)],
                    taken: vec![9100],
                    ..none()
                },
                "8030 9101 9030 9010",
            ),
            (
                "above the kernel's range, except reserved ports in it",
                Case {
                    requested: vec![(Rpc, 32_767)],
                    taken: vec![32_767],
                    reserved: vec![40_000..=40_001],
                    ..none()
                },
                "8030 40000 9030 9010",
            ),
            (
                "not onto another service's usual port",
                Case {
                    requested: vec![(Query, 9009)],
                    taken: vec![9009],
                    ..none()
                },
                "8030 9020 9011 9010",
            ),
            (
                "not into the ephemeral range",
                Case {
                    requested: vec![(Query, 32767)],
                    taken: vec![32767],
                    ..none()
                },
                "8030 9020 61000 9010",
            ),
            (
                "into the ephemeral range if no port is outside it",
                Case {
                    taken: vec![9030],
                    ephemeral: Some(1024..=65535),
                    ..none()
                },
                "8030 9020 9031 9010",
            ),
            (
                "onto a reserved port in it first",
                Case {
                    taken: vec![9030],
                    ephemeral: Some(1024..=65535),
                    reserved: vec![9100..=9199],
                    ..none()
                },
                "8030 9020 9100 9010",
            ),
            (
                "a request goes before another service's default",
                Case {
                    requested: vec![(Query, 9020)],
                    ..none()
                },
                "8030 9021 9020 9010",
            ),
            (
                "and before that of a component beside this one",
                Case {
                    component: Some(Component::Be),
                    requested: vec![(Http, 9050)],
                    ..none()
                },
                "9060 8040 9051 8060 9070",
            ),
            (
                "but not before the port the cluster lists this node with",
                Case {
                    component: Some(Component::Be),
                    requested: vec![(Http, 9050)],
                    recorded: vec![(Heartbeat, 9050)],
                    registered: true,
                    ..none()
                },
                "9060 8040 9050 8060 9070",
            ),
            (
                "an FE and a BE on one host have different defaults: the BE's ports are free for the FE",
                Case {
                    taken: vec![9060, 8040, 9050, 8060, 9070],
                    ..none()
                },
                "8030 9020 9030 9010",
            ),
            (
                "a request inside the ephemeral range is kept",
                Case {
                    requested: vec![(Query, 40000)],
                    ..none()
                },
                "8030 9020 40000 9010",
            ),
            (
                "the record keeps the ports",
                Case {
                    recorded: vec![(Query, 9032), (Rpc, 9020)],
                    ..none()
                },
                "8030 9020 9032 9010",
            ),
            (
                "the cluster's http port wins",
                Case {
                    requested: vec![(Http, 8031)],
                    cluster: vec![(Http, 8040)],
                    ..none()
                },
                "8040 9020 9030 9010",
            ),
            (
                "a busy http port is never moved",
                Case {
                    cluster: vec![(Http, 8030)],
                    taken: vec![8030],
                    ..none()
                },
                "http_port must be 8030 (the cluster: every FE of this cluster uses it), but nginx (pid 7) on 0.0.0.0:8030 uses it",
            ),
            (
                "an identity port is free to choose once",
                Case {
                    taken: vec![9010],
                    ..none()
                },
                "8030 9020 9030 9011",
            ),
            (
                "but not when it was requested",
                Case {
                    requested: vec![(EditLog, 9010)],
                    taken: vec![9010],
                    ..none()
                },
                "edit_log_port must be 9010 (the variable EDIT_LOG_PORT: requested), but nginx (pid 7) on 0.0.0.0:9010 uses it",
            ),
            (
                "nor when the cluster lists it",
                Case {
                    recorded: vec![(EditLog, 9011)],
                    registered: true,
                    taken: vec![9011],
                    ..none()
                },
                "edit_log_port must be 9011 (the record: this port identifies the node in the cluster), but nginx (pid 7) on 0.0.0.0:9011 uses it",
            ),
            (
                "the cluster's list gives a wiped node its port back",
                Case {
                    cluster: vec![(EditLog, 9015)],
                    requested: vec![(EditLog, 9010)],
                    ..none()
                },
                "8030 9020 9030 9015",
            ),
            (
                "all problems at once",
                Case {
                    requested: vec![(Http, 9010), (EditLog, 9010)],
                    taken: vec![9010],
                    ..none()
                },
                "http_port must be 9010 (the variable HTTP_PORT: requested), but nginx (pid 7) on 0.0.0.0:9010 uses it; edit_log_port must be 9010 (the variable EDIT_LOG_PORT: requested), but nginx (pid 7) on 0.0.0.0:9010 uses it",
            ),
            (
                "a BE",
                Case {
                    component: Some(Component::Be),
                    taken: vec![8040],
                    recorded: vec![(Heartbeat, 9051)],
                    registered: true,
                    requested: vec![(BeHttp, 8040)],
                    ..none()
                },
                "9060 8041 9051 8060 9070",
            ),
            (
                "a BE with Arrow Flight, whose port moves on",
                Case {
                    engine: Some(ALL[1]),
                    component: Some(Component::Be),
                    taken: vec![8050],
                    ..none()
                },
                "9060 8040 9050 8060 8051",
            ),
            (
                "a broker",
                Case {
                    component: Some(Component::Broker),
                    requested: vec![(PortName::BrokerIpc, 8001)],
                    ..none()
                },
                "8001",
            ),
            (
                "a registered broker keeps its own",
                Case {
                    engine: Some(ALL[1]),
                    component: Some(Component::Broker),
                    recorded: vec![(PortName::BrokerIpc, 8002)],
                    registered: true,
                    requested: vec![(PortName::BrokerIpc, 8001)],
                    ..none()
                },
                "8002",
            ),
        ];
        for (what, case, expected) in table {
            assert_eq!(outcome(&case), expected, "{what}");
        }
    }

    /// A newcomer sets another port on the second FE, and wonders.
    #[test]
    fn a_request_that_the_cluster_rules_out_is_a_warning_with_both_numbers() {
        let warnings = |case: &Case| choices(case).unwrap().1;
        let joiner = Case {
            requested: vec![
                (PortName::Http, 8031),
                (PortName::EditLog, 9011),
                (PortName::Query, 9031),
            ],
            cluster: vec![(PortName::Http, 8030), (PortName::EditLog, 9010)],
            ..Case::default()
        };
        assert_eq!(
            warnings(&joiner),
            [
                "HTTP_PORT = 8031 is not used: http_port is 8030 (from the cluster), and every FE of a cluster uses the same \
                 port; where it is published, write 8031:8030",
                "EDIT_LOG_PORT = 9011 is not used: edit_log_port is 9010 (from the cluster), and the cluster knows this node \
                 by it",
            ]
        );
        let first = Case {
            requested: joiner.requested,
            ..Case::default()
        };
        assert_eq!(warnings(&first), [] as [&str; 0]);
        let mounted = Case {
            engine: ALL.into_iter().find(|engine| rpc_is_shared(engine)),
            conf: vec![(Http, 8031), (Rpc, 9021), (Query, 9031), (EditLog, 9011)],
            cluster: vec![(Http, 8030), (Rpc, 9020)],
            ..Case::default()
        };
        assert_eq!(
            warnings(&mounted),
            [
                "fe.conf says http_port = 8031; every FE of this cluster uses 8030 (from the cluster); where it is published, \
                 write 8031:8030",
                "fe.conf says rpc_port = 9021; every FE of this cluster uses 9020 (from the cluster)",
            ]
        );
    }

    fn rpc_is_shared(engine: &Engine) -> bool {
        let rpc = engine.port(Component::Fe, Rpc);
        rpc.is_some_and(|port| port.kind == crate::engine::PortKind::ClusterWide)
    }

    /// The newer engine has one more port that is on by default, and its cluster one more that is the same for all.
    #[test]
    fn a_port_that_is_off_is_chosen_only_on_request() {
        let engine = ALL.into_iter().find(|engine| rpc_is_shared(engine));
        let case = || Case {
            engine,
            ..Case::default()
        };
        let off = || vec![PortName::ArrowFlight];
        let table = [
            ("on", case(), "8030 9020 9030 9010 8070"),
            ("off", Case { off: off(), ..case() }, "8030 9020 9030 9010"),
            (
                "off by now",
                Case {
                    off: off(),
                    recorded: vec![(PortName::ArrowFlight, 8070)],
                    ..case()
                },
                "8030 9020 9030 9010",
            ),
            (
                "off, and requested",
                Case {
                    off: off(),
                    requested: vec![(PortName::ArrowFlight, 8071)],
                    ..case()
                },
                "8030 9020 9030 9010 8071",
            ),
            (
                "the cluster's RPC port wins",
                Case {
                    cluster: vec![(Rpc, 9120)],
                    requested: vec![(Rpc, 9020)],
                    ..case()
                },
                "8030 9120 9030 9010 8070",
            ),
            (
                "and is never moved",
                Case {
                    cluster: vec![(Rpc, 9020)],
                    taken: vec![9020],
                    ..case()
                },
                "rpc_port must be 9020 (the cluster: every FE of this cluster uses it), but nginx (pid 7) on 0.0.0.0:9020 \
                 uses it",
            ),
        ];
        for (what, case, expected) in table {
            assert_eq!(outcome(&case), expected, "{what}");
        }
    }
}
