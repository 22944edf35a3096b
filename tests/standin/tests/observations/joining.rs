//! Joining by helper, and what is left of a joiner that was killed on the way.

use crate::support::{Host, World, eventually, eventually_or, stays};

async fn checkpoint(leader: &Host) {
    leader.sql("ALTER SYSTEM CREATE IMAGE").await.unwrap();
}

/// A registered follower that was killed at a point of its first start.
async fn killed_joiner(world: &World, leader: &Host, n: u8, point: &str) -> Host {
    let mut host = world.host(n).await;
    host.register(leader, "FOLLOWER").await;
    host.fe_killed_at(point, &["--helper", &leader.edit_log()]).await;
    host
}

/// Observed: 400 `invalid client host.`, the WARN each 5 s for ever, the meta dir stays empty; an ADD made later is
/// picked up within 5 s.
#[tokio::test]
async fn an_unregistered_joiner_loops_and_is_ready_after_a_later_add() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    eventually_or(
        "it loops",
        || host.log(),
        async || {
            (host
                .log()
                .matches("current node is not added to the group. please add it first.")
                .count()
                > 2)
            .then_some(())
        },
    )
    .await;
    assert!(!host.path("fe/meta/image").exists(), "the meta dir stays empty");
    assert_eq!(
        leader
            .asked_by(&host, "/role?host=x&port=9010")
            .await
            .unwrap()
            .body,
        "invalid client host."
    );
    host.register(&leader, "FOLLOWER").await;
    host.ready().await;
}

/// Observed: from a registered address any FE answers `/role` with `role:` and `name:`; `/role` without parameters is
/// 404; an unregistered host asked from a member is `role: UNKNOWN`.
#[tokio::test]
async fn meta_pages_answer_members_only() {
    let world = World::new();
    let leader = world.founder().await;
    let host = world.host(2).await;
    host.register(&leader, "OBSERVER").await;
    let reply = leader
        .asked_by(&host, &format!("/role?host={}&port=9010", host.address))
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("role: OBSERVER"), "{}", reply.head);
    assert!(
        reply.head.contains(&format!("name: {}_9010_", host.address)),
        "{}",
        reply.head
    );
    assert_eq!(leader.asked_by(&host, "/role").await.unwrap().status, 404);
    let unknown = leader
        .asked_by(&host, "/role?host=10.9.9.9&port=9010")
        .await
        .unwrap();
    assert!(unknown.head.contains("role: UNKNOWN"));
    let version = leader.asked_by(&host, "/version").await.unwrap();
    assert!(version.body.contains("clusterId=") && version.body.contains("token="));
    assert!(
        leader
            .asked_by(&host, "/check")
            .await
            .unwrap()
            .head
            .contains("token: ")
    );
}

#[tokio::test]
async fn an_observer_joins_and_shows_no_helper() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "OBSERVER").await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    host.ready().await;
    let row = eventually("it is alive", async || {
        leader.row_of(&host).await.filter(|row| row.is("Alive", "true"))
    })
    .await;
    assert!(row.is("Role", "OBSERVER") && row.is("Join", "true") && row.is("IsHelper", "false"));
    assert_eq!(host.ha("role").await, "OBSERVER");
}

#[tokio::test]
async fn any_follower_is_a_helper_and_a_wiped_member_rejoins_without_another_add() {
    let world = World::new();
    let mut hosts = world.cluster(2).await;
    let mut third = world.host(3).await;
    third.register(&hosts[0], "FOLLOWER").await;
    third.start_fe(&["--helper", &hosts[1].edit_log()]);
    third.ready().await;
    let name = hosts[0].row_of(&third).await.unwrap().get("Name").to_owned();
    third.kill_fe().await;
    third.wipe();
    third.start_fe(&["--helper", &hosts[0].edit_log()]);
    third.ready().await;
    assert_eq!(
        hosts[0].row_of(&third).await.unwrap().get("Name"),
        name,
        "the same node name"
    );
    hosts.push(third);
}

