//! `init --hosts`: one directory for each host of a list, and the targets of Prometheus.
//!
//! In a directory are the env files of the host's nodes, as `init` writes them for one host, a compose file, and the rules of its
//! firewall. Every file is rendered whole, from the list alone; only a port that was given once is taken from the old env file.

mod compose;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::lines::{self, Lines};
use super::{ChosenPort, FileChange, HostPorts, Inputs, Target, change, change_of, check_old_files, is_ours};
use crate::engine::dialler::Dialler;
use crate::engine::{Component, Engine, PortKind, PortName};
use crate::exit::ExitCode;
use crate::facts::old_file::{OldFile, OldState};
use crate::facts::resolve::Resolved;
use crate::plan::refusal::Refusal;
use crate::plan::view::ports::{self, Peers};
use crate::plan::view::targets::{self, ScrapedNode, scraped_port};
use crate::settings::{EnvFile, Host, HostList, ListedHost};

/// The first line of every file but the targets, which are JSON.
const FIRST_LINE: &str =
    "# Written by muster init --hosts, which overwrites this file: change the list instead";

/// The names of the files beside the env files.
pub const COMPOSE: &str = "compose.yaml";
pub const FIREWALL: &str = "firewall.nft";
/// Below the directory of all hosts.
pub const TARGETS: &str = "prometheus/targets.json";

/// Everything that is known before anything is written.
#[derive(Debug, Clone, Copy)]
pub struct HostsInputs<'a> {
    pub engine: &'static Engine,
    pub list: &'a HostList,
    /// One for each host of the list, in its order.
    pub hosts: &'a [HostDir<'a>],
    pub targets: &'a OldFile,
    /// Each host of the list.
    pub addresses: &'a BTreeMap<Host, Resolved>,
    /// The directories beside with a compose file, by that file.
    pub others: &'a [OldFile],
    /// Replace files of others.
    pub force: bool,
}

/// The directory of one host, before it is rendered.
#[derive(Debug)]
pub struct HostDir<'a> {
    pub listed: &'a ListedHost,
    pub path: PathBuf,
    pub env: EnvFile,
    /// One for each node.
    pub targets: Vec<Target>,
    pub compose: OldFile,
    pub firewall: OldFile,
    /// Env files of nodes that the host has no more.
    pub unused: Vec<PathBuf>,
}

/// The files to write, and what is printed about them.
#[derive(Debug)]
pub struct HostsPlan<'a> {
    pub files: Vec<File<'a>>,
    /// For stdout, once the files are written.
    pub report: String,
    pub warnings: Vec<String>,
}

/// One file, complete.
#[derive(Debug)]
pub struct File<'a> {
    pub old: &'a OldFile,
    pub text: String,
    pub change: FileChange,
}

/// A host with the ports of its nodes.
struct Chosen<'a> {
    dir: &'a HostDir<'a>,
    ports: Vec<ChosenPort>,
}

/// Renders the files of all hosts, or returns every reason why none is written.
pub fn derive<'a>(inputs: &HostsInputs<'a>) -> Result<HostsPlan<'a>, Vec<Refusal>> {
    let mut refusals = one_host_twice(inputs);
    refusals.extend(foreign_files(inputs));
    let seed_ports = seed_ports(inputs);
    let mut hosts: Vec<Chosen<'_>> = Vec::new();
    for dir in inputs.hosts {
        let ports = choose(inputs, dir, Some(&seed_ports), &mut refusals);
        refusals.extend(other_than_seed(inputs, dir, &seed_ports));
        refusals.extend(compose::unfit_paths(inputs.engine, dir));
        hosts.push(Chosen { dir, ports });
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mut warnings = report::warnings(inputs, &hosts);
    let peers = peers(inputs).map_err(|unknown| {
        warnings.push(format!(
            "no {FIREWALL} is written: {}; run it again where every name resolves",
            unknown.join("; ")
        ));
    });
    let mut files = Vec::new();
    for host in &hosts {
        files.extend(of_host(
            inputs,
            host,
            &seed_ports,
            peers.as_ref().ok(),
            &mut warnings,
        ));
    }
    let text = scraped(inputs.engine, &hosts);
    files.push(File {
        change: change_of(inputs.targets, &text, targets::is_targets, Vec::new),
        old: inputs.targets,
        text,
    });
    Ok(HostsPlan {
        report: report::render(inputs, &hosts, &files),
        files,
        warnings,
    })
}

