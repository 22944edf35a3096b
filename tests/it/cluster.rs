//! The MySQL and HTTP questions against scripted servers on 127.0.0.1: what each way to fail is called, what is
//! never sent, and that nothing outlives its deadline.

#![expect(clippy::unwrap_used, reason = "a test says what it needs by failing")]

mod first_steps;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::fakes::{Fe, Manner, Reply, Web, certified, switch_to};
use muster::cluster::{Client, FeClient, greeting, http};
use muster::effects::look::{CONTRADICTION, find_leader, look};
use muster::engine::failure::Failure;
use muster::engine::member::FrontendRole;
use muster::engine::probe::{Membership, Ready};
use muster::engine::{Component, Engine};
use muster::plan::join::denied_add;
use muster::plan::leader::Belief;
use muster::settings::{Account, Endpoint, Host, Secret, Source, Sourced, Tls, TlsMode};

/// For questions that are answered.
const LONG: Duration = Duration::from_secs(20);
/// For questions that are not.
const SHORT: Duration = Duration::from_millis(150);

fn engine() -> &'static Engine {
    muster::engine::ALL[0]
}

fn client(password: &str, deadline: Duration) -> Client {
    client_with(password, TlsMode::Off, None, deadline)
}

fn client_with(password: &str, mode: TlsMode, ca: Option<&std::path::Path>, deadline: Duration) -> Client {
    let account = Account {
        user: Sourced {
            value: "root".to_owned(),
            source: Source::Default,
        },
        password: (!password.is_empty()).then(|| Sourced {
            value: Secret::new(password.to_owned()),
            source: Source::Default,
        }),
    };
    let tls = Tls {
        mode,
        ca_file: ca.map(Into::into),
    };
    Client::with(account, tls, engine(), deadline)
}

const FRONTEND_COLUMNS: [&str; 17] = [
    "Id",
    "Name",
    "IP",
    "EditLogPort",
    "HttpPort",
    "QueryPort",
    "RpcPort",
    "Role",
    "ClusterId",
    "Join",
    "Alive",
    "ReplayedJournalId",
    "LastHeartbeat",
    "IsHelper",
    "ErrMsg",
    "StartTime",
    "Version",
];

