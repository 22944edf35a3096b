//! The variables that the vendors' own entrypoint scripts and operators read, and their meaning here: a compose file written
//! for those images only needs another image.

use super::{Component, Engine, PortName};

/// One variable of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    pub variable: &'static str,
    pub meaning: Meaning,
    /// The engine whose images read it; `None`: every image. Other programs have a variable of that name too.
    only: Option<&'static str>,
}

impl Alias {
    /// True if an image of that engine reads it. Where no engine is known, all are read.
    pub fn is_read_by(&self, engine: Option<&Engine>) -> bool {
        self.only
            .is_none_or(|id| engine.is_none_or(|engine| engine.id == id))
    }
}

/// The meaning of a vendor's variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The seed, or a list that begins with it.
    MasterHosts,
    /// A name behind which any FE may answer: an FE to ask, never the seed.
    AnyFe,
    /// A list of FEs to ask. An FE with it never founds, and one without it does. The node is known by its only address.
    FesToAsk,
    /// The advertised host of an FE.
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
    /// `name:host:edit_log_port`, a list of all FEs, the founding one first.
    Servers,
    /// The position of this FE in `Servers`, from 1.
    ServerNumber,
    /// `name:host`, a list of all BEs.
    BackendNames,
    /// Members are known by the names in `Servers` and `BackendNames`, if both are set.
    ServersByName,
    /// `host:port` of a BE, with its heartbeat port.
    LocalEndpoint,
    /// `name:host:port` of a broker.
    BrokerEndpoint,
    Port(PortName),
    /// The seed's edit log port; images of others mean its MySQL port, which is recognised by its number.
    MasterPort,
    /// An account of the cluster, if there is a `Password` with the same `only`.
    User,
    Password,
    /// `true` on an FE that joins without a vote.
    Observer,
    /// The number of FEs with a vote: those whose name ends with that number or a higher one have none.
    Voters,
    /// The component of the pod; used only to read the other variables.
    ComponentOfPod,
    /// `follower` or `observer`.
    Role,
    /// A folder whose files take the place of those of the same name in `conf/`.
    ConfFolder,
    /// Lines of a component's conf.
    ConfLines(Component),
    /// One of some words.
    Words(Words),
    /// Known and ignored: muster always does what the value 1 asks for.
    AlwaysOn,
    /// Known and not read, if the other variable is set too or none is named: the end of a sentence.
    Unread(&'static str, Option<&'static str>),
}

/// The words of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    pub words: &'static [(&'static str, Word)],
    /// Another word is refused. Otherwise it is another program's, and named in a warning.
    pub strict: bool,
}

/// The meaning of one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A key of a component's conf, with this word as its value.
    ConfKey(Component, &'static str),
    Component(Component),
    /// The component of a node that is known by its only address; an FE founds unless `FesToAsk` is set.
    Node(Component),
    /// The end of a sentence that says why.
    Refused(&'static str),
    /// The end of a sentence that says what muster does instead.
    Unread(&'static str),
    /// What muster does anyway.
    Nothing,
}

impl Meaning {
    /// The components that it applies to; `None` is all of them.
    pub const fn components(&self) -> Option<&'static [Component]> {
        match self {
            Self::LocalHost | Self::ServerNumber | Self::Role | Self::Observer | Self::Voters => {
                Some(&[Component::Fe])
            }
            Self::LocalBackend | Self::LocalEndpoint => Some(&[Component::Be, Component::Cn]),
            Self::BrokerEndpoint => Some(&[Component::Broker]),
            Self::ConfLines(component) => Some(one(*component)),
            _ => None,
        }
    }

    /// The same, for a word that sets a conf key.
    pub fn components_of(&self, value: &str) -> Option<&'static [Component]> {
        match self.word(value) {
            Some(Word::ConfKey(component, _)) => Some(one(component)),
            _ => self.components(),
        }
    }

    /// The meaning of that word.
    pub fn word(&self, value: &str) -> Option<Word> {
        let Self::Words(words) = self else { return None };
        let mut all = words.words.iter();
        let (_, word) = all.find(|(word, _)| word.eq_ignore_ascii_case(value))?;
        Some(*word)
    }
}

