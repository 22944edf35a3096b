//! docker/ and compose/ as a user copies them. The base image is an argument, and nothing else is changed.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use hosts::docker::{Compose, Container, Docker, Network, Version};
use hosts::{Component, eventually};

use super::{PATIENCE, shows};

/// The first three numbers of a network's addresses.
fn net(network: &Network) -> String {
    let address = network.address(0).to_string();
    address
        .rsplit_once('.')
        .map(|(net, _)| net.to_owned())
        .unwrap_or_default()
}

/// A node of an image, called after the last number of its address; the seed is number 11.
fn node(
    docker: &Docker,
    network: &Network,
    image: &str,
    last: u8,
    options: &[&str],
) -> anyhow::Result<Container> {
    let address = network.address(last).to_string();
    let master = format!("MASTER_HOST={}", network.address(11));
    let local = format!("LOCAL_HOST={address}");
    let mut all = vec!["--network", network.name(), "--ip", &address];
    all.extend(["--env", &master, "--env", &local, "--env", "GUARD_TIME=3s"]);
    all.extend(options);
    all.push(image);
    let container = docker.container(&format!("node{last}"), &all)?;
    container.start()?;
    Ok(container)
}

#[test]
fn every_dockerfile_makes_a_member_of_the_vendors_image() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let images = docker.images();
        let nodes = [
            (images.from("fe", "fe-ubuntu")?, 11, "fe"),
            (images.from("fe", "fe-bare")?, 12, "fe"),
            (images.from("allin1", "allin1-ubuntu")?, 13, "fe"),
            (images.from("be", "be-ubuntu")?, 21, "be"),
            (images.from("allin1", "allin1-ubuntu")?, 22, "be"),
            (images.from("cn", "cn-ubuntu")?, 31, "cn"),
            (images.from("allin1", "allin1-ubuntu")?, 41, "broker"),
        ];
        let mut started = Vec::new();
        for (image, last, component) in &nodes {
            let said = format!("COMPONENT={component}");
            // Only where the image holds several, and does not say itself which one it is.
            let options: &[&str] = if image.contains("allin1") {
                &["--env", &said]
            } else {
                &[]
            };
            started.push(node(docker, &network, image, *last, options)?);
        }
        for container in &started {
            container.becomes_healthy(PATIENCE)?;
        }
        let hosts = |numbers: &[u8]| -> Vec<String> {
            numbers
                .iter()
                .map(|last| network.address(*last).to_string())
                .collect()
        };
        let seed = started.first().context("the nodes")?;
        shows(seed, "SHOW FRONTENDS", &hosts(&[11, 12, 13]))?;
        shows(seed, "SHOW BACKENDS", &hosts(&[21, 22]))?;
        shows(seed, "SHOW COMPUTE NODES", &hosts(&[31]))?;
        shows(seed, "SHOW BROKER", &hosts(&[41]))?;
        for container in started.iter().rev() {
            let code = container.stop()?;
            ensure!(code == 0, "{} ended with {code}", container.name());
        }
        Ok(())
    })
}

/// One file, and what Docker has to be told about it.
#[test]
fn a_dockerfile_adds_one_file_and_says_how_to_start_stop_and_look_at_it() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let images = docker.images();
        let base = images.vendor("fe-ubuntu")?;
        let ours = images.from("fe", "fe-ubuntu")?;
        let look = |image: &str, format: &str| docker.look(image, format);
        ensure!(look(&ours, "{{json .Config.Entrypoint}}")? == r#"["muster","run"]"#);
        ensure!(look(&ours, "{{json .Config.Cmd}}")? == "null");
        ensure!(look(&ours, "{{json .Config.Healthcheck.Test}}")? == r#"["CMD","muster","health"]"#);
        ensure!(look(&ours, "{{.Config.StopSignal}}")? == "SIGTERM");
        for same in [
            "{{json .Config.User}}",
            "{{.Config.WorkingDir}}",
            "{{json .Config.Env}}",
        ] {
            ensure!(
                look(&ours, same)? == look(&base, same)?,
                "{same} is not the vendor's"
            );
        }
        let size = |image: &str| -> anyhow::Result<u64> { Ok(look(image, "{{.Size}}")?.parse()?) };
        let added = size(&ours)? - size(&base)?;
        let file = std::fs::metadata(images.muster())?.len();
        ensure!(added == file, "{added} bytes were added, and muster has {file}");
        Ok(())
    })
}

