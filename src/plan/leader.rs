//! Confirms a leader from the answers of all FEs. A row with the role LEADER is not enough: a leader that has lost its
//! quorum goes on showing it (observed: 42–46 s, all rows Alive), and every FE shows an impostor as the only leader while it
//! is up.

use std::fmt;
use std::time::Duration;

use crate::engine::calendar::timestamp;
use crate::engine::failure::Failure;
use crate::engine::member::{Frontend, FrontendRole};
use crate::settings::{Endpoint, Host};
use std::collections::BTreeMap;

/// The answer of one FE to SHOW FRONTENDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub from: Host,
    /// Its MySQL port.
    pub port: u16,
    pub said: Result<Vec<Frontend>, Failure>,
}

/// A cluster with a confirmed leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub id: String,
    pub leader: Frontend,
    /// All members, the leader among them.
    pub frontends: Vec<Frontend>,
    /// The FE that showed this list: the leader itself, or a member that asked it.
    pub from: Endpoint,
}

impl Cluster {
    /// The leader's MySQL port, or the one it answered at when it has not shown any yet.
    pub fn endpoint(&self) -> Endpoint {
        let host = Host::parse(&self.leader.host);
        Endpoint {
            host: host.unwrap_or_else(|_| self.from.host.clone()),
            port: if self.leader.query_port == 0 {
                self.from.port
            } else {
                self.leader.query_port
            },
        }
    }

    /// When a majority of the voters had last answered a heartbeat, in seconds by the leader's clock: a leader that is none
    /// any more does not come forward. `None` if the times cannot be read.
    pub fn pulse(&self) -> Option<i64> {
        let mut latest = None;
        let time = |fe: &Frontend| fe.last_heartbeat.as_deref().and_then(timestamp);
        let heard = || voters(self).filter(|fe| tells_time(fe));
        for voter in heard() {
            let own = time(voter)?;
            let since = heard().filter(|fe| time(fe) >= Some(own)).count();
            if since * 2 > voters(self).count() {
                latest = latest.max(Some(own));
            }
        }
        latest
    }
}

/// The verdict over a round of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Belief {
    Leader(Cluster),
    /// FEs answered, and no leader is confirmed; the reasons, one clause each.
    Doubt(Vec<Doubt>),
    /// No answer shows an FE.
    Nobody,
}

/// The reason why an answer confirms no leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    NoLeader {
        from: String,
    },
    SeveralLeaders {
        from: String,
        leaders: Vec<String>,
    },
    DeadLeader {
        from: String,
        leader: String,
    },
    NoMajority {
        leader: String,
        alive: usize,
        of: usize,
    },
    Impostor {
        from: String,
        leader: String,
        member: String,
    },
    SilentHeartbeats {
        leader: String,
        alive: usize,
        of: usize,
    },
    TwoLeaders {
        one: String,
        other: String,
    },
    TwoClusters {
        one: (String, String),
        other: (String, String),
    },
    /// An FE answered with an error instead of a list.
    Failed {
        from: String,
        why: Failure,
    },
}

impl Answer {
    /// The failure as a clause that names the FE.
    pub fn failure(&self) -> Option<String> {
        let why = self.said.as_ref().err()?;
        Some(format!("{}: {why}", address(&self.from, self.port)))
    }
}

