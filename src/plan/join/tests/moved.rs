//! A node whose record names another host than the one it is.

use std::time::Duration;

use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::plan::data::{ClusterId, Data, Moved, MovedData, NamedBy};
use crate::plan::join::decide;
use crate::plan::leader::tests::members;
use crate::plan::leader::{Answer, believe};
use crate::plan::node::{Decision, Node, Role, Seen};
use crate::settings::Host;

use super::seen::backend;
use super::situation::node;

/// Data of a node that was 10.0.0.6 and is 10.0.0.5 now.
fn data(name: &str) -> Data {
    let (data, in_group, cluster) = match name {
        "moved" | "role" => (MovedData::Member, "10.0.0.6_9010_1", "77"),
        "moved-renamed" => (MovedData::Member, "10.0.0.5_9010_1", "77"),
        "moved-wiped" => (MovedData::Empty, "", "77"),
        "moved-planned" => (MovedData::Planned, "", "77"),
        "moved-unfinished" | "role-unfinished" => (MovedData::Unfinished, "10.0.0.6_9010_1", "77"),
        "moved-foreign" => (MovedData::Member, "10.0.0.6_9010_1", "88"),
        other => panic!("no such data: {other}"),
    };
    Data::Moved(Moved {
        from: Host::parse("10.0.0.6").unwrap(),
        named_by: if name.starts_with("role") {
            NamedBy::Role
        } else {
            NamedBy::Record
        },
        data,
        name: Some(in_group.to_owned()).filter(|name| !name.is_empty()),
        cluster: Some(ClusterId {
            id: cluster.to_owned(),
            read_from: "meta/image/VERSION".to_owned(),
        }),
    })
}

/// The answer of one FE at 10.0.0.1; `silent` is no answer, `leaderless` an FE without a leader. The BEs are those of the
/// rows 5 and 6.
fn seen(rows: &str) -> Seen {
    let said = match rows {
        "silent" => Err(Failure::Refused),
        "leaderless" => Err(Failure::NoLeader("forward failed".to_owned())),
        rows => Ok(members(rows)),
    };
    let answers = [Answer {
        from: Host::parse("10.0.0.1").unwrap(),
        port: 9030,
        said,
    }];
    let backends = |component, port| {
        let all = [(rows.contains('5'), 5), (rows.contains('6'), 6), (true, 4)].into_iter();
        all.filter(|(is_listed, _)| *is_listed)
            .map(move |(_, number)| backend(Some(component), number, port))
    };
    Seen {
        belief: believe(&answers, Duration::from_secs(5)),
        fatal: Vec::new(),
        members: answers[0].said.clone().unwrap_or_default(),
        backends: Some(Ok(backends(Component::Be, 9050)
            .chain(backends(Component::Broker, 8000))
            .collect())),
        answers: Vec::new(),
        witnesses: Vec::new(),
        caller: None,
        calls: Vec::new(),
        complete: true,
        reset: None,
        other_mode: None,
        waiting: Vec::new(),
        guard_over: true,
        patience_over: false,
    }
}

fn step(node: &Node, seen: &Seen) -> String {
    match decide(node, seen) {
        Decision::Start => "start".to_owned(),
        Decision::Join { helper, cluster } => format!("join {helper} of {cluster}"),
        Decision::Found => "found".to_owned(),
        Decision::Register { cluster } => format!("register at {}", cluster.leader.host),
        Decision::SetAside { why } => format!("set aside: {why}"),
        Decision::Wait { why } => format!("wait: {why}"),
        Decision::Refuse(refusal) => format!("refuse {}: {refusal}", refusal.code.number()),
    }
}

