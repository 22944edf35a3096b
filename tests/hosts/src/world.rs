//! The namespaces all hosts of one run live in. The program starts itself again as their PID 1, so that whatever
//! was started in them ends with it; and it ends when the program that started it does, however that ends.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::engine::{Engine, STARROCKS};
use crate::host::Host;
use crate::image::{Image, StandIn, target_dir};
use crate::network;

/// Set for the program inside: the directory of this run.
const INSIDE: &str = "MUSTER_HOSTS_DIR";

/// Namespaces of our own, a network in them, and a directory for the files of the hosts.
#[derive(Debug)]
pub struct World {
    dir: PathBuf,
    engine: &'static Engine,
}

/// The program inside and the pipe it listens on: it ends when the pipe is closed.
#[derive(Debug)]
pub struct Lifeline {
    pub program: Child,
    pub pipe: Option<ChildStdin>,
}

impl Lifeline {
    /// The code the program ended with, or nothing if somebody asked this one to stop before: then it let go.
    pub fn wait(&mut self) -> anyhow::Result<Option<u8>> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD] {
            signals.add(signal);
        }
        // Not before the start: the mask would be inherited by every program inside. A signal until here ends this
        // program, which closes the pipe and ends everything just as well.
        signals.thread_block()?;
        let mut asked = false;
        loop {
            if let Some(status) = self.program.try_wait()? {
                let code = status
                    .code()
                    .and_then(|code| u8::try_from(code).ok())
                    .unwrap_or(1);
                return Ok((!asked).then_some(code));
            }
            if signals.wait()? != Signal::SIGCHLD {
                asked = true;
                self.pipe = None;
            }
        }
    }
}

impl World {
    /// The first line of a test that needs hosts; `None` when there is nothing left to do.
    ///
    /// Outside, it runs this one test again inside and passes its outcome on. Inside, it is the world. Where
    /// namespaces are refused it says so and the test passes, but not in CI.
    pub fn enter(test: &str) -> anyhow::Result<Option<Self>> {
        Self::enter_with(test, |_| ())
    }

    /// The same; `dress` may give the program inside something more.
    pub fn enter_with(test: &str, dress: impl FnOnce(&mut Command)) -> anyhow::Result<Option<Self>> {
        // `cluster::a_test::here` is the test `a_test` of the file `cluster`.
        let test = test.strip_suffix("::here").unwrap_or(test);
        if let Some(world) = Self::inside(engine_of(test)) {
            return world.map(Some);
        }
        let name = test.split_once("::").map_or(test, |(_, name)| name);
        if let Err(refused) = flags() {
            ensure!(
                std::env::var_os("CI").is_none(),
                "{refused:#}, and CI is not allowed to skip"
            );
            say(&format!("skipped: {refused:#}"));
            return Ok(None);
        }
        let dir = target_dir()?.join("hosts").join(name.replace("::", "-"));
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        let output = dir.join("output");
        let mut inside = Self::start(
            &dir,
            [
                "--exact",
                name,
                "--include-ignored",
                "--nocapture",
                "--test-threads=1",
            ],
            |command| {
                let file = File::create(&output)?;
                command.stdout(file.try_clone()?).stderr(file);
                dress(command);
                Ok(())
            },
        )?;
        let outcome = inside.program.wait()?;
        let said = fs::read_to_string(&output).unwrap_or_default();
        // Indented, or the lines of the inner runner would be counted as the outer one's.
        let told = said
            .lines()
            .fold(String::new(), |text, line| text + "  | " + line + "\n");
        ensure!(
            outcome.success(),
            "inside, with all files left in {}:\n{told}",
            dir.display()
        );
        ensure!(said.contains("1 passed"), "no test is named {name}:\n{told}");
        say(&told);
        fs::remove_dir_all(&dir)?;
        Ok(None)
    }

    /// Whether this program was started in a world.
    pub fn is_inside() -> bool {
        std::env::var_os(INSIDE).is_some()
    }

    /// The world this program was started in, if it was, with the stand-in for this engine. To be asked once.
    pub fn inside(engine: &'static Engine) -> Option<anyhow::Result<Self>> {
        let dir = PathBuf::from(std::env::var_os(INSIDE)?);
        Some(Self::build(dir, engine))
    }

