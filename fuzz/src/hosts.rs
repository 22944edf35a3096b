//! Hosts and lists of them, as somebody wrote them.

use std::collections::BTreeSet;
use std::ffi::OsString;

use muster::settings::{Flags, Host, Settings};

pub fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    one(text);
    list(text);
}

fn one(text: &str) {
    let Ok(host) = Host::parse(text) else { return };
    let spelled = host.to_string();
    assert_eq!(
        Host::parse(&spelled),
        Ok(host.clone()),
        "{spelled} is the one spelling"
    );
    assert_eq!(Host::parse(&format!(" {spelled}\t")), Ok(host.clone()));
    assert_eq!(
        Host::parse(&text.to_ascii_uppercase()),
        Ok(host.clone()),
        "case does not matter: {text}"
    );
    assert!(!spelled.is_empty() && !spelled.contains(|c: char| c.is_whitespace() || c.is_control()));
    // An address with a port is no host, and its two parts can be told apart again.
    let with_port = host.with_port(9010);
    assert!(Host::parse(&with_port).is_err(), "{with_port}");
    let (before, port) = with_port.rsplit_once(':').unwrap_or_default();
    assert_eq!((Host::parse(before), port), (Ok(host), "9010"));
}

fn list(text: &str) {
    let vars = [("MASTER_HOST", text), ("LOCAL_HOST", "10.255.255.254")];
    // The environment has no NUL, and quotes around a value are none of it.
    if text.contains(['\0', '"', '\'']) {
        return;
    }
    let vars = vars.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    match Settings::read(Flags::default(), vars) {
        Ok((settings, _)) => {
            let hosts = &settings.master_hosts.value;
            let named: BTreeSet<Host> = text
                .split(',')
                .filter_map(|part| Host::parse(part).ok())
                .collect();
            assert_eq!(
                hosts.iter().cloned().collect::<BTreeSet<_>>(),
                named,
                "each that was named, and no other"
            );
            assert_eq!(hosts.len(), named.len(), "each once");
            let first = text.split(',').next().unwrap_or_default();
            assert_eq!(Host::parse(first).as_ref(), Ok(&hosts[0]), "the first may found");
        }
        Err(problems) => {
            let said = problems.to_string();
            assert!(said.contains("MASTER_HOST"), "{said}");
            assert!(
                said.len() < 2048 + 512 * text.split(',').count(),
                "a report, and not the input again: {said}"
            );
        }
    }
}
