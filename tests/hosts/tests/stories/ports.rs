//! Ports between nodes of one host: many in one network namespace, as containers in host network mode are.
//!
//! `ROUNDS=1000 cargo test -p hosts --test stories ports::twenty` is the long run of the first story.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hosts::{World, binary, eventually, this_test};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The address of the network namespace all of them are in.
const HERE: &str = "10.99.255.254";

/// The keys of a BE and what the engine listens on by itself.
const BE: [(&str, u16); 5] = [
    ("be_port", 9060),
    ("be_http_port", 8040),
    ("heartbeat_service_port", 9050),
    ("brpc_port", 8060),
    ("starlet_port", 9070),
];

/// One container of a host: a home of its own, and the network of all others.
struct Node {
    home: PathBuf,
    log: PathBuf,
    variables: BTreeMap<String, String>,
    program: Option<Child>,
}

impl Node {
    /// A BE whose engine does nothing but be there.
    fn be(world: &World, n: usize) -> Result<Self> {
        let home = world.dir().join(format!("be{n}"));
        for dir in ["bin", "lib", "conf", "storage"] {
            fs::create_dir_all(home.join(dir))?;
        }
        fs::write(home.join("lib/starrocks_be"), "")?;
        fs::write(home.join("conf/be.conf"), "")?;
        script(&home.join("bin/start_be.sh"), "#!/bin/sh\nexec sleep 3600\n")?;
        let variables = [
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("MASTER_HOST", HERE),
            ("LOCAL_HOST", HERE),
            ("LOG_FORMAT", "text"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self {
            log: world.dir().join(format!("be{n}.log")),
            home,
            variables: variables.into(),
            program: None,
        })
    }

    /// Starts `muster run` once the gate opens.
    fn start_behind(&mut self, gate: &Gate) -> Result<()> {
        let log = File::create(&self.log)?;
        let program = Command::new("sh")
            .args([
                "-c",
                "echo >>\"$2\"; exec 3<\"$1\"; exec 3<&-; shift 2; exec \"$@\"",
                "sh",
            ])
            .args([&gate.fifo, &gate.queue])
            .arg(binary("muster")?)
            .args(["run", "--home"])
            .arg(&self.home)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.program = Some(program);
        Ok(())
    }

    fn pid(&self) -> Result<u32> {
        Ok(self.program.as_ref().context("it was not started")?.id())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The number of each of its ports: the engine's own unless the log says that it moved.
    fn ports(&self) -> BTreeMap<&'static str, u16> {
        let said = self.said();
        let moved = |key: &str| {
            said.lines().rev().find_map(|line| {
                let (_, rest) = line.split_once(&format!(" {key} is "))?;
                rest.split(':').next()?.parse().ok()
            })
        };
        BE.map(|(key, usual)| (key, moved(key).unwrap_or(usual))).into()
    }

    /// It was alive in its cluster with these ports, so its next start asks nobody.
    fn was_given(&self, ports: &[(&str, u16)]) -> Result<()> {
        let ports: Vec<String> = ports
            .iter()
            .map(|(name, number)| format!("\"{name}\": {number}"))
            .collect();
        let record = format!(
            r#"{{"version": 1, "engine": "starrocks", "component": "be", "role": "be", "host": "{HERE}", "ports": {{{}}},
                "cluster_id": "77", "members": [], "progress": "joined"}}"#,
            ports.join(", ")
        );
        fs::write(self.home.join("storage/cluster_id"), "77")?;
        for path in ["storage/muster.json", "conf/muster-be.json"] {
            fs::write(self.home.join(path), &record)?;
        }
        Ok(())
    }

    /// Starts it, and gives the ports that its engine was started with.
    fn start(&mut self, world: &World) -> Result<[u16; 5]> {
        let gate = Gate::new(world)?;
        self.start_behind(&gate)?;
        let _open = gate.open(1)?;
        eventually(PATIENCE, "the start of the engine", || {
            ensure!(self.said().contains(" starting "), "it said\n{}", self.said());
            Ok(())
        })?;
        let conf = fs::read_to_string(self.home.join("conf/be.conf"))?;
        let mut given = [0; 5];
        for ((key, _), given) in BE.iter().zip(&mut given) {
            let line = conf
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix(&format!("{key} = ")));
            *given = line.with_context(|| format!("no {key} in\n{conf}"))?.parse()?;
        }
        let held = reservations(&[self.pid()?])?;
        ensure!(
            held.values().next() == Some(&given.into()),
            "it holds {held:?} of {given:?}"
        );
        Ok(given)
    }

    /// Starts it, and it refuses with this.
    fn refuses(&mut self, world: &World, report: &str) -> Result<()> {
        let gate = Gate::new(world)?;
        self.start_behind(&gate)?;
        let open = gate.open(1)?;
        let mut program = self.program.take().context("it was not started")?;
        let ended = program.wait()?;
        drop(open);
        ensure!(ended.code() == Some(73), "{ended}:\n{}", self.said());
        ensure!(
            self.said().contains(report),
            "it said\n{}and not\n{report}",
            self.said()
        );
        nobody_holds_a_port()?;
        Ok(())
    }

    fn kill9(&mut self) -> Result<()> {
        let mut program = self.program.take().context("it was not started")?;
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", program.id()))?;
        program.kill()?;
        for child in children.split_whitespace() {
            // The engine; a companion may have followed its muster already.
            kill(Pid::from_raw(child.parse()?), Signal::SIGKILL).ok();
        }
        program.wait()?;
        eventually(PATIENCE, "the end of its children", || {
            for child in children.split_whitespace() {
                let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
                ensure!(stat.is_empty() || stat.contains(") Z "), "{stat}");
            }
            Ok(())
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.program.is_some() {
            self.kill9().ok();
        }
    }
}

fn script(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Holds programs back until all of them are there, and lets them go at the same instant.
struct Gate {
    fifo: PathBuf,
    queue: PathBuf,
}

impl Gate {
    fn new(world: &World) -> Result<Self> {
        let gate = Self {
            fifo: world.dir().join("gate"),
            queue: world.dir().join("queue"),
        };
        if !gate.fifo.exists() {
            let made = Command::new("mkfifo").arg(&gate.fifo).status()?;
            ensure!(made.success(), "mkfifo ended with {made}");
        }
        File::create(&gate.queue)?;
        Ok(gate)
    }

    /// It is open as long as what is returned lives.
    fn open(&self, waiting: usize) -> Result<File> {
        eventually(PATIENCE, "everybody at the gate", || {
            let here = fs::metadata(&self.queue)?.len();
            ensure!(here == waiting as u64, "{here} of {waiting} are there");
            Ok(())
        })?;
        // Whoever waits for a writer goes on when there is one; the last to come finds it there.
        let writer = OpenOptions::new().read(true).write(true).open(&self.fifo)?;
        Ok(writer)
    }
}

/// The reservations of this network namespace, by the muster that holds them, itself or through its companion.
fn reservations(of: &[u32]) -> Result<BTreeMap<u32, BTreeSet<u16>>> {
    let table = fs::read_to_string("/proc/net/unix")?;
    let mut by_inode = BTreeMap::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = fields.last().and_then(|name| name.strip_prefix("@muster/port/"));
        if let (Some(port), Some(inode)) = (port, fields.get(6)) {
            by_inode.insert(format!("socket:[{inode}]"), port.parse()?);
        }
    }
    let mut held = BTreeMap::new();
    for pid in of {
        let mut ports = BTreeSet::new();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let children = children.split_whitespace().map(str::to_owned);
        for pid in children.chain([pid.to_string()]) {
            // A child may be gone by now.
            for fd in fs::read_dir(format!("/proc/{pid}/fd"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let link = fs::read_link(fd.path()).unwrap_or_default();
                ports.extend(by_inode.get(&*link.to_string_lossy()));
            }
        }
        held.insert(*pid, ports);
    }
    let counted: usize = held.values().map(BTreeSet::len).sum();
    ensure!(
        counted == by_inode.len(),
        "{} reservations and {counted} owners",
        by_inode.len()
    );
    Ok(held)
}

/// A companion ends with its muster, which is no PID 1 here: a moment later.
fn nobody_holds_a_port() -> Result<()> {
    eventually(PATIENCE, "no reservation of the dead", || {
        ensure!(reservations(&[])?.is_empty(), "somebody is dead and holds a port");
        Ok(())
    })
}

/// "20 nodes started in the same millisecond in one network namespace get 20 disjoint port sets."
#[test]
fn twenty_nodes_of_one_host_started_at_one_instant_get_disjoint_ports() -> Result<()> {
    const NODES: usize = 20;
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let rounds: usize = match std::env::var("ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => 12,
    };
    let mut nodes = Vec::new();
    for n in 1..=NODES {
        nodes.push(Node::be(&world, n)?);
    }
    let mut times = Vec::new();
    for round in 1..=rounds {
        let begun = Instant::now();
        let time = one_round(&world, &mut nodes).with_context(|| format!("round {round}"))?;
        times.push((time, begun.elapsed()));
    }
    times.sort();
    let at = |n: usize| {
        times
            .get(times.len() * n / 100)
            .map_or(Duration::ZERO, |time| time.0)
    };
    let total: Duration = times.iter().map(|time| time.1).sum();
    let line = format!(
        "{rounds} rounds of {NODES} nodes, no port twice; all had chosen after {:?} (median), {:?} (99 %), {:?} (worst); {total:?} in all",
        at(50),
        at(99),
        times.last().map_or(Duration::ZERO, |time| time.0),
    );
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// From the opening of the gate until everybody has its ports.
fn one_round(world: &World, nodes: &mut [Node]) -> Result<Duration> {
    let gate = Gate::new(world)?;
    for node in nodes.iter_mut() {
        node.start_behind(&gate)?;
    }
    let pids: Vec<u32> = nodes.iter().map(Node::pid).collect::<Result<_>>()?;
    let _open = gate.open(nodes.len())?;
    let begun = Instant::now();
    eventually(PATIENCE, "everybody with its ports", || {
        for node in nodes.iter_mut() {
            if let Some(end) = node.program.as_mut().and_then(|it| it.try_wait().transpose()) {
                bail!("ended with {}:\n{}", end?, node.said());
            }
        }
        let held = reservations(&pids)?;
        for (node, pid) in nodes.iter().zip(&pids) {
            let said: BTreeSet<u16> = node.ports().into_values().collect();
            let held = held.get(pid);
            ensure!(held == Some(&said), "it holds {held:?} and says\n{}", node.said());
        }
        Ok(())
    })?;
    let time = begun.elapsed();
    let mut all = BTreeSet::new();
    for port in nodes.iter().flat_map(|node| node.ports().into_values()) {
        ensure!(all.insert(port), "{port} was given twice");
    }
    for node in nodes.iter_mut() {
        node.kill9()?;
    }
    nobody_holds_a_port()?;
    Ok(time)
}

/// "Sticky through the record": a restart gets the same, whatever has become free; a local port moves only if it must.
#[test]
fn a_restart_gets_the_ports_of_the_record_and_moves_only_what_may_move() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let mut node = Node::be(&world, 1)?;
    node.was_given(&[
        ("BE_PORT", 9161),
        ("BE_HTTP_PORT", 8140),
        ("HEARTBEAT_PORT", 9153),
        ("BRPC_PORT", 8160),
        ("STARLET_PORT", 9170),
    ])?;
    for _ in 0..3 {
        // All defaults are free.
        assert_eq!(node.start(&world)?, [9161, 8140, 9153, 8160, 9170]);
        node.kill9()?;
    }
    let local = [
        TcpListener::bind("127.0.0.1:9161")?,
        TcpListener::bind("10.99.255.254:8140")?,
        TcpListener::bind("[::1]:8160")?,
    ];
    let moved = [9162, 8141, 9153, 8161, 9170];
    assert_eq!(node.start(&world)?, moved);
    let why = "be_port is 9162: the next free port: stories";
    ensure!(node.said().contains(why), "{}", node.said());
    node.kill9()?;
    drop(local);
    // Given now is given.
    assert_eq!(node.start(&world)?, moved);
    node.kill9()?;
    let fixed = "heartbeat_service_port must be 9153 (the record: this port identifies the node in the cluster), but ";
    let identity = TcpListener::bind("127.0.0.1:9153")?;
    let holder = "(pid 1) on TCP 127.0.0.1:9153 uses it";
    node.refuses(&world, fixed)?;
    ensure!(node.said().contains(holder), "{}", node.said());
    drop(identity);
    let name = UnixAddress::from_abstract_name("muster/port/9153")?;
    let reserved = UnixListener::bind_addr(&name)?;
    let refused = node.refuses(&world, fixed);
    // This program holds one, which is all that was found.
    ensure!(refused.is_err(), "nobody holds a port");
    ensure!(
        node.said().contains("but a program that is not muster ("),
        "{}",
        node.said()
    );
    ensure!(
        node.said().contains(", pid 1, user 0) uses it"),
        "{}",
        node.said()
    );
    drop(reserved);
    assert_eq!(node.start(&world)?, moved);
    Ok(())
}

/// Between the reservation and the engine's own bind the ports belong to nobody else of muster; and then they do not.
#[test]
fn a_node_leaves_its_neighbours_the_ports_their_engines_do_not_listen_on_yet() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let (mut one, mut other) = (Node::be(&world, 1)?, Node::be(&world, 2)?);
    let usual = BE.map(|(_, number)| number);
    // Its engine never listens.
    one.was_given(&[])?;
    assert_eq!(one.start(&world)?, usual);
    let gate = Gate::new(&world)?;
    other.start_behind(&gate)?;
    let open = gate.open(1)?;
    let pids = [one.pid()?, other.pid()?];
    eventually(PATIENCE, "the other one's ports", || {
        let held = reservations(&pids)?;
        let other = held.get(&pids[1]).context("none")?;
        ensure!(other.len() == 5, "{other:?}");
        ensure!(usual.iter().all(|port| !other.contains(port)), "{other:?}");
        Ok(())
    })?;
    drop(open);
    one.kill9()?;
    other.kill9()?;
    nobody_holds_a_port()
}
