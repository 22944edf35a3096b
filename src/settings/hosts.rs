//! The two addresses: the FEs to ask, and this host. Our names count first, then those of the replaced project and the
//! vendors.

use std::net::IpAddr;

use crate::engine::aliases::{self, Meaning};
use crate::engine::{Component, PortName};

use super::command::{COMMAND, CommandHosts};
use super::parse::{Parser, from_environment};
use super::problems::shown;
use super::servers::Servers;
use super::vendor::{self, BrokerAddress};
use super::{Endpoint, Host, Machine, Source, Sourced, words};

/// The two addresses, and what some variables give together with a host.
pub(super) struct Hosts {
    pub master: Option<Sourced<Vec<Host>>>,
    pub local: Option<Sourced<Host>>,
    pub master_edit_log_port: Option<Sourced<u16>>,
    pub ports: Vec<(PortName, Sourced<u16>)>,
    pub broker_name: Option<Sourced<String>>,
    /// Names of members, and their addresses.
    pub names: Vec<(Host, Host)>,
}

pub(super) fn read(
    parser: &mut Parser<'_>,
    component: Option<Component>,
    machine: &Machine,
    command: Option<&CommandHosts>,
) -> Hosts {
    let nothing = CommandHosts::default();
    let named = command.unwrap_or(&nothing);
    let image = component.or(machine.component);
    // An env file may be that of several containers.
    let applies = |meaning: Meaning| {
        let components = meaning.components().unwrap_or(&Component::ALL);
        image.is_none_or(|component| components.contains(&component))
    };
    let servers = Servers::read(parser);
    let own = applies(Meaning::ServerNumber)
        .then(|| servers.own(parser))
        .flatten();
    let mut endpoints = Vec::new();
    if applies(Meaning::LocalEndpoint) {
        endpoints = vendor::local_endpoints(parser);
        for endpoint in &mut endpoints {
            endpoint.value.host = servers.known_as(endpoint.value.host.clone());
        }
    }
    let broker = applies(Meaning::BrokerEndpoint)
        .then(|| vendor::broker_address(parser))
        .flatten();

    let pod = vendor::pod_variable(parser, named.host_type.as_deref());
    let mut locals: Vec<Sourced<Host>> = Vec::new();
    locals.extend(parser.parse("LOCAL_HOST", parse_host));
    for meaning in [Meaning::LocalHost, Meaning::LocalBackend] {
        for name in aliases::meaning(meaning).filter(|_| applies(meaning)) {
            locals.extend(parser.parse(name, parse_host));
        }
    }
    let of_broker = broker
        .iter()
        .map(|broker| broker.map(|it| it.endpoint.host.clone()));
    let of_list = own.iter().chain(&endpoints);
    locals.extend(
        of_list
            .map(|endpoint| endpoint.map(|it| it.host.clone()))
            .chain(of_broker),
    );
    match pod {
        // A pod may well have an address and a name that are not the same text.
        Some(name) if locals.is_empty() => locals.extend(parser.parse(name, parse_host)),
        Some(_) => {}
        // In a pod HOST_IP is the machine below it.
        None => locals.extend(parser.parse("HOST_IP", parse_host)),
    }

    let mut masters: Vec<Sourced<Vec<Host>>> = Vec::new();
    masters.extend(list(parser, "MASTER_HOST"));
    masters.extend(list(parser, "MASTER_FE_HOST"));
    for name in aliases::meaning(Meaning::MasterHosts) {
        masters.extend(list(parser, name));
    }
    masters.extend(servers.hosts());
    // Beside another name of the seed it names the FE of this very host.
    let fe_host = list(parser, "FE_HOST");
    if masters.is_empty() {
        masters.extend(fe_host);
    } else if let Some(Sourced { value, source }) = fe_host
        && component.is_none_or(Component::is_fe)
    {
        let first = value.into_iter().next();
        locals.extend(first.map(|value| Sourced { value, source }));
    }
    if locals.is_empty() {
        locals.extend(of_machine(parser, machine));
    }
    let local = choose(parser, locals, |a, b| a == b);
    if let Some(master) = masters.first() {
        vendor::check_fes_to_ask(parser, master);
    }
    if masters.is_empty() {
        masters.extend(vendor::service(parser, component, local.as_ref(), named));
    }
    let master = choose(parser, masters, |a, b| a.first() == b.first());
    if let Some(local) = &local {
        vendor::check_host_type(parser, local);
    }

    check_missing(parser, master.is_some(), local.as_ref(), image, command.is_some());
    if let (Some(master), Some(local)) = (&master, &local) {
        check_loopback(parser, master, local);
    }
    Hosts {
        master_edit_log_port: master
            .as_ref()
            .and_then(|master| servers.edit_log_port(master.value.first())),
        ports: local
            .as_ref()
            .map(|local| ports_beside((&servers, own.as_ref()), &endpoints, broker.as_ref(), local))
            .unwrap_or_default(),
        master,
        local,
        broker_name: broker.map(|broker| broker.map(|it| it.name.clone())),
        names: servers.names,
    }
}

