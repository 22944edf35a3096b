//! `muster serve`: what it answers, whom it asks and when, and what becomes of it when the cluster is not well.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};
use nix::sys::signal::Signal;

use crate::status::whole;

for_each_engine! {
    the_state_of_a_cluster_is_served_and_the_cluster_is_asked_only_while_somebody_looks: both,
    a_leader_that_is_lost_takes_no_target_away,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

const PORT: u16 = 19320;
/// As in a compose file, behind the entrypoint of an image.
const COMMAND: [&str; 5] = ["muster", "run", "serve", "--listen", "0.0.0.0:19320"];

#[derive(Debug, Clone)]
struct Answer {
    /// 0 if there was a reset in its place.
    status: u16,
    /// Names in small letters.
    head: String,
    body: String,
}

/// Sends these bytes, and reads to the end of the connection.
fn ask(at: Ipv4Addr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((at, PORT)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A request that is too long is refused before it is read whole, and the kernel may say so with a reset.
    stream.write_all(request).ok();
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        ensure!(error.kind() == ErrorKind::ConnectionReset, "{error}");
    }
    let text = String::from_utf8(bytes)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.unwrap_or(0),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}

fn get(at: Ipv4Addr, path: &str) -> anyhow::Result<Answer> {
    ask(at, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

/// Waits until a path answers with this status and all of these words.
fn becomes(at: Ipv4Addr, path: &str, status: u16, words: &[&str]) -> anyhow::Result<Answer> {
    eventually(PATIENCE, &format!("{path} with {status} and {words:?}"), || {
        let answer = get(at, path)?;
        let has = words.iter().all(|word| answer.body.contains(word));
        ensure!(answer.status == status && has, "{answer:?}");
        Ok(answer)
    })
}

/// A container with the image of an FE, one variable, and the command of a compose file.
fn server(world: &World, name: &str, n: u8, cluster: &Cluster) -> anyhow::Result<Host> {
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let host = world.host(name, n, &fe)?;
    host.set("MASTER_HOST", &cluster.seed()?.address().to_string());
    host.start_program(&COMMAND)?;
    host.says(PATIENCE, "serving http://0.0.0.0:19320/")?;
    Ok(host)
}

/// How often a leader was asked what only a look at the whole cluster asks.
fn looks(leader: &Host) -> anyhow::Result<usize> {
    let tally = leader.sql("SHOW TALLY")?;
    let asked = if leader.engine().is_doris() {
        "SHOW PROC '/cluster_health/tablet_health'"
    } else {
        "SHOW PROC '/statistic'"
    };
    let row = tally.iter().find(|row| row.is("What", asked));
    row.map_or(Ok(0), |row| row.get("Count").parse().context("a number"))
}

fn the_state_of_a_cluster_is_served_and_the_cluster_is_asked_only_while_somebody_looks(
    world: &World,
) -> anyhow::Result<()> {
    let cluster = whole(world)?;
    let leader = cluster.leader()?;
    let server = server(world, "page", 9, &cluster)?;
    let at = server.address();

    refuses_what_it_should(at)?;
    ensure!(looks(leader)? == 0, "it was asked before somebody looked");

    shows_the_cluster(at, &cluster)?;
    a_hundred_viewers_are_one_question(at, leader)?;

    // Nobody looks while a BE goes and comes back.
    let before = looks(leader)?;
    let be = cluster.host("be2")?;
    ensure!(be.stop()? == 0, "{}", be.log_tail());
    be.start()?;
    cluster.becomes_whole(PATIENCE)?;
    ensure!(looks(leader)? == before, "it was asked, and nobody looked");

    is_told_of_beside_it(&server)?;
    // It is PID 1 there, which no signal ends that it does not handle.
    ensure!(server.stop()? == 0, "{}", server.log_tail());
    server.start_program(&COMMAND)?;
    server.says(PATIENCE, "serving")?;
    server.signal(Signal::SIGINT)?;
    ensure!(server.exit(PATIENCE)? == 0, "{}", server.log_tail());
    Ok(())
}

/// None of it is a question to the cluster.
fn refuses_what_it_should(at: Ipv4Addr) -> anyhow::Result<()> {
    let ok = get(at, "/healthz")?;
    ensure!((ok.status, ok.body.as_str()) == (200, "ok\n"), "{ok:?}");
    let none = get(at, "/none")?;
    ensure!(none.status == 404, "{none:?}");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let refused = ask(at, format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())?;
        ensure!(
            refused.status == 405 && refused.head.contains("allow: get, head"),
            "{refused:?}"
        );
    }
    let long = get(at, &format!("/{}", "x".repeat(5_000)))?;
    ensure!(long.status == 414, "{long:?}");
    let wide = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(9_000));
    let wide = ask(at, wide.as_bytes())?;
    ensure!([431, 0].contains(&wide.status), "{wide:?}");
    let nonsense = ask(at, b"\x16\x03\x01\x02\0\r\n\r\n")?;
    ensure!(nonsense.status == 400, "{nonsense:?}");
    // More connections than it has places for, and nothing said on them: each ends by itself.
    let silent: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect((at, PORT)))
        .collect::<Result<_, _>>()?;
    ensure!(get(at, "/healthz")?.status == 200);
    for mut stream in silent {
        stream.set_read_timeout(Some(PATIENCE))?;
        ensure!(stream.read_to_end(&mut Vec::new()).is_ok(), "it was not closed");
    }
    Ok(())
}

