//! The engine killed in each window of its first start: alone, so that muster ends with it and the container is started
//! again, or with muster in the same moment.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use hosts::{Host, World, eventually};

use super::node::{Before, Kind, PATIENCE, Situation, settled};
use super::walk::{beside, next, push};
use super::{Home, founders, joiners, tend, unharmed};

for_each_engine! {
    a_founder_whose_engine_is_killed_in_any_window_founds_one_cluster: both,
    #[ignore = "nightly: one more walk of the same kind"]
    a_joiner_whose_engine_is_killed_in_any_window_joins_once,
    #[ignore = "nightly: one more walk of the same kind"]
    a_backend_whose_engine_is_killed_in_any_window_joins_once,
}

/// What the next start does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Sets it aside, and founds or joins as if it had nothing.
    Anew,
    /// Finishes it with a helper.
    Helped,
    /// It was ready once: it needs nobody.
    Bare,
}

/// Moments of a founding, as they were seen on real engines; ready is what could write.
const FOUNDING: &[(&str, Next)] = &[
    ("role-only", Next::Anew),
    ("version", Next::Anew),
    ("je.lck", Next::Anew),
    ("jdb", Next::Anew),
    ("UNKNOWN", Next::Anew),
    ("LEADER", Next::Anew),
    ("can-write", Next::Bare),
    ("hostType", Next::Bare),
    ("ports", Next::Bare),
];

/// Moments of a join: what has a journal and did not elect itself can be finished.
const JOINING: &[(&str, Next)] = &[
    ("role-only", Next::Anew),
    ("version", Next::Anew),
    ("image", Next::Anew),
    ("je.lck", Next::Anew),
    ("jdb", Next::Helped),
    ("UNKNOWN", Next::Helped),
    ("", Next::Helped),
    ("hostType", Next::Bare),
    ("ports", Next::Bare),
];

/// The same of Doris, whose first file already is one that it cannot be started on.
const FOUNDING_DORIS: &[(&str, Next)] = &[
    ("deploy-mode", Next::Anew),
    ("role-only", Next::Anew),
    ("version", Next::Anew),
    ("je.lck", Next::Anew),
    ("jdb", Next::Anew),
    ("MASTER", Next::Anew),
    ("can-write", Next::Bare),
    ("ports", Next::Bare),
];

/// What has joined the group finds it again, ready or not.
const JOINING_DORIS: &[(&str, Next)] = &[
    ("deploy-mode", Next::Anew),
    ("role-only", Next::Anew),
    ("version", Next::Anew),
    ("image", Next::Anew),
    ("je.lck", Next::Anew),
    ("jdb", Next::Helped),
    ("", Next::Bare),
    ("ports", Next::Bare),
];

/// Nothing of a BE's start has to be undone.
const SERVING: &[(&str, Next)] = &[
    ("storage", Next::Bare),
    ("ports", Next::Bare),
    ("heartbeat", Next::Bare),
    ("cluster_id", Next::Bare),
];

/// One kill.
struct Window {
    kind: Option<Kind>,
    point: &'static str,
    /// With muster, or alone.
    both: bool,
    next: Next,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.map_or("seed", Kind::word);
        let who = if self.both { "both" } else { "the engine" };
        write!(f, "{who} of a {kind} at {}", self.point)
    }
}

