//! What http_port serves, and to whom.

use std::net::SocketAddr;

use crate::support::{DORIS, DORIS_30, Kind, STARROCKS, World, eventually, for_each_engine, get_with};

for_each_engine!(meta_pages_answer_members_only);

/// Observed: `/api/bootstrap`, `/api/health` and SHOW_HA of a healthy founder, word for word; `can_read` is "false" on
/// a healthy leader, and `electable_nodes` is absent when there is none.
#[tokio::test]
async fn a_ready_founder_answers_over_http_as_observed() {
    let world = World::new(&STARROCKS);
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

/// Observed: from a registered address any FE of StarRocks answers `/role` with `role:` and `name:`; `/role` without parameters
/// is 404; an unregistered host asked from a member is `role: UNKNOWN`. Doris goes by two headers and not by the address, and
/// answers 200 to everything.
async fn meta_pages_answer_members_only(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let host = world.host(2).await;
    host.register(&leader, "OBSERVER").await;
    let reply = leader
        .asked_by(&host, &format!("/role?host={}&port=9010", host.address))
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("role: OBSERVER"), "{}", reply.head);
    let name = kind.pick(format!("name: {}_9010_", host.address), "name: fe_".to_owned());
    assert!(reply.head.contains(&name), "{}", reply.head);
    let bare = leader.asked_by(&host, "/role").await.unwrap();
    let expected = kind.pick(404, 200);
    assert_eq!(bare.status, expected);
    assert!(
        !kind.is_doris() || bare.body.contains("\"code\":403"),
        "{}",
        bare.body
    );
    let unknown = leader
        .asked_by(&host, "/role?host=10.9.9.9&port=9010")
        .await
        .unwrap();
    assert!(unknown.head.contains("role: UNKNOWN") && !unknown.head.contains("name: "));
    let version = leader.asked_by(&host, "/version").await.unwrap();
    assert!(version.body.contains("clusterId=") && version.body.contains("token="));
    let check = leader.asked_by(&host, "/check").await.unwrap();
    assert!(check.head.contains("token: "), "{}", check.head);
    assert_eq!(
        check.head.contains("cluster_id: "),
        kind.is_doris(),
        "{}",
        check.head
    );
}

/// Observed: the headers of any registered FE, the asked one's own too, from anywhere; none, or those of somebody else: code 500.
#[tokio::test]
async fn doris_believes_two_headers_from_anybody() {
    let world = World::new(&DORIS);
    let leader = world.founder().await;
    let stranger = world.host(9).await;
    let to = SocketAddr::new(leader.address, 8030);
    let ask = async |headers: &str, path: &str| {
        crate::support::get_with(stranger.address, to, path, headers)
            .await
            .unwrap()
    };
    let own = leader.as_member();
    let info = ask(&own, "/info").await;
    let id = leader.frontends().await.unwrap()[0].get("ClusterId").to_owned();
    let expected = format!("\"data\":{{\"clusterID\":{id},\"imageSeq\":0,\"editsSeq\":0}}");
    // A map of JSON has no order.
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(
        read(&info.body),
        read(&format!(
            "{{\"msg\":\"success\",\"code\":0,{expected},\"count\":0}}"
        ))
    );
    let wrong = |who: &str| {
        format!(
            "\"data\":\"invalid client host: {who}, request from {}\"",
            stranger.address
        )
    };
    for (headers, who) in [
        (String::new(), "null:null".to_owned()),
        (stranger.as_member(), format!("{}:9010", stranger.address)),
        (own.replace("9010", "9011"), format!("{}:9011", leader.address)),
    ] {
        for path in [
            "/role?host=x&port=1",
            "/version",
            "/info",
            "/check",
            "/journal_id",
            "/put",
        ] {
            let reply = ask(&headers, path).await;
            assert_eq!(reply.status, 200);
            assert!(reply.body.contains(&wrong(&who)), "{path}: {}", reply.body);
        }
    }
    for (path, code) in [
        ("/image", "\"code\":403"),
        ("/image?version=7", "\"code\":404"),
        ("/put", "\"code\":403"),
        (
            "/put?version=7&port=1",
            "failed to get remote file: Connection refused",
        ),
    ] {
        let reply = ask(&own, path).await;
        assert!(reply.body.contains(code), "{path}: {}", reply.body);
    }
}

