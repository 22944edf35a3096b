//! Conf keys asked for through variables, whether they have one of their own or are named by it.

use std::fmt;
use std::net::IpAddr;

use crate::engine::aliases::{self, Meaning, Word};
use crate::engine::{Component, PortName};
use std::collections::BTreeMap;

use super::conf_value::is_shell_key;
use super::env_file::unquoted;
use super::environment::{ConfVariable, conf_prefix};
use super::parse::{Parser, from_environment};
use super::secret::{is_secret_name, is_secret_value};
use super::{Host, Source, Sourced, conf_value, networks, ports};

/// One conf key that was requested.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfRequest {
    pub key: String,
    pub value: String,
    pub source: Source,
}

impl ConfRequest {
    /// Tells if the value must not be printed.
    pub fn is_secret(&self) -> bool {
        is_secret_name(&self.key) || is_secret_value(&self.value)
    }
}

impl fmt::Debug for ConfRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.is_secret() { "(secret)" } else { &self.value };
        f.debug_struct("ConfRequest")
            .field("key", &self.key)
            .field("value", &value)
            .field("source", &self.source)
            .finish()
    }
}

/// The variable of the one key that every engine calls otherwise.
const REPLICATION: &str = "DEFAULT_REPLICATION_NUM";

/// A conf key with a variable of its own.
struct Named {
    variable: &'static str,
    key: &'static str,
    components: &'static [Component],
    parse: fn(&str) -> Result<String, String>,
}

static NAMED: [Named; 4] = [
    Named {
        variable: REPLICATION,
        key: "default_replication_num",
        components: &[Component::Fe],
        parse: conf_value::replication_num,
    },
    Named {
        variable: "PRIORITY_NETWORKS",
        key: "priority_networks",
        components: &[Component::Fe, Component::Be, Component::Cn],
        parse: networks::render,
    },
    Named {
        variable: "META_DIR",
        key: "meta_dir",
        components: &[Component::Fe],
        parse: conf_value::data_dir,
    },
    Named {
        variable: "STORAGE_ROOT_PATH",
        key: "storage_root_path",
        components: &[Component::Be, Component::Cn],
        parse: conf_value::storage_dirs,
    },
];

/// The components whose conf has the key that this variable sets, if it sets one.
pub(super) fn components_of(variable: &str) -> Option<&'static [Component]> {
    let named = NAMED.iter().find(|named| named.variable == variable)?;
    Some(named.components)
}

/// Reads the requests per component; a conf key that is a port becomes a request for that port.
pub(super) fn read(
    parser: &mut Parser<'_>,
    component: Option<Component>,
    requested: &mut BTreeMap<PortName, Sourced<u16>>,
) -> BTreeMap<Component, Vec<ConfRequest>> {
    let mut conf: BTreeMap<Component, Vec<ConfRequest>> =
        Component::ALL.into_iter().map(|of| (of, Vec::new())).collect();
    for named in &NAMED {
        let Some(Sourced { value, source }) = parser.parse(named.variable, named.parse) else {
            continue;
        };
        let replication = parser.engine.map(|engine| &engine.replication);
        let replication = replication.filter(|_| named.variable == REPLICATION);
        if replication.is_some_and(|replication| replication.needless == Some(value.as_str())) {
            continue;
        }
        for (_, requests) in conf.iter_mut().filter(|(of, _)| named.components.contains(of)) {
            requests.push(ConfRequest {
                key: replication
                    .map_or(named.key, |replication| replication.key)
                    .to_owned(),
                value: value.clone(),
                source: source.clone(),
            });
        }
    }
    for alias in aliases::all() {
        let Meaning::Words(words) = alias.meaning else {
            continue;
        };
        let Some(text) = parser.text(alias.variable) else {
            continue;
        };
        match alias.meaning.word(text) {
            None => {
                let all: Vec<&str> = words.words.iter().map(|(word, _)| *word).collect();
                let all = all.join(", ");
                if words.strict {
                    parser.refuse(alias.variable, text, &format!("is none of {all}"));
                } else {
                    parser.warn(alias.variable, format!("is none of {all} and is not read"));
                }
            }
            Some(Word::ConfKey(of, key)) => conf.entry(of).or_default().push(ConfRequest {
                key: key.to_owned(),
                value: text.to_ascii_lowercase(),
                source: Source::Environment(alias.variable.to_owned()),
            }),
            Some(Word::Refused(why)) => parser.refuse(alias.variable, text, why),
            Some(Word::Unread(why)) => parser.warn(alias.variable, why.to_owned()),
            Some(Word::Component(_) | Word::Node(_) | Word::Nothing) => {}
        }
    }
    let environment = parser.environment;
    let lines = lines(parser);
    for variable in environment.conf.iter().chain(&lines) {
        if !is_key(&variable.key) {
            let why = format!(
                "is not {}key: a key has only letters, digits, `_` and `.`, and begins with a letter",
                conf_prefix(variable.component)
            );
            // The name is shown, the value is not needed to understand it.
            parser.refuse(&variable.name, &variable.name, &why);
        } else if let Some(port) = ports::of_conf_key(variable.component, &variable.key) {
            add_port(parser, variable, port, component, requested);
        } else if let Some(requests) = conf.get_mut(&variable.component) {
            add(parser, variable, requests);
        }
    }
    conf.retain(|_, requests| !requests.is_empty());
    conf
}

