//! A founder's start, and what is left when it is killed on the way.

use crate::support::{World, eventually, eventually_or};

/// Observed: "9010 open at 4.53; 9020 and 9030 at 13.77; 8030 last, 14.07" — 7 of 7 starts.
#[tokio::test]
async fn ports_open_in_the_observed_order_and_http_last() {
    let world = World::with(0.05, "starrocks-3.5");
    let mut host = world.host(1).await;
    host.start_fe(&[]);
    eventually("all ports are open", async || {
        // The last one first: what opens before it is open by the time it is looked at.
        let mut open = Vec::new();
        for port in [8030, 9030, 9020, 9010] {
            open.push(host.is_open(port).await);
        }
        let [http, query, rpc, edit_log] = open[..] else {
            unreachable!("four ports were looked at")
        };
        assert!(
            !http || (query && rpc),
            "8030 is open before the others: {open:?}"
        );
        assert!(edit_log || !(query || rpc), "9010 is not the first: {open:?}");
        (http && edit_log).then_some(())
    })
    .await;
}

#[tokio::test]
async fn files_have_the_observed_names_and_contents() {
    let world = World::new();
    let host = world.founder().await;
    let mut names: Vec<String> = std::fs::read_dir(host.path("fe/meta/bdb"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "00000000.jdb",
            "je.config.csv",
            "je.info.0",
            "je.info.0.lck",
            "je.lck",
            "je.stat.csv"
        ]
    );
    assert!(host.read("fe/meta/bdb/je.info.0").contains("Nascent group"));
    let role = host.read("fe/meta/image/ROLE");
    let lines: Vec<&str> = role.lines().collect();
    assert!(lines[0].starts_with('#'), "{role}");
    assert_eq!(&lines[1..3], ["role=FOLLOWER", "hostType=IP"]);
    assert!(
        lines[3].starts_with(&format!("name={}_9010_", host.address)),
        "{role}"
    );
    let version = host.read("fe/meta/image/VERSION");
    assert!(
        version.contains("runMode=shared_nothing\n") && version.contains("clusterId="),
        "{version}"
    );
    assert!(version.contains("token="), "{version}");
    assert!(!host.read("fe/bin/fe.pid").ends_with('\n'));
}

#[tokio::test]
async fn the_first_words_of_a_founder_are_the_observed_ones() {
    let world = World::new();
    let host = world.founder().await;
    let out = host.read("fe/log/fe.out");
    let at = |words: &str| {
        out.find(words)
            .unwrap_or_else(|| panic!("{words} is not in\n{out}"))
    };
    assert!(at("=====") < at("notify new FE type transfer: UNKNOWN"));
    assert!(at("transfer: UNKNOWN") < at("transfer: LEADER"));
    assert!(at("transfer: LEADER") < at("leader finished to replay journal, can write now."));
    assert!(
        host.log()
            .contains("UnknownMasterException for the first time, ignore it.")
    );
}

/// Observed: `/api/bootstrap`, `/api/health` and SHOW_HA of a healthy founder, word for word; `can_read` is "false" on
/// a healthy leader, and `electable_nodes` is absent when there is none.
#[tokio::test]
async fn a_ready_founder_answers_over_http_as_observed() {
    let world = World::new();
    let host = world.founder().await;
    let body = host.get("/api/bootstrap").await.unwrap().body;
    assert_eq!(
        body,
        "{\"replayedJournalId\":0,\"queryPort\":0,\"rpcPort\":0,\"feStartTime\":0,\"heapUsedPercent\":0.0,\
         \"status\":\"OK\",\"code\":\"0\",\"msg\":\"Success\",\"message\":\"OK\"}"
    );
    let wrong = host.get("/api/bootstrap?cluster_id=1&token=x").await.unwrap();
    assert_eq!(wrong.status, 200);
    assert!(
        wrong.body.contains("\"status\":\"FAILED\"") && wrong.body.contains("\"msg\":\"invalid parameter\"")
    );
    assert!(wrong.body.contains("\"message\":\"OK\""));
    let health = host.get("/api/health").await.unwrap().body;
    assert_eq!(
        health,
        "{\"online_backend_num\":0,\"total_backend_num\":0,\"status\":\"OK\"}"
    );
    assert_eq!(host.ha("role").await, "LEADER");
    assert_eq!(host.ha("is_ready").await, "true");
    assert_eq!(host.ha("can_read").await, "false");
    assert!(
        !host
            .get("/api/show_meta_info?action=SHOW_HA")
            .await
            .unwrap()
            .body
            .contains("electable_nodes")
    );
}

