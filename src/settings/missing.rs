//! Says which of the two hosts is not set, and what to set it to.

use crate::engine::Component;
use crate::engine::aliases::{self, Meaning};

use super::command::COMMAND;
use super::parse::Parser;
use super::{Host, Sourced, words};

/// Reports the hosts that are not set. `image`: the component, if it is known; `commanded`: a vendor's command is there.
pub(super) fn check(
    parser: &mut Parser<'_>,
    master: bool,
    local: Option<&Sourced<Host>>,
    image: Option<Component>,
    commanded: bool,
) {
    if words::refuse_all(parser) {
        return;
    }
    // A value that is set and wrong has been reported already.
    let wrong: Vec<String> = parser
        .problems
        .iter()
        .map(|problem| problem.variable.clone())
        .collect();
    let said = |names: &[&str], meanings: &[Meaning]| {
        wrong.iter().any(|variable| {
            names.contains(&variable.as_str())
                || aliases::of(variable).is_some_and(|alias| meanings.contains(&alias.meaning))
        })
    };
    let masters = [
        Meaning::MasterHosts,
        Meaning::AnyFe,
        Meaning::Servers,
        Meaning::FesToAsk,
    ];
    // Such an FE is its own seed.
    let founds = local.is_none() && words::founding(parser).is_some();
    if !master && !founds && !said(&["MASTER_HOST", "MASTER_FE_HOST", "FE_HOST", COMMAND], &masters) {
        let derived = local.filter(|local| local.source.name() != "LOCAL_HOST");
        let (such_as, local) = match derived {
            Some(local) => (
                image
                    .is_some_and(Component::is_fe)
                    .then(|| local.value.to_string()),
                format!("; LOCAL_HOST is {}, from {}", local.value, local.source),
            ),
            None => (None, String::new()),
        };
        let such_as = such_as.unwrap_or_else(|| "192.168.1.10".to_owned());
        missing(
            parser,
            "MASTER_HOST",
            &format!(
                "the host of the first FE, the same on every node, such as MASTER_HOST={such_as}{local}"
            ),
        );
    }
    let locals = [
        Meaning::LocalHost,
        Meaning::LocalBackend,
        Meaning::LocalAddress,
        Meaning::LocalName,
        Meaning::LocalEndpoint,
        Meaning::BrokerEndpoint,
        Meaning::HostType,
        Meaning::HostName,
        Meaning::ServerNumber,
        Meaning::Servers,
    ];
    if local.is_none() && !said(&["LOCAL_HOST", "HOST_IP", COMMAND], &locals) {
        let by_hostname = parser.engine.is_some_and(|engine| engine.hostname_is_identity);
        let or = match (by_hostname, commanded) {
            (true, _) => "; or give this container a `hostname:`",
            (false, true) => "; or set HOST_TYPE=FQDN to use HOSTNAME",
            (false, false) => "",
        };
        let meaning = format!("the address or name of this host, such as LOCAL_HOST=192.168.1.11{or}");
        missing(parser, "LOCAL_HOST", &meaning);
    }
}

/// Reports a missing variable, with the misspelled names that are probably meant to be it.
fn missing(parser: &mut Parser<'_>, variable: &str, meaning: &str) {
    let near: Vec<&str> = parser
        .environment
        .suggestions
        .iter()
        .filter(|(_, meant)| meant == variable)
        .map(|(name, _)| name.as_str())
        .collect();
    let near = if near.is_empty() {
        String::new()
    } else {
        format!(" ({} looks like it and is not read)", near.join(", "))
    };
    parser.problem(variable, format!("is not set{near}; set it to {meaning}"));
}
