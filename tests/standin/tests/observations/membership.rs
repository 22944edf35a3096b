//! The membership statements and their refusals, word for word.

use crate::support::{Host, World, ask, eventually};

const ANALYZING: &str = "Getting analyzing error. Detail message:";

#[tokio::test]
async fn show_frontends_has_the_columns_of_its_version_and_nulls_where_seen() {
    let world = World::new();
    let host = world.founder().await;
    host.sql("ALTER SYSTEM ADD FOLLOWER '127.5.5.5:9010'")
        .await
        .unwrap();
    let rows = host.frontends().await.unwrap();
    let new = rows.iter().find(|row| row.is("IP", "127.5.5.5")).unwrap();
    assert!(
        new.is("Id", "2") && new.is("HttpPort", "8030") && new.is("QueryPort", "0") && new.is("RpcPort", "0")
    );
    assert!(new.is("Join", "false") && new.is("Alive", "false") && new.is("IsHelper", "true"));
    assert!(new.is("ErrMsg", "") && new.is("LastHeartbeat", "NULL") && new.is("StartTime", "NULL"));
    assert!(new.is("Version", "NULL") && new.is("ReplayedJournalId", "0"));
    assert!(new.get("Name").starts_with("127.5.5.5_9010_"));
    let own = rows.iter().find(|row| row.is("Role", "LEADER")).unwrap();
    assert_eq!(own.0.len(), 17);
    assert!(own.is("Version", "3.5.0-0be11fd") && own.is("Alive", "true") && own.is("Join", "true"));
}

#[tokio::test]
async fn the_old_profile_has_no_id_column_and_needs_a_backend_for_every_select() {
    let world = World::with(crate::support::SCALE, "starrocks-3.1");
    let mut host = world.host(1).await;
    host.start_fe(&[]);
    let rows = eventually("it answers", async || host.frontends().await.ok()).await;
    assert!(!rows[0].0.contains_key("Id") && rows[0].get("Version").starts_with("3.1."));
    let words = "Backend node not found. Check if any backend node is down.";
    assert_eq!(host.refusal("SELECT @@max_allowed_packet").await, words);
    host.sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'")
        .await
        .unwrap();
    let row = host.backend("SHOW BACKENDS").await.unwrap();
    assert!(!row.0.contains_key("StatusCode") && !row.0.contains_key("Location"));
    let connection = host.connect("root", None).await.unwrap();
    assert_eq!(connection.server_version(), (5, 1, 0));
}

#[tokio::test]
async fn frontends_are_refused_in_the_engines_words() {
    let world = World::new();
    let host = world.founder().await;
    let own = host.address;
    let same = "FE with the same host: 127.5.5.5 already exists";
    host.sql("ALTER SYSTEM ADD FOLLOWER \"127.5.5.5:9010\"")
        .await
        .unwrap();
    let refusals = [
        ("ADD FOLLOWER '127.5.5.5:9010'".to_owned(), same.to_owned()),
        ("ADD FOLLOWER '127.5.5.5:9011'".to_owned(), same.to_owned()),
        ("ADD OBSERVER '127.5.5.5:9010'".to_owned(), same.to_owned()),
        (
            format!("ADD FOLLOWER '{own}:9010'"),
            format!("FE with the same host: {own} already exists"),
        ),
        (
            "ADD FOLLOWER 'nosuchhost.invalid:9010'".to_owned(),
            format!("{ANALYZING} Unknown host: nosuchhost.invalid: Name or service not known."),
        ),
        (
            "ADD FOLLOWER '10.77.0.13'".to_owned(),
            format!("{ANALYZING} Invalid host port: 10.77.0.13."),
        ),
        (
            "ADD FOLLOWER '10.77.0.13:99999'".to_owned(),
            format!("{ANALYZING} Encounter unknown exception: {ANALYZING} Port is out of range: 99999.."),
        ),
        (
            "ADD FOLLOWER ':9010'".to_owned(),
            format!("{ANALYZING} Host is null."),
        ),
        (
            "DROP OBSERVER '127.5.5.5:9010'".to_owned(),
            "OBSERVER does not exist[127.5.5.5:9010]".to_owned(),
        ),
        (
            "DROP FOLLOWER 'fe3:9010'".to_owned(),
            "frontend does not exist[fe3:9010]".to_owned(),
        ),
        (
            format!("DROP FOLLOWER '{own}:9010'"),
            "can not drop current master node.".to_owned(),
        ),
        (
            "MODIFY FRONTEND HOST '127.5.5.5' TO '127.5.5.6'".to_owned(),
            format!("{ANALYZING} Can't change ip to ip."),
        ),
        (
            "MODIFY FRONTEND HOST '10.77.0.99' TO 'fe9'".to_owned(),
            "frontend [10.77.0.99] not found".to_owned(),
        ),
    ];
    for (statement, words) in refusals {
        assert_eq!(
            host.refusal(&format!("ALTER SYSTEM {statement}")).await,
            words,
            "{statement}"
        );
    }
    let never = host
        .refusal("ALTER SYSTEM MODIFY FRONTEND HOST '127.5.5.5' TO 'fe5'")
        .await;
    assert!(never.starts_with("(JE 18.3.20) Node: 127.5.5.5_9010_"), "{never}");
    assert!(
        never.ends_with("is not a member of the group: PALO_JOURNAL_GROUP"),
        "{never}"
    );
    // Accepted, though it is this very host under another address.
    host.sql("ALTER SYSTEM ADD FOLLOWER '127.0.0.1:9010'")
        .await
        .unwrap();
    host.sql("ALTER SYSTEM DROP FOLLOWER '127.5.5.5:9010'")
        .await
        .unwrap();
    assert_eq!(
        host.refusal("ALTER SYSTEM DROP FOLLOWER '127.5.5.5:9010'").await,
        "frontend does not exist[127.5.5.5:9010]"
    );
}

