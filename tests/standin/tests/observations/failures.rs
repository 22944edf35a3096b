//! What members and leaders do when others are gone.

use nix::sys::signal::Signal;

use crate::support::{DORIS, Host, Kind, STARROCKS, World, eventually, for_each_engine, leader_of, stays};

for_each_engine!(
    a_killed_leader_is_replaced_and_the_dead_one_is_seen,
    a_silent_leader_is_replaced_after_its_silence,
    the_leader_stopped_in_order_is_replaced_too,
    the_restarted_leader_with_a_follower_as_helper_gives_the_lead_away_or_keeps_it_and_is_ready,
    a_wiped_voter_elects_with_a_member_that_has_no_leader,
);

/// Observed after kill -9 of the leader: a new one after 0.4-1.5 s; the dead one stays Alive=true until the third poll of the
/// new leader, in Doris until its first ping.
async fn a_killed_leader_is_replaced_and_the_dead_one_is_seen(kind: &'static Kind) {
    let world = World::new(kind);
    let mut hosts = world.cluster(3).await;
    let old = hosts[0].address;
    hosts[0].kill_fe().await;
    eventually("another one leads", async || {
        leader_of(&[&hosts[1], &hosts[2]])
            .await
            .filter(|leader| *leader != old)
    })
    .await;
    if !kind.is_doris() {
        let row = hosts[1].row_of(&hosts[0]).await.unwrap();
        assert!(row.is("Alive", "true") && row.is("Role", "FOLLOWER"), "{row:?}");
    }
    let row = eventually("the dead one is seen", async || {
        hosts[1]
            .row_of(&hosts[0])
            .await
            .filter(|row| row.is("Alive", "false") && !row.is("ErrMsg", ""))
    })
    .await;
    let error = kind.pick(
        "Connection refused",
        "java.net.ConnectException: Connection refused",
    );
    assert!(row.is("ErrMsg", error) && row.is("Join", "true"), "{row:?}");
    assert!(row.is("Role", "FOLLOWER") && !kind.leads(&row), "{row:?}");
    assert!(row.is("Version", kind.version), "what was known is kept");
    hosts[0].start_fe(&[]);
    hosts[0].ready().await;
    assert_eq!(hosts[0].ha("role").await, "FOLLOWER");
}

/// Observed: a leader without quorum shows itself as LEADER and everybody as Alive for 42-46 s, then exits 255; ALTER
/// is never answered, the connection is closed after 40 s; SHOW FRONTENDS waits and fails.
#[tokio::test]
async fn a_leader_without_quorum_goes_on_claiming_and_then_exits() {
    let world = World::with(0.05, &STARROCKS);
    let mut hosts = world.cluster(3).await;
    hosts[1].kill_fe().await;
    hosts[2].kill_fe().await;
    let began = tokio::time::Instant::now();
    assert_eq!(hosts[0].ha("role").await, "LEADER");
    assert_eq!(hosts[0].ha("is_ready").await, "true");
    assert!(hosts[0].bootstraps().await);
    let words = "(JE 18.3.20) Commit policy: SIMPLE_MAJORITY required 1 replica. But none were active with this master.";
    assert_eq!(hosts[0].refusal("SHOW FRONTENDS").await, words);
    let lost = hosts[0]
        .sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'")
        .await
        .unwrap_err();
    assert!(
        !matches!(lost, mysql_async::Error::Server(_)),
        "closed without an answer: {lost}"
    );
    assert_eq!(hosts[0].fe_exit().await, Some(255));
    let engine_seconds = began.elapsed().as_secs_f64() / 0.05;
    assert!(engine_seconds > 40.0, "it gave up after {engine_seconds} s");
    assert!(
        hosts[0]
            .read("fe/log/fe.out")
            .contains("failed to begin txn after retried 3 times!")
    );
    // All three come back; nothing is lost.
    for host in &mut hosts[..2] {
        host.start_fe(&[]);
    }
    for host in &hosts[..2] {
        host.ready().await;
    }
    assert_eq!(hosts[1].frontends().await.unwrap().len(), 3);
}