/// The host of a node that no variable names, for images whose own scripts need none.
fn of_machine(parser: &mut Parser<'_>, machine: &Machine) -> Option<Sourced<Host>> {
    if vendor::is_known_by_address(parser) {
        return match machine.only_address() {
            Ok(address) => address.map(|address| Sourced {
                value: Host::from(address),
                source: Source::OnlyAddress,
            }),
            Err(several) => {
                let several: Vec<String> = several.iter().map(ToString::to_string).collect();
                let text = format!(
                    "is not set, and this container has several addresses: {}; set it to the one by which the others reach it",
                    several.join(", ")
                );
                parser.problem("LOCAL_HOST", text);
                None
            }
        };
    }
    parser.engine.filter(|engine| engine.hostname_is_identity)?;
    let in_conf = machine.conf_host.as_ref().map(|(_, host)| Sourced {
        value: host.clone(),
        source: Source::ConfFile,
    });
    in_conf.or_else(|| vendor::given_hostname(parser))
}

/// The ports that a vendor's variable gives together with this host.
fn ports_beside(
    (servers, own): (&Servers, Option<&Sourced<Endpoint>>),
    endpoints: &[Sourced<Endpoint>],
    broker: Option<&Sourced<BrokerAddress>>,
    local: &Sourced<Host>,
) -> Vec<(PortName, Sourced<u16>)> {
    let is_here = |endpoint: &Endpoint| endpoint.host == local.value;
    let own = own.filter(|own| is_here(&own.value));
    let edit_log = own
        .map(|own| own.map(|it| it.port))
        .or_else(|| servers.edit_log_port(Some(&local.value)))
        .map(|port| (PortName::EditLog, port));
    let heartbeat = endpoints.iter().find(|endpoint| is_here(&endpoint.value));
    let heartbeat = heartbeat.map(|endpoint| (PortName::Heartbeat, endpoint.map(|it| it.port)));
    let ipc = broker.filter(|broker| is_here(&broker.value.endpoint));
    let ipc = ipc.map(|broker| (PortName::BrokerIpc, broker.map(|it| it.endpoint.port)));
    [edit_log, heartbeat, ipc].into_iter().flatten().collect()
}

/// Takes the first one, and warns of every other one that differs.
fn choose<T>(
    parser: &mut Parser<'_>,
    candidates: Vec<Sourced<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> Option<Sourced<T>> {
    let mut candidates = candidates.into_iter();
    let chosen = candidates.next()?;
    for other in candidates {
        if !same(&chosen.value, &other.value) {
            let text = format!("conflicts with {} and is ignored", chosen.source.name());
            parser.warn(other.source.name(), text);
        }
    }
    Some(chosen)
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
        return Err("is link-local: such an address is valid on one network link only".to_owned());
    }
    Ok(host)
}

