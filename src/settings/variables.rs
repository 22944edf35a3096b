//! The one table of variables, for `--help`, docs/reference.md and envy.

use crate::engine::{self, Component};

/// One variable, as a person looks it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// The value when it is unset, in words; `–` is none.
    pub default: &'static str,
    pub meaning: &'static str,
    /// The one component that it applies to; ports and conf keys know theirs themselves.
    pub only: Option<Component>,
}

macro_rules! variables {
    (only) => { None };
    (only $component:ident) => { Some(Component::$component) };
    ($($field:ident $name:literal, $default:literal, $meaning:literal $(, $only:ident)?;)*) => {
        /// The values of our variables, spaces trimmed and never empty. No `Debug`: it holds secrets.
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        pub(super) struct Given {
            $($field: Option<String>,)*
        }

        impl Given {
            pub(super) fn get(&self, name: &str) -> Option<&str> {
                match name {
                    $($name => self.$field.as_deref(),)*
                    _ => None,
                }
            }
        }

        /// Every variable with a name of its own, in the order a person reads about them.
        pub const VARIABLES: &[Variable] = &[
            $(Variable {
                name: $name,
                default: $default,
                meaning: $meaning,
                only: variables!(only $($only)?),
            },)*
        ];
    };
}

variables! {
    master_host "MASTER_HOST", "required",
        "host of the seed; a comma list adds more FEs to ask, only the first may found";
    local_host "LOCAL_HOST", "required",
        "host of this node: IPv4, IPv6 or name; the node is the seed if it equals the first MASTER_HOST";
    component "COMPONENT", "from the image",
        "fe, be, cn or broker";
    engine "ENGINE", "from the image",
        "the engine's id, to be checked against the image";
    fe_role "FE_ROLE", "by comparison",
        "follower or observer, for an FE that is not the seed", Fe;
    http_port "HTTP_PORT", "the engine's",
        "requested FE port; the seed chooses it for every FE of the cluster";
    rpc_port "RPC_PORT", "the engine's",
        "requested FE port";
    fe_query_port "FE_QUERY_PORT", "the engine's",
        "requested FE port, MySQL";
    edit_log_port "EDIT_LOG_PORT", "the engine's",
        "requested FE port; fixed once the FE is registered";
    arrow_flight_port "ARROW_FLIGHT_PORT", "the engine's",
        "requested FE or BE port; -1 is unset";
    be_port "BE_PORT", "the engine's",
        "requested BE or CN port";
    be_http_port "BE_HTTP_PORT", "the engine's",
        "requested BE or CN port";
    heartbeat_port "HEARTBEAT_PORT", "the engine's",
        "requested BE or CN port; fixed once the node is registered";
    brpc_port "BRPC_PORT", "the engine's",
        "requested BE or CN port";
    starlet_port "STARLET_PORT", "the engine's",
        "requested BE or CN port";
    broker_ipc_port "BROKER_IPC_PORT", "the engine's",
        "requested broker port; fixed once the broker is registered";
    broker_name "BROKER_NAME", "broker_ and LOCAL_HOST",
        "name that the broker is added under: letters, digits and _, the first one a letter", Broker;
    master_fe_host "MASTER_FE_HOST", "–",
        "another name of MASTER_HOST, written by `init`";
    master_fe_query_port "MASTER_FE_QUERY_PORT", "the engine's",
        "the seed's MySQL port, to ask it first";
    master_fe_edit_log_port "MASTER_FE_EDIT_LOG_PORT", "the engine's",
        "the seed's edit log port, written by `init`; not needed";
    fe_host "FE_HOST", "–",
        "another name of MASTER_HOST; beside one, the host of this FE", Fe;
    host_ip "HOST_IP", "–",
        "another name of LOCAL_HOST, written by `init`";
    fe_index "FE_INDEX", "–",
        "number of this FE, written by `init`; not needed", Fe;
    be_index "BE_INDEX", "–",
        "number of this BE, written by `init`; not needed", Be;
    default_replication_num "DEFAULT_REPLICATION_NUM", "the engine's",
        "into fe.conf; 1 for a single BE";
    priority_networks "PRIORITY_NETWORKS", "LOCAL_HOST alone",
        "into the conf: networks such as 10.0.0.0/8, separated by `;` or `,`";
    meta_dir "META_DIR", "the engine's",
        "into fe.conf: where an FE keeps its data";
    storage_root_path "STORAGE_ROOT_PATH", "the engine's",
        "into be.conf and cn.conf: where a BE keeps its data, a list separated by `;`";
    fe_heap "FE_HEAP", "the conf's",
        "heap of the Java VM, such as 4096m: in place of -Xmx and -Xms in fe.conf's JAVA_OPTS", Fe;
    be_heap "BE_HEAP", "the conf's",
        "the same for the Java VM of a BE or CN";
    cluster_user "CLUSTER_USER", "root",
        "account for SHOW and ALTER SYSTEM; it logs in by mysql_native_password, the default of both engines";
    cluster_password "CLUSTER_PASSWORD", "empty",
        "its password; the engine does not inherit it";
    cluster_password_file "CLUSTER_PASSWORD_FILE", "–",
        "a file that holds the password, instead";
    root_password_file "ROOT_PASSWORD_FILE", "–",
        "a file with the password that the founding FE gives root, once, while root has none; root logs in with it unless another password is set";
    admin_password_file "ADMIN_PASSWORD_FILE", "ROOT_PASSWORD_FILE",
        "the same for admin, which one of the engines ships without a password too", Fe;
    cluster_tls "CLUSTER_TLS", "off",
        "off, prefer, require or verify: TLS to the FEs' MySQL port; only verify checks the certificate";
    cluster_ca_file "CLUSTER_CA_FILE", "–",
        "the certificate authority that `verify` trusts, PEM";
    bootstrap "BOOTSTRAP", "guarded",
        "guarded, never or force: may a seed without data found a cluster", Fe;
    guard_time "GUARD_TIME", "2 heartbeats + 1 s",
        "how long such a seed looks for an existing cluster before it founds one; 0 to 7 days, less than the default is a risk", Fe;
    rejoin "REJOIN", "0",
        "1: a node that was dropped joins again as LOCAL_HOST; its data is set aside";
    wait_timeout "WAIT_TIMEOUT", "300 s",
        "how long to wait in all for a leader and the registration; above 0, at most 7 days";
    join_timeout "JOIN_TIMEOUT", "300 s",
        "from the start of the engine until the cluster shows it alive; above 0, at most 7 days";
    stop_grace "STOP_GRACE", "per component",
        "from a stop request to SIGKILL; above 0, at most 7 days";
    state_dir "STATE_DIR", "beside the conf",
        "where the second copy of the record lives, best on another disk than the data";
    metrics_file "METRICS_FILE", "–",
        "a file that ends in .prom, or a directory for muster-fe.prom and the like: the metrics of this node, written once a minute for node_exporter";
    log_format "LOG_FORMAT", "text on a terminal, else json",
        "text or json: muster's own log, on stderr";
    log_level "LOG_LEVEL", "info",
        "error, warn, info, debug or trace";
    skip_preflight "SKIP_PREFLIGHT", "–",
        "names of checks to turn into warnings, separated by commas";
    muster_exec "MUSTER_EXEC", "0",
        "1: replace muster by the start script, as `run --exec` does";
}

