//! Does what was decided: registers, sets data aside, and writes down how far this node got.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Search;
use super::ready_to_start::{NotReady, ReadyToStart, Unproven};
use crate::cluster::FeClient;
use crate::effects::configure::{configure, try_out};
use crate::effects::files::{WriteError, make_dir};
use crate::effects::record_store::RecordStore;
use crate::effects::register::add;
use crate::effects::set_aside::set_all_aside;
use crate::engine::Component;
use crate::facts::gather;
use crate::facts::record::{FirstSteps, Progress, Record};
use crate::plan::Plan;
use crate::plan::data::Data;
use crate::plan::leader::Cluster;
use crate::settings::Endpoint;

impl<C: FeClient> Search<'_, C> {
    /// Sends an ADD: the record says `planned` before it, and the conf file is written, because a node that could not start
    /// must not be registered.
    pub(super) async fn add(&mut self, plan: &Plan, cluster: &Cluster) -> Result<(), NotReady> {
        self.cluster_id = Some(cluster.id.clone());
        let runs_tables = matches!(self.home.component, Component::Be | Component::Cn);
        self.is_new |= runs_tables && self.record().is_none() && plan.node.data.is_empty();
        try_out(&plan.conf)?;
        make_data_dirs(plan)?;
        Self::places(plan).write_plan(&self.new_record(plan, Progress::Planned))?;
        configure(&plan.conf, &self.home.dir)?;
        self.sent = Some(add(self.client, cluster.endpoint(), &plan.node.add_statement()).await);
        Ok(())
    }

    /// The second look shows this node: the record says `added`.
    pub(super) fn registered(&mut self, plan: &Plan) -> Result<(), NotReady> {
        if let Some(sent) = self.sent.take() {
            let who = plan.node.host.with_port(plan.node.identity_port);
            let role = plan.node.role.added_as();
            let name = if plan.node.is_named() {
                format!(" {}", plan.node.name)
            } else {
                String::new()
            };
            tracing::info!("registered {who} as {role}{name} at {}", sent.leader);
            self.remember(plan, Progress::Added)?;
        }
        Ok(())
    }

    /// Before the engine has data of its own the state dir alone remembers.
    fn remember(&self, plan: &Plan, progress: Progress) -> Result<(), WriteError> {
        Self::places(plan).write_state(&self.new_record(plan, progress))
    }

    fn places(plan: &Plan) -> RecordStore {
        RecordStore {
            data_dir: plan.data_dir.clone(),
            state_dir: plan.state_dir.clone(),
        }
    }

    fn new_record(&self, plan: &Plan, progress: Progress) -> Record {
        let before = self.record();
        let known_id = self.cluster_id.clone();
        Record {
            engine: self.home.engine,
            component: self.home.component,
            role: plan.node.role.name().to_owned(),
            host: plan.node.host.clone(),
            ports: plan
                .ports
                .iter()
                .map(|choice| (choice.port.name, choice.number))
                .collect(),
            cluster_id: known_id
                .or_else(|| plan.node.data.cluster().map(|(id, _)| id.to_owned()))
                .or_else(|| before.and_then(|record| record.cluster_id.clone())),
            members: if self.members.is_empty() {
                self.remembered()
            } else {
                self.members.clone()
            },
            progress,
            first_steps: before
                .and_then(|record| record.first_steps.clone())
                .or_else(|| (progress == Progress::Founding || self.is_new).then(FirstSteps::default)),
            lost: self.lost,
        }
    }

    pub(super) async fn set_aside(&mut self, plan: &Plan, why: &str) -> Result<(), NotReady> {
        // Or the ports it listens on would be found taken, by us.
        if let Some(callers) = self.callers.take() {
            callers.close().await;
        }
        // The lock of a dir that is renamed goes with it.
        self.locks.release();
        set_all_aside(&plan.data_dirs, stamp(), why)?;
        if matches!(
            plan.node.data,
            Data::Dropped { .. } | Data::Moved(_) | Data::Joined { .. }
        ) {
            // From here on it is a joiner like any other; what is left of the old membership went with the data.
            self.remember(plan, Progress::Planned)?;
        } else if self
            .record()
            .is_some_and(|record| record.progress == Progress::Started)
        {
            // It has not been started on the data that it gets now.
            self.remember(plan, Progress::Added)?;
        }
        self.facts = gather(self.settings, self.home.clone(), Path::new("/"));
        Ok(())
    }

    pub(super) async fn finish(
        mut self,
        plan: Plan,
        helper: Option<String>,
        found: bool,
    ) -> Result<ReadyToStart, NotReady> {
        if let Some(callers) = self.callers.take() {
            callers.close().await;
        }
        let progress = match (&plan.node.data, found) {
            (_, true) | (Data::UnfinishedFounding | Data::Unproven { .. }, false) => Progress::Founding,
            (Data::Joined { .. } | Data::Dropped { .. }, false) => {
                self.record().map_or(Progress::Started, |record| record.progress)
            }
            // Nothing but LOCAL_HOST names this host, and that may be wrong: a planned record binds to no host. The watch
            // records more once the cluster shows it.
            (Data::Adopted { .. }, false) if plan.node.role.is_fe() => Progress::Planned,
            // The cluster lists it where it is now; whether it is alive there the watch will see.
            (Data::Empty { .. } | Data::Adopted { .. } | Data::Unfinished { .. } | Data::Moved(_), false) => {
                Progress::Started
            }
        };
        let unproven = match (&plan.node.data, &helper) {
            (Data::UnfinishedFounding | Data::Unproven { .. }, None) => Some(Unproven::Founding),
            (Data::Unfinished { .. }, Some(_)) => Some(Unproven::Join),
            _ => None,
        };
        let record = self.new_record(&plan, progress);
        make_data_dirs(&plan)?;
        Self::places(&plan).write(&record)?;
        // A data dir that was missing is there by now.
        self.lock(&plan).await?;
        self.locks.sign();
        for path in &plan.stale_files {
            remove_stale(path);
        }
        let mut known = self.known(&plan);
        if plan.node.role.is_fe() {
            let own = plan
                .ports
                .iter()
                .find(|choice| choice.port.name == crate::engine::PortName::Query);
            known.extend(own.map(|choice| Endpoint {
                host: plan.node.host.clone(),
                port: choice.number,
            }));
        }
        Ok(ReadyToStart {
            helper,
            record,
            reservations: self.reservations,
            locks: self.locks,
            known,
            unproven,
            plan,
        })
    }
}

/// Creates the data dirs that are missing: some engines create only the first one, or none.
fn make_data_dirs(plan: &Plan) -> Result<(), WriteError> {
    plan.data_dirs.iter().try_for_each(|dir| make_dir(&dir.path))
}

/// Seconds since 1970: part of the name of each set-aside.
pub fn stamp() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn remove_stale(path: &PathBuf) {
    match std::fs::remove_file(path) {
        Ok(()) => tracing::info!("removed {}: nothing it names is alive", path.display()),
        Err(error) => tracing::debug!("cannot remove {}: {error}", path.display()),
    }
}
