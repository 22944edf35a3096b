//! The rules under test: muster's own, called as they are. `broken.rs` puts something in front of one of them.

use std::net::IpAddr;
use std::time::Duration;

use muster::facts::record::Record;
use muster::plan::before_start::{self, MemberAnswer};
use muster::plan::data::{self, Data, FeDir, Storage};
use muster::plan::join::{self};
use muster::plan::leader::{self, Answer, Belief};
use muster::plan::lost_vote;
use muster::plan::node::{Asking, Decision, Node, Seen};
use muster::plan::record_merge::RecordCopies;
use muster::plan::refusal::Refusal;

/// Every pure decision of one entry.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub name: &'static str,
    pub classify_fe: fn(bool, &FeDir, RecordCopies<'_>) -> Result<Data, Refusal>,
    pub classify_backend: fn(&Storage, RecordCopies<'_>) -> Result<Data, Refusal>,
    pub asking: fn(&Node) -> Asking,
    pub decide: fn(&Node, &Seen) -> Decision,
    pub is_lost: fn(&Node, &Belief, Option<&Record>) -> bool,
    pub reset_without: fn(&Node, &[IpAddr], &[MemberAnswer]) -> Option<Refusal>,
    pub believe: fn(&[Answer], Duration) -> Belief,
    /// Whether a node is called dropped only when the heartbeats of the leader that shows it have gone on: the last of the
    /// conditions of `DropDetector`, which takes longer than a look.
    pub waits_for_heartbeats: bool,
}

/// What muster does.
pub const MUSTER: Rules = Rules {
    name: "the rules",
    classify_fe: data::classify_fe,
    classify_backend: data::classify_backend,
    asking: join::asking,
    decide: join::decide,
    is_lost: lost_vote::is_lost,
    reset_without: before_start::reset_without,
    believe: leader::believe,
    waits_for_heartbeats: true,
};
