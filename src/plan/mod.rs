//! `settings → facts → plan`: what will be done. Pure: no clock, socket, file, process or environment.

pub mod conf;
pub mod data;
pub mod join;
pub mod launch;
pub mod leader;
pub mod ports;
pub mod refusal;