/// Observed: 503 until all ports are open, 200 then; bootstrap says OK before. Up to 3.0 health is always good.
#[tokio::test]
async fn health_of_doris_tells_the_start_since_4_0() {
    for (kind, tells) in [(&DORIS, true), (&DORIS_30, false)] {
        let world = World::with(0.2, kind);
        let mut host = world.host(1).await;
        host.start_fe(&[]);
        let first = eventually("it answers", async || host.get("/api/health").await).await;
        assert_eq!(first.status, if tells { 503 } else { 200 }, "{}", first.body);
        assert_eq!(
            first.body.contains("Server is not ready"),
            tells,
            "{}",
            first.body
        );
        assert!(host.bootstraps().await);
        eventually("it is good", async || {
            let reply = host.get("/api/health").await?;
            (reply.status == 200 && reply.body.contains("\"code\":0")).then_some(())
        })
        .await;
    }
}

/// Observed: bootstrap word for word, by what is shown; and which pages ask for a login.
#[tokio::test]
async fn pages_of_doris_answer_200_with_the_code_in_the_body() {
    let world = World::new(&DORIS);
    let mut host = world.founder().await;
    let id = host.frontends().await.unwrap()[0].get("ClusterId").to_owned();
    let version = host.read_meta("image/VERSION");
    let token = version
        .lines()
        .find_map(|line| line.strip_prefix("token="))
        .unwrap();
    let known = |journal: &str, ports: [u16; 3]| {
        let [query, rpc, arrow] = ports;
        format!(
            "{{\"msg\":\"success\",\"code\":0,\"data\":{{\"replayedJournalId\":{journal},\"queryPort\":{query},\
             \"rpcPort\":{rpc},\"arrowFlightSqlPort\":{arrow},\"version\":\"doris-4.0.1-Unknown\"}},\"count\":0}}"
        )
    };
    let error = |words: &str| format!("{{\"msg\":\"Error\",\"code\":1,\"data\":\"{words}\",\"count\":0}}");
    for (query, body) in [
        (String::new(), known("0", [0, 0, 0])),
        ("?cluster_id=1&token=x".to_owned(), error("invalid cluster id: 1")),
        (format!("?cluster_id={id}&token=x"), error("invalid token: x")),
    ] {
        let reply = host.get(&format!("/api/bootstrap{query}")).await.unwrap();
        assert_eq!((reply.status, reply.body), (200, body));
    }
    let reply = host
        .get(&format!("/api/bootstrap?cluster_id={id}&token={token}"))
        .await
        .unwrap();
    assert!(
        reply
            .body
            .contains("\"queryPort\":9030,\"rpcPort\":9020,\"arrowFlightSqlPort\":8070")
    );
    let dump = host.get("/dump").await.unwrap().body;
    let path = dump
        .split('"')
        .find(|text| text.contains("/doris-meta/image."))
        .unwrap();
    assert!(std::path::Path::new(path).exists(), "{dump}");
    let login = |reply: crate::support::Reply| reply.status == 200 && reply.body.contains("\"code\":401");
    assert!(login(host.get("/api/show_proc").await.unwrap()));
    host.kill_fe().await;
    host.conf("enable_all_http_auth = true");
    host.start_fe(&[]);
    let ha = "/api/show_meta_info?action=SHOW_HA";
    for page in ["/api/health", "/api/bootstrap", ha, "/dump", "/metrics"] {
        let reply = eventually("it answers", async || host.get(page).await).await;
        assert!(login(reply), "{page}");
    }
    let own = host.as_member();
    let to = std::net::SocketAddr::new(host.address, 8030);
    let role = format!("/role?host={}&port=9010", host.address);
    let reply = get_with(host.address, to, &role, &own).await.unwrap();
    assert!(reply.head.contains("role: FOLLOWER"), "{}", reply.head);
    // root, without a password.
    let account = "Authorization: Basic cm9vdDo=\r\n";
    let reply = get_with(host.address, to, ha, account).await.unwrap();
    assert!(reply.body.contains("\"code\":0"), "{}", reply.body);
}
