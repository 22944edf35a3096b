//! Asks FEs: members by column name, ADD, and the probes of a node's own ports. Every call has a deadline of its own,
//! every failure a class; what follows from an answer is decided elsewhere.

pub mod greeting;
pub mod http;
mod mysql;

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend};
use crate::settings::{Account, Endpoint, Settings, Tls};

/// The deadline of one call: connecting, logging in, asking and reading together. A leader that has lost its quorum
/// lets a statement hang for 40 s and more (observed).
pub const DEADLINE: Duration = Duration::from_secs(3);

/// What a node is added as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Add {
    Follower,
    Observer,
    Backend,
    ComputeNode,
}

/// The questions, so that the loops that ask them can be tested with a script of answers.
#[expect(
    async_fn_in_trait,
    reason = "used generically on one thread; nobody needs the futures to be Send"
)]
pub trait Cluster {
    async fn frontends(&self, at: &Endpoint) -> Result<Vec<Frontend>, Failure>;
    async fn backends(&self, at: &Endpoint) -> Result<Vec<Backend>, Failure>;
    async fn compute_nodes(&self, at: &Endpoint) -> Result<Vec<Backend>, Failure>;
    /// Adds one node; `host_port` is its registered host and identity port.
    async fn add(&self, at: &Endpoint, what: Add, host_port: &str) -> Result<(), Failure>;
}

/// The MySQL form of the questions.
#[derive(Debug, Clone)]
pub struct Client {
    engine: &'static Engine,
    account: Account,
    tls: Tls,
    deadline: Duration,
}

impl Client {
    pub fn new(settings: &Settings, engine: &'static Engine) -> Self {
        Self {
            engine,
            account: settings.account.clone(),
            tls: settings.tls.clone(),
            deadline: DEADLINE,
        }
    }
}

impl Cluster for Client {
    async fn frontends(&self, at: &Endpoint) -> Result<Vec<Frontend>, Failure> {
        Frontend::read(&self.ask(at, self.engine.sql.show_frontends).await?)
    }

    async fn backends(&self, at: &Endpoint) -> Result<Vec<Backend>, Failure> {
        Backend::read_backends(&self.ask(at, self.engine.sql.show_backends).await?)
    }

    async fn compute_nodes(&self, at: &Endpoint) -> Result<Vec<Backend>, Failure> {
        match self.engine.sql.show_compute_nodes {
            Some(statement) => Backend::read_compute_nodes(&self.ask(at, statement).await?),
            None => Ok(Vec::new()),
        }
    }

    async fn add(&self, at: &Endpoint, what: Add, host_port: &str) -> Result<(), Failure> {
        let sql = &self.engine.sql;
        let statement = match what {
            Add::Follower => sql.add_follower,
            Add::Observer => sql.add_observer,
            Add::Backend => sql.add_backend,
            Add::ComputeNode => sql.add_compute_node.unwrap_or(sql.add_backend),
        };
        self.ask(at, &statement.replace("{}", host_port)).await.map(drop)
    }
}
