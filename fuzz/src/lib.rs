//! What has to hold for every input: each module has a `holds` that panics where it does not. libFuzzer looks for such
//! inputs, and every one that is kept in `corpus/` is an ordinary test.

pub mod answers;
pub mod conf;
pub mod data;
pub mod hosts;
pub mod poll;
pub mod record;
pub mod render;
pub mod rows;