/// Observed: ADD OBSERVER by name is stored as an address; DROP by that name does not find it.
#[tokio::test]
async fn in_ip_mode_a_name_is_stored_as_its_address() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.setting("fe", "names = fe3=127.5.5.7");
    host.start_fe(&[]);
    host.ready().await;
    host.sql("ALTER SYSTEM ADD OBSERVER 'fe3:9010'").await.unwrap();
    assert!(
        host.frontends()
            .await
            .unwrap()
            .iter()
            .any(|row| row.is("IP", "127.5.5.7"))
    );
    assert_eq!(
        host.refusal("ALTER SYSTEM DROP OBSERVER 'fe3:9010'").await,
        "frontend does not exist[fe3:9010]"
    );
}

#[tokio::test]
async fn nodes_are_refused_in_the_engines_words_and_a_failing_list_adds_nothing() {
    let world = World::new();
    let host = world.founder().await;
    host.sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'")
        .await
        .unwrap();
    let exists = "Backend already exists with same host 127.5.5.5 and port 9050";
    assert_eq!(
        host.refusal("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'").await,
        exists
    );
    assert_eq!(
        host.refusal("ALTER SYSTEM ADD COMPUTE NODE '127.5.5.5:9050'")
            .await,
        exists
    );
    assert_eq!(
        host.refusal("ALTER SYSTEM ADD BACKEND '127.5.5.6:9050', '127.5.5.5:9050'")
            .await,
        exists
    );
    assert_eq!(
        host.sql("SHOW BACKENDS").await.unwrap().len(),
        1,
        "nothing of the list was added"
    );
    host.sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9051'")
        .await
        .unwrap();
    host.sql("ALTER SYSTEM ADD COMPUTE NODE '127.5.5.5:9060'")
        .await
        .unwrap();
    assert_eq!(
        host.refusal("ALTER SYSTEM ADD BACKEND '127.5.5.5:9060'").await,
        "Compute node already exists with same host 127.5.5.5 and port 9060"
    );
    for (statement, words) in [
        (
            "DROP BACKEND '127.5.5.9:9050'",
            "backend does not exists[127.5.5.9:9050]",
        ),
        (
            "DROP COMPUTE NODE '127.5.5.9:9050'",
            "compute node does not exists[127.5.5.9:9050]",
        ),
        (
            "DECOMMISSION BACKEND '127.5.5.9:9050'",
            "Backend does not exist[127.5.5.9:9050]",
        ),
        (
            "DECOMMISSION COMPUTE NODE '127.5.5.9:9050'",
            "Getting syntax error at line 1, column 26. Detail message: No viable statement for input \
             'DECOMMISSION COMPUTE'.",
        ),
    ] {
        assert_eq!(host.refusal(&format!("ALTER SYSTEM {statement}")).await, words);
    }
    let row = host.backend("SHOW BACKENDS").await.unwrap();
    assert_eq!(row.0.len(), 30);
    assert!(row.is("BePort", "-1") && row.is("StatusCode", "CONNECTING") && row.is("Version", ""));
    assert_eq!(host.backend("SHOW COMPUTE NODES").await.unwrap().0.len(), 21);
}