/// The files of one host.
fn of_host<'a>(
    inputs: &HostsInputs<'a>,
    host: &Chosen<'a>,
    seed_ports: &BTreeMap<PortName, u16>,
    peers: Option<&Peers>,
    warnings: &mut Vec<String>,
) -> Vec<File<'a>> {
    let dir = host.dir;
    let of_one = of_one(inputs, dir, Some(seed_ports));
    let mut files = Vec::new();
    let mut nodes: Vec<(&Target, Lines)> = Vec::new();
    for target in &dir.targets {
        let lines = lines::of(&of_one, target, &host.ports);
        lines::warn_of_ambiguous_values(&lines, warnings);
        let text = lines::render(FIRST_LINE, &lines);
        files.push(File {
            change: change(target, &lines, &text),
            old: &target.old,
            text,
        });
        nodes.push((target, lines));
    }
    let mut add = |old: &'a OldFile, text: String| {
        let change = change_of(old, &text, is_ours, Vec::new);
        files.push(File { old, text, change });
    };
    add(&dir.compose, compose::render(inputs, dir, &nodes));
    if let Some(peers) = peers {
        add(&dir.firewall, firewall(inputs.engine, host, peers));
    }
    files
}

fn of_one<'a>(
    inputs: &HostsInputs<'a>,
    dir: &'a HostDir<'a>,
    seed_ports: Option<&'a BTreeMap<PortName, u16>>,
) -> Inputs<'a> {
    Inputs {
        engine: inputs.engine,
        app_env: &dir.env,
        targets: &dir.targets,
        force: inputs.force,
        first_line: FIRST_LINE,
        seed_ports,
    }
}

/// The ports of the nodes of one host. Nothing is known of the other programs there.
fn choose(
    inputs: &HostsInputs<'_>,
    dir: &HostDir<'_>,
    seed_ports: Option<&BTreeMap<PortName, u16>>,
    refusals: &mut Vec<Refusal>,
) -> Vec<ChosenPort> {
    let all_free = HostPorts {
        taken: &BTreeMap::new(),
        ephemeral: &(32768..=60999),
        reserved: &[],
    };
    let mut found = Vec::new();
    let chosen = super::ports::choose(&of_one(inputs, dir, seed_ports), &all_free, &mut found);
    refusals.extend(found.into_iter().map(|refusal| {
        let place = inputs.list.place(dir.listed);
        configuration(
            format!("{place}: {}", refusal.sentence),
            "set another port for one of the nodes of this host; nothing was written",
        )
    }));
    chosen
}

/// The ports of the FE that may found the cluster.
fn seed_ports(inputs: &HostsInputs<'_>) -> BTreeMap<PortName, u16> {
    let Some(seed) = inputs.hosts.iter().find(|dir| dir.listed.votes()) else {
        return BTreeMap::new();
    };
    // What cannot be chosen is said when the ports of all hosts are.
    let chosen = choose(inputs, seed, None, &mut Vec::new());
    ports_of(&chosen, Component::Fe)
}

fn ports_of(chosen: &[ChosenPort], component: Component) -> BTreeMap<PortName, u16> {
    let own = chosen.iter().filter(|chosen| chosen.component == component);
    own.map(|chosen| (chosen.choice.port.name, chosen.choice.number))
        .collect()
}

/// Refuses another number for a port that is the same on every FE.
fn other_than_seed(
    inputs: &HostsInputs<'_>,
    dir: &HostDir<'_>,
    seed_ports: &BTreeMap<PortName, u16>,
) -> Vec<Refusal> {
    let fe = dir.targets.iter().find(|target| target.component.is_fe());
    let ports = inputs.engine.ports_of(Component::Fe);
    let ports = ports.filter(|port| port.kind == PortKind::ClusterWide);
    let refused = ports.filter_map(|port| {
        let (request, seed) = (
            fe?.settings.ports.get(&port.name)?.value,
            seed_ports.get(&port.name)?,
        );
        let variable = port.name.variable();
        (request != *seed).then(|| {
            configuration(
                format!(
                    "{}: {variable} = {request}, and the first FE has {seed}: every FE of a cluster uses the same",
                    dir.env.place(variable)
                ),
                "set it once, in the file of --app-env; nothing was written",
            )
        })
    });
    refused.collect()
}

