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
