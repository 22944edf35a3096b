//! What the data of this node amounts to.

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
    /// A seed's data without a record or a proof: either of the two above, depending on who answers.
    Unproven { why: String, cluster: Option<ClusterId> },
}

/// A cluster id and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterId {
    pub id: String,
    pub read_from: String,
}

/// What is remembered of a cluster whose data is gone from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub cluster: Option<ClusterId>,
    /// One clause: who says so.
    pub sentence: String,
}

impl Data {
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty { .. })
    }

    /// The cluster this data, or the record of it, belongs to.
    pub fn cluster(&self) -> Option<(&str, &str)> {
        let cluster = match self {
            Self::Empty { known } => known.as_ref()?.cluster.as_ref()?,
            Self::Joined { cluster }
            | Self::Adopted { cluster }
            | Self::Unfinished { cluster, .. }
            | Self::Unproven { cluster, .. } => cluster.as_ref()?,
            Self::UnfinishedFounding => return None,
        };
        Some((&cluster.id, &cluster.read_from))
    }
}
