//! Several containers by docker-compose: one service a host, each as the README's block of yaml says it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, ensure};

use super::{Container, Docker, Network, call, readme_blocks};
use crate::image::Component;

#[derive(Debug)]
pub struct Compose {
    project: String,
    files: Vec<PathBuf>,
}

impl Compose {
    /// A project of hosts with these names and last numbers of their addresses; the first one is the seed. Nothing is
    /// started. `change` may rewrite the text of a host's file.
    pub fn new(
        docker: &Docker,
        network: &Network,
        hosts: &[(&str, Component, u8)],
        change: impl Fn(&str, String) -> String,
    ) -> anyhow::Result<Self> {
        let blocks = readme_blocks("yaml")?;
        let [block] = blocks.as_slice() else {
            anyhow::bail!("README.md has {} blocks of yaml", blocks.len())
        };
        let (_, _, seed) = hosts.first().context("no hosts")?;
        let mut files = Vec::new();
        for (name, component, last) in hosts {
            let text = host_file(docker, network, block, *seed, (name, *component, *last))?;
            let file = docker.dir().join(format!("{name}.yml"));
            fs::write(&file, change(name, text))?;
            files.push(file);
        }
        Ok(Self {
            project: docker.prefix().to_owned(),
            files,
        })
    }

    /// `docker-compose up --detach`, with further options.
    pub fn up(&self, options: &[&str]) -> anyhow::Result<()> {
        let all = [&["up", "--detach", "--no-color"], options].concat();
        self.call(&all).map(drop)
    }

    pub fn call(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut compose = program()?;
        compose.args(["--project-name", &self.project]);
        for file in &self.files {
            compose.arg("--file").arg(file);
        }
        let said = call(compose.args(arguments))?;
        ensure!(
            said.code == 0,
            "docker-compose {}: {}",
            arguments.join(" "),
            said.text
        );
        Ok(said.text)
    }

    /// The container of a service as it is now.
    pub fn container(&self, service: &str) -> anyhow::Result<Container> {
        let id = self.call(&["ps", "--all", "--quiet", service])?;
        ensure!(!id.is_empty(), "{service} has no container");
        Ok(Container::named(id.lines().last().unwrap_or_default()))
    }

    /// The name of a volume on the daemon.
    pub fn volume(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }
}

/// The README's file for one host. There is one machine here, so the network of the host becomes a network.
fn host_file(
    docker: &Docker,
    network: &Network,
    block: &str,
    seed: u8,
    (name, component, last): (&str, Component, u8),
) -> anyhow::Result<String> {
    let image = docker.images().of(component)?;
    let own = network.address(last).to_string();
    let seed = network.address(seed).to_string();
    let address = format!("networks: {{default: {{ipv4_address: {own}}}}}");
    let data = match component {
        Component::Fe => "fe/meta",
        Component::Be => "be/storage",
    };
    let here = [
        ("my/starrocks-fe", image.as_str()),
        ("network_mode: host", &address),
        ("10.0.0.10", &seed),
        ("10.0.0.11", &own),
        ("fe/meta", data),
        ("fe-meta", &format!("{name}-data")),
        ("fe-state", &format!("{name}-state")),
        ("  fe:\n", &format!("  {name}:\n")),
    ];
    let mut text = block.to_owned();
    for (there, here) in here {
        ensure!(
            text.contains(there),
            "`{there}` is not in README.md's yaml any more:\n{block}"
        );
        text = text.replace(there, here);
    }
    Ok(format!(
        "{text}networks:\n  default:\n    external: true\n    name: {}\n",
        network.name()
    ))
}

/// Either of the two there are.
pub(crate) fn program() -> anyhow::Result<Command> {
    static PROGRAM: OnceLock<Option<&[&str]>> = OnceLock::new();
    let is_there = |words: &&[&str]| {
        let mut program = Command::new(words.first().unwrap_or(&""));
        call(program.args(words.iter().skip(1)).arg("version")).is_ok_and(|said| said.code == 0)
    };
    let known: [&[&str]; 2] = [&["docker-compose"], &["docker", "compose"]];
    let words = PROGRAM.get_or_init(|| known.into_iter().find(is_there));
    let (program, words) = words
        .and_then(<[&str]>::split_first)
        .context("docker-compose is not installed")?;
    let mut command = Command::new(program);
    command.args(words);
    Ok(command)
}
