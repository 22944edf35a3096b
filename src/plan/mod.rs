//! `settings → facts → plan`: what will be done. Pure: no clock, socket, file, process or environment.

pub mod launch;
