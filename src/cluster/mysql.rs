//! One conversation with an FE's MySQL port: connect, one statement, close. No pool, no prepared statement, and no
//! SELECT: on a cold FE that can fail or take 11 s (observed), and before the first BE it may not run at all.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, Opts, OptsBuilder, SslOpts, Value};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Client;
use crate::engine::failure::Failure;
use crate::engine::member::Row;
use crate::settings::{Endpoint, Host, TlsMode};

/// Preset, so that the driver asks for neither: it would do so with a SELECT.
const MAX_PACKET: usize = 16 * 1024 * 1024;
const WAIT_TIMEOUT: usize = 28_800;
/// For the polite end of a conversation that has its answer already.
const FAREWELL: Duration = Duration::from_millis(200);

impl Client {
    /// Runs one statement and returns its rows, within the deadline.
    pub(super) async fn ask(&self, at: &Endpoint, statement: &str) -> Result<Vec<Row>, Failure> {
        let until = Instant::now() + self.deadline;
        let late = || Failure::Deadline(self.deadline.as_secs());
        // A probe first: a closed port is told from a hung FE, and costs one packet.
        let address = match timeout_at(until, reach(at)).await {
            Ok(reached) => reached?,
            Err(_) => {
                return Err(Failure::Unreachable(format!(
                    "no connection within {} s",
                    self.deadline.as_secs()
                )));
            }
        };
        timeout_at(until, self.converse(at, address, statement))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn converse(
        &self,
        at: &Endpoint,
        address: SocketAddr,
        statement: &str,
    ) -> Result<Vec<Row>, Failure> {
        let mut conn = match Conn::new(self.opts(at, address, self.tls.mode)).await {
            Err(Error::Driver(DriverError::NoClientSslFlagFromServer))
                if self.tls.mode == TlsMode::Prefer =>
            {
                Conn::new(self.opts(at, address, TlsMode::Off)).await
            }
            conn => conn,
        }
        .map_err(failure)?;
        let mut answer = rows(&mut conn, statement).await;
        if let Err(Failure::Privilege(_)) = &answer
            && !self.engine.sql.set_all_roles.is_empty()
            && conn.query_drop(self.engine.sql.set_all_roles).await.is_ok()
        {
            // The account may have the role without having it by default.
            answer = rows(&mut conn, statement).await;
        }
        if answer.is_ok() {
            drop(tokio::time::timeout(FAREWELL, conn.disconnect()).await);
        }
        answer
    }

    fn opts(&self, at: &Endpoint, address: SocketAddr, mode: TlsMode) -> Opts {
        let tls = match mode {
            TlsMode::Off => None,
            TlsMode::Prefer | TlsMode::Require => Some(
                SslOpts::default()
                    .with_danger_accept_invalid_certs(true)
                    .with_danger_skip_domain_validation(true),
            ),
            TlsMode::Verify => {
                let name: Option<String> = match &at.host {
                    Host::Name(name) => Some(name.clone().into()),
                    Host::Address(_) => None,
                };
                let roots = self.tls.ca_file.iter().map(|path| path.clone().into()).collect();
                Some(
                    SslOpts::default()
                        .with_danger_tls_hostname_override(name)
                        .with_root_certs(roots),
                )
            }
        };
        OptsBuilder::default()
            .ip_or_hostname(address.ip().to_string())
            .tcp_port(address.port())
            .user(Some(&self.account.user.value))
            .pass(
                self.account
                    .password
                    .as_ref()
                    .map(|password| password.value.reveal().to_owned()),
            )
            .ssl_opts(tls)
            .prefer_socket(false)
            .max_allowed_packet(Some(MAX_PACKET))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .into()
    }
}

/// The first address of a host that accepts a connection.
async fn reach(at: &Endpoint) -> Result<SocketAddr, Failure> {
    let addresses: Vec<SocketAddr> = match &at.host {
        Host::Address(ip) => vec![SocketAddr::new(*ip, at.port)],
        Host::Name(name) => tokio::net::lookup_host((name.as_str(), at.port))
            .await
            .map_err(|error| Failure::Unresolvable(error.to_string()))?
            .collect(),
    };
    let mut last = Failure::Unresolvable("it has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(_) => return Ok(address),
            Err(error) => last = unreachable(&error),
        }
    }
    Err(last)
}

fn unreachable(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        Failure::Refused
    } else {
        Failure::Unreachable(error.to_string())
    }
}

async fn rows(conn: &mut Conn, statement: &str) -> Result<Vec<Row>, Failure> {
    let rows: Vec<mysql_async::Row> = conn.query(statement).await.map_err(failure)?;
    Ok(rows.into_iter().map(row).collect())
}

fn row(row: mysql_async::Row) -> Row {
    let names: Vec<String> = row
        .columns_ref()
        .iter()
        .map(|column| column.name_str().into_owned())
        .collect();
    names
        .into_iter()
        .zip(row.unwrap())
        .map(|(name, value)| (name, text(value)))
        .collect()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Server(error) => Failure::from_server(error.code, &error.state, &error.message),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Failure::NoTls,
        Error::Driver(DriverError::ConnectionClosed) => {
            Failure::NotMySql("it closed the connection".to_owned())
        }
        Error::Driver(error) => Failure::NotMySql(error.to_string()),
        Error::Io(IoError::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Failure::Refused,
        Error::Io(IoError::Io(error)) => Failure::Unreachable(error.to_string()),
        Error::Io(IoError::Tls(error)) => Failure::Tls(error.to_string()),
        Error::Other(error) => Failure::NotMySql(error.to_string()),
        Error::Url(error) => Failure::NotMySql(error.to_string()),
    }
}
