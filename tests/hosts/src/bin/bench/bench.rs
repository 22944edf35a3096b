//! What every row is given: the world it happens in, how often to repeat, and whom to compare with.

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
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
            let [fe, be] = self.world.stand_in(&StandIn::QUICK)?;
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

/// Who is measured beside muster: a program, and the Debian package it is in.
const PEERS: [(&str, &str); 9] = [
    ("tini", "tini"),
    ("tini-static", "tini"),
    ("dumb-init", "dumb-init"),
    ("catatonit", "catatonit"),
    ("supervisord", "supervisor"),
    ("s6-svscan", "s6"),
    ("bash", "bash"),
    ("curl", "curl"),
    ("mariadb", "mariadb-client-core"),
];

/// The packages of those who are not here.
pub(crate) fn missing() -> Vec<&'static str> {
    let missing = PEERS.iter().filter(|(program, _)| tool(program).is_none());
    let mut packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// s6 as PID 1 of a container, as its manual has it: the script is its only service, with which the container ends, by
/// the code that the service ended with.
pub(crate) fn s6(bench: &Bench, name: &str, script: &Path) -> anyhow::Result<Option<Contestant>> {
    let Some(svscan) = tool("s6-svscan") else {
        return Ok(None);
    };
    let dir = bench.world.dir().join(name);
    let (at, service) = (dir.display(), dir.join("engine"));
    for (path, text) in [
        (service.join("run"), format!("exec {}\n", script.display())),
        (
            service.join("finish"),
            format!(
                "[ \"$1\" = 256 ] && set -- $((128 + $2))\necho \"$1\" >{at}/code\nexec s6-svscanctl -t {at}\n"
            ),
        ),
        (
            dir.join(".s6-svscan/finish"),
            format!("exit \"$(cat {at}/code)\"\n"),
        ),
    ] {
        fs::create_dir_all(path.parent().context("it is in a directory")?)?;
        fs::write(&path, format!("#!/bin/sh\n{text}"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(Some(Contestant {
        name: "s6",
        words: vec![svscan.into(), dir.into()],
    }))
}

/// supervisord as PID 1, with the script as its only program. It never ends with that.
pub(crate) fn supervisord(bench: &Bench, name: &str, script: &str) -> anyhow::Result<Option<Contestant>> {
    let Some(program) = tool("supervisord") else {
        return Ok(None);
    };
    let dir = bench.world.dir().join(name);
    fs::create_dir_all(&dir)?;
    let (at, conf) = (dir.display(), dir.join("conf"));
    fs::write(
        &conf,
        format!(
            "[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\n\
             pidfile={at}/pid\nchildlogdir={at}\n[program:engine]\ncommand={script}\n"
        ),
    )?;
    Ok(Some(Contestant {
        name: "supervisord",
        words: vec![program.into(), "--configuration".into(), conf.into()],
    }))
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
