//! FE, BE and broker programs with the observed contract of StarRocks and Doris, to test and show muster without an image.
//!
//! `standin fe …`, `standin be …` and `standin broker …` are what the start scripts run; `standin sql HOST:PORT "…"` asks an FE.

mod address;
mod be;
mod broker;
mod clock;
mod faults;
mod fe;
mod group;
mod halt;
mod log;
mod network;
mod profile;
mod properties;
mod run;
mod settings;
mod sql;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args();
    let program = words.next().unwrap_or_default();
    let mut words: Vec<String> = words.collect();
    // The start script runs the BE by its vendor's name, without a word for what it is.
    let component = if program.ends_with("starrocks_be") || program.ends_with("doris_be") {
        "be".to_owned()
    } else if words.is_empty() {
        String::new()
    } else {
        words.remove(0)
    };
    match component.as_str() {
        "fe" => run::fe(&words),
        "be" => run::be(&words),
        "broker" => run::broker(),
        "sql" => run::sql(&words),
        _ => {
            log::say(
                "usage: standin fe|be|broker [ARGUMENTS] | standin sql HOST:PORT [--user U] [--password P] [--json] SQL",
            );
            ExitCode::from(64)
        }
    }
}
