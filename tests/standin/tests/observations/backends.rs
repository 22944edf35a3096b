//! BEs, CNs and brokers: start, heartbeat, and what the leader says of them.

use std::net::SocketAddr;

use nix::sys::signal::{Signal, kill};

use crate::support::{
    DORIS, DORIS_21, DORIS_30, Fields, Host, Kind, STARROCKS, World, eventually, for_each_engine, get_from,
    server,
};

for_each_engine!(
    a_backend_is_alive_after_its_first_heartbeat_and_keeps_the_cluster_id,
    a_backend_of_another_cluster_is_told,
    a_backend_takes_its_cluster_from_its_conf,
    a_broker_is_alive_while_it_answers,
    a_busy_port_and_a_bad_value_end_a_backend,
);

async fn alive(leader: &Host, statement: &str) -> Fields {
    eventually("it is alive", async || {
        leader
            .backend(statement)
            .await
            .filter(|row| row.is("Alive", "true"))
    })
    .await
}

async fn add_backend(leader: &Host, host: &Host) {
    leader
        .sql(&format!("ALTER SYSTEM ADD BACKEND '{}:9050'", host.address))
        .await
        .unwrap();
}

async fn health(host: &Host) -> String {
    let pages = SocketAddr::new(host.address, 8040);
    let reply = get_from(host.address, pages, "/api/health").await;
    reply.map(|reply| reply.body).unwrap_or_default()
}

async fn a_backend_is_alive_after_its_first_heartbeat_and_keeps_the_cluster_id(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    add_backend(&leader, &host).await;
    host.start_be("start_be.sh");
    let row = alive(&leader, "SHOW BACKENDS").await;
    assert!(row.is("BePort", "9060") && row.is("HttpPort", "8040") && row.is("BrpcPort", "8060"));
    assert!(row.is("Version", kind.version) && row.is("ErrMsg", ""));
    let (column, value) = kind.pick(("StatusCode", "OK"), ("ArrowFlightSqlPort", "8050"));
    assert!(row.is(column, value), "{row:?}");
    assert!(!kind.is_doris() || row.is("NodeRole", "mix"), "{row:?}");
    let cluster = leader.frontends().await.unwrap()[0].get("ClusterId").to_owned();
    assert_eq!(host.read("be/storage/cluster_id"), cluster);
    assert_eq!(
        health(&host).await,
        kind.pick(
            "{\"status\": \"OK\",\"msg\": \"To Be Added\"}",
            "{\"status\": \"OK\",\"msg\": \"OK\"}"
        )
    );
    assert_eq!(
        leader.get("/api/health").await.unwrap().body,
        kind.pick(
            "{\"online_backend_num\":1,\"total_backend_num\":1,\"status\":\"OK\"}",
            "{\"msg\":\"success\",\"code\":0,\"data\":{\"online_backend_num\":1,\"total_backend_num\":1},\"count\":0}"
        )
    );
    if kind.is_doris() {
        let rows = leader.sql("select 1").await.unwrap();
        assert_eq!(rows[0].get("1"), "1", "with a backend it can count");
        kill(server(host.be.as_ref().unwrap().id().unwrap()), Signal::SIGKILL).unwrap();
    } else {
        // Unauthenticated, and at once.
        let pages = SocketAddr::new(host.address, 8040);
        get_from(host.address, pages, "/api/_stop_be").await;
    }
    let code = host.be.take().unwrap().wait().await.unwrap().code();
    assert_eq!(code, Some(kind.pick(0, 137)));
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
    if kind.is_doris() {
        assert!(
            !row.is("HeartbeatFailureCounter", "0") && row.is("NodeRole", ""),
            "{row:?}"
        );
    } else {
        assert!(row.is("StatusCode", "DISCONNECTED"));
    }
}

/// Observed with a stub, and read in the source: the role is what be.conf says, and the only sign of a compute node.
#[tokio::test]
async fn a_compute_node_of_doris_is_a_backend_with_a_role() {
    let world = World::new(&DORIS);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    let conf = host.read("be/conf/be.conf") + "\nbe_node_role = computation\n";
    std::fs::write(host.path("be/conf/be.conf"), conf).unwrap();
    add_backend(&leader, &host).await;
    host.start_be("start_be.sh");
    let row = alive(&leader, "SHOW BACKENDS").await;
    assert!(row.is("NodeRole", "computation"), "{row:?}");
}

