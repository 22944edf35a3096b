//! Acts on what was decided: writes files, takes ports, listens for callers, waits, registers. Decides nothing.

pub mod callers;
pub mod configure;
pub mod diary;
pub mod files;
pub mod last_words;
pub mod pace;
pub mod remember;
pub mod reserve;
pub mod set_aside;
