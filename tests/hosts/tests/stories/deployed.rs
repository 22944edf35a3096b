//! A cluster from a list: `muster init --hosts`, and on every host the files that it wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, StandIn, World, binary};

for_each_engine! {
    a_list_becomes_a_cluster_behind_its_firewall_and_a_longer_list_a_larger_one,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes the directories of these lines.
fn init(world: &World, lines: &[String]) -> anyhow::Result<String> {
    let (list, all) = (world.dir().join("list.txt"), world.dir().join("list.env"));
    fs::write(&list, lines.join("\n"))?;
    let engine = world.engine().id;
    fs::write(
        &all,
        format!("ENGINE={engine}\nGUARD_TIME=3s\nSTATE_DIR=/opt/state\n"),
    )?;
    let output = Command::new(binary("muster")?)
        .args(["init", "--hosts"])
        .arg(&list)
        .arg("--app-env")
        .arg(&all)
        .arg("--out")
        .arg(directories(world))
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

fn directories(world: &World) -> PathBuf {
    world.dir().join("directories")
}

fn dir(world: &World, host: &Host) -> PathBuf {
    directories(world).join(host.address().to_string())
}

/// Lets in on that host whom its file lets in.
fn load(world: &World, host: &Host) -> anyhow::Result<()> {
    let output = Command::new("nsenter")
        .arg(format!("--net=/run/netns/{}", host.name()))
        .args(["nft", "-f"])
        .arg(dir(world, host).join("firewall.nft"))
        .output()
        .context("cannot run `nft` (Debian package nftables)")?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

/// Starts the node of a host as its compose file does: with the variables of the env file alone, and the word for its kind.
fn start(world: &World, host: &Host) -> anyhow::Result<()> {
    let kind = host.component().id();
    let file = format!("{}-{kind}.env", world.engine().id);
    let text = fs::read_to_string(dir(world, host).join(file))?;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once('=').context("a line without `=`")?;
        host.set(key, value);
    }
    host.start_program(&["muster", "run", kind])
}

fn a_list_becomes_a_cluster_behind_its_firewall_and_a_longer_list_a_larger_one(
    world: &World,
) -> anyhow::Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let mut hosts = Vec::new();
    for n in 1..=3 {
        hosts.push(world.host(&format!("fe{n}"), n, &fe)?);
    }
    for n in 4..=5 {
        hosts.push(world.host(&format!("be{}", n - 3), n, &be)?);
    }
    let mut cluster = Cluster { hosts };
    let mut lines: Vec<String> = cluster
        .hosts
        .iter()
        .map(|host| format!("{} {}", host.address(), host.component().id()))
        .collect();
    // A port of its own: the rules and the others know of it.
    if let Some(line) = lines.last_mut() {
        line.push_str(" HEARTBEAT_PORT=9151 BE_HTTP_PORT=8141");
    }
    init(world, &lines)?;
    for host in &cluster.hosts {
        load(world, host)?;
        start(world, host)?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let row = cluster.sql("SHOW BACKENDS")?;
    ensure!(
        row.iter().any(|row| row.get("HeartbeatPort") == "9151"),
        "{row:?}"
    );

    // Whom the list does not have does not get in.
    let new = world.host("be3", 6, &be)?;
    new.start_program(&["sleep", "1000"])?;
    let seed = cluster.seed()?.address();
    let knock = |port: u16, code: i32| -> anyhow::Result<()> {
        let knock = format!("timeout 3 bash -c '</dev/tcp/{seed}/{port}'");
        let said = new.exec(&["sh", "-c", &knock])?;
        ensure!(said.code == code, "{port}: {said:?}");
        Ok(())
    };
    // 124 is what `timeout` ends with: nothing comes back.
    knock(8030, 124)?;
    knock(9030, 0)?;
    // As docs/reference.md says.
    let rule = format!(
        "nft insert rule inet muster_fe input tcp dport 8030 ip saddr {} accept",
        new.address()
    );
    let said = cluster.seed()?.exec(&["sh", "-c", &rule])?;
    ensure!(said.code == 0, "{said:?}");
    knock(8030, 0)?;
    lines.push(format!("{} be", new.address()));
    let said = init(world, &lines)?;
    ensure!(
        said.matches("rewritten").count() == 6 && said.matches("firewall.nft\n").count() == 5,
        "{said}"
    );
    for host in cluster.hosts.iter().chain([&new]) {
        load(world, host)?;
    }
    knock(8030, 0)?;
    new.kill9()?;
    start(world, &new)?;
    cluster.hosts.push(new);
    cluster.becomes_whole(PATIENCE)?;
    let targets = fs::read_to_string(directories(world).join(Path::new("prometheus/targets.json")))?;
    ensure!(
        targets.contains(":8141\"") && targets.matches("\"targets\"").count() == 6,
        "{targets}"
    );
    Ok(())
}
