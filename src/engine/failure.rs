//! The class of a failed question, by code and text: ask again, stop, or look once more.

use std::time::Duration;

use super::accounts::Accounts;
use crate::printable::excerpt;

/// Why an FE gave no usable answer. `Display` follows the endpoint and a colon: "fe1:9030: connection refused".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("connection refused")]
    Refused,
    #[error("{0}")]
    Unreachable(String),
    #[error("the name does not resolve: {0}")]
    Unresolvable(String),
    /// The connection was there, the answer was not. Seconds waited.
    #[error("no answer within {0} s")]
    Deadline(u64),
    #[error("not a MySQL server: {0}")]
    NotMySql(String),
    /// It spoke the right protocol, then the connection ended: an FE that stops, or lost its quorum.
    #[error("connection lost: {0}")]
    Lost(String),
    /// It broke the MySQL protocol after its greeting, or its answer is longer than any list of members.
    #[error("malformed answer: {0}")]
    Malformed(String),
    #[error("the FE offers no TLS, and CLUSTER_TLS requires it")]
    NoTls,
    /// 5205.
    #[error("the FE requires TLS, and CLUSTER_TLS is off: {0}")]
    Insecure(String),
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// 1045: the account or its password.
    #[error("login refused: {0}")]
    Denied(String),
    /// Another login plugin than the one that proves the password without showing it.
    #[error("the server asks for the login plugin {name}, {why}; muster answers only mysql_native_password")]
    Plugin { name: String, why: &'static str },
    /// 5203 or 1227: the account may not do this, also not with all its roles. `cure`: the statement that lets it, filled in by
    /// the client, which knows the account.
    #[error("missing privilege: {said}")]
    Privilege { said: String, cure: String },
    /// The account has no password, and one is set for it: a new cluster whose founder has not closed it yet.
    #[error("the account {0} has no password there, and one is set for it here")]
    NoPassword(String),
    /// It runs, and does not serve yet or any more.
    #[error("not ready: {0}")]
    NotReady(String),
    /// The FE knows no leader, or lost the one it forwarded to.
    #[error("no leader: {0}")]
    NoLeader(String),
    /// A lock of the FE was busy; nothing was done.
    #[error("busy: {0}")]
    Busy(String),
    /// The member is there already, by the text of the answer; only a second look proves it.
    #[error("already registered: {0}")]
    Exists(String),
    /// The engine will not give this member another host.
    #[error("the host cannot be changed: {1}")]
    Immovable(Immovable, String),
    /// Any other answer of the server.
    #[error("error {code}: {text}")]
    Rejected { code: u16, text: String },
    /// SHOW without a column that is needed.
    #[error("{statement} has no column {column}")]
    MissingColumn {
        statement: &'static str,
        column: &'static str,
    },
    /// A cell that cannot be read.
    #[error("{statement} has `{value}` in the column {column}")]
    BadCell {
        statement: &'static str,
        column: &'static str,
        value: String,
    },
}

/// Why a member's host is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Immovable {
    /// An address may not take the place of another one.
    Address,
    /// The election group has never met it.
    NeverJoined,
    /// It runs. The leader may have changed the host in its memory all the same (observed).
    Alive,
    /// No such member.
    NotListed,
}

/// The words of each; the last three were seen on running engines, a BE's in the source.
const IMMOVABLE: &[(Immovable, &str)] = &[
    (Immovable::Address, "Can't change ip to ip"),
    (Immovable::NeverJoined, "is not a member of the group"),
    (
        Immovable::Alive,
        "Can't update the network address for a live node",
    ),
    (Immovable::NotListed, "frontend does not exist, host:"),
];

/// The answers of an FE that has no leader to forward to: each was seen, under code 1064 or 1105, at another moment of an
/// election, a cut cable or a lost quorum.
const NO_LEADER: &[&str] = &[
    "Internal error processing forward",
    "forward failed",
    "forward too many times",
    "ForwardToMasterException",
    // SocketException, ConnectException, NoRouteToHostException and their kin: the FE could not reach its leader.
    "java.net.",
    "TTransportException",
    "Socket is closed by peer",
    "Could not determine master",
    "Commit policy: SIMPLE_MAJORITY",
    "Cannot open null host",
    "Failed to get master client",
    "catalog is not ready",
];

