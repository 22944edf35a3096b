//! Many nodes and one leader: each is registered exactly once, and nobody complains.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::{Herd, Host, Row, StandIn, World, eventually};

for_each_engine! {
    a_herd_that_waits_for_a_leader_is_registered_once_each,
    a_herd_that_comes_to_a_slow_leader_is_registered_once_each,
}

/// How long anything may take: three processes a core of an idle machine register in two seconds.
const PATIENCE: Duration = Duration::from_secs(120);
const SIZE: u16 = 60;

/// A herd keeps the whole machine busy.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A leader that is alone, and lets a third of the herd in at a time.
fn leader(world: &World, fault: &str) -> Result<(Host, Herd)> {
    let [fe, be] = world.stand_in(&StandIn {
        time_scale: 0.1,
        heartbeat_ms: 5000,
    })?;
    let seed = world.host("leader", 1, &fe)?;
    let address = seed.address();
    seed.set("MASTER_HOST", &address.to_string())
        .set("LOCAL_HOST", &address.to_string())
        .set("GUARD_TIME", "0s");
    fs::write(
        seed.home().join("standin.faults"),
        format!("mysql=sessions 20\n{fault}\n"),
    )?;
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
    let listed: BTreeSet<&str> = rows.iter().map(Row::host).collect();
    let expected: BTreeSet<String> = herd.addresses().map(|address| address.to_string()).collect();
    ensure!(rows.len() == expected.len(), "{} rows", rows.len());
    ensure!(
        expected.iter().all(|one| listed.contains(one.as_str())),
        "{listed:?}"
    );
    let complaints = herd.complaints();
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    // One more where an answer came too late.
    let size = usize::from(SIZE);
    let tally = eventually(PATIENCE, "the counts", || seed.sql("SHOW TALLY"))?;
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

fn a_herd_that_waits_for_a_leader_is_registered_once_each(world: &World) -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (seed, mut herd) = leader(world, "mysql=busy 5ms")?;
    herd.start()?;
    herd.all_say("waiting: no FE answered")?;
    seed.start()?;
    all_are_registered(&seed, &herd).with_context(|| seed.log_tail())?;
    herd.dissolve()
}

fn a_herd_that_comes_to_a_slow_leader_is_registered_once_each(world: &World) -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (seed, mut herd) = leader(world, "mysql=slow 100ms")?;
    seed.start()?;
    eventually(PATIENCE, "a leader", || seed.sql("SHOW FRONTENDS"))?;
    herd.start()?;
    all_are_registered(&seed, &herd).with_context(|| seed.log_tail())?;
    herd.dissolve()
}
