//! The addresses of this machine, and those that `LOCAL_HOST` and `MASTER_HOST` resolve to.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::facts::resolve::{Resolved, resolve_all};
use crate::settings::Host;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    pub interfaces: Vec<Interface>,
    pub local: LocalHostFact,
    /// The addresses of every host in `MASTER_HOST`.
    pub masters: BTreeMap<Host, Resolved>,
}

/// One address of one network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub address: IpAddr,
    pub is_up: bool,
}

/// `LOCAL_HOST` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalHostFact {
    pub resolved: Resolved,
    /// True if an interface of this machine has one of its addresses.
    pub on_interface: bool,
}

/// `LOCAL_HOST` is not this machine: the end of a sentence that begins with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLocal {
    #[error("is not an address of this machine, which has {}", list(candidates))]
    ElsewhereAddress { candidates: Vec<IpAddr> },
    #[error("resolves to {}, but this machine has {}", list(resolved), list(candidates))]
    ElsewhereName {
        resolved: Vec<IpAddr>,
        candidates: Vec<IpAddr>,
    },
    #[error("does not resolve on this host: {why}; this machine has {}", list(candidates))]
    Unresolvable { why: String, candidates: Vec<IpAddr> },
}

impl Addresses {
    /// Reads the interfaces and resolves all names at once.
    pub fn look(local: &Host, masters: &[Host]) -> Self {
        let interfaces = interfaces();
        let mut hosts: Vec<Host> = masters.to_vec();
        hosts.push(local.clone());
        let mut resolved = resolve_all(hosts);
        let local = LocalHostFact::new(
            resolved
                .get(local)
                .cloned()
                .unwrap_or_else(|| Resolved::Failed("it was not resolved".to_owned())),
            &interfaces,
        );
        resolved.retain(|host, _| masters.contains(host));
        Self {
            interfaces,
            local,
            masters: resolved,
        }
    }

    /// Checks that `LOCAL_HOST` is this machine; the error lists the addresses to choose from.
    pub fn check(&self, local: &Host) -> Result<(), NotLocal> {
        if self.local.on_interface {
            return Ok(());
        }
        let candidates = self.candidates();
        Err(match (&self.local.resolved, local) {
            (Resolved::Failed(why), _) => NotLocal::Unresolvable {
                why: why.clone(),
                candidates,
            },
            (Resolved::Addresses(_), Host::Address(_)) => NotLocal::ElsewhereAddress { candidates },
            (Resolved::Addresses(resolved), Host::Name(_)) => NotLocal::ElsewhereName {
                resolved: resolved.clone(),
                candidates,
            },
        })
    }

    /// Every address of this machine but loopback, and those that `LOCAL_HOST` stands for.
    pub fn all(&self) -> Vec<IpAddr> {
        let held = self.interfaces.iter().map(|interface| interface.address);
        let mut all: Vec<IpAddr> = held.filter(|address| !address.is_loopback()).collect();
        if let Resolved::Addresses(local) = &self.local.resolved {
            all.extend(local);
        }
        all
    }

    /// The addresses by which other hosts may reach this machine: of interfaces that are up, without loopback and
    /// link-local, IPv4 first.
    pub fn candidates(&self) -> Vec<IpAddr> {
        reachable_of(&self.interfaces)
    }
}

/// The addresses by which other hosts may reach this machine.
pub fn reachable() -> Vec<IpAddr> {
    reachable_of(&interfaces())
}

fn reachable_of(interfaces: &[Interface]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = interfaces
        .iter()
        .filter(|interface| interface.is_up && is_reachable(interface.address))
        .map(|interface| interface.address)
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

impl LocalHostFact {
    fn new(resolved: Resolved, interfaces: &[Interface]) -> Self {
        let on_interface = match &resolved {
            Resolved::Addresses(addresses) => addresses.iter().any(|address| {
                interfaces
                    .iter()
                    .any(|interface| is_held(interface.address, *address))
            }),
            Resolved::Failed(_) => false,
        };
        Self {
            resolved,
            on_interface,
        }
    }
}

/// True if an interface of this machine has one of these addresses; loopback addresses are those of every machine.
pub fn is_here(addresses: &[IpAddr]) -> bool {
    let own = interfaces();
    addresses
        .iter()
        .any(|address| !address.is_loopback() && own.iter().any(|interface| interface.address == *address))
}

/// True if the interface has this address; a loopback interface has all of 127.0.0.0/8.
fn is_held(interface: IpAddr, address: IpAddr) -> bool {
    interface == address
        || (interface.is_loopback() && address.is_loopback() && address.is_ipv4() == interface.is_ipv4())
}

fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    }
}

