//! Joining by helper, and what is left of a joiner that was killed on the way.

use crate::support::{
    DORIS, Host, Kind, STARROCKS, World, eventually, eventually_or, for_each_engine, stays,
};

for_each_engine!(
    an_unregistered_joiner_loops_and_is_ready_after_a_later_add,
    an_observer_joins_and_shows_no_helper,
    any_follower_is_a_helper_and_a_wiped_member_rejoins_without_another_add,
    helpers_that_cannot_be_end_the_start,
    a_dead_helper_loops_and_two_helpers_work_once,
    a_helper_with_the_wrong_port_is_a_silent_hang,
    a_joiner_with_another_http_port_loops,
    registered_members_that_never_joined_do_not_count_for_a_majority,
    a_joiner_whose_clock_differs_by_more_than_five_seconds_ends,
);

/// Observed: 400 `invalid client host.`, the WARN each 5 s for ever, the meta dir stays empty; an ADD made later is
/// picked up within 5 s.
async fn an_unregistered_joiner_loops_and_is_ready_after_a_later_add(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    let words = kind.pick(
        "current node is not added to the group. please add it first.".to_owned(),
        format!(
            "current node HostInfo{{host='{}', port=9010}} is not added to the group. please add it first. sleep 5 seconds \
             and retry, current helper nodes: [HostInfo{{host='{}', port=9010}}]",
            host.address, leader.address
        ),
    );
    eventually_or(
        "it loops",
        || host.log(),
        async || (host.log().matches(&words).count() > 2).then_some(()),
    )
    .await;
    let refused = leader.asked_by(&host, "/role?host=x&port=9010").await.unwrap();
    if kind.is_doris() {
        let line = format!(
            "failed to get fe node type from helper node: HostInfo{{host='{}', port=9010}}.",
            leader.address
        );
        assert!(host.log().contains(&line), "{}", host.log());
        for port in [9010, 9020, 9030, 8030, 8070] {
            assert!(!host.is_open(port).await, "{port} is open");
        }
        assert!(host.meta("image/DEPLOY_MODE").exists() && host.meta("process.lock").exists());
        assert!(!host.meta("bdb").exists() && !host.meta("image/ROLE").exists());
        let own = host.address;
        let body = format!(
            "{{\"msg\":\"Internal Error\",\"code\":500,\"data\":\"invalid client host: {own}:9010, request from {own}\",\
             \"count\":0}}"
        );
        assert_eq!((refused.status, refused.body), (200, body));
    } else {
        assert!(!host.meta("image").exists(), "the meta dir stays empty");
        assert_eq!(refused.body, "invalid client host.");
    }
    host.register(&leader, "FOLLOWER").await;
    host.ready().await;
}

