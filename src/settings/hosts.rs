//! The two addresses: who is asked, and who this is. Our names count first, then what the replaced project and the
//! vendors wrote.

use std::net::IpAddr;

use crate::engine::aliases::{self, Meaning};
use crate::engine::{Component, PortName};

use super::command::{COMMAND, CommandHosts};
use super::problem::shown;
use super::problems::{Reader, from_environment};
use super::vendor::{self, Servers};
use super::{Host, Source, Sourced};

/// What the variables say about hosts, and the ports that some of them carry along.
pub(super) struct Hosts {
    pub master: Option<Sourced<Vec<Host>>>,
    pub local: Option<Sourced<Host>>,
    pub master_edit_log_port: Option<Sourced<u16>>,
    pub ports: Vec<(PortName, Sourced<u16>)>,
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    component: Option<Component>,
    command: Option<&CommandHosts>,
) -> Hosts {
    let nothing = CommandHosts::default();
    let named = command.unwrap_or(&nothing);
    let servers = vendor::servers(reader);
    let own = vendor::own_server(reader, &servers);
    let endpoints = vendor::local_endpoints(reader);

    let pod = vendor::pod_variable(reader, named.host_type.as_deref());
    let mut locals: Vec<Sourced<Host>> = Vec::new();
    locals.extend(reader.parse("LOCAL_HOST", parse_host));
    for name in aliases::meaning(Meaning::LocalHost).chain(aliases::meaning(Meaning::LocalBackend)) {
        locals.extend(reader.parse(name, parse_host));
    }
    for endpoint in own.iter().chain(&endpoints) {
        locals.push(Sourced {
            value: endpoint.value.host.clone(),
            source: endpoint.source.clone(),
        });
    }
    match pod {
        // A pod may well have an address and a name that are not the same text.
        Some(name) if locals.is_empty() => locals.extend(reader.parse(name, parse_host)),
        Some(_) => {}
        // In a pod HOST_IP is the machine below it.
        None => locals.extend(reader.parse("HOST_IP", parse_host)),
    }
    let local = choose(reader, locals, |a, b| a == b);

    let mut masters: Vec<Sourced<Vec<Host>>> = Vec::new();
    masters.extend(list(reader, "MASTER_HOST"));
    masters.extend(list(reader, "MASTER_FE_HOST"));
    for name in aliases::meaning(Meaning::MasterHosts) {
        masters.extend(list(reader, name));
    }
    masters.extend(servers.hosts());
    // Beside another name of the seed it may name the FE of this very host.
    let fe_host = list(reader, "FE_HOST")
        .filter(|fe| masters.is_empty() || fe.value.first() != local.as_ref().map(|local| &local.value));
    masters.extend(fe_host);
    if masters.is_empty() {
        masters.extend(vendor::service(reader, component, local.as_ref(), named));
    }
    let master = choose(reader, masters, |a, b| a.first() == b.first());

    check_missing(reader, master.is_some(), local.is_some(), command.is_some());
    if let (Some(master), Some(local)) = (&master, &local) {
        check_loopback(reader, master, local);
    }
    Hosts {
        master_edit_log_port: master
            .as_ref()
            .and_then(|master| servers.edit_log_port(master.value.first())),
        ports: local
            .as_ref()
            .map(|local| ports_beside(&servers, &endpoints, local))
            .unwrap_or_default(),
        master,
        local,
    }
}

/// The ports that a vendor's variable gives together with this host.
fn ports_beside(
    servers: &Servers,
    endpoints: &[Sourced<super::Endpoint>],
    local: &Sourced<Host>,
) -> Vec<(PortName, Sourced<u16>)> {
    let edit_log = servers
        .edit_log_port(Some(&local.value))
        .map(|port| (PortName::EditLog, port));
    let heartbeat = endpoints
        .iter()
        .find(|endpoint| endpoint.value.host == local.value)
        .map(|endpoint| {
            (
                PortName::Heartbeat,
                Sourced {
                    value: endpoint.value.port,
                    source: endpoint.source.clone(),
                },
            )
        });
    edit_log.into_iter().chain(heartbeat).collect()
}

/// The first counts; one that says something else is worth a warning.
fn choose<T>(
    reader: &mut Reader<'_>,
    candidates: Vec<Sourced<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> Option<Sourced<T>> {
    let mut candidates = candidates.into_iter();
    let chosen = candidates.next()?;
    for other in candidates {
        if !same(&chosen.value, &other.value) {
            let text = format!(
                "says something else than {} and does not count",
                name(&chosen.source)
            );
            reader.warn(name(&other.source), text);
        }
    }
    Some(chosen)
}

/// The variable that said it.
pub(super) fn name(source: &Source) -> &str {
    match source {
        Source::Environment(name) => name,
        Source::Flag(name) => name,
        Source::Record
        | Source::Cluster
        | Source::ConfFile
        | Source::Image
        | Source::Derived
        | Source::Default => "a default",
    }
}

/// One host that others can be told.
pub(super) fn parse_host(text: &str) -> Result<Host, String> {
    let host = Host::parse(text).map_err(|why| why.to_string())?;
    let Host::Address(address) = host else {
        return Ok(host);
    };
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err("is not the address of one host".to_owned());
    }
    if matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        return Err("is link-local: it means another host on each network card".to_owned());
    }
    Ok(host)
}

