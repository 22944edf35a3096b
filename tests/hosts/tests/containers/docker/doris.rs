//! docker/doris/ and compose/doris-3x3/ as a user copies them. The base image is an argument, and nothing else is changed.

use anyhow::{Context, ensure};
use hosts::docker::{Compose, Container, Docker};
use hosts::eventually;

use super::{PATIENCE, shows};

/// Every image of Doris: three FEs and three BEs by name, SQL that is run once, a broker, and a compute node beside them.
#[test]
fn three_and_three_of_doris_a_broker_and_a_compute_node_are_one_cluster_whose_sql_is_run_once()
-> anyhow::Result<()> {
    Docker::test(|docker| {
        let images = docker.images();
        let be = images.doris("be")?;
        let compose = Compose::new(docker, &["compose/doris-3x3/compose.yaml"])
            .set("FE_IMAGE", images.doris("fe")?)
            .set("BE_IMAGE", &be)
            // Any port of this host.
            .set("FE_PORT", 0);
        compose.up(&[])?;
        let names = ["fe1", "fe2", "fe3", "be1", "be2", "be3"];
        let containers = names
            .iter()
            .map(|name| compose.container(name))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for container in &containers {
            container.becomes_healthy(PATIENCE)?;
        }
        let [fe1, fe2, ..] = containers.as_slice() else {
            anyhow::bail!("six containers")
        };
        let hosts = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        let id = shows(fe2, "SHOW FRONTENDS", &hosts(&names[..3]))?;
        shows(fe2, "SHOW BACKENDS", &hosts(&names[3..]))?;
        fe1.says(PATIENCE, "01-demo.sql")?;

        let network = format!("{}_default", docker.prefix());
        let other = |host: &str, image: &str, more: &[&str]| -> anyhow::Result<Container> {
            let local = format!("LOCAL_HOST={host}");
            let mut options = vec!["--network", &network, "--network-alias", host, "--hostname", host];
            options.extend(["--env", "MASTER_HOST=fe1", "--env", &local]);
            options.extend(more);
            options.push(image);
            let container = docker.container(host, &options)?;
            container.start()?;
            Ok(container)
        };
        let broker = other(
            "broker1",
            &images.doris("broker")?,
            &["--env", "BROKER_NAME=hdfs"],
        )?;
        let compute = other("cn1", &be, &["--env", "COMPONENT=cn"])?;
        for container in [&broker, &compute] {
            container.becomes_healthy(PATIENCE)?;
        }
        shows(fe2, "SHOW BACKENDS", &hosts(&["be1", "be2", "be3", "cn1"]))?;
        let alive = || -> anyhow::Result<()> {
            let rows = fe2.sql("SHOW BROKER")?;
            let row = rows.first().context("no broker")?;
            ensure!(
                rows.len() == 1
                    && row.is("Name", "hdfs")
                    && row.is("Host", "broker1")
                    && row.is("Alive", "true"),
                "{rows:?}"
            );
            Ok(())
        };
        eventually(PATIENCE, "the broker Alive", alive)?;

        for container in [broker, compute] {
            let code = container.stop()?;
            ensure!(code == 0, "{} ended with {code}", container.name());
            container.remove()?;
        }

        // New containers with the old volumes: the same members, and nothing is run again.
        compose.call(&["down"])?;
        compose.up(&[])?;
        let fe1 = compose.container("fe1")?;
        for name in names {
            compose.container(name)?.becomes_healthy(PATIENCE)?;
        }
        ensure!(shows(&fe1, "SHOW FRONTENDS", &hosts(&names[..3]))? == id);
        ensure!(!fe1.log()?.contains("01-demo.sql"), "{}", fe1.log()?);
        compose.call(&["stop"])?;
        for name in names {
            let code = compose.container(name)?.exit(PATIENCE)?;
            ensure!(code == 0, "{name} ended with {code}");
        }
        Ok(())
    })
}
