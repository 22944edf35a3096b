//! Compose files that were written for others: only the image changes. tests/hosts/compose/ has them.
//!
//! Engine seconds pass at a tenth of their length and heartbeats come each second; the guard is the eleven seconds a user has.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::docker::{Compose, Container, Docker, Machines};
use hosts::{Component, Row, eventually, query, this_test};

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until a list has these hosts, each once and Alive, and nobody else.
fn shows(list: impl Fn() -> anyhow::Result<Vec<Row>>, expected: &[&str]) -> anyhow::Result<Vec<Row>> {
    eventually(PATIENCE, &format!("{expected:?}, each once and alive"), || {
        let rows = list()?;
        let mut hosts: Vec<&str> = rows.iter().map(Row::host).collect();
        hosts.sort_unstable();
        ensure!(
            hosts == expected && rows.iter().all(|row| row.is("Alive", "true")),
            "{rows:?}"
        );
        Ok(rows)
    })
}

fn cluster_of(rows: &[Row]) -> anyhow::Result<String> {
    Ok(rows.first().context("no rows")?.get("ClusterId").to_owned())
}

/// Every depth of the health check, typed into a container that runs.
fn is_healthy_by_hand(container: &Container) -> anyhow::Result<()> {
    for depth in ["--live", "--ready", "--deep"] {
        let said = container.exec(&["muster", "health", depth])?;
        ensure!(
            said.code == 0 && said.text.lines().count() == 1,
            "{depth}: {said:?}"
        );
    }
    Ok(())
}

/// What `explain` says, typed into a container that runs.
fn explains(container: &Container, words: &[&str]) -> anyhow::Result<()> {
    let said = container.exec(&["muster", "explain"])?;
    for word in words {
        ensure!(said.code == 0 && said.text.contains(word), "{word}: {said:?}");
    }
    Ok(())
}

#[test]
fn the_vendors_file_for_three_fes_and_two_bes_only_changes_its_images() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let fes = ["starrocks-fe-0", "starrocks-fe-1", "starrocks-fe-2"];
        let bes = ["starrocks-be-0", "starrocks-be-1"];
        let compose = Compose::new(docker, &["tests/hosts/compose/vendor-ha.yaml"])
            .set("FE_IMAGE", docker.images().of(Component::Fe)?)
            .set("BE_IMAGE", docker.images().of(Component::Be)?)
            .set("NETWORK", network.name());
        let whole = || -> anyhow::Result<String> {
            for service in fes.iter().chain(&bes) {
                compose.container(service)?.becomes_healthy(PATIENCE)?;
            }
            let mut clusters = Vec::new();
            for service in fes {
                let fe = compose.container(service)?;
                shows(|| fe.sql("SHOW BACKENDS"), &bes)?;
                clusters.push(cluster_of(&shows(|| fe.sql("SHOW FRONTENDS"), &fes)?)?);
            }
            clusters.dedup();
            ensure!(clusters.len() == 1, "{clusters:?}");
            clusters.pop().context("no FE")
        };

        compose.up(&[])?;
        let id = whole()?;
        let fe = compose.container("starrocks-fe-1")?;
        is_healthy_by_hand(&fe)?;
        explains(&fe, &["HOSTNAME", "the command"])?;
        let be = compose.container("starrocks-be-1")?;
        is_healthy_by_hand(&be)?;
        explains(&be, &["HOSTNAME", "the command"])?;

        // Other containers at perhaps other addresses, and nothing but the vendor's volumes is left.
        compose.up(&["--force-recreate"])?;
        ensure!(whole()? == id, "it is another cluster");
        Ok(())
    })
}

/// In an image with both of them the command is all that says which one a container is.
#[test]
fn start_scripts_are_what_they_were_also_in_an_image_with_all_of_them() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let all = docker.images().from("allin1", "allin1-ubuntu")?;
        let images = docker.images();
        for (fe, be, root) in [
            (
                images.of(Component::Fe)?,
                images.of(Component::Be)?,
                "/opt/starrocks",
            ),
            (all.clone(), all, "/data/deploy/starrocks"),
        ] {
            let network = docker.network()?;
            let compose = Compose::new(docker, &["tests/hosts/compose/vendor-single.yaml"])
                .set("FE_IMAGE", fe)
                .set("BE_IMAGE", be)
                .set("ROOT", root)
                .set("NETWORK", network.name());
            compose.up(&[])?;
            for service in ["starrocks-fe", "starrocks-be"] {
                let container = compose.container(service)?;
                container.becomes_healthy(PATIENCE)?;
                is_healthy_by_hand(&container)?;
            }
            let fe = compose.container("starrocks-fe")?;
            shows(|| fe.sql("SHOW FRONTENDS"), &["starrocks-fe"])?;
            shows(|| fe.sql("SHOW BACKENDS"), &["starrocks-be"])?;
            explains(&fe, &["HOSTNAME", "the command", "seed"])?;
            let said = compose.container("starrocks-be")?.log()?;
            ensure!(
                said.contains("muster does not run what else it calls: sleep, mysql"),
                "{said}"
            );
            compose.call(&["down", "--volumes"])?;
        }
        Ok(())
    })
}

