//! A vendor's list of all FEs, and the entry of it that is this node.

use crate::engine::aliases::{self, Meaning};
use crate::engine::{self, Component, PortName};

use super::hosts::parse_host;
use super::parse::{Parser, from_environment};
use super::ports::parse_port;
use super::problems::shown;
use super::{Endpoint, Host, Sourced, enums};

/// All FEs, the founding one first; empty if there is no list.
#[derive(Default)]
pub(super) struct Servers {
    servers: Vec<Server>,
    /// An entry cannot be read, so no position counts.
    broken: bool,
    /// The names by which members are known, each with its address, if they are not known by what the list gives as host.
    pub names: Vec<(Host, Host)>,
}

struct Server {
    name: String,
    /// With the host by which members know it.
    edit_log: Sourced<Endpoint>,
}

impl Servers {
    /// Reads `fe1:10.0.0.1:9010,fe2:10.0.0.2:9010`.
    pub(super) fn read(parser: &mut Parser<'_>) -> Self {
        let mut servers = Self::default();
        let by_name = is_by_name(parser);
        for variable in aliases::meaning(Meaning::Servers) {
            let Some(text) = parser.text(variable) else {
                continue;
            };
            for (at, entry) in (1..).zip(text.split(',').map(str::trim)) {
                match entry_of(entry, at) {
                    Ok((name, endpoint)) => servers.add(parser, variable, (name, endpoint), by_name),
                    Err(why) => {
                        servers.broken = true;
                        refuse_entry(parser, variable, (at, entry), &why);
                    }
                }
            }
        }
        if by_name {
            servers.add_backend_names(parser);
        }
        servers
    }

    fn add(
        &mut self,
        parser: &mut Parser<'_>,
        variable: &str,
        (name, mut endpoint): (&str, Endpoint),
        by_name: bool,
    ) {
        if by_name {
            match parse_host(name) {
                Ok(host) => {
                    self.names.push((host.clone(), endpoint.host));
                    endpoint.host = host;
                }
                Err(why) => {
                    self.broken = true;
                    return parser.problem(variable, format!("`{}` {why}", shown(name)));
                }
            }
        }
        self.servers.push(Server {
            name: name.to_ascii_lowercase(),
            edit_log: from_environment(variable, endpoint),
        });
    }

    /// Reads `be1:10.0.0.3,be2:10.0.0.4`.
    fn add_backend_names(&mut self, parser: &mut Parser<'_>) {
        for variable in aliases::meaning(Meaning::BackendNames) {
            let text = parser.text(variable).unwrap_or_default();
            for (at, entry) in (1..).zip(text.split(',').map(str::trim)) {
                let pair = entry
                    .split_once(':')
                    .ok_or_else(|| "is not name:host".to_owned())
                    .and_then(|(name, host)| Ok((parse_host(name)?, parse_host(host)?)));
                match pair {
                    Ok(pair) => self.names.push(pair),
                    Err(why) => refuse_entry(parser, variable, (at, entry), &why),
                }
            }
        }
    }

    pub(super) fn hosts(&self) -> Option<Sourced<Vec<Host>>> {
        let first = self.servers.first()?;
        let mut hosts: Vec<Host> = Vec::new();
        for server in &self.servers {
            if !hosts.contains(&server.edit_log.value.host) {
                hosts.push(server.edit_log.value.host.clone());
            }
        }
        Some(Sourced {
            value: hosts,
            source: first.edit_log.source.clone(),
        })
    }

    /// The port the list gives for that host.
    pub(super) fn edit_log_port(&self, host: Option<&Host>) -> Option<Sourced<u16>> {
        let mut servers = self.servers.iter().map(|server| &server.edit_log);
        let server = servers.find(|server| Some(&server.value.host) == host)?;
        Some(Sourced {
            value: server.value.port,
            source: server.source.clone(),
        })
    }

    /// The name of the member at this address, if members are known by name.
    pub(super) fn known_as(&self, host: Host) -> Host {
        let named = self.names.iter().find(|(_, address)| *address == host);
        named.map_or(host, |(name, _)| name.clone())
    }

    /// The endpoint of this FE: its number is its position.
    pub(super) fn own(&self, parser: &mut Parser<'_>) -> Option<Sourced<Endpoint>> {
        for variable in aliases::meaning(Meaning::ServerNumber) {
            // What is wrong with the list has been reported.
            if self.broken {
                continue;
            }
            if self.servers.is_empty() {
                if parser.text(variable).is_some() {
                    let lists: Vec<&str> = aliases::meaning(Meaning::Servers).collect();
                    parser.warn(variable, format!("has no effect without {}", lists.join(", ")));
                }
                continue;
            }
            let number = parser.parse(variable, |text| {
                text.parse::<usize>().map_err(|_| "is not a number".to_owned())
            });
            let Some(number) = number else { continue };
            match self.at(number.value) {
                Ok(server) => return Some(server.edit_log.clone()),
                Err(why) => parser.refuse(variable, &number.value.to_string(), &why),
            }
        }
        None
    }