/// A record that names 10.0.0.6 on a host that is 10.0.0.5: only its cluster can say what became of it. `6` in the
/// rows is the old host, `5` the new one, whose name in the election group is that of a fresh row.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_moved_node_starts_only_where_its_cluster_lists_it_in_place_of_the_old_host() {
    const KNOWN: &str = "refuse 79: the cluster knows this node as 10.0.0.6, but LOCAL_HOST is 10.0.0.5";
    const ROLE: &str = "refuse 79: this data belongs to the member 10.0.0.6 (image/ROLE, address mode); LOCAL_HOST says 10.0.0.5";
    let table = [
        // Still listed under its old host.
        (Role::Follower, "moved", "1L+ 2F+ 6F-", false, format!("{KNOWN}, and 10.0.0.1 lists 10.0.0.6")),
        (Role::Follower, "moved", "1L+ 2F+ 6F-", true, format!("{KNOWN}, and 10.0.0.1 lists 10.0.0.6")),
        (Role::Component(Component::Be), "moved", "1L+ 2F+ 6F-", true, format!("{KNOWN}, and 10.0.0.1 lists 10.0.0.6")),
        (Role::Component(Component::Cn), "moved", "1L+ 2F+ 6F-", true, format!("{KNOWN}, and 10.0.0.1 lists 10.0.0.6")),
        (Role::Follower, "moved", "1L+ 2F+ 3F+ 5F- 6F-", true, format!("{KNOWN}, and 10.0.0.1 lists both")),
        // Readdressed: the row kept its name in the group.
        (Role::Follower, "moved-renamed", "1L+ 2F+ 5F-", false, "start".to_owned()),
        (Role::Observer, "moved-renamed", "1L+ 2F+ 5O-", false, "start".to_owned()),
        (Role::Seed, "moved-renamed", "1L+ 2F+ 5F-", false, "start".to_owned()),
        (Role::Component(Component::Be), "moved", "1L+ 2F+ 5F-", false, "start".to_owned()),
        // A broker has no data that could go with it.
        (Role::Component(Component::Broker), "moved-wiped", "1L+ 2F+ 6F-", true, format!("{KNOWN}, and 10.0.0.1 lists 10.0.0.6")),
        (Role::Component(Component::Broker), "moved-wiped", "1L+ 2F+ 5F-", false, "start".to_owned()),
        (Role::Component(Component::Broker), "moved-planned", "1L+ 2F+", false, "register at 10.0.0.1".to_owned()),
        (
            Role::Component(Component::Broker),
            "moved-wiped",
            "1L+ 2F+",
            false,
            "refuse 79: 10.0.0.6 was dropped from cluster 77; LOCAL_HOST is 10.0.0.5".to_owned(),
        ),
        (Role::Follower, "moved-wiped", "1L+ 2F+ 5F-", false, "join 10.0.0.1:9010 of 77".to_owned()),
        // It had only been about to be added: a new node, unless the ADD came through after all.
        (Role::Follower, "moved-planned", "1L+ 2F+", false, "register at 10.0.0.1".to_owned()),
        (Role::Component(Component::Be), "moved-planned", "1L+ 2F+", false, "register at 10.0.0.1".to_owned()),
        (Role::Component(Component::Cn), "moved-planned", "1L+ 2F+", false, "register at 10.0.0.1".to_owned()),
        (Role::Follower, "moved-planned", "1L+ 2F+ 5f-", false, "join 10.0.0.1:9010 of 77".to_owned()),
        (Role::Component(Component::Be), "moved-planned", "1L+ 2F+ 5F-", false, "start".to_owned()),
        (Role::Follower, "moved-planned", "1L+ 2F+ 6f-", true, format!("{KNOWN}, and 10.0.0.1 lists 10.0.0.6")),
        (Role::Component(Component::Be), "moved-planned", "1L+ 2F+ 6F-", true, format!("{KNOWN}, and 10.0.0.1 lists 10.0.0.6")),
        // The new host was added as a new node: the old data never starts again.
        (
            Role::Follower,
            "moved",
            "1L+ 2F+ 5F-",
            false,
            "refuse 79: 10.0.0.1 lists 10.0.0.5 as a new node, and the data is that of 10.0.0.6; LOCAL_HOST is 10.0.0.5"
                .to_owned(),
        ),
        (
            Role::Follower,
            "moved",
            "1L+ 2F+ 5F-",
            true,
            "set aside: 10.0.0.1 lists 10.0.0.5 as a new node, and the data is that of 10.0.0.6".to_owned(),
        ),
        (
            Role::Follower,
            "moved-unfinished",
            "1L+ 2F+ 5F-",
            true,
            "set aside: 10.0.0.1 lists 10.0.0.5 as a new node, and the data is that of 10.0.0.6".to_owned(),
        ),
        // The old host was dropped: with REJOIN=1 the node joins again without its data.
        (
            Role::Follower,
            "moved",
            "1L+ 2F+",
            false,
            "refuse 79: 10.0.0.6 was dropped from cluster 77; LOCAL_HOST is 10.0.0.5".to_owned(),
        ),
        (
            Role::Follower,
            "moved",
            "1L+ 2F+",
            true,
            "set aside: 10.0.0.6 was dropped from cluster 77".to_owned(),
        ),
        (
            Role::Component(Component::Be),
            "moved",
            "1L+ 2F+",
            true,
            "set aside: 10.0.0.6 was dropped from cluster 77".to_owned(),
        ),
        // There is no record, and ROLE names 10.0.0.6: LOCAL_HOST may be wrong, and nobody has seen it dropped.
        (Role::Follower, "role", "silent", true, format!("{ROLE}, and no leader answers, so muster cannot check which host the cluster lists")),
        (Role::Follower, "role", "1L+ 2F+ 6F-", true, format!("{ROLE}, and 10.0.0.1 lists 10.0.0.6")),
        (Role::Follower, "role", "1L+ 2F+", true, format!("{ROLE}, and 10.0.0.1 lists neither")),
        (Role::Follower, "role-unfinished", "1L+ 2F+", true, format!("{ROLE}, and 10.0.0.1 lists neither")),
        (Role::Follower, "role", "1L+ 2F+ 5F-", false, "refuse 79: 10.0.0.1 lists 10.0.0.5 as a new node, and the data is that of 10.0.0.6; LOCAL_HOST is 10.0.0.5".to_owned()),
        // Without a confirmed leader nothing is set aside.
        (
            Role::Follower,
            "moved",
            "silent",
            true,
            format!("{KNOWN}, and no leader answers, so muster cannot check which host the cluster lists"),
        ),
        (
            Role::Follower,
            "moved",
            "leaderless",
            true,
            "wait: 10.0.0.1:9030: no leader: forward failed".to_owned(),
        ),
        (
            Role::Follower,
            "moved-foreign",
            "1L+ 2F+",
            true,
            "refuse 79: this node belongs to cluster 88 (meta/image/VERSION), but 10.0.0.1 belongs to cluster 77 (SHOW \
             FRONTENDS)"
                .to_owned(),
        ),
    ];
    for (role, data_name, rows, rejoin, expected) in table {
        let mut node = node(role, data(data_name));
        node.rejoin = rejoin;
        assert_eq!(
            step(&node, &seen(rows)),
            expected,
            "{role:?}, {data_name}, {rows}, REJOIN={rejoin}"
        );
    }
}

