//! Who leads: what the FEs show, and whom one believes by it, in the words of the waiting line.

use std::time::Duration;

use super::{Answer, Belief, believe, remembering};
use crate::engine::failure::Failure;
use crate::engine::member::{Frontend, FrontendRole};
use crate::settings::Host;
use std::collections::BTreeMap;

/// `1L+` is FE 10.0.0.1, leader, joined, alive; `2F-` a dead follower; `3f+` one alive that never joined; `4O+` an
/// observer; `2F+13` was last heard from 13 s ago, `2F--60` a minute ahead of the clock, `2F+?` at a time nobody can read. `5F-@9011` is registered with another
/// edit log port, `5F-=FE5.` under another host string, and `of 88` at the end is another cluster.
pub(crate) fn members(text: &str) -> Vec<Frontend> {
    let (list, cluster) = text.split_once(" of ").unwrap_or((text, "77"));
    list.split_whitespace()
        .map(|word| {
            let (word, host) = word.split_once('=').unwrap_or((word, ""));
            let (word, port) = word.split_once('@').unwrap_or((word, "9010"));
            let (number, rest) = word.split_at(1);
            let (letter, rest) = rest.split_at(1);
            let (alive, age) = rest.split_at(1);
            let second = 59 - age.parse::<i32>().unwrap_or(0);
            Frontend {
                name: format!("10.0.0.{number}_9010_1"),
                host: if host.is_empty() {
                    format!("10.0.0.{number}")
                } else {
                    host.to_owned()
                },
                edit_log_port: port.parse().unwrap(),
                http_port: 8030,
                query_port: 9030,
                rpc_port: 9020,
                role: match letter {
                    "L" | "l" => FrontendRole::Leader,
                    "O" | "o" => FrontendRole::Observer,
                    _ => FrontendRole::Follower,
                },
                cluster_id: cluster.to_owned(),
                join: letter.chars().all(char::is_uppercase),
                alive: alive == "+",
                last_heartbeat: Some(if age == "?" {
                    "soon".to_owned()
                } else {
                    format!("2026-03-01 00:00:{second:02}")
                }),
                error: String::new(),
                journal: None,
                version: None,
            }
        })
        .collect()
}

/// `1: 1L+ 2F+ / 2: hangs`: FE 10.0.0.1 answers with this list, and 10.0.0.2 not at all. A host may stand for the number.
pub(crate) fn answers(text: &str) -> Vec<Answer> {
    let answer = |text: &str| {
        let (from, said) = text.split_once(": ").unwrap();
        let from = if from.len() == 1 {
            format!("10.0.0.{from}")
        } else {
            from.to_owned()
        };
        Answer {
            from: Host::parse(&from).unwrap(),
            port: 9030,
            said: match said {
                "hangs" => Err(Failure::Deadline(3)),
                "refused" => Err(Failure::Refused),
                "unreachable" => Err(Failure::Unreachable("no route".to_owned())),
                "speaks HTTP" => Err(Failure::NotMySql("HTTP".to_owned())),
                "has no leader" => Err(Failure::NoLeader("forward failed".to_owned())),
                "denies" => Err(Failure::Denied("for user 'root'".to_owned())),
                list => Ok(members(list)),
            },
        }
    };
    text.split(" / ").map(answer).collect()
}

fn verdict(answers: &[Answer]) -> String {
    text(believe(answers, Duration::from_secs(5)))
}

