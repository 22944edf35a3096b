//! Rules with one mistake each, as they could be made: what is put in front of muster's own rule is the mistake and
//! nothing else. The model has to tell every one of them from the rules.

use muster::facts::record::RecordCopy;
use muster::plan::data::{self, Data, FeDir};
use muster::plan::join::{self};
use muster::plan::leader::{self, Answer, Belief, Cluster, Doubt};
use muster::plan::lost_vote;
use muster::plan::node::{Decision, Node};
use muster::plan::record_merge::RecordCopies;

use crate::rules::{MUSTER, Rules};

/// FEs that answer without a leader, calls and votes do not keep a seed from founding.
pub const FOUNDS_AGAINST_WITNESSES: Rules = Rules {
    name: "founds although a witness knows a cluster",
    decide: |node, seen| {
        let mut deaf = seen.clone();
        deaf.witnesses.clear();
        if matches!(deaf.belief, Belief::Doubt(_)) {
            deaf.belief = Belief::Nobody;
        }
        join::decide(node, &deaf)
    },
    ..MUSTER
};

pub const FOUNDS_AT_ONCE: Rules = Rules {
    name: "founds before the guard is over",
    decide: |node, seen| {
        let mut hasty = seen.clone();
        hasty.guard_over = true;
        join::decide(node, &hasty)
    },
    ..MUSTER
};

pub const STARTS_UNFINISHED_BARE: Rules = Rules {
    name: "starts an unfinished join bare",
    decide: |node, seen| match (&node.data, join::decide(node, seen)) {
        (Data::Unfinished { keep: true, .. }, Decision::Wait { .. }) => Decision::Start,
        (_, step) => step,
    },
    ..MUSTER
};

pub const KEEPS_POISONED: Rules = Rules {
    name: "keeps poisoned data and starts it with a helper",
    classify_fe: |seed, dir, copies| {
        let blind = FeDir {
            nascent: false,
            ..dir.clone()
        };
        data::classify_fe(seed, &blind, copies)
    },
    ..MUSTER
};

pub const TAKES_ROLE_FOR_PROOF: Rules = Rules {
    name: "takes ROLE and VERSION for a proof of readiness",
    classify_fe: |seed, dir, copies| {
        let proven = FeDir {
            ready: !dir.empty,
            ..dir.clone()
        };
        data::classify_fe(seed, &proven, copies)
    },
    ..MUSTER
};

pub const BELIEVES_ANY_LEADER: Rules = Rules {
    name: "believes any row that says LEADER",
    believe: |answers, heartbeat| {
        let mut kind: Vec<Answer> = answers.to_vec();
        for frontends in kind.iter_mut().filter_map(|answer| answer.said.as_mut().ok()) {
            for fe in frontends.iter_mut().filter(|fe| fe.join) {
                fe.alive = true;
            }
        }
        leader::believe(&kind, heartbeat)
    },
    ..MUSTER
};

pub const ADDS_WITHOUT_LOOKING: Rules = Rules {
    name: "adds without looking first",
    decide: |node, seen| match (join::decide(node, seen), &seen.belief) {
        (Decision::Join { .. }, Belief::Leader(cluster)) if node.data.is_empty() => Decision::Register {
            cluster: Box::new(cluster.clone()),
        },
        (step, _) => step,
    },
    ..MUSTER
};

pub const SETS_MEMBERS_ASIDE: Rules = Rules {
    name: "does not trust the record of a member",
    classify_fe: |seed, dir, copies| match data::classify_fe(seed, dir, copies) {
        Ok(Data::Joined { cluster }) => Ok(Data::Unfinished {
            keep: false,
            why: "who knows".to_owned(),
            cluster,
        }),
        other => other,
    },
    ..MUSTER
};

pub const IGNORES_FOREIGN_IDS: Rules = Rules {
    name: "gives foreign data a helper",
    decide: |node, seen| {
        let mut node = node.clone();
        if let Data::Adopted { cluster } = &mut node.data {
            *cluster = None;
        }
        match (&node.data, &seen.belief) {
            (Data::Adopted { .. }, Belief::Leader(_)) => {
                node.data = Data::Empty { known: None };
                join::decide(&node, seen)
            }
            _ => join::decide(&node, seen),
        }
    },
    ..MUSTER
};

pub const COMES_BACK: Rules = Rules {
    name: "adds itself again after it was dropped",
    classify_fe: |seed, dir, copies| match data::classify_fe(seed, dir, copies) {
        Ok(Data::Dropped { cluster }) => Ok(Data::Unfinished {
            keep: false,
            why: "it was dropped".to_owned(),
            cluster,
        }),
        Ok(Data::Empty {
            known: Some(mut known),
        }) => {
            known.member = false;
            Ok(Data::Empty { known: Some(known) })
        }
        other => other,
    },
    ..MUSTER
};

pub const FORGETS_ITS_STATE: Rules = Rules {
    name: "does not read the copy in the state dir",
    classify_fe: |seed, dir, copies| {
        let alone = RecordCopies {
            state: &RecordCopy::Missing,
            ..copies
        };
        data::classify_fe(seed, dir, alone)
    },
    ..MUSTER
};

