//! The engines under test, and what differs in how they are asked.

use crate::support::Fields;

/// How an engine is asked, and where its answers are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) profile: &'static str,
    /// The column of a member's host.
    pub(crate) host: &'static str,
    /// The data dir below an FE's home.
    pub(crate) meta: &'static str,
    /// What a leader is called outside of SHOW FRONTENDS.
    pub(crate) leader: &'static str,
    pub(crate) version: &'static str,
    pub(crate) je: &'static str,
    /// Code and beginning of nearly every refusal.
    pub(crate) refusal: (u16, &'static str),
}

pub(crate) static STARROCKS: Kind = Kind {
    profile: "starrocks-3.5",
    host: "IP",
    meta: "fe/meta",
    leader: "LEADER",
    version: "3.5.0-0be11fd",
    je: "(JE 18.3.20)",
    refusal: (1064, ""),
};
pub(crate) static OLD_STARROCKS: Kind = Kind {
    profile: "starrocks-3.1",
    ..STARROCKS
};
pub(crate) static DORIS: Kind = Kind {
    profile: "doris-4.0",
    host: "Host",
    meta: "fe/doris-meta",
    leader: "MASTER",
    version: "doris-4.0.1-Unknown",
    je: "(JE 18.3.12)",
    refusal: (1105, "errCode = 2, detailMessage = "),
};
pub(crate) static DORIS_30: Kind = Kind {
    profile: "doris-3.0",
    ..DORIS
};
pub(crate) static DORIS_21: Kind = Kind {
    profile: "doris-2.1",
    ..DORIS
};

impl Kind {
    pub(crate) fn is_doris(&self) -> bool {
        self.profile.starts_with("doris")
    }

    /// One of two, by the engine.
    pub(crate) fn pick<T>(&self, starrocks: T, doris: T) -> T {
        if self.is_doris() { doris } else { starrocks }
    }

    /// Whether a row of SHOW FRONTENDS leads.
    pub(crate) fn leads(&self, row: &Fields) -> bool {
        let (column, value) = self.pick(("Role", "LEADER"), ("IsMaster", "true"));
        row.is(column, value)
    }

    pub(crate) fn says(&self, words: &str) -> String {
        format!("{}{words}", self.refusal.1)
    }
}

/// A situation that was seen in both engines: a function of the engine becomes a test for each.
macro_rules! for_each_engine {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test]
            async fn starrocks() {
                super::$name(&crate::kind::STARROCKS).await;
            }

            #[tokio::test]
            async fn doris() {
                super::$name(&crate::kind::DORIS).await;
            }
        }
    )+ };
}
pub(crate) use for_each_engine;
