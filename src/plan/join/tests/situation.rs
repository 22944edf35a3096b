//! Every state of a node's own files at a start: the data and both copies of the record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::engine::{ALL, Component};
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::plan::data::{ClusterId, Data, FeDir, Storage, classify_without_data};
use crate::plan::node::{Node, Role};
use crate::plan::record_merge::{Identity, RecordCopies};
use crate::plan::refusal::Refusal;
use crate::plan::role_host::RoleHost;
use crate::settings::{Bootstrap, Host};

use super::every::Rules;

pub(super) const ROLES: [Role; 6] = [
    Role::Seed,
    Role::Follower,
    Role::Observer,
    Role::Component(Component::Be),
    Role::Component(Component::Cn),
    Role::Component(Component::Broker),
];

/// A cluster id: 77 is the cluster that usually answers, 88 is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Id {
    Unknown,
    Of77,
    Of88,
}

impl Id {
    const ALL: [Self; 3] = [Self::Unknown, Self::Of77, Self::Of88];

    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::Of77 => Some("77".to_owned()),
            Self::Of88 => Some("88".to_owned()),
        }
    }

    /// Both are known and differ.
    pub(super) fn is_other_than(self, id: &str) -> bool {
        self.text().is_some_and(|own| own != id)
    }
}

/// One copy of the record. `ours`: it names this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Missing,
    Unreadable,
    Newer,
    Present { progress: Progress, ours: bool, id: Id },
}

impl Kept {
    pub(super) fn all() -> Vec<Self> {
        let progress = [
            Progress::Planned,
            Progress::Added,
            Progress::Started,
            Progress::Joined,
            Progress::Founding,
            Progress::Dropped,
        ];
        let mut all = vec![Self::Missing, Self::Unreadable, Self::Newer];
        for progress in progress {
            for ours in [true, false] {
                all.extend(Id::ALL.map(|id| Self::Present { progress, ours, id }));
            }
        }
        all
    }

    pub(super) const fn ours(self) -> Option<(Progress, Id)> {
        match self {
            Self::Present {
                progress,
                ours: true,
                id,
            } => Some((progress, id)),
            _ => None,
        }
    }

    /// Another host was dropped.
    const fn gone(self) -> bool {
        matches!(
            self,
            Self::Present {
                progress: Progress::Dropped,
                ours: false,
                ..
            }
        )
    }

    /// It names a host that a list has shown.
    const fn binds(self) -> bool {
        !matches!(
            self,
            Self::Present {
                progress: Progress::Planned | Progress::Founding,
                ..
            }
        )
    }

    const fn present(self) -> bool {
        matches!(self, Self::Present { .. })
    }

    fn copy(self, place: &str, component: Component) -> RecordCopy {
        let path = PathBuf::from(place);
        match self {
            Self::Missing => RecordCopy::Missing,
            Self::Unreadable => RecordCopy::Unreadable {
                path,
                why: "it is empty".to_owned(),
            },
            Self::Newer => RecordCopy::Newer { path, version: 9 },
            Self::Present { progress, ours, id } => RecordCopy::Present(Record {
                engine: ALL[0],
                component,
                role: "follower".to_owned(),
                host: Host::parse(if ours { "10.0.0.5" } else { "10.0.0.6" }).unwrap(),
                ports: BTreeMap::new(),
                cluster_id: id.text(),
                members: Vec::new(),
                progress,
                first_steps: None,
                lost: false,
            }),
        }
    }
}

/// The content of the data dir or of the storage paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    Nothing,
    Fe {
        journal: bool,
        nascent: bool,
        ready: bool,
        id: Id,
    },
    Storage(Id),
    /// Storage of both clusters.
    Mixed,
    /// This component keeps no data.
    Never,
}

