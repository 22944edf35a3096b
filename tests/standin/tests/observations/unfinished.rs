//! What is left of a joiner that was killed on the way, and of groups that began by mistake.

use crate::support::{
    DORIS, Host, Kind, STARROCKS, World, eventually, eventually_or, for_each_engine, stays,
};

for_each_engine!(
    an_unfinished_observer_started_bare_hangs,
    a_poisoned_joiner_under_a_fresh_name_kills_the_living_leader,
    an_impostor_hides_the_real_leader_while_it_runs,
);

/// A registered follower that was killed at a point of its first start.
async fn killed_joiner(world: &World, leader: &Host, n: u8, point: &str) -> Host {
    let mut host = world.host(n).await;
    host.register(leader, "FOLLOWER").await;
    host.fe_killed_at(point, &["--helper", &leader.edit_log()]).await;
    host
}

/// Observed (4th follower of a live cluster that had made a checkpoint), killed at ROLE or VERSION: with helper never
/// ready, `key too small` loop; without 255 not added.
#[tokio::test]
async fn a_joiner_killed_before_its_image_never_gets_ready_with_a_helper() {
    let world = World::new(&STARROCKS);
    let mut members = world.cluster(3).await;
    members[0].checkpoint().await;
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
    let world = World::new(&STARROCKS);
    let leader = world.founder().await;
    leader.checkpoint().await;
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
    let world = World::new(&STARROCKS);
    let mut hosts = world.cluster(3).await;
    hosts[0].checkpoint().await;
    for (n, point) in (4..).zip(["jdb", "UNKNOWN", "FOLLOWER"]) {
        let helper = hosts[0].edit_log();
        let mut host = killed_joiner(&world, &hosts[0], n, point).await;
        assert!(
            host.read_meta("image/ROLE").contains("hostType=\n"),
            "killed at {point}"
        );
        host.start_fe(&["--helper", &helper]);
        host.ready().await;
        assert!(host.read_meta("image/ROLE").contains("hostType=IP\n"));
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
        assert!(host.read_meta("bdb/je.info.0").contains("Nascent group"));
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
async fn an_unfinished_observer_started_bare_hangs(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "OBSERVER").await;
    host.fe_killed_at("jdb", &["--helper", &leader.edit_log()]).await;
    host.start_fe(&[]);
    stays(25.0, "neither exits nor gets ready", async || {
        host.is_running() && !host.serves_http().await
    })
    .await;
    host.kill_fe().await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    host.ready().await;
}

/// Observed 2 of 2, in Doris 3 of 3: fresh ADD, killed after VERSION, bare (255 not added), then `--helper`: the joiner exits 255
/// (`bad environment`; Doris: not added again), and the healthy leader dies: `Ids: 1 were equal. But names … weren't!`, another
/// takes over, 255.
async fn a_poisoned_joiner_under_a_fresh_name_kills_the_living_leader(kind: &'static Kind) {
    let world = World::new(kind);
    let mut hosts = world.cluster(3).await;
    let mut host = killed_joiner(&world, &hosts[0], 4, "version").await;
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(host.read_meta("bdb/je.info.0").contains("Nascent group"));
    assert!(!host.read_meta("bdb/00000000.jdb").contains("nodeName"));
    assert_eq!(host.fe_ends(&["--helper", &hosts[0].edit_log()]).await, Some(255));
    let words = kind.pick("bad environment", "is not added to the cluster, will exit");
    assert!(host.log().contains(words), "{}", host.log());
    assert_eq!(hosts[0].fe_exit().await, Some(255), "the living leader");
    assert!(hosts[0].log().contains("Ids: 1 were equal. But names:"));
    let others = [&hosts[1], &hosts[2]];
    let old = hosts[0].address;
    eventually("another one leads", async || {
        crate::support::leader_of(&others)
            .await
            .filter(|leader| *leader != old)
    })
    .await;
    if !kind.is_doris() {
        let last = "failed to begin txn after retried 3 times!";
        assert!(hosts[0].log().contains(last));
    }
}

/// Observed: killed at each of these points, A started with a helper, B bare, C with a helper after B, D set aside and started
/// with a helper, still registered. `img`: the image it fetched lists it.
#[tokio::test]
async fn a_killed_joiner_of_doris_comes_back_with_a_helper_unless_it_was_started_bare() {
    #[derive(Debug, PartialEq)]
    enum Bare {
        /// 255, with these words.
        Ends(&'static str),
        /// Ready, as the leader of its own group.
        Impostor,
        Member,
    }
    use Bare::{Ends, Impostor, Member};
    let not_added = "is not added to the cluster, will exit";
    let both = "role file and version file must both exist or both not exist.";
    let table = [
        ("role-only", true, Ends(both)),
        ("version", false, Ends(not_added)),
        ("image", true, Impostor),
        ("jdb", true, Impostor),
        ("jdb", false, Ends(not_added)),
        ("FOLLOWER", true, Member),
        ("hostType", true, Member),
    ];
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    for (n, (point, listed, bare)) in (4..).zip(table) {
        let helper = hosts[0].edit_log();
        let with_helper = ["--helper", helper.as_str()];
        let mut host = world.host(n).await;
        host.register(&hosts[0], "FOLLOWER").await;
        if listed {
            hosts[0].checkpoint().await;
        }
        // A.
        host.fe_killed_at(point, &with_helper).await;
        host.start_fe(&with_helper);
        host.ready().await;
        host.kill_fe().await;
        // B, under a name that the group knows by now.
        host.wipe();
        host.fe_killed_at(point, &with_helper).await;
        match bare {
            Ends(words) => {
                assert_eq!(host.fe_ends(&[]).await, Some(255), "{point}");
                assert!(host.log().contains(words), "{point}: {}", host.log());
            }
            Impostor | Member => {
                host.start_fe(&[]);
                host.ready().await;
                let role = if bare == Impostor { "MASTER" } else { "FOLLOWER" };
                assert_eq!(host.ha("role").await, role, "{point}");
                let info = host.read_meta("bdb/je.info.0");
                assert_eq!(
                    info.contains("Nascent group"),
                    bare == Impostor,
                    "{point}: {info}"
                );
                let joined = info.contains("Joined group as a replica");
                assert_eq!(joined, bare == Member, "{point}: {info}");
                let named = host.read_meta("bdb/00000000.jdb").contains("\"nodeName\":\"fe_");
                assert_eq!(named, bare == Member, "{point}");
                host.kill_fe().await;
            }
        }
        // C.
        if point == "role-only" || bare == Member {
            host.start_fe(&with_helper);
            host.ready().await;
            host.kill_fe().await;
        } else {
            assert_eq!(host.fe_ends(&with_helper).await, Some(255), "{point}");
            let words = "but represent different environment instances";
            assert!(host.log().contains(words), "{point}: {}", host.log());
        }
        // D.
        host.leave_meta_behind();
        host.start_fe(&with_helper);
        host.ready().await;
        assert!(hosts[0].is_running(), "{point}: nothing broken");
        hosts.push(host);
    }
}

/// Observed once: data of another cluster, registered here and started with a helper here: it comes up as the leader of its own
/// cluster, and the helper's leader dies.
#[tokio::test]
async fn foreign_data_with_a_helper_kills_the_helpers_leader_in_doris() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    let mut foreign = world.host(8).await;
    foreign.start_fe(&[]);
    foreign.ready().await;
    let id = foreign.frontends().await.unwrap()[0].get("ClusterId").to_owned();
    foreign.kill_fe().await;
    foreign.register(&hosts[0], "FOLLOWER").await;
    foreign.start_fe(&["--helper", &hosts[0].edit_log()]);
    assert_eq!(hosts[0].fe_exit().await, Some(255));
    let words = "Ids: 1 were equal. But names:";
    assert!(hosts[0].log().contains(words), "{}", hosts[0].log());
    foreign.ready().await;
    let own = foreign.frontends().await.unwrap();
    assert!(own.len() == 1 && own[0].is("ClusterId", &id) && own[0].is("IsMaster", "true"));
}

/// Observed: a seed that was wiped and started without a helper founds a second cluster. The old one shows it joined and dead, and
/// in its error the id of the other one.
#[tokio::test]
async fn a_wiped_seed_of_doris_founds_a_second_cluster_and_the_old_one_names_it() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    hosts[0].kill_fe().await;
    hosts[0].wipe();
    hosts[0].start_fe(&[]);
    hosts[0].ready().await;
    let own = hosts[0].frontends().await.unwrap();
    assert_eq!(own.len(), 1, "one row, another cluster");
    let words = format!("invalid cluster id: {}", own[0].get("ClusterId"));
    let row = eventually("the old cluster says so", async || {
        let row = hosts[1].row_of(&hosts[0]).await?;
        row.is("ErrMsg", &words).then_some(row)
    })
    .await;
    assert!(row.is("Join", "true") && row.is("Alive", "false"), "{row:?}");
}

