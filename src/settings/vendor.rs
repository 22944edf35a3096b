//! The vendors' own variables, translated into ours. Their meanings stand in `engine/aliases.rs`.

use crate::engine::Component;
use crate::engine::aliases::{self, Meaning, Word};

use super::command::{COMMAND, CommandHosts};
use super::hosts::{list, parse_host};
use super::parse::{Parser, from_environment};
use super::problems::shown;
use super::servers::parse_endpoint;
use super::{Endpoint, Host, Source, Sourced, enums, words};

/// A broker, as the cluster lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BrokerAddress {
    pub name: String,
    pub endpoint: Endpoint,
}

/// `host:port` of this node.
pub(super) fn local_endpoints(parser: &mut Parser<'_>) -> Vec<Sourced<Endpoint>> {
    aliases::meaning(Meaning::LocalEndpoint)
        .filter_map(|variable| parser.parse(variable, parse_endpoint))
        .collect()
}

/// `name:host:port` of this broker.
pub(super) fn broker_address(parser: &mut Parser<'_>) -> Option<Sourced<BrokerAddress>> {
    aliases::meaning(Meaning::BrokerEndpoint).find_map(|variable| {
        parser.parse(variable, |text| {
            let triple = text
                .split_once(':')
                .filter(|(_, endpoint)| endpoint.contains(':'));
            let (name, endpoint) = triple.ok_or_else(|| "is not name:host:port".to_owned())?;
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                return Err(format!(
                    "has the name `{}`: letters, digits and `_` only",
                    shown(name)
                ));
            }
            Ok(BrokerAddress {
                name: name.to_owned(),
                endpoint: parse_endpoint(endpoint)?,
            })
        })
    })
}

/// True if the images of these variables know a node by the only address of its container.
pub(super) fn is_known_by_address(parser: &Parser<'_>) -> bool {
    aliases::meaning(Meaning::FesToAsk).any(|variable| parser.text(variable).is_some())
        || words::given(parser).any(|(_, word)| matches!(word, Word::Node(_)))
}

/// The name of this machine, if a person gave it one.
pub(super) fn given_hostname(parser: &Parser<'_>) -> Option<Sourced<Host>> {
    aliases::meaning(Meaning::HostName).find_map(|variable| {
        let name = parser.text(variable).filter(|name| !is_container_id(name))?;
        let host = parse_host(name).ok()?;
        Some(from_environment(variable, host))
    })
}

/// The variable that holds the advertised host of this pod, after what the host type asks for.
pub(super) fn pod_variable(parser: &mut Parser<'_>, host_type: Option<&str>) -> Option<&'static str> {
    let set = |parser: &Parser<'_>, meaning| {
        aliases::meaning(meaning).find(|variable| parser.text(variable).is_some())
    };
    let by_variable =
        aliases::meaning(Meaning::HostType).find_map(|variable| parser.parse(variable, enums::host_type));
    let by_flag = host_type.and_then(|text| match enums::host_type(text) {
        Ok(value) => Some(from_command(value)),
        Err(why) => {
            parser.problem(
                COMMAND,
                format!("gives the host type `{}`, which {why}", shown(text)),
            );
            None
        }
    });
    let by_name = by_flag.or(by_variable);
    let address = set(parser, Meaning::LocalAddress);
    let name = set(parser, Meaning::LocalName);
    let own_name = set(parser, Meaning::HostName);
    let Some(by_name) = by_name else {
        let by_name = parser.engine.is_some_and(|engine| engine.hostname_is_identity);
        return if by_name {
            name.or(address)
        } else {
            address.or(name)
        };
    };
    if !by_name.value {
        return address;
    }
    // In a pod it is a name that other pods do not know.
    let others = ["LOCAL_HOST", "HOST_IP"];
    if let (None, None, Some(own)) = (name, address, own_name)
        && others.iter().all(|other| parser.text(other).is_none())
    {
        if parser.text(own).is_some_and(is_container_id) {
            let text = "is the id of this container, which changes when the container is recreated; set `hostname:` for it";
            parser.warn(own, text.to_owned());
        }
        return Some(own);
    }
    // The address of a pod changes whenever the pod moves: it cannot replace the requested name.
    if name.is_none() && address.is_some() && parser.text("LOCAL_HOST").is_none() {
        let variable = by_name.source.name();
        let wanted: Vec<&str> = aliases::meaning(Meaning::LocalName).collect();
        parser.refuse(
            variable,
            "FQDN",
            &format!(
                "requests a name, but neither LOCAL_HOST nor {} is set",
                wanted.join(", ")
            ),
        );
    }
    name
}

/// `LOCAL_HOST` says by itself if this node is known by an address or by a name.
pub(super) fn check_host_type(parser: &mut Parser<'_>, local: &Sourced<Host>) {
    let is_name = matches!(local.value, Host::Name(_));
    for variable in aliases::meaning(Meaning::HostType) {
        let text = parser.text(variable).unwrap_or_default();
        if enums::host_type(text).is_ok_and(|by_name| by_name != is_name) {
            let kind = if is_name { "a name" } else { "an address" };
            let text = format!(
                "= {text} has no effect: {} is {kind}, and the node is known by that",
                local.source.name()
            );
            parser.warn(variable, text);
        }
    }
}

