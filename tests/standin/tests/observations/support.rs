//! Hosts on loopback addresses of their own, and questions to them. Nothing here waits for a time to pass; it asks
//! until the answer is right or a deadline is over.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::time::Instant;

pub(crate) use crate::kind::{DORIS, DORIS_21, DORIS_30, Kind, OLD_STARROCKS, STARROCKS, for_each_engine};

/// One engine second lasts 20 ms.
pub(crate) const SCALE: f64 = 0.02;

/// Longer than anything here takes on two busy cores.
const PATIENCE: Duration = Duration::from_secs(20);

static WORLDS: AtomicU8 = AtomicU8::new(1);

/// A test's own network of hosts.
#[derive(Debug)]
pub(crate) struct World {
    dir: tempfile::TempDir,
    net: (u8, u8),
    scale: f64,
    kind: &'static Kind,
}

impl World {
    pub(crate) fn new(kind: &'static Kind) -> Self {
        Self::with(SCALE, kind)
    }

    pub(crate) fn with(scale: f64, kind: &'static Kind) -> Self {
        // Each test may be a process of its own, or all of them one: no two that run at a time have the same two numbers.
        let pid = std::process::id();
        let low = u8::try_from(16 + pid % 220).unwrap();
        let high = u8::try_from(pid / 220 % 256).unwrap();
        let net = (low, high.wrapping_add(WORLDS.fetch_add(1, Ordering::Relaxed)));
        Self {
            dir: tempfile::tempdir().unwrap(),
            net,
            scale,
            kind,
        }
    }

    pub(crate) fn home(&self, n: u8) -> PathBuf {
        self.dir.path().join(format!("host{n}"))
    }

    pub(crate) fn address(&self, n: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, self.net.0, self.net.1, n))
    }

    /// Makes host number `n` with all its homes, through `install` as anybody would.
    pub(crate) async fn host(&self, n: u8) -> Host {
        let home = self.home(n);
        let install = concat!(env!("CARGO_MANIFEST_DIR"), "/install");
        let made = Command::new("bash")
            .args([
                install,
                home.to_str().unwrap(),
                "--profile",
                self.kind.profile,
                "--heartbeat-ms",
                "100",
            ])
            .args([
                "--time-scale",
                &self.scale.to_string(),
                "--binary",
                env!("CARGO_BIN_EXE_standin"),
            ])
            .status()
            .await
            .unwrap();
        assert!(made.success(), "install failed");
        let address = self.address(n);
        let host = Host {
            kind: self.kind,
            home,
            address,
            fe: None,
            be: None,
            broker: None,
        };
        for component in ["fe", "be", "apache_hdfs_broker"] {
            host.setting(component, &format!("bind_address = {address}"));
        }
        host
    }

    /// A founded cluster of one.
    pub(crate) async fn founder(&self) -> Host {
        let mut host = self.host(1).await;
        host.start_fe(&[]);
        host.ready().await;
        host
    }

    /// A founded cluster with this many voting members, all alive and ready.
    pub(crate) async fn cluster(&self, size: u8) -> Vec<Host> {
        let mut hosts = vec![self.founder().await];
        for n in 2..=size {
            let mut host = self.host(n).await;
            host.register(&hosts[0], "FOLLOWER").await;
            host.start_fe(&["--helper", &hosts[0].edit_log()]);
            hosts.push(host);
        }
        for host in &hosts {
            host.ready().await;
        }
        let all = usize::from(size);
        eventually("all members are alive and have joined", async || {
            let rows = hosts[0].frontends().await.ok()?;
            let good = rows
                .iter()
                .filter(|row| row.is("Alive", "true") && row.is("Join", "true"))
                .count();
            (good == all).then_some(())
        })
        .await;
        hosts
    }
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) kind: &'static Kind,
    pub(crate) home: PathBuf,
    pub(crate) address: IpAddr,
    pub(crate) fe: Option<Child>,
    pub(crate) be: Option<Child>,
    pub(crate) broker: Option<Child>,
}

pub(crate) type Error = mysql_async::Error;

#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(pub(crate) BTreeMap<String, Option<String>>);