/// A comma list of hosts. `None`: unset, or nothing in it can be used.
pub(super) fn list(parser: &mut Parser<'_>, variable: &str) -> Option<Sourced<Vec<Host>>> {
    let text = parser.text(variable)?;
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
            parser.refuse(variable, text, &format!("has an empty host{place}"));
            continue;
        }
        match parse_host(part) {
            Ok(host) => match hosts.iter().position(|known| *known == host) {
                None => hosts.push(host),
                Some(_) => parser.warn(
                    variable,
                    format!("lists {} twice; `{}`{place} is ignored", host, shown(part)),
                ),
            },
            Err(why) => {
                sound = false;
                let why = if part.contains(char::is_whitespace) {
                    format!("{why}; separate hosts by commas")
                } else {
                    why
                };
                parser.problem(
                    variable,
                    format!("`{}`{place} {why}, {}", shown(part), parser.set_in(variable)),
                );
            }
        }
    }
    sound.then(|| from_environment(variable, hosts))
}

fn check_missing(
    parser: &mut Parser<'_>,
    master: bool,
    local: Option<&Sourced<Host>>,
    image: Option<Component>,
    commanded: bool,
) {
    if words::refuse_all(parser) {
        return;
    }
    // A value that is set and wrong has been reported already.
    let wrong: Vec<String> = parser
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
    let masters = [
        Meaning::MasterHosts,
        Meaning::AnyFe,
        Meaning::Servers,
        Meaning::FesToAsk,
    ];
    // Such an FE is its own seed.
    let founds = local.is_none() && words::founding(parser).is_some();
    if !master && !founds && !said(&["MASTER_HOST", "MASTER_FE_HOST", "FE_HOST", COMMAND], &masters) {
        let derived = local.filter(|local| local.source.name() != "LOCAL_HOST");
        let (such_as, local) = match derived {
            Some(local) => (
                image
                    .is_some_and(Component::is_fe)
                    .then(|| local.value.to_string()),
                format!("; LOCAL_HOST is {}, from {}", local.value, local.source),
            ),
            None => (None, String::new()),
        };
        let such_as = such_as.unwrap_or_else(|| "192.168.1.10".to_owned());
        missing(
            parser,
            "MASTER_HOST",
            &format!(
                "the host of the first FE, the same on every node, such as MASTER_HOST={such_as}{local}"
            ),
        );
    }
    let locals = [
        Meaning::LocalHost,
        Meaning::LocalBackend,
        Meaning::LocalAddress,
        Meaning::LocalName,
        Meaning::LocalEndpoint,
        Meaning::BrokerEndpoint,
        Meaning::HostType,
        Meaning::HostName,
        Meaning::ServerNumber,
        Meaning::Servers,
    ];
    if local.is_none() && !said(&["LOCAL_HOST", "HOST_IP", COMMAND], &locals) {
        let by_hostname = parser.engine.is_some_and(|engine| engine.hostname_is_identity);
        let or = match (by_hostname, commanded) {
            (true, _) => "; or give this container a `hostname:`",
            (false, true) => "; or set HOST_TYPE=FQDN to use HOSTNAME",
            (false, false) => "",
        };
        let meaning = format!("the address or name of this host, such as LOCAL_HOST=192.168.1.11{or}");
        missing(parser, "LOCAL_HOST", &meaning);
    }
}

/// Reports a missing variable, with the misspelled names that are probably meant to be it.
fn missing(parser: &mut Parser<'_>, variable: &str, meaning: &str) {
    let near: Vec<&str> = parser
        .environment
        .suggestions
        .iter()
        .filter(|(_, meant)| meant == variable)
        .map(|(name, _)| name.as_str())
        .collect();
    let near = if near.is_empty() {
        String::new()
    } else {
        format!(" ({} looks like it and is not read)", near.join(", "))
    };
    parser.problem(variable, format!("is not set{near}; set it to {meaning}"));
}

fn check_loopback(parser: &mut Parser<'_>, master: &Sourced<Vec<Host>>, local: &Sourced<Host>) {
    let all_loopback = master.value.iter().all(Host::is_loopback);
    if local.value.is_loopback() && !all_loopback {
        let why = format!(
            "is a loopback address and {} is not; no other host can reach this one by it",
            master.source.name()
        );
        parser.refuse(local.source.name(), &local.value.to_string(), &why);
    }
    if !local.value.is_loopback() && master.value.first().is_some_and(Host::is_loopback) {
        let text = format!(
            "is a loopback address and {} is not; each host would ask itself",
            local.source.name()
        );
        parser.warn(master.source.name(), text);
    }
}
