//! muster is PID 1 of a database container: two addresses in, one healthy cluster out.
//!
//! Data moves one way. A stage reads what the stages before it produced and nothing after it; `use crate::` lines show it.
//!
//! ```text
//! PID 1       spawn the companion ───────────────────────► supervise ─► exit code
//!                                                           ▲ one message: the start
//! companion   environment, ─► settings ─► facts ─► plan ─► effects ─► watch
//!             host, disk       asked      is so   will be   act      beside the engine
//!                                                 done       │
//!                                                   ▲        │
//!                                                   └────────┘ join::decide: observe, decide, act; the only loop back
//! ```
//!
//! Begin with [`effects::join_loop`] and [`plan::join`]: the loop and the decision it asks for. [`verbs::companion`] is what
//! happens before and after, [`verbs::run`] what PID 1 does with it. What is true of one engine and not of the other is data
//! in [`engine`].
//!
//! This crate is a library so that tests can call its pure half; its interface is the program.

pub mod cli;
pub mod cluster;
pub mod effects;
pub mod engine;
pub mod exit;
#[cfg(test)]
mod expect_file;
pub mod facts;
pub mod file;
pub mod plan;
pub mod printable;
pub mod settings;
pub mod supervise;
pub mod verbs;
