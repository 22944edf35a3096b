//! The steps of the demo, each with a deadline and the time that it took.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use hosts::{Cluster, Host, Image, Row, StandIn, World};
use nix::sys::signal::Signal;

use crate::Args;
use crate::show::{Clock, Paint, Wait, line, narrow_table, paint};

/// Engine seconds pass at a fifth of their length, heartbeats at their own: muster's guard time counts those.
const STAND_IN: StandIn = StandIn {
    time_scale: 0.2,
    heartbeat_ms: 5000,
};

/// Why the cluster shows a new or restarted node as Alive only after some seconds.
const HEARTBEATS: &str = "the leader sees each host at its next heartbeat (every 5 s)";

pub(crate) fn tell(world: &World, args: &Args) -> anyhow::Result<()> {
    let (fe, be, engine) = images(world, args)?;
    let (fes, bes) = args.sizes(be.is_some());
    let seed = args.seed.unwrap_or_default();
    let mut dice = fastrand::Rng::with_seed(seed);
    let cluster = Cluster::new(world, fes, &fe, bes, be.as_ref())?;
    let order = cluster.in_any_order(&mut dice);

    line(&format!("engine  {engine}"));
    line(&format!(
        "hosts   {fes} FE + {bes} BE, each with an address, files and processes of its own"
    ));
    line(&format!(
        "config  MASTER_HOST={} and its own LOCAL_HOST, nothing else",
        cluster.seed()?.address()
    ));
    line(&format!("logs    {}/<host>/log", world.dir().display()));
    line(&format!(
        "order   {}   (again with --seed {seed})\n",
        names(&order)
    ));

    let mut story = Story {
        clock: Clock::new(),
        patience: Duration::from_secs(if args.home.is_some() { 300 } else { 90 }),
        cluster: &cluster,
        seen: BTreeMap::new(),
        times: Vec::new(),
    };
    story.cold_start(&order, &mut dice)?;
    let id = cluster.id()?;
    if fes >= 3 {
        let old = story.kill_the_leader()?;
        story.bring_back(old)?;
        story.wipe_the_seed(&id)?;
    } else {
        line("one FE has no other to take over: killing and wiping need --nodes 5 or more\n");
    }
    if args.keep {
        return story.stay(world);
    }
    story.stop()?;
    line("");
    for (what, took) in &story.times {
        line(&format!("{what:<52}{:6.1} s", took.as_secs_f32()));
    }
    line(&format!(
        "\none cluster ({id}) all the time; logs in\n  {}",
        world.dir().display()
    ));
    Ok(())
}

fn images(world: &World, args: &Args) -> anyhow::Result<(Image, Option<Image>, String)> {
    if let Some(home) = &args.home {
        let (fe, be) = Image::found_in(home)?;
        let also = if be.is_some() {
            ""
        } else {
            ", FEs only: it has no `be` in it"
        };
        return Ok((fe, be, format!("a real one, from {}{also}", home.display())));
    }
    let [fe, be] = world.stand_in(&STAND_IN)?;
    let speed = STAND_IN.time_scale.recip();
    let text = format!(
        "a stand-in without a database: it behaves like {},\n        {speed} times as fast (--home DIR takes a real engine)",
        world.engine().name
    );
    Ok((fe, Some(be), text))
}

struct Story<'c> {
    clock: Clock,
    /// How long any step may take. Generous: a step that needs it has failed.
    patience: Duration,
    cluster: &'c Cluster,
    /// The last printed state of each host.
    seen: BTreeMap<String, &'static str>,
    times: Vec<(String, Duration)>,
}

impl<'c> Story<'c> {
    fn cold_start(&mut self, order: &[&Host], dice: &mut fastrand::Rng) -> anyhow::Result<()> {
        let start = Instant::now();
        for host in order {
            host.start()?;
            self.clock.says(&format!("{} started", host.name()));
            sleep(Duration::from_millis(dice.u64(0..500)));
        }
        let seed = self.cluster.seed()?;
        let listens = format!(
            "{} listens {} s for an existing cluster before it founds one",
            seed.name(),
            seed.engine().heartbeat_s * 2 + 1
        );
        self.wait("a leader", &listens, |story| {
            story.look()?;
            Ok(story.cluster.leader().is_ok())
        })?;
        self.wait("every host Alive", HEARTBEATS, Self::whole)?;
        let all = format!("first start → all {} Alive", order.len());
        self.took(&all, start);
        self.tables()
    }

