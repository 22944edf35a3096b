//! `muster ports`: the ports of the node of this container, who dials each, and the rules of a firewall. It only asks.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::cli::{PortsArgs, PortsFormat};
use crate::engine::Component;
use crate::engine::dialler::Dialler;
use crate::exit::ExitCode;
use crate::facts::resolve::resolve;
use crate::plan::refusal::Refusal;
use crate::plan::view::View;
use crate::plan::view::ports::{Peers, firewalld, json, nft, rules, table, ufw};
use crate::settings::Host;
use crate::verbs::asks::Asks;
use crate::verbs::{Outcome, warning_lines};

pub async fn ports(args: &PortsArgs, asks: &Asks) -> Outcome {
    let (component, chosen) = match (args.component, asks.own_ports()) {
        (Some(wanted), Some((own, chosen))) if wanted == own => (own, chosen),
        (Some(wanted), _) => (wanted, BTreeMap::new()),
        (None, Some((own, chosen))) => (own, chosen),
        (None, None) => {
            return Outcome::refused(&[Refusal::new(
                ExitCode::Usage,
                "there is no node in this container",
                "say whose ports: muster ports fe",
            )]);
        }
    };
    let view = asks.look().await;
    let (peers, unresolved) = peers(&view, asks).await;
    let rules = rules(asks.engine, component, &chosen);
    let output = match args.format {
        PortsFormat::Table => table(&rules, &peers),
        PortsFormat::Json => json(&rules, &peers),
        PortsFormat::Nft => nft(&rules, &peers, component),
        PortsFormat::Ufw => ufw(&rules, &peers),
        PortsFormat::Firewalld => firewalld(&rules, &peers),
    };
    let names = unresolved
        .iter()
        .map(|(host, why)| format!("{host} does not resolve here: {why}"));
    let mut report = warning_lines(&names.collect::<Vec<_>>());
    let code = match &view.leader {
        Ok(_) if unresolved.is_empty() => ExitCode::Ok,
        Ok(_) => ExitCode::Unhealthy,
        Err(why) => {
            report.push_str("warning: only the FEs of MASTER_HOST and of the record are listed: ");
            report.push_str(why);
            report.push('\n');
            view.whole().code()
        }
    };
    Outcome { output, report, code }
}

/// The addresses of all nodes, and the names that have none.
async fn peers(view: &View, asks: &Asks) -> (Peers, Vec<(String, String)>) {
    let listed = view.nodes.iter().map(|node| (node.component, node.host.clone()));
    let known = asks
        .known_hosts()
        .into_iter()
        .map(|host| (Component::Fe, host.to_string()));
    let mut hosts: Vec<(Component, String)> = listed.chain(known).collect();
    hosts.sort();
    hosts.dedup();
    let resolving = hosts.into_iter().map(async |(component, text)| {
        let found = match Host::parse(&text) {
            Ok(host) => resolve(&host).await,
            Err(problem) => Err(problem.to_string()),
        };
        (component, text, found)
    });
    let mut peers = Peers::new();
    let mut unresolved = Vec::new();
    for (component, text, found) in join_all(resolving).await {
        match found {
            Ok(addresses) => peers.entry(Dialler::of(component)).or_default().extend(addresses),
            Err(why) => unresolved.push((text, why)),
        }
    }
    (peers, unresolved)
}
