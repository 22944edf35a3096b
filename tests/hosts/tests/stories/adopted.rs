//! The data of an FE that ran without muster: its own ROLE says whose it is, and one start with a wrong `LOCAL_HOST` leaves
//! nothing behind.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use hosts::{Cluster, Host, StandIn, World};

for_each_engine! {
    one_start_with_a_wrong_host_does_not_lock_a_member_out: both,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stops it, and takes away every trace of muster.
fn forget_muster(fe: &Host) -> anyhow::Result<()> {
    fe.kill9()?;
    fe.wipe_state()?;
    Ok(fs::remove_file(fe.data().join("muster.json"))?)
}

/// It refuses with this sentence, and neither disk has changed.
fn refuses(fe: &Host, local_host: &str, sentence: &str) -> anyhow::Result<()> {
    let before = fe.disks()?;
    fe.set("LOCAL_HOST", local_host).start()?;
    assert_eq!(fe.exit(PATIENCE)?, 79, "{}", fe.log_tail());
    let log = fe.last_log();
    ensure!(log.contains(sentence), "{log}");
    ensure!(!log.contains("dropped"), "{log}");
    let changes = before.changes(&fe.disks()?);
    ensure!(!format!("{changes:?}").contains("muster"), "{changes:?}");
    Ok(())
}

fn one_start_with_a_wrong_host_does_not_lock_a_member_out(world: &World) -> anyhow::Result<()> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 3, &fe, 0, None)?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s").start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
    }
    let member = cluster.host("fe3")?;
    forget_muster(member)?;
    let engine = world.engine();
    let from = engine.owner_file;
    let owner = format!("this data belongs to the member 10.99.0.13 ({from}, address mode); LOCAL_HOST says");
    refuses(
        member,
        "fe3",
        &format!("{owner} fe3, and 10.99.0.11 lists 10.99.0.13"),
    )?;
    member.renumber(20)?;
    refuses(
        member,
        "10.99.0.30",
        &format!("{owner} 10.99.0.30, and 10.99.0.11 lists 10.99.0.13"),
    )?;
    member.renumber(3)?;
    member.set("LOCAL_HOST", "10.99.0.13").start()?;
    member.says(PATIENCE, "is alive in cluster")?;
    // A seed whose MASTER_HOST names nobody else is refused at once, and is told nothing that would cost it its data.
    for host in cluster.fes().skip(1) {
        host.kill9()?;
    }
    let seed = cluster.seed()?;
    forget_muster(seed)?;
    seed.set("MASTER_HOST", "fe1");
    let owner =
        format!("this data belongs to the member 10.99.0.11 ({from}, address mode); LOCAL_HOST says fe1");
    refuses(seed, "fe1", &owner)?;
    ensure!(!seed.last_log().contains("REJOIN"), "{}", seed.log_tail());
    Ok(())
}
