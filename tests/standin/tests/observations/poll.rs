//! The leader's poll of registered FEs, and what it makes of each answer: over HTTP in StarRocks, over thrift in Doris.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{DORIS, DORIS_21, Fields, Host, Kind, STARROCKS, World, eventually};

/// A listener on a host's http_port that answers each request with the same bytes and keeps what it was asked.
async fn answering(host: &Host, answer: &'static [u8]) -> Arc<Mutex<Vec<(String, String)>>> {
    answering_at(host, 8030, answer).await
}

async fn answering_at(host: &Host, port: u16, answer: &'static [u8]) -> Arc<Mutex<Vec<(String, String)>>> {
    let listener = tokio::net::TcpListener::bind((host.address, port)).await.unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, from) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            kept.lock().unwrap().push((from.ip().to_string(), text));
            stream.write_all(answer).await.ok();
        }
    });
    asked
}

async fn seen_with(answer: &'static [u8], wanted: impl Fn(&Fields) -> bool) -> Fields {
    let world = World::new(&STARROCKS);
    let leader = world.founder().await;
    let host = world.host(2).await;
    let _asked = answering(&host, answer).await;
    host.register(&leader, "FOLLOWER").await;
    eventually("the row says so", async || {
        leader.row_of(&host).await.filter(&wanted)
    })
    .await
}

/// Observed: `GET /api/bootstrap?cluster_id=…&token=… HTTP/1.1` with the JVM's headers, from the leader's address,
/// also to members that never joined.
#[tokio::test]
async fn the_poll_has_the_observed_bytes_and_comes_from_the_leaders_address() {
    let world = World::new(&STARROCKS);
    let leader = world.founder().await;
    let host = world.host(2).await;
    let asked = answering(&host, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    host.register(&leader, "FOLLOWER").await;
    let (from, text) = eventually("it asks", async || asked.lock().unwrap().first().cloned()).await;
    assert_eq!(from, leader.address.to_string());
    let version = leader.read("fe/meta/image/VERSION");
    let value = |key: &str| {
        version
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
            .to_owned()
    };
    let expected = format!(
        "GET /api/bootstrap?cluster_id={}&token={} HTTP/1.1\r\nUser-Agent: Java/17.0.15\r\nHost: {}:8030\r\n\
         Accept: text/html, image/gif, image/jpeg, */*; q=0.2\r\nConnection: keep-alive\r\n\r\n",
        value("clusterId="),
        value("token="),
        host.address
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn an_empty_object_makes_the_member_alive() {
    let row = seen_with(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", |row| {
        row.is("Alive", "true")
    })
    .await;
    assert!(row.is("Join", "false"));
}

#[tokio::test]
async fn a_failed_status_is_told_as_ok() {
    let row = seen_with(
        b"HTTP/1.1 200 OK\r\ncontent-length: 29\r\n\r\n{\"status\":\"FAILED\",\"msg\":\"x\"}",
        |row| !row.is("ErrMsg", ""),
    )
    .await;
    assert!(row.is("Alive", "false") && row.is("ErrMsg", "OK"), "{row:?}");
}

#[tokio::test]
async fn a_404_or_503_puts_the_token_into_the_list() {
    let row = seen_with(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", |row| {
        !row.is("ErrMsg", "")
    })
    .await;
    assert!(
        row.get("ErrMsg").contains("/api/bootstrap?cluster_id=") && row.get("ErrMsg").contains("&token=")
    );
    let row = seen_with(b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n", |row| {
        !row.is("ErrMsg", "")
    })
    .await;
    assert!(
        row.get("ErrMsg")
            .starts_with("Server returned HTTP response code: 503 for URL: http://"),
        "{row:?}"
    );
    assert!(row.get("ErrMsg").contains("&token="));
}