fn windows(kind: Option<Kind>, points: &[(&'static str, Next)]) -> Vec<Window> {
    let word = match kind {
        Some(Kind::Observer) => "OBSERVER",
        Some(Kind::Follower | Kind::Backend | Kind::ComputeNode | Kind::Broker) | None => "FOLLOWER",
    };
    let window = |&(point, next): &(&'static str, Next), both| Window {
        kind,
        point: if point.is_empty() { word } else { point },
        both,
        next,
    };
    // Versions before 4.0 write no such file.
    let older =
        std::env::var("PROFILES").is_ok_and(|named| named.contains("doris-2") || named.contains("doris-3"));
    points
        .iter()
        .filter(|(point, _)| !older || *point != "deploy-mode")
        .flat_map(|point| [window(point, false), window(point, true)])
        .collect()
}

/// All windows on as many hosts at a time as there are.
#[expect(clippy::print_stdout, reason = "the test runner keeps it for tests that fail")]
fn through(windows: Vec<Window>, hosts: Vec<Host>, home: Option<&Home>, tend: impl Fn()) -> Result<()> {
    let begun = Instant::now();
    let count = windows.len();
    let queue = Mutex::new(VecDeque::from(windows));
    let failures = Mutex::new(Vec::new());
    beside(hosts, tend, |host| {
        while let Some(window) = next(&queue) {
            if let Err(error) = killed_in(&window, &host, home) {
                push(&failures, format!("{window}: {error:?}\n{}", host.log_tail()));
                host.kill9().ok();
            }
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    println!(
        "{count} windows, {} failed, {} s",
        failures.len(),
        begun.elapsed().as_secs()
    );
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

fn killed_in(window: &Window, host: &Host, home: Option<&Home>) -> Result<()> {
    let situation = match (window.kind, home) {
        (Some(kind), Some(home)) => {
            host.set("FE_ROLE", "").set("COMPONENT", "");
            kind.dress(host);
            Situation::New(kind, home.clone())
        }
        _ => Situation::Founding,
    };
    situation.prepare(host)?;
    let added = situation.added(host)?;
    let faults = host.home().join("standin.faults");
    let area = if window.both { "freeze" } else { "kill" };
    fs::write(&faults, format!("{area}={}\n", window.point))?;
    host.start()?;
    if window.both {
        // It stands where it would have been killed, and muster waits for it.
        eventually(PATIENCE, "the window", || {
            ensure!(!fs::read_to_string(&faults)?.contains(area), "not come to");
            Ok(())
        })?;
        host.kill9()?;
    } else {
        let code = host.exit(PATIENCE)?;
        ensure!(code == 137, "muster ended with {code}");
        ensure!(
            host.last_log().contains("SIGKILL"),
            "it does not say how the engine ended"
        );
    }
    let before = Before::of(host, added);
    host.start()?;
    settled(host)?;
    situation.check(host, &before)?;
    let log = host.last_log();
    let aside = log.matches("aside as").count();
    let helped = log.contains("--helper");
    let expected = match window.next {
        Next::Anew => aside == 1 && helped == window.kind.is_some(),
        Next::Helped => aside == 0 && helped,
        Next::Bare => aside == 0 && !helped,
    };
    ensure!(
        expected,
        "set aside {aside} times, with a helper: {helped}, not {:?}",
        window.next
    );
    host.kill9()?;
    if let (Some(kind), Some(home)) = (window.kind, home) {
        // The next one may be of another kind.
        home.sql(&kind.drop(host))?;
    }
    Ok(())
}

fn a_founder_whose_engine_is_killed_in_any_window_founds_one_cluster(world: &World) -> Result<()> {
    let points = if world.engine().is_doris() {
        FOUNDING_DORIS
    } else {
        FOUNDING
    };
    through(windows(None, points), founders(world, 6)?, None, || ())
}

/// With an image to download: without one, fewer windows are deadly.
fn a_joiner_whose_engine_is_killed_in_any_window_joins_once(world: &World) -> Result<()> {
    let (cluster, home, hosts) = joiners(world, Kind::Follower, 4)?;
    home.make_image(&cluster).context("no image")?;
    let points = if world.engine().is_doris() {
        JOINING_DORIS
    } else {
        JOINING
    };
    let mut all = windows(Some(Kind::Follower), points);
    all.extend(windows(Some(Kind::Observer), points));
    through(all, hosts, Some(&home), || tend(&cluster))?;
    unharmed(&cluster, &home)
}

fn a_backend_whose_engine_is_killed_in_any_window_joins_once(world: &World) -> Result<()> {
    let (cluster, home, hosts) = joiners(world, Kind::Backend, 4)?;
    let mut all = windows(Some(Kind::Backend), SERVING);
    all.extend(windows(Some(Kind::ComputeNode), SERVING));
    through(all, hosts, Some(&home), || tend(&cluster))?;
    unharmed(&cluster, &home)
}
