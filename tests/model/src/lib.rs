//! The rules of joining, driven through every short history of a small cluster.
//!
//! `rules` are muster's own pure functions; nothing of them is written here a second time. What is modelled is the world
//! they act in: `world` (disks, records, processes), `engine` (what engines do with them), `muster` (the loop around the
//! decisions, one step at a time), `sight` (what a node sees, as the rules read it). `ground` says who there is and what may
//! happen, `promise` what must never happen, `settle` what must come of it, `assume` what no rule can see.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "how many bytes a world and its parts have changes with every fact that is added"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "hosts and clusters are places in arrays of one size"
)]

mod assume;
pub mod broken;
mod engine;
pub mod ground;
pub mod grounds;
mod muster;
pub mod promise;
pub mod rules;
pub mod settle;
pub mod sight;
pub mod world;