/// A leader and a follower that was added and never started, as observed.
fn frontends() -> Reply {
    let leader = [
        "1",
        "10.77.0.11_9010_1795234059948",
        "10.77.0.11",
        "9010",
        "8030",
        "9030",
        "9020",
        "LEADER",
        "147889237",
        "true",
        "true",
        "212",
        "2026-11-20 10:15:31",
        "true",
        "",
        "2026-11-20 10:08:02",
        "3.5.0-0be11fd",
    ];
    let added = [
        "2",
        "10.77.0.12_9010_1795234168107",
        "10.77.0.12",
        "9010",
        "8030",
        "0",
        "0",
        "FOLLOWER",
        "147889237",
        "false",
        "false",
        "0",
        "NULL",
        "true",
        "",
        "NULL",
        "NULL",
    ];
    let row = |cells: [&'static str; 17]| cells.map(|cell| (cell != "NULL").then_some(cell)).to_vec();
    Reply::Rows(FRONTEND_COLUMNS.to_vec(), vec![row(leader), row(added)])
}

async fn speaking(script: impl FnMut(&str) -> Reply + Send + 'static) -> Fe {
    Fe::start(Manner::Speaks, "", script).await
}

#[tokio::test]
async fn members_are_read_over_one_polite_conversation_without_a_select() {
    let fe = Fe::start(Manner::Speaks, "s3cret", |_| frontends()).await;
    let members = client("s3cret", LONG).frontends(&fe.at).await.unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(members[0].role, FrontendRole::Leader);
    assert_eq!(members[1].last_heartbeat, None);
    assert_eq!(fe.heard_to_the_end().await, ["SHOW FRONTENDS", "(quit)"]);
}

#[tokio::test]
async fn each_question_is_one_statement() {
    let fe = speaking(|statement| match statement {
        "SHOW FRONTENDS" => frontends(),
        "SHOW BACKENDS" => Reply::Rows(
            vec![
                "BackendId",
                "IP",
                "HeartbeatPort",
                "Alive",
                "SystemDecommissioned",
                "ErrMsg",
            ],
            vec![
                ["10001", "10.77.0.14", "9050", "true", "false", ""]
                    .map(Some)
                    .to_vec(),
            ],
        ),
        "SHOW COMPUTE NODES" => Reply::Rows(vec!["ComputeNodeId"], vec![]),
        _ => Reply::Ok,
    })
    .await;
    let client = client("", LONG);
    let backends = client.members(&fe.at, Component::Be).await.unwrap();
    assert_eq!(backends[0].host, "10.77.0.14");
    assert_eq!(client.members(&fe.at, Component::Cn).await, Ok(vec![]));
    assert_eq!(client.add(&fe.at, "ALTER SYSTEM ADD …").await, Ok(()));
    let mut heard = fe.heard_to_the_end().await;
    heard.retain(|what| !what.starts_with('('));
    assert_eq!(
        heard,
        ["SHOW BACKENDS", "SHOW COMPUTE NODES", "ALTER SYSTEM ADD …",]
    );
}

#[tokio::test]
async fn a_wrong_password_is_final_and_never_shown() {
    let fe = Fe::start(Manner::Speaks, "right", |_| frontends()).await;
    let client = client("wr0ng", LONG);
    let why = client.frontends(&fe.at).await.unwrap_err();
    assert_eq!(
        why,
        Failure::Denied("Access denied for user 'root' (using password: YES)".to_owned())
    );
    assert!(why.is_final());
    assert!(!format!("{client:?} {why:?} {why}").contains("wr0ng"));
}

/// "`caching_sha2` client -> auth switch to native".
#[tokio::test]
async fn a_switch_of_the_login_plugin_is_followed() {
    let fe = Fe::start(Manner::Switches("mysql_native_password"), "s3cret", |_| {
        frontends()
    })
    .await;
    assert!(client("s3cret", LONG).frontends(&fe.at).await.is_ok());
}

/// An RSA key of the server's own, as `caching_sha2_password` sends it on request: the reply would be the password, encrypted for
/// that server.
const KEY: &[u8] = b"\x01-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAi6ppbYA5LU+R3/TkKXGi
+WgfwtAuiMfaJXLRc4Njarg6mU3oWVI0CL548k0qY9wYusxlcsWxUW61R5gfeKQi
VNtk7ahtfxnpBGxBG6AJcgBPUaenqJv/CZFJ8dhJlzoSgJdxvlppyD2l1GhpLbmS
7yh7b+ViiT0y4lpN6V9hFM3ttZeq12AHsY3IX19AxkesLWMS22vETkZKVOg/rsvb
o/hMUiap8nQWSooCYnMGMRYxCWtlPoVBfKJ+js45GSyU0NZyPpAxAIsEPM1yUCP2
XIQYK1tx71cUi7ut/b5W5LbsvWLwS46lc0Exjy3PSTBhBq114hx0D+yd2rgO5G+r
CQIDAQAB
-----END PUBLIC KEY-----
";

/// Nothing but the reply by the native plugin ever leaves, whatever a server announces and asks for, encrypted or not.
#[tokio::test]
async fn a_server_gets_the_password_by_no_login_plugin() {
    let (acceptor, ca) = certified(["127.0.0.1"]);
    let switch = |plugin| vec![switch_to(plugin), b"more".to_vec()];
    let full = || vec![b"\x01\x04".to_vec(), KEY.to_vec()];
    let native = "mysql_native_password";
    let sha2 = "caching_sha2_password";
    let table: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        (
            native,
            switch("mysql_clear_password"),
            "mysql_clear_password, which sends the password in clear",
        ),
        (
            native,
            switch("dialog"),
            "dialog, which sends the password in clear",
        ),
        (
            native,
            switch("sha256_password"),
            "sha256_password, which can send the password",
        ),
        (
            native,
            switch("mysql_old_password"),
            "mysql_old_password, whose reply is enough",
        ),
        (
            native,
            vec![b"\xfe".to_vec(), b"more".to_vec()],
            "mysql_old_password, whose reply is enough",
        ),
        (
            native,
            switch("client_ed25519"),
            "client_ed25519, which muster does not know",
        ),
        (native, switch("parsec"), "parsec, which muster does not know"),
        (
            native,
            [vec![switch_to(sha2)], full()].concat(),
            "caching_sha2_password, which can send the password",
        ),
        // Announced, so that a client would begin with it.
        (sha2, full(), "caching_sha2_password, which can send the password"),
        (
            sha2,
            [vec![switch_to(native)], full()].concat(),
            "caching_sha2_password, which can send the password",
        ),
        (
            "mysql_clear_password",
            switch("mysql_clear_password"),
            "mysql_clear_password, which sends",
        ),
        (
            native,
            vec![switch_to(native); 3],
            "mysql_native_password, whose proof it has had twice",
        ),
    ];
    for (mode, ca) in [
        (TlsMode::Off, None),
        (TlsMode::Prefer, None),
        (TlsMode::Require, None),
        (TlsMode::Verify, Some(ca.path())),
    ] {
        for (announced, asks, refusal) in &table {
            let manner = Manner::Asks(announced, Some(acceptor.clone()), asks.clone());
            let fe = Fe::start(manner, "s3cret", |_| Reply::Ok).await;
            let why = client_with("s3cret", mode, ca, LONG).frontends(&fe.at).await;
            let mut heard = fe.heard_to_the_end().await;
            heard.retain(|what| what != "(tls)");
            assert!(
                heard.iter().all(|what| what == "(native)"),
                "{mode:?} {refusal}: {heard:?}"
            );
            let why = why.unwrap_err();
            assert!(
                matches!(why, Failure::Plugin { .. }) && why.is_final(),
                "{mode:?} {refusal}: {why:?}"
            );
            assert!(why.to_string().contains(refusal), "{mode:?}: {why}");
        }
    }
}

