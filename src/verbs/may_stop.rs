//! `muster may-stop`: whether one node may be stopped now without taking the cluster or its data away. It only asks.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::cli::{MayStopArgs, Which};
use crate::exit::ExitCode;
use crate::plan::refusal::Refusal;
use crate::plan::view::may_stop::{Answer, may_stop as judge};
use crate::plan::view::{Node, View, Whole};
use crate::printable::fit;
use crate::settings::Host;
use crate::verbs::Outcome;
use crate::verbs::asks::Asks;

/// Between two looks of `--wait`.
const AGAIN: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Report<'a> {
    muster: u8,
    may_stop: bool,
    node: Option<String>,
    reasons: &'a [String],
    notes: &'a [String],
}

/// Answers with 0 or 1, once or when the answer is yes.
pub async fn may_stop(args: &MayStopArgs, asks: &Asks) -> Outcome {
    let Some(which) = which(args, asks) else {
        return Outcome::refused(&[Refusal::new(
            ExitCode::Usage,
            "there is no node in this container, and --node names none",
            "say --node fe:10.0.0.11",
        )]);
    };
    let begun = Instant::now();
    loop {
        let view = asks.look().await;
        let outcome = answer(args, &view, &which);
        if !args.wait || outcome.code == ExitCode::Ok || begun.elapsed() >= args.timeout {
            return outcome;
        }
        sleep(AGAIN).await;
    }
}

fn which(args: &MayStopArgs, asks: &Asks) -> Option<Which> {
    args.node.clone().or_else(|| {
        let (component, host, _) = asks.own()?;
        Some(Which {
            component,
            host: host.clone(),
        })
    })
}

fn answer(args: &MayStopArgs, view: &View, which: &Which) -> Outcome {
    let called = format!("{} {}", which.component.name(), which.host);
    let listed: Vec<&Node> = view
        .of(which.component)
        .filter(|node| Host::parse(&node.host).is_ok_and(|host| host == which.host))
        .filter(|node| node.leader_says.is_some())
        .collect();
    let (code, answer) = match (&view.leader, listed.as_slice()) {
        (Err(why), _) => {
            let code = match view.whole() {
                Whole::Refused => ExitCode::Credentials,
                Whole::Well | Whole::Attention | Whole::NoLeader => ExitCode::NoLeader,
            };
            (code, no(&format!("no leader is believed: {why}")))
        }
        (Ok(_), []) => {
            let answer = Answer {
                reasons: Vec::new(),
                notes: vec!["the cluster does not list it".to_owned()],
            };
            (ExitCode::Ok, answer)
        }
        // All of them are on that host, and would stop together.
        (Ok(_), nodes) => {
            let mut all = no_reason();
            for node in nodes {
                let Answer { reasons, notes } = judge(view, node);
                all.reasons.extend(reasons);
                all.notes.extend(notes);
            }
            let code = if all.reasons.is_empty() {
                ExitCode::Ok
            } else {
                ExitCode::Unhealthy
            };
            (code, all)
        }
    };
    Outcome {
        output: text(args, &called, &answer),
        report: String::new(),
        code,
    }
}

const fn no_reason() -> Answer {
    Answer {
        reasons: Vec::new(),
        notes: Vec::new(),
    }
}

fn no(reason: &str) -> Answer {
    Answer {
        reasons: vec![reason.to_owned()],
        notes: Vec::new(),
    }
}

fn text(args: &MayStopArgs, called: &str, answer: &Answer) -> String {
    let Answer { reasons, notes } = answer;
    if args.json {
        let report = Report {
            muster: 1,
            may_stop: reasons.is_empty(),
            node: Some(called.to_owned()),
            reasons,
            notes,
        };
        // Strings only, so the conversion cannot fail.
        return serde_json::to_string_pretty(&report).unwrap_or_default() + "\n";
    }
    let mut text = if reasons.is_empty() {
        format!("yes: {called} may stop now\n")
    } else {
        format!("no: {called} must not stop now: {}\n", reasons.join("; "))
    };
    for note in notes {
        // Writing to a String cannot fail.
        writeln!(text, "note: {note}").unwrap_or_default();
    }
    fit(&text)
}
