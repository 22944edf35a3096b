//! The FEs to ask by SQL: every FE that was named, at each port that it may have. A host that only called is none of them: it
//! would be sent the account.

use crate::engine::{Component, Engine, PortName};
use crate::facts::record::MemberSeen;
use crate::settings::{Endpoint, Host, Settings};

/// The MySQL ports of FEs whose own is not known, or has changed: the one that a variable requests; else the one in the conf
/// file of an FE and the engine's default. A request rules the default out: on a machine with two clusters it may be the other
/// one's.
pub fn query_ports(settings: &Settings, engine: &Engine, in_conf: Option<u16>) -> Vec<u16> {
    let own = || settings.ports.get(&PortName::Query);
    if let Some(requested) = settings.master_query_port.as_ref().or_else(own) {
        return vec![requested.value];
    }
    let port = engine.port(Component::Fe, PortName::Query);
    in_conf
        .into_iter()
        .chain(port.and_then(|port| port.default))
        .collect()
}

/// The sources of the list.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub master_hosts: &'a [Host],
    /// Those of `query_ports`.
    pub query_ports: &'a [u16],
    /// Members the record remembers, and those a list has shown since.
    pub members: &'a [MemberSeen],
    /// An FE does not ask itself: another node would answer there.
    pub not: Option<&'a Host>,
}

/// The endpoints in this order: `MASTER_HOST`, the members that are remembered. A host with several is asked at the next one
/// only if the one before refuses the connection; the port that the cluster has shown is the first.
pub fn endpoints(inputs: &Inputs<'_>) -> Vec<Endpoint> {
    let named = inputs.master_hosts.iter();
    let remembered = inputs.members.iter().map(|member| &member.host);
    let mut all: Vec<Endpoint> = Vec::new();
    for host in named.chain(remembered).filter(|host| Some(*host) != inputs.not) {
        let mut shown = inputs.members.iter();
        let shown = shown.find(|member| member.host == *host && member.query_port != 0);
        let shown = shown.map(|member| member.query_port);
        for port in shown.into_iter().chain(inputs.query_ports.iter().copied()) {
            let endpoint = Endpoint {
                host: host.clone(),
                port,
            };
            if !all.contains(&endpoint) {
                all.push(endpoint);
            }
        }
    }
    all
}

/// The endpoints of each host.
pub fn by_host(endpoints: &[Endpoint]) -> Vec<Vec<&Endpoint>> {
    let mut hosts: Vec<Vec<&Endpoint>> = Vec::new();
    for endpoint in endpoints {
        let same = hosts
            .iter_mut()
            .find(|of| of.first().is_some_and(|first| first.host == endpoint.host));
        match same {
            Some(of) => of.push(endpoint),
            None => hosts.push(vec![endpoint]),
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::{Inputs, by_host, endpoints};
    use crate::facts::record::MemberSeen;
    use crate::settings::Host;

    #[test]
    fn everybody_named_is_asked_at_the_port_the_cluster_showed_then_at_the_others_and_never_oneself() {
        let host = |text: &str| Host::parse(text).unwrap();
        let member = |text: &str, query_port| MemberSeen {
            host: host(text),
            edit_log_port: 9010,
            query_port,
            http_port: 8030,
        };
        let table: [(&[u16], &str); 3] = [
            (&[9030], "10.0.0.1:9031 :9030, 10.0.0.2:9030, 10.0.0.3:9030"),
            (&[9031, 9031], "10.0.0.1:9031, 10.0.0.2:9031, 10.0.0.3:9031"),
            (
                &[9041, 9030],
                "10.0.0.1:9031 :9041 :9030, 10.0.0.2:9041 :9030, 10.0.0.3:9041 :9030",
            ),
        ];
        for (query_ports, expected) in table {
            let asked = endpoints(&Inputs {
                master_hosts: &[host("10.0.0.1"), host("10.0.0.2")],
                query_ports,
                members: &[
                    member("10.0.0.1", 9031),
                    member("10.0.0.3", 0),
                    member("10.0.0.9", 9030),
                ],
                not: Some(&host("10.0.0.9")),
            });
            let text: Vec<String> = by_host(&asked)
                .iter()
                .map(|of| {
                    let ports: Vec<String> =
                        of.iter().map(|endpoint| format!(":{}", endpoint.port)).collect();
                    format!("{}{}", of[0].host, ports.join(" "))
                })
                .collect();
            assert_eq!(text.join(", "), expected, "{query_ports:?}");
        }
    }
}
