//! FEs and BEs together, and what they say of one another.

use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::eventually::eventually;
use crate::host::Host;
use crate::image::{Component, Image};
use crate::sql::Row;
use crate::world::World;

/// Hosts that were given the same `MASTER_HOST`: the first FE's.
#[derive(Debug)]
pub struct Cluster {
    pub hosts: Vec<Host>,
}

impl Cluster {
    /// `fe1`, `fe2`, … and `be1`, `be2`, …, none of them started.
    pub fn new(world: &World, fes: u8, fe: &Image, bes: u8, be: Option<&Image>) -> anyhow::Result<Self> {
        let mut hosts = Vec::new();
        for n in 1..=fes {
            hosts.push(world.host(&format!("fe{n}"), n, fe)?);
        }
        if let Some(be) = be {
            for n in 1..=bes {
                hosts.push(world.host(&format!("be{n}"), fes + n, be)?);
            }
        }
        let seed = hosts
            .first()
            .context("a cluster needs an FE")?
            .address()
            .to_string();
        for host in &hosts {
            host.set("MASTER_HOST", &seed)
                .set("LOCAL_HOST", &host.address().to_string());
        }
        Ok(Self { hosts })
    }

    pub fn host(&self, name: &str) -> anyhow::Result<&Host> {
        self.hosts
            .iter()
            .find(|host| host.name() == name)
            .with_context(|| format!("there is no host {name}"))
    }

    /// The FE whose address the others were given.
    pub fn seed(&self) -> anyhow::Result<&Host> {
        self.host("fe1")
    }

    pub fn fes(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.component() == Component::Fe)
    }

    pub fn bes(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.component() == Component::Be)
    }

    /// Starts all hosts in this order.
    pub fn start(&self, order: &[&Host]) -> anyhow::Result<()> {
        order.iter().try_for_each(|host| host.start())
    }

    /// All hosts in an order that only the seed of the dice decides.
    pub fn in_any_order(&self, dice: &mut fastrand::Rng) -> Vec<&Host> {
        let mut order: Vec<&Host> = self.hosts.iter().collect();
        dice.shuffle(&mut order);
        order
    }

    /// What the first FE that answers says.
    pub fn sql(&self, statement: &str) -> anyhow::Result<Vec<Row>> {
        let mut last = None;
        for fe in self.fes().filter(|fe| fe.is_running()) {
            match fe.sql(statement) {
                Ok(rows) => return Ok(rows),
                Err(error) => last = Some(error.context(fe.name().to_owned())),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no FE runs")))
    }

    /// The one FE that leads by what the others say.
    pub fn leader(&self) -> anyhow::Result<&Host> {
        self.leader_in(&self.sql("SHOW FRONTENDS")?)
    }

    /// Every running host is a member exactly once and Alive, nobody else is, and all FEs say the same of one cluster.
    pub fn is_whole(&self) -> anyhow::Result<()> {
        let mut ids = Vec::new();
        for fe in self.fes() {
            ensure!(fe.is_running(), "{} does not run", fe.name());
            let rows = fe.sql("SHOW FRONTENDS").with_context(|| fe.name().to_owned())?;
            complete(&rows, self.fes()).with_context(|| format!("{} shows FEs", fe.name()))?;
            self.leader_in(&rows)?;
            ids.push(cluster_id(&rows)?);
            if self.bes().next().is_some() {
                let rows = fe.sql("SHOW BACKENDS").with_context(|| fe.name().to_owned())?;
                complete(&rows, self.bes()).with_context(|| format!("{} shows BEs", fe.name()))?;
            }
        }
        ids.dedup();
        ensure!(ids.len() == 1, "there are {} clusters: {ids:?}", ids.len());
        Ok(())
    }

    /// Waits until the cluster is whole; the logs are in the message if it does not get so. A host that ends meanwhile
    /// will not be Alive in time either.
    pub fn becomes_whole(&self, within: Duration) -> anyhow::Result<()> {
        self.becomes_whole_if(within, |host, code| {
            // A busy machine may keep a leader from its majority: it ends, and is started again wherever engines run.
            if host.last_log().contains("was the leader and lost the leadership") {
                return host.start();
            }
            bail!("{} ended with {code}", host.name())
        })
    }

    /// The same under a restart policy: an engine that ends is started again, as after a leader lost its quorum. What
    /// muster refuses is refused the next time too.
    pub fn becomes_whole_with_restarts(&self, within: Duration) -> anyhow::Result<()> {
        self.becomes_whole_if(within, |host, code| {
            ensure!(!(64..=79).contains(&code), "{} ended with {code}", host.name());
            host.start()
        })
    }

    fn becomes_whole_if(
        &self,
        within: Duration,
        ended: impl Fn(&Host, i32) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let whole = eventually(within, "one cluster with every host in it once and Alive", || {
            for host in self.hosts.iter().filter(|host| host.has_ended()) {
                if let Err(error) = ended(host, host.exit(Duration::ZERO)?) {
                    return Ok(Err(error));
                }
            }
            self.is_whole().map(Ok)
        });
        whole
            .and_then(|whole| whole)
            .map_err(|error| error.context(self.tails()))
    }

    /// The id all members share.
    pub fn id(&self) -> anyhow::Result<String> {
        cluster_id(&self.sql("SHOW FRONTENDS")?)
    }

    /// The end of every host's log.
    pub fn tails(&self) -> String {
        self.hosts.iter().map(Host::log_tail).collect()
    }

    pub fn leader_in(&self, rows: &[Row]) -> anyhow::Result<&Host> {
        let leaders: Vec<&Row> = rows.iter().filter(|row| row.leads()).collect();
        let [leader] = leaders.as_slice() else {
            bail!("{} FEs lead", leaders.len())
        };
        self.of_row(leader)
    }

    /// The host a row of `SHOW FRONTENDS` or `SHOW BACKENDS` is about.
    pub fn of_row(&self, row: &Row) -> anyhow::Result<&Host> {
        let address = row.host();
        self.hosts
            .iter()
            .find(|host| host.address().to_string() == address || host.name() == address)
            .with_context(|| format!("a stranger is a member: {address}"))
    }
}

fn cluster_id(rows: &[Row]) -> anyhow::Result<String> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.get("ClusterId")).collect();
    ids.sort_unstable();
    ids.dedup();
    match ids.as_slice() {
        [id] => Ok((*id).to_owned()),
        _ => bail!("cluster ids {ids:?}"),
    }
}

fn complete<'h>(rows: &[Row], hosts: impl Iterator<Item = &'h Host>) -> anyhow::Result<()> {
    let mut expected = 0;
    for host in hosts {
        expected += 1;
        let address = host.address().to_string();
        let own: Vec<&Row> = rows
            .iter()
            .filter(|row| [address.as_str(), host.name()].contains(&row.host()))
            .collect();
        match own.as_slice() {
            [row] if row.is("Alive", "true") => {}
            [row] => bail!("{} is not Alive ({})", host.name(), row.get("ErrMsg")),
            _ => bail!("{} is listed {} times", host.name(), own.len()),
        }
    }
    ensure!(rows.len() == expected, "{} rows for {expected} hosts", rows.len());
    Ok(())
}
