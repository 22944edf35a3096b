//! Faults on demand: each line of `standin.faults` does what the README says.

use std::time::Duration;

use crate::support::{Error, Host, Kind, World, eventually, for_each_engine};

for_each_engine!(
    faults_of_the_mysql_port,
    faults_of_the_http_port,
    an_add_can_be_applied_and_its_answer_lost,
    a_column_can_be_missing_and_a_leader_too,
);

async fn hangs<T>(asked: impl Future<Output = T>) {
    assert!(
        tokio::time::timeout(Duration::from_millis(400), asked)
            .await
            .is_err(),
        "it answered"
    );
}

async fn code(host: &Host) -> u16 {
    match host.sql("SHOW FRONTENDS").await {
        Err(Error::Server(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

async fn faults_of_the_mysql_port(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    for fault in ["mysql=hang", "mysql=no-greeting", "mysql=half-open"] {
        host.fault(fault);
        hangs(host.sql("SHOW FRONTENDS")).await;
        host.no_faults();
        host.sql("SHOW FRONTENDS").await.unwrap();
    }
    for (fault, expected) in [("mysql=deny", 1045), ("mysql=privilege", kind.pick(5203, 1105))] {
        host.fault(fault);
        assert_eq!(code(&host).await, expected);
        host.no_faults();
    }
    host.fault("mysql=slow 700ms");
    hangs(host.sql("SHOW FRONTENDS")).await;
    host.sql("SHOW FRONTENDS").await.unwrap();
    host.no_faults();
    host.fault("mysql=refuse");
    host.sql("SHOW FRONTENDS").await.unwrap_err();
    eventually("the port is closed", async || {
        (!host.is_open(9030).await).then_some(())
    })
    .await;
    host.no_faults();
    eventually("the port is open again", async || {
        host.sql("SHOW FRONTENDS").await.ok()
    })
    .await;
}

async fn faults_of_the_http_port(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    host.fault("http=hang");
    hangs(host.get("/api/health")).await;
    host.no_faults();
    host.fault("http=close");
    assert!(host.get("/api/health").await.is_none());
    host.no_faults();
    assert!(host.get("/api/health").await.is_some());
}

async fn an_add_can_be_applied_and_its_answer_lost(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    host.fault("add=drop-after");
    let lost = host
        .sql("ALTER SYSTEM ADD FOLLOWER '127.5.5.1:9010'")
        .await
        .unwrap_err();
    assert!(!matches!(lost, Error::Server(_)));
    host.no_faults();
    host.fault("add=lost-answer");
    hangs(host.sql("ALTER SYSTEM ADD FOLLOWER '127.5.5.2:9010'")).await;
    host.no_faults();
    assert_eq!(host.frontends().await.unwrap().len(), 3, "both were applied");
    host.fault("add=vanish");
    host.sql("ALTER SYSTEM ADD FOLLOWER '127.5.5.3:9010'")
        .await
        .unwrap();
    assert_eq!(host.frontends().await.unwrap().len(), 3, "the row is gone again");
    host.no_faults();
    host.fault("add=lock");
    let words = host.refusal("ALTER SYSTEM ADD BACKEND '127.5.5.3:9050'").await;
    let lock = kind.pick("globalStateMgr", "env");
    assert_eq!(
        words,
        kind.says(&format!("Failed to acquire {lock} lock. Try again"))
    );
}

async fn a_column_can_be_missing_and_a_leader_too(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    host.fault("show=missing-column Alive");
    let row = host.frontends().await.unwrap().remove(0);
    assert!(!row.0.contains_key("Alive") && kind.leads(&row), "{row:?}");
    let journal = row.get("ReplayedJournalId").parse::<u64>().unwrap();
    assert!(journal >= 3, "the columns behind it are in their places: {row:?}");
    host.no_faults();
    host.fault("leader=none");
    assert!(host.frontends().await.unwrap().iter().all(|row| !kind.leads(row)));
    host.sql("ALTER SYSTEM ADD BACKEND '127.5.5.3:9050'")
        .await
        .unwrap_err();
}
