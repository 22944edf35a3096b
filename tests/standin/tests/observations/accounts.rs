//! Who may log in and what for, and what else is said on the MySQL port.

use crate::support::{DORIS, DORIS_21, DORIS_30, Kind, STARROCKS, World, ask, eventually, for_each_engine};

for_each_engine!(
    a_wrong_password_is_1045_with_sqlstate_28000_and_a_new_one_holds_everywhere,
    other_errors_carry_the_observed_codes,
    the_greeting_is_the_observed_one_byte_by_byte,
);

fn code(error: crate::support::Error) -> (u16, String, String) {
    match error {
        mysql_async::Error::Server(error) => (error.code, error.state, error.message),
        other => panic!("{other:?}"),
    }
}

async fn a_wrong_password_is_1045_with_sqlstate_28000_and_a_new_one_holds_everywhere(kind: &'static Kind) {
    let world = World::new(kind);
    let hosts = world.cluster(2).await;
    let whom = kind.pick("root", "root@127.0.0.1");
    let denied = |using: &str| {
        let words = format!("Access denied for user '{whom}' (using password: {using})");
        (1045, "28000".to_owned(), words)
    };
    let refused = hosts[0].connect("root", Some("wrong")).await.unwrap_err();
    assert_eq!(code(refused), denied("YES"));
    for (n, statement) in [
        "SET PASSWORD = PASSWORD('one')",
        "SET PASSWORD FOR 'root'@'%' = PASSWORD('two')",
        // SHA1(SHA1("password")).
        "SET PASSWORD FOR 'root' = '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'",
        "ALTER USER root IDENTIFIED BY 'three'",
    ]
    .iter()
    .enumerate()
    {
        let old = [None, Some("one"), Some("two"), Some("password")][n];
        let new = ["one", "two", "password", "three"][n];
        let mut connection = hosts[1].connect("root", old).await.unwrap();
        ask(&mut connection, statement).await.unwrap();
        for host in &hosts {
            eventually("the new one holds", async || {
                host.connect("root", Some(new)).await.ok()
            })
            .await;
            assert_eq!(code(host.connect("root", old).await.unwrap_err()).0, 1045);
        }
    }
    // Observed: Doris says YES to somebody without a password too.
    let refused = code(hosts[0].connect("root", None).await.unwrap_err());
    assert_eq!(refused, denied(kind.pick("NO", "YES")));
}

