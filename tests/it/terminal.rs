//! A terminal, as `docker run -it` or a shell gives one: Ctrl-C, Ctrl-Z and reading from it, with real processes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows a test by its attribute, not its helpers"
)]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use crate::support::{PATIENCE, Place, eventually, example, namespaces, status_line};
use nix::pty::openpty;
use nix::unistd::tcgetpgrp;

const CTRL_C: &[u8] = b"\x03";
const CTRL_Z: &[u8] = b"\x1a";

/// What runs at a terminal of its own, and the other side of that terminal.
struct Session {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Session {
    /// `words` become PID 1 of a namespace and the leader of the session.
    fn start(words: &[&str]) -> Option<Self> {
        let pty = openpty(None, None).unwrap();
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = Command::new("unshare");
        command.args(namespaces()?).args(["--", "setsid", "--ctty"]);
        let child = command
            .args(words)
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .unwrap();
        let keyboard = File::from(pty.master.try_clone().unwrap());
        let mut master = File::from(pty.master);
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // With nobody at the other side any more the read fails.
            while let Ok(length @ 1..) = master.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Some(Self {
            child,
            keyboard,
            screen,
            seen: String::new(),
        })
    }

    /// A shell is PID 1 and the leader of the session; `words` are what its script calls `"$@"`.
    fn in_bash(script: &str, words: &[&str]) -> Option<Self> {
        Self::start(&[&["bash", "-c", script, "bash"], words].concat())
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    /// Waits until this stands on the screen, below what was waited for before.
    fn shows(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(chunk) => self.seen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(error) => panic!("{text:?} never came ({error}): {}", self.seen),
            }
        }
    }

    /// Until then a key is for whoever had the terminal before.
    fn gives_the_terminal_to(&self, script: &str) {
        eventually("the engine has the terminal", || {
            let group = tcgetpgrp(&self.keyboard).ok()?;
            let name = fs::read_to_string(format!("/proc/{group}/comm")).ok()?;
            (name.trim() == script).then_some(())
        });
    }

    fn end(mut self) -> (i32, String) {
        loop {
            match self.screen.recv_timeout(PATIENCE) {
                Ok(chunk) => self.seen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}", self.seen),
            }
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the test program's own child, and nothing else waits here"
        )]
        let code = self.child.wait().unwrap().code().unwrap();
        (code, self.seen.clone())
    }
}

impl Drop for Session {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test program's own child, and nothing else waits here"
    )]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn pid1() -> String {
    example("pid1").to_str().unwrap().to_owned()
}

/// An engine that takes its time for a clean stop, whatever it is asked by.
fn engine(place: &Place) -> String {
    ends_with(place, 130)
}

fn ends_with(place: &Place, code: u8) -> String {
    let text = "#!/bin/sh\n\
        stop() { trap '' INT TERM; echo stopping; sleep 0.3; echo clean >\"$1\"; exit CODE; }\n\
        sleep 1000 &\n\
        trap 'stop \"$1\"' INT TERM\n\
        echo engine up\n\
        while :; do wait $!; done\n";
    place
        .script("engine.sh", 0o755, &text.replace("CODE", &code.to_string()))
        .to_str()
        .unwrap()
        .to_owned()
}

/// Some trap both signals alike, and end as if it had been TERM.
#[test]
fn ctrl_c_is_a_clean_stop_that_was_asked_for() {
    for code in [130, 143] {
        let place = Place::new();
        let (engine, mark) = (ends_with(&place, code), place.mark());
        let Some(mut session) = Session::start(&[&pid1(), "--", &engine, mark.to_str().unwrap()]) else {
            return;
        };
        session.shows("engine up");
        session.gives_the_terminal_to("engine.sh");
        session.press(CTRL_C);
        let (code, screen) = session.end();
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("stopped as asked"), "{screen}");
        assert!(place.stopped_cleanly());
    }
}

/// The wrapper dies of it at once, and the engine behind it is in the middle of its stop.
#[test]
fn ctrl_c_is_a_clean_stop_behind_a_script_that_does_not_exec() {
    let place = Place::new();
    let (engine, mark) = (engine(&place), place.mark());
    let wrapper = place.script(
        "wrapper.sh",
        0o755,
        &format!("#!/bin/sh\n{engine} \"$1\"\nexit $?\n"),
    );
    let words = [&pid1(), "--", wrapper.to_str().unwrap(), mark.to_str().unwrap()];
    let Some(mut session) = Session::start(&words) else {
        return;
    };
    session.shows("engine up");
    session.gives_the_terminal_to("wrapper.sh");
    session.press(CTRL_C);
    let (code, screen) = session.end();
    assert_eq!(code, 0, "{screen}");
    assert!(place.stopped_cleanly(), "{screen}");
}

