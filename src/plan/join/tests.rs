//! The joining table: role × data × both copies of the record × what was seen × witnesses → the step.
//!
//! `every` takes every combination through the real rules, `forbidden` says what must never come of any, `broken` shows
//! that each of these sentences can fail, and `told` keeps the rows a person looks for in `decide.txt`.

mod broken;
mod every;
mod forbidden;
mod seen;
mod situation;
mod told;
