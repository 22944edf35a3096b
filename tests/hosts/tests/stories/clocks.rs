//! Clocks that differ. The hosts here have one clock; what differs is the clock of the leader's engine.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};

for_each_engine! {
    a_clock_that_differs_is_told_before_the_engine_ends_of_it_and_by_how_much_and_which_way_when_it_did,
}

/// For anything that must happen; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The clock of this host's engine is ahead from its next start on.
fn ahead(host: &Host, milliseconds: i32) -> Result<()> {
    let conf = host.home().join("standin.conf");
    let text = fs::read_to_string(&conf)?;
    let others = text.lines().filter(|line| !line.starts_with("clock_offset_ms"));
    let others: Vec<&str> = others.collect();
    let text = format!("{}\nclock_offset_ms = {milliseconds}\n", others.join("\n"));
    Ok(fs::write(conf, text)?)
}

/// Too far for a join: the engine ends, and leaves data behind that belongs to nobody. Nearer: it is told while all is well.
fn a_clock_that_differs_is_told_before_the_engine_ends_of_it_and_by_how_much_and_which_way_when_it_did(
    world: &World,
) -> Result<()> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 2, &fe, 0, None)?;
    let (seed, follower) = (cluster.seed()?, cluster.host("fe2")?);
    seed.set("GUARD_TIME", "3s");
    ahead(seed, 60_000)?;
    seed.start()?;
    seed.says(PATIENCE, "is alive in cluster")?;
    follower.start()?;
    assert_eq!(follower.exit(PATIENCE)?, 255, "{}", follower.log_tail());
    let log = follower.last_log();
    ensure!(log.contains("the clock of this machine is 60 s behind"), "{log}");
    let told = log.contains(" ms behind the clock of the leader's host, which is too much");
    ensure!(told && log.contains("the clock of its host is "), "{log}");
    ensure!(follower.data().join("image/ROLE").exists());

    seed.stop()?;
    ahead(seed, 4_400)?;
    seed.start()?;
    seed.says(PATIENCE, "is alive in cluster")?;
    follower.start()?;
    // A clock that tells whole seconds: 4 or 5 of them.
    let behind = format!(
        " s behind the clock of the leader {}; an FE whose",
        seed.address()
    );
    follower.says(PATIENCE, &behind)?;
    cluster.becomes_whole(PATIENCE)?;
    let words = "FE is ready; the clock of this machine is ";
    eventually(PATIENCE, words, || {
        let health = follower.exec(&["muster", "health"])?;
        let told = health.text.starts_with(words) && health.text.contains(&behind);
        ensure!(health.code == 0 && told, "{health:?}");
        Ok(())
    })?;
    let explain = follower.exec(&["muster", "explain"])?;
    ensure!(
        explain.code == 0 && explain.text.contains("warning: the clock of this"),
        "{explain:?}"
    );
    let health = seed.exec(&["muster", "health"])?;
    assert_eq!((health.code, health.text.as_str()), (0, "FE is ready"));
    let told = follower.last_log().matches("the clock of this machine").count();
    // Before the start, and beside the engine.
    assert_eq!(told, 2, "{}", follower.last_log());
    Ok(())
}
