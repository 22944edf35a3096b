//! The work of the founder, once in the life of a cluster, after the cluster has shown it alive: root gets its password,
//! and the SQL files of the init directory are run. A failure of either does not stop the engine.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::{Client, FeClient as _, MAX_PACKET};
use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::file;
use crate::plan::sql::{Splitter, Statement};
use crate::settings::{Endpoint, Secret};

/// The directory of files to run once, as in Docker Hub's mysql and postgres images.
pub const INIT_DIR: &str = "/docker-entrypoint-initdb.d";

/// The longest statement that the driver sends, in bytes.
const LONGEST: u64 = MAX_PACKET as u64;

/// Between two looks for a first BE.
const SOON: Duration = Duration::from_millis(500);

/// Gives root its password, unless it has one.
pub async fn set_root_password(client: &Client, leader: &Endpoint, path: &Path) {
    match file::text(path, file::SECRET) {
        Err(error) => tracing::error!(
            "root has no password: cannot read ROOT_PASSWORD_FILE {}: {error}",
            path.display()
        ),
        Ok(text) => {
            let password = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
            match client.set_root_password(leader, &password).await {
                Ok(()) => tracing::info!("root has the password of ROOT_PASSWORD_FILE now"),
                Err(Failure::Denied(_)) => tracing::info!("root has a password already"),
                Err(why) => tracing::error!("root has no password: {leader}: {why}"),
            }
        }
    }
}

/// Runs `*.sql` of `dir` in the order of their names. A table needs a BE, so it waits for the first BE, but no longer than
/// `patience`. The first statement that fails ends it: later ones may depend on it.
pub async fn run_files(client: &Client, leader: &Endpoint, dir: &Path, patience: Duration) {
    let files = sql_files(dir);
    if files.is_empty() {
        return;
    }
    tracing::info!(
        "{} SQL files of {} are run once a BE is alive",
        files.len(),
        dir.display()
    );
    let until = Instant::now() + patience;
    while !has_backend(client, leader).await {
        if Instant::now() >= until {
            tracing::warn!("no BE is alive after JOIN_TIMEOUT; the SQL files are run without one");
            break;
        }
        sleep(SOON).await;
    }
    let client = client.patient(patience);
    for path in files {
        let shown = path.display();
        match run_file(&client, leader, &path).await {
            Ok(count) => tracing::info!("{shown}: {count} statements run"),
            Err(why) => {
                tracing::error!(
                    "{shown}{why}; the statements after it were not run, and muster does not run them later: run them by hand"
                );
                return;
            }
        }
    }
}

pub fn sql_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    files
}

async fn has_backend(client: &Client, leader: &Endpoint) -> bool {
    let alive = |list: Result<Vec<crate::engine::member::Backend>, Failure>| {
        list.is_ok_and(|list| list.iter().any(|node| node.alive))
    };
    alive(client.members(leader, Component::Be).await) || alive(client.members(leader, Component::Cn).await)
}

/// An answer may repeat a part of its statement, and so a password.
fn told(leader: &Endpoint, statement: &str, why: &Failure) -> String {
    let upper = statement.to_ascii_uppercase();
    if upper.contains("IDENTIFIED") || upper.contains("PASSWORD") {
        return format!(
            "{leader} refused the statement; it holds a password, so the answer is not repeated here"
        );
    }
    format!("{leader}: {why}")
}

/// Returns the number of statements that were run; or, to follow the name of the file, which one failed and why.
async fn run_file(client: &Client, leader: &Endpoint, path: &Path) -> Result<usize, String> {
    let cannot = |error: io::Error| format!(" cannot be read: {error}");
    let mut file = BufReader::new(file::open(path).map_err(cannot)?);
    let mut splitter = Splitter::default();
    let mut count = 0;
    for number in 1.. {
        let mut line = Vec::new();
        let read = file.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line);
        if read.map_err(cannot)? == 0 {
            break;
        }
        if (line.len() + splitter.pending()) as u64 > LONGEST {
            return Err(format!(", line {number}: a statement may have {LONGEST} bytes"));
        }
        let line = String::from_utf8(line).map_err(|_| format!(", line {number}: it is not UTF-8"))?;
        for statement in splitter.take(&line) {
            run(client, leader, &statement).await?;
            count += 1;
        }
    }
    if let Some(last) = splitter.end() {
        run(client, leader, &last).await?;
        count += 1;
    }
    Ok(count)
}

async fn run(client: &Client, leader: &Endpoint, statement: &Statement) -> Result<(), String> {
    let said = client.run(leader, &statement.text).await;
    said.map_err(|why| {
        format!(
            ", line {}: {}",
            statement.line,
            told(leader, &statement.text, &why)
        )
    })
}
