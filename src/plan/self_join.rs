//! Refuses an FE that would wait for itself: `LOCAL_HOST` and `MASTER_HOST` are different texts for the same host.

use std::net::IpAddr;

use crate::exit::ExitCode;
use crate::facts::addresses::Addresses;
use crate::facts::resolve::Resolved;
use crate::plan::refusal::Refusal;
use crate::settings::Host;
/// True if a host of `MASTER_HOST` is this host, also by another name. A name may have addresses that `LOCAL_HOST` does not
/// have: of another network of this container, or of IPv6. Two FEs on one machine have an address each.
fn is_own(host: &Host, local: &Host, addresses: &Addresses) -> bool {
    if host == local || (host.is_loopback() && !local.is_loopback()) {
        return true;
    }
    let own = &addresses.local.resolved;
    let (Some(Resolved::Addresses(its)), Resolved::Addresses(own)) = (addresses.masters.get(host), own)
    else {
        return false;
    };
    let loops = |address: &IpAddr| address.is_loopback() && !local.is_loopback();
    let here = |address: &IpAddr| {
        let on_interface = || {
            let interfaces = addresses.interfaces.iter();
            interfaces
                .filter(|_| !address.is_loopback())
                .any(|interface| interface.address == *address)
        };
        own.contains(address) || loops(address) || on_interface()
    };
    its.iter().all(here) && its.iter().any(|address| own.contains(address) || loops(address))
}

/// The hosts of `MASTER_HOST` without other names of this host, if `LOCAL_HOST` is the first of them; and a warning.
pub(super) fn own_name_once(
    masters: &[Host],
    local: &Host,
    addresses: &Addresses,
) -> Option<(Vec<Host>, String)> {
    let is_other_name = |host: &&Host| *host != local && is_own(host, local, addresses);
    let doubled: Vec<String> = masters
        .iter()
        .filter(is_other_name)
        .map(ToString::to_string)
        .collect();
    if doubled.is_empty() || masters.first() != Some(local) {
        return None;
    }
    let kept = masters.iter().filter(|host| !is_other_name(host)).cloned();
    let warning = format!(
        "MASTER_HOST lists this host twice, as LOCAL_HOST = {local} and as {}: counted once; remove {}",
        doubled.join(", "),
        doubled.join(", ")
    );
    Some((kept.collect(), warning))
}

