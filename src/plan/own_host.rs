//! Refuses a host by which the engine would not know itself, or by which no other host could reach it.

use std::net::IpAddr;

use super::local_addresses;
use super::refusal::Refusal;
use crate::exit::ExitCode;
use crate::facts::Facts;
use crate::facts::own_name::OwnName;
use crate::settings::{Host, Settings, Source};

/// The conf key that fixes an FE's address, if it fixes another host than `LOCAL_HOST`.
pub(super) fn fixed_elsewhere(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let fixed = facts.fixed_address.as_ref()?;
    let key = facts.home.engine.own_host.address_key.as_ref()?.key;
    let local = &settings.local_host.value;
    if Host::parse(&fixed.value).is_ok_and(|host| host == *local) {
        return None;
    }
    let file = facts.conf.path.file_name().unwrap_or_default().to_string_lossy();
    let (place, remedy) = match &fixed.source {
        Source::ConfFile => (file.to_string(), format!("remove {key} from {file}")),
        source => (source.name().to_owned(), format!("unset {}", source.name())),
    };
    Some(Refusal::new(
        ExitCode::Configuration,
        format!(
            "{place} says {key} = {}, LOCAL_HOST says {local}: the FE would use the first, and not find itself in its cluster",
            fixed.value
        ),
        format!("{remedy}, or set LOCAL_HOST={}", fixed.value),
    ))
}

/// The refusal of a name that is no name of this machine for others, or not the one that the engine uses.
pub(super) fn unusable_name(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let local = &settings.local_host.value;
    let masters = &settings.master_hosts.value;
    only_loopback(local, masters, &local_addresses(facts))
        .or_else(|| other_name(local, facts.own_name.as_ref()?))
}

fn only_loopback(local: &Host, masters: &[Host], addresses: &[IpAddr]) -> Option<Refusal> {
    let everything_is_here = local.is_loopback() || masters.iter().all(Host::is_loopback);
    let address = addresses.first()?;
    if everything_is_here || matches!(local, Host::Address(_)) || !addresses.iter().all(IpAddr::is_loopback) {
        return None;
    }
    Some(Refusal::new(
        ExitCode::Configuration,
        format!(
            "LOCAL_HOST = {local} resolves to the loopback address {address} on this host: the other hosts could not reach \
             this one by it"
        ),
        format!(
            "give {local} the address of this host in /etc/hosts in place of {address}, or set LOCAL_HOST to that address"
        ),
    ))
}

fn other_name(local: &Host, names: &OwnName) -> Option<Refusal> {
    let own = names.of_machine.as_ref()?;
    // Newer versions take the name of the address in priority_networks, which is that of LOCAL_HOST.
    if own == local || names.of_local.as_ref() == Some(local) {
        return None;
    }
    Some(Refusal::new(
        ExitCode::Configuration,
        format!(
            "LOCAL_HOST says {local}, but this FE would call itself {own}, the canonical name of this machine, and not find \
             {local} in its cluster"
        ),
        if local.is_loopback() {
            "set MASTER_HOST and LOCAL_HOST to 127.0.0.1".to_owned()
        } else {
            format!(
                "set `hostname: {local}` for this container; on a host network, make {local} the first name of this host's \
                 address in /etc/hosts"
            )
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::{only_loopback, other_name};
    use crate::facts::own_name::OwnName;
    use crate::settings::Host;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    /// Debian and Ubuntu write `127.0.1.1 fe02`; a container on the host network has that file.
    #[test]
    fn a_name_that_is_loopback_here_is_refused_unless_everything_is_on_this_host() {
        let table = [
            ("fe02", "fe02", "127.0.1.1", true),
            ("fe02", "10.0.0.10", "127.0.1.1 ::1", true),
            ("fe02", "fe02", "127.0.1.1 10.0.0.12", false),
            ("fe02", "fe02", "10.0.0.12", false),
            ("fe02", "fe02", "", false),
            ("fe02", "127.0.0.1", "127.0.1.1", false),
            ("localhost", "localhost", "127.0.0.1", false),
            ("127.0.1.1", "10.0.0.10", "127.0.1.1", false),
        ];
        for (local, master, addresses, refused) in table {
            let addresses: Vec<_> = addresses
                .split_whitespace()
                .map(|text| text.parse().unwrap())
                .collect();
            let refusal = only_loopback(&host(local), &[host(master)], &addresses);
            assert_eq!(refusal.is_some(), refused, "{local} {master} {addresses:?}");
        }
    }

    #[test]
    fn a_name_that_the_engine_does_not_give_itself_is_refused_with_both() {
        let table = [
            (Some("3f2a91c0d1e2"), Some("3f2a91c0d1e2"), true),
            (Some("3f2a91c0d1e2"), None, true),
            (Some("db-fe"), None, false),
            (Some("DB-FE"), None, false),
            (Some("3f2a91c0d1e2"), Some("db-fe"), false),
            (None, Some("3f2a91c0d1e2"), false),
            (None, None, false),
        ];
        for (of_machine, of_local, refused) in table {
            let names = OwnName {
                of_machine: of_machine.map(host),
                of_local: of_local.map(host),
            };
            let refusal = other_name(&host("db-fe"), &names);
            assert_eq!(refusal.is_some(), refused, "{names:?}");
            if let Some(refusal) = refusal {
                assert!(
                    refusal.to_string().contains("db-fe") && refusal.to_string().contains("3f2a91c0d1e2")
                );
                assert!(refusal.hint.contains("`hostname: db-fe`"));
            }
        }
    }
}
