//! What the data of this node amounts to. ROLE and VERSION prove nothing: they are written seconds before an FE
//! belongs to anything, and a start killed in between leaves a directory that never starts again.

use crate::facts::data::FeData;
use crate::facts::record::{Progress, Record};
use crate::plan::record_merge::{MergedRecord, RecordCopies};
use crate::plan::refusal::Refusal;
use crate::settings::Host;

/// What a node with this data may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Nothing to lose. `known`: what says that this host belonged to a cluster all the same.
    Empty { known: Option<Known> },
    /// It was a member: it starts on its own, with nobody's help.
    Joined { cluster: Option<ClusterId> },
    /// It was a member, but ran without muster.
    Adopted { cluster: Option<ClusterId> },
    /// A first start as a joiner that was cut short. Never started without a helper. `keep`: the engine can finish
    /// it; otherwise it has to be set aside.
    Unfinished {
        keep: bool,
        why: String,
        cluster: Option<ClusterId>,
    },
    /// A founding that was cut short, or was ready after all: only starting it tells.
    UnfinishedFounding,
    /// It was a member, and the cluster was seen not to list it any more: its data can never start again.
    Dropped { cluster: Option<ClusterId> },
    /// A seed's data without a record or a proof: either of the two above, depending on who answers.
    Unproven { why: String, cluster: Option<ClusterId> },
    /// Its cluster knew it under another host when the record was written.
    Moved(Moved),
}

/// A node whose record names another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub from: Host,
    pub data: MovedData,
    /// An FE's own name in the election group, by its data.
    pub name: Option<String>,
    pub cluster: Option<ClusterId>,
}

/// What of a moved node is still here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovedData {
    /// Nothing, and it had not been added to any cluster when it was written down what it would be.
    Planned,
    /// Its data is gone, or never was here.
    Empty,
    /// Data that starts on its own.
    Member,
    /// A first start that was cut short.
    Unfinished,
    /// Nothing that could start again: the record says that it was dropped.
    Dropped,
}

/// A cluster id and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterId {
    pub id: String,
    pub read_from: String,
}

/// What is merged of a cluster whose data is gone from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub cluster: Option<ClusterId>,
    /// It was a member, and not only on the way there: that cluster does not stop listing it by itself.
    pub member: bool,
    /// One clause: who says so.
    pub sentence: String,
}

impl Data {
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty { .. })
    }

    /// Whether a node that starts with this data was a member before. One that was not, and that its cluster does not
    /// list, was not dropped: it had been listed by a leader that could not write it down.
    pub const fn was_member(&self) -> bool {
        match self {
            Self::Joined { .. }
            | Self::Adopted { .. }
            | Self::UnfinishedFounding
            | Self::Dropped { .. }
            | Self::Unproven { .. } => true,
            Self::Empty { .. } | Self::Unfinished { .. } => false,
            Self::Moved(moved) => match moved.data {
                MovedData::Member | MovedData::Dropped => true,
                MovedData::Planned | MovedData::Empty | MovedData::Unfinished => false,
            },
        }
    }

    /// The cluster this data, or the record of it, belongs to.
    pub fn cluster(&self) -> Option<(&str, &str)> {
        let cluster = match self {
            Self::Empty { known } => known.as_ref()?.cluster.as_ref()?,
            Self::Joined { cluster }
            | Self::Adopted { cluster }
            | Self::Dropped { cluster }
            | Self::Unfinished { cluster, .. }
            | Self::Unproven { cluster, .. }
            | Self::Moved(Moved { cluster, .. }) => cluster.as_ref()?,
            Self::UnfinishedFounding => return None,
        };
        Some((&cluster.id, &cluster.read_from))
    }
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts of one directory"
)]
/// What an FE data dir shows, as far as the decision goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeDir {
    pub path: String,
    /// No ROLE, VERSION, `DEPLOY_MODE` or journal.
    pub empty: bool,
    /// It holds a `*.jdb`.
    pub journal: bool,
    /// The journal's log says that this FE elected itself.
    pub nascent: bool,
    /// It carries the proof that it was ready once.
    pub ready: bool,
    /// `name` of ROLE.
    pub name: Option<String>,
    /// `clusterId` of VERSION.
    pub cluster: Option<String>,
}

