//! What muster promises, between hosts, with the stand-in engine: whatever is started, killed and wiped, what comes
//! back is one cluster with every node in it once.
//!
//! Engine seconds pass at a tenth of their length and heartbeats come each second, so the guard time is three.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, StandIn, World, dice, eventually, this_test};
use nix::sys::signal::Signal;

for_each_engine! {
    hosts_started_in_any_order_become_one_cluster: both,
    a_killed_leader_comes_back_to_its_cluster: both,
    a_seed_that_lost_its_data_rejoins_the_cluster_its_record_names,
    a_seed_that_lost_everything_is_called_back_by_its_cluster: both,
    a_seed_that_lost_everything_hears_its_leader_in_a_crowd,
    a_seed_founds_nothing_in_a_crowd_and_says_where_that_comes_from,
    a_seed_that_lost_everything_founds_nothing_while_a_member_wants_its_vote: both,
    a_seed_that_lost_everything_in_a_power_cut_is_told_by_the_first_member_that_is_back,
    a_seed_that_lost_everything_comes_home_over_http_wherever_its_cluster_speaks_sql,
    a_follower_that_lost_everything_comes_back_though_the_seed_is_gone: both,
    a_backend_that_lost_everything_is_the_same_backend: both,
    after_a_power_cut_all_come_back_at_once: both,
    new_containers_with_the_old_data_are_the_old_cluster: both,
    a_node_that_has_joined_starts_without_asking_anybody,
    whoever_is_killed_while_it_founds_or_joins_gets_there_in_the_end,
    an_alive_of_the_start_before_is_not_taken_for_a_join,
    explain_beside_a_running_engine_tells_what_that_start_decided,
    a_backend_is_alive_only_once_its_engine_is,
    the_missing_vote_is_given_though_nobody_answers,
    a_node_that_was_dropped_refuses_until_a_person_decides: both,
    a_stop_is_clean_on_every_host,
    an_engine_that_dies_in_a_member_is_explained_and_the_next_start_is_the_same_member: both,
    health_says_what_is_missing: both,
    health_and_explain_of_a_host_that_waits_say_for_what,
    a_wrong_password_is_said_at_once,
    a_node_that_has_the_password_before_root_has_it_waits,
    the_founder_gives_root_its_password_once_and_the_others_know_it: both,
    nobody_in_time_is_an_exit_and_a_sentence,
    data_of_another_cluster_is_refused: both,
    a_busy_cluster_wide_port_is_refused_with_the_name_of_its_holder,
    with_exec_nothing_of_muster_stays,
    without_a_volume_it_is_the_same,
    a_node_that_arrives_while_the_leader_is_cut_off_joins_the_majority,
    nodes_with_the_old_data_run_on_beside_a_seed_that_was_rebuilt_and_name_both_clusters,
}

const GUARD: Duration = Duration::from_secs(3);

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn cluster(world: &World, fes: u8, bes: u8) -> anyhow::Result<Cluster> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, fes, &fe, bes, Some(&be))?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s");
    }
    Ok(cluster)
}

/// A cluster in which all is well.
fn whole(world: &World, fes: u8, bes: u8) -> anyhow::Result<Cluster> {
    let cluster = cluster(world, fes, bes)?;
    cluster.hosts.iter().try_for_each(Host::start)?;
    cluster.becomes_whole(PATIENCE)?;
    Ok(cluster)
}

/// After all that happened it is the cluster it was.
fn still_one(cluster: &Cluster, id: &str) -> anyhow::Result<()> {
    cluster.becomes_whole(PATIENCE)?;
    is(cluster, id)
}

fn is(cluster: &Cluster, id: &str) -> anyhow::Result<()> {
    let now = cluster.id()?;
    ensure!(now == id, "it was cluster {id} and is {now}\n{}", cluster.tails());
    Ok(())
}

fn hosts_started_in_any_order_become_one_cluster(world: &World) -> anyhow::Result<()> {
    let mut dice = dice();
    let cluster = cluster(world, 3, 3)?;
    for host in cluster.in_any_order(&mut dice) {
        host.start()?;
        std::thread::sleep(Duration::from_millis(dice.u64(0..1000)));
    }
    cluster.becomes_whole(PATIENCE)
}

