//! The environment, sorted by owner of the name: ours, a vendor's, a conf key, or of another program.

use std::ffi::{OsStr, OsString};

use crate::engine::aliases;
use crate::engine::{self, Component, Engine};
use std::collections::{BTreeMap, BTreeSet};

use super::env_file::unquoted;
use super::problems::{Problem, Warning, shown_lossily};
use super::secret::{is_secret_name, is_secret_value};
use super::suggest;
use super::variables::{self, Given};

/// The variables that muster reads. No value is empty; spaces around it are removed, except around passwords.
#[derive(Default)]
pub(super) struct Environment {
    pub given: Given,
    /// Vendors' variables and the engines' home variables.
    pub vendor: Vec<(&'static str, String)>,
    /// Sorted by name: the order of an environment means nothing.
    pub conf: Vec<ConfVariable>,
    /// Every variable that holds a secret, also where its value is not used.
    pub secrets: Vec<String>,
    /// Names that are not read, and the variable that each was probably meant to be.
    pub suggestions: Vec<(String, String)>,
    /// Every variable that is UTF-8.
    pub all: BTreeMap<String, String>,
    /// Those that are ours, a vendor's or a conf key, and not empty.
    pub names: Vec<String>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

/// One `FE_CONF__key=value`.
pub(super) struct ConfVariable {
    pub name: String,
    pub component: Component,
    pub key: String,
    pub value: String,
}

/// The owner of a name.
pub(super) enum Owner {
    Ours(&'static str),
    Vendor(&'static str),
    /// Where an engine's images keep its home dir.
    Home(&'static str),
    Conf(Component, String),
    Foreign,
}

/// `getenv` finds the first of two equal names, and so do we. `engine`: that of the image, if it is known.
pub(super) fn collect(
    vars: &mut dyn Iterator<Item = (OsString, OsString)>,
    engine: Option<&'static Engine>,
) -> Environment {
    let mut found = Environment::default();
    let mut ours: Vec<(String, String)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, value) in vars {
        // Our names are ASCII.
        let Some(name) = name.to_str() else { continue };
        if !seen.insert(name.to_owned()) {
            continue;
        }
        if let Some(text) = value.to_str() {
            found.all.insert(name.to_owned(), text.to_owned());
        }
        let owner = owner(name, engine);
        if !matches!(owner, Owner::Foreign) && !value.as_encoded_bytes().trim_ascii().is_empty() {
            found.names.push(name.to_owned());
        }
        match owner {
            Owner::Foreign => found.foreign(name, &value),
            Owner::Ours(known) => {
                if let Some(text) = found.text(name, &value) {
                    ours.push((known.to_owned(), text));
                }
            }
            Owner::Vendor(known) | Owner::Home(known) => {
                if let Some(text) = found.text(name, &value) {
                    found.vendor.push((known, text));
                }
            }
            Owner::Conf(component, key) => {
                if let Some(value) = found.text(name, &value) {
                    found.conf.push(ConfVariable {
                        name: name.to_owned(),
                        component,
                        key,
                        value,
                    });
                }
            }
        }
    }
    found.conf.sort_by(|one, other| one.name.cmp(&other.name));
    found.secrets.sort();
    found.names.sort();
    match envy::from_iter(ours) {
        Ok(given) => found.given = given,
        // Its text is not passed on: it quotes values.
        Err(_) => found.problems.push(Problem {
            variable: "the environment".to_owned(),
            text: "cannot be read, which is an internal error of muster; please report it".to_owned(),
        }),
    }
    found
}

impl Environment {
    /// The value of a variable of ours or of a vendor.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).or_else(|| {
            let vendor = self.vendor.iter().find(|(known, _)| *known == name);
            vendor.map(|(_, text)| text.as_str())
        })
    }

    /// The value without the blanks and the pair of quotes around it; `None` if it is empty.
    fn text(&mut self, name: &str, value: &OsStr) -> Option<String> {
        if is_secret_name(name) {
            self.secrets.push(name.to_owned());
        }
        let Some(text) = value.to_str() else {
            let shown = if is_secret_name(name) {
                "its value".to_owned()
            } else {
                format!("`{}`", shown_lossily(value))
            };
            self.problems.push(Problem {
                variable: name.to_owned(),
                text: format!("{shown} is not UTF-8, set in the environment"),
            });
            return None;
        };
        let trimmed = text.trim();
        let bare = quoted_whole(trimmed).unwrap_or(trimmed);
        if bare.len() < trimmed.len() {
            self.warnings.push(Warning {
                variable: name.to_owned(),
                text: "is read without the quotes around its value, which a list in a compose file and `docker run` keep as a part \
                       of it"
                    .to_owned(),
            });
        }
        if bare.trim().is_empty() {
            return None;
        }
        if is_secret_name(name) {
            // Blanks may be part of a password.
            return Some(if bare.len() < trimmed.len() { bare } else { text }.to_owned());
        }
        if is_secret_value(text) {
            self.secrets.push(name.to_owned());
        }
        Some(bare.trim().to_owned())
    }

    fn foreign(&mut self, name: &str, value: &OsStr) {
        let value = value.as_encoded_bytes();
        if value.is_empty() || is_service_link(value) {
            return;
        }
        if name == "MUSTER_RESTART" {
            let text = "is no longer read; set `restart:` of the container instead".to_owned();
            self.warnings.push(Warning {
                variable: name.to_owned(),
                text,
            });
        }
        if let Some(meant) = suggest::meant(name) {
            if is_secret_name(name) || is_secret_name(&meant) {
                self.secrets.push(name.to_owned());
            }
            self.warnings.push(Warning {
                variable: name.to_owned(),
                text: format!("looks like {meant} and is not read"),
            });
            self.suggestions.push((name.to_owned(), meant));
        }
        if let Some(key) = name.strip_prefix(aliases::CONF_KEY_PREFIX)
            && key.starts_with(|c: char| c.is_ascii_lowercase())
        {
            let variables: Vec<String> = [Component::Fe, Component::Be]
                .map(|component| format!("{}{key}", conf_prefix(component)))
                .into();
            self.warnings.push(Warning {
                variable: name.to_owned(),
                text: format!("is not read; set {}", variables.join(" or ")),
            });
        }
    }
}

/// The text inside one pair of quotes.
fn quoted_whole(text: &str) -> Option<&str> {
    let inner = unquoted(text);
    let quote = text.chars().next()?;
    (inner.len() < text.len() && !inner.contains(quote)).then_some(inner)
}

/// `engine`: that of the image, if it is known; a variable that another engine's images read may be of another program.
pub(super) fn owner(name: &str, engine: Option<&Engine>) -> Owner {
    if let Some(known) = variables::known(name) {
        return Owner::Ours(known);
    }
    if let Some(alias) = aliases::of(name).filter(|alias| alias.is_read_by(engine)) {
        return Owner::Vendor(alias.variable);
    }
    if let Some(engine) = engine::ALL
        .into_iter()
        .find(|engine| engine.home_variable == name)
    {
        return Owner::Home(engine.home_variable);
    }
    Component::ALL
        .into_iter()
        .find_map(|component| {
            let rest = name.strip_prefix(conf_prefix(component))?;
            Some(Owner::Conf(component, rest.to_owned()))
        })
        .unwrap_or(Owner::Foreign)
}

/// The beginning of a variable for this component's conf file.
pub(super) const fn conf_prefix(component: Component) -> &'static str {
    match component {
        Component::Fe => "FE_CONF__",
        Component::Be => "BE_CONF__",
        Component::Cn => "CN_CONF__",
        Component::Broker => "BROKER_CONF__",
    }
}

/// Kubernetes sets `BE_PORT=tcp://10.96.0.7:9060` in every pod once there is a service named `be`.
pub(super) fn is_service_link(value: &[u8]) -> bool {
    [&b"tcp://"[..], b"udp://", b"sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme))
}
