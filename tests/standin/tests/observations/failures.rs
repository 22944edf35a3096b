//! What members and leaders do when others are gone.

use nix::sys::signal::Signal;

use crate::support::{Host, World, eventually, leader_of, stays};

/// Observed after kill -9 of the leader: a new one after 0.4-1.5 s; SHOW FRONTENDS fails at once meanwhile; the dead
/// one stays Alive=true until the third poll of the new leader.
#[tokio::test]
async fn a_killed_leader_is_replaced_and_stays_alive_for_three_rounds() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    let old = hosts[0].address;
    hosts[0].kill_fe().await;
    eventually("another one leads", async || {
        leader_of(&[&hosts[1], &hosts[2]])
            .await
            .filter(|leader| *leader != old)
    })
    .await;
    let row = hosts[1].row_of(&hosts[0]).await.unwrap();
    assert!(row.is("Alive", "true") && row.is("Role", "FOLLOWER"), "{row:?}");
    let row = eventually("the dead one is seen", async || {
        hosts[1]
            .row_of(&hosts[0])
            .await
            .filter(|row| row.is("Alive", "false"))
    })
    .await;
    assert!(
        row.is("ErrMsg", "Connection refused") && row.is("Join", "true"),
        "{row:?}"
    );
    assert!(row.is("Version", "3.5.0-0be11fd"), "what was known is kept");
    hosts[0].start_fe(&[]);
    hosts[0].ready().await;
    assert_eq!(hosts[0].ha("role").await, "FOLLOWER");
}

/// Observed: a leader without quorum shows itself as LEADER and everybody as Alive for 42-46 s, then exits 255; ALTER
/// is never answered, the connection is closed after 40 s; SHOW FRONTENDS waits and fails.
#[tokio::test]
async fn a_leader_without_quorum_goes_on_claiming_and_then_exits() {
    let world = World::with(0.05, "starrocks-3.5");
    let mut hosts = world.cluster(3).await;
    hosts[1].kill_fe().await;
    hosts[2].kill_fe().await;
    let began = tokio::time::Instant::now();
    assert_eq!(hosts[0].ha("role").await, "LEADER");
    assert_eq!(hosts[0].ha("is_ready").await, "true");
    assert!(
        hosts[0]
            .get("/api/bootstrap")
            .await
            .unwrap()
            .body
            .contains("\"status\":\"OK\"")
    );
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

/// Observed: a follower without a leader answers as if all were well for 300 s, then `not ready`, with both ports open.
#[tokio::test]
async fn a_follower_without_a_leader_is_ready_for_300_seconds() {
    let world = World::new();
    let mut hosts = world.cluster(2).await;
    hosts[0].kill_fe().await;
    eventually("it knows", async || {
        (hosts[1].ha("role").await == "UNKNOWN").then_some(())
    })
    .await;
    assert!(
        hosts[1]
            .get("/api/bootstrap")
            .await
            .unwrap()
            .body
            .contains("\"status\":\"OK\"")
    );
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

/// A process that is stopped is as silent as a cut cable. Observed: followers UNKNOWN after 30 s, a new leader after
/// 40 s, SHOW FRONTENDS hangs meanwhile; the old one is not a leader for anybody when it is back.
#[tokio::test]
async fn a_silent_leader_is_replaced_after_its_silence() {
    let world = World::with(0.07, "starrocks-3.5");
    let hosts = world.cluster(3).await;
    let old = hosts[0].address;
    hosts[0].signal(Signal::SIGSTOP);
    let began = tokio::time::Instant::now();
    assert!(
        hosts[1]
            .get("/api/bootstrap")
            .await
            .unwrap()
            .body
            .contains("\"status\":\"OK\"")
    );
    eventually("another one leads", async || {
        for host in &hosts[1..] {
            if tokio::time::timeout(std::time::Duration::from_secs(5), host.ha("role"))
                .await
                .ok()?
                == "LEADER"
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
}

#[tokio::test]
async fn the_leader_stopped_in_order_is_replaced_too() {
    let world = World::new();
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
    let world = World::with(0.05, "starrocks-3.5");
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
    let world = World::new();
    let mut host = world.founder().await;
    host.signal(Signal::SIGUSR1);
    assert_eq!(host.fe_exit().await, Some(255));
    assert!(
        host.log()
            .contains("cannot match graceful exit condition, and can only exit forcefully.")
    );
}

#[tokio::test]
async fn the_restarted_leader_with_a_follower_as_helper_gives_the_lead_away_or_keeps_it_and_is_ready() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    let helper = hosts[1].edit_log();
    hosts[0].kill_fe().await;
    hosts[0].start_fe(&["--helper", &helper]);
    hosts[0].ready().await;
    eventually("someone leads all three", async || {
        let rows = hosts[0].frontends().await.ok()?;
        (rows.iter().filter(|row| row.is("Role", "LEADER")).count() == 1 && rows.len() == 3).then_some(())
    })
    .await;
}

/// Observed in both versions: a wiped voter whose helper answers and has no leader copies that one's log, and the two elect. What
/// the helper does not have is gone: the stories of the nemesis show that, where hosts can be cut off.
#[tokio::test]
async fn a_wiped_voter_elects_with_a_member_that_has_no_leader() {
    let world = World::new();
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
