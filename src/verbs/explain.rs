//! `muster explain`: the decisions of `run`, each with its value, source and reason. Reads, and changes nothing. Beside a
//! muster that waits or runs an engine it prints the decisions of that one.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::effects::settle_ports::settle;
use crate::effects::status_file::{conf_lines, decided};
use crate::exit::ExitCode;
use crate::facts::gather;
use crate::facts::home::Home;
use crate::facts::status::{Decided, Status};
use crate::plan::Prescribed;
use crate::settings::Settings;
use crate::verbs::{Outcome, fe_endpoints, warning_lines};

#[derive(Debug, Serialize)]
struct Report {
    decisions: Vec<Decided>,
    conf: Vec<String>,
}

/// The decisions, and what is said beside them.
#[derive(Debug)]
pub(super) struct Explained {
    report: Report,
    /// For stderr.
    pub said: String,
}

impl Explained {
    pub(super) fn text(&self) -> String {
        as_text(&self.report)
    }

    pub(super) fn json(&self) -> String {
        // Strings only, so the conversion cannot fail.
        serde_json::to_string_pretty(&self.report).unwrap_or_default() + "\n"
    }
}

/// Prints the plan of this host as text or JSON.
pub fn explain(settings: &Settings, home: Home, json: bool) -> Outcome {
    match explained(settings, home) {
        Err(outcome) => outcome,
        Ok(explained) => Outcome {
            output: if json { explained.json() } else { explained.text() },
            report: explained.said,
            code: ExitCode::Ok,
        },
    }
}

/// The plan of this host, or why there is none.
pub(super) fn explained(settings: &Settings, home: Home) -> Result<Explained, Outcome> {
    let path = Status::path(&fe_endpoints::state_dir(&home, &settings.image), home.component);
    if let Some(status) = Status::read(&path, Path::new("/")).filter(|status| !status.decisions.is_empty()) {
        let sentence = status.sentence();
        let mut said = format!("muster runs in this container: {sentence}; its decisions\n");
        for warning in [&status.clock, &status.notice] {
            if !warning.is_empty() {
                said = format!("warning: {warning}\n{said}");
            }
        }
        let report = Report {
            decisions: status.decisions,
            conf: status.conf,
        };
        return Ok(Explained { report, said });
    }
    let mut facts = gather(settings, home, Path::new("/"));
    let mut running = String::new();
    if let Some((pid, stopped)) = facts.once_stopped() {
        running = format!("the engine runs (pid {pid}): these are the decisions of its next start\n");
        facts = stopped;
    }
    // Reserves nothing: a reservation could block a node that starts at this moment.
    let reserve = |_: &[u16]| Ok(());
    let plan = settle(
        settings,
        &mut facts,
        &Prescribed::default(),
        &mut BTreeMap::new(),
        reserve,
    );
    let plan = plan.map_err(|refusals| Outcome::refused(&refusals))?;
    Ok(Explained {
        report: Report {
            decisions: decided(&plan),
            conf: conf_lines(&plan),
        },
        said: running + &warning_lines(&plan.warnings),
    })
}

fn as_text(report: &Report) -> String {
    let longest = |width: fn(&Decided) -> usize| report.decisions.iter().map(width).max().unwrap_or(0);
    let subjects = longest(|line| line.subject.chars().count());
    let values = longest(|line| line.value.chars().count()).min(40);
    let mut text = String::new();
    for line in &report.decisions {
        let why = if line.why.is_empty() {
            String::new()
        } else {
            format!(": {}", line.why)
        };
        text.push_str(&format!(
            "{:subjects$}  {:values$}  {}{why}\n",
            line.subject, line.value, line.source
        ));
    }
    text.push_str("\nadded to the conf file\n");
    for line in &report.conf {
        text.push_str(&format!("  {line}\n"));
    }
    text
}