/// Variables of which only the beginning is ours; the rest of the name is a conf key.
pub const CONF_VARIABLES: &[Variable] = &[
    Variable {
        name: "FE_CONF__key",
        default: "–",
        meaning: "any other key of fe.conf",
        only: Some(Component::Fe),
    },
    Variable {
        name: "BE_CONF__key",
        default: "–",
        meaning: "any other key of be.conf",
        only: Some(Component::Be),
    },
    Variable {
        name: "CN_CONF__key",
        default: "–",
        meaning: "any other key of cn.conf",
        only: Some(Component::Cn),
    },
    Variable {
        name: "BROKER_CONF__key",
        default: "–",
        meaning: "any other key of the broker's conf",
        only: Some(Component::Broker),
    },
];

/// Everything that is read, the engines' own home variables too.
pub fn all() -> impl Iterator<Item = Variable> {
    let homes = engine::ALL.into_iter().map(|engine| Variable {
        name: engine.home_variable,
        default: "looked for",
        meaning: "the engine's home dir, as `--home`",
        only: None,
    });
    VARIABLES.iter().chain(CONF_VARIABLES).copied().chain(homes)
}

/// The name of one of our variables, if this is one.
pub(super) fn known(name: &str) -> Option<&'static str> {
    VARIABLES
        .iter()
        .map(|variable| variable.name)
        .find(|known| *known == name)
}

/// The table as it stands under `--help`.
pub fn help() -> String {
    let width = all()
        .map(|variable| variable.name.len())
        .max()
        .unwrap_or_default();
    let row = |it: Variable| format!("  {:width$}  {} [{}]", it.name, it.meaning, it.default);
    let rows: Vec<String> = all().map(row).collect();
    format!(
        "Variables (an empty one is unset; [default]):\n{}\nVendors' variables that are read too: {}\n",
        rows.join("\n"),
        aliases().join(" ")
    )
}

/// The table as it stands in docs/reference.md.
pub fn markdown() -> String {
    let row = |it: Variable| format!("| `{}` | {} | {} |", it.name, it.default, it.meaning);
    let rows: Vec<String> = all().map(row).collect();
    let aliases: Vec<String> = aliases().iter().map(|name| format!("`{name}`")).collect();
    format!(
        "| variable | default | meaning |\n|---|---|---|\n{}\n\nThe vendors' own variables are read where ours are unset: {}.\n",
        rows.join("\n"),
        aliases.join(", ")
    )
}

fn aliases() -> Vec<&'static str> {
    engine::aliases::all().map(|alias| alias.variable).collect()
}

#[cfg(test)]
mod tests {
    use super::{Given, VARIABLES, all, help, markdown};
    use crate::engine::PortName;

    #[test]
    fn envy_fills_every_variable_of_the_table() {
        let pairs = VARIABLES
            .iter()
            .map(|variable| (variable.name.to_owned(), format!("value of {}", variable.name)));
        let given: Given = envy::from_iter(pairs).unwrap();
        for variable in VARIABLES {
            assert_eq!(
                given.get(variable.name),
                Some(format!("value of {}", variable.name).as_str())
            );
        }
    }

    #[test]
    fn every_port_has_its_variable() {
        for port in PortName::ALL {
            assert!(super::known(port.variable()).is_some(), "{port:?}");
        }
    }

    #[test]
    fn help_and_reference_name_every_variable() {
        for variable in all() {
            assert!(
                help().contains(&format!("  {} ", variable.name)),
                "{}",
                variable.name
            );
            assert!(
                markdown().contains(&format!("| `{}` |", variable.name)),
                "{}",
                variable.name
            );
        }
        let reference = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference.md"));
        let table = reference.ok().and_then(|text| {
            let (_, rest) = text.split_once("<!-- settings -->")?;
            let (table, _) = rest.split_once("<!-- /settings -->")?;
            Some(table.to_owned()).filter(|table| !table.trim().is_empty())
        });
        let Some(table) = table else { return };
        for variable in all() {
            assert!(
                table.contains(&format!("`{}`", variable.name)),
                "{}",
                variable.name
            );
        }
    }
}
