//! What says that a cluster exists although none of its FEs answers SQL: reason enough not to found another one, not
//! enough to join.

use std::fmt;

use crate::engine::probe::Told;
use crate::settings::Host;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// It called this host, and lists it when it is asked back.
    Called(Host),
    /// It told so over HTTP.
    Http { from: Host, told: Told },
    /// It wants this host's vote: it is of a group that has no leader, so nobody there could list this host.
    WantsVote(Host),
    /// Its muster called: the list it saw last has this host.
    Member { from: Host, cluster: String },
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Called(from) => write!(f, "{from} of a living cluster called this host"),
            Self::WantsVote(from) => {
                write!(
                    f,
                    "{from} wants this host's vote, for a cluster that has no leader"
                )
            }
            Self::Member { from, cluster } => {
                write!(
                    f,
                    "the muster of {from} calls this host a member of cluster {cluster}"
                )
            }
            Self::Http { from, told } => match told {
                Told::Lists(role) => write!(f, "{from} lists this host as {role}, over HTTP"),
                Told::Led(leader) => write!(f, "{from} is an FE led by {leader}, over HTTP"),
                Told::IsFe => write!(f, "{from} is an FE, over HTTP"),
            },
        }
    }
}

/// All of them in one clause.
pub fn sentence(witnesses: &[Witness]) -> String {
    let each: Vec<String> = witnesses.iter().map(ToString::to_string).collect();
    each.join(", ")
}