/// Observed: itself 255, no port 255, empty host 255.
#[tokio::test]
async fn helpers_that_cannot_be_end_the_start() {
    let world = World::new();
    let mut host = world.host(1).await;
    let own = host.edit_log();
    assert_eq!(host.fe_ends(&["--helper", &own]).await, Some(255));
    assert!(
        host.log()
            .contains("Do not specify the helper node to FE itself.")
    );
    assert_eq!(host.fe_ends(&["--helper", "10.77.0.11"]).await, Some(255));
    let words = "helper's format seems was wrong [10.77.0.11], eg. host:port,host:port";
    assert!(host.read("fe/log/fe.out").contains(words));
    assert_eq!(host.fe_ends(&["--helper", ":9010"]).await, Some(255));
}

/// Observed: refused, no route, unresolvable: loops for ever; two helpers, first dead: joins, and on a restart 255.
#[tokio::test]
async fn a_dead_helper_loops_and_two_helpers_work_once() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "FOLLOWER").await;
    host.start_fe(&["--helper", "nosuchhost.invalid:9010"]);
    stays(15.0, "it loops", async || host.is_running()).await;
    host.kill_fe().await;
    let dead = world.host(9).await.edit_log();
    let two = format!("{dead},{}", leader.edit_log());
    host.start_fe(&["--helper", &two]);
    host.ready().await;
    host.kill_fe().await;
    assert_eq!(host.fe_ends(&["--helper", &two]).await, Some(255));
    assert!(host.log().contains("java.lang.IllegalStateException: null"));
}

/// Observed: right host, wrong edit_log_port: HTTP works, then a silent hang; the right helper later on the same data
/// works.
#[tokio::test]
async fn a_helper_with_the_wrong_port_is_a_silent_hang() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "FOLLOWER").await;
    host.start_fe(&["--helper", &format!("{}:9011", leader.address)]);
    eventually("VERSION is there", async || {
        host.path("fe/meta/image/VERSION").exists().then_some(())
    })
    .await;
    stays(40.0, "it hangs", async || {
        host.is_running() && !host.is_open(8030).await
    })
    .await;
    assert!(!host.log().contains("is not added to the group"));
    host.kill_fe().await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    host.ready().await;
}

/// Observed: own http_port differs: the same endless loop as an unregistered one.
#[tokio::test]
async fn a_joiner_with_another_http_port_loops() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "FOLLOWER").await;
    host.conf("http_port = 8031");
    host.start_fe(&["--helper", &leader.edit_log()]);
    eventually("it loops", async || {
        host.log().contains("is not added to the group").then_some(())
    })
    .await;
    assert!(!host.path("fe/meta/image").exists());
}

/// Observed (4th follower of a live cluster that had made a checkpoint), killed at ROLE or VERSION: with helper never
/// ready, `key too small` loop; without 255 not added.
#[tokio::test]
async fn a_joiner_killed_before_its_image_never_gets_ready_with_a_helper() {
    let world = World::new();
    let mut members = world.cluster(3).await;
    checkpoint(&members[0]).await;
    for (n, point) in (4..).zip(["role", "version"]) {
        let leader = &members[0];
        let mut host = killed_joiner(&world, leader, n, point).await;
        host.start_fe(&["--helper", &leader.edit_log()]);
        eventually_or(
            "it loops",
            || host.log(),
            async || (host.log().matches("key too small").count() > 1).then_some(()),
        )
        .await;
        assert!(!host.is_open(8030).await);
        host.kill_fe().await;
        assert_eq!(host.fe_ends(&[]).await, Some(255), "bare");
        assert!(
            host.log()
                .contains("current node is not added to the cluster, will exit")
        );
        assert_eq!(
            host.fe_ends(&["--helper", &leader.edit_log()]).await,
            Some(255),
            "then with helper"
        );
        assert!(host.log().contains("bad environment"), "{}", host.log());
        // Wiped and still registered: ready, with no DROP and no ADD.
        host.wipe();
        host.start_fe(&["--helper", &leader.edit_log()]);
        host.ready().await;
        members.push(host);
    }
}

