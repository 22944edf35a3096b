//! What is done once in the life of a cluster, against a scripted FE: the passwords of the shipped accounts, and the init files.

use std::fs;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use muster::cluster::Client;
use muster::effects::accounts::NewCluster;
use muster::effects::init_files::{InitFiles, is_first};
use muster::engine::failure::Failure;
use muster::engine::{Component, Engine};
use muster::facts::record::FirstSteps;
use muster::plan::accounts::first_passwords;
use muster::plan::node::Identity;
use muster::settings::{Account, Endpoint, Flags, Host, ROOT, Settings, Source, Sourced, Tls, TlsMode};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;

use crate::fakes::{Fe, Manner, Reply};

const LONG: Duration = Duration::from_secs(20);

fn engine(id: &str) -> &'static Engine {
    Engine::by_id(id).unwrap()
}

fn client(engine: &'static Engine) -> Client {
    let user = Sourced {
        value: ROOT.to_owned(),
        source: Source::Default,
    };
    let tls = Tls {
        mode: TlsMode::Off,
        ca_file: None,
    };
    Client::with(Account { user, password: None }, tls, engine, LONG)
}

/// Everything that this thread logs, also what is not shown by default.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn is_question(statement: &str) -> bool {
    statement.starts_with("SHOW ") || statement.starts_with('(')
}

async fn said(fe: &Fe) -> Vec<String> {
    let mut heard = fe.heard_to_the_end().await;
    heard.retain(|line| !is_question(line));
    heard
}

// The accounts.

const ROOT_SECRET: &str = "canary'\"root\\";
const ADMIN_SECRET: &str = "canary-admin";
/// `PASSWORD()` of `MariaDB` gives them.
const ROOT_HASH: &str = "*76E71612CA0C8438F25285B854763FBFD6A86FBB";
const ADMIN_HASH: &str = "*FA4E438F71A0C12864BE4AD58E1C54372BAC7FB2";

/// A founder's settings with these files.
fn settings(dir: &TempDir, files: &[(&str, &str)]) -> Settings {
    let mut vars = vec![
        ("MASTER_HOST".into(), "10.0.0.1".into()),
        ("LOCAL_HOST".into(), "10.0.0.1".into()),
    ];
    for (variable, password) in files {
        let path = dir.path().join(variable);
        fs::write(&path, format!("{password}\n")).unwrap();
        vars.push(((*variable).into(), path.into()));
    }
    Settings::read(Flags::default(), vars).unwrap().0
}

struct Case {
    engine: &'static str,
    files: &'static [(&'static str, &'static str)],
    root_in_conf: bool,
    /// Accounts that have a password already.
    closed: &'static [&'static str],
    /// The leader is asked at the address from which one engine lets everybody in.
    at_home: bool,
    /// The accounts whose password is set, and whether it is root's.
    set: &'static [(&'static str, &'static str)],
    says: &'static [&'static str],
}

const BOTH: &[(&str, &str)] = &[
    ("ROOT_PASSWORD_FILE", ROOT_SECRET),
    ("ADMIN_PASSWORD_FILE", ADMIN_SECRET),
];
const FOR_ROOT: &[(&str, &str)] = &[("ROOT_PASSWORD_FILE", ROOT_SECRET)];
const FOR_ADMIN: &[(&str, &str)] = &[("ADMIN_PASSWORD_FILE", ADMIN_SECRET)];
const SHARED: &str = "admin, which Apache Doris ships without a password too, has the password of ROOT_PASSWORD_FILE now, \
                      because ADMIN_PASSWORD_FILE is not set";
const OPEN: &str = "the account admin has no password; set ADMIN_PASSWORD_FILE";
const IN_CONF: &str = "root has the password of initial_root_password in the conf file; muster sets no other";

const CASES: &[Case] = &[
    Case {
        engine: "starrocks",
        files: FOR_ROOT,
        root_in_conf: false,
        closed: &[],
        at_home: false,
        set: &[("root", ROOT_SECRET)],
        says: &["root has the password of ROOT_PASSWORD_FILE now"],
    },
    Case {
        engine: "starrocks",
        files: FOR_ROOT,
        root_in_conf: false,
        closed: &["root"],
        at_home: true,
        set: &[],
        says: &["root has a password already"],
    },
    Case {
        engine: "doris",
        files: FOR_ROOT,
        root_in_conf: false,
        closed: &[],
        at_home: false,
        set: &[("root", ROOT_SECRET), ("admin", ROOT_SECRET)],
        says: &["root has the password of ROOT_PASSWORD_FILE now", SHARED],
    },
    Case {
        engine: "doris",
        files: BOTH,
        root_in_conf: false,
        closed: &[],
        at_home: false,
        set: &[("root", ROOT_SECRET), ("admin", ADMIN_SECRET)],
        says: &[
            "root has the password of ROOT_PASSWORD_FILE now",
            "admin has the password of ADMIN_PASSWORD_FILE now",
        ],
    },
    // Killed after the first of the two.
    Case {
        engine: "doris",
        files: FOR_ROOT,
        root_in_conf: false,
        closed: &["root"],
        at_home: false,
        set: &[("admin", ROOT_SECRET)],
        says: &["root has a password already", SHARED],
    },
    Case {
        engine: "doris",
        files: FOR_ROOT,
        root_in_conf: true,
        closed: &["root"],
        at_home: false,
        set: &[("admin", ROOT_SECRET)],
        says: &[IN_CONF, SHARED],
    },
    // The conf got it after the founding, when the engine does not look at it any more.
    Case {
        engine: "doris",
        files: FOR_ROOT,
        root_in_conf: true,
        closed: &[],
        at_home: false,
        set: &[("root", ROOT_SECRET), ("admin", ROOT_SECRET)],
        says: &["root has the password of ROOT_PASSWORD_FILE now", SHARED],
    },
    Case {
        engine: "doris",
        files: &[],
        root_in_conf: true,
        closed: &["root"],
        at_home: false,
        set: &[],
        says: &[IN_CONF, OPEN],
    },
    Case {
        engine: "doris",
        files: FOR_ADMIN,
        root_in_conf: false,
        closed: &[],
        at_home: false,
        set: &[("admin", ADMIN_SECRET)],
        says: &[
            "the account root has no password; set ROOT_PASSWORD_FILE",
            "admin has the password of ADMIN_PASSWORD_FILE now",
        ],
    },
    // That root is let in there says nothing: what the conf says counts.
    Case {
        engine: "doris",
        files: FOR_ROOT,
        root_in_conf: true,
        closed: &[],
        at_home: true,
        set: &[("admin", ROOT_SECRET)],
        says: &[IN_CONF, SHARED],
    },
    Case {
        engine: "doris",
        files: FOR_ROOT,
        root_in_conf: false,
        closed: &[],
        at_home: true,
        set: &[("root", ROOT_SECRET), ("admin", ROOT_SECRET)],
        says: &["root has the password of ROOT_PASSWORD_FILE now", SHARED],
    },
    Case {
        engine: "doris",
        files: &[],
        root_in_conf: false,
        closed: &[],
        at_home: false,
        set: &[],
        says: &[],
    },
];

