//! `muster status --watch` into a pipe: it ends with its reader.

#![expect(clippy::disallowed_methods, reason = "the child is the test's own")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::support::eventually;

/// Ends with the test, also when that fails.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Nothing changes, so nothing is written, and the next look is an hour away.
#[test]
fn a_watch_that_nobody_reads_ends_before_its_next_look() {
    let watch = Command::new(env!("CARGO_BIN_EXE_muster"))
        // No FE answers there.
        .args(["status", "--master", "127.0.0.1", "--watch=1h"])
        .env_clear()
        .env("ENGINE", "starrocks")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut watch = Watch(watch);
    let mut told = BufReader::new(watch.0.stdout.take().unwrap());
    let mut first = String::new();
    told.read_line(&mut first).unwrap();
    assert!(first.contains("cluster unknown"), "{first}");
    assert_eq!(watch.0.try_wait().unwrap(), None);
    drop(told);
    let end = eventually("its end", || watch.0.try_wait().unwrap());
    assert_eq!(end.code(), Some(0), "{end:?}");
}
