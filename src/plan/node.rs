//! The types of the decisions about joining: a node, the answers of one round, and the next step.

use std::collections::BTreeSet;

use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend, Member};
use crate::engine::{Component, Engine, MemberList};
use crate::plan::caller::Believed;
use crate::plan::data::Data;
use crate::plan::leader::{Belief, Cluster};
use crate::plan::refusal::Refusal;
use crate::plan::witness::Witness;
use crate::settings::{Bootstrap, Host};

/// The requested role of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The FE that may found a cluster.
    Seed,
    Follower,
    Observer,
    /// The only role of a component that is no FE.
    Component(Component),
}

impl Role {
    pub const fn is_fe(self) -> bool {
        matches!(self, Self::Seed | Self::Follower | Self::Observer)
    }

    /// The role it is registered with: a seed without data joins as a follower.
    pub const fn added_as(self) -> &'static str {
        match self {
            Self::Seed | Self::Follower => "follower",
            Self::Observer | Self::Component(_) => self.name(),
        }
    }

    /// The name in messages and in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Component(component) => component.name(),
        }
    }
}

/// The values of this node that a decision depends on and that stay the same while it waits.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one node")]
#[derive(Debug, Clone)]
pub struct Node {
    pub role: Role,
    pub engine: &'static Engine,
    pub component: Component,
    pub host: Host,
    /// The name that it is added under, for a component whose list has names.
    pub name: String,
    /// Other spellings of this host: its addresses if it is a name, and the names that its cluster lists and that stand for its
    /// address.
    pub also: BTreeSet<Host>,
    pub identity_port: u16,
    pub data: Data,
    /// ROLE says that the data is that of an observer.
    pub data_of_observer: bool,
    /// The data of this member was found gone: it is a vote for a leader only once it has copied the data again.
    pub lost: bool,
    pub bootstrap: Bootstrap,
    pub rejoin: bool,
    /// An FE, and neither `MASTER_HOST` nor its record names another one: it has no cluster to join again.
    pub alone: bool,
}

/// The answers of one round.
#[derive(Debug, Clone)]
pub struct Seen {
    pub belief: Belief,
    /// Answers that end the wait: credentials, privileges, TLS.
    pub fatal: Vec<(String, Failure)>,
    /// Members in the last list that any FE showed, confirmed or not.
    pub members: Vec<Frontend>,
    /// The lists of the confirmed leader that may have this node, its own first, or why the query failed; `None` if it was
    /// not queried, or if this node is an FE.
    pub backends: Option<Result<Vec<Backend>, Failure>>,
    /// The failures of FEs that gave no list, one clause each.
    pub answers: Vec<String>,
    /// Evidence of a cluster while no FE answers SQL.
    pub witnesses: Vec<Witness>,
    /// A leader that nobody named: it counts if no named host is confirmed as the leader.
    pub caller: Option<Believed>,
    /// The calls of hosts that nobody named and that are not believed. Each has started the guard anew.
    pub calls: Vec<Witness>,
    /// Every named FE has answered, or run out of time.
    pub complete: bool,
    /// The only leader of this member's group lists others alone.
    pub reset: Option<Refusal>,
    /// The cluster that this FE is about to join runs in another mode.
    pub other_mode: Option<Refusal>,
    /// Members of the record whose election port is open while no FE leads: they wait for a vote.
    /// `host:edit_log_port`.
    pub waiting: Vec<String>,
    /// The guard time has run out.
    pub guard_over: bool,
    /// `WAIT_TIMEOUT` has run out.
    pub patience_over: bool,
}

/// The queries that a decision needs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// None: after a power cut all nodes start together, and no FE answers.
    Nobody,
    /// One round of two seconds at most.
    Once,
    /// Until there is an answer or the patience ends.
    Until,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Start the engine on what it has.
    Start,
    /// Start the engine with this one helper (`host:edit_log_port`), as a member of this cluster.
    Join {
        helper: String,
        cluster: String,
    },
    /// Start the engine as the first FE of a new cluster.
    Found,
    /// Add this node at the leader, then look again.
    Register {
        cluster: Box<Cluster>,
    },
    /// Move the data aside and decide again with nothing.
    SetAside {
        why: String,
    },
    /// Nothing can be done yet.
    Wait {
        why: String,
    },
    Refuse(Refusal),
}

/// The host and port by which a cluster knows one member.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub component: Component,
    pub host: &'a Host,
    /// Other spellings of the host: the addresses of a name.
    pub also: &'a BTreeSet<Host>,
    pub identity_port: u16,
}

impl Identity<'_> {
    /// True if a host string of the cluster means this host.
    pub fn is_at(&self, host: &str) -> bool {
        Host::parse(host).is_ok_and(|host| host == *self.host || self.also.contains(&host))
    }

    /// True if a row means this node: a host may have several BEs.
    pub fn is(&self, row: &impl Member) -> bool {
        row.identity_port() == self.identity_port && self.is_at(row.host())
    }

    /// The row of this node.
    pub fn find<'l, M: Member>(&self, list: &'l [M]) -> Option<&'l M> {
        list.iter().find(|row| self.is(*row))
    }
}

impl Node {
    /// The statement that adds this node to a cluster.
    pub fn add_statement(&self) -> String {
        let at = self.host.with_port(self.identity_port);
        let sql = &self.engine.sql;
        match self.role {
            Role::Seed | Role::Follower => sql.add_follower.replace("{}", &at),
            Role::Observer => sql.add_observer.replace("{}", &at),
            Role::Component(component) => self
                .engine
                .list(component)
                .map_or_else(String::new, |list| list.add(&at, &self.name)),
        }
    }

    /// False for a component without a data dir.
    pub fn keeps_data(&self) -> bool {
        let layout = self.engine.layout(self.component);
        layout.is_none_or(|layout| layout.data.is_some())
    }

    /// True if it is added under its name.
    pub fn is_named(&self) -> bool {
        self.engine
            .list(self.component)
            .is_some_and(MemberList::has_names)
    }

    pub const fn identity(&self) -> Identity<'_> {
        Identity {
            component: self.component,
            host: &self.host,
            also: &self.also,
            identity_port: self.identity_port,
        }
    }
}
