//! Real containers on the Docker daemon of this machine, with no registry: images begin with nothing, or with the
//! programs of this machine that an engine's start script calls.
//!
//! | file | holds |
//! |---|---|
//! | `run.rs` | what one test made on the daemon, all of it named after that test, and its removal however the test ends |
//! | `images.rs` | the images: muster alone, and what docker/ makes of stand-ins for the vendor's |
//! | `network.rs` | a network with addresses that nobody else has |
//! | `container.rs` | one container: start, stop, kill, look inside |
//! | `compose.rs` | several of them by docker-compose, as the files say it that a user copies |
//! | `machine.rs` | hosts with a Docker daemon of their own, whose power can fail |

mod compose;
mod container;
mod images;
mod machine;
mod network;
mod run;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, bail, ensure};

pub use compose::{Compose, Version};
pub use container::Container;
pub use images::{Images, release, script};
pub use machine::{Machine, Machines};
pub use network::Network;

use crate::host::Output;
use crate::image::Component;
use run::Run;

/// The daemon, for one test.
#[derive(Debug)]
pub struct Docker {
    // Before the images: they can be removed only when no container is left.
    run: Run,
    images: Arc<Images>,
}

impl Docker {
    /// A test with containers. Where Docker is refused it says so and the test passes, but not in CI. What every
    /// container said is a part of a failure.
    pub fn test(test: impl FnOnce(&Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if let Err(refused) = reachable() {
            ensure!(
                std::env::var_os("CI").is_none(),
                "{refused:#}, and CI is not allowed to skip"
            );
            crate::world::say(&format!("skipped: {refused:#}"));
            return Ok(());
        }
        // Without it the image would be built for a daemon that then cannot be asked to start it.
        let images = Images::shared()?;
        let docker = Self {
            run: Run::begin()?,
            images,
        };
        test(&docker).map_err(|error| error.context(docker.run.logs()))
    }

    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The name that everything this test makes has to begin with.
    pub fn prefix(&self) -> &str {
        self.run.id()
    }

    /// A directory of this test, which goes with it.
    pub fn dir(&self) -> &Path {
        self.run.dir()
    }

    /// The label for everything that is built by hand, so that it is removed with this test.
    pub fn label(&self) -> String {
        format!("{}={}", run::LABEL, self.run.id())
    }

    /// The name of an image of this test's own.
    pub fn tag(&self, name: &str) -> String {
        format!("{}:{name}", self.run.id())
    }

    /// The output of `docker`, if it succeeded.
    pub fn call(&self, arguments: &[&str]) -> anyhow::Result<String> {
        docker(arguments)
    }

    /// A value that `docker inspect` shows of an image.
    pub fn look(&self, image: &str, format: &str) -> anyhow::Result<String> {
        docker(&["image", "inspect", "--format", format, image])
    }

    /// A network of this test's own.
    pub fn network(&self) -> anyhow::Result<Network> {
        Network::make(&self.run)
    }

    /// An empty volume.
    pub fn volume(&self, name: &str) -> anyhow::Result<String> {
        let name = format!("{}-{name}", self.run.id());
        docker(&["volume", "create", &name])?;
        Ok(name)
    }

    /// The disk is lost.
    pub fn forget(&self, volume: &str) -> anyhow::Result<()> {
        docker(&["volume", "rm", volume]).map(drop)
    }

    /// An image of this test's own: the Dockerfile's text, and a directory with what it copies.
    pub fn build(&self, name: &str, dockerfile: &str, context: &Path) -> anyhow::Result<String> {
        images::build(&self.run, name, dockerfile, Some(context), &[])
    }

    /// An image with muster and the files of a BE's home, and no other program: the start script is for muster itself,
    /// which takes it for a verb that it does not know.
    pub fn bare_backend(&self) -> anyhow::Result<String> {
        let context = self.dir().join("bare");
        let home = self.images.engine(Component::Be, &context)?;
        let binary = home.join("lib/starrocks_be");
        fs::remove_file(&binary)?;
        fs::write(&binary, "")?;
        let script = home.join("bin/start_be.sh");
        let text = fs::read_to_string(&script)?;
        let (_, rest) = text.split_once('\n').unwrap_or_default();
        fs::write(&script, format!("#!/muster\n{rest}"))?;
        let from = self.images.alone()?;
        let lines = format!("FROM {from}\nCOPY be /opt/starrocks/be\nCMD [\"run\"]\n");
        self.build("bare", &lines, &context)
    }

    /// A container in which a command runs to its end, and what it said.
    pub fn once(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let name = self.run.name_of("once");
        call(
            Command::new("docker")
                .args(["run", "--rm", "--name", &name])
                .args(arguments),
        )
    }

    /// A container that is created and not started: options and image, as for `docker create`.
    pub fn container(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Container> {
        let full = format!("{}-{name}", self.run.id());
        let mut all = vec!["create", "--name", &full];
        all.extend(arguments);
        docker(&all)?;
        Ok(Container::named(&full))
    }
}

/// Checks once that this user can use a daemon on this machine: its containers are asked at their addresses.
fn reachable() -> anyhow::Result<()> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    let answer = ANSWER.get_or_init(|| look().map_err(|refused| format!("{refused:#}")));
    answer.clone().map_err(anyhow::Error::msg)
}

fn look() -> anyhow::Result<()> {
    let server =
        docker(&["version", "--format", "{{.Server.Os}}"]).context("there is no Docker to test with")?;
    ensure!(server == "linux", "the Docker daemon runs {server} containers");
    Version::Installed.command()?;
    let run = Run::begin()?;
    let network = Network::make(&run)?;
    ensure!(
        TcpListener::bind((network.gateway(), 0)).is_ok(),
        "the networks of the Docker daemon are not on this machine"
    );
    Ok(())
}

/// The output of `docker`, if it succeeded.
fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    content(Command::new("docker").args(arguments))
}

fn content(command: &mut Command) -> anyhow::Result<String> {
    let output = call(command)?;
    ensure!(output.code == 0, "{command:?}: {}", output.text);
    Ok(output.text)
}

fn call(command: &mut Command) -> anyhow::Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .with_context(|| format!("cannot run `{program}`"))?;
    let Some(code) = done.status.code() else {
        bail!("`{program}` was killed: {}", done.status)
    };
    let text = [done.stdout, done.stderr].concat();
    Ok(Output {
        code,
        text: String::from_utf8_lossy(&text).trim().to_owned(),
    })
}

/// Where this project is.
fn workspace() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    crates.unwrap_or(Path::new("/")).to_owned()
}

fn file_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