/// Observed 2 of 2 for the original founder (number 1 of the group): it founded a second cluster, was started with
/// `--helper`, exits 255, and the leader of the living cluster dies. 0 of 1 for a node with another number.
#[tokio::test]
async fn a_founder_that_founded_twice_kills_the_cluster_it_returns_to() {
    let world = World::new(&STARROCKS);
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
    let world = World::new(&STARROCKS);
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
async fn an_impostor_hides_the_real_leader_while_it_runs(kind: &'static Kind) {
    let world = World::new(kind);
    let hosts = world.cluster(3).await;
    let mut host = world.host(4).await;
    host.register(&hosts[0], "FOLLOWER").await;
    hosts[0].checkpoint().await;
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
                .any(|row| kind.leads(row) && row.is(kind.host, &host.address.to_string()))
                .then_some(rows)
        })
        .await;
        for row in rows {
            let it = row.is(kind.host, &host.address.to_string());
            assert_eq!(row.is("Join", "true"), it, "{row:?}");
            assert_eq!(kind.leads(&row), it, "{row:?}");
            assert!(row.is("Alive", "true"), "{row:?}");
        }
        assert!(real.bootstraps().await);
    }
    if kind.is_doris() {
        // It serves, with the id and the token of the real cluster.
        host.ready().await;
        let own = host.frontends().await.unwrap();
        let real = hosts[0].frontends().await.unwrap();
        assert_eq!(own[0].get("ClusterId"), real[0].get("ClusterId"));
    } else {
        assert!(host.is_running() && !host.is_open(8030).await);
        assert!(host.log().contains("java.lang.NullPointerException"));
    }
    host.kill_fe().await;
    eventually("the list is right again", async || {
        let row = hosts[1].row_of(&hosts[0]).await?;
        (kind.leads(&row) && row.is("Join", "true")).then_some(())
    })
    .await;
}
