//! Killed anywhere: muster before each of its steps, the engine in each window of its start, or both together. The next
//! run ends in the same cluster, with the same ports, and without a second ADD.
//!
//! A walk is all kills of one situation. `EVERY_KILL=1` makes them before each step that the trace of an undisturbed start
//! has; otherwise before those that last (files, ADD, the spawn), and where the engine runs once between two of them, and
//! of what two situations have in common in one of them. `SHOW_STEPS=1` prints the trace.

mod aside;
mod home;
mod node;
mod walk;
mod windows;

use std::fs;

use anyhow::{Result, ensure};
use hosts::{Cluster, Component, Host, StandIn, World, eventually};

use self::home::Home;
use self::node::{Kind, PATIENCE, STATE, Situation};
use self::walk::walk;

for_each_engine! {
    a_founder_killed_before_any_step_founds_one_cluster,
    a_mounted_conf_file_is_never_cut,
    a_follower_killed_before_any_step_joins_once,
    #[ignore = "nightly: one more walk of the same kind"]
    an_observer_killed_before_any_step_joins_once,
    a_backend_killed_before_any_step_joins_once,
    #[ignore = "nightly: one more walk of the same kind"]
    a_compute_node_killed_before_any_step_joins_once,
    #[ignore = "nightly: one more walk of the same kind"]
    a_broker_killed_before_any_step_joins_once,
    #[ignore = "nightly: one more walk of the same kind"]
    a_wiped_follower_killed_before_any_step_is_never_added_again,
    an_unfinished_join_killed_while_it_is_set_aside_is_joined_and_kept,
    #[ignore = "nightly: one more walk of the same kind"]
    a_dropped_follower_killed_while_it_rejoins_is_added_once_and_kept,
    #[ignore = "nightly: one more walk of the same kind"]
    without_a_volume_a_kill_while_setting_aside_is_the_same,
    #[ignore = "nightly: one more walk of the same kind"]
    a_drop_that_only_the_data_remembers_is_remembered_to_the_end_of_the_move,
    #[ignore = "nightly: one more walk of the same kind"]
    a_dropped_backend_killed_while_it_rejoins_is_added_once_and_kept,
    #[ignore = "nightly: one more walk of the same kind"]
    a_wiped_backend_killed_before_any_step_is_never_added_again,
    a_follower_killed_before_it_becomes_its_engine_joins_once,
}

/// An FE is there in half a second, and found dead after one.
const QUICK: StandIn = StandIn {
    time_scale: 0.03,
    heartbeat_ms: 300,
};

/// Seeds of as many clusters.
fn founders(world: &World, count: u8) -> Result<Vec<Host>> {
    let [fe, _] = world.stand_in(&QUICK)?;
    (1..=count)
        .map(|n| {
            let host = world.host(&format!("seed{n}"), n, &fe)?;
            let own = host.address().to_string();
            host.set("MASTER_HOST", &own)
                .set("LOCAL_HOST", &own)
                .set("GUARD_TIME", "300ms")
                .set("STATE_DIR", STATE);
            Ok(host)
        })
        .collect()
}

/// A cluster of five FEs, which have the majority whoever else is dead, and so many hosts that are to join it.
fn joiners(world: &World, kind: Kind, count: u8) -> Result<(Cluster, Home, Vec<Host>)> {
    let [fe, be] = world.stand_in(&QUICK)?;
    let cluster = Cluster::new(world, 5, &fe, 0, None)?;
    for host in &cluster.hosts {
        // A busy machine is not a lost majority: a leader without one ends after 44 engine seconds.
        let conf = host.home().join("standin.conf");
        let patient = fs::read_to_string(&conf)?.replace("time_scale = 0.03", "time_scale = 0.3");
        fs::write(&conf, patient)?;
        host.set("GUARD_TIME", "800ms").start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let seed = cluster.seed()?.address().to_string();
    let image = match kind.component() {
        Component::Fe => fe,
        Component::Be => be,
        Component::Broker => fe.broker()?,
    };
    let hosts = (1..=count).map(|n| {
        let host = world.host(&format!("{}{n}", kind.word()), 10 + n, &image)?;
        host.set("MASTER_HOST", &seed)
            .set("LOCAL_HOST", &host.address().to_string())
            .set("STATE_DIR", STATE);
        kind.dress(&host);
        Ok(host)
    });
    let hosts = hosts.collect::<Result<_>>()?;
    let home = Home::of(&cluster)?;
    Ok((cluster, home, hosts))
}

fn a_founder_killed_before_any_step_founds_one_cluster(world: &World) -> Result<()> {
    walk(founders(world, 8)?, &Situation::Founding, || ())
}

/// Where the data lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Volume,
    /// In the container's own files: what is set aside is renamed as a whole.
    Container,
}