/// Observed with a stub: `is_shutdown` leaves it Alive, and only Status says it. From the source: the page says it too, and an idle
/// one takes 30 s and more; before 4.0 it is gone after 3 s.
#[tokio::test]
async fn a_stopping_backend_of_doris_stays_alive_until_it_is_gone() {
    let world = World::with(0.1, &DORIS);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    add_backend(&leader, &host).await;
    host.start_be("start_be.sh");
    alive(&leader, "SHOW BACKENDS").await;
    kill(server(host.be.as_ref().unwrap().id().unwrap()), Signal::SIGTERM).unwrap();
    let row = eventually("it says so", async || {
        let row = leader.backend("SHOW BACKENDS").await?;
        row.get("Status").contains("\"isShutdown\":true").then_some(row)
    })
    .await;
    assert!(row.is("Alive", "true"), "{row:?}");
    let words = "{\"status\": \"Server is not available\",\"msg\": \"Server is shutting down\"}";
    assert_eq!(health(&host).await, words);
    assert_eq!(host.be.take().unwrap().wait().await.unwrap().code(), Some(0));
    assert!(host.path("be/bin/be.pid").exists(), "the BE never removes it");
}

#[tokio::test]
async fn a_compute_node_is_not_a_backend() {
    let world = World::new(&STARROCKS);
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

/// Observed: a BE of StarRocks that answers an error stays Alive with an empty ErrMsg for three rounds, then
/// `Unmatched cluster id`, DISCONNECTED. One of Doris, by its source, is dead at the next round.
async fn a_backend_of_another_cluster_is_told(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    std::fs::write(host.path("be/storage/cluster_id"), "4711").unwrap();
    add_backend(&leader, &host).await;
    host.start_be("start_be.sh");
    let words = kind.pick("Unmatched cluster id", "invalid cluster id. ignore.");
    let row = eventually("it objects", async || {
        leader
            .backend("SHOW BACKENDS")
            .await
            .filter(|row| row.get("ErrMsg").starts_with(words))
    })
    .await;
    assert!(row.is("Alive", "false"), "{row:?}");
    assert!(kind.is_doris() || row.is("StatusCode", "DISCONNECTED"));
    assert_eq!(host.read("be/storage/cluster_id"), "4711");
}

/// Source: `StorageEngine::_open` of both engines: the id of the conf is taken and written down at the start, and a heartbeat of
/// another cluster refused; one that is not that of the storage ends the start.
async fn a_backend_takes_its_cluster_from_its_conf(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    let conf = host.path("be/conf/be.conf");
    let shipped = host.read("be/conf/be.conf");
    let configure = |id: &str| {
        std::fs::write(&conf, format!("{shipped}\ncluster_id = {id}\n")).unwrap();
    };
    configure("4711");
    add_backend(&leader, &host).await;
    host.start_be("start_be.sh");
    let words = kind.pick("Unmatched cluster id", "invalid cluster id. ignore.");
    eventually("it objects", async || {
        let row = leader.backend("SHOW BACKENDS").await?;
        row.get("ErrMsg").starts_with(words).then_some(())
    })
    .await;
    assert_eq!(host.read("be/storage/cluster_id"), "4711");
    kill(server(host.be.as_ref().unwrap().id().unwrap()), Signal::SIGKILL).unwrap();
    host.be.take().unwrap().wait().await.unwrap();
    configure("4712");
    host.start_be("start_be.sh");
    let code = host.be.take().unwrap().wait().await.unwrap().code();
    assert_eq!(code, Some(kind.pick(255, 0)), "{}", host.read("be/log/be.out"));
    std::fs::remove_file(host.path("be/storage/cluster_id")).unwrap();
    let id = leader.frontends().await.unwrap()[0].get("ClusterId").to_owned();
    configure(&id);
    host.start_be("start_be.sh");
    alive(&leader, "SHOW BACKENDS").await;
}

/// Source: `BrokerHeartbeatHandler` and `FsBroker.handleHbResponse` of both engines; observed: one address under two names.
async fn a_broker_is_alive_while_it_answers(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.start_broker();
    for name in ["b1", "b2"] {
        leader
            .sql(&format!("ALTER SYSTEM ADD BROKER {name} '{}:8000'", host.address))
            .await
            .unwrap();
    }
    let rows = async |alive: &str| {
        eventually("both rows say so", async || {
            let rows = leader.sql("SHOW BROKER").await.ok()?;
            let good = rows.iter().filter(|row| row.is("Alive", alive)).count();
            (good == 2).then_some(rows)
        })
        .await
    };
    for row in rows("true").await {
        assert!(
            row.is(kind.host, &host.address.to_string()) && row.is("ErrMsg", ""),
            "{row:?}"
        );
        assert!(
            !row.is("LastStartTime", "NULL") && !row.is("LastUpdateTime", "NULL"),
            "{row:?}"
        );
    }
    kill(
        server(host.broker.as_ref().unwrap().id().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let code = host.broker.take().unwrap().wait().await.unwrap().code();
    // The script of StarRocks goes on after its server, and ends well.
    assert_eq!(code, Some(kind.pick(0, 143)));
    let error = "java.net.ConnectException: Connection refused";
    for row in rows("false").await {
        assert!(
            row.is("ErrMsg", error) && !row.is("LastUpdateTime", "NULL"),
            "{row:?}"
        );
    }
}

/// Observed: status SHUTDOWN is believed at once: `BE is shutting down`.
#[tokio::test]
async fn a_stopping_backend_is_believed_at_once_and_ends_with_0() {
    let world = World::new(&STARROCKS);
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

async fn a_busy_port_and_a_bad_value_end_a_backend(kind: &'static Kind) {
    let world = World::new(kind);
    let mut host = world.host(2).await;
    let mut ends = async || {
        host.start_be("start_be.sh");
        host.be.take().unwrap().wait().await.unwrap().code()
    };
    let busy = std::net::TcpListener::bind((world.address(2), 9050)).unwrap();
    assert_eq!(ends().await, Some(kind.pick(1, 255)));
    drop(busy);
    let conf = world.home(2).join("be/conf/be.conf");
    std::fs::write(&conf, "be_port = 9060 # c\n").unwrap();
    assert_eq!(ends().await, Some(255));
    let out = std::fs::read_to_string(world.home(2).join("be/log/be.out")).unwrap();
    assert!(
        out.contains("Invalid value of config 'be_port': '9060 # c'"),
        "{out}"
    );
}

/// Source: be/src/service/doris_main.cpp, and start_be.sh, by version.
#[tokio::test]
async fn a_backend_of_doris_ends_by_its_version() {
    // A port that is taken; a storage path that is not there; storage of another cluster.
    let versions: [(&'static Kind, i32, i32); 3] =
        [(&DORIS_21, 1, 255), (&DORIS_30, 255, 0), (&DORIS, 255, 0)];
    for (kind, port, unopened) in versions {
        let world = World::new(kind);
        let mut host = world.host(2).await;
        let mut ends = async || {
            host.start_be("start_be.sh");
            host.be.take().unwrap().wait().await.unwrap().code()
        };
        let busy = std::net::TcpListener::bind((world.address(2), 8040)).unwrap();
        assert_eq!(ends().await, Some(port), "{}", kind.profile);
        drop(busy);
        let home = world.home(2).join("be");
        let conf = home.join("conf/be.conf");
        let shipped = std::fs::read_to_string(&conf).unwrap();
        std::fs::write(&conf, format!("{shipped}\nstorage_root_path = /nonexistent\n")).unwrap();
        assert_eq!(ends().await, Some(255), "{}", kind.profile);
        std::fs::write(&conf, format!("{shipped}\ncluster_id = 1\n")).unwrap();
        std::fs::write(home.join("storage/cluster_id"), "2").unwrap();
        assert_eq!(ends().await, Some(unopened), "{}", kind.profile);
    }
}

/// Source: start_be.sh. Three checks of the host, which 4.0 skips together for one exact word.
#[tokio::test]
async fn a_backend_of_doris_wants_a_prepared_host() {
    let limits = [
        ("max_map_count = 65530", "vm.max_map_count"),
        ("swaps = 1", "disable swap"),
        ("nofile = 1024", "file descriptors"),
    ];
    let versions: [(&'static Kind, bool); 3] = [(&DORIS, true), (&DORIS_30, false), (&DORIS_21, false)];
    for (kind, skips) in versions {
        let world = World::new(kind);
        for (n, (limit, words)) in (2..).zip(limits) {
            let host = world.host(n).await;
            host.setting("be", limit);
            for (skip, runs) in [("", false), ("yes", false), ("true", skips)] {
                let script = tokio::process::Command::new(host.path("be/bin/start_be.sh"))
                    .arg("--daemon")
                    .env("SKIP_CHECK_ULIMIT", skip)
                    .output()
                    .await
                    .unwrap();
                let said = String::from_utf8_lossy(&script.stdout).into_owned();
                assert_eq!(
                    script.status.success(),
                    runs,
                    "{} {limit} {skip}: {said}",
                    kind.profile
                );
                assert!(
                    runs || said.contains(words) && script.status.code() == Some(1),
                    "{said}"
                );
            }
            if skips {
                let pid = eventually("it runs", async || {
                    host.read("be/bin/be.pid").trim().parse::<i32>().ok()
                })
                .await;
                kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
            }
        }
    }
}
