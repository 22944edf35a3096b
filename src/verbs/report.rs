//! `muster report`: what somebody else needs to help, in one tar without secrets. It asks the cluster for no longer than `status`
//! does, and is made of what there is.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use clap::CommandFactory as _;
use tokio::time::Instant;

use crate::cli::{Cli, ReportArgs};
use crate::effects::clock::seconds;
use crate::effects::files::replace;
use crate::effects::history::History;
use crate::effects::report_files::{kernel, processes, room, tail, tar};
use crate::exit::ExitCode;
use crate::facts::gather;
use crate::facts::history::time;
use crate::facts::home::Home;
use crate::facts::record::DATA_COPY;
use crate::file;
use crate::plan::doctor::print;
use crate::plan::history;
use crate::plan::mask::{is_name, masked, masked_json, without};
use crate::plan::refusal::Refusal;
use crate::plan::report::{conf, environment};
use crate::plan::view::{report, table};
use crate::settings::{Flags, ImageSettings, Settings};
use crate::verbs::asks::Asks;
use crate::verbs::doctor::diagnose;
use crate::verbs::{Outcome, explain, fe_endpoints, in_runtime, machine, read};

/// The most bytes of all texts.
const MOST: usize = 5 << 20;
/// The most bytes of all logs, and of one.
const LOGS: u64 = 3 << 20;
const LOG: u64 = 1 << 20;
/// The longest wait for what the cluster says, and for what this host knows of itself.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same for the doctor, who dials when the others have answered.
const LAST: Duration = Duration::from_millis(4_500);
/// The directory in the tar.
const DIRECTORY: &str = "muster-report";

/// The parts of a report.
#[derive(Debug, Default)]
struct Parts {
    files: Vec<(String, String)>,
    bytes: usize,
    /// Those of the environment, and of the files that it names.
    secrets: Vec<String>,
    /// What is not in it, a line each.
    missing: String,
}

impl Parts {
    /// Adds a text that has no secrets any more.
    fn add(&mut self, name: &str, text: String) {
        let text = without(text, &self.secrets);
        if self.bytes + text.len() > MOST {
            return self.miss(name, "the report would be longer than 5 MiB");
        }
        self.bytes += text.len();
        self.files.push((name.to_owned(), text));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.add(name, masked(text));
    }

    fn json(&mut self, name: &str, text: &str) {
        self.add(name, masked_json(text));
    }

    /// Adds what a verb prints, or why it prints nothing.
    fn printed(&mut self, verb: &str, said: Result<Result<Printed, Outcome>, RecvTimeoutError>) {
        match said {
            Ok(Ok(printed)) => {
                self.text(&format!("{verb}.txt"), &printed.text);
                self.json(&format!("{verb}.json"), &printed.json);
            }
            Ok(Err(refused)) => self.text(&format!("{verb}.txt"), &refused.report),
            Err(_) => self.miss(
                verb,
                "not known within 4 s: is there a name server that does not answer?",
            ),
        }
    }

    /// Adds those of another.
    fn take(&mut self, other: Self) {
        for (name, text) in other.files {
            self.add(&name, text);
        }
        self.missing.push_str(&without(other.missing, &self.secrets));
    }

    fn miss(&mut self, name: &str, why: &str) {
        let line = masked(&format!("{name}: {why}\n"));
        self.missing.push_str(&without(line, &self.secrets));
    }
}

/// What a verb prints: for people, and for programs.
#[derive(Debug)]
struct Printed {
    text: String,
    json: String,
}

/// The logs, and where the data is.
#[derive(Debug)]
struct Known {
    dirs: Dirs,
    logs: Parts,
}

#[derive(Debug)]
struct Dirs {
    logs: Vec<PathBuf>,
    data: Vec<PathBuf>,
}

/// Writes the report to stdout or into a file.
pub fn report(args: &ReportArgs, flags: &Flags, vars: &[(OsString, OsString)]) -> Outcome {
    if args.out.is_none() && std::io::stdout().is_terminal() {
        return Outcome::refused(&[Refusal::new(
            ExitCode::Taken,
            "a report is a tar, and stdout is a terminal",
            "write it into a file: muster report > report.tar",
        )]);
    }
    let now = seconds();
    let parts = collect(flags, vars, now);
    let written = tar(DIRECTORY, &parts.files, now).and_then(|bytes| match &args.out {
        Some(file) => {
            replace(file, &bytes).map_err(|error| std::io::Error::other(crate::exit::chain(&error)))
        }
        None => std::io::stdout().lock().write_all(&bytes),
    });
    match written {
        Ok(()) => Outcome {
            output: String::new(),
            report: parts.missing,
            code: ExitCode::Ok,
        },
        Err(error) => Outcome::failed(&error, ExitCode::Taken),
    }
}

