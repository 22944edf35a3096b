//! The membership statements and their refusals, word for word.

use crate::support::{
    DORIS, DORIS_21, DORIS_30, Host, Kind, OLD_STARROCKS, STARROCKS, World, ask, eventually, for_each_engine,
};

pub(crate) const ANALYZING: &str = "Getting analyzing error. Detail message:";

for_each_engine!(
    show_frontends_has_the_columns_of_its_version_and_nulls_where_seen,
    frontends_are_refused_in_the_engines_words,
    nodes_are_refused_in_the_engines_words_and_a_failing_list_adds_nothing,
    a_decommissioned_backend_vanishes_by_itself,
    brokers_are_refused_in_the_engines_words,
    every_fe_forwards_to_the_leader,
);

/// Whether a text is as observed; `*` stands for what differs from run to run.
fn fits(text: &str, observed: &str) -> bool {
    let Some((before, after)) = observed.split_once('*') else {
        return text == observed;
    };
    let next = after.split('*').next().unwrap_or_default();
    text.strip_prefix(before).is_some_and(|rest| {
        after.is_empty()
            || rest
                .match_indices(next)
                .any(|(at, _)| fits(rest.split_at(at).1, after))
    })
}

/// A statement, and what each engine says to it; `None` is OK.
pub(crate) type Said<'s> = (&'s str, Option<&'s str>, Option<&'s str>);

