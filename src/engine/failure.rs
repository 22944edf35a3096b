//! What a failed question means, told by code and text: whether to ask again, to stop, or to look once more.

/// Why an FE gave no usable answer. `Display` is one clause for the waiting line: "fe1:9030 refused the connection".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("refused the connection")]
    Refused,
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error("has a name that does not resolve: {0}")]
    Unresolvable(String),
    /// Seconds waited.
    #[error("did not answer within {0} s")]
    Deadline(u64),
    #[error("does not speak the MySQL protocol: {0}")]
    NotMySql(String),
    #[error("offers no TLS, but CLUSTER_TLS asks for it")]
    NoTls,
    #[error("failed the TLS handshake: {0}")]
    Tls(String),
    /// 1045: the account or its password.
    #[error("denied access: {0}")]
    Denied(String),
    /// 5203 or 1227: the account may not do this, also not with all its roles.
    #[error("refused for want of a privilege: {0}")]
    Privilege(String),
    /// The FE knows no leader, or lost the one it forwarded to.
    #[error("has no leader: {0}")]
    NoLeader(String),
    /// A lock of the FE was busy; nothing was done.
    #[error("is busy: {0}")]
    Busy(String),
    /// The member is there already, by the text of the answer; only a second look proves it.
    #[error("says it exists already: {0}")]
    Exists(String),
    /// Any other answer of the server.
    #[error("answered {code}: {text}")]
    Rejected { code: u16, text: String },
    /// SHOW without a column that is needed.
    #[error("answered {statement} without the column {column}")]
    MissingColumn {
        statement: &'static str,
        column: &'static str,
    },
    /// A cell that cannot be read.
    #[error("answered {statement} with `{value}` in the column {column}")]
    BadCell {
        statement: &'static str,
        column: &'static str,
        value: String,
    },
}

impl Failure {
    /// The class of a server's error, by code and then by text: code 1064 is used for nearly everything.
    pub fn from_server(code: u16, _state: &str, text: &str) -> Self {
        const NO_LEADER: [&str; 10] = [
            "Internal error processing forward",
            "forward failed",
            "java.net.SocketException",
            "java.net.ConnectException",
            "Socket is closed by peer",
            "Could not determine master",
            "Commit policy: SIMPLE_MAJORITY",
            "Cannot open null host",
            "Failed to get master client",
            "is not ready",
        ];
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let text_owned = text.to_owned();
        match code {
            1045 => Self::Denied(text_owned),
            5203 | 1227 => Self::Privilege(text_owned),
            5205 => Self::Tls(text_owned),
            _ if says(&["frontend name already exists", "Failed to acquire"]) => Self::Busy(text_owned),
            _ if says(&["already exists", "has already in brokers"]) => Self::Exists(text_owned),
            _ if says(&NO_LEADER) => Self::NoLeader(text_owned),
            _ => Self::Rejected {
                code,
                text: text_owned,
            },
        }
    }

    /// Whether asking again, here or elsewhere, cannot help before a person has changed something.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Denied(_) | Self::Privilege(_) | Self::NoTls | Self::Tls(_)
        )
    }
}
