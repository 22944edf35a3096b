//! The promises of muster in real containers, with the stand-in engine: the release as it is shipped, Docker's own
//! names, health, stops and mounts.
//!
//! Engine seconds pass at a tenth of their length and heartbeats come each second, so the guard time may be three.

mod copied;
mod doris;
mod hardened;
mod health;
mod secrets;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::docker::{Compose, Container, Docker, Network};
use hosts::{Component, Row, eventually};

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

const META: &str = "/opt/starrocks/fe/meta";
const CONF: &str = "/opt/starrocks/fe/conf";

/// The options of `docker create` for a node: its address, the hosts to ask, and a frequent health check.
struct Node<'n> {
    network: &'n Network,
    component: Component,
    last: u8,
    image: String,
}

impl<'n> Node<'n> {
    fn new(docker: &Docker, network: &'n Network, component: Component, last: u8) -> anyhow::Result<Self> {
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
        let mut hosts: Vec<&str> = rows.iter().map(Row::host).collect();
        hosts.sort_unstable();
        ensure!(
            hosts == expected && rows.iter().all(|row| row.is("Alive", "true")),
            "{rows:?}"
        );
        Ok(rows
            .first()
            .map(|row| row.get("ClusterId").to_owned())
            .unwrap_or_default())
    })
}

fn one_line(output: &hosts::Output, code: i32) -> anyhow::Result<()> {
    ensure!(
        output.code == code && output.text.lines().count() == 1,
        "{output:?}"
    );
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
        let two = [
            "--env",
            "MASTER_HOST=198.18.0.2",
            "--env",
            "LOCAL_HOST=198.18.0.3",
        ];
        let run = docker.once(&[&two[..], &[&image, "run"]].concat())?;
        ensure!(run.code == 127, "{run:?}");
        ensure!(run.text.contains("no engine is installed: "), "{run:?}");
        let health = docker.once(&[&two[..], &[&image, "health"]].concat())?;
        one_line(&health, 1)
    })
}

/// A static program finds no file about names in such an image, and needs none: Docker's resolver is asked.
#[test]
fn names_of_a_network_are_known_in_an_image_with_nothing_in_it() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let fe = docker.images().of(Component::Fe)?;
        let image = docker.bare_backend()?;
        let named = |name: &str, image: &str, options: &[&str]| {
            let local = format!("LOCAL_HOST={name}");
            let mut all = vec![
                "--network",
                network.name(),
                "--network-alias",
                name,
                "--hostname",
                name,
            ];
            all.extend([
                "--env",
                "MASTER_HOST=leader",
                "--env",
                &local,
                "--env",
                "GUARD_TIME=3s",
            ]);
            all.extend(options);
            all.push(image);
            docker.container(name, &all)
        };
        // Nobody has that name yet: it is said, and waited for.
        let backend = named("worker", &image, &[])?;
        backend.start()?;
        backend.says(PATIENCE, "leader:9030: the name does not resolve")?;
        ensure!(backend.look("{{.State.Running}}")? == "true");
        let leader = named("leader", &fe, &["--health-interval", "1s"])?;
        leader.start()?;
        leader.becomes_healthy(PATIENCE)?;
        // It is registered under its name before the engine is started; what stands for one ends at once.
        let code = backend.exit(PATIENCE)?;
        let log = backend.log()?;
        ensure!(
            code == 64 && log.contains("engine ended with 64"),
            "{code}\n{log}"
        );
        let rows = leader.sql("SHOW BACKENDS")?;
        let hosts: Vec<&str> = rows.iter().map(Row::host).collect();
        ensure!(hosts == ["worker"], "{rows:?}");
        let frontends = leader.sql("SHOW FRONTENDS")?;
        let hosts: Vec<&str> = frontends.iter().map(|row| row.get("IP")).collect();
        ensure!(hosts == ["leader"], "{frontends:?}");
        Ok(())
    })
}

