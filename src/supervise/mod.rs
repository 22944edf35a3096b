//! PID 1: spawns the start script, forwards signals, reaps, drains, and logs how the engine ended. The companion, a child of
//! the same binary, does everything that can block or fail.
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
//! Every signal that can be caught is blocked from the first instruction and read from one descriptor, so none is lost
//! between the start of the process and the start of the engine.
//!
//! | signal to muster | before the launch | while the engine runs |
//! |---|---|---|
//! | TERM, INT, PWR | stop | a stop request, forwarded as TERM: the grace begins, the end counts as requested |
//! | QUIT | stop | forwarded, no stop request: a JVM answers with a thread dump and runs on |
//! | HUP | stop | forwarded, no stop request |
//! | CHLD | reap | reap; never forwarded, it is about muster's own children |
//! | TSTP, TTIN, TTOU, CONT | ignored | forwarded, but no suspension after a stop request, and none from a terminal |
//! | all others, real-time ones too | ignored | forwarded |
//!
//! Three rules beside the table. A repeated stop request is not forwarded again and moves no deadline, because some
//! programs treat the second as "at once"; only a second Ctrl-C on a terminal kills. A stop request also continues (CONT)
//! the tree, as systemd does: a stopped process cannot end cleanly. A signal of the kernel about muster's own actions (PIPE,
//! when the log's reader is gone) is not forwarded.
//!
//! "The tree" is the script's process group and every descendant of muster except the companion, in any group or session,
//! found by the parents in /proc. `docker exec` processes have parent 0 and get no signals; once orphaned they become
//! children of muster, which are reaped and, if they still run at a stop, stopped.

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
