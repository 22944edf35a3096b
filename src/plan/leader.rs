//! Who may be believed as leader. A row that says LEADER is not enough: a leader that has lost its quorum keeps
//! saying so (observed: 42–46 s, all rows Alive), and every FE shows an impostor as the only leader while it is up.

use std::fmt;
use std::time::Duration;

use crate::engine::failure::Failure;
use crate::engine::member::{Frontend, FrontendRole};
use crate::settings::{Endpoint, Host};

/// What one FE answered when it was asked for the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub from: Host,
    /// Its MySQL port.
    pub port: u16,
    pub said: Result<Vec<Frontend>, Failure>,
}

/// A cluster that may be acted upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub id: String,
    pub leader: Frontend,
    /// All members, the leader among them.
    pub frontends: Vec<Frontend>,
    /// The FE that showed this list: the leader itself, or a member that asked it.
    pub from: Endpoint,
}

/// What a round of answers amounts to.
#[expect(
    clippy::large_enum_variant,
    reason = "one value a round; a box would only hide it"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belief {
    Leader(Cluster),
    /// FEs are there, but none of them can be acted upon; why, one clause each.
    Doubt(Vec<Doubt>),
    /// Nobody answered anything that shows an FE.
    Nobody,
}

/// Why an answer is not acted upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    NoLeader {
        from: String,
    },
    SeveralLeaders {
        from: String,
        leaders: Vec<String>,
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
    /// It is an FE, but it gave no list.
    Failed {
        from: String,
        why: Failure,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader { from } => write!(f, "{from} knows no leader"),
            Self::SeveralLeaders { from, leaders } => {
                write!(
                    f,
                    "{from} shows {} leaders ({})",
                    leaders.len(),
                    leaders.join(", ")
                )
            }
            Self::NoMajority { leader, alive, of } => {
                write!(f, "{leader} claims to lead but sees {alive} of {of} followers")
            }
            Self::Impostor { from, leader, member } => write!(
                f,
                "{from} shows {leader} as leader beside {member}, which is alive outside its group: two groups are up"
            ),
            Self::SilentHeartbeats { leader, alive, of } => {
                write!(
                    f,
                    "{leader} claims to lead but has heard from only {alive} of {of} followers lately"
                )
            }
            Self::TwoLeaders { one, other } => write!(f, "both {one} and {other} claim to lead"),
            Self::TwoClusters { one, other } => write!(
                f,
                "two clusters answer: {} at {} and {} at {}",
                one.1, one.0, other.1, other.0
            ),
            Self::Failed { from, why } => write!(f, "{from} {why}"),
        }
    }
}