/// The lines of the vendors' variables that hold some, the last one of each key.
fn lines(parser: &mut Parser<'_>) -> Vec<ConfVariable> {
    let mut lines: Vec<ConfVariable> = Vec::new();
    for alias in aliases::all() {
        let Meaning::ConfLines(component) = alias.meaning else {
            continue;
        };
        let text = parser.text(alias.variable).unwrap_or_default();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                let text = format!(
                    "line {number} is not key = value, {}",
                    parser.set_in(alias.variable)
                );
                parser.problem(alias.variable, text);
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            lines.retain(|line| line.name != alias.variable || line.key != key);
            lines.push(ConfVariable {
                name: alias.variable.to_owned(),
                component,
                key: key.to_owned(),
                // The start script takes the quotes off.
                value: if is_shell_key(key) { unquoted(value) } else { value }.to_owned(),
            });
        }
    }
    lines
}

/// A conf value that cannot be used; a secret is not shown.
fn refuse(parser: &mut Parser<'_>, variable: &ConfVariable, why: &str) {
    let why = if variable.name.ends_with(&variable.key) {
        why.to_owned()
    } else {
        format!("for {} {why}", variable.key)
    };
    if is_secret_name(&variable.key) {
        let text = format!("its value {why}, {}", parser.set_in(&variable.name));
        parser.problem(&variable.name, text);
    } else {
        parser.refuse(&variable.name, &variable.value, &why);
    }
}

fn add(parser: &mut Parser<'_>, variable: &ConfVariable, requests: &mut Vec<ConfRequest>) {
    let named = NAMED
        .iter()
        .find(|named| named.key == variable.key && named.components.contains(&variable.component));
    let read = match named {
        Some(named) => (named.parse)(&variable.value),
        None => conf_value::any(&variable.key, &variable.value),
    };
    let value = match read {
        Ok(value) => value,
        Err(why) => return refuse(parser, variable, &why),
    };
    match requests.iter().find(|request| request.key == variable.key) {
        Some(request) if request.value == value => {}
        Some(request) => {
            let why = format!("conflicts with {} (remove one of them)", request.source.name());
            refuse(parser, variable, &why);
        }
        None => requests.push(ConfRequest {
            key: variable.key.clone(),
            value,
            source: Source::Environment(variable.name.clone()),
        }),
    }
}

fn add_port(
    parser: &mut Parser<'_>,
    variable: &ConfVariable,
    port: PortName,
    component: Option<Component>,
    requested: &mut BTreeMap<PortName, Sourced<u16>>,
) {
    let number = match ports::parse_request(port, &variable.value) {
        Ok(Some(number)) => number,
        Ok(None) => return,
        Err(why) => return refuse(parser, variable, &why),
    };
    // Env files are shared between containers: a key of another component has no effect here.
    if component.is_some_and(|component| component != variable.component) {
        return;
    }
    match requested.get(&port) {
        Some(request) if request.value == number => {}
        Some(request) => {
            let other = request.source.name();
            let why = if other == port.variable() {
                format!("conflicts with {other} (remove one of them)")
            } else {
                format!("conflicts with {other} (set COMPONENT to choose one)")
            };
            refuse(parser, variable, &why);
        }
        None => {
            requested.insert(port, from_environment(&variable.name, number));
        }
    }
}

/// An engine that follows `priority_networks` would choose another address than the one that is advertised.
pub(super) fn check_networks(
    parser: &mut Parser<'_>,
    component: Option<Component>,
    conf: &BTreeMap<Component, Vec<ConfRequest>>,
    local: &Sourced<Host>,
) {
    let Host::Address(address) = local.value else {
        return;
    };
    let address: IpAddr = address;
    for (of, requests) in conf {
        if component.is_some_and(|component| component != *of) {
            continue;
        }
        for request in requests
            .iter()
            .filter(|request| request.key == "priority_networks")
        {
            if !networks::any_contains(&request.value, address) {
                let why = format!(
                    "does not contain {} {address}; the engine would use another address",
                    local.source.name()
                );
                parser.refuse(request.source.name(), &request.value, &why);
            }
        }
    }
}

pub(super) fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}