fn a_killed_leader_comes_back_to_its_cluster(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 1)?;
    let id = cluster.id()?;
    let old = cluster.leader()?;
    old.kill9()?;
    eventually(PATIENCE, "another leader", || {
        ensure!(cluster.leader()?.name() != old.name(), "it is shown still");
        Ok(())
    })?;
    old.start()?;
    still_one(&cluster, &id)?;
    assert_ne!(cluster.leader()?.name(), old.name());
    Ok(())
}

/// The volume is lost, the container is not: the record beside the conf names the cluster, and nobody is guarded against.
fn a_seed_that_lost_its_data_rejoins_the_cluster_its_record_names(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 0)?;
    let id = cluster.id()?;
    let seed = cluster.seed()?;
    seed.kill9()?;
    seed.wipe_data()?;
    seed.start()?;
    still_one(&cluster, &id)
}

/// "With a guard shorter than two heartbeats a wiped seed founded a second cluster": it knows nobody, and is called.
fn a_seed_that_lost_everything_is_called_back_by_its_cluster(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 1)?;
    let id = cluster.id()?;
    let seed = cluster.seed()?;
    seed.kill9()?;
    seed.wipe_both()?;
    // Until the others have a leader nobody calls.
    eventually(PATIENCE, "another leader", || {
        ensure!(cluster.leader()?.name() != seed.name(), "it is shown still");
        Ok(())
    })?;
    seed.start()?;
    still_one(&cluster, &id)
}

/// Nobody leads, so nobody calls by itself, and the seed knows nobody it could ask. But the one that is left wants its vote.
/// As many silent connections from one host as it can have.
const FLOOD: &str = "use IO::Socket::INET; use IO::Select; my $open = IO::Select->new;
    while (1) {
        for my $closed ($open->can_read(0.001)) { $open->remove($closed); close $closed }
        next if $open->count >= 800;
        my $new = IO::Socket::INET->new(PeerAddr => '10.99.0.11:8030', Timeout => 1);
        $open->add($new) if $new;
    }";

/// The crowd was there first: the poll of the leader waited behind it for longer than the guard.
fn a_seed_that_lost_everything_hears_its_leader_in_a_crowd(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 0)?;
    let id = cluster.id()?;
    let seed = cluster.seed()?;
    seed.kill9()?;
    seed.wipe_both()?;
    eventually(PATIENCE, "another leader", || {
        ensure!(cluster.leader()?.name() != seed.name(), "it is shown still");
        Ok(())
    })?;
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let stranger = world.host("stranger", 77, &fe)?;
    stranger.start_program(&["perl", "-e", FLOOD])?;
    seed.start()?;
    seed.says(PATIENCE, "joining cluster ")?;
    stranger.kill9()?;
    still_one(&cluster, &id)
}

/// One of the connections that were closed may have been a leader's.
fn a_seed_founds_nothing_in_a_crowd_and_says_where_that_comes_from(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 1, 0)?;
    let seed = cluster.seed()?;
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let stranger = world.host("stranger", 77, &fe)?;
    stranger.start_program(&["perl", "-e", FLOOD])?;
    seed.start()?;
    seed.says(
        PATIENCE,
        "not founding: connections to this node were closed before they were heard",
    )?;
    ensure!(
        seed.last_log()
            .contains(&format!(" or more: {}), ", stranger.address())),
        "{}",
        seed.log_tail()
    );
    stranger.kill9()?;
    cluster.becomes_whole(PATIENCE)
}

fn a_seed_that_lost_everything_founds_nothing_while_a_member_wants_its_vote(
    world: &World,
) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 0)?;
    let id = cluster.id()?;
    let (seed, other) = (cluster.seed()?, cluster.host("fe2")?);
    // From then on its muster says nothing any more.
    cluster.host("fe3")?.says(PATIENCE, "is alive in cluster")?;
    // The other one first, or it would vote for the third when the leader goes.
    other.kill9()?;
    seed.kill9()?;
    seed.wipe_both()?;
    seed.set("WAIT_TIMEOUT", "8s");
    seed.start()?;
    assert_eq!(seed.exit(PATIENCE)?, 69, "{}", seed.log_tail());
    let log = seed.last_log();
    ensure!(log.contains("asks this host for a vote"), "{log}");
    ensure!(log.contains("BOOTSTRAP=force"), "{log}");
    seed.set("WAIT_TIMEOUT", "");
    seed.start()?;
    other.start()?;
    // The one that was left may have ended over its lost quorum meanwhile.
    cluster.becomes_whole_with_restarts(PATIENCE)?;
    is(&cluster, &id)
}

