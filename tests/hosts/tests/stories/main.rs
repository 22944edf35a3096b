//! Stories on hosts that are namespaces, as one program: `cargo test -p hosts --test stories kills::` runs one file.

mod adopted;
mod bad_input;
mod bench;
mod clocks;
mod cluster;
mod companion;
mod dropped;
mod first_steps;
mod harness;
mod herd;
mod inside;
mod kills;
mod leader_changes;
mod nemesis;
mod ports;
mod readdress;
mod seeds;
mod stale_pids;
mod strangers;
