//! The components that a variable applies to: the env file of one component has no variables of another.

use crate::engine::aliases::{self, Meaning, Word};
use crate::engine::{Component, Engine, PortName};

use super::environment::{Owner, owner};
use super::variables::VARIABLES;
use super::{conf, heap, ports};

/// Tells if a variable with that value applies to that component. `None`: the name is not known, or it is a vendor's name or a
/// conf key for a variable of ours.
pub fn applies_to(variable: &str, value: &str, engine: &Engine, component: Component) -> Option<bool> {
    match owner(variable, Some(engine)) {
        Owner::Ours(ours) => Some(own_applies_to(ours, engine, component)),
        Owner::Conf(of, key) if ports::of_conf_key(of, &key).is_none() => Some(of == component),
        Owner::Home(of) => Some(of == engine.home_variable),
        Owner::Vendor(alias) => {
            let meaning = aliases::of(alias)?.meaning;
            match (meaning, meaning.word(value)) {
                (Meaning::ConfLines(_), _) | (_, Some(Word::ConfKey(..))) => {
                    Some(is_among(meaning.components_of(value), component))
                }
                (Meaning::ConfFolder, _) => Some(true),
                _ => None,
            }
        }
        Owner::Conf(..) | Owner::Foreign => None,
    }
}

/// Tells if a variable with that value has an effect on other components or engines only.
pub fn is_for_another(variable: &str, value: &str, engine: &Engine, component: Component) -> bool {
    let is_read = |of: &Component| *of == component || engine.share_conf(*of, component);
    match owner(variable, Some(engine)) {
        Owner::Conf(of, _) => !is_read(&of),
        Owner::Vendor(alias) => match aliases::of(alias).map(|alias| alias.meaning) {
            Some(Meaning::Port(port)) => engine.port(component, port).is_none(),
            Some(meaning) => {
                let components = meaning.components_of(value);
                components.is_some_and(|components| !components.iter().any(is_read))
            }
            None => false,
        },
        Owner::Home(of) => of != engine.home_variable,
        Owner::Ours(ours) => !own_applies_to(ours, engine, component),
        Owner::Foreign => false,
    }
}

fn is_among(components: Option<&[Component]>, component: Component) -> bool {
    components.is_none_or(|components| components.contains(&component))
}

fn own_applies_to(variable: &'static str, engine: &Engine, component: Component) -> bool {
    if let Some(port) = PortName::ALL.into_iter().find(|port| port.variable() == variable) {
        return engine.port(component, port).is_some();
    }
    if let Some(components) = conf::components_of(variable).or_else(|| heap::components_of(variable)) {
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
            ("FE_HEAP", Some(true), Some(false)),
            ("BE_HEAP", Some(false), Some(true)),
            ("FE_CONFIG_EXTRA", Some(true), Some(false)),
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
            let applies = |component| applies_to(variable, "shared_data", engine, component);
            assert_eq!(applies(Component::Fe), fe, "{variable}");
            assert_eq!(applies(Component::Be), be, "{variable}");
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
            ("FE_HEAP", true),
            ("FE_CONFIG_EXTRA", true),
            ("FE_ID", true),
            ("BROKER_ADDR", true),
            ("BE_ADDR", false),
            // It is another program's in this image.
            ("ELECT_NUMBER", false),
            ("MASTER_HOST", false),
            ("BE_CONF__be_port", false),
            ("POD_IP", false),
            ("LOG_CONSOLE", false),
            ("KAFKA_HOST", false),
        ];
        for (variable, expected) in table {
            assert_eq!(
                is_for_another(variable, "shared_data", ALL[0], Component::Be),
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
                    .any(|component| applies_to(name, "", engine, component) == Some(true))
            });
            assert!(heard, "{name}");
        }
    }
}