#[test]
fn a_command_that_starts_no_engine_is_refused_with_what_to_write_instead() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let image = docker.images().of(Component::Fe)?;
        for (command, sentence) in [
            (&["bash"][..], "calls no start script of an engine; it calls bash"),
            (
                &["bash", "-c", "sleep 1; mysql -phunter2"],
                "calls no start script of an engine; it calls sleep, mysql",
            ),
            (
                &["sh", "-c", "start_fe.sh --daemon; exec start_be.sh"],
                "calls start_fe.sh --daemon and start_be.sh; one container is one node",
            ),
        ] {
            let said = docker.once(&[&[image.as_str()], command].concat())?;
            ensure!(said.code == 64, "{said:?}");
            for word in [sentence, "fe, be or cn", "`entrypoint:`"] {
                ensure!(said.text.contains(word), "{word}: {said:?}");
            }
            ensure!(!said.text.contains("hunter2"), "{said:?}");
        }
        Ok(())
    })
}

/// A quick start for shared data and a topology of the engine's own tests write so.
#[test]
fn a_command_that_writes_a_conf_file_is_refused_with_the_settings_to_copy() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let image = docker.images().of(Component::Fe)?;
        let conf = "/opt/starrocks/fe/conf/fe.conf";
        for (command, settings) in [
            (
                format!(
                    "echo \"run_mode = shared_data\" >> {conf}; echo \"aws_s3_endpoint = minio:9000\" >> {conf}; \
                     /opt/starrocks/fe/bin/start_fe.sh"
                ),
                "FE_CONF__run_mode=shared_data\nFE_CONF__aws_s3_endpoint=minio:9000",
            ),
            (
                format!(
                    "sed -i '/^JAVA_OPTS=/d' {conf}; echo 'JAVA_OPTS=\"-Xmx1536m\"' >> {conf}; exec fe_entrypoint.sh db-fe"
                ),
                "FE_CONF__JAVA_OPTS=-Xmx1536m",
            ),
        ] {
            let said = docker.once(&[image.as_str(), "bash", "-c", &command])?;
            ensure!(said.code == 78, "{said:?}");
            for word in [&format!("writes into {conf}"), settings] {
                ensure!(said.text.contains(word), "{word}: {said:?}");
            }
        }
        Ok(())
    })
}

#[test]
fn the_file_of_the_shell_scripts_that_muster_replaces_only_changes_its_images_and_its_check()
-> anyhow::Result<()> {
    let Some(machines) = Machines::enter(this_test!())? else {
        return Ok(());
    };
    let machine = machines.boot("m1", 1)?;
    let address = machine.address().to_string();
    let hosts = format!("MASTER_FE_HOST={address}\nFE_HOST={address}\nHOST_IP={address}\n");
    let fe_ports = "HTTP_PORT=8130\nFE_QUERY_PORT=9130\nEDIT_LOG_PORT=9110\nRPC_PORT=9120\n";
    let be_ports = "BE_PORT=9160\nBE_HTTP_PORT=8140\nHEARTBEAT_PORT=9150\nBRPC_PORT=8160\n";
    let compose = machine.project(
        "tests/hosts/compose/replaced.yaml",
        &[
            ("fe.env", format!("{hosts}{fe_ports}")),
            // The query port is the one the FE is asked at.
            ("be.env", format!("{hosts}FE_QUERY_PORT=9130\n{be_ports}")),
        ],
    )?;
    let list = |statement: &str| {
        query(
            SocketAddr::from((machine.address(), 9130)),
            Duration::from_secs(3),
            statement,
        )
    };
    let whole = || -> anyhow::Result<String> {
        for service in ["fe", "be"] {
            let container = compose.container(service)?;
            container.becomes_healthy(PATIENCE)?;
            is_healthy_by_hand(&container)?;
        }
        let fes = shows(|| list("SHOW FRONTENDS"), &[&address])?;
        let bes = shows(|| list("SHOW BACKENDS"), &[&address])?;
        for (rows, column, port) in [
            (&fes, "HttpPort", "8130"),
            (&fes, "QueryPort", "9130"),
            (&fes, "EditLogPort", "9110"),
            (&fes, "RpcPort", "9120"),
            (&bes, "BePort", "9160"),
            (&bes, "HttpPort", "8140"),
            (&bes, "HeartbeatPort", "9150"),
            (&bes, "BrpcPort", "8160"),
        ] {
            ensure!(rows.iter().all(|row| row.is(column, port)), "{column}: {rows:?}");
        }
        cluster_of(&fes)
    };
    let outcome = || -> anyhow::Result<()> {
        compose.up(&[])?;
        let id = whole()?;
        compose.up(&["--force-recreate"])?;
        ensure!(whole()? == id, "it is another cluster");
        Ok(())
    };
    outcome().map_err(|error| error.context(machine.tails()))
}
