//! Requested ports. The plan finds out if they are free, and decides.

use crate::engine::{self, Component, PortName};
use std::collections::BTreeMap;

use super::environment::is_service_link;
use super::parse::Parser;
use super::{Source, Sourced};

/// Reads a port number.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err("is not a port (1–65535)".to_owned()),
    }
}

/// Reads a request for that port; `None` where the value says "off".
pub(super) fn parse_request(port: PortName, text: &str) -> Result<Option<u16>, String> {
    if port == PortName::ArrowFlight && text == "-1" {
        return Ok(None);
    }
    parse_port(text).map(Some)
}

/// Reads a variable with a port that is no request for a port of this node.
pub(super) fn read_port(parser: &mut Parser<'_>, variable: &str) -> Option<Sourced<u16>> {
    if is_link(parser, variable) {
        return None;
    }
    parser.parse(variable, parse_port)
}

/// Reads the requests that have a variable of their own.
pub(super) fn read(parser: &mut Parser<'_>) -> BTreeMap<PortName, Sourced<u16>> {
    let mut requests = BTreeMap::new();
    for port in PortName::ALL {
        let variable = port.variable();
        if is_link(parser, variable) {
            continue;
        }
        if let Some(Sourced {
            value: Some(value),
            source,
        }) = parser.parse(variable, |text| parse_request(port, text))
        {
            requests.insert(port, Sourced { value, source });
        }
    }
    requests
}

fn is_link(parser: &mut Parser<'_>, variable: &str) -> bool {
    let link = parser
        .text(variable)
        .is_some_and(|text| is_service_link(text.as_bytes()));
    if link {
        let text = "is set by Kubernetes for a service of that name and is not read as a port".to_owned();
        parser.warn(variable, text);
    }
    link
}

/// Refuses one number for two ports of one component.
pub(super) fn check_distinct(
    parser: &mut Parser<'_>,
    requests: &BTreeMap<PortName, Sourced<u16>>,
    component: Option<Component>,
) {
    let mut said: Vec<(PortName, PortName)> = Vec::new();
    for one in Component::ALL {
        if component.is_some_and(|component| component != one) {
            continue;
        }
        let of_one: Vec<(PortName, &Sourced<u16>)> = requests
            .iter()
            .filter(|(port, _)| listens(one, **port))
            .map(|(port, request)| (*port, request))
            .collect();
        for (at, (port, request)) in of_one.iter().enumerate() {
            let earlier = of_one
                .iter()
                .take(at)
                .find(|(_, earlier)| earlier.value == request.value);
            let Some((other, earlier)) = earlier else {
                continue;
            };
            if said.contains(&(*other, *port)) {
                continue;
            }
            said.push((*other, *port));
            let article = if one.is_fe() { "an" } else { "a" };
            let why = format!(
                "is also requested as {}; {article} {}'s ports must differ",
                earlier.source.name(),
                one.name()
            );
            parser.refuse(request.source.name(), &request.value.to_string(), &why);
        }
    }
    warn_of_neighbours(parser, requests);
}

/// Warns of one number for two components: they may be on two hosts.
fn warn_of_neighbours(parser: &mut Parser<'_>, requests: &BTreeMap<PortName, Sourced<u16>>) {
    let together = |one: PortName, other: PortName| {
        Component::ALL
            .into_iter()
            .any(|component| listens(component, one) && listens(component, other))
    };
    for (port, request) in requests {
        let other = requests
            .iter()
            .take_while(|(other, _)| *other < port)
            .find(|(other, earlier)| earlier.value == request.value && !together(**other, *port));
        if let Some((_, earlier)) = other {
            let text = format!(
                "is {}, the same as {}; on one host only one of the two can use it",
                request.value,
                earlier.source.name()
            );
            parser.warn(request.source.name(), text);
        }
    }
}

/// Tells if the component of some engine has that port.
fn listens(component: Component, port: PortName) -> bool {
    engine::ALL
        .into_iter()
        .any(|engine| engine.port(component, port).is_some())
}

/// The port that a conf key sets in the conf file of that component.
pub(super) fn of_conf_key(component: Component, key: &str) -> Option<PortName> {
    engine::ALL
        .into_iter()
        .flat_map(|engine| engine.ports_of(component))
        .find(|port| port.conf_key == key)
        .map(|port| port.name)
}

/// Where a node is asked to be what the vendor's scripts call it, `BE_PORT` is the port the cluster knows it by.
pub(super) fn rename_backend_port(requests: &mut BTreeMap<PortName, Sourced<u16>>, local: &Source) {
    use crate::engine::aliases::{Meaning, of};
    let vendor = of(local.name()).is_some_and(|alias| alias.meaning == Meaning::LocalBackend);
    if vendor
        && !requests.contains_key(&PortName::Heartbeat)
        && let Some(port) = requests.remove(&PortName::Be)
    {
        requests.insert(PortName::Heartbeat, port);
    }
}

#[cfg(test)]
mod tests {
    use super::{of_conf_key, parse_port, parse_request};
    use crate::engine::{Component, PortName};

    #[test]
    fn what_is_a_port() {
        assert_eq!(parse_port("9030"), Ok(9030));
        assert_eq!(parse_port("65535"), Ok(65535));
        for text in [
            "90x0",
            "0",
            "00",
            "70000",
            "65536",
            "-1",
            "+9030",
            "9030.0",
            "9 030",
            "",
            "9030,9031",
        ] {
            assert!(parse_port(text).is_err(), "{text}");
        }
        assert_eq!(parse_request(PortName::ArrowFlight, "-1"), Ok(None));
        assert!(parse_request(PortName::Http, "-1").is_err());
    }

    #[test]
    fn a_conf_key_of_a_port_is_known_by_any_engine() {
        let table = [
            (Component::Fe, "http_port", Some(PortName::Http)),
            (Component::Be, "be_http_port", Some(PortName::BeHttp)),
            (Component::Be, "webserver_port", Some(PortName::BeHttp)),
            (Component::Cn, "heartbeat_service_port", Some(PortName::Heartbeat)),
            (Component::Broker, "broker_ipc_port", Some(PortName::BrokerIpc)),
            (Component::Be, "http_port", None),
        ];
        for (component, key, port) in table {
            assert_eq!(of_conf_key(component, key), port, "{key}");
        }
    }
}
