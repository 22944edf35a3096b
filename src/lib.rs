//! muster: PID 1 of a StarRocks or Apache Doris container.

pub mod exit;
pub mod plan;
pub mod supervise;
