//! A sentence that nothing can make true holds nothing up. So each of them has rules that were broken on purpose, and has
//! to be the one that says so.

use crate::exit::ExitCode;
use crate::facts::record::RecordCopy;
use crate::plan::data::{Data, FeDir, classify_backend, classify_fe};
use crate::plan::join::decide;
use crate::plan::leader::{Belief, Cluster};
use crate::plan::node::{Asking, Decision, Node, Role, Seen};
use crate::plan::record_merge::RecordCopies;
use crate::plan::refusal::Refusal;
use crate::settings::Bootstrap;

use super::every::{REAL, Rules, decide_all, groups};
use super::forbidden;

/// The helper it would be with nothing but a name to go by.
fn join(seen: &Seen, which: impl Fn(&crate::engine::member::Frontend) -> bool) -> Option<Decision> {
    let cluster = leader(seen)?;
    let helper = cluster.frontends.iter().find(|fe| which(fe))?;
    Some(Decision::Join {
        helper: format!("{}:{}", helper.host, helper.edit_log_port),
        cluster: cluster.id.clone(),
    })
}

const fn moved(node: &Node) -> Option<&Data> {
    match &node.data {
        data @ Data::Moved(_) => Some(data),
        _ => None,
    }
}

const fn leader(seen: &Seen) -> Option<&Cluster> {
    match &seen.belief {
        Belief::Leader(cluster) => Some(cluster),
        Belief::Doubt(_) | Belief::Nobody => None,
    }
}

/// As the real rules, but `Some` of another step.
macro_rules! but {
    ($name:literal, |$node:ident, $seen:ident| $step:expr) => {
        (
            $name,
            Rules {
                decide: |node, seen| {
                    let other = |$node: &Node, $seen: &Seen| -> Option<Decision> { $step };
                    other(node, seen).unwrap_or_else(|| decide(node, seen))
                },
                ..REAL
            },
        )
    };
}

/// As the real rules, but with other data or none.
macro_rules! files {
    ($name:literal, $fe:expr) => {
        (
            $name,
            Rules {
                classify_fe: $fe,
                ..REAL
            },
        )
    };
}

fn when(condition: bool, step: Decision) -> Option<Decision> {
    condition.then_some(step)
}

fn register(seen: &Seen) -> Option<Decision> {
    let cluster = Box::new(leader(seen)?.clone());
    Some(Decision::Register { cluster })
}

/// With the copies that `keep` lets through.
fn without(
    seed: bool,
    dir: &FeDir,
    copies: RecordCopies<'_>,
    passed_over: fn(&RecordCopy) -> bool,
) -> Result<Data, Refusal> {
    let none = RecordCopy::Missing;
    let kept = |copy| if passed_over(copy) { &none } else { copy };
    let copies = RecordCopies {
        data: kept(copies.data),
        state: kept(copies.state),
        owner: copies.owner,
    };
    classify_fe(seed, dir, copies)
}

fn rules() -> Vec<(&'static str, Rules)> {
    let mut all = founding();
    all.extend(helping());
    all.extend(adding());
    all.extend(starting());
    all.extend(setting_aside());
    all.extend(ending());
    all.extend(reading());
    all
}

/// A seed without data, its guard over, and no other node.
fn may_found(node: &Node, seen: &Seen) -> bool {
    node.role == Role::Seed
        && node.data.is_empty()
        && node.bootstrap == Bootstrap::Guarded
        && seen.guard_over
        && seen.witnesses.is_empty()
        && matches!(seen.belief, Belief::Nobody)
}

