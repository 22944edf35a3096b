//! The engine's words where they name somebody, and the words that belong together.

use super::{Engine, Profile};
use crate::group::membership::{Frontend, NodeKind};

/// What StarRocks puts in front of what its analyzer does not like.
const ANALYZING: &str = "Getting analyzing error. Detail message:";

impl Profile {
    fn pick<T>(&self, starrocks: T, doris: T) -> T {
        match self.engine {
            Engine::StarRocks => starrocks,
            Engine::Doris => doris,
        }
    }

    /// Something that is wrong with a statement's values.
    pub(crate) fn analysis(&self, words: &str) -> String {
        self.pick(
            format!("{ANALYZING} {words}."),
            format!("{}{words}", self.mysql.refusal_prefix),
        )
    }

    pub(crate) fn invalid_host_port(&self, text: &str) -> String {
        let invalid = self.pick("Invalid", "invalid");
        self.analysis(&format!("{invalid} host port: {text}"))
    }

    pub(crate) fn frontend_exists(&self, known: &Frontend, alive: bool) -> String {
        let Frontend {
            name,
            host,
            edit_log_port,
            role,
            ..
        } = known;
        self.pick(
            format!("FE with the same host: {host} already exists"),
            format!(
                "frontend already exists name: {name}, role: {}, {host}:{edit_log_port}, is alive: {alive}",
                role.word()
            ),
        )
    }

    pub(crate) fn node_exists(&self, kind: NodeKind, host: &str, port: u16) -> String {
        let what = match kind {
            NodeKind::Backend => "Backend",
            NodeKind::Compute => "Compute node",
        };
        self.pick(
            format!("{what} already exists with same host {host} and port {port}"),
            format!("Same backend already exists[{host}:{port}]"),
        )
    }

    pub(crate) fn no_such_frontend(&self, host: &str) -> String {
        self.pick(
            format!("frontend [{host}] not found"),
            format!("frontend does not exist, host:{host}"),
        )
    }

    /// A member of the group that is not in the list of FEs.
    pub(crate) fn not_added(&self, host: &str, port: u16) -> String {
        self.pick(
            "current node is not added to the cluster, will exit".to_owned(),
            format!(
                "current node {host}:{port} is not added to the cluster, will exit. Your FE IP maybe changed, please \
                 set 'priority_networks' config in fe.conf properly."
            ),
        )
    }

    pub(crate) fn own_helper(&self) -> String {
        let leader = self.pick("Leader", "Master");
        let words = format!(
            "Do not specify the helper node to FE itself. Please specify it to the existing running {leader} or \
             Follower FE"
        );
        self.pick(format!("{ANALYZING} {words}."), words)
    }

    pub(crate) fn two_helpers(&self) -> &'static str {
        self.pick(
            "java.lang.IllegalStateException: null",
            "java.lang.IllegalStateException: null\n\tat com.google.common.base.Preconditions.checkState",
        )
    }

    /// A key of a conf file whose value cannot be read.
    pub(crate) fn bad_value(&self, key: &str, value: &str) -> String {
        let cause = format!("java.lang.NumberFormatException: For input string: \"{value}\"");
        self.pick(
            cause.clone(),
            format!("Failed to set config, name: {key}, value: {value}\n{cause}"),
        )
    }

    pub(crate) fn unset_variable(&self, name: &str) -> String {
        let class = self.pick("com.starrocks.common.InvalidConfException", "java.lang.Exception");
        format!("{class}: no such env variable: {name}")
    }

    /// Whom one FE could not log in. Doris says YES whatever was given.
    pub(crate) fn access_denied(&self, user: &str, from: &str, with_password: bool) -> String {
        let using = |yes| if yes { "YES" } else { "NO" };
        self.pick(
            format!(
                "Access denied for user '{user}' (using password: {})",
                using(with_password)
            ),
            format!(
                "Access denied for user '{user}@{from}' (using password: {})",
                using(true)
            ),
        )
    }

    pub(crate) fn unknown_variable(&self, name: &str) -> String {
        self.pick(
            format!("Unknown system variable '{name}'"),
            format!("Unsupported system variable: {name}"),
        )
    }

    pub(crate) fn no_backend(&self) -> &'static str {
        self.pick(
            "Backend node not found. Check if any backend node is down.",
            "No backend available as scan node, please check the status of your backends.",
        )
    }

    /// What an FE says that waits for a leader: each so many engine seconds.
    pub(crate) fn waiting(&self, round: u32) -> (f64, String) {
        self.pick(
            (
                2.0,
                "wait globalStateMgr to be ready. FE type: INIT. is ready: false".to_owned(),
            ),
            (
                10.0,
                format!(
                    "wait catalog to be ready. feType:UNKNOWN isReady:false, counter:{} reason: ",
                    round * 100 + 1
                ),
            ),
        )
    }

    pub(crate) fn can_write(&self) -> &'static str {
        self.pick(
            "leader finished to replay journal, can write now.",
            "master finished to replay journal, can write now",
        )
    }

    /// A leader that found no majority for a change, at its end.
    pub(crate) fn stuck_write(&self, journal: u64) -> String {
        self.pick(
            "failed to begin txn after retried 3 times! db = CloseSafeDatabase{db=1} failed to rebuild txn!"
                .to_owned(),
            format!("write bdb failed. will exit. the first journalId: {journal}, bdb database Name: 1"),
        )
    }

    /// The end of an address that another program has taken.
    pub(crate) fn unresolvable(&self, host: &str) -> String {
        self.pick(
            format!("{ANALYZING} Unknown host: {host}: Name or service not known."),
            format!("Unknown hostname:  {host}: Temporary failure in name resolution"),
        )
    }
}
