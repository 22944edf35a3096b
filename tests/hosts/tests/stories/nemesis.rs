//! Random harm to clusters, a few runs each time; and what longer campaigns have found, as the schedules they were, made
//! short. `scripts/nemesis` runs as many as one likes.

use std::fs::{self, File};
use std::process::Stdio;

use anyhow::ensure;
use hosts::{World, dice, this_test};

for_each_engine! {
    a_new_machine_for_the_seed_after_a_power_cut_joins_the_old_cluster,
    one_member_without_a_leader_keeps_a_blank_seed_from_founding,
    a_member_that_lost_its_leader_keeps_a_blank_seed_from_founding,
    a_blank_seed_that_was_suspended_while_it_listened_listens_on,
    dropped_nodes_refuse_and_join_anew_when_told_to,
    a_wiped_voter_waits_for_a_leader_while_a_member_that_lags_behind_is_there: both,
    a_leader_that_was_overtaken_while_it_was_cut_off_gives_way_to_a_member_that_knows_more,
}

/// The nemesis as a person calls it; in the world only so that nothing of it can outlive the test.
fn nemesis(world: &World, arguments: &[&str]) -> anyhow::Result<()> {
    let output = world.dir().join("nemesis");
    let file = File::create(&output)?;
    let ended = World::unaware(env!("CARGO_BIN_EXE_nemesis"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()?;
    let said = fs::read_to_string(&output)?;
    ensure!(ended.success(), "{ended}: {said}");
    ensure!(said.contains("until the cluster was whole"), "{said}");
    Ok(())
}

fn story(world: &World, schedule: &str) -> anyhow::Result<()> {
    let file = world.dir().join("schedule");
    let engine = world.engine().id;
    let schedule = schedule.replacen("hosts ", &format!("hosts engine={engine} "), 1);
    fs::write(&file, schedule)?;
    nemesis(world, &["--schedule", &file.display().to_string()])
}

/// Half of the runs are of each engine.
#[test]
fn whatever_happens_to_a_cluster_it_is_the_same_one_afterwards() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let seed = dice().u64(..1_000_000_000).to_string();
    nemesis(&world, &["--runs", "6", "--seed", &seed, "--jobs", "6"])
}

#[test]
fn all_nodes_started_for_the_first_time_in_one_instant_are_one_cluster() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let seed = dice().u64(..1_000_000_000).to_string();
    nemesis(&world, &["--first-start", "4", "--seed", &seed, "--jobs", "4"])
}

/// The power goes, the seed's machine is replaced, and all come back in the same instant: when it begins to listen
/// nobody leads yet.
fn a_new_machine_for_the_seed_after_a_power_cut_joins_the_old_cluster(world: &World) -> anyhow::Result<()> {
    story(
        world,
        "hosts voters=3 bes=1\n\
         start fe1 fe2 fe3 be1\nwhole\nwrite\n\
         power-cut\nwipe-both fe1\nstart-together fe1 fe2 fe3 be1\nwhole\n",
    )
}

/// The same with only one of the two others there: it waits for a vote, and nobody leads until the third one comes.
fn one_member_without_a_leader_keeps_a_blank_seed_from_founding(world: &World) -> anyhow::Result<()> {
    story(
        world,
        "hosts voters=3 bes=1\n\
         start fe1 fe2 fe3 be1\nwhole\nwrite\n\
         power-cut\nwipe-both fe1\nstart fe2 fe1\npause 6000\nstart fe3 be1\nwhole\n",
    )
}

/// One of the two that are left hangs before the leader goes, so that the other one was never elected; it was started long
/// ago, so its muster says nothing any more.
fn a_member_that_lost_its_leader_keeps_a_blank_seed_from_founding(world: &World) -> anyhow::Result<()> {
    story(
        world,
        "hosts voters=3 bes=1\n\
         start fe1 fe2 fe3 be1\nwhole\nwrite\n\
         freeze-engine fe3\nwipe-both fe1\nstart fe1\npause 8000\nthaw fe3\nwhole\n",
    )
}

/// Whoever stops a container stops its clock for nobody else: a guard that ran out meanwhile has heard nothing.
fn a_blank_seed_that_was_suspended_while_it_listened_listens_on(world: &World) -> anyhow::Result<()> {
    story(
        world,
        "hosts voters=3 bes=1\n\
         start fe1 fe2 fe3 be1\nwhole\nwrite\n\
         wipe-both fe1\npause 3000\nstart fe1\npause 200\nfreeze-muster fe1\npause 5000\nthaw fe1\nwhole\n",
    )
}

/// It used to run on for ever, because muster did not hear its own request to stop.
fn dropped_nodes_refuse_and_join_anew_when_told_to(world: &World) -> anyhow::Result<()> {
    story(
        world,
        "hosts voters=3 observers=1 bes=1\n\
         start fe1 fe2 fe3 fe4 be1\nwhole\nwrite\n\
         drop fe2\nrejoin fe2\nwhole\ndrop be1\nrejoin be1\nwhole\ndrop fe4\nremove fe4\nwhole\n",
    )
}

/// The old leader is back beside one of the two that elected another one, and the other one's disk is lost: there is no later
/// leader that it could hear of, and it has lost its majority, so it has to vote for whoever knows more.
fn a_leader_that_was_overtaken_while_it_was_cut_off_gives_way_to_a_member_that_knows_more(
    world: &World,
) -> anyhow::Result<()> {
    story(
        world,
        "hosts voters=3 bes=1\n\
         start fe1 fe2 fe3 be1\nwhole\nwrite\n\
         cut fe1\npause 6000\nkill fe2\nkill fe3\nwipe-data fe2\nheal\nstart fe3 fe2\nwhole\n",
    )
}

/// The leader and one member acknowledge a write while the third is cut off. Both die, the member's disk with it, and the third is
/// back: it has no leader, but answers. An engine that is started with it as helper elects with it, and the write is gone for
/// good, on the old leader's disk too once that is back.
fn a_wiped_voter_waits_for_a_leader_while_a_member_that_lags_behind_is_there(
    world: &World,
) -> anyhow::Result<()> {
    story(
        world,
        "hosts voters=3 masters=all\n\
         start fe1 fe2 fe3\nwhole\nwrite\n\
         cut fe2\nwrite\npause 3000\nkill fe3\nkill fe1\nwipe-data fe3\nheal\nstart fe3\npause 6000\nstart fe1\nwhole\n",
    )
}
