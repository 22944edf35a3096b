//! The output: lines with the time in front, the current wait, and tables of at most 80 columns. Only a terminal gets colours
//! and a line that is overwritten.

use std::io::{IsTerminal, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use comfy_table::{ContentArrangement, Table, presets};

/// How often a wait is said where lines cannot be overwritten.
const EVERY: Duration = Duration::from_secs(5);

/// Tells when things happened, in seconds since it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn says(self, text: &str) {
        line(&format!("{}  {text}", self.now()));
    }

    fn now(self) -> String {
        format!("{:6.1} s", self.0.elapsed().as_secs_f32())
    }
}

/// One wait, shown while it lasts.
#[derive(Debug)]
pub(crate) struct Wait {
    clock: Clock,
    shown: Instant,
}

impl Wait {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            shown: Instant::now(),
        }
    }

    /// Shows what is waited for: on a terminal at once and again and again in the same place, elsewhere every 5 s.
    pub(crate) fn goes_on(&mut self, why: &str) {
        let text = format!("{}  … {why}", self.clock.now());
        if *TERMINAL {
            let mut out = std::io::stdout().lock();
            write!(out, "\r\x1b[K{}", paint(Paint::Dim, &text))
                .and_then(|()| out.flush())
                .ok();
            UNFINISHED.store(true, Ordering::Relaxed);
        } else if self.shown.elapsed() >= EVERY {
            self.shown = Instant::now();
            line(&text);
        }
    }
}

static TERMINAL: LazyLock<bool> = LazyLock::new(|| std::io::stdout().is_terminal());

/// A wait is shown on the last line of the terminal.
static UNFINISHED: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Paint {
    Bold,
    Dim,
    Red,
    Green,
}

/// The text in a colour, on a terminal whose user has not set `NO_COLOR`.
pub(crate) fn paint(paint: Paint, text: &str) -> String {
    static COLOURS: LazyLock<bool> =
        LazyLock::new(|| *TERMINAL && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()));
    let code = match paint {
        Paint::Bold => 1,
        Paint::Dim => 2,
        Paint::Red => 31,
        Paint::Green => 32,
    };
    if *COLOURS {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// One line, seen at once even if somebody reads through a pipe. Nobody reading is no reason to stop.
pub(crate) fn line(text: &str) {
    let before = if UNFINISHED.swap(false, Ordering::Relaxed) {
        "\r\x1b[K"
    } else {
        ""
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{before}{text}").and_then(|()| out.flush()).ok();
}

pub(crate) fn failure(error: &anyhow::Error) {
    writeln!(std::io::stderr(), "\nerror: {error:#}").ok();
}

pub(crate) fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    line(&drawn(columns, rows).to_string());
}

/// The same for a terminal of 80 columns: long values are broken.
pub(crate) fn narrow_table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut table = drawn(columns, rows);
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(80);
    line(&table.to_string());
}

fn drawn(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(columns);
    for row in rows {
        table.add_row(row);
    }
    table
}
