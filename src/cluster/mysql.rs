//! One conversation with an FE's MySQL port: connect, one statement, close. No pool, no prepared statement, and no
//! SELECT of the driver's own: on a cold FE that can fail or take 11 s (observed), and before the first BE it may not run at all.

use std::io;
use std::net::SocketAddr;

use futures_util::{FutureExt, TryStreamExt};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, Opts, OptsBuilder, SslOpts, Value};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::reach::reach;
use super::{Client, greeting};
use crate::engine::failure::{Failure, presentable};
use crate::engine::member::Row;
use crate::settings::{Endpoint, TlsMode};

/// Preset, so that the driver asks for neither: it would do so with a SELECT. No row of an FE is longer than a packet.
const MAX_PACKET: usize = 1024 * 1024;
const WAIT_TIMEOUT: usize = 28_800;

/// The bounds of one answer: 30 columns and some thousand rows of half a kilobyte are a large cluster.
const MOST_COLUMNS: usize = 200;
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;

impl Client {
    /// Runs one statement and returns its rows, within the deadline.
    pub async fn ask(&self, at: &Endpoint, statement: &str) -> Result<Vec<Row>, Failure> {
        let until = Instant::now() + self.deadline;
        let answer = self.converse(at, statement, until).await;
        // Two words: what follows them may hold a password.
        let verb = statement.split(' ').take(2).collect::<Vec<_>>().join(" ");
        match &answer {
            Ok(rows) => debug!(fe = %at, statement = verb, rows = rows.len(), "answered"),
            Err(why) => debug!(fe = %at, statement = verb, %why, "no answer"),
        }
        answer
    }

    async fn converse(&self, at: &Endpoint, statement: &str, until: Instant) -> Result<Vec<Row>, Failure> {
        let late = |_| Failure::late(self.deadline);
        // The greeting is read on a connection of its own: the driver does not tell a late connection from a late answer,
        // and only the second means that an FE is there; nor what it read instead of a greeting: five bytes of HTTP are to
        // it the head of a packet of 5 MB. A closed port costs one packet.
        let (address, mut probe) = reach(at, until).await?;
        timeout_at(until, greeting::read(&mut probe))
            .await
            .map_err(late)??;
        drop(probe);
        let mut conversation = timeout_at(until, self.open(at, address)).await.map_err(late)??;
        timeout_at(until, conversation.ask(statement, self.engine.sql.set_all_roles))
            .await
            .map_err(late)?
    }

    async fn open(&self, at: &Endpoint, address: SocketAddr) -> Result<Conversation, Failure> {
        let mode = self.tls.mode;
        let opened = match Conn::new(self.opts(at, address, mode)?).await {
            Err(error) if mode == TlsMode::Prefer && is_about_tls(&error) => {
                debug!(fe = %at, %error, "no TLS, so without");
                Conn::new(self.opts(at, address, TlsMode::Off)?).await
            }
            opened => opened,
        };
        match opened {
            Ok(conn) => Ok(Conversation(Some(conn))),
            Err(Error::Io(error)) if mode != TlsMode::Off && is_tls(&error) => Err(handshake(&error)),
            Err(error) => Err(failure(error)),
        }
    }

    fn opts(&self, at: &Endpoint, address: SocketAddr, mode: TlsMode) -> Result<Opts, Failure> {
        let unverified = || {
            SslOpts::default()
                .with_danger_accept_invalid_certs(true)
                .with_danger_skip_domain_validation(true)
        };
        let tls = match (mode, &self.authorities) {
            (TlsMode::Off, _) => None,
            (TlsMode::Prefer | TlsMode::Require, _) => Some(unverified()),
            (TlsMode::Verify, None) => Some(SslOpts::default()),
            (TlsMode::Verify, Some(Err(why))) => return Err(why.clone()),
            (TlsMode::Verify, Some(Ok(certificates))) => Some(
                SslOpts::default()
                    .with_disable_built_in_roots(true)
                    .with_root_certs(vec![certificates.clone().into()]),
            ),
        };
        let password = self.account.password.as_ref();
        Ok(OptsBuilder::default()
            // The name the certificate has to hold; the address is already known.
            .ip_or_hostname(at.host.to_string())
            .resolved_ips(Some(vec![address.ip()]))
            .tcp_port(address.port())
            .user(Some(&self.account.user.value))
            .pass(password.map(|password| password.value.reveal()))
            .ssl_opts(tls)
            .prefer_socket(false)
            .max_allowed_packet(Some(MAX_PACKET))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .into())
    }
}

