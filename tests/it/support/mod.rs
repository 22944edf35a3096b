//! One harness for the tests with real processes: starts `examples/pid1.rs` as PID 1 of a PID namespace of its own,
//! reads what everyone in it prints, and waits for lines and ends, never for time. Nothing outlives a test: the
//! namespace dies with its PID 1.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::explicit_write,
    reason = "a tool of the tests, of which each test program uses a part"
)]

pub mod whole;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use rustix_libc_wrappers::process::SignalExt;
use tokio::time::Instant;

/// For anything that must happen; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Every way a vendor's script, or an image's own in front of it, is known to run its engine.
pub const SHAPES: [&str; 10] = [
    "engine.sh",
    "execs.sh",
    "does-not-exec.sh",
    "strict-bash.sh",
    "own-session.sh",
    "another-session.sh",
    "through-tee.sh",
    "runs-stop-script.sh",
    "traps-too-late.sh",
    "daemon.sh",
];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bin").join(name)
}

/// An example, built by `cargo test` beside the test program.
pub fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples")
        .join(name);
    assert!(
        built.exists(),
        "{} is missing: `cargo build --examples` makes it",
        built.display()
    );
    built
}

/// How this machine lets us make a PID namespace. None: it refuses, and that was said in words.
pub fn namespaces() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [
        &["--fork", "--pid", "--mount-proc", "--kill-child"],
        &[
            "--user",
            "--map-root-user",
            "--fork",
            "--pid",
            "--mount-proc",
            "--kill-child",
        ],
    ];
    static WAY: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *WAY.get_or_init(|| {
        let works = |way: &&&[&str]| {
            let tried = Command::new("unshare")
                .args(**way)
                .args(["--", "true"])
                .stderr(Stdio::null())
                .status();
            tried.is_ok_and(|status| status.success())
        };
        let way = WAYS.iter().find(works).copied();
        if way.is_none() {
            skipped("this machine refuses PID namespaces, as root and with user namespaces");
        }
        way
    })
}

/// A test that cannot be run here says so; CI takes that for a failure.
pub fn skipped(why: &str) {
    let why = format!("skipped: {why}");
    #[expect(
        clippy::disallowed_methods,
        reason = "CI is a fact about the test run, not a setting"
    )]
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!ci, "{why}");
    // Not eprintln, which the test harness would swallow.
    writeln!(std::io::stderr(), "{why}").unwrap();
}

/// What is to be started, before it is.
pub struct Start {
    script: PathBuf,
    args: Vec<String>,
    flags: Vec<String>,
    wrapped: Vec<String>,
    envs: Vec<(String, String)>,
    second: bool,
    log_unread: bool,
}

impl Start {
    /// A file of tests/bin, or any other by its absolute path.
    pub fn script(name: impl AsRef<Path>) -> Self {
        Self {
            script: fixture("").join(name),
            args: Vec::new(),
            flags: Vec::new(),
            wrapped: Vec::new(),
            envs: Vec::new(),
            second: false,
            log_unread: false,
        }
    }

    pub fn arg(mut self, arg: impl AsRef<Path>) -> Self {
        self.args.push(arg.as_ref().to_str().unwrap().to_owned());
        self
    }

    /// An option of `examples/pid1.rs`.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.extend(flag.split(' ').map(str::to_owned));
        self
    }

    pub fn grace(self, grace: Duration) -> Self {
        self.flag(&format!("--grace-ms {}", grace.as_millis()))
    }

    /// Started by this command, as `env --ignore-signal=INT`.
    pub fn through(mut self, command: &str) -> Self {
        self.wrapped.extend(command.split(' ').map(str::to_owned));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.envs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A shell is PID 1, and the supervisor its child.
    pub fn below_a_shell(mut self) -> Self {
        self.second = true;
        self
    }

    /// The reader of its stderr is gone before it says anything.
    pub fn log_unread(mut self) -> Self {
        self.log_unread = true;
        self
    }

    /// None where namespaces are refused.
    pub fn run(self) -> Option<Run> {
        let mut command = Command::new("unshare");
        // Whoever runs the tests may ignore hangups, and that is inherited on purpose.
        command
            .args(namespaces()?)
            .args(["--", "env", "--default-signal=HUP"]);
        command.args(&self.wrapped);
        if self.second {
            command.args(["sh", "-c", "\"$@\"; exit $?", "sh"]);
        }
        command
            .arg(example("pid1"))
            .args(&self.flags)
            .arg("--")
            .arg(&self.script)
            .args(&self.args);
        command
            .envs(self.envs)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for (stream, read) in streams.into_iter().zip([true, !self.log_unread]) {
            let sender = sender.clone();
            if read {
                // A send fails when the test has ended already.
                thread::spawn(move || {
                    BufReader::new(stream)
                        .lines()
                        .map_while(Result::ok)
                        .try_for_each(|line| sender.send(line))
                });
            }
        }
        let top = i32::try_from(child.id()).unwrap();
        Some(Run {
            child,
            top,
            second: self.second,
            lines,
            seen: Vec::new(),
            ended: false,
        })
    }
}

