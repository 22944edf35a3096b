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
    /// Another node may found as well, and goes first.
    Seed { host: Host, founding: bool },
}

/// Whether a node that may found leaves it to another one that may too. Two lists that begin with different hosts are a
/// mistake, but each is right by its own, and both would hear nothing until both have founded. So one goes first: the
/// one that has begun, else the one whose host comes first in order, which both work out alike.
pub fn goes_first(host: &Host, founding: bool, own: &Host) -> bool {
    host != own && (founding || host < own)
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
            Self::Seed { host, founding } => {
                let what = if *founding { "founds" } else { "is about to found" };
                write!(
                    f,
                    "{host} {what} a cluster too, because its MASTER_HOST begins with itself: it must be the same list \
                     on every node"
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

#[cfg(test)]
mod tests {
    use super::goes_first;
    use crate::settings::Host;

    #[test]
    fn of_two_that_may_found_exactly_one_goes_first() {
        let hosts = ["10.0.0.2", "10.0.0.10", "fd00::1", "fe-1", "fe-10", "fe-2"]
            .map(|text| Host::parse(text).unwrap());
        for one in &hosts {
            for other in &hosts {
                let first = goes_first(one, false, other);
                assert_eq!(
                    first,
                    one != other && !goes_first(other, false, one),
                    "{one} {other}"
                );
                // What has begun cannot be taken back.
                assert_eq!(goes_first(one, true, other), one != other, "{one} {other}");
            }
        }
    }
}
