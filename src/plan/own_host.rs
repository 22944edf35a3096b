//! Refuses a host by which the engine would not know itself, or by which no other host could reach it.

use std::net::IpAddr;

use super::local_addresses;
use super::refusal::Refusal;
use super::set_key::SetKey;
use crate::engine::OwnHost;
use crate::exit::ExitCode;
use crate::facts::own_name::OwnName;
use crate::facts::{DataFacts, Facts};
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

/// The conf key that makes an FE known by name, if it is set against `LOCAL_HOST`.
pub(super) fn other_mode(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let own_host = &facts.home.engine.own_host;
    let key = own_host.name_key().filter(|_| facts.home.component.is_fe())?;
    let set = SetKey::of(settings, facts, key)?;
    let by_name = set.value.eq_ignore_ascii_case("true");
    let local = &settings.local_host.value;
    let (kind, known_by) = match local {
        Host::Address(_) if by_name => ("an address", "name"),
        // What muster adds to the conf file makes it known by name.
        Host::Name(_) if !by_name && set.wins => ("a name", "address"),
        Host::Address(_) | Host::Name(_) => return None,
    };
    let SetKey {
        value, place, remedy, ..
    } = &set;
    Some(Refusal::new(
        ExitCode::Configuration,
        format!(
            "{key} = {value} in {place}, but LOCAL_HOST = {local} is {kind}: members would know this FE by its {known_by}"
        ),
        format!("{remedy}, or set LOCAL_HOST to the {known_by}; a member keeps what it was registered as"),
    ))
}

/// The refusal of a name that is no name of this machine for others, or not the one that the engine uses.
pub(super) fn unusable_name(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let local = &settings.local_host.value;
    let masters = &settings.master_hosts.value;
    // A member's data has been found by this name before.
    let is_new = !matches!(&facts.data, DataFacts::Fe(data) if data.ready);
    only_loopback(local, masters, &local_addresses(facts)).or_else(|| {
        other_name(
            local,
            facts.own_name.as_ref()?,
            &facts.home.engine.own_host,
            is_new,
        )
    })
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

fn other_name(local: &Host, names: &OwnName, own_host: &OwnHost, is_new: bool) -> Option<Refusal> {
    // The name of the address in priority_networks, which is that of LOCAL_HOST.
    if own_host.name_of_address && names.of_local.as_ref() == Some(local) {
        return None;
    }
    let sentence = match (&names.of_machine, &names.without_address) {
        (Some(own), _) if own.host == *local => {
            if !own_host.case_matters || !is_new || own.spelled == local.to_string() {
                return None;
            }
            format!(
                "this FE would call itself {}, the canonical name of this machine, and its cluster would not find {local}, \
                 which muster writes in lower case",
                own.spelled
            )
        }
        (Some(own), _) => format!(
            "LOCAL_HOST says {local}, but this FE would call itself {}, the canonical name of this machine, and not find \
             {local} in its cluster",
            own.spelled
        ),
        (None, Some(machine)) => format!(
            "LOCAL_HOST says {local}, but this machine is called {machine}, and no address is known for that name: the FE \
             could not find its own name"
        ),
        (None, None) => return None,
    };
    let hint = if local.is_loopback() {
        "set MASTER_HOST and LOCAL_HOST to 127.0.0.1".to_owned()
    } else {
        format!(
            "set `hostname: {local}` for this container; on a host network, make {local} the first name of this host's \
             address in /etc/hosts"
        )
    };
    Some(Refusal::new(ExitCode::Configuration, sentence, hint))
}

#[cfg(test)]
mod tests {
    use super::{only_loopback, other_name};
    use crate::engine::{ALL, OwnHost};
    use crate::facts::own_name::{Canonical, OwnName};
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

    fn own_host(by_address: bool) -> &'static OwnHost {
        let mut all = ALL.into_iter().map(|engine| &engine.own_host);
        all.find(|own| own.name_of_address == by_address).unwrap()
    }

    #[test]
    fn a_name_that_the_engine_does_not_give_itself_is_refused_with_both() {
        // The canonical names of the machine and of LOCAL_HOST's address; refused by an engine that takes either, and by one
        // that takes the machine's alone and minds the case.
        let other = Some("3f2a91c0d1e2");
        let table = [
            (other, other, true, true),
            (other, None, true, true),
            (Some("db-fe"), None, false, false),
            (Some("DB-FE"), None, false, true),
            (other, Some("db-fe"), false, true),
            (None, other, false, false),
            (None, None, false, false),
        ];
        let name = |text: &str| Canonical {
            host: host(text),
            spelled: text.to_owned(),
        };
        for (of_machine, of_local, by_either, by_machine) in table {
            let names = OwnName {
                of_machine: of_machine.map(name),
                of_local: of_local.map(host),
                without_address: None,
            };
            for (expected, either) in [(by_either, true), (by_machine, false)] {
                let refusal = other_name(&host("db-fe"), &names, own_host(either), true);
                assert_eq!(refusal.is_some(), expected, "{names:?}");
                if let Some(refusal) = refusal {
                    let text = refusal.to_string();
                    assert!(
                        text.contains("db-fe") && text.contains(of_machine.unwrap()),
                        "{text}"
                    );
                    assert!(refusal.hint.contains("`hostname: db-fe`"));
                }
            }
        }
    }

    #[test]
    fn a_member_is_not_refused_for_the_case_of_its_name_and_a_machine_without_an_address_is() {
        let names = OwnName {
            of_machine: Some(Canonical {
                host: host("db-fe"),
                spelled: "DB-FE".to_owned(),
            }),
            ..OwnName::default()
        };
        assert_eq!(other_name(&host("db-fe"), &names, own_host(false), false), None);
        let names = OwnName {
            without_address: Some("vm7".to_owned()),
            ..OwnName::default()
        };
        let refusal = other_name(&host("db-fe"), &names, own_host(false), true).unwrap();
        assert!(refusal.sentence.contains("vm7") && refusal.sentence.contains("db-fe"));
    }
}
