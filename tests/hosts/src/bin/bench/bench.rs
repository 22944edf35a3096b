//! What every row is given: the world it happens in, how often to repeat, and whom to compare with.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, StandIn, World, binary};

use crate::turns::Contestant;

/// Runs its words and stays, as an entrypoint script does.
pub(crate) const BASH: [&str; 3] = ["-c", "\"$@\"; exit $?", "bash"];

#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) quick: bool,
    cluster: OnceCell<Cluster>,
}

impl Bench {
    pub(crate) fn new(world: World, quick: bool) -> Self {
        Self {
            world,
            quick,
            cluster: OnceCell::new(),
        }
    }

    /// How often, or how much: in full, or just to see that it can be measured.
    pub(crate) fn much<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Three FEs and a BE of the stand-in that were never started, the seed of which need not listen before it founds.
    pub(crate) fn fresh_cluster(&self) -> anyhow::Result<&Cluster> {
        if self.cluster.get().is_none() {
            let [fe, be] = self.world.stand_in(&StandIn {
                time_scale: 0.1,
                heartbeat_ms: 1000,
                ..StandIn::default()
            })?;
            let cluster = Cluster::new(&self.world, 3, &fe, 1, Some(&be))?;
            cluster.seed()?.set("GUARD_TIME", "0s");
            self.cluster.set(cluster).ok();
        }
        let cluster = self.cluster.get().context("a cluster was just made")?;
        for host in &cluster.hosts {
            if host.is_running() {
                host.kill9()?;
            }
        }
        cluster.hosts.iter().try_for_each(Host::wipe_both)?;
        Ok(cluster)
    }
}

/// A program of this machine, if it is installed.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// The inits of this machine in front of a script, each as it is used.
pub(crate) fn inits(script: &Path) -> anyhow::Result<Vec<Contestant>> {
    let mut inits = vec![Contestant::before(
        "bare Rust init",
        &binary("floor")?,
        &[],
        script,
    )];
    // As PID 1 it needs no `-s`; anywhere else it complains without it.
    for (name, flags) in [
        ("tini", &["-s", "--"][..]),
        ("tini-static", &["-s", "--"]),
        ("dumb-init", &["--"]),
        ("catatonit", &["--"]),
        ("bash", &BASH),
    ] {
        inits.extend(tool(name).map(|program| Contestant::before(name, &program, flags, script)));
    }
    ensure!(inits.len() > 1, "there is nobody to compare with, not even bash");
    Ok(inits)
}
