//! Machines: hosts with an address, a disk and a Docker daemon of their own, so that `network_mode: host` is what it says and
//! a machine can lose its power.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Compose, Docker, Images, Version, call, content, workspace};
use crate::eventually::eventually;
use crate::image::Component;
use crate::network;
use crate::sql::{Row, query};
use crate::world::{World, say};

/// The folder that a user copies, which names the project.
const PROJECT: &str = "starrocks-ha";

/// How long a daemon may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names of the images in the compose files: ours, and the vendor's untouched.
const NAMES: [&str; 4] = [
    "starrocks-fe",
    "starrocks-be",
    "starrocks/fe-ubuntu:3.5-latest",
    "starrocks/be-ubuntu:3.5-latest",
];

/// Where the images are that every machine has, as `docker save` writes them.
const ARCHIVE: &str = "MUSTER_MACHINES_IMAGES";

/// The machines of one test, on a network of their own.
#[derive(Debug)]
pub struct Machines {
    world: World,
    archive: PathBuf,
    version: Version,
}

impl Machines {
    /// The first line of a test with machines; `None` when there is nothing left to do, as with [`World::enter`].
    pub fn enter(test: &str) -> anyhow::Result<Option<Self>> {
        Self::enter_with(test, Version::Installed)
    }

    /// The same with that Docker Compose on the machines.
    pub fn enter_with(test: &str, version: Version) -> anyhow::Result<Option<Self>> {
        if !World::is_inside() {
            let mut outcome = Ok(None);
            Docker::test(|docker| {
                // Inside there is no network to bring it by.
                version.command()?;
                outcome = outside(docker.images(), test);
                Ok(())
            })?;
            return outcome;
        }
        let world = World::enter(test)?.context("it is inside")?;
        let archive = PathBuf::from(std::env::var_os(ARCHIVE).context("nobody said where the images are")?);
        Ok(Some(Self {
            world,
            archive,
            version,
        }))
    }

    /// Where the files of this run are, which every machine sees.
    pub fn dir(&self) -> &Path {
        self.world.dir()
    }

    /// A machine with its daemon up, the images on it under the names that the compose files have for them, and in
    /// `starrocks-ha/` what a user copies there: that folder, with this host and the first one in app.env, and muster.
    pub fn boot(&self, name: &str, n: u8) -> anyhow::Result<Machine> {
        network::plug(name, n)?;
        self.install(name, n)
    }

    /// Another machine in the place of one that is off: nothing of it is left but the address.
    pub fn replace(&self, broken: Machine) -> anyhow::Result<Machine> {
        let (name, n) = (broken.name.clone(), broken.number);
        let dir = broken.dir.clone();
        drop(broken);
        fs::remove_dir_all(dir)?;
        self.install(&name, n)
    }

    fn install(&self, name: &str, n: u8) -> anyhow::Result<Machine> {
        let dir = self.world.dir().join(name);
        let copy = dir.join(PROJECT);
        fs::create_dir_all(&copy)?;
        for file in fs::read_dir(workspace().join("compose").join(PROJECT))? {
            let file = file?.path();
            let name = file.file_name().context("a file has a name")?;
            fs::copy(&file, copy.join(name))?;
        }
        fs::copy(self.archive.with_extension("muster"), copy.join("muster"))?;
        let mut machine = Machine {
            name: name.to_owned(),
            number: n,
            address: network::address(n),
            dir,
            archive: self.archive.clone(),
            version: self.version,
            running: None,
        };
        machine.set_env("LOCAL_HOST", &machine.address.to_string())?;
        machine.set_env("MASTER_HOST", &network::address(1).to_string())?;
        machine.switch_on()?;
        let load = machine
            .docker(&["load", "--quiet", "--input"])
            .arg(&machine.archive)
            .output()?;
        ensure!(
            load.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&load.stderr)
        );
        let tags = fs::read_to_string(self.archive.with_extension("names"))?;
        for (tag, name) in tags.lines().zip(NAMES) {
            content(&mut machine.docker(&["tag", tag, name]))?;
        }
        Ok(machine)
    }
}

/// Makes the images before a test goes inside, where there is a daemon with a network.
fn outside(images: &Images, test: &str) -> anyhow::Result<Option<Machines>> {
    let ours = [images.bare(Component::Fe)?, images.bare(Component::Be)?];
    let vendors = [images.vendor("fe-bare")?, images.vendor("be-bare")?];
    let archive = images.saved(&[ours, vendors].concat())?;
    let name = test.rsplit("::").find(|word| *word != "here").unwrap_or(test);
    let entered = World::enter_with(test, |command| {
        command.env(ARCHIVE, &archive).env(CGROUPS, cgroups_of(name));
    });
    // A daemon that was killed with its machine removes no cgroups.
    sweep_cgroups(&cgroups_of(name));
    ensure!(entered?.is_none(), "that was outside");
    Ok(None)
}

/// Names the cgroups of a test's machines.
const CGROUPS: &str = "MUSTER_MACHINES_CGROUPS";

fn cgroups_of(test: &str) -> String {
    format!("muster-machines-{test}-{}", std::process::id())
}

/// Removes what is left below a cgroup of that name, in every hierarchy, the innermost first.
fn sweep_cgroups(name: &str) {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).into_iter().flatten().flatten();
    for top in hierarchies.map(|entry| entry.path()).chain([root.to_owned()]) {
        remove_cgroup(&top.join(name));
    }
}

fn remove_cgroup(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    // The files in it are not files, and one that is still in use is a matter for whoever uses it.
    fs::remove_dir(dir).ok();
}

#[derive(Debug)]
pub struct Machine {
    name: String,
    number: u8,
    address: Ipv4Addr,
    dir: PathBuf,
    archive: PathBuf,
    version: Version,
    running: Option<Child>,
}