const fn one(component: Component) -> &'static [Component] {
    match component {
        Component::Fe => &[Component::Fe],
        Component::Be => &[Component::Be],
        Component::Cn => &[Component::Cn],
        Component::Broker => &[Component::Broker],
    }
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
    // The modes: the all-in-one image (docker/dockerfiles/allin1, pull request 36227). The components: a community image of
    // the other engine (huisunan/docker-doris, rootfs/docker-entrypoint.sh).
    words(
        "RUN_MODE",
        &[
            ("shared_data", Word::ConfKey(Component::Fe, "run_mode")),
            ("shared_nothing", Word::ConfKey(Component::Fe, "run_mode")),
            ("fe", Word::Component(Component::Fe)),
            ("be", Word::Component(Component::Be)),
        ],
    ),
    // Of compose files for older images.
    alias("FE_TYPE", Meaning::Role),
];

const TO_VENDOR: &str = "is no node of a cluster: leave this service on the vendor's image and entrypoint";

/// `init_fe.sh`, `entry_point.sh`, `init_be.sh`, `init_broker.sh` (docker/runtime), the scripts of the operator, and the
/// all-in-one image of 4.1.
const DORIS: &[Alias] = &[
    alias("FE_SERVERS", Meaning::Servers),
    alias("FE_ID", Meaning::ServerNumber),
    alias("BE_ADDR", Meaning::LocalEndpoint),
    alias("BROKER_ADDR", Meaning::BrokerEndpoint),
    alias("FE_MASTER_IP", Meaning::MasterHosts),
    // 9010 in the vendor's images, 9030 in huisunan/docker-doris.
    alias("FE_MASTER_PORT", Meaning::MasterPort),
    alias("FE_CURRENT_IP", Meaning::LocalHost),
    alias("FE_CURRENT_PORT", Meaning::Port(PortName::EditLog)),
    alias("BE_IP", Meaning::LocalBackend),
    // 2.1 to 3.0: init_fe.sh writes both lists into /etc/hosts and sets enable_fqdn_mode.
    alias("BE_SERVERS", Meaning::BackendNames),
    only("FQDN", Meaning::ServersByName),
    only_words(
        "NODE_ROLE",
        &[
            ("computation", Word::ConfKey(Component::Be, "be_node_role")),
            ("mix", Word::Nothing),
        ],
    ),
    only_words(
        "RECOVERY",
        &[
            ("true", RECOVERY),
            ("1", RECOVERY),
            ("false", Word::Nothing),
            ("0", Word::Nothing),
        ],
    ),
    // init_fe.sh and entry_point.sh start the engine at once then.
    only_words(
        "BUILD_TYPE",
        &[(
            "k8s",
            Word::Unread("has no effect: muster waits for a leader and registers this node itself"),
        )],
    ),
    // The operator: fe_entrypoint.sh, be_entrypoint.sh.
    only("ELECT_NUMBER", Meaning::Voters),
    only("USER", Meaning::User),
    only("PASSWD", Meaning::Password),
    only(
        "ENABLE_WORKLOAD_GROUP",
        Meaning::Unread(
            "is not read: muster makes no control group; make it, and set BE_CONF__doris_cgroup_cpu_path",
            None,
        ),
    ),
    only(
        "KRB5_MOUNT_PATH",
        Meaning::Unread(
            "is not read: muster links no files; mount them at the path of KRB5_CONFIG",
            None,
        ),
    ),
    // docker/runtime/all-in-one/4.1: entrypoint.sh and lib.sh.
    Alias {
        variable: "DORIS_ROLE",
        meaning: Meaning::Words(Words {
            words: &[
                ("fe", Word::Node(Component::Fe)),
                ("be", Word::Node(Component::Be)),
                (
                    "all",
                    Word::Refused(
                        "asks for an FE and a BE, and one container is one node; start an FE and a BE, with DORIS_ROLE=fe and \
                         DORIS_ROLE=be",
                    ),
                ),
                ("ms", Word::Refused(TO_VENDOR)),
                ("recycler", Word::Refused(TO_VENDOR)),
                ("cloud-init", Word::Refused(TO_VENDOR)),
                ("client", Word::Refused(TO_VENDOR)),
            ],
            strict: true,
        }),
        only: None,
    },
    only_words(
        "DEPLOY_MODE",
        &[
            ("local", Word::Nothing),
            (
                "cloud",
                Word::Refused(
                    "is not supported yet: the membership of such a cluster is kept by its meta service",
                ),
            ),
        ],
    ),
    alias("FE_MASTER", Meaning::FesToAsk),
    alias("FE_CONFIG_EXTRA", Meaning::ConfLines(Component::Fe)),
    alias("BE_CONFIG_EXTRA", Meaning::ConfLines(Component::Be)),
    alias("FE_HTTP_PORT", Meaning::Port(PortName::Http)),
    alias("FE_EDIT_LOG_PORT", Meaning::Port(PortName::EditLog)),
    alias("BE_HEARTBEAT_PORT", Meaning::Port(PortName::Heartbeat)),
    only(
        "START_TIMEOUT",
        Meaning::Unread(
            "is not read; set WAIT_TIMEOUT and JOIN_TIMEOUT",
            Some("DORIS_ROLE"),
        ),
    ),
    only(
        "STOP_TIMEOUT",
        Meaning::Unread("is not read; set STOP_GRACE", Some("DORIS_ROLE")),
    ),
    // The scripts of pull request 53407, which was not merged; people mount them.
    alias("MASTER_FE", Meaning::MasterHosts),
    alias("CURRENT_FE", Meaning::LocalHost),
    alias("CURRENT_BE", Meaning::LocalBackend),
];