/// The names stay, the addresses do not; a volume is lost, and the one beside it is not.
#[test]
fn new_containers_with_the_old_volumes_are_the_old_members_at_other_addresses() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let images = [Component::Fe, Component::Be].map(|component| docker.images().of(component));
        let [fe, be] = images;
        let (fe, be) = (fe?, be?);
        let address = network.address(0).to_string();
        let (net, _) = address.rsplit_once('.').context("an address")?;
        let by_name = |tens: u8| {
            Compose::new(docker, &["tests/hosts/compose/names.yaml"])
                .set("FE_IMAGE", &fe)
                .set("BE_IMAGE", &be)
                .set("NETWORK", network.name())
                .set("NET", net)
                .set("TENS", tens)
        };
        let healthy = |compose: &Compose| -> anyhow::Result<Container> {
            for name in ["fe1", "fe2", "fe3", "be1"] {
                compose.container(name)?.becomes_healthy(PATIENCE)?;
            }
            compose.container("fe1")
        };
        let fes = ["fe1", "fe2", "fe3"].map(str::to_owned);
        let bes = ["be1".to_owned()];
        let before = by_name(1);
        before.up(&[])?;
        let seed = healthy(&before)?;
        let id = shows(&seed, "SHOW FRONTENDS", &fes)?;
        shows(&seed, "SHOW BACKENDS", &bes)?;

        let after = by_name(3);
        after.up(&["--force-recreate"])?;
        let seed = healthy(&after)?;
        ensure!(seed.address()? == network.address(31));
        ensure!(shows(&seed, "SHOW FRONTENDS", &fes)? == id);
        shows(&seed, "SHOW BACKENDS", &bes)?;

        // The seed could found: what is left of it is the record on the other volume.
        for name in ["fe1", "be1"] {
            after.call(&["rm", "--force", "--stop", name])?;
            docker.forget(&after.volume(&format!("{name}-data")))?;
        }
        after.up(&[])?;
        let seed = healthy(&after)?;
        ensure!(shows(&seed, "SHOW FRONTENDS", &fes)? == id);
        shows(&seed, "SHOW BACKENDS", &bes)?;
        Ok(())
    })
}

/// The pid files are still there, and in a new PID namespace the same small numbers are somebody else's.
#[test]
fn killed_three_times_it_is_healthy_again_and_a_stop_is_clean() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let fe = Node::new(docker, &network, Component::Fe, 11)?.start(docker, &[])?;
        let be = Node::new(docker, &network, Component::Be, 21)?.start(docker, &[])?;
        let fes = [network.address(11).to_string()];
        let bes = [network.address(21).to_string()];
        let whole = || -> anyhow::Result<String> {
            fe.becomes_healthy(PATIENCE)?;
            be.becomes_healthy(PATIENCE)?;
            shows(&fe, "SHOW BACKENDS", &bes)?;
            shows(&fe, "SHOW FRONTENDS", &fes)
        };
        let id = whole()?;
        let pid = "/opt/starrocks/fe/bin/fe.pid";
        for _ in 0..3 {
            fe.kill()?;
            be.kill()?;
            ensure!(fe.exit(PATIENCE)? == 137 && be.exit(PATIENCE)? == 137);
            ensure!(fe.has(pid)?, "an engine that is killed leaves its pid file");
            fe.start()?;
            be.start()?;
            ensure!(whole()? == id);
        }
        be.exec(&["sh", "-c", "echo stop=slow >/opt/starrocks/be/standin.faults"])?;
        for node in [&be, &fe] {
            let code = node.stop()?;
            ensure!(code == 0, "{} ended with {code}", node.name());
            ensure!(node.log()?.contains("stopped as requested"));
        }
        ensure!(!fe.has(pid)?, "the engine's last act is to remove its pid file");
        Ok(())
    })
}

/// `docker run` typed once more, or `--scale 2`: neither sees the processes of the other.
#[test]
fn a_second_container_on_the_same_volume_is_refused_and_the_first_named() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let volume = docker.volume("shared")?;
        let data = format!("{volume}:/opt/starrocks/fe/meta");
        let first = seed(docker, &network, &["--hostname", "first", "--volume", &data])?;
        let second = Node::new(docker, &network, Component::Fe, 12)?.start(docker, &["--volume", &data])?;
        ensure!(second.exit(PATIENCE)? == 79, "{}", second.log()?);
        let said = second.log()?;
        let sentence = "error: another muster (host first) uses /opt/starrocks/fe/meta";
        ensure!(said.contains(sentence), "{said}");
        ensure!(!said.contains("engine started"), "{said}");
        first.becomes_healthy(PATIENCE)?;
        ensure!(first.stop()? == 0, "{}", first.log()?);
        Ok(())
    })
}

