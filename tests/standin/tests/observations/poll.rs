//! The leader's poll of registered FEs, and what it makes of each answer.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Fields, Host, World, eventually};

/// A listener on a host's http_port that answers each request with the same bytes and keeps what it was asked.
async fn answering(host: &Host, answer: &'static [u8]) -> Arc<Mutex<Vec<(String, String)>>> {
    let listener = tokio::net::TcpListener::bind((host.address, 8030)).await.unwrap();
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
    let world = World::new();
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
    let world = World::new();
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
    let world = World::new();
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
    let world = World::new();
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