/// Observed: closed without an answer: asked twice, `Unexpected end of file from server`.
#[tokio::test]
async fn a_closed_connection_is_asked_twice() {
    let world = World::new(&STARROCKS);
    let leader = world.founder().await;
    let host = world.host(2).await;
    let asked = answering(&host, b"").await;
    host.register(&leader, "FOLLOWER").await;
    let row = eventually("the row says so", async || {
        leader.row_of(&host).await.filter(|row| !row.is("ErrMsg", ""))
    })
    .await;
    assert!(row.is("ErrMsg", "Unexpected end of file from server"), "{row:?}");
    assert!(
        asked.lock().unwrap().len() >= 6,
        "three rounds, two questions each"
    );
}

#[tokio::test]
async fn an_answer_that_is_no_object_is_a_parse_error_in_the_jvms_words() {
    let row = seen_with(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", |row| {
        !row.is("ErrMsg", "")
    })
    .await;
    assert!(
        row.get("ErrMsg")
            .starts_with("java.lang.IllegalStateException: Expected BEGIN_OBJECT but was STRING")
    );
}

/// Observed: a row that never had a heartbeat has an empty ErrMsg first, `Connection refused` after three rounds.
#[tokio::test]
async fn an_empty_error_proves_nothing_for_three_rounds() {
    let world = World::new(&STARROCKS);
    let leader = world.founder().await;
    let host = world.host(2).await;
    host.register(&leader, "FOLLOWER").await;
    assert!(leader.row_of(&host).await.unwrap().is("ErrMsg", ""));
    let row = eventually("the row says so", async || {
        leader.row_of(&host).await.filter(|row| !row.is("ErrMsg", ""))
    })
    .await;
    assert!(row.is("ErrMsg", "Connection refused") && row.is("Join", "false"));
}

/// What a host is called with at its rpc_port, each time.
async fn pings(host: &Host) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let listener = tokio::net::TcpListener::bind((host.address, 9020)).await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            kept.lock().unwrap().push(buffer[..read].to_vec());
        }
    });
    heard
}

