//! What a person sees: how far it is on stderr, the table on stdout.

use std::io::Write;

use comfy_table::{Table, presets};

use crate::row::Line;

pub(crate) fn print(machine: &str, lines: &[Line]) {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL)
        .set_header(["median / p95", "muster", "others", "budget", "met"]);
    for line in lines {
        let width = line.others.iter().map(|(name, _)| name.chars().count()).max();
        let others: Vec<String> = line
            .others
            .iter()
            .map(|(name, figure)| format!("{name:<0$}  {figure}", width.unwrap_or_default()))
            .collect();
        table.add_row([
            line.what.as_str(),
            &line.muster,
            &others.join("\n"),
            &line.budget,
            if line.met { "yes" } else { "NO" },
        ]);
    }
    let missed = lines.iter().filter(|line| !line.met).count();
    let text = format!("{machine}\n{table}\n{missed} of {} budgets missed\n", lines.len());
    // Nobody reading is no reason to fail.
    std::io::stdout().write_all(text.as_bytes()).ok();
}

pub(crate) fn progress(text: &str) {
    writeln!(std::io::stderr(), "== {text}").ok();
}

pub(crate) fn failure(text: &str) {
    writeln!(std::io::stderr(), "\nerror: {text}").ok();
}