impl Fields {
    pub(crate) fn get(&self, column: &str) -> &str {
        self.0.get(column).and_then(Option::as_deref).unwrap_or("NULL")
    }

    pub(crate) fn is(&self, column: &str, value: &str) -> bool {
        self.get(column) == value
    }
}

impl Host {
    pub(crate) fn edit_log(&self) -> String {
        format!("{}:9010", self.address)
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.home.join(inside)
    }

    /// A file in the FE's data dir.
    pub(crate) fn meta(&self, inside: &str) -> PathBuf {
        self.path(self.kind.meta).join(inside)
    }

    pub(crate) fn read_meta(&self, inside: &str) -> String {
        std::fs::read_to_string(self.meta(inside)).unwrap_or_default()
    }

    pub(crate) fn read(&self, inside: &str) -> String {
        std::fs::read_to_string(self.path(inside)).unwrap_or_default()
    }

    pub(crate) fn log(&self) -> String {
        self.read("fe/log/fe.log") + &self.read("fe/log/fe.out")
    }

    pub(crate) fn setting(&self, component: &str, line: &str) {
        append(&self.path(&format!("{component}/standin.conf")), line);
    }

    pub(crate) fn conf(&self, line: &str) {
        append(&self.path("fe/conf/fe.conf"), &format!("\n{line}"));
    }

    pub(crate) fn fault(&self, line: &str) {
        append(&self.path("fe/standin.faults"), line);
    }

    pub(crate) fn no_faults(&self) {
        std::fs::remove_file(self.path("fe/standin.faults")).ok();
    }

    pub(crate) fn start_fe(&mut self, arguments: &[&str]) {
        self.fe = Some(spawn(&self.path("fe/bin/start_fe.sh"), arguments));
    }

    pub(crate) fn start_be(&mut self, script: &str) {
        self.be = Some(spawn(&self.path("be/bin").join(script), &[]));
    }

    pub(crate) fn start_broker(&mut self) {
        let script = self.path("apache_hdfs_broker/bin/start_broker.sh");
        self.broker = Some(spawn(&script, &[]));
    }

    /// Signals the server itself, whether it is the script's child or what became of the script.
    pub(crate) fn signal(&self, signal: Signal) {
        let script = self.fe.as_ref().and_then(Child::id).unwrap();
        kill(server(script), signal).unwrap();
    }

    /// SIGKILL for the server. A script that waits for it ends with it, and leaves no zombie that a pid file would name.
    pub(crate) async fn kill_fe(&mut self) {
        if let Some(mut fe) = self.fe.take() {
            match fe.id().map(|script| (script, server(script))) {
                Some((script, fe)) if Ok(fe.as_raw()) != i32::try_from(script) => {
                    kill(fe, Signal::SIGKILL).unwrap();
                }
                _ => kill_group(&fe),
            }
            fe.wait().await.unwrap();
        }
    }

    /// The code of an FE that ends by itself (or was told to).
    pub(crate) async fn fe_exit(&mut self) -> Option<i32> {
        let mut fe = self.fe.take().unwrap();
        tokio::time::timeout(PATIENCE, fe.wait())
            .await
            .expect("the FE did not end")
            .unwrap()
            .code()
    }

    /// Starts an FE that must end by itself.
    pub(crate) async fn fe_ends(&mut self, arguments: &[&str]) -> Option<i32> {
        self.start_fe(arguments);
        self.fe_exit().await
    }

    /// Starts an FE that the fault `kill=POINT` ends as SIGKILL would.
    pub(crate) async fn fe_killed_at(&mut self, point: &str, arguments: &[&str]) {
        self.fault(&format!("kill={point}"));
        // A shell that waits for its server passes the signal on as a code.
        let killed = self.kind.pick(None, Some(128 + 9));
        assert_eq!(
            self.fe_ends(arguments).await,
            killed,
            "not killed at {point}:\n{}",
            self.log()
        );
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.fe
            .as_mut()
            .is_some_and(|fe| fe.try_wait().unwrap().is_none())
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let (page, good, statement) = self.kind.pick(
            ("/api/bootstrap", "\"status\":\"OK\"", "SELECT 1"),
            ("/api/health", "\"code\":0", "SHOW VARIABLES"),
        );
        self.get(page)
            .await
            .is_some_and(|reply| reply.body.contains(good))
            && self.sql(statement).await.is_ok()
    }

