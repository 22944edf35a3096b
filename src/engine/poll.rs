//! The calls of a living cluster to a node that waits without data, and the answers that were observed to do no harm.

use super::heartbeat::{self, Heartbeat, Read};
use super::valid::{is_cluster_id, is_host};

/// One kind of call, as it arrives on one port.
#[derive(Debug, PartialEq, Eq)]
pub enum Poll {
    /// The leader's HTTP request, whose path begins like this; the body is our answer with status 200.
    Http { path: &'static str, body: &'static str },
    /// The leader's thrift call (binary protocol, unframed) of this method: read, then close.
    Thrift { method: &'static str },
    /// The leader's heartbeat to a BE or CN, a thrift call of this method: read, then close.
    Heartbeat { method: &'static str },
    /// A member whose group has no leader wants a vote: read, then close. Berkeley DB asks for a service by
    /// `Service:`, the length of its name in a byte, and the name; an election asks the `Acceptor` and the `Learner` of
    /// every member (source: `ServiceDispatcher` and `ServiceHandshake` of both engines' Berkeley DB).
    Election,
    /// The muster of a member, which got no answer from this host.
    Member,
    /// The muster of another node that may found.
    Seed,
}

/// The meaning of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// It leads a cluster that has this host as a member. Whether that is so is asked back.
    Leads,
    /// The leader's heartbeat. Whether that one leads is asked back.
    Heartbeat(Heartbeat),
    /// It is a member of a group that has no leader, and this host has a vote there.
    WantsVote,
    /// It is a member of a cluster whose list, as it saw it last, has this host.
    Member { cluster: String, host: String },
    /// It would found a cluster as soon as its guard is over, or is founding one by now.
    Seed { host: String, founding: bool },
}

/// The beginning of the path of a `Poll::Member`.
const MEMBER: &str = "/muster/member?cluster_id=";
const HOST: &str = "&host=";

/// The path by which the muster of a member calls `host`.
pub fn member_path(cluster: &str, host: &str) -> String {
    format!("{MEMBER}{cluster}{HOST}{host}")
}

/// The answer of a muster that waits: an engine at the same port gives another one.
pub const MEMBER_ANSWER: &str = r#"{"muster":"waiting"}"#;

/// The beginning of the path of a `Poll::Seed`.
const SEED: &str = "/muster/seed?founding=";

/// The path by which the muster of a node that may found calls the FEs of `MASTER_HOST`.
pub fn seed_path(own: &str, founding: bool) -> String {
    format!("{SEED}{founding}{HOST}{own}")
}

const SEED_ANSWER: &str = "{\"muster\":\"seed\",\"host\":\"";

/// The host of the one that answered a `Poll::Seed`: only the muster of a node that may found does.
pub fn seed_in(answer: &str) -> Option<&str> {
    answer.strip_prefix(SEED_ANSWER)?.strip_suffix("\"}")
}

const SERVICE: &[u8] = b"Service:";
const VOTES: [&[u8]; 2] = [b"Acceptor", b"Learner"];

impl Poll {
    /// True if enough was read to tell.
    pub fn is_whole(&self, request: &[u8]) -> bool {
        match self {
            Self::Http { .. } | Self::Member | Self::Seed => request.windows(4).any(|end| end == b"\r\n\r\n"),
            Self::Thrift { method } => request.len() > method.len() + 8,
            Self::Heartbeat { method } => {
                request.len() > method.len() + 8
                    && (!calls(request, method) || heartbeat::read(request, method) != Read::Unfinished)
            }
            Self::Election => {
                let length = request.get(SERVICE.len()).copied().map_or(0, usize::from);
                request.len() > SERVICE.len() + length || !SERVICE.starts_with(head(request, SERVICE.len()))
            }
        }
    }

