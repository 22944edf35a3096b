//! The stand-in is held to the observations: one test for each row of what was seen of real engines, replayed on
//! loopback addresses with the engine's seconds shortened.

mod backends;
mod failures;
mod faults;
mod founding;
mod joining;
mod membership;
mod nemesis;
mod poll;
mod processes;
mod support;
