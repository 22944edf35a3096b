//! The supervisor and nothing around it, for the tests to run as PID 1 of a namespace:
//! `pid1 [--grace-ms N] [--exec] [--before] [--adopt-nobody] [--watch panics|ends|settles|stops] [--unset NAME] [--stop-note FILE] -- SCRIPT ARGS…`
//! `--before` waits for a stop request, as while no leader answers. Its log goes to stderr, one sentence a line.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a tool of the tests: a wrong call is to end it"
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use muster::plan::launch::Launch;
use muster::supervise::{Before, Beside, Job, Resident, Signals, SuperviseError, Supervisor, exec};

struct Options {
    grace: Duration,
    exec: bool,
    before: bool,
    adopt_nobody: bool,
    watch: String,
    stop_note: Option<PathBuf>,
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
        return Err(exec(&options.launch));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let vars: Vec<_> = std::env::vars_os().collect();
    runtime.block_on(async {
        if let Some(resident) = Resident::inherited(&vars) {
            let mut supervisor = Supervisor::resumed(signals, &resident)?;
            return Ok(supervisor.resume(resident).await?.ended.code().number());
        }
        let mut supervisor = Supervisor::new(signals)?;
        if options.adopt_nobody {
            supervisor.adopt_nobody();
        }
        if options.before {
            say("waiting");
            if let Before::StopRequested(signal) = supervisor.until(std::future::pending::<()>()).await {
                say(&format!("stop requested by {signal}"));
                return Ok(0);
            }
        }
        let charge = Job {
            launch: &options.launch,
            grace: options.grace,
            without: &options.launch.unset,
            stop_note: options.stop_note.clone(),
            kept: String::new(),
        };
        let end = supervisor.run(charge, watch(&options.watch)).await?;
        Ok(end.ended.code().number())
    })
}

async fn watch(kind: &str) -> Beside {
    match kind {
        "panics" => panic!("a fault in the watch"),
        "ends" => {
            say("watch ended");
            Beside::Over
        }
        "settles" => Beside::Settled,
        "stops" => Beside::Stop,
        _ => {
            let _dropped = Dropped;
            std::future::pending().await
        }
    }
}

struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {
        tracing::info!("watch dropped");
    }
}

/// A reader that is gone is no reason to panic.
fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn options() -> Options {
    let mut options = Options {
        grace: Duration::from_secs(30),
        exec: false,
        before: false,
        adopt_nobody: false,
        watch: String::new(),
        stop_note: None,
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
            "--before" => options.before = true,
            "--adopt-nobody" => options.adopt_nobody = true,
            "--stop-note" => options.stop_note = Some(value().into()),
            "--watch" => options.watch = value(),
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
