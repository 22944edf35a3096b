//! Many nodes and one leader: each is registered exactly once, nobody complains, and the leader is not overrun.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::{Herd, Host, Row, StandIn, World, eventually, this_test};

/// How long anything may take: three processes a core of an idle machine register in two seconds.
const PATIENCE: Duration = Duration::from_secs(120);
const SIZE: u16 = 60;
/// So many may be connected at a time. Without manners it is all of them, and somebody who looks; with, it is a third, or
/// more where the machine is too busy to let go of a connection.
const AT_A_TIME: usize = 54;

/// A herd keeps the whole machine busy.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A leader that is alone, and does one statement after another.
fn leader(world: &World) -> Result<(Host, Herd)> {
    let [fe, be] = world.stand_in(&StandIn {
        profile: "starrocks-3.5",
        time_scale: 0.1,
        heartbeat_ms: 5000,
    })?;
    let seed = world.host("leader", 1, &fe)?;
    let address = seed.address();
    seed.set("MASTER_HOST", &address.to_string())
        .set("LOCAL_HOST", &address.to_string())
        .set("GUARD_TIME", "0s");
    fs::write(seed.home().join("standin.faults"), "mysql=busy 5ms\n")?;
    Ok((seed, Herd::new(world, &be, address, SIZE)?))
}

/// All of the herd, each of them once.
fn all_are_registered(seed: &Host, herd: &Herd) -> Result<()> {
    let rows = eventually(PATIENCE, "a row for each of them", || {
        let rows = seed.sql("SHOW BACKENDS")?;
        ensure!(rows.len() >= herd.len(), "{} rows", rows.len());
        Ok(rows)
    })?;
    herd.all_say("engine started")?;
    let listed: BTreeSet<&str> = rows.iter().map(|row| row.get("IP")).collect();
    let expected: BTreeSet<String> = herd.addresses().map(|address| address.to_string()).collect();
    ensure!(rows.len() == expected.len(), "{} rows", rows.len());
    ensure!(
        expected.iter().all(|one| listed.contains(one.as_str())),
        "{listed:?}"
    );
    let complaints = herd.complaints();
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

fn was_not_overrun(seed: &Host) -> Result<()> {
    let size = usize::from(SIZE);
    let tally = seed.sql("SHOW TALLY")?;
    ensure!(count(&tally, "sessions at a time")? <= AT_A_TIME, "{tally:?}");
    // One more where an answer came too late.
    ensure!(
        count(&tally, "ALTER SYSTEM ADD")? <= size + size / 10,
        "{tally:?}"
    );
    Ok(())
}

fn count(rows: &[Row], what: &str) -> Result<usize> {
    let row = rows.iter().find(|row| row.is("What", what));
    Ok(row
        .with_context(|| format!("no count of {what} in {rows:?}"))?
        .get("Count")
        .parse()?)
}

#[test]
fn a_herd_that_waits_for_a_leader_does_not_overrun_it() -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let (seed, mut herd) = leader(&world)?;
    herd.start()?;
    herd.all_say("waiting: no FE answered")?;
    seed.start()?;
    all_are_registered(&seed, &herd).with_context(|| seed.log_tail())?;
    was_not_overrun(&seed)?;
    herd.dissolve()
}

#[test]
fn a_herd_that_comes_to_a_living_leader_does_not_overrun_it() -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let (seed, mut herd) = leader(&world)?;
    seed.start()?;
    eventually(PATIENCE, "a leader", || seed.sql("SHOW FRONTENDS"))?;
    herd.start()?;
    all_are_registered(&seed, &herd).with_context(|| seed.log_tail())?;
    was_not_overrun(&seed)?;
    herd.dissolve()
}