fn interfaces() -> Vec<Interface> {
    let Ok(addresses) = getifaddrs() else {
        return Vec::new();
    };
    addresses
        .filter_map(|entry| {
            let socket = entry.address?;
            let v4 = socket.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            let v6 = socket.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
            Some(Interface {
                name: entry.interface_name,
                address: v4.or(v6)?,
                is_up: entry.flags.contains(InterfaceFlags::IFF_UP),
            })
        })
        .collect()
}

fn list(addresses: &[IpAddr]) -> String {
    if addresses.is_empty() {
        return "only loopback addresses".to_owned();
    }
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use std::collections::BTreeMap;

    use super::{Addresses, Interface, LocalHostFact, Resolved};
    use crate::settings::Host;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A machine with two usable addresses, a bridge that is down and what every machine has.
    fn interfaces() -> Vec<Interface> {
        let interface = |name: &str, text, is_up| Interface {
            name: name.to_owned(),
            address: address(text),
            is_up,
        };
        vec![
            interface("lo", "127.0.0.1", true),
            interface("lo", "::1", true),
            interface("eth0", "fe80::5054:ff:fe12:3456", true),
            interface("eth0", "2001:db8::11", true),
            interface("eth0", "192.168.1.11", true),
            interface("docker0", "172.17.0.1", false),
        ]
    }

    fn addresses(resolved: Resolved) -> Addresses {
        let interfaces = interfaces();
        Addresses {
            local: LocalHostFact::new(resolved, &interfaces),
            interfaces,
            masters: BTreeMap::new(),
        }
    }

    #[test]
    fn local_host_is_this_machine_or_the_message_says_what_it_could_have_been() {
        let has = "192.168.1.11, 2001:db8::11";
        let table: [(&str, &[&str], String); 8] = [
            ("192.168.1.11", &["192.168.1.11"], String::new()),
            ("2001:db8::11", &["2001:db8::11"], String::new()),
            ("127.0.0.1", &["127.0.0.1"], String::new()),
            ("127.0.1.1", &["127.0.1.1"], String::new()),
            ("fe1", &["10.0.0.9", "192.168.1.11"], String::new()),
            (
                "192.168.1.12",
                &["192.168.1.12"],
                format!("is not an address of this machine, which has {has}"),
            ),
            (
                "fe1",
                &["10.0.0.9"],
                format!("resolves to 10.0.0.9, but this machine has {has}"),
            ),
            (
                "0.0.0.0",
                &["0.0.0.0"],
                format!("is not an address of this machine, which has {has}"),
            ),
        ];
        for (local, resolved, expected) in table {
            let resolved = resolved.iter().map(|text| address(text)).collect();
            let facts = addresses(Resolved::Addresses(resolved));
            let outcome = facts
                .check(&host(local))
                .map_or_else(|problem| problem.to_string(), |()| String::new());
            assert_eq!(outcome, expected, "{local}");
        }
    }

    #[test]
    fn a_name_that_does_not_resolve_says_why() {
        let facts = addresses(Resolved::Failed("no answer within 3 s".to_owned()));
        assert_eq!(
            facts.check(&host("fe1")).unwrap_err().to_string(),
            "does not resolve on this host: no answer within 3 s; this machine has 192.168.1.11, 2001:db8::11"
        );
    }

    #[test]
    fn this_machine_has_its_loopback_and_an_address_needs_no_resolver() {
        let masters = [host("192.0.2.7"), host("localhost"), host("no-such-host.invalid")];
        let facts = Addresses::look(&host("127.0.0.1"), &masters);
        assert!(
            facts
                .interfaces
                .iter()
                .any(|interface| interface.address == address("127.0.0.1"))
        );
        assert_eq!(facts.check(&host("127.0.0.1")), Ok(()));
        assert_eq!(
            facts.masters.get(&masters[0]),
            Some(&Resolved::Addresses(vec![address("192.0.2.7")]))
        );
        assert!(matches!(
            facts.masters.get(&masters[1]),
            Some(Resolved::Addresses(found)) if found.iter().all(IpAddr::is_loopback)
        ));
        assert!(matches!(
            facts.masters.get(&masters[2]),
            Some(Resolved::Failed(_))
        ));
        assert_eq!(facts.masters.len(), 3);
    }
}
