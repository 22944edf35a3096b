//! Merges the two copies of the record. The copy in the data dir names the owner of this data; the copy in the state dir is
//! written first and is left when the data is gone, so it never knows less about the same node.

use std::path::Path;

use crate::engine::{Component, Engine};
use crate::facts::record::{Progress, Record, RecordCopy, VERSION};
use crate::plan::refusal::Refusal;
use crate::settings::Host;

/// Both copies of the record.
#[derive(Debug, Clone, Copy)]
pub struct RecordCopies<'a> {
    pub data: &'a RecordCopy,
    pub state: &'a RecordCopy,
    pub owner: Identity<'a>,
}

/// The node that the record has to belong to.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub engine: &'static Engine,
    pub component: Component,
    pub host: &'a Host,
}

/// The valid record, and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergedRecord<'a> {
    pub record: &'a Record,
    /// The progress of this node. If the copies differ, the one in the data dir is right, because the progress is that of
    /// this data; but a node is dropped if either copy says so: muster may have been killed between the two writes.
    pub progress: Progress,
    /// It comes from the data dir.
    pub in_data: bool,
    /// The copy in the state dir, if the data dir has one as well and both name this host.
    pub state_copy: Option<&'a Record>,
    /// The path of the copy in the data dir if it cannot be read: then the data has to prove what this record says.
    pub unreadable_data_copy: Option<&'a Path>,
}

impl<'a> RecordCopies<'a> {
    /// Merges the copies into the valid record. An unreadable copy is never treated as "no record": if the other copy cannot
    /// replace it, the start is refused.
    pub fn merge(&self) -> Result<Option<MergedRecord<'a>>, Refusal> {
        for copy in [self.data, self.state] {
            if let RecordCopy::Newer { path, version } = copy {
                return Err(Refusal::protect(
                    format!(
                        "the record {} has version {version}, written by a newer muster; this muster reads version {VERSION}",
                        path.display(),
                    ),
                    "use the newer muster",
                ));
            }
        }
        let merged = match (self.data, self.state) {
            (RecordCopy::Present(data), RecordCopy::Present(state)) => {
                self.owner.check_engine(data)?;
                self.owner.check_host(data, state)?;
                // A state dir that another host writes to as well proves nothing about this data.
                let about_us = state.host == data.host;
                if about_us {
                    same_cluster(data, state)?;
                }
                MergedRecord {
                    record: data,
                    progress: if about_us && state.progress == Progress::Dropped {
                        Progress::Dropped
                    } else {
                        data.progress
                    },
                    in_data: true,
                    state_copy: Some(state).filter(|_| about_us),
                    unreadable_data_copy: None,
                }
            }
            (RecordCopy::Present(record), _) => MergedRecord {
                record,
                progress: record.progress,
                in_data: true,
                state_copy: None,
                unreadable_data_copy: None,
            },
            (_, RecordCopy::Present(record)) => MergedRecord {
                record,
                progress: record.progress,
                in_data: false,
                state_copy: None,
                unreadable_data_copy: match self.data {
                    RecordCopy::Unreadable { path, .. } => Some(path),
                    RecordCopy::Missing | RecordCopy::Present(_) | RecordCopy::Newer { .. } => None,
                },
            },
            (data, state) => {
                let broken: Vec<String> = [data, state].into_iter().filter_map(unreadable).collect();
                if broken.is_empty() {
                    return Ok(None);
                }
                return Err(Refusal::protect(
                    broken.join("; "),
                    "restore it; or, if the data belongs to this host, move the record away: muster then decides by the data alone",
                ));
            }
        };
        self.owner.check_engine(merged.record)?;
        Ok(Some(merged))
    }

    /// Warnings about a copy that the other copy replaces. Both are written again when the node starts.
    pub fn warnings(&self) -> Vec<String> {
        let host = self.owner.host;
        let mut warnings = Vec::new();
        match (self.data, self.state) {
            (RecordCopy::Present(_), broken @ RecordCopy::Unreadable { .. }) => {
                warnings.extend(unreadable(broken).map(|what| {
                    format!("{what}; muster uses the copy in the data dir and writes both again")
                }));
            }
            (broken @ RecordCopy::Unreadable { .. }, RecordCopy::Present(_)) => {
                warnings.extend(unreadable(broken).map(|what| {
                    format!("{what}; muster uses the copy in the state dir and writes both again")
                }));
            }
            (RecordCopy::Present(data), RecordCopy::Present(state))
                if data.host == *host && state.host != *host =>
            {
                warnings.push(format!(
                    "the record in the state dir names {}, but the record in the data dir names {host}: muster uses the one in \
                     the data dir; set a separate STATE_DIR on each host",
                    state.host
                ));
            }
            _ => {}
        }
        warnings
    }
}

impl MergedRecord<'_> {
    /// The refusal if the copy in the data dir cannot be read and the data has to prove the record.
    pub fn unproven(&self) -> Option<Refusal> {
        let path = self.unreadable_data_copy?;
        Some(Refusal::protect(
            format!(
                "the record {} cannot be read, and nothing in the data proves that the copy in the state dir belongs to \
                 it",
                path.display()
            ),
            "restore it; or, if the data belongs to this host, move that record away: muster then uses the copy in the \
             state dir",
        ))
    }
}

fn unreadable(copy: &RecordCopy) -> Option<String> {
    match copy {
        RecordCopy::Unreadable { path, why } => {
            Some(format!("the record {} cannot be read: {why}", path.display()))
        }
        RecordCopy::Missing | RecordCopy::Present(_) | RecordCopy::Newer { .. } => None,
    }
}

impl Identity<'_> {
    /// Refuses the data of another host on a host that belongs to a cluster itself. A planned node is bound to nothing, and
    /// the first start after a readdress is recorded in the state dir before it is recorded in the data dir.
    fn check_host(&self, data: &Record, state: &Record) -> Result<(), Refusal> {
        let bound = state.host == *self.host
            && match state.progress {
                Progress::Added | Progress::Joined | Progress::Founding | Progress::Dropped => true,
                Progress::Planned | Progress::Started => false,
            };
        if !bound || data.host == *self.host {
            return Ok(());
        }
        Err(Refusal::protect(
            format!(
                "the record in the data dir names {}, but the record in the state dir names {}, this host",
                data.host, self.host
            ),
            format!(
                "mount the data of {} there, and the data of this host here",
                data.host
            ),
        ))
    }

    fn check_engine(&self, record: &Record) -> Result<(), Refusal> {
        if record.engine == self.engine && record.component == self.component {
            return Ok(());
        }
        Err(Refusal::protect(
            format!(
                "the record of this node names {} {}, but it is started as {} {}",
                record.engine.name,
                record.component.name(),
                self.engine.name,
                self.component.name()
            ),
            "start it as what it was before, or set a separate data dir and STATE_DIR for this one",
        ))
    }
}

fn same_cluster(data: &Record, state: &Record) -> Result<(), Refusal> {
    match (&data.cluster_id, &state.cluster_id) {
        (Some(own), Some(other)) if own != other => Err(Refusal::protect(
            format!(
                "the record in the data dir names cluster {own}, but the record in the state dir names cluster {other}"
            ),
            "move the wrong record of the two away",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
