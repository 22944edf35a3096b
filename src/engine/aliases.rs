//! The variables that the vendors' own entrypoint scripts and operators read, and their meaning here: a compose file written
//! for those images only needs another image.

use super::{Component, PortName};

/// One variable of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    pub variable: &'static str,
    pub meaning: Meaning,
}

/// The meaning of a vendor's variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The seed, or a list that begins with it.
    MasterHosts,
    /// A name behind which any FE may answer: an FE to ask, never the seed.
    AnyFe,
    /// The advertised host of this node.
    LocalHost,
    /// The advertised host of a BE; with it, `BE_PORT` is the BE's heartbeat port.
    LocalBackend,
    /// The advertised host unless `HostType` is `FQDN`.
    LocalAddress,
    /// The advertised host if `HostType` is `FQDN`.
    LocalName,
    /// `IP` or `FQDN`.
    HostType,
    /// The host name of this machine or container: the advertised name if `HostType` is `FQDN` and no other is set.
    HostName,
    /// `name:host:edit_log_port`, a list of all FEs.
    Servers,
    /// The entry of `Servers` that is this FE, from 1.
    ServerNumber,
    /// `host:port` of this node, with the BE's heartbeat port.
    LocalEndpoint,
    Port(PortName),
    MasterEditLogPort,
    Password,
    /// `true` on an FE that joins without a vote.
    Observer,
    /// The component of the pod; used only to read the other variables.
    ComponentOfPod,
    /// `follower` or `observer`.
    Role,
    /// A folder whose files take the place of those of the same name in `conf/`.
    ConfFolder,
    /// A key of a component's conf, and the values that mean it: other programs have a variable of that name too.
    ConfKey(Component, &'static str, &'static [&'static str]),
    /// Known and ignored: muster always does what the value 1 asks for.
    AlwaysOn,
}

/// `fe_entrypoint.sh`, `be_entrypoint.sh`, `cn_entrypoint.sh` and the operator.
const STARROCKS: &[Alias] = &[
    alias("HOST_TYPE", Meaning::HostType),
    alias("POD_IP", Meaning::LocalAddress),
    alias("POD_FQDN", Meaning::LocalName),
    // Docker sets it in every container; the scripts ask `hostname -f`.
    alias("HOSTNAME", Meaning::HostName),
    alias("FE_SERVICE_NAME", Meaning::AnyFe),
    alias("COMPONENT_NAME", Meaning::ComponentOfPod),
    alias("MYSQL_PWD", Meaning::Password),
    alias("IS_FE_OBSERVER", Meaning::Observer),
    // The engine's log always goes to the console.
    alias("LOG_CONSOLE", Meaning::AlwaysOn),
    // update_conf_from_configmap of all entrypoints.
    alias("CONFIGMAP_MOUNT_PATH", Meaning::ConfFolder),
    // The all-in-one image (docker/dockerfiles/allin1, pull request 36227).
    alias(
        "RUN_MODE",
        Meaning::ConfKey(Component::Fe, "run_mode", &["shared_data", "shared_nothing"]),
    ),
    // Of compose files for older images.
    alias("FE_TYPE", Meaning::Role),
];

/// `init_fe.sh`, `init_be.sh` (docker/runtime) and the all-in-one image of 4.1.
const DORIS: &[Alias] = &[
    alias("FE_SERVERS", Meaning::Servers),
    alias("FE_ID", Meaning::ServerNumber),
    alias("BE_ADDR", Meaning::LocalEndpoint),
    alias("FE_MASTER_IP", Meaning::MasterHosts),
    alias("FE_MASTER_PORT", Meaning::MasterEditLogPort),
    alias("FE_CURRENT_IP", Meaning::LocalHost),
    alias("FE_CURRENT_PORT", Meaning::Port(PortName::EditLog)),
    alias("BE_IP", Meaning::LocalBackend),
    alias("FE_MASTER", Meaning::MasterHosts),
    // The only word that init_be.sh knows is the first.
    alias(
        "NODE_ROLE",
        Meaning::ConfKey(Component::Be, "be_node_role", &["computation", "mix"]),
    ),
];

const fn alias(variable: &'static str, meaning: Meaning) -> Alias {
    Alias { variable, meaning }
}

/// Every alias.
pub fn all() -> impl Iterator<Item = &'static Alias> {
    STARROCKS.iter().chain(DORIS)
}

/// The variables with that meaning, in the order of precedence.
pub fn meaning(meaning: Meaning) -> impl Iterator<Item = &'static str> {
    all()
        .filter(move |alias| alias.meaning == meaning)
        .map(|alias| alias.variable)
}

/// The alias of that name.
pub fn of(variable: &str) -> Option<&'static Alias> {
    all().find(|alias| alias.variable == variable)
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn no_name_has_two_meanings() {
        let mut names: Vec<_> = all().map(|alias| alias.variable).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
