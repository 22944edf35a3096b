//! The files of the init directory.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use muster::effects::init_files::{InitFiles, is_first};
use muster::engine::Component;
use muster::facts::record::FirstSteps;
use muster::plan::node::Identity;
use muster::settings::{Endpoint, Host};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;

use super::{LONG, Log, client, engine, said};
use crate::fakes::{Fe, Manner, Reply};

fn backends(rows: &[(&'static str, &'static str, &'static str)]) -> Reply {
    let columns = vec![
        "BackendId",
        "IP",
        "HeartbeatPort",
        "Alive",
        "SystemDecommissioned",
        "ErrMsg",
    ];
    let row = |(id, host, alive): &(&'static str, _, _)| {
        [*id, *host, "9050", *alive, "false", ""].map(Some).to_vec()
    };
    Reply::Rows(columns, rows.iter().map(row).collect())
}

fn one_alive() -> Reply {
    backends(&[("10001", "10.77.0.14", "true")])
}

struct Run<'a> {
    engine: &'static str,
    dir: &'a Path,
    done: FirstSteps,
    resumed: bool,
    /// It is killed when so many statements have been remembered.
    killed_after: usize,
}

impl<'a> Run<'a> {
    fn of(dir: &'a TempDir) -> Self {
        Self {
            engine: "starrocks",
            dir: dir.path(),
            done: FirstSteps::default(),
            resumed: false,
            killed_after: usize::MAX,
        }
    }

    /// Returns what was remembered after each statement.
    async fn at(self, leader: &Endpoint) -> Vec<FirstSteps> {
        let engine = engine(self.engine);
        let client = client(engine);
        let files = InitFiles {
            client: &client,
            engine,
            leader,
            dir: self.dir,
            patience: LONG,
            unset: &["CARGO_MANIFEST_DIR".to_owned()],
        };
        let kept = Mutex::new(Vec::new());
        let run = files.run(self.done, self.resumed, |steps| {
            kept.lock().unwrap().push(steps.clone());
        });
        let killed = async {
            while kept.lock().unwrap().len() < self.killed_after {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = killed => {}
            () = run => {}
        }
        kept.into_inner().unwrap()
    }
}

fn dir_of(files: &[(&str, &[u8])]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

#[tokio::test]
async fn the_files_are_run_in_order_one_statement_at_a_time_once_a_be_is_alive() {
    let asked = AtomicUsize::new(0);
    let fe = Fe::start(Manner::Speaks, "", move |statement| match statement {
        "SHOW BACKENDS" if asked.fetch_add(1, Ordering::Relaxed) == 0 => {
            backends(&[("10001", "10.77.0.14", "false")])
        }
        "SHOW BACKENDS" => one_alive(),
        "SHOW COMPUTE NODES" => Reply::Rows(vec!["ComputeNodeId"], vec![]),
        _ => Reply::Ok,
    })
    .await;
    let dir = dir_of(&[
        (
            "20-tables.sql",
            b"\xef\xbb\xbfCREATE TABLE d.t (a INT) -- ; not yet\n;\n",
        ),
        (
            "10-database.sql.gz",
            &gzip("CREATE DATABASE d;\nCREATE USER u IDENTIFIED BY 'a;b';"),
        ),
        ("30-rows.sql.zst", &zstd("INSERT INTO d.t VALUES (1)")),
        ("old.sql.bz2", b"BZh"),
        ("old.sql.xz", b"\xfd7zXZ"),
        ("readme.txt", b"DROP DATABASE d;"),
    ]);
    let out = dir.path().join(".out");
    // The secrets of muster, and whatever else the engine does not inherit.
    let script = format!("echo \"${{CARGO_MANIFEST_DIR-unset}} $#\" > {}\n", out.display());
    fs::write(dir.path().join("25-script.sh"), script).unwrap();
    let (log, guard) = Log::begin();
    let kept = Run::of(&dir).at(&fe.at).await;
    drop(guard);
    let heard = fe.heard_to_the_end().await;
    let asked = heard.iter().filter(|line| *line == "SHOW BACKENDS").count();
    assert_eq!(asked, 2, "{heard:?}");
    assert_eq!(
        said(&fe).await,
        [
            "CREATE DATABASE d",
            "CREATE USER u IDENTIFIED BY 'a;b'",
            "CREATE TABLE d.t (a INT) -- ; not yet",
            "INSERT INTO d.t VALUES (1)",
        ]
    );
    assert_eq!(fs::read_to_string(out).unwrap(), "unset 0\n");
    let kept: Vec<(&str, usize)> = kept
        .iter()
        .map(|steps| (&*steps.file, steps.statements))
        .collect();
    assert_eq!(
        kept,
        [
            ("10-database.sql.gz", 1),
            ("10-database.sql.gz", 2),
            ("20-tables.sql", 1),
            ("25-script.sh", 1),
            ("30-rows.sql.zst", 1),
        ]
    );
    let log = log.text();
    let warning = "not read: old.sql.bz2, old.sql.xz, readme.txt; only .sql, .sql.gz, .sql.zst and .sh are";
    assert_eq!(log.matches(warning).count(), 1, "{log}");
}

/// Every node registers itself, and under another spelling of its host it would be there twice.
#[tokio::test]
async fn statements_about_members_are_left_out_and_named() {
    let fe = Fe::start(Manner::Speaks, "", |statement| match statement {
        "SHOW BACKENDS" => one_alive(),
        _ => Reply::Ok,
    })
    .await;
    let text = "CREATE DATABASE d; alter system\n  add /* x */ follower \"FE2:9010\"; ALTER SYSTEM DROPP BACKEND 'be1:9050';\n\
                ALTER SYSTEM MODIFY BACKEND \"be1:9050\" SET (\"tag.location\" = \"a\");";
    let dir = dir_of(&[("1.sql", text.as_bytes())]);
    let (log, guard) = Log::begin();
    let run = Run {
        engine: "doris",
        ..Run::of(&dir)
    };
    run.at(&fe.at).await;
    drop(guard);
    assert_eq!(
        said(&fe).await,
        [
            "CREATE DATABASE d",
            "ALTER SYSTEM MODIFY BACKEND \"be1:9050\" SET (\"tag.location\" = \"a\")",
        ]
    );
    let log = log.text();
    for left_out in [
        "1.sql, line 1: `alter system add` is left out",
        "1.sql, line 2: `ALTER SYSTEM DROPP BACKEND` is left out",
        "1.sql: 2 statements run",
    ] {
        assert!(log.contains(left_out), "{left_out}: {log}");
    }
}

#[tokio::test]
async fn a_failure_names_the_file_the_line_and_the_statement_and_ends_it() {
    let endless = format!("ONE;\n-- {}", "x".repeat(1 << 20));
    let fails = "it ended with exit status: 3";
    let table: [(&str, &[u8], &[&str], &str); 9] = [
        (
            "1.sql",
            b"ONE;\nTWO; THREE",
            &["ONE", "TWO"],
            "1.sql, line 2: `TWO`: 127.0.0.1:",
        ),
        (
            "1.sql",
            b"ONE\n;\n\xff;",
            &["ONE"],
            "1.sql, line 3: it is not UTF-8",
        ),
        (
            "1.sql",
            endless.as_bytes(),
            &["ONE"],
            "1.sql, line 2: a statement may have 1048576 bytes",
        ),
        ("1.sql.gz", b"ONE;", &[], "1.sql.gz, line 1 cannot be read: "),
        ("1.sql.zst", b"ONE;", &[], "1.sql.zst, line 1 cannot be read: "),
        ("1.sh", b"exit 3", &[], fails),
        (
            "1.sql",
            b"CREATE USER u IDENTIFIED BY 'canary'",
            &["CREATE USER u IDENTIFIED BY 'canary'"],
            "line 1: `CREATE USER u IDENTIFIED BY`: 127.0.0.1:",
        ),
        (
            "1.sql",
            b"CREATE\nREPOSITORY\nr\nWITH\nS3\nON\nLOCATION\n's3://b'PROPERTIES('s3.secret_key'='canary')",
            &["CREATE\nREPOSITORY\nr\nWITH\nS3\nON\nLOCATION\n's3://b'PROPERTIES('s3.secret_key'='canary')"],
            "`CREATE REPOSITORY r WITH S3 ON LOCATION`",
        ),
        (
            "1.sql",
            b"SET\tPASSWORD='canary'",
            &["SET\tPASSWORD='canary'"],
            "`SET PASSWORD`: ",
        ),
    ];
    for (name, content, expected, why) in table {
        let fe = Fe::start(Manner::Speaks, "", |statement| match statement {
            "SHOW BACKENDS" => one_alive(),
            "ONE" => Reply::Ok,
            refused => Reply::Error(1064, "42000", format!("no: {refused}")),
        })
        .await;
        let dir = dir_of(&[(name, content), ("2.sql", b"FOUR")]);
        let (log, guard) = Log::begin();
        Run::of(&dir).at(&fe.at).await;
        drop(guard);
        assert_eq!(said(&fe).await, expected, "{why}");
        let log = log.text();
        assert!(log.contains(why) && !log.contains("canary"), "{why}: {log}");
        assert!(log.contains("what comes after it was not run"), "{log}");
    }
}

/// Killed after any statement, also between its end and the moment when that is remembered.
#[tokio::test]
async fn each_statement_is_run_once_however_often_it_is_interrupted() {
    let dir = dir_of(&[
        ("1.sql", b"CREATE A; CREATE B;\nCREATE C"),
        ("2.sql", b"CREATE D; CREATE E"),
    ]);
    let all = ["CREATE A", "CREATE B", "CREATE C", "CREATE D", "CREATE E"];
    for remembered in 0..=all.len() {
        for forgotten in [0, 1] {
            let mut there: Vec<String> = Vec::new();
            let fe = Fe::start(Manner::Speaks, "", move |statement| {
                if statement == "SHOW BACKENDS" {
                    one_alive()
                } else if there.iter().any(|name| name == statement) {
                    // As for a database; 1064 with this text for a table.
                    Reply::Error(
                        1007,
                        "HY000",
                        "Can't create database 'd'; database exists".to_owned(),
                    )
                } else {
                    there.push(statement.to_owned());
                    Reply::Ok
                }
            })
            .await;
            let killed = Run {
                killed_after: remembered + forgotten,
                ..Run::of(&dir)
            };
            let kept = if killed.killed_after == 0 {
                Vec::new()
            } else {
                killed.at(&fe.at).await
            };
            let done = kept.into_iter().take(remembered).next_back().unwrap_or_default();
            let (log, guard) = Log::begin();
            let again = Run {
                done,
                resumed: true,
                ..Run::of(&dir)
            };
            again.at(&fe.at).await;
            drop(guard);
            let mut heard = said(&fe).await;
            let twice = heard.len() - all.len();
            assert!(twice <= forgotten, "{remembered} {forgotten}: {heard:?}");
            heard.dedup();
            assert_eq!(heard, all, "{remembered} {forgotten}");
            let log = log.text();
            assert!(!log.contains("ERROR"), "{log}");
            assert_eq!(
                log.contains("had been run when the last run was ended"),
                twice == 1,
                "{log}"
            );
        }
    }
}

/// Only the one statement that may have been begun is forgiven.
#[tokio::test]
async fn what_exists_already_is_a_failure_unless_muster_may_have_made_it() {
    let dir = dir_of(&[("1.sql", b"A; B; C")]);
    for resumed in [false, true] {
        let fe = Fe::start(Manner::Speaks, "", |statement| match statement {
            "SHOW BACKENDS" => one_alive(),
            _ => Reply::Error(1064, "HY000", "Table 't' already exists".to_owned()),
        })
        .await;
        let run = Run {
            resumed,
            ..Run::of(&dir)
        };
        run.at(&fe.at).await;
        let expected: &[&str] = if resumed { &["A", "B"] } else { &["A"] };
        assert_eq!(said(&fe).await, expected);
    }
}

#[tokio::test]
async fn without_files_nobody_is_asked_anything() {
    let fe = Fe::start(Manner::Speaks, "", |_| Reply::Ok).await;
    let dir = dir_of(&[("readme.txt", b"A"), (".hidden.sql", b"B")]);
    Run::of(&dir).at(&fe.at).await;
    let missing = Run {
        dir: &dir.path().join("missing"),
        ..Run::of(&dir)
    };
    missing.at(&fe.at).await;
    assert!(fe.heard_to_the_end().await.is_empty());
}

/// Three BEs have the same files, and register at the same moment.
#[tokio::test]
async fn of_several_bes_the_one_that_was_registered_first_runs_the_files() {
    let fe = Fe::start(Manner::Speaks, "", |_| {
        backends(&[
            ("10003", "10.77.0.14", "true"),
            ("9999", "10.77.0.15", "false"),
            ("10001", "10.77.0.16", "true"),
        ])
    })
    .await;
    for (host, expected) in [("10.77.0.14", false), ("10.77.0.15", true), ("10.77.0.16", false)] {
        let host = Host::parse(host).unwrap();
        let me = Identity {
            component: Component::Be,
            host: &host,
            also: &std::collections::BTreeSet::new(),
            identity_port: 9050,
        };
        let first = is_first(&client(engine("starrocks")), &fe.at, &me, LONG).await;
        assert_eq!(first, Ok(expected), "{host}");
    }
}