/// Observed in three of three runs: it stays the master, bootstrap and health stay OK, SHOW works, and the dead are seen in the
/// next round; its journal id stands still, and moves again when a follower is back.
#[tokio::test]
async fn a_leader_of_doris_without_quorum_stays_the_leader_and_its_journal_stands_still() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    let journal = async |host: &Host| host.ha("current_journal_id").await.parse::<u64>().unwrap();
    let first = journal(&hosts[0]).await;
    eventually("its journal moves", async || {
        (journal(&hosts[0]).await > first + 1).then_some(())
    })
    .await;
    hosts[1].kill_fe().await;
    hosts[2].kill_fe().await;
    for dead in [1, 2] {
        eventually("the dead are seen", async || {
            let row = hosts[0].row_of(&hosts[dead]).await?;
            row.is("Alive", "false").then_some(())
        })
        .await;
    }
    let before = journal(&hosts[0]).await;
    stays(100.0, "it leads, and its journal stands", async || {
        let host = &hosts[0];
        let still = journal(host).await == before && host.ha("role").await == "MASTER";
        still && host.bootstraps().await && host.is_ready().await
    })
    .await;
    assert_eq!(leader_of(&[&hosts[0]]).await, Some(hosts[0].address));
    // The dead are voters still.
    let voters = hosts[0].ha("electable_nodes").await;
    assert_eq!(voters.split(',').count(), 2, "{voters}");
    // A statement hangs, without an end, and its row is there all the same.
    let mut hanging = Box::pin(hosts[0].sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'"));
    let waited = std::time::Duration::from_secs_f64(60.0 * crate::support::SCALE);
    assert!(tokio::time::timeout(waited, &mut hanging).await.is_err());
    assert_eq!(hosts[0].sql("SHOW BACKENDS").await.unwrap().len(), 1);
    drop(hanging);
    hosts[1].start_fe(&[]);
    hosts[1].ready().await;
    eventually("it goes on", async || {
        (journal(&hosts[0]).await > before + 1).then_some(())
    })
    .await;
    assert_eq!(
        hosts[1].sql("SHOW BACKENDS").await.unwrap().len(),
        1,
        "it is real now"
    );
}

/// Observed: a statement that comes before the leader's own next write takes it down, 255 after 45.5 s; the client loses its
/// connection, and the row is gone after the restart.
#[tokio::test]
async fn a_first_write_without_quorum_ends_a_leader_of_doris() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    // Its rounds write too: it must not come to the next one.
    for host in &mut hosts {
        host.kill_fe().await;
        host.setting("fe", "heartbeat_ms = 60000");
    }
    for host in &mut hosts {
        host.start_fe(&[]);
    }
    for host in &mut hosts {
        host.ready_again().await;
    }
    let others: Vec<&Host> = hosts.iter().collect();
    let leader = eventually("there is a leader", async || leader_of(&others).await).await;
    let leading = hosts.iter().position(|host| host.address == leader).unwrap();
    for (n, host) in hosts.iter_mut().enumerate() {
        if n != leading {
            host.kill_fe().await;
        }
    }
    let lost = hosts[leading]
        .sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'")
        .await
        .unwrap_err();
    assert!(
        !matches!(lost, mysql_async::Error::Server(_)),
        "closed without an answer: {lost}"
    );
    assert_eq!(hosts[leading].fe_exit().await, Some(255));
    let log = hosts[leading].log();
    assert!(
        log.contains("write bdb failed. will exit. the first journalId: "),
        "{log}"
    );
    for host in &mut hosts {
        host.start_fe(&[]);
    }
    for host in &mut hosts {
        host.ready_again().await;
        assert!(host.sql("SHOW BACKENDS").await.unwrap().is_empty());
    }
}

