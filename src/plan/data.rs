//! Classifies the data of this node. ROLE and VERSION prove nothing: they are written seconds before an FE belongs to a
//! cluster, and a start that is killed in between leaves a directory that never starts again.

use crate::engine::OwnHost;
use crate::facts::data::FeData;
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::plan::record_merge::{MergedRecord, RecordCopies};
use crate::plan::refusal::Refusal;
use crate::plan::role_host::RoleHost;
use crate::settings::Host;

/// The data of a node, by what the node may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// No data. `known`: the cluster this host belonged to according to its record.
    Empty { known: Option<Known> },
    /// The data of a member: it starts without asking other FEs.
    Joined { cluster: Option<ClusterId> },
    /// The data of a member that ran without muster.
    Adopted { cluster: Option<ClusterId> },
    /// The data of an interrupted first start as a joiner. Never started without a helper. `keep`: the engine can finish
    /// the join; otherwise the data has to be set aside.
    Unfinished {
        keep: bool,
        why: String,
        cluster: Option<ClusterId>,
    },
    /// The data of an interrupted founding, which may be complete: only a start shows it.
    UnfinishedFounding,
    /// The data of a member that its cluster no longer lists: it never starts again.
    Dropped { cluster: Option<ClusterId> },
    /// A seed's data without a record or a proof: an unfinished join if a cluster answers, else an unfinished founding.
    Unproven { why: String, cluster: Option<ClusterId> },
    /// The record names another host; or there is none, and ROLE or the journal does.
    Moved(Moved),
}

/// A node whose record, ROLE or journal names another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub from: Host,
    pub named_by: NamedBy,
    pub data: MovedData,
    /// An FE's own name in the election group, by its data.
    pub name: Option<String>,
    pub cluster: Option<ClusterId>,
}

/// The file that names another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// The cluster once listed that host.
    Record,
    /// The engine wrote it into `image/ROLE`. muster has not seen any list with it.
    Role,
    /// The same, in its journal.
    Journal,
}

/// The data of a moved node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovedData {
    /// None, and the record was written before the node was added to a cluster.
    Planned,
    /// None: it is gone, or never was here.
    Empty,
    /// A member's data, which starts without a helper.
    Member,
    /// Left by an interrupted first start.
    Unfinished,
    /// Unusable: the record says that the node was dropped.
    Dropped,
}

/// A cluster id and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterId {
    pub id: String,
    pub read_from: String,
}

/// The cluster of a host without data, from its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub cluster: Option<ClusterId>,
    /// It was a member, so its cluster lists it until it is dropped.
    pub member: bool,
    /// One sentence that names the cluster.
    pub sentence: String,
}

impl Data {
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty { .. })
    }

    /// True if the node was a member before. A node that was not, and that its cluster does not list, was not dropped: a
    /// leader without a majority listed it and could not store the entry.
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

    /// The cluster that this data or its record belongs to, and where its id was read.
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
/// The facts of an FE data dir that the decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeDir {
    pub path: String,
    /// No ROLE, VERSION, `DEPLOY_MODE` or journal.
    pub empty: bool,
    /// It holds a `*.jdb`.
    pub journal: bool,
    /// The journal's log shows that this FE elected itself.
    pub nascent: bool,
    /// It holds the proof that the FE was ready once.
    pub ready: bool,
    /// `name` of ROLE.
    pub name: Option<String>,
    /// The host that ROLE or the journal names.
    pub host: Option<RoleHost>,
    /// `clusterId` of VERSION.
    pub cluster: Option<String>,
}

