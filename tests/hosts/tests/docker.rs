//! What muster promises in real containers, with the stand-in engine: the release as it is shipped, Docker's own
//! names, health, stops and mounts.
//!
//! Engine seconds pass at a tenth of their length and heartbeats come each second, so the guard time may be three.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::docker::{Compose, Container, Docker, Network, readme_blocks};
use hosts::{Component, Row, eventually};

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

const META: &str = "/opt/starrocks/fe/meta";
const CONF: &str = "/opt/starrocks/fe/conf";

/// What `docker create` is given for a node: its address, whom it asks, and to look at its health often.
struct Node<'n> {
    network: &'n Network,
    component: Component,
    last: u8,
    image: String,
}

impl<'n> Node<'n> {
    fn new(
        docker: &Docker,
        network: &'n Network,
        component: Component,
        last: u8,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            network,
            component,
            last,
            image: docker.images().of(component)?,
        })
    }

    fn create(&self, docker: &Docker, options: &[&str]) -> anyhow::Result<Container> {
        let name = format!("{}{}", self.component.id(), self.last);
        let address = self.network.address(self.last).to_string();
        let master = format!("MASTER_HOST={}", self.network.address(11));
        let local = format!("LOCAL_HOST={address}");
        let mut all = vec!["--network", self.network.name(), "--ip", &address];
        all.extend(["--env", &master, "--env", &local, "--env", "GUARD_TIME=3s"]);
        all.extend(["--health-interval", "1s"]);
        all.extend(options);
        all.push(&self.image);
        docker.container(&name, &all)
    }

    fn start(&self, docker: &Docker, options: &[&str]) -> anyhow::Result<Container> {
        let container = self.create(docker, options)?;
        container.start()?;
        Ok(container)
    }
}

/// A seed alone, healthy.
fn seed(docker: &Docker, network: &Network, options: &[&str]) -> anyhow::Result<Container> {
    let seed = Node::new(docker, network, Component::Fe, 11)?.start(docker, options)?;
    seed.becomes_healthy(PATIENCE)?;
    Ok(seed)
}

/// Waits until an FE shows these nodes, each once and Alive, and nobody else; says the id of the cluster.
fn shows(fe: &Container, statement: &str, nodes: &[String]) -> anyhow::Result<String> {
    let mut expected: Vec<&str> = nodes.iter().map(String::as_str).collect();
    expected.sort_unstable();
    eventually(PATIENCE, &format!("{statement} with {expected:?}"), || {
        let rows = fe.sql(statement)?;
        let mut hosts: Vec<&str> = rows.iter().map(|row| row.get("IP")).collect();
        hosts.sort_unstable();
        ensure!(
            hosts == expected && rows.iter().all(|row| row.is("Alive", "true")),
            "{rows:?}"
        );
        Ok(rows.first().map(|row| row.get("ClusterId").to_owned()).unwrap_or_default())
    })
}

fn one_line(output: &hosts::Output, code: i32) -> anyhow::Result<()> {
    ensure!(output.code == code && output.text.lines().count() == 1, "{output:?}");
    Ok(())
}

#[test]
fn the_release_needs_nothing_in_the_image() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let image = docker.images().alone()?;
        let version = docker.once(&[&image, "--version"])?;
        one_line(&version, 0)?;
        ensure!(version.text.starts_with("muster "), "{version:?}");
        let help = docker.once(&[&image, "--help"])?;
        ensure!(help.code == 0 && help.text.contains("Exit codes:"), "{help:?}");
        // No engine: a sentence, and what to do about it.
        let two = ["--env", "MASTER_HOST=198.18.0.2", "--env", "LOCAL_HOST=198.18.0.3"];
        let run = docker.once(&[&two[..], &[&image, "run"]].concat())?;
        ensure!(run.code == 127, "{run:?}");
        ensure!(run.text.contains("no engine is installed here"), "{run:?}");
        let health = docker.once(&[&two[..], &[&image, "health"]].concat())?;
        one_line(&health, 1)
    })
}

