//! Many hosts on one machine. Each has its own address, its own files and a PID 1 of its own, and can be started,
//! killed with all that runs on it, wiped, frozen, or cut off from the others.
//!
//! | file | holds |
//! |---|---|
//! | `world.rs` | the namespaces all hosts of one run live in, which end with the program that made them |
//! | `network.rs` | the bridge, the cables and who is plugged in where |
//! | `engine.rs` | what is different from engine to engine |
//! | `image.rs` | the files a host begins with: the stand-in engine, or a real engine's home |
//! | `host.rs` | one host: start, stop, kill, wipe, look inside |
//! | `steps.rs`, `calls.rs` | what a program does to the world, call by call, and its death before any of them |
//! | `herd.rs` | many BEs at once, as processes and not as hosts |
//! | `cluster.rs` | FEs and BEs together, and what they say of one another |
//! | `docker/` | the same on a real Docker daemon: images, containers and networks of one test |
//! | `sql.rs` | a statement and its rows |
//! | `fakes.rs` | an FE that is a script: every way to misbehave on the MySQL port |
//! | `tree.rs` | what lies in directories, to see afterwards what has changed |
//! | `eventually.rs` | waiting for something to become true, and saying what was missing when it did not; chance that can be repeated |
//!
//! Needs no root where user namespaces are allowed. Nothing it sends leaves the namespaces it made.

mod calls;
mod cluster;
pub mod docker;
mod engine;
mod eventually;
pub mod fakes;
mod herd;
mod host;
mod image;
mod network;
mod sql;
mod steps;
mod tree;
mod world;

pub use cluster::Cluster;
pub use engine::{DORIS, Engine, STARROCKS, drop_broker};
pub use eventually::{dice, eventually};
pub use herd::Herd;
pub use host::{Host, Output};
pub use image::{Component, Image, StandIn, binary, target_dir};
pub use sql::{Row, Session, query};
pub use steps::{Moment, Seen, Step, Traced, Untraceable};
pub use tree::Tree;
pub use world::{Lifeline, World, tidy};

/// The path of the test function that stands around it, for [`World::enter`].
#[macro_export]
macro_rules! this_test {
    () => {{
        fn here() {}
        std::any::type_name_of_val(&here)
    }};
}
