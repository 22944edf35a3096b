//! One conversation with an FE's MySQL port: connect, log in, one statement, close. No prepared statement, and no SELECT of its own:
//! on a cold FE that can fail or take 11 s (observed), and before the first BE it may not run at all.
//!
//! Spoken by hand and not by a driver: drivers answer every login plugin that a server asks for, and several answers of a
//! hostile server made one panic or allocate without bound.

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::Client;
use super::packets::{Fields, Packets};
use super::reach::reach;
use crate::engine::failure::Failure;
use crate::engine::member::Row;
use crate::printable;
use crate::settings::{Endpoint, TlsMode, may_hold_secret};

/// The bounds of one answer: 30 columns and some thousand rows of half a kilobyte are a large cluster.
const MOST_COLUMNS: usize = 200;
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;

impl Client {
    /// Runs one statement and returns its rows, within the deadline.
    pub async fn ask(&self, at: &Endpoint, statement: &str) -> Result<Vec<Row>, Failure> {
        self.show_after(at, None, statement).await
    }

    /// The same, after a statement that sets something for this conversation only.
    pub async fn show_after(
        &self,
        at: &Endpoint,
        before: Option<&str>,
        statement: &str,
    ) -> Result<Vec<Row>, Failure> {
        let until = Instant::now() + self.deadline;
        let answer = self.converse(at, before, statement, until).await;
        let account = &self.account.user.value;
        let answer = answer.map_err(|why| why.with_cure(&self.engine.accounts, account));
        let verb = printable::statement(statement);
        match &answer {
            Ok(rows) => debug!(fe = %at, statement = verb, rows = rows.len(), "answered"),
            // An answer may repeat its statement.
            Err(_) if may_hold_secret(statement) => {
                debug!(fe = %at, statement = verb, "refused, or no answer");
            }
            Err(why) => debug!(fe = %at, statement = verb, %why, "no answer"),
        }
        answer
    }

    /// Logs in and says nothing: `Ok` if the FE accepts the account.
    pub(super) async fn is_let_in(&self, at: &Endpoint) -> Result<(), Failure> {
        let until = Instant::now() + self.deadline;
        let packets = self.connect(at, until).await?;
        drop(timeout_at(until, packets.close()).await);
        Ok(())
    }

    async fn converse(
        &self,
        at: &Endpoint,
        before: Option<&str>,
        statement: &str,
        until: Instant,
    ) -> Result<Vec<Row>, Failure> {
        let mut packets = self.connect(at, until).await?;
        let asked = async {
            if let Some(before) = before {
                rows(&mut packets, before).await?;
            }
            ask(&mut packets, statement, self.engine.sql.set_all_roles).await
        };
        let answer = timeout_at(until, asked)
            .await
            .map_err(|_| Failure::late(self.deadline))?;
        drop(timeout_at(until, packets.close()).await);
        answer
    }

    async fn connect(&self, at: &Endpoint, until: Instant) -> Result<Packets, Failure> {
        let late = |_| Failure::late(self.deadline);
        // No connection in time is not told as a late answer: only the second means that an FE is there.
        let (_, stream) = reach(at, until).await?;
        let mode = self.tls.mode;
        match timeout_at(until, self.log_in(at, stream, mode))
            .await
            .map_err(late)?
        {
            Err(Failure::Tls(why)) if mode == TlsMode::Prefer => {
                debug!(fe = %at, why, "no TLS, so without");
                let (_, stream) = reach(at, until).await?;
                timeout_at(until, self.log_in(at, stream, TlsMode::Off))
                    .await
                    .map_err(late)?
            }
            logged_in => logged_in,
        }
    }
}

async fn ask(packets: &mut Packets, statement: &str, set_all_roles: &str) -> Result<Vec<Row>, Failure> {
    match rows(packets, statement).await {
        Err(why @ Failure::Privilege { .. }) if !set_all_roles.is_empty() => {
            // The account may have the role without having it by default.
            match rows(packets, set_all_roles).await {
                Ok(_) => rows(packets, statement).await,
                Err(_) => Err(why),
            }
        }
        answer => answer,
    }
}

/// Sends a statement and reads its rows; none for one that is answered by OK.
async fn rows(packets: &mut Packets, statement: &str) -> Result<Vec<Row>, Failure> {
    let too_long = |what: String| Failure::Malformed(format!("it has more than {what}"));
    packets.command(0x03, statement.as_bytes()).await?;
    let head = packets.read().await?;
    if head.first() == Some(&0x00) {
        return Ok(Vec::new());
    }
    let columns = Fields(&head).number().ok_or_else(unreadable)?;
    if columns > MOST_COLUMNS as u64 {
        return Err(too_long(format!("{MOST_COLUMNS} columns")));
    }
    let mut names = Vec::new();
    // Each row holds the names too.
    let mut width = 0;
    for _ in 0..columns {
        let name = column(&packets.read().await?).ok_or_else(unreadable)?;
        width += name.len();
        names.push(name);
    }
    if !is_end(&packets.read().await?) {
        return Err(unreadable());
    }
    let mut rows = Vec::new();
    let mut bytes = 0;
    loop {
        let packet = packets.read().await?;
        if is_end(&packet) {
            return Ok(rows);
        }
        let mut fields = Fields(&packet);
        let mut row = Row::new();
        for name in &names {
            let cell = if fields.is_null() {
                None
            } else {
                Some(fields.text().ok_or_else(unreadable)?)
            };
            row.insert(name.clone(), cell);
        }
        rows.push(row);
        bytes += packet.len() + width;
        if rows.len() > MOST_ROWS {
            return Err(too_long(format!("{MOST_ROWS} rows")));
        }
        if bytes > MOST_BYTES {
            return Err(too_long(format!("{MOST_BYTES} bytes")));
        }
    }
}

/// The name of a column, after its catalog, its schema and the two names of its table.
fn column(packet: &[u8]) -> Option<String> {
    let mut fields = Fields(packet);
    for _ in 0..4 {
        fields.text()?;
    }
    fields.text()
}

/// A packet that ends the columns or the rows. No row is so short and begins with the mark of a text of 16 MB.
fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

fn unreadable() -> Failure {
    Failure::Malformed("its rows cannot be read".to_owned())
}