/// Observed: image present, no jdb: 255 with helper, without, and with again.
#[tokio::test]
async fn a_joiner_killed_between_image_and_journal_always_exits() {
    let world = World::new();
    let leader = world.founder().await;
    checkpoint(&leader).await;
    let mut host = killed_joiner(&world, &leader, 2, "je.lck").await;
    let helper = leader.edit_log();
    for arguments in [&["--helper", &helper][..], &[], &["--helper", &helper]] {
        assert_eq!(host.fe_ends(arguments).await, Some(255));
    }
    let words = "image exists, but bdb dir is empty, set start_with_incomplete_meta";
    assert_eq!(host.read("fe/log/fe.log").matches(words).count(), 3);
}

/// Observed: killed at 00000000.jdb, UNKNOWN, FOLLOWER: with helper ready; without 255 not added (self-elected), and
/// then with helper 255 bad environment.
#[tokio::test]
async fn a_joiner_killed_with_a_journal_is_ready_with_a_helper_and_poisoned_without() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    checkpoint(&hosts[0]).await;
    for (n, point) in (4..).zip(["jdb", "UNKNOWN", "FOLLOWER"]) {
        let helper = hosts[0].edit_log();
        let mut host = killed_joiner(&world, &hosts[0], n, point).await;
        assert!(
            host.read("fe/meta/image/ROLE").contains("hostType=\n"),
            "killed at {point}"
        );
        host.start_fe(&["--helper", &helper]);
        host.ready().await;
        assert!(host.read("fe/meta/image/ROLE").contains("hostType=IP\n"));
        // The group knows its name now. Wiped, killed there again, and started bare once:
        host.kill_fe().await;
        host.wipe();
        host.fe_killed_at(point, &["--helper", &helper]).await;
        assert_eq!(
            host.fe_ends(&[]).await,
            Some(255),
            "bare, killed at {point}:\n{}",
            host.log()
        );
        assert!(host.read("fe/meta/bdb/je.info.0").contains("Nascent group"));
        assert_eq!(host.fe_ends(&["--helper", &helper]).await, Some(255));
        assert!(host.log().contains("bad environment"));
        stays(30.0, "the cluster is unharmed", async || hosts[0].is_running()).await;
        host.wipe();
        host.start_fe(&["--helper", &helper]);
        host.ready().await;
        hosts.push(host);
    }
}

/// Observed: an observer killed at jdb and started bare neither exits nor gets ready.
#[tokio::test]
async fn an_unfinished_observer_started_bare_hangs() {
    let world = World::new();
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "OBSERVER").await;
    host.fe_killed_at("jdb", &["--helper", &leader.edit_log()]).await;
    host.start_fe(&[]);
    stays(25.0, "neither exits nor gets ready", async || {
        host.is_running() && !host.is_open(8030).await
    })
    .await;
    host.kill_fe().await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    host.ready().await;
}

/// Observed 2 of 2: fresh ADD, killed after VERSION, bare (255 not added), then `--helper`: the joiner exits 255
/// `bad environment`, and the healthy leader dies: `Ids: 1 were equal. But names … weren't!`, another takes over, 255.
#[tokio::test]
async fn a_poisoned_joiner_under_a_fresh_name_kills_the_living_leader() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    let mut host = killed_joiner(&world, &hosts[0], 4, "version").await;
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(host.read("fe/meta/bdb/je.info.0").contains("Nascent group"));
    assert_eq!(host.fe_ends(&["--helper", &hosts[0].edit_log()]).await, Some(255));
    assert!(host.log().contains("bad environment"), "{}", host.log());
    assert_eq!(hosts[0].fe_exit().await, Some(255), "the living leader");
    assert!(hosts[0].log().contains("Ids: 1 were equal. But names:"));
    assert!(
        hosts[0]
            .log()
            .contains("failed to begin txn after retried 3 times!")
    );
    let others = [&hosts[1], &hosts[2]];
    let old = hosts[0].address;
    eventually("another one leads", async || {
        crate::support::leader_of(&others)
            .await
            .filter(|leader| *leader != old)
    })
    .await;
}

