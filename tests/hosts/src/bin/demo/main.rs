//! The main job of muster on one machine: hosts that know two addresses each become a cluster, and stay one.
//!
//! The program outside makes the namespaces, listens for Ctrl-C and tidies up; the one inside tells the story.

mod ask;
mod operate;
mod outside;
mod show;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use hosts::{DORIS, Engine, STARROCKS, World};

/// Start a cluster of hosts on this machine, kill and wipe some of them, and show what becomes of it
#[derive(Debug, Clone, Parser)]
#[command(name = "demo")]
struct Args {
    /// How many hosts. Half of them are FEs, an odd number and at least one; the others are BEs
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=100))]
    nodes: u8,
    /// Replays the order of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Leave the cluster running until Ctrl-C, and say how to get into it
    #[arg(long)]
    keep: bool,
    /// The engine that the stand-in behaves like
    #[arg(long, default_value = STARROCKS.id, value_parser = [STARROCKS.id, DORIS.id])]
    engine: String,
    /// Break one thing after the other, and show what the verbs of the person on call say of it
    #[arg(long, conflicts_with = "home")]
    operate: bool,
    /// Run a real engine: its home directory, or one with `fe` and `be` in it. The default is the stand-in engine
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print what an FE answers to one statement
    #[arg(long, hide = true, num_args = 2, value_names = ["ADDRESS", "STATEMENT"])]
    ask: Vec<String>,
}

impl Args {
    fn engine(&self) -> &'static Engine {
        Engine::named(&self.engine).unwrap_or(&STARROCKS)
    }

    /// FEs and BEs. An even number of FEs survives no more losses than one less.
    fn sizes(&self, has_be: bool) -> (u8, u8) {
        let half = if has_be {
            self.nodes.div_ceil(2)
        } else {
            self.nodes
        };
        let fes = if half % 2 == 0 { half - 1 } else { half };
        (fes, if has_be { self.nodes - fes } else { 0 })
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = if let [at, statement] = args.ask.as_slice() {
        at.parse()
            .map_err(Into::into)
            .and_then(|at: SocketAddr| ask::ask(at, statement))
            .map(|()| ExitCode::SUCCESS)
    } else if let Some(world) = World::inside(args.engine()) {
        world
            .and_then(|world| {
                if args.operate {
                    operate::tell(&world)
                } else {
                    story::tell(&world, &args)
                }
            })
            .map(|()| ExitCode::SUCCESS)
    } else {
        outside::run(&args)
    };
    done.unwrap_or_else(|error| {
        show::failure(&error);
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::Args;
    use clap::Parser;

    #[test]
    fn half_of_the_hosts_are_fes_and_their_number_is_odd() {
        let sizes = |nodes: &str, has_be| Args::parse_from(["demo", "--nodes", nodes]).sizes(has_be);
        assert_eq!(sizes("1", true), (1, 0));
        assert_eq!(sizes("2", true), (1, 1));
        assert_eq!(sizes("4", true), (1, 3));
        assert_eq!(sizes("5", true), (3, 2));
        assert_eq!(sizes("6", true), (3, 3));
        assert_eq!(sizes("7", true), (3, 4));
        assert_eq!(sizes("10", true), (5, 5));
        assert_eq!(sizes("6", false), (5, 0));
    }
}
