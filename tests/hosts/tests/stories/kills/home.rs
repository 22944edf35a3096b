//! The cluster that is joined: what it says, what it is told, and what its leaders have been told by others.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hosts::{Cluster, Row, eventually, query};

use super::node::PATIENCE;

/// To be asked from many threads.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    fes: Vec<SocketAddr>,
    audits: Vec<PathBuf>,
    pub(crate) id: String,
}

impl Home {
    pub(crate) fn of(cluster: &Cluster) -> Result<Self> {
        Ok(Self {
            fes: cluster
                .fes()
                .map(|fe| SocketAddr::from((fe.address(), 9030)))
                .collect(),
            audits: cluster
                .fes()
                .map(|fe| fe.home().join("log/fe.audit.log"))
                .collect(),
            id: cluster.id()?,
        })
    }

    /// What the first FE that answers says; while they elect one nobody does.
    pub(crate) fn sql(&self, statement: &str) -> Result<Vec<Row>> {
        eventually(PATIENCE, "an answer", || {
            let mut last = None;
            for fe in &self.fes {
                match query(*fe, Duration::from_secs(10), statement) {
                    Ok(rows) => return Ok(rows),
                    Err(error) => last = Some(error),
                }
            }
            Err(last.context("no FE")?)
        })
    }

    /// Has the leader write an image, which new members download.
    pub(crate) fn make_image(&self, cluster: &Cluster) -> Result<()> {
        if !cluster.seed()?.engine().is_doris() {
            return self.sql("ALTER SYSTEM CREATE IMAGE").map(drop);
        }
        let roll = |every: u32| {
            self.sql(&format!(
                "ADMIN SET FRONTEND CONFIG (\"edit_log_roll_num\" = \"{every}\")"
            ))
        };
        roll(1)?;
        eventually(PATIENCE, "an image", || {
            for fe in cluster.fes() {
                for file in fs::read_dir(fe.data().join("image"))?.flatten() {
                    let name = file.file_name().to_string_lossy().into_owned();
                    if name.starts_with("image.") && name != "image.0" {
                        return Ok(());
                    }
                }
            }
            bail!("none yet")
        })?;
        roll(50_000).map(drop)
    }

    /// How often a leader was asked to add this address.
    pub(crate) fn adds(&self, address: &str) -> Result<usize> {
        let mut count = 0;
        for audit in &self.audits {
            let text = fs::read_to_string(audit).unwrap_or_default();
            let own = format!("\"{address}:");
            count += text
                .lines()
                .filter(|line| line.contains("|Stmt=ALTER SYSTEM ADD ") && line.contains(&own))
                .count();
        }
        ensure!(!self.audits.is_empty(), "nobody keeps an audit log");
        Ok(count)
    }
}
