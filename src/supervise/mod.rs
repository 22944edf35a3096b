//! The resident half, PID 1: spawn the start script, pass signals on, reap, drain, and say how the engine ended. Whatever
//! can block, fail or be lied to is done by the companion, a child of the same binary.
//!
//! ```text
//!  main ─ Signals::block ─ Supervisor::new ─┬─ prepare(work) ─► Start | Ended | Stopped   nothing runs yet
//!                                           └─ run(job) ─► End                            the engine runs
//!
//!  companion ─► Request ─┐
//!  signalfd ──► Event ───┴► Phase::step ──► Action ──► tree (forward, terminate, kill), timer
//!                 ▲
//!  reaper ────────┘   on SIGCHLD, the only place that waits
//! ```
//!
//! Every signal that can be caught is blocked from the first instruction and read from one descriptor, so none
//! is lost between the start of the process and the start of the engine, and none interrupts anything.
//!
//! | signal to us | before the launch | while the engine runs |
//! |---|---|---|
//! | TERM, INT, PWR | stop | a stop request, passed on as TERM: the grace begins, the end counts as asked |
//! | QUIT | stop | passed on, no stop request: a JVM answers with a thread dump and lives on |
//! | HUP | stop | passed on, no stop request |
//! | CHLD | reap | reap; never passed on, it is news about our own children |
//! | TSTP, TTIN, TTOU, CONT | ignored | passed on, but no suspension once a stop was asked for, and none from a terminal |
//! | all others, real-time ones too | ignored | passed on |
//!
//! Three rules beside the table. A repeated stop request is not passed on again and moves no deadline, because
//! some programs take the second as "at once"; only a second Ctrl-C on a terminal kills. A stop request also wakes (CONT)
//! the tree, as systemd does: a stopped process cannot end cleanly. What the kernel sends us about our own acts (PIPE,
//! when the log's reader is gone) is not the engine's business.
//!
//! "The tree" is the script's process group and every descendant of ours but the companion, whatever its group or session,
//! found by parents in /proc. `docker exec` processes have parent 0: they are not signalled; once orphaned they are
//! our children like any other, to be reaped and, if they still live at a stop, to be stopped.

mod companion;
mod console;
mod ended;
mod error;
mod message;
mod phase;
mod reaper;
mod running;
mod signals;
mod spawn;
mod supervisor;
mod tree;

pub use companion::{COMPANION, Companion};
pub use ended::{Ended, Exit};
pub use error::SuperviseError;
pub use message::{Channel, HandOver, Request, Work};
pub use signals::Signals;
pub use spawn::exec;
pub use supervisor::{End, Job, Prepared, Start, Supervisor};
