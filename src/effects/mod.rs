//! Acts on what was decided: writes files, takes ports, listens for callers, waits, registers. Decides nothing.

pub mod awake;
pub mod callers;
pub mod configure;
pub mod diary;
pub mod enter;
pub mod files;
pub mod first_steps;
pub mod hold;
pub mod last_words;
pub mod look;
pub mod pace;
pub mod register;
pub mod remember;
pub mod reserve;
pub mod set_aside;
pub mod settle;
pub mod shown;
pub mod together;
pub mod voice;
pub mod watch;

#[cfg(test)]
mod set_aside_tests;
