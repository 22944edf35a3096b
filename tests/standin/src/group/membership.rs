//! What the group agrees on: who belongs to the cluster, and who may log in.

use serde::{Deserialize, Serialize};

use crate::profile::Engine;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FeRole {
    #[serde(rename = "FOLLOWER")]
    Follower,
    #[serde(rename = "OBSERVER")]
    Observer,
}

impl FeRole {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Follower => "FOLLOWER",
            Self::Observer => "OBSERVER",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "FOLLOWER" => Some(Self::Follower),
            "OBSERVER" => Some(Self::Observer),
            _ => None,
        }
    }
}

/// A row the cluster was told about by ADD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frontend {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) edit_log_port: u16,
    pub(crate) role: FeRole,
}

/// A node the replication group has met: this, not the row, is what counts for a majority and shows `Join=true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupNode {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) electable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NodeKind {
    Backend,
    Compute,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) host: String,
    pub(crate) heartbeat_port: u16,
    pub(crate) kind: NodeKind,
    pub(crate) decommissioned: bool,
    /// Doris' resource group.
    pub(crate) tag: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Broker {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Broker {
    /// One name may have many places, and one place many names.
    pub(crate) fn key(&self) -> String {
        format!("{} {}:{}", self.name, self.host, self.port)
    }
}

/// What an account of Doris may do, as GRANT names it.
pub(crate) const NODE: &str = "NODE_PRIV";
pub(crate) const ADMIN: &str = "ADMIN_PRIV";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) user: String,
    /// SHA1(SHA1(password)), or nothing for an empty one.
    pub(crate) password: Option<[u8; 20]>,
    /// Roles of StarRocks, privileges of Doris.
    pub(crate) roles: Vec<String>,
    /// Those that are active without `SET ROLE`.
    pub(crate) default_roles: Vec<String>,
}

impl Account {
    pub(crate) fn new(user: &str, password: Option<[u8; 20]>, roles: &[&str]) -> Self {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        Self {
            user: user.to_owned(),
            password,
            default_roles: roles.clone(),
            roles,
        }
    }

    /// The accounts of a new cluster: observed, `admin` of Doris has an empty password too.
    pub(crate) fn built_in(engine: Engine, root: Option<[u8; 20]>) -> Vec<Self> {
        match engine {
            Engine::StarRocks => vec![Self::new("root", None, &["root"])],
            Engine::Doris => vec![
                Self::new("root", root, &[NODE, ADMIN]),
                Self::new("admin", None, &[ADMIN]),
            ],
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) cluster_id: u32,
    pub(crate) token: String,
    pub(crate) last_id: u64,
    pub(crate) frontends: Vec<Frontend>,
    pub(crate) group: Vec<GroupNode>,
    pub(crate) last_group_id: u32,
    /// Names that were dropped: the group never takes them back.
    pub(crate) removed: Vec<String>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) accounts: Vec<Account>,
    /// Journal id of the newest checkpoint, 0 before the first.
    pub(crate) image_journal: u64,
}

impl Membership {
    pub(crate) fn electable(&self) -> impl Iterator<Item = &GroupNode> {
        self.group.iter().filter(|node| node.electable)
    }

    pub(crate) fn majority(&self) -> usize {
        self.electable().count() / 2 + 1
    }

    pub(crate) fn group_node(&self, name: &str) -> Option<&GroupNode> {
        self.group.iter().find(|node| node.name == name)
    }

    pub(crate) fn frontend(&self, name: &str) -> Option<&Frontend> {
        self.frontends.iter().find(|fe| fe.name == name)
    }

    pub(crate) fn frontend_at(&self, host: &str, port: u16) -> Option<&Frontend> {
        self.frontends
            .iter()
            .find(|fe| fe.host == host && fe.edit_log_port == port)
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A node enters the group; one that comes back under its old name keeps its number.
    pub(crate) fn admit(&mut self, name: &str, host: &str, port: u16, electable: bool) {
        if let Some(known) = self.group.iter_mut().find(|node| node.name == name) {
            host.clone_into(&mut known.host);
            known.port = port;
            return;
        }
        self.last_group_id += 1;
        self.group.push(GroupNode {
            id: self.last_group_id,
            name: name.to_owned(),
            host: host.to_owned(),
            port,
            electable,
        });
    }

    pub(crate) fn account(&self, user: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.user == user)
    }
}
