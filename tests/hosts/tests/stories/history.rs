//! `muster history` over the life of a node: each start, and each end with its reason.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};
use nix::sys::signal::Signal;

for_each_engine! {
    every_start_and_every_end_of_a_node_is_a_line: both,
    a_history_that_cannot_be_written_holds_nothing_up,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Where the record and the history are, on a volume of its own.
const STATE: &str = "/opt/state";

fn cluster(world: &World) -> anyhow::Result<Cluster> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 3, &fe, 0, None)?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s").set("STATE_DIR", STATE);
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    Ok(cluster)
}

/// The kind of each event, leaders left out: who leads is the engines' business, and may change on a busy machine.
fn words(json: &str) -> anyhow::Result<Vec<String>> {
    let json: serde_json::Value = serde_json::from_str(json).with_context(|| json.to_owned())?;
    ensure!(json["muster"] == 1, "{json}");
    let events = json["events"].as_array().context("no events")?;
    let words = events.iter().filter_map(|event| event["event"].as_str());
    Ok(words
        .filter(|word| *word != "leader")
        .map(str::to_owned)
        .collect())
}

/// Waits until the host has just these events.
fn has(host: &Host, expected: &[&str]) -> anyhow::Result<()> {
    eventually(PATIENCE, &format!("{expected:?}"), || {
        let said = host.exec(&["muster", "history", "--json"])?;
        ensure!(said.code == 0, "{said:?}");
        let words = words(&said.text)?;
        ensure!(words == expected, "{words:?}\n{}", host.log_tail());
        Ok(())
    })
}

fn every_start_and_every_end_of_a_node_is_a_line(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world)?;
    let (seed, node, other) = (cluster.seed()?, cluster.host("fe2")?, cluster.host("fe3")?);
    has(seed, &["started", "founded"])?;
    let mut expected = vec!["started", "joined"];
    has(node, &expected)?;

    ensure!(node.stop()? == 0, "{}", node.log_tail());
    node.start()?;
    expected.extend(["stopped", "started"]);
    has(node, &expected)?;
    node.says(PATIENCE, "is alive in cluster")?;

    node.signal_children(Signal::SIGKILL)?;
    ensure!(node.exit(PATIENCE)? == 137, "{}", node.log_tail());
    node.start()?;
    expected.extend(["ended", "started"]);
    has(node, &expected)?;
    node.says(PATIENCE, "engine started")?;

    // The host goes down: nobody is left to write it.
    node.kill9()?;
    node.start()?;
    expected.extend(["no-end", "started"]);
    has(node, &expected)?;
    node.says(PATIENCE, "engine started")?;
    ensure!(node.stop()? == 0, "{}", node.log_tail());

    for (name, value) in [("EDIT_LOG_PORT", "90x0"), ("LOCAL_HOST", "203.0.113.9")] {
        let before = node.variable(name).unwrap_or_default();
        node.set(name, value).start()?;
        ensure!(node.exit(PATIENCE)? == 78, "{}", node.log_tail());
        node.set(name, &before);
    }
    expected.extend(["stopped", "refused", "refused"]);
    // With the volumes of a node that is stopped.
    node.start_program(&[
        "sh",
        "-c",
        "muster history; muster history --json -n 3 >/opt/last",
    ])?;
    ensure!(node.exit(PATIENCE)? == 0, "{}", node.log_tail());
    let table = node.last_log();
    for word in [
        "T",
        "Z  stopped  on request, in ",
        "137 after ",
        "no end: it was killed, or the host went down",
        "78: ",
        "EDIT_LOG_PORT: `90x0`",
    ] {
        let joined = table.split_whitespace().collect::<Vec<_>>().join(" ");
        let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(joined.contains(&word), "{word}: {table}");
    }
    let wide = table.lines().find(|line| line.chars().count() > 80);
    ensure!(wide.is_none(), "{table}");
    let last = std::fs::read_to_string(node.on_disk(Path::new("/opt/last")))?;
    ensure!(words(&last)? == ["stopped", "refused", "refused"], "{last}");

    node.start()?;
    expected.push("started");
    has(node, &expected)?;
    node.says(PATIENCE, "is alive in cluster")?;
    // Four ends within the hour that nobody asked for, two of them refusals.
    eventually(PATIENCE, "a crash loop", || {
        let said = node.exec(&["muster", "status"])?;
        let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(
            said.code == 1 && text.contains("did not stay up 4 times within an hour"),
            "{said:?}"
        );
        Ok(())
    })?;

    let drop = format!("ALTER SYSTEM DROP FOLLOWER \"{}:9010\"", other.address());
    cluster.leader()?.sql(&drop)?;
    if world.engine().outcasts_end {
        ensure!(other.exit(PATIENCE)? == 255, "{}", other.log_tail());
        ensure!(other.start_program(&["muster", "history", "--json"]).is_ok() && other.exit(PATIENCE)? == 0);
        let words = words(&other.last_log())?;
        ensure!(
            words.ends_with(&["ended".to_owned(), "dropped".to_owned()]),
            "{words:?}"
        );
    } else {
        has(other, &["started", "joined", "dropped"])?;
    }
    Ok(())
}

fn a_history_that_cannot_be_written_holds_nothing_up(world: &World) -> anyhow::Result<()> {
    let cluster = cluster(world)?;
    let node = cluster.host("fe2")?;
    let file = node.on_disk(Path::new(STATE)).join("muster-fe.history");
    ensure!(node.stop()? == 0, "{}", node.log_tail());
    std::fs::remove_file(&file)?;
    // Neither a file nor anything that ends to be read.
    nix::unistd::mkfifo(
        &file,
        nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR,
    )?;
    node.start()?;
    node.says(PATIENCE, "is alive in cluster")?;
    let said = node.exec(&["muster", "history"])?;
    ensure!(
        said.code == 0 && said.text.starts_with("no event of this FE"),
        "{said:?}"
    );
    ensure!(node.stop()? == 0, "{}", node.log_tail());
    ensure!(!std::fs::symlink_metadata(&file)?.is_file(), "it was replaced");
    // Lost with its directory, it begins anew.
    std::fs::remove_file(&file)?;
    node.start()?;
    has(node, &["started"])
}
