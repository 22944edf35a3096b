//! The resident half: spawn the start script, pass signals on, reap, drain, and say how the engine ended.
//! What is started is a [`Launch`](crate::plan::launch::Launch); when, and with what settings, is decided elsewhere.
//!
//! ```text
//!  main ─ Signals::block ─ Supervisor::new ─┬─ until(work) ─► Done | StopRequested      nothing runs yet
//!                                           └─ run(launch) ─► Ended                     the engine runs
//!                                                  └─ settled: a fresh image ─ resume ─► Ended
//!
//!  signalfd ──► Event ──► Phase::step ──► Action ──► tree (forward, terminate, kill), timer
//!                 ▲
//!  reaper ────────┘   on SIGCHLD, the only place that waits
//! ```
//!
//! Every signal that can be caught is blocked from the first instruction and read from one descriptor, so none
//! is lost between the start of the process and the start of the engine, and none interrupts anything.
//!
//! | signal to us | before the launch | while the engine runs |
//! |---|---|---|
//! | TERM, INT | stop | passed on; a stop request: the grace begins, the end counts as asked |
//! | PWR | stop | a stop request, passed on as TERM: no engine handles PWR, it would die in mid-write |
//! | QUIT | stop | passed on, no stop request: a JVM answers with a thread dump and lives on |
//! | HUP | stop | passed on, no stop request |
//! | CHLD | reap | reap; never passed on, it is news about our own children |
//! | TSTP, TTIN, TTOU, CONT | ignored | passed on, but no longer a suspension once a stop was asked for; we ourselves are never suspended |
//! | all others, real-time ones too | ignored | passed on |
//!
//! Three rules beside the table. A repeated stop request is not passed on again and moves no deadline, because
//! some programs take the second as "at once"; INT followed by TERM is, since it asks for more. A stop request
//! also wakes (CONT) whatever in the tree is suspended, as systemd does: a stopped process cannot end cleanly.
//! What the kernel sends us about our own acts (PIPE, when the log's reader is gone) is not the engine's business.
//!
//! "The tree" is the script's process group and every descendant of ours, whatever its group or session, found
//! by parents in /proc. `docker exec` processes have parent 0: they are not signalled; once orphaned they are
//! our children like any other, to be reaped and, if they still live at a stop, to be stopped.

mod console;
mod ended;
mod error;
mod phase;
mod reaper;
mod resident;
mod running;
mod signals;
mod spawn;
mod stop_note;
mod supervisor;
mod terminal;
mod tree;

pub use ended::{Ended, Exit};
pub use error::SuperviseError;
pub use resident::Resident;
pub use signals::Signals;
pub use spawn::exec;
pub use supervisor::{Before, Beside, End, Job, Supervisor};
