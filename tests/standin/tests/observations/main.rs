//! The stand-in is held to the observations: one test for each row of what was seen of real engines, replayed on
//! loopback addresses with the engine's seconds shortened.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::doc_markdown,
    reason = "a test stops at the first thing that is not so, and its doc lines quote what was observed"
)]

mod accounts;
mod backends;
mod configuration;
mod dropped;
mod failures;
mod faults;
mod founding;
mod joining;
mod kind;
mod membership;
mod moved;
mod nemesis;
mod pages;
mod poll;
mod processes;
mod support;
mod unfinished;
