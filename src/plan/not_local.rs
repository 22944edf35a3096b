//! Says that a host is not this machine, in the words of the variable that names it, and what to set instead.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use crate::engine::aliases::{self, Meaning};
use crate::exit::ExitCode;
use crate::facts::addresses::NotLocal;
use crate::facts::resolve::Resolved;
use crate::settings::{Host, Settings};

/// The refusal of a `LOCAL_HOST` that is not this machine, whatever variable gives it.
pub(super) fn refusal(settings: &Settings, problem: &NotLocal) -> Refusal {
    let host = &settings.local_host.value;
    let name = settings.local_host.source.name();
    let numbers: Vec<&str> = aliases::meaning(Meaning::ServerNumber).collect();
    let number = numbers.join(", ");
    let (subject, set) = match aliases::of(name).map(|alias| alias.meaning) {
        Some(Meaning::Servers) => (
            format!("{name} (by {number})"),
            format!("set {number} to the position of this host in {name}, or LOCAL_HOST"),
        ),
        Some(_) => (name.to_owned(), "set LOCAL_HOST".to_owned()),
        None => ("LOCAL_HOST".to_owned(), "set LOCAL_HOST".to_owned()),
    };
    let hint = if settings.host_names.is_empty() {
        format!(
            "{set} to the address or name by which the other hosts reach this one; with Docker's bridge network between hosts no \
             FE can join, use network_mode: host"
        )
    } else {
        extra_hosts(&settings.host_names)
    };
    Refusal::new(
        ExitCode::Configuration,
        format!("{subject} = {host} {problem}"),
        hint,
    )
}

/// A warning of members that are known by names of a list which do not resolve here.
pub(super) fn unresolved(settings: &Settings, masters: &BTreeMap<Host, Resolved>) -> Option<String> {
    let failed = masters
        .iter()
        .filter(|(_, resolved)| matches!(resolved, Resolved::Failed(_)));
    let failed: Vec<String> = failed.map(|(host, _)| host.to_string()).collect();
    if failed.is_empty() || settings.host_names.is_empty() {
        return None;
    }
    let lines: Vec<String> = lines(&settings.host_names).collect();
    Some(format!(
        "{} cannot be resolved here, and muster writes no /etc/hosts: give every service of the cluster `extra_hosts:` with {}",
        failed.join(", "),
        lines.join(", ")
    ))
}

/// The lines for a compose file that a vendor's script would write into `/etc/hosts`.
fn extra_hosts(names: &[(Host, Host)]) -> String {
    let lines: Vec<String> = lines(names).map(|line| format!("  - {line}")).collect();
    format!(
        "muster writes no /etc/hosts: give these lines to every service of the cluster\nextra_hosts:\n{}",
        lines.join("\n")
    )
}

fn lines(names: &[(Host, Host)]) -> impl Iterator<Item = String> {
    names
        .iter()
        .map(|(name, address)| format!("\"{name}:{address}\""))
}

#[cfg(test)]
mod tests {
    use super::extra_hosts;
    use crate::settings::Host;

    #[test]
    fn names_that_nobody_resolves_are_lines_of_a_compose_file() {
        let host = |text: &str| Host::parse(text).unwrap();
        let names = [
            (host("fe1"), host("172.20.80.2")),
            (host("be1"), host("172.20.80.5")),
        ];
        assert_eq!(
            extra_hosts(&names),
            "muster writes no /etc/hosts: give these lines to every service of the cluster\nextra_hosts:\n  - \
             \"fe1:172.20.80.2\"\n  - \"be1:172.20.80.5\""
        );
    }
}