/// Observed: a follower without a leader answers as if all were well for 300 s, then `not ready`, with both ports open.
#[tokio::test]
async fn a_follower_without_a_leader_is_ready_for_300_seconds() {
    let world = World::new(&STARROCKS);
    let mut hosts = world.cluster(2).await;
    hosts[0].kill_fe().await;
    eventually("it knows", async || {
        (hosts[1].ha("role").await == "UNKNOWN").then_some(())
    })
    .await;
    assert!(hosts[1].bootstraps().await);
    assert_eq!(hosts[1].ha("is_ready").await, "true");
    assert_eq!(
        hosts[1].refusal("SHOW FRONTENDS").await,
        "java.net.ConnectException: Connection refused"
    );
    let rows = hosts[1].sql("SHOW PROC '/frontends'").await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row.is("Join", "false") && !row.is("Role", "LEADER")),
        "{rows:?}"
    );
    eventually("then it is not", async || {
        hosts[1]
            .get("/api/bootstrap")
            .await
            .filter(|reply| reply.body.contains("\"msg\":\"not ready\""))
    })
    .await;
    assert_eq!(hosts[1].ha("is_ready").await, "false");
    assert!(
        hosts[1]
            .get("/api/health")
            .await
            .unwrap()
            .body
            .contains("\"status\":\"OK\""),
        "health stays OK"
    );
    let words = hosts[1].refusal("SHOW FRONTENDS").await;
    assert!(
        words.starts_with("(JE 18.3.20) Could not determine master from helpers at:["),
        "{words}"
    );
    assert!(hosts[1].is_running());
}

/// Observed: a follower left alone goes on reading: bootstrap and health OK, SHOW_HA UNKNOWN without any node; what it would
/// forward fails at once, what it shows itself has no master and nobody joined.
#[tokio::test]
async fn a_follower_of_doris_without_a_leader_is_ready_for_ever() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(2).await;
    hosts[0].kill_fe().await;
    eventually("it knows", async || {
        (hosts[1].ha("role").await == "UNKNOWN").then_some(())
    })
    .await;
    stays(400.0, "it is ready", async || {
        hosts[1].bootstraps().await && hosts[1].is_ready().await
    })
    .await;
    for (field, value) in [
        ("master", "unknown"),
        ("is_ready", "true"),
        ("can_read", "true"),
        ("electable_nodes", ""),
        ("observer_nodes", ""),
    ] {
        assert_eq!(hosts[1].ha(field).await, value, "{field}");
    }
    for statement in ["SHOW FRONTENDS", "ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'"] {
        assert_eq!(
            hosts[1].refusal(statement).await,
            "Exception, msg: Failed to get master client."
        );
    }
    let mut connection = hosts[1].connect("root", None).await.unwrap();
    for statement in ["SET forward_to_master = false", "SHOW FRONTENDS"] {
        let rows = crate::support::ask(&mut connection, statement).await.unwrap();
        assert!(
            rows.iter()
                .all(|row| row.is("Join", "false") && row.is("IsMaster", "false")),
            "{rows:?}"
        );
    }
    // Members still learn what they need for coming back.
    let role = hosts[1]
        .asked_by(&hosts[0], &format!("/role?host={}&port=9010", hosts[0].address))
        .await
        .unwrap();
    assert!(role.head.contains("role: FOLLOWER"), "{}", role.head);
}

/// A process that is stopped is as silent as a cut cable. Observed: followers UNKNOWN after 30 s, a new leader after
/// 40 s, SHOW FRONTENDS and SHOW_HA hang meanwhile; the old one is not a leader for anybody when it is back. The one of Doris
/// ends 15-23 s after that.
async fn a_silent_leader_is_replaced_after_its_silence(kind: &'static Kind) {
    let world = World::with(0.07, kind);
    let mut hosts = world.cluster(3).await;
    let old = hosts[0].address;
    hosts[0].signal(Signal::SIGSTOP);
    let began = tokio::time::Instant::now();
    assert!(hosts[1].bootstraps().await);
    if kind.is_doris() {
        let asked = tokio::time::timeout(std::time::Duration::from_millis(400), hosts[1].ha("role"));
        assert!(asked.await.is_err(), "SHOW_HA hangs");
        let role = format!("/role?host={old}&port=9010");
        assert!(
            hosts[1].asked_by(&hosts[2], &role).await.is_some(),
            "/role does not"
        );
    }
    eventually("another one leads", async || {
        for host in &hosts[1..] {
            if tokio::time::timeout(std::time::Duration::from_secs(5), host.ha("role"))
                .await
                .ok()?
                == kind.leader
            {
                return Some(());
            }
        }
        None
    })
    .await;
    let seconds = began.elapsed().as_secs_f64() / 0.07;
    assert!(seconds > 30.0, "already after {seconds} s");
    hosts[0].signal(Signal::SIGCONT);
    let others: Vec<&Host> = hosts[1..].iter().collect();
    stays(20.0, "the new one goes on", async || {
        leader_of(&others).await.is_some_and(|leader| leader != old)
    })
    .await;
    if kind.is_doris() {
        assert_eq!(hosts[0].fe_exit().await, Some(255));
        let words = "transfer FE type from MASTER to UNKNOWN. exit";
        assert!(hosts[0].log().contains(words), "{}", hosts[0].log());
        hosts[0].start_fe(&[]);
        hosts[0].ready().await;
        assert_eq!(hosts[0].ha("role").await, "FOLLOWER");
    }
}

