//! The command line: its verbs, its options and its help. The verbs decide what to do.

mod help;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::engine::{ALL, Component};
use crate::plan::doctor::{Scope, checks};
use crate::printable::fit;
use crate::settings::Host;

#[derive(Debug, Parser)]
#[command(name = "muster", version = help::version(), about = help::about(), after_help = fit(&help::exit_codes()))]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Form or join the cluster, then start the engine and supervise it
    #[command(after_help = fit(&help::run_help()))]
    Run(RunArgs),
    /// Check this node: exit code 0 or 1, and one line with the reason
    #[command(after_help = help::HEALTH)]
    Health(HealthArgs),
    /// Print every decision of `run` and its reason; change nothing
    Explain(ExplainArgs),
    /// Write the env files of this host's FE and BE from its app.env
    #[command(after_help = help::init_help())]
    Init(InitArgs),
    /// Tell the cluster the new host of a member that has moved
    #[command(after_help = help::readdress_help())]
    Readdress(ReaddressArgs),
    /// Show the cluster: by its leader, by each node, by this record
    #[command(after_help = help::STATUS)]
    Status(StatusArgs),
    /// Tell whether this node may be stopped now: exit code 0 or 1
    #[command(after_help = help::MAY_STOP)]
    MayStop(MayStopArgs),
    /// Look for what is wrong with the host, this node and its cluster
    #[command(after_help = help::doctor_help())]
    Doctor(DoctorArgs),
    /// Print the nodes as targets of Prometheus
    #[command(after_help = help::TARGETS)]
    Targets(ExportArgs),
    /// Print what is seen of the cluster as metrics of Prometheus
    #[command(after_help = help::METRICS)]
    Metrics(ExportArgs),
    /// Serve the state of the cluster as a page, which changes nothing
    #[command(after_help = help::SERVE)]
    Serve(ServeArgs),
    /// Print the ports of a node and who dials each, or firewall rules
    #[command(after_help = help::PORTS)]
    Ports(PortsArgs),
    /// Print what happened to this node: starts, ends and their reasons
    #[command(after_help = help::HISTORY)]
    History(HistoryArgs),
    /// Write a tar without secrets for whoever is to help
    #[command(after_help = help::REPORT)]
    Report(ReportArgs),
    /// Print version
    Version,
}

#[derive(Debug, clap::Args)]
pub struct ImageArgs {
    /// The engine's home [default: found in the image]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

/// The hosts that a verb asks.
#[derive(Debug, clap::Args)]
pub struct AsksArgs {
    /// FEs to ask in the place of `MASTER_HOST`
    #[arg(long, value_name = "HOST", value_delimiter = ',', value_parser = host)]
    pub master: Vec<Host>,
    #[command(flatten)]
    pub image: ImageArgs,
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print a page for a browser
    #[arg(long, conflicts_with_all = ["json", "watch"])]
    pub html: bool,
    /// Print nothing: the exit code is the answer
    #[arg(long)]
    pub quiet: bool,
    /// List the nodes that are well, too
    #[arg(long)]
    pub all: bool,
    /// Go on, with a line for each change
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "2s", require_equals = true, value_parser = crate::settings::parse_duration)]
    pub watch: Option<std::time::Duration>,
    /// Wait for one of `well`, `leader`, `alive:HOST`
    #[arg(long, value_name = "WHAT", conflicts_with = "watch", value_parser = until)]
    pub wait: Option<Until>,
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = crate::settings::parse_duration)]
    pub timeout: std::time::Duration,
    #[command(flatten)]
    pub asks: AsksArgs,
}

/// What `status --wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    Well,
    Leader,
    /// Every node of that host.
    Alive(String),
}

fn until(text: &str) -> Result<Until, String> {
    match (text, text.strip_prefix("alive:")) {
        ("well", _) => Ok(Until::Well),
        ("leader", _) => Ok(Until::Leader),
        (_, Some(name)) => host(name).map(|host| Until::Alive(host.to_string())),
        (_, None) => Err("expected well, leader or alive:HOST".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
pub struct MayStopArgs {
    /// Another node, such as `be:10.0.0.41`
    #[arg(long, value_name = "KIND:HOST", value_parser = which)]
    pub node: Option<Which>,
    /// Ask until the answer is yes
    #[arg(long)]
    pub wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = crate::settings::parse_duration)]
    pub timeout: std::time::Duration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub asks: AsksArgs,
}

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print a script for the host with the settings it lacks
    #[arg(long, conflicts_with = "json")]
    pub script: bool,
    /// End with 1 for a warning, too
    #[arg(long)]
    pub strict: bool,
    /// Only these checks, or those of these scopes
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = check)]
    pub only: Vec<String>,
    /// All checks but these
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = check)]
    pub skip: Vec<String>,
    #[command(flatten)]
    pub asks: AsksArgs,
}

/// The name of a check or of a scope.
fn check(name: &str) -> Result<String, String> {
    let scopes = Scope::ALL.into_iter().map(Scope::word);
    let mut all = scopes.chain(checks().map(|check| check.name));
    if all.any(|known| known == name) {
        Ok(name.to_owned())
    } else {
        Err("there is no such check; `muster doctor --help` lists them".to_owned())
    }
}

/// The nodes of one kind on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which {
    pub component: Component,
    pub host: Host,
}

