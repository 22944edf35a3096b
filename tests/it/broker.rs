//! `muster health` of a broker, which answers on one port only: the port, and its row in SHOW BROKER.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it needs by failing"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::fakes::{Fe, Manner, Reply, closed_port};
use muster::engine::{ALL, Component, Engine};

/// A home with the record of a broker on that port.
fn home(dir: &Path, engine: &Engine, port: u16) {
    let layout = engine.layout(Component::Broker).unwrap();
    let script = format!("#!/bin/sh\n{}\n", layout.script_mark.unwrap());
    let record = format!(
        r#"{{"version": 1, "engine": "{}", "component": "broker", "role": "broker", "host": "127.0.0.1",
            "ports": {{"BROKER_IPC_PORT": {port}}}, "cluster_id": "77", "progress": "joined"}}"#,
        engine.id
    );
    for (file, text) in [
        (layout.script, script.as_str()),
        (layout.marks[0], ""),
        (layout.conf, ""),
        ("conf/muster-broker.json", &record),
    ] {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// What it says, and its code.
async fn health(dir: &Path, arguments: &[&str], query_port: u16) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command
        .args(["health", "--home"])
        .arg(dir)
        .args(arguments)
        .env_clear()
        .envs([("MASTER_HOST", "127.0.0.1"), ("LOCAL_HOST", "127.0.0.1")])
        .env("MASTER_FE_QUERY_PORT", query_port.to_string());
    // The FE answers on this thread meanwhile.
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text.trim().to_owned(), output.status.code().unwrap())
}

/// A cluster of one FE that lists this broker, or refuses the list.
fn answer(statement: &str, broker: Option<(&'static str, &'static str)>) -> Reply {
    let frontends = vec![
        ("Name", "fe1"),
        ("Host", "127.0.0.1"),
        ("EditLogPort", "9010"),
        ("HttpPort", "8030"),
        ("QueryPort", "0"),
        ("RpcPort", "9020"),
        ("Role", "FOLLOWER"),
        ("IsMaster", "true"),
        ("ClusterId", "77"),
        ("Join", "true"),
        ("Alive", "true"),
    ];
    let row = |cells: Vec<(&'static str, &'static str)>| {
        let (names, cells): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
        Reply::Rows(names, vec![cells.into_iter().map(Some).collect()])
    };
    match (statement, broker) {
        ("SHOW FRONTENDS", _) => row(frontends),
        ("SHOW BROKER", Some((port, alive))) => row(vec![
            ("Name", "hdfs"),
            ("Host", "127.0.0.1"),
            ("Port", port),
            ("Alive", alive),
            ("ErrMsg", ""),
        ]),
        ("SHOW BROKER", None) => {
            let text = "Access denied; you need (at least one of) the (ADMIN/OPERATOR) privilege(s) for this operation";
            Reply::Error(1105, "HY000", format!("errCode = 2, detailMessage = {text}"))
        }
        _ => Reply::Ok,
    }
}

#[tokio::test]
async fn a_broker_is_ready_while_its_only_port_is_open() {
    for engine in ALL {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        home(dir.path(), engine, port);
        assert_eq!(
            health(dir.path(), &[], 9).await,
            ("broker is ready".to_owned(), 0)
        );
        drop(listener);
        let (said, code) = health(dir.path(), &[], 9).await;
        assert_eq!(code, 1, "{said}");
        assert!(said.starts_with("no broker process of "), "{said}");
    }
}

#[tokio::test]
async fn deep_asks_the_list_of_brokers_by_host_and_port_under_any_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let own: &'static str = port.to_string().leak();
    let other: &'static str = closed_port().await.port.to_string().leak();
    let table = [
        (
            Some((own, "true")),
            0,
            "broker is alive in cluster 77 led by 127.0.0.1",
        ),
        (Some((own, "false")), 1, "shows this node as not alive"),
        (Some((other, "true")), 1, "does not list this node"),
        (None, 1, "the (ADMIN/OPERATOR) privilege(s)"),
    ];
    for engine in ALL {
        let dir = tempfile::tempdir().unwrap();
        home(dir.path(), engine, port);
        for (broker, expected, part) in table {
            let fe = Fe::start(Manner::Speaks, "", move |statement| answer(statement, broker)).await;
            let (said, code) = health(dir.path(), &["--deep"], fe.at.port).await;
            assert_eq!(code, expected, "{} {broker:?}: {said}", engine.name);
            assert!(said.contains(part), "{} {broker:?}: {said}", engine.name);
        }
    }
}
