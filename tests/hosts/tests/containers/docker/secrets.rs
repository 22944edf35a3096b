//! Passwords come from files, and are nowhere else.

use std::fs;

use anyhow::ensure;
use hosts::docker::{Compose, Docker};
use hosts::{Component, eventually};

use super::PATIENCE;

const PASSWORD: &str = "correct-horse-battery";

#[test]
fn a_password_in_a_secrets_file_is_in_no_inspect_ps_log_or_record() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let secret = docker.dir().join("root-password");
        fs::write(&secret, format!("{PASSWORD}\n"))?;
        let (fe, be) = (network.address(11), network.address(21));
        let yaml = format!(
            r#"version: "3.8"
x-node: &node
  image: ${{FE_IMAGE}}
  healthcheck: {{test: ["CMD", "muster", "health", "--deep"], interval: 1s, start_period: 6m}}
  secrets: [root-password]
services:
  fe:
    <<: *node
    environment: {{MASTER_HOST: {fe}, LOCAL_HOST: {fe}, GUARD_TIME: 3s, ROOT_PASSWORD_FILE: /run/secrets/root-password}}
    networks: {{default: {{ipv4_address: {fe}}}}}
  be:
    <<: *node
    image: ${{BE_IMAGE}}
    environment: {{MASTER_HOST: {fe}, LOCAL_HOST: {be}, ROOT_PASSWORD_FILE: /run/secrets/root-password}}
    networks: {{default: {{ipv4_address: {be}}}}}
networks:
  default: {{external: true, name: {}}}
secrets:
  root-password: {{file: {}}}
"#,
            network.name(),
            secret.display()
        );
        let compose = Compose::new(docker, &[])
            .and(docker, "secrets", &yaml)?
            .set("FE_IMAGE", docker.images().of(Component::Fe)?)
            .set("BE_IMAGE", docker.images().of(Component::Be)?);
        compose.up(&[])?;
        for service in ["fe", "be"] {
            compose.container(service)?.becomes_healthy(PATIENCE)?;
        }
        let node = compose.container("fe")?;
        eventually(PATIENCE, "root's password", || {
            let refused = node.sql("SHOW FRONTENDS").err().map(|error| format!("{error:#}"));
            ensure!(
                refused.as_ref().is_some_and(|error| error.contains("denied")),
                "{refused:?}"
            );
            Ok(())
        })?;
        for (service, home, data) in [("fe", "fe", "meta"), ("be", "be", "storage")] {
            let node = compose.container(service)?;
            // The cluster is asked with it, so it is known.
            let deep = node.exec(&["muster", "health", "--deep"])?;
            ensure!(deep.code == 0, "{deep:?}");
            let files =
                format!("cat /opt/starrocks/{home}/conf/* /opt/starrocks/{home}/{data}/.muster* 2>/dev/null");
            let places = [
                ("inspect", docker.call(&["inspect", node.name()])?),
                ("ps", docker.call(&["top", node.name(), "-e", "-o", "pid,args"])?),
                ("log", node.log()?),
                (
                    "environments",
                    node.exec(&["bash", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline"])?
                        .text,
                ),
                ("conf and record", node.exec(&["bash", "-c", &files])?.text),
                ("health", deep.text),
                ("explain", node.exec(&["muster", "explain"])?.text),
            ];
            for (place, text) in places {
                ensure!(text.len() > 10, "{service}: {place} is empty: {text}");
                ensure!(!text.contains(PASSWORD), "{service}: {place}: {text}");
            }
        }
        Ok(())
    })
}
