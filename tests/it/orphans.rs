//! PID 1 reaps, with real processes: whoever ends below it or beside it leaves no zombie, no memory and no descriptor.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy knows a test by its attribute, not its helpers"
)]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::{Place, Run, Start, eventually, let_go_on, status_line};

const TERM: i32 = 15;

/// The states of all children of the supervisor: `S`, `Z` and so on.
fn children(run: &Run) -> Vec<char> {
    let pid = run.supervisor();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children
        .split_whitespace()
        .filter_map(|pid| status_line(pid.parse().unwrap(), "State")?.chars().next())
        .collect()
}

#[test]
fn three_thousand_orphans_that_die_together_are_reaped_and_the_engines_status_is_kept() {
    let place = Place::new();
    let fifo = place.fifo("storm");
    let Some(mut run) = Start::script("storm.sh").arg(&fifo).arg("3000").run() else {
        return;
    };
    run.line("released");
    run.line("all reaped");
    let end = run.end();
    assert_eq!(end.code, 42, "{end:?}");
}

/// What is resident, in kB. Not `VmRSS`: that is counted for each processor and lags behind by some pages.
fn resident(run: &Run) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", run.supervisor())).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

fn descriptors(run: &Run) -> usize {
    fs::read_dir(format!("/proc/{}/fd", run.supervisor()))
        .unwrap()
        .count()
}

/// One allocation that is not given back for each of them, and be it the smallest there is (32 bytes with its head),
/// would be 375 kB. A hundred is for the pages that a larger heap of statuses touches for the first time.
const NOISE_KB: u64 = 100;

#[test]
fn twelve_thousand_orphans_leave_no_zombie_no_memory_and_no_descriptor() {
    let place = Place::new();
    let fifo = place.fifo("go-on");
    let Some(mut run) = Start::script("litter.sh").arg(&fifo).arg("12000").run() else {
        return;
    };
    run.line("littered a little");
    let alone = |run: &Run| {
        eventually("only the script is left", || {
            (children(run) == ['S']).then_some(())
        });
    };
    alone(&run);
    let before = (resident(&run), descriptors(&run));
    let first = let_go_on(&fifo);
    run.line("littered a lot");
    alone(&run);
    let after = (resident(&run), descriptors(&run));
    assert!(after.0 <= before.0 + NOISE_KB, "{before:?}, then {after:?}");
    assert_eq!(after.1, before.1);
    drop(first);
    let _held = let_go_on(&fifo);
    let end = run.end();
    assert_eq!(end.code, 42, "{end:?}");
}

/// A process in the namespace whose parent is outside of it, as `docker exec` makes them.
struct Visitor {
    nsenter: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Visitor {
    fn new(run: &Run, fifo: &Path, orphans: usize) -> Self {
        let mut nsenter = Command::new("nsenter");
        if nix::unistd::getuid().is_root() {
            nsenter.args(["--pid", "--mount"]);
        } else {
            nsenter.args(["--user", "--preserve-credentials", "--pid", "--mount"]);
        }
        nsenter
            .args(["--target", &run.supervisor().to_string()])
            .arg(crate::support::fixture("visitor.sh"))
            .arg(fifo)
            .arg(orphans.to_string());
        let mut nsenter = nsenter
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("nsenter");
        let lines = BufReader::new(nsenter.stdout.take().unwrap()).lines();
        let mut visitor = Self { nsenter, lines };
        assert_eq!(visitor.says(), "visiting");
        visitor
    }

    fn says(&mut self) -> String {
        self.lines.next().expect("it said less").unwrap()
    }

    /// Its orphans end, all at once.
    fn lets_go(&mut self) {
        self.nsenter.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        assert_eq!(self.says(), "let go");
    }

    /// It died with the namespace, and said nothing before.
    fn died(mut self) {
        assert!(self.lines.next().is_none());
        #[expect(
            clippy::disallowed_methods,
            reason = "the test program's own child, and nothing else waits here"
        )]
        let gone = self.nsenter.wait().unwrap();
        assert!(!gone.success());
    }
}

#[test]
fn visitors_are_not_signalled_nor_waited_for_and_all_their_orphans_are_reaped() {
    const EACH: usize = 20;
    let place = Place::new();
    let Some(mut run) = Start::script("engine.sh").arg(place.mark()).run() else {
        return;
    };
    run.line("engine up");
    let mut visitors = ["one", "two", "three"].map(|name| Visitor::new(&run, &place.fifo(name), EACH));
    for let_go in 0..=visitors.len() {
        let left = 1 + (visitors.len() - let_go) * EACH;
        eventually("the orphans of those who stay, and no zombie", || {
            let children = children(&run);
            (children.len() == left && !children.contains(&'Z')).then_some(())
        });
        if let Some(visitor) = visitors.get_mut(let_go) {
            visitor.lets_go();
        }
    }
    run.signal(TERM);
    let end = run.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(place.stopped_cleanly());
    for visitor in visitors {
        visitor.died();
    }
}