/// Observed: 83 bytes of unframed strict thrift at each round, to members that never joined too; before 4.0 without the mode.
#[tokio::test]
async fn a_ping_of_doris_tells_cluster_id_and_token_to_whoever_listens() {
    let versions: [(&'static Kind, usize); 2] = [(&DORIS, 83), (&DORIS_21, 71)];
    for (kind, length) in versions {
        let world = World::new(kind);
        let leader = world.founder().await;
        let host = world.host(2).await;
        let heard = pings(&host).await;
        host.register(&leader, "FOLLOWER").await;
        eventually("it is called again and again", async || {
            (heard.lock().unwrap().len() > 2).then_some(())
        })
        .await;
        let bytes = heard.lock().unwrap()[0].clone();
        assert_eq!(bytes.len(), length);
        assert!(
            bytes
                .starts_with(b"\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x0c\x00\x01\x08\x00\x01")
        );
        let version = leader.read_meta("image/VERSION");
        let value = |key: &str| version.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        let id: i32 = value("clusterId=").parse().unwrap();
        assert_eq!(bytes[22..26], id.to_be_bytes());
        let token = String::from_utf8_lossy(&bytes).into_owned();
        assert!(token.contains(value("token=")), "{token}");
        let row = leader.row_of(&host).await.unwrap();
        assert!(row.is("Alive", "false") && row.is("Join", "false"), "{row:?}");
        assert!(row.is("ErrMsg", "Socket is closed by peer."), "{row:?}");
    }
}

/// Observed: the first round after the registration says it, and a name that does not resolve is named.
#[tokio::test]
async fn a_round_of_doris_says_at_once_why_a_member_is_dead() {
    let world = World::new(&DORIS);
    let leader = world.founder().await;
    let host = world.host(2).await;
    host.register(&leader, "FOLLOWER").await;
    leader
        .sql("ALTER SYSTEM ADD OBSERVER 'nosuch.invalid:9010'")
        .await
        .unwrap();
    for (host, words) in [
        (
            host.address.to_string(),
            "java.net.ConnectException: Connection refused",
        ),
        (
            "nosuch.invalid".to_owned(),
            "java.net.UnknownHostException: nosuch.invalid",
        ),
    ] {
        let row = eventually("the row says so", async || {
            let rows = leader.frontends().await.ok()?;
            rows.into_iter()
                .find(|row| row.is("Host", &host) && !row.is("ErrMsg", ""))
        })
        .await;
        assert!(row.is("ErrMsg", words), "{row:?}");
    }
}

/// Observed: the leader goes to its own rpc_port on every host, so a member that has another one is dead for it, and forwards all
/// the same; query_port may differ.
#[tokio::test]
async fn a_member_of_doris_with_another_rpc_port_is_shown_dead() {
    let world = World::new(&DORIS);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.conf("rpc_port = 9021");
    host.register(&leader, "OBSERVER").await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    host.ready().await;
    let row = eventually("the row says so", async || {
        leader.row_of(&host).await.filter(|row| !row.is("ErrMsg", ""))
    })
    .await;
    assert!(row.is("Alive", "false") && row.is("Join", "true"), "{row:?}");
    assert!(
        row.is("ErrMsg", "java.net.ConnectException: Connection refused"),
        "{row:?}"
    );
    assert!(host.frontends().await.unwrap().len() == 2, "it forwards");
}

/// Observed: a listener that says nothing holds up the whole round: everybody else was called each 20 s instead of each 10 s.
#[tokio::test]
async fn a_silent_listener_delays_the_round_of_doris() {
    let world = World::new(&DORIS);
    let leader = world.founder().await;
    let [silent, other] = [world.host(2).await, world.host(3).await];
    let listener = tokio::net::TcpListener::bind((silent.address, 9020))
        .await
        .unwrap();
    let held = tokio::spawn(async move {
        let mut streams = Vec::new();
        loop {
            streams.push(listener.accept().await.unwrap());
        }
    });
    let heard = pings(&other).await;
    let count = async || heard.lock().unwrap().len();
    other.register(&leader, "OBSERVER").await;
    silent.register(&leader, "OBSERVER").await;
    eventually("the silent one has held one up", async || {
        let row = leader.row_of(&silent).await?;
        row.is("ErrMsg", "java.net.SocketTimeoutException: Read timed out")
            .then_some(())
    })
    .await;
    let before = count().await;
    eventually("the next round is over", async || {
        (count().await > before + 1).then_some(())
    })
    .await;
    let began = tokio::time::Instant::now();
    let before = count().await;
    eventually("and the next", async || (count().await > before).then_some(())).await;
    // A round is 0.1 s, and the patience with one member 2 s.
    assert!(began.elapsed().as_secs_f64() > 1.0, "{:?}", began.elapsed());
    held.abort();
}

/// Observed: after a checkpoint every FE, dead or alive, is told to fetch it, with the leader's registered place in two headers.
#[tokio::test]
async fn a_checkpoint_of_doris_is_announced_to_every_member() {
    let world = World::new(&DORIS);
    let hosts = world.cluster(2).await;
    let never = world.host(9).await;
    let asked = answering_at(&never, 8030, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    never.register(&hosts[0], "FOLLOWER").await;
    hosts[0].checkpoint().await;
    let (from, text) = eventually("it is told", async || asked.lock().unwrap().first().cloned()).await;
    assert_eq!(from, hosts[0].address.to_string());
    let begin = text.strip_prefix("GET /put?version=");
    let asked = begin.and_then(|rest| rest.split_once("&port=8030 HTTP/1.1\r\n"));
    let (version, _) = asked.unwrap_or_else(|| panic!("{text}"));
    let host = format!(
        "CLIENT_NODE_PORT: 9010\r\nCLIENT_NODE_HOST: {}\r\n",
        hosts[0].address
    );
    assert!(
        text.contains(&host) && text.contains("User-Agent: Apache-HttpClient/"),
        "{text}"
    );
    eventually("the follower has it", async || {
        let has = hosts[1].meta(&format!("image/image.{version}")).exists();
        has.then_some(())
    })
    .await;
    assert_eq!(hosts[1].ha("last_checkpoint_version").await, version);
    // The name of each member is in it as text.
    let image = hosts[1].read_meta(&format!("image/image.{version}"));
    assert_eq!(image.matches("\"nodeName\":\"fe_").count(), 3, "{image}");
}
