//! The README's commands, in their order, on machines of their own: a block says by `on=` where it is typed. They are run with
//! Docker Compose 2 and buildx; machines.rs has the same files with the version that is installed.

#![expect(clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use hosts::docker::{Compose, Docker, Machine, Machines, Version};
use hosts::{Row, eventually, query, this_test};

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(180);

const FE: &str = "starrocks-fe";
const BE: &str = "starrocks-be";

/// One block of commands and the heading it stands below.
struct Block {
    heading: String,
    on: String,
    new_machine: bool,
    lines: String,
}

fn root() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    Ok(root.context("a workspace")?.to_owned())
}

fn readme() -> anyhow::Result<String> {
    Ok(fs::read_to_string(root()?.join("README.md"))?)
}

/// The text of a block with this info string.
fn sentence(info: &str) -> anyhow::Result<String> {
    let readme = readme()?;
    let block = readme.split_once(&format!("```text {info}\n"));
    let (text, _) = block
        .and_then(|(_, rest)| rest.split_once("\n```"))
        .context(info.to_owned())?;
    Ok(text.to_owned())
}

fn blocks() -> anyhow::Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let (mut heading, mut open): (String, Option<Block>) = (String::new(), None);
    for line in readme()?.lines() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => block.lines.extend([line, "\n"]),
            None => {
                if let Some(title) = line.strip_prefix("## ") {
                    title.clone_into(&mut heading);
                } else if let Some(info) = line.strip_prefix("```sh on=") {
                    let (on, rest) = info.split_once(' ').unwrap_or((info, ""));
                    open = Some(Block {
                        heading: heading.clone(),
                        on: on.to_owned(),
                        new_machine: rest == "machine=new",
                        lines: String::new(),
                    });
                }
            }
        }
    }
    ensure!(blocks.len() > 10, "README.md has {} blocks to run", blocks.len());
    Ok(blocks)
}

/// The README's addresses are 10.0.0.10 and the following.
fn theirs(machine: usize) -> String {
    format!("10.0.0.{}", 10 + machine)
}

struct Site {
    machines: Vec<Machine>,
}

impl Site {
    /// The commands as they are typed on one machine, and what they said.
    fn run(&self, at: usize, block: &Block) -> anyhow::Result<String> {
        let mut lines = block.lines.clone();
        if block.on == "every-host" {
            lines = lines.replacen(
                &format!("LOCAL_HOST={}", theirs(0)),
                &format!("LOCAL_HOST={}", theirs(at)),
                1,
            );
        }
        for (n, machine) in self.machines.iter().enumerate() {
            lines = lines.replace(&theirs(n), &machine.address().to_string());
        }
        let machine = self.machines.get(at).context("a machine")?;
        let done = machine.shell(&lines)?.output()?;
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        ensure!(
            done.status.success(),
            "{} on {}: {}\n{lines}\n{said}",
            block.heading,
            machine.name(),
            done.status
        );
        Ok(said)
    }

    fn healthy(&self, at: usize, services: &[&str]) -> anyhow::Result<()> {
        for service in services {
            let container = self.machines[at].compose().container(service)?;
            container
                .becomes_healthy(PATIENCE)
                .map_err(|error| error.context(self.tails()))?;
        }
        Ok(())
    }

    /// Waits until FEs and BEs of just these machines are members, each once and Alive.
    fn whole(&self, machines: &[usize]) -> anyhow::Result<Vec<Row>> {
        let mut hosts: Vec<String> = machines
            .iter()
            .map(|at| self.machines[*at].address().to_string())
            .collect();
        hosts.sort();
        let whole = eventually(PATIENCE, &format!("a cluster of {hosts:?}"), || {
            for statement in ["SHOW BACKENDS", "SHOW FRONTENDS"] {
                let rows = self.machines[0].sql(statement)?;
                let mut listed: Vec<&str> = rows.iter().map(Row::host).collect();
                listed.sort_unstable();
                ensure!(
                    listed == hosts && rows.iter().all(|row| row.is("Alive", "true")),
                    "{rows:?}"
                );
            }
            self.machines[0].sql("SHOW FRONTENDS")
        });
        whole.map_err(|error| error.context(self.tails()))
    }

    fn row(&self, rows: &[Row], at: usize) -> anyhow::Result<Row> {
        let host = self.machines[at].address().to_string();
        rows.iter().find(|row| row.host() == host).cloned().context(host)
    }

