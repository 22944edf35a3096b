//! The images: muster alone, and what a user builds of docker/ on the stand-ins that scripts/images makes for the vendor's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyhow::ensure;

use super::run::{LABEL, Run};
use super::{call, docker, file_text, workspace};
use crate::engine::{DORIS, Engine, STARROCKS};
use crate::image::{Component, StandIn};

/// The images of all tests of one program. Each is built when it is first asked for.
#[derive(Debug)]
pub struct Images {
    built: Mutex<BTreeMap<String, Arc<Mutex<Option<String>>>>>,
    muster: PathBuf,
    run: Run,
}

impl Images {
    /// Made by the first test that asks, removed when the last one is over.
    pub(crate) fn shared() -> anyhow::Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Images>> = Mutex::new(Weak::new());
        let mut shared = lock(&SHARED);
        if let Some(images) = shared.upgrade() {
            return Ok(images);
        }
        let images = Arc::new(Self {
            built: Mutex::default(),
            muster: release()?,
            run: Run::begin()?,
        });
        *shared = Arc::downgrade(&images);
        Ok(images)
    }

    /// Nothing but `/muster`, which is the entrypoint.
    pub fn alone(&self) -> anyhow::Result<String> {
        self.once("alone", || {
            let context = self.run.dir().join("alone");
            fs::create_dir_all(&context)?;
            fs::copy(&self.muster, context.join("muster"))?;
            let lines = "FROM scratch\nCOPY muster /muster\nENTRYPOINT [\"/muster\"]\n";
            build(&self.run, "alone", lines, Some(&context), &[])
        })
    }

    /// The file itself.
    pub fn muster(&self) -> &Path {
        &self.muster
    }

    /// A stand-in for an image of the vendor, by its name in scripts/images.
    pub fn vendor(&self, name: &str) -> anyhow::Result<String> {
        self.once(name, || {
            let done = call(
                script("images")
                    .args(["--prefix", self.run.id()])
                    .args(["--label", &format!("{LABEL}={}", self.run.id())])
                    .args(["--time-scale", &StandIn::QUICK.time_scale.to_string()])
                    .args(["--heartbeat-ms", &StandIn::QUICK.heartbeat_ms.to_string()])
                    .arg(name),
            )?;
            ensure!(done.code == 0, "scripts/images {name}: {}", done.text);
            Ok(format!("{}/{name}", self.run.id()))
        })
    }

    /// The image that docker/starrocks/ makes for a component, from the stand-in for the vendor's.
    pub fn of(&self, component: Component) -> anyhow::Result<String> {
        let id = component.id();
        self.from(id, &format!("{id}-ubuntu"))
    }

    /// The same where the root file system holds nothing but the engine.
    pub fn bare(&self, component: Component) -> anyhow::Result<String> {
        let id = component.id();
        self.from(id, &format!("{id}-bare"))
    }

    /// docker/starrocks/`file`.Dockerfile on the stand-in for one of the vendor's images.
    pub fn from(&self, file: &str, vendor: &str) -> anyhow::Result<String> {
        self.made_of(&STARROCKS, file, vendor)
    }

    /// docker/doris/`file`.Dockerfile on the stand-in for the vendor's image.
    pub fn doris(&self, file: &str) -> anyhow::Result<String> {
        self.made_of(&DORIS, file, &format!("doris-{file}"))
    }

    fn made_of(&self, engine: &Engine, file: &str, vendor: &str) -> anyhow::Result<String> {
        let name = format!("muster-{file}-{vendor}");
        self.once(&name, || {
            let lines = file_text(&workspace().join(format!("docker/{}/{file}.Dockerfile", engine.id)))?;
            let arguments = [
                format!("BASE={}", self.vendor(vendor)?),
                format!("MUSTER={}", self.alone()?),
            ];
            build(&self.run, &name, &lines, None, &arguments)
        })
    }

    /// These, as `docker save` writes them; beside the file their names, and how the daemon keeps them.
    pub(crate) fn saved(&self, tags: &[String]) -> anyhow::Result<PathBuf> {
        let path = self.once("saved", || {
            let path = self.run.dir().join("images.tar");
            let to = path.display().to_string();
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            docker(&[&["save", "--output", &to][..], &tags].concat())?;
            fs::copy(&self.muster, path.with_extension("muster"))?;
            fs::write(path.with_extension("names"), tags.join("\n"))?;
            fs::write(
                path.with_extension("driver"),
                docker(&["info", "--format", "{{.Driver}}"])?,
            )?;
            Ok(to)
        })?;
        Ok(PathBuf::from(path))
    }

    /// The engine's home, as a directory named after the component.
    pub fn engine(&self, component: Component, into: &Path) -> anyhow::Result<PathBuf> {
        let id = component.id();
        fs::create_dir_all(into)?;
        StandIn::QUICK.install(STARROCKS.profile, &into.join("installed"))?;
        let home = into.join(id);
        fs::rename(into.join("installed").join(id), &home)?;
        fs::remove_dir_all(into.join("installed"))?;
        Ok(home)
    }

    /// The image of that name, built if it is not yet; who asks meanwhile waits for it, and for no other.
    fn once(&self, name: &str, build: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<String> {
        let image = Arc::clone(lock(&self.built).entry(name.to_owned()).or_default());
        let mut image = lock(&image);
        if let Some(tag) = &*image {
            return Ok(tag.clone());
        }
        let tag = build()?;
        *image = Some(tag.clone());
        Ok(tag)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The release: `MUSTER_BIN` if set, else what `scripts/build --quick` makes, which does nothing if nothing has changed.
pub fn release() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("MUSTER_BIN").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    let done = call(script("build").arg("--quick"))?;
    ensure!(done.code == 0, "scripts/build --quick: {}", done.text);
    Ok(workspace().join("dist/quick/muster"))
}

/// One of the project's scripts, about to be called.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(workspace().join("scripts").join(name));
    // What cargo tells a test about its package is, to build scripts, a reason to begin anew.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|of_test| name.starts_with(of_test))
        {
            command.env_remove(name);
        }
    }
    command
}

/// A Dockerfile's text, with arguments `NAME=value`. Nothing is taken from an earlier build: another run may be removing
/// just that.
pub(crate) fn build(
    run: &Run,
    name: &str,
    dockerfile: &str,
    context: Option<&Path>,
    arguments: &[String],
) -> anyhow::Result<String> {
    let tag = format!("{}:{name}", run.id());
    let labelled: Vec<String> = dockerfile
        .lines()
        .map(|line| {
            if line.starts_with("FROM ") {
                // Each layer of each stage has it, also of a build that was interrupted.
                format!("{line}\nLABEL {LABEL}={}\n", run.id())
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    ensure!(labelled.len() > 1, "the Dockerfile of {name} has nothing in it");
    let dir = run.dir().join(format!("build-{name}"));
    fs::create_dir_all(&dir)?;
    let file = dir.join("Dockerfile");
    fs::write(&file, labelled.concat())?;
    let mut docker = Command::new("docker");
    docker
        .args(["build", "--no-cache", "--force-rm", "--tag", &tag, "--file"])
        .arg(&file)
        .args(arguments.iter().flat_map(|argument| ["--build-arg", argument]))
        .arg(context.unwrap_or(&dir))
        // The builder every daemon has; the other one is a plugin.
        .env("DOCKER_BUILDKIT", "0");
    let built = call(&mut docker)?;
    ensure!(built.code == 0, "docker build of\n{dockerfile}\n{}", built.text);
    Ok(tag)
}