/// Nothing was done, and the next try may succeed.
const BUSY: &[&str] = &[
    "Failed to acquire",
    // 100 for one account in Doris and in older StarRocks; the code is not always 1203.
    "Reach limit of connections",
    "Too many connections",
    // The name holds a millisecond stamp: the text itself says "Try again".
    "frontend name already exists",
];

/// The last one is what CREATE DATABASE answers.
const EXISTS: &[&str] = &["already exists", "has already in brokers", "; database exists"];

impl Failure {
    /// The class of a server's error: by code where the code says it, else by text, because 1064 says nearly all.
    pub fn from_server(code: u16, state: &str, text: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let immovable = IMMOVABLE.iter().find(|(_, words)| text.contains(words));
        let not_found = ["frontend [", "backend ["]
            .iter()
            .any(|begin| text.contains(begin) && text.ends_with("] not found"));
        let said = presentable(text);
        match code {
            // 3955: the account is locked.
            1045 | 3955 => Self::Denied(said),
            5203 | 1227 => Self::privilege(said),
            5205 => Self::Insecure(said),
            _ if state == "28000" => Self::Denied(said),
            _ if says(&["Access denied; you need"]) => Self::privilege(said),
            _ if says(BUSY) => Self::Busy(said),
            _ if says(EXISTS) => Self::Exists(said),
            _ if not_found => Self::Immovable(Immovable::NotListed, said),
            _ if let Some((why, _)) = immovable => Self::Immovable(*why, said),
            _ if says(NO_LEADER) => Self::NoLeader(said),
            _ => Self::Rejected { code, text: said },
        }
    }

    const fn privilege(said: String) -> Self {
        let cure = String::new();
        Self::Privilege { said, cure }
    }

    /// The same, with the statement that gives `account` the privilege that it lacks.
    #[must_use]
    pub fn with_cure(self, accounts: &Accounts, account: &str) -> Self {
        match self {
            Self::Privilege { said, .. } => Self::Privilege {
                cure: accounts.cure(&said, account),
                said,
            },
            other => other,
        }
    }

    /// No answer within that time; less than a second counts as one.
    pub fn late(within: Duration) -> Self {
        Self::Deadline(
            within
                .as_secs()
                .saturating_add(u64::from(within.subsec_nanos() > 0)),
        )
    }

    /// True if asking again, here or elsewhere, cannot help before a person has changed something.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Denied(_)
                | Self::Plugin { .. }
                | Self::Privilege { .. }
                | Self::NoTls
                | Self::Insecure(_)
                | Self::Tls(_)
        )
    }
}

/// The longest text of a server that is passed on.
const LONGEST: usize = 300;