impl Lies {
    pub(super) fn all(role: Role) -> Vec<Self> {
        if role == Role::Component(Component::Broker) {
            return vec![Self::Never];
        }
        let mut all = vec![Self::Nothing];
        if !role.is_fe() {
            all.extend([Self::Storage(Id::Of77), Self::Storage(Id::Of88), Self::Mixed]);
            return all;
        }
        for journal in [false, true] {
            for nascent in [false, true] {
                for ready in [false, true] {
                    all.extend(Id::ALL.map(|id| Self::Fe {
                        journal,
                        nascent,
                        ready,
                        id,
                    }));
                }
            }
        }
        all
    }
}

/// One situation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    pub role: Role,
    pub lies: Lies,
    pub data: Kept,
    pub state: Kept,
}

/// The facts of a situation that the forbidden outcomes depend on, from the files alone.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one node")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Facts {
    pub fe: bool,
    pub seed: bool,
    /// No data at all.
    pub empty: bool,
    pub journal: bool,
    pub nascent: bool,
    pub ready: bool,
    /// The cluster id in the data.
    pub id: Id,
    /// A copy of this host's: how far, by the one that counts.
    pub recorded: bool,
    /// That copy is a plan: no list has shown this host.
    pub planned: bool,
    /// The cluster that copy binds this node to; a plan binds to none.
    pub bound: Id,
    pub says_joined: bool,
    pub says_founding: bool,
    /// The copy inside the data says joined.
    pub joined_in_data: bool,
    /// Either copy says dropped.
    pub dropped: bool,
    /// Either copy knows of a cluster: an interrupted founding knows none.
    pub knows: bool,
    pub newer: bool,
    pub data_unreadable: bool,
    pub state_unreadable: bool,
    /// The copy that counts names another host.
    pub other_host: bool,
    /// Nothing is here but the plan of that other host: it had not been added to any cluster; and this host, by the copy
    /// in its state dir, was not seen to be in one.
    pub planned_elsewhere: bool,
    /// The record of that other host says that it was dropped.
    pub gone: bool,
    /// The data carries a record by which it joined as that other host.
    pub member_elsewhere: bool,
}

impl Facts {
    /// Without what can no longer be told apart once the files have been let in.
    pub(super) const fn let_in(self) -> Self {
        Self {
            newer: false,
            state_unreadable: false,
            ..self
        }
    }

    /// True if it was a member according to its record, or its data proves it under a record of this host.
    pub(super) const fn member(&self) -> bool {
        let proven = if self.fe {
            (self.joined_in_data && self.journal) || (self.recorded && !self.planned && self.ready)
        } else {
            self.says_joined
        };
        !self.empty && !self.dropped && proven
    }
}

impl Situation {
    pub(super) fn facts(&self) -> Facts {
        let fe = self.role.is_fe();
        let (journal, nascent, ready, id) = match self.lies {
            Lies::Nothing | Lies::Mixed | Lies::Never => (false, false, false, Id::Unknown),
            Lies::Storage(id) => (false, false, false, id),
            Lies::Fe {
                journal,
                nascent,
                ready,
                id,
            } => (journal, nascent, ready, id),
        };
        let counts = if self.data.present() {
            self.data
        } else {
            self.state
        };
        let knows = |kept: Kept| {
            kept.ours().is_some_and(|(progress, id)| match progress {
                Progress::Founding => false,
                Progress::Planned => id != Id::Unknown,
                Progress::Added | Progress::Started | Progress::Joined | Progress::Dropped => true,
            })
        };
        let says = |kept: Kept, what: Progress| kept.ours().is_some_and(|(progress, _)| progress == what);
        Facts {
            fe,
            seed: self.role == Role::Seed,
            empty: self.lies == Lies::Nothing,
            journal,
            nascent,
            ready,
            id,
            recorded: counts.ours().is_some(),
            planned: says(counts, Progress::Planned),
            bound: match counts.ours() {
                None | Some((Progress::Planned | Progress::Founding, _)) => Id::Unknown,
                Some((_, id)) => id,
            },
            says_joined: says(counts, Progress::Joined),
            says_founding: says(counts, Progress::Founding),
            joined_in_data: says(self.data, Progress::Joined),
            dropped: says(self.data, Progress::Dropped) || says(self.state, Progress::Dropped),
            knows: knows(self.data) || knows(self.state),
            newer: self.data == Kept::Newer || self.state == Kept::Newer,
            data_unreadable: self.data == Kept::Unreadable,
            state_unreadable: self.state == Kept::Unreadable,
            other_host: counts.present()
                && counts.ours().is_none()
                && (self.lies == Lies::Nothing
                    || !fe
                    || counts.binds()
                    || self.state.gone()
                    || [self.data, self.state].contains(&Kept::Unreadable)),
            planned_elsewhere: matches!(self.lies, Lies::Nothing | Lies::Never)
                && counts.present()
                && [self.data, self.state].iter().all(|kept| {
                    matches!(
                        kept,
                        Kept::Missing
                            | Kept::Unreadable
                            | Kept::Present {
                                progress: Progress::Planned,
                                ..
                            }
                            | Kept::Present {
                                progress: Progress::Started,
                                ours: true,
                                ..
                            }
                    )
                }),
            member_elsewhere: matches!(
                self.data,
                Kept::Present {
                    progress: Progress::Joined,
                    ours: false,
                    ..
                }
            ),
            gone: self.data.gone() || self.state.gone(),
        }
    }

