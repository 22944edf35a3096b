//! A tiny client, so that scripts need none: connects as muster does, asks once, prints a table or JSON.

use std::time::Duration;

use comfy_table::{Table, presets};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row, Value};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("usage: standin sql HOST:PORT [--user U] [--password P] [--json] SQL")]
    Usage,
    #[error(transparent)]
    Mysql(#[from] mysql_async::Error),
    #[error("no answer within {0:?}")]
    Silence(Duration),
}

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(words: &[String]) -> Result<String, ClientError> {
    let (mut user, mut password, mut json, mut plain) = ("root".to_owned(), None, false, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--user" => user = words.next().cloned().ok_or(ClientError::Usage)?,
            "--password" => password = words.next().cloned(),
            "--json" => json = true,
            _ => plain.push(word.as_str()),
        }
    }
    let [at, statement] = plain.as_slice() else {
        return Err(ClientError::Usage);
    };
    let (host, port) = at.rsplit_once(':').ok_or(ClientError::Usage)?;
    let options = OptsBuilder::default()
        .ip_or_hostname(host)
        .tcp_port(port.parse().map_err(|_| ClientError::Usage)?)
        .user(Some(user))
        .pass(password)
        // With these set the client sends no statement of its own when it connects.
        .prefer_socket(false)
        .max_allowed_packet(Some(16 * 1024 * 1024))
        .wait_timeout(Some(28_800));
    let asked = tokio::time::timeout(PATIENCE, async {
        let mut connection = Conn::new(options).await?;
        let mut result = connection.query_iter(*statement).await?;
        let columns: Vec<String> = result
            .columns_ref()
            .iter()
            .map(|column| column.name_str().into_owned())
            .collect();
        let rows: Vec<Row> = result.collect().await?;
        connection.disconnect().await?;
        Ok((columns, rows))
    });
    let (columns, rows) = asked
        .await
        .map_err(|_| ClientError::Silence(PATIENCE))?
        .map_err(ClientError::Mysql)?;
    Ok(if json {
        as_json(&columns, rows)
    } else {
        as_table(&columns, rows)
    })
}

fn texts(row: Row) -> Vec<Option<String>> {
    let values = row.unwrap().into_iter();
    values
        .map(|value| match value {
            Value::NULL => None,
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            other => Some(other.as_sql(true)),
        })
        .collect()
}

fn as_table(columns: &[String], rows: Vec<Row>) -> String {
    if columns.is_empty() {
        return "OK".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(columns);
    for row in rows {
        table.add_row(
            texts(row)
                .into_iter()
                .map(|value| value.unwrap_or_else(|| "NULL".to_owned())),
        );
    }
    table.to_string()
}

fn as_json(columns: &[String], rows: Vec<Row>) -> String {
    let rows: Vec<serde_json::Value> = rows
        .into_iter()
        .map(|row| {
            let pairs = columns
                .iter()
                .cloned()
                .zip(texts(row).into_iter().map(serde_json::Value::from));
            serde_json::Value::Object(pairs.collect())
        })
        .collect();
    serde_json::Value::Array(rows).to_string()
}