/// Observed: `admin` has an empty password too, from anywhere, and keeps it when root gets one; a backslash becomes part of a
/// password; nobody but root changes root's.
#[tokio::test]
async fn admin_of_doris_stays_open_when_root_is_closed() {
    let world = World::new(&DORIS);
    let host = world.founder().await;
    host.sql(r#"SET PASSWORD FOR "root" = PASSWORD('s3cret\'"x')"#)
        .await
        .unwrap();
    assert_eq!(
        code(host.connect("root", Some("s3cret'\"x")).await.unwrap_err()).0,
        1045
    );
    host.connect("root", Some("s3cret\\'\"x")).await.unwrap();
    let mut admin = host.connect("admin", None).await.unwrap();
    ask(&mut admin, "SHOW FRONTENDS").await.unwrap();
    ask(&mut admin, "SHOW BROKER").await.unwrap();
    let foreign = ask(&mut admin, "SET PASSWORD FOR root = PASSWORD('y')").await;
    let (number, _, words) = code(foreign.unwrap_err());
    let root_only = DORIS.says("Can not set password for root user, except root itself.");
    assert_eq!((number, words), (1105, root_only));
}

/// Observed: `initial_root_password` is taken at the founding.
#[tokio::test]
async fn the_first_password_of_doris_comes_from_the_configuration() {
    let world = World::new(&DORIS);
    let mut host = world.host(1).await;
    host.conf("initial_root_password = *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
    host.start_fe(&[]);
    eventually("it has that one", async || {
        host.connect("root", Some("password")).await.ok()
    })
    .await;
    assert_eq!(code(host.connect("root", None).await.unwrap_err()).0, 1045);
}

/// Observed: whoever comes from 127.0.0.1 as root gets in with any password or none, and nobody else does so.
#[tokio::test]
async fn root_of_doris_gets_in_from_localhost_whatever_it_says() {
    let world = World::new(&DORIS);
    let mut host = world.host(1).await;
    // The whole machine, with ports that nobody else has.
    let settings = host.read("fe/standin.conf").replace("bind_address", "unbound");
    std::fs::write(host.path("fe/standin.conf"), settings).unwrap();
    let free = || {
        let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        bound.local_addr().unwrap().port()
    };
    let query = free();
    for (key, port) in [
        ("query_port", query),
        ("http_port", free()),
        ("rpc_port", free()),
        ("edit_log_port", free()),
        ("arrow_flight_sql_port", free()),
    ] {
        host.conf(&format!("{key} = {port}"));
    }
    host.conf("initial_root_password = *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
    host.start_fe(&[]);
    let connect = async |user: &str, password: Option<&str>| {
        let options = mysql_async::OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(query)
            .user(Some(user))
            .pass(password)
            .prefer_socket(false)
            .max_allowed_packet(Some(16 * 1024 * 1024))
            .wait_timeout(Some(28_800));
        mysql_async::Conn::new(options).await
    };
    for password in [None, Some("wrong"), Some("password")] {
        eventually("root gets in", async || connect("root", password).await.ok()).await;
    }
    let (number, _, words) = code(connect("nobody", None).await.unwrap_err());
    let denied = "Access denied for user 'nobody@127.0.0.1' (using password: YES)";
    assert_eq!((number, words.as_str()), (1045, denied));
}

/// Observed: `GRANT NODE_PRIV` is enough for the membership and not for the configuration, ADMIN the reverse; the lists of FEs
/// and BEs are for everybody in 4.0, that of brokers is not.
#[tokio::test]
async fn node_and_admin_are_two_privileges_of_doris() {
    let world = World::new(&DORIS);
    let host = world.founder().await;
    for statement in [
        "CREATE USER 'node'@'%' IDENTIFIED BY 'x'",
        "GRANT NODE_PRIV ON *.*.* TO 'node'",
        "CREATE USER 'plain' IDENTIFIED BY 'x'",
    ] {
        host.sql(statement).await.unwrap();
    }
    let operator = host.refusal("GRANT OPERATOR TO 'node'").await;
    assert_eq!(operator, DORIS.says("Can not grant role: OPERATOR"));
    let needs = |privileges: &str| {
        let words = format!(
            "Access denied; you need (at least one of) the ({privileges}) privilege(s) for this operation"
        );
        Some(DORIS.says(&words))
    };
    let add = "ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'";
    let config = "ADMIN SET FRONTEND CONFIG (\"edit_log_roll_num\" = \"50000\")";
    let table = [
        ("node", Some("x"), add, None),
        ("node", Some("x"), "SHOW BROKER", None),
        ("node", Some("x"), "SHOW PROC '/frontends'", None),
        ("node", Some("x"), config, needs("ADMIN")),
        ("admin", None, config, None),
        ("admin", None, "SHOW BROKER", None),
        (
            "admin",
            None,
            "ALTER SYSTEM DROPP BACKEND '127.5.5.5:9050'",
            needs("NODE"),
        ),
        ("plain", Some("x"), "SHOW FRONTENDS", None),
        ("plain", Some("x"), "SHOW BACKENDS", None),
        ("plain", Some("x"), "SHOW BROKER", needs("ADMIN/OPERATOR")),
        ("plain", Some("x"), add, needs("NODE")),
    ];
    for (user, password, statement, refusal) in table {
        let mut connection = host.connect(user, password).await.unwrap();
        let said = ask(&mut connection, statement).await.err().map(code);
        let expected = refusal.map(|words| (1105, "HY000".to_owned(), words));
        assert_eq!(said, expected, "{user}: {statement}");
    }
    // Before 4.0 there is a code of its own.
    for (kind, named) in [(&DORIS_21, "NODE"), (&DORIS_30, "(NODE)")] {
        let world = World::new(kind);
        let host = world.founder().await;
        let mut admin = host.connect("admin", None).await.unwrap();
        let words =
            format!("Access denied; you need (at least one of) the {named} privilege(s) for this operation");
        let said = code(ask(&mut admin, add).await.unwrap_err());
        assert_eq!(said, (1227, "42000".to_owned(), words));
    }
}

/// Observed: cluster_admin without a default role: 5203, and `SET ROLE ALL` then works; SHOW PROC stays refused; a
/// plain user is refused; nobody but root changes root's password.
#[tokio::test]
async fn a_role_that_is_not_active_is_5203_until_set_role_all() {
    let world = World::new(&STARROCKS);
    let host = world.founder().await;
    for statement in [
        "CREATE USER 'op'@'%' IDENTIFIED BY 'x'",
        "GRANT cluster_admin TO USER 'op'@'%'",
        "CREATE USER 'plain' IDENTIFIED BY 'x'",
        "CREATE USER 'ready' IDENTIFIED BY 'x' DEFAULT ROLE cluster_admin",
    ] {
        host.sql(statement).await.unwrap();
    }
    let add = "ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'";
    let mut op = host.connect("op", Some("x")).await.unwrap();
    let (number, state, text) = code(ask(&mut op, add).await.unwrap_err());
    assert_eq!((number, state.as_str()), (5203, "42000"));
    assert!(text.contains("Inactivated role(s): [cluster_admin]"), "{text}");
    assert_eq!(code(ask(&mut op, "SHOW FRONTENDS").await.unwrap_err()).0, 5203);
    ask(&mut op, "SET ROLE ALL").await.unwrap();
    ask(&mut op, add).await.unwrap();
    ask(&mut op, "SHOW FRONTENDS").await.unwrap();
    assert_eq!(
        code(ask(&mut op, "SHOW PROC '/frontends'").await.unwrap_err()).0,
        5203
    );
    let refused = code(
        ask(&mut op, "SET PASSWORD FOR root = PASSWORD('y')")
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (refused.0, refused.2.as_str()),
        (1064, "Can not set password for root user, except root itself.")
    );
    let mut plain = host.connect("plain", Some("x")).await.unwrap();
    ask(&mut plain, "SET ROLE ALL").await.unwrap();
    assert_eq!(code(ask(&mut plain, "SHOW BACKENDS").await.unwrap_err()).0, 5203);
    let mut ready = host.connect("ready", Some("x")).await.unwrap();
    ask(&mut ready, "SHOW BACKENDS").await.unwrap();
}

async fn other_errors_carry_the_observed_codes(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    let of = async |statement: &str| code(host.sql(statement).await.unwrap_err());
    let (number, _, words) = of("SELECT @@socket").await;
    assert_eq!(
        (number, words),
        kind.pick(
            (1193, "Unknown system variable 'socket'".to_owned()),
            (1105, kind.says("Unsupported system variable: socket")),
        )
    );
    let unknown = of("USE nosuchdb").await;
    let expected = kind.pick((5501, "3F000"), (1049, "42000"));
    assert_eq!((unknown.0, unknown.1.as_str()), expected);
    let syntax = of("FROBNICATE").await;
    assert_eq!((syntax.0, syntax.1.as_str()), (kind.refusal.0, "HY000"));
    let words = kind.pick(
        "Getting syntax error at line 1, column 0.",
        "errCode = 2, detailMessage = \nmismatched input 'FROBNICATE'",
    );
    assert!(syntax.2.starts_with(words), "{}", syntax.2);
    let backends = kind.pick(
        "Backend node not found",
        "errCode = 2, detailMessage = No backend available as scan node",
    );
    // Observed: without a backend the FE of Doris does not even count to one.
    for select in kind.pick(
        &["current_version()"][..],
        &[
            "1",
            "@@max_allowed_packet",
            "@@version_comment",
            "version()",
            "current_user()",
        ],
    ) {
        let said = of(&format!("select {select}")).await.2;
        assert!(said.starts_with(backends), "{select}: {said}");
    }
    host.sql("SHOW VARIABLES").await.unwrap();
    host.sql("SET NAMES utf8").await.unwrap();
    if !kind.is_doris() {
        assert_eq!(host.sql("SELECT 1").await.unwrap()[0].get("1"), "1");
        let comment = host.sql("select @@version_comment limit 1").await.unwrap();
        assert!(comment[0].0.contains_key("@@version_comment"));
    }
}

/// Observed greetings: protocol 10, charset 33, status 0, 21 bytes of auth data; version and capabilities differ; and a client
/// of another plugin is switched to the native one.
async fn the_greeting_is_the_observed_one_byte_by_byte(kind: &'static Kind) {
    use tokio::io::AsyncReadExt;
    let world = World::new(kind);
    let host = world.founder().await;
    let mut stream = tokio::net::TcpStream::connect((host.address, 9030))
        .await
        .unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut packet = vec![0; usize::from(head[0])];
    stream.read_exact(&mut packet).await.unwrap();
    assert_eq!(&packet[..8], kind.pick(b"\x0a8.0.33\x00", b"\x0a5.7.99\x00"));
    let (low, high) = kind.pick((0x820c, 0x38), (0x828c, 0x08));
    let rest = &packet[8 + 4 + 8 + 1..];
    assert_eq!(u16::from_le_bytes([rest[0], rest[1]]), low);
    assert_eq!(rest[2], 33);
    assert_eq!(&rest[3..5], [0, 0]);
    assert_eq!(u16::from_le_bytes([rest[5], rest[6]]), high);
    assert_eq!(rest[7], 21);
    assert!(packet.ends_with(b"mysql_native_password\x00"));
}
