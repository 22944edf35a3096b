//! The health of a node in `docker ps` and `docker inspect`.

use anyhow::ensure;
use hosts::docker::{Container, Docker};
use hosts::{Component, eventually};

use super::{Node, PATIENCE};

fn status(container: &Container) -> anyhow::Result<String> {
    container.look("{{.State.Health.Status}}")
}

/// Waits until Docker calls it unhealthy, and says what the last check printed.
fn becomes_unhealthy(container: &Container) -> anyhow::Result<String> {
    eventually(PATIENCE, "unhealthy", || {
        let status = status(container)?;
        ensure!(status == "unhealthy", "it is {status}");
        let log = container.look("{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}")?;
        Ok(log.lines().last().unwrap_or_default().to_owned())
    })
}

#[test]
fn a_node_is_starting_until_it_serves_and_unhealthy_while_its_engine_hangs() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let options = ["--health-timeout", "4s", "--health-retries", "2"];
        let fe = Node::new(docker, &network, Component::Fe, 11)?.start(docker, &options)?;
        // It listens for others first: that is no fault.
        let waits = eventually(PATIENCE, "a first check", || {
            let log = fe.look("{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}")?;
            ensure!(log.starts_with("1 "), "`{log}`");
            Ok(log)
        })?;
        ensure!(status(&fe)? == "starting", "{waits}");
        ensure!(
            docker
                .call(&["ps", "--filter", &format!("name={}", fe.name())])?
                .contains("(health: starting)")
        );
        fe.becomes_healthy(PATIENCE)?;
        let be = Node::new(docker, &network, Component::Be, 21)?.start(docker, &options)?;
        be.becomes_healthy(PATIENCE)?;

        let hangs = [
            (
                &fe,
                "fe",
                "mysql=no-greeting",
                "1 FE query port 9030: no answer within 3 s",
            ),
            (
                &fe,
                "fe",
                "http=hang",
                "1 FE http port 8030: no answer within 3 s",
            ),
            (
                &be,
                "be",
                "http=hang",
                "1 BE http port 8040: no answer within 3 s",
            ),
        ];
        for (node, home, fault, says) in hangs {
            let file = format!("/opt/starrocks/{home}/standin.faults");
            node.exec(&["bash", "-c", &format!("echo {fault} >{file}")])?;
            let line = becomes_unhealthy(node)?;
            ensure!(line == says, "{fault}: `{line}`");
            ensure!(
                docker
                    .call(&["ps", "--filter", &format!("name={}", node.name())])?
                    .contains("(unhealthy)")
            );
            node.exec(&["rm", &file])?;
            node.becomes_healthy(PATIENCE)?;
        }
        Ok(())
    })
}
