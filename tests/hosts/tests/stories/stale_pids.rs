//! What outlives a killed container: its pid files. The next container deals out the same small numbers, so the file
//! names the start script itself, PID 1, or whoever else is there by now. The engine has to come back every time.
//!
//! "Restart after SIGKILL with the vendors' pid check: 0 of 10 running, 10 refused": by scripts alone.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Component, Host, StandIn, World, this_test};

const PATIENCE: Duration = Duration::from_secs(60);
/// Everything that can be left, with a server that takes the number of its script and with one that has its own.
const ROUNDS: usize = 2 * LEFT.len();

/// Started in front of muster, in the same PID namespace; its number is in the pid file, and its name is the argument.
/// Until it has become itself its command line is that of the shell, which names the engine's home.
const INNOCENT: &str = r#"
    (exec -a "$1" sleep 1000) &
    until [ "$(tr '\0' ' ' </proc/$!/cmdline)" = "$1 1000 " ]; do :; done
    echo "$!" >/tmp/innocent
    echo -n "$!" >"$2"
    exec muster run
"#;

/// What is in the pid file when muster is started.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// What the engine itself wrote before it was killed.
    Behind,
    /// The number of PID 1.
    One,
    /// That of a process that has nothing to do with it.
    Innocent,
    /// And of one whose command line has the engine's own word in it.
    Namesake,
}

const LEFT: [Left; 5] = [
    Left::Behind,
    Left::One,
    Left::Innocent,
    Left::Behind,
    Left::Namesake,
];

/// The pid file on the disk of a host and in its own sight, and the word that newer scripts look for.
fn pid_file(host: &Host) -> (PathBuf, String, &'static str) {
    let [fe, be] = host.engine().process;
    let (name, word) = match host.component() {
        Component::Fe => ("bin/fe.pid", fe),
        Component::Be => ("bin/be.pid", be),
        Component::Broker => ("bin/apache_hdfs_broker.pid", "BrokerBootstrap"),
    };
    (host.home().join(name), host.in_home(name), word)
}

fn start(host: &Host, left: Left) -> anyhow::Result<()> {
    let (on_disk, path, word) = pid_file(host);
    ensure!(on_disk.is_file(), "an engine that is killed leaves its pid file");
    let beside = |name: &str| host.start_program(&["bash", "-c", INNOCENT, "bash", name, &path]);
    match left {
        Left::Behind => host.start(),
        Left::One => {
            fs::write(on_disk, "1")?;
            host.start()
        }
        Left::Innocent => beside("sleep"),
        Left::Namesake => beside(word),
    }
}

/// The pid file names the engine, and whoever it named before was left alone.
fn is_the_engines(host: &Host, left: Left) -> anyhow::Result<()> {
    let (_, path, word) = pid_file(host);
    let look = format!("tr '\\0' ' ' </proc/$(head -n 1 {path})/cmdline");
    let engine = host.exec(&["sh", "-c", &look])?;
    ensure!(engine.code == 0 && engine.text.contains("lib/"), "{engine:?}");
    ensure!(engine.text.contains(word), "{engine:?}");
    if matches!(left, Left::Innocent | Left::Namesake) {
        let lives = host.exec(&["sh", "-c", "kill -0 $(cat /tmp/innocent)"])?;
        ensure!(lives.code == 0, "{lives:?}");
    }
    Ok(())
}

fn comes_back(world: &World, profile: &str) -> anyhow::Result<()> {
    let options = StandIn {
        time_scale: 0.05,
        heartbeat_ms: 200,
    };
    let [fe, be] = world.stand_in_of(profile, &options)?;
    let cluster = Cluster::new(world, 1, &fe, 1, Some(&be))?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "0s").start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let id = cluster.id()?;
    for (round, left) in (0..ROUNDS).zip(LEFT.into_iter().cycle()) {
        // The server takes the script's own number, or is a child with another.
        if round == ROUNDS / 2 {
            for host in &cluster.hosts {
                let conf = host.home().join("standin.conf");
                let text = fs::read_to_string(&conf)?;
                fs::write(&conf, text + "exec = no\n")?;
            }
        }
        cluster.hosts.iter().try_for_each(Host::kill9)?;
        for host in &cluster.hosts {
            start(host, left)?;
        }
        let back = || {
            cluster.becomes_whole(PATIENCE)?;
            ensure!(cluster.id()? == id, "it is another cluster");
            cluster
                .hosts
                .iter()
                .try_for_each(|host| is_the_engines(host, left))
        };
        back().with_context(|| format!("round {round}, {left:?}\n{}", cluster.tails()))?;
    }
    Ok(())
}

/// `kill -0`: before 3.1.15, 3.2.10 and 3.3.2 any live process of that number was the engine.
#[test]
fn killed_ten_times_it_is_back_ten_times_with_a_script_that_asks_whether_the_number_lives()
-> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    comes_back(&world, "starrocks-3.1")
}

/// `kill -0` too, of every version.
#[test]
fn killed_ten_times_it_is_back_ten_times_with_the_script_of_doris() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    comes_back(&world, "doris-4.0")
}

/// `ps -q`: since then its command line has to have the engine's word in it.
#[test]
fn killed_ten_times_it_is_back_ten_times_with_a_script_that_reads_the_command_line() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    comes_back(&world, "starrocks-3.5")
}
