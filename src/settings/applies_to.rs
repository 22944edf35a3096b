//! The components that a variable applies to: the env file of one component has no variables of another.

use crate::engine::aliases::{self, Meaning};
use crate::engine::{Component, Engine, PortName};

use super::environment::{Owner, owner};
use super::variables::VARIABLES;
use super::{conf, ports};

/// Tells if a variable applies to that component. `None`: the name is not known, or it is a vendor's name or a conf key for
/// a variable of ours.
pub fn applies_to(variable: &str, engine: &Engine, component: Component) -> Option<bool> {
    match owner(variable) {
        Owner::Ours(ours) => Some(own_applies_to(ours, engine, component)),
        Owner::Conf(of, key) if ports::of_conf_key(of, &key).is_none() => Some(of == component),
        Owner::Home(of) => Some(of == engine.home_variable),
        Owner::Vendor(alias) => match aliases::of(alias)?.meaning {
            Meaning::ConfKey(of, ..) => Some(of == component),
            Meaning::ConfFolder => Some(true),
            _ => None,
        },
        Owner::Conf(..) | Owner::Foreign => None,
    }
}

/// Tells if a variable has an effect on other components or engines only.
pub fn is_for_another(variable: &str, engine: &Engine, component: Component) -> bool {
    let is_not_read = |of| of != component && !engine.share_conf(of, component);
    match owner(variable) {
        Owner::Conf(of, _) => is_not_read(of),
        Owner::Vendor(alias) => match aliases::of(alias).map(|alias| alias.meaning) {
            Some(Meaning::ConfKey(of, ..)) => is_not_read(of),
            Some(Meaning::Role | Meaning::Observer) => !component.is_fe(),
            Some(Meaning::Port(port)) => engine.port(component, port).is_none(),
            _ => false,
        },
        Owner::Home(of) => of != engine.home_variable,
        Owner::Ours(ours) => !own_applies_to(ours, engine, component),
        Owner::Foreign => false,
    }
}

fn own_applies_to(variable: &'static str, engine: &Engine, component: Component) -> bool {
    if let Some(port) = PortName::ALL.into_iter().find(|port| port.variable() == variable) {
        return engine.port(component, port).is_some();
    }
    if let Some(components) = conf::components_of(variable) {
        return components.contains(&component);
    }
    VARIABLES
        .iter()
        .find(|known| known.name == variable)
        .and_then(|known| known.only)
        .is_none_or(|only| only == component)
}

#[cfg(test)]
mod tests {
    use super::{applies_to, is_for_another};
    use crate::engine::{ALL, Component};
    use crate::settings::variables;

    #[test]
    fn a_variable_applies_to_the_components_that_can_use_it() {
        let engine = ALL[0];
        // FE, BE.
        let table = [
            ("MASTER_HOST", Some(true), Some(true)),
            ("STATE_DIR", Some(true), Some(true)),
            ("ROOT_PASSWORD_FILE", Some(true), Some(true)),
            ("ADMIN_PASSWORD_FILE", Some(true), Some(false)),
            ("PRIORITY_NETWORKS", Some(true), Some(true)),
            ("ARROW_FLIGHT_PORT", Some(true), Some(true)),
            (engine.home_variable, Some(true), Some(true)),
            ("FE_ROLE", Some(true), Some(false)),
            ("GUARD_TIME", Some(true), Some(false)),
            ("EDIT_LOG_PORT", Some(true), Some(false)),
            ("META_DIR", Some(true), Some(false)),
            ("DEFAULT_REPLICATION_NUM", Some(true), Some(false)),
            ("FE_CONF__x", Some(true), Some(false)),
            ("BE_CONF__x", Some(false), Some(true)),
            ("STORAGE_ROOT_PATH", Some(false), Some(true)),
            ("HEARTBEAT_PORT", Some(false), Some(true)),
            ("STARLET_PORT", Some(false), Some(true)),
            ("CN_CONF__x", Some(false), Some(false)),
            ("BROKER_IPC_PORT", Some(false), Some(false)),
            (ALL[1].home_variable, Some(false), Some(false)),
            // Said by FE_QUERY_PORT and LOCAL_HOST.
            ("FE_CONF__query_port", None, None),
            ("POD_IP", None, None),
            ("RUN_MODE", Some(true), Some(false)),
            ("CONFIGMAP_MOUNT_PATH", Some(true), Some(true)),
            ("LOG_CONSOLE", None, None),
            ("KAFKA_HOST", None, None),
        ];
        for (variable, fe, be) in table {
            assert_eq!(applies_to(variable, engine, Component::Fe), fe, "{variable}");
            assert_eq!(applies_to(variable, engine, Component::Be), be, "{variable}");
        }
    }

    #[test]
    fn a_variable_of_another_component_is_told_from_one_that_is_not_ours() {
        let table = [
            ("META_DIR", true),
            ("FE_CONF__query_port", true),
            ("CN_CONF__x", true),
            ("RUN_MODE", true),
            ("FE_TYPE", true),
            ("MASTER_HOST", false),
            ("BE_CONF__be_port", false),
            ("POD_IP", false),
            ("LOG_CONSOLE", false),
            ("KAFKA_HOST", false),
        ];
        for (variable, expected) in table {
            assert_eq!(
                is_for_another(variable, ALL[0], Component::Be),
                expected,
                "{variable}"
            );
        }
    }

    #[test]
    fn every_variable_of_the_table_applies_to_a_component() {
        for variable in variables::all() {
            let name = variable.name;
            let heard = ALL.into_iter().any(|engine| {
                Component::ALL
                    .into_iter()
                    .any(|component| applies_to(name, engine, component) == Some(true))
            });
            assert!(heard, "{name}");
        }
    }
}
