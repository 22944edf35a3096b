//! Runs the files of the init directory, once in the life of a cluster and in the order of their names: SQL at the leader, and
//! scripts here. What was run is remembered after each statement. A failure ends it and does not stop the engine.

use std::io::{self, BufRead, Read as _};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::init_script;
use super::unpack;
use crate::cluster::{Client, FeClient as _, MAX_PACKET};
use crate::engine::failure::Failure;
use crate::engine::{Component, Engine};
use crate::facts::record::FirstSteps;
use crate::plan::init_files::{InitFile, Kind, sort};
use crate::plan::node::Identity;
use crate::plan::sql::{Splitter, Statement, changes_members};
use crate::printable;
use crate::settings::{Endpoint, may_hold_secret};

/// The directory of files to run once, as in Docker Hub's mysql and postgres images and in the vendors'.
pub const INIT_DIR: &str = "/docker-entrypoint-initdb.d";

/// The longest statement that is sent, in bytes.
const LONGEST: u64 = MAX_PACKET as u64;

/// Between two looks for a first BE.
const SOON: Duration = Duration::from_millis(500);

/// The files of a directory and the cluster that they are for.
#[derive(Debug)]
pub struct InitFiles<'a> {
    pub client: &'a Client,
    pub engine: &'a Engine,
    pub leader: &'a Endpoint,
    pub dir: &'a Path,
    /// The longest wait for a first BE, and for one statement.
    pub patience: Duration,
    /// Variables that a script does not inherit.
    pub unset: &'a [String],
}

/// What was run, and the writer of it.
struct Progress<K> {
    done: FirstSteps,
    keep: K,
    /// An earlier run may have begun the next statement, and was ended.
    uncertain: bool,
}

impl<K: FnMut(&FirstSteps)> Progress<K> {
    fn one_more(&mut self) {
        self.done.statements += 1;
        self.uncertain = false;
        (self.keep)(&self.done);
    }
}

/// True if the directory holds a file that is run.
pub fn present(dir: &Path) -> bool {
    !sort(names(dir)).0.is_empty()
}

/// True if this node was registered before all others of its kind: several of them may have the same files.
pub async fn is_first(
    client: &Client,
    leader: &Endpoint,
    me: &Identity<'_>,
    patience: Duration,
) -> Result<bool, String> {
    let until = Instant::now() + patience;
    loop {
        match client.members(leader, me.component).await {
            Ok(list) => {
                return Ok(list
                    .iter()
                    .min_by_key(|row| row.id)
                    .is_some_and(|first| me.is(first)));
            }
            Err(why) if Instant::now() >= until => return Err(format!("{leader}: {why}")),
            Err(_) => sleep(SOON).await,
        }
    }
}

