//! A statement and its rows, by the names of the columns.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Value};
use tokio::runtime::Runtime;

/// One row: the columns in the order they came, NULL as an empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<(String, String)>);

impl Row {
    /// The value of a column; empty if there is none of that name, because versions differ.
    pub fn get(&self, column: &str) -> &str {
        self.0
            .iter()
            .find(|(name, _)| name == column)
            .map_or("", |(_, value)| value)
    }

    pub fn is(&self, column: &str, value: &str) -> bool {
        self.get(column).eq_ignore_ascii_case(value)
    }

    /// The host that a row of a list of members is about: the engines name the column otherwise.
    pub fn host(&self) -> &str {
        let columns = ["IP", "Host"].map(|column| self.get(column));
        let mut said = columns.into_iter().filter(|value| !value.is_empty());
        said.next().unwrap_or_default()
    }

    /// Whether a row of `SHOW FRONTENDS` is that of a leader: `StarRocks` names the role, Doris has a column for it.
    pub fn leads(&self) -> bool {
        self.is("Role", "LEADER") || self.is("IsMaster", "true")
    }

    pub fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Asks as root without a password, over a connection of its own.
pub fn query(at: SocketAddr, within: Duration, statement: &str) -> anyhow::Result<Vec<Row>> {
    Session::open(at, within)?.query(statement)
}

/// One connection, for somebody who asks again and again.
#[derive(Debug)]
pub struct Session {
    // Before the runtime it lives on: fields are dropped in this order.
    connection: Conn,
    runtime: Runtime,
    at: SocketAddr,
    within: Duration,
}

impl Session {
    /// No SELECT on connecting: that may need a backend.
    pub fn open(at: SocketAddr, within: Duration) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let account = OptsBuilder::default()
            .ip_or_hostname(at.ip().to_string())
            .tcp_port(at.port())
            .user(Some("root"))
            .prefer_socket(false)
            .max_allowed_packet(Some(16 * 1024 * 1024))
            .wait_timeout(Some(60));
        let connection = bounded(&runtime, within, Conn::new(account)).with_context(|| format!("{at}"))?;
        Ok(Self {
            connection,
            runtime,
            at,
            within,
        })
    }

    pub fn query(&mut self, statement: &str) -> anyhow::Result<Vec<Row>> {
        let answer = self.connection.query::<mysql_async::Row, _>(statement);
        let rows = bounded(&self.runtime, self.within, answer)
            .with_context(|| format!("`{statement}` at {}", self.at))?;
        Ok(rows.into_iter().map(read).collect())
    }
}

fn bounded<T>(
    runtime: &Runtime,
    within: Duration,
    work: impl Future<Output = mysql_async::Result<T>>,
) -> anyhow::Result<T> {
    match runtime.block_on(async { tokio::time::timeout(within, work).await }) {
        Ok(done) => Ok(done?),
        Err(_) => bail!("no answer within {} s", within.as_secs_f32()),
    }
}

fn read(row: mysql_async::Row) -> Row {
    let names: Vec<String> = row
        .columns_ref()
        .iter()
        .map(|column| column.name_str().into_owned())
        .collect();
    let values = row.unwrap().into_iter().map(|value| match value {
        Value::NULL => String::new(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(false),
    });
    Row(names.into_iter().zip(values).collect())
}