fn founding() -> Vec<(&'static str, Rules)> {
    vec![
        but!("founds although a record knows a cluster", |node, seen| when(
            may_found(node, seen),
            Decision::Found
        )),
        but!("founds although a witness knows a cluster", |node, seen| {
            let mut deaf = seen.clone();
            deaf.witnesses.clear();
            when(may_found(node, &deaf), Decision::Found)
        }),
        but!("founds although an FE answers", |node, seen| {
            let mut deaf = seen.clone();
            deaf.belief = Belief::Nobody;
            when(may_found(node, &deaf), Decision::Found)
        }),
        but!(
            "founds although the data has a record that cannot be read",
            |node, seen| when(may_found(node, seen), Decision::Found)
        ),
        but!(
            "founds although a leader polls this host and is believed",
            |node, seen| {
                let mut deaf = seen.clone();
                deaf.caller = None;
                deaf.witnesses.clear();
                when(may_found(node, &deaf), Decision::Found)
            }
        ),
        but!("founds before the guard is over", |node, seen| {
            let mut late = seen.clone();
            late.guard_over = true;
            when(may_found(node, &late), Decision::Found)
        }),
        but!("founds although BOOTSTRAP is never", |node, seen| {
            let mut eager = node.clone();
            eager.bootstrap = Bootstrap::Guarded;
            when(may_found(&eager, seen), Decision::Found)
        }),
        but!("founds without being the seed", |node, seen| {
            let mut seed = node.clone();
            seed.role = Role::Seed;
            when(may_found(&seed, seen), Decision::Found)
        }),
        but!("founds over data", |node, _seen| when(
            node.role == Role::Seed && node.bootstrap == Bootstrap::Force,
            Decision::Found
        )),
    ]
}

fn helping() -> Vec<(&'static str, Rules)> {
    vec![
        but!("the helper is this node", |_node, seen| join(seen, |fe| fe.host
            == "10.0.0.5")),
        but!("a helper on data of another cluster", |_node, seen| join(
            seen,
            |fe| fe.alive && fe.join
        )),
        but!("the helper is an observer", |_node, seen| join(seen, |fe| !fe
            .role
            .is_electable())),
        but!("the helper never joined", |_node, seen| join(seen, |fe| !fe.join)),
        but!("the helper is dead", |_node, seen| join(seen, |fe| !fe.alive)),
        but!("the helper is no member's registered address", |node, seen| {
            match decide(node, seen) {
                // The node's own election port, or IPv6 without its brackets.
                Decision::Join { helper, cluster } => Some(Decision::Join {
                    helper: helper.replace("9110", "9010").replace(['[', ']'], ""),
                    cluster,
                }),
                _ => None,
            }
        }),
        but!("a helper on what may have elected itself", |node, seen| {
            match decide(node, seen) {
                Decision::SetAside { .. } => join(seen, |fe| fe.alive && fe.join),
                _ => None,
            }
        }),
        but!("a helper on joined data", |node, seen| when(
            matches!(node.data, Data::Joined { .. }),
            Decision::Start
        )
        .and_then(|_| join(seen, |fe| fe.alive && fe.join))),
        but!(
            "joins under a port that the cluster does not list",
            |node, seen| match decide(node, seen) {
                Decision::Refuse(_) => join(seen, |fe| fe.alive && fe.join),
                _ => None,
            }
        ),
        but!(
            "joins under another text than the cluster lists",
            |node, seen| match decide(node, seen) {
                Decision::Refuse(_) => join(seen, |fe| fe.alive && fe.join),
                _ => None,
            }
        ),
        but!("joins without being listed", |node, seen| {
            match decide(node, seen) {
                Decision::Register { .. } => join(seen, |fe| fe.alive && fe.join),
                _ => None,
            }
        }),
        but!("follows a caller although a named host leads", |_node, seen| {
            leader(seen)?;
            let caller = seen.caller.as_ref()?;
            Some(Decision::Join {
                helper: caller.helper.clone()?,
                cluster: caller.cluster.clone()?,
            })
        }),
        but!("joins without a leader and without data", |node, seen| {
            let voteless = node.data.is_empty() && !seen.waiting.is_empty();
            when(
                voteless,
                Decision::Join {
                    helper: seen.waiting.first().cloned().unwrap_or_default(),
                    cluster: "77".to_owned(),
                },
            )
        }),
        but!("a BE is started with a helper", |node, seen| {
            let backend = when(!node.role.is_fe(), Decision::Start);
            backend.and_then(|_| join(seen, |fe| fe.alive && fe.join))
        }),
    ]
}

