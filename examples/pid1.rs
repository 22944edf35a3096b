//! The supervisor and nothing around it, for the tests to run as PID 1 of a namespace:
//! `pid1 [--grace-ms N] [--exec] [--unset NAME] [--dir DIR] -- SCRIPT ARGS…`
//! There is no companion. Its log goes to stderr, one sentence a line.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a tool of the tests: a wrong call is to end it"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use muster::plan::launch::Launch;
use muster::supervise::{Companion, Job, Signals, SuperviseError, Supervisor, exec};

struct Options {
    grace: Duration,
    exec: bool,
    launch: Launch,
}

fn main() -> ExitCode {
    let signals = Signals::block();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // Or else a log without a reader ends in a panic: it is reported with eprintln.
        .log_internal_errors(false)
        .without_time()
        .init();
    let options = options();
    let code = signals
        .and_then(|signals| run(signals, &options))
        .unwrap_or_else(|error| {
            let source = std::error::Error::source(&error)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            tracing::error!("{error}{source}");
            error.exit_code().number()
        });
    ExitCode::from(code)
}

fn run(signals: Signals, options: &Options) -> Result<u8, SuperviseError> {
    if options.exec {
        return Err(exec(&options.launch, &[]));
    }
    let mut supervisor = Supervisor::new(signals, Companion::new(Vec::new()))?;
    let job = Job {
        launch: &options.launch,
        grace: options.grace,
        kept: "",
    };
    Ok(supervisor.run(&job)?.ended.code().number())
}

fn options() -> Options {
    let mut options = Options {
        grace: Duration::from_secs(30),
        exec: false,
        launch: Launch {
            script: PathBuf::new(),
            args: Vec::new(),
            set: [("GIVEN".into(), "by the launch".into())].into_iter().collect(),
            unset: Vec::new(),
            dir: PathBuf::from("/"),
            limits: Vec::new(),
        },
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap();
        match arg.as_str() {
            "--grace-ms" => options.grace = Duration::from_millis(value().parse().unwrap()),
            "--exec" => options.exec = true,
            "--unset" => options.launch.unset.push(value()),
            "--dir" => options.launch.dir = value().into(),
            "--" => break,
            other => panic!("unknown option {other}"),
        }
    }
    options.launch.script = args.next().unwrap().into();
    options.launch.args = args.collect();
    options
}
