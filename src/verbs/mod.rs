//! The verbs of the command line, one file each.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

pub mod companion;
pub mod doctor;
pub mod explain;
pub mod exported;
pub mod health;
pub mod history;
pub mod init;
pub mod init_hosts;
pub mod may_stop;
pub mod ports;
pub mod readdress;
pub mod report;
pub mod run;
pub mod serve;
pub mod status;

mod asks;
mod fe_endpoints;
mod logging;
mod machine;
mod own_node;
mod vendor_command;

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory as _, Parser};

use crate::cli::{AsksArgs, Cli, HealthArgs, Verb};
use crate::exit::ExitCode;
use crate::facts::home::{self, Home, HomeProblem};
use crate::plan::history::refused;
use crate::plan::refusal::Refusal;
use crate::printable;
use crate::settings::{Flags, ImageSettings, Problems, Settings};
use crate::supervise::{COMPANION, Channel, Signals, Work};
use crate::verbs::asks::Asks;

/// The result of a verb: text for stdout, a report for stderr, and the exit code.
#[derive(Debug)]
pub struct Outcome {
    pub output: String,
    pub report: String,
    pub code: ExitCode,
}

impl Outcome {
    pub const fn silent(code: ExitCode) -> Self {
        Self {
            output: String::new(),
            report: String::new(),
            code,
        }
    }

    fn failed(error: &dyn std::error::Error, code: ExitCode) -> Self {
        Self {
            output: String::new(),
            report: format!("error: {}\n", crate::exit::chain(error)),
            code,
        }
    }

    fn printed(output: String) -> Self {
        Self {
            output,
            ..Self::silent(ExitCode::Ok)
        }
    }

    fn internal(what: &str) -> Self {
        Self {
            output: String::new(),
            report: format!("error: internal error: {what}; please report it\n"),
            code: ExitCode::Internal,
        }
    }

    /// Prints help and version to stdout, and errors of the command line to stderr.
    fn usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        if error.use_stderr() {
            Self {
                output: String::new(),
                report: text,
                code: ExitCode::Usage,
            }
        } else {
            Self {
                output: text,
                report: String::new(),
                code: ExitCode::Ok,
            }
        }
    }

    /// Reports all refusals, with the exit code of the first one.
    pub fn refused(refusals: &[Refusal]) -> Self {
        let code = refusals
            .first()
            .map_or(ExitCode::Internal, |refusal| refusal.code);
        Self {
            output: String::new(),
            report: rendered(refusals, "not to start"),
            code,
        }
    }

    /// Writes the final error and its hint to the log too, for programs that read it as JSON.
    pub fn log(&self) {
        if self.report.is_empty() {
            return;
        }
        let (error, rest) = self.report.split_once("\n\nhint: ").unwrap_or((&self.report, ""));
        let (hint, _) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let error = error.trim().trim_start_matches("error: ");
        tracing::error!(
            error,
            hint = hint.trim(),
            code = self.code.number(),
            "muster ends"
        );
    }

    /// Prints both texts, which may repeat what a server said; a closed stdout or stderr changes nothing.
    pub fn print(&self) {
        let (output, report) = (printable::lines(&self.output), printable::lines(&self.report));
        drop(std::io::stdout().lock().write_all(output.as_bytes()));
        drop(std::io::stderr().lock().write_all(report.as_bytes()));
    }
}

