//! What muster costs, beside what others cost who do a part of its work: measured in one run, in turns, on one machine.
//!
//! | file | holds |
//! |---|---|
//! | `bench.rs` | what every row is given: the world, how often to repeat, the programs to compare with |
//! | `row.rs` | what a row is, and what it found |
//! | `turns.rs` | everybody once a round, in another order each time |
//! | `sample.rs` | the middle and the tail of many figures |
//! | `member.rs` | the home of a node that has nothing to ask |
//! | `container.rs` | a program as PID 1 of its own namespace |
//! | `machine.rs`, `table.rs` | what is printed |
//! | the others | a row each |

mod bench;
mod container;
mod found;
mod health;
mod hear;
mod herd;
mod join;
mod look;
mod machine;
mod member;
mod memory;
mod orphans;
mod restart;
mod row;
mod sample;
mod size;
mod start;
mod status;
mod stop;
mod table;
mod turns;

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use hosts::{DORIS, Engine, STARROCKS, World, target_dir};

use crate::bench::Bench;
use crate::row::Row;

/// In front of the directory that is there as long as the bench runs.
const FILES: &str = "its files meanwhile: ";

/// To add a row, write its file and name it here.
const ROWS: [Row; 13] = [
    size::ROW,
    start::ROW,
    look::ROW,
    join::ROW,
    found::ROW,
    herd::ROW,
    memory::ROW,
    health::ROW,
    hear::ROW,
    stop::ROW,
    orphans::ROW,
    restart::ROW,
    status::ROW,
];

/// Measure muster beside others, and print one table
#[derive(Debug, Clone, Parser)]
#[command(name = "bench")]
struct Args {
    /// Few repetitions: whether it measures, not what
    #[arg(long)]
    quick: bool,
    /// Only these rows; can be repeated
    #[arg(long = "row", value_name = "NAME", value_parser = row_named, long_help = names())]
    rows: Vec<String>,
    /// Inside: the engine of the stand-in
    #[arg(long, hide = true, default_value = STARROCKS.id)]
    engine: String,
}

impl Args {
    fn engine(&self) -> &'static Engine {
        Engine::named(&self.engine).unwrap_or(&STARROCKS)
    }

    /// The rows that are measured with an engine.
    fn rows_with(&self, engine: &Engine) -> Vec<Row> {
        let wanted = |row: &Row| self.rows.is_empty() || self.rows.iter().any(|name| name == row.name);
        let rows = ROWS.into_iter().filter(wanted);
        rows.filter(|row| row.per_engine || *engine == STARROCKS)
            .collect()
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match World::inside(args.engine()) {
        Some(world) => world.and_then(|world| inside(world, &args)),
        None => outside(&args),
    };
    done.unwrap_or_else(|error| {
        table::failure(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// A table for each engine.
fn outside(args: &Args) -> anyhow::Result<ExitCode> {
    let mut code = 0;
    for engine in [&STARROCKS, &DORIS] {
        if args.rows_with(engine).is_empty() {
            continue;
        }
        let Some(ended) = with_engine(args, engine)? else {
            return Ok(ExitCode::from(130));
        };
        code = code.max(ended);
    }
    Ok(ExitCode::from(code))
}

/// Makes the namespaces, listens for Ctrl-C and tidies up.
fn with_engine(args: &Args, engine: &Engine) -> anyhow::Result<Option<u8>> {
    let dir = own_dir()?;
    table::progress(&format!("{FILES}{}", dir.display()));
    let mut inside = World::start(&dir, args.quick.then_some("--quick"), |command| {
        command.args(args.rows.iter().flat_map(|row| ["--row", row.as_str()]));
        command.args(["--engine", engine.id]);
        Ok(())
    })?;
    let ended = inside.wait();
    fs::remove_dir_all(&dir)?;
    ended
}

/// A directory on the disk that the build is on: in memory, what is flushed costs nothing.
fn own_dir() -> anyhow::Result<PathBuf> {
    let all = target_dir()?.join("bench");
    fs::create_dir_all(&all)?;
    loop {
        // Not the PID: another namespace has the same.
        let own = all.join(fastrand::u32(..).to_string());
        match fs::create_dir(&own) {
            Ok(()) => return Ok(own),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| own.display().to_string()),
        }
    }
}

/// Every row, whatever became of those before it.
fn inside(world: World, args: &Args) -> anyhow::Result<ExitCode> {
    let bench = Bench::new(world, args.quick);
    // Before the rows are a load themselves.
    let machine = machine::facts(args.quick)?;
    let name = args.engine().name;
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    for row in args.rows_with(args.engine()) {
        table::progress(&format!("{}: {} ({name})", row.name, row.about));
        match (row.measure)(&bench) {
            Ok(found) => lines.extend(found),
            Err(error) => faults.push(format!("{}: {error:#}", row.name)),
        }
    }
    table::print(&format!("{machine}; the stand-in for {name}"), &lines);
    for fault in &faults {
        table::failure(fault);
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn row_named(name: &str) -> Result<String, String> {
    let known = ROWS.iter().any(|row| row.name == name);
    known.then(|| name.to_owned()).ok_or_else(names)
}

fn names() -> String {
    let rows = ROWS.map(|row| format!("\n  {:<8} {}", row.name, row.about));
    format!("Only these rows; can be repeated. There are{}", rows.concat())
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
