//! Refuses an FE that would wait for itself: `LOCAL_HOST` and `MASTER_HOST` are different texts for the same host.

use std::net::IpAddr;

use crate::exit::ExitCode;
use crate::facts::resolve::Resolved;
use crate::plan::refusal::Refusal;
use crate::settings::Host;
use std::collections::BTreeMap;

/// The refusal for a joining FE without data if every host in `MASTER_HOST` is itself. The role stays a comparison of texts:
/// on another host the resolver may answer differently.
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
            "MASTER_HOST = {first} is this host, but LOCAL_HOST = {local} is spelled differently: this FE would join itself"
        ),
        "on the seed, set both to the same text, by which the other hosts reach it; on any other FE, set MASTER_HOST to the seed",
    ))
}

#[cfg(test)]
mod tests {
    use super::asks_itself;
    use crate::facts::resolve::Resolved;
    use crate::settings::Host;

    #[test]
    fn an_fe_that_is_told_to_join_itself_is_refused_whatever_the_spelling() {
        // The answers of this host's resolver.
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
            let masters: Vec<Host> = masters
                .split(',')
                .map(|host| Host::parse(host).unwrap())
                .collect();
            let local = Host::parse(local).unwrap();
            let resolved = masters.iter().map(|host| (host.clone(), resolve(host))).collect();
            let refusal = asks_itself(&masters, &local, &resolve(&local), &resolved);
            assert_eq!(refusal.is_some(), refused, "{masters:?} {local}");
        }
    }
}
