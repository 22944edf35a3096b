//! One container: start, stop, kill, look inside.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::{call, content};
use crate::eventually::eventually;
use crate::host::Output;
use crate::sql::{Row, query};

#[derive(Debug, Clone)]
pub struct Container {
    /// Where its daemon listens, if it is not the one of this machine.
    daemon: Option<String>,
    name: String,
}

impl Container {
    pub(crate) fn named(name: &str) -> Self {
        Self::on(None, name)
    }

    pub(crate) fn on(daemon: Option<&str>, name: &str) -> Self {
        Self {
            daemon: daemon.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// `docker`, with these words, before the name of the container.
    fn command(&self, words: &[&str]) -> Command {
        let mut docker = Command::new("docker");
        if let Some(daemon) = &self.daemon {
            docker.args(["--host", daemon]);
        }
        docker.args(words);
        docker
    }

    /// The same, and the name at the end: what it said, if it was content.
    fn docker(&self, words: &[&str]) -> anyhow::Result<String> {
        content(self.command(words).arg(&self.name))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn start(&self) -> anyhow::Result<()> {
        self.docker(&["start"]).map(drop)
    }

    /// `docker stop` with a minute's grace, and the code it ended with: 137 if the minute was not enough.
    pub fn stop(&self) -> anyhow::Result<i32> {
        self.docker(&["stop", "--time", "60"])?;
        self.exit(Duration::ZERO)
    }

    /// `docker restart`, as `docker stop` and `docker start`.
    pub fn restart(&self) -> anyhow::Result<()> {
        self.docker(&["restart", "--time", "60"]).map(drop)
    }

    /// `docker pause`: the freezer, or SIGSTOP where there is none.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.docker(&["pause"]).map(drop)
    }

    pub fn unpause(&self) -> anyhow::Result<()> {
        self.docker(&["unpause"]).map(drop)
    }

    pub fn kill(&self) -> anyhow::Result<()> {
        self.docker(&["kill"]).map(drop)
    }

    pub fn remove(&self) -> anyhow::Result<()> {
        self.docker(&["rm", "--force", "--volumes"]).map(drop)
    }

    /// Waits for the end of PID 1 and says its code.
    pub fn exit(&self, within: Duration) -> anyhow::Result<i32> {
        eventually(within, &format!("the end of {}", self.name), || {
            let state = self.look("{{.State.Status}} {{.State.ExitCode}}")?;
            let (status, code) = state.split_once(' ').context("two words")?;
            ensure!(status == "exited", "it is {status}");
            Ok(code.parse()?)
        })
    }

    /// A value that `docker inspect` shows.
    pub fn look(&self, format: &str) -> anyhow::Result<String> {
        self.docker(&["inspect", "--format", format])
    }

    /// Its address, on the one network it is on.
    pub fn address(&self) -> anyhow::Result<Ipv4Addr> {
        let address = self.look("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")?;
        address
            .parse()
            .with_context(|| format!("{}: `{address}`", self.name))
    }

    /// Waits until Docker calls it healthy, unless it ends before.
    pub fn becomes_healthy(&self, within: Duration) -> anyhow::Result<()> {
        let health = eventually(within, &format!("{} healthy", self.name), || {
            let state = self.look("{{.State.Status}} {{.State.ExitCode}} {{.State.Health.Status}}")?;
            if state.ends_with(" healthy") {
                return Ok(Ok(()));
            }
            if state.starts_with("exited") {
                return Ok(Err(state));
            }
            let log = self.look("{{range .State.Health.Log}}{{.Output}}{{end}}")?;
            bail!("{state}: {}", log.lines().last().unwrap_or_default())
        })?;
        health.map_err(|state| anyhow::anyhow!("{} ended: {state}", self.name))
    }

    /// `docker exec`.
    pub fn exec(&self, command: &[&str]) -> anyhow::Result<Output> {
        call(self.command(&["exec"]).arg(&self.name).args(command))
    }

    /// The text of a file, of a container that runs.
    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        let output = self.exec(&["cat", path])?;
        ensure!(output.code == 0, "{}: {}", self.name, output.text);
        Ok(output.text)
    }

    /// True if there is such a file, in a running or a stopped container.
    pub fn has(&self, path: &str) -> anyhow::Result<bool> {
        let from = format!("{}:{path}", self.name);
        let output = call(&mut self.command(&["cp", &from, "-"]))?;
        ensure!(
            output.code == 0 || output.text.contains("ould not find the file"),
            "{from}: {}",
            output.text
        );
        Ok(output.code == 0)
    }

    /// All that was said in it, over all starts.
    pub fn log(&self) -> anyhow::Result<String> {
        self.docker(&["logs"])
    }

    /// Waits until the log has a text in it.
    pub fn says(&self, within: Duration, text: &str) -> anyhow::Result<()> {
        eventually(within, &format!("`{text}` in the log of {}", self.name), || {
            ensure!(self.log()?.contains(text), "it is not there");
            Ok(())
        })
    }

    /// Asks the FE in it.
    pub fn sql(&self, statement: &str) -> anyhow::Result<Vec<Row>> {
        query(
            SocketAddr::from((self.address()?, 9030)),
            Duration::from_secs(3),
            statement,
        )
    }
}