/// `init_fe.sh`, since 2.1.4, adds the flag to every start.
const RECOVERY: Word = Word::Refused(
    "asks for --metadata_failure_recovery at every start, which throws the other FEs out of their group; stop this container, \
     run `start_fe.sh --metadata_failure_recovery` once by hand in another one with the same volumes, and remove RECOVERY",
);

/// The beginning of names that become keys of the conf in scripts that people mount (pull request 53407): a lower-case key
/// follows.
pub const CONF_KEY_PREFIX: &str = "DORIS_";

/// The engine of the aliases that other programs' variables are not to be taken for.
const DORIS_ID: &str = "doris";

const fn alias(variable: &'static str, meaning: Meaning) -> Alias {
    Alias {
        variable,
        meaning,
        only: None,
    }
}

const fn only(variable: &'static str, meaning: Meaning) -> Alias {
    Alias {
        variable,
        meaning,
        only: Some(DORIS_ID),
    }
}

const fn words(variable: &'static str, words: &'static [(&'static str, Word)]) -> Alias {
    let words = Words { words, strict: false };
    alias(variable, Meaning::Words(words))
}

const fn only_words(variable: &'static str, words: &'static [(&'static str, Word)]) -> Alias {
    let words = Words { words, strict: false };
    only(variable, Meaning::Words(words))
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
    use super::{DORIS_ID, Meaning, all};
    use crate::engine::Engine;

    #[test]
    fn no_name_has_two_meanings() {
        let mut names: Vec<_> = all().map(|alias| alias.variable).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn what_is_one_engines_alone_names_an_engine() {
        assert!(Engine::by_id(DORIS_ID).is_some());
        let user = all().find(|alias| alias.meaning == Meaning::User).unwrap();
        assert!(user.is_read_by(None) && user.is_read_by(Engine::by_id(DORIS_ID)));
        assert!(!user.is_read_by(Some(crate::engine::ALL[0])));
    }
}