/// What it was before a call that has not been answered yet counted: a guard that ends with the round it came in.
pub const DOES_NOT_WAIT_FOR_CALLERS: Rules = Rules {
    name: "founds while a caller has not been asked back",
    decide: |node, seen| {
        let mut seen = seen.clone();
        seen.witnesses
            .retain(|witness| !matches!(witness, muster::plan::witness::Witness::Unanswered(_)));
        join::decide(node, &seen)
    },
    ..MUSTER
};

/// What it was before an observer without a leader was passed over.
pub const HEARS_THE_OBSERVER_ONLY: Rules = Rules {
    name: "does not bring its vote while an observer answers",
    decide: |node, seen| {
        let mut seen = seen.clone();
        if matches!(seen.belief, Belief::Doubt(_)) {
            seen.waiting.clear();
        }
        join::decide(node, &seen)
    },
    ..MUSTER
};

/// What it was before a begun join was set aside when its registration was gone.
pub const REGISTERS_BEGUN_JOINS: Rules = Rules {
    name: "registers a begun join anew and keeps its data",
    decide: |node, seen| match (&node.data, join::decide(node, seen), &seen.belief) {
        (Data::Unfinished { keep: true, .. }, Decision::SetAside { .. }, Belief::Leader(cluster)) => {
            Decision::Register {
                cluster: Box::new(cluster.clone()),
            }
        }
        (_, step, _) => step,
    },
    ..MUSTER
};

/// What it was before the word of the voters themselves counted, and heartbeats for a drop: a leader that was replaced sees
/// the voters alive too.
pub const BELIEVES_WHO_SEES_MORE: Rules = Rules {
    name: "believes the claimant that sees more voters alive",
    believe: |answers, heartbeat| {
        let belief = leader::believe(answers, heartbeat);
        let Belief::Doubt(doubts) = &belief else {
            return belief;
        };
        if !matches!(doubts.first(), Some(Doubt::TwoLeaders { .. })) {
            return belief;
        }
        let claims = answers.iter().filter_map(|answer| {
            match leader::believe(std::slice::from_ref(answer), heartbeat) {
                Belief::Leader(cluster) => Some(cluster),
                Belief::Doubt(_) | Belief::Nobody => None,
            }
        });
        let alive = |cluster: &Cluster| {
            let voters = cluster.frontends.iter();
            voters.filter(|fe| fe.alive && fe.role.is_electable()).count()
        };
        claims.max_by_key(alive).map_or(belief, Belief::Leader)
    },
    waits_for_heartbeats: false,
    ..MUSTER
};

/// What it was before a leader's heartbeats counted: one that was cut off a moment ago shows the list it had then.
pub const DROPPED_BY_LOOKS_ALONE: Rules = Rules {
    name: "calls a node dropped before the next heartbeats",
    waits_for_heartbeats: false,
    ..MUSTER
};

/// What it was before a vote that acknowledged writes counted as lost with its data.
pub const BRINGS_A_LOST_VOTE: Rules = Rules {
    name: "brings the vote of a member that lost its data",
    decide: |node, seen| {
        let found = Node {
            lost: false,
            ..node.clone()
        };
        join::decide(&found, seen)
    },
    ..MUSTER
};

/// What it was before the list of the cluster counted: with its records gone, a member seems to join for the first time.
pub const FORGETS_A_LOST_VOTE: Rules = Rules {
    name: "knows by its record alone that its vote is lost",
    is_lost: |node, _, record| lost_vote::is_lost(node, &Belief::Nobody, record),
    ..MUSTER
};

pub const DOES_NOT_LOOK_BEFORE: Rules = Rules {
    name: "starts a member without a look at its group",
    reset_without: |_, _, _| None,
    ..MUSTER
};

/// A shortcut for a wiped member whose cluster waits for its vote.
pub const STARTS_EMPTY_WITHOUT_A_LEADER: Rules = Rules {
    name: "starts empty data with a member that has no leader",
    decide: |node, seen| match (&node.data, join::decide(node, seen)) {
        (Data::Empty { known: Some(known) }, Decision::Wait { .. }) if known.member => {
            let begun = Data::Unfinished {
                keep: true,
                why: known.sentence.clone(),
                cluster: known.cluster.clone(),
            };
            let begun = Node {
                data: begun,
                ..node.clone()
            };
            join::decide(&begun, seen)
        }
        (_, step) => step,
    },
    ..MUSTER
};

/// All of them.
pub const ALL: [Rules; 20] = [
    FOUNDS_AGAINST_WITNESSES,
    FOUNDS_AT_ONCE,
    STARTS_UNFINISHED_BARE,
    KEEPS_POISONED,
    TAKES_ROLE_FOR_PROOF,
    BELIEVES_ANY_LEADER,
    ADDS_WITHOUT_LOOKING,
    SETS_MEMBERS_ASIDE,
    IGNORES_FOREIGN_IDS,
    COMES_BACK,
    FORGETS_ITS_STATE,
    DOES_NOT_WAIT_FOR_CALLERS,
    HEARS_THE_OBSERVER_ONLY,
    REGISTERS_BEGUN_JOINS,
    BELIEVES_WHO_SEES_MORE,
    DROPPED_BY_LOOKS_ALONE,
    BRINGS_A_LOST_VOTE,
    FORGETS_A_LOST_VOTE,
    DOES_NOT_LOOK_BEFORE,
    STARTS_EMPTY_WITHOUT_A_LEADER,
];
