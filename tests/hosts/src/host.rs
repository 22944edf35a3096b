//! One host: a network namespace with one address, a PID 1 of its own, its files under `/opt` and a data volume.
//! What it is given to know are two variables, as in the container this stands for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use crate::engine::Engine;
use crate::eventually::eventually;
use crate::image::{Component, Image, binary};
use crate::network;
use crate::sql::{Row, query};
use crate::steps::{Moment, Traced};
use crate::tree::Tree;

/// The word by which the shell below is told from the program it becomes.
const SETUP: &str = "host-setup";

/// Mounts the host's files, and becomes its PID 1.
const BECOME: &str = r#"
    dir=$1 home=$2 data=$3 muster=$4 gate=$5; shift 5
    exec >>"$dir/log" 2>&1
    [ "$gate" = - ] || read -r _ <"$gate"
    mount --rbind "$dir/opt" /opt
    mount --bind "$muster" /opt/bin/muster
    [ "$data" = - ] || mount --bind "$dir/data" "$home/$data"
    mount --bind "$dir/../hosts" /etc/hosts
    mount -t tmpfs tmp /tmp
    hostname "${dir##*/}" 2>/dev/null || :
    exec env -u PWD -u OLDPWD -- "$@"
"#;

const PATH: &str = "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug)]
pub struct Host {
    name: String,
    address: Cell<Ipv4Addr>,
    dir: PathBuf,
    image: Image,
    volume: Cell<bool>,
    variables: RefCell<Vec<(String, String)>>,
    running: RefCell<Option<Running>>,
    starts: Cell<u32>,
}

#[derive(Debug)]
struct Running {
    /// Outside the host's PID namespace; it waits for PID 1 and ends as that did.
    unshare: Child,
    one: Pid,
}

/// What a command on a host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub code: i32,
    /// Standard output and error, without the white space around.
    pub text: String,
}

impl Host {
    pub(crate) fn new(run_dir: &Path, name: &str, address: Ipv4Addr, image: &Image) -> anyhow::Result<Self> {
        let dir = run_dir.join(name);
        fs::create_dir_all(&dir)?;
        let mut hosts = OpenOptions::new()
            .create(true)
            .append(true)
            .open(run_dir.join("hosts"))?;
        if hosts.metadata()?.len() == 0 {
            writeln!(hosts, "127.0.0.1 localhost")?;
        }
        writeln!(hosts, "{address} {name}")?;
        let host = Self {
            name: name.to_owned(),
            address: Cell::new(address),
            dir,
            image: image.clone(),
            volume: Cell::new(true),
            variables: RefCell::default(),
            running: RefCell::default(),
            starts: Cell::default(),
        };
        File::create(host.log_file())?;
        host.wipe_both()?;
        Ok(host)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address.get()
    }