    /// Whether `/api/bootstrap` says that all is well.
    pub(crate) async fn bootstraps(&self) -> bool {
        let good = self.kind.pick("\"status\":\"OK\"", "\"code\":0");
        let reply = self.get("/api/bootstrap").await;
        reply.is_some_and(|reply| reply.status == 200 && reply.body.contains(good))
    }

    /// Has the leader make a checkpoint, and waits for it.
    pub(crate) async fn checkpoint(&self) {
        if !self.kind.is_doris() {
            self.sql("ALTER SYSTEM CREATE IMAGE").await.unwrap();
            return;
        }
        let rolls = |every: u32| format!("ADMIN SET FRONTEND CONFIG (\"edit_log_roll_num\" = \"{every}\")");
        let before = self.ha("last_checkpoint_version").await;
        self.sql(&rolls(1)).await.unwrap();
        eventually("there is a checkpoint", async || {
            let now = self.ha("last_checkpoint_version").await;
            (!now.is_empty() && now != before).then_some(())
        })
        .await;
        self.sql(&rolls(50_000)).await.unwrap();
    }

    pub(crate) async fn ready(&self) {
        let waited = format!("{} is ready", self.address);
        eventually_or(
            &waited,
            || self.log(),
            async || self.is_ready().await.then_some(()),
        )
        .await;
    }