/// The power comes back, and the engines of the others take longer than the guard: whoever is there says what it knows.
fn a_seed_that_lost_everything_in_a_power_cut_is_told_by_the_first_member_that_is_back(
    world: &World,
) -> anyhow::Result<()> {
    let mut dice = dice();
    let cluster = whole(world, 3, 1)?;
    let id = cluster.id()?;
    for host in &cluster.hosts {
        // Only the record of a node that was alive names its members.
        host.says(PATIENCE, "is alive in cluster")?;
    }
    cluster.hosts.iter().try_for_each(Host::kill9)?;
    let seed = cluster.seed()?;
    seed.wipe_both()?;
    seed.set("WAIT_TIMEOUT", "8s");
    // A BE has no vote to ask for.
    cluster.start(&[seed, cluster.host("be1")?])?;
    assert_eq!(seed.exit(PATIENCE)?, 69, "{}", seed.log_tail());
    let log = seed.last_log();
    ensure!(log.contains("lists this host as a member of cluster"), "{log}");
    seed.set("WAIT_TIMEOUT", "");
    let order = cluster.in_any_order(&mut dice);
    order
        .into_iter()
        .filter(|host| host.name() != "be1")
        .try_for_each(Host::start)?;
    still_one(&cluster, &id)
}

/// The others speak SQL where the seed does not look for them: what their leader tells over HTTP, on the port that is the
/// same on all FEs, is enough.
fn a_seed_that_lost_everything_comes_home_over_http_wherever_its_cluster_speaks_sql(
    world: &World,
) -> anyhow::Result<()> {
    let cluster = cluster(world, 3, 0)?;
    for fe in cluster.fes().skip(1) {
        fe.set("FE_QUERY_PORT", "9031")
            .set("MASTER_FE_QUERY_PORT", "9030");
    }
    cluster.hosts.iter().try_for_each(Host::start)?;
    cluster.becomes_whole(PATIENCE)?;
    let id = cluster.id()?;
    let seed = cluster.seed()?;
    seed.kill9()?;
    seed.wipe_both()?;
    eventually(PATIENCE, "another leader", || {
        ensure!(cluster.leader()?.name() != seed.name(), "it is shown still");
        Ok(())
    })?;
    seed.start()?;
    seed.says(PATIENCE, "leads a cluster that lists it")?;
    still_one(&cluster, &id)
}

fn a_follower_that_lost_everything_comes_back_though_the_seed_is_gone(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 5, 0)?;
    let id = cluster.id()?;
    let (seed, follower) = (cluster.seed()?, cluster.host("fe2")?);
    seed.kill9()?;
    follower.kill9()?;
    follower.wipe_both()?;
    follower.start()?;
    let back = || -> anyhow::Result<()> {
        let rows = follower.sql("SHOW FRONTENDS")?;
        let own: Vec<_> = rows
            .iter()
            .filter(|row| cluster.of_row(row).is_ok_and(|of| of.name() == follower.name()))
            .collect();
        ensure!(
            rows.len() == 5 && own.len() == 1 && own.iter().all(|row| row.is("Alive", "true")),
            "{rows:?}"
        );
        Ok(())
    };
    eventually(PATIENCE, "the follower in its cluster", back).with_context(|| follower.log_tail())?;
    seed.start()?;
    still_one(&cluster, &id)
}

fn a_backend_that_lost_everything_is_the_same_backend(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 1, 2)?;
    let id = cluster.id()?;
    let backend = cluster.host("be1")?;
    backend.kill9()?;
    backend.wipe_both()?;
    backend.start()?;
    still_one(&cluster, &id)
}

fn after_a_power_cut_all_come_back_at_once(world: &World) -> anyhow::Result<()> {
    let mut dice = dice();
    let cluster = whole(world, 3, 2)?;
    let id = cluster.id()?;
    cluster.hosts.iter().try_for_each(Host::kill9)?;
    cluster.start(&cluster.in_any_order(&mut dice))?;
    still_one(&cluster, &id)
}

