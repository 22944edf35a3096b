//! The variables that the vendors' own entrypoint scripts and operators read, and what each says here: a compose file
//! written for those images only changes the image.

use super::PortName;

/// One variable of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    pub variable: &'static str,
    pub meaning: Meaning,
}

/// What a vendor's variable says in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The seed, or a list that begins with it.
    MasterHosts,
    /// A name behind which any FE may answer: somebody to ask, never the seed.
    AnyFe,
    /// The advertised host of this node.
    LocalHost,
    /// The advertised host of a BE; beside it `BE_PORT` is the port the cluster knows the BE by.
    LocalBackend,
    /// The advertised host unless `HostType` says `FQDN`.
    LocalAddress,
    /// The advertised host if `HostType` says `FQDN`.
    LocalName,
    /// `IP` or `FQDN`.
    HostType,
    /// What this machine or container calls itself: the name if `HostType` says `FQDN` and nobody gives another.
    HostName,
    /// `name:host:edit_log_port`, a list of all FEs.
    Servers,
    /// Which entry of `Servers` this FE is, from 1.
    ServerNumber,
    /// `host:port` of this node, the port being the one the cluster knows a BE by.
    LocalEndpoint,
    Port(PortName),
    MasterEditLogPort,
    Password,
    /// `true` on an FE that joins without a vote.
    Observer,
    /// The component of the pod; used only to read the other variables.
    ComponentOfPod,
    /// Known and without effect: what it switches is always so here, or is found without it.
    Nothing,
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
    alias("LOG_CONSOLE", Meaning::Nothing),
    // A read-only conf dir is noticed without being told.
    alias("CONFIGMAP_MOUNT_PATH", Meaning::Nothing),
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
];

const fn alias(variable: &'static str, meaning: Meaning) -> Alias {
    Alias { variable, meaning }
}

/// Every alias.
pub fn all() -> impl Iterator<Item = &'static Alias> {
    STARROCKS.iter().chain(DORIS)
}

/// The variables with that meaning, the one that is believed first in front.
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
