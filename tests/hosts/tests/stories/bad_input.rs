//! Input that cannot be used, as a person meets it: the real `muster run` as PID 1 of a host, its exit code, and what
//! it says. Nothing may come of it but that: no file changes, no engine starts, nobody is registered, no secret is
//! printed; and `muster explain` says the same wherever it can know.

mod conf_files;
mod disks;
mod homes;
mod leaders;
mod ports;
mod records;
mod settings;
mod storage;
mod trial;
