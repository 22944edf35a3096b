//! One cluster at one moment: what its leader says of every node, what the node says itself, and what the record of this host
//! says. Every verb that changes nothing prints a part of it.

mod judge;
pub mod may_stop;
pub mod metrics;
pub mod moves;
pub mod observed;
pub mod page;
pub mod ports;
pub mod report;
pub mod table;
pub mod targets;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::collections::BTreeSet;

use crate::engine::member::FrontendRole;
use crate::engine::{Component, Engine};
use crate::exit::ExitCode;
use crate::settings::Endpoint;

pub use self::judge::view;
use self::observed::Tablets;
use self::verdict::{Verdict, Weight};

#[derive(Debug)]
pub struct View {
    pub engine: &'static Engine,
    /// The account that asked.
    pub account: String,
    pub cluster_id: Option<String>,
    /// The reason why none is believed, in its place.
    pub leader: Result<Leader, String>,
    /// By component, host and port.
    pub nodes: Vec<Node>,
    /// Of the believed leader's list.
    pub quorum: Option<Quorum>,
    pub tablets: Option<Tablets>,
    pub single_replicas: SingleReplicas,
    /// Questions without an answer.
    pub unseen: Vec<Unseen>,
    /// About the cluster as a whole.
    pub verdicts: Vec<Verdict>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    pub host: String,
    /// Where it answers SQL.
    pub endpoint: Endpoint,
    /// The FEs that name it in their own lists, of those that answered.
    pub named_by: usize,
    pub of: usize,
}

/// The voters: the FEs that joined and are no observers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    pub voters: usize,
    pub alive: usize,
}

impl Quorum {
    /// The votes that a leader needs.
    pub const fn majority(self) -> usize {
        self.voters / 2 + 1
    }

    /// How many more may stop before there is no leader.
    pub const fn may_fail(self) -> usize {
        self.alive.saturating_sub(self.majority())
    }
}

#[derive(Debug)]
pub struct Node {
    pub component: Component,
    /// As the cluster spells it.
    pub host: String,
    /// The port that is part of what the cluster knows it by; 0 if that is not known.
    pub port: u16,
    /// 0 if it is not known, and for a broker, which has none.
    pub http_port: u16,
    /// Of an FE that the cluster lists.
    pub role: Option<FrontendRole>,
    /// Of a broker.
    pub name: Option<String>,
    pub version: Option<String>,
    /// `None`: it does not list it, or no leader is believed.
    pub leader_says: Option<LeaderSays>,
    pub itself_says: ItselfSays,
    /// Of the node of this container: how far its record is.
    pub record_says: Option<&'static str>,
    pub verdicts: Vec<Verdict>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of a list")]
pub struct LeaderSays {
    /// Its number in the cluster; FEs and brokers have none here.
    pub id: Option<u64>,
    pub alive: bool,
    /// It is a member of the election group; true for all but FEs.
    pub joined: bool,
    /// Seconds since it was last heard, by the leader's clock.
    pub silent_for: Option<i64>,
    pub error: String,
    /// Journal entries that an FE has not replayed yet.
    pub behind: Option<u64>,
    pub leaving: bool,
    pub stopping: bool,
    pub tablets: Option<u64>,
    pub disk_used: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItselfSays {
    NotAsked,
    /// It gave no answer, and why.
    Silent(String),
    /// It answered, and does not serve.
    NotReady(String),
    Ready,
    /// An FE that says it leads.
    Leads,
    /// An FE that knows this leader.
    Follows(String),
    /// An FE that knows no leader.
    Leaderless,
}

/// The tables of which some partition has one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SingleReplicas {
    /// Nobody asked, or no node keeps the data, which is shared.
    NotAsked,
    Seen(Vec<SingleTable>),
    /// This version does not show them, and its words.
    NotShown(String),
    /// Another reason why they are not known.
    Unseen(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SingleTable {
    /// As `database.table`.
    pub name: String,
    /// The ids of the BEs that have a part of it; `None`: not known.
    pub backends: Option<BTreeSet<u64>>,
}

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    pub what: String,
    pub why: String,
}

/// The whole in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    Well,
    /// A person is needed.
    Attention,
    NoLeader,
    /// The account was refused.
    Refused,
}

impl Whole {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Attention => "attention",
            Self::NoLeader => "no-leader",
            Self::Refused => "refused",
        }
    }

    pub const fn code(self) -> ExitCode {
        match self {
            Self::Well => ExitCode::Ok,
            Self::Attention => ExitCode::Unhealthy,
            Self::NoLeader => ExitCode::NoLeader,
            Self::Refused => ExitCode::Credentials,
        }
    }
}

impl View {
    /// Every verdict, with the node that it is about.
    pub fn all(&self) -> impl Iterator<Item = (Option<&Node>, &Verdict)> {
        let of_nodes = self.nodes.iter();
        let of_nodes =
            of_nodes.flat_map(|node| node.verdicts.iter().map(move |verdict| (Some(node), verdict)));
        self.verdicts
            .iter()
            .map(|verdict| (None, verdict))
            .chain(of_nodes)
    }

    pub fn whole(&self) -> Whole {
        let has = |is: fn(&Verdict) -> bool| self.all().any(|(_, verdict)| is(verdict));
        if has(|verdict| matches!(verdict, Verdict::Refused { .. })) {
            Whole::Refused
        } else if has(|verdict| verdict.weight() == Weight::NoLeader) {
            Whole::NoLeader
        } else if has(|verdict| verdict.weight() == Weight::Attention) {
            Whole::Attention
        } else {
            Whole::Well
        }
    }

    /// True if it has all nodes of the cluster: a leader is believed, and has shown each of its lists.
    pub fn has_all_lists(&self) -> bool {
        let is_unseen = |verdict: &Verdict| matches!(verdict, Verdict::ListUnseen { .. });
        self.leader.is_ok() && !self.verdicts.iter().any(is_unseen)
    }

    pub fn of(&self, component: Component) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.component == component)
    }
}

impl Node {
    /// As messages name it: `FE 10.0.0.10`.
    pub fn called(&self) -> String {
        format!("{} {}", self.component.name(), self.host)
    }

    /// Its host with a port, as a URL has it.
    pub fn at(&self, port: u16) -> String {
        if self.host.contains(':') {
            format!("[{}]:{port}", self.host)
        } else {
            format!("{}:{port}", self.host)
        }
    }

    /// True if the believed leader shows it as a member that is up.
    pub fn is_up(&self) -> bool {
        let says = self.leader_says.as_ref();
        says.is_some_and(|says| says.alive && says.joined && !says.stopping)
    }

    /// True if the believed leader shows it as a member.
    pub fn is_joined(&self) -> bool {
        self.leader_says.as_ref().is_some_and(|says| says.joined)
    }

    /// True if it is up to the leader, which hears late of one that is not any more, and if it answers itself, where it was asked.
    pub fn serves(&self) -> bool {
        let answers = match self.itself_says {
            ItselfSays::NotAsked | ItselfSays::Ready | ItselfSays::Leads | ItselfSays::Follows(_) => true,
            ItselfSays::Leaderless | ItselfSays::NotReady(_) | ItselfSays::Silent(_) => false,
        };
        self.is_up() && answers
    }

    /// True if it is an FE with a vote.
    pub fn votes(&self) -> bool {
        self.role.is_some_and(FrontendRole::is_electable)
    }

    /// True if a person should look at it.
    pub fn needs_attention(&self) -> bool {
        self.verdicts
            .iter()
            .any(|verdict| verdict.weight() != Weight::Note)
    }
}
