//! The joining table: data × role × what was seen → the step.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::engine::member::Backend;
use crate::engine::probe::Told;
use crate::plan::data::{ClusterId, Data, Known};
use crate::plan::join::{Asking, Backends, Node, Role, Seen, Step, asking, decide};
use crate::plan::leader::tests::members;
use crate::plan::leader::{Answer, believe};
use crate::plan::witness::Witness;
use crate::settings::{Bootstrap, Host};

const ROLES: [Role; 5] = [
    Role::Seed,
    Role::Follower,
    Role::Observer,
    Role::Backend,
    Role::ComputeNode,
];

#[expect(clippy::unnecessary_wraps, reason = "as the data holds it")]
fn id(id: &str) -> Option<ClusterId> {
    Some(ClusterId {
        id: id.to_owned(),
        read_from: "meta/image/VERSION".to_owned(),
    })
}

/// Every kind of data, of cluster 77 where it has one; `foreign` is of cluster 88.
fn data(name: &str) -> Data {
    let known = |cluster| Data::Empty {
        known: Some(Known {
            cluster,
            member: true,
            sentence: "this host was a member".to_owned(),
        }),
    };
    match name {
        "empty" => Data::Empty { known: None },
        "wiped" => known(id("77")),
        "wiped-id-unknown" => known(None),
        "joined" => Data::Joined { cluster: id("77") },
        "contradicted" => Data::Contradicted { cluster: id("77") },
        "foreign-contradicted" => Data::Contradicted { cluster: id("88") },
        "adopted" => Data::Adopted { cluster: id("77") },
        "keep" => Data::Unfinished {
            keep: true,
            why: "cut short".to_owned(),
            cluster: id("77"),
        },
        "poisoned" => Data::Unfinished {
            keep: false,
            why: "it elected itself".to_owned(),
            cluster: id("77"),
        },
        "founding" => Data::UnfinishedFounding,
        "dropped" => Data::Dropped { cluster: id("77") },
        "unproven" => Data::Unproven {
            why: "no proof".to_owned(),
            cluster: id("77"),
        },
        "foreign" => Data::Adopted { cluster: id("88") },
        "foreign-unfinished" => Data::Unfinished {
            keep: true,
            why: "cut short".to_owned(),
            cluster: id("88"),
        },
        other => panic!("no such data: {other}"),
    }
}

const DATA: [&str; 14] = [
    "contradicted",
    "foreign-contradicted",
    "dropped",
    "empty",
    "wiped",
    "wiped-id-unknown",
    "joined",
    "adopted",
    "keep",
    "poisoned",
    "founding",
    "unproven",
    "foreign",
    "foreign-unfinished",
];

fn node(role: Role, data_name: &str) -> Node {
    let component = match role {
        Role::Seed | Role::Follower | Role::Observer => Component::Fe,
        Role::Backend => Component::Be,
        Role::ComputeNode => Component::Cn,
    };
    Node {
        role,
        component,
        host: Host::parse("10.0.0.5").unwrap(),
        also: BTreeSet::new(),
        identity_port: if component == Component::Fe { 9010 } else { 9050 },
        data: data(data_name),
        bootstrap: Bootstrap::Guarded,
        rejoin: false,
    }
}

/// What one FE at 10.0.0.1 shows; `silent` is nobody, `leaderless` an FE without a leader, `voteless` voters that wait for
/// one more, `observed` the same beside an observer that serves.
fn seen(rows: &str, guard_over: bool) -> Seen {
    let said = match rows {
        "silent" | "voteless" => Err(Failure::Refused),
        "leaderless" | "observed" => Err(Failure::NoLeader("forward failed".to_owned())),
        "denied" => Err(Failure::Denied("for user 'root'".to_owned())),
        rows => Ok(members(rows)),
    };
    let answers = [Answer {
        from: Host::parse("10.0.0.1").unwrap(),
        port: 9030,
        said,
    }];
    let backend = |number: u8| Backend {
        id: "1".to_owned(),
        host: format!("10.0.0.{number}"),
        heartbeat_port: 9050,
        alive: true,
        decommissioned: false,
        status: None,
        error: String::new(),
        version: None,
    };
    Seen {
        belief: believe(&answers, Duration::from_secs(5)),
        fatal: match &answers[0].said {
            Err(why @ Failure::Denied(_)) => vec![("10.0.0.1:9030".to_owned(), why.clone())],
            _ => Vec::new(),
        },
        members: answers[0].said.clone().unwrap_or_default(),
        // A BE registers when row 5 is missing from the FE list too: the lists go together in this table.
        backends: Some(Ok(Backends {
            backends: if rows.contains('5') {
                vec![backend(5)]
            } else {
                vec![backend(4)]
            },
            compute_nodes: Vec::new(),
        })),
        answers: Vec::new(),
        witnesses: Vec::new(),
        waiting: if matches!(rows, "voteless" | "observed") {
            vec!["10.0.0.1:9010".to_owned()]
        } else {
            Vec::new()
        },
        guard_over,
        patience_over: false,
    }
}