impl InitFiles<'_> {
    /// Runs what `done` leaves. A table needs a BE, so it waits for the first one, but no longer than `patience`. The first
    /// statement that fails ends it: later ones may depend on it. `resumed`: an earlier run was ended; the statement that it may
    /// have begun is run again. `keep` is called after each statement.
    pub async fn run(&self, done: FirstSteps, resumed: bool, keep: impl FnMut(&FirstSteps)) {
        let (files, others) = sort(names(self.dir));
        let dir = self.dir.display();
        if !others.is_empty() {
            tracing::warn!(
                "{dir}: not read: {}; only .sql, .sql.gz, .sql.zst and .sh are",
                others.join(", ")
            );
        }
        let files: Vec<InitFile> = files.into_iter().filter(|file| file.name >= done.file).collect();
        if files.is_empty() {
            return;
        }
        let number = files.len();
        tracing::info!("{number} files of {dir} are run once a BE is alive");
        self.wait_for_backend().await;
        let mut progress = Progress {
            done,
            keep,
            uncertain: resumed,
        };
        for file in files {
            if file.name != progress.done.file {
                progress.done = FirstSteps {
                    file: file.name.clone(),
                    statements: 0,
                };
            }
            let path = self.dir.join(&file.name);
            let said = match file.kind {
                Kind::Sql(packing) => match unpack::open(&path, packing) {
                    Ok(text) => self.run_sql(&path, text, &mut progress).await,
                    Err(error) => Err(format!(" cannot be read: {error}")),
                },
                Kind::Script => self.run_script(&path, &mut progress).await,
            };
            match said {
                Ok(what) => tracing::info!("{}: {what}", path.display()),
                Err(why) => {
                    tracing::error!(
                        "{}{why}; what comes after it was not run, and muster does not run it later: run it by hand",
                        path.display()
                    );
                    return;
                }
            }
        }
    }

    async fn wait_for_backend(&self) {
        let until = Instant::now() + self.patience;
        while !self.has_backend().await {
            if Instant::now() >= until {
                tracing::warn!("no BE is alive after JOIN_TIMEOUT; the files are run without one");
                break;
            }
            sleep(SOON).await;
        }
    }

    async fn has_backend(&self) -> bool {
        let alive = |list: Result<Vec<crate::engine::member::Backend>, Failure>| {
            list.is_ok_and(|list| list.iter().any(|node| node.alive))
        };
        let list = async |component| self.client.members(self.leader, component).await;
        alive(list(Component::Be).await) || alive(list(Component::Cn).await)
    }

    /// Returns what was done; or, to follow the name of the file, which statement failed and why.
    async fn run_sql<K: FnMut(&FirstSteps)>(
        &self,
        path: &Path,
        mut text: Box<dyn BufRead>,
        progress: &mut Progress<K>,
    ) -> Result<String, String> {
        let mut splitter = Splitter::default();
        let mut before = progress.done.statements;
        let mut run = 0;
        for number in 1.. {
            let cannot = |error: io::Error| format!(", line {number} cannot be read: {error}");
            let mut line = Vec::new();
            let read = text.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line);
            let end = read.map_err(cannot)? == 0;
            if (line.len() + splitter.pending()) as u64 > LONGEST {
                return Err(format!(", line {number}: a statement may have {LONGEST} bytes"));
            }
            let line = String::from_utf8(line).map_err(|_| format!(", line {number}: it is not UTF-8"))?;
            // Some editors begin a file with this mark.
            let line = line
                .strip_prefix('\u{feff}')
                .filter(|_| number == 1)
                .unwrap_or(&line);
            let mut statements = splitter.take(line);
            if end {
                statements.extend(splitter.end());
            }
            for statement in statements {
                if before > 0 {
                    before -= 1;
                    continue;
                }
                run += usize::from(self.run_statement(path, &statement, progress).await?);
                progress.one_more();
            }
            if end {
                break;
            }
        }
        Ok(format!("{run} statements run"))
    }

    /// Returns false if it was left out.
    async fn run_statement<K>(
        &self,
        path: &Path,
        statement: &Statement,
        progress: &Progress<K>,
    ) -> Result<bool, String> {
        let (line, shown) = (statement.line, printable::statement(&statement.text));
        if changes_members(&statement.text, self.engine) {
            tracing::warn!(
                "{}, line {line}: `{shown}` is left out: every node of the cluster registers itself",
                path.display()
            );
            return Ok(false);
        }
        let client = self.client.patient(self.patience);
        match client.run(self.leader, &statement.text).await {
            Ok(()) => Ok(true),
            Err(Failure::Exists(_)) if progress.uncertain => {
                tracing::info!(
                    "{}, line {line}: `{shown}` had been run when the last run was ended",
                    path.display()
                );
                Ok(true)
            }
            Err(why) => {
                let why = told(&statement.text, &why);
                Err(format!(", line {line}: `{shown}`: {}: {why}", self.leader))
            }
        }
    }

    /// A script counts as one statement.
    async fn run_script<K: FnMut(&FirstSteps)>(
        &self,
        path: &Path,
        progress: &mut Progress<K>,
    ) -> Result<String, String> {
        if progress.done.statements > 0 {
            return Ok("run before".to_owned());
        }
        tracing::info!("{} is run", path.display());
        init_script::run(path, self.unset)
            .await
            .map_err(|why| format!(": {why}"))?;
        progress.one_more();
        Ok("run".to_owned())
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// An answer may repeat a part of its statement, and so a password.
fn told(statement: &str, why: &Failure) -> String {
    if may_hold_secret(statement) {
        return "it was refused; it may hold a password, so the answer is not repeated here".to_owned();
    }
    match why {
        Failure::Exists(said) => said.clone(),
        why => why.to_string(),
    }
}