/// Observed: an address to a name, and that to another name, without a check. Refusals from the source.
#[tokio::test]
async fn a_backend_is_given_any_name_but_no_other_address() {
    let world = World::new();
    let host = world.founder().await;
    host.sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'")
        .await
        .unwrap();
    assert_eq!(
        host.refusal("ALTER SYSTEM MODIFY BACKEND HOST '127.5.5.5' TO '127.5.5.6'")
            .await,
        "Getting analyzing error. Detail message: Can't change ip to ip."
    );
    assert_eq!(
        host.refusal("ALTER SYSTEM MODIFY BACKEND HOST '127.5.5.9' TO 'be9'")
            .await,
        "backend [127.5.5.9] not found"
    );
    let before = host.backend("SHOW BACKENDS").await.unwrap();
    for (from, to) in [("127.5.5.5", "be1.nowhere"), ("be1.nowhere", "be2.nowhere")] {
        host.sql(&format!("ALTER SYSTEM MODIFY BACKEND HOST '{from}' TO '{to}'"))
            .await
            .unwrap();
        let row = host.backend("SHOW BACKENDS").await.unwrap();
        assert!(
            row.is("IP", to) && row.is("BackendId", before.get("BackendId")),
            "{row:?}"
        );
    }
}

/// The vendor's own way to introduce names: a follower that is down is given one, and comes back under it with its data.
#[tokio::test]
async fn a_member_that_is_down_is_given_a_name_and_comes_back_under_it() {
    let world = World::new();
    let mut leader = world.host(1).await;
    let mut follower = world.host(2).await;
    let names = format!("names = fe2={}", follower.address);
    leader.setting("fe", &names);
    follower.setting("fe", &names);
    follower.setting("fe", "host_name = fe2");
    leader.start_fe(&[]);
    leader.ready().await;
    follower.register(&leader, "FOLLOWER").await;
    follower.start_fe(&["--helper", &leader.edit_log()]);
    follower.ready().await;
    let row = async |host: &str| {
        let rows = leader.frontends().await.ok()?;
        rows.into_iter().find(|row| row.is("IP", host))
    };
    let old = follower.address.to_string();
    let before = eventually("it has joined", async || {
        row(&old).await.filter(|row| row.is("Join", "true"))
    })
    .await;
    // Without it one of two would be left, which is no majority.
    let mut third = world.host(3).await;
    third.setting("fe", &names);
    third.register(&leader, "FOLLOWER").await;
    third.start_fe(&["--helper", &leader.edit_log()]);
    third.ready().await;
    follower.kill_fe().await;
    let renamed = format!("ALTER SYSTEM MODIFY FRONTEND HOST '{old}' TO 'fe2'");
    leader.sql(&renamed).await.unwrap();
    assert!(row(&old).await.is_none());
    follower.start_fe(&["--host_type", "FQDN"]);
    follower.ready().await;
    let after = eventually("it is alive", async || {
        row("fe2").await.filter(|row| row.is("Alive", "true"))
    })
    .await;
    assert!(
        after.is("Name", before.get("Name")) && after.is("Join", "true"),
        "{after:?}"
    );
    assert_eq!(leader.frontends().await.unwrap().len(), 3);
}