/// New containers with the old volumes, as after `docker compose up --force-recreate`.
fn new_containers_with_the_old_data_are_the_old_cluster(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 1)?;
    let id = cluster.id()?;
    for host in &cluster.hosts {
        host.kill9()?;
        host.wipe_state()?;
    }
    cluster.hosts.iter().try_for_each(Host::start)?;
    still_one(&cluster, &id)
}

/// All nodes may be coming back from a power cut together: whoever waited for another would wait for ever.
fn a_node_that_has_joined_starts_without_asking_anybody(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 1)?;
    for host in &cluster.hosts {
        // Alive in the cluster's eyes is not yet Alive in the record.
        host.says(PATIENCE, "is alive in cluster")?;
    }
    cluster.hosts.iter().try_for_each(Host::kill9)?;
    for name in ["fe2", "be1"] {
        let host = cluster.host(name)?;
        host.cut()?;
        let start = Instant::now();
        host.start()?;
        host.says(PATIENCE, "engine started")?;
        ensure!(
            start.elapsed() < GUARD,
            "{name}: {:?}\n{}",
            start.elapsed(),
            host.log_tail()
        );
    }
    Ok(())
}

/// Killed at any moment of a founding and of a join, again and again: an impostor would be there to stay.
fn whoever_is_killed_while_it_founds_or_joins_gets_there_in_the_end(world: &World) -> anyhow::Result<()> {
    let mut dice = dice();
    let cluster = cluster(world, 3, 1)?;
    let mut interrupted = |host: &Host, times: u32, from: u64| -> anyhow::Result<()> {
        for _ in 0..times {
            host.start()?;
            std::thread::sleep(Duration::from_millis(from + dice.u64(0..2500)));
            host.kill9()?;
        }
        host.start()
    };
    let guard = 3000;
    interrupted(cluster.seed()?, 3, guard)?;
    eventually(PATIENCE, "a founder", || cluster.leader().map(drop)).with_context(|| cluster.tails())?;
    let id = cluster.id()?;
    for name in ["fe2", "be1", "fe3"] {
        interrupted(cluster.host(name)?, 3, 0)?;
    }
    // The founder may have lost its quorum with the second FE, and ended over it.
    cluster.becomes_whole_with_restarts(PATIENCE)?;
    is(&cluster, &id)
}

/// For three heartbeats the cluster shows a dead member as Alive: a start that is killed meanwhile has proved nothing.
fn an_alive_of_the_start_before_is_not_taken_for_a_join(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 0)?;
    let id = cluster.id()?;
    let follower = cluster
        .fes()
        .find(|fe| cluster.leader().is_ok_and(|leader| leader.name() != fe.name()))
        .context("one of three leads")?;
    follower.kill9()?;
    follower.wipe_both()?;
    fs::write(follower.home().join("standin.faults"), "kill=jdb\n")?;
    follower.start()?;
    follower.exit(PATIENCE)?;
    let log = follower.last_log();
    ensure!(!log.contains("is alive in cluster"), "{log}");
    follower.start()?;
    still_one(&cluster, &id)
}

/// `docker exec … muster explain` at three in the morning: the ports that its own engine holds are no reason not to start.
fn explain_beside_a_running_engine_tells_what_that_start_decided(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 1, 1)?;
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
        let said = host.exec(&["muster", "explain"])?;
        ensure!(said.code == 0, "{said:?}");
        let sentence = "muster runs in this container: the engine runs, and the cluster shows this node alive; its decisions";
        ensure!(said.text.contains(sentence), "{said:?}");
        ensure!(said.text.contains(&host.address().to_string()), "{said:?}");
    }
    Ok(())
}

/// The same of a BE: its start script never gets as far as an engine.
fn a_backend_is_alive_only_once_its_engine_is(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 1, 1)?;
    let backend = cluster.host("be1")?;
    let script = backend.home().join("bin/start_be.sh");
    let whole_script = fs::read(&script)?;
    backend.kill9()?;
    fs::write(&script, "#!/bin/sh\nexec sleep 1000\n")?;
    backend.start()?;
    eventually(PATIENCE, "the cluster misses it", || {
        let rows = cluster.sql("SHOW BACKENDS")?;
        ensure!(rows.iter().all(|row| row.is("Alive", "false")), "{rows:?}");
        Ok(())
    })?;
    ensure!(
        backend.last_log().contains("engine started"),
        "{}",
        backend.log_tail()
    );
    ensure!(
        !backend.last_log().contains("is alive in cluster"),
        "{}",
        backend.log_tail()
    );
    backend.kill9()?;
    fs::write(&script, whole_script)?;
    backend.start()?;
    backend.says(PATIENCE, "is alive in cluster")
}