#[test]
fn the_engine_may_read_from_the_terminal() {
    let place = Place::new();
    let script = place.script(
        "asks.sh",
        0o755,
        "#!/bin/sh\nread -r line\necho \"heard $line\"\nexit 5\n",
    );
    let Some(mut session) = Session::start(&[&pid1(), "--", script.to_str().unwrap()]) else {
        return;
    };
    session.shows("engine started");
    session.press(b"hello\n");
    session.shows("heard hello");
    assert_eq!(session.end().0, 5);
}

/// Whoever attached to a container has no shell beside it, and a suspended database serves nobody.
#[test]
fn ctrl_z_where_nobody_could_wake_the_engine_does_not_suspend_it() {
    let place = Place::new();
    let (engine, mark) = (engine(&place), place.mark());
    let Some(mut session) = Session::start(&[&pid1(), "--", &engine, mark.to_str().unwrap()]) else {
        return;
    };
    session.shows("engine up");
    session.gives_the_terminal_to("engine.sh");
    let pid = eventually("the engine is there", || of_name("engine.sh", &place));
    for _ in 0..3 {
        session.press(CTRL_Z);
        session.shows("the engine goes on");
        // What lets it go on would take the next Ctrl-Z back.
        eventually("it goes on", || (!is_suspended(pid)).then_some(()));
    }
    session.press(CTRL_C);
    let (code, screen) = session.end();
    assert_eq!(code, 0, "{screen}");
    assert!(place.stopped_cleanly(), "{screen}");
}

/// `ps` of the processes of a namespace whose PID 1 this is, by name.
fn of_name(name: &str, place: &Place) -> Option<i32> {
    let mark = place.mark();
    let wanted = mark.to_str().unwrap();
    let pids = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.find(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        let mut words = command.split('\0');
        let program = words.next().map(Path::new).and_then(Path::file_name);
        let script = words.clone().next().map(Path::new).and_then(Path::file_name);
        (program.is_some_and(|own| own == name) || script.is_some_and(|own| own == name))
            && command.contains(wanted)
            && !command.contains("set -m")
    })
}

fn is_suspended(pid: i32) -> bool {
    status_line(pid, "State").is_some_and(|state| state.starts_with('T'))
}

#[test]
fn in_a_shell_ctrl_z_suspends_both_and_fg_brings_them_back() {
    let place = Place::new();
    let (engine, mark) = (engine(&place), place.mark());
    let script = "set -m; \"$@\"; echo \"back with $?\"; fg; echo \"ended with $?\"";
    let Some(mut session) = Session::in_bash(script, &[&pid1(), "--", &engine, mark.to_str().unwrap()])
    else {
        return;
    };
    session.shows("adopting orphans as a subreaper");
    session.shows("engine up");
    let supervisor = eventually("the supervisor is there", || of_name("pid1", &place));
    let engine = eventually("the engine is there", || of_name("engine.sh", &place));
    session.gives_the_terminal_to("engine.sh");
    session.press(CTRL_Z);
    session.shows("back with");
    // The shell lets both go on at once.
    eventually("both go on", || {
        (!is_suspended(supervisor) && !is_suspended(engine)).then_some(())
    });
    session.press(CTRL_C);
    session.shows("ended with 0");
    assert!(place.stopped_cleanly());
    assert_eq!(session.end().0, 0);
}

/// After `bg` the terminal is the shell's, and Ctrl-C is not for us.
#[test]
fn in_the_background_the_terminal_stays_with_the_shell() {
    let place = Place::new();
    let (engine, mark) = (engine(&place), place.mark());
    let script = "set -m; \"$@\" & read -r line; echo \"the shell heard $line\"; kill -TERM $!; wait $!; echo \"ended with $?\"";
    let Some(mut session) = Session::in_bash(script, &[&pid1(), "--", &engine, mark.to_str().unwrap()])
    else {
        return;
    };
    session.shows("engine up");
    session.press(b"hello\n");
    session.shows("the shell heard hello");
    session.shows("ended with 0");
    assert!(place.stopped_cleanly());
    assert_eq!(session.end().0, 0);
}
