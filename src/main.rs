//! Blocks signals in the first instruction, reads what was typed and asked, runs the verb, and exits with its code.

use std::process::ExitCode as Status;

use muster::verbs::start;

fn main() -> Status {
    let outcome = start(
        &std::env::args_os().collect::<Vec<_>>(),
        std::env::vars_os().collect(),
    );
    outcome.print();
    Status::from(outcome.code.number())
}
