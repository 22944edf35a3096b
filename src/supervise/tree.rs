//! Finds the processes of the engine and sends signals to them: the script's group, and every descendant outside it.

use std::fs;

use nix::libc::{SIGCONT, SIGTERM};
use nix::sys::prctl::set_child_subreaper;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group, test_kill_process_group};
use rustix_libc_wrappers::process::SignalExt;
use tracing::{debug, info, warn};

use super::signals::name;
use crate::file;

/// The processes that muster can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Visibility {
    /// True if orphans become children of muster: then "no child left" means that the tree is empty.
    pub(super) adopts: bool,
    /// True if /proc shows this PID namespace: then descendants outside the group can be found.
    pub(super) sees_proc: bool,
}

impl Visibility {
    /// Makes this process a subreaper if it is not PID 1.
    pub(super) fn open() -> Self {
        let own = getpid();
        let adopts = own.is_init()
            || match set_child_subreaper(true) {
                Ok(()) => {
                    info!("not PID 1 but pid {own}: adopting orphans as a subreaper");
                    true
                }
                Err(error) => {
                    warn!(%error, "neither PID 1 nor a subreaper: only the engine's process group is watched");
                    false
                }
            };
        let sees_proc =
            fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.to_string().as_str());
        if !sees_proc {
            warn!("/proc does not show this PID namespace: only the engine's process group gets signals");
        }
        Self { adopts, sees_proc }
    }
}

/// A process, from /proc/PID/stat, see proc(5).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    state: char,
    name: String,
}

impl Process {
    /// Parses a line; the name may contain spaces and brackets, so it ends at the last bracket.
    fn parse(stat: &str) -> Option<Self> {
        let (head, tail) = stat.rsplit_once(") ")?;
        let (pid, name) = head.split_once(" (")?;
        let mut fields = tail.split(' ');
        Some(Self {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }

    /// True for a zombie, which needs no signal.
    fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// All descendants of `root`.
fn descendants(mut all: Vec<Process>, root: i32) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while !parents.is_empty() {
        let (children, rest): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|process| parents.contains(&process.parent) && process.pid != root);
        parents = children.iter().map(|process| process.pid).collect();
        found.extend(children);
        all = rest;
    }
    found
}

/// The engine's processes.
#[derive(Debug)]
pub(super) struct Tree {
    /// The start script: the main process, and the leader of the group.
    main: Pid,
    /// False while its pid cannot be reused; afterwards a member must show that the group is still the engine's.
    pub(super) main_reaped: bool,
    /// The companion while it runs: a child of muster, but not of the engine.
    pub(super) companion: Option<i32>,
    visibility: Visibility,
    /// The processes that certainly got TERM, with the programs that they were.
    terminated: Vec<(i32, String)>,
}

impl Tree {
    pub(super) fn new(main: Pid, visibility: Visibility, companion: Option<i32>) -> Self {
        Self {
            main,
            main_reaped: false,
            companion,
            visibility,
            terminated: Vec::new(),
        }
    }