/// The hosts behind a service name: somebody to ask, and, for an FE of a `StatefulSet`, the pod with number 0 as the seed.
/// A command may name them instead.
pub(super) fn service(
    parser: &mut Parser<'_>,
    component: Option<Component>,
    local: Option<&Sourced<Host>>,
    named: &CommandHosts,
) -> Option<Sourced<Vec<Host>>> {
    if let Some(helper) = said(parser, named.helper.as_deref()) {
        return Some(helper);
    }
    let service = said(parser, named.service.as_deref()).or_else(|| {
        let one = |variable| parser.parse(variable, |text| Ok(vec![parse_host(text)?]));
        aliases::meaning(Meaning::AnyFe).find_map(one)
    });
    let Some(service) = service else {
        return fes_to_ask(parser, local).or_else(|| founder(parser, component, local, named));
    };
    let component = component.or_else(|| {
        aliases::meaning(Meaning::ComponentOfPod)
            .find_map(|variable| parser.text(variable))
            .and_then(Component::parse)
    });
    let mut hosts = service.value;
    if component.is_none_or(|component| component == Component::Fe) {
        if let Some(seed) = local.and_then(|local| first_of_set(&local.value)) {
            hosts.retain(|host| *host != seed);
            hosts.insert(0, seed);
        } else if local.is_none_or(|local| hosts.first() != Some(&local.value)) {
            let variable = service.source.name();
            let text =
                "does not name one FE, so no FE may found the cluster; set MASTER_HOST to the first FE";
            parser.warn(variable, text.to_owned());
        }
    }
    Some(Sourced {
        value: hosts,
        source: service.source,
    })
}

/// The FEs to ask of an image whose FE never founds if there are any: this one is not the first of them.
fn fes_to_ask(parser: &mut Parser<'_>, local: Option<&Sourced<Host>>) -> Option<Sourced<Vec<Host>>> {
    let mut all = aliases::meaning(Meaning::FesToAsk);
    let Sourced { mut value, source } = all.find_map(|variable| list(parser, variable))?;
    let own = local.map(|local| &local.value);
    if value.iter().all(|host| Some(host) == own) {
        let text = "names only this node; leave it out on the first FE, which founds the cluster, and name that one elsewhere";
        parser.problem(source.name(), text.to_owned());
        return None;
    }
    while value.first() == own {
        value.rotate_left(1);
    }
    Some(Sourced { value, source })
}

/// Warns of FEs to ask that are not those of `MASTER_HOST`.
pub(super) fn check_fes_to_ask(parser: &mut Parser<'_>, master: &Sourced<Vec<Host>>) {
    for variable in aliases::meaning(Meaning::FesToAsk) {
        let other = list(parser, variable);
        let differs = other.is_some_and(|other| {
            master
                .value
                .first()
                .is_some_and(|first| !other.value.contains(first))
        });
        if differs {
            parser.warn(
                variable,
                format!("conflicts with {} and is ignored", master.source.name()),
            );
        }
    }
}

/// This FE as the seed: nobody is named that it could join, and it was told to start.
fn founder(
    parser: &Parser<'_>,
    component: Option<Component>,
    local: Option<&Sourced<Host>>,
    named: &CommandHosts,
) -> Option<Sourced<Vec<Host>>> {
    let local = local?;
    let hosts = vec![local.value.clone()];
    // A name that nobody wrote down for this purpose makes no founder: three FEs would found three clusters.
    if named.founds && (named.host_type.is_some() || !is_only_a_hostname(parser, local)) {
        return Some(from_command(hosts));
    }
    let role = words::founding(parser)?;
    component
        .is_none_or(Component::is_fe)
        .then(|| from_environment(role, hosts))
}

/// True if this node is known by the name of its machine, and no other word says so.
fn is_only_a_hostname(parser: &Parser<'_>, local: &Sourced<Host>) -> bool {
    let named = aliases::of(local.source.name()).is_some_and(|alias| alias.meaning == Meaning::HostName);
    let by_type = aliases::meaning(Meaning::HostType).any(|variable| parser.text(variable).is_some());
    (named && !by_type) || local.source == Source::ConfFile
}

/// The hosts that stand in a command, separated by commas.
fn said(parser: &mut Parser<'_>, hosts: Option<&str>) -> Option<Sourced<Vec<Host>>> {
    let text = hosts?;
    let hosts: Result<Vec<Host>, String> = text.split(',').map(|host| parse_host(host.trim())).collect();
    match hosts {
        Ok(hosts) => Some(from_command(hosts)),
        Err(why) => {
            parser.problem(COMMAND, format!("names `{}`, which {why}", shown(text)));
            None
        }
    }
}

fn from_command<T>(value: T) -> Sourced<T> {
    Sourced {
        value,
        source: Source::Flag(COMMAND),
    }
}

/// Tells if this is the host name that Docker gives a container without `hostname:`.
fn is_container_id(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The number at the end of the name of a pod.
pub(super) fn ordinal(host: &Host) -> Option<u32> {
    let Host::Name(name) = host else { return None };
    let (_, ordinal) = name.split('.').next()?.rsplit_once('-')?;
    ordinal.parse().ok()
}

/// `fe-0.fe.ns` for `fe-2.fe.ns`.
fn first_of_set(host: &Host) -> Option<Host> {
    ordinal(host)?;
    let Host::Name(name) = host else { return None };
    let (label, domain) = name.split_once('.').unwrap_or((name, ""));
    let (set, _) = label.rsplit_once('-')?;
    let first = if domain.is_empty() {
        format!("{set}-0")
    } else {
        format!("{set}-0.{domain}")
    };
    Host::parse(&first).ok()
}
