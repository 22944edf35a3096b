//! Many BEs that wait for one leader: real `muster run` processes, each with an address and a home of its own. Cheaper
//! than a [`crate::Host`], which is a container; the engines behind them only sleep, so whoever has registered goes on
//! asking whether it is alive.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually::eventually;
use crate::image::{Image, binary};
use crate::network;
use crate::world::World;

/// In place of an engine, with the words that muster looks for: each of them has a machine of its own to start its engine on, and
/// here they all share one.
const SLEEPS: &str = "#!/bin/sh\n# --logconsole --console SKIP_CHECK_ULIMIT\nexec sleep 1000000\n";

/// How long starting or stopping them may take together.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Herd {
    joiners: Vec<Joiner>,
}

#[derive(Debug)]
struct Joiner {
    address: Ipv4Addr,
    home: PathBuf,
    leader: Ipv4Addr,
    running: Option<Child>,
}

impl Herd {
    /// So many, none of them started, that know the leader's address.
    pub fn new(world: &World, image: &Image, leader: Ipv4Addr, size: u16) -> anyhow::Result<Self> {
        let mut joiners = Vec::new();
        let mut places = Vec::new();
        for n in 0..size {
            let (name, address) = (format!("j{n}"), network::address_in_herd(n));
            let home = world.dir().join("herd").join(&name);
            image.unpack(&home)?;
            fs::create_dir_all(home.join(image.data()))?;
            fs::write(home.join(image.engine.backend), SLEEPS)?;
            places.push((name, address));
            joiners.push(Joiner {
                address,
                home,
                leader,
                running: None,
            });
        }
        network::plug_all(&places)?;
        Ok(Self { joiners })
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        self.joiners.iter_mut().try_for_each(Joiner::start)
    }

    pub fn len(&self) -> usize {
        self.joiners.len()
    }

    pub fn is_empty(&self) -> bool {
        self.joiners.is_empty()
    }

    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.joiners.iter().map(|joiner| joiner.address)
    }

    /// Waits until each has said it.
    pub fn all_say(&self, text: &str) -> anyhow::Result<()> {
        eventually(PATIENCE, &format!("`{text}` of everybody in the herd"), || {
            for joiner in &self.joiners {
                ensure!(joiner.said().contains(text), "{}", joiner.said());
            }
            Ok(())
        })
    }

    /// Every line that is a warning or worse, with the name of who said it.
    pub fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        for joiner in &self.joiners {
            let said = joiner.said();
            // What this machine allows a process is none of its doing.
            let fine = [
                "\"level\":\"INFO\"",
                "\"level\":\"DEBUG\"",
                "cannot be raised",
                "vm.max_map_count",
                " INFO (main|1) [standin] ",
            ];
            let quiet = |line: &&str| fine.iter().any(|word| line.contains(word));
            let lines = said.lines().filter(|line| !quiet(line));
            found.extend(lines.map(|line| format!("{}: {line}", joiner.address)));
        }
        found
    }

    /// Asks all to stop, and waits until they have.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        for joiner in &self.joiners {
            if let Some(running) = &joiner.running {
                kill(Pid::from_raw(running.id().cast_signed()), Signal::SIGTERM)?;
            }
        }
        for joiner in &mut self.joiners {
            let Some(running) = &mut joiner.running else {
                continue;
            };
            eventually(PATIENCE, "the end of a joiner", || {
                running.try_wait()?.context("it still runs")
            })?;
            joiner.running = None;
        }
        Ok(())
    }

    /// Stops them, and takes everything away that they were.
    pub fn dissolve(mut self) -> anyhow::Result<()> {
        self.stop()?;
        network::unplug_all((0..self.joiners.len()).map(|n| format!("j{n}")))?;
        if let Some(all) = self.joiners.first().and_then(|joiner| joiner.home.parent()) {
            fs::remove_dir_all(all)?;
        }
        Ok(())
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        for joiner in &mut self.joiners {
            if let Some(running) = &mut joiner.running {
                running.kill().ok();
                running.wait().ok();
            }
        }
    }
}

impl Joiner {
    fn start(&mut self) -> anyhow::Result<()> {
        let name = self.home.file_name().context("a home has a name")?;
        let log = File::create(self.log_file())?;
        let child = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", name.display()))
            .arg("--")
            .arg(binary("muster")?)
            .args(["run", "be", "--home"])
            .arg(&self.home)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("MASTER_HOST", self.leader.to_string())
            .env("LOCAL_HOST", self.address.to_string())
            .env("LOG_FORMAT", "json")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run `nsenter` (Debian package util-linux)")?;
        self.running = Some(child);
        Ok(())
    }

    fn log_file(&self) -> PathBuf {
        self.home.with_extension("log")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}
