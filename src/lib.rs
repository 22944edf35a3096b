//! muster: PID 1 of a StarRocks or Apache Doris container.

pub mod cli;
pub mod cluster;
pub mod effects;
pub mod engine;
pub mod exit;
pub mod facts;
pub mod plan;
pub mod settings;
pub mod supervise;
pub mod verbs;
