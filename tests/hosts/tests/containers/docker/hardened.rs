//! Containers that may do little: works, or one sentence with the fix.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, ensure};
use hosts::Component;
use hosts::docker::Docker;

use super::{CONF, META, Node, PATIENCE, shows};

/// Everything that is advised to be taken away, at once.
#[test]
fn without_root_capabilities_or_a_writable_root_it_runs_from_its_volumes() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let volumes = [("meta", META), ("log", "/opt/starrocks/fe/log")]
            .map(|(name, at)| docker.volume(name).map(|volume| format!("{volume}:{at}")));
        let [meta, log] = volumes;
        let (meta, log) = (meta?, log?);
        let options = [
            "--user",
            "1000:1000",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--read-only",
            // A state dir without a disk: the copy beside the data is the one that lasts.
            "--tmpfs",
            "/var/lib/muster:uid=1000",
            "--env",
            "STATE_DIR=/var/lib/muster",
            "--volume",
            &meta,
            "--volume",
            &log,
        ];
        let fe = Node::new(docker, &network, Component::Fe, 11)?.start(docker, &options)?;
        fe.becomes_healthy(PATIENCE)?;
        let own = [network.address(11).to_string()];
        let id = shows(&fe, "SHOW FRONTENDS", &own)?;
        for round in 0..2 {
            fe.kill()?;
            fe.start()?;
            fe.becomes_healthy(PATIENCE)?;
            ensure!(shows(&fe, "SHOW FRONTENDS", &own)? == id, "start {round}");
        }
        ensure!(fe.stop()? == 0, "{}", fe.log()?);
        Ok(())
    })
}

/// The layout of a config map of Kubernetes: links to a link to a directory.
#[test]
fn a_conf_dir_of_links_is_read_through_them_and_left_as_it_is() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let shipped = docker
            .images()
            .engine(Component::Fe, &docker.dir().join("shipped"))?
            .join("conf");
        let map = docker.dir().join("map");
        let version = map.join("..2026_11_21");
        fs::create_dir_all(&version)?;
        symlink("..2026_11_21", map.join("..data"))?;
        for file in fs::read_dir(&shipped)? {
            let file = file?;
            fs::copy(file.path(), version.join(file.file_name()))?;
            symlink(
                std::path::Path::new("..data").join(file.file_name()),
                map.join(file.file_name()),
            )?;
        }
        let text = fs::read_to_string(version.join("fe.conf"))? + "\nqe_max_connection = 78\n";
        fs::write(version.join("fe.conf"), &text)?;

        for mode in ["ro", "rw"] {
            let mount = format!("{}:{CONF}:{mode}", map.display());
            let options = ["--volume", &mount, "--env", "STATE_DIR=/var/lib/muster"];
            let fe = Node::new(docker, &network, Component::Fe, 11)?.start(docker, &options)?;
            fe.becomes_healthy(PATIENCE)?;
            shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])?;
            let used = match mode {
                "ro" => fe.read("/var/lib/muster/home-fe/conf/fe.conf")?,
                _ => fe.read(&format!("{CONF}/fe.conf"))?,
            };
            ensure!(used.contains("qe_max_connection = 78"), "{mode}: {used}");
            ensure!(used.contains("priority_networks = "), "{mode}: {used}");
            ensure!(fe.stop()? == 0, "{mode}: {}", fe.log()?);
            fe.remove()?;
            let link =
                fs::read_link(map.join("fe.conf")).with_context(|| format!("{mode}: the link is gone"))?;
            ensure!(
                link == std::path::Path::new("..data/fe.conf"),
                "{mode}: {}",
                link.display()
            );
            let written = fs::read_to_string(version.join("fe.conf"))?;
            ensure!(
                written == text || (mode == "rw" && written.starts_with(&text)),
                "{mode}: {written}"
            );
        }
        Ok(())
    })
}