/// Renders the refusals; `not` is the consequence, such as `not to start`.
fn rendered(refusals: &[Refusal], not: &str) -> String {
    let mut text = String::new();
    match refusals {
        [only] => text.push_str(&format!("error: {}\n", printable::line(&only.sentence))),
        several => {
            text.push_str(&format!("error: {} reasons {not}\n", several.len()));
            for refusal in several {
                text.push_str(&format!("  {}\n", printable::line(&refusal.sentence)));
            }
        }
    }
    let mut hints: Vec<&str> = refusals.iter().map(|refusal| refusal.hint.as_str()).collect();
    hints.dedup();
    for hint in hints.iter().filter(|hint| !hint.is_empty()) {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    text
}

/// Renders the warnings, one line each.
fn warning_lines<T: std::fmt::Display>(warnings: &[T]) -> String {
    let mut text = String::new();
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

/// Runs the program: parses the command line, reads the settings, and runs the verb.
pub fn start(args: &[OsString], vars: Vec<(OsString, OsString)>) -> Outcome {
    let outcome = catch_unwind(AssertUnwindSafe(|| of_verb(args, vars)));
    outcome.unwrap_or_else(|_| Outcome::internal("muster panicked (see above)"))
}

fn of_verb(args: &[OsString], vars: Vec<(OsString, OsString)>) -> Outcome {
    let (name, words) = args.split_at(args.len().min(1));
    // `command: serve` of an image whose entrypoint is `muster run`.
    let args = &[name, vendor_command::without_run(words)].concat();
    match args.get(1).and_then(|verb| verb.to_str()) {
        // First: from here on a stop request is kept instead of being lost or ending this process.
        Some("run") => match Signals::block() {
            Ok(signals) => {
                logging::begin(&vars);
                let args = args.iter().skip(2).cloned().collect();
                run::run(signals, args, patience(&vars))
            }
            Err(error) => Outcome::failed(&error, error.exit_code()),
        },
        Some(verb) if verb == COMPANION => beside_engine(args, &vars),
        _ => typed(args, vars),
    }
}

/// The default of `WAIT_TIMEOUT`.
const WAIT_TIMEOUT: Duration = Duration::from_secs(300);

/// `WAIT_TIMEOUT`, for PID 1. The companion reports an invalid value, with the other settings.
fn patience(vars: &[(OsString, OsString)]) -> Duration {
    let text = vars.iter().find(|(name, _)| name == "WAIT_TIMEOUT");
    text.and_then(|(_, value)| crate::settings::parse_duration(value.to_str()?).ok())
        .unwrap_or(WAIT_TIMEOUT)
}

/// Runs the companion, with the command line of `run`.
fn beside_engine(args: &[OsString], vars: &[(OsString, OsString)]) -> Outcome {
    let channel = Channel::of_companion();
    let work = channel.and_then(|channel| Ok((channel.receive::<Work>(false)?, channel)));
    let Ok((Some((work, _)), channel)) = work else {
        return Outcome {
            output: String::new(),
            report: format!("error: `muster {COMPANION}` is started by `muster run` only\n"),
            code: ExitCode::Usage,
        };
    };
    companion::isolate();
    let json = logging::begin(vars);
    let outcome = companion_of(args, vars, &channel, work);
    if json {
        outcome.log();
    }
    outcome
}

fn companion_of(args: &[OsString], vars: &[(OsString, OsString)], channel: &Channel, work: Work) -> Outcome {
    if let Work::Remember { ended, kept } = &work {
        companion::remember(ended, kept);
        return Outcome::silent(ExitCode::Ok);
    }
    let name = args.first().cloned().unwrap_or_default();
    let args: Vec<OsString> = [name, "run".into()]
        .into_iter()
        .chain(args.iter().skip(2).cloned())
        .collect();
    let (args, given) = match vendor_command::split(&args, vars) {
        Ok(split) => split,
        Err(refusal) => return Outcome::refused(&[refusal]),
    };
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return Outcome::usage(&error),
    };
    let Verb::Run(args) = cli.verb else {
        return Outcome::internal("`run` is parsed as another verb");
    };
    let flags = vendor_command::run_flags(args, given);
    match read(flags.clone(), vars.to_vec()) {
        Ok((settings, home)) => in_runtime(companion::companion(&settings, &home, channel, work)),
        Err(outcome) => {
            if let Some(history) = history::find(&flags, vars) {
                history.add(refused(outcome.code.number(), &outcome.report));
            }
            outcome
        }
    }
}

/// Runs any verb except `run`.
fn typed(args: &[OsString], vars: Vec<(OsString, OsString)>) -> Outcome {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return Outcome::usage(&error),
    };
    let beside_run = |flags| vendor_command::beside_run(flags, args, &vars);
    match cli.verb {
        Verb::Run(_) => Outcome::internal("`run` is not the first word"),
        Verb::Explain(args) => {
            let flags = beside_run(Flags {
                home: args.image.home,
                component: args.component,
                ..Flags::default()
            });
            logging::begin(&vars);
            match read(flags, vars) {
                Ok((settings, home)) => explain::explain(&settings, home, args.json),
                Err(outcome) => outcome,
            }
        }
        Verb::Readdress(args) => {
            let flags = beside_run(Flags {
                home: args.image.home.clone(),
                ..Flags::default()
            });
            logging::begin(&vars);
            match read(flags, vars) {
                Ok((settings, home)) => in_runtime(readdress::readdress(&args, &settings, &home)),
                Err(outcome) => outcome,
            }
        }
        Verb::Init(args) => {
            let flags = beside_run(Flags::default());
            if let (Some(hosts), Some(out)) = (&args.hosts, &args.out) {
                return init_hosts::init_hosts(&args, hosts, out, machine::image_engine(&flags, &vars));
            }
            let home = machine::image_home(&flags, &vars);
            let image = ImageSettings::read(&flags, &vars).ok();
            let own = home.as_ref().zip(image);
            let own = own.map(|(home, (image, _))| own_node::ports(home, &image));
            init::init(
                &args,
                machine::image_engine(&flags, &vars),
                &own.unwrap_or_default(),
            )
        }
        Verb::Status(args) => asking(beside_run, &args.asks, &vars, |asks| {
            in_runtime(status::status(&args, &asks))
        }),
        Verb::MayStop(args) => asking(beside_run, &args.asks, &vars, |asks| {
            in_runtime(may_stop::may_stop(&args, &asks))
        }),
        Verb::Doctor(args) => {
            let flags = beside_run(Flags {
                home: args.asks.image.home.clone(),
                ..Flags::default()
            });
            logging::begin(&vars);
            let asks = Asks::read(flags.clone(), &vars, &args.asks.master);
            in_runtime(doctor::doctor(&args, flags, vars.clone(), asks))
        }
        Verb::Targets(args) => asking(beside_run, &args.asks, &vars, |asks| {
            in_runtime(exported::export_targets(&args, &asks))
        }),
        Verb::Metrics(args) => asking(beside_run, &args.asks, &vars, |asks| {
            in_runtime(exported::export_metrics(&args, &asks))
        }),
        Verb::Serve(args) => asking(beside_run, &args.asks, &vars, |asks| {
            in_runtime(serve::serve(&args, &asks))
        }),
        Verb::Ports(args) => asking(beside_run, &args.asks, &vars, |asks| {
            in_runtime(ports::ports(&args, &asks))
        }),
        Verb::History(args) => {
            let flags = beside_run(Flags {
                home: args.image.home.clone(),
                component: args.component,
                ..Flags::default()
            });
            history::history(&args, &flags, &vars)
        }
        Verb::Report(args) => {
            let flags = beside_run(Flags {
                home: args.image.home.clone(),
                component: args.component,
                ..Flags::default()
            });
            report::report(&args, &flags, &vars)
        }
        Verb::Version => Outcome::printed(Cli::command().render_version()),
        Verb::Health(health) => checking(&health, args, vars),
    }
}