/// Observed: DECOMMISSION twice and CANCEL twice are OK each time; an empty BE vanishes by itself 4-16 s later.
#[tokio::test]
async fn a_decommissioned_backend_vanishes_by_itself() {
    let world = World::new();
    let host = world.founder().await;
    host.sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'")
        .await
        .unwrap();
    for statement in [
        "ALTER SYSTEM DECOMMISSION BACKEND '127.5.5.5:9050'",
        "ALTER SYSTEM DECOMMISSION BACKEND '127.5.5.5:9050'",
        "CANCEL DECOMMISSION BACKEND '127.5.5.5:9050'",
        "CANCEL DECOMMISSION BACKEND '127.5.5.5:9050'",
        "ALTER SYSTEM DECOMMISSION BACKEND '127.5.5.5:9050'",
    ] {
        host.sql(statement).await.unwrap();
    }
    eventually("it is gone", async || {
        host.sql("SHOW BACKENDS").await.unwrap().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn brokers_are_refused_in_the_engines_words() {
    let world = World::new();
    let host = world.founder().await;
    host.sql("ALTER SYSTEM ADD BROKER b1 \"127.5.5.5:8000\"")
        .await
        .unwrap();
    host.sql("ALTER SYSTEM ADD BROKER b2 \"127.5.5.5:8000\"")
        .await
        .unwrap();
    host.sql("ALTER SYSTEM ADD BROKER b1 \"nosuchhost.invalid:8000\"")
        .await
        .unwrap();
    for (statement, words) in [
        (
            "ADD BROKER b1 '127.5.5.5:8000'",
            "Broker(127.5.5.5:8000) has already in brokers.",
        ),
        (
            "DROP BROKER b1 '127.5.5.5:8001'",
            "Broker(127.5.5.5:8001) has not in brokers.",
        ),
        ("DROP BROKER nob '127.5.5.5:8000'", "Unknown broker name(nob)"),
    ] {
        assert_eq!(host.refusal(&format!("ALTER SYSTEM {statement}")).await, words);
    }
    let row = host.backend("SHOW BROKER").await.unwrap();
    assert!(row.is("Name", "b1") && row.is("Port", "8000") && row.is("Alive", "false") && row.0.len() == 7);
    host.sql("ALTER SYSTEM DROP ALL BROKER b1").await.unwrap();
    assert_eq!(host.sql("SHOW BROKER").await.unwrap().len(), 1);
}

/// Observed: all ALTER and SHOW FRONTENDS/BACKENDS through a follower or observer are forwarded and work.
#[tokio::test]
async fn every_fe_forwards_to_the_leader() {
    let world = World::new();
    let hosts = world.cluster(2).await;
    let mut observer = world.host(3).await;
    observer.register(&hosts[1], "OBSERVER").await;
    observer.start_fe(&["--helper", &hosts[0].edit_log()]);
    observer.ready().await;
    for through in [&hosts[1], &observer] {
        let at = format!(
            "127.5.5.{}:9050",
            through.address.to_string().split('.').next_back().unwrap()
        );
        through
            .sql(&format!("ALTER SYSTEM ADD BACKEND '{at}'"))
            .await
            .unwrap();
        assert!(
            through
                .frontends()
                .await
                .unwrap()
                .iter()
                .any(|row| row.is("Role", "LEADER"))
        );
        let refused = through.refusal(&format!("ALTER SYSTEM ADD BACKEND '{at}'")).await;
        assert!(refused.starts_with("Backend already exists"), "{refused}");
    }
    assert_eq!(hosts[0].sql("SHOW BACKENDS").await.unwrap().len(), 2);
    assert_eq!(observer.sql("SHOW PROC '/frontends'").await.unwrap().len(), 3);
    assert!(
        hosts[0]
            .sql("SHOW PROC '/'")
            .await
            .unwrap()
            .iter()
            .any(|row| row.is("name", "frontends"))
    );
}

fn code(error: crate::support::Error) -> (u16, String, String) {
    match error {
        mysql_async::Error::Server(error) => (error.code, error.state, error.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_password_is_1045_with_sqlstate_28000_and_a_new_one_holds_everywhere() {
    let world = World::new();
    let hosts = world.cluster(2).await;
    let refused = hosts[0].connect("root", Some("wrong")).await.unwrap_err();
    let words = "Access denied for user 'root' (using password: YES)".to_owned();
    assert_eq!(code(refused), (1045, "28000".to_owned(), words));
    for (n, statement) in [
        "SET PASSWORD = PASSWORD('one')",
        "SET PASSWORD FOR 'root'@'%' = PASSWORD('two')",
        "ALTER USER root IDENTIFIED BY 'three'",
    ]
    .iter()
    .enumerate()
    {
        let old = [None, Some("one"), Some("two")][n];
        let new = ["one", "two", "three"][n];
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
    let (.., text) = code(hosts[0].connect("root", None).await.unwrap_err());
    assert_eq!(text, "Access denied for user 'root' (using password: NO)");
}

/// Observed: cluster_admin without a default role: 5203, and `SET ROLE ALL` then works; SHOW PROC stays refused; a
/// plain user is refused; nobody but root changes root's password.
#[tokio::test]
async fn a_role_that_is_not_active_is_5203_until_set_role_all() {
    let world = World::new();
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

#[tokio::test]
async fn other_errors_carry_the_observed_codes() {
    let world = World::new();
    let host = world.founder().await;
    let of = async |statement: &str| code(host.sql(statement).await.unwrap_err());
    assert_eq!(of("SELECT @@socket").await.2, "Unknown system variable 'socket'");
    assert_eq!(of("SELECT @@socket").await.0, 1193);
    let unknown = of("USE nosuchdb").await;
    assert_eq!((unknown.0, unknown.1.as_str()), (5501, "3F000"));
    let syntax = of("FROBNICATE").await;
    assert_eq!((syntax.0, syntax.1.as_str()), (1064, "HY000"));
    assert!(
        syntax.2.starts_with("Getting syntax error at line 1, column 0."),
        "{}",
        syntax.2
    );
    assert!(
        of("select current_version()")
            .await
            .2
            .starts_with("Backend node not found")
    );
    assert_eq!(host.sql("SELECT 1").await.unwrap()[0].get("1"), "1");
    let comment = host.sql("select @@version_comment limit 1").await.unwrap();
    assert!(comment[0].0.contains_key("@@version_comment"));
}

/// Observed greeting: protocol 10, 8.0.33, charset 33, status 0, 21 bytes of auth data, capabilities 0x38820c; and a
/// client of another plugin is switched to the native one.
#[tokio::test]
async fn the_greeting_is_the_observed_one_byte_by_byte() {
    use tokio::io::AsyncReadExt;
    let world = World::new();
    let host = world.founder().await;
    let mut stream = tokio::net::TcpStream::connect((host.address, 9030))
        .await
        .unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut packet = vec![0; usize::from(head[0])];
    stream.read_exact(&mut packet).await.unwrap();
    assert_eq!(&packet[..8], b"\x0a8.0.33\x00");
    let rest = &packet[8 + 4 + 8 + 1..];
    assert_eq!(u16::from_le_bytes([rest[0], rest[1]]), 0x820c);
    assert_eq!(rest[2], 33);
    assert_eq!(&rest[3..5], [0, 0]);
    assert_eq!(u16::from_le_bytes([rest[5], rest[6]]), 0x38);
    assert_eq!(rest[7], 21);
    assert!(packet.ends_with(b"mysql_native_password\x00"));
}

/// Observed: a dropped observer throws its journal away, says so and lives on: HTTP fine, MySQL without a greeting.
#[tokio::test]
async fn a_dropped_observer_lives_on_and_greets_nobody() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "OBSERVER").await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    host.ready().await;
    leader
        .sql(&format!("ALTER SYSTEM DROP OBSERVER '{}'", host.edit_log()))
        .await
        .unwrap();
    let is_zombie = async |host: &Host| {
        eventually("it is a zombie", async || {
            let words = "!!! DANGER: SKIP JOURNAL, id: ";
            (host.log().contains(words) && host.get("/api/health").await.is_some()).then_some(())
        })
        .await;
        assert!(
            host.get("/api/bootstrap")
                .await
                .unwrap()
                .body
                .contains("\"status\":\"OK\"")
        );
        assert_eq!(host.ha("role").await, "OBSERVER");
        assert_eq!(host.ha("is_ready").await, "true");
        assert!(host.is_open(9030).await);
        let greeted =
            tokio::time::timeout(std::time::Duration::from_millis(300), host.connect("root", None)).await;
        assert!(greeted.is_err(), "it must hang");
    };
    is_zombie(&host).await;
    host.kill_fe().await;
    std::fs::remove_file(host.path("fe/log/fe.log")).unwrap();
    host.start_fe(&[]);
    is_zombie(&host).await;
}

/// Observed: a dropped follower stays with role UNKNOWN; restarted with its data it is DETACHED and its ports stay
/// closed; another ADD does not help, wiping and the helper do.
#[tokio::test]
async fn a_dropped_follower_lives_on_and_never_comes_back_with_its_data() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    let mut host = hosts.pop().unwrap();
    hosts[0]
        .sql(&format!("ALTER SYSTEM DROP FOLLOWER '{}'", host.edit_log()))
        .await
        .unwrap();
    eventually("it is detached", async || {
        (host.ha("role").await == "UNKNOWN").then_some(())
    })
    .await;
    assert_eq!(host.ha("is_ready").await, "true");
    assert!(
        host.get("/api/bootstrap")
            .await
            .unwrap()
            .body
            .contains("\"status\":\"OK\"")
    );
    assert_eq!(
        host.refusal("SHOW FRONTENDS").await,
        "Internal error processing forward"
    );
    host.kill_fe().await;
    host.register(&hosts[0], "FOLLOWER").await;
    host.start_fe(&[]);
    let words = "is no longer a member of the group. It was explicitly removed. HANDSHAKE_ERROR";
    eventually("it says so", async || {
        let log = host.log();
        (log.contains(words) && log.contains("this node is DETACHED")).then_some(())
    })
    .await;
    crate::support::stays(20.0, "it runs, closed", async || {
        host.is_running() && !host.is_open(8030).await
    })
    .await;
    host.kill_fe().await;
    host.wipe();
    host.start_fe(&["--helper", &hosts[0].edit_log()]);
    host.ready().await;
}