/// It was added under another name than the one that its new host gives it.
#[test]
fn a_broker_that_has_moved_is_told_how_its_old_row_is_dropped() {
    let node = node(Role::Component(Component::Broker), data("moved-wiped"));
    for (rows, name) in [("1L+ 2F+ 6F-", "hdfs6"), ("silent", "<name>")] {
        let mut seen = seen(rows);
        for row in seen.backends.as_mut().unwrap().as_mut().unwrap() {
            row.name = Some("hdfs6".to_owned());
        }
        let Decision::Refuse(refusal) = decide(&node, &seen) else {
            panic!("{rows}");
        };
        let steps = format!(
            "if it has, run `ALTER SYSTEM DROP BROKER {name} \"10.0.0.6:8000\"` with any MySQL client, then start the node with \
             LOCAL_HOST=10.0.0.5 and REJOIN=1: it keeps no data"
        );
        assert!(refusal.hint.contains(&steps), "{}", refusal.hint);
        assert!(!refusal.hint.contains("readdress"), "{}", refusal.hint);
    }
}

/// It was recorded as dropped under a wrong `LOCAL_HOST`, by its own engine: set aside, the data of a healthy FE is lost.
#[test]
fn an_fe_that_knows_no_other_fe_is_told_nothing_of_rejoin_and_keeps_its_data() {
    let dropped = Data::Dropped { cluster: None };
    let mut gone = data("moved");
    if let Data::Moved(moved) = &mut gone {
        moved.data = MovedData::Dropped;
    }
    for data in [dropped, gone, data("moved"), data("role")] {
        for rejoin in [false, true] {
            let mut node = node(Role::Seed, data.clone());
            (node.alone, node.rejoin) = (true, rejoin);
            let Decision::Refuse(refusal) = decide(&node, &seen("silent")) else {
                panic!("{data:?}");
            };
            assert!(!refusal.hint.contains("REJOIN"), "{refusal:?}");
        }
    }
}
