//! `muster report`: what somebody else needs to help, in one tar without secrets. It asks the cluster for no longer than `status`
//! does, and is made of what there is.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use clap::CommandFactory as _;
use tokio::time::{Instant, timeout};

use crate::cli::{Cli, ReportArgs};
use crate::effects::clock::seconds;
use crate::effects::files::replace;
use crate::effects::history::History;
use crate::effects::report_files::{kernel, processes, room, tail, tar};
use crate::exit::ExitCode;
use crate::facts::history::time;
use crate::facts::home::Home;
use crate::facts::record::DATA_COPY;
use crate::facts::{DataFacts, Facts, gather};
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
use crate::verbs::{Outcome, explain, fe_endpoints, in_runtime, machine};

/// The most bytes of all texts.
const MOST: usize = 5 << 20;
/// The most bytes of all logs, and of one.
const LOGS: u64 = 3 << 20;
const LOG: u64 = 1 << 20;
/// The longest wait for the cluster, and for what this host knows of itself: a name server may not answer.
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

    fn miss(&mut self, name: &str, why: &str) {
        let line = masked(&format!("{name}: {why}\n"));
        self.missing.push_str(&without(line, &self.secrets));
    }
}

/// What the doctor says: for people, and for programs.
#[derive(Debug)]
struct Doctor {
    text: String,
    json: String,
}

/// What the facts of this host add.
#[derive(Debug)]
struct Known {
    explained: Outcome,
    explained_json: Outcome,
    dirs: Dirs,
}

#[derive(Debug, Default)]
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
    let examined = examine(flags.clone(), vars.to_vec());
    let asks = Asks::read(flags.clone(), vars, &[]);
    let (tell, told) = channel();
    if let (Ok(asks), Some(home)) = (&asks, &home) {
        let (settings, home) = (asks.settings().clone(), home.clone());
        // A name server that does not answer holds it up longer than the report may take.
        std::thread::spawn(move || tell.send(know(&settings, &home)).ok());
    }
    match &asks {
        Ok(asks) => {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            status(&mut parts, asks, left, now);
        }
        Err(outcome) => {
            parts.miss("status", outcome.report.trim());
            parts.miss("explain", outcome.report.trim());
        }
    }
    let mut dirs = Dirs::default();
    if let (Ok(image), Some(home)) = (&image, &home) {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        match told.recv_timeout(left) {
            Ok(known) => {
                parts.text("explain.txt", &(known.explained.report + &known.explained.output));
                if !known.explained_json.output.is_empty() {
                    parts.json("explain.json", &known.explained_json.output);
                }
                dirs = known.dirs;
            }
            Err(_) if asks.is_ok() => parts.miss("explain", "not known within 4 s"),
            Err(_) => {}
        }
        of_node(&mut parts, home, image, &mut dirs);
    }
    of_host(&mut parts, &dirs);
    if let Some(home) = &home {
        logs(&mut parts, home, &dirs);
    } else {
        parts.miss("conf, record, history, logs", "no node is found in this image");
    }
    match examined.recv_timeout(LAST.saturating_sub(begun.elapsed())) {
        Ok(Ok(doctor)) => {
            parts.text("doctor.txt", &doctor.text);
            parts.json("doctor.json", &doctor.json);
        }
        Ok(Err(why)) => parts.miss("doctor", &why),
        Err(_) => parts.miss("doctor", "not known within 4.5 s"),
    }
    if !parts.missing.is_empty() {
        let missing = parts.missing.clone();
        parts.text("missing.txt", &missing);
    }
    parts
}

/// Has the doctor look at all, on a thread of its own: nothing waits for it longer than the report may take.
fn examine(flags: Flags, vars: Vec<(OsString, OsString)>) -> Receiver<Result<Doctor, String>> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        in_runtime(async {
            let asks = Asks::read(flags.clone(), &vars, &[]);
            let diagnosis = diagnose([&[], &[]], flags, vars, asks).await;
            let said = diagnosis.map(|diagnosis| Doctor {
                text: print::text(&diagnosis.result),
                json: print::json(&diagnosis.result, diagnosis.engine),
            });
            // The report may be written by now.
            tell.send(said.map_err(|outcome| outcome.report)).ok();
            Outcome::silent(ExitCode::Ok)
        })
    });
    told
}

/// What is decided, and where the logs and the data are. It may wait for a name server.
fn know(settings: &Settings, home: &Home) -> Known {
    let facts = gather(settings, home.clone(), Path::new("/"));
    Known {
        dirs: dirs(&facts),
        explained: explain::explain(settings, home.clone(), false),
        explained_json: explain::explain(settings, home.clone(), true),
    }
}

fn dirs(facts: &Facts) -> Dirs {
    let data = match &facts.data {
        DataFacts::Fe(data) => vec![data.place.path.clone()],
        DataFacts::Storage(paths) => paths.iter().map(|path| path.place.path.clone()).collect(),
        DataFacts::Nothing | DataFacts::Unresolved { .. } => Vec::new(),
    };
    Dirs {
        logs: facts.log_dirs.clone(),
        data,
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

fn status(parts: &mut Parts, asks: &Asks, within: Duration, now: u64) {
    let mut view = None;
    in_runtime(async {
        view = timeout(within, asks.look()).await.ok();
        Outcome::silent(ExitCode::Ok)
    });
    match view {
        Some(view) => {
            parts.text("status.txt", &table::text(&view, true));
            parts.json("status.json", &report::json(&view, &time(now)));
        }
        None => parts.miss("status", "no answer within 4 s"),
    }
}

/// The history, both copies of the record, and the conf files.
fn of_node(parts: &mut Parts, home: &Home, image: &ImageSettings, dirs: &mut Dirs) {
    let (layout, state_dir) = (home.layout, fe_endpoints::state_dir(home, image));
    if dirs.logs.is_empty() {
        dirs.logs.push(home.dir.join(layout.default_logs));
    }
    if dirs.data.is_empty() {
        dirs.data
            .extend(layout.data.as_ref().map(|data| home.dir.join(data.default)));
    }
    // An engine in a home of links writes its logs below that.
    let shadow = home.shadow(&state_dir);
    let moved: Vec<PathBuf> = dirs
        .logs
        .iter()
        .filter_map(|dir| Some(shadow.join(dir.strip_prefix(&home.dir).ok()?)))
        .collect();
    dirs.logs.extend(moved);
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
    dirs.data.push(state_dir);
}

/// What the kernel says of this container and its host.
fn of_host(parts: &mut Parts, dirs: &Dirs) {
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
    parts.text("disks.txt", &room(&dirs.data));
    parts.text("processes.txt", &processes());
}

fn logs(parts: &mut Parts, home: &Home, dirs: &Dirs) {
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
}