/// Observed 2 of 2 for the original founder (number 1 of the group): it founded a second cluster, was started with
/// `--helper`, exits 255, and the leader of the living cluster dies. 0 of 1 for a node with another number.
#[tokio::test]
async fn a_founder_that_founded_twice_kills_the_cluster_it_returns_to() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    hosts[0].kill_fe().await;
    let leader = eventually("a new leader", async || {
        crate::support::leader_of(&[&hosts[1], &hosts[2]])
            .await
            .filter(|leader| *leader != hosts[0].address)
    })
    .await;
    let leading = if leader == hosts[1].address { 1 } else { 2 };
    hosts[0].wipe();
    hosts[0].start_fe(&[]);
    hosts[0].ready().await;
    let own = hosts[0].frontends().await.unwrap();
    assert_eq!(own.len(), 1, "one row, another cluster");
    assert!(own[0].is("Role", "LEADER"));
    assert_ne!(
        own[0].get("ClusterId"),
        hosts[leading].frontends().await.unwrap()[0].get("ClusterId")
    );
    // The old cluster sees an FE that is not its own: ErrMsg is `OK`, never `invalid cluster id`.
    let row = eventually("the old cluster gives it up", async || {
        hosts[leading]
            .row_of(&hosts[0])
            .await
            .filter(|row| row.is("Alive", "false") && row.is("ErrMsg", "OK"))
    })
    .await;
    assert!(row.is("Join", "true") && row.is("Role", "FOLLOWER"), "{row:?}");
    hosts[0].kill_fe().await;
    let helper = hosts[leading].edit_log();
    assert_eq!(hosts[0].fe_ends(&["--helper", &helper]).await, Some(255));
    assert_eq!(hosts[leading].fe_exit().await, Some(255));
}

#[tokio::test]
async fn another_member_that_founded_a_second_cluster_harms_nobody() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    hosts[1].kill_fe().await;
    hosts[1].wipe();
    hosts[1].start_fe(&[]);
    hosts[1].ready().await;
    hosts[1].kill_fe().await;
    let helper = hosts[0].edit_log();
    assert_eq!(hosts[1].fe_ends(&["--helper", &helper]).await, Some(255));
    stays(30.0, "the leader lives", async || hosts[0].is_running()).await;
}

/// Observed: killed at jdb, the image listing its address under an older name; bare it neither exits nor gets ready,
/// and every FE of the real cluster shows it as the only leader while it runs.
#[tokio::test]
async fn an_impostor_hides_the_real_leader_while_it_runs() {
    let world = World::new();
    let hosts = world.cluster(3).await;
    let mut host = world.host(4).await;
    host.register(&hosts[0], "FOLLOWER").await;
    checkpoint(&hosts[0]).await;
    hosts[0]
        .sql(&format!("ALTER SYSTEM DROP FOLLOWER '{}'", host.edit_log()))
        .await
        .unwrap();
    host.register(&hosts[0], "FOLLOWER").await;
    host.fe_killed_at("jdb", &["--helper", &hosts[0].edit_log()])
        .await;
    host.start_fe(&[]);
    for real in &hosts {
        let rows = eventually("the impostor is believed", async || {
            let rows = real.frontends().await.ok()?;
            rows.iter()
                .any(|row| row.is("Role", "LEADER") && row.is("IP", &host.address.to_string()))
                .then_some(rows)
        })
        .await;
        for row in rows {
            let it = row.is("IP", &host.address.to_string());
            assert_eq!(row.is("Join", "true"), it, "{row:?}");
            assert_eq!(row.is("Role", "LEADER"), it, "{row:?}");
            assert!(row.is("Alive", "true"), "{row:?}");
        }
    }
    assert!(host.is_running() && !host.is_open(8030).await);
    assert!(host.log().contains("java.lang.NullPointerException"));
    host.kill_fe().await;
    eventually("the list is right again", async || {
        let row = hosts[1].row_of(&hosts[0]).await?;
        (row.is("Role", "LEADER") && row.is("Join", "true")).then_some(())
    })
    .await;
}

