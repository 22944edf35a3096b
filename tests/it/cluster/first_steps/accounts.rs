//! The accounts that an engine ships without a password.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muster::cluster::Client;
use muster::effects::accounts::NewCluster;
use muster::engine::failure::Failure;
use muster::plan::accounts::first_passwords;
use muster::settings::{Endpoint, Flags, Settings};
use tempfile::TempDir;

use super::{LONG, Log, client, engine, said};
use crate::fakes::{Fe, Manner, Reply};

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