/// The reason why no leader is confirmed: what is wrong with each answer. `failures` are the clauses of all that failed.
pub fn no_leader(belief: &Belief, failures: &[String]) -> String {
    let mut clauses: Vec<String> = match belief {
        Belief::Doubt(doubts) => doubts.iter().map(ToString::to_string).collect(),
        Belief::Leader(_) | Belief::Nobody => Vec::new(),
    };
    let others: Vec<String> = failures
        .iter()
        .filter(|failure| !clauses.contains(failure))
        .cloned()
        .collect();
    clauses.extend(others);
    match (belief, clauses.is_empty()) {
        (Belief::Leader(cluster), _) => format!("the leader is {}", cluster.leader.host),
        (Belief::Nobody, true) => "no FE answered".to_owned(),
        (Belief::Nobody, false) => format!("no FE answered: {}", clauses.join("; ")),
        (Belief::Doubt(_), _) => clauses.join("; "),
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader { from } => write!(f, "{from}: its list has no leader"),
            Self::SeveralLeaders { from, leaders } => {
                write!(
                    f,
                    "{from}: {} leaders are listed ({})",
                    leaders.len(),
                    leaders.join(", ")
                )
            }
            Self::DeadLeader { from, leader } => {
                write!(f, "{from}: the leader {leader} is not alive")
            }
            Self::NoMajority { leader, alive, of } => {
                write!(
                    f,
                    "the leader {leader} has no majority: {alive} of {of} followers are alive"
                )
            }
            Self::Impostor { from, leader, member } => write!(
                f,
                "{from}: {member} is alive and not in the group of the leader {leader}: two groups are running"
            ),
            Self::SilentHeartbeats { leader, alive, of } => {
                write!(
                    f,
                    "the leader {leader} has no majority: {alive} of {of} followers answered its last heartbeats"
                )
            }
            Self::TwoLeaders { one, other } => write!(f, "there are two leaders: {one} and {other}"),
            Self::TwoClusters { one, other } => write!(
                f,
                "two clusters answered: {} at {} and {} at {}",
                one.1, one.0, other.1, other.0
            ),
            Self::Failed { from, why } => write!(f, "{from}: {why}"),
        }
    }
}

/// Gives the verdict over one round of answers. `heartbeat` is the engine's interval.
pub fn believe(answers: &[Answer], heartbeat: Duration) -> Belief {
    let mut confirmed: Vec<Cluster> = Vec::new();
    let mut doubts = Vec::new();
    for answer in answers {
        match &answer.said {
            Ok(frontends) => match judge(answer, frontends, answers, heartbeat) {
                Ok(cluster) => confirmed.push(cluster),
                Err(doubt) => doubts.push(doubt),
            },
            Err(why) if shows_an_fe(why) => {
                doubts.push(Doubt::Failed {
                    from: address(&answer.from, answer.port),
                    why: why.clone(),
                });
            }
            Err(_) => {}
        }
    }
    match agree(confirmed, answers) {
        Ok(Some(cluster)) => Belief::Leader(cluster),
        Err(doubt) => {
            doubts.insert(0, doubt);
            Belief::Doubt(doubts)
        }
        Ok(None) if doubts.is_empty() => Belief::Nobody,
        Ok(None) => Belief::Doubt(doubts),
    }
}

/// Corrects a verdict by the rounds before. An FE that showed another cluster and is only late this time still belongs to
/// it: a node that is told of two clusters joined whichever answered first in some round, and at the next
/// one the other as well. `shown` is kept between the rounds.
pub fn remembering(belief: Belief, answers: &[Answer], shown: &mut BTreeMap<Host, String>) -> Belief {
    for answer in answers {
        match &answer.said {
            Ok(frontends) => {
                if let Some(fe) = frontends.iter().find(|fe| !fe.cluster_id.is_empty()) {
                    shown.insert(answer.from.clone(), fe.cluster_id.clone());
                }
            }
            Err(Failure::Refused) => {
                shown.remove(&answer.from);
            }
            Err(_) => {}
        }
    }
    let Belief::Leader(cluster) = &belief else {
        return belief;
    };
    match shown.iter().find(|(_, id)| **id != cluster.id) {
        None => belief,
        Some((host, id)) => Belief::Doubt(vec![Doubt::TwoClusters {
            one: (cluster.leader.host.clone(), cluster.id.clone()),
            other: (host.to_string(), id.clone()),
        }]),
    }
}

/// True if a failed answer still proves that an FE is there.
pub fn shows_an_fe(why: &Failure) -> bool {
    match why {
        Failure::Denied(_)
        | Failure::Plugin { .. }
        | Failure::Privilege { .. }
        | Failure::NoPassword(_)
        | Failure::NoLeader(_)
        | Failure::Busy(_)
        | Failure::Exists(_)
        | Failure::Immovable(..)
        | Failure::Rejected { .. }
        | Failure::MissingColumn { .. }
        | Failure::BadCell { .. }
        // The connection was accepted and no answer came: an FE whose leader is cut off hangs like that.
        | Failure::Deadline(_)
        // It spoke the protocol, then the connection ended: the FE stops, or it lost its leader.
        | Failure::Lost(_)
        | Failure::NotReady(_)
        | Failure::Malformed(_)
        | Failure::NoTls
        | Failure::Insecure(_)
        | Failure::Tls(_) => true,
        Failure::Refused | Failure::Unreachable(_) | Failure::Unresolvable(_) | Failure::NotMySql(_) => false,
    }
}

