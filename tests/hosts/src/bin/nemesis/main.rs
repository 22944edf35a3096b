//! Random trouble for clusters: starts, kills, wipes, frozen processes, cut cables, power cuts and drops in an order that
//! only a seed decides. Whatever it was, when everything is healed and started, what comes back has to be the one cluster.
//!
//! | file | holds |
//! |---|---|
//! | `schedule.rs` | the steps, as values and as text |
//! | `model.rs` | which steps nobody can survive, and why |
//! | `generate.rs` | a schedule from a seed |
//! | `play.rs` | the steps done to hosts, and what Docker and a person do meanwhile |
//! | `whole.rs` | what has to be true afterwards |
//! | `campaign.rs` | many runs at a time |
//! | `report.rs` | what is printed |

mod campaign;
mod generate;
mod model;
mod play;
mod report;
mod schedule;
mod whole;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::Context;
use clap::Parser;
use hosts::{STARROCKS, World};

use crate::play::Play;
use crate::schedule::{Schedule, Step};

/// Where a run writes how long it waited until its cluster was whole: seconds, one line each time.
const RESULT: &str = "result";

/// Do random harm to clusters of stand-ins on this machine, and see whether they come back
#[derive(Debug, Clone, Parser)]
#[command(name = "nemesis")]
pub(crate) struct Args {
    /// How many schedules
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Instead: how many times all nodes of a new cluster are started in the same instant
    #[arg(long, value_name = "N", conflicts_with = "runs")]
    first_start: Option<u32>,
    /// Seed of the first run; each further one is one more
    #[arg(long)]
    seed: Option<u64>,
    /// How many at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Play what is written in this file
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
    /// Only print the schedule of the seed
    #[arg(long)]
    print: bool,
}

impl Args {
    fn count(&self) -> u32 {
        self.first_start.unwrap_or(self.runs)
    }

    fn schedule(&self, seed: u64) -> anyhow::Result<Schedule> {
        if let Some(path) = &self.schedule {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            return text.parse();
        }
        Ok(if self.first_start.is_some() {
            generate::first_start(seed)
        } else {
            generate::schedule(seed)
        })
    }

    /// The arguments of the program inside, for one run.
    fn inside(&self, seed: u64) -> Vec<String> {
        let mut all = vec!["--seed".to_owned(), seed.to_string()];
        if self.first_start.is_some() {
            all.extend(["--first-start".to_owned(), "1".to_owned()]);
        }
        if let Some(path) = &self.schedule {
            all.extend(["--schedule".to_owned(), path.display().to_string()]);
        }
        all
    }

    fn repeat(&self, seed: u64) -> String {
        format!("scripts/nemesis {}", self.inside(seed).join(" "))
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = if args.print {
        args.schedule(args.seed.unwrap_or_default()).map(|schedule| {
            report::line(schedule.to_string().trim_end());
            ExitCode::SUCCESS
        })
    } else if let Some(world) = World::inside(&STARROCKS) {
        world
            .and_then(|world| inside(&world, &args))
            .map(|()| ExitCode::SUCCESS)
    } else {
        campaign::run(&args)
    };
    done.unwrap_or_else(|error| {
        report::failure(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// One run.
fn inside(world: &World, args: &Args) -> anyhow::Result<()> {
    let seed = args.seed.context("a run has a seed")?;
    let schedule = args.schedule(seed)?;
    report::line(&format!("seed {seed}\n\n{schedule}"));
    let mut play = Play::new(world, &schedule)?;
    let done = steps(world, &schedule, &mut play);
    done.inspect_err(|error| {
        // A machine that is too busy looks like a cluster that is not.
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        report::failure(&format!(
            "{error:#}\nload on {cores} cores: {load}\n{}",
            play.last_words()
        ));
    })
}

fn steps(world: &World, schedule: &Schedule, play: &mut Play) -> anyhow::Result<()> {
    for step in &schedule.steps {
        play.step(step)?;
        if *step == Step::Whole {
            let took = play.becomes_whole()?;
            let mut result = OpenOptions::new()
                .create(true)
                .append(true)
                .open(world.dir().join(RESULT))?;
            writeln!(result, "{}", took.as_secs_f64())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Args;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
