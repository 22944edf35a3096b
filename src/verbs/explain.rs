//! `muster explain`: every decision of `run`, with its value, where it came from and why. Reads, and changes nothing.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::path::Path;

use serde::Serialize;

use crate::effects::settle_ports::settle;
use crate::exit::ExitCode;
use crate::facts::gather;
use crate::facts::home::Home;
use crate::plan::{Plan, Prescribed, displayed_value};
use crate::settings::Settings;
use crate::verbs::{Outcome, warning_lines};
use std::collections::BTreeMap;

/// The plan of this host as text, or as JSON.
pub fn explain(settings: &Settings, home: Home, json: bool) -> Outcome {
    let mut facts = gather(settings, home, Path::new("/"));
    let mut running = String::new();
    if let Some((pid, stopped)) = facts.once_stopped() {
        running = format!("the engine runs (pid {pid}): these are the decisions of its next start\n");
        facts = stopped;
    }
    // Reserved is nothing: for that moment it would be in the way of a node that starts.
    let reserve = |_: &[u16]| Ok(());
    match settle(
        settings,
        &mut facts,
        &Prescribed::new(),
        &mut BTreeMap::new(),
        reserve,
    ) {
        Err(refusals) => Outcome::refused(&refusals),
        Ok(plan) => Outcome {
            output: if json { as_json(&plan) } else { as_text(&plan) },
            report: running + &warning_lines(&plan.warnings),
            code: ExitCode::Ok,
        },
    }
}

fn as_text(plan: &Plan) -> String {
    let longest = |width: fn(&crate::plan::explain_line::ExplainLine) -> usize| {
        plan.decisions.iter().map(width).max().unwrap_or(0)
    };
    let subjects = longest(|decision| decision.subject.chars().count());
    let values = longest(|decision| decision.value.chars().count()).min(40);
    let mut text = String::new();
    for decision in &plan.decisions {
        let why = if decision.why.is_empty() {
            String::new()
        } else {
            format!(": {}", decision.why)
        };
        text.push_str(&format!(
            "{:subjects$}  {:values$}  {}{why}\n",
            decision.subject, decision.value, decision.source
        ));
    }
    text.push_str("\nadded to the conf file\n");
    for line in block(plan) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// The lines of our block, without what must not be shown.
fn block(plan: &Plan) -> Vec<String> {
    plan.conf
        .entries
        .iter()
        .map(|entry| format!("{} = {}", entry.key, displayed_value(entry)))
        .collect()
}

#[derive(Serialize)]
struct Line<'a> {
    subject: &'a str,
    value: &'a str,
    source: String,
    why: &'a str,
}

#[derive(Serialize)]
struct Report<'a> {
    decisions: Vec<Line<'a>>,
    conf: Vec<String>,
}

fn as_json(plan: &Plan) -> String {
    let decisions = plan
        .decisions
        .iter()
        .map(|decision| Line {
            subject: &decision.subject,
            value: &decision.value,
            source: decision.source.to_string(),
            why: &decision.why,
        })
        .collect();
    let report = Report {
        decisions,
        conf: block(plan),
    };
    // Strings only: nothing here can fail to be JSON.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}