fn shows_the_cluster(at: Ipv4Addr, cluster: &Cluster) -> anyhow::Result<()> {
    let page = get(at, "/")?;
    ensure!(page.status == 200, "{page:?}");
    for line in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ] {
        ensure!(page.head.contains(line), "{line}: {}", page.head);
    }
    ensure!(!page.head.contains("cookie"), "{}", page.head);
    ensure!(page.body.contains("<h1>Well</h1>"), "{}", page.body);
    ensure!(
        page.body.contains("3 of 3 voters alive, 1 may fail"),
        "{}",
        page.body
    );
    for host in &cluster.hosts {
        let address = host.address().to_string();
        ensure!(page.body.contains(&address), "{address}: {}", page.body);
    }
    ensure!(page.body.len() <= 30_000, "{}", page.body.len());
    let head = ask(at, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    ensure!(
        head.status == 200 && head.body.is_empty() && head.head.contains("content-length: "),
        "{head:?}"
    );
    let words = ["\"muster\": 1", "\"verdict\": \"well\""];
    let json = becomes(at, "/status.json", 200, &words)?;
    ensure!(json.head.contains("content-type: application/json"), "{json:?}");
    let metrics = becomes(at, "/metrics?x=1", 200, &["muster_leader_believed 1", "# EOF"])?;
    ensure!(
        metrics
            .head
            .contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{metrics:?}"
    );
    let targets = becomes(at, "/targets.json", 200, &["\"group\": \"be\""])?;
    ensure!(targets.body.matches("\"targets\"").count() == 5, "{targets:?}");
    Ok(())
}

fn a_hundred_viewers_are_one_question(at: Ipv4Addr, leader: &Host) -> anyhow::Result<()> {
    let before = looks(leader)?;
    let times: Vec<anyhow::Result<String>> = thread::scope(|scope| {
        let viewers: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(move || {
                    let answer = get(at, "/status.json")?;
                    let time = answer.body.lines().find(|line| line.contains("\"at\": "));
                    Ok(time.context("a time")?.to_owned())
                })
            })
            .collect();
        viewers
            .into_iter()
            .map(|viewer| viewer.join().unwrap_or_else(|_| anyhow::bail!("a viewer failed")))
            .collect()
    });
    let times: BTreeSet<String> = times.into_iter().collect::<Result<_, _>>()?;
    let asked = looks(leader)? - before;
    // One view may have been there already, and on a busy machine it may be too old for the last of them.
    ensure!(asked <= times.len() && times.len() < 10, "{asked} for {times:?}");
    Ok(())
}

/// By other commands in its container.
fn is_told_of_beside_it(server: &Host) -> anyhow::Result<()> {
    let health = server.exec(&["muster", "health"])?;
    ensure!(
        (health.code, health.text.as_str()) == (0, "the page answers"),
        "{health:?}"
    );
    let taken = server.exec(&["muster", "serve", "--listen", "0.0.0.0:19320"])?;
    ensure!(
        taken.code == 73 && taken.text.contains("0.0.0.0:19320 is in use by muster (pid 1)"),
        "{taken:?}"
    );
    let elsewhere = server.exec(&["muster", "serve", "--listen", "10.99.0.250:19320"])?;
    ensure!(
        elsewhere.code == 78 && elsewhere.text.contains("is no address of this machine"),
        "{elsewhere:?}"
    );
    Ok(())
}

fn a_leader_that_is_lost_takes_no_target_away(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world)?;
    let server = server(world, "page", 9, &cluster)?;
    let at = server.address();
    let whole = becomes(at, "/targets.json", 200, &["\"group\": \"be\""])?;

    // The only FE that its settings name is gone, and it knows the others.
    cluster.seed()?.kill9()?;
    let seed = cluster.seed()?.address().to_string();
    let believed = ["\"verdict\": \"attention\"", "\"named_by\""];
    becomes(at, "/status.json", 200, &believed)?;
    becomes(
        at,
        "/",
        200,
        &[
            "<h1>Needs attention</h1>",
            "none may fail",
            &seed,
            "DROP FOLLOWER",
        ],
    )?;
    ensure!(
        get(at, "/targets.json")?.body == whole.body,
        "{seed} is listed still"
    );

    let second = cluster.host("fe2")?;
    second.kill9()?;
    becomes(at, "/status.json", 200, &["\"verdict\": \"no-leader\""])?;
    becomes(at, "/", 200, &["<h1>No leader</h1>"])?;
    becomes(at, "/metrics", 200, &["muster_leader_believed 0"])?;
    let kept = get(at, "/targets.json")?;
    ensure!((kept.status, &kept.body) == (200, &whole.body), "{kept:?}");

    // One that has never seen a list has none to give.
    ensure!(server.stop()? == 0);
    server.set("MASTER_HOST", &cluster.host("fe3")?.address().to_string());
    server.start_program(&COMMAND)?;
    server.says(PATIENCE, "serving")?;
    becomes(at, "/targets.json", 503, &["has not been seen yet"])?;
    Ok(())
}
