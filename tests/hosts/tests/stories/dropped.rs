//! Somebody drops a node: while it is away or while it runs, as FE, BE, CN or broker. Its engine runs on, its log and `health` say
//! what happened, and its next start refuses; `REJOIN=1` brings it back, with what it had set aside.

use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Component, Host, Image, StandIn, World, drop_broker, eventually};

for_each_engine! {
    a_follower_dropped_while_away_stays_away,
    an_observer_dropped_while_away_stays_away,
    a_backend_dropped_while_away_stays_away,
    a_compute_node_dropped_while_away_stays_away,
    a_broker_dropped_while_away_stays_away,
    a_follower_dropped_while_running_runs_on_and_says_so,
    an_observer_dropped_while_running_runs_on_and_says_so: both,
    a_backend_dropped_while_running_runs_on_and_says_so,
    a_compute_node_dropped_while_running_runs_on_and_says_so,
    a_broker_dropped_while_running_runs_on_and_says_so,
    a_node_that_is_pointed_at_a_stranger_names_both_clusters_and_runs_on,
    a_founder_that_was_dropped_while_away_is_told_by_the_members_it_remembers,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Three FEs and what is dropped here: one of them, or another host that is not among the cluster's own.
struct Story {
    cluster: Cluster,
    other: Option<Host>,
    name: &'static str,
    show: &'static str,
    drop: String,
}

impl Story {
    fn tell(world: &World, what: &str) -> anyhow::Result<Self> {
        let [fe, be] = world.stand_in(&StandIn::QUICK)?;
        let cluster = Cluster::new(world, 3, &fe, 0, None)?;
        for host in &cluster.hosts {
            host.set("GUARD_TIME", "3s");
        }
        let outside = |name: &str, image: &Image| -> anyhow::Result<Host> {
            let host = world.host(name, 7, image)?;
            host.set("MASTER_HOST", "10.99.0.11")
                .set("LOCAL_HOST", "10.99.0.17");
            Ok(host)
        };
        let engine = world.engine();
        let dropped = |kind: &str| format!("ALTER SYSTEM DROP {kind} \"10.99.0.13:9010\"");
        let (name, other, show, drop) = match what {
            "follower" => ("fe3", None, "SHOW FRONTENDS", dropped("FOLLOWER")),
            "observer" => {
                cluster.host("fe3")?.set("FE_ROLE", "observer");
                ("fe3", None, "SHOW FRONTENDS", dropped("OBSERVER"))
            }
            "BE" => (
                "be1",
                Some(outside("be1", &be)?),
                "SHOW BACKENDS",
                engine.drop_backend("10.99.0.17:9050"),
            ),
            "CN" => {
                let host = outside("cn1", &be)?;
                host.set("COMPONENT", "cn");
                (
                    "cn1",
                    Some(host),
                    engine.show_compute_nodes,
                    engine.drop_compute_node("10.99.0.17:9050"),
                )
            }
            "broker" => {
                let host = outside("broker1", &fe.broker()?)?;
                // Of StarRocks its script asks for one.
                host.set("JAVA_HOME", "/usr");
                let drop = drop_broker(host.address());
                ("broker1", Some(host), "SHOW BROKER", drop)
            }
            other => anyhow::bail!("nothing is called {other}"),
        };
        let story = Self {
            cluster,
            other,
            name,
            show,
            drop,
        };
        for host in story.cluster.hosts.iter().chain(&story.other) {
            host.start()?;
        }
        story.cluster.becomes_whole(PATIENCE)?;
        let dropped = story.host()?;
        dropped.says(PATIENCE, "is alive in cluster")?;
        story.is_back()?;
        Ok(story)
    }

    fn host(&self) -> anyhow::Result<&Host> {
        match &self.other {
            Some(host) => Ok(host),
            None => self.cluster.host(self.name),
        }
    }

    /// Its row, asked where it does not run itself: `Alive`, or nothing.
    fn row(&self) -> anyhow::Result<Option<bool>> {
        let address = self.host()?.address().to_string();
        let rows = self.cluster.seed()?.sql(self.show)?;
        let row = rows.iter().find(|row| row.host() == address);
        Ok(row.map(|row| row.is("Alive", "true")))
    }

    fn is_back(&self) -> anyhow::Result<()> {
        eventually(PATIENCE, "its row, and Alive", || {
            ensure!(self.row()? == Some(true), "{:?}", self.row()?);
            Ok(())
        })
        .with_context(|| self.host().map_or_else(|_| String::new(), Host::log_tail))
    }

    fn drop(&self) -> anyhow::Result<()> {
        self.cluster.seed()?.sql(&self.drop)?;
        ensure!(self.row()?.is_none(), "it is listed still");
        Ok(())
    }

    /// A restart says the same and starts nothing; `REJOIN=1` brings it back with nothing of what it had.
    fn stays_away_until_told(&self, id: &str) -> anyhow::Result<()> {
        let host = self.host()?;
        host.start()?;
        assert_eq!(host.exit(PATIENCE)?, 79, "{}", host.log_tail());
        let log = host.last_log();
        ensure!(
            (log.contains(&format!("was dropped from cluster {id}"))
                || log.contains("it was dropped, or the group was reset without it"))
                && log.contains("REJOIN=1"),
            "{log}"
        );
        ensure!(!log.contains("starting /opt"), "its engine was started: {log}");
        ensure!(self.row()?.is_none(), "it added itself again");
        host.set("REJOIN", "1");
        host.start()?;
        self.is_back()?;
        host.says(PATIENCE, "is alive in cluster")?;
        assert_eq!(self.cluster.id()?, id);
        let kept = std::fs::read_dir(host.data())?.flatten();
        let kept: Vec<String> = kept
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        // A broker keeps no data.
        ensure!(
            kept.iter().any(|name| name.starts_with("unfinished-"))
                != (host.component() == Component::Broker),
            "{kept:?}"
        );
        // What was once told does not count twice.
        host.kill9()?;
        host.start()?;
        host.says(PATIENCE, "is alive in cluster")?;
        ensure!(!host.last_log().contains("aside"), "{}", host.log_tail());
        Ok(())
    }

    /// It is said in the log and by the health check, and the engine runs on; the container is stopped by a person. An FE of
    /// Doris ends by itself.
    fn is_said(&self, id: &str) -> anyhow::Result<()> {
        let host = self.host()?;
        if host.component() == Component::Fe && host.engine().outcasts_end {
            assert_eq!(host.exit(PATIENCE)?, 255, "{}", host.log_tail());
            ensure!(
                host.last_log().contains("the cluster has dropped this FE"),
                "{}",
                host.log_tail()
            );
            return Ok(());
        }
        let sentence = format!("no longer lists {}: this node was dropped", host.address());
        host.says(PATIENCE, &sentence)?;
        eventually(PATIENCE, "a health check that says it", || {
            let health = host.exec(&["muster", "health"])?;
            ensure!(
                health.code == 1 && health.text.contains(&sentence) && health.text.contains(id),
                "{health:?}"
            );
            Ok(())
        })?;
        ensure!(!host.has_ended(), "its engine was stopped: {}", host.log_tail());
        host.stop().map(drop)
    }
}

fn while_away(world: &World, what: &str) -> anyhow::Result<()> {
    let story = Story::tell(world, what)?;
    let id = story.cluster.id()?;
    let host = story.host()?;
    host.kill9()?;
    story.drop()?;
    if what != "follower" {
        // It asks nobody and starts; then it finds that it is not listed.
        host.start()?;
        story.is_said(&id)?;
    }
    story.stays_away_until_told(&id)
}

fn while_running(world: &World, what: &str) -> anyhow::Result<()> {
    let story = Story::tell(world, what)?;
    let id = story.cluster.id()?;
    story.drop()?;
    story.is_said(&id)?;
    story.stays_away_until_told(&id)
}

fn a_follower_dropped_while_away_stays_away(world: &World) -> anyhow::Result<()> {
    while_away(world, "follower")
}

fn an_observer_dropped_while_away_stays_away(world: &World) -> anyhow::Result<()> {
    while_away(world, "observer")
}

fn a_backend_dropped_while_away_stays_away(world: &World) -> anyhow::Result<()> {
    while_away(world, "BE")
}

fn a_compute_node_dropped_while_away_stays_away(world: &World) -> anyhow::Result<()> {
    while_away(world, "CN")
}

fn a_broker_dropped_while_away_stays_away(world: &World) -> anyhow::Result<()> {
    while_away(world, "broker")
}

/// It stays UNKNOWN, and says over HTTP that it is well.
fn a_follower_dropped_while_running_runs_on_and_says_so(world: &World) -> anyhow::Result<()> {
    while_running(world, "follower")
}

/// It lives on without a greeting, and says over HTTP that it is well.
fn an_observer_dropped_while_running_runs_on_and_says_so(world: &World) -> anyhow::Result<()> {
    while_running(world, "observer")
}

fn a_backend_dropped_while_running_runs_on_and_says_so(world: &World) -> anyhow::Result<()> {
    while_running(world, "BE")
}

fn a_compute_node_dropped_while_running_runs_on_and_says_so(world: &World) -> anyhow::Result<()> {
    while_running(world, "CN")
}

fn a_broker_dropped_while_running_runs_on_and_says_so(world: &World) -> anyhow::Result<()> {
    while_running(world, "broker")
}

/// A node that reaches another cluster's leader is not dropped: it says whose it is, and runs on.
fn a_node_that_is_pointed_at_a_stranger_names_both_clusters_and_runs_on(world: &World) -> anyhow::Result<()> {
    let story = Story::tell(world, "BE")?;
    let id = story.cluster.id()?;
    let host = story.host()?;
    for fe in story.cluster.fes() {
        fe.kill9()?;
    }
    let [image, _] = world.stand_in(&StandIn::QUICK)?;
    let stranger = world.host("fe9", 9, &image)?;
    stranger
        .set("MASTER_HOST", "10.99.0.19")
        .set("LOCAL_HOST", "10.99.0.19")
        .set("GUARD_TIME", "3s");
    stranger.start()?;
    stranger.says(PATIENCE, "is alive in cluster")?;
    host.kill9()?;
    host.set("MASTER_HOST", "10.99.0.19");
    host.start()?;
    let sentence =
        format!("this node belongs to cluster {id} (from the record), but 10.99.0.19 leads cluster");
    host.says(PATIENCE, &sentence)?;
    let health = host.exec(&["muster", "health"])?;
    ensure!(health.code == 1 && health.text.contains(&sentence), "{health:?}");
    ensure!(!host.has_ended(), "{}", host.log_tail());
    stranger.kill9()?;
    for fe in story.cluster.fes() {
        fe.start()?;
    }
    story.cluster.becomes_whole(PATIENCE)?;
    story.is_back()?;
    ensure!(
        !host.has_ended() && story.cluster.id()? == id,
        "{}",
        host.log_tail()
    );
    Ok(())
}

/// It was told of nobody but itself: it asks the members of its record.
fn a_founder_that_was_dropped_while_away_is_told_by_the_members_it_remembers(
    world: &World,
) -> anyhow::Result<()> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 3, &fe, 0, None)?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s");
    }
    let founder = cluster.seed()?;
    founder.start()?;
    founder.says(PATIENCE, "is alive in cluster")?;
    cluster.hosts.iter().skip(1).try_for_each(Host::start)?;
    cluster.becomes_whole(PATIENCE)?;
    eventually(PATIENCE, "a record with all members", || {
        let record = std::fs::read_to_string(founder.home().join("conf/muster-fe.json"))?;
        for fe in cluster.fes() {
            ensure!(record.contains(&fe.address().to_string()), "{record}");
        }
        Ok(())
    })?;
    founder.kill9()?;
    eventually(PATIENCE, "another leader", || {
        ensure!(cluster.leader()?.name() != founder.name(), "it is shown still");
        Ok(())
    })?;
    let drop = format!("ALTER SYSTEM DROP FOLLOWER \"{}:9010\"", founder.address());
    eventually(PATIENCE, "the drop", || cluster.leader()?.sql(&drop).map(|_| ()))?;
    founder.start()?;
    assert_eq!(founder.exit(PATIENCE)?, 79, "{}", founder.log_tail());
    ensure!(
        !founder.last_log().contains("starting /opt"),
        "{}",
        founder.log_tail()
    );
    Ok(())
}
