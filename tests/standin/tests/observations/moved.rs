//! Members that get another host.

use crate::membership::{ANALYZING, says};
use crate::support::{DORIS, STARROCKS, World, eventually};

#[tokio::test]
async fn a_host_of_starrocks_is_moved_to_a_name_once_its_group_has_met_it() {
    let world = World::new(&STARROCKS);
    let host = world.founder().await;
    let never = "(JE 18.3.20) Node: 127.5.5.5_9010_* is not a member of the group: PALO_JOURNAL_GROUP";
    let ip_to_ip = format!("{ANALYZING} Can't change ip to ip.");
    let table = [
        ("ADD FOLLOWER '127.5.5.5:9010'", None, None),
        (
            "MODIFY FRONTEND HOST '127.5.5.5' TO '127.5.5.6'",
            Some(ip_to_ip.as_str()),
            None,
        ),
        (
            "MODIFY FRONTEND HOST '10.77.0.99' TO 'fe9'",
            Some("frontend [10.77.0.99] not found"),
            None,
        ),
        ("MODIFY FRONTEND HOST '127.5.5.5' TO 'fe5'", Some(never), None),
    ];
    says(&host, &table).await;
}

/// Observed: refused, and the leader lists the new host all the same, `Join=false`; what the member forwards fails. The same
/// statement backwards is refused too, and repairs it.
#[tokio::test]
async fn a_living_member_of_doris_that_is_given_another_host_is_hidden_until_the_way_back() {
    let world = World::new(&DORIS);
    let hosts = world.cluster(2).await;
    let (leader, member) = (&hosts[0], &hosts[1]);
    let modify = |from: &str, to: &str| format!("ALTER SYSTEM MODIFY FRONTEND '{from}:9010' HOSTNAME '{to}'");
    let own = member.address.to_string();
    let words = DORIS.says("(JE 18.3.12) (JE 18.3.12) Can't update the network address for a live node.");
    assert_eq!(leader.refusal(&modify(&own, "127.5.5.9")).await, words);
    let rows = leader.frontends().await.unwrap();
    let moved = rows.iter().find(|row| row.is("Host", "127.5.5.9")).unwrap();
    assert!(moved.is("Join", "false"), "{moved:?}");
    assert!(leader.row_of(member).await.is_none());
    assert_eq!(
        member.refusal("SHOW FRONTENDS").await,
        "TApplicationException, msg: Internal error processing forward"
    );
    assert_eq!(leader.refusal(&modify("127.5.5.9", &own)).await, words);
    let row = leader.row_of(member).await.unwrap();
    assert!(row.is("Join", "true"), "{row:?}");
    member.frontends().await.unwrap();
}

/// Observed: an address to a name, and that to another name, without a check. Refusals from the source.
#[tokio::test]
async fn a_backend_is_given_any_name_but_no_other_address() {
    let world = World::new(&STARROCKS);
    let host = world.founder().await;
    let ip_to_ip = format!("{ANALYZING} Can't change ip to ip.");
    let table = [
        ("ADD BACKEND '127.5.5.5:9050'", None, None),
        (
            "MODIFY BACKEND HOST '127.5.5.5' TO '127.5.5.6'",
            Some(ip_to_ip.as_str()),
            None,
        ),
        (
            "MODIFY BACKEND HOST '127.5.5.9' TO 'be9'",
            Some("backend [127.5.5.9] not found"),
            None,
        ),
    ];
    says(&host, &table).await;
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
    let world = World::new(&STARROCKS);
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

/// Observed: the data of a follower at another address ends 255 `Conflicting hostnames`; the member that is down is given the new
/// address in 0.1 s, and joins there with the moved data.
#[tokio::test]
async fn a_moved_follower_of_doris_ends_until_the_leader_is_told() {
    let world = World::new(&DORIS);
    let mut hosts = world.cluster(3).await;
    let mut moved = hosts.pop().unwrap();
    let old = moved.address.to_string();
    moved.kill_fe().await;
    let mut elsewhere = world.host(7).await;
    elsewhere.wipe();
    std::fs::remove_dir(elsewhere.meta("")).unwrap();
    std::fs::rename(moved.meta(""), elsewhere.meta("")).unwrap();
    assert_eq!(elsewhere.fe_ends(&[]).await, Some(255));
    let new = elsewhere.address.to_string();
    let log = elsewhere.log();
    assert!(log.contains("Conflicting hostnames for replica id: fe_"), "{log}");
    let words = format!("Feeder thinks it is: {old} Replica is configured to use: {new}");
    assert!(log.contains(&words), "{log}");
    hosts[0]
        .sql(&format!(
            "ALTER SYSTEM MODIFY FRONTEND '{old}:9010' HOSTNAME '{new}'"
        ))
        .await
        .unwrap();
    elsewhere.start_fe(&[]);
    elsewhere.ready().await;
    eventually("it is alive", async || {
        let row = hosts[0].row_of(&elsewhere).await?;
        (row.is("Alive", "true") && row.is("Join", "true")).then_some(())
    })
    .await;
}