fn hash(password: &str) -> &'static str {
    if password == ROOT_SECRET {
        ROOT_HASH
    } else {
        ADMIN_HASH
    }
}

#[tokio::test]
async fn the_founder_closes_every_account_that_the_engine_ships_open() {
    for (number, case) in CASES.iter().enumerate() {
        let at = if case.at_home {
            Ipv4Addr::LOCALHOST
        } else {
            Ipv4Addr::new(127, 0, 0, 2)
        };
        let closed = case.closed;
        let fe = Fe::start_at((at, 0).into(), Manner::Speaks, "", move |statement| {
            let refused = |name: &&&str| statement.contains(&format!("'{name}'"));
            match closed.iter().find(refused) {
                // What the login answers.
                Some(name) => Reply::Error(
                    1045,
                    "28000",
                    format!("Access denied for user '{name}' (using password: NO)"),
                ),
                None => Reply::Ok,
            }
        })
        .await;
        let dir = TempDir::new().unwrap();
        let settings = settings(&dir, case.files);
        let engine = engine(case.engine);
        let client = client(engine);
        let (log, guard) = Log::begin();
        let cluster = NewCluster {
            client: &client,
            engine,
            leader: &fe.at,
            patience: LONG,
        };
        let accounts = first_passwords(engine, &settings, case.root_in_conf);
        assert!(cluster.close(&accounts).await, "case {number}");
        drop(guard);
        let mut heard = said(&fe).await;
        heard.retain(|line| !closed.iter().any(|name| line.contains(&format!("'{name}'"))));
        let expected: Vec<String> = case
            .set
            .iter()
            .map(|(name, password)| format!("SET PASSWORD FOR '{name}' = '{}'", hash(password)))
            .collect();
        assert_eq!(heard, expected, "case {number}");
        let log = log.text();
        let told = log.lines().filter(|line| !line.contains("DEBUG"));
        assert_eq!(told.count(), case.says.len(), "case {number}: {log}");
        for said in case.says {
            assert!(log.contains(said), "case {number}: {said}: {log}");
        }
        assert!(
            !log.contains("canary") && !log.contains('*'),
            "case {number}: {log}"
        );
    }
}

/// The leader stops, or another one is elected, just when the cluster has become alive.
#[tokio::test]
async fn an_account_is_closed_also_if_the_cluster_has_no_leader_for_a_moment() {
    let asked = AtomicUsize::new(0);
    let fe = Fe::start(Manner::Speaks, "", move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            Reply::Error(1064, "HY000", "Cannot open null host.".to_owned())
        } else {
            Reply::Ok
        }
    })
    .await;
    let dir = TempDir::new().unwrap();
    let settings = settings(&dir, FOR_ROOT);
    let engine = engine("starrocks");
    let client = client(engine);
    let accounts = first_passwords(engine, &settings, false);
    let close = async |leader: &Endpoint, patience| {
        let cluster = NewCluster {
            client: &client,
            engine,
            leader,
            patience,
        };
        cluster.close(&accounts).await
    };
    assert!(close(&fe.at, LONG).await);
    assert_eq!(said(&fe).await.len(), 2);
    // It did not come to it: that is not told as done.
    let closed = crate::fakes::closed_port().await;
    assert!(!close(&closed, Duration::ZERO).await);
    fs::remove_file(dir.path().join("ROOT_PASSWORD_FILE")).unwrap();
    assert!(!close(&fe.at, LONG).await);
}

/// A follower asks a new cluster whose root is still open, and which has no leader at that moment. It ended with 77.
#[tokio::test]
async fn an_open_root_without_a_leader_is_no_wrong_password() {
    let fe = Fe::start(Manner::Speaks, "", |_| {
        Reply::Error(1064, "HY000", "forward failed: unknown result".to_owned())
    })
    .await;
    let dir = TempDir::new().unwrap();
    let client = Client::new(&settings(&dir, FOR_ROOT), engine("starrocks"));
    let why = client.run(&fe.at, "SHOW FRONTENDS").await.unwrap_err();
    assert!(matches!(why, Failure::NoLeader(_)), "{why}");
}

// The init files.

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