    /// The host gets the address of number `n`, and every host's `/etc/hosts` says so; its variables are left alone.
    pub fn renumber(&self, n: u8) -> anyhow::Result<()> {
        ensure!(!self.is_running(), "{} runs: it cannot be renumbered", self.name);
        let to = network::address(n);
        network::renumber(&self.name, self.address(), to)?;
        let hosts = self.dir.join("../hosts");
        let names: String = fs::read_to_string(&hosts)?
            .lines()
            .map(|line| match line.split_once(' ') {
                Some((_, name)) if name == self.name => format!("{to} {name}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        // In place: it is mounted into the hosts that run.
        fs::write(&hosts, names)?;
        self.address.set(to);
        Ok(())
    }

    pub fn component(&self) -> Component {
        self.image.component
    }

    pub fn engine(&self) -> &'static Engine {
        self.image.engine
    }

    /// A path below the engine's home, as the host itself has it.
    pub fn in_home(&self, path: &str) -> String {
        self.image.home().join(path).display().to_string()
    }

    /// The data directory, as the host itself has it.
    pub fn data_dir(&self) -> String {
        self.in_home(self.image.data())
    }

    /// Sets a variable for the starts to come; an empty value takes it away.
    pub fn set(&self, name: &str, value: &str) -> &Self {
        let mut variables = self.variables.borrow_mut();
        variables.retain(|(known, _)| known != name);
        if !value.is_empty() {
            variables.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// What a variable is set to.
    pub fn variable(&self, name: &str) -> Option<String> {
        let variables = self.variables.borrow();
        let own = variables.iter().find(|(known, _)| known == name);
        own.map(|(_, value)| value.clone())
    }

    /// The data directory is a part of the container's files, not a volume mounted into them.
    pub fn without_volume(&self) -> &Self {
        self.volume.set(false);
        self
    }

    /// Starts `muster run` as PID 1.
    pub fn start(&self) -> anyhow::Result<()> {
        self.start_program(&["muster", "run"])
    }

    /// Starts any program as PID 1.
    pub fn start_program<S: AsRef<OsStr>>(&self, program: &[S]) -> anyhow::Result<()> {
        let mut unshare = self.spawn(program, None)?;
        let one = eventually(Duration::from_secs(10), "PID 1", || {
            if let Some(end) = unshare.try_wait()? {
                return Ok(Err(end));
            }
            Ok(Ok(first_process(unshare.id())?))
        })?;
        // A program that is over so soon is found by the next look at its exit.
        let one = one.unwrap_or(Pid::from_raw(i32::MAX));
        self.runs(unshare, one)
    }

    /// Starts any program as PID 1 and follows the muster in it step by step, to its death before `end` if there is one.
    pub fn start_traced<S: AsRef<OsStr>>(
        &self,
        program: &[S],
        end: Option<Moment>,
    ) -> anyhow::Result<Traced> {
        let gate = self.dir.join("gate");
        if !gate.exists() {
            mkfifo(&gate, Mode::S_IRUSR | Mode::S_IWUSR)?;
        }
        let mut unshare = self.spawn(program, Some(&gate))?;
        let one = eventually(Duration::from_secs(10), "PID 1", || {
            ensure!(unshare.try_wait()?.is_none(), "it is over already");
            only_child(unshare.id())
        })?;
        let traced = Traced::follow(one, &self.address().to_string(), end)?;
        // Without a reader it cannot be opened: the shell is still about to mount the files.
        let mut gate = eventually(Duration::from_secs(10), "a held PID 1", || {
            Ok(OpenOptions::new()
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(&gate)?)
        })?;
        gate.write_all(b"\n")?;
        self.runs(unshare, one)?;
        Ok(traced)
    }

    fn runs(&self, unshare: Child, one: Pid) -> anyhow::Result<()> {
        fs::write(self.dir.join("pid"), format!("{one}\n"))?;
        fs::write(self.dir.join("address"), format!("{}\n", self.address()))?;
        self.running.replace(Some(Running { unshare, one }));
        Ok(())
    }

    /// The program's preparation, which waits at the gate if there is one.
    fn spawn<S: AsRef<OsStr>>(&self, program: &[S], gate: Option<&Path>) -> anyhow::Result<Child> {
        ensure!(!self.is_running(), "{} runs already", self.name);
        let starts = self.starts.get() + 1;
        self.starts.set(starts);
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        writeln!(log, "-- {}: start {starts}", self.name)?;
        let data = if self.volume.get() { self.image.data() } else { "-" };
        Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.name))
            .args([
                "--",
                "unshare",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount",
                "--mount-proc",
                "--uts",
                "--",
            ])
            .args(["sh", "-euc", BECOME, SETUP])
            .arg(&self.dir)
            .arg(self.image.home())
            .arg(data)
            .arg(binary("muster").unwrap_or_else(|_| PathBuf::from("/bin/false")))
            .arg(gate.unwrap_or(Path::new("-")))
            .args(program)
            .env_clear()
            .envs(self.environment())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // What `unshare` itself has to say is not a part of the log: it complains about every PID 1 that is killed.
            .stderr(File::create(self.dir.join("unshare"))?)
            .spawn()
            .context("cannot run `nsenter` (Debian package util-linux)")
    }

    pub fn is_running(&self) -> bool {
        self.running
            .borrow_mut()
            .as_mut()
            .is_some_and(|it| matches!(it.unshare.try_wait(), Ok(None)))
    }

    /// Whether it was started and has ended by itself since.
    pub fn has_ended(&self) -> bool {
        self.running.borrow().is_some() && !self.is_running()
    }

    /// The power is cut: PID 1 and all that runs with it are gone at once.
    pub fn kill9(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.exit(Duration::from_secs(10)).map(drop)
    }

    /// Asks PID 1 to stop, as `docker stop` does, and says what it ended with.
    pub fn stop(&self) -> anyhow::Result<i32> {
        self.signal(Signal::SIGTERM)?;
        self.exit(Duration::from_secs(30))
    }

    /// Sends PID 1 a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let one = self.one()?;
        kill(one, signal).with_context(|| format!("{}: PID 1 cannot be sent {signal}", self.name))
    }

    /// Waits for the end of PID 1: its code, or 128 and the signal.
    pub fn exit(&self, within: Duration) -> anyhow::Result<i32> {
        let end = eventually(within, &format!("the end of {}", self.name), || {
            let mut running = self.running.borrow_mut();
            let running = running
                .as_mut()
                .with_context(|| format!("{} was not started", self.name))?;
            running.unshare.try_wait()?.context("it still runs")
        })
        .map_err(|error| error.context(self.log_tail()))?;
        self.running.replace(None);
        Ok(code(end))
    }

    /// Stops every process on the host where it stands, until [`Self::thaw`].
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::SIGSTOP)
    }

    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::SIGCONT)
    }

    /// The disk with the data is lost.
    pub fn wipe_data(&self) -> anyhow::Result<()> {
        ensure!(!self.is_running(), "{} runs: it cannot be wiped", self.name);
        let data = self.data();
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data)?;
        Ok(())
    }

    /// The container is made anew from its image, with the same data.
    pub fn wipe_state(&self) -> anyhow::Result<()> {
        ensure!(!self.is_running(), "{} runs: it cannot be wiped", self.name);
        let kept = self.dir.join("kept");
        let inside = !self.volume.get();
        if inside {
            fs::rename(self.data(), &kept)?;
        }
        let opt = self.dir.join("opt");
        if opt.exists() {
            fs::remove_dir_all(&opt)?;
        }
        self.image.unpack(&self.on_disk(&self.image.home()))?;
        fs::create_dir_all(self.on_disk(&self.image.home().join(self.image.data())))?;
        fs::create_dir_all(opt.join("bin"))?;
        File::create(opt.join("bin/muster"))?;
        if inside {
            fs::remove_dir(self.data())?;
            fs::rename(&kept, self.data())?;
        }
        Ok(())
    }

    /// Another machine with the same address.
    pub fn wipe_both(&self) -> anyhow::Result<()> {
        self.wipe_data()?;
        self.wipe_state()
    }

    /// Nothing reaches the host and nothing leaves it, in silence.
    pub fn cut(&self) -> anyhow::Result<()> {
        network::cut(&self.name)
    }

    /// Away from everybody but the others that were moved there.
    pub fn maroon(&self) -> anyhow::Result<()> {
        network::maroon(&self.name)
    }

    pub fn heal(&self) -> anyhow::Result<()> {
        network::heal(&self.name)
    }

    /// Runs a command on the host, with its variables, as `docker exec` does.
    pub fn exec<S: AsRef<OsStr>>(&self, command: &[S]) -> anyhow::Result<Output> {
        let done = Command::new("nsenter")
            .arg("--target")
            .arg(self.one()?.to_string())
            .args(["--net", "--mount", "--pid", "--uts", "--"])
            .args(command)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .output()?;
        let text = [done.stdout, done.stderr].concat();
        Ok(Output {
            code: code(done.status),
            text: String::from_utf8_lossy(&text).trim().to_owned(),
        })
    }

    /// Asks this host's FE.
    pub fn sql(&self, statement: &str) -> anyhow::Result<Vec<Row>> {
        let variables = self.environment();
        let wished = variables.iter().find(|(name, _)| name == "FE_QUERY_PORT");
        let port = wished.and_then(|(_, port)| port.parse().ok()).unwrap_or(9030);
        query(
            SocketAddr::from((self.address(), port)),
            Duration::from_secs(3),
            statement,
        )
    }

    /// Where the host's data is, seen from outside.
    pub fn data(&self) -> PathBuf {
        if self.volume.get() {
            self.dir.join("data")
        } else {
            self.on_disk(&self.image.home().join(self.image.data()))
        }
    }

    /// Where a file of the host is, seen from outside: paths under `/opt` only, and not the data.
    pub fn on_disk(&self, path: &Path) -> PathBuf {
        self.dir.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Where the engine's home is, seen from outside.
    pub fn home(&self) -> PathBuf {
        self.on_disk(&self.image.home())
    }

    /// Everything that is kept on this host's disks.
    pub fn disks(&self) -> anyhow::Result<Tree> {
        let dirs = ["opt", "data"].map(|part| self.dir.join(part));
        Tree::of(&dirs.into_iter().filter(|dir| dir.exists()).collect::<Vec<_>>())
    }

    pub fn log_file(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// All that PID 1 and its children have written, over all starts.
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map_or_else(
            |_| String::new(),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }

    /// What was written since the last start.
    pub fn last_log(&self) -> String {
        let log = self.log();
        let mark = format!("-- {}: start {}\n", self.name, self.starts.get());
        log.rsplit_once(&mark)
            .map(|(_, last)| last.to_owned())
            .unwrap_or(log)
    }

    /// Waits until the log of the last start has a text in it.
    pub fn says(&self, within: Duration, text: &str) -> anyhow::Result<()> {
        eventually(within, &format!("`{text}` in the log of {}", self.name), || {
            ensure!(self.last_log().contains(text), "{}", self.log_tail());
            Ok(())
        })
    }

    /// The end of the log, for a message about what went wrong.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(40)..)
            .unwrap_or_default()
            .join("\n");
        format!("the last lines of {}:\n{tail}\n", self.log_file().display())
    }

    fn environment(&self) -> Vec<(String, String)> {
        let mut all = vec![("PATH".to_owned(), PATH.to_owned())];
        all.extend(self.variables.borrow().iter().cloned());
        all
    }

    /// PID 1, by its number in the world.
    pub fn one(&self) -> anyhow::Result<Pid> {
        match self.running.borrow().as_ref() {
            Some(running) => Ok(running.one),
            None => bail!("{} was not started", self.name),
        }
    }

    /// Sends every process on the host a signal.
    pub fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        self.processes()?.into_iter().try_for_each(signalled(signal))
    }

    /// Sends every process but PID 1 a signal: the engine, and what it has started.
    pub fn signal_children(&self, signal: Signal) -> anyhow::Result<()> {
        let one = self.one()?;
        let children = self.processes()?.into_iter().filter(|pid| *pid != one);
        children.into_iter().try_for_each(signalled(signal))
    }

    /// How many TCP ports PID 1 itself listens on.
    pub fn listeners_of_one(&self) -> anyhow::Result<usize> {
        let one = self.one()?;
        let mut listening = BTreeSet::new();
        for table in ["tcp", "tcp6"] {
            let rows = fs::read_to_string(format!("/proc/{one}/net/{table}"))?;
            let rows = rows
                .lines()
                .skip(1)
                .map(|row| row.split_whitespace().collect::<Vec<_>>());
            // Columns of proc(5): the fourth is the state, 0A is LISTEN, the tenth is the inode.
            listening.extend(
                rows.filter(|row| row.get(3) == Some(&"0A"))
                    .filter_map(|row| row.get(9).map(|inode| format!("socket:[{inode}]"))),
            );
        }
        let mut own = 0;
        for entry in fs::read_dir(format!("/proc/{one}/fd"))?.flatten() {
            let to = fs::read_link(entry.path()).unwrap_or_default();
            own += usize::from(listening.contains(to.to_string_lossy().as_ref()));
        }
        Ok(own)
    }

    /// None, if it has just ended.
    fn processes(&self) -> anyhow::Result<Vec<Pid>> {
        let space = match fs::read_link(format!("/proc/{}/ns/pid", self.one()?)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            space => space?,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|of| of == space) {
                found.push(Pid::from_raw(pid));
            }
        }
        Ok(found)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.is_running() {
            self.kill9().ok();
        }
    }
}

/// The first process in the namespace that `unshare` made, once it is the program and no longer its preparation.
fn first_process(unshare: u32) -> anyhow::Result<Pid> {
    let one = only_child(unshare)?;
    let line = fs::read(format!("/proc/{one}/cmdline"))?;
    ensure!(!line.is_empty(), "it is ending");
    ensure!(
        !line.split(|&byte| byte == 0).any(|word| word == SETUP.as_bytes()),
        "its files are being mounted"
    );
    Ok(one)
}

fn only_child(of: u32) -> anyhow::Result<Pid> {
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children"))?;
    let first = children.split_whitespace().next().context("not forked yet")?;
    Ok(Pid::from_raw(first.parse()?))
}

/// Who has ended meanwhile need not be told.
fn signalled(signal: Signal) -> impl Fn(Pid) -> anyhow::Result<()> {
    move |pid| match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{pid} cannot be sent {signal}")),
    }
}

fn code(end: ExitStatus) -> i32 {
    end.code()
        .or_else(|| end.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}
