//! Everything that one test made on the daemon: containers, networks, volumes, images. The names of all of it begin with the id
//! of the run, and the id names the process: what a process has left behind that is gone can be told and removed.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;

use super::docker;
use crate::image::target_dir;

const FAMILY: &str = "muster-test";

/// The label of an image, and of the layers of an interrupted build: those have no name.
pub(crate) const LABEL: &str = "muster-test";

/// Waits for the end of whoever holds the other end of its stdin, however that ends, then removes all that is named
/// after the runs.
const SWEEP: &str = r#"
    label=$1 dirs=$2; shift 2
    cat >/dev/null
    named() { docker "$@" 2>/dev/null | grep -e "^$id[-_:]" -e "^$id\$"; }
    each() { while read -r name; do docker "$@" "$name"; done >/dev/null 2>&1; }
    for id; do
        names=$(named ps -a --format '{{.Names}}')
        [ -z "$names" ] || docker rm -fv $names >/dev/null 2>&1
        named network ls --format '{{.Name}}' | each network rm
        named volume ls --format '{{.Name}}' | each volume rm -f
    done
    # Only now: containers of one run may be of images of another.
    for id; do
        docker images --all --quiet --filter "label=$label=$id" | each rmi -f
        rm -rf "${dirs:?}/$id"
    done
"#;

#[derive(Debug)]
pub(crate) struct Run {
    id: String,
    dir: PathBuf,
    sweeper: Child,
    /// It sweeps when this is closed.
    pipe: Option<ChildStdin>,
    names: AtomicU32,
}

impl Run {
    pub(crate) fn begin() -> anyhow::Result<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        static STALE: Once = Once::new();
        STALE.call_once(sweep_stale);
        let own = Process::own()?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let id = format!("{FAMILY}-{}-{}-{}-{number}", own.namespace, own.pid, own.started);
        let dir = dirs()?.join(&id);
        fs::create_dir_all(&dir)?;
        let mut sweeper = sweeper(&[&id])?;
        let pipe = sweeper.stdin.take();
        Ok(Self {
            id,
            dir,
            sweeper,
            pipe,
            names: AtomicU32::new(0),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A name nothing has yet.
    pub(crate) fn name_of(&self, what: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("{}-{what}{number}", self.id)
    }

    /// The end of what every container of this run has said.
    pub(crate) fn logs(&self) -> String {
        let filter = format!("name=^/{}[-_]", self.id);
        let names = docker(&["ps", "-a", "--filter", &filter, "--format", "{{.Names}}"]).unwrap_or_default();
        names.lines().fold(String::new(), |text, name| {
            let said = docker(&["logs", "--tail", "30", name]).unwrap_or_default();
            let state = docker(&["inspect", "--format", "{{json .State}}", name]).unwrap_or_default();
            text + &format!("-- {name}: {state}\n{said}\n")
        })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.pipe.take());
        self.sweeper.wait().ok();
    }
}

/// Where the runs have their directories.
fn dirs() -> anyhow::Result<PathBuf> {
    Ok(target_dir()?.join("docker"))
}

fn sweeper(ids: &[&str]) -> anyhow::Result<Child> {
    Command::new("sh")
        .args(["-c", SWEEP, "sweep", LABEL])
        .arg(dirs()?)
        .args(ids)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A terminal's Ctrl-C is for the test: this one has work to do then.
        .process_group(0)
        .spawn()
        .context("cannot run `sh`")
}

/// Removes what is named after processes that are gone: their sweepers were killed with them.
fn sweep_stale() {
    let lists: [&[&str]; 4] = [
        &["ps", "-a", "--format", "{{.Names}}"],
        &["network", "ls", "--format", "{{.Name}}"],
        &["volume", "ls", "--format", "{{.Name}}"],
        &["images", "--format", "{{.Repository}}"],
    ];
    let mut names = lists.map(|list| docker(list).unwrap_or_default()).join("\n");
    for entry in dirs()
        .and_then(|dirs| Ok(fs::read_dir(dirs)?))
        .into_iter()
        .flatten()
        .flatten()
    {
        names = names + "\n" + &entry.file_name().to_string_lossy();
    }
    let mut ids: Vec<String> = names.lines().filter_map(stale_id).collect();
    ids.sort();
    ids.dedup();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    if ids.is_empty() {
        return;
    }
    if let Ok(mut sweeper) = sweeper(&ids) {
        drop(sweeper.stdin.take());
        sweeper.wait().ok();
    }
}

/// The id of the run a name begins with, if its process was one of ours to see and is gone.
fn stale_id(name: &str) -> Option<String> {
    let rest = name.strip_prefix(FAMILY)?.strip_prefix('-')?;
    let mut words = rest.split(['-', '_', '/', ':']);
    let [namespace, pid, started, number] = [words.next()?, words.next()?, words.next()?, words.next()?];
    let own = Process::own().ok()?;
    let gone = Process::of(pid).is_none_or(|process| process.started != started);
    (namespace == own.namespace && gone).then(|| format!("{FAMILY}-{namespace}-{pid}-{started}-{number}"))
}

/// A process as nobody else is called: a pid is given out again.
struct Process {
    namespace: String,
    pid: String,
    started: String,
}

impl Process {
    fn own() -> anyhow::Result<Self> {
        Self::of("self").context("cannot read /proc/self")
    }

    fn of(pid: &str) -> Option<Self> {
        let namespace = fs::read_link(format!("/proc/{pid}/ns/pid")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything.
        let (head, tail) = stat.rsplit_once(')')?;
        Some(Self {
            namespace: namespace
                .to_string_lossy()
                .chars()
                .filter(char::is_ascii_digit)
                .collect(),
            pid: head.split(' ').next()?.to_owned(),
            started: tail.split_whitespace().nth(19)?.to_owned(),
        })
    }
}