fn adding() -> Vec<(&'static str, Rules)> {
    vec![
        files!("takes another host's record for its own", |seed, dir, copies| {
            without(seed, dir, copies, |copy| {
                copy.record()
                    .is_some_and(|record| record.host.to_string() != "10.0.0.5")
            })
        }),
        but!("adds a host that the record does not name", |node, seen| {
            moved(node)?;
            Some(Decision::Register {
                cluster: Box::new(leader(seen)?.clone()),
            })
        }),
        but!("founds with the record of another host", |node, _seen| {
            moved(node).map(|_| Decision::Found)
        }),
        but!(
            "starts as another host than the one that is listed",
            |node, _seen| moved(node).map(|_| Decision::Start)
        ),
        but!(
            "sets a moved one aside while its old host is listed, or without REJOIN",
            |node, _seen| {
                moved(node).map(|_| Decision::SetAside {
                    why: "it has moved".to_owned(),
                })
            }
        ),
        but!("registers at a leader that is not confirmed", |node, seen| {
            match decide(node, seen) {
                Decision::Register { mut cluster } => {
                    cluster.leader = cluster.frontends.last()?.clone();
                    Some(Decision::Register { cluster })
                }
                _ => None,
            }
        }),
        but!("adds although it is listed", |node, seen| {
            match decide(node, seen) {
                Decision::Join { .. } => register(seen),
                _ => None,
            }
        }),
        but!("adds without having seen the list", |node, seen| {
            when(!node.role.is_fe() && seen.backends.is_none(), Decision::Start).and_then(|_| register(seen))
        }),
        but!("adds data or a record of another cluster", |node, seen| {
            match decide(node, seen) {
                Decision::Refuse(why) if why.sentence.contains("belongs to cluster") => register(seen),
                _ => None,
            }
        }),
        but!("adds joined data again", |_node, seen| register(seen)),
    ]
}

fn starting() -> Vec<(&'static str, Rules)> {
    vec![
        but!(
            "starts data of another cluster although one answers",
            |node, _seen| when(matches!(node.data, Data::Adopted { .. }), Decision::Start)
        ),
        but!("starts an unfinished join bare", |node, _seen| when(
            matches!(node.data, Data::Unfinished { keep: true, .. }),
            Decision::Start
        )),
        but!(
            "starts data without proof although another node may know a cluster",
            |node, _seen| when(matches!(node.data, Data::Unproven { .. }), Decision::Start)
        ),
        but!("starts an FE that has nothing", |node, seen| {
            match decide(node, seen) {
                Decision::Found => Some(Decision::Start),
                _ => None,
            }
        }),
        files!(
            "starts a journal's loss as an election of its own",
            |seed, dir, copies| classify_fe(seed, dir, copies).or_else(|why| {
                if why.sentence.contains("journal") {
                    Ok(Data::Joined { cluster: None })
                } else {
                    Err(why)
                }
            })
        ),
        but!("starts a BE that the cluster does not list", |node, seen| {
            match decide(node, seen) {
                Decision::Register { .. } if !node.role.is_fe() => Some(Decision::Start),
                _ => None,
            }
        }),
        but!("joined data does not start", |node, seen| {
            let voteless = matches!(node.data, Data::Joined { .. }) && !seen.guard_over;
            when(
                voteless,
                Decision::Wait {
                    why: "wait".to_owned(),
                },
            )
        }),
        (
            "asks other FEs although the data is joined",
            Rules {
                asking: |_| Asking::Once,
                ..REAL
            },
        ),
    ]
}

fn setting_aside() -> Vec<(&'static str, Rules)> {
    vec![
        but!("sets joined data aside", |node, seen| when(
            !node.data.is_empty() && leader(seen).is_some(),
            Decision::SetAside { why: "so".to_owned() }
        )),
        but!("sets data aside without a leader", |node, _seen| when(
            matches!(node.data, Data::Unfinished { keep: false, .. }),
            Decision::SetAside { why: "so".to_owned() }
        )),
        but!("sets data of another cluster aside", |node, seen| when(
            matches!(node.data, Data::Unfinished { .. }) && leader(seen).is_some(),
            Decision::SetAside { why: "so".to_owned() }
        )),
        but!("sets nothing aside, again and again", |node, _seen| when(
            node.data.is_empty(),
            Decision::SetAside { why: "so".to_owned() }
        )),
    ]
}