#[test]
fn three_and_three_on_one_host_are_a_cluster_that_heals_when_its_leader_was_unplugged() -> anyhow::Result<()>
{
    Docker::test(|docker| {
        // Its addresses are free, and the file makes a network of them.
        let network = docker.network()?;
        let compose = Compose::new(docker, &["compose/one-host-3x3/compose.yaml"])
            .set("FE_IMAGE", docker.images().of(Component::Fe)?)
            .set("BE_IMAGE", docker.images().of(Component::Be)?)
            .set("NET", net(&network));
        network.remove()?;
        let begun = Instant::now();
        compose.up(&[])?;
        let names = ["fe1", "fe2", "fe3", "be1", "be2", "be3"];
        let containers = names
            .iter()
            .map(|name| compose.container(name))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for container in &containers {
            container.becomes_healthy(PATIENCE)?;
        }
        say(&format!(
            "3 + 3 on one host, compose up until healthy: {:.1} s",
            begun.elapsed().as_secs_f32()
        ));
        let hosts =
            |tens: u8| -> Vec<String> { (1..=3).map(|n| network.address(tens + n).to_string()).collect() };
        let whole = |fe: &Container| -> anyhow::Result<String> {
            shows(fe, "SHOW BACKENDS", &hosts(20))?;
            shows(fe, "SHOW FRONTENDS", &hosts(10))
        };
        let [fe1, fe2, ..] = containers.as_slice() else {
            anyhow::bail!("six containers")
        };
        let id = whole(fe2)?;

        let rows = fe2.sql("SHOW FRONTENDS")?;
        let leads = rows
            .iter()
            .find(|row| row.is("Role", "LEADER"))
            .context("a leader")?
            .get("IP")
            .to_owned();
        let leader = (1..=3)
            .find(|n| network.address(10 + n).to_string() == leads)
            .context("one of three")?;
        let unplugged = compose.container(&format!("fe{leader}"))?;
        let plug = format!("{}_starrocks", docker.prefix());
        docker.call(&["network", "disconnect", &plug, unplugged.name()])?;
        let other = if leader == 1 { fe2 } else { fe1 };
        eventually(PATIENCE, "another leader", || {
            let rows = other.sql("SHOW FRONTENDS")?;
            let leads = rows
                .iter()
                .any(|row| row.is("Role", "LEADER") && row.get("IP") != leads);
            ensure!(leads, "{rows:?}");
            Ok(())
        })?;
        docker.call(&["network", "connect", "--ip", &leads, &plug, unplugged.name()])?;
        for container in &containers {
            container.becomes_healthy(PATIENCE)?;
            ensure!(whole(other)? == id);
        }
        let begun = Instant::now();
        compose.call(&["stop"])?;
        say(&format!(
            "compose stop of all six: {:.1} s",
            begun.elapsed().as_secs_f32()
        ));
        for container in &containers {
            let code = container.exit(PATIENCE)?;
            ensure!(code == 0, "{} ended with {code}", container.name());
        }
        Ok(())
    })
}

#[test]
fn up_wait_returns_when_all_are_healthy() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let compose = Compose::new(docker, &["compose/one-host-3x3/compose.yaml"])
            .set("FE_IMAGE", docker.images().of(Component::Fe)?)
            .set("BE_IMAGE", docker.images().of(Component::Be)?)
            .set("NET", net(&network))
            // Version 1 has no `--wait`.
            .by(Version::Two);
        network.remove()?;
        compose.up(&["--wait", "fe1", "be1"])?;
        for name in ["fe1", "be1"] {
            let health = compose.container(name)?.look("{{.State.Health.Status}}")?;
            ensure!(health == "healthy", "{name} is {health}");
        }
        Ok(())
    })
}

#[test]
fn no_build_without_the_binary_beside_it_says_so() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let folder = docker.dir().join("starrocks-ha");
        std::fs::create_dir(&folder)?;
        let file = |name: &str| folder.join(name).display().to_string();
        for name in ["compose.yaml", "no-build.yaml", "app.env"] {
            let from = concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose/starrocks-ha");
            std::fs::copy(Path::new(from).join(name), folder.join(name))?;
        }
        let binary = folder.join("muster");
        for version in [Version::Installed, Version::Two] {
            let compose = Compose::new(docker, &[&file("compose.yaml"), &file("no-build.yaml")])
                .by(version)
                .set("FE_IMAGE", docker.images().vendor("fe-bare")?);
            let said = compose.try_call(&["up", "--detach", "starrocks-fe"])?;
            let missing = format!("path does not exist: {}", binary.display());
            ensure!(
                said.code != 0 && said.text.contains(&missing),
                "{version:?}: {said:?}"
            );
            ensure!(!binary.exists(), "{version:?} made it");

            // As a version does that makes a directory for what is missing.
            std::fs::create_dir(&binary)?;
            compose.up(&["starrocks-fe"])?;
            compose
                .container("starrocks-fe")?
                .says(PATIENCE, "there is no file `muster` beside no-build.yaml")?;
            compose.call(&["down", "--volumes"])?;
            std::fs::remove_dir(&binary)?;
        }
        Ok(())
    })
}

#[expect(
    clippy::print_stdout,
    reason = "a figure for whoever runs it with --nocapture"
)]
fn say(text: &str) {
    println!("{text}");
}