    /// A block that is typed on one machine, and what has to be so afterwards.
    fn typed(&mut self, machines: &Machines, block: &Block, at: usize) -> anyhow::Result<()> {
        match (block.heading.as_str(), at) {
            ("Several hosts", 0) => {
                let said = self.run(0, block)?;
                ensure!(
                    said.contains("FE is alive in cluster") && said.contains("(healthy)"),
                    "{said}"
                );
                for machine in &self.machines[..3] {
                    ensure!(said.contains(&machine.address().to_string()), "{said}");
                }
            }
            ("Several hosts", 1) => {
                self.run(1, block)?;
                self.healthy(1, &[FE, BE])?;
                self.whole(&[0, 1, 2])?;
                let image = self.machines[1]
                    .compose()
                    .container(FE)?
                    .look("{{.Config.Image}}")?;
                ensure!(image == "starrocks/fe-ubuntu:3.5-latest", "{image}");
            }
            ("Add a node", at) => {
                self.run(at, block)?;
                self.healthy(at, &[FE, BE])?;
                let rows = self.whole(&[0, 1, 2, 3])?;
                ensure!(self.row(&rows, at)?.is("Role", "OBSERVER"), "{rows:?}");
            }
            ("Remove a node", at) => {
                self.run(at, block)?;
                if block.lines.contains("DECOMMISSION") {
                    eventually(PATIENCE, "the BE has handed over its data", || {
                        let rows = self.machines[0].sql("SHOW BACKENDS")?;
                        ensure!(self.row(&rows, 3).is_err(), "{rows:?}");
                        Ok(())
                    })?;
                }
                if block.lines.contains("DROP") {
                    self.whole(&[0, 1, 2])?;
                }
            }
            ("Replace a broken host", at) => {
                let before = self.whole(&[0, 1, 2])?;
                if block.new_machine {
                    let mut broken = self.machines.remove(at);
                    broken.lose_power()?;
                    self.machines.insert(at, machines.replace(broken)?);
                }
                self.run(at, block)?;
                self.healthy(at, &[FE, BE])?;
                let now = self.whole(&[0, 1, 2])?;
                ensure!(
                    self.row(&now, at)?.get("Id") == self.row(&before, at)?.get("Id"),
                    "it was added again: {before:?} {now:?}"
                );
            }
            ("Change ports", at) => {
                self.run(at, block)?;
                self.healthy(at, &[FE, BE])?;
                let rows = self.whole(&[0, 1, 2])?;
                ensure!(self.row(&rows, at)?.get("QueryPort") == "9031", "{rows:?}");
                let here = (self.machines[at].address(), 9031).into();
                ensure!(query(here, Duration::from_secs(3), "SHOW FRONTENDS")?.len() == 3);
            }
            ("When something is wrong", at) => {
                let said = self.run(at, block)?;
                for text in ["FE is ready", "MASTER_HOST", "http_port"] {
                    ensure!(said.contains(text), "`{text}` is not in\n{said}");
                }
            }
            (heading, at) => bail!("nobody knows how to try the block of `{heading}` on machine {at}"),
        }
        Ok(())
    }