/// A comma list of hosts. `None`: unset, or nothing in it can be used.
fn list(reader: &mut Reader<'_>, variable: &str) -> Option<Sourced<Vec<Host>>> {
    let text = reader.text(variable)?;
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let mut hosts: Vec<Host> = Vec::new();
    let mut sound = true;
    for (at, part) in (1..).zip(&parts) {
        let place = if parts.len() == 1 {
            String::new()
        } else {
            format!(" at position {at}")
        };
        if part.is_empty() {
            sound = false;
            reader.refuse(variable, text, &format!("has an empty host{place}"));
            continue;
        }
        match parse_host(part) {
            Ok(host) => match hosts.iter().position(|known| *known == host) {
                None => hosts.push(host),
                Some(_) => reader.warn(
                    variable,
                    format!("names {} twice: `{}`{place} is left out", host, shown(part)),
                ),
            },
            Err(why) => {
                sound = false;
                let why = if part.contains(char::is_whitespace) {
                    format!("{why}; hosts are separated by commas")
                } else {
                    why
                };
                reader.problem(
                    variable,
                    format!("`{}`{place} {why}, {}", shown(part), reader.set_in(variable)),
                );
            }
        }
    }
    sound.then(|| from_environment(variable, hosts))
}

fn check_missing(reader: &mut Reader<'_>, master: bool, local: bool, commanded: bool) {
    // A value that was there and is wrong has been said already.
    let wrong: Vec<String> = reader
        .problems
        .iter()
        .map(|problem| problem.variable.clone())
        .collect();
    let said = |names: &[&str], meanings: &[Meaning]| {
        wrong.iter().any(|variable| {
            names.contains(&variable.as_str())
                || aliases::of(variable).is_some_and(|alias| meanings.contains(&alias.meaning))
        })
    };
    let masters = [Meaning::MasterHosts, Meaning::AnyFe, Meaning::Servers];
    if !master && !said(&["MASTER_HOST", "MASTER_FE_HOST", "FE_HOST", COMMAND], &masters) {
        missing(
            reader,
            "MASTER_HOST",
            "the host of the first FE, the same on every node, such as MASTER_HOST=192.168.1.10",
        );
    }
    let locals = [
        Meaning::LocalHost,
        Meaning::LocalBackend,
        Meaning::LocalAddress,
        Meaning::LocalName,
        Meaning::LocalEndpoint,
        Meaning::HostType,
        Meaning::HostName,
        Meaning::ServerNumber,
        Meaning::Servers,
    ];
    if !local && !said(&["LOCAL_HOST", "HOST_IP", COMMAND], &locals) {
        missing(
            reader,
            "LOCAL_HOST",
            if commanded {
                "the address or name of this host, such as LOCAL_HOST=192.168.1.11; HOST_TYPE=FQDN makes it HOSTNAME"
            } else {
                "the address or name of this host, such as LOCAL_HOST=192.168.1.11"
            },
        );
    }
}

/// A name that was meant to be this one is the likeliest reason.
fn missing(reader: &mut Reader<'_>, variable: &str, meaning: &str) {
    let near: Vec<&str> = reader
        .environment
        .near
        .iter()
        .filter(|(_, meant)| meant == variable)
        .map(|(name, _)| name.as_str())
        .collect();
    let near = if near.is_empty() {
        String::new()
    } else {
        format!(" ({} looks like it and is not read)", near.join(", "))
    };
    reader.problem(variable, format!("is not set{near}; it is {meaning}"));
}

fn check_loopback(reader: &mut Reader<'_>, master: &Sourced<Vec<Host>>, local: &Sourced<Host>) {
    let all_loopback = master.value.iter().all(Host::is_loopback);
    if local.value.is_loopback() && !all_loopback {
        let why = format!(
            "is loopback and {} is not: no other host reaches this one by it",
            name(&master.source)
        );
        reader.refuse(name(&local.source), &local.value.to_string(), &why);
    }
    if !local.value.is_loopback() && master.value.first().is_some_and(Host::is_loopback) {
        let text = format!(
            "is loopback and {} is not: every host would ask itself",
            name(&local.source)
        );
        reader.warn(name(&master.source), text);
    }
}