fn judge(
    answer: &Answer,
    frontends: &[Frontend],
    all: &[Answer],
    heartbeat: Duration,
) -> Result<Cluster, Doubt> {
    let from = || address(&answer.from, answer.port);
    let leaders: Vec<&Frontend> = frontends
        .iter()
        .filter(|fe| fe.role == FrontendRole::Leader)
        .collect();
    let leader = match leaders.as_slice() {
        [] => return Err(Doubt::NoLeader { from: from() }),
        [leader] => *leader,
        several => {
            return Err(Doubt::SeveralLeaders {
                from: from(),
                leaders: several.iter().map(|fe| fe.host.clone()).collect(),
            });
        }
    };
    // In the leader's own list this column lags behind; another FE that shows it has not heard from the leader.
    if !leader.alive && !is(&leader.host, &answer.from) {
        return Err(Doubt::DeadLeader {
            from: from(),
            leader: leader.host.clone(),
        });
    }
    // A heartbeat goes to a host, not to its election port: a row with another port of a member's host is Alive too (observed).
    let joined = |host: &str| frontends.iter().any(|fe| fe.join && fe.host == host);
    if let Some(member) = frontends
        .iter()
        .find(|fe| fe.role.is_electable() && fe.alive && !fe.join && !joined(&fe.host))
    {
        return Err(Doubt::Impostor {
            from: from(),
            leader: leader.host.clone(),
            member: member.host.clone(),
        });
    }
    let voters: Vec<&Frontend> = frontends
        .iter()
        .filter(|fe| fe.role.is_electable() && fe.join)
        .collect();
    let alive = voters.iter().filter(|fe| fe.alive).count();
    if alive * 2 <= voters.len() {
        return Err(Doubt::NoMajority {
            leader: leader.host.clone(),
            alive,
            of: voters.len(),
        });
    }
    // By one leader's clock: an FE that answers from what it knew long ago shows heartbeats that are all equally old.
    let latest = all
        .iter()
        .filter_map(|answer| answer.said.as_deref().ok())
        .filter(|list| names(list, leader))
        .filter_map(newest)
        .max();
    let heard = voters
        .iter()
        .filter(|fe| {
            fe.alive && (is_fresh(fe, latest, heartbeat) || has_asked(fe, leader, latest, all, heartbeat))
        })
        .count();
    if heard * 2 <= voters.len() {
        return Err(Doubt::SilentHeartbeats {
            leader: leader.host.clone(),
            alive: heard,
            of: voters.len(),
        });
    }
    Ok(Cluster {
        id: leader.cluster_id.clone(),
        leader: leader.clone(),
        frontends: frontends.to_vec(),
        from: Endpoint {
            host: answer.from.clone(),
            port: answer.port,
        },
    })
}

/// A follower answers by asking the leader: its answer shows that the two still hear each other, which the age of a
/// heartbeat only suggests (with many unreachable members a round takes minutes). One that answers from what it knows
/// itself has heard of no newer heartbeat since.
fn has_asked(
    voter: &Frontend,
    leader: &Frontend,
    latest: Option<i64>,
    all: &[Answer],
    heartbeat: Duration,
) -> bool {
    all.iter()
        .filter(|answer| is(&voter.host, &answer.from) && voter.host != leader.host)
        .filter_map(|answer| answer.said.as_deref().ok())
        .any(|list| {
            let as_new = match (latest, newest(list)) {
                (Some(latest), Some(its)) => latest - its <= two_rounds(heartbeat),
                _ => true,
            };
            names(list, leader) && as_new
        })
}

fn newest(frontends: &[Frontend]) -> Option<i64> {
    let times = frontends
        .iter()
        .filter(|fe| tells_time(fe))
        .filter_map(|fe| timestamp(fe.last_heartbeat.as_deref()?));
    times.max()
}

/// True if its last heartbeat tells the leader's time: the row of a dead FE keeps the time of the clock that wrote it, which
/// may have been set back since, or have been a former leader's. The leader's own row may lag behind as not alive.
fn tells_time(fe: &Frontend) -> bool {
    fe.alive || fe.role == FrontendRole::Leader
}

