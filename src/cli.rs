//! The command line: what was typed. What it means is decided in the verbs.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::engine::{ALL, Component};
use crate::exit::ExitCode;
use crate::plan::init::{COMPONENTS, file_name};
use crate::settings::Host;

#[derive(Debug, Parser)]
#[command(name = "muster", version = version(), about = about(), after_help = exit_codes())]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The entrypoint: join or found the cluster, start the engine, supervise it
    #[command(after_help = run_help())]
    Run(RunArgs),
    /// The health check: exit 0 or 1 and one line that says why
    #[command(after_help = HEALTH)]
    Health(HealthArgs),
    /// Print every decision `run` would take, its value, where it came from and why; change nothing
    Explain(ExplainArgs),
    /// Write the env files of this host's FE and BE from its app.env
    #[command(after_help = init_help())]
    Init(InitArgs),
    /// Give a member whose host has changed its new host, through the leader
    #[command(after_help = readdress_help())]
    Readdress(ReaddressArgs),
}

/// What stands below the options of `run`.
fn run_help() -> String {
    format!(
        "{}\nA `command:` written for the vendor's image is understood too: a call of its entrypoint or start scripts, also within\n\
         `bash -c`, says component, home and whom to ask; what else it would run is left out, and named in a warning.\n",
        crate::settings::variables::help()
    )
}

/// What stands below the options of `health`.
const HEALTH: &str = "\
Once a minute, unless --live, it also looks for this node in its cluster, with CLUSTER_USER and its password. If three looks
at a believed leader do not find it, somebody dropped it: that is noted in the record, and the engine is stopped. `run`
ends with 79 then.";

/// The text below the options of `init`.
fn init_help() -> String {
    let names: Vec<String> = COMPONENTS
        .iter()
        .filter_map(|component| {
            Some(file_name(
                ALL.into_iter().find(|engine| engine.supported)?,
                *component,
            ))
        })
        .collect();
    format!(
        "The files are {}: KEY=VALUE lines for
compose's `env_file:` and `docker run --env-file`. Each is enough for its
container. Run it on the host, or in a container with the network of the host
and the directory mounted:

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
        names.join(" and ")
    )
}

/// What stands below the options of `readdress`.
fn readdress_help() -> String {
    let mut text = String::from(
        "Run it in any container of the cluster: it asks the FEs that MASTER_HOST and the record name, with CLUSTER_USER and\n\
         CLUSTER_PASSWORD_FILE. It looks first, says what it will do, does it, and looks again; only the second look counts.\n\
         Stop the member that has moved before, and start it afterwards with LOCAL_HOST set to the new host.\n\n",
    );
    for engine in ALL {
        let to = |component| match engine.sql.rehost(component) {
            Some(rehost) if rehost.to_address => "to a name or an address",
            Some(_) => "to a name",
            None => "not at all",
        };
        text.push_str(&format!(
            "  {:12} FE {}, while it is down; BE {}; CN {}\n",
            engine.name,
            to(Component::Fe),
            to(Component::Be),
            to(Component::Cn)
        ));
    }
    text.push_str(
        "\nEvery host has to resolve the name to the new address. A member that keeps its name needs none of this: it is found\n\
         again 20 to 50 s after its start. What cannot be done is refused with the statement and the settings that work.\n\n\
         Exit codes: 0 done, or nothing to do; 64 the command line; 69 no leader that may be believed; 75 the leader still\n\
         lists the old host, run it again; 77 the account; 78 the cluster lists neither host, or the new one does not resolve;\n\
         79 refused, to protect data.\n",
    );
    text
}

#[derive(Debug, clap::Args)]
pub struct ImageArgs {
    /// The engine's home dir; looked for if not given
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// fe, be or cn; found in the image if not given
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// Replace this process by the start script instead of supervising it (`MUSTER_EXEC=1`)
    #[arg(long)]
    pub exec: bool,
    #[command(flatten)]
    pub image: ImageArgs,
    /// Arguments for the start script, as they are
    #[arg(last = true, value_name = "ARGS")]
    pub script_args: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// fe, be or cn; found in the image if not given
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// As JSON, for programs
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
    /// Where the env files go [default: beside app.env]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Replace files that init did not write, keep the old ones
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, clap::Args)]
pub struct ReaddressArgs {
    /// The host the cluster lists it under
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub from: Host,
    /// The host it has now
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub to: Host,
    /// Only the fe, be or cn, where several members run on that host
    #[arg(long, value_name = "COMPONENT", value_parser = component)]
    pub only: Option<Component>,
    /// Look, say what would be done, and change nothing
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
    /// fe, be or cn; found in the image if not given
    #[arg(value_parser = component)]
    pub component: Option<Component>,
    /// The process runs and its port is open
    #[arg(long, group = "depth")]
    pub live: bool,
    /// It serves: HTTP says OK and the MySQL or heartbeat port answers (the default)
    #[arg(long, group = "depth")]
    pub ready: bool,
    /// The cluster shows this node alive and has a leader
    #[arg(long, group = "depth")]
    pub deep: bool,
    /// How long the whole check may take, such as 3s or 500ms
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = crate::settings::parse_duration)]
    pub timeout: std::time::Duration,
    #[command(flatten)]
    pub image: ImageArgs,
}

fn component(word: &str) -> Result<Component, String> {
    Component::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Component::ALL.iter().map(|component| component.id()).collect();
        format!("expected one of {}", words.join(", "))
    })
}

fn host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|problem| problem.to_string())
}

/// What was built. Only `release` in scripts/lib.sh says it: if cargo read the commit, every commit would build all tests anew.
const BUILT: &str = match option_env!("MUSTER_BUILD") {
    Some(facts) => facts,
    None => "development build",
};

fn version() -> &'static str {
    format!("{} ({BUILT})", env!("CARGO_PKG_VERSION")).leak()
}

fn about() -> String {
    let engines: Vec<&str> = ALL.iter().map(|engine| engine.name).collect();
    format!(
        "PID 1 of a {} container: two addresses in, one healthy cluster out",
        engines.join(" or ")
    )
}

/// The table under `--help`.
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
    use clap::CommandFactory;

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
    fn help_lists_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for code in crate::exit::ExitCode::TABLE {
            assert!(
                help.contains(&format!(" {}  {}", code.number(), code.meaning().0)),
                "{code:?}\n{help}"
            );
        }
    }
}
