//! A leader that changes while a node registers: whatever becomes of the ADD and of its answer, the node ends up
//! registered exactly once and alive, and says nothing worse than that it waits.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};

for_each_engine! {
    an_add_that_was_applied_though_the_connection_broke_counts,
    an_add_that_was_applied_and_never_answered_counts: both,
    a_stop_during_the_add_is_obeyed_and_the_next_start_registers_no_second_time,
    an_add_that_was_answered_and_is_gone_is_sent_again,
    an_add_that_a_lock_refuses_is_sent_again,
    an_fe_that_hangs_is_left_at_the_deadline_and_asked_again,
    a_registration_that_is_lost_before_the_join_is_made_again,
    a_be_whose_add_came_through_keeps_its_port_or_says_who_has_it,
    a_leader_that_dies_when_it_has_taken_an_add_is_replaced_and_the_node_joins_once,
}

const PATIENCE: Duration = Duration::from_secs(90);

fn cluster(world: &World, fes: u8, bes: u8) -> Result<Cluster> {
    let [fe, be] = world.stand_in(&StandIn {
        time_scale: 0.1,
        heartbeat_ms: 1000,
    })?;
    let cluster = Cluster::new(world, fes, &fe, bes, Some(&be))?;
    cluster.seed()?.set("GUARD_TIME", "0s");
    Ok(cluster)
}

/// The stand-in of a host misbehaves from now on, or no more.
fn fault(host: &Host, lines: &str) -> Result<()> {
    fs::write(host.home().join("standin.faults"), lines)?;
    Ok(())
}

/// Nobody has complained but the engines.
fn nobody_complained(hosts: &[&Host]) -> Result<()> {
    for host in hosts {
        let log = host.last_log();
        let bad: Vec<&str> = log
            .lines()
            // What this machine allows a process is none of its doing.
            .filter(|line| !line.contains("cannot be raised") && !line.contains("vm.max_map_count"))
            .filter(|line| {
                ["\"level\":\"WARN\"", "\"level\":\"ERROR\"", "error: "]
                    .iter()
                    .any(|word| line.contains(word))
            })
            .collect();
        ensure!(bad.is_empty(), "{}: {bad:?}", host.name());
    }
    Ok(())
}

/// A seed that leads with this fault, then a follower and a BE at once; the fault ends once both have met it.
fn joins_in_spite_of(world: &World, lines: &str, met: &str) -> Result<()> {
    let cluster = cluster(world, 2, 1)?;
    let seed = cluster.seed()?;
    seed.start()?;
    eventually(PATIENCE, "a leader", || cluster.leader().map(drop))?;
    fault(seed, lines)?;
    let joiners = [cluster.host("fe2")?, cluster.host("be1")?];
    for joiner in joiners {
        joiner.start()?;
    }
    for joiner in joiners {
        joiner.says(PATIENCE, met)?;
    }
    fault(seed, "")?;
    cluster.becomes_whole(PATIENCE)?;
    nobody_complained(&joiners)
}

fn an_add_that_was_applied_though_the_connection_broke_counts(world: &World) -> Result<()> {
    joins_in_spite_of(world, "add=drop-after\n", "registered 10.99")
}

fn an_add_that_was_applied_and_never_answered_counts(world: &World) -> Result<()> {
    joins_in_spite_of(world, "add=lost-answer\n", "registered 10.99")
}

/// The row is there, its answer is not, and nobody waits for it any more.
fn a_stop_during_the_add_is_obeyed_and_the_next_start_registers_no_second_time(world: &World) -> Result<()> {
    let cluster = cluster(world, 2, 1)?;
    let seed = cluster.seed()?;
    seed.start()?;
    eventually(PATIENCE, "a leader", || cluster.leader().map(drop))?;
    fault(seed, "add=lost-answer\n")?;
    for (joiner, rows) in [("fe2", "SHOW FRONTENDS"), ("be1", "SHOW BACKENDS")] {
        let joiner = cluster.host(joiner)?;
        let address = joiner.address().to_string();
        let listed = || -> Result<usize> {
            let rows = seed.sql(rows)?;
            Ok(rows
                .iter()
                .filter(|row| format!("{row:?}").contains(&address))
                .count())
        };
        joiner.start()?;
        eventually(PATIENCE, "the ADD is applied", || {
            ensure!(listed()? == 1, "not yet");
            Ok(())
        })?;
        assert_eq!(joiner.stop()?, 0, "{}", joiner.log_tail());
        ensure!(
            !joiner.last_log().contains("engine started"),
            "{}",
            joiner.log_tail()
        );
        assert_eq!(listed()?, 1);
    }
    fault(seed, "")?;
    for joiner in ["fe2", "be1"] {
        cluster.host(joiner)?.start()?;
    }
    cluster.becomes_whole(PATIENCE)
}

fn an_add_that_was_answered_and_is_gone_is_sent_again(world: &World) -> Result<()> {
    joins_in_spite_of(
        world,
        "add=vanish\n",
        "it accepted the ADD but does not list this node",
    )
}

fn an_add_that_a_lock_refuses_is_sent_again(world: &World) -> Result<()> {
    joins_in_spite_of(world, "add=lock\n", world.engine().lock)
}