/// A heartbeat that is no older than this is no sign of anything.
fn two_rounds(heartbeat: Duration) -> i64 {
    i64::try_from(heartbeat.as_secs() * 2 + 2).unwrap_or(i64::MAX)
}

/// True if its last heartbeat is at most two rounds and two seconds older than the newest in any list.
fn is_fresh(fe: &Frontend, latest: Option<i64>, heartbeat: Duration) -> bool {
    match (latest, fe.last_heartbeat.as_deref().and_then(timestamp)) {
        (Some(latest), Some(own)) => latest - own <= two_rounds(heartbeat),
        // Without a readable time there is nothing to hold against it.
        _ => true,
    }
}

/// True if a list shows this FE as its leader.
fn names(list: &[Frontend], leader: &Frontend) -> bool {
    list.iter()
        .any(|fe| fe.role == FrontendRole::Leader && fe.host == leader.host)
}

/// Chooses one cluster from all answers that confirm a leader. Of two leaders of one cluster it is the one that a majority
/// of the voters names in their own lists.
fn agree(confirmed: Vec<Cluster>, all: &[Answer]) -> Result<Option<Cluster>, Doubt> {
    let Some(first) = confirmed.first() else {
        return Ok(None);
    };
    // Which of two clusters is meant does not depend on which of them has its quorum at the moment.
    let shown = all
        .iter()
        .filter_map(|answer| answer.said.as_deref().ok())
        .flatten();
    if let Some(other) = shown
        .filter(|shown| shown.cluster_id != first.id)
        .min_by(|a, b| a.host.cmp(&b.host))
    {
        return Err(Doubt::TwoClusters {
            one: (first.leader.host.clone(), first.id.clone()),
            other: (other.host.clone(), other.cluster_id.clone()),
        });
    }
    let mut claims: Vec<(usize, Cluster)> = confirmed
        .into_iter()
        .map(|cluster| (backers(&cluster, all), cluster))
        .collect();
    // Of several lists with the same leader the one with the fewest voters, whichever came first.
    claims.sort_by(|(a, one), (b, other)| {
        let by_leader = one.leader.host.cmp(&other.leader.host);
        let by_voters = || voters(one).count().cmp(&voters(other).count());
        b.cmp(a).then(by_leader).then_with(by_voters)
    });
    let mut named: Vec<String> = Vec::new();
    claims.retain(|(_, cluster)| {
        let known = named.contains(&cluster.leader.host);
        named.push(cluster.leader.host.clone());
        !known
    });
    if let [_] = claims.as_slice() {
        return Ok(claims.pop().map(|(_, cluster)| cluster));
    }
    let mut claims = claims.into_iter();
    match (claims.next(), claims.next()) {
        (Some((most, cluster)), Some((next, _))) if most > next && most * 2 > voters(&cluster).count() => {
            Ok(Some(cluster))
        }
        (Some((_, one)), Some((_, other))) => Err(Doubt::TwoLeaders {
            one: one.leader.host,
            other: other.leader.host,
        }),
        (cluster, _) => Ok(cluster.map(|(_, cluster)| cluster)),
    }
}

fn voters(cluster: &Cluster) -> impl Iterator<Item = &Frontend> {
    let counts = |fe: &&Frontend| fe.role.is_electable() && fe.join;
    cluster.frontends.iter().filter(counts)
}

/// The voters that name it themselves, itself among them. That it sees others alive is no word of theirs: one that was
/// replaced a moment ago still does, and one of them may have been dropped since.
fn backers(cluster: &Cluster, all: &[Answer]) -> usize {
    let follows = |voter: &&Frontend| {
        all.iter()
            .filter(|answer| is(&voter.host, &answer.from))
            .filter_map(|answer| answer.said.as_deref().ok())
            .any(|list| names(list, &cluster.leader))
    };
    voters(cluster).filter(|fe| fe.alive).filter(follows).count()
}

/// True if a host string of the cluster means this host.
fn is(spelled: &str, host: &Host) -> bool {
    Host::parse(spelled).is_ok_and(|spelled| spelled == *host)
}

fn address(host: &Host, port: u16) -> String {
    host.with_port(port)
}

#[cfg(test)]
pub(crate) mod tests;
