//! One file a verb.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

pub mod explain;
pub mod health;
pub mod init;
pub mod readdress;
pub mod run;

mod fe_endpoints;
mod logging;
mod membership;
mod outlive;
mod vendor_command;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use clap::{CommandFactory as _, Parser};

use self::outlive::outlive;
use crate::cli::{Cli, Verb};
use crate::exit::ExitCode;
use crate::facts::home::{self, Home};
use crate::plan::refusal::Refusal;
use crate::settings::{Flags, ImageSettings, Settings};
use crate::supervise::{RESTARTS, Resident, Signals};

/// What a verb leaves behind: text for stdout, a report for stderr, and how the process ends.
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
            report: format!("error: {}\n", crate::effects::join_loop::chain(error)),
            code,
        }
    }

    fn said(output: String) -> Self {
        Self {
            output,
            ..Self::silent(ExitCode::Ok)
        }
    }

    fn internal(belief: &str) -> Self {
        Self {
            output: String::new(),
            report: format!("error: a belief of muster was wrong: {belief}\n"),
            code: ExitCode::Internal,
        }
    }

    /// Help and version are answers, everything else a mistake.
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

    /// Every refusal in one report; the first one's code.
    pub fn refused(refusals: &[Refusal]) -> Self {
        let code = refusals
            .first()
            .map_or(ExitCode::Internal, |refusal| refusal.code);
        Self {
            output: String::new(),
            report: report(refusals, "not to start"),
            code,
        }
    }

    /// Prints both texts; a closed stdout or stderr changes nothing.
    pub fn print(&self) {
        drop(std::io::stdout().lock().write_all(self.output.as_bytes()));
        drop(std::io::stderr().lock().write_all(self.report.as_bytes()));
    }
}

/// `not` is what they are reasons for.
fn report(refusals: &[Refusal], not: &str) -> String {
    let mut text = String::new();
    match refusals {
        [only] => text.push_str(&format!("error: {}\n", only.sentence)),
        several => {
            text.push_str(&format!("error: {} reasons {not}\n", several.len()));
            for refusal in several {
                text.push_str(&format!("  {}\n", refusal.sentence));
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

/// One line each.
fn warning_lines<T: std::fmt::Display>(warnings: &[T]) -> String {
    let mut text = String::new();
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

/// The whole program between the first instruction and the exit: what was typed, what was asked, the verb.
pub fn start(args: &[OsString], vars: Vec<(OsString, OsString)>) -> Outcome {
    // Before anything else can start a thread: a stop request that comes now is then kept, not lost or deadly.
    let signals = match args.get(1) {
        Some(verb) if verb == "run" => match Signals::block() {
            Ok(signals) => Some(signals),
            Err(error) => return Outcome::failed(&error, error.exit_code()),
        },
        _ => None,
    };
    let signals = match (signals, Resident::inherited(&vars)) {
        (Some(_), Some(resident)) => {
            logging::begin(&vars);
            return outlive(|| go_on(resident), go_on);
        }
        (signals, _) => signals,
    };
    let (restarts, vars) = restarts(vars);
    let (args, command) = match vendor_command::split(args, &vars) {
        Ok(split) => split,
        Err(outcome) => return outcome,
    };
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return Outcome::usage(&error),
    };
    let beside_run = |flags| vendor_command::beside_run(flags, args, &vars);
    match cli.verb {
        Verb::Run(args) => {
            let flags = Flags {
                home: args.image.home,
                component: args.component,
                exec: args.exec,
                script_args: args.script_args,
                command,
            };
            logging::begin(&vars);
            let (settings, home) = match read(flags, vars) {
                Ok(read) => read,
                Err(outcome) => return outcome,
            };
            let Some(signals) = signals else {
                return Outcome::internal("signals were not blocked");
            };
            outlive(
                || in_runtime(run::run(&settings, &home, signals, restarts)),
                go_on,
            )
        }
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
        Verb::Init(args) => init::init(&args),
        Verb::Version => Outcome::said(Cli::command().render_version()),
        Verb::Health(args) => {
            let flags = beside_run(Flags {
                home: args.image.home.clone(),
                component: args.component,
                ..Flags::default()
            });
            in_runtime(health::health(&args, flags, vars))
        }
    }
}

/// With the engine that runs.
fn go_on(resident: Resident) -> Outcome {
    Resident::note(Some(&resident));
    match Signals::block() {
        Ok(signals) => in_runtime(run::resume(signals, resident)),
        Err(error) => Outcome::failed(&error, error.exit_code()),
    }
}

/// What the image before this one counted, and the variables without that: it is no setting.
fn restarts(mut vars: Vec<(OsString, OsString)>) -> (u32, Vec<(OsString, OsString)>) {
    let own = vars.iter().position(|(name, _)| name == RESTARTS);
    let counted = own.map(|own| vars.remove(own).1);
    let counted = counted.and_then(|text| text.to_str()?.parse().ok());
    (counted.unwrap_or(0), vars)
}

/// Everything that is read once: settings, and the home they lead to. All problems of the settings come first.
fn read(flags: Flags, vars: Vec<(OsString, OsString)>) -> Result<(Settings, Home), Outcome> {
    let (settings, warnings) = Settings::read(flags, vars).map_err(|problems| {
        let warnings = warning_lines(problems.warnings());
        Outcome {
            output: String::new(),
            report: format!("{warnings}error: {problems}\n"),
            code: ExitCode::Configuration,
        }
    })?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let home = find_home(&settings.image)?;
    Ok((settings, home))
}

fn find_home(image: &ImageSettings) -> Result<Home, Outcome> {
    home::find(image, Path::new("/")).map_err(|problem| {
        let code = problem.exit_code();
        Outcome::refused(&[Refusal::new(code, problem.to_string(), problem.hint())])
    })
}

/// One thread, and nothing of it left when the verb is over.
fn in_runtime(verb: impl Future<Output = Outcome>) -> Outcome {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(verb);
            // Looking up a name cannot be cancelled and may take a minute: it does not hold up the end.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Outcome::failed(&error, ExitCode::TryAgain),
    }
}
