//! `muster history` over the life of a node: each start, and each end with its reason. `muster report`: all of it, and no secret.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};
use nix::sys::signal::Signal;

for_each_engine! {
    every_start_and_every_end_of_a_node_is_a_line: both,
    a_history_that_cannot_be_written_holds_nothing_up,
    a_report_holds_no_secret_whether_the_node_runs_or_not,
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
    ensure!(
        json.get("muster").and_then(serde_json::Value::as_u64) == Some(1),
        "{json}"
    );
    let events = json
        .get("events")
        .and_then(serde_json::Value::as_array)
        .context("no events")?;
    let words = events.iter().filter_map(|event| event.get("event")?.as_str());
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
    for part in [
        "T",
        "Z  stopped  on request, in ",
        "137 after ",
        "no end: it was killed, or the host went down",
        "78: ",
        "EDIT_LOG_PORT: `90x0`",
    ] {
        let joined = table.split_whitespace().collect::<Vec<_>>().join(" ");
        let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(joined.contains(&part), "{part}: {table}");
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

/// A part of every secret below, and of nothing else.
const CANARY: &str = "canary";
/// Lines as engines log them.
const LOGGED: &str = "\
2026-11-30 21:00:00 INFO stmt: CREATE USER 'u' IDENTIFIED BY 'canary-1'
2026-11-30 21:00:00 INFO stmt: SET PASSWORD FOR 'root'@'%' = PASSWORD('canary-2')
2026-11-30 21:00:00 INFO load from http://root:canary-3@10.0.0.1:8030/api/db/t/_load?token=canary-4
2026-11-30 21:00:00 INFO resource (\"user\" = \"u\", \"password\" = \"canary-5\", \"s3.secret_key\"='canary-6')
2026-11-30 21:00:00 INFO call: mysql -h 10.0.0.1 -uroot -pcanary-7 -e 'SHOW FRONTENDS'
2026-11-30 21:00:00 INFO ALTER USER u
IDENTIFIED BY
'canary-8'
2026-11-30 21:00:00 INFO Authorization: Basic canary-9==
2026-11-30 21:00:00 INFO told canary-14 in words of its own
2026-11-30 21:00:00 INFO the last line
";
/// Lines of a conf file.
const CONF: &str = "
# password = canary-10
aws_s3_access_key = canary-11
some_endpoint = canary-12
jdbc_url = \"a \\
  canary-13\"
";

/// Checks a report on the disk of a host, and returns the names of its files.
fn holds_no_secret(host: &Host, path: &str) -> anyhow::Result<Vec<String>> {
    let file = host.on_disk(Path::new(path));
    let bytes = std::fs::read(&file)?;
    ensure!(bytes.len() <= 5 << 20, "{} bytes", bytes.len());
    // A tar has its texts as they are.
    let text = String::from_utf8_lossy(&bytes);
    let secret = text.lines().find(|line| line.contains(CANARY));
    ensure!(secret.is_none(), "{secret:?}");
    ensure!(text.contains("the last line"), "the log is not in it");
    let listed = std::process::Command::new("tar").arg("tf").arg(&file).output()?;
    ensure!(listed.status.success(), "{listed:?}");
    let names = String::from_utf8(listed.stdout)?;
    Ok(names.lines().map(str::to_owned).collect())
}

fn a_report_holds_no_secret_whether_the_node_runs_or_not(world: &World) -> anyhow::Result<()> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 1, &fe, 0, None)?;
    let node = cluster.seed()?;
    node.set("GUARD_TIME", "3s")
        .set("STATE_DIR", STATE)
        .set("CLUSTER_PASSWORD", "canary-14")
        .set("FE_CONF__aws_s3_secret_key", "canary-15")
        .set("FE_CONF__some_url", "http://u:canary-16@h/")
        .set("KAFKA_SASL", "canary-17")
        .set("APP_DSN", "u:canary-18@tcp(h)/");
    let conf = node.home().join("conf/fe.conf");
    std::fs::write(&conf, std::fs::read_to_string(&conf)? + CONF)?;
    node.start()?;
    node.says(PATIENCE, "engine started")?;
    eventually(PATIENCE, "an engine that serves", || {
        let said = node.exec(&["muster", "health"])?;
        ensure!(said.code == 0, "{said:?}");
        Ok(())
    })?;
    for log in [node.home().join("log/fe.log"), node.data().join("bdb/je.info.0")] {
        let before = std::fs::read_to_string(&log).unwrap_or_default();
        std::fs::create_dir_all(log.parent().context("a file")?)?;
        std::fs::write(&log, before + LOGGED)?;
    }
    // In the command line of a process.
    node.exec(&["sh", "-c", "sh -c 'sleep 1000; :' canary-19 >/dev/null 2>&1 &"])?;
    let terminal = node.exec(&["script", "-qec", "muster report", "/dev/null"])?;
    ensure!(
        terminal.code == 73 && terminal.text.contains("stdout is a terminal"),
        "{terminal:?}"
    );
    let running = node.exec(&["sh", "-c", "muster report >/opt/running.tar"])?;
    ensure!(running.code == 0 && !running.text.contains(CANARY), "{running:?}");
    let names = holds_no_secret(node, "/opt/running.tar")?;
    for part in [
        "version.txt",
        "environment.txt",
        "explain.txt",
        "explain.json",
        "status.txt",
        "status.json",
        "doctor.txt",
        "doctor.json",
        "history.json",
        "record.json",
        "record-data.json",
        "conf/fe.conf",
        "logs/fe.log",
        "logs/je.info.0",
        "kernel.txt",
        "limits.txt",
        "mounts.txt",
        "container.txt",
        "processes.txt",
    ] {
        let name = format!("muster-report/{part}");
        ensure!(names.contains(&name), "{part}: {names:?}");
    }
    node.kill9()?;
    // The volumes alone, and nobody answers.
    node.start_program(&["muster", "report", "--out", "/opt/stopped.tar"])?;
    ensure!(node.exit(PATIENCE)? == 0, "{}", node.log_tail());
    let names = holds_no_secret(node, "/opt/stopped.tar")?;
    for part in [
        "explain.txt",
        "status.json",
        "history.json",
        "record.json",
        "logs/fe.log",
    ] {
        let name = format!("muster-report/{part}");
        ensure!(names.contains(&name), "{part}: {names:?}");
    }
    ensure!(!node.last_log().contains(CANARY), "{}", node.last_log());
    // Without a variable it is the record that names the cluster.
    for name in ["MASTER_HOST", "LOCAL_HOST", "FE_CONF__aws_s3_secret_key"] {
        node.set(name, "");
    }
    node.start_program(&["muster", "report", "--out", "/opt/bare.tar"])?;
    ensure!(node.exit(PATIENCE)? == 0, "{}", node.log_tail());
    let names = holds_no_secret(node, "/opt/bare.tar")?;
    ensure!(
        names.contains(&"muster-report/status.json".to_owned()),
        "{names:?}"
    );
    Ok(())
}
