//! The answers that a view is made of.

use std::collections::BTreeSet;

use crate::engine::failure::Failure;
use crate::engine::member::Backend;
use crate::engine::probe::Ha;
use crate::engine::{Component, Engine};
use crate::facts::record::Progress;
use crate::plan::history::CrashLoop;
use crate::plan::leader::{Answer, Belief};
use crate::settings::Host;

#[derive(Debug)]
pub struct Observed {
    pub engine: &'static Engine,
    pub account: String,
    /// The FEs that were asked by SQL.
    pub answers: Vec<Answer>,
    pub belief: Belief,
    /// The FEs that were asked over HTTP.
    pub frontends: Vec<FrontendSeen>,
    /// The lists of the believed leader; empty without one.
    pub lists: Vec<(Component, Result<Vec<Backend>, Failure>)>,
    /// The nodes of these lists, as they answered themselves.
    pub services: Vec<ServiceSeen>,
    /// `None`: without a leader nobody was asked.
    pub tablets: Option<Result<Tablets, Failure>>,
    /// `None`: nobody asked, or no node keeps the data, which is shared.
    pub tables: Option<Result<Vec<TableSeen>, Failure>>,
    /// The most replicas that a table has, asked while a node leaves; `None`: not known.
    pub most_replicas: Option<u64>,
    /// The switches of the leader that stop balancing and repairing, with their values.
    pub balance_off: Option<Result<Vec<(String, String)>, Failure>>,
    /// The free bytes for the metadata of FEs, by their hosts as the list spells them, where the leader knows.
    pub meta_free: Vec<(String, u64)>,
    /// The node of this container, if it has a record.
    pub own: Option<Own>,
}

/// The answers of one FE over HTTP.
#[derive(Debug, Clone)]
pub struct FrontendSeen {
    pub host: Host,
    pub http_port: u16,
    pub ready: Result<(), Failure>,
    /// `None`: this engine answers it to members only.
    pub ha: Result<Option<Ha>, Failure>,
    pub clock: Option<ClockSeen>,
}

/// The clock of an FE less the clock of this machine, in milliseconds: it lies between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSeen {
    pub least: i64,
    pub most: i64,
}

/// The answer of a BE, CN or broker on its own port.
#[derive(Debug, Clone)]
pub struct ServiceSeen {
    pub component: Component,
    /// As the list spells it.
    pub host: String,
    /// The port of the list.
    pub port: u16,
    pub serves: Result<(), Failure>,
}

/// The tablets of the cluster, and those of which a replica is missing or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tablets {
    pub all: u64,
    pub unhealthy: u64,
}

/// One table, and the fewest replicas that one of its partitions has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSeen {
    pub database: String,
    pub name: String,
    pub replicas: u64,
    /// The ids of the BEs that have a part of it, asked of a table with one replica; `None`: not known.
    pub backends: Option<BTreeSet<u64>>,
}

/// The node of this container, by its record.
#[derive(Debug, Clone)]
pub struct Own {
    pub component: Component,
    pub host: Host,
    /// Its other spellings.
    pub also: BTreeSet<Host>,
    pub identity_port: Option<u16>,
    pub cluster_id: Option<String>,
    pub progress: Progress,
    /// By its history.
    pub crash_loop: Option<CrashLoop>,
    /// The free bytes for the metadata of an FE.
    pub meta_free: Option<u64>,
}