impl FeDir {
    pub fn of(data: &FeData, own_host: &OwnHost) -> Self {
        Self {
            host: data
                .role
                .as_ref()
                .and_then(|role| RoleHost::of(role, own_host))
                .or_else(|| RoleHost::in_journal(&data.own_hosts)),
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

/// Classifies the data of an FE.
pub fn classify_fe(seed: bool, dir: &FeDir, copies: RecordCopies<'_>) -> Result<Data, Refusal> {
    let merged = copies.merge()?;
    if dir.empty {
        return nothing_here(merged, copies.owner.host);
    }
    let is_moved = |merged: &MergedRecord<'_>| merged.record.host != *copies.owner.host;
    let merged = merged.filter(|merged| !is_moved(merged) || binds(merged, copies));
    let progress = merged.map(|merged| merged.progress);
    let moved = merged.filter(is_moved);
    let shown = dir.cluster.clone().map(|id| ClusterId {
        id,
        read_from: format!("{}/image/VERSION", dir.path),
    });
    if let (Some(merged), Some(own)) = (merged, &shown) {
        same_cluster(merged.record, own)?;
    }
    // Data without a cluster id belongs to the cluster of its record.
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
    // Neither ROLE nor VERSION: to an FE this is its first start. It ends by itself if one of them is there.
    if progress == Some(Progress::Joined) && in_data && dir.name.is_none() && dir.cluster.is_none() {
        return Err(image_lost(dir));
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
    if let (None | Some(Progress::Planned | Progress::Founding), Some(host)) = (progress, &dir.host)
        && let Some(from) = host.differs_from(copies.owner.host, &dir.path)?
    {
        return Ok(Data::Moved(Moved {
            from,
            named_by: host.named_by(),
            data: if dir.ready {
                MovedData::Member
            } else {
                MovedData::Unfinished
            },
            name: dir.name.clone(),
            cluster,
        }));
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
        // With a plan, an earlier start adopted it, and no cluster has shown it since.
        None | Some(Progress::Planned) if dir.ready => Data::Adopted { cluster },
        Some(_) if dir.ready => Data::Joined { cluster },
        Some(Progress::Joined) => unfinished("only the record in the state dir says that it joined"),
        Some(Progress::Planned | Progress::Added | Progress::Started | Progress::Founding) => {
            unfinished("its first start was interrupted")
        }
        None if seed => Data::Unproven {
            why: unfinished_sentence(dir, "nothing proves that it was ready once"),
            cluster,
        },
        None => unfinished("nothing proves that it was ready once"),
    })
}

/// False if nothing but a `LOCAL_HOST` has named the host of this record: the list of its cluster has not shown it. An
/// unreadable copy may know more.
const fn binds(merged: &MergedRecord<'_>, copies: RecordCopies<'_>) -> bool {
    merged.progress.binds_host()
        || merged.unreadable_data_copy.is_some()
        || matches!(copies.state, RecordCopy::Unreadable { .. })
}

/// Classifies the storage of a BE or CN.
pub fn classify_backend(storage: &Storage, copies: RecordCopies<'_>) -> Result<Data, Refusal> {
    let merged = copies.merge()?;
    let Some(first) = storage.ids.first() else {
        return nothing_here(merged, copies.owner.host);
    };
    if let Some(other) = storage.ids.iter().find(|id| id.id != first.id) {
        return Err(Refusal::protect(
            format!(
                "the storage paths belong to two clusters: {} ({}) and {} ({})",
                first.id, first.read_from, other.id, other.read_from
            ),
            "remove the paths of the other cluster from STORAGE_ROOT_PATH",
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

/// Classifies a node of a component that keeps no data: its record alone says whether it is a member.
pub fn classify_without_data(copies: RecordCopies<'_>) -> Result<Data, Refusal> {
    let merged = copies.merge()?;
    let member = merged
        .filter(|merged| merged.record.host == *copies.owner.host && merged.progress == Progress::Joined);
    match member {
        Some(merged) => Ok(Data::Joined {
            cluster: known(merged.record, merged.progress).and_then(|known| known.cluster),
        }),
        None => nothing_here(merged, copies.owner.host),
    }
}

/// Classifies a node without data by its record.
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
    // The unreadable copy may name a cluster that the other copy does not.
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

/// The refusal for an image without a journal: an FE that starts on it elects itself (observed).
fn journal_lost(dir: &FeDir) -> Refusal {
    incomplete(
        dir,
        "its journal (bdb/*.jdb) is missing: an FE started on it would elect itself leader",
        "the journal",
    )
}

fn image_lost(dir: &FeDir) -> Refusal {
    incomplete(
        dir,
        "image/ROLE and image/VERSION are missing: an FE started on it would found another cluster",
        "the directory image",
    )
}

fn incomplete(dir: &FeDir, how: &str, lost: &str) -> Refusal {
    Refusal::protect(
        format!(
            "{} holds a member's data according to its record, but {how}",
            dir.path
        ),
        format!(
            "restore {lost}; or, if the other FEs of its cluster are healthy, move {} away: this node then joins again",
            dir.path
        ),
    )
}

fn unfinished_sentence(dir: &FeDir, why: &str) -> String {
    let state = match (dir.journal, dir.nascent) {
        (false, _) => "it has no journal yet",
        (true, true) => "it elected itself",
        (true, false) => "its journal is incomplete",
    };
    format!("{} does not hold a member's data: {why}, and {state}", dir.path)
}

/// The cluster that a record names, for a host without data.
fn known(record: &Record, progress: Progress) -> Option<Known> {
    let name = |id: &Option<String>| {
        id.as_ref()
            .map_or_else(|| "a cluster".to_owned(), |id| format!("cluster {id}"))
    };
    let how = match progress {
        Progress::Founding => return None,
        // A planned node is bound to no cluster: MASTER_HOST may have been corrected since. But a cluster answered then.
        Progress::Planned => {
            record.cluster_id.as_ref()?;
            return Some(Known {
                cluster: None,
                member: false,
                sentence: format!(
                    "the record says that this host was about to be added to {}",
                    name(&record.cluster_id)
                ),
            });
        }
        Progress::Added => "was added to",
        Progress::Started => "was being started in",
        Progress::Joined => "was a member of",
        Progress::Dropped => "was dropped from",
    };
    let read_from = "from the record".to_owned();
    let cluster = record.cluster_id.clone().map(|id| ClusterId { id, read_from });
    Some(Known {
        cluster,
        member: matches!(progress, Progress::Joined | Progress::Dropped),
        sentence: format!(
            "the record says that this host {how} {}",
            name(&record.cluster_id)
        ),
    })
}

/// A moved node. The cluster id in the data has precedence over the record's.
fn moved_from(
    merged: MergedRecord<'_>,
    data: MovedData,
    name: Option<String>,
    cluster: Option<ClusterId>,
) -> Data {
    Data::Moved(Moved {
        from: merged.record.host.clone(),
        named_by: NamedBy::Record,
        data,
        name,
        cluster: cluster.or_else(|| known(merged.record, merged.progress)?.cluster),
    })
}

fn same_cluster(record: &Record, own: &ClusterId) -> Result<(), Refusal> {
    match &record.cluster_id {
        Some(id) if *id != own.id => Err(Refusal::protect(
            format!(
                "the data belongs to cluster {} ({}), but the record names cluster {id}",
                own.id, own.read_from
            ),
            "restore the record that belongs to this data, or move the wrong one of the two away",
        )),
        _ => Ok(()),
    }
}
