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

/// The node, and its port if it is that of this container.
fn which(args: &MayStopArgs, asks: &Asks) -> Option<(Which, Option<u16>)> {
    if let Some(which) = &args.node {
        return Some((which.clone(), None));
    }
    let (component, host, port) = asks.own()?;
    let host = host.clone();
    Some((Which { component, host }, port))
}

fn answer(args: &MayStopArgs, view: &View, (which, port): &(Which, Option<u16>)) -> Outcome {
    let called = format!("{} {}", which.component.name(), which.host);
    let listed: Vec<&Node> = view
        .of(which.component)
        .filter(|node| Host::parse(&node.host).is_ok_and(|host| host == which.host))
        .filter(|node| node.leader_says.is_some() && port.is_none_or(|port| port == node.port))
        .collect();
    let (code, answer) = match (&view.leader, listed.as_slice()) {
        (Err(why), _) => {
            let code = match view.whole() {
                Whole::Refused => ExitCode::Credentials,
                Whole::Well | Whole::Attention | Whole::NoLeader => ExitCode::NoLeader,
            };
            (code, no(&format!("no leader is believed: {why}")))
        }
        (Ok(_), [node]) => {
            let answer = judge(view, node);
            let code = if answer.reasons.is_empty() {
                ExitCode::Ok
            } else {
                ExitCode::Unhealthy
            };
            (code, answer)
        }
        // What is not found is not judged: it may be listed under another name, or its list was not to be had.
        (Ok(_), []) => (
            ExitCode::Unhealthy,
            no("the cluster is not seen to list it; see muster status"),
        ),
        (Ok(_), several) => {
            let count = several.len();
            let why = format!("{count} of them are on that host; ask in the container of each");
            (ExitCode::Unhealthy, no(&why))
        }
    };
    Outcome {
        output: text(args, &called, &answer),
        report: String::new(),
        code,
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
