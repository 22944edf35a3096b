//! A program as PID 1 of its own namespace, where its end is the end of everything in it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use hosts::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Gone with all that runs in it when it is dropped.
#[derive(Debug)]
pub(crate) struct Container {
    unshare: Child,
    pub(crate) one: Pid,
    output: PathBuf,
}

impl Container {
    /// Starts the words as PID 1; what they print is in a file, which is emptied first.
    pub(crate) fn start(
        words: &[OsString],
        variables: &[(&'static str, String)],
        output: &Path,
    ) -> anyhow::Result<Self> {
        let file = File::create(output)?;
        let unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--"])
            .args(words)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("cannot run `unshare` (Debian package util-linux)")?;
        let mut container = Self {
            one: Pid::from_raw(i32::MAX),
            unshare,
            output: output.to_owned(),
        };
        let one = eventually(Duration::from_secs(10), "PID 1", || {
            let over = container.unshare.try_wait()?.is_some();
            // Who was never there to be seen has ended, and cannot be sent a signal.
            if over {
                Ok(None)
            } else {
                container.first().map(Some)
            }
        });
        if let Some(one) = one.with_context(|| format!("{words:?} said: {}", container.said()))? {
            container.one = one;
        }
        Ok(container)
    }

    /// All that was printed by everybody in it.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    pub(crate) fn says(&self, text: &str) -> anyhow::Result<()> {
        eventually(Duration::from_secs(10), &format!("`{text}`"), || {
            ensure!(self.said().contains(text), "it said: {}", self.said());
            Ok(())
        })
    }

    /// Whether it is noted in this file before PID 1 ends, and within this time.
    pub(crate) fn notes(&mut self, mark: &Path, text: &str, within: Duration) -> anyhow::Result<bool> {
        let deadline = Instant::now() + within;
        loop {
            // Before the look: what was noted last was noted before the end.
            let over = self.unshare.try_wait()?.is_some() || Instant::now() >= deadline;
            if fs::read_to_string(mark).is_ok_and(|noted| noted.contains(text)) {
                return Ok(true);
            }
            if over {
                return Ok(false);
            }
            sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill(self.one, signal).with_context(|| format!("cannot send {signal} to PID 1"))
    }

    /// The code PID 1 ended with, or none if it still ran after this time.
    pub(crate) fn end(&mut self, within: Duration) -> anyhow::Result<Option<i32>> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(end) = self.unshare.try_wait()? {
                let code = end.code().or_else(|| end.signal().map(|signal| 128 + signal));
                return Ok(code);
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            sleep(Duration::from_millis(1));
        }
    }

    fn first(&self) -> anyhow::Result<Pid> {
        let unshare = self.unshare.id();
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"))?;
        let one = children.split_whitespace().next().context("not forked yet")?;
        let name = fs::read_to_string(format!("/proc/{one}/comm"))?;
        if name.trim() == "unshare" {
            bail!("it is still prepared");
        }
        Ok(Pid::from_raw(one.parse()?))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // `--kill-child`: PID 1 dies with it, and everybody else with PID 1.
        self.unshare.kill().ok();
        self.unshare.wait().ok();
    }
}
