//! The command line: its verbs, its options and its help. The verbs decide what to do.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::engine::{ALL, Component};
use crate::exit::ExitCode;
use crate::plan::init::{COMPONENTS, file_name};
use crate::printable::fit;
use crate::settings::Host;

#[derive(Debug, Parser)]
#[command(name = "muster", version = version(), about = about(), after_help = fit(&exit_codes()))]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Form or join the cluster, then start the engine and supervise it
    #[command(after_help = fit(&run_help()))]
    Run(RunArgs),
    /// Check this node: exit code 0 or 1, and one line with the reason
    #[command(after_help = HEALTH)]
    Health(HealthArgs),
    /// Print every decision of `run` and its reason; change nothing
    Explain(ExplainArgs),
    /// Write the env files of this host's FE and BE from its app.env
    #[command(after_help = init_help())]
    Init(InitArgs),
    /// Tell the cluster the new host of a member that has moved
    #[command(after_help = readdress_help())]
    Readdress(ReaddressArgs),
    /// Show the cluster: by its leader, by each node, by this record
    #[command(after_help = STATUS)]
    Status(StatusArgs),
    /// Tell whether this node may be stopped now: exit code 0 or 1
    #[command(after_help = MAY_STOP)]
    MayStop(MayStopArgs),
    /// Print the nodes as targets of Prometheus
    #[command(after_help = TARGETS)]
    Targets(ExportArgs),
    /// Print what is seen of the cluster as metrics of Prometheus
    #[command(after_help = METRICS)]
    Metrics(ExportArgs),
    /// Print the ports of a node and who dials each, or firewall rules
    #[command(after_help = PORTS)]
    Ports(PortsArgs),
    /// Print version
    Version,
}

/// The text below the options of `run`.
fn run_help() -> String {
    format!(
        "{}
A `command:` that was written for the vendor's image also works: muster reads the component, the home and the hosts to ask \
         from a call of the vendor's entrypoint or start scripts.\n",
        crate::settings::variables::help()
    )
}

/// The text below the options of `health`.
const HEALTH: &str = "\
The check only asks. It writes nothing and stops nothing. For a node that was
dropped from its cluster it fails and says so; the engine keeps running, and the
next start is refused with exit code 79.

Only --deep needs an account: CLUSTER_USER and CLUSTER_PASSWORD_FILE.";

/// The text below the options of `status`.
const STATUS: &str = "\
It asks the FEs that MASTER_HOST and the record name, and every node that the
leader lists, all at once, with CLUSTER_USER and CLUSTER_PASSWORD_FILE. Without
the account it shows what the FEs tell over HTTP. It changes nothing.

Beside a node, with the volumes of a stopped one, or on any machine:

  docker exec fe1 muster status
  docker run --rm --network host --entrypoint muster IMAGE \\
    status --master 10.0.0.10

Exit codes: 0 well; 1 a person is needed; 64 wrong command line; 69 no leader is
believed; 77 the account was refused; 78 the settings cannot be used.";

/// The text below the options of `may-stop`.
const MAY_STOP: &str = "\
The question before `docker compose up -d`, a reboot or a kernel patch: an FE
may stop if a majority of the voters stays, a BE if every tablet has its
replicas and all other BEs are up. The answer is about this moment.

  docker exec fe2 muster may-stop --wait && docker compose up -d fe2

Exit codes: 0 yes; 1 no, with the reason; 64 wrong command line; 69 no leader is
believed; 77 the account was refused; 78 the settings cannot be used.";

/// The text below the options of `targets`.
const TARGETS: &str = "\
The JSON of file_sd and http_sd: each FE, BE and CN with its HTTP port, each
broker with its only port, and the labels job, group, host and cluster. With
--out the file is replaced by a rename; without a leader it stays as it is.

Exit codes: 0 written; 64 wrong command line; 69 no leader is believed; 73 the
file cannot be written; 77 the account was refused; 78 the settings cannot be
used.";

/// The text below the options of `metrics`.
const METRICS: &str = "\
What no node of the engine says of itself: whether there is a leader, how many
FEs may fail, who is alive to the leader and who serves, and how many findings
of each kind `status` has. With --out the file is replaced by a rename, for the
textfile collector of node_exporter.

Exit codes: 0 written; 64 wrong command line; 69 no leader is believed, which
the metrics say too; 73 the file cannot be written; 77 the account was refused;
78 the settings cannot be used.";

