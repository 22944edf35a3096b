//! Does to a cluster what the schedule says, and starts again what Docker would.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use hosts::{Cluster, Component, Host, Row, StandIn, World};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::schedule::{Part, Schedule, Step, Wiped};

/// Two heartbeats and one second, as by default of the real ones.
const GUARD: &str = "3s";
/// How long anything may take until the cluster is whole. A run of its own needs a quarter of it at the worst.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a person tries to drop a node before something else happens.
const DROPPING: Duration = Duration::from_secs(8);
/// Between two looks at who has ended.
const SOON: Duration = Duration::from_millis(100);

/// Where a person is with the node that is to be dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Dropping {
    /// The statement was sent, and nobody said what became of it.
    Unsure,
    Dropped,
}

pub(crate) struct Play {
    pub(crate) cluster: Cluster,
    pub(crate) wanted: RefCell<BTreeSet<String>>,
    dropping: RefCell<BTreeMap<String, Dropping>>,
    /// What clients were told is written.
    pub(crate) written: Vec<String>,
    /// Set-asides a node had when it was last known to be a member with its data; not there while it has lost it.
    pub(crate) set_asides: BTreeMap<String, usize>,
    begun: Instant,
}

impl Play {
    pub(crate) fn new(world: &World, schedule: &Schedule) -> anyhow::Result<Self> {
        let shape = &schedule.shape;
        let [fe, be] = world.stand_in_of(shape.engine.profile, &StandIn::QUICK)?;
        let cluster = Cluster::new(world, shape.fes(), &fe, shape.bes, Some(&be))?;
        let fes: Vec<String> = cluster.fes().map(|fe| fe.address().to_string()).collect();
        for host in &cluster.hosts {
            host.set("GUARD_TIME", GUARD);
            if shape.observes(host.name()) {
                host.set("FE_ROLE", "observer");
            }
            if shape.all_masters {
                host.set("MASTER_HOST", &fes.join(","));
            }
            if let Some(seconds) = shape.patience {
                host.set("WAIT_TIMEOUT", &format!("{seconds}s"));
            }
        }
        Ok(Self {
            cluster,
            wanted: RefCell::default(),
            dropping: RefCell::default(),
            written: Vec::new(),
            set_asides: BTreeMap::new(),
            begun: Instant::now(),
        })
    }

    /// A line of the `wait_log`.
    pub(crate) fn say(&self, text: &str) {
        crate::report::line(&format!("{:>7.2}  {text}", self.begun.elapsed().as_secs_f32()));
    }

