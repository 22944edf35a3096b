//! The vendors' own variables, translated into ours. Their meanings stand in `engine/aliases.rs`.

use crate::engine::Component;
use crate::engine::aliases::{self, Meaning};

use super::command::{COMMAND, CommandHosts};
use super::hosts::parse_host;
use super::parse::{Parser, from_environment};
use super::ports::parse_port;
use super::problems::shown;
use super::{Endpoint, Host, Source, Sourced, enums};

/// A vendor's list of all FEs, the founding one first; empty if there is none.
#[derive(Default)]
pub(super) struct Servers(Vec<Server>);

struct Server {
    name: String,
    edit_log: Sourced<Endpoint>,
}

impl Servers {
    pub(super) fn hosts(&self) -> Option<Sourced<Vec<Host>>> {
        let first = self.0.first()?;
        let mut hosts: Vec<Host> = Vec::new();
        for server in &self.0 {
            if !hosts.contains(&server.edit_log.value.host) {
                hosts.push(server.edit_log.value.host.clone());
            }
        }
        Some(Sourced {
            value: hosts,
            source: first.edit_log.source.clone(),
        })
    }

    /// The port the list gives for that host.
    pub(super) fn edit_log_port(&self, host: Option<&Host>) -> Option<Sourced<u16>> {
        let server = self
            .0
            .iter()
            .find(|server| Some(&server.edit_log.value.host) == host)?;
        Some(Sourced {
            value: server.edit_log.value.port,
            source: server.edit_log.source.clone(),
        })
    }
}

/// Reads `fe1:10.0.0.1:9010,fe2:10.0.0.2:9010`.
pub(super) fn servers(parser: &mut Parser<'_>) -> Servers {
    let mut servers = Vec::new();
    for variable in aliases::meaning(Meaning::Servers) {
        let Some(text) = parser.text(variable) else {
            continue;
        };
        for (at, entry) in (1..).zip(text.split(',').map(str::trim)) {
            let server = entry
                .split_once(':')
                .ok_or_else(|| "is not name:host:port".to_owned())
                .and_then(|(name, endpoint)| Ok((name, parse_endpoint(endpoint)?)));
            match server {
                Ok((name, endpoint)) => servers.push(Server {
                    name: name.to_ascii_lowercase(),
                    edit_log: from_environment(variable, endpoint),
                }),
                Err(why) => parser.problem(
                    variable,
                    format!(
                        "`{}` at position {at} {why}, {}",
                        shown(entry),
                        parser.set_in(variable)
                    ),
                ),
            }
        }
    }
    // Their founder is the one with number 1, wherever it stands.
    let founds = |server: &Server| number_at_end(&server.name) == Some(1);
    servers.sort_by_key(|server| !founds(server));
    Servers(servers)
}

/// The endpoint of this node in the list.
pub(super) fn own_server(parser: &mut Parser<'_>, servers: &Servers) -> Option<Sourced<Endpoint>> {
    for variable in aliases::meaning(Meaning::ServerNumber) {
        if servers.0.is_empty() {
            if parser.text(variable).is_some() {
                let lists: Vec<&str> = aliases::meaning(Meaning::Servers).collect();
                parser.warn(variable, format!("has no effect without {}", lists.join(", ")));
            }
            continue;
        }
        let number = parser.parse(variable, |text| {
            text.parse::<u32>().map_err(|_| "is not a number".to_owned())
        });
        let Some(number) = number else { continue };
        let own = servers
            .0
            .iter()
            .find(|server| number_at_end(&server.name) == Some(number.value));
        match own {
            Some(own) => return Some(own.edit_log.clone()),
            None => parser.refuse(
                variable,
                &number.value.to_string(),
                "is the number of no FE in the list",
            ),
        }
    }
    None
}

/// `host:port` of this node.
pub(super) fn local_endpoints(parser: &mut Parser<'_>) -> Vec<Sourced<Endpoint>> {
    aliases::meaning(Meaning::LocalEndpoint)
        .filter_map(|variable| parser.parse(variable, parse_endpoint))
        .collect()
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
        return address.or(name);
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
        return Some(from_command(vec![helper.value]));
    }
    let service = said(parser, named.service.as_deref())
        .or_else(|| aliases::meaning(Meaning::AnyFe).find_map(|variable| parser.parse(variable, parse_host)));
    let Some(service) = service else {
        let founder = local.filter(|_| named.founds)?;
        return Some(from_command(vec![founder.value.clone()]));
    };
    let component = component.or_else(|| {
        aliases::meaning(Meaning::ComponentOfPod)
            .find_map(|variable| parser.text(variable))
            .and_then(Component::parse)
    });
    let mut hosts = vec![service.value.clone()];
    if component.is_none_or(|component| component == Component::Fe) {
        if let Some(seed) = local.and_then(|local| first_of_set(&local.value)) {
            hosts.retain(|host| *host != seed);
            hosts.insert(0, seed);
        } else if local.is_none_or(|local| local.value != service.value) {
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

/// A host that stands in a command.
fn said(parser: &mut Parser<'_>, host: Option<&str>) -> Option<Sourced<Host>> {
    let text = host?;
    match parse_host(text) {
        Ok(host) => Some(from_command(host)),
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

/// `fe-0.fe.ns` for `fe-2.fe.ns`.
fn first_of_set(host: &Host) -> Option<Host> {
    let Host::Name(name) = host else { return None };
    let (label, domain) = name.split_once('.').unwrap_or((name, ""));
    let (set, ordinal) = label.rsplit_once('-')?;
    ordinal.parse::<u32>().ok()?;
    let first = if domain.is_empty() {
        format!("{set}-0")
    } else {
        format!("{set}-0.{domain}")
    };
    Host::parse(&first).ok()
}

fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    let (host, port) = text.rsplit_once(':').ok_or_else(|| "has no port".to_owned())?;
    Ok(Endpoint {
        host: parse_host(host)?,
        port: parse_port(port)?,
    })
}

fn number_at_end(name: &str) -> Option<u32> {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().ok()
}