fn ending() -> Vec<(&'static str, Rules)> {
    vec![
        but!("a dropped node continues without REJOIN", |node, _seen| when(
            matches!(node.data, Data::Dropped { .. }),
            Decision::Start
        )),
        but!("a dropped node continues with its old data", |node, _seen| when(
            matches!(node.data, Data::Dropped { .. }) && node.rejoin,
            Decision::Start
        )),
        but!("waits after the patience is over", |node, seen| {
            let mut patient = seen.clone();
            patient.patience_over = false;
            Some(decide(node, &patient))
        }),
        but!("waits although asking again cannot help", |node, seen| {
            let mut hopeful = seen.clone();
            hopeful.fatal.clear();
            Some(decide(node, &hopeful))
        }),
        but!("waits without a sentence", |node, seen| {
            match decide(node, seen) {
                Decision::Wait { .. } => Some(Decision::Wait { why: String::new() }),
                _ => None,
            }
        }),
        but!(
            "refuses without a sentence, a hint and a documented code",
            |node, seen| match decide(node, seen) {
                Decision::Refuse(why) => Some(Decision::Refuse(Refusal {
                    code: ExitCode::Engine(1),
                    ..why
                })),
                _ => None,
            }
        ),
    ]
}

fn reading() -> Vec<(&'static str, Rules)> {
    vec![
        files!(
            "refuses data without a sentence, a hint and a documented code",
            |seed, dir, copies| classify_fe(seed, dir, copies).map_err(|why| Refusal {
                hint: String::new(),
                ..why
            })
        ),
        files!("a newer record is passed over", |seed, dir, copies| {
            without(seed, dir, copies, |copy| matches!(copy, RecordCopy::Newer { .. }))
        }),
        files!("an unreadable record is treated as none", |seed, dir, copies| {
            without(seed, dir, copies, |copy| {
                matches!(copy, RecordCopy::Unreadable { .. })
            })
        }),
        (
            "the state dir speaks for data that has a record of its own and proves nothing",
            Rules {
                classify_backend: |storage, copies| {
                    let missing = RecordCopy::Missing;
                    let data = match copies.data {
                        RecordCopy::Unreadable { .. } => &missing,
                        data => data,
                    };
                    classify_backend(storage, RecordCopies { data, ..copies })
                },
                ..REAL
            },
        ),
        files!(
            "data and record of two clusters are taken together",
            |seed, dir, copies| {
                let blind = FeDir {
                    cluster: None,
                    ..dir.clone()
                };
                classify_fe(seed, &blind, copies)
            }
        ),
    ]
}

#[test]
#[ignore = "nightly: it tests the sentences, which stay as they are; every.rs tests the rules by them"]
fn every_sentence_can_fail() {
    let rules = rules();
    let (real, _) = groups(&REAL);
    let mut missed = Vec::new();
    for forbidden in forbidden::ALL {
        let broken: Vec<&Rules> = rules
            .iter()
            .filter(|(name, _)| *name == forbidden.name)
            .map(|(_, rules)| rules)
            .collect();
        assert_eq!(broken.len(), 1, "rules that break: {}", forbidden.name);
        let files_too = matches!(forbidden.came_of, forbidden::Came::Data(_))
            || forbidden.name == "starts a journal's loss as an election of its own";
        let caught = if files_too {
            let (groups, found) = groups(broken[0]);
            found.forbidden.contains_key(forbidden.name)
                || decide_all(broken[0], &groups, Some(forbidden.name))
                    .forbidden
                    .contains_key(forbidden.name)
        } else {
            decide_all(broken[0], &real, Some(forbidden.name))
                .forbidden
                .contains_key(forbidden.name)
        };
        if !caught {
            missed.push(forbidden.name);
        }
    }
    assert!(missed.is_empty(), "nothing can make these true: {missed:#?}");
    assert_eq!(rules.len(), forbidden::ALL.len());
}