/// Refuses two lines for one host: by its addresses, or by the name of their directory.
fn one_host_twice(inputs: &HostsInputs<'_>) -> Vec<Refusal> {
    let mut by_address: BTreeMap<IpAddr, &ListedHost> = BTreeMap::new();
    let mut by_dir: BTreeMap<&Path, &ListedHost> = BTreeMap::new();
    let mut refusals = Vec::new();
    let mut refuse = |host: &ListedHost, other: &ListedHost, why: String| {
        let place = inputs.list.place(host);
        refusals.push(configuration(
            format!("{place}: {} and {} of line {} {why}", host.host, other.host, other.line),
            "write all kinds of a host on one line, under the address or the name by which all others reach it; nothing was \
             written",
        ));
    };
    for dir in inputs.hosts {
        let host = dir.listed;
        for address in addresses(inputs, &host.host).unwrap_or_default() {
            let other = *by_address.entry(address).or_insert(host);
            if other.line != host.line {
                refuse(host, other, format!("are one host: both are {address}"));
                break;
            }
        }
        let other = *by_dir.entry(&dir.path).or_insert(host);
        if other.line != host.line {
            refuse(host, other, format!("would both be {}", dir.path.display()));
        }
    }
    refusals
}

/// The addresses by which other hosts reach a host, or why they are not known here.
fn addresses(inputs: &HostsInputs<'_>, host: &Host) -> Result<Vec<IpAddr>, String> {
    match inputs.addresses.get(host) {
        Some(Resolved::Addresses(found)) if !found.is_empty() => {
            let is_name = matches!(host, Host::Name(_));
            // Debian gives the name of a machine 127.0.1.1 on itself.
            let reached = found
                .iter()
                .filter(|address| !(is_name && address.is_loopback()))
                .copied();
            let reached: Vec<IpAddr> = reached.collect();
            if reached.is_empty() {
                Err(format!("{host} resolves to a loopback address here"))
            } else {
                Ok(reached)
            }
        }
        Some(Resolved::Failed(why)) => Err(format!("{host} does not resolve here: {why}")),
        Some(Resolved::Addresses(_)) | None => Err(format!("{host} does not resolve here")),
    }
}

/// The addresses of all nodes, or the names that have none here: a firewall without one of them would shut it out.
fn peers(inputs: &HostsInputs<'_>) -> Result<Peers, Vec<String>> {
    let mut peers = Peers::new();
    let mut unknown = Vec::new();
    for dir in inputs.hosts {
        match addresses(inputs, &dir.listed.host) {
            Ok(found) => {
                for component in &dir.listed.components {
                    peers.entry(Dialler::of(*component)).or_default().extend(&found);
                }
            }
            Err(why) => unknown.push(why),
        }
    }
    if unknown.is_empty() {
        Ok(peers)
    } else {
        Err(unknown)
    }
}

fn firewall(engine: &Engine, host: &Chosen<'_>, peers: &Peers) -> String {
    let mut text = format!(
        "{FIRST_LINE}\n#\n#   nft -f {FIREWALL}     it can be loaded again, and touches no other table\n"
    );
    for component in &host.dir.listed.components {
        let rules = ports::rules(engine, *component, &ports_of(&host.ports, *component));
        text.push_str(&ports::nft_table(&rules, peers, *component));
    }
    text
}

/// The targets of Prometheus: all nodes.
fn scraped(engine: &'static Engine, hosts: &[Chosen<'_>]) -> String {
    let names: Vec<String> = hosts
        .iter()
        .map(|host| host.dir.listed.host.to_string())
        .collect();
    let mut nodes = Vec::new();
    for component in Component::ALL {
        for (host, name) in hosts.iter().zip(&names) {
            let port = ports_of(&host.ports, component).remove(&scraped_port(component));
            nodes.extend(port.map(|port| ScrapedNode {
                component,
                host: name,
                at: host.dir.listed.host.with_port(port),
            }));
        }
    }
    targets::render(engine, None, nodes.into_iter())
}

/// Refuses files that cannot be read, and those of somebody else.
fn foreign_files(inputs: &HostsInputs<'_>) -> Vec<Refusal> {
    let of_hosts = inputs.hosts.iter().flat_map(|dir| {
        let env = dir.targets.iter().map(|target| &target.old);
        env.chain([&dir.compose, &dir.firewall])
    });
    let json = inputs.targets;
    let mut refusals = match &json.state {
        OldState::Text(text) if targets::is_targets(text) => Vec::new(),
        // It has no first line of ours.
        OldState::Text(_) if !inputs.force => vec![Refusal::new(
            ExitCode::Taken,
            format!(
                "cannot overwrite {}: it is no list of targets",
                json.path.display()
            ),
            "--force replaces it, and keeps it as <name>.before-muster; nothing was written",
        )],
        _ => check_old_files([json].into_iter(), true),
    };
    refusals.extend(check_old_files(of_hosts, inputs.force));
    refusals
}

fn configuration(sentence: String, hint: &str) -> Refusal {
    Refusal::new(ExitCode::Configuration, sentence, hint)
}