/// A connection that is closed when it is dropped, whatever came of it.
struct Conversation(Option<Conn>);

impl Conversation {
    async fn ask(&mut self, statement: &str, set_all_roles: &str) -> Result<Vec<Row>, Failure> {
        let Some(conn) = &mut self.0 else {
            return Err(Failure::Lost("the connection is closed".to_owned()));
        };
        match rows(conn, statement).await {
            Err(Failure::Privilege(why)) if !set_all_roles.is_empty() => {
                // The account may have the role without having it by default.
                match conn.query_drop(set_all_roles).await {
                    Ok(()) => rows(conn, statement).await,
                    Err(_) => Err(Failure::Privilege(why)),
                }
            }
            answer => answer,
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // The driver would hand a dropped connection to a task that reads a result to its end, which a hung FE never
        // sends. Polled once, its own farewell says goodbye, closes, and leaves nothing behind.
        if let Some(conn) = self.0.take() {
            drop(conn.disconnect().now_or_never());
        }
    }
}

/// Reads the rows of one answer. How many columns a server announces is not bounded here: the driver allocates them
/// before it hands out anything, and has no option for it.
async fn rows(conn: &mut Conn, statement: &str) -> Result<Vec<Row>, Failure> {
    let mut answer = conn.query_iter(statement).await.map_err(failure)?;
    let Some(mut stream) = answer.stream::<mysql_async::Row>().await.map_err(failure)? else {
        return Ok(Vec::new());
    };
    let too_long = |what: String| Failure::Malformed(format!("it has more than {what}"));
    if stream.columns_ref().len() > MOST_COLUMNS {
        return Err(too_long(format!("{MOST_COLUMNS} columns")));
    }
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(read) = stream.try_next().await.map_err(failure)? {
        let read = row(read);
        bytes += read.values().flatten().map(String::len).sum::<usize>();
        rows.push(read);
        if rows.len() > MOST_ROWS {
            return Err(too_long(format!("{MOST_ROWS} rows")));
        }
        if bytes > MOST_BYTES {
            return Err(too_long(format!("{MOST_BYTES} bytes")));
        }
    }
    Ok(rows)
}

fn row(row: mysql_async::Row) -> Row {
    let names: Vec<String> = row
        .columns_ref()
        .iter()
        .map(|column| column.name_str().into_owned())
        .collect();
    names
        .into_iter()
        .zip(row.unwrap().into_iter().map(text))
        .collect()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        // Not in the text protocol.
        other => Some(other.as_sql(true)),
    }
}

/// The TLS library wraps its own errors in this kind; a connection that ends in the handshake has another.
fn is_tls(error: &IoError) -> bool {
    match error {
        IoError::Tls(_) => true,
        IoError::Io(error) => error.kind() == io::ErrorKind::InvalidData,
    }
}

fn is_about_tls(error: &Error) -> bool {
    match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) => true,
        Error::Io(error) => is_tls(error),
        _ => false,
    }
}

/// The key in the keytool example of the vendor's manual has 1024 bits (seen to end like this, unverified too). An
/// authority that was made anew under its old name ends like this as well.
fn handshake(error: &IoError) -> Failure {
    let why = match error {
        IoError::Tls(error) => error.to_string(),
        IoError::Io(error) => error.to_string(),
    };
    if why.contains("BadSignature") {
        return Failure::Tls(format!(
            "{why} (signed by another authority of that name, or by an RSA key below 2048 bits)"
        ));
    }
    Failure::Tls(why)
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Server(error) => Failure::from_server(error.code, &error.state, &error.message),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Failure::NoTls,
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => Failure::Denied(format!(
            "the account uses the login plugin {name} instead of a password"
        )),
        Error::Driver(
            error @ (DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled),
        ) => Failure::Denied(error.to_string()),
        Error::Io(IoError::Io(error)) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            // The kinds of packets that cannot be read, are out of order or too long.
            io::ErrorKind::InvalidData | io::ErrorKind::Other => {
                Failure::Malformed(presentable(&error.to_string()))
            }
            _ => Failure::Lost(error.to_string()),
        },
        Error::Driver(DriverError::ConnectionClosed) => {
            Failure::Lost("the FE closed the connection".to_owned())
        }
        error => Failure::Malformed(presentable(&error.to_string())),
    }
}
