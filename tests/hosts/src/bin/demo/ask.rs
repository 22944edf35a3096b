//! `on HOST sql STATEMENT`: a client for machines that have none.

use std::net::SocketAddr;
use std::time::Duration;

use crate::show;

pub(crate) fn ask(at: SocketAddr, statement: &str) -> anyhow::Result<()> {
    let rows = hosts::query(at, Duration::from_secs(10), statement)?;
    let columns: Vec<&str> = rows
        .first()
        .map(|row| row.columns().map(|(name, _)| name).collect())
        .unwrap_or_default();
    show::table(
        &columns,
        rows.iter()
            .map(|row| columns.iter().map(|name| row.get(name).to_owned()).collect()),
    );
    Ok(())
}
