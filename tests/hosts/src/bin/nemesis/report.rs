//! What a person sees.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use comfy_table::{Table, presets};

/// What became of all runs.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) passed: u32,
    /// Seeds.
    pub(crate) failed: Vec<u64>,
    /// Those of them in which a seed that has lost everything may have to hear of its cluster from members that have
    /// no leader.
    pub(crate) leaderless: Vec<u64>,
    pub(crate) steps: BTreeMap<&'static str, u32>,
    /// How long it took each time until the cluster was whole.
    pub(crate) whole: Vec<Duration>,
}

impl Report {
    pub(crate) fn runs(&self) -> u32 {
        self.passed + u32::try_from(self.failed.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn print(&mut self) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL);
        let mut row = |name: &str, value: String| {
            table.add_row([name.to_owned(), value]);
        };
        row("runs", self.runs().to_string());
        row("passed", self.passed.to_string());
        let seeds = |some: &[u64]| {
            let words: Vec<String> = some.iter().map(u64::to_string).collect();
            format!("{} {}", some.len(), words.join(" ")).trim().to_owned()
        };
        row("failed, and their seeds", seeds(&self.failed));
        row("of these, a blank seed without a leader", seeds(&self.leaderless));
        let steps: Vec<String> = self
            .steps
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        row("steps", steps.join("\n"));
        self.whole.sort();
        let seconds = |at: usize| self.whole.get(at).map_or(0.0, Duration::as_secs_f32);
        row(
            "until the cluster was whole",
            format!(
                "{} times: median {:.1} s, 95th percentile {:.1} s, longest {:.1} s",
                self.whole.len(),
                seconds(self.whole.len() / 2),
                seconds(self.whole.len() * 95 / 100),
                seconds(self.whole.len().saturating_sub(1))
            ),
        );
        line(&table.to_string());
    }
}

/// Nobody reading is no reason to fail.
pub(crate) fn line(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}

pub(crate) fn progress(text: &str) {
    writeln!(std::io::stderr(), "== {text}").ok();
}

pub(crate) fn failure(text: &str) {
    writeln!(std::io::stderr(), "\nerror: {text}").ok();
}
