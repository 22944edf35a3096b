//! The images: muster alone, and the stand-in engine with the lines of the README.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyhow::{Context, ensure};

use super::run::{LABEL, Run};
use super::{call, file_text, workspace};
use crate::image::{Component, StandIn, binary};

/// What the start scripts of the engine call, and what the tests look with.
const PROGRAMS: &[&str] = &[
    "bash", "cat", "chmod", "cp", "cut", "date", "dirname", "env", "getopt", "grep", "head", "hostname",
    "ls", "mkdir", "mv", "nohup", "ps", "rm", "sed", "sh", "sleep", "stat", "tail",
];

/// Engine seconds pass at a tenth of their length and heartbeats come each second.
const QUICK: StandIn = StandIn {
    profile: "starrocks-3.5",
    time_scale: 0.1,
    heartbeat_ms: 1000,
};

/// What all tests of one program start containers from. Each is built when it is first asked for.
#[derive(Debug)]
pub struct Images {
    alone: Mutex<Option<String>>,
    fe: Mutex<Option<String>>,
    be: Mutex<Option<String>>,
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
            alone: Mutex::default(),
            fe: Mutex::default(),
            be: Mutex::default(),
            muster: release()?,
            run: Run::begin()?,
        });
        *shared = Arc::downgrade(&images);
        Ok(images)
    }

    /// Nothing but `/muster`, which is the entrypoint.
    pub fn alone(&self) -> anyhow::Result<String> {
        once(&self.alone, || {
            let context = self.run.dir().join("alone");
            fs::create_dir_all(&context)?;
            fs::copy(&self.muster, context.join("muster"))?;
            let lines = "FROM scratch\nCOPY muster /muster\nENTRYPOINT [\"/muster\"]\n";
            build(&self.run, "alone", lines, &context)
        })
    }

    /// The programs that start scripts call, the engine under /opt, and the README's lines for a Dockerfile.
    pub fn of(&self, component: Component) -> anyhow::Result<String> {
        let image = match component {
            Component::Fe => &self.fe,
            Component::Be => &self.be,
        };
        once(image, || {
            let id = component.id();
            let context = self.context(component, &self.run.dir().join(id))?;
            build(&self.run, id, &Self::lines(component, "")?, &context)
        })
    }

    /// The text of its Dockerfile, with options for the COPY of the engine.
    pub fn lines(component: Component, options: &str) -> anyhow::Result<String> {
        let id = component.id();
        let readme = readme_blocks("dockerfile")?.join("\n");
        Ok(format!(
            "FROM scratch\nCOPY root /\nCOPY {options} {id} /opt/starrocks/{id}\n{readme}"
        ))
    }

    /// The directory it is built from.
    pub fn context(&self, component: Component, dir: &Path) -> anyhow::Result<PathBuf> {
        root_file_system(&dir.join("root"))?;
        self.engine(component, dir)?;
        fs::copy(&self.muster, dir.join("muster"))?;
        Ok(dir.to_owned())
    }

    /// The engine's home, as a directory named after the component.
    pub fn engine(&self, component: Component, into: &Path) -> anyhow::Result<PathBuf> {
        let id = component.id();
        fs::create_dir_all(into)?;
        QUICK.install(&into.join("installed"))?;
        let home = into.join(id);
        fs::rename(into.join("installed").join(id), &home)?;
        fs::remove_dir_all(into.join("installed"))?;
        // A volume that is mounted there for the first time takes its owner from the image.
        for data in ["meta", "storage"] {
            fs::create_dir_all(home.join(data))?;
        }
        Ok(home)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The image, built if it is not yet; who asks meanwhile waits for it.
fn once(
    image: &Mutex<Option<String>>,
    build: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let mut image = lock(image);
    if let Some(tag) = &*image {
        return Ok(tag.clone());
    }
    let tag = build()?;
    *image = Some(tag.clone());
    Ok(tag)
}

/// The release: `MUSTER_BIN` if set, else what `scripts/build` makes, which does nothing if nothing has changed.
pub fn release() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("MUSTER_BIN").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    let mut build = Command::new(workspace().join("scripts/build"));
    // What cargo tells a test about its package is, to build scripts, a reason to begin anew.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|of_test| name.starts_with(of_test))
        {
            build.env_remove(name);
        }
    }
    let done = call(&mut build)?;
    ensure!(done.code == 0, "scripts/build: {}", done.text);
    Ok(workspace().join("dist/muster"))
}

/// The blocks of code of the README in one language, as they stand there.
pub fn readme_blocks(language: &str) -> anyhow::Result<Vec<String>> {
    let readme = file_text(&workspace().join("README.md"))?;
    let begin = format!("```{language}\n");
    let blocks: Vec<String> = readme
        .split(&begin)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0.to_owned()))
        .collect();
    ensure!(!blocks.is_empty(), "README.md has no block of {language}");
    Ok(blocks)
}

/// Nothing is taken from an earlier build: another run may be removing just that.
pub(crate) fn build(run: &Run, name: &str, dockerfile: &str, context: &Path) -> anyhow::Result<String> {
    let tag = format!("{}:{name}", run.id());
    let (from, rest) = dockerfile.split_once('\n').context("it begins with FROM")?;
    let file = run.dir().join(format!("Dockerfile.{name}"));
    fs::write(&file, format!("{from}\nLABEL {LABEL}={}\n{rest}", run.id()))?;
    let built = call(
        Command::new("docker")
            .args(["build", "--no-cache", "--force-rm", "--tag", &tag, "--file"])
            .arg(&file)
            .arg(context)
            // The builder every daemon has; the other one is a plugin.
            .env("DOCKER_BUILDKIT", "0"),
    )?;
    ensure!(built.code == 0, "docker build of\n{dockerfile}\n{}", built.text);
    Ok(tag)
}

/// Programs of this machine, and the libraries they and the engine ask for, as a root file system.
fn root_file_system(root: &Path) -> anyhow::Result<()> {
    for dir in [
        "usr/bin",
        "usr/lib",
        "usr/lib64",
        "tmp",
        "proc",
        "sys",
        "dev",
        "etc",
        "var/lib",
    ] {
        fs::create_dir_all(root.join(dir))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    for dir in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{dir}"), root.join(dir))?;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut ldd = Command::new("ldd");
    ldd.arg(binary("standin")?);
    for name in PROGRAMS {
        let program = std::env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
            .with_context(|| format!("{name} is not installed"))?;
        fs::copy(&program, root.join("usr/bin").join(name))?;
        ldd.arg(program);
    }
    let linked = call(&mut ldd)?;
    // `name => /path (address)`, or `/path (address)`; a line that ends with a colon names the program.
    let libraries: BTreeSet<&str> = linked
        .text
        .split_whitespace()
        .filter(|word| word.starts_with('/') && !word.ends_with(':'))
        .collect();
    for library in libraries {
        let copy = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap_or(root))?;
        fs::copy(library, copy).with_context(|| format!("cannot copy {library}"))?;
    }
    Ok(())
}