/// In a container the number is all that is left to see, and restart policies go by it.
#[test]
fn docker_is_told_how_the_engine_ended() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let fe = docker.images().of(Component::Fe)?;
        let context = docker.dir().join("ends");
        fs::create_dir_all(&context)?;
        let script = context.join("start_fe.sh");
        fs::write(&script, "#!/bin/sh\nulimit -c 0\neval \"$END\"\n")?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let lines = format!("FROM {fe}\nCOPY start_fe.sh /opt/starrocks/fe/bin/start_fe.sh\n");
        let image = docker.build("ends", &lines, &context)?;
        let address = network.address(11).to_string();
        let run = |end: &str| {
            let (master, local) = (format!("MASTER_HOST={address}"), format!("LOCAL_HOST={address}"));
            let end = format!("END={end}");
            let mut all = vec!["--network", network.name(), "--ip", &address];
            all.extend([
                "--env",
                &master,
                "--env",
                &local,
                "--env",
                "GUARD_TIME=0s",
                "--env",
                &end,
            ]);
            all.push(&image);
            docker.once(&all)
        };
        for (end, code) in [
            // Nobody asked for it.
            ("exit 0", 1),
            ("exit 1", 1),
            ("exit 42", 42),
            ("exit 126", 126),
            ("exit 127", 127),
            ("exit 137", 137),
            ("exit 255", 255),
            ("kill -TERM $$", 143),
            ("kill -KILL $$", 137),
            ("kill -SEGV $$", 139),
        ] {
            let ended = run(end)?;
            ensure!(ended.code == code, "{end}: {ended:?}");
            ensure!(ended.text.contains("engine ended with"), "{end}: {ended:?}");
        }
        Ok(())
    })
}

/// Before 3.1.15, 3.2.10 and 3.3.2 the start script takes any live process of that number for the engine.
#[test]
#[ignore = "nightly: three kills in a container and twenty on a host are tried every time"]
fn killed_ten_times_it_is_back_ten_times_with_a_script_that_asks_whether_the_number_lives()
-> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let mut node = Node::new(docker, &network, Component::Fe, 11)?;
        let context = docker.dir().join("old");
        fs::create_dir_all(&context)?;
        fs::write(
            context.join("standin.conf"),
            "profile = starrocks-3.1\ntime_scale = 0.1\nheartbeat_ms = 1000\n",
        )?;
        let lines = format!(
            "FROM {}\nCOPY standin.conf /opt/starrocks/fe/standin.conf\n",
            node.image
        );
        node.image = docker.build("old", &lines, &context)?;
        let fe = node.start(docker, &["--env", "GUARD_TIME=0s"])?;
        let fes = [network.address(11).to_string()];
        let id = shows(&fe, "SHOW FRONTENDS", &fes)?;
        for round in 1..=10 {
            fe.kill()?;
            ensure!(fe.exit(PATIENCE)? == 137);
            ensure!(
                fe.has("/opt/starrocks/fe/bin/fe.pid")?,
                "an engine that is killed leaves its pid file"
            );
            fe.start()?;
            let now = shows(&fe, "SHOW FRONTENDS", &fes).with_context(|| format!("start {round}"))?;
            ensure!(now == id, "start {round}: it is another cluster");
        }
        ensure!(fe.stop()? == 0);
        Ok(())
    })
}

#[test]
fn a_read_only_container_runs_from_its_volumes_or_says_which_is_missing() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let node = Node::new(docker, &network, Component::Fe, 11)?;
        let volumes = [
            ("meta", "/opt/starrocks/fe/meta"),
            ("log", "/opt/starrocks/fe/log"),
        ]
        .map(|(name, at)| docker.volume(name).map(|volume| format!("{volume}:{at}")));
        let [meta, log] = volumes;
        let (meta, log) = (meta?, log?);
        let options = ["--read-only", "--volume", &meta, "--volume", &log];

        let without = node.start(docker, &options)?;
        let code = without.exit(PATIENCE)?;
        let said = without.log()?;
        ensure!(code == 73, "{code}");
        ensure!(
            said.contains("the state dir /opt/starrocks/fe/conf, from the default, cannot be written"),
            "{said}"
        );
        ensure!(said.contains("set STATE_DIR"), "{said}");
        without.remove()?;

        let state = format!("{}:/var/lib/muster", docker.volume("state")?);
        let more = ["--volume", &state, "--env", "STATE_DIR=/var/lib/muster"];
        let fe = node.start(docker, &[&options[..], &more].concat())?;
        fe.becomes_healthy(PATIENCE)?;
        let id = shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])?;
        fe.kill()?;
        fe.start()?;
        fe.becomes_healthy(PATIENCE)?;
        ensure!(shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])? == id);
        ensure!(fe.stop()? == 0);
        Ok(())
    })
}

