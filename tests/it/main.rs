//! The tests of package muster as one program, so that it is linked once. `cargo test --test it plan::` runs one file.

mod boundaries;
mod broker;
mod cluster;
mod companion;
mod console;
mod docker_tls;
mod fakes;
mod faults;
mod fuzz;
mod inherits;
mod init;
mod languages;
mod lives;
mod mariadb;
mod orphans;
mod pid1;
mod plan;
mod reference;
mod register;
mod release;
mod signals;
mod signatures;
mod support;
mod unread;
mod vendor;
mod watch;
