//! Two hosts that each read in their settings that they are the first. What of it can be noticed is told here, and
//! what cannot be.
//!
//! Engine seconds pass at a tenth of their length and heartbeats come each second, so the guard time is three.

use std::fs;
use std::time::Duration;

use anyhow::{bail, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};

for_each_engine! {
    two_seeds_that_list_each_other_found_one_cluster: both,
    of_two_seeds_of_which_one_lists_the_other_only_one_founds,
    a_seed_that_comes_while_another_one_founds_joins_it,
    a_seed_that_lists_one_whose_engine_has_begun_waits_for_it,
    a_node_that_is_told_of_two_clusters_names_both_and_joins_neither,
    a_member_that_lists_itself_asks_the_others_only,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// FEs that are given these lists, in which `1` is the first of them.
fn fes(world: &World, lists: &[&str]) -> anyhow::Result<Cluster> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let count = u8::try_from(lists.len())?;
    let cluster = Cluster::new(world, count, &fe, 0, None)?;
    for (host, list) in cluster.hosts.iter().zip(lists) {
        let list: Vec<String> = list.split(',').map(|n| format!("10.99.0.1{n}")).collect();
        host.set("GUARD_TIME", "3s").set("MASTER_HOST", &list.join(","));
    }
    Ok(cluster)
}

/// Each founded a cluster of its own: neither answers SQL while both wait.
fn two_seeds_that_list_each_other_found_one_cluster(world: &World) -> anyhow::Result<()> {
    let cluster = fes(world, &["1,2", "2,1"])?;
    cluster.hosts.iter().try_for_each(Host::start)?;
    cluster.becomes_whole(PATIENCE)?;
    let second = cluster.host("fe2")?;
    second.says(PATIENCE, "not founding: 10.99.0.11 may found")
}

/// The one that is not named cannot ask, but it is asked, and says who it is.
fn of_two_seeds_of_which_one_lists_the_other_only_one_founds(world: &World) -> anyhow::Result<()> {
    // The greater address lists the smaller one, which does not know of it.
    let cluster = fes(world, &["1", "2,1"])?;
    cluster.hosts.iter().try_for_each(Host::start)?;
    cluster.becomes_whole(PATIENCE)
}

/// The engine of the one that came first takes longer to answer than the other one's guard.
fn a_seed_that_comes_while_another_one_founds_joins_it(world: &World) -> anyhow::Result<()> {
    let cluster = fes(world, &["1,2", "2,1"])?;
    let (first, second) = (cluster.host("fe1")?, cluster.host("fe2")?);
    // The greater address: nothing but what it is doing makes the other one wait.
    slow_down(second, "0.6")?;
    second.start()?;
    second.says(PATIENCE, "starting ")?;
    first.start()?;
    first.says(PATIENCE, "not founding: 10.99.0.12 founds a cluster too")?;
    cluster.becomes_whole(PATIENCE)
}

/// The one that founds does not know of the other, and so says nothing; its engine answers no statement before the guard
/// of the other one is over. All that shows is the election port.
fn a_seed_that_lists_one_whose_engine_has_begun_waits_for_it(world: &World) -> anyhow::Result<()> {
    let cluster = fes(world, &["1", "2,1"])?;
    let (first, second) = (cluster.host("fe1")?, cluster.host("fe2")?);
    // Doris is there in a third of the time.
    slow_down(first, if world.engine().is_doris() { "1" } else { "0.3" })?;
    first.start()?;
    // On a busy machine it takes longer than the others' guard until anything tells that it begins.
    second.set("GUARD_TIME", "15s").start()?;
    // By its open port, or by the word of its muster a moment before.
    eventually(PATIENCE, "a second seed that waits for the first", || {
        let log = second.last_log();
        let waits = [
            "an FE on 10.99.0.11 is starting",
            "10.99.0.11 may found a cluster too",
        ];
        ensure!(waits.iter().any(|wait| log.contains(wait)), "{log}");
        Ok(())
    })?;
    cluster.becomes_whole(PATIENCE)
}

/// Two lists that do not name each other: nobody tells the two seeds. Whoever is told of both sees it, and takes no side.
fn a_node_that_is_told_of_two_clusters_names_both_and_joins_neither(world: &World) -> anyhow::Result<()> {
    let cluster = fes(world, &["1", "2", "1,2"])?;
    let [one, other, third] = cluster.hosts.as_slice() else {
        bail!("three hosts")
    };
    let mut ids = Vec::new();
    for seed in [one, other] {
        seed.start()?;
        ids.push(eventually(PATIENCE, "a cluster", || id(seed))?);
    }
    ids.sort();
    third.set("WAIT_TIMEOUT", "3s").start()?;
    assert_eq!(third.exit(PATIENCE)?, 69, "{}", third.log_tail());
    let log = third.last_log();
    ensure!(log.contains("two clusters answered: "), "{log}");
    for id in &ids {
        ensure!(log.contains(id.as_str()), "{id} is not named in\n{log}");
    }
    for seed in [one, other] {
        ensure!(
            seed.sql("SHOW FRONTENDS")?.len() == 1,
            "{} has members",
            seed.name()
        );
    }
    Ok(())
}

/// It is in the list, and it is not the one that may found.
fn a_member_that_lists_itself_asks_the_others_only(world: &World) -> anyhow::Result<()> {
    let cluster = fes(world, &["1,2", "1,2"])?;
    let second = cluster.host("fe2")?;
    second.start()?;
    second.says(PATIENCE, "waiting")?;
    cluster.host("fe1")?.start()?;
    cluster.becomes_whole(PATIENCE)?;
    ensure!(
        !second.last_log().contains("10.99.0.12:9030 "),
        "{}",
        second.last_log()
    );
    Ok(())
}

fn id(host: &Host) -> anyhow::Result<String> {
    let rows = host.sql("SHOW FRONTENDS")?;
    let id = rows.first().map(|row| row.get("ClusterId")).unwrap_or_default();
    ensure!(!id.is_empty(), "no id");
    Ok(id.to_owned())
}

/// Its engine takes so many times its usual seconds from the start to the first answer.
fn slow_down(host: &Host, time_scale: &str) -> anyhow::Result<()> {
    let conf = host.home().join("standin.conf");
    let text = fs::read_to_string(&conf)?;
    let slow = text.replace("time_scale = 0.1", &format!("time_scale = {time_scale}"));
    ensure!(slow != text, "{}: {text}", conf.display());
    Ok(fs::write(conf, slow)?)
}
