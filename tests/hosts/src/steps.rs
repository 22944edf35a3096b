//! Follows a program with ptrace(2): what it does to the world, step by step, and its death by SIGKILL at the entry of any
//! of these calls. The entry is before the step and after the one before, so the entries of all steps and the end of the
//! last one are all the states there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use anyhow::anyhow;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::calls::{Call, entered};

/// One thing that was done, and which one it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub moment: Moment,
    /// It is there when the program is gone.
    pub lasts: bool,
}

/// A step that is found again in another run, which may wait longer or ask once more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// How many lasting steps were done before.
    pub after: usize,
    pub what: String,
    /// Which one of the same name since the last lasting step, from 1.
    pub nth: usize,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, what, nth } = self;
        write!(f, "before `{what}` ({nth}), {after} steps into it")
    }
}

/// The machine does not let one program follow another: no ptrace, as some sandboxes have it.
#[derive(Debug)]
pub struct Untraceable(Errno);

impl fmt::Display for Untraceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this machine refuses to trace a program (ptrace: {})", self.0)
    }
}

impl std::error::Error for Untraceable {}

/// What a traced program did until its end.
#[derive(Debug, Default)]
pub struct Seen {
    pub steps: Vec<Step>,
    /// It was killed where it was to be killed.
    pub killed: bool,
}

/// A program that is being followed by a thread of its own.
#[derive(Debug)]
pub struct Traced(JoinHandle<anyhow::Result<Seen>>);

impl Traced {
    /// Follows `one` and its children until one of them has become muster, then that one's first child, the companion,
    /// and from then on both: what they do to the world is one story, whose death is that of muster.
    /// `address` is its own, and the same step on another host has the same name.
    pub(crate) fn follow(one: Pid, address: &str, end: Option<Moment>) -> anyhow::Result<Self> {
        let address = address.to_owned();
        let (ready, seized) = channel();
        let thread = thread::spawn(move || {
            let mut tracer = Tracer {
                address,
                muster: None,
                companion: None,
                followed: BTreeSet::new(),
                inside: BTreeSet::new(),
                counted: BTreeMap::new(),
                after: 0,
                unsynced: BTreeSet::new(),
                end,
                seen: Seen::default(),
            };
            tracer.run(one, &ready)
        });
        // Fails only if the thread has ended, and then it says why.
        match seized.recv() {
            Ok(()) => Ok(Self(thread)),
            Err(_) => Err(thread
                .join()
                .map_err(|_| anyhow!("the tracer panicked"))?
                .err()
                .unwrap_or_else(|| anyhow!("the tracer ended"))),
        }
    }

    /// What it did. To be asked when it is dead, or when it must die at its moment.
    pub fn seen(self) -> anyhow::Result<Seen> {
        self.0.join().map_err(|_| anyhow!("the tracer panicked"))?
    }

