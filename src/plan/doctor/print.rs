//! The report of `doctor`, for people and for programs.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use serde::Serialize;

use super::{Check, Examination, Finding, Severity};
use crate::engine::Engine;
use crate::printable::fit;

/// For people: the heaviest first, each with its name, so that it can be skipped.
pub fn text(examination: &Examination) -> String {
    let mut text = head(examination);
    for (check, finding) in &examination.findings {
        text.push('\n');
        text.push_str(&fit(&format!(
            "{} {}: {}\n",
            finding.severity.word(),
            check.name,
            finding.is
        )));
        let parts = [
            ("should be", &finding.want),
            ("because", &finding.why),
            ("do", &finding.fix),
        ];
        for (word, part) in parts {
            if !part.is_empty() {
                text.push_str(&indented(&format!("{word}: {part}")));
            }
        }
        // One line, however long: it is there to be copied.
        let command = &finding.command;
        match (finding.fix.is_empty(), command.is_empty()) {
            (_, true) => {}
            (true, false) => text.push_str(&format!("    do: {command}\n")),
            (false, false) => text.push_str(&format!("      {command}\n")),
        }
    }
    if !examination.unseen.is_empty() {
        text.push_str("\nnot seen\n");
        for (check, why) in &examination.unseen {
            text.push_str(&indented(&format!("{}: {why}", check.name)));
        }
    }
    if !examination.skipped.is_empty() {
        let names: Vec<&str> = examination.skipped.iter().map(|check| check.name).collect();
        text.push('\n');
        text.push_str(&fit(&format!("skipped: {}\n", names.join(", "))));
    }
    text
}

fn head(examination: &Examination) -> String {
    let mut parts = Vec::new();
    for (severity, one, several) in [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Advice, "piece of advice", "pieces of advice"),
    ] {
        match examination.count(severity) {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            count => parts.push(format!("{count} {several}")),
        }
    }
    let passed = match examination.passed.len() {
        1 => "1 check passed".to_owned(),
        count => format!("{count} checks passed"),
    };
    let found = if parts.is_empty() {
        "nothing found".to_owned()
    } else {
        parts.join(", ")
    };
    format!("{found}; {passed}\n")
}

fn indented(text: &str) -> String {
    fit(&format!("    {text}\n"))
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::plan) struct Report<'a> {
    muster: u8,
    findings: Vec<FindingReport<'a>>,
    passed: Vec<&'static str>,
    unseen: Vec<UnseenReport<'a>>,
    skipped: Vec<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingReport<'a> {
    name: &'static str,
    scope: &'static str,
    severity: &'static str,
    is: &'a str,
    want: &'a str,
    why: &'a str,
    fix: &'a str,
    command: &'a str,
    /// The vendor's page, for what it is about.
    doc: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnseenReport<'a> {
    name: &'static str,
    why: &'a str,
}

/// For programs.
pub fn json(examination: &Examination, engine: &Engine) -> String {
    let names = |checks: &[&'static Check]| checks.iter().map(|check| check.name).collect();
    let report = Report {
        muster: 1,
        findings: examination
            .findings
            .iter()
            .map(|(check, finding)| of_finding(check, finding, engine))
            .collect(),
        passed: names(&examination.passed),
        unseen: examination
            .unseen
            .iter()
            .map(|(check, why)| UnseenReport {
                name: check.name,
                why,
            })
            .collect(),
        skipped: names(&examination.skipped),
    };
    // Strings only, so the conversion cannot fail.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

fn of_finding<'a>(check: &Check, finding: &'a Finding, engine: &Engine) -> FindingReport<'a> {
    FindingReport {
        name: check.name,
        scope: check.scope.word(),
        severity: finding.severity.word(),
        is: &finding.is,
        want: &finding.want,
        why: &finding.why,
        fix: &finding.fix,
        command: &finding.command,
        doc: finding.setting.as_ref().map(|_| engine.environment.page),
    }
}