    fn tails(&self) -> String {
        self.machines.iter().map(Machine::tails).collect()
    }
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() -> anyhow::Result<()> {
    let Some(machines) = Machines::enter_with(this_test!(), Version::Two)? else {
        return Ok(());
    };
    let mut site = Site {
        machines: (1..=4)
            .map(|n| machines.boot(&format!("m{n}"), n))
            .collect::<anyhow::Result<_>>()?,
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for block in blocks()? {
        *counts.entry(block.heading.clone()).or_default() += 1;
        let at = (0..4).find(|at| theirs(*at) == block.on);
        match (block.heading.as_str(), block.on.as_str(), at) {
            // Docker's own daemon has the network that these need.
            (_, "build-host" | "one-host", _) => {}
            (_, "every-host", _) => {
                for at in [2, 0, 1] {
                    site.run(at, &block)?;
                }
                (0..3).try_for_each(|at| site.healthy(at, &[FE, BE]))?;
                site.whole(&[0, 1, 2])?;
            }
            (_, "one-after-another", _) => {
                let rows = site.whole(&[0, 1, 2])?;
                let leads = rows
                    .iter()
                    .find(|row| row.is("Role", "LEADER"))
                    .context("a leader")?
                    .get("IP")
                    .to_owned();
                let mut order = vec![0, 1, 2];
                order.sort_by_key(|at| site.machines[*at].address().to_string() == leads);
                for at in order {
                    // The next version is another name of this one.
                    for image in [FE, BE] {
                        let next = format!("{image}:next");
                        ensure!(
                            site.machines[at]
                                .docker(&["tag", image, &next])
                                .status()?
                                .success()
                        );
                    }
                    site.run(at, &block)?;
                    site.healthy(at, &[FE, BE])?;
                }
                site.whole(&[0, 1, 2])?;
            }
            (_, _, Some(at)) => site.typed(&machines, &block, at)?,
            (heading, on, None) => bail!("nobody knows how to try the block of `{heading}` on {on}"),
        }
    }
    ensure!(counts.get("Upgrade, host by host") == Some(&2), "{counts:?}");
    for machine in &site.machines[..3] {
        for service in [FE, BE] {
            let image = machine.compose().container(service)?.look("{{.Config.Image}}")?;
            ensure!(image.ends_with(":next"), "{}: {image}", machine.name());
        }
    }
    Ok(())
}

/// The messages that the README quotes are those of muster. Addresses and numbers of processes differ.
#[test]
fn the_sentences_of_the_readme_are_those_of_muster() -> anyhow::Result<()> {
    let Some(machines) = Machines::enter(this_test!())? else {
        return Ok(());
    };
    let machine = machines.boot("m1", 1)?;
    let address = machine.address().to_string();
    let sentence = |problem: &str| -> anyhow::Result<String> {
        Ok(sentence(&format!("problem={problem}"))?.replace(&theirs(0), &address))
    };
    let compose = machine.compose();
    let ends = |service: &str, code: i32| -> anyhow::Result<String> {
        compose.up(&[service])?;
        let container = compose.container(service)?;
        // The restart policy starts it again and again: what it said first is what counts.
        container.says(PATIENCE, "error: ")?;
        let log = container.log()?;
        compose.call(&["rm", "--stop", "--force", service])?;
        ensure!(log.contains("error: "), "{code}: {log}");
        Ok(log)
    };

    machine.set_env("MASTER_HOST", "10.99.0.99")?;
    machine.set_env("WAIT_TIMEOUT", "5s")?;
    let log = ends(FE, 69)?;
    let expected = sentence("follower")?.replace("10.0.0.99", "10.99.0.99");
    ensure!(log.contains(&expected), "{log}\nand not\n{expected}");

    machine.set_env("MASTER_HOST", &address)?;
    machine.set_env("WAIT_TIMEOUT", "60s")?;
    let mut holder = Command::new("nsenter")
        .arg(format!("--net=/run/netns/{}", machine.name()))
        .args(["perl", "-MIO::Socket::INET", "-e"])
        .arg("$s = IO::Socket::INET->new(LocalPort => 8030, Listen => 1) or die; print \"up\\n\"; close STDOUT; sleep 600")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut up = String::new();
    std::io::Read::read_to_string(&mut holder.stdout.take().context("a pipe")?, &mut up)?;
    let log = ends(FE, 73);
    holder.kill()?;
    holder.wait()?;
    let log = log?;
    let expected = sentence("port")?;
    ensure!(log.contains(&expected), "{log}\nand not\n{expected}");

    compose.up(&[FE])?;
    compose.container(FE)?.becomes_healthy(PATIENCE)?;
    let id = machine
        .sql("SHOW FRONTENDS")?
        .first()
        .map(|row| row.get("ClusterId").to_owned())
        .unwrap_or_default();
    compose
        .call(&["create", BE])
        .or_else(|_| compose.call(&["up", "--no-start", BE]))?;
    fs::write(machine.volume("be-storage").join("cluster_id"), "424242\n")?;
    let log = ends(BE, 79)?;
    let expected = sentence("be")?.replace("to cluster 1 ", &format!("to cluster {id} "));
    ensure!(log.contains(&expected), "{log}\nand not\n{expected}");

    // The vendor's image, by the version of Compose that the guide does not run.
    let block = blocks()?
        .into_iter()
        .find(|block| block.lines.contains("no-build.yaml"))
        .context("a block without a build")?;
    said(&mut machine.shell(&block.lines)?)?;
    let container = compose.container(FE)?;
    container.becomes_healthy(PATIENCE)?;
    let image = container.look("{{.Config.Image}}")?;
    ensure!(image == "starrocks/fe-ubuntu:3.5-latest", "{image}");
    Ok(())
}

/// The images as they are built there, on stand-ins for the two images that are pulled, and the cluster of one host.
#[test]
#[ignore = "nightly: it compiles a release in a container, with all cores for minutes"]
fn the_images_of_the_readme_are_built_and_one_host_is_a_cluster() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let address = network.address(0).to_string();
        let (net, _) = address.rsplit_once('.').context("an address")?;
        network.remove()?;
        let compose = Compose::new(docker, &["compose/one-host-3x3/compose.yaml"])
            .by(Version::Two)
            .set("FE_IMAGE", docker.tag("starrocks-fe"))
            .set("BE_IMAGE", docker.tag("starrocks-be"))
            .set("NET", net)
            .set("COMPOSE_PROJECT_NAME", docker.prefix());
        let commit = said(Command::new("git").args(["describe", "--always", "--dirty"]))?;
        for block in blocks()? {
            match block.on.as_str() {
                "build-host" if block.lines.contains("docker build") => {
                    let lines: Vec<String> = block
                        .lines
                        .lines()
                        .map(|line| built(docker, line))
                        .collect::<anyhow::Result<_>>()?;
                    said(&mut Version::Two.shell(&lines.join("\n"))?)?;
                    let version = docker.once(&[&docker.tag("muster"), "version"])?;
                    ensure!(
                        version.code == 0 && version.text.contains(commit.trim()),
                        "{version:?}"
                    );
                }
                "build-host" => {
                    let copy = docker.dir().join("muster");
                    let lines = block
                        .lines
                        .replace("muster-copy", &format!("{}-copy", docker.prefix()))
                        .replace("-copy muster\n", &format!("-copy {}\n", docker.tag("muster")))
                        .replace("compose/starrocks-ha/muster", &copy.display().to_string());
                    said(&mut Version::Two.shell(&lines)?)?;
                    let version = said(Command::new(&copy).arg("version"))?;
                    ensure!(version.contains(commit.trim()), "{version}");
                }
                "one-host" => {
                    let lines = format!("cd {}\n{}", root()?.display(), block.lines);
                    let answer = said(compose.shell(&lines)?.stdin(Stdio::null()))?;
                    if block.lines.contains(" up ") {
                        for name in ["fe1", "fe2", "fe3", "be1", "be2", "be3"] {
                            compose.container(name)?.becomes_healthy(PATIENCE)?;
                        }
                    } else if block.lines.contains(" health ") {
                        let without_id = |text: &str| {
                            let words = text
                                .split_whitespace()
                                .filter(|word| word.parse::<u64>().is_err());
                            words.collect::<Vec<_>>().join(" ")
                        };
                        let expected = sentence("says=health")?.replace("10.89.77", net);
                        ensure!(
                            without_id(&answer) == without_id(&expected),
                            "{answer} and not {expected}"
                        );
                    }
                }
                _ => {}
            }
        }
        Ok(())
    })
}

/// A line that builds an image, with the images of this test in the place of those that are pulled.
fn built(docker: &Docker, line: &str) -> anyhow::Result<String> {
    let images = docker.images();
    let options = if line.contains("muster.Dockerfile") {
        format!("--build-arg RUST={}", images.vendor("rust")?)
    } else {
        let part = if line.contains("fe.Dockerfile") {
            "fe"
        } else {
            "be"
        };
        let base = images.vendor(&format!("{part}-bare"))?;
        format!(
            "--build-arg BASE={base} --build-arg MUSTER={}",
            docker.tag("muster")
        )
    };
    let line = line.replace(
        "--tag ",
        &format!("{options} --label {} --tag {}", docker.label(), docker.tag("")),
    );
    // BuildKit keeps what it compiled, and nothing tells it apart from somebody else's: only the small images are built by it.
    let prefix = if line.contains("muster.Dockerfile") {
        "DOCKER_BUILDKIT=0 "
    } else {
        ""
    };
    Ok(format!("{prefix}{line}"))
}

/// Runs it, and returns its output.
fn said(command: &mut Command) -> anyhow::Result<String> {
    let done = command.output()?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?}: {text}{errors}");
    Ok(text)
}