/// The second of two FEs has joined, and the power goes before its record says so. The first one waits for its vote
/// with nothing open but the edit log port, and answers nobody: who waited for a leader would wait for ever.
fn the_missing_vote_is_given_though_nobody_answers(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 2, 0)?;
    let (seed, second) = (cluster.seed()?, cluster.host("fe2")?);
    seed.start()?;
    eventually(PATIENCE, "a leader", || cluster.leader().map(drop))?;
    let id = cluster.id()?;
    second.start()?;
    second.says(PATIENCE, "transfer: FOLLOWER")?;
    second.kill9()?;
    seed.kill9()?;
    cluster.hosts.iter().try_for_each(Host::start)?;
    cluster.becomes_whole_with_restarts(PATIENCE)?;
    is(&cluster, &id)
}

/// An FE hears of it before its engine starts, a BE beside it.
fn a_node_that_was_dropped_refuses_until_a_person_decides(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 1)?;
    let id = cluster.id()?;
    for (name, statement) in [
        ("fe2", "ALTER SYSTEM DROP FOLLOWER '10.99.0.12:9010'".to_owned()),
        ("be1", world.engine().drop_backend("10.99.0.14:9050")),
    ] {
        let host = cluster.host(name)?;
        host.says(PATIENCE, "is alive in cluster")?;
        // Before it is dropped: an FE of Doris ends by itself then.
        host.kill9()?;
        cluster.seed()?.sql(&statement)?;
        if name == "be1" {
            host.start()?;
            host.says(PATIENCE, "this node was dropped; its engine runs on")?;
            host.stop()?;
        }
        for _ in 0..2 {
            host.start()?;
            assert_eq!(host.exit(PATIENCE)?, 79, "{}", host.log_tail());
        }
        host.set("REJOIN", "1");
        host.start()?;
        host.says(PATIENCE, "is alive in cluster")?;
    }
    still_one(&cluster, &id)
}

fn a_stop_is_clean_on_every_host(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 1, 1)?;
    for host in &cluster.hosts {
        assert_eq!(host.stop()?, 0, "{}", host.log_tail());
    }
    // Nobody is there to join, and nothing has been started that could need time to stop.
    let waiting = cluster.host("be1")?;
    waiting.wipe_both()?;
    waiting.start()?;
    waiting.says(PATIENCE, "wait")?;
    assert_eq!(waiting.stop()?, 0, "{}", waiting.log_tail());
    Ok(())
}

fn an_engine_that_dies_in_a_member_is_explained_and_the_next_start_is_the_same_member(
    world: &World,
) -> anyhow::Result<()> {
    let cluster = cluster(world, 1, 1)?;
    for host in &cluster.hosts {
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let id = cluster.id()?;
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
        host.signal_children(Signal::SIGKILL)?;
        assert_eq!(host.exit(PATIENCE)?, 137, "{}", host.log_tail());
        ensure!(
            host.last_log().contains("error: the engine ended with 137"),
            "{}",
            host.log_tail()
        );
        host.start()?;
    }
    still_one(&cluster, &id)?;
    for host in &cluster.hosts {
        assert_eq!(host.stop()?, 0, "{}", host.log_tail());
    }
    Ok(())
}

fn health_says_what_is_missing(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 1, 1)?;
    let (fe, be) = (cluster.seed()?, cluster.host("be1")?);
    let health = |host: &Host, depth: &str| host.exec(&["muster", "health", depth]);
    be.start()?;
    let waiting = health(be, "--ready")?;
    assert_eq!(waiting.code, 1, "{waiting:?}");
    assert_eq!(waiting.text.lines().count(), 1, "{waiting:?}");
    fe.start()?;
    cluster.becomes_whole(PATIENCE)?;
    for host in &cluster.hosts {
        for depth in ["--live", "--ready", "--deep"] {
            eventually(PATIENCE, "health", || {
                let answer = health(host, depth)?;
                ensure!(answer.code == 0, "{} {depth}: {answer:?}", host.name());
                Ok(())
            })?;
        }
    }
    fe.kill9()?;
    let alone = health(be, "--deep")?;
    assert_eq!(alone.code, 1, "{alone:?}");
    assert_eq!(health(be, "--ready")?.code, 0);
    be.freeze()?;
    let frozen = be.exec(&["muster", "health", "--timeout", "1s"])?;
    assert_eq!(frozen.code, 1, "{frozen:?}");
    be.thaw()
}