/// A server's text as it may be logged: its first line, not endless, and without the cluster's token, which error
/// texts were seen to carry as part of a URL (`…&token=…`) or by itself (`invalid token: …`).
pub fn presentable(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut shown = String::new();
    let mut rest = line;
    while let Some((before, secret)) = ["token=", "token: "]
        .into_iter()
        .filter_map(|mark| rest.split_once(mark).map(|(before, after)| (before, mark, after)))
        .min_by_key(|(before, ..)| before.len())
        .map(|(before, mark, after)| (format!("{before}{mark}…"), after))
    {
        shown.push_str(&before);
        rest = secret.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
    }
    shown.push_str(rest);
    excerpt(&shown, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::{Failure, Immovable, presentable};

    /// One answer a line: code, state, text. Seen on running FEs, or in sources where a version is said.
    #[test]
    fn each_text_a_server_was_seen_to_answer_has_its_class() {
        type Class = fn(String) -> Failure;
        let table: [(Class, &str); 6] = [
            (
                Failure::Denied,
                "1045 28000 Access denied for user 'root' (using password: YES)
                 1045 HY000 Access denied for user 'x' (using password: NO)
                 1045 28000 Access denied for user 'root@10.78.0.1' (using password: YES)
                 3955 HY000 Access denied for user 'x'@'%'. Account is blocked for 58 second(s) (58 second(s) remaining) due to 3 consecutive failed logins.",
            ),
            // 5203 since 3.3, 1227 before; the other engine has 1105 for everything.
            (
                Failure::privilege,
                "5203 42000 Access denied; you need (at least one of) the NODE privilege(s) on SYSTEM for this operation. Inactivated role(s): [cluster_admin].
                 1227 42000 Access denied; you need (at least one of) the OPERATOR privilege(s) for this operation
                 1105 HY000 errCode = 2, detailMessage = Access denied; you need (at least one of) the (NODE) privilege(s) for this operation
                 1105 HY000 Access denied; you need (at least one of) the (ADMIN) privilege(s) for this operation
                 1225 42000 Access denied; you need (at least one of) the (SELECT) privilege(s) on database information_schema",
            ),
            (
                Failure::Insecure,
                "5205 HY000 Connections using insecure transport are prohibited",
            ),
            (
                Failure::NoLeader,
                "1064 HY000 Internal error processing forward
                 1064 HY000 forward failed: unknown result
                 1064 HY000 java.net.SocketException: Connection reset
                 1064 HY000 java.net.ConnectException: Connection refused
                 1064 HY000 java.net.NoRouteToHostException: No route to host
                 1064 HY000 Socket is closed by peer.
                 1064 HY000 (JE 18.3.20) Could not determine master from helpers at:[/10.77.0.11:9010]
                 1064 HY000 (JE 18.3.20) Commit policy: SIMPLE_MAJORITY required 1 replica. But none were active with this master.
                 1064 HY000 Cannot open null host.
                 5401 HY000 forward too many times 11
                 1105 HY000 Exception, msg: Failed to get master client.
                 1105 HY000 Exception, msg: Node catalog is not ready, please wait for a while. To master progress: start daemon threads.
                 1105 HY000 ForwardToMasterException, msg: forward to master FE TNetworkAddress(hostname:10.78.0.11, port:9020), statement id: 9 : failed",
            ),
            (
                Failure::Busy,
                "1064 HY000 Failed to acquire globalStateMgr lock. Try again
                 1064 HY000 frontend name already exists 10.77.0.12_9010_1795234168107. Try again",
            ),
            // `Same … already exists` up to 3.0, `frontend already exists` up to 2.3.
            (
                Failure::Exists,
                "1064 HY000 FE with the same host: 10.77.0.12 already exists
                 1064 HY000 frontend already exists name: 10.0.0.2_9010_1, role: FOLLOWER, 10.0.0.2:9010
                 1064 HY000 Same backend already exists[10.0.0.4:9050]
                 1064 HY000 Same compute node already exists[10.0.0.4:9050]
                 1064 HY000 Backend already exists with same host 10.77.0.14 and port 9050
                 1064 HY000 Compute node already exists with same host 10.77.0.14 and port 9050
                 1064 HY000 Broker(10.77.0.15:8000) has already in brokers.
                 1007 HY000 Can't create database 'd'; database exists",
            ),
        ];
        for (class, answers) in table {
            for answer in answers.lines().map(str::trim) {
                let (code, rest) = answer.split_once(' ').unwrap();
                let (state, text) = rest.split_once(' ').unwrap();
                assert_eq!(
                    Failure::from_server(code.parse().unwrap(), state, text),
                    class(text.to_owned())
                );
            }
        }
    }

    /// What engines were seen to answer to a change of a host; a BE's "not found" is read in the source.
    #[test]
    fn why_a_host_is_not_changed_is_told_by_its_text() {
        let table = [
            (
                Immovable::Address,
                1064,
                "Getting analyzing error. Detail message: Can't change ip to ip.",
            ),
            (
                Immovable::NeverJoined,
                1064,
                "(JE 18.3.20) Node: 10.77.0.12_9010_1795234168107 is not a member of the group: PALO_JOURNAL_GROUP",
            ),
            (Immovable::NotListed, 1064, "frontend [10.77.0.99] not found"),
            (Immovable::NotListed, 1064, "backend [10.77.0.99] not found"),
            (
                Immovable::NotListed,
                1105,
                "frontend does not exist, host:10.78.0.77",
            ),
            (
                Immovable::Alive,
                1105,
                "(JE 18.3.12) (JE 18.3.12) Can't update the network address for a live node.",
            ),
        ];
        for (why, code, text) in table {
            let failure = Failure::from_server(code, "HY000", text);
            assert_eq!(failure, Failure::Immovable(why, text.to_owned()));
            assert!(!failure.is_final(), "{text}");
        }
    }

    #[test]
    fn any_other_text_is_a_rejection_with_its_code() {
        let texts = [
            (
                1064,
                "Getting analyzing error. Detail message: Unknown host: fe9: Name or service not known.",
            ),
            (
                1064,
                "Getting analyzing error. Detail message: Invalid host port: 10.77.0.13.",
            ),
            (
                1064,
                "Getting syntax error at line 1, column 26. Detail message: No viable statement for input \
                 'DECOMMISSION COMPUTE'.",
            ),
            (1064, "frontend does not exist[fe3:9010]"),
            (1064, "can not drop current master node."),
            (5501, "Unknown database 'x'"),
            (1193, "Unknown system variable 'socket'"),
        ];
        for (code, text) in texts {
            let failure = Failure::from_server(code, "HY000", text);
            assert_eq!(
                failure,
                Failure::Rejected {
                    code,
                    text: text.to_owned()
                }
            );
            assert!(!failure.is_final(), "{text}");
        }
    }

    #[test]
    fn only_what_a_person_has_to_change_is_final() {
        let text = String::new;
        let finals = [
            Failure::Denied(text()),
            Failure::privilege(text()),
            Failure::NoTls,
            Failure::Insecure(text()),
            Failure::Tls(text()),
        ];
        let others = [
            Failure::Refused,
            Failure::Unreachable(text()),
            Failure::Unresolvable(text()),
            Failure::Deadline(3),
            Failure::NotMySql(text()),
            Failure::Lost(text()),
            Failure::Malformed(text()),
            Failure::NotReady(text()),
            Failure::NoPassword(text()),
            Failure::NoLeader(text()),
            Failure::Busy(text()),
            Failure::Exists(text()),
        ];
        assert!(finals.iter().all(Failure::is_final));
        assert!(!others.iter().any(Failure::is_final));
    }

    /// "our 404 or 503 -> `ErrMsg` of SHOW FRONTENDS and fe.warn.log contain the full URL with `cluster_id` and token".
    #[test]
    fn a_text_that_carries_the_clusters_token_is_passed_on_without_it() {
        let table = [
            (
                "java.io.FileNotFoundException: http://10.77.0.12:8030/api/bootstrap?cluster_id=147889237&token=a1491ae0-9c2f",
                "java.io.FileNotFoundException: http://10.77.0.12:8030/api/bootstrap?cluster_id=147889237&token=…",
            ),
            ("invalid token: a1491ae0-9c2f; asked", "invalid token: …; asked"),
            ("token=a1 and token: b2", "token=… and token: …"),
            ("Connection refused\nat line 2", "Connection refused"),
            ("", ""),
            // It goes into a log and onto a terminal.
            ("\u{1b}[2Jgone\rx", r"\u{1b}[2Jgone\rx"),
        ];
        for (text, shown) in table {
            assert_eq!(presentable(text), shown);
        }
        assert_eq!(presentable(&"x".repeat(1000)).chars().count(), 301);
    }

    #[test]
    fn a_wait_of_less_than_a_second_is_not_told_as_none() {
        use std::time::Duration;
        assert_eq!(Failure::late(Duration::from_secs(3)), Failure::Deadline(3));
        assert_eq!(Failure::late(Duration::from_millis(200)), Failure::Deadline(1));
    }
}
