//! The engine's console, with real processes: it passes through our hands, and nobody can tell.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "clippy knows a test by its attribute, not its helpers"
)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use crate::support::{Place, example, fixture, namespaces, status_line};

const TERM: i32 = 15;

/// A supervisor whose two streams are read by the test, each for itself.
struct Console {
    child: Child,
    stdout: ChildStdout,
    stderr: BufReader<ChildStderr>,
}

impl Console {
    fn start(script: &Path, flags: &str, args: &[&Path]) -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(namespaces()?).arg("--").arg(example("pid1"));
        command.args(flags.split(' ').filter(|flag| !flag.is_empty()));
        let mut child = command
            .arg("--")
            .arg(script)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Some(Self {
            child,
            stdout,
            stderr,
        })
    }

    fn supervisor(&self) -> i32 {
        let unshare = self.child.id();
        crate::support::eventually("PID 1 is forked", || {
            let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?;
            children.split(' ').next()?.parse().ok()
        })
    }

    /// Reads the log up to a line that holds this.
    fn says(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.stderr.read_line(&mut line).unwrap() > 0,
                "it never said {text}"
            );
            if line.contains(text) {
                return line;
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test program's own child, and nothing else waits here"
    )]
    fn end(mut self) -> i32 {
        drop(self.stdout);
        let mut rest = Vec::new();
        self.stderr.read_to_end(&mut rest).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

/// Bytes of every value, in no order that a text would have.
fn noise(path: &Path, megabytes: usize) {
    let mut file = File::create(path).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = Vec::with_capacity(1 << 20);
    for _ in 0..megabytes {
        block.clear();
        while block.len() < 1 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block).unwrap();
    }
}

fn same(stdout: &mut ChildStdout, file: &Path) {
    let mut written = File::open(file).unwrap();
    let (mut read, mut expected) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut all = 0;
    loop {
        let length = stdout.read(&mut read).unwrap();
        if length == 0 {
            break;
        }
        written
            .read_exact(&mut expected[..length])
            .expect("more came than was written");
        assert!(
            read[..length] == expected[..length],
            "another byte within {length} after {all}"
        );
        all += length;
    }
    assert_eq!(written.read(&mut expected).unwrap(), 0, "only {all} bytes came");
}

#[test]
fn two_hundred_megabytes_come_out_byte_for_byte() {
    let place = Place::new();
    let file = place.path("noise");
    noise(&file, 200);
    let Some(mut console) = Console::start(Path::new("/bin/cat"), "", &[&file]) else {
        return;
    };
    same(&mut console.stdout, &file);
    console.says("engine ended with 0");
    assert_eq!(console.end(), 1);
}

#[test]
fn both_streams_stay_two_and_in_their_order() {
    let place = Place::new();
    let script = place.script(
        "both.sh",
        0o755,
        "#!/bin/sh\nfor i in 1 2 3; do echo out $i; echo err $i >&2; done\nexit 7\n",
    );
    let Some(mut console) = Console::start(&script, "", &[]) else {
        return;
    };
    let mut out = String::new();
    console.stdout.read_to_string(&mut out).unwrap();
    assert_eq!(out, "out 1\nout 2\nout 3\n");
    for number in 1..=3 {
        console.says(&format!("err {number}"));
    }
    assert_eq!(console.end(), 7);
}

/// One file for both, as in `muster run >log 2>&1`: what was written first stands first.
#[test]
fn two_streams_that_are_one_keep_their_common_order() {
    let place = Place::new();
    let lines = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done";
    let script = place.script("both.sh", 0o755, &format!("#!/bin/sh\n{lines}\n"));
    let Some(unshare) = namespaces() else { return };
    let mut command = Command::new("unshare");
    command
        .args(unshare)
        .args(["--", "sh", "-c", "\"$@\" 2>&1", "sh"]);
    let output = command.arg(example("pid1")).arg("--").arg(&script);
    let output = output.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("out ") || line.starts_with("err "))
        .collect();
    let expected: Vec<String> = (1..=9)
        .flat_map(|i| [format!("out {i}"), format!("err {i}")])
        .collect();
    assert_eq!(said, expected, "{text}");
}

/// A reader that stands still holds up the engine's writes, as it would without us, and nothing else.
#[test]
fn a_console_that_nobody_reads_holds_up_no_stop() {
    let place = Place::new();
    let script = place.script("yes.sh", 0o755, "#!/bin/sh\nexec yes\n");
    let Some(mut console) = Console::start(&script, "", &[]) else {
        return;
    };
    console.says("engine started");
    let supervisor = console.supervisor();
    // Nothing can move any more: the engine sleeps in its write, and we have nothing to do.
    crate::support::eventually("the pipes are full", || {
        let engine = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).ok()?;
        let waits = fs::read_to_string(format!("/proc/{}/wchan", engine.trim())).ok()?;
        let sleeps = |pid: i32| status_line(pid, "State").is_some_and(|state| state.starts_with('S'));
        (waits.contains("pipe") || sleeps(engine.trim().parse().ok()?)).then_some(())
    });
    crate::support::send(supervisor, TERM);
    console.says("stopped as requested");
    assert_eq!(console.end(), 0);
}

#[test]
fn an_engine_whose_console_has_no_reader_any_more_lives_on() {
    let place = Place::new();
    let mark = place.mark();
    let Some(mut console) = Console::start(&fixture("chatters.sh"), "", &[&mark]) else {
        return;
    };
    let mut first = [0; 3];
    console.stdout.read_exact(&mut first).unwrap();
    let supervisor = console.supervisor();
    let (unread, _) = std::io::pipe().unwrap();
    drop(std::mem::replace(
        &mut console.stdout,
        ChildStdout::from(std::os::fd::OwnedFd::from(unread)),
    ));
    // It counts its own lines, and goes on counting.
    let count = || fs::read_to_string(&mark).ok()?.trim().parse::<u32>().ok();
    let before = crate::support::eventually("it counts", count);
    crate::support::eventually("it counts on", || count().filter(|now| *now > before + 20));
    crate::support::send(supervisor, TERM);
    assert_eq!(console.end(), 0);
}