/// What runs.
pub struct Run {
    child: Child,
    /// unshare, which waits outside the namespace.
    top: i32,
    second: bool,
    lines: Receiver<String>,
    seen: Vec<String>,
    ended: bool,
}

/// How it ended, and everything that was printed, the log included.
#[derive(Debug)]
pub struct End {
    pub code: i32,
    pub lines: Vec<String>,
}

impl End {
    pub fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

impl Run {
    /// The next line that contains this.
    pub fn line(&mut self, text: &str) -> String {
        self.line_of(&[text])
    }

    fn line_of(&mut self, texts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if texts.iter().any(|text| line.contains(text)) {
                        return line;
                    }
                }
                Err(error) => panic!("{texts:?} never came ({error}); what came: {:#?}", self.seen),
            }
        }
    }

    /// A line for each of these, in any order: what two processes say at one time has none.
    pub fn lines(&mut self, texts: [&str; 2]) {
        let [one, other] = texts;
        let first = self.line_of(&texts);
        self.line(if first.contains(one) { other } else { one });
    }

    /// Nothing is printed in this time: to look at what runs while nothing happens.
    pub fn stays_quiet(&mut self, within: Duration) {
        match self.lines.recv_timeout(within) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("not quiet: {other:?}, after {:#?}", self.seen),
        }
    }

    /// The supervisor, by its number outside the namespace.
    pub fn supervisor(&self) -> i32 {
        let init = eventually("PID 1 is forked", || child_of(self.top));
        if self.second {
            eventually("the supervisor is forked", || child_of(init))
        } else {
            init
        }
    }

    /// The main process, by its number outside the namespace.
    pub fn engine(&self) -> Option<i32> {
        child_of(self.supervisor())
    }

    pub fn signal(&self, signal: i32) {
        send(self.supervisor(), signal);
    }

    /// Waits until every signal is blocked: from here on none may be lost.
    pub fn signals_blocked(&self) {
        let supervisor = self.supervisor();
        eventually("signals are blocked", || {
            // All of 1 to 64 but KILL, STOP and the two that the C library keeps for itself.
            status_line(supervisor, "SigBlk")?
                .ends_with("7ffbfeff")
                .then_some(())
        });
    }

    /// Waits until these signals are blocked in PID 1, by whoever started it.
    pub fn blocks<const N: usize>(&self, signals: [i32; N]) {
        let supervisor = self.supervisor();
        eventually("they are blocked", || {
            let mask = u64::from_str_radix(&status_line(supervisor, "SigBlk")?, 16).ok()?;
            signals
                .iter()
                .all(|signal| mask >> (signal - 1) & 1 == 1)
                .then_some(())
        });
    }

    pub fn end(mut self) -> End {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; what came: {:#?}", self.seen),
            }
        }
        let code = self.wait();
        End {
            code,
            lines: std::mem::take(&mut self.seen),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test program's own child, and nothing else waits here"
    )]
    fn wait(&mut self) -> i32 {
        self.ended = true;
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Run {
    /// A test that fails in the middle takes its namespace along: unshare's death kills PID 1.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test program's own child, and nothing else waits here"
    )]
    fn drop(&mut self) {
        if !self.ended {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A process of ours, inside a namespace or not; real-time signals too.
pub fn send(pid: i32, signal: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::from_raw(signal).unwrap()).unwrap();
}

/// As [`send`], to a process that may have ended by itself.
pub fn send_if_there(pid: i32, signal: i32) {
    let sent = kill_process(Pid::from_raw(pid).unwrap(), Signal::from_raw(signal).unwrap());
    assert!(matches!(sent, Ok(()) | Err(Errno::SRCH)), "{sent:?}");
}

/// Lets some time pass that was drawn by dice: not to wait for anything, but to meet whatever happens then.
pub fn pass(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Tries again and again, because nothing will tell us.
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

/// A line of /proc/PID/status, without its name.
pub fn status_line(pid: i32, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t").map(str::to_owned))
}

/// The only child there is.
fn child_of(pid: i32) -> Option<i32> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}

/// Lets whoever reads the fifo go on. Never blocks; the line is there as long as what is returned lives.
#[must_use]
pub fn let_go_on(fifo: &Path) -> std::fs::File {
    let mut both_ends = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(fifo)
        .unwrap();
    both_ends.write_all(b"\n").unwrap();
    both_ends
}

/// A directory of the test's own, and paths in it.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn fifo(&self, name: &str) -> PathBuf {
        nix::unistd::mkfifo(&self.path(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        self.path(name)
    }

    /// Where `engine.sh` writes that its stop was clean.
    pub fn mark(&self) -> PathBuf {
        self.path("mark")
    }

    pub fn stopped_cleanly(&self) -> bool {
        std::fs::read_to_string(self.mark()).is_ok_and(|mark| mark == "clean\n")
    }

    /// A file that is to be executed, or not.
    pub fn script(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path(name);
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
        path
    }
}
