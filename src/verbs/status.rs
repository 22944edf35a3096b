//! `muster status`: the whole cluster, seen by its leader, by its nodes and by the record of this host. It only asks.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::time::{Duration, SystemTime};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::time::{Instant, sleep};

use crate::cli::{StatusArgs, Until};
use crate::engine::Component;
use crate::exit::ExitCode;
use crate::plan::view::moves::Moves;
use crate::plan::view::{View, Whole, report, table};
use crate::printable::lines as lines_of;
use crate::verbs::Outcome;
use crate::verbs::asks::Asks;

/// Between two looks of `--wait`.
const AGAIN: Duration = Duration::from_secs(1);

/// Prints the view, once, for as long as it changes, or when it has become what was waited for.
pub async fn status(args: &StatusArgs, asks: &Asks) -> Outcome {
    if let Some(until) = &args.wait {
        return wait(args, asks, until).await;
    }
    let begun = Instant::now();
    let mut moves = Moves::default();
    let mut view = asks.look().await;
    moves.look(&mut view, begun.elapsed());
    let outcome = shown(args, &view, view.whole().code());
    let Some(every) = args.watch else {
        return outcome;
    };
    if !written(&outcome.output) {
        return Outcome::silent(outcome.code);
    }
    let mut before = lines(&view);
    loop {
        if nobody_reads_within(every) {
            return Outcome::silent(ExitCode::Ok);
        }
        let mut view = asks.look().await;
        moves.look(&mut view, begun.elapsed());
        let now = lines(&view);
        let at = clock();
        let changed = now
            .iter()
            .filter(|(subject, state)| before.get(*subject) != Some(*state));
        let mut news: Vec<String> = changed
            .map(|(subject, state)| format!("{at} {subject}: {state}\n"))
            .collect();
        let gone = before.keys().filter(|subject| !now.contains_key(*subject));
        news.extend(gone.map(|subject| format!("{at} {subject}: gone\n")));
        if !written(&news.concat()) {
            return Outcome::silent(ExitCode::Ok);
        }
        before = now;
    }
}

fn written(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(lines_of(text).as_bytes())
        .and_then(|()| out.flush())
        .is_ok()
}

/// Waits so long, or until nobody reads what is printed any more: a pipe without a reader, a terminal that is gone. Nothing else
/// goes on between two looks.
fn nobody_reads_within(time: Duration) -> bool {
    let out = std::io::stdout();
    // Errors and hang-ups are told without being asked for, and a file has none.
    let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    poll(&mut fds, timeout).is_ok_and(|told| told > 0)
}

async fn wait(args: &StatusArgs, asks: &Asks, until: &Until) -> Outcome {
    let begun = Instant::now();
    let mut moves = Moves::default();
    loop {
        let mut view = asks.look().await;
        moves.look(&mut view, begun.elapsed());
        if is_so(until, &view) {
            return shown(args, &view, ExitCode::Ok);
        }
        if begun.elapsed() >= args.timeout {
            let code = match view.whole() {
                Whole::Well => ExitCode::Unhealthy,
                other => other.code(),
            };
            return shown(args, &view, code);
        }
        sleep(AGAIN).await;
    }
}

fn is_so(until: &Until, view: &View) -> bool {
    match until {
        Until::Well => view.whole() == Whole::Well,
        Until::Leader => view.leader.is_ok(),
        Until::Alive(host) => {
            let own = view.nodes.iter().filter(|node| node.host == *host);
            own.clone().count() > 0 && own.clone().all(crate::plan::view::Node::is_up)
        }
    }
}

fn shown(args: &StatusArgs, view: &View, code: ExitCode) -> Outcome {
    let output = match (args.quiet, args.json) {
        (true, _) => String::new(),
        (false, true) => report::json(view, &clock()),
        (false, false) => table::text(view, args.all),
    };
    Outcome {
        output,
        report: String::new(),
        code,
    }
}

/// The state of each node, and of the whole, in a line each.
fn lines(view: &View) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let whole = match &view.leader {
        Ok(leader) => format!("{}, led by {}", view.whole().word(), leader.host),
        Err(why) => format!("{}: {why}", view.whole().word()),
    };
    lines.insert("cluster".to_owned(), whole);
    for node in &view.nodes {
        let mut state = vec![if node.is_up() {
            "alive".to_owned()
        } else {
            "not alive".to_owned()
        }];
        if node.component == Component::Fe {
            state.push(table::role(view, node).to_owned());
        }
        state.push(format!("says {}", table::itself(node)));
        // Without figures, which move all the time.
        state.extend(node.verdicts.iter().map(|verdict| verdict.id().to_owned()));
        lines.insert(format!("{}:{}", node.called(), node.port), state.join(", "));
    }
    lines
}

fn clock() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