fn step(node: &Node, seen: &Seen) -> String {
    match decide(node, seen) {
        Step::Start => "start".to_owned(),
        Step::Join { helper, cluster } => format!("join {helper} of {cluster}"),
        Step::Found => "found".to_owned(),
        Step::Register { cluster } => format!("register at {}", cluster.leader.host),
        Step::SetAside { why } => format!("set aside: {why}"),
        Step::Wait { why } => format!("wait: {why}"),
        Step::Refuse(refusal) => format!("refuse {}: {refusal}", refusal.code.number()),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_rows_that_matter() {
    let table = [
        // Founding.
        (
            Role::Seed,
            "empty",
            "silent",
            false,
            "wait: nobody has answered so far",
        ),
        (Role::Seed, "empty", "silent", true, "found"),
        (
            Role::Seed,
            "empty",
            "leaderless",
            true,
            "wait: 10.0.0.1:9030 has no leader: forward failed",
        ),
        (Role::Seed, "empty", "1L+ 2F+ 3F+", true, "register at 10.0.0.1"),
        (Role::Follower, "empty", "silent", true, "wait: no FE answers"),
        // A wiped seed.
        (
            Role::Seed,
            "wiped",
            "silent",
            true,
            "wait: no FE answers; not founding: this host was a member",
        ),
        (
            Role::Seed,
            "wiped",
            "1L+ 2F+ 5F-",
            true,
            "join 10.0.0.1:9010 of 77",
        ),
        (
            Role::Seed,
            "wiped-id-unknown",
            "1L+ 2F+ 5F-",
            false,
            "join 10.0.0.1:9010 of 77",
        ),
        (
            Role::Seed,
            "empty",
            "1L+ 2F+ 5F-",
            false,
            "join 10.0.0.1:9010 of 77",
        ),
        // Its data is gone and somebody dropped it: the one does not undo the other.
        (
            Role::Follower,
            "wiped",
            "1L+ 2F+",
            false,
            "refuse 79: this host was a member, and the cluster led by 10.0.0.1 does not list it any more: somebody dropped \
             it",
        ),
        (
            Role::Backend,
            "wiped",
            "1L+",
            false,
            "refuse 79: this host was a member, and the cluster led by 10.0.0.1 does not list it any more: somebody dropped \
             it",
        ),
        // Joining.
        (Role::Follower, "empty", "1L+", false, "register at 10.0.0.1"),
        (
            Role::Follower,
            "empty",
            "1L+ 5f-",
            false,
            "join 10.0.0.1:9010 of 77",
        ),
        (
            Role::Observer,
            "empty",
            "2F+ 1F+ 3L+ 5o-",
            false,
            "join 10.0.0.3:9010 of 77",
        ),
        (
            Role::Follower,
            "empty",
            "1L+ 2F- 3F-",
            false,
            "wait: 10.0.0.1 claims to lead but sees 1 of 3 followers",
        ),
        // Whoever was a member asks nobody.
        (Role::Seed, "joined", "silent", false, "start"),
        (Role::Follower, "joined", "1L+ 2F- 3F-", false, "start"),
        (Role::Backend, "joined", "silent", false, "start"),
        (Role::Follower, "adopted", "silent", false, "start"),
        (Role::Follower, "adopted", "1L+ 5F-", false, "start"),
        // Data of another cluster.
        (
            Role::Follower,
            "foreign",
            "1L+ 5F-",
            false,
            "refuse 79: this node belongs to cluster 88 (meta/image/VERSION), but 10.0.0.1 is of cluster 77 (SHOW FRONTENDS)",
        ),
        (
            Role::Backend,
            "foreign",
            "1L+ 5o-",
            false,
            "refuse 79: this node belongs to cluster 88 (meta/image/VERSION), but 10.0.0.1 is of cluster 77 (SHOW FRONTENDS)",
        ),
        // It met that other cluster while it ran, and looks before it starts again; its own one need not be there yet.
        (
            Role::Follower,
            "foreign-contradicted",
            "1L+",
            false,
            "refuse 79: this node belongs to cluster 88 (meta/image/VERSION), but 10.0.0.1 is of cluster 77 (SHOW FRONTENDS)",
        ),
        (
            Role::Backend,
            "foreign-contradicted",
            "1L+ 5o-",
            false,
            "refuse 79: this node belongs to cluster 88 (meta/image/VERSION), but 10.0.0.1 is of cluster 77 (SHOW FRONTENDS)",
        ),
        (Role::Follower, "foreign-contradicted", "silent", false, "start"),
        (Role::Follower, "contradicted", "denied", false, "start"),
        (Role::Backend, "contradicted", "1L+", false, "start"),
        // A first start that was cut short.
        (
            Role::Follower,
            "keep",
            "1L+ 5f-",
            false,
            "join 10.0.0.1:9010 of 77",
        ),
        // Registered anew it would have a new name, and its journal has the old one.
        (
            Role::Follower,
            "keep",
            "1L+",
            false,
            "set aside: cut short, under a registration that is gone",
        ),
        (Role::Follower, "keep", "silent", false, "wait: no FE answers"),
        // After a power cut nobody serves SQL before there is a leader, and there is none without this vote.
        (
            Role::Follower,
            "keep",
            "voteless",
            false,
            "join 10.0.0.1:9010 of 77",
        ),
        // An observer serves without a leader; it has no list to show.
        (
            Role::Follower,
            "keep",
            "observed",
            false,
            "join 10.0.0.1:9010 of 77",
        ),
        (
            Role::Follower,
            "poisoned",
            "observed",
            false,
            "wait: 10.0.0.1:9030 has no leader: forward failed",
        ),
        (
            Role::Follower,
            "poisoned",
            "voteless",
            false,
            "wait: no FE answers",
        ),
        (Role::Follower, "wiped", "voteless", false, "wait: no FE answers"),
        // Two members, one dead: they wait for this very vote, and FE 1 answers.
        (
            Role::Follower,
            "keep",
            "1F+ 2F- 5F-",
            false,
            "join 10.0.0.1:9010 of 77",
        ),
        (
            Role::Follower,
            "poisoned",
            "1L+ 2F+ 5F-",
            false,
            "set aside: it elected itself",
        ),
        (Role::Follower, "poisoned", "silent", true, "wait: no FE answers"),
        (Role::Seed, "founding", "silent", false, "start"),
        (
            Role::Seed,
            "unproven",
            "1L+ 2F+ 5F-",
            false,
            "set aside: no proof",
        ),
        (
            Role::Seed,
            "unproven",
            "silent",
            false,
            "wait: nobody has answered so far",
        ),
        (Role::Seed, "unproven", "silent", true, "start"),
        // BE and CN.
        (Role::Backend, "empty", "1L+", false, "register at 10.0.0.1"),
        (Role::Backend, "empty", "1L+ 5F+", false, "start"),
        (Role::Backend, "adopted", "1L+ 5F+", false, "start"),
        (
            Role::ComputeNode,
            "empty",
            "1L+ 5F+",
            false,
            "refuse 79: the cluster led by 10.0.0.1 lists 10.0.0.5:9050 as a BE, and this node is a CN",
        ),
        (
            Role::Follower,
            "empty",
            "denied",
            false,
            "refuse 77: 10.0.0.1:9030 denied access: for user 'root'",
        ),
    ];
    for (role, data_name, rows, guard_over, expected) in table {
        assert_eq!(
            step(&node(role, data_name), &seen(rows, guard_over)),
            expected,
            "{role:?}, {data_name}, {rows}"
        );
    }
}

#[test]
fn no_combination_does_what_must_never_be_done() {
    let rows = [
        "silent",
        "leaderless",
        "denied",
        "1L+",
        "1L+ 5F-",
        "5L+",
        "1L+ 2F- 3F-",
        "1f+ 2f+ 5L+",
        "1L+ 2F+ 5f-",
        "1F+ 2F- 5F-",
    ];
    let mut combinations = 0;
    for role in ROLES {
        // A BE's storage has a cluster id or it has none; there is nothing to be left half-way.
        let kinds = DATA.into_iter().filter(|name| {
            role.is_fe()
                || [
                    "empty",
                    "wiped",
                    "wiped-id-unknown",
                    "joined",
                    "contradicted",
                    "foreign-contradicted",
                    "adopted",
                    "foreign",
                    "dropped",
                ]
                .contains(name)
        });
        for data_name in kinds {
            for row in rows {
                for guard_over in [false, true] {
                    for called in [false, true] {
                        for bootstrap in [Bootstrap::Guarded, Bootstrap::Never] {
                            let mut node = node(role, data_name);
                            node.bootstrap = bootstrap;
                            let mut seen = seen(row, guard_over);
                            if called {
                                seen.witnesses.push(Witness::Http {
                                    from: Host::parse("10.0.0.1").unwrap(),
                                    told: Told::IsFe,
                                });
                            }
                            never(
                                &node,
                                &seen,
                                &format!("{role:?} {data_name} {row} {guard_over} {called} {bootstrap:?}"),
                            );
                            seen.patience_over = true;
                            for lists in [seen.backends.clone(), Some(Err(Failure::Deadline(3))), None] {
                                seen.backends = lists;
                                let step = decide(&node, &seen);
                                assert!(!matches!(step, Step::Wait { .. }), "{node:?} {seen:?}: {step:?}");
                            }
                            combinations += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(combinations, (3 * 14 + 2 * 9) * 10 * 2 * 2 * 2);
}

fn never(node: &Node, seen: &Seen, case: &str) {
    let believed = match &seen.belief {
        crate::plan::leader::Belief::Leader(cluster) => Some(cluster),
        _ => None,
    };
    let somebody = !matches!(seen.belief, crate::plan::leader::Belief::Nobody) || !seen.witnesses.is_empty();
    let belongs = node.data.cluster().is_some() || matches!(&node.data, Data::Empty { known: Some(_) });
    let foreign = believed.is_some_and(|cluster| node.data.cluster().is_some_and(|(id, _)| id != cluster.id));
    let step = decide(node, seen);
    match &step {
        Step::Found => {
            assert!(
                node.role == Role::Seed && node.data.is_empty(),
                "founds over data or as no seed: {case}"
            );
            assert!(
                !somebody && !belongs,
                "founds although somebody knows a cluster: {case}"
            );
            assert!(
                seen.guard_over && node.bootstrap == Bootstrap::Guarded,
                "founds unguarded: {case}"
            );
        }
        Step::Join { helper, .. } => {
            assert!(node.role.is_fe(), "{case}");
            assert!(!helper.starts_with("10.0.0.5:"), "helper is itself: {case}");
            assert!(
                !matches!(
                    node.data,
                    Data::Unfinished { keep: false, .. } | Data::Unproven { .. }
                ),
                "helper on poisoned data: {case}"
            );
            assert!(!foreign, "helper on foreign data: {case}");
        }
        Step::Register { cluster } => {
            assert_eq!(
                believed.map(|believed| &believed.leader),
                Some(&cluster.leader),
                "ADD where nobody is believed: {case}"
            );
            assert!(!foreign, "ADD with foreign data: {case}");
        }
        Step::Start => {
            assert!(
                !(matches!(node.data, Data::Unfinished { .. } | Data::Dropped { .. })
                    || node.role.is_fe() && node.data.is_empty()),
                "starts bare what was never a member: {case}"
            );
            // Only who asks nobody cannot know; everyone else has looked.
            assert!(
                asking(node) == Asking::Nobody || !foreign,
                "starts foreign data: {case}"
            );
        }
        Step::SetAside { .. } => {
            assert!(
                node.rejoin || (!foreign && believed.is_some()),
                "sets aside what may still be good: {case}"
            );
        }
        Step::Wait { .. } | Step::Refuse(_) => {}
    }
}
