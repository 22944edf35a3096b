//! Acts on what was decided: writes files, takes ports, listens for callers, waits, registers. Decides nothing.

pub mod accounts;
pub mod announce;
mod ask_callers;
pub mod backoff;
pub mod clock;
pub mod configure;
pub mod crowd;
pub mod dir_lock;
pub mod doctor;
pub mod files;
pub mod guard_clock;
pub mod history;
pub mod init_files;
mod init_script;
pub mod join_loop;
mod journal_pulse;
pub mod listen;
pub mod log_tail;
pub mod look;
mod look_before_start;
pub mod metrics_file;
pub mod record_store;
pub mod register;
pub mod report_files;
pub mod reserve;
pub mod roster;
pub mod set_aside;
pub mod settle_ports;
pub mod status_file;
pub mod survey;
pub mod together;
mod unpack;
pub mod wait_log;
pub mod watch;

#[cfg(test)]
mod set_aside_tests;