/// The verdict over one round of answers. `heartbeat` is the engine's interval.
pub fn believe(answers: &[Answer], heartbeat: Duration) -> Belief {
    let mut believed: Vec<Cluster> = Vec::new();
    let mut doubts = Vec::new();
    for answer in answers {
        match &answer.said {
            Ok(frontends) => match judge(answer, frontends, answers, heartbeat) {
                Ok(cluster) => believed.push(cluster),
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
    match agree(believed) {
        Ok(Some(cluster)) => Belief::Leader(cluster),
        Err(doubt) => {
            doubts.insert(0, doubt);
            Belief::Doubt(doubts)
        }
        Ok(None) if doubts.is_empty() => Belief::Nobody,
        Ok(None) => Belief::Doubt(doubts),
    }
}

/// Whether a failed answer still proves that an FE lives there.
pub fn shows_an_fe(why: &Failure) -> bool {
    match why {
        Failure::Denied(_)
        | Failure::Privilege(_)
        | Failure::NoLeader(_)
        | Failure::Busy(_)
        | Failure::Exists(_)
        | Failure::Immovable(..)
        | Failure::Rejected { .. }
        | Failure::MissingColumn { .. }
        | Failure::BadCell { .. }
        // The connection was there and no answer came: an FE whose leader is cut off hangs like that.
        | Failure::Deadline(_)
        // It spoke the protocol, then the connection ended: it is stopping, or it lost its leader.
        | Failure::Lost(_)
        | Failure::NotReady(_)
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
    if let Some(member) = frontends
        .iter()
        .find(|fe| fe.role.is_electable() && fe.alive && !fe.join)
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
    let fresh = voters
        .iter()
        .filter(|fe| fe.alive && is_fresh(fe, frontends, heartbeat))
        .count();
    if fresh * 2 <= voters.len() && !another_member_agrees(answer, leader, all) {
        return Err(Doubt::SilentHeartbeats {
            leader: leader.host.clone(),
            alive: fresh,
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
/// heartbeat only suggests (with many unreachable members a round takes minutes).
fn another_member_agrees(answer: &Answer, leader: &Frontend, all: &[Answer]) -> bool {
    all.iter().any(|other| {
        other.from != answer.from
            && other.said.as_ref().is_ok_and(|frontends| {
                frontends
                    .iter()
                    .any(|fe| fe.role == FrontendRole::Leader && fe.host == leader.host)
                    && frontends
                        .iter()
                        .any(|fe| fe.host == other.from.to_string() && fe.host != leader.host)
            })
    })
}

/// Heard from within two rounds and two seconds before the newest heartbeat of the same answer.
fn is_fresh(fe: &Frontend, frontends: &[Frontend], heartbeat: Duration) -> bool {
    let newest = frontends
        .iter()
        .filter_map(|fe| seconds(fe.last_heartbeat.as_deref()?))
        .max();
    match (newest, fe.last_heartbeat.as_deref().and_then(seconds)) {
        (Some(newest), Some(own)) => {
            newest - own <= i64::try_from(heartbeat.as_secs() * 2 + 2).unwrap_or(i64::MAX)
        }
        // Without a readable time there is nothing to hold against it.
        _ => true,
    }
}

/// `YYYY-MM-DD hh:mm:ss` on a scale of seconds that is only good for differences.
fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    // Days since a March 1st: the leap day is then the last one of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// One cluster out of all believable answers; of two claimants of one cluster the one that sees more voters.
fn agree(believed: Vec<Cluster>) -> Result<Option<Cluster>, Doubt> {
    let mut chosen: Option<Cluster> = None;
    for cluster in believed {
        chosen = Some(match chosen {
            None => cluster,
            Some(other) if other.id != cluster.id => {
                return Err(Doubt::TwoClusters {
                    one: (other.leader.host, other.id),
                    other: (cluster.leader.host, cluster.id),
                });
            }
            Some(other) if other.leader.host == cluster.leader.host => other,
            Some(other) => match voters_alive(&other).cmp(&voters_alive(&cluster)) {
                std::cmp::Ordering::Greater => other,
                std::cmp::Ordering::Less => cluster,
                std::cmp::Ordering::Equal => {
                    return Err(Doubt::TwoLeaders {
                        one: other.leader.host,
                        other: cluster.leader.host,
                    });
                }
            },
        });
    }
    Ok(chosen)
}

fn voters_alive(cluster: &Cluster) -> usize {
    cluster
        .frontends
        .iter()
        .filter(|fe| fe.role.is_electable() && fe.join && fe.alive)
        .count()
}

fn address(host: &Host, port: u16) -> String {
    host.with_port(port)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Answer, Belief, believe};
    use crate::engine::failure::Failure;
    use crate::engine::member::{Frontend, FrontendRole};
    use crate::settings::Host;
    use std::time::Duration;

    /// `1L+` is FE 10.0.0.1, leader, joined, alive; `2F-` a dead follower; `3f+` one alive that never joined; `4O+` an observer.
    pub(crate) fn members(text: &str) -> Vec<Frontend> {
        text.split_whitespace()
            .map(|word| {
                let (number, rest) = word.split_at(1);
                let (letter, rest) = rest.split_at(1);
                let (alive, age) = rest.split_at(1);
                let second = 59 - age.parse::<u32>().unwrap_or(0);
                Frontend {
                    name: format!("10.0.0.{number}_9010_1"),
                    host: format!("10.0.0.{number}"),
                    edit_log_port: 9010,
                    http_port: 8030,
                    query_port: 9030,
                    rpc_port: 9020,
                    role: match letter {
                        "L" => FrontendRole::Leader,
                        "O" | "o" => FrontendRole::Observer,
                        _ => FrontendRole::Follower,
                    },
                    cluster_id: "77".to_owned(),
                    join: letter.chars().all(char::is_uppercase),
                    alive: alive == "+",
                    last_heartbeat: Some(format!("2026-03-01 00:00:{second:02}")),
                    error: String::new(),
                    version: None,
                }
            })
            .collect()
    }

    fn from(number: u8, said: Result<Vec<Frontend>, Failure>) -> Answer {
        Answer {
            from: Host::parse(&format!("10.0.0.{number}")).unwrap(),
            port: 9030,
            said,
        }
    }

    fn verdict(answers: &[Answer]) -> String {
        match believe(answers, Duration::from_secs(5)) {
            Belief::Leader(cluster) => format!("leader {}", cluster.leader.host),
            Belief::Doubt(doubts) => doubts
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
            Belief::Nobody => "nobody".to_owned(),
        }
    }

    #[test]
    fn a_leader_is_believed_only_with_a_majority_it_still_hears_and_no_second_group() {
        let table = [
            ("1L+", "leader 10.0.0.1"),
            ("1L+ 2F+ 3F+", "leader 10.0.0.1"),
            ("3F+ 1L+ 2F-", "leader 10.0.0.1"),
            ("1L+ 2F- 3F-", "10.0.0.1 claims to lead but sees 1 of 3 followers"),
            ("1L+ 2F-", "10.0.0.1 claims to lead but sees 1 of 2 followers"),
            // Registered and never joined: no vote yet.
            ("1L+ 2f- 3f-", "leader 10.0.0.1"),
            ("1L+ 4O- 5O-", "leader 10.0.0.1"),
            ("1F+ 2F+ 3F+", "10.0.0.9:9030 knows no leader"),
            (
                "1L+ 2L+ 3F+",
                "10.0.0.9:9030 shows 2 leaders (10.0.0.1, 10.0.0.2)",
            ),
            (
                "1f+ 2f+ 3f+ 4L+",
                "10.0.0.9:9030 shows 10.0.0.4 as leader beside 10.0.0.1, which is alive outside its group: two groups are up",
            ),
            // An observer that is alive before it joined is no second group.
            ("1L+ 4o+", "leader 10.0.0.1"),
            // Cut off for 13 s: all rows still say Alive.
            (
                "1L+ 2F+13 3F+13",
                "10.0.0.1 claims to lead but has heard from only 1 of 3 followers lately",
            ),
            ("1L+ 2F+12 3F+12", "leader 10.0.0.1"),
        ];
        for (rows, expected) in table {
            assert_eq!(verdict(&[from(9, Ok(members(rows)))]), expected, "{rows}");
        }
    }

    #[test]
    fn a_follower_that_can_ask_the_leader_outweighs_old_heartbeats() {
        let rows = members("1L+ 2F+40 3F+40");
        assert_eq!(
            verdict(&[from(1, Ok(rows.clone())), from(2, Ok(rows))]),
            "leader 10.0.0.1"
        );
    }

    #[test]
    fn of_two_claimants_the_one_with_the_majority_is_believed() {
        let stale = from(1, Ok(members("1L+ 2F- 3F-")));
        let new = from(2, Ok(members("1F- 2L+ 3F+")));
        assert_eq!(verdict(&[stale, new]), "leader 10.0.0.2");
    }

    #[test]
    fn two_clusters_that_answer_are_a_doubt() {
        let one = from(1, Ok(members("1L+")));
        let mut rows = members("2L+");
        rows[0].cluster_id = "88".to_owned();
        assert_eq!(
            verdict(&[one, from(2, Ok(rows))]),
            "two clusters answer: 77 at 10.0.0.1 and 88 at 10.0.0.2"
        );
    }

    #[test]
    fn silence_is_nobody_and_an_fe_that_fails_is_not() {
        let silent = [
            Failure::Refused,
            Failure::Unreachable("no route".into()),
            Failure::NotMySql("HTTP".into()),
        ];
        let answers: Vec<Answer> = silent.into_iter().map(|why| from(1, Err(why))).collect();
        assert_eq!(verdict(&answers), "nobody");
        assert_eq!(
            verdict(&[from(1, Err(Failure::Deadline(3)))]),
            "10.0.0.1:9030 did not answer within 3 s"
        );
    }
}