/// The http port is open then and is not the engine's: a leader that still knows this host would call there.
fn health_and_explain_of_a_host_that_waits_say_for_what(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 1, 0)?;
    let seed = cluster.seed()?;
    seed.says(PATIENCE, "is alive in cluster")?;
    seed.kill9()?;
    seed.wipe_data()?;
    seed.start()?;
    seed.says(PATIENCE, "not founding")?;
    let waiting = seed.exec(&["muster", "health"])?;
    assert_eq!(waiting.code, 1, "{waiting:?}");
    ensure!(
        waiting.text.starts_with("waiting ") && waiting.text.contains(" s for a leader: "),
        "{waiting:?}"
    );
    let explained = seed.exec(&["muster", "explain"])?;
    assert_eq!(explained.code, 0, "{explained:?}");
    ensure!(
        explained.text.contains("muster runs in this container: waiting ")
            && explained.text.contains("not founding"),
        "{explained:?}"
    );
    Ok(())
}

fn a_wrong_password_is_said_at_once(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 2, 0)?;
    cluster.seed()?.start()?;
    eventually(PATIENCE, "a leader", || cluster.leader().map(drop))?;
    cluster.sql("SET PASSWORD = PASSWORD('right')")?;
    let joiner = cluster.host("fe2")?;
    joiner.set("CLUSTER_PASSWORD", "wrong");
    joiner.start()?;
    assert_eq!(joiner.exit(Duration::from_secs(10))?, 77, "{}", joiner.log_tail());
    let log = joiner.last_log();
    ensure!(
        log.contains("CLUSTER_PASSWORD") && !log.contains("wrong"),
        "{log}"
    );
    joiner.set("CLUSTER_PASSWORD", "right");
    joiner.start()?;
    joiner.says(PATIENCE, "engine started")
}

/// A new cluster is open until its founder has closed it: who has the password already is early, and not wrong.
fn a_node_that_has_the_password_before_root_has_it_waits(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 1, 2)?;
    cluster.seed()?.start()?;
    eventually(PATIENCE, "a leader", || cluster.leader().map(drop))?;
    let why = "the account root has no password there, and one is set for it here";
    let impatient = cluster.host("be2")?;
    impatient.set("CLUSTER_PASSWORD", "canary-right");
    impatient.set("WAIT_TIMEOUT", "1s");
    impatient.start()?;
    assert_eq!(impatient.exit(PATIENCE)?, 77, "{}", impatient.log_tail());
    ensure!(impatient.last_log().contains(why), "{}", impatient.log_tail());
    let early = cluster.host("be1")?;
    early.set("CLUSTER_PASSWORD", "canary-right");
    early.start()?;
    early.says(PATIENCE, why)?;
    ensure!(!early.has_ended(), "{}", early.log_tail());
    cluster.sql("SET PASSWORD = PASSWORD('canary-right')")?;
    early.says(PATIENCE, "is alive in cluster")?;
    ensure!(!early.log().contains("canary"), "{}", early.log_tail());
    Ok(())
}

fn the_founder_gives_root_its_password_once_and_the_others_know_it(world: &World) -> anyhow::Result<()> {
    const FILE: &str = "/opt/root-password";
    let cluster = cluster(world, 2, 1)?;
    for host in &cluster.hosts {
        let file = host.on_disk(Path::new(FILE));
        fs::create_dir_all(file.parent().context("it is in /opt")?)?;
        fs::write(&file, "it's new\n")?;
        host.set("ROOT_PASSWORD_FILE", FILE);
        host.set("CLUSTER_PASSWORD_FILE", FILE);
        host.start()?;
    }
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
        ensure!(!host.log().contains("it's new"), "{}", host.log_tail());
    }
    cluster.seed()?.says(PATIENCE, "root has the password")?;
    // Nobody gets in without it any more, and a restarted founder does not set it again.
    ensure!(cluster.sql("SHOW FRONTENDS").is_err());
    cluster.seed()?.kill9()?;
    cluster.seed()?.start()?;
    cluster.seed()?.says(PATIENCE, "is alive in cluster")?;
    ensure!(!cluster.seed()?.last_log().contains("root has the password"));
    Ok(())
}

