//! What has to be true in the end: one cluster, the same one, with every node in it once and Alive, and nothing lost.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::{Component, Host};

use crate::play::{PATIENCE, Play, set_asides};

/// Between two looks at a cluster.
const LOOK: Duration = Duration::from_millis(250);
/// How muster says that it has joined.
const JOINED: &str = " is alive in cluster ";

impl Play {
    /// Waits until all of it is true, and says how long that took.
    pub(crate) fn becomes_whole(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        loop {
            self.tend()?;
            match self.is_whole() {
                Ok(()) => break,
                // A second cluster does not go away.
                Err(missing) => ensure!(
                    begun.elapsed() < PATIENCE,
                    "not whole within {} s: {missing:#}",
                    PATIENCE.as_secs()
                ),
            }
            self.one_cluster()?;
            sleep(LOOK);
        }
        let took = begun.elapsed();
        self.one_cluster()?;
        self.nothing_is_lost()?;
        self.say(&format!("       whole after {:.2} s", took.as_secs_f32()));
        Ok(took)
    }

    fn is_whole(&self) -> anyhow::Result<()> {
        for host in &self.cluster.hosts {
            ensure!(host.is_running(), "{} does not run", host.name());
            ensure!(host.last_log().contains(JOINED), "{} has not joined", host.name());
            ensure!(
                host.listeners_of_one()? == 0,
                "muster of {} still listens somewhere",
                host.name()
            );
        }
        self.cluster.is_whole()?;
        // A BE gets its id with the first heartbeat, and is shown Alive for a while after its disk was lost.
        for be in self.cluster.bes() {
            let file = be.data().join("cluster_id");
            ensure!(file.exists(), "{} has not heard from its cluster yet", be.name());
        }
        Ok(())
    }

    /// Whatever was ever called the cluster, by any node in any start, is the same one.
    fn one_cluster(&self) -> anyhow::Result<()> {
        let mut ids = BTreeSet::new();
        for host in &self.cluster.hosts {
            let log = host.log();
            let joined = log.lines().filter_map(|line| line.split_once(JOINED));
            ids.extend(joined.filter_map(|(_, of)| of.split_whitespace().next().map(str::to_owned)));
        }
        ensure!(ids.len() < 2, "there are {} clusters: {ids:?}", ids.len());
        Ok(())
    }

    fn nothing_is_lost(&mut self) -> anyhow::Result<()> {
        let id = self.cluster.id()?;
        for be in self.cluster.bes() {
            let own = fs::read_to_string(be.data().join("cluster_id")).context(be.name().to_owned())?;
            ensure!(
                own.contains(&id),
                "{} keeps data of {own}, and the cluster is {id}",
                be.name()
            );
        }
        for mark in &self.written {
            let again = self
                .cluster
                .sql(&format!("CREATE USER '{mark}' IDENTIFIED BY 'x'"));
            let there = again.is_err_and(|error| format!("{error:#}").contains("already exists"));
            ensure!(there, "{mark} was acknowledged and is lost");
        }
        let mut now = Vec::new();
        for host in &self.cluster.hosts {
            let count = set_asides(host)?;
            let before = self.set_asides.get(host.name());
            ensure!(
                before.is_none_or(|before| *before == count),
                "{} was a member, and its data was set aside",
                host.name()
            );
            now.push((host.name().to_owned(), count));
        }
        self.set_asides.extend(now);
        Ok(())
    }

    /// The end of every log, of hosts that are still there.
    pub(crate) fn last_words(&self) -> String {
        let state = |host: &Host| match (host.is_running(), host.component()) {
            (true, Component::Fe) => match host.sql("SHOW FRONTENDS") {
                Ok(rows) => rows.iter().fold(String::new(), |text, row| {
                    let columns = ["Role", "IsMaster", "Join", "Alive", "ClusterId", "ErrMsg"];
                    let values = columns.iter().map(|column| row.get(column));
                    let line: Vec<&str> = [row.host()].into_iter().chain(values).collect();
                    text + "    " + &line.join(" | ") + "\n"
                }),
                Err(error) => format!("    {error:#}\n"),
            },
            (true, Component::Be | Component::Broker) => "    runs\n".to_owned(),
            (false, _) => "    does not run\n".to_owned(),
        };
        let words = self.cluster.hosts.iter().map(|host| {
            let (name, state) = (host.name(), state(host));
            [name, ":\n", &state, &host.log_tail()].concat()
        });
        words.collect()
    }
}