/// What a container needs before an engine is started: its files, which are read, and a start script, which is not run.
fn home_of_a_backend(docker: &Docker, script: &str) -> anyhow::Result<String> {
    let context = docker.dir().join("backend");
    let home = docker.images().engine(Component::Be, &context)?;
    fs::write(home.join("bin/start_be.sh"), script)?;
    fs::remove_file(home.join("lib/starrocks_be"))?;
    fs::write(home.join("lib/starrocks_be"), "")?;
    let lines = format!("FROM {}\nCOPY be /opt/starrocks/be\nCMD [\"run\"]\n", docker.images().alone()?);
    docker.build("backend", &lines, &context)
}

/// A static program finds no file about names in such an image, and needs none: Docker's resolver is asked.
#[test]
fn names_of_a_network_are_known_in_an_image_with_nothing_in_it() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let fe = docker.images().of(Component::Fe)?;
        let image = home_of_a_backend(docker, "#!/bin/bash\n")?;
        let named = |name: &str, image: &str, options: &[&str]| {
            let local = format!("LOCAL_HOST={name}");
            let mut all = vec!["--network", network.name(), "--network-alias", name, "--hostname", name];
            all.extend(["--env", "MASTER_HOST=leader", "--env", &local, "--env", "GUARD_TIME=3s"]);
            all.extend(options);
            all.push(image);
            docker.container(name, &all)
        };
        // Nobody has that name yet: it is said, and waited for.
        let backend = named("worker", &image, &[])?;
        backend.start()?;
        backend.says(PATIENCE, "leader")?;
        ensure!(backend.look("{{.State.Running}}")? == "true");
        let leader = named("leader", &fe, &["--health-interval", "1s"])?;
        leader.start()?;
        leader.becomes_healthy(PATIENCE)?;
        // It is registered under its name; then there is no bash to start the engine with, and that is said.
        let code = backend.exit(PATIENCE)?;
        let log = backend.log()?;
        ensure!(code == 127 && log.contains("/bin/bash"), "{code}\n{log}");
        let rows = leader.sql("SHOW BACKENDS")?;
        let hosts: Vec<&str> = rows.iter().map(|row| row.get("IP")).collect();
        ensure!(hosts == ["worker"], "{rows:?}");
        let frontends = leader.sql("SHOW FRONTENDS")?;
        let hosts: Vec<&str> = frontends.iter().map(|row| row.get("IP")).collect();
        ensure!(hosts == ["leader"], "{frontends:?}");
        Ok(())
    })
}

/// The README cannot rot: its lines for a Dockerfile are the image, its yaml is each host's part of the project.
#[test]
fn the_lines_of_the_readme_make_a_healthy_cluster() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let hosts = [
            ("fe1", Component::Fe, 11),
            ("fe2", Component::Fe, 12),
            ("be1", Component::Be, 21),
        ];
        let compose = Compose::new(docker, &network, &hosts, |_, text| text)?;
        compose.up(&[])?;
        let containers = hosts
            .iter()
            .map(|(name, ..)| compose.container(name))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for container in &containers {
            container.becomes_healthy(PATIENCE)?;
            let deep = eventually(PATIENCE, "alive in the cluster", || {
                let deep = container.exec(&["muster", "health", "--deep"])?;
                one_line(&deep, 0)?;
                Ok(deep.text)
            })?;
            ensure!(deep.contains("is alive in cluster"), "{deep}");
        }
        let [fe1, fe2, be1] = hosts.map(|(_, _, last)| network.address(last).to_string());
        for fe in &containers[..2] {
            shows(fe, "SHOW FRONTENDS", &[fe1.clone(), fe2.clone()])?;
            shows(fe, "SHOW BACKENDS", &[be1.clone()])?;
        }
        let ended = compose.call(&["stop"])?;
        for container in &containers {
            ensure!(container.exit(PATIENCE)? == 0, "{ended}");
        }
        Ok(())
    })
}