fn nobody_in_time_is_an_exit_and_a_sentence(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 2, 1)?;
    for name in ["fe2", "be1"] {
        let host = cluster.host(name)?;
        host.set("WAIT_TIMEOUT", "2s");
        host.start()?;
        assert_eq!(host.exit(Duration::from_secs(10))?, 69, "{}", host.log_tail());
        ensure!(host.last_log().contains("10.99.0.11"), "{}", host.log_tail());
    }
    Ok(())
}

/// An FE of another cluster "kills the leader of the living cluster" if it is started with a helper.
fn data_of_another_cluster_is_refused(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 2, 1)?;
    cluster.seed()?.start()?;
    let fe = cluster.host("fe2")?;
    fe.start_program(&[fe.in_home("bin/start_fe.sh").as_str(), world.engine().console])?;
    eventually(PATIENCE, "two clusters", || {
        let own = fe.sql("SHOW FRONTENDS")?;
        ensure!(
            own.iter().any(|row| row.leads() && row.is("Alive", "true")),
            "{own:?}"
        );
        cluster.seed()?.sql("SHOW FRONTENDS").map(drop)
    })?;
    fe.kill9()?;
    fe.start()?;
    assert_eq!(fe.exit(Duration::from_secs(20))?, 79, "{}", fe.log_tail());

    let be = cluster.host("be1")?;
    fs::write(be.data().join("cluster_id"), "424242")?;
    be.start()?;
    assert_eq!(be.exit(Duration::from_secs(20))?, 79, "{}", be.log_tail());
    ensure!(be.last_log().contains("424242"), "{}", be.log_tail());
    let backends = cluster.seed()?.sql("SHOW BACKENDS")?;
    ensure!(backends.is_empty(), "{backends:?}");
    Ok(())
}

/// The row of a member that never starts would be there for ever.
#[test]
fn an_fe_of_another_run_mode_is_refused_before_it_is_registered() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let cluster = cluster(&world, 2, 0)?;
    let (seed, other) = (cluster.seed()?, cluster.host("fe2")?);
    seed.start()?;
    seed.says(PATIENCE, "is alive in cluster")?;
    other.set("FE_CONF__run_mode", "shared_data").start()?;
    assert_eq!(other.exit(PATIENCE)?, 78, "{}", other.log_tail());
    let sentence = "run_mode is shared_data (from the variable FE_CONF__run_mode), but this cluster was founded with \
                    shared_nothing (from the leader 10.99.0.11)";
    ensure!(other.last_log().contains(sentence), "{}", other.log_tail());
    assert_eq!(seed.sql("SHOW FRONTENDS")?.len(), 1);
    other.set("FE_CONF__run_mode", "shared_nothing").start()?;
    cluster.becomes_whole(PATIENCE)
}

fn a_busy_cluster_wide_port_is_refused_with_the_name_of_its_holder(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 1, 0)?;
    let fe = cluster.seed()?;
    let holder = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 8030, Listen => 1) or die;
                  open F, \">/tmp/held\"; close F; sleep 60' & until [ -e /tmp/held ]; do :; done; exec muster run";
    fe.start_program(&["sh", "-c", holder])?;
    assert_eq!(fe.exit(Duration::from_secs(20))?, 73, "{}", fe.log_tail());
    let log = fe.last_log();
    ensure!(log.contains("8030") && log.contains("perl"), "{log}");
    ensure!(!fe.data().join("image").exists(), "it has founded");
    Ok(())
}

fn with_exec_nothing_of_muster_stays(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 3, 1)?;
    for host in &cluster.hosts {
        host.start_program(&["muster", "run", "--exec"])?;
    }
    cluster.becomes_whole(PATIENCE)?;
    for host in &cluster.hosts {
        let one = host.exec(&["cat", "/proc/1/comm"])?;
        ensure!(one.text != "muster", "{}: {one:?}", host.name());
    }
    let id = cluster.id()?;
    let fe = cluster.host("fe2")?;
    fe.kill9()?;
    fe.start_program(&["muster", "run", "--exec"])?;
    still_one(&cluster, &id)
}