/// Observed: "Founder killed at any moment between writing VERSION and `can write now` never starts again: every
/// restart becomes BDB LEADER, logs `current node is not added to the cluster, will exit`, exit 255."
#[tokio::test]
async fn a_founder_killed_before_it_can_write_never_starts_again() {
    let world = World::new();
    for (n, point) in (1..).zip(["role", "version", "je.lck", "jdb", "UNKNOWN", "LEADER"]) {
        let mut host = world.host(n).await;
        host.fe_killed_at(point, &[]).await;
        assert!(
            host.read("fe/meta/image/ROLE").contains("hostType=\n"),
            "killed at {point}"
        );
        for _ in 0..2 {
            assert_eq!(host.fe_ends(&[]).await, Some(255), "killed at {point}");
            assert!(host.log().contains("notify new FE type transfer: LEADER"));
            assert!(
                host.log()
                    .contains("current node is not added to the cluster, will exit")
            );
        }
        // Set aside and founded again: ready, every time.
        host.leave_meta_behind();
        host.start_fe(&[]);
        host.ready().await;
    }
}

/// Facts: killed between the two writes, every restart says that both files must exist.
#[tokio::test]
async fn a_founder_with_role_and_without_version_says_so() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.fe_killed_at("role-only", &[]).await;
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(
        host.log()
            .contains("role file and version file must both exist or both not exist.")
    );
}

#[tokio::test]
async fn a_founder_killed_after_it_can_write_comes_back() {
    let world = World::new();
    for (n, point) in (1..).zip(["can-write", "hostType", "ports"]) {
        let mut host = world.host(n).await;
        host.fe_killed_at(point, &[]).await;
        host.start_fe(&[]);
        host.ready().await;
        assert_eq!(host.frontends().await.unwrap().len(), 1);
    }
}

/// Observed: "only 9010 open, INFO `wait globalStateMgr to be ready. FE type: INIT. is ready: false` each 2 s for
/// ever; second started: both ready".
#[tokio::test]
async fn one_of_two_waits_for_ever_with_only_its_first_port_open() {
    let world = World::new();
    let mut hosts = world.cluster(2).await;
    for host in &mut hosts {
        host.kill_fe().await;
    }
    hosts[0].start_fe(&[]);
    let words = "wait globalStateMgr to be ready. FE type: INIT. is ready: false";
    eventually_or(
        "it says what it waits for",
        || hosts[0].log(),
        async || (hosts[0].log().matches(words).count() > 2).then_some(()),
    )
    .await;
    assert!(hosts[0].is_open(9010).await);
    for port in [9020, 9030, 8030] {
        assert!(!hosts[0].is_open(port).await, "{port} is open");
    }
    hosts[1].start_fe(&[]);
    hosts[0].ready().await;
    hosts[1].ready().await;
}

/// Observed on an IP node whose own address changed: no exit, no text, back on the old address it works.
#[tokio::test]
async fn a_changed_address_hangs_and_the_old_one_works_again() {
    let world = World::new();
    let mut host = world.founder().await;
    host.kill_fe().await;
    let settings = host.read("fe/standin.conf");
    let elsewhere = settings.replace(&format!("{}", host.address), "127.9.9.9");
    std::fs::write(host.path("fe/standin.conf"), elsewhere).unwrap();
    host.start_fe(&[]);
    crate::support::stays(40.0, "it runs and is not ready", async || {
        host.is_running() && tokio::net::TcpStream::connect("127.9.9.9:8030").await.is_err()
    })
    .await;
    host.kill_fe().await;
    std::fs::write(host.path("fe/standin.conf"), settings).unwrap();
    host.start_fe(&[]);
    host.ready().await;
}
