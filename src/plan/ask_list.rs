//! The FEs to ask by SQL: every FE that was named, once each. A host that only called is none of them: it would be sent the
//! account.

use crate::facts::record::MemberSeen;
use crate::settings::{Endpoint, Host};

/// The sources of the list.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub master_hosts: &'a [Host],
    /// The MySQL port of hosts of which no other is known.
    pub query_port: u16,
    /// Members the record remembers, and those a list has shown since.
    pub members: &'a [MemberSeen],
    /// An FE does not ask itself: another node would answer there.
    pub not: Option<&'a Host>,
}

/// The endpoints in this order: `MASTER_HOST`, the members that are remembered.
pub fn endpoints(inputs: &Inputs<'_>) -> Vec<Endpoint> {
    let named = inputs.master_hosts.iter().map(|host| Endpoint {
        host: host.clone(),
        port: port_of(inputs, host),
    });
    let remembered = inputs.members.iter().map(|member| Endpoint {
        host: member.host.clone(),
        port: port_of(inputs, &member.host),
    });
    let mut all: Vec<Endpoint> = Vec::new();
    for endpoint in named.chain(remembered) {
        if Some(&endpoint.host) != inputs.not && !all.contains(&endpoint) {
            all.push(endpoint);
        }
    }
    all
}

/// A member's own port where the cluster has shown it.
fn port_of(inputs: &Inputs<'_>, host: &Host) -> u16 {
    inputs
        .members
        .iter()
        .find(|member| &member.host == host && member.query_port != 0)
        .map_or(inputs.query_port, |member| member.query_port)
}

#[cfg(test)]
mod tests {
    use super::{Inputs, endpoints};
    use crate::facts::record::MemberSeen;
    use crate::settings::Host;

    #[test]
    fn everybody_named_is_asked_once_at_the_port_the_cluster_showed_and_never_oneself() {
        let host = |text: &str| Host::parse(text).unwrap();
        let member = |text: &str, query_port| MemberSeen {
            host: host(text),
            edit_log_port: 9010,
            query_port,
            http_port: 8030,
        };
        let asked = endpoints(&Inputs {
            master_hosts: &[host("10.0.0.1"), host("10.0.0.2")],
            query_port: 9030,
            members: &[
                member("10.0.0.1", 9031),
                member("10.0.0.3", 0),
                member("10.0.0.9", 9030),
            ],
            not: Some(&host("10.0.0.9")),
        });
        let text: Vec<String> = asked
            .iter()
            .map(|endpoint| endpoint.host.with_port(endpoint.port))
            .collect();
        assert_eq!(text, ["10.0.0.1:9031", "10.0.0.2:9030", "10.0.0.3:9030"]);
    }
}
