//! The MySQL client against a server that nobody here has written: a `MariaDB` as an ordinary process with data of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it needs by failing"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the test program's own child, and nothing else waits here"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster::cluster::{Client, greeting};
use muster::engine::failure::Failure;
use muster::engine::member::Row;
use muster::settings::{Account, Endpoint, Host, Secret, Source, Sourced, Tls, TlsMode};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::fakes::closed_port;
use crate::support::skipped;

const LONG: Duration = Duration::from_secs(60);

/// `switched` is asked again, by a switch to the native plugin, after another one has failed. `old` has a plugin that must not be
/// answered.
const ACCOUNTS: &str = "
CREATE USER empty@'%';
CREATE USER native@'%' IDENTIFIED BY 's3cret';
CREATE USER switched@'%' IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('s3cret');
CREATE USER old@'%' IDENTIFIED VIA mysql_old_password USING '2bb5a6d71c0a4d2e';
";

/// Without `InnoDB` the data are small and quickly made. A server that starts removes the temporary tables of all others that have
/// the same directory for them. Root has to say that it means to be root; nobody else may say so.
fn command(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--no-defaults", "--skip-name-resolve"]);
    command.args(["--skip-innodb", "--default-storage-engine=Aria"]);
    command.arg(format!("--datadir={}", dir.join("data").display()));
    command.arg(format!("--tmpdir={}", dir.display()));
    command.args(nix::unistd::geteuid().is_root().then_some("--user=root"));
    command.stdin(Stdio::null());
    command
}

struct Server {
    process: Child,
    at: Endpoint,
}

