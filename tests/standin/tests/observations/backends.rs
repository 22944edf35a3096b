//! BEs and CNs: start, heartbeat, and what the leader says of them.

use std::net::SocketAddr;

use crate::support::{Fields, Host, World, eventually, get_from};

async fn alive(leader: &Host, statement: &str) -> Fields {
    eventually("it is alive", async || {
        leader
            .backend(statement)
            .await
            .filter(|row| row.is("Alive", "true"))
    })
    .await
}

#[tokio::test]
async fn a_backend_is_alive_after_its_first_heartbeat_and_keeps_the_cluster_id() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    leader
        .sql(&format!("ALTER SYSTEM ADD BACKEND '{}:9050'", host.address))
        .await
        .unwrap();
    host.start_be("start_be.sh");
    let row = alive(&leader, "SHOW BACKENDS").await;
    assert!(row.is("BePort", "9060") && row.is("HttpPort", "8040") && row.is("BrpcPort", "8060"));
    assert!(row.is("StatusCode", "OK") && row.is("Version", "3.5.0-0be11fd") && row.is("ErrMsg", ""));
    let cluster = leader.frontends().await.unwrap()[0].get("ClusterId").to_owned();
    assert_eq!(host.read("be/storage/cluster_id"), cluster);
    let pages = SocketAddr::new(host.address, 8040);
    let health = get_from(host.address, pages, "/api/health").await.unwrap();
    assert_eq!(health.body, "{\"status\": \"OK\",\"msg\": \"To Be Added\"}");
    assert_eq!(
        leader.get("/api/health").await.unwrap().body,
        "{\"online_backend_num\":1,\"total_backend_num\":1,\"status\":\"OK\"}"
    );
    // Unauthenticated, and at once.
    get_from(host.address, pages, "/api/_stop_be").await;
    let code = host.be.take().unwrap().wait().await.unwrap().code();
    assert_eq!(code, Some(0));
    let row = eventually("it is seen to be gone", async || {
        leader
            .backend("SHOW BACKENDS")
            .await
            .filter(|row| row.is("Alive", "false"))
    })
    .await;
    assert!(
        row.is("ErrMsg", "java.net.ConnectException: Connection refused"),
        "{row:?}"
    );
    assert!(row.is("StatusCode", "DISCONNECTED"));
}

#[tokio::test]
async fn a_compute_node_is_not_a_backend() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    leader
        .sql(&format!("ALTER SYSTEM ADD COMPUTE NODE '{}:9050'", host.address))
        .await
        .unwrap();
    host.start_be("start_cn.sh");
    alive(&leader, "SHOW COMPUTE NODES").await;
    leader
        .sql(&format!("ALTER SYSTEM DROP COMPUTE NODE '{}:9050'", host.address))
        .await
        .unwrap();
    leader
        .sql(&format!("ALTER SYSTEM ADD BACKEND '{}:9050'", host.address))
        .await
        .unwrap();
    let row = eventually("it objects", async || {
        leader
            .backend("SHOW BACKENDS")
            .await
            .filter(|row| !row.is("ErrMsg", ""))
    })
    .await;
    assert!(
        row.is("ErrMsg", "expect to be BE but actually CN,Unmatched node type!"),
        "{row:?}"
    );
}

/// Observed: a BE that answers an error stays Alive with an empty ErrMsg for three rounds, then
/// `Unmatched cluster id`, DISCONNECTED.
#[tokio::test]
async fn a_backend_of_another_cluster_is_told_after_three_rounds() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    std::fs::write(host.path("be/storage/cluster_id"), "4711").unwrap();
    leader
        .sql(&format!("ALTER SYSTEM ADD BACKEND '{}:9050'", host.address))
        .await
        .unwrap();
    host.start_be("start_be.sh");
    let row = eventually("it objects", async || {
        leader
            .backend("SHOW BACKENDS")
            .await
            .filter(|row| row.is("ErrMsg", "Unmatched cluster id"))
    })
    .await;
    assert!(row.is("Alive", "false") && row.is("StatusCode", "DISCONNECTED"));
    assert_eq!(host.read("be/storage/cluster_id"), "4711");
}

/// Observed: status SHUTDOWN is believed at once: `BE is shutting down`.
#[tokio::test]
async fn a_stopping_backend_is_believed_at_once_and_ends_with_0() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    std::fs::write(host.path("be/standin.faults"), "stop=slow\n").unwrap();
    leader
        .sql(&format!("ALTER SYSTEM ADD BACKEND '{}:9050'", host.address))
        .await
        .unwrap();
    host.start_be("start_be.sh");
    alive(&leader, "SHOW BACKENDS").await;
    let pid = i32::try_from(host.be.as_ref().unwrap().id().unwrap()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    let row = eventually("it is seen", async || {
        leader
            .backend("SHOW BACKENDS")
            .await
            .filter(|row| row.is("Alive", "false"))
    })
    .await;
    assert!(
        row.is("ErrMsg", "BE is shutting down") && row.is("StatusCode", "SHUTDOWN"),
        "{row:?}"
    );
    assert_eq!(host.be.take().unwrap().wait().await.unwrap().code(), Some(0));
    assert!(host.path("be/bin/be.pid").exists(), "the BE never removes it");
}

#[tokio::test]
async fn a_busy_port_ends_a_backend_with_1_and_a_bad_value_with_255() {
    let world = World::new();
    let mut host = world.host(2).await;
    let _busy = std::net::TcpListener::bind((host.address, 9050)).unwrap();
    host.start_be("start_be.sh");
    assert_eq!(host.be.take().unwrap().wait().await.unwrap().code(), Some(1));
    std::fs::write(host.path("be/conf/be.conf"), "be_port = 9060 # c\n").unwrap();
    host.start_be("start_be.sh");
    assert_eq!(host.be.take().unwrap().wait().await.unwrap().code(), Some(255));
    assert!(
        host.read("be/log/be.out")
            .contains("Invalid value of config 'be_port': '9060 # c'")
    );
}