async fn an_observer_joins_and_shows_no_helper(kind: &'static Kind) {
    let world = World::new(kind);
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

async fn any_follower_is_a_helper_and_a_wiped_member_rejoins_without_another_add(kind: &'static Kind) {
    let world = World::new(kind);
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
async fn helpers_that_cannot_be_end_the_start(kind: &'static Kind) {
    let world = World::new(kind);
    let mut host = world.host(1).await;
    let own = host.edit_log();
    assert_eq!(host.fe_ends(&["--helper", &own]).await, Some(255));
    assert!(
        host.log()
            .contains("Do not specify the helper node to FE itself.")
    );
    // What follows was seen in StarRocks alone.
    if kind.is_doris() {
        return;
    }
    assert_eq!(host.fe_ends(&["--helper", "10.77.0.11"]).await, Some(255));
    let words = "helper's format seems was wrong [10.77.0.11], eg. host:port,host:port";
    assert!(host.read("fe/log/fe.out").contains(words));
    assert_eq!(host.fe_ends(&["--helper", ":9010"]).await, Some(255));
}

/// Observed: refused, no route, unresolvable: loops for ever; two helpers, first dead: joins, and on a restart 255.
async fn a_dead_helper_loops_and_two_helpers_work_once(kind: &'static Kind) {
    let world = World::new(kind);
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
    assert!(host.log().contains("java.lang.IllegalStateException"));
    let checked = host.log().contains("Preconditions.checkState");
    assert_eq!(checked, kind.is_doris(), "{}", host.log());
}

/// Observed: right host, wrong edit_log_port: HTTP works, then a silent hang; the right helper later on the same data
/// works.
async fn a_helper_with_the_wrong_port_is_a_silent_hang(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "FOLLOWER").await;
    host.start_fe(&["--helper", &format!("{}:9011", leader.address)]);
    eventually("VERSION is there", async || {
        host.meta("image/VERSION").exists().then_some(())
    })
    .await;
    stays(40.0, "it hangs", async || {
        host.is_running() && !host.serves_http().await
    })
    .await;
    assert!(!host.log().contains("is not added to the group"));
    assert!(!host.log().contains("wait catalog"));
    host.kill_fe().await;
    host.start_fe(&["--helper", &leader.edit_log()]);
    host.ready().await;
}

/// Observed: own http_port differs: the same endless loop as an unregistered one.
async fn a_joiner_with_another_http_port_loops(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    let mut host = world.host(2).await;
    host.register(&leader, "FOLLOWER").await;
    host.conf("http_port = 8031");
    host.start_fe(&["--helper", &leader.edit_log()]);
    eventually("it loops", async || {
        host.log().contains("is not added to the group").then_some(())
    })
    .await;
    assert!(!host.meta("image/ROLE").exists());
}

/// Observed: harmless, all five: a living leader, a living follower, a dead member, one that never started, and the leader itself
/// with a follower. Itself: 255.
#[tokio::test]
async fn a_member_of_doris_may_be_restarted_with_any_other_as_helper() {
    // A leader that hears of no follower in time ends, and on a busy machine the others start late.
    let world = World::with(0.1, &DORIS);
    let mut hosts = world.cluster(3).await;
    let never = world.host(8).await;
    never.register(&hosts[0], "FOLLOWER").await;
    let [leader, follower, own] = [0, 1, 2].map(|n| hosts[n].edit_log());
    for helper in [&leader, &follower, &never.edit_log()] {
        hosts[2].kill_fe().await;
        hosts[2].start_fe(&["--helper", helper]);
        hosts[2].ready().await;
    }
    hosts[2].kill_fe().await;
    assert_eq!(hosts[2].fe_ends(&["--helper", &own]).await, Some(255));
    hosts[2].start_fe(&[]);
    hosts[2].ready().await;
    // A full outage: each with a dead one.
    for host in &mut hosts {
        host.kill_fe().await;
    }
    for (n, helper) in [follower, own, leader].iter().enumerate() {
        hosts[n].start_fe(&["--helper", helper]);
    }
    for host in &mut hosts {
        host.ready_again().await;
        assert!(
            host.log()
                .contains("find ROLE and VERSION file in local, ignore helper nodes")
        );
    }
}

/// Observed: initialised data with a helper. A follower in the local list, dead ones too: ready. Registered and never
/// started, an observer, an alias: 255 bad environment, nothing broken.
#[tokio::test]
async fn a_restart_with_a_helper_must_find_it_in_its_own_list() {
    // A leader that is left alone ends after 44 s, which have to be longer than a restart on a busy machine.
    let world = World::with(0.1, &STARROCKS);
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

async fn registered_members_that_never_joined_do_not_count_for_a_majority(kind: &'static Kind) {
    let world = World::new(kind);
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
/// and an image stay behind. No answer of StarRocks' http_port has a `Date`, so only SQL tells a clock; every one of Doris' has.
async fn a_joiner_whose_clock_differs_by_more_than_five_seconds_ends(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = world.founder().await;
    leader.checkpoint().await;
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
        assert!(host.meta("image/ROLE").exists() && host.meta("image/VERSION").exists());
        let row = leader.row_of(&host).await.unwrap();
        assert!(row.is("Alive", "false") && row.is("Join", "false"));
    }
    let mut near = world.host(4).await;
    near.setting("fe", "clock_offset_ms = 4000");
    near.register(&leader, "FOLLOWER").await;
    near.start_fe(&["--helper", &leader.edit_log()]);
    near.ready().await;
    let time = async |host: &Host| {
        if kind.is_doris() {
            let reply = host.get("/api/health").await.unwrap();
            let date = reply.head.lines().find_map(|line| line.strip_prefix("Date: "));
            return seconds_of_day(date.unwrap_or_else(|| panic!("{}", reply.head)));
        }
        let reply = host.get("/api/health").await.unwrap();
        assert!(
            !reply.head.to_ascii_lowercase().contains("\r\ndate:"),
            "{}",
            reply.head
        );
        let rows = host.sql("SELECT UNIX_TIMESTAMP()").await.unwrap();
        rows[0].get("UNIX_TIMESTAMP()").parse::<i64>().unwrap()
    };
    let (before, ahead) = (time(&leader).await, time(&near).await);
    let difference = (ahead - before).rem_euclid(86_400);
    assert!((3..60).contains(&difference), "{before} {ahead}");
}

/// Of `Sat, 21 Nov 2026 07:21:27 GMT`.
fn seconds_of_day(date: &str) -> i64 {
    let time = date.strip_suffix(" GMT").unwrap().rsplit(' ').next().unwrap();
    let numbers = time.split(':').map(|part| part.parse::<i64>().unwrap());
    numbers.fold(0, |sum, number| sum * 60 + number)
}
