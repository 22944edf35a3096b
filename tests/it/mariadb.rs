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
use muster::settings::{Account, Endpoint, Secret, Source, Sourced, Tls, TlsMode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::fakes::closed_port;
use crate::support::skipped;

const LONG: Duration = Duration::from_secs(60);

/// `switched` is asked again, by a switch to the native plugin, after another one has failed. `old` has a plugin that must not be
/// answered. The `new…` ones are as an engine ships its accounts.
const ACCOUNTS: &str = "
CREATE USER empty@'%';
CREATE USER native@'%' IDENTIFIED BY 's3cret';
GRANT RELOAD ON *.* TO native@'%';
CREATE USER new0@'%', new1@'%', new2@'%', new3@'%', new4@'%';
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
    let (user, password) = match user {
        "empty" => (user, None),
        "wrong" => ("native", Some("s3cret?")),
        _ => (user, Some("s3cret")),
    };
    let tls = Tls {
        mode,
        ca_file: ca.map(Into::into),
    };
    Client::with(account(user, password), tls, muster::engine::ALL[0], LONG)
}

fn account(user: &str, password: Option<&str>) -> Account {
    Account {
        user: Sourced {
            value: user.to_owned(),
            source: Source::Default,
        },
        password: password.map(|password| Sourced {
            value: Secret::new(password.to_owned()),
            source: Source::Default,
        }),
    }
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
    std::fs::write(dir.path().join("accounts"), ACCOUNTS).unwrap();
    Some(dir)
}

/// The certificates that an FE may have, as files `cert` and `key`, and the authority in `ca`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certificate {
    Good,
    Expired,
    OtherName,
    /// As a vendor ships them: it is its own authority, and an end all the same.
    SelfSigned,
    /// What `openssl req -x509` makes: it may sign others.
    SelfSignedAuthority,
}

impl Certificate {
    fn write(self, dir: &Path) {
        let name = if self == Self::OtherName {
            "fe9.example"
        } else {
            "127.0.0.1"
        };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if self == Self::Expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        if self == Self::SelfSignedAuthority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap().pem();
        let (cert, ca) = match self {
            Self::SelfSigned | Self::SelfSignedAuthority => (own.clone(), own),
            Self::Good | Self::Expired | Self::OtherName => {
                let mut authority = CertificateParams::new([]).unwrap();
                authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                let its_key = KeyPair::generate().unwrap();
                let ca = authority.self_signed(&its_key).unwrap().pem();
                let cert = params.signed_by(&key, &Issuer::new(authority, its_key)).unwrap();
                (cert.pem(), ca)
            }
        };
        for (name, content) in [("cert", cert), ("key", key.serialize_pem()), ("ca", ca)] {
            std::fs::write(dir.join(name), content).unwrap();
        }
    }
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

/// A password never stands in a statement, so that no character of it has to be quoted; the last one looks like what is sent.
async fn an_account_is_closed_by_the_hash_of_its_password(server: &Server) {
    let passwords = [
        "s3cret",
        r#"s3cret'"x"#,
        r"back\slash\'\\",
        " pä数🐬;--\t",
        "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7",
    ];
    let tls = Tls {
        mode: TlsMode::Off,
        ca_file: None,
    };
    for (number, password) in passwords.iter().enumerate() {
        let engine = muster::engine::ALL[number % 2];
        let user = format!("new{number}");
        let client = |password| Client::with(account(&user, password), tls.clone(), engine, LONG);
        let (with, without) = (client(Some(*password)), client(None));
        // The founder has not come to it yet, and whoever knows the password already waits.
        assert_eq!(
            with.run(&server.at, "DO 1").await,
            Err(Failure::NoPassword(user.clone()))
        );
        assert_eq!(without.run(&server.at, "DO 1").await, Ok(()));
        let set = async || {
            let password = Secret::new((*password).to_owned());
            without.set_first_password(&server.at, &user, &password).await
        };
        assert_eq!(set().await, Ok(()), "{password}");
        // Started again after it was set and before that was written down.
        assert!(matches!(set().await, Err(Failure::Denied(_))), "{password}");
        assert_eq!(with.run(&server.at, "DO 1").await, Ok(()), "{password}");
        for client in [without, client(Some("s3cret?"))] {
            let why = client.run(&server.at, "DO 1").await.unwrap_err();
            assert!(matches!(why, Failure::Denied(_)), "{password}: {why}");
        }
    }
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

/// What becomes of a question, by the certificate of the FE and by the mode.
async fn encrypts_as_the_mode_asks(server: &Server, dir: &Path) {
    use Certificate::{Expired, Good, OtherName, SelfSigned, SelfSignedAuthority};
    let ca = dir.join("ca");
    let known = Some(ca.as_path());
    // off, prefer, require, verify with the authority's file, verify by the public authorities.
    let modes = [
        (TlsMode::Off, None),
        (TlsMode::Prefer, None),
        (TlsMode::Require, None),
        (TlsMode::Verify, known),
        (TlsMode::Verify, None),
    ];
    let unknown = "is signed by an authority that is not known";
    let authority = "is that of an authority";
    let table = [
        (Good, ["plain", "TLS", "TLS", "TLS", unknown]),
        (Expired, ["plain", "TLS", "TLS", "has expired", "has expired"]),
        (
            OtherName,
            ["plain", "TLS", "TLS", "is not for 127.0.0.1", unknown],
        ),
        (SelfSigned, ["plain", "TLS", "TLS", "TLS", unknown]),
        (SelfSignedAuthority, ["plain", "TLS", "TLS", authority, authority]),
    ];
    for (certificate, outcomes) in table {
        certificate.write(dir);
        assert_eq!(server.ask("native", "FLUSH SSL").await, Ok(Vec::new()));
        for ((mode, ca), expected) in modes.into_iter().zip(outcomes) {
            for user in ["empty", "native", "switched"] {
                let outcome = match server.status(&client(user, mode, ca), "Ssl_version").await {
                    Ok(version) if version.starts_with("TLSv1.") => "TLS".to_owned(),
                    Ok(_) => "plain".to_owned(),
                    Err(why) => {
                        assert!(matches!(why, Failure::Tls(_)) && why.is_final(), "{why}");
                        why.to_string()
                    }
                };
                assert!(
                    outcome == expected || expected.len() > 5 && outcome.contains(expected),
                    "{certificate:?} {mode:?} {ca:?} {user}: {outcome}"
                );
            }
        }
    }
}

/// The TLS of one engine's FE is 1.2; older ones are spoken by nobody.
async fn speaks_tls_1_2_too(dir: &Path) {
    Certificate::Good.write(dir);
    let option = |name: &str, path: &str| format!("--{name}={}", dir.join(path).display());
    let options = [
        option("ssl-cert", "cert"),
        option("ssl-key", "key"),
        "--tls-version=TLSv1.2".to_owned(),
    ];
    let server = Server::start(dir, &options.each_ref().map(String::as_str)).await;
    let client = client("native", TlsMode::Verify, Some(&dir.join("ca")));
    let version = server.status(&client, "Ssl_version").await;
    assert_eq!(version.as_deref(), Ok("TLSv1.2"));
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
    Certificate::Good.write(dir.path());
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
    an_account_is_closed_by_the_hash_of_its_password(&server).await;
    encrypts_as_the_mode_asks(&server, dir.path()).await;
    ends(server).await;
    speaks_tls_1_2_too(dir.path()).await;
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