pub(crate) async fn says(host: &Host, table: &[Said<'_>]) {
    for (statement, starrocks, doris) in table {
        let own = host.address.to_string();
        let statement = format!("ALTER SYSTEM {}", statement.replace("{own}", &own));
        match host.kind.pick(starrocks, doris) {
            None => drop(host.sql(&statement).await.unwrap()),
            Some(words) => {
                let words = host.kind.says(&words.replace("{own}", &own));
                let said = host.refusal(&statement).await;
                assert!(fits(&said, &words), "{statement}: {said:?}, not {words:?}");
            }
        }
    }
}

async fn show_frontends_has_the_columns_of_its_version_and_nulls_where_seen(kind: &'static Kind) {
    let world = World::new(kind);
    let mut host = world.host(1).await;
    // One round, about itself: the next would write into the new row.
    host.setting("fe", "heartbeat_ms = 60000");
    host.start_fe(&[]);
    host.ready().await;
    eventually("it is alive", async || {
        let rows = host.frontends().await.ok()?;
        rows[0].is("Alive", "true").then_some(())
    })
    .await;
    host.sql("ALTER SYSTEM ADD FOLLOWER '127.5.5.5:9010'")
        .await
        .unwrap();
    let rows = host.frontends().await.unwrap();
    let new = rows.iter().find(|row| row.is(kind.host, "127.5.5.5")).unwrap();
    let both = [
        ("HttpPort", "8030"),
        ("QueryPort", "0"),
        ("RpcPort", "0"),
        ("Role", "FOLLOWER"),
        ("Join", "false"),
        ("Alive", "false"),
        ("IsHelper", "true"),
        ("ErrMsg", ""),
        ("LastHeartbeat", "NULL"),
        ("Version", "NULL"),
        ("ReplayedJournalId", "0"),
    ];
    let more = kind.pick(
        &[("Id", "2"), ("StartTime", "NULL")][..],
        &[
            ("ArrowFlightSqlPort", "0"),
            ("IsMaster", "false"),
            ("LastStartTime", "NULL"),
            ("LiveSince", "NULL"),
            ("CurrentConnected", "No"),
        ][..],
    );
    for (column, value) in both.iter().chain(more) {
        assert!(new.is(column, value), "{column}: {new:?}");
    }
    assert!(new.get("Name").starts_with(kind.pick("127.5.5.5_9010_", "fe_")));
    let own = rows.iter().find(|row| kind.leads(row)).unwrap();
    assert_eq!(own.0.len(), kind.pick(17, 20));
    let more = kind.pick(
        &[("Role", "LEADER")][..],
        &[
            ("Role", "FOLLOWER"),
            ("IsMaster", "true"),
            ("ArrowFlightSqlPort", "8070"),
            ("CurrentConnected", "Yes"),
        ][..],
    );
    let both = [("Version", kind.version), ("Alive", "true"), ("Join", "true")];
    for (column, value) in both.iter().chain(more) {
        assert!(own.is(column, value), "{column}: {own:?}");
    }
}

#[tokio::test]
async fn the_old_profile_has_no_id_column_and_needs_a_backend_for_every_select() {
    let world = World::new(&OLD_STARROCKS);
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

/// Source: the columns of 2.1, 3.0 and 4.0; unset times are two characters before 4.0, and SQL NULL there (observed).
#[tokio::test]
async fn the_versions_of_doris_differ_in_columns_and_in_what_an_unset_time_is() {
    let versions: [(&'static Kind, usize, usize, &str); 3] = [
        (&DORIS_21, 19, 25, "\\N"),
        (&DORIS_30, 19, 27, "\\N"),
        (&DORIS, 20, 29, "NULL"),
    ];
    for (kind, frontends, backends, unset) in versions {
        let world = World::new(kind);
        let host = world.founder().await;
        for what in ["FOLLOWER '127.5.5.5:9010'", "BACKEND '127.5.5.5:9050'"] {
            host.sql(&format!("ALTER SYSTEM ADD {what}")).await.unwrap();
        }
        let rows = host.frontends().await.unwrap();
        let new = rows.iter().find(|row| row.is("Host", "127.5.5.5")).unwrap();
        assert_eq!(new.0.len(), frontends, "{}", kind.profile);
        assert!(
            new.is("LastHeartbeat", unset) && new.is("LastStartTime", unset),
            "{new:?}"
        );
        let own = rows.iter().find(|row| row.is("IsMaster", "true")).unwrap();
        assert_eq!(own.is("ArrowFlightSqlPort", "8070"), frontends == 20, "{own:?}");
        let row = host.backend("SHOW BACKENDS").await.unwrap();
        assert_eq!(row.0.len(), backends, "{}", kind.profile);
        assert!(row.is("LastHeartbeat", unset) && row.is("Tag", "{\"location\" : \"default\"}"));
        let trash = if backends == 25 {
            "TrashUsedCapcacity"
        } else {
            "TrashUsedCapacity"
        };
        assert!(row.0.contains_key(trash), "{row:?}");
    }
}

async fn frontends_are_refused_in_the_engines_words(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    let there = "FE with the same host: 127.5.5.5 already exists";
    let same = "frontend already exists name: fe_*, role: FOLLOWER, 127.5.5.5:9010, is alive: false";
    let table = [
        ("ADD FOLLOWER \"127.5.5.5:9010\"", None, None),
        ("ADD FOLLOWER '127.5.5.5:9010'", Some(there), Some(same)),
        ("ADD FOLLOWER '127.5.5.5:9011'", Some(there), None),
        ("ADD OBSERVER '127.5.5.5:9010'", Some(there), Some(same)),
        (
            "ADD FOLLOWER '{own}:9010'",
            Some("FE with the same host: {own} already exists"),
            Some("frontend already exists name: fe_*, role: FOLLOWER, {own}:9010, is alive: true"),
        ),
        // Doris keeps what it is told.
        (
            "ADD FOLLOWER 'nosuchhost.invalid:9010'",
            Some(
                "Getting analyzing error. Detail message: Unknown host: nosuchhost.invalid: Name or service not known.",
            ),
            None,
        ),
        (
            "ADD FOLLOWER '10.77.0.13'",
            Some("Getting analyzing error. Detail message: Invalid host port: 10.77.0.13."),
            Some("invalid host port: 10.77.0.13"),
        ),
        (
            "ADD FOLLOWER '10.77.0.13:99999'",
            Some(
                "Getting analyzing error. Detail message: Encounter unknown exception: Getting analyzing error. \
                 Detail message: Port is out of range: 99999..",
            ),
            Some("Encounter unknown exception: errCode = 2, detailMessage = Port is out of range: 99999"),
        ),
        (
            "ADD FOLLOWER ':9010'",
            Some("Getting analyzing error. Detail message: Host is null."),
            Some("Host is null"),
        ),
        (
            "DROP OBSERVER '127.5.5.5:9010'",
            Some("OBSERVER does not exist[127.5.5.5:9010]"),
            Some("OBSERVER does not exist[127.5.5.5:9010]"),
        ),
        (
            "DROP FOLLOWER 'fe3:9010'",
            Some("frontend does not exist[fe3:9010]"),
            Some("frontend does not exist[fe3:9010]"),
        ),
        (
            "DROP FOLLOWER '{own}:9010'",
            Some("can not drop current master node."),
            Some("can not drop current master node."),
        ),
        // Accepted, though it is this very host under another address.
        ("ADD FOLLOWER '127.0.0.1:9010'", None, None),
        ("DROP FOLLOWER '127.5.5.5:9010'", None, None),
        (
            "DROP FOLLOWER '127.5.5.5:9010'",
            Some("frontend does not exist[127.5.5.5:9010]"),
            Some("frontend does not exist[127.5.5.5:9010]"),
        ),
    ];
    says(&host, &table).await;
}

/// Observed: each of these is taken as it is given, but for blanks and the brackets of an IPv6 address.
#[tokio::test]
async fn doris_stores_hosts_as_they_are_given() {
    let world = World::new(&DORIS);
    let host = world.founder().await;
    let table = [
        ("ADD OBSERVER 'a b:9010'", None, None),
        ("ADD OBSERVER '[fd00::1]:9010'", None, None),
        ("ADD OBSERVER 'nosuchhost.invalid:9010'", None, None),
        (
            "DROP OBSERVER 'fd00::1:9010'",
            None,
            Some("invalid host port: fd00::1:9010"),
        ),
        (
            "MODIFY FRONTEND '10.78.0.77:9010' HOSTNAME 'x'",
            None,
            Some("frontend does not exist, host:10.78.0.77"),
        ),
        // A member that is down: a name in IP mode, an address as a name.
        (
            "MODIFY FRONTEND 'nosuchhost.invalid:9010' HOSTNAME '127.5.5.7'",
            None,
            None,
        ),
    ];
    says(&host, &table).await;
    let rows = host.frontends().await.unwrap();
    let mut hosts: Vec<&str> = rows.iter().map(|row| row.get("Host")).collect();
    hosts.sort_unstable();
    let own = host.address.to_string();
    let mut expected = [own.as_str(), "127.5.5.7", "ab", "fd00::1"];
    expected.sort_unstable();
    assert_eq!(hosts, expected);
    says(&host, &[("DROP OBSERVER '[fd00::1]:9010'", None, None)]).await;
}

/// Observed: ADD OBSERVER by name is stored as an address; DROP by that name does not find it.
#[tokio::test]
async fn in_ip_mode_a_name_is_stored_as_its_address() {
    let world = World::new(&STARROCKS);
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

async fn nodes_are_refused_in_the_engines_words_and_a_failing_list_adds_nothing(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    let there = Some("Backend already exists with same host 127.5.5.5 and port 9050");
    let same = Some("Same backend already exists[127.5.5.5:9050]");
    let no_alternative = Some("\nno viable alternative at input 'ADD COMPUTE'(line 1, pos 17)\n");
    let table = [
        ("ADD BACKEND '127.5.5.5:9050'", None, None),
        ("ADD BACKEND '127.5.5.5:9050'", there, same),
        ("ADD COMPUTE NODE '127.5.5.5:9050'", there, no_alternative),
        ("ADD BACKEND '127.5.5.6:9050', '127.5.5.5:9050'", there, same),
    ];
    says(&host, &table).await;
    let rows = host.sql("SHOW BACKENDS").await.unwrap();
    assert_eq!(rows.len(), 1, "nothing of the list was added");
    let missing = Some("Backend does not exist[127.5.5.9:9050]");
    let table = [
        ("ADD BACKEND '127.5.5.5:9051'", None, None),
        ("ADD COMPUTE NODE '127.5.5.5:9060'", None, no_alternative),
        (
            "ADD BACKEND '127.5.5.5:9060'",
            Some("Compute node already exists with same host 127.5.5.5 and port 9060"),
            None,
        ),
        (
            "DROP BACKEND '127.5.5.9:9050'",
            Some("backend does not exists[127.5.5.9:9050]"),
            Some(
                "It is highly NOT RECOMMENDED to use DROP BACKEND stmt.It is not safe to directly drop a backend. All \
                 data on this backend will be discarded permanently. If you insist, use DROPP instead of DROP",
            ),
        ),
        (
            "DROP COMPUTE NODE '127.5.5.9:9050'",
            Some("compute node does not exists[127.5.5.9:9050]"),
            Some("\nno viable alternative at input 'DROP COMPUTE'*"),
        ),
        ("DECOMMISSION BACKEND '127.5.5.9:9050'", missing, missing),
        (
            "DECOMMISSION COMPUTE NODE '127.5.5.9:9050'",
            Some(
                "Getting syntax error at line 1, column 26. Detail message: No viable statement for input \
                 'DECOMMISSION COMPUTE'.",
            ),
            Some("\nmismatched input 'COMPUTE' expecting 'BACKEND'(line 1, pos 26)\n"),
        ),
    ];
    says(&host, &table).await;
    let row = host.backend("SHOW BACKENDS").await.unwrap();
    assert_eq!(row.0.len(), kind.pick(30, 29));
    let status = kind.pick(("StatusCode", "CONNECTING"), ("HeartbeatFailureCounter", "*"));
    assert!(row.is("BePort", "-1") && row.is("Version", "") && fits(row.get(status.0), status.1));
    if !kind.is_doris() {
        let row = host.backend("SHOW COMPUTE NODES").await.unwrap();
        assert_eq!(row.0.len(), 21);
    }
}

/// Observed: two equal ones in one statement are two rows; properties that are not known are passed over; DROPP takes an id.
#[tokio::test]
async fn backends_of_doris_are_added_with_properties_and_dropped_by_dropp() {
    let world = World::new(&DORIS);
    let host = world.founder().await;
    let table = [
        ("ADD BACKEND '127.5.5.1:9050', '127.5.5.1:9050'", None, None),
        (
            "ADD BACKEND '127.5.5.2:9050' PROPERTIES (\"foo\" = \"bar\")",
            None,
            None,
        ),
        (
            "ADD BACKEND '127.5.5.3:9050' PROPERTIES (\"tag.location\" = \"group_a\")",
            None,
            None,
        ),
        (
            "DROPP BACKEND '127.5.5.1:9051'",
            None,
            Some("backend does not exists[127.5.5.1:9051]"),
        ),
        ("DROPP BACKEND '123'", None, Some("backend does not exists[123]")),
        (
            "MODIFY BACKEND '127.5.5.3:9050' HOSTNAME 'be1.invalid'",
            None,
            Some("Unknown hostname:  be1.invalid: Temporary failure in name resolution"),
        ),
    ];
    says(&host, &table).await;
    let rows = host.sql("SHOW BACKENDS").await.unwrap();
    assert_eq!(rows.len(), 4);
    assert!(rows[2].is("Tag", "{\"location\" : \"default\"}"), "{rows:?}");
    assert!(rows[3].is("Tag", "{\"location\" : \"group_a\"}"), "{rows:?}");
    let id = rows[3].get("BackendId");
    for dropped in [format!("'{id}'"), "'127.5.5.2:9050'".to_owned()] {
        host.sql(&format!("ALTER SYSTEM DROPP BACKEND {dropped}"))
            .await
            .unwrap();
    }
    assert_eq!(host.sql("SHOW BACKENDS").await.unwrap().len(), 2);
}

/// Observed: DECOMMISSION twice and CANCEL twice are OK each time; an empty BE vanishes by itself 4-16 s later. In Doris from
/// the source, for one that was never there.
async fn a_decommissioned_backend_vanishes_by_itself(kind: &'static Kind) {
    let world = World::new(kind);
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

async fn brokers_are_refused_in_the_engines_words(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    let same = |words| (Some(words), Some(words));
    let (there, missing, unknown) = (
        same("Broker(127.5.5.5:8000) has already in brokers."),
        same("Broker(127.5.5.5:8001) has not in brokers."),
        same("Unknown broker name(nob)"),
    );
    let table = [
        ("ADD BROKER b1 \"127.5.5.5:8000\"", None, None),
        ("ADD BROKER b2 \"127.5.5.5:8000\"", None, None),
        ("ADD BROKER b1 \"nosuchhost.invalid:8000\"", None, None),
        ("ADD BROKER b1 '127.5.5.5:8000'", there.0, there.1),
        ("DROP BROKER b1 '127.5.5.5:8001'", missing.0, missing.1),
        ("DROP BROKER nob '127.5.5.5:8000'", unknown.0, unknown.1),
    ];
    says(&host, &table).await;
    let row = host.backend("SHOW BROKER").await.unwrap();
    assert!(row.is("Name", "b1") && row.is("Port", "8000") && row.is("Alive", "false") && row.0.len() == 7);
    assert!(
        row.is(kind.host, "127.5.5.5") && row.is("LastStartTime", "NULL"),
        "{row:?}"
    );
    host.sql("ALTER SYSTEM DROP ALL BROKER b1").await.unwrap();
    assert_eq!(host.sql("SHOW BROKER").await.unwrap().len(), 1);
}

/// Observed: all ALTER and SHOW FRONTENDS/BACKENDS through a follower or observer are forwarded and work.
async fn every_fe_forwards_to_the_leader(kind: &'static Kind) {
    let world = World::new(kind);
    let hosts = world.cluster(2).await;
    let mut observer = world.host(3).await;
    observer.register(&hosts[1], "OBSERVER").await;
    observer.start_fe(&["--helper", &hosts[0].edit_log()]);
    observer.ready().await;
    let exists = kind.says(kind.pick("Backend already exists", "Same backend already exists"));
    for through in [&hosts[1], &observer] {
        let at = format!(
            "127.5.5.{}:9050",
            through.address.to_string().split('.').next_back().unwrap()
        );
        through
            .sql(&format!("ALTER SYSTEM ADD BACKEND '{at}'"))
            .await
            .unwrap();
        let rows = through.frontends().await.unwrap();
        assert!(rows.iter().any(|row| kind.leads(row)));
        if kind.is_doris() {
            let own = rows.iter().find(|row| row.is("CurrentConnected", "Yes")).unwrap();
            assert!(own.is("Host", &through.address.to_string()), "{own:?}");
        }
        let refused = through.refusal(&format!("ALTER SYSTEM ADD BACKEND '{at}'")).await;
        assert!(refused.starts_with(&exists), "{refused}");
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

/// Observed: with `forward_to_master=false` a follower shows what it knows itself: why another FE is dead it does not.
#[tokio::test]
async fn a_follower_of_doris_shows_its_own_list_if_it_is_told_to() {
    let world = World::new(&DORIS);
    let hosts = world.cluster(2).await;
    let never = world.host(9).await;
    never.register(&hosts[0], "OBSERVER").await;
    let error = async |own: bool| {
        let mut connection = hosts[1].connect("root", None).await.ok()?;
        if own {
            ask(&mut connection, "SET forward_to_master = false").await.ok()?;
        }
        let rows = ask(&mut connection, "SHOW FRONTENDS").await.ok()?;
        let row = rows
            .into_iter()
            .find(|row| row.is("Host", &never.address.to_string()))?;
        Some(row.get("ErrMsg").to_owned()).filter(|error| !error.is_empty())
    };
    for (own, words) in [
        (false, "java.net.ConnectException: Connection refused"),
        (true, "Unknown error"),
    ] {
        assert_eq!(eventually("it is dead", async || error(own).await).await, words);
    }
}