fn collect(flags: &Flags, vars: &[(OsString, OsString)], now: u64) -> Parts {
    let begun = Instant::now();
    let text = |word: &OsString| word.to_string_lossy().into_owned();
    let vars_text: Vec<(String, String)> = vars
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    let mut parts = Parts {
        secrets: secrets(&vars_text),
        ..Parts::default()
    };
    parts.text(
        "version.txt",
        &format!("{}made at {}\n", Cli::command().render_version(), time(now)),
    );
    parts.add("environment.txt", environment(&vars_text));
    let image = ImageSettings::read(flags, vars).map(|(image, _)| image);
    let home = machine::image_home(flags, vars);
    let given = Given {
        flags: flags.clone(),
        vars: vars.to_vec(),
    };
    let [for_logs, for_explain, for_status, for_doctor] = [(); 4].map(|()| given.clone());
    let found = apart(move || Some(find(&for_logs.settings().ok()?)));
    let explained = apart(move || for_explain.explain());
    let status = apart(move || for_status.status(now));
    let doctor = apart(move || for_doctor.examine());
    let left = || PATIENCE.saturating_sub(begun.elapsed());
    parts.printed("explain", explained.recv_timeout(left()));
    parts.printed("status", status.recv_timeout(left()));
    if let (Ok(image), Some(home)) = (&image, &home) {
        let found = found.recv_timeout(left()).ok().flatten();
        // Where it waits for a name server the directories are the usual ones.
        let Known { dirs, logs } = found.unwrap_or_else(|| known(home, Dirs::usual(home)));
        of_node(&mut parts, home, image, &dirs);
        parts.take(logs);
    } else {
        parts.miss("conf, record, history, logs", "no node is found in this image");
    }
    of_host(&mut parts);
    let left = LAST.saturating_sub(begun.elapsed());
    parts.printed("doctor", doctor.recv_timeout(left));
    if !parts.missing.is_empty() {
        let missing = parts.missing.clone();
        parts.text("missing.txt", &missing);
    }
    parts
}

/// Runs this on a thread of its own: a name server that does not answer holds it up longer than the report may take.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tell, told) = channel();
    // The report may be written by then.
    std::thread::spawn(move || tell.send(work()).ok());
    told
}

/// What a verb is given to know.
#[derive(Clone)]
struct Given {
    flags: Flags,
    vars: Vec<(OsString, OsString)>,
}

impl Given {
    fn asks(&self) -> Result<Asks, Outcome> {
        Asks::read(self.flags.clone(), &self.vars, &[])
    }

    /// The settings of the node, or those that its record stands in for.
    fn settings(&self) -> Result<(Settings, Home), Outcome> {
        read(self.flags.clone(), self.vars.clone()).or_else(|refused| {
            let home = machine::image_home(&self.flags, &self.vars);
            let asks = self.asks().ok();
            let both = asks.zip(home).map(|(asks, home)| (asks.settings().clone(), home));
            both.ok_or(refused)
        })
    }

    fn explain(&self) -> Result<Printed, Outcome> {
        let (settings, home) = self.settings()?;
        let explained = explain::explained(&settings, home)?;
        Ok(Printed {
            text: explained.said.clone() + &explained.text(),
            json: explained.json(),
        })
    }

    fn status(&self, now: u64) -> Result<Printed, Outcome> {
        let asks = self.asks()?;
        waited_for(async {
            let view = asks.look().await;
            Ok(Printed {
                text: table::text(&view, true),
                json: report::json(&view, &time(now)),
            })
        })
    }

    fn examine(&self) -> Result<Printed, Outcome> {
        let asks = self.asks();
        waited_for(async {
            let diagnosis = diagnose([&[], &[]], self.flags.clone(), self.vars.clone(), asks).await?;
            Ok(Printed {
                text: print::text(&diagnosis.result),
                json: print::json(&diagnosis.result, diagnosis.engine),
            })
        })
    }
}

/// The result of a future, in a runtime of its own.
fn waited_for<T>(work: impl Future<Output = Result<T, Outcome>>) -> Result<T, Outcome> {
    let mut result = None;
    let outcome = in_runtime(async {
        result = Some(work.await);
        Outcome::silent(ExitCode::Ok)
    });
    result.unwrap_or(Err(outcome))
}

/// Finds the logs and the data as the conf names them.
fn find((settings, home): &(Settings, Home)) -> Known {
    let facts = gather(settings, home.clone(), Path::new("/"));
    let mut dirs = Dirs::usual(home);
    if !facts.log_dirs.is_empty() {
        dirs.logs.clone_from(&facts.log_dirs);
    }
    if !facts.data_dirs().is_empty() {
        dirs.data = facts.data_dirs();
    }
    // An engine in a home of links writes its logs below that.
    let shadow = home.shadow(&facts.records.state_dir.path);
    let moved: Vec<PathBuf> = dirs
        .logs
        .iter()
        .filter_map(|dir| Some(shadow.join(dir.strip_prefix(&home.dir).ok()?)))
        .collect();
    dirs.logs.extend(moved);
    known(home, dirs)
}