fn privilege() -> Reply {
    let text = "Access denied; you need (at least one of) the NODE privilege(s) on SYSTEM for this operation. \
                Inactivated role(s): [cluster_admin].";
    Reply::Error(5203, "42000", text.to_owned())
}

/// "`cluster_admin` without default role: 5203, and SET ROLE ALL then works".
#[tokio::test]
async fn a_missing_privilege_is_looked_for_once_in_all_roles_of_the_account() {
    let mut all = false;
    let fe = speaking(move |statement| {
        all |= statement == "SET ROLE ALL";
        match statement {
            "SET ROLE ALL" => Reply::Ok,
            _ if all => frontends(),
            _ => privilege(),
        }
    })
    .await;
    assert_eq!(client("", LONG).frontends(&fe.at).await.unwrap().len(), 2);
    assert_eq!(
        fe.heard_to_the_end().await,
        ["SHOW FRONTENDS", "SET ROLE ALL", "SHOW FRONTENDS", "(quit)"]
    );
}

#[tokio::test]
async fn a_privilege_no_role_has_is_final() {
    for granted in [true, false] {
        let fe = speaking(move |statement| match statement {
            "SET ROLE ALL" if granted => Reply::Ok,
            _ => privilege(),
        })
        .await;
        let why = client("", LONG).frontends(&fe.at).await.unwrap_err();
        assert!(matches!(why, Failure::Privilege { .. }), "{why}");
        let heard = fe.heard_to_the_end().await;
        assert_eq!(heard.iter().filter(|what| *what == "SET ROLE ALL").count(), 1);
    }
}

/// Both engines' words to an account that may look and may not add: a plain one, one with another right, the shipped admin.
#[tokio::test]
async fn an_account_that_may_not_add_is_told_the_statement_that_lets_it() {
    const ADD: &str = "ALTER SYSTEM ADD FOLLOWER \"10.77.0.12:9010\"";
    let table = [
        (
            "StarRocks",
            5203,
            "Access denied; you need (at least one of) the NODE privilege(s) on SYSTEM for this operation.",
            "GRANT cluster_admin TO USER 'root'",
            &["SET ROLE ALL"][..],
        ),
        (
            "StarRocks",
            1227,
            "Access denied; you need (at least one of) the OPERATOR privilege(s) for this operation",
            "GRANT NODE_PRIV ON *.* TO 'root'",
            &["SET ROLE ALL"],
        ),
        (
            "Apache Doris",
            1105,
            "errCode = 2, detailMessage = Access denied; you need (at least one of) the (NODE) privilege(s) for this operation",
            "GRANT NODE_PRIV ON *.*.* TO 'root'",
            &[],
        ),
        (
            "Apache Doris",
            1227,
            "Access denied; you need (at least one of) the NODE privilege(s) for this operation",
            "GRANT NODE_PRIV ON *.*.* TO 'root'",
            &[],
        ),
    ];
    for (name, code, text, statement, then) in table {
        let fe = speaking(move |asked| match asked {
            "SHOW FRONTENDS" => frontends(),
            "SET ROLE ALL" => Reply::Error(1064, "HY000", "no".to_owned()),
            _ => Reply::Error(code, "HY000", text.to_owned()),
        })
        .await;
        let mut engines = muster::engine::ALL.into_iter();
        let engine = engines.find(|engine| engine.name == name).unwrap();
        let account = Account {
            user: Sourced {
                value: "root".to_owned(),
                source: Source::Default,
            },
            password: None,
        };
        let tls = Tls {
            mode: TlsMode::Off,
            ca_file: None,
        };
        let client = Client::with(account, tls, engine, LONG);
        assert!(client.frontends(&fe.at).await.is_ok());
        let why = client
            .add(&fe.at, "ALTER SYSTEM ADD FOLLOWER \"10.77.0.12:9010\"")
            .await
            .unwrap_err();
        let refusal = denied_add(&fe.at, &why).unwrap_err();
        assert_eq!(
            refusal.sentence,
            format!("cannot register at {}: missing privilege: {text}", fe.at)
        );
        assert_eq!(refusal.hint, format!("as root: {statement}"));
        let mut heard = fe.heard_to_the_end().await;
        heard.retain(|what| !what.starts_with('(') && what != "SHOW FRONTENDS");
        assert_eq!(heard, [&[ADD][..], then].concat(), "{text}");
    }
}

