//! Stories on Docker daemons, as one program: its tests share images that are built once and removed with the last of
//! them. `cargo test -p hosts --test containers guide::` runs one file.

mod docker;
mod existing;
mod guide;
mod machines;
mod monitoring;
