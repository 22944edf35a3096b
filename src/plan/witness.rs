//! Evidence that a cluster exists although none of its FEs answers SQL: enough not to found another one, not enough to
//! join.

use std::fmt;

use crate::engine::probe::HttpWitness;
use crate::plan::leader::Answer;
use crate::plan::node::Identity;
use crate::settings::{Endpoint, Host};

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// A leader that polled this host and, asked back, lists it.
    Called(Host),
    /// A leader that polled this host and has not answered yet: it polled too late to be asked in this round, or it died in
    /// between.
    Unanswered(Host),
    /// An answer over HTTP.
    Http { from: Host, told: HttpWitness },
    /// A member of a group without a leader that asked for this host's vote: no FE there could list this host.
    WantsVote(Host),
    /// The muster of a member called: its last list has this host.
    Member { from: Host, cluster: String },
    /// Another node that may found too, and goes first. `from`: the address that says so, if nobody named it.
    Seed {
        host: Host,
        founding: bool,
        from: Option<Host>,
    },
    /// An open election port, not that of a waiting muster: an engine that is starting.
    Starts(Endpoint),
    /// A host that nobody named calls as a leader does, and did not show itself as one.
    Polls(Host),
    /// The same; it leads a cluster that lists this host, and no host that was named.
    Unnamed(Host),
    /// Connections that were closed before they were heard, because there were too many or none could be accepted: one of
    /// them may have been a leader's. `from` has addresses or the error.
    Unheard { count: usize, from: Vec<String> },
}

/// True if a node that may found leaves it to another one. Two lists that begin with different hosts are a
/// mistake, but each is right by its own, and both would hear nothing until both have founded. So one goes first: the
/// one that has begun, else the one whose host comes first in order, which both work out alike.
pub fn goes_first(host: &Host, founding: bool, own: &Host) -> bool {
    host != own && (founding || host < own)
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Called(from) => write!(f, "the leader {from} polls this host as a member of its cluster"),
            Self::Unanswered(from) => write!(f, "the leader {from} polls this host and has not answered yet"),
            Self::WantsVote(from) => {
                write!(f, "{from} asks this host for a vote: its cluster has no leader")
            }
            Self::Member { from, cluster } => {
                write!(
                    f,
                    "the muster on {from} lists this host as a member of cluster {cluster}"
                )
            }
            Self::Seed { host, founding, from } => {
                let what = if *founding { "founds" } else { "may found" };
                if let Some(from) = from.as_ref().filter(|from| *from != host) {
                    write!(f, "{from}, which is not in MASTER_HOST, says that ")?;
                }
                write!(
                    f,
                    "{host} {what} a cluster too, because its MASTER_HOST begins with {host}: MASTER_HOST must be the \
                     same list on every node"
                )
            }
            Self::Polls(from) => {
                write!(
                    f,
                    "{from}, which is not in MASTER_HOST, polls this host as a leader does"
                )
            }
            Self::Unnamed(from) => write!(
                f,
                "{from} leads a cluster that lists this host, but no host of MASTER_HOST: if it is the right one, add \
                 {from} to MASTER_HOST"
            ),
            Self::Starts(Endpoint { host, port }) => write!(
                f,
                "an FE on {host} is starting or waits for its group: {} is open",
                host.with_port(*port)
            ),
            // Not the number itself: it would be another one in every line.
            Self::Unheard { count, from } => write!(
                f,
                "connections to this node were closed before they were heard ({} or more: {}), and one of them may have \
                 been a leader's",
                10_usize.pow(count.max(&1).ilog10()),
                from.join(", ")
            ),
            Self::Http { from, told } => match told {
                HttpWitness::Lists(role) => write!(f, "{from} lists this host as {role} (over HTTP)"),
                HttpWitness::Led(leader) => write!(f, "{from} is an FE with the leader {leader} (over HTTP)"),
                HttpWitness::IsFe => write!(f, "{from} is an FE (over HTTP)"),
            },
        }
    }
}

/// The evidence in the poll of a leader: it is asked back whether it lists this host, and until it has answered it may.
pub fn of_leader(me: Identity<'_>, from: Host, answers: &[Answer]) -> Option<Witness> {
    let answer = answers.iter().find(|answer| answer.from == from);
    match answer.and_then(|answer| answer.said.as_deref().ok()) {
        None => Some(Witness::Unanswered(from)),
        Some(members) if members.iter().any(|fe| me.is_at(&fe.host)) => Some(Witness::Called(from)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Witness, goes_first, of_leader};
    use crate::engine::Component;
    use crate::engine::failure::Failure;
    use crate::plan::leader::Answer;
    use crate::plan::leader::tests::members;
    use crate::plan::node::Identity;
    use crate::settings::Host;

    fn host(number: u8) -> Host {
        Host::parse(&format!("10.0.0.{number}")).unwrap()
    }

    #[test]
    fn a_leader_that_called_is_a_witness_until_its_list_says_otherwise() {
        let me = Identity {
            component: Component::Fe,
            host: &host(5),
            also: &BTreeSet::new(),
            identity_port: 9010,
        };
        let answer = |number, said| Answer {
            from: host(number),
            port: 9030,
            said,
        };
        let unanswered = Some(Witness::Unanswered(host(1)));
        let table = [
            // It called while the round went on, which had begun without it; the guard may end with that round.
            (vec![], unanswered.clone()),
            (vec![answer(2, Ok(members("2L+ 5F-")))], unanswered.clone()),
            // It died after it had called: the others have not elected yet.
            (vec![answer(1, Err(Failure::Refused))], unanswered.clone()),
            (vec![answer(1, Err(Failure::Deadline(3)))], unanswered),
            (
                vec![answer(1, Ok(members("1L+ 5F-")))],
                Some(Witness::Called(host(1))),
            ),
            (vec![answer(1, Ok(members("1L+ 2F+")))], None),
        ];
        for (answers, expected) in table {
            assert_eq!(of_leader(me, host(1), &answers), expected, "{answers:?}");
        }
    }

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