fn walk_of(world: &World, kind: Kind, on: On, situation: impl Fn(Home) -> Situation) -> Result<()> {
    let (cluster, home, hosts) = joiners(world, kind, 4)?;
    for host in hosts.iter().filter(|_| on == On::Container) {
        host.without_volume();
    }
    walk(hosts, &situation(home.clone()), || tend(&cluster))?;
    unharmed(&cluster, &home)
}

/// Whoever mounted it may have no other copy.
fn a_mounted_conf_file_is_never_cut(world: &World) -> Result<()> {
    walk(founders(world, 8)?, &Situation::Mounted, || ())
}

/// As a restart policy does: a leader that a busy machine kept from its majority ends.
fn tend(cluster: &Cluster) {
    for fe in cluster.fes().filter(|fe| fe.has_ended()) {
        // One that cannot be started is missed in the end.
        fe.start().ok();
    }
}

/// Those that were there are one cluster still, and none was taken down by a journal of the same name.
fn unharmed(cluster: &Cluster, home: &Home) -> Result<()> {
    for fe in cluster.fes() {
        ensure!(
            !fe.log().contains("weren't!"),
            "{} was poisoned\n{}",
            fe.name(),
            fe.log_tail()
        );
    }
    eventually(PATIENCE, "the cluster as it was", || {
        tend(cluster);
        for fe in cluster.fes() {
            let address = fe.address().to_string();
            let rows = home.sql("SHOW FRONTENDS")?;
            let own: Vec<_> = rows.iter().filter(|row| row.host() == address).collect();
            ensure!(
                own.len() == 1
                    && own
                        .iter()
                        .all(|row| row.is("Alive", "true") && row.is("ClusterId", &home.id)),
                "{own:?}"
            );
        }
        Ok(())
    })
}

fn a_follower_killed_before_any_step_joins_once(world: &World) -> Result<()> {
    walk_of(world, Kind::Follower, On::Volume, |home| {
        Situation::New(Kind::Follower, home)
    })
}

fn an_observer_killed_before_any_step_joins_once(world: &World) -> Result<()> {
    walk_of(world, Kind::Observer, On::Volume, |home| {
        Situation::New(Kind::Observer, home)
    })
}

fn a_backend_killed_before_any_step_joins_once(world: &World) -> Result<()> {
    walk_of(world, Kind::Backend, On::Volume, |home| {
        Situation::New(Kind::Backend, home)
    })
}

fn a_compute_node_killed_before_any_step_joins_once(world: &World) -> Result<()> {
    walk_of(world, Kind::ComputeNode, On::Volume, |home| {
        Situation::New(Kind::ComputeNode, home)
    })
}

fn a_broker_killed_before_any_step_joins_once(world: &World) -> Result<()> {
    walk_of(world, Kind::Broker, On::Volume, |home| {
        Situation::New(Kind::Broker, home)
    })
}

fn a_wiped_follower_killed_before_any_step_is_never_added_again(world: &World) -> Result<()> {
    walk_of(world, Kind::Follower, On::Volume, |home| {
        Situation::Wiped(Kind::Follower, home)
    })
}

fn an_unfinished_join_killed_while_it_is_set_aside_is_joined_and_kept(world: &World) -> Result<()> {
    walk_of(world, Kind::Follower, On::Volume, |home| {
        Situation::Unfinished(Kind::Follower, home)
    })
}

fn a_dropped_follower_killed_while_it_rejoins_is_added_once_and_kept(world: &World) -> Result<()> {
    walk_of(world, Kind::Follower, On::Volume, |home| {
        Situation::Dropped(Kind::Follower, home)
    })
}

/// Of a rename as a whole there is nothing between before and after.
fn without_a_volume_a_kill_while_setting_aside_is_the_same(world: &World) -> Result<()> {
    walk_of(world, Kind::Follower, On::Container, |home| {
        Situation::Unfinished(Kind::Follower, home)
    })
}

/// The record of the drop is moved with the data, and nothing else says that it can never start again.
fn a_drop_that_only_the_data_remembers_is_remembered_to_the_end_of_the_move(world: &World) -> Result<()> {
    walk_of(world, Kind::Follower, On::Volume, |home| {
        Situation::Recreated(Kind::Follower, home)
    })
}

fn a_dropped_backend_killed_while_it_rejoins_is_added_once_and_kept(world: &World) -> Result<()> {
    walk_of(world, Kind::Backend, On::Volume, |home| {
        Situation::Dropped(Kind::Backend, home)
    })
}

fn a_wiped_backend_killed_before_any_step_is_never_added_again(world: &World) -> Result<()> {
    walk_of(world, Kind::Backend, On::Volume, |home| {
        Situation::Wiped(Kind::Backend, home)
    })
}

/// Until there is nothing left of muster to be killed.
fn a_follower_killed_before_it_becomes_its_engine_joins_once(world: &World) -> Result<()> {
    walk_of(world, Kind::Follower, On::Volume, |home| {
        Situation::Replaced(Kind::Follower, home)
    })
}
