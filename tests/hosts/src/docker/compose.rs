//! Several containers by Docker Compose, version 1 or 2, from the files that a user copies.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, ensure};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use super::{Container, Docker, call, content, script, workspace};
use crate::host::Output;

/// Which Docker Compose runs, and which builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one that is installed here: 1.29 on Debian 12. Images are built by the daemon's old builder.
    Installed,
    /// Version 2 with the plugin buildx, unpacked by scripts/compose-v2 if need be.
    Two,
}

impl Version {
    /// `docker compose`, by whichever name it has.
    pub(crate) fn command(self) -> anyhow::Result<Command> {
        match self {
            Self::Installed => program(),
            Self::Two => {
                let mut command = Command::new("docker");
                command.arg("compose").envs(plugins()?);
                Ok(command)
            }
        }
    }

    /// A shell in the project's root that ends at the first line that fails, and in which `docker compose` is this version.
    pub fn shell(self, lines: &str) -> anyhow::Result<Command> {
        let mut shell = Command::new("bash");
        let word = program()?.get_program().to_string_lossy().into_owned();
        let prelude = if self == Self::Two {
            shell.envs(plugins()?);
            String::new()
        } else {
            shell.env("DOCKER_BUILDKIT", "0");
            if word == "docker" {
                String::new()
            } else {
                format!(
                    "docker() {{ if [ \"$1\" = compose ]; then shift; command {word} \"$@\"; else command docker \"$@\"; fi; }}\n"
                )
            }
        };
        shell
            .args(["-e", "-o", "pipefail", "-c", &format!("{prelude}{lines}")])
            .current_dir(workspace());
        Ok(shell)
    }
}

/// The variable that says where the plugins of `docker` are, if they are not installed.
fn plugins() -> anyhow::Result<Option<(&'static str, String)>> {
    static CONFIG: OnceLock<Result<String, String>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut script = script("compose-v2");
        script.stderr(Stdio::inherit());
        content(&mut script).map_err(|error| format!("{error:#}"))
    });
    let config = config.clone().map_err(anyhow::Error::msg)?;
    Ok(Some(config)
        .filter(|dir| !dir.is_empty())
        .map(|dir| ("DOCKER_CONFIG", dir)))
}

/// A project: files, and what the shell it is typed into has set.
#[derive(Debug, Clone)]
pub struct Compose {
    project: String,
    files: Vec<PathBuf>,
    version: Version,
    variables: Vec<(String, String)>,
}

impl Compose {
    /// A project of this test's own, of files named from the project's root (`compose/starrocks-ha/compose.yaml`). Nothing
    /// is started.
    pub fn new(docker: &Docker, files: &[&str]) -> Self {
        Self::of(docker.prefix(), files.iter().map(|file| workspace().join(file)))
    }

    /// A project of that name, on the daemon that the variables name.
    pub(crate) fn of(project: &str, files: impl IntoIterator<Item = PathBuf>) -> Self {
        let compose = Self {
            project: project.to_owned(),
            files: files.into_iter().collect(),
            version: Version::Installed,
            variables: Vec::new(),
        };
        // As much as a daemon of this machine may give.
        let hard = |resource| getrlimit(resource).map_or(0, |(_, hard)| hard);
        let limits = [
            ("NOFILE", hard(Resource::RLIMIT_NOFILE), 655_350),
            ("NPROC", hard(Resource::RLIMIT_NPROC), 65_535),
            ("MEMLOCK", hard(Resource::RLIMIT_MEMLOCK), RLIM_INFINITY),
        ];
        limits
            .into_iter()
            .filter(|(_, have, wanted)| have < wanted)
            .fold(compose, |compose, (name, have, _)| compose.set(name, have))
    }

    /// The same in a shell that has set a variable.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a number, an address or a name, as they come"
    )]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.retain(|(set, _)| set != name);
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same in a directory of another name.
    #[must_use]
    pub fn named(mut self, project: &str) -> Self {
        project.clone_into(&mut self.project);
        self
    }

    /// The same by another Docker Compose.
    #[must_use]
    pub fn by(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The same with one more file, of this test's own.
    pub fn and(mut self, docker: &Docker, name: &str, yaml: &str) -> anyhow::Result<Self> {
        let file = docker.dir().join(format!("{name}.yaml"));
        fs::write(&file, yaml)?;
        self.files.push(file);
        Ok(self)
    }

    /// `docker-compose up --detach`, with further options.
    pub fn up(&self, options: &[&str]) -> anyhow::Result<()> {
        let all = [&["up", "--detach", "--no-color"], options].concat();
        self.call(&all).map(drop)
    }

    /// Its output, if it succeeded.
    pub fn call(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.try_call(arguments)?;
        ensure!(
            said.code == 0,
            "docker-compose {}: {}",
            arguments.join(" "),
            said.text
        );
        Ok(said.text)
    }

    pub fn try_call(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut compose = self.version.command()?;
        compose.args(["--project-name", &self.project]);
        for file in &self.files {
            compose.arg("--file").arg(file);
        }
        compose.envs(self.variables()).args(arguments);
        if let Some(dir) = self.files.first().and_then(|file| file.parent()) {
            compose.current_dir(dir);
        }
        call(&mut compose)
    }

    /// The container of a service as it is now.
    pub fn container(&self, service: &str) -> anyhow::Result<Container> {
        let id = self.call(&["ps", "--all", "--quiet", service])?;
        ensure!(!id.is_empty(), "{service} has no container");
        let daemon = self.variables.iter().find(|(name, _)| name == "DOCKER_HOST");
        Ok(Container::on(
            daemon.map(|(_, daemon)| daemon.as_str()),
            id.lines().last().unwrap_or_default(),
        ))
    }

    /// That shell, in the directory of the files, about to run these lines.
    pub fn shell(&self, lines: &str) -> anyhow::Result<Command> {
        let mut shell = self.version.shell(lines)?;
        shell.envs(self.variables());
        if let Some(dir) = self.files.first().and_then(|file| file.parent()) {
            shell.current_dir(dir);
        }
        Ok(shell)
    }

    /// The variables of its shell.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&String, &String)> {
        self.variables.iter().map(|(name, value)| (name, value))
    }

    /// The name of a volume on the daemon.
    pub fn volume(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }
}

/// The one that is installed.
fn program() -> anyhow::Result<Command> {
    static PROGRAM: OnceLock<Option<&[&str]>> = OnceLock::new();
    let is_there = |words: &&[&str]| {
        let mut program = Command::new(words.first().unwrap_or(&""));
        call(program.args(words.iter().skip(1)).arg("version")).is_ok_and(|said| said.code == 0)
    };
    let known: [&[&str]; 2] = [&["docker-compose"], &["docker", "compose"]];
    let words = PROGRAM.get_or_init(|| known.into_iter().find(is_there));
    let (program, words) = words
        .and_then(<[&str]>::split_first)
        .context("docker-compose is not installed")?;
    let mut command = Command::new(program);
    command.args(words);
    Ok(command)
}