fn an_fe_that_hangs_is_left_at_the_deadline_and_asked_again(world: &World) -> Result<()> {
    joins_in_spite_of(world, "mysql=hang\n", "no answer within 3 s")
}

/// The row went with the leader that took it, after this node was told and had started its engine. Nobody dropped it.
fn a_registration_that_is_lost_before_the_join_is_made_again(world: &World) -> Result<()> {
    let cluster = cluster(world, 2, 1)?;
    let (seed, fe, be) = (cluster.seed()?, cluster.host("fe2")?, cluster.host("be1")?);
    seed.start()?;
    eventually(PATIENCE, "a leader", || cluster.leader().map(drop))?;
    // Engines that are started and get nowhere, until the row is gone.
    let scripts = [
        fe.home().join("bin/start_fe.sh"),
        be.home().join("bin/start_be.sh"),
    ];
    let mut whole = Vec::new();
    for script in &scripts {
        let text = fs::read_to_string(script)?;
        fs::write(
            script,
            format!(
                "#!/bin/bash\n# --helper --host_type --logconsole --console\nuntil [ -e /opt/go ]; do sleep 0.1; done\n{text}"
            ),
        )?;
        whole.push(text);
    }
    for joiner in [fe, be] {
        joiner.start()?;
    }
    for joiner in [fe, be] {
        joiner.says(PATIENCE, "engine started")?;
    }
    // An FE begins again with the engine as it is; a BE is registered beside the one that it has.
    if let (Some(script), Some(text)) = (scripts.first(), whole.first()) {
        fs::write(script, text)?;
    }
    seed.sql(&format!("ALTER SYSTEM DROP FOLLOWER \"{}:9010\"", fe.address()))?;
    seed.sql(&world.engine().drop_backend(&format!("{}:9050", be.address())))?;
    be.says(PATIENCE, "which was never a member: registering it again")?;
    fs::write(be.on_disk(Path::new("/opt/go")), "")?;
    cluster.becomes_whole(PATIENCE)?;
    ensure!(
        be.last_log().matches("engine started").count() == 1,
        "{}",
        be.log_tail()
    );
    Ok(())
}

/// Killed between its ADD and the look after it. The row is there, and somebody else has its port by now: with another
/// one it would be registered twice, and the first row would stay dead for ever.
fn a_be_whose_add_came_through_keeps_its_port_or_says_who_has_it(world: &World) -> Result<()> {
    const TAKEN: &str = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 9050, Listen => 1, ReuseAddr => 1) or die; \
                         open F, \">/tmp/held\"; close F; sleep 600' & until [ -e /tmp/held ]; do :; done; \
                         exec muster run";
    let cluster = cluster(world, 1, 1)?;
    let (seed, be) = (cluster.seed()?, cluster.host("be1")?);
    seed.start()?;
    eventually(PATIENCE, "a leader", || cluster.leader().map(drop))?;
    fault(seed, "add=lost-answer\n")?;
    be.start()?;
    eventually(PATIENCE, "the row of the ADD", || {
        ensure!(!seed.sql("SHOW BACKENDS")?.is_empty());
        Ok(())
    })?;
    be.kill9()?;
    fault(seed, "")?;
    be.start_program(&["sh", "-c", TAKEN])?;
    assert_eq!(be.exit(PATIENCE)?, 73, "{}", be.log_tail());
    let said = be.last_log();
    let report = "heartbeat_service_port must be 9050 (the cluster: this port identifies the node in the cluster), but perl";
    ensure!(said.contains(report), "{said}");
    be.start()?;
    cluster.becomes_whole(PATIENCE)?;
    let rows = seed.sql("SHOW BACKENDS")?;
    ensure!(rows.len() == 1, "{rows:?}");
    Ok(())
}

/// The ADD is applied, its answer is lost, and so is the leader that was to give it.
fn a_leader_that_dies_when_it_has_taken_an_add_is_replaced_and_the_node_joins_once(
    world: &World,
) -> Result<()> {
    let cluster = cluster(world, 3, 1)?;
    for fe in cluster.fes() {
        fe.start()?;
    }
    eventually(PATIENCE, "three FEs", || {
        let rows = cluster.sql("SHOW FRONTENDS")?;
        ensure!(
            rows.len() == 3 && rows.iter().all(|row| row.is("Alive", "true")),
            "{rows:?}"
        );
        Ok(())
    })
    .with_context(|| cluster.tails())?;
    let (old, late) = (cluster.leader()?, cluster.host("be1")?);
    late.set("MASTER_HOST", "10.99.0.11,10.99.0.12,10.99.0.13");
    // The answer never comes: the leader can be killed while the node waits for it.
    fault(old, "add=lost-answer\n")?;
    late.start()?;
    eventually(PATIENCE, "the row of the ADD", || {
        ensure!(!old.sql("SHOW BACKENDS")?.is_empty());
        Ok(())
    })
    .with_context(|| late.log_tail())?;
    old.kill9()?;
    fault(old, "")?;
    late.says(PATIENCE, "is alive in cluster")?;
    nobody_complained(&[late])?;
    old.start()?;
    cluster.becomes_whole(PATIENCE)
}