/// Checks what this container was started for: a node, or a page.
fn checking(health: &HealthArgs, args: &[OsString], vars: Vec<(OsString, OsString)>) -> Outcome {
    if let Some(at) = vendor_command::served(args) {
        return in_runtime(health::of_page(at, health.timeout));
    }
    let flags = Flags {
        home: health.image.home.clone(),
        component: health.component,
        ..Flags::default()
    };
    let flags = vendor_command::beside_run(flags, args, &vars);
    in_runtime(health::health(health, flags, vars))
}

/// Runs a verb that only asks.
fn asking(
    beside_run: impl FnOnce(Flags) -> Flags,
    args: &AsksArgs,
    vars: &[(OsString, OsString)],
    verb: impl FnOnce(Asks) -> Outcome,
) -> Outcome {
    let flags = beside_run(Flags {
        home: args.image.home.clone(),
        ..Flags::default()
    });
    logging::begin(vars);
    match Asks::read(flags, vars, &args.master) {
        Ok(asks) => verb(asks),
        Err(outcome) => outcome,
    }
}

fn bad_settings(problems: &Problems) -> Outcome {
    let warnings = warning_lines(problems.warnings());
    Outcome {
        output: String::new(),
        report: format!("{warnings}error: {problems}\n"),
        code: ExitCode::Configuration,
    }
}

/// Reads the settings, then finds the home; all problems of the settings are reported together.
fn read(flags: Flags, vars: Vec<(OsString, OsString)>) -> Result<(Settings, Home), Outcome> {
    let image = ImageSettings::read(&flags, &vars).ok();
    let flags = machine::look(flags, &vars);
    let (mut settings, warnings) = Settings::read(flags, vars).map_err(|problems| {
        // Whose settings they are is open: nobody can set the host of two nodes.
        if let Some(Err(problem @ HomeProblem::SeveralNodes(_))) =
            image.map(|(image, _)| home::find(&image, Path::new("/")))
            && !problems.refuse_component()
        {
            return no_home(&problem);
        }
        bad_settings(&problems)
    })?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let home = find_home(&settings.image)?;
    settings.share_conf(home.engine, home.component);
    Ok((settings, home))
}

fn find_home(image: &ImageSettings) -> Result<Home, Outcome> {
    home::find(image, Path::new("/")).map_err(|problem| no_home(&problem))
}

fn no_home(problem: &HomeProblem) -> Outcome {
    let code = problem.exit_code();
    Outcome::refused(&[Refusal::new(code, problem.to_string(), problem.hint())])
}

/// Runs a verb in a runtime of one thread.
fn in_runtime(verb: impl Future<Output = Outcome>) -> Outcome {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(verb);
            // A name lookup cannot be cancelled and may take a minute: do not wait for it.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Outcome::failed(&error, ExitCode::TryAgain),
    }
}
