//! The joining table: role × data × both copies of the record × what was seen × witnesses → the step.
//!
//! `every` takes every combination through the real rules, `forbidden` has the outcomes that must never occur, `broken` shows
//! that each of these checks can fail, and `decide_table` writes the table for readers, `decide.txt`.

mod broken;
mod decide_table;
mod every;
mod forbidden;
mod moved;
mod seen;
mod situation;

pub(crate) use self::seen::led;
pub(crate) use self::situation::node;

use crate::engine::Component;
use crate::plan::data::{ClusterId, Data};
use crate::plan::leader::Belief;
use crate::plan::node::{Decision, Role};

/// Its old vote acknowledged writes that the members it would elect may not have.
#[test]
fn a_voter_that_lost_its_data_never_starts_without_a_leader() {
    let cluster = Some(ClusterId {
        id: "77".to_owned(),
        read_from: "the record".to_owned(),
    });
    let why = "it was interrupted".to_owned();
    let mut node = node(
        Role::Follower,
        Data::Unfinished {
            keep: true,
            why,
            cluster,
        },
    );
    let mut started = 0;
    for lost in [false, true] {
        node.lost = lost;
        seen::every(Component::Fe, &mut |seen| {
            let without = !matches!(seen.belief, Belief::Leader(_)) && seen.caller.is_none();
            let starts = matches!(
                super::decide(&node, seen),
                Decision::Join { .. } | Decision::Start
            );
            assert!(!(lost && without && starts), "{seen:?}");
            started += u32::from(!lost && without && starts);
            true
        });
    }
    assert!(
        started > 0,
        "a first join may bring the vote that the others wait for"
    );
}