#[tokio::test]
async fn answers_of_an_fe_without_a_leader_are_asked_again() {
    for text in [
        "forward failed: unknown result",
        "Socket is closed by peer.",
        "Cannot open null host.",
    ] {
        let fe = speaking(move |_| Reply::Error(1064, "HY000", text.to_owned())).await;
        let why = client("", LONG).frontends(&fe.at).await.unwrap_err();
        assert_eq!(why, Failure::NoLeader(text.to_owned()));
        assert!(!why.is_final());
    }
    // In the middle of the rows too.
    let fe = speaking(|_| Reply::RowsThenError(vec!["Name"], vec![Some("x")])).await;
    let why = client("", LONG).frontends(&fe.at).await.unwrap_err();
    assert_eq!(why, Failure::NoLeader("Socket is closed by peer.".to_owned()));
}

#[tokio::test]
async fn an_already_existing_member_is_told_as_that() {
    let text = "FE with the same host: 10.77.0.12 already exists";
    let fe = speaking(move |_| Reply::Error(1064, "HY000", text.to_owned())).await;
    assert_eq!(
        client("", LONG)
            .add(&fe.at, "ALTER SYSTEM ADD FOLLOWER \"10.77.0.12:9010\"")
            .await,
        Err(Failure::Exists(text.to_owned()))
    );
}