/// The text below the options of `ports`.
const PORTS: &str = "\
The ports are those that the node of this container has, or the engine's own for
another component. The nodes are those that the leader lists. The rules let in
who is listed, and drop everybody else on these ports; `nft` also loads again.

  docker exec fe1 muster ports --format nft | sudo nft -f -

Exit codes: 0 printed; 1 a host does not resolve here; 64 wrong command line; 69
no leader is believed: only the FEs that are known are listed; 77 the account
was refused; 78 the settings cannot be used.";

/// The text below the options of `init`.
fn init_help() -> String {
    let rows = ALL.into_iter().map(|engine| {
        let names = COMPONENTS.map(|component| file_name(engine, component));
        format!("  {:12} {}\n", engine.name, names.join(", "))
    });
    format!(
        "The files are KEY=VALUE lines for compose's `env_file:` and `docker run
--env-file`, of the engine that ENGINE in app.env names, or that of the image:

{}
Each is enough for its container. Run it on the host, or in a container with the
network of the host and the directory mounted:

  docker run --rm --network host -v \"$PWD\":/work --entrypoint muster IMAGE \\
    init --dir /work

app.env is read as docker reads it, also with `export`, with quotes around a
value, and with Windows line ends. A variable goes into the file of the
component that reads it. Names that muster does not know are not copied, and
neither are secrets: set CLUSTER_PASSWORD_FILE instead. The ports of both files
are chosen together: the one in app.env, else the one in the old file, else the
engine's default, else the next free one. Before the first run stop the engines,
or their own ports count as in use. Ports that only a conf file sets are not
known here: set them in app.env.

Each run renders the whole files; lines that you add to them are lost. A second
run with the same app.env writes nothing, also while the engines run. A file
whose first line is not the one that `init` writes is refused; --force replaces
it, keeps its ports, and keeps the old file as <name>.before-muster.

Exit codes: 0 written, or nothing to do; 73 a port is in use, or a file cannot
be read, overwritten or written; 78 app.env cannot be used.\n",
        rows.collect::<String>()
    )
}

/// The text below the options of `readdress`.
fn readdress_help() -> String {
    let mut text = String::from(
        "Stop the member that has moved. Run this in any other container of the cluster,
then start the member with LOCAL_HOST set to the new host.

It asks the FEs that MASTER_HOST and the record name, with CLUSTER_USER and
CLUSTER_PASSWORD_FILE. It prints what it will do, does it, and checks the
result. A member may move:\n\n",
    );
    for engine in ALL {
        let to = |component| match engine.rehost(component) {
            Some(rehost) if rehost.to_address => "to a name or an address",
            Some(_) => "to a name",
            None => "not at all",
        };
        text.push_str(&format!(
            "  {:12} FE {}, while it is stopped\n  {:12} BE {}, CN {}\n",
            engine.name,
            to(Component::Fe),
            "",
            to(Component::Be),
            to(Component::Cn)
        ));
    }
    text.push_str(
        "
A broker is not moved: drop it, and start it with the new LOCAL_HOST.
Every host must resolve the name to the new address. A member that keeps its
name does not need this command: the cluster finds it again 20 to 50 s after its
start. If a move is not possible, the error names the statement and the settings
that work instead.

Exit codes: 0 done, or nothing to do; 64 wrong command line; 69 no leader in
time; 75 the leader still lists the old host: run it again; 77 the account was
refused; 78 the cluster lists neither host, or the new name does not resolve;
79 refused to protect data.\n",
    );
    text
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
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
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

/// The commit and the target. Only `release` in scripts/lib.sh sets it: if cargo read the commit, every commit would rebuild all tests.
const BUILT: &str = match option_env!("MUSTER_BUILD") {
    Some(facts) => facts,
    None => "development build",
};

fn version() -> &'static str {
    format!("{} ({BUILT})", env!("CARGO_PKG_VERSION")).leak()
}

fn about() -> String {
    let names: Vec<&str> = ALL.into_iter().map(|engine| engine.name).collect();
    format!(
        "PID 1 of a container of {}:\nmakes one cluster from two addresses a host.",
        names.join(" or ")
    )
}

/// The table below `--help`.
fn exit_codes() -> String {
    let mut text = String::from("Exit codes:\n");
    for code in ExitCode::TABLE {
        let (meaning, remedy) = code.meaning();
        text.push_str(&format!("  {:>3}  {meaning}: {remedy}\n", code.number()));
    }
    let (meaning, remedy) = ExitCode::Engine(0).meaning();
    text.push_str(&format!("    n  {meaning}: {remedy}\n"));
    text
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