impl FeDir {
    pub fn of(data: &FeData) -> Self {
        Self {
            path: data.place.path.display().to_string(),
            empty: data.is_empty(),
            journal: !data.journals.is_empty(),
            nascent: data.journal_info.nascent_group,
            ready: data.ready,
            name: data.role.as_ref().and_then(|role| role.name()).map(str::to_owned),
            cluster: data
                .version
                .as_ref()
                .and_then(|version| version.cluster_id.clone()),
        }
    }
}

/// The cluster ids of a BE's or CN's storage paths, with the file each was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub ids: Vec<ClusterId>,
}

/// What an FE's data amounts to.
pub fn classify_fe(seed: bool, dir: &FeDir, copies: RecordCopies<'_>) -> Result<Data, Refusal> {
    let merged = copies.merge()?;
    let progress = merged.map(|merged| merged.progress);
    let moved = merged.filter(|merged| merged.record.host != *copies.owner.host);
    if dir.empty {
        return nothing_here(merged, copies.owner.host);
    }
    let shown = dir.cluster.clone().map(|id| ClusterId {
        id,
        read_from: format!("{}/image/VERSION", dir.path),
    });
    if let (Some(merged), Some(own)) = (merged, &shown) {
        same_cluster(merged.record, own)?;
    }
    // Data that does not say whose it is belongs to the cluster of its record.
    let recorded = || known(merged?.record, merged?.progress)?.cluster;
    let cluster = shown.or_else(recorded);
    if let Some(refusal) = merged.and_then(|merged| merged.unproven()) {
        let proven = progress == Some(Progress::Joined) && dir.ready;
        if !proven && progress != Some(Progress::Dropped) {
            return Err(refusal);
        }
    }
    let in_data = merged.is_some_and(|merged| merged.in_data);
    if progress == Some(Progress::Joined) && in_data && !dir.journal && !dir.ready {
        return Err(journal_lost(dir));
    }
    if let Some(merged) = moved {
        if let Some(refusal) = merged.unproven() {
            return Err(refusal);
        }
        let data = if progress == Some(Progress::Dropped) {
            MovedData::Dropped
        } else if dir.ready || (progress == Some(Progress::Joined) && in_data) {
            MovedData::Member
        } else {
            MovedData::Unfinished
        };
        return Ok(moved_from(merged, data, dir.name.clone(), cluster));
    }
    let keep = dir.journal && !dir.nascent;
    let unfinished = |why: &str| Data::Unfinished {
        keep,
        why: unfinished_sentence(dir, why),
        cluster: cluster.clone(),
    };
    Ok(match progress {
        Some(Progress::Dropped) => Data::Dropped { cluster },
        Some(Progress::Joined) if dir.ready || in_data => Data::Joined { cluster },
        Some(Progress::Founding) if !dir.ready => Data::UnfinishedFounding,
        Some(_) if dir.ready => Data::Joined { cluster },
        Some(Progress::Joined) => unfinished("the record that says it joined is not the data's own"),
        Some(Progress::Planned | Progress::Added | Progress::Started | Progress::Founding) => {
            unfinished("its first start was cut short")
        }
        None if dir.ready => Data::Adopted { cluster },
        None if seed => Data::Unproven {
            why: unfinished_sentence(dir, "nothing shows that it was ever ready"),
            cluster,
        },
        None => unfinished("nothing shows that it was ever ready"),
    })
}

/// What a BE's or CN's storage amounts to.
pub fn classify_backend(storage: &Storage, copies: RecordCopies<'_>) -> Result<Data, Refusal> {
    let merged = copies.merge()?;
    let Some(first) = storage.ids.first() else {
        return nothing_here(merged, copies.owner.host);
    };
    if let Some(other) = storage.ids.iter().find(|id| id.id != first.id) {
        return Err(Refusal::protect(
            format!(
                "the storage is of two clusters: {} in {} and {} in {}",
                first.id, first.read_from, other.id, other.read_from
            ),
            "take the path that is not this cluster's out of STORAGE_ROOT_PATH",
        ));
    }
    let cluster = Some(first.clone());
    let Some(merged) = merged else {
        return Ok(Data::Adopted { cluster });
    };
    same_cluster(merged.record, first)?;
    if merged.record.host != *copies.owner.host {
        if let Some(refusal) = merged.unproven() {
            return Err(refusal);
        }
        let data = match merged.progress {
            Progress::Dropped => MovedData::Dropped,
            _ => MovedData::Member,
        };
        return Ok(moved_from(merged, data, None, cluster));
    }
    // The id in the storage is the proof: it came with a heartbeat of that cluster.
    let proven = merged.record.cluster_id.is_some() && merged.progress == Progress::Joined;
    if let Some(refusal) = merged.unproven()
        && !proven
        && merged.progress != Progress::Dropped
    {
        return Err(refusal);
    }
    Ok(match merged.progress {
        Progress::Joined => Data::Joined { cluster },
        Progress::Dropped => Data::Dropped { cluster },
        Progress::Planned | Progress::Added | Progress::Started | Progress::Founding => {
            Data::Adopted { cluster }
        }
    })
}

