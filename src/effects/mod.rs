//! Acts on what was decided: writes files, takes ports, listens for callers, waits, registers. Decides nothing.

pub mod callers;
pub mod files;
pub mod pace;
pub mod reserve;
pub mod set_aside;