#[tokio::test]
async fn who_speaks_no_mysql_is_told_by_what_it_said() {
    let table: [(Manner, &str); 3] = [
        (
            Manner::Says(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
            "it sent `HTTP/1.1 400 Bad Request",
        ),
        (
            Manner::Says(b"\x05\x01\x02\x03\x04\x05\x06\x07\x08"),
            r"it sent `\x05\x01",
        ),
        (Manner::ClosesAtOnce, ""),
    ];
    for (manner, said) in table {
        let fe = Fe::start(manner, "", |_| Reply::Ok).await;
        for why in [
            client("", LONG).frontends(&fe.at).await.unwrap_err(),
            greeting::greets(&fe.at, LONG).await.unwrap_err(),
        ] {
            assert!(
                matches!(&why, Failure::NotMySql(text) if text.starts_with(said)),
                "{why}"
            );
        }
    }
}

#[tokio::test]
async fn an_fe_that_greets_and_hangs_up_is_an_fe() {
    let fe = Fe::start(Manner::ClosesAfterGreeting, "", |_| Reply::Ok).await;
    let why = client("", LONG).frontends(&fe.at).await.unwrap_err();
    assert!(matches!(why, Failure::Lost(_)), "{why}");
    let fe = speaking(|_| Reply::Closes).await;
    let why = client("", LONG).frontends(&fe.at).await.unwrap_err();
    assert!(matches!(why, Failure::Lost(_)), "{why}");
}

/// A dropped FE "accepts TCP and never sends a greeting".
#[tokio::test]
async fn silence_ends_with_the_deadline_and_the_connection_with_it() {
    let silent = Fe::start(Manner::Silent, "", |_| Reply::Ok).await;
    let hung = speaking(|_| Reply::Hangs).await;
    let half = speaking(|_| Reply::RowsThenHangs(vec!["Name"], vec![Some("x")])).await;
    for fe in [&silent, &hung, &half] {
        assert_eq!(
            client("", SHORT).frontends(&fe.at).await,
            Err(Failure::Deadline(1))
        );
        fe.no_connection_left().await;
    }
    assert_eq!(
        greeting::greets(&silent.at, SHORT).await,
        Err(Failure::Deadline(1))
    );
}

#[tokio::test]
async fn a_question_that_is_dropped_takes_its_connection_along() {
    let fe = speaking(|_| Reply::RowsThenHangs(vec!["Name"], vec![Some("x")])).await;
    let client = client("", LONG);
    assert!(
        tokio::time::timeout(SHORT, client.frontends(&fe.at))
            .await
            .is_err()
    );
    fe.no_connection_left().await;
}

#[tokio::test]
async fn a_closed_port_an_absent_host_and_an_unknown_name_are_told_apart() {
    let closed = crate::fakes::closed_port().await;
    assert_eq!(client("", LONG).frontends(&closed).await, Err(Failure::Refused));
    assert_eq!(greeting::greets(&closed, LONG).await, Err(Failure::Refused));
    let nobody = Endpoint {
        host: Host::parse("no-such-host.invalid").unwrap(),
        port: 9030,
    };
    let why = client("", LONG).frontends(&nobody).await.unwrap_err();
    assert!(matches!(why, Failure::Unresolvable(_)), "{why}");
    // A name with an address that refuses and one that answers is an FE.
    let fe = speaking(|_| frontends()).await;
    let by_name = Endpoint {
        host: Host::parse("localhost").unwrap(),
        port: fe.at.port,
    };
    assert!(client("", LONG).frontends(&by_name).await.is_ok());
}

#[tokio::test]
async fn a_greeting_is_enough_to_be_greeted() {
    let fe = speaking(|_| Reply::Ok).await;
    assert_eq!(greeting::greets(&fe.at, LONG).await, Ok(()));
    assert!(fe.heard_to_the_end().await.iter().all(|what| what == "(closed)"));
}

#[tokio::test]
async fn all_are_asked_at_once_and_a_confirmed_leader_need_not_wait_for_the_last() {
    let hung = Fe::start_at(([127, 0, 0, 2], 0).into(), Manner::Speaks, "", |_| Reply::Hangs).await;
    let well = speaking(|_| frontends()).await;
    let closed = of_another_host(&crate::fakes::closed_port().await);
    let at = [hung.at.clone(), well.at.clone(), closed.clone()];
    let client = client("", LONG);
    let round = look(&client, &at, engine().heartbeat, LONG, CONTRADICTION).await;
    assert!(matches!(round.belief, Belief::Leader(_)), "{round:?}");
    assert_eq!(round.failures(), [format!("{closed}: connection refused")]);
    hung.no_connection_left().await;
}

/// The same port of a host where nothing listens.
fn of_another_host(at: &Endpoint) -> Endpoint {
    Endpoint {
        host: Host::parse("127.0.0.3").unwrap(),
        port: at.port,
    }
}

/// A user's own conf has another `query_port` than the seed's.
#[tokio::test]
async fn a_host_is_asked_at_its_next_port_while_nothing_listens_at_the_one_before() {
    let well = speaking(|_| frontends()).await;
    let hung = speaking(|_| Reply::Hangs).await;
    let closed = [
        crate::fakes::closed_port().await,
        crate::fakes::closed_port().await,
    ];
    let ask = async |at: &[&Endpoint], deadline| {
        let at: Vec<Endpoint> = at.iter().map(|at| (*at).clone()).collect();
        look(
            &client("", deadline),
            &at,
            engine().heartbeat,
            LONG,
            CONTRADICTION,
        )
        .await
    };
    let round = ask(&[&closed[0], &well.at, &hung.at], LONG).await;
    assert!(
        matches!(round.belief, Belief::Leader(_)) && round.complete,
        "{round:?}"
    );
    // What does not answer may be the right one.
    let round = ask(&[&hung.at, &well.at], SHORT).await;
    assert_eq!(round.failures(), [format!("{}: no answer within 1 s", hung.at)]);
    let round = ask(&[&closed[0], &closed[1]], LONG).await;
    assert_eq!(round.failures(), [format!("{}: connection refused", closed[0])]);
    assert!(round.complete);
}

#[tokio::test]
async fn without_a_leader_it_is_asked_until_the_patience_ends_and_a_refused_login_ends_it_at_once() {
    let closed = crate::fakes::closed_port().await;
    let find = async |at: &[Endpoint], patience| {
        find_leader(&client("", LONG), at, engine().heartbeat, patience)
            .await
            .unwrap_err()
            .no_leader()
    };
    assert_eq!(
        find(std::slice::from_ref(&closed), SHORT).await,
        format!("no FE answered: {closed}: connection refused")
    );
    let fe = Fe::start(Manner::Speaks, "right", |_| frontends()).await;
    let closed = of_another_host(&closed);
    let said = find(&[fe.at.clone(), closed.clone()], LONG).await;
    assert_eq!(
        said,
        format!(
            "{}: login refused: Access denied for user 'root' (using password: NO); {closed}: connection refused",
            fe.at
        )
    );
}

/// A leader that comes late.
#[tokio::test]
async fn a_leader_is_asked_for_until_it_is_confirmed() {
    let mut asked = 0;
    let fe = speaking(move |_| {
        asked += 1;
        if asked < 3 {
            Reply::Error(1064, "HY000", "Cannot open null host.".to_owned())
        } else {
            frontends()
        }
    })
    .await;
    let found = find_leader(
        &client("", LONG),
        std::slice::from_ref(&fe.at),
        engine().heartbeat,
        LONG,
    )
    .await;
    assert_eq!(found.unwrap().id, "147889237");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    for columns in [1, 201] {
        let fe = speaking(move |_| Reply::Endless(vec!["Name"; columns])).await;
        let why = client("", LONG).frontends(&fe.at).await.unwrap_err();
        assert!(
            matches!(&why, Failure::Malformed(text) if text.starts_with("it has more than 20")),
            "{why}"
        );
        assert!(!why.is_final());
        fe.no_connection_left().await;
    }
}

#[tokio::test]
async fn tls_is_used_as_the_mode_asks() {
    let (acceptor, ca) = certified(["127.0.0.1", "fe1"]);
    let (_, foreign_ca) = certified(["127.0.0.1", "fe1"]);
    let known = Some(ca.path());
    let table = [
        (TlsMode::Off, None, false),
        (TlsMode::Prefer, None, true),
        (TlsMode::Require, None, true),
        (TlsMode::Verify, known, true),
    ];
    for (mode, ca, encrypted) in table {
        let fe = Fe::start(Manner::Tls(acceptor.clone()), "s3cret", |_| frontends()).await;
        let answer = client_with("s3cret", mode, ca, LONG).frontends(&fe.at).await;
        assert_eq!(answer.map(|members| members.len()), Ok(2), "{mode:?}");
        let heard = fe.heard_to_the_end().await;
        assert_eq!(heard.contains(&"(tls)".to_owned()), encrypted, "{mode:?}");
        assert!(heard.contains(&"(quit)".to_owned()), "{mode:?}");
    }
    // Signed by nobody that is known: the public authorities, another file, a file that is not there.
    for ca in [
        None,
        Some(foreign_ca.path()),
        Some(std::path::Path::new("/no/such/ca.pem")),
    ] {
        let fe = Fe::start(Manner::Tls(acceptor.clone()), "s3cret", |_| frontends()).await;
        let why = client_with("s3cret", TlsMode::Verify, ca, LONG)
            .frontends(&fe.at)
            .await
            .unwrap_err();
        assert!(matches!(why, Failure::Tls(_)) && why.is_final(), "{ca:?}: {why}");
    }
    // The right authority, but not this name.
    let fe = Fe::start(Manner::Tls(acceptor), "s3cret", |_| frontends()).await;
    let other_name = Endpoint {
        host: Host::parse("localhost").unwrap(),
        port: fe.at.port,
    };
    let why = client_with("s3cret", TlsMode::Verify, known, LONG)
        .frontends(&other_name)
        .await
        .unwrap_err();
    assert!(matches!(why, Failure::Tls(_)), "{why}");
}

#[tokio::test]
async fn an_fe_without_tls_is_asked_in_the_clear_only_if_that_is_allowed() {
    let fe = speaking(|_| frontends()).await;
    let ask = async |mode| client_with("", mode, None, LONG).frontends(&fe.at).await;
    assert!(ask(TlsMode::Prefer).await.is_ok());
    assert_eq!(ask(TlsMode::Require).await, Err(Failure::NoTls));
    assert_eq!(ask(TlsMode::Verify).await, Err(Failure::NoTls));
}

#[tokio::test]
async fn a_tls_handshake_that_breaks_or_hangs_is_asked_again() {
    let fe = Fe::start(Manner::TlsThenCloses, "", |_| Reply::Ok).await;
    let why = client_with("", TlsMode::Require, None, LONG)
        .frontends(&fe.at)
        .await
        .unwrap_err();
    assert!(matches!(why, Failure::Lost(_)) && !why.is_final(), "{why}");
    let fe = Fe::start(Manner::TlsThenSilent, "", |_| Reply::Ok).await;
    assert_eq!(
        client_with("", TlsMode::Require, None, SHORT)
            .frontends(&fe.at)
            .await,
        Err(Failure::Deadline(1))
    );
    fe.no_connection_left().await;
}

const fn as_member(member: &Endpoint) -> http::As<'_> {
    http::As { member, token: None }
}

