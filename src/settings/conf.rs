//! Conf keys asked for through variables, whether they have one of their own or are named by it.

use std::fmt;
use std::net::IpAddr;

use crate::engine::{Component, PortName};
use std::collections::BTreeMap;

use super::environment::{ConfVariable, conf_prefix};
use super::hosts::name;
use super::problems::{Reader, from_environment};
use super::secret::{is_secret_name, is_secret_value};
use super::{Host, Source, Sourced, conf_value, networks, ports};

/// One conf key somebody wants.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfWish {
    pub key: String,
    pub value: String,
    pub source: Source,
}

impl ConfWish {
    /// Whether the value is to be kept out of sight.
    pub fn is_secret(&self) -> bool {
        is_secret_name(&self.key) || is_secret_value(&self.value)
    }
}

impl fmt::Debug for ConfWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.is_secret() { "(secret)" } else { &self.value };
        f.debug_struct("ConfWish")
            .field("key", &self.key)
            .field("value", &value)
            .field("source", &self.source)
            .finish()
    }
}

/// A conf key with a variable of its own.
struct Named {
    variable: &'static str,
    key: &'static str,
    components: &'static [Component],
    parse: fn(&str) -> Result<String, String>,
}

static NAMED: [Named; 4] = [
    Named {
        variable: "DEFAULT_REPLICATION_NUM",
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

/// Every wish, per component; a conf key that is a port becomes a wish for that port.
pub(super) fn read(
    reader: &mut Reader<'_>,
    component: Option<Component>,
    wished: &mut BTreeMap<PortName, Sourced<u16>>,
) -> BTreeMap<Component, Vec<ConfWish>> {
    let mut conf: BTreeMap<Component, Vec<ConfWish>> =
        Component::ALL.into_iter().map(|of| (of, Vec::new())).collect();
    for named in &NAMED {
        let Some(Sourced { value, source }) = reader.parse(named.variable, named.parse) else {
            continue;
        };
        for (_, wishes) in conf.iter_mut().filter(|(of, _)| named.components.contains(of)) {
            wishes.push(ConfWish {
                key: named.key.to_owned(),
                value: value.clone(),
                source: source.clone(),
            });
        }
    }
    let environment = reader.environment;
    for variable in &environment.conf {
        if !is_key(&variable.key) {
            let why = format!(
                "is not {}key with a key of letters, digits, `_` and `.` that begins with a letter",
                conf_prefix(variable.component)
            );
            // The name is shown, the value is not needed to understand it.
            reader.refuse(&variable.name, &variable.name, &why);
        } else if let Some(port) = ports::of_conf_key(variable.component, &variable.key) {
            add_port(reader, variable, port, component, wished);
        } else if let Some(wishes) = conf.get_mut(&variable.component) {
            add(reader, variable, wishes);
        }
    }
    conf.retain(|_, wishes| !wishes.is_empty());
    conf
}

fn add(reader: &mut Reader<'_>, variable: &ConfVariable, wishes: &mut Vec<ConfWish>) {
    let named = NAMED
        .iter()
        .find(|named| named.key == variable.key && named.components.contains(&variable.component));
    let read = match named {
        Some(named) => (named.parse)(&variable.value),
        None => conf_value::any(&variable.key, &variable.value),
    };
    let value = match read {
        Ok(value) => value,
        Err(why) => return reader.refuse(&variable.name, &variable.value, &why),
    };
    match wishes.iter().find(|wish| wish.key == variable.key) {
        Some(wish) if wish.value == value => {}
        Some(wish) => {
            let why = format!("is not what {} says; one of them is enough", name(&wish.source));
            reader.refuse(&variable.name, &variable.value, &why);
        }
        None => wishes.push(ConfWish {
            key: variable.key.clone(),
            value,
            source: Source::Environment(variable.name.clone()),
        }),
    }
}

fn add_port(
    reader: &mut Reader<'_>,
    variable: &ConfVariable,
    port: PortName,
    component: Option<Component>,
    wished: &mut BTreeMap<PortName, Sourced<u16>>,
) {
    let number = match ports::parse_wish(port, &variable.value) {
        Ok(Some(number)) => number,
        Ok(None) => return,
        Err(why) => return reader.refuse(&variable.name, &variable.value, &why),
    };
    // Env files are shared between containers: what is meant for another component says nothing here.
    if component.is_some_and(|component| component != variable.component) {
        return;
    }
    match wished.get(&port) {
        Some(wish) if wish.value == number => {}
        Some(wish) => {
            let other = name(&wish.source);
            let why = if other == port.variable() {
                format!("is not what {other} says; one of them is enough")
            } else {
                format!("is not what {other} says; COMPONENT tells which of the two counts")
            };
            reader.refuse(&variable.name, &variable.value, &why);
        }
        None => {
            wished.insert(port, from_environment(&variable.name, number));
        }
    }
}

/// An engine that follows `priority_networks` would choose another address than the one that is advertised.
pub(super) fn check_networks(
    reader: &mut Reader<'_>,
    component: Option<Component>,
    conf: &BTreeMap<Component, Vec<ConfWish>>,
    local: &Sourced<Host>,
) {
    let Host::Address(address) = local.value else {
        return;
    };
    let address: IpAddr = address;
    for (of, wishes) in conf {
        if component.is_some_and(|component| component != *of) {
            continue;
        }
        for wish in wishes.iter().filter(|wish| wish.key == "priority_networks") {
            if !networks::any_contains(&wish.value, address) {
                let why = format!(
                    "does not hold {} {address}: the engine would choose another address",
                    name(&local.source)
                );
                reader.refuse(name(&wish.source), &wish.value, &why);
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
