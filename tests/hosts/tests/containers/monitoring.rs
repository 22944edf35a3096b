//! compose/monitoring.yaml as it is beside a cluster, with Debian's Prometheus in the place of the one that a registry has.

#![expect(clippy::indexing_slicing, reason = "a key that an answer has not is null")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::docker::{Compose, Docker};
use hosts::{Component, eventually};
use serde_json::Value;

/// How long anything may take: an alert that waits for a minute, and two minutes for a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Asks Prometheus; `data` of its answer.
fn ask(at: IpAddr, path: &str) -> anyhow::Result<Value> {
    let mut stream = TcpStream::connect((at, 9090))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET /api/v1/{path} HTTP/1.0\r\nHost: prometheus\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (_, body) = text.split_once("\r\n\r\n").context("no body")?;
    let answer: Value = serde_json::from_str(body).with_context(|| text.clone())?;
    ensure!(answer["status"] == "success", "{answer}");
    Ok(answer["data"].clone())
}

/// The health of each target, by its group and its host; of serve itself by its job.
fn targets(at: IpAddr) -> anyhow::Result<BTreeMap<String, String>> {
    let data = ask(at, "targets?state=active")?;
    let targets = data["activeTargets"].as_array().context("no targets")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = targets.iter().map(|target| {
        let labels = &target["labels"];
        let name = match text(&labels["group"]) {
            group if group.is_empty() => text(&labels["job"]),
            group => format!("{group} {}", text(&labels["host"])),
        };
        (name, text(&target["health"]))
    });
    Ok(named.collect())
}

fn alerts_in_files() -> anyhow::Result<usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let dir = root.context("a workspace")?.join("contrib/prometheus/rules");
    let mut count = 0;
    for entry in fs::read_dir(dir)? {
        count += fs::read_to_string(entry?.path())?.matches("- alert: ").count();
    }
    Ok(count)
}

/// The file, for a cluster on that Docker network; where Prometheus is.
fn started(docker: &Docker, network: &str, masters: &str, image: &str) -> anyhow::Result<IpAddr> {
    let monitoring = Compose::new(docker, &["compose/monitoring.yaml"])
        .set("NETWORK", network)
        .set("MASTER_HOST", masters)
        .set("MUSTER_IMAGE", image)
        .set("PROMETHEUS_IMAGE", docker.images().vendor("prometheus")?)
        // For this test, which is outside.
        .set("PROMETHEUS_LISTEN", "0.0.0.0:9090");
    monitoring.up(&[])?;
    Ok(IpAddr::V4(monitoring.container("muster")?.address()?))
}

/// Waits until just these nodes, and serve, are targets that are up.
fn are_up(at: IpAddr, nodes: &[&str]) -> anyhow::Result<()> {
    let wanted: BTreeMap<String, String> = names(nodes).map(|name| (name, "up".to_owned())).collect();
    eventually(PATIENCE, "every node is a target that is up", || {
        let found = targets(at)?;
        ensure!(found == wanted, "{found:?}");
        Ok(())
    })
}

fn names(nodes: &[&str]) -> impl Iterator<Item = String> {
    nodes.iter().chain(&["muster"]).map(|name| (*name).to_owned())
}

#[test]
#[ignore = "nightly: an alert waits for a minute"]
fn prometheus_finds_every_node_by_itself_and_keeps_them_all_while_there_is_no_leader() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let fe = docker.images().of(Component::Fe)?;
        let address = network.address(0).to_string();
        let (net, _) = address.rsplit_once('.').context("an address")?;
        let cluster = Compose::new(docker, &["tests/hosts/compose/names.yaml"])
            .set("FE_IMAGE", &fe)
            .set("BE_IMAGE", docker.images().of(Component::Be)?)
            .set("NETWORK", network.name())
            .set("NET", net)
            .set("TENS", 1);
        cluster.up(&[])?;
        for name in ["fe1", "fe2", "fe3", "be1"] {
            cluster.container(name)?.becomes_healthy(PATIENCE)?;
        }
        let at = started(docker, network.name(), "fe1,fe2", &fe)?;
        let nodes = ["fe fe1", "fe fe2", "fe fe3", "be be1"];
        are_up(at, &nodes)?;
        let groups = ask(at, "rules")?;
        let rules: Vec<&Value> = groups["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|group| group["rules"].as_array().into_iter().flatten())
            .collect();
        ensure!(rules.len() == alerts_in_files()?, "{} rules", rules.len());
        ensure!(rules.iter().all(|rule| rule["health"] != "err"), "{rules:?}");

        // Two of three FEs: the third cannot lead, and nobody can be asked for a list.
        for name in ["fe2", "fe3"] {
            cluster.container(name)?.kill()?;
        }
        eventually(PATIENCE, "the alert that there is no leader fires", || {
            let data = ask(at, "alerts")?;
            let fires = |alert: &Value| {
                alert["labels"]["alertname"] == "MusterNoLeader" && alert["state"] == "firing"
            };
            let firing = data["alerts"].as_array().is_some_and(|all| all.iter().any(fires));
            ensure!(firing, "{data}");
            Ok(())
        })?;
        // Once a minute the list is fetched anew, so it was meanwhile.
        let found = targets(at)?;
        ensure!(
            found.keys().cloned().eq(names(&nodes).collect::<BTreeSet<_>>()),
            "{found:?}"
        );
        ensure!(
            ["fe fe2", "fe fe3"].iter().all(|name| found[*name] == "down"),
            "{found:?}"
        );
        Ok(())
    })
}

#[test]
#[ignore = "nightly: the whole cluster of Doris once more"]
fn prometheus_finds_the_nodes_of_doris_too_and_hears_of_its_broker_from_muster() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let images = docker.images();
        let fe = images.doris("fe")?;
        let cluster = Compose::new(docker, &["compose/doris-3x3/compose.yaml"])
            .set("FE_IMAGE", &fe)
            .set("BE_IMAGE", images.doris("be")?)
            // Any port of this host.
            .set("FE_PORT", 0);
        cluster.up(&[])?;
        for name in ["fe1", "fe2", "fe3", "be1", "be2", "be3"] {
            cluster.container(name)?.becomes_healthy(PATIENCE)?;
        }
        let network = format!("{}_default", docker.prefix());
        let image = images.doris("broker")?;
        let options = [
            "--network",
            &network,
            "--network-alias",
            "broker1",
            "--hostname",
            "broker1",
        ];
        let settings = ["--env", "MASTER_HOST=fe1", "--env", "LOCAL_HOST=broker1", &image];
        let broker = docker.container("broker1", &[&options[..], &settings].concat())?;
        broker.start()?;
        broker.becomes_healthy(PATIENCE)?;

        let at = started(docker, &network, "fe1", &fe)?;
        are_up(at, &["fe fe1", "fe fe2", "fe fe3", "be be1", "be be2", "be be3"])?;
        eventually(PATIENCE, "the broker is alive", || {
            let data = ask(at, "query?query=muster_node_alive%7Bkind=%22broker%22%7D")?;
            let series = &data["result"][0];
            ensure!(
                series["metric"]["host"] == "broker1" && series["value"][1] == "1",
                "{data}"
            );
            Ok(())
        })
    })
}
