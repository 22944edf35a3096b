//! What a founder does once, against a scripted FE on 127.0.0.1.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muster::cluster::Client;
use muster::effects::bootstrap_sql::run_files;
use muster::engine::ALL;
use muster::settings::{Account, ROOT, Source, Sourced, Tls, TlsMode};

use crate::fakes::{Fe, Manner, Reply};

const LONG: Duration = Duration::from_secs(20);

fn client() -> Client {
    let user = Sourced {
        value: ROOT.to_owned(),
        source: Source::Default,
    };
    let tls = Tls {
        mode: TlsMode::Off,
        ca_file: None,
    };
    let engine = ALL.into_iter().find(|engine| engine.id == "starrocks").unwrap();
    Client::with(Account { user, password: None }, tls, engine, LONG)
}

fn backends(alive: &'static str) -> Reply {
    let columns = vec![
        "BackendId",
        "IP",
        "HeartbeatPort",
        "Alive",
        "SystemDecommissioned",
        "ErrMsg",
    ];
    let row = ["10001", "10.77.0.14", "9050", alive, "false", ""].map(Some);
    Reply::Rows(columns, vec![row.to_vec()])
}

fn is_question(statement: &str) -> bool {
    statement.starts_with("SHOW ") || statement.starts_with('(')
}

#[tokio::test]
async fn the_sql_files_are_run_in_order_one_statement_at_a_time_once_a_be_is_alive() {
    let asked = AtomicUsize::new(0);
    let fe = Fe::start(Manner::Speaks, "", move |statement| match statement {
        "SHOW BACKENDS" if asked.fetch_add(1, Ordering::Relaxed) == 0 => backends("false"),
        "SHOW BACKENDS" => backends("true"),
        "SHOW COMPUTE NODES" => Reply::Rows(vec!["ComputeNodeId"], vec![]),
        _ => Reply::Ok,
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("20-tables.sql"),
        "CREATE TABLE d.t (a INT) -- ; not yet\n;\n",
    )
    .unwrap();
    fs::write(
        dir.path().join("10-database.sql"),
        "CREATE DATABASE d;\nCREATE USER u IDENTIFIED BY 'a;b';",
    )
    .unwrap();
    fs::write(dir.path().join("readme.txt"), "DROP DATABASE d;").unwrap();
    run_files(&client(), &fe.at, dir.path(), LONG).await;
    let heard = fe.heard_to_the_end().await;
    let said: Vec<&str> = heard
        .iter()
        .map(String::as_str)
        .filter(|line| !is_question(line))
        .collect();
    assert_eq!(
        said,
        [
            "CREATE DATABASE d",
            "CREATE USER u IDENTIFIED BY 'a;b'",
            "CREATE TABLE d.t (a INT) -- ; not yet",
        ]
    );
    let first_look = heard.iter().filter(|line| *line == "SHOW BACKENDS").count();
    assert_eq!(first_look, 2, "{heard:?}");
}

#[tokio::test]
async fn nothing_is_run_after_the_statement_that_failed() {
    let fe = Fe::start(Manner::Speaks, "", |statement| match statement {
        "SHOW BACKENDS" => backends("true"),
        "TWO" => Reply::Error(1064, "42000", "no".to_owned()),
        _ => Reply::Ok,
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("1.sql"), "ONE; TWO; THREE").unwrap();
    fs::write(dir.path().join("2.sql"), "FOUR").unwrap();
    run_files(&client(), &fe.at, dir.path(), LONG).await;
    let heard = fe.heard_to_the_end().await;
    let said: Vec<&str> = heard
        .iter()
        .map(String::as_str)
        .filter(|line| !is_question(line))
        .collect();
    assert_eq!(said, ["ONE", "TWO"]);
}

#[tokio::test]
async fn without_files_nobody_is_asked_anything() {
    let fe = Fe::start(Manner::Speaks, "", |_| Reply::Ok).await;
    let dir = tempfile::tempdir().unwrap();
    run_files(&client(), &fe.at, dir.path(), LONG).await;
    run_files(&client(), &fe.at, &dir.path().join("missing"), LONG).await;
    assert!(fe.heard_to_the_end().await.is_empty());
}
