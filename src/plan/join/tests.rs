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

pub(crate) use self::situation::node;