    /// The entry at that position. The vendor's FE goes by the position, its BE by the number in the name: where the names
    /// are numbers from 1 in another order, nobody knows which one is meant.
    fn at(&self, position: usize) -> Result<&Server, String> {
        let listed = |server: &Server| format!("{}:{}", server.name, server.edit_log.value);
        let list = self
            .servers
            .first()
            .map_or("the list", |first| first.edit_log.source.name());
        let index = position.checked_sub(1);
        let Some(server) = index.and_then(|index| self.servers.get(index)) else {
            let count = self.servers.len();
            return Err(format!("is the position of no FE in {list}, which lists {count}"));
        };
        let numbers: Vec<Option<usize>> = self
            .servers
            .iter()
            .map(|server| number_at_end(&server.name))
            .collect();
        let numbered = (1..=numbers.len()).all(|number| numbers.contains(&Some(number)));
        let by_name = numbers.iter().position(|number| *number == Some(position));
        match by_name.and_then(|at| self.servers.get(at)) {
            Some(other) if numbered && other.name != server.name => Err(format!(
                "is {} by its position in {list}, and {} by the number in its name; write the list in the order of the names",
                listed(server),
                listed(other)
            )),
            _ => Ok(server),
        }
    }
}

/// Tells if members are known by the names in the lists of FEs and BEs.
fn is_by_name(parser: &mut Parser<'_>) -> bool {
    let is_set =
        |parser: &Parser<'_>, meaning| aliases::meaning(meaning).any(|name| parser.text(name).is_some());
    let variable = aliases::meaning(Meaning::ServersByName).find(|name| parser.text(name).is_some());
    let is_list = is_set(parser, Meaning::Servers);
    let Some(variable) = variable.filter(|_| is_list) else {
        let flags: Vec<&str> = aliases::meaning(Meaning::ServersByName).collect();
        let lists = aliases::meaning(Meaning::BackendNames).find(|name| parser.text(name).is_some());
        if let Some(list) = lists {
            parser.warn(list, format!("has no effect without {}", flags.join(", ")));
        }
        return false;
    };
    // The vendor's script takes any text for a yes.
    let text = parser.text(variable).unwrap_or_default();
    if enums::boolean(text) == Ok(false) {
        return false;
    }
    if !is_set(parser, Meaning::BackendNames) {
        let lists: Vec<&str> = aliases::meaning(Meaning::BackendNames).collect();
        let text = format!(
            "has no effect without {}: members are known by the hosts of the list",
            lists.join(", ")
        );
        parser.warn(variable, text);
        return false;
    }
    true
}

/// Reads `name:host:port`. `at` is the position of the entry.
fn entry_of(entry: &str, at: usize) -> Result<(&str, Endpoint), String> {
    let triple = entry
        .split_once(':')
        .filter(|(_, endpoint)| endpoint.contains(':'));
    let Some((name, endpoint)) = triple else {
        let own = format!("fe{at}");
        let (name, host) = match entry.split_once(':') {
            // `fe1:10.0.0.1` lacks its port, `db-fe:9010` its name.
            Some((name, host)) if !host.bytes().all(|byte| byte.is_ascii_digit()) => (name, host),
            Some((host, _)) => (own.as_str(), host),
            None => (own.as_str(), entry),
        };
        let port = engine::ALL
            .into_iter()
            .find_map(|engine| engine.port(Component::Fe, PortName::EditLog)?.default)
            .unwrap_or_default();
        return Err(format!(
            "is not name:host:port; the first part is a name of your own, such as {name}:{host}:{port}"
        ));
    };
    Ok((name, parse_endpoint(endpoint)?))
}

fn refuse_entry(parser: &mut Parser<'_>, variable: &str, (at, entry): (usize, &str), why: &str) {
    let text = format!(
        "`{}` at position {at} {why}, {}",
        shown(entry),
        parser.set_in(variable)
    );
    parser.problem(variable, text);
}

/// Reads `host:port`.
pub(super) fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    let (host, port) = text.rsplit_once(':').ok_or_else(|| "has no port".to_owned())?;
    Ok(Endpoint {
        host: parse_host(host)?,
        port: parse_port(port)?,
    })
}

fn number_at_end(name: &str) -> Option<usize> {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().ok()
}
