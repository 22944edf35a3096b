//! Members that are dropped, and what they and the others make of it.

use crate::support::{DORIS, Host, STARROCKS, World, eventually};

/// Observed: a dropped observer throws its journal away, says so and lives on: HTTP fine, MySQL without a greeting.
#[tokio::test]
async fn a_dropped_observer_lives_on_and_greets_nobody() {
    let world = World::new(&STARROCKS);
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
        assert!(host.bootstraps().await);
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
    let world = World::new(&STARROCKS);
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
    assert!(host.bootstraps().await);
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
        host.is_running() && !host.serves_http().await
    })
    .await;
    host.kill_fe().await;
    host.wipe();
    host.start_fe(&["--helper", &hosts[0].edit_log()]);
    host.ready().await;
}

/// Observed: one that runs ends by itself within a second, 255; restarted with its data it ends 255 after three tries, added
/// again or not, with a helper or not; wiping and the helper do help.
#[tokio::test]
async fn a_dropped_member_of_doris_ends_and_never_comes_back_with_its_data() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    let mut observer = world.host(4).await;
    observer.register(&hosts[0], "OBSERVER").await;
    observer.start_fe(&["--helper", &hosts[0].edit_log()]);
    observer.ready().await;
    let helper = hosts[0].edit_log();
    let mut follower = hosts.pop().unwrap();
    for (host, role) in [(&mut observer, "OBSERVER"), (&mut follower, "FOLLOWER")] {
        let drop = format!("ALTER SYSTEM DROP {role} '{}'", host.edit_log());
        hosts[0].sql(&drop).await.unwrap();
        assert_eq!(host.fe_exit().await, Some(255));
        let words = format!(
            ", role: {role}, {}, is alive: false is removed. will exit",
            host.edit_log()
        );
        assert!(host.log().contains(&words), "{}", host.log());
    }
    let gone = ") is no longer a member of the group. It was explicitly removed. HANDSHAKE_ERROR";
    assert_eq!(follower.fe_ends(&[]).await, Some(255));
    assert!(follower.log().contains(gone), "{}", follower.log());
    follower.register(&hosts[0], "FOLLOWER").await;
    for arguments in [&[][..], &["--helper", &helper]] {
        assert_eq!(follower.fe_ends(arguments).await, Some(255), "{arguments:?}");
    }
    assert_eq!(follower.log().matches(gone).count(), 6, "in fe.log and in fe.out");
    follower.wipe();
    follower.start_fe(&["--helper", &helper]);
    follower.ready().await;
}

/// Observed: refused while the cluster knows that it is alive and needed; not refused within the round in which it does not know
/// yet that another one died, and then the statement hangs, and the leader ends; a dead one of three is dropped.
#[tokio::test]
async fn a_living_follower_of_doris_is_not_dropped_if_the_majority_needs_it() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    let drop = |host: &Host| format!("ALTER SYSTEM DROP FOLLOWER '{}'", host.edit_log());
    hosts[1].kill_fe().await;
    eventually("it is seen", async || {
        let row = hosts[0].row_of(&hosts[1]).await?;
        row.is("Alive", "false").then_some(())
    })
    .await;
    let words = DORIS.says(
        "Unable to drop this alive follower, because the quorum requirements are not met after this command execution. \
         Current num alive followers 2, num followers 3, majority after execution 2",
    );
    assert_eq!(hosts[0].refusal(&drop(&hosts[2])).await, words);
    hosts[0].sql(&drop(&hosts[1])).await.unwrap();
    hosts[0]
        .sql("ALTER SYSTEM ADD BACKEND '127.5.5.5:9050'")
        .await
        .unwrap();
}
