//! What the two copies of the record say together. The one inside the data names whose data this is; the other one is
//! written first and is what is left when the data is gone, so it never knows less about the same node.

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

/// Whose record it has to be.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub engine: &'static Engine,
    pub component: Component,
    pub host: &'a Host,
}

/// The record that counts, and how far it may be relied upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergedRecord<'a> {
    pub record: &'a Record,
    /// How far this node got. Of two copies that differ the one in the data counts, because the progress is that of this
    /// data; but a node that either of them calls dropped was dropped: killed between the two writes, the other one
    /// says still what it was before.
    pub progress: Progress,
    /// The data itself carries it.
    pub in_data: bool,
    /// The state copy beside one in the data, if it is about this node: what is left when the data is gone.
    pub state_copy: Option<&'a Record>,
    /// The copy in the data cannot be read: what this one says has to be proven by the data besides.
    pub unreadable_data_copy: Option<&'a Path>,
}

impl<'a> RecordCopies<'a> {
    /// The record that counts. A copy that cannot be read is never taken for "no record": where the other one cannot
    /// stand in for it, that is the end.
    pub fn merge(&self) -> Result<Option<MergedRecord<'a>>, Refusal> {
        for copy in [self.data, self.state] {
            if let RecordCopy::Newer { path, version } = copy {
                return Err(Refusal::protect(
                    format!(
                        "the record {} is of version {version}, written by a newer muster; this one reads version {VERSION}",
                        path.display(),
                    ),
                    "use the newer muster",
                ));
            }
        }
        let merged = match (self.data, self.state) {
            (RecordCopy::Present(data), RecordCopy::Present(state)) => {
                self.owner.is_meant_by(data)?;
                self.owner.has_its_own_data(data, state)?;
                // A state dir that another host writes into too says nothing about this data.
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
                    broken.join(", and "),
                    "restore it; or, if you are sure what this host is, move it away: then the data alone decides",
                ));
            }
        };
        self.owner.is_meant_by(merged.record)?;
        Ok(Some(merged))
    }

    /// What is wrong with a copy that the other one stands in for. Both are written again when the node starts.
    pub fn warnings(&self) -> Vec<String> {
        let host = self.owner.host;
        let mut warnings = Vec::new();
        match (self.data, self.state) {
            (RecordCopy::Present(_), broken @ RecordCopy::Unreadable { .. }) => {
                warnings.extend(unreadable(broken).map(|what| {
                    format!("{what}; the copy inside the data counts, and both are written again")
                }));
            }
            (broken @ RecordCopy::Unreadable { .. }, RecordCopy::Present(_)) => {
                warnings.extend(unreadable(broken).map(|what| {
                    format!("{what}; the copy in the state dir counts, and both are written again")
                }));
            }
            (RecordCopy::Present(data), RecordCopy::Present(state))
                if data.host == *host && state.host != *host =>
            {
                warnings.push(format!(
                    "the record in the state dir is of {}, the one inside the data of {host}: the data's counts; give each \
                     host a STATE_DIR of its own",
                    state.host
                ));
            }
            _ => {}
        }
        warnings
    }
}

impl MergedRecord<'_> {
    /// Why this record is not enough: the data has one of its own, which cannot be read, and proves nothing.
    pub fn unproven(&self) -> Option<Refusal> {
        let path = self.unreadable_data_copy?;
        Some(Refusal::protect(
            format!(
                "the record {} cannot be read, and nothing in the data shows that the copy in the state dir is about this \
                 data",
                path.display()
            ),
            "restore it; or, if you are sure that this data is this host's, move it away: then the copy in the state dir \
             counts",
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
    /// A host that belongs to a cluster as what it is does not go on as another one because it was given that one's data.
    /// A plan binds it to nothing, and the first start after a readdress is written down here before it is in the data.
    fn has_its_own_data(&self, data: &Record, state: &Record) -> Result<(), Refusal> {
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
                "the record inside the data is of {}, and the one in the state dir knows this host as {}",
                data.host, self.host
            ),
            format!("give {} its data back, and this host its own", data.host),
        ))
    }

    fn is_meant_by(&self, record: &Record) -> Result<(), Refusal> {
        if record.engine == self.engine && record.component == self.component {
            return Ok(());
        }
        Err(Refusal::protect(
            format!(
                "the record of this node says {} {}, and this is {} {}",
                record.engine.name,
                record.component.name(),
                self.engine.name,
                self.component.name()
            ),
            "start the image it was started with before, or give this one a data dir and a STATE_DIR of its own",
        ))
    }
}

fn same_cluster(data: &Record, state: &Record) -> Result<(), Refusal> {
    match (&data.cluster_id, &state.cluster_id) {
        (Some(own), Some(other)) if own != other => Err(Refusal::protect(
            format!(
                "the record inside the data is of cluster {own}, and the one in the state dir of cluster {other}"
            ),
            "put the data and the records of one cluster together, or move away the record that is wrong",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