/// An engine that goes by headers and not by the source address answers to the asked FE's own identity, as its cluster spells
/// it, and only with the secret that all its FEs share.
#[tokio::test]
async fn a_member_is_asked_for_by_the_headers_of_the_fe_that_is_asked() {
    let doris = muster::engine::ALL
        .into_iter()
        .find(|engine| engine.id == "doris");
    let probes = &doris.unwrap().probes;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let host = Host::from(at.ip());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap() > 0 {}
            let request = String::from_utf8(request).unwrap().to_lowercase();
            let has = |header: &str| request.contains(&format!("\r\n{header}\r\n"));
            let known =
                has("client_node_host: fd00::1") && has("client_node_port: 9011") && has("token: s3cret");
            let (headers, body) = if known {
                let ok = r#"{"msg":"success","code":0,"data":null,"count":0}"#;
                match request.split(' ').nth(1).unwrap() {
                    "/role?host=fd00::2&port=9012" => ("role: OBSERVER\r\n", ok),
                    "/version" => ("", "#Sat\nclusterId=1403539615\ntoken=x\n"),
                    _ => ("role: UNKNOWN\r\n", ok),
                }
            } else {
                (
                    "",
                    r#"{"msg":"Internal Error","code":500,"data":"invalid client host: x","count":0}"#,
                )
            };
            let answer = format!(
                "HTTP/1.1 200 x\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let endpoint = |host: &str, port| Endpoint {
        host: Host::parse(host).unwrap(),
        port,
    };
    let (asked, me) = (endpoint("fd00::1", 9011), endpoint("fd00::2", 9012));
    let other = endpoint("fe-1", 9011);
    let secret = Secret::new("s3cret".to_owned());
    let by = |member, token| http::As { member, token };
    let role = async |asker, about| http::role_of(probes, (&host, at.port()), asker, about, LONG).await;
    let known = by(&asked, Some(&secret));
    assert_eq!(
        role(known, &me).await,
        Ok(Membership::Member {
            role: "OBSERVER".to_owned()
        })
    );
    assert_eq!(role(known, &other).await, Ok(Membership::NotListed));
    for stranger in [by(&asked, None), by(&other, Some(&secret))] {
        assert_eq!(role(stranger, &me).await, Ok(Membership::OtherSpelling));
        let id = http::cluster_id(probes, (&host, at.port()), stranger, LONG).await;
        assert_eq!(id, Ok(None));
    }
    let id = http::cluster_id(probes, (&host, at.port()), known, LONG).await;
    assert_eq!(id, Ok(Some("1403539615".to_owned())));
}