/// The refusal for a joining FE without data if every host in `MASTER_HOST` is itself. The role stays a comparison of texts:
/// on another host the resolver may answer differently.
pub(super) fn asks_itself(masters: &[Host], local: &Host, addresses: &Addresses) -> Option<Refusal> {
    let is_own = |host: &Host| is_own(host, local, addresses);
    let (first, others) = masters.split_first()?;
    if !is_own(first) || !others.iter().all(is_own) {
        return None;
    }
    let or = if first.is_loopback() {
        String::new()
    } else {
        format!(", or LOCAL_HOST={first} here")
    };
    Some(Refusal::new(
        ExitCode::Configuration,
        format!(
            "MASTER_HOST = {first} is this host, but LOCAL_HOST = {local} is spelled differently: this FE would join itself"
        ),
        format!(
            "on the seed, write MASTER_HOST={local} on every node{or}: the same text, by which the other hosts reach it; on any \
             other FE, set MASTER_HOST to the seed"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::{asks_itself, own_name_once};
    use crate::facts::addresses::{Addresses, Interface, LocalHostFact};
    use crate::facts::resolve::Resolved;
    use crate::settings::Host;

    /// The answers of this host's resolver; it has an address in two networks, and one of IPv6.
    fn resolve(host: &Host) -> Resolved {
        let names: [(&str, &[&str]); 6] = [
            ("fe1", &["192.168.1.11"]),
            ("fe1-alias", &["192.168.1.11", "172.19.0.2", "fd00::2"]),
            ("fe1.example", &["127.0.1.1"]),
            ("fe2", &["192.168.1.12"]),
            ("all-fes", &["192.168.1.11", "192.168.1.12"]),
            ("gone", &[]),
        ];
        match host {
            Host::Address(address) => Resolved::Addresses(vec![*address]),
            Host::Name(name) => names.iter().find(|(known, _)| known == name).map_or(
                Resolved::Failed("unknown".to_owned()),
                |(_, addresses)| {
                    Resolved::Addresses(addresses.iter().map(|text| text.parse().unwrap()).collect())
                },
            ),
        }
    }

    fn addresses(masters: &[Host], local: &Host) -> Addresses {
        let interface = |text: &str| Interface {
            name: "eth0".to_owned(),
            address: text.parse().unwrap(),
            is_up: true,
        };
        Addresses {
            interfaces: ["127.0.0.1", "192.168.1.11", "172.19.0.2", "10.5.0.3", "fd00::2"]
                .map(interface)
                .into(),
            local: LocalHostFact {
                resolved: resolve(local),
                on_interface: true,
            },
            masters: masters.iter().map(|host| (host.clone(), resolve(host))).collect(),
        }
    }

    fn hosts(text: &str) -> Vec<Host> {
        text.split(',').map(|host| Host::parse(host).unwrap()).collect()
    }

    #[test]
    fn a_list_that_has_this_host_under_two_names_counts_it_once() {
        let table = [
            ("fe1,fe1-alias", "fe1", Some("fe1")),
            // The role is a comparison of texts.
            ("fe1-alias,fe1", "fe1", None),
            ("fe1,fe1-alias,fe2", "fe1", Some("fe1,fe2")),
            ("fe1,192.168.1.11", "fe1", Some("fe1")),
            ("fe1,fe2", "fe1", None),
            ("fe1,unknown,gone,all-fes", "fe1", None),
            // This host is not in the list by its own text.
            ("fe1-alias,fe2", "fe1", None),
            // Two FEs on one machine, an address each.
            ("192.168.1.11,10.5.0.3", "192.168.1.11", None),
            ("127.0.0.1,127.0.0.2", "127.0.0.1", None),
        ];
        for (masters, local, expected) in table {
            let (masters, local) = (hosts(masters), Host::parse(local).unwrap());
            let once = own_name_once(&masters, &local, &addresses(&masters, &local));
            let kept = once.map(|(kept, _)| kept);
            assert_eq!(kept, expected.map(hosts), "{masters:?} {local}");
        }
    }

    #[test]
    fn an_fe_that_is_told_to_join_itself_is_refused_whatever_the_spelling() {
        // MASTER_HOST, LOCAL_HOST, and true if MASTER_HOST names no other host.
        let table = [
            ("192.168.1.10", "192.168.1.11", false),
            ("fe2", "192.168.1.11", false),
            ("fe1", "192.168.1.11", true),
            ("192.168.1.11", "fe1", true),
            ("::ffff:192.168.1.11", "fe1", true),
            ("fe1.example", "192.168.1.11", true),
            ("localhost", "192.168.1.11", true),
            ("LOCALHOST.", "fe1", true),
            ("ip6-localhost", "192.168.1.11", true),
            ("127.0.0.1", "192.168.1.11", true),
            ("127.8.8.8", "192.168.1.11", true),
            ("::1", "192.168.1.11", true),
            ("::ffff:127.0.0.1", "192.168.1.11", true),
            // Its name is that of another network too.
            ("fe1-alias", "fe1", true),
            ("fe1-alias", "192.168.1.11", true),
            ("10.5.0.3", "192.168.1.11", false),
            ("localhost,fe1", "192.168.1.11", true),
            // Another host is named too.
            ("fe1,fe2", "192.168.1.11", false),
            ("fe2,fe1", "192.168.1.11", false),
            ("all-fes", "192.168.1.11", false),
            // It may resolve later.
            ("unknown", "192.168.1.11", false),
            ("gone", "192.168.1.11", false),
            // A demo on one machine, an address each.
            ("127.0.0.1", "127.0.0.2", false),
        ];
        for (masters, local, refused) in table {
            let (masters, local) = (hosts(masters), Host::parse(local).unwrap());
            let refusal = asks_itself(&masters, &local, &addresses(&masters, &local));
            assert_eq!(refusal.is_some(), refused, "{masters:?} {local}");
        }
    }
}