fn text(belief: Belief) -> String {
    match belief {
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
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_leader_is_confirmed_only_with_a_majority_it_still_hears_and_no_second_group() {
    let table = [
        // A healthy cluster, of one, of two, of five.
        ("1: 1L+", "leader 10.0.0.1"),
        ("1: 1L+ 2F+", "leader 10.0.0.1"),
        ("9: 1L+ 2F+ 3F+", "leader 10.0.0.1"),
        ("9: 3F+ 1L+ 2F-", "leader 10.0.0.1"),
        ("1: 1L+ 2F+ 3F+ 4F- 5F-", "leader 10.0.0.1"),
        // Observers have no vote, alive or dead, and are no second group before they joined.
        ("1: 1L+ 4O- 5O-", "leader 10.0.0.1"),
        ("1: 1L+ 4o+", "leader 10.0.0.1"),
        (
            "1: 1L+ 2F- 3F- 4O+ 5O+",
            "the leader 10.0.0.1 has no majority: 1 of 3 followers are alive",
        ),
        // Registered and never started: no vote yet.
        ("1: 1L+ 2f- 3f-", "leader 10.0.0.1"),
        // Joined a moment ago, and not alive before the next heartbeat: as good as dead, for seconds.
        (
            "1: 1L+ 2F-",
            "the leader 10.0.0.1 has no majority: 1 of 2 followers are alive",
        ),
        ("1: 1L+ 2F+ 3F-", "leader 10.0.0.1"),
        // Half is no majority.
        (
            "1: 1L+ 2F+ 3F- 4F-",
            "the leader 10.0.0.1 has no majority: 2 of 4 followers are alive",
        ),
        ("1: 1L+ 2F+ 3F+ 4F-", "leader 10.0.0.1"),
        // It has lost its quorum and goes on saying that it leads: one engine for 45 s, the other without end.
        (
            "1: 1L+ 2F- 3F-",
            "the leader 10.0.0.1 has no majority: 1 of 3 followers are alive",
        ),
        // Before it notices, all rows say Alive: only the heartbeats have grown old.
        (
            "1: 1L+ 2F+13 3F+13",
            "the leader 10.0.0.1 has no majority: 1 of 3 followers answered its last heartbeats",
        ),
        ("1: 1L+ 2F+12 3F+12", "leader 10.0.0.1"),
        ("1: 1L+ 2F+13 3F+12", "leader 10.0.0.1"),
        (
            "1: 1L+ 2F+40",
            "the leader 10.0.0.1 has no majority: 1 of 2 followers answered its last heartbeats",
        ),
        ("1: 1L+ 2F+? 3F+?", "leader 10.0.0.1"),
        // The dead one was heard from before the clock was set back, or it was led by a clock that was fast.
        ("1: 1L+ 2F+ 3F--40", "leader 10.0.0.1"),
        ("1: 1L+ 2F+ 3F- 4O--40", "leader 10.0.0.1"),
        ("1: 1L+ 2F+40 3F--40 / 2: 1L+ 2F+40 3F--40", "leader 10.0.0.1"),
        // It is cut off together with us, and slow besides.
        (
            "1: hangs / 2: refused / 3: unreachable",
            "10.0.0.1:9030: no answer within 3 s",
        ),
        // A follower that asked it outweighs heartbeats: with many unreachable members a round takes minutes.
        ("1: 1L+ 2F+40 3F+40 / 2: 1L+ 2F+40 3F+40", "leader 10.0.0.1"),
        (
            "1: 1L+ 2F+40=FE2. 3F+40 / fe2: 1L+ 2F+40=FE2. 3F+40",
            "leader 10.0.0.1",
        ),
        // One that answers from what it knows itself has heard of nothing since.
        (
            "1: 1L+ 2F+40 3F+40 / 2: 1L+40 2F+40 3F+40",
            "the leader 10.0.0.1 has no majority: 1 of 3 followers answered its last heartbeats; \
             the leader 10.0.0.1 has no majority: 0 of 3 followers answered its last heartbeats",
        ),
        // It speaks for itself: with two of five behind it there is no majority, with three there is.
        (
            "1: 1L+ 2F+40 3F+40 4F+40 5F+40 / 2: 1L+ 2F+40 3F+40 4F+40 5F+40",
            "the leader 10.0.0.1 has no majority: 2 of 5 followers answered its last heartbeats; \
             the leader 10.0.0.1 has no majority: 2 of 5 followers answered its last heartbeats",
        ),
        (
            "2: 1L+ 2F+40 3F+40 4F+40 5F+40 / 3: 1L+ 2F+40 3F+40 4F+40 5F+40",
            "leader 10.0.0.1",
        ),
        // An observer, or an FE of nobody's list, brings no such proof.
        (
            "1: 1L+ 2F+40 3F+40 4O+ / 4: 1L+ 2F+40 3F+40 4O+",
            "the leader 10.0.0.1 has no majority: 1 of 3 followers answered its last heartbeats; \
             the leader 10.0.0.1 has no majority: 1 of 3 followers answered its last heartbeats",
        ),
        (
            "1: 1L+ 2F+40 3F+40 / 9: 1L+ 2F+40 3F+40",
            "the leader 10.0.0.1 has no majority: 1 of 3 followers answered its last heartbeats; \
             the leader 10.0.0.1 has no majority: 1 of 3 followers answered its last heartbeats",
        ),
        // The leader cannot be asked, a follower can.
        ("1: refused / 2: 1L+ 2F+ 3F+", "leader 10.0.0.1"),
        ("1: hangs / 2: 1L+ 2F+ 3F+", "leader 10.0.0.1"),
        ("2: 1L+=2001:db8::1 2F+ / 3: hangs", "leader 2001:db8::1"),
        // The leader died, and a follower shows the last list it has.
        (
            "1: refused / 2: 1L- 2F+ 3F+",
            "10.0.0.2:9030: the leader 10.0.0.1 is not alive",
        ),
        // In its own list its row may lag behind.
        ("1: 1L- 2F+ 3F+", "leader 10.0.0.1"),
        ("2001:db8::1: 1L-=2001:DB8:0::1 2F+ 3F+", "leader 2001:DB8:0::1"),
        // Nobody leads, or one FE says that several do.
        ("9: 1F+ 2F+ 3F+", "10.0.0.9:9030: its list has no leader"),
        ("1: 1f+ 2f+ 3f+", "10.0.0.1:9030: its list has no leader"),
        // The heartbeat of a port where nothing is finds the FE of the other one.
        ("1: 1L+ 2F+ 2f+@9011", "leader 10.0.0.1"),
        ("2: has no leader", "10.0.0.2:9030: no leader: forward failed"),
        (
            "9: 1L+ 2L+ 3F+",
            "10.0.0.9:9030: 2 leaders are listed (10.0.0.1, 10.0.0.2)",
        ),
        // An impostor is up: every FE of the real cluster shows it as the only leader, in both engines.
        (
            "1: 1f+ 2f+ 3f+ 4L+",
            "10.0.0.1:9030: 10.0.0.1 is alive and not in the group of the leader 10.0.0.4: two groups are running",
        ),
        (
            "1: 1f+ 2f+ 3f+ 4L+ / 4: 1f+ 2f+ 3f+ 4L+",
            "10.0.0.1:9030: 10.0.0.1 is alive and not in the group of the leader 10.0.0.4: two groups are running; \
             10.0.0.4:9030: 10.0.0.1 is alive and not in the group of the leader 10.0.0.4: two groups are running",
        ),
        (
            "1: 1l+ 2F+",
            "10.0.0.1:9030: 10.0.0.1 is alive and not in the group of the leader 10.0.0.1: two groups are running",
        ),
        // Dead ones of the real group do not hide it: the impostor answers before its first heartbeats.
        (
            "4: 1f- 2f+ 3f- 4L+",
            "10.0.0.4:9030: 10.0.0.2 is alive and not in the group of the leader 10.0.0.4: two groups are running",
        ),
        // A second claimant without a majority by its own list is none.
        ("1: 1L+ 2F- 3F- / 2: 1F- 2L+ 3F+", "leader 10.0.0.2"),
        ("2: 1F- 2L+ 3F+ / 1: 1L+ 2F- 3F-", "leader 10.0.0.2"),
        // The old one has not noticed yet, and sees more alive than the new one: who follows another does not count.
        (
            "1: 1L+ 2F+8 3F+8 / 2: 1F- 2L+ 3F+ / 3: 1F- 2L+ 3F+",
            "leader 10.0.0.2",
        ),
        (
            "1: 1L+ 2F+8 3F+8 / 2: 1F- 2L+ 3F+",
            "there are two leaders: 10.0.0.1 and 10.0.0.2",
        ),
        (
            "1: 1L+ 2F+8 3F+8 / 3: 1F- 2L+ 3F+",
            "there are two leaders: 10.0.0.1 and 10.0.0.2",
        ),
        (
            "1: 1L+ 2F+ / 2: 1F+ 2L+",
            "there are two leaders: 10.0.0.1 and 10.0.0.2",
        ),
        // Three, and a majority has said that it follows the third.
        (
            "1: 1L+ 2F+ / 2: 1F+ 2L+ / 3: 1F- 2F- 3L+ 4F+ 5F+ / 4: 1F- 2F- 3L+ 4F+ 5F+ / 5: 1F- 2F- 3L+ 4F+ 5F+",
            "leader 10.0.0.3",
        ),
        (
            "1: 1L+ 2F+ / 2: 1F+ 2L+ / 3: 1F- 2F- 3L+ 4F+ 5F+ / 4: 1F- 2F- 3L+ 4F+ 5F+",
            "there are two leaders: 10.0.0.3 and 10.0.0.1",
        ),
        // What the old one still sees alive may be gone: 3 was dropped at the new one, which a fourth has joined since.
        (
            "1: 1L+ 2F+ 3F+ / 2: 1F+ 2L+ 4F- / 3: refused",
            "there are two leaders: 10.0.0.1 and 10.0.0.2",
        ),
        // Two clusters answer; whether both have their quorum at the moment does not matter.
        (
            "1: 1L+ / 2: 2L+ of 88",
            "two clusters answered: 77 at 10.0.0.1 and 88 at 10.0.0.2",
        ),
        (
            "1: 1L+ / 2: 2L+ 3F- of 88",
            "two clusters answered: 77 at 10.0.0.1 and 88 at 10.0.0.2; the leader 10.0.0.2 has no majority: 1 of 2 followers are alive",
        ),
        (
            "1: 1L+ 2F- / 2: 2L+ 3F- of 88",
            "the leader 10.0.0.1 has no majority: 1 of 2 followers are alive; the leader 10.0.0.2 has no majority: 1 of 2 followers are alive",
        ),
        // Silence is nobody; an FE that only fails is somebody.
        ("1: refused / 2: unreachable / 3: speaks HTTP", "nobody"),
        ("1: denies", "10.0.0.1:9030: login refused: for user 'root'"),
        ("1: denies / 2: 1L+ 2F+", "leader 10.0.0.1"),
    ];
    for (text, expected) in table {
        let mut answers = answers(text);
        assert_eq!(verdict(&answers), expected, "{text}");
        // The order of the answers changes no verdict.
        let leads = |said: &str| said.strip_prefix("leader ").map(str::to_owned);
        for _ in 0..answers.len() {
            answers.rotate_left(1);
            assert_eq!(
                leads(&verdict(&answers)),
                leads(expected),
                "{text}, in another order"
            );
        }
    }
}

#[test]
fn another_cluster_that_was_shown_once_is_not_forgotten_because_it_is_late() {
    let two = "two clusters answered: 77 at 10.0.0.1 and 88 at 10.0.0.2";
    // Round after round, in one memory.
    let rounds = [
        ("1: 1L+ of 77 / 2: 2L+ of 88", two),
        ("1: 1L+ of 77", two),
        ("1: 1L+ of 77 / 2: hangs", two),
        ("1: 1L+ of 77 / 2: refused", "leader 10.0.0.1"),
        ("1: 1L+ of 77", "leader 10.0.0.1"),
        (
            "2: 2L+ of 88",
            "two clusters answered: 88 at 10.0.0.2 and 77 at 10.0.0.1",
        ),
        ("1: 2L+ of 88 / 2: 2L+ of 88", "leader 10.0.0.2"),
    ];
    let mut shown = BTreeMap::new();
    for (round, (said, expected)) in rounds.into_iter().enumerate() {
        let answers = answers(said);
        let belief = believe(&answers, Duration::from_secs(5));
        assert_eq!(
            text(remembering(belief, &answers, &mut shown)),
            expected,
            "round {round}"
        );
    }
}