#[tokio::test]
async fn bodies_and_headers_of_the_http_port_are_read_as_the_engine_writes_them() {
    let probes = &engine().probes;
    let me = Endpoint {
        host: Host::parse("10.77.0.12").unwrap(),
        port: 9010,
    };
    let node = Web::start(|path| match path {
        "/api/bootstrap" => (200, "", r#"{"status":"OK","msg":"Success","message":"OK"}"#),
        "/api/health" => (200, "", r#"{"status": "OK","msg": "To Be Added"}"#),
        "/role?host=10.77.0.12&port=9010" => (200, "role: FOLLOWER\r\nname: 10.77.0.12_9010_1\r\n", ""),
        "/api/show_meta_info?action=SHOW_HA" => (
            200,
            "",
            r#"{"role":"LEADER","master":"10.77.0.11","is_ready":"true","can_read":"false"}"#,
        ),
        _ => (404, "", ""),
    })
    .await;
    let (host, port) = (&node.at.host, node.at.port);
    assert_eq!(http::bootstrap(probes, host, port, LONG).await, Ok(Ready));
    assert_eq!(http::backend_health(probes, host, port, LONG).await, Ok(Ready));
    assert_eq!(
        http::role_of(probes, (host, port), as_member(&me), &me, LONG).await,
        Ok(Membership::Member {
            role: "FOLLOWER".to_owned()
        })
    );
    let ha = http::ha(probes, host, port, LONG).await.unwrap().unwrap();
    assert_eq!(ha.leader.as_deref(), Some("10.77.0.11"));
}

#[tokio::test]
async fn a_clock_is_told_by_a_select_or_by_the_date_of_any_answer_and_not_at_all_by_a_failure() {
    let mut now = false;
    let fe = speaking(move |statement| {
        now = !now;
        match statement {
            "SELECT UNIX_TIMESTAMP()" if now => {
                Reply::Rows(vec!["UNIX_TIMESTAMP()"], vec![vec![Some("1795245687")]])
            }
            _ => Reply::Error(1064, "HY000", "Backend node not found.".to_owned()),
        }
    })
    .await;
    assert_eq!(client("", LONG).time(&fe.at, 8030).await, Some(1_795_245_687));
    assert_eq!(client("", LONG).time(&fe.at, 8030).await, None);
    let dated = "Date: Sat, 21 Nov 2026 07:21:27 GMT\r\n";
    let node = Web::start(move |path| (500, if path == "/api/health" { dated } else { "" }, "no")).await;
    let (host, port) = (&node.at.host, node.at.port);
    let probes = |name: &str| {
        let engine = muster::engine::ALL.into_iter().find(|engine| engine.name == name);
        &engine.unwrap().probes
    };
    assert_eq!(
        http::time(probes("Apache Doris"), host, port, LONG).await,
        Some(1_795_245_687)
    );
    assert_eq!(http::time(probes("StarRocks"), host, port, LONG).await, None);
}

#[tokio::test]
async fn an_http_port_that_says_no_is_told_by_its_reason() {
    let probes = &engine().probes;
    let me = Endpoint {
        host: Host::parse("10.77.0.99").unwrap(),
        port: 9010,
    };
    let node = Web::start(|path| match path {
        "/api/bootstrap" => (200, "", r#"{"status":"FAILED","msg":"not ready"}"#),
        // In a graceful exit: an empty body.
        "/api/health" => (500, "", ""),
        _ => (400, "", "invalid client host."),
    })
    .await;
    let (host, port) = (&node.at.host, node.at.port);
    assert_eq!(
        http::bootstrap(probes, host, port, LONG).await,
        Err(Failure::NotReady("not ready".to_owned()))
    );
    let why = http::backend_health(probes, host, port, LONG).await.unwrap_err();
    assert!(matches!(why, Failure::Rejected { code: 500, .. }), "{why}");
    assert_eq!(
        http::role_of(probes, (host, port), as_member(&me), &me, LONG).await,
        Ok(Membership::Stranger)
    );
}

#[tokio::test]
async fn an_http_port_that_is_closed_silent_or_no_http_is_told_apart() {
    let probes = &engine().probes;
    let ask = async |at: &Endpoint, within| http::bootstrap(probes, &at.host, at.port, within).await;
    assert_eq!(
        ask(&crate::fakes::closed_port().await, LONG).await,
        Err(Failure::Refused)
    );
    let silent = Fe::start(Manner::Silent, "", |_| Reply::Ok).await;
    assert_eq!(ask(&silent.at, SHORT).await, Err(Failure::Deadline(1)));
    let mysql = speaking(|_| Reply::Ok).await;
    let why = ask(&mysql.at, LONG).await.unwrap_err();
    assert!(matches!(why, Failure::Lost(_)), "{why}");
    let nobody = Endpoint {
        host: Host::parse("no-such-host.invalid").unwrap(),
        port: 8030,
    };
    let why = ask(&nobody, LONG).await.unwrap_err();
    assert!(matches!(why, Failure::Unresolvable(_)), "{why}");
}