    /// The meaning of a request; `None` if it is a browser, a port scan or anything else.
    pub fn call(&self, request: &[u8]) -> Option<Call> {
        match self {
            Self::Http { path, .. } => request
                .strip_prefix(b"GET ")?
                .starts_with(path.as_bytes())
                .then_some(Call::Leads),
            Self::Thrift { method } => calls(request, method).then_some(Call::Leads),
            Self::Heartbeat { method } if calls(request, method) => match heartbeat::read(request, method) {
                Read::Whole(heartbeat) => Some(Call::Heartbeat(heartbeat)),
                Read::Unfinished | Read::Unusable => None,
            },
            Self::Heartbeat { .. } => None,
            Self::Election => {
                let (length, name) = request.strip_prefix(SERVICE)?.split_first()?;
                VOTES
                    .contains(&name.get(..usize::from(*length))?)
                    .then_some(Call::WantsVote)
            }
            Self::Seed => {
                let (founding, host) = values(request, SEED)?;
                Some(Call::Seed {
                    host: host.to_owned(),
                    founding: founding == "true",
                })
            }
            Self::Member => {
                let (cluster, host) = values(request, MEMBER)?;
                is_cluster_id(cluster).then(|| Call::Member {
                    cluster: cluster.to_owned(),
                    host: host.to_owned(),
                })
            }
        }
    }

    /// The answer of `own`; `None` is closing the connection.
    pub fn reply(&self, own: &str) -> Option<String> {
        let body = match self {
            Self::Http { body, .. } => (*body).to_owned(),
            Self::Member => MEMBER_ANSWER.to_owned(),
            Self::Seed => format!("{SEED_ANSWER}{own}\"}}"),
            Self::Thrift { .. } | Self::Heartbeat { .. } | Self::Election => return None,
        };
        Some(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    }
}

/// True for a strict call of this method: version 1, type 1, then the length and the name of the method.
fn calls(request: &[u8], method: &str) -> bool {
    request.starts_with(&[0x80, 1, 0, 1]) && request.get(8..8 + method.len()) == Some(method.as_bytes())
}

/// The two values of a call by a muster.
fn values<'r>(request: &'r [u8], path: &str) -> Option<(&'r str, &'r str)> {
    let line = request
        .strip_prefix(b"GET ")?
        // The path ends at its blank, or with the line: what comes after it is no part of a host.
        .split(u8::is_ascii_whitespace)
        .next()?;
    std::str::from_utf8(line)
        .ok()?
        .strip_prefix(path)?
        .split_once(HOST)
        .filter(|(_, host)| is_host(host))
}

fn head(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Call, Poll, member_path, seed_in, seed_path};

    #[test]
    fn a_call_for_a_vote_is_told_from_other_services_and_from_strangers() {
        let table: [(&[u8], bool, Option<Call>); 9] = [
            (b"", false, None),
            (b"Serv", false, None),
            (b"Service:", false, None),
            (b"Service:\x08Accep", false, None),
            (b"Service:\x08Acceptor", true, Some(Call::WantsVote)),
            (b"Service:\x07Learner and more", true, Some(Call::WantsVote)),
            // Restores a journal from another member; not a question about who leads.
            (b"Service:\x0bLogFeeder_1", true, None),
            (b"GET / HTTP/1.1\r\n", true, None),
            (b"\x16\x03\x01", true, None),
        ];
        for (request, whole, call) in table {
            let said = String::from_utf8_lossy(request);
            assert_eq!(Poll::Election.is_whole(request), whole, "{said}");
            assert_eq!(Poll::Election.call(request), call, "{said}");
        }
    }

    #[test]
    fn a_seed_that_calls_says_how_far_it_is_and_is_answered_with_a_host() {
        for founding in [false, true] {
            let request = format!("GET {} HTTP/1.1\r\n\r\n", seed_path("fd00::1", founding));
            let host = "fd00::1".to_owned();
            assert_eq!(
                Poll::Seed.call(request.as_bytes()),
                Some(Call::Seed { host, founding })
            );
            assert_eq!(Poll::Member.call(request.as_bytes()), None);
        }
        let reply = Poll::Seed.reply("fd00::2").unwrap();
        let (_, body) = reply.split_once("\r\n\r\n").unwrap();
        assert_eq!(seed_in(body), Some("fd00::2"));
        assert_eq!(seed_in(super::MEMBER_ANSWER), None);
    }

    #[test]
    fn a_member_that_calls_names_its_cluster_and_the_host_it_means() {
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", member_path("77", "fd00::1"));
        assert_eq!(
            Poll::Member.call(request.as_bytes()),
            Some(Call::Member {
                cluster: "77".to_owned(),
                host: "fd00::1".to_owned()
            })
        );
        assert_eq!(Poll::Member.call(b"GET /api/bootstrap HTTP/1.1\r\n\r\n"), None);
    }
}