    fn kill_the_leader(&mut self) -> anyhow::Result<&'c Host> {
        let old = self.cluster.leader()?;
        let start = Instant::now();
        old.kill9()?;
        self.clock.says(&format!(
            "{} leads and {}: all its processes end at once",
            old.name(),
            paint(Paint::Red, "is killed")
        ));
        self.wait("another leader", "the other FEs elect a leader", |story| {
            story.look()?;
            Ok(story
                .cluster
                .leader()
                .is_ok_and(|leader| leader.name() != old.name()))
        })?;
        self.took("leader killed → new leader", start);
        self.frontends()?;
        line("");
        Ok(old)
    }

    fn bring_back(&mut self, old: &Host) -> anyhow::Result<()> {
        let before = self.started(old);
        let start = Instant::now();
        old.start()?;
        self.clock.says(&format!("{} is started again", old.name()));
        self.wait_for(old, &before)?;
        self.took("old leader started → Alive as a follower", start);
        Ok(())
    }

    fn wipe_the_seed(&mut self, id: &str) -> anyhow::Result<()> {
        let seed = self.cluster.seed()?;
        let before = self.started(seed);
        seed.kill9()?;
        seed.wipe_both()?;
        self.clock.says(&format!(
            "{}, the seed, {} and loses its data and its record",
            seed.name(),
            paint(Paint::Red, "is killed")
        ));
        let start = Instant::now();
        seed.start()?;
        self.clock.says(&format!(
            "{} is started with its two addresses and nothing else",
            seed.name()
        ));
        self.wait_for(seed, &before)?;
        self.wait("every host Alive", HEARTBEATS, Self::whole)?;
        let now = self.cluster.id()?;
        ensure!(now == id, "it is in cluster {now} now, and was in {id}");
        self.took("wiped seed started → Alive in its own cluster", start);
        self.tables()
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        for host in &self.cluster.hosts {
            host.signal(Signal::SIGTERM)?;
        }
        self.clock.says("every PID 1 is sent SIGTERM");
        for host in &self.cluster.hosts {
            let code = host.exit(self.patience)?;
            ensure!(
                code == 0,
                "{} ended with {code}\n{}",
                host.name(),
                host.log_tail()
            );
        }
        self.took("clean stop, every exit code 0", start);
        Ok(())
    }

    fn stay(&self, world: &World) -> anyhow::Result<()> {
        let on = world.dir().join("on");
        let on = on.display();
        line("it stays until Ctrl-C. From another terminal:");
        line(&format!("  {on} fe1 sql 'SHOW FRONTENDS'"));
        line(&format!("  {on} fe1 muster health --deep"));
        line(&format!("  {on} fe1 bash"));
        line(&format!("  tail -f {}/*/log", world.dir().display()));
        loop {
            sleep(Duration::from_secs(1));
            self.nobody_ended()?;
        }
    }

    /// Waits for an FE that was started again: it answers, and shows itself as a follower and Alive since this start.
    /// Alive alone may be about the start before, for three heartbeats.
    fn wait_for(&mut self, fe: &Host, before: &str) -> anyhow::Result<()> {
        let why = format!(
            "{} finds its cluster and waits for a heartbeat (every 5 s)",
            fe.name()
        );
        self.wait(&format!("{} back", fe.name()), &why, |story| {
            story.look()?;
            let rows = fe.sql("SHOW FRONTENDS").unwrap_or_default();
            Ok(story.row_of(fe, &rows).is_some_and(|row| {
                let since = start_time(row);
                row.is("Role", "FOLLOWER")
                    && !row.leads()
                    && row.is("Alive", "true")
                    && !since.is_empty()
                    && since != before
            }))
        })
    }

    /// When the cluster last saw this FE start.
    fn started(&self, fe: &Host) -> String {
        let rows = self.cluster.sql("SHOW FRONTENDS").unwrap_or_default();
        self.row_of(fe, &rows)
            .map(start_time)
            .unwrap_or_default()
            .to_owned()
    }

    fn row_of<'r>(&self, host: &Host, rows: &'r [Row]) -> Option<&'r Row> {
        rows.iter()
            .find(|row| self.cluster.of_row(row).is_ok_and(|of| of.name() == host.name()))
    }

    fn whole(&mut self) -> anyhow::Result<bool> {
        self.look()?;
        // Every FE is asked only when one of them says so.
        Ok(self.alive() == self.cluster.hosts.len() && self.cluster.is_whole().is_ok())
    }

    /// Looks until it is so, and shows why it takes time. A host that ended meanwhile, or is not Alive at the deadline, is named
    /// with its log.
    fn wait(
        &mut self,
        what: &str,
        why: &str,
        mut is_so: impl FnMut(&mut Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.patience;
        let mut wait = Wait::new(self.clock);
        while !is_so(self)? {
            wait.goes_on(why);
            self.nobody_ended()?;
            if Instant::now() > deadline {
                let why = self
                    .cluster
                    .is_whole()
                    .err()
                    .map(|error| format!("{error:#}"))
                    .unwrap_or_default();
                let tails: String = self.guilty().iter().map(|host| host.log_tail()).collect();
                bail!("{what}: not within {} s: {why}\n{tails}", self.patience.as_secs());
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn alive(&self) -> usize {
        self.seen.values().filter(|state| **state != "not Alive").count()
    }

    fn guilty(&self) -> Vec<&Host> {
        let is_missing = |host: &&Host| {
            self.seen
                .get(host.name())
                .is_none_or(|state| *state == "not Alive")
        };
        let missing: Vec<&Host> = self.cluster.hosts.iter().filter(is_missing).collect();
        let seed = self.cluster.hosts.iter().take(1);
        if missing.is_empty() {
            seed.collect()
        } else {
            missing
        }
    }

    /// A PID 1 that ends though nobody asked it to is a failure now, not at the deadline.
    fn nobody_ended(&self) -> anyhow::Result<()> {
        for host in &self.cluster.hosts {
            if host.has_ended() {
                let code = host.exit(Duration::ZERO)?;
                bail!("{} ended with {code}\n{}", host.name(), host.log_tail());
            }
        }
        Ok(())
    }

    /// Says what changed in what the cluster shows.
    fn look(&mut self) -> anyhow::Result<()> {
        let rows = ["SHOW FRONTENDS", "SHOW BACKENDS"].map(|what| self.cluster.sql(what).unwrap_or_default());
        let leader = self
            .cluster
            .leader_in(&rows[0])
            .ok()
            .map(|host| host.name().to_owned());
        for row in rows.iter().flatten() {
            let Ok(host) = self.cluster.of_row(row) else {
                bail!("a stranger is a member: {row:?}");
            };
            let state = match (row.is("Alive", "true"), leader.as_deref() == Some(host.name())) {
                (true, true) => "Alive, and leads",
                (true, false) => "Alive",
                (false, _) => "not Alive",
            };
            let before = self.seen.insert(host.name().to_owned(), state);
            // A leader that was killed is shown Alive for some seconds: that it leads no longer is said of the new one.
            let deposed = before == Some("Alive, and leads") && state == "Alive";
            if before != Some(state) && !deposed && (before.is_some() || state != "not Alive") {
                let alive = self.seen.values().filter(|state| **state != "not Alive").count();
                let of = self.cluster.hosts.len();
                let state = format!("{state:<18}");
                let state = paint(
                    if state.starts_with("Alive") {
                        Paint::Green
                    } else {
                        Paint::Red
                    },
                    &state,
                );
                self.clock
                    .says(&format!("{} is {state} {alive} of {of}", host.name()));
            }
        }
        Ok(())
    }

    fn took(&mut self, what: &str, start: Instant) {
        let took = start.elapsed();
        let text = format!("{what}: {:.1} s", took.as_secs_f32());
        self.clock.says(&format!("{}\n", paint(Paint::Bold, &text)));
        self.times.push((what.to_owned(), took));
    }

    fn tables(&self) -> anyhow::Result<()> {
        self.frontends()?;
        if self.cluster.bes().next().is_some() {
            let columns = ["BackendId", "HeartbeatPort", "BePort", "HttpPort", "Alive"];
            self.table("SHOW BACKENDS", &columns)?;
        }
        line("");
        Ok(())
    }

    fn frontends(&self) -> anyhow::Result<()> {
        let is_master = self.cluster.seed()?.engine().is_doris().then_some("IsMaster");
        let columns = ["EditLogPort", "Role"].into_iter().chain(is_master);
        let columns: Vec<&str> = columns.chain(["ClusterId", "Join", "Alive"]).collect();
        self.table("SHOW FRONTENDS", &columns)
    }

    fn table(&self, statement: &str, columns: &[&'static str]) -> anyhow::Result<()> {
        // A cluster that has just elected may refuse the first answer.
        let rows = hosts::eventually(self.patience, statement, || self.cluster.sql(statement))?;
        let mut lines = Vec::new();
        for row in &rows {
            let host = self
                .cluster
                .of_row(row)
                .map(|host| format!("{} {}", host.name(), host.address()))?;
            lines.push(
                [
                    vec![host],
                    columns.iter().map(|name| row.get(name).to_owned()).collect(),
                ]
                .concat(),
            );
        }
        lines.sort();
        line(&paint(Paint::Bold, statement));
        narrow_table(&[&["host"], columns].concat(), lines.into_iter());
        Ok(())
    }
}

/// Each engine has a column for it.
fn start_time(row: &Row) -> &str {
    ["StartTime", "LastStartTime"]
        .iter()
        .map(|column| row.get(column))
        .find(|time| !time.is_empty())
        .unwrap_or_default()
}

fn names(hosts: &[&Host]) -> String {
    hosts.iter().map(|host| host.name()).collect::<Vec<_>>().join(" ")
}