    fn members(&self) -> Vec<Process> {
        if !self.visibility.sees_proc {
            return Vec::new();
        }
        let stats = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
            let path = entry.ok()?.path();
            path.file_name()?.to_str()?.parse::<i32>().ok()?;
            file::text_of_kernel(&path.join("stat")).ok()
        });
        let all = stats
            .filter_map(|stat| Process::parse(&stat))
            .filter(|process| Some(process.pid) != self.companion);
        descendants(all.collect(), getpid().as_raw_nonzero().get())
    }

    /// True if no process of the engine is visible.
    pub(super) fn is_empty(&self) -> bool {
        if self.visibility.sees_proc {
            self.members().iter().all(Process::is_dead)
        } else {
            self.group_is_gone()
        }
    }

    /// Sends TERM to all processes. A suspended one handles it only once it continues.
    pub(super) fn terminate(&mut self) {
        let members = self.members().into_iter();
        self.terminated = members.map(|member| (member.pid, member.name)).collect();
        self.send(SIGTERM);
        self.send(SIGCONT);
    }

    /// Sends TERM to the processes that `terminate` did not see, or saw as another program, and whose parent has ended. A shell
    /// blocks signals while it forks, so its child begins without the TERM that is pending for the shell; and until that child has
    /// become its program, it hears TERM with the shell's trap. What an engine starts for its clean stop has a parent.
    pub(super) fn terminate_new(&self) {
        let own = getpid().as_raw_nonzero().get();
        let told = |member: &Process| {
            let same = |(pid, name): &(i32, String)| *pid == member.pid && *name == member.name;
            self.terminated.iter().any(same)
        };
        let mut new = self.members();
        new.retain(|member| member.parent == own && !told(member));
        send_each(&new, Signal::TERM);
    }

    /// Sends a signal to the group, which the kernel does in one step, then to the descendants outside it.
    pub(super) fn send(&self, signal: i32) {
        let Some(signal) = Signal::from_raw(signal) else {
            debug!("{} is not a known signal: not forwarded", name(signal));
            return;
        };
        let to_group = || {
            let sent = kill_process_group(self.main, signal);
            report(sent, signal, "the engine's process group");
        };
        // Before /proc is read, which takes longer than the rest.
        if !self.main_reaped {
            to_group();
        }
        let members = self.members();
        let group = self.main.as_raw_nonzero().get();
        if self.main_reaped
            && (!self.visibility.sees_proc || members.iter().any(|member| member.group == group))
        {
            to_group();
        }
        let mut others = members;
        others.retain(|member| member.group != group);
        send_each(&others, signal);
    }

    /// True if the group has no process; the only test if orphans do not become children of muster.
    pub(super) fn group_is_gone(&self) -> bool {
        test_kill_process_group(self.main) == Err(Errno::SRCH)
    }

    /// The names of the running processes: `java (pid 9), tee (pid 10) and 3 more`.
    pub(super) fn names(&self) -> String {
        const SHOWN: usize = 5;
        let members: Vec<_> = self
            .members()
            .into_iter()
            .filter(|member| !member.is_dead())
            .collect();
        if members.is_empty() {
            return "processes that /proc does not show".to_owned();
        }
        let shown: Vec<_> = members
            .iter()
            .take(SHOWN)
            .map(|member| format!("{} (pid {})", member.name, member.pid))
            .collect();
        match members.len().saturating_sub(SHOWN) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

fn send_each(members: &[Process], signal: Signal) {
    for member in members {
        if let Some(pid) = Pid::from_raw(member.pid) {
            report(kill_process(pid, signal), signal, &member.name);
        }
    }
}

/// Logs a failure, unless the process has ended already.
fn report(sent: rustix::io::Result<()>, signal: Signal, to: &str) {
    match sent {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => warn!("cannot send {} to {to}: {error}", name(signal.as_raw())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32) -> Process {
        Process {
            pid,
            parent,
            group: pid,
            state: 'S',
            name: "x".into(),
        }
    }

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let parsed = Process::parse("42 (a) S 1 (b) T 7 40 42 0 -1 4194304").unwrap();
        assert_eq!(
            parsed,
            Process {
                pid: 42,
                parent: 7,
                group: 40,
                state: 'T',
                name: "a) S 1 (b".into()
            }
        );
        assert_eq!(Process::parse("42 (cut off"), None);
        assert_eq!(Process::parse(""), None);
    }

    #[test]
    fn descendants_are_found_through_parents_and_nobody_else_is() {
        // 50 and 51 stand for `docker exec`: their line of parents ends at 0.
        let all = [(1, 0), (9, 7), (7, 1), (8, 1), (50, 0), (51, 50), (10, 9)];
        let all = all.map(|(pid, parent)| process(pid, parent)).to_vec();
        let mut found: Vec<_> = descendants(all, 1)
            .into_iter()
            .map(|process| process.pid)
            .collect();
        found.sort_unstable();
        assert_eq!(found, [7, 8, 9, 10]);
    }
}
