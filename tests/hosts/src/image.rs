//! The files a host begins with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::engine::{DORIS, Engine, STARROCKS};

/// What runs on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    Fe,
    Be,
    Broker,
}

impl Component {
    pub fn id(self) -> &'static str {
        match self {
            Self::Fe => "fe",
            Self::Be => "be",
            Self::Broker => "broker",
        }
    }

    /// The file in the home's `bin` that starts it.
    pub fn start_script(self) -> String {
        format!("start_{}.sh", self.id())
    }

    /// The statement that lists those of its kind.
    pub fn show(self) -> &'static str {
        match self {
            Self::Fe => "SHOW FRONTENDS",
            Self::Be => "SHOW BACKENDS",
            Self::Broker => "SHOW BROKER",
        }
    }

    /// The name of its home.
    fn home(self) -> &'static str {
        match self {
            Self::Fe => "fe",
            Self::Be => "be",
            Self::Broker => "apache_hdfs_broker",
        }
    }
}

/// An engine's home, to be copied: `bin/start_fe.sh`, `lib/`, `conf/`.
#[derive(Debug, Clone)]
pub struct Image {
    pub component: Component,
    pub engine: &'static Engine,
    files: PathBuf,
}

impl Image {
    /// A home as it is on disk; its data and logs are not part of the image.
    pub fn of(component: Component, files: &Path) -> anyhow::Result<Self> {
        let script = format!("bin/{}", component.start_script());
        ensure!(
            files.join(&script).is_file(),
            "{}: no {script} in it",
            files.display()
        );
        let doris = names(&files.join("lib"))?
            .iter()
            .any(|name| name.contains("doris"));
        Ok(Self {
            component,
            engine: if doris { &DORIS } else { &STARROCKS },
            files: files.to_owned(),
        })
    }

    /// The homes in a directory: `fe` and `be` in it, or the directory itself as an FE.
    pub fn found_in(dir: &Path) -> anyhow::Result<(Self, Option<Self>)> {
        if !dir.join("fe").is_dir() {
            return Ok((Self::of(Component::Fe, dir)?, None));
        }
        let be = dir.join("be");
        let be = be.is_dir().then(|| Self::of(Component::Be, &be)).transpose()?;
        Ok((Self::of(Component::Fe, &dir.join("fe"))?, be))
    }

    /// The home of a broker that was installed beside this one.
    pub fn broker(&self) -> anyhow::Result<Self> {
        Ok(Self {
            engine: self.engine,
            ..Self::of(
                Component::Broker,
                &self.files.with_file_name(Component::Broker.home()),
            )?
        })
    }

    /// Where an image of this engine has its home.
    pub(crate) fn home(&self) -> PathBuf {
        Path::new(self.engine.homes).join(self.component.home())
    }

    /// The name of the directory under the home that a volume is mounted on. A broker keeps nothing but logs.
    pub(crate) fn data(&self) -> &'static str {
        match self.component {
            Component::Be => "storage",
            Component::Fe => self.engine.fe_data,
            Component::Broker => "log",
        }
    }

    /// A copy of the files in a directory that does not exist yet.
    pub(crate) fn unpack(&self, into: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(into)?;
        for name in names(&self.files)? {
            if ["meta", "doris-meta", "storage", "log", "temp_dir"].contains(&name.as_str()) {
                continue;
            }
            // Libraries are large, and nobody writes to them.
            copy(&self.files.join(&name), &into.join(&name), name == "lib")?;
        }
        Ok(())
    }
}

/// The stand-in engine and how it is to behave.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// One second of the real engine takes this many.
    pub time_scale: f32,
    /// Real milliseconds between two heartbeats.
    pub heartbeat_ms: u32,
}

impl Default for StandIn {
    fn default() -> Self {
        Self {
            time_scale: 0.15,
            heartbeat_ms: 5000,
        }
    }
}

impl StandIn {
    /// Engine seconds pass at a tenth of their length and heartbeats come each second.
    pub const QUICK: Self = Self {
        time_scale: 0.1,
        heartbeat_ms: 1000,
    };

    pub(crate) fn install(&self, profile: &str, dir: &Path) -> anyhow::Result<[Image; 2]> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .with_file_name("standin")
            .join("install");
        let done = Command::new(&script)
            .arg(dir)
            .args(["--profile", profile])
            .args(["--time-scale", &self.time_scale.to_string()])
            .args(["--heartbeat-ms", &self.heartbeat_ms.to_string()])
            .arg("--binary")
            .arg(binary("standin")?)
            .output()
            .with_context(|| format!("cannot run {}", script.display()))?;
        ensure!(
            done.status.success(),
            "{}: {}",
            script.display(),
            String::from_utf8_lossy(&done.stderr)
        );
        Ok([
            Image::of(Component::Fe, &dir.join("fe"))?,
            Image::of(Component::Be, &dir.join("be"))?,
        ])
    }
}

/// Where cargo puts what it builds: this program is in it.
pub fn target_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let profile = program
        .ancestors()
        .skip(1)
        .find(|dir| dir.file_name().is_none_or(|name| name != "deps"))
        .context("this program is in no directory")?;
    Ok(profile.parent().unwrap_or(profile).to_owned())
}

/// A program of the workspace: `MUSTER_BIN` or `STANDIN_BIN` if set, else the one built beside this.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let variable = format!("{}_BIN", name.to_uppercase());
    let path = match std::env::var_os(&variable) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => {
            let program = std::env::current_exe()?;
            let dirs = program.ancestors().skip(1).take(2);
            dirs.map(|dir| dir.join(name))
                .find(|path| path.is_file())
                .with_context(|| {
                    format!("{name} is not built: run `cargo build --workspace`, or set {variable}")
                })?
        }
    };
    path.canonicalize()
        .with_context(|| format!("{variable}={}", path.display()))
}

fn names(dir: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn copy(from: &Path, to: &Path, link: bool) -> anyhow::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_dir() {
        fs::create_dir_all(to)?;
        for name in names(from)? {
            copy(&from.join(&name), &to.join(&name), link)?;
        }
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else if !link || fs::hard_link(from, to).is_err() {
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}