impl Machine {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The disk of it: what its volumes hold survives it.
    pub fn volume(&self, name: &str) -> PathBuf {
        self.dir
            .join("data/volumes")
            .join(format!("{PROJECT}_{name}"))
            .join("_data")
    }

    /// A line of its app.env.
    pub fn set_env(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let file = self.dir.join(PROJECT).join("app.env");
        let text = fs::read_to_string(&file)?;
        let others = text.lines().filter(|line| !line.starts_with(&format!("{name}=")));
        let lines: Vec<&str> = others.collect();
        fs::write(&file, format!("{}\n{name}={value}\n", lines.join("\n")))?;
        Ok(())
    }

    /// Starts the daemon, and with it what has to be started at boot.
    pub fn switch_on(&mut self) -> anyhow::Result<()> {
        let dir = self.dir.display();
        let cgroups = std::env::var(CGROUPS)?;
        let run = self.run();
        fs::remove_dir_all(&run).ok();
        fs::create_dir_all(&run)?;
        let run = run.display();
        let driver = fs::read_to_string(self.archive.with_extension("driver"))?;
        let settings = format!(
            r#"{{"data-root": "{dir}/data", "exec-root": "{run}", "pidfile": "{run}/pid", "hosts": ["{}"],
                "bridge": "none", "iptables": false, "ip6tables": false, "cgroup-parent": "/{cgroups}/{}",
                "storage-driver": "{}"}}"#,
            self.daemon(),
            self.name,
            driver.trim()
        );
        fs::write(self.dir.join("daemon.json"), settings)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("log"))?;
        let mut daemon = Command::new("nsenter");
        daemon
            .arg(format!("--net=/run/netns/{}", self.name))
            // All of it ends with the power.
            .args([
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["dockerd", "--config-file"])
            .arg(self.dir.join("daemon.json"))
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        self.running = Some(
            daemon
                .spawn()
                .context("cannot run `nsenter` (Debian package util-linux)")?,
        );
        eventually(PATIENCE, &format!("the daemon of {}", self.name), || {
            content(&mut self.docker(&["version"])).map(drop)
        })
    }

    /// The power fails: nothing on it runs from one instant to the next, and nobody was told.
    pub fn lose_power(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("it is off")?;
        // `unshare` takes its PID 1 with it, and that every other process.
        running.kill()?;
        running.wait()?;
        let cgroups = std::env::var(CGROUPS)?;
        eventually(PATIENCE, &format!("the end of all on {}", self.name), || {
            sweep_cgroups(&format!("{cgroups}/{}", self.name));
            let left = Path::new("/sys/fs/cgroup/memory").join(&cgroups).join(&self.name);
            ensure!(!left.exists(), "{} is in use", left.display());
            Ok(())
        })
    }

    /// The cable is cut behind the next switch.
    pub fn cut_off(&self) -> anyhow::Result<()> {
        network::cut(&self.name)
    }

    pub fn heal(&self) -> anyhow::Result<()> {
        network::heal(&self.name)
    }

    /// `docker` on this machine.
    pub fn docker(&self, words: &[&str]) -> Command {
        let mut docker = Command::new("docker");
        docker.args(["--host", &self.daemon()]).args(words);
        docker
    }

    /// compose/starrocks-ha/compose.yaml as it is, typed into a shell of this machine.
    pub fn compose(&self) -> Compose {
        Compose::of(PROJECT, [self.dir.join(PROJECT).join("compose.yaml")])
            .by(self.version)
            .set("DOCKER_HOST", self.daemon())
    }

    /// A shell in `starrocks-ha/` of this machine, about to run these lines.
    pub fn shell(&self, lines: &str) -> anyhow::Result<Command> {
        self.compose().shell(lines)
    }

    /// Another project on this machine: a file named from the project's root, and beside its copy these.
    pub fn project(&self, file: &str, beside: &[(&str, String)]) -> anyhow::Result<Compose> {
        let dir = self.dir.join("project");
        fs::create_dir_all(&dir)?;
        let copy = dir.join("compose.yaml");
        fs::copy(workspace().join(file), &copy)?;
        for (name, text) in beside {
            fs::write(dir.join(name), text)?;
        }
        let [fe, be, ..] = NAMES;
        Ok(Compose::of("project", [copy])
            .set("DOCKER_HOST", self.daemon())
            .set("FE_IMAGE", fe)
            .set("BE_IMAGE", be))
    }

    fn daemon(&self) -> String {
        format!("unix://{}/sock", self.run().display())
    }

    /// The directory of the sockets: beside the disk, and with a short path.
    fn run(&self) -> PathBuf {
        Path::new("/run/machines").join(&self.name)
    }

    /// Asks the FE of this machine.
    pub fn sql(&self, statement: &str) -> anyhow::Result<Vec<Row>> {
        query(
            SocketAddr::from((self.address, 9030)),
            Duration::from_secs(3),
            statement,
        )
    }

    /// The last lines of its containers and its daemon, for a test that failed.
    pub fn tails(&self) -> String {
        let names = call(&mut self.docker(&["ps", "-a", "--format", "{{.Names}}"]))
            .map_or(String::new(), |said| said.text);
        names.lines().fold(String::new(), |text, name| {
            let said = call(&mut self.docker(&["logs", "--tail", "30", name]))
                .map_or(String::new(), |said| said.text);
            let state = call(&mut self.docker(&["inspect", "--format", "{{json .State}}", name]))
                .map_or(String::new(), |said| said.text);
            text + &format!("-- {} {name}: {state}\n{said}\n", self.name)
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.running.is_some()
            && let Err(error) = self.lose_power()
        {
            say(&format!("{}: {error:#}", self.name));
        }
    }
}