#[test]
fn a_mounted_conf_file_is_rewritten_where_it_is() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let home = docker
            .images()
            .engine(Component::Fe, &docker.dir().join("shipped"))?;
        let file = home.join("conf/fe.conf");
        let shipped = fs::read_to_string(&file)?;
        let inode = fs::metadata(&file)?.ino();
        let mount = format!("{}:{CONF}/fe.conf", file.display());
        let fe = seed(
            docker,
            &network,
            &["--volume", &mount, "--env", "FE_CONF__qe_max_connection=77"],
        )?;
        let id = shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])?;
        let written = fs::read_to_string(&file)?;
        ensure!(fs::metadata(&file)?.ino() == inode, "it was replaced");
        let block = written
            .strip_prefix(&shipped)
            .context("the shipped text comes first")?;
        ensure!(block.contains("qe_max_connection = 77"), "{written}");
        ensure!(fe.read(&format!("{CONF}/fe.conf"))? == written.trim());
        fe.kill()?;
        fe.start()?;
        fe.becomes_healthy(PATIENCE)?;
        ensure!(fs::metadata(&file)?.ino() == inode && fs::read_to_string(&file)? == written);
        ensure!(shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])? == id);
        Ok(())
    })
}

#[test]
fn a_read_only_conf_dir_gets_a_home_of_links_beside_the_record() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let home = docker
            .images()
            .engine(Component::Fe, &docker.dir().join("shipped"))?;
        let conf = home.join("conf");
        let shipped = fs::read_to_string(conf.join("fe.conf"))?;
        let mount = format!("{}:{CONF}:ro", conf.display());
        let fe = seed(
            docker,
            &network,
            &["--volume", &mount, "--env", "STATE_DIR=/var/lib/muster"],
        )?;
        let id = shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])?;
        let used = fe.read("/var/lib/muster/home-fe/conf/fe.conf")?;
        ensure!(
            used.starts_with(&shipped) && used.contains("priority_networks = "),
            "{used}"
        );
        ensure!(fs::read_to_string(conf.join("fe.conf"))? == shipped);
        ensure!(
            fe.has(&format!("{META}/image/VERSION"))?,
            "the data lies where the volume would be"
        );
        for depth in ["--live", "--ready", "--deep"] {
            one_line(&fe.exec(&["muster", "health", depth])?, 0)?;
        }
        fe.kill()?;
        fe.start()?;
        fe.becomes_healthy(PATIENCE)?;
        ensure!(shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])? == id);
        ensure!(fe.stop()? == 0);
        Ok(())
    })
}

#[test]
fn an_ordinary_user_is_enough_where_the_files_are_its_own() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let node = Node::new(docker, &network, Component::Fe, 11)?;
        let user = ["--user", "1000:1000"];

        // A volume takes its owner from the image; without that it is root's.
        let mount = format!("{}:{META}:nocopy", docker.volume("foreign")?);
        let without = node.start(docker, &[&user[..], &["--volume", &mount]].concat())?;
        let code = without.exit(PATIENCE)?;
        let said = without.log()?;
        ensure!(
            code == 73
                && said.contains(&format!(
                    "the data dir {META}, from the default, cannot be written"
                )),
            "{code}\n{said}"
        );
        without.remove()?;

        let volume = format!("{}:{META}", docker.volume("meta")?);
        let fe = node.start(docker, &[&user[..], &["--volume", &volume]].concat())?;
        fe.becomes_healthy(PATIENCE)?;
        let id = shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])?;
        let uids = fe.exec(&["ps", "-e", "-o", "uid="])?;
        ensure!(uids.text.lines().all(|uid| uid.trim() == "1000"), "{uids:?}");
        fe.kill()?;
        fe.start()?;
        fe.becomes_healthy(PATIENCE)?;
        ensure!(shows(&fe, "SHOW FRONTENDS", &[network.address(11).to_string()])? == id);
        ensure!(fe.stop()? == 0);
        Ok(())
    })
}
