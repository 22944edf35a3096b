//! An FE that would wait for itself: it is not the seed by what is written, and the seed it was told of is this host.

use std::net::IpAddr;

use crate::exit::ExitCode;
use crate::facts::resolve::Resolved;
use crate::plan::refusal::Refusal;
use crate::settings::Host;
use std::collections::BTreeMap;

/// Why a joining FE with nothing would never find anybody: each host it may ask is itself. Whether two spellings mean the
/// seed is not for a resolver to say: on another host it may answer otherwise.
pub(super) fn asks_itself(
    masters: &[Host],
    local: &Host,
    own: &Resolved,
    resolved: &BTreeMap<Host, Resolved>,
) -> Option<Refusal> {
    let is_own = |host: &Host| {
        if host.is_loopback() && !local.is_loopback() {
            return true;
        }
        let (Some(Resolved::Addresses(its)), Resolved::Addresses(own)) = (resolved.get(host), own) else {
            return host == local;
        };
        let here =
            |address: &IpAddr| own.contains(address) || (address.is_loopback() && !local.is_loopback());
        !its.is_empty() && its.iter().all(here)
    };
    let (first, others) = masters.split_first()?;
    if !is_own(first) || !others.iter().all(is_own) {
        return None;
    }
    Some(Refusal::new(
        ExitCode::Configuration,
        format!(
            "MASTER_HOST = {first} is this host itself, and LOCAL_HOST = {local} is written differently: as it is, this FE would join itself"
        ),
        "write the seed the same way in both, as the other hosts reach it; on any other FE set MASTER_HOST to the seed",
    ))
}

#[cfg(test)]
mod tests {
    use super::asks_itself;
    use crate::facts::resolve::Resolved;
    use crate::settings::Host;

    #[test]
    fn an_fe_that_is_told_to_join_itself_is_refused_whatever_the_spelling() {
        // What the resolver of this host says.
        let names: [(&str, &[&str]); 5] = [
            ("fe1", &["192.168.1.11"]),
            ("fe1.example", &["127.0.1.1"]),
            ("fe2", &["192.168.1.12"]),
            ("all-fes", &["192.168.1.11", "192.168.1.12"]),
            ("gone", &[]),
        ];
        let resolve = |host: &Host| match host {
            Host::Address(address) => Resolved::Addresses(vec![*address]),
            Host::Name(name) => names.iter().find(|(known, _)| known == name).map_or(
                Resolved::Failed("unknown".to_owned()),
                |(_, addresses)| {
                    Resolved::Addresses(addresses.iter().map(|text| text.parse().unwrap()).collect())
                },
            ),
        };
        // MASTER_HOST, LOCAL_HOST, and whether nobody else is named.
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
            ("localhost,fe1", "192.168.1.11", true),
            // Somebody else is named too, and knows.
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
            let masters: Vec<Host> = masters
                .split(',')
                .map(|host| Host::parse(host).unwrap())
                .collect();
            let local = Host::parse(local).unwrap();
            let resolved = masters.iter().map(|host| (host.clone(), resolve(host))).collect();
            let said = asks_itself(&masters, &local, &resolve(&local), &resolved);
            assert_eq!(said.is_some(), refused, "{masters:?} {local}");
        }
    }
}