fn which(text: &str) -> Result<Which, String> {
    let (kind, name) = text
        .split_once(':')
        .ok_or("expected KIND:HOST, such as fe:10.0.0.11")?;
    Ok(Which {
        component: component(kind)?,
        host: host(name)?,
    })
}

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Write into this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub asks: AsksArgs,
}

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:19320")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub asks: AsksArgs,
}

#[derive(Debug, clap::Args)]
pub struct PortsArgs {
    /// fe, be, cn or broker [default: the node of this container]
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// table, json, nft, ufw or firewalld
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "table",
        hide_possible_values = true
    )]
    pub format: PortsFormat,
    #[command(flatten)]
    pub asks: AsksArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PortsFormat {
    Table,
    Json,
    Nft,
    Ufw,
    Firewalld,
}

#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// fe, be, cn or broker [default: found in the image]
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print the newest N events
    #[arg(short, long, value_name = "N", default_value_t = crate::facts::history::MOST)]
    pub number: usize,
    #[command(flatten)]
    pub image: ImageArgs,
}

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// fe, be, cn or broker [default: found in the image]
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// Write into this file, not to stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub image: ImageArgs,
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// fe, be, cn or broker [default: found in the image]
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// Become the start script; supervise nothing (`MUSTER_EXEC=1`)
    #[arg(long)]
    pub exec: bool,
    #[command(flatten)]
    pub image: ImageArgs,
    /// Arguments for the start script
    #[arg(last = true, value_name = "ARGS")]
    pub script_args: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// fe, be, cn or broker [default: found in the image]
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub image: ImageArgs,
}

#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// The app.env to read [default: ./app.env or DIR/app.env]
    #[arg(long, value_name = "FILE")]
    pub app_env: Option<PathBuf>,
    /// Where to write the env files [default: beside app.env]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// A list of hosts: write a directory for each into --out
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with = "dir")]
    pub hosts: Option<PathBuf>,
    /// Where to write the directories of --hosts
    #[arg(long, value_name = "DIR", requires = "hosts")]
    pub out: Option<PathBuf>,
    /// Replace files that init did not write, keep the old ones
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, clap::Args)]
pub struct ReaddressArgs {
    /// The host that the cluster lists
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub from: Host,
    /// The new host of the member
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub to: Host,
    /// Move only the fe, be or cn of that host
    #[arg(long, value_name = "COMPONENT", value_parser = movable)]
    pub only: Option<Component>,
    /// Print what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long to look for a leader
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::settings::parse_duration)]
    pub timeout: std::time::Duration,
    #[command(flatten)]
    pub image: ImageArgs,
}

#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// fe, be, cn or broker [default: found in the image]
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// The process runs and its port is open
    #[arg(long, group = "depth")]
    pub live: bool,
    /// HTTP, and the MySQL, heartbeat or broker port answer
    #[arg(long, group = "depth")]
    pub ready: bool,
    /// The cluster lists this node as alive and has a leader
    #[arg(long, group = "depth")]
    pub deep: bool,
    /// Time limit, such as 3s or 500ms
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = crate::settings::parse_duration)]
    pub timeout: std::time::Duration,
    #[command(flatten)]
    pub image: ImageArgs,
}

fn component(word: &str) -> Result<Component, String> {
    one_of(word, |_| true)
}

/// A component of which some engine can change the host.
fn movable(word: &str) -> Result<Component, String> {
    one_of(word, |component| {
        ALL.into_iter().any(|engine| engine.rehost(component).is_some())
    })
}

fn one_of(word: &str, is_meant: impl Fn(Component) -> bool) -> Result<Component, String> {
    let components = || {
        Component::ALL
            .into_iter()
            .filter(|component| is_meant(*component))
    };
    let wanted = Component::parse(word);
    components()
        .find(|component| Some(*component) == wanted)
        .ok_or_else(|| {
            let words: Vec<&str> = components().map(Component::id).collect();
            format!("expected one of {}", words.join(", "))
        })
}

fn host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|problem| problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser as _};

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_build_that_is_no_release_says_so() {
        let version = Cli::command().render_version();
        assert_eq!(
            version,
            format!("muster {} (development build)\n", env!("CARGO_PKG_VERSION"))
        );
    }

    #[test]
    fn every_component_can_be_run_and_a_broker_cannot_be_moved() {
        for word in ["fe", "be", "cn", "broker"] {
            let parses =
                |words: &[&str]| Cli::try_parse_from(["muster"].iter().chain(words).chain(&[word])).is_ok();
            assert!(
                parses(&["run"]) && parses(&["explain"]) && parses(&["health"]),
                "{word}"
            );
            let moves = parses(&["readdress", "--from", "a", "--to", "b", "--only"]);
            assert_eq!(moves, word != "broker", "{word}");
        }
    }

    #[test]
    fn help_lists_every_exit_code() {
        let help = words(&Cli::command().render_long_help().to_string());
        for code in crate::exit::ExitCode::TABLE {
            assert!(
                help.contains(&format!(" {} {}", code.number(), code.meaning().0)),
                "{code:?}\n{help}"
            );
        }
    }

    #[test]
    fn every_help_fits_a_terminal_of_80_columns() {
        let mut root = Cli::command();
        root.build();
        let mut all = vec![root.clone()];
        all.extend(root.get_subcommands().cloned());
        for mut command in all {
            let name = command.get_name().to_owned();
            for help in [command.render_help(), command.render_long_help()] {
                for line in help.to_string().lines() {
                    assert!(line.chars().count() <= 80, "{name}: {line}");
                }
            }
        }
    }

    fn words(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