/// The data is gone, or never was here: what is merged of it decides.
fn nothing_here(merged: Option<MergedRecord<'_>>, host: &Host) -> Result<Data, Refusal> {
    let Some(merged) = merged else {
        return Ok(Data::Empty { known: None });
    };
    let left = || {
        merged
            .state_copy
            .and_then(|record| known(record, record.progress))
    };
    let known = known(merged.record, merged.progress).or_else(left);
    // What cannot be read may have known a cluster that the other copy does not.
    if let (None, Some(refusal)) = (&known, merged.unproven()) {
        return Err(refusal);
    }
    if merged.record.host != *host {
        if let Some(refusal) = merged.unproven() {
            return Err(refusal);
        }
        let left = merged.state_copy.map_or(Progress::Planned, |left| left.progress);
        let data = match merged.progress {
            Progress::Dropped => MovedData::Dropped,
            Progress::Planned if left == Progress::Planned => MovedData::Planned,
            _ => MovedData::Empty,
        };
        return Ok(moved_from(merged, data, None, None));
    }
    if merged.progress == Progress::Dropped {
        return Ok(Data::Dropped {
            cluster: known.and_then(|known| known.cluster),
        });
    }
    Ok(Data::Empty { known })
}

/// An FE with an image and no journal elects itself when it is started bare (observed), whatever it once was.
fn journal_lost(dir: &FeDir) -> Refusal {
    Refusal::protect(
        format!(
            "{} was a member's, by its record, and its journal (bdb/*.jdb) is gone: started like this it would elect \
             itself",
            dir.path
        ),
        format!(
            "put the journal back; or, if the other FEs of its cluster are well, move {} away: this node joins anew",
            dir.path
        ),
    )
}

fn unfinished_sentence(dir: &FeDir, why: &str) -> String {
    let state = match (dir.journal, dir.nascent) {
        (false, _) => "it has no journal yet",
        (true, true) => "it elected itself",
        (true, false) => "its journal is begun",
    };
    format!("{} was never a member: {why}, and {state}", dir.path)
}

/// What a record says about a cluster whose data is gone from here, or never was here.
fn known(record: &Record, progress: Progress) -> Option<Known> {
    let name = |id: &Option<String>| {
        id.as_ref()
            .map_or_else(|| "a cluster".to_owned(), |id| format!("cluster {id}"))
    };
    let how = match progress {
        Progress::Founding => return None,
        // A plan binds to no cluster, MASTER_HOST may have been corrected since; but it was made because one answered.
        Progress::Planned => {
            record.cluster_id.as_ref()?;
            return Some(Known {
                cluster: None,
                member: false,
                sentence: format!(
                    "this host was about to be added to {}, by the record",
                    name(&record.cluster_id)
                ),
            });
        }
        Progress::Added => "was added to",
        Progress::Started => "was being started in",
        Progress::Joined => "was a member of",
        Progress::Dropped => "was dropped from",
    };
    let read_from = "by the record".to_owned();
    let cluster = record.cluster_id.clone().map(|id| ClusterId { id, read_from });
    Some(Known {
        cluster,
        member: matches!(progress, Progress::Joined | Progress::Dropped),
        sentence: format!("this host {how} {}, by the record", name(&record.cluster_id)),
    })
}

/// The data's own cluster id counts before the record's.
fn moved_from(
    merged: MergedRecord<'_>,
    data: MovedData,
    name: Option<String>,
    cluster: Option<ClusterId>,
) -> Data {
    Data::Moved(Moved {
        from: merged.record.host.clone(),
        data,
        name,
        cluster: cluster.or_else(|| known(merged.record, merged.progress)?.cluster),
    })
}

fn same_cluster(record: &Record, own: &ClusterId) -> Result<(), Refusal> {
    match &record.cluster_id {
        Some(id) if *id != own.id => Err(Refusal::protect(
            format!(
                "the data is of cluster {} ({}), and the record is of cluster {id}",
                own.id, own.read_from
            ),
            "put the data and the record of one cluster together, or move away the one that is wrong",
        )),
        _ => Ok(()),
    }
}