    /// It is dead, or was replaced by another program.
    pub fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

struct Tracer {
    address: String,
    muster: Option<Pid>,
    companion: Option<Pid>,
    /// Both, once they are.
    followed: BTreeSet<Pid>,
    /// Threads between the entry and the exit of a call.
    inside: BTreeSet<Pid>,
    /// Steps since the last lasting one, by name.
    counted: BTreeMap<String, usize>,
    after: usize,
    /// What was changed and is kept, and the dirs that it is in, until they are synced.
    unsynced: BTreeSet<PathBuf>,
    end: Option<Moment>,
    seen: Seen,
}

impl Tracer {
    fn run(&mut self, one: Pid, ready: &Sender<()>) -> anyhow::Result<Seen> {
        let searching = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK;
        ptrace::seize(one, searching).map_err(Untraceable)?;
        ready.send(()).ok();
        loop {
            // Other threads of the test wait for children of their own.
            let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            let status = match waitpid(None, Some(flags)) {
                Ok(status) => status,
                Err(Errno::ECHILD) => return Ok(std::mem::take(&mut self.seen)),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            match status {
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _) if Some(pid) == self.muster => {
                    return Ok(std::mem::take(&mut self.seen));
                }
                WaitStatus::PtraceEvent(pid, _, event) if event == libc::PTRACE_EVENT_EXEC => {
                    if Some(pid) == self.muster && !is_muster(pid) {
                        // Somebody else's program in its place.
                        return Ok(std::mem::take(&mut self.seen));
                    }
                    if self.muster.is_none() && is_muster(pid) {
                        self.muster = Some(pid);
                    } else if self.companion.is_none() && self.muster.is_some() && is_muster(pid) {
                        self.companion = Some(pid);
                        self.follow_alone(pid)?;
                    }
                    self.go_on(pid, None);
                }
                // The companion is made; PID 1 goes on inside of that call. On a busy machine the companion may have become muster
                // before this is told.
                WaitStatus::PtraceEvent(pid, _, _)
                    if Some(pid) == self.muster && !self.followed.contains(&pid) =>
                {
                    self.follow_alone(pid)?;
                    self.go_on(pid, None);
                }
                WaitStatus::PtraceSyscall(pid) => {
                    if !self.inside.remove(&pid) {
                        self.inside.insert(pid);
                        if let Some(call) = entered(pid).ok().flatten() {
                            self.step(&call)?;
                        }
                    }
                    self.go_on(pid, None);
                }
                WaitStatus::PtraceEvent(pid, _, _) => self.go_on(pid, None),
                WaitStatus::Stopped(pid, signal) => self.go_on(pid, Some(signal)),
                _ => {}
            }
        }
    }

    /// Its calls from here on, the one it is in left out, and none of its children.
    fn follow_alone(&mut self, pid: Pid) -> anyhow::Result<()> {
        self.inside.insert(pid);
        let threads =
            Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_TRACECLONE;
        ptrace::setoptions(pid, threads)?;
        self.followed.insert(pid);
        Ok(())
    }

    /// Whether it changes what is kept. A dir in which only a history was changed is synced for nobody, and beside the start
    /// of the engine: now before it, now after it.
    fn lasts(&mut self, call: &Call) -> bool {
        let path = Path::new(&call.what);
        if call.name == "sync" {
            return call.lasts && self.unsynced.remove(path);
        }
        if call.lasts {
            let above = path.parent().map(Path::to_owned);
            self.unsynced.extend(above.into_iter().chain([path.to_owned()]));
        }
        call.lasts
    }

    fn step(&mut self, call: &Call) -> anyhow::Result<()> {
        // A broker is named after its address.
        let name = self.address.replace('.', "_");
        let what = call.what.replace(&self.address, "its own address");
        let what = format!("{} {}", call.name, what.replace(&name, "its own name"));
        let what = what.trim_end().to_owned();
        let nth = self.counted.entry(what.clone()).or_default();
        *nth += 1;
        let moment = Moment {
            after: self.after,
            what,
            nth: *nth,
        };
        if self.end.as_ref() == Some(&moment)
            && let Some(muster) = self.muster
        {
            self.seen.killed = true;
            // Before the call: a program that is killed at its entry does not carry it out.
            kill(muster, Signal::SIGKILL)?;
        }
        let lasts = self.lasts(call);
        if lasts {
            self.after += 1;
            self.counted.clear();
        }
        self.seen.steps.push(Step { moment, lasts });
        Ok(())
    }

    /// One that died meanwhile says so at the next wait.
    fn go_on(&self, pid: Pid, signal: Option<Signal>) {
        let mut processes = self.followed.iter();
        if processes.any(|process| *process == pid || of(pid, *process)) {
            ptrace::syscall(pid, signal).ok();
        } else {
            ptrace::cont(pid, signal).ok();
        }
    }
}

/// Whether it is a thread of that process.
fn of(thread: Pid, process: Pid) -> bool {
    fs::exists(format!("/proc/{process}/task/{thread}")).unwrap_or(false)
}

fn is_muster(pid: Pid) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.ends_with("muster"))
}