/// Observed: initialised data with a helper. A follower in the local list, dead ones too: ready. Registered and never
/// started, an observer, an alias: 255 bad environment, nothing broken.
#[tokio::test]
async fn a_restart_with_a_helper_must_find_it_in_its_own_list() {
    let world = World::new();
    let mut hosts = world.cluster(3).await;
    let never = world.host(8).await;
    never.register(&hosts[0], "FOLLOWER").await;
    let leader = hosts[0].edit_log();
    let dead = hosts[1].edit_log();
    hosts[2].kill_fe().await;
    for helper in [never.edit_log(), "localhost:9010".to_owned()] {
        assert_eq!(
            hosts[2].fe_ends(&["--helper", &helper]).await,
            Some(255),
            "{helper}"
        );
        assert!(
            hosts[2].log().contains(&format!(
                "bad environment {}/bdb! helper host {helper} not in local [",
                hosts[2].path("fe/meta").display()
            )),
            "{}",
            hosts[2].log()
        );
    }
    hosts[2].start_fe(&["--helper", &leader]);
    hosts[2].ready().await;
    hosts[1].kill_fe().await;
    for arguments in [&["--helper", &dead][..], &[]] {
        hosts[2].kill_fe().await;
        hosts[2].start_fe(arguments);
        hosts[2].ready().await;
    }
    assert!(hosts[0].is_running(), "nothing broken");
}

#[tokio::test]
async fn registered_members_that_never_joined_do_not_count_for_a_majority() {
    let world = World::new();
    let mut leader = world.founder().await;
    for n in 2..6 {
        world.host(n).await.register(&leader, "FOLLOWER").await;
    }
    leader.kill_fe().await;
    leader.start_fe(&[]);
    leader.ready().await;
    leader
        .sql("ALTER SYSTEM ADD OBSERVER '127.8.8.8:9010'")
        .await
        .unwrap();
    assert_eq!(leader.frontends().await.unwrap().len(), 6);
}

/// Observed: 255 after 15-45 s, minus if the joiner is ahead, and the leader says nothing; 4 s are no hindrance; ROLE, VERSION
/// and an image stay behind. No answer of http_port has a `Date`, so only SQL tells a clock.
#[tokio::test]
async fn a_joiner_whose_clock_differs_by_more_than_five_seconds_ends() {
    let world = World::new();
    let leader = world.founder().await;
    checkpoint(&leader).await;
    for (n, offset) in [(2, 10_000), (3, -10_000)] {
        let mut host = world.host(n).await;
        host.setting("fe", &format!("clock_offset_ms = {offset}"));
        host.register(&leader, "FOLLOWER").await;
        let ends = host.fe_ends(&["--helper", &leader.edit_log()]).await;
        assert_eq!(ends, Some(255), "{}", host.log());
        let delta = if offset > 0 {
            "Clock delta: -"
        } else {
            "Clock delta: "
        };
        let said = host.log();
        let (_, rest) = said.split_once(delta).unwrap_or_else(|| panic!("{said}"));
        let (millis, rest) = rest.split_once(" ms. between Feeder: ").unwrap();
        assert!(
            (9_000..11_000).contains(&millis.parse::<i32>().unwrap()),
            "{said}"
        );
        assert!(rest.contains("exceeds max permissible delta: 5000 ms. HANDSHAKE_ERROR"));
        assert!(host.path("fe/meta/image/ROLE").exists() && host.path("fe/meta/image/VERSION").exists());
        let row = leader.row_of(&host).await.unwrap();
        assert!(row.is("Alive", "false") && row.is("Join", "false"));
    }
    let mut near = world.host(4).await;
    near.setting("fe", "clock_offset_ms = 4000");
    near.register(&leader, "FOLLOWER").await;
    near.start_fe(&["--helper", &leader.edit_log()]);
    near.ready().await;
    let time = async |host: &Host| {
        let rows = host.sql("SELECT UNIX_TIMESTAMP()").await.unwrap();
        rows[0].get("UNIX_TIMESTAMP()").parse::<i64>().unwrap()
    };
    let (before, ahead) = (time(&leader).await, time(&near).await);
    assert!((3..60).contains(&(ahead - before)), "{before} {ahead}");
    let reply = leader.get("/api/health").await.unwrap();
    assert!(
        !reply.head.to_ascii_lowercase().contains("\r\ndate:"),
        "{}",
        reply.head
    );
}