/// The data dir is not a mount point here, so what is unfinished is set aside by renaming it.
fn without_a_volume_it_is_the_same(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 3, 1)?;
    for host in &cluster.hosts {
        host.without_volume();
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let id = cluster.id()?;
    let joiner = cluster.host("fe2")?;
    joiner.kill9()?;
    joiner.wipe_data()?;
    // What a join leaves that was killed before it had a journal, and no record of it.
    fs::create_dir_all(joiner.data().join("image"))?;
    fs::write(
        joiner.data().join("image/ROLE"),
        "#\nrole=FOLLOWER\nname=10.99.0.12_9010_1\n",
    )?;
    fs::write(
        joiner.data().join("image/VERSION"),
        format!("#\nclusterId={id}\ntoken=t\n"),
    )?;
    joiner.start()?;
    still_one(&cluster, &id)?;
    let beside = fs::read_dir(joiner.data().parent().unwrap_or(Path::new("/")))?;
    let names: Vec<String> = beside
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    ensure!(names.iter().any(|name| name.contains("unfinished")), "{names:?}");
    Ok(())
}

/// A leader that was cut off says that it leads, for 45 s. Who asks it is sent to nobody; who asks the others joins them.
fn a_node_that_arrives_while_the_leader_is_cut_off_joins_the_majority(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world, 3, 1)?;
    let late = cluster.host("be1")?;
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
    let id = cluster.id()?;
    let old = cluster.leader()?;
    old.cut()?;
    late.set("MASTER_HOST", "10.99.0.11,10.99.0.12,10.99.0.13");
    late.start()?;
    let others: Vec<&Host> = cluster.fes().filter(|fe| fe.name() != old.name()).collect();
    eventually(PATIENCE, "the late one in the majority's cluster", || {
        for fe in &others {
            let rows = fe.sql("SHOW BACKENDS")?;
            ensure!(
                rows.len() == 1 && rows.iter().all(|row| row.is("Alive", "true")),
                "{}: {rows:?}",
                fe.name()
            );
        }
        Ok(())
    })
    .with_context(|| cluster.tails())?;
    old.heal()?;
    // The one that was cut off may have ended over it, or end yet.
    cluster.becomes_whole_with_restarts(PATIENCE)?;
    is(&cluster, &id)
}

/// The seed was founded anew under its old address while the others still hold the old cluster's data. Started at once as
/// members, they find only the other cluster where they look for theirs: they end, and from then on look before they start.
fn nodes_with_the_old_data_run_on_beside_a_seed_that_was_rebuilt_and_name_both_clusters(
    world: &World,
) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 1)?;
    let old = cluster.id()?;
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
    }
    cluster.hosts.iter().try_for_each(Host::kill9)?;
    let seed = cluster.seed()?;
    seed.wipe_both()?;
    seed.set("BOOTSTRAP", "force");
    seed.start()?;
    seed.says(PATIENCE, "is alive in cluster")?;
    let new = seed
        .sql("SHOW FRONTENDS")?
        .first()
        .map(|row| row.get("ClusterId").to_owned())
        .context("the seed lists itself")?;
    ensure!(new != old);
    for name in ["fe2", "be1"] {
        let host = cluster.host(name)?;
        host.start()?;
        let sentence = format!(
            "this node belongs to cluster {old} (from the record), but {} leads cluster {new}",
            seed.address()
        );
        host.says(PATIENCE, &sentence)?;
        let health = host.exec(&["muster", "health"])?;
        ensure!(health.code == 1 && health.text.contains(&sentence), "{health:?}");
        ensure!(!host.has_ended(), "{}", host.log_tail());
        host.stop()?;
    }
    // Nobody was added there.
    assert_eq!(seed.sql("SHOW FRONTENDS")?.len(), 1);
    assert_eq!(seed.sql("SHOW BACKENDS")?.len(), 0);
    // With the rebuilt seed out of the way they are what they were.
    seed.kill9()?;
    for name in ["fe2", "fe3", "be1"] {
        cluster.host(name)?.start()?;
    }
    eventually(PATIENCE, "the old cluster", || {
        let rows = cluster.host("fe2")?.sql("SHOW FRONTENDS")?;
        ensure!(
            rows.iter().any(|row| row.is("ClusterId", &old)) && cluster.leader_in(&rows).is_ok(),
            "{rows:?}"
        );
        Ok(())
    })
}