    /// Classifies it by the rules.
    pub(super) fn classify(&self, rules: &Rules) -> Result<Data, Refusal> {
        let component = component(self.role);
        let own = host();
        let copies = RecordCopies {
            data: &self.data.copy("/data/muster.json", component),
            state: &self.state.copy("/state/muster.json", component),
            owner: Identity {
                engine: ALL[0],
                component,
                host: &own,
            },
        };
        let storage = |ids: &[Id]| Storage {
            ids: ids
                .iter()
                .filter_map(|id| id.text())
                .map(|id| ClusterId {
                    read_from: format!("/disk{id}/cluster_id"),
                    id,
                })
                .collect(),
        };
        match self.lies {
            Lies::Nothing if self.role.is_fe() => {
                (rules.classify_fe)(self.role == Role::Seed, &fe_dir(None), copies)
            }
            Lies::Fe { .. } => (rules.classify_fe)(self.role == Role::Seed, &fe_dir(Some(self.lies)), copies),
            Lies::Nothing => (rules.classify_backend)(&storage(&[]), copies),
            Lies::Storage(id) => (rules.classify_backend)(&storage(&[id]), copies),
            Lies::Mixed => (rules.classify_backend)(&storage(&[Id::Of77, Id::Of88]), copies),
            Lies::Never => classify_without_data(copies),
        }
    }
}

fn fe_dir(lies: Option<Lies>) -> FeDir {
    let path = "/meta".to_owned();
    let Some(Lies::Fe {
        journal,
        nascent,
        ready,
        id,
    }) = lies
    else {
        return FeDir {
            path,
            empty: true,
            journal: false,
            nascent: false,
            ready: false,
            name: None,
            host: None,
            cluster: None,
        };
    };
    FeDir {
        path,
        empty: false,
        journal,
        nascent,
        ready,
        name: Some("10.0.0.5_9010_1".to_owned()),
        host: Some(RoleHost::Named(host())),
        cluster: id.text(),
    }
}

pub(super) fn host() -> Host {
    Host::parse("10.0.0.5").unwrap()
}

const fn component(role: Role) -> Component {
    match role {
        Role::Seed | Role::Follower | Role::Observer => Component::Fe,
        Role::Component(component) => component,
    }
}

/// A node with this data, known to others as 10.0.0.5 or as `fe5`.
pub(crate) fn node(role: Role, data: Data) -> Node {
    Node {
        role,
        engine: ALL[0],
        component: component(role),
        host: host(),
        name: "b5".to_owned(),
        also: BTreeSet::from([Host::parse("fe5").unwrap()]),
        identity_port: match component(role) {
            Component::Fe => 9010,
            Component::Be | Component::Cn => 9050,
            Component::Broker => 8000,
        },
        data,
        data_of_observer: false,
        lost: false,
        bootstrap: Bootstrap::Guarded,
        rejoin: false,
        alone: false,
    }
}