async fn the_leader_stopped_in_order_is_replaced_too(kind: &'static Kind) {
    let world = World::new(kind);
    let mut hosts = world.cluster(3).await;
    let old = hosts[0].address;
    hosts[0].signal(Signal::SIGTERM);
    assert_eq!(hosts[0].fe_exit().await, Some(143));
    eventually("another one leads", async || {
        leader_of(&[&hosts[1], &hosts[2]])
            .await
            .filter(|leader| *leader != old)
    })
    .await;
}

/// Observed: SIGUSR1 to the leader of three: `not ready` and health 500 at once, no new leader for 16 s, exit 0.
#[tokio::test]
async fn a_graceful_exit_leaves_the_cluster_without_a_leader_for_16_seconds() {
    let world = World::with(0.05, &STARROCKS);
    let mut hosts = world.cluster(3).await;
    hosts[0].signal(Signal::SIGUSR1);
    eventually("it is leaving", async || {
        hosts[0]
            .get("/api/health")
            .await
            .filter(|reply| reply.status == 500)
    })
    .await;
    assert!(
        hosts[0]
            .get("/api/bootstrap")
            .await
            .unwrap()
            .body
            .contains("\"msg\":\"not ready\"")
    );
    assert_eq!(
        hosts[1].refusal("SHOW FRONTENDS").await,
        "forward failed: unknown result"
    );
    assert_eq!(hosts[0].fe_exit().await, Some(0));
    let old = hosts[0].address;
    eventually("another one leads", async || {
        leader_of(&[&hosts[1], &hosts[2]])
            .await
            .filter(|leader| *leader != old)
    })
    .await;
}

#[tokio::test]
async fn a_graceful_exit_is_refused_to_a_single_one_with_255() {
    let world = World::new(&STARROCKS);
    let mut host = world.founder().await;
    host.signal(Signal::SIGUSR1);
    assert_eq!(host.fe_exit().await, Some(255));
    assert!(
        host.log()
            .contains("cannot match graceful exit condition, and can only exit forcefully.")
    );
}

async fn the_restarted_leader_with_a_follower_as_helper_gives_the_lead_away_or_keeps_it_and_is_ready(
    kind: &'static Kind,
) {
    let world = World::new(kind);
    let mut hosts = world.cluster(3).await;
    let helper = hosts[1].edit_log();
    hosts[0].kill_fe().await;
    hosts[0].start_fe(&["--helper", &helper]);
    hosts[0].ready().await;
    eventually("someone leads all three", async || {
        let rows = hosts[0].frontends().await.ok()?;
        (rows.iter().filter(|row| kind.leads(row)).count() == 1 && rows.len() == 3).then_some(())
    })
    .await;
}

/// Observed in both versions: a wiped voter whose helper answers and has no leader copies that one's log, and the two elect. What
/// the helper does not have is gone: the stories of the nemesis show that, where hosts can be cut off.
async fn a_wiped_voter_elects_with_a_member_that_has_no_leader(kind: &'static Kind) {
    let world = World::new(kind);
    let mut hosts = world.cluster(3).await;
    hosts[2].kill_fe().await;
    hosts[0].kill_fe().await;
    hosts[2].wipe();
    let helper = hosts[1].edit_log();
    hosts[2].start_fe(&["--helper", &helper]);
    hosts[2].ready().await;
    hosts[0].start_fe(&[]);
    hosts[0].ready().await;
    assert_eq!(hosts[0].ha("role").await, "FOLLOWER");
}