fn known(home: &Home, dirs: Dirs) -> Known {
    Known {
        logs: logs(home, &dirs),
        dirs,
    }
}

impl Dirs {
    fn usual(home: &Home) -> Self {
        let data = home.layout.data.as_ref();
        Self {
            logs: vec![home.dir.join(home.layout.default_logs)],
            data: data.map(|data| home.dir.join(data.default)).into_iter().collect(),
        }
    }
}

/// The secrets of the environment, and those in the files that it names.
fn secrets(vars: &[(String, String)]) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in vars {
        match name.strip_suffix("_FILE") {
            Some(of) if is_name(of) => {
                let text = file::text(Path::new(value), file::SECRET).unwrap_or_default();
                secrets.push(text.trim().to_owned());
            }
            None if is_name(name) => secrets.push(value.clone()),
            _ => {}
        }
    }
    secrets
}

/// The history, both copies of the record, the conf files, and the room for the data.
fn of_node(parts: &mut Parts, home: &Home, image: &ImageSettings, dirs: &Dirs) {
    let (layout, state_dir) = (home.layout, fe_endpoints::state_dir(home, image));
    let events = History::of(&state_dir, home.component).events();
    parts.json("history.json", &history::json(home.component, &events));
    parts.text("history.txt", &history::table(&events));
    let copies = [
        ("record.json", fe_endpoints::record_path(home, image)),
        (
            "record-data.json",
            dirs.data
                .first()
                .map(|dir| dir.join(DATA_COPY))
                .unwrap_or_default(),
        ),
    ];
    for (name, path) in copies {
        match file::text(&path, file::RECORD) {
            Ok(text) => parts.json(name, &text),
            Err(error) => parts.miss(name, &format!("{}: {error}", path.display())),
        }
    }
    for path in [
        Some(home.conf()),
        layout.custom_conf.map(|path| home.dir.join(path)),
    ]
    .into_iter()
    .flatten()
    {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match file::text(&path, file::CONF) {
            Ok(text) => parts.add(&format!("conf/{name}"), conf(&text)),
            Err(error) => parts.miss(&name, &error.to_string()),
        }
    }
    let room_of: Vec<PathBuf> = dirs.data.iter().cloned().chain([state_dir]).collect();
    parts.text("disks.txt", &room(&room_of));
}

/// What the kernel says of this container and its host.
fn of_host(parts: &mut Parts) {
    let host = [
        "/proc/version",
        "/proc/meminfo",
        "/proc/loadavg",
        "/proc/uptime",
        "/proc/swaps",
        "/proc/pressure/memory",
        "/proc/pressure/io",
        "/proc/sys/vm/max_map_count",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/swappiness",
        "/proc/sys/net/core/somaxconn",
        "/proc/sys/net/ipv4/ip_local_port_range",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/devices/system/cpu/online",
    ];
    parts.text("kernel.txt", &kernel(&host));
    let container = [
        "/etc/os-release",
        "/etc/hosts",
        "/proc/self/cgroup",
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory.current",
        "/sys/fs/cgroup/memory.events",
        "/sys/fs/cgroup/cpu.max",
        "/sys/fs/cgroup/pids.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.failcnt",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    ];
    parts.text("container.txt", &kernel(&container));
    parts.text("limits.txt", &kernel(&["/proc/1/limits", "/proc/self/limits"]));
    parts.text("mounts.txt", &kernel(&["/proc/self/mountinfo"]));
    parts.text("processes.txt", &processes());
}

/// The last lines of the engine's logs.
fn logs(home: &Home, dirs: &Dirs) -> Parts {
    let mut parts = Parts::default();
    let in_logs = home.layout.log_files.iter().map(|name| (&dirs.logs, *name));
    let in_data = home.layout.data_logs.iter().map(|name| (&dirs.data, *name));
    let mut left = LOGS;
    for (dirs, name) in in_logs.chain(in_data) {
        let mut found = false;
        for (number, dir) in dirs.iter().enumerate() {
            match tail(&dir.join(name), LOG.min(left)) {
                Ok(Some(text)) if text.is_empty() => found = true,
                Ok(Some(text)) => {
                    left = left.saturating_sub(text.len() as u64);
                    let place = if number == 0 {
                        String::new()
                    } else {
                        format!("{number}-")
                    };
                    let file = name.rsplit('/').next().unwrap_or(name);
                    parts.text(&format!("logs/{place}{file}"), &text);
                    found = true;
                }
                Ok(None) => {}
                Err(error) => parts.miss(name, &format!("{}: {error}", dir.display())),
            }
        }
        if !found {
            parts.miss(name, "there is none");
        }
    }
    parts
}
