//! `muster may-stop`: whether one node may be stopped now without taking the cluster or its data away. It only asks.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cli::{MayStopArgs, Which};
use crate::engine::Component;
use crate::exit::ExitCode;
use crate::plan::refusal::Refusal;
use crate::plan::view::may_stop::{Answer, json, on_host};
use crate::plan::view::{View, Whole};
use crate::printable::fit;
use crate::verbs::Outcome;
use crate::verbs::asks::Asks;

/// Between two looks of `--wait`.
const AGAIN: Duration = Duration::from_secs(2);

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
        // Only a BE keeps tablets.
        let view = if which.0.component == Component::Be {
            asks.look_at_tables().await
        } else {
            asks.look().await
        };
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
    let answer = on_host(view, which.component, &which.host, *port);
    let code = match (&view.leader, view.whole()) {
        (Ok(_), _) if answer.reasons.is_empty() => ExitCode::Ok,
        (Ok(_), _) => ExitCode::Unhealthy,
        (Err(_), Whole::Refused) => ExitCode::Credentials,
        (Err(_), Whole::Well | Whole::Attention | Whole::NoLeader) => ExitCode::NoLeader,
    };
    Outcome {
        output: text(args, &called, &answer),
        report: String::new(),
        code,
    }
}

fn text(args: &MayStopArgs, called: &str, answer: &Answer) -> String {
    let Answer { reasons, notes } = answer;
    if args.json {
        return json(called, answer);
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