impl Server {
    async fn start(dir: &Path, options: &[&str]) -> Self {
        let at = closed_port().await;
        let path = |name: &str| dir.join(name).display().to_string();
        let process = command("/usr/sbin/mariadbd", dir)
            .args(["--bind-address=127.0.0.1", "--secure-auth=0"])
            .arg(format!("--socket={}", path("socket")))
            .arg(format!("--log-error={}", path("log.err")))
            .arg(format!("--port={}", at.port))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, at };
        let until = Instant::now() + LONG;
        while greeting::greets(&server.at, LONG).await.is_err() {
            let waits = server.process.try_wait().unwrap().is_none() && Instant::now() < until;
            assert!(waits, "{:?}", std::fs::read_to_string(path("log.err")));
        }
        server
    }

    async fn ask(&self, user: &str, statement: &str) -> Result<Vec<Row>, Failure> {
        client(user, TlsMode::Off, None).ask(&self.at, statement).await
    }

    /// The value of one row of SHOW STATUS.
    async fn status(&self, client: &Client, name: &str) -> Result<String, Failure> {
        let rows = client
            .ask(&self.at, &format!("SHOW STATUS LIKE '{name}'"))
            .await?;
        Ok(rows[0]["Value"].clone().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn client(user: &str, mode: TlsMode, ca: Option<&Path>) -> Client {
    let sourced = |value: &str| Sourced {
        value: value.to_owned(),
        source: Source::Default,
    };
    let password = match user {
        "empty" => None,
        "wrong" => Some("s3cret?"),
        _ => Some("s3cret"),
    };
    let account = Account {
        user: sourced(if user == "wrong" { "native" } else { user }),
        password: password.map(|password| Sourced {
            value: Secret::new(password.to_owned()),
            source: Source::Default,
        }),
    };
    let tls = Tls {
        mode,
        ca_file: ca.map(Into::into),
    };
    Client::with(account, tls, muster::engine::ALL[0], LONG)
}

/// Data, accounts and a certificate; `None` where no such server is installed.
fn prepare() -> Option<TempDir> {
    let dir = TempDir::new().unwrap();
    let made = command("mariadb-install-db", dir.path())
        .arg("--skip-test-db")
        .output();
    let Ok(made) = made else {
        skipped("this machine has no MariaDB: apt-get install mariadb-server-core");
        return None;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    for (name, content) in [
        ("accounts", ACCOUNTS),
        ("cert", &cert.pem()),
        ("key", &signing_key.serialize_pem()),
    ] {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    Some(dir)
}

/// What the server counts as aborted, as it does a client that goes without a word, is only whoever waited for its greeting.
async fn is_left_politely(server: &Server) {
    for mode in [TlsMode::Off, TlsMode::Require].repeat(100) {
        let answer = client("native", mode, None).ask(&server.at, "DO 1").await;
        assert_eq!(answer, Ok(Vec::new()));
    }
    let client = client("native", TlsMode::Off, None);
    for (name, count) in [("Aborted_clients", "0"), ("Aborted_connects", "1")] {
        assert_eq!(server.status(&client, name).await.as_deref(), Ok(count), "{name}");
    }
}

async fn lets_in_by_the_native_plugin_only(server: &Server) {
    for user in ["empty", "native", "switched"] {
        let rows = server.ask(user, "SELECT CURRENT_USER() AS me").await.unwrap();
        assert_eq!(rows[0]["me"], Some(format!("{user}@%")));
    }
    let why = server.ask("wrong", "DO 1").await.unwrap_err();
    assert!(
        matches!(&why, Failure::Denied(text) if text.contains("using password: YES")),
        "{why}"
    );
    let why = server.ask("old", "DO 1").await.unwrap_err();
    assert!(
        matches!(&why, Failure::Plugin { name, .. } if name == "mysql_old_password"),
        "{why}"
    );
}

async fn answers(server: &Server) {
    for length in [0, 1, 250, 251, 255, 256, 65_535, 65_536, 100_000] {
        let statement = format!(
            "SELECT NULL AS n, REPEAT('x', {length}) AS x, '' AS e, 'é数🐬' AS u, CHAR_LENGTH('é数🐬') AS l"
        );
        let rows = server.ask("native", &statement).await.unwrap();
        let expected = [
            ("n", None),
            ("x", Some("x".repeat(length))),
            ("e", Some(String::new())),
            ("u", Some("é数🐬".to_owned())),
            ("l", Some("3".to_owned())),
        ];
        assert_eq!(
            rows,
            [expected.map(|(name, cell)| (name.to_owned(), cell)).into()],
            "{length}"
        );
    }
    let rows = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 900) SELECT";
    let statement = format!("{rows} n FROM r");
    assert_eq!(
        server.ask("native", &statement).await.map(|rows| rows.len()),
        Ok(900)
    );
    for nothing in ["SELECT 1 AS a FROM DUAL WHERE FALSE", "DO 1", "SET @a = 1"] {
        assert_eq!(server.ask("native", nothing).await, Ok(Vec::new()), "{nothing}");
    }
    for (statement, said) in [
        ("SELEC", 1064),
        // After the first two rows were sent.
        (
            &format!("{rows} IF(n < 3, n, (SELECT n UNION SELECT 2)) FROM r"),
            1242,
        ),
    ] {
        let why = server.ask("native", statement).await.unwrap_err();
        assert!(
            matches!(why, Failure::Rejected { code, .. } if code == said),
            "{why}"
        );
    }
}

async fn encrypts_as_the_mode_asks(server: &Server, cert: &Path) {
    for (mode, ca) in [
        (TlsMode::Off, None),
        (TlsMode::Prefer, None),
        (TlsMode::Require, None),
        (TlsMode::Verify, Some(cert)),
    ] {
        for user in ["empty", "native", "switched"] {
            let client = client(user, mode, ca);
            let encrypted = server
                .status(&client, "Ssl_version")
                .await
                .unwrap()
                .starts_with("TLSv1.");
            assert_eq!(encrypted, mode != TlsMode::Off, "{user} {mode:?}");
        }
    }
    let other_name = Endpoint {
        host: Host::parse("localhost").unwrap(),
        port: server.at.port,
    };
    let verified = client("native", TlsMode::Verify, Some(cert));
    let why = verified.ask(&other_name, "DO 1").await.unwrap_err();
    assert!(matches!(why, Failure::Tls(_)), "{why}");
    let why = client("native", TlsMode::Verify, None)
        .ask(&server.at, "DO 1")
        .await
        .unwrap_err();
    assert!(matches!(why, Failure::Tls(_)), "{why}");
}

async fn ends(server: Server) {
    let why = server.ask("native", "KILL CONNECTION_ID()").await.unwrap_err();
    assert!(matches!(why, Failure::Rejected { code: 1927, .. }), "{why}");
    let (at, client) = (server.at.clone(), client("native", TlsMode::Require, None));
    let waits = tokio::spawn(async move { client.ask(&at, "DO SLEEP(600)").await });
    while !format!("{:?}", server.ask("native", "SHOW PROCESSLIST").await).contains("SLEEP") {}
    drop(server);
    let why = waits.await.unwrap().unwrap_err();
    assert!(matches!(why, Failure::Lost(_)), "{why}");
}

#[tokio::test]
async fn a_server_of_others_is_understood_and_left_politely() {
    let Some(dir) = prepare() else { return };
    let file = |name: &str| dir.path().join(name);
    let option = |name: &str, path: &str| format!("--{name}={}", file(path).display());
    let server = Server::start(
        dir.path(),
        &[
            &option("init-file", "accounts"),
            &option("ssl-cert", "cert"),
            &option("ssl-key", "key"),
        ],
    )
    .await;

    is_left_politely(&server).await;
    lets_in_by_the_native_plugin_only(&server).await;
    answers(&server).await;
    encrypts_as_the_mode_asks(&server, &file("cert")).await;
    ends(server).await;
    let without_tls = Server::start(dir.path(), &["--skip-ssl"]).await;
    for (mode, expected) in [
        (TlsMode::Prefer, Ok(Vec::new())),
        (TlsMode::Require, Err(Failure::NoTls)),
        (TlsMode::Verify, Err(Failure::NoTls)),
    ] {
        let client = client("native", mode, None);
        assert_eq!(client.ask(&without_tls.at, "DO 1").await, expected, "{mode:?}");
    }
}
