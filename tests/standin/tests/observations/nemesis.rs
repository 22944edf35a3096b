//! Random kills and restarts: at no time two leaders with a majority, and nothing that was acknowledged is lost.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::support::{Host, Kind, World, eventually, eventually_or, for_each_engine, leader_of};

for_each_engine!(
    random_kills_never_lose_what_was_acknowledged_and_never_give_two_leaders,
    whoever_voted_in_a_later_term_for_somebody_who_lost_is_taken_back,
);

const ROUNDS: usize = 12;

/// The terms and names of those who answer as leaders with a majority behind them: only such a leader can add.
async fn acknowledged_add(hosts: &[Host], mark: usize) -> Option<String> {
    let at = format!("127.200.{}.{}:9050", mark / 250, mark % 250 + 1);
    for host in hosts {
        let statement = format!("ALTER SYSTEM ADD BACKEND '{at}'");
        let asked = host.sql(&statement);
        match tokio::time::timeout(std::time::Duration::from_secs(3), asked).await {
            Ok(Ok(_)) => return Some(at),
            Ok(Err(crate::support::Error::Server(error))) if error.message.contains("already exists") => {
                return Some(at);
            }
            _ => {}
        }
    }
    None
}

/// What one host said last.
fn last_lines(host: &Host) -> String {
    let log = host.log();
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(12));
    let last: Vec<&str> = last.copied().collect();
    format!("{}:\n  {}\n", host.edit_log(), last.join("\n  "))
}

async fn random_kills_never_lose_what_was_acknowledged_and_never_give_two_leaders(kind: &'static Kind) {
    let seed = std::env::args()
        .find_map(|a| a.strip_prefix("seed=")?.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..));
    println!("nemesis seed={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new(kind);
    let mut hosts = world.cluster(3).await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let victims = random.choose_multiple(0..hosts.len(), random.clone().usize(1..=3));
        for victim in &victims {
            hosts[*victim].kill_fe().await;
        }
        acknowledged.extend(acknowledged_add(&hosts, 2 * round).await);
        for victim in &victims {
            hosts[*victim].start_fe(&[]);
        }
        // Leaders that lost their majority meanwhile end by themselves, as the real ones do.
        let logs = RefCell::new(String::new());
        eventually_or(
            &format!("all are ready again in round {round}, seed={seed}"),
            || logs.take(),
            async || {
                logs.replace(hosts.iter().map(last_lines).collect());
                for host in &mut hosts {
                    if !host.is_running() {
                        host.start_fe(&[]);
                    }
                }
                let mut leaders = BTreeSet::new();
                for host in &hosts {
                    if !host.is_ready().await {
                        return None;
                    }
                    for row in host.frontends().await.ok()? {
                        if kind.leads(&row) {
                            leaders.insert(row.get(kind.host).to_owned());
                        }
                    }
                }
                (leaders.len() == 1).then_some(())
            },
        )
        .await;
        let added = acknowledged_add(&hosts, 2 * round + 1).await;
        acknowledged.extend(Some(
            added.unwrap_or_else(|| panic!("a ready cluster takes no ADD, seed={seed}")),
        ));
        for host in &hosts {
            let rows = eventually("it answers", async || host.sql("SHOW BACKENDS").await.ok()).await;
            let known: BTreeSet<String> = rows
                .iter()
                .map(|row| format!("{}:{}", row.get(kind.host), row.get("HeartbeatPort")))
                .collect();
            let lost: Vec<_> = acknowledged.difference(&known).collect();
            assert!(lost.is_empty(), "lost {lost:?} in round {round}, seed={seed}");
            assert_eq!(host.frontends().await.unwrap().len(), 3, "seed={seed}");
        }
    }
}

/// Seen in a run of many: one of four asked for votes in a later term, got one, and went back to the leader that was
/// elected meanwhile. Whoever had given it that vote was refused by that leader for ever.
async fn whoever_voted_in_a_later_term_for_somebody_who_lost_is_taken_back(kind: &'static Kind) {
    let world = World::new(kind);
    let mut hosts = world.cluster(3).await;
    let leader = leader_of(&hosts.iter().collect::<Vec<_>>()).await;
    let led = |host: &&mut Host| Some(host.address) != leader;
    let voter = hosts.iter_mut().find(led).unwrap();
    voter.kill_fe().await;
    let path = voter.meta("bdb/00000000.jdb");
    let mut journal: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    journal["term"] = (journal["term"].as_u64().unwrap() + 1).into();
    journal["voted_for"] = "somebody".into();
    std::fs::write(&path, journal.to_string()).unwrap();
    voter.start_fe(&[]);
    voter.ready().await;
    for (mark, host) in hosts.iter().enumerate() {
        eventually("every member sees all of them, and takes a change", async || {
            let rows = host.frontends().await.ok()?;
            let all = rows.len() == 3 && rows.iter().all(|row| row.is("Alive", "true"));
            if all {
                acknowledged_add(std::slice::from_ref(host), mark).await
            } else {
                None
            }
        })
        .await;
    }
}