    /// As `ready`, after an outage of all: who leads first may lose it before the others are up, which ends a leader of
    /// Doris, and whoever runs it starts it again.
    pub(crate) async fn ready_again(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready().await {
            if !self.is_running() {
                self.start_fe(&[]);
            }
            assert!(
                Instant::now() < deadline,
                "{} is not ready: {}",
                self.address,
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn register(&self, leader: &Host, role: &str) {
        leader
            .sql(&format!("ALTER SYSTEM ADD {role} \"{}\"", self.edit_log()))
            .await
            .unwrap();
    }

    pub(crate) async fn connect(&self, user: &str, password: Option<&str>) -> Result<Conn, Error> {
        let options = OptsBuilder::default()
            .ip_or_hostname(self.address.to_string())
            .tcp_port(9030)
            .user(Some(user))
            .pass(password)
            .prefer_socket(false)
            .max_allowed_packet(Some(16 * 1024 * 1024))
            .wait_timeout(Some(28_800));
        Conn::new(options).await
    }

    pub(crate) async fn sql(&self, statement: &str) -> Result<Vec<Fields>, Error> {
        let mut connection = self.connect("root", None).await?;
        ask(&mut connection, statement).await
    }

    /// The text of the error a statement ends with.
    pub(crate) async fn refusal(&self, statement: &str) -> String {
        match self.sql(statement).await {
            Err(Error::Server(error)) => error.message,
            other => panic!("{statement}: {other:?}"),
        }
    }

    pub(crate) async fn frontends(&self) -> Result<Vec<Fields>, Error> {
        self.sql("SHOW FRONTENDS").await
    }

    /// The row of another host in this host's list.
    pub(crate) async fn row_of(&self, other: &Host) -> Option<Fields> {
        let rows = self.frontends().await.ok()?;
        rows.into_iter()
            .find(|row| row.is(self.kind.host, &other.address.to_string()))
    }

    pub(crate) async fn backend(&self, statement: &str) -> Option<Fields> {
        self.sql(statement).await.ok()?.into_iter().next()
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Reply> {
        get_from(self.address, SocketAddr::new(self.address, 8030), path).await
    }

    /// A question that another host asks as a member: from its address, and with its place in the headers.
    pub(crate) async fn asked_by(&self, other: &Host, path: &str) -> Option<Reply> {
        let to = SocketAddr::new(self.address, 8030);
        let headers = other.as_member();
        get_with(other.address, to, path, &headers).await
    }

    /// The headers by which an FE of Doris names itself.
    pub(crate) fn as_member(&self) -> String {
        format!("CLIENT_NODE_HOST: {}\r\nCLIENT_NODE_PORT: 9010\r\n", self.address)
    }

    pub(crate) async fn ha(&self, field: &str) -> String {
        let reply = self.get("/api/show_meta_info?action=SHOW_HA").await;
        let body = reply.map(|reply| reply.body).unwrap_or_default();
        let read: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let read = read.get("data").unwrap_or(&read);
        read.get(field)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
            .to_owned()
    }

    /// Whether there is an answer: an FE that tries its ports before it starts opens them for a moment.
    pub(crate) async fn serves_http(&self) -> bool {
        self.get("/api/bootstrap").await.is_some()
    }

    pub(crate) async fn is_open(&self, port: u16) -> bool {
        tokio::net::TcpStream::connect((self.address, port)).await.is_ok()
    }

    pub(crate) fn leave_meta_behind(&self) {
        std::fs::rename(self.meta(""), self.path("fe/aside")).unwrap();
        std::fs::create_dir(self.meta("")).unwrap();
    }

    pub(crate) fn wipe(&self) {
        std::fs::remove_dir_all(self.meta("")).unwrap();
        std::fs::create_dir(self.meta("")).unwrap();
    }
}

/// Who leads, as somebody who is asked shows it.
pub(crate) async fn leader_of(hosts: &[&Host]) -> Option<IpAddr> {
    for host in hosts {
        for row in host.frontends().await.unwrap_or_default() {
            if host.kind.leads(&row) {
                return row.get(host.kind.host).parse().ok();
            }
        }
    }
    None
}

pub(crate) async fn ask(connection: &mut Conn, statement: &str) -> Result<Vec<Fields>, Error> {
    let rows: Vec<Row> = connection.query(statement).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let columns = row.columns();
            let values = row.unwrap();
            let pairs = columns.iter().zip(values).map(|(column, value)| {
                let text = match value {
                    mysql_async::Value::Bytes(bytes) => Some(String::from_utf8(bytes).unwrap()),
                    _ => None,
                };
                (column.name_str().into_owned(), text)
            });
            Fields(pairs.collect())
        })
        .collect())
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) async fn get_from(from: IpAddr, to: SocketAddr, path: &str) -> Option<Reply> {
    get_with(from, to, path, "").await
}

pub(crate) async fn get_with(from: IpAddr, to: SocketAddr, path: &str, headers: &str) -> Option<Reply> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    let mut stream = socket.connect(to).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text))
        .await
        .ok()?
        .ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Reply {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

pub(crate) async fn eventually<T>(what: &str, tried: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_or(what, String::new, tried).await
}

pub(crate) async fn eventually_or<T>(
    what: &str,
    why_not: impl Fn() -> String,
    mut tried: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = tried().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "not within {PATIENCE:?}: {what}\n{}",
            why_not()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Something stays as it is for this many engine seconds.
pub(crate) async fn stays(engine_seconds: f64, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs_f64(engine_seconds * SCALE);
    while Instant::now() < end {
        assert!(holds().await, "did not stay: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// In a process group of its own, because a shell that is killed leaves its server behind.
fn spawn(script: &Path, arguments: &[&str]) -> Child {
    Command::new(script)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

fn kill_group(script: &Child) {
    // One that was waited for has no number any more.
    if let Some(id) = script.id() {
        killpg(Pid::from_raw(i32::try_from(id).unwrap()), Signal::SIGKILL).ok();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for script in [&self.fe, &self.be, &self.broker].into_iter().flatten() {
            kill_group(script);
        }
    }
}

/// What a script runs: its own process, or the stand-in below it.
pub(crate) fn server(script: u32) -> Pid {
    let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children"));
    let children = children.unwrap_or_default();
    let below = children.split_whitespace().find(|pid| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        program.ends_with("standin") || program.ends_with("doris_be")
    });
    let pid = below.and_then(|pid| pid.parse().ok());
    Pid::from_raw(pid.unwrap_or_else(|| i32::try_from(script).unwrap()))
}

fn append(path: &Path, line: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    writeln!(file, "{line}").unwrap();
}