    /// One step, `Whole` excepted.
    pub(crate) fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        self.say(&step.to_string());
        self.tend()?;
        match step {
            Step::Start(names) => names.iter().try_for_each(|name| self.start(name)),
            Step::Together(names) => self.start_together(names),
            Step::Kill(name) => self.kill(name),
            Step::KillEngine(name) => self.signal(name, Part::Engine, Signal::SIGKILL),
            Step::PowerCut => {
                let names: Vec<String> = self.wanted.borrow().iter().cloned().collect();
                names.iter().try_for_each(|name| self.kill(name))
            }
            Step::Freeze(name, part) => self.signal(name, *part, Signal::SIGSTOP),
            Step::Thaw(name) => self.signal(name, Part::All, Signal::SIGCONT),
            Step::Wipe(name, what) => self.wipe(name, *what),
            Step::Cut(name) => self.cluster.host(name)?.cut(),
            Step::Island(names) => {
                for name in names {
                    self.cluster.host(name)?.maroon()?;
                }
                Ok(())
            }
            Step::Heal => self.cluster.hosts.iter().try_for_each(Host::heal),
            Step::Drop(name) => self.drop(name, DROPPING),
            Step::Rejoin(name) => self.rejoin(name),
            Step::Remove(name) => self.remove(name),
            Step::Write => {
                self.write();
                Ok(())
            }
            Step::Pause(ms) => self.pause(Duration::from_millis(*ms)),
            Step::Whole => Ok(()),
        }
    }

    fn start(&self, name: &str) -> anyhow::Result<()> {
        let host = self.cluster.host(name)?;
        if !host.is_running() {
            self.wanted.borrow_mut().insert(name.to_owned());
            host.start()?;
        }
        Ok(())
    }

    /// Each of them waits at a gate of its own, and the gates are opened in one go.
    fn start_together(&self, names: &[String]) -> anyhow::Result<()> {
        const WAIT: &str = "read -r _ </opt/gate; exec muster run";
        let mut gates = Vec::new();
        for name in names {
            let host = self.cluster.host(name)?;
            if host.is_running() {
                continue;
            }
            let gate = host.on_disk(Path::new("/opt/gate"));
            if !gate.exists() {
                mkfifo(&gate, Mode::S_IRWXU)?;
            }
            self.wanted.borrow_mut().insert(name.to_owned());
            host.start_program(&["sh", "-c", WAIT])?;
            // Returns once the host is there to read.
            gates.push(OpenOptions::new().write(true).open(&gate)?);
        }
        gates.iter_mut().try_for_each(|gate| Ok(gate.write_all(b"go\n")?))
    }

    fn kill(&self, name: &str) -> anyhow::Result<()> {
        self.wanted.borrow_mut().remove(name);
        let host = self.cluster.host(name)?;
        if host.is_running() { host.kill9() } else { Ok(()) }
    }

    fn signal(&self, name: &str, part: Part, signal: Signal) -> anyhow::Result<()> {
        let host = self.cluster.host(name)?;
        if !host.is_running() {
            return Ok(());
        }
        match part {
            Part::Muster => host.signal(signal),
            Part::Engine => host.signal_children(signal),
            Part::All => host.signal_all(signal),
        }
    }

    fn wipe(&mut self, name: &str, what: Wiped) -> anyhow::Result<()> {
        self.kill(name)?;
        let host = self.cluster.host(name)?;
        match what {
            Wiped::State => return host.wipe_state(),
            Wiped::Data => host.wipe_data()?,
            Wiped::Both => host.wipe_both()?,
        }
        self.set_asides.remove(name);
        Ok(())
    }

    fn pause(&self, length: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + length;
        loop {
            self.tend()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            sleep(left.min(SOON));
        }
    }

    /// What Docker does under `restart: unless-stopped`, and a person who reads the exit codes: some of them end the
    /// restarting, and some must never be seen.
    pub(crate) fn tend(&self) -> anyhow::Result<()> {
        for host in self.cluster.hosts.iter().filter(|host| host.has_ended()) {
            let name = host.name();
            let code = host.exit(Duration::ZERO)?;
            if !self.wanted.borrow().contains(name) {
                continue;
            }
            self.say(&format!("       {name} ended with {code}"));
            let unsure = self.dropping.borrow().contains_key(name);
            match code {
                79 if unsure => {
                    // Refused, as it has to be: nobody starts it again without deciding something.
                    self.wanted.borrow_mut().remove(name);
                    self.dropping
                        .borrow_mut()
                        .insert(name.to_owned(), Dropping::Dropped);
                }
                // No leader in time, or not now: it comes again, as often as it takes.
                69 | 75 => host.start()?,
                0 | 64..=79 | 126 | 127 => bail!("{name} ended with {code}, for which there is no reason"),
                _ => host.start()?,
            }
        }
        Ok(())
    }

    /// Asks whoever says that it is led by a majority.
    fn drop(&self, name: &str, within: Duration) -> anyhow::Result<()> {
        let host = self.cluster.host(name)?;
        let deadline = Instant::now() + within;
        loop {
            match self.drop_once(host) {
                Ok(said) => {
                    self.say(&format!("       {said}"));
                    return Ok(());
                }
                Err(why) if Instant::now() >= deadline => {
                    self.say(&format!("       not dropped: {why:#}"));
                    return Ok(());
                }
                Err(_) => self.pause(SOON * 2)?,
            }
        }
    }

    fn drop_once(&self, host: &Host) -> anyhow::Result<&'static str> {
        let rows = self.cluster.sql("SHOW FRONTENDS")?;
        let leader = self.cluster.leader_in(&rows)?;
        let alive = rows.iter().filter(|row| row.is("Alive", "true")).count();
        ensure!(alive > rows.len() / 2, "{alive} of {} are alive", rows.len());
        let address = host.address();
        let statement = match host.component() {
            Component::Broker => hosts::drop_broker(address),
            Component::Be => host.engine().drop_backend(&format!("{address}:9050")),
            Component::Fe => {
                let row = rows.iter().find(|row| row.host() == address.to_string());
                let role = row.map_or("FOLLOWER", |row| row.get("Role"));
                if row.is_some_and(Row::leads) {
                    return Ok("it leads: nobody can drop it");
                }
                format!("ALTER SYSTEM DROP {role} \"{address}:9010\"")
            }
        };
        match leader.sql(&statement) {
            Ok(_) => {
                self.dropping
                    .borrow_mut()
                    .insert(host.name().to_owned(), Dropping::Dropped);
                Ok("dropped")
            }
            Err(error) => {
                let text = format!("{error:#}");
                let tried = self.dropping.borrow().contains_key(host.name());
                if text.contains("not exist") && tried {
                    self.dropping
                        .borrow_mut()
                        .insert(host.name().to_owned(), Dropping::Dropped);
                    return Ok("dropped, as it turns out");
                }
                if text.contains("not exist") || text.contains("current master") {
                    return Ok("refused");
                }
                self.dropping
                    .borrow_mut()
                    .entry(host.name().to_owned())
                    .or_insert(Dropping::Unsure);
                Err(error)
            }
        }
    }

    /// Sees the node refuse, if it was dropped: from then on it is stopped. False if it never was.
    fn refuses(&self, name: &str) -> anyhow::Result<bool> {
        if self.dropping.borrow().get(name) == Some(&Dropping::Unsure) {
            self.drop(name, PATIENCE)?;
        }
        if self.dropping.borrow().get(name) != Some(&Dropping::Dropped) {
            return Ok(false);
        }
        // Who ran on while it was dropped hears of it at its next start.
        self.tend()?;
        if self.wanted.borrow().contains(name) {
            self.kill(name)?;
            self.start(name)?;
        }
        let deadline = Instant::now() + PATIENCE;
        while self.wanted.borrow().contains(name) {
            ensure!(
                Instant::now() < deadline,
                "{name} was dropped, and does not refuse"
            );
            // It was started as a member, and has found out and written down what it is: the next start refuses.
            let log = self.cluster.host(name)?.last_log();
            if log.contains("this node was dropped; its engine runs on") {
                self.kill(name)?;
                self.start(name)?;
            }
            self.pause(SOON)?;
        }
        self.say(&format!("       {name} refuses"));
        Ok(true)
    }

    fn rejoin(&mut self, name: &str) -> anyhow::Result<()> {
        if self.refuses(name)? {
            self.set_asides.remove(name);
            let host = self.cluster.host(name)?;
            host.set("REJOIN", "1");
            self.start(name)?;
            host.set("REJOIN", "");
        }
        self.dropping.borrow_mut().remove(name);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> anyhow::Result<()> {
        if self.refuses(name)? {
            self.cluster.hosts.retain(|host| host.name() != name);
        }
        Ok(())
    }

    /// An account is data like any other, and can be asked for without a backend.
    fn write(&mut self) {
        let mark = format!("mark_{}", self.written.len() + 1);
        let statement = format!("CREATE USER '{mark}' IDENTIFIED BY 'x'");
        let told = self
            .cluster
            .fes()
            .filter(|fe| fe.is_running())
            .find(|fe| fe.sql(&statement).is_ok());
        if let Some(fe) = told {
            let text = format!("       {mark} is written, says {}", fe.name());
            self.say(&text);
            self.written.push(mark);
        }
    }
}

/// Directories that a node has moved data into.
pub(crate) fn set_asides(host: &Host) -> anyhow::Result<usize> {
    let data = host.data();
    let beside = data.parent().unwrap_or(Path::new("/"));
    let mut count = 0;
    for dir in [data.as_path(), beside] {
        for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
            count += usize::from(entry?.file_name().to_string_lossy().contains("unfinished-"));
        }
    }
    Ok(count)
}