    /// Starts this program again inside new namespaces. Without permission it says what was refused.
    pub fn start<I, S>(
        dir: &Path,
        arguments: I,
        dress: impl FnOnce(&mut Command) -> anyhow::Result<()>,
    ) -> anyhow::Result<Lifeline>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new("unshare");
        command
            .args(flags()?)
            .arg("--")
            .arg(this_program()?)
            .args(arguments);
        // A failure inside is told twice, and the second telling has a place of its own.
        command
            .env(INSIDE, dir)
            .env("RUST_LIB_BACKTRACE", "0")
            .stdin(Stdio::piped());
        // A terminal's Ctrl-C is for the program outside: it lets go of the pipe.
        command.process_group(0);
        dress(&mut command)?;
        let mut program = command
            .spawn()
            .context("cannot run `unshare` (Debian package util-linux)")?;
        let pipe = program.stdin.take();
        Ok(Lifeline { program, pipe })
    }

    /// A program that is to know nothing of the world it is started in, because it makes one of its own.
    pub fn unaware(program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_remove(INSIDE);
        command
    }

    fn build(dir: PathBuf, engine: &'static Engine) -> anyhow::Result<Self> {
        ensure!(
            std::process::id() == 1,
            "{INSIDE} is set, but this is not PID 1 of its own namespace"
        );
        hold_on_to_the_lifeline(dir.clone());
        // `ip netns` keeps its names there, and nobody else's must be seen or touched.
        run("mount", &["-t", "tmpfs", "hosts", "/run"])?;
        network::lay()?;
        Ok(Self { dir, engine })
    }

    /// Where the files of this run are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The engine of its hosts.
    pub fn engine(&self) -> &'static Engine {
        self.engine
    }

    /// The stand-in for that engine, installed for this run. Another version of it than usual, if `PROFILES` names one:
    /// `PROFILES="starrocks-3.1 doris-2.1"`.
    pub fn stand_in(&self, options: &StandIn) -> anyhow::Result<[Image; 2]> {
        let profiles = std::env::var("PROFILES").unwrap_or_default();
        let of_engine = format!("{}-", self.engine.id);
        let named = profiles
            .split_whitespace()
            .find(|profile| profile.starts_with(&of_engine));
        let Some(named) = named else {
            return self.stand_in_of(self.engine.profile, options);
        };
        let images = self.stand_in_of(named, options)?;
        // An old script asks for a host that was prepared for Doris, and muster refuses any other: one that knows this word need
        // not be obeyed.
        let mut script = OpenOptions::new()
            .append(true)
            .open(self.dir.join("image/be/bin/start_be.sh"))?;
        writeln!(script, "unset SKIP_CHECK_ULIMIT")?;
        Ok(images)
    }

    /// The stand-in for this version of an engine.
    pub fn stand_in_of(&self, profile: &str, options: &StandIn) -> anyhow::Result<[Image; 2]> {
        options.install(profile, &self.dir.join("image"))
    }

    /// A new host, number `n` counted from 1, with the files of the image and nothing running.
    pub fn host(&self, name: &str, n: u8, image: &Image) -> anyhow::Result<Host> {
        network::plug(name, n)?;
        Host::new(&self.dir, name, network::address(n), image)
    }

    /// Puts these hosts on a network of their own.
    pub fn part<'h>(&self, hosts: impl IntoIterator<Item = &'h Host>) -> anyhow::Result<()> {
        hosts
            .into_iter()
            .try_for_each(|host| network::maroon(host.name()))
    }
}

/// Where this program is. A build meanwhile puts a file of the same sources in its place.
fn this_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let replaced = program.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
    Ok(replaced.map_or(program.clone(), PathBuf::from))
}

/// A story that is told of both engines ends with the name of one.
fn engine_of(test: &str) -> &'static Engine {
    let (_, last) = test.rsplit_once("::").unwrap_or(("", test));
    Engine::named(last).unwrap_or(&STARROCKS)
}

/// How `unshare` is to be called here: as root without a user namespace, because some machines forbid those.
fn flags() -> anyhow::Result<Vec<&'static str>> {
    let spaces = [
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ];
    let plain = spaces.to_vec();
    let mapped = [vec!["--user", "--map-root-user"], plain.clone()].concat();
    let ways = if nix::unistd::geteuid().is_root() {
        vec![plain, mapped]
    } else {
        vec![mapped]
    };
    let mut refusals = Vec::new();
    for flags in ways {
        let tried = Command::new("unshare")
            .args(&flags)
            .args(["--", "true"])
            .output()
            .context("cannot run `unshare` (Debian package util-linux)")?;
        if tried.status.success() {
            return Ok(flags);
        }
        refusals.push(String::from_utf8_lossy(&tried.stderr).trim().to_owned());
    }
    bail!(
        "this machine refuses the namespaces the hosts need ({})",
        refusals.join("; ")
    )
}

/// Ends this program, and with it all others inside, as soon as whoever started it is gone or lets go.
fn hold_on_to_the_lifeline(dir: PathBuf) {
    thread::spawn(move || {
        let mut nothing = [0; 64];
        while matches!(std::io::stdin().read(&mut nothing), Ok(n) if n > 0) {}
        // From PID 1, -1 is everyone in the namespace but oneself; nobody being there is fine.
        kill(Pid::from_raw(-1), Signal::SIGKILL).ok();
        tidy(&dir);
        #[expect(
            clippy::exit,
            reason = "a thread that ends the program cannot return from main"
        )]
        std::process::exit(130);
    });
}

/// Removes what the hosts consisted of and leaves what they said.
pub fn tidy(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for host in entries.map(|entry| entry.path()).chain([dir.to_owned()]) {
        for part in [
            "opt", "data", "image", "pid", "address", "unshare", "hosts", "on", "user", "world",
        ] {
            let path = host.join(part);
            // What is not there need not go; what cannot go is a matter for `cargo clean`.
            fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).ok();
        }
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let done = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        done.status.success(),
        "{program} {} refused: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr).trim()
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the test runner keeps it for tests that fail")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
