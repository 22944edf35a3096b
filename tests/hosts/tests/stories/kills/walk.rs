//! The walk over all steps of one start.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hosts::{Host, Moment, Seen, Step, Untraceable, eventually};

use super::node::{Before, PATIENCE, Situation, settled};

/// When one dies.
enum Death {
    At(Moment),
    /// After the last step.
    InTheEnd,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => moment.fmt(f),
            Self::InTheEnd => f.write_str("after the last step"),
        }
    }
}

/// A step that another run does not come to is given up this long after that run is where it wanted to be.
const GRACE: Duration = Duration::from_millis(700);

/// Kills one start after the other, before each of its steps, on as many hosts at a time as there are.
#[expect(clippy::print_stdout, reason = "the test runner keeps it for tests that fail")]
pub(crate) fn walk(hosts: Vec<Host>, situation: &Situation, tend: impl Fn()) -> Result<()> {
    let begun = Instant::now();
    let first = hosts.first().context("no host")?;
    let steps = match undisturbed(first, situation) {
        Err(error) if error.is::<Untraceable>() && std::env::var_os("CI").is_none() => {
            println!("skipped: {error:#}");
            return Ok(());
        }
        steps => steps?,
    };
    // The steps are muster's own: with the other engine those that last are enough.
    let every =
        std::env::var_os("EVERY_KILL").is_some_and(|value| value == "1") && !first.engine().is_doris();
    let deaths: VecDeque<Death> = steps
        .iter()
        .filter(|step| every || (situation.is_about(step) && telling(&steps, step)))
        .map(|step| Death::At(step.moment.clone()))
        .chain([Death::InTheEnd])
        .collect();
    let count = deaths.len();
    let queue = Mutex::new(deaths);
    let failures = Mutex::new(Vec::new());
    let missed = Mutex::new(Vec::new());
    beside(hosts, tend, |host| {
        while let Some(death) = next(&queue) {
            match round(&host, situation, &death) {
                Ok(true) => {}
                Ok(false) => push(&missed, death),
                Err(error) => {
                    push(
                        &failures,
                        format!("killed {death}: {error:?}\n{}", host.log_tail()),
                    );
                    // Whatever it is now, the next round begins with a stopped one.
                    host.kill9().ok();
                }
            }
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    let missed = missed.into_inner().unwrap_or_default();
    println!(
        "{}: {} kills in {} steps, {} not come to, {} failed, {} s",
        situation.name(),
        count - missed.len(),
        steps.len(),
        missed.len(),
        failures.len(),
        begun.elapsed().as_secs()
    );
    for death in &missed {
        println!("  not come to: {death}");
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    // How often it asks again differs between runs, and the more the less there is to run on; what it does does not.
    let again = |death: &&Death| matches!(death, Death::At(moment) if moment.nth > 1);
    let once = missed.len() - missed.iter().filter(again).count();
    ensure!(
        once * 10 <= count && missed.len() * 3 <= count,
        "{} of {count} kills never happened, {once} of them for the only time in their start",
        missed.len()
    );
    Ok(())
}

/// One thread for each host, and meanwhile whatever those need that are not killed.
pub(crate) fn beside(hosts: Vec<Host>, tend: impl Fn(), work: impl Fn(Host) + Sync) {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = hosts
            .into_iter()
            .map(|host| scope.spawn(move || work(host)))
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            tend();
            thread::sleep(Duration::from_millis(100));
        }
    });
}

/// Between two steps that last nothing changes but what the engine does by itself, once it runs.
fn telling(steps: &[Step], step: &Step) -> bool {
    let spawn = steps.iter().find(|step| step.moment.what == "spawn");
    let runs = spawn.is_some_and(|spawn| step.moment.after > spawn.moment.after);
    step.lasts || (runs && step.moment.nth == 1)
}

/// All steps of a start that nobody disturbs.
fn undisturbed(host: &Host, situation: &Situation) -> Result<Vec<Step>> {
    situation.prepare(host)?;
    let traced = host.start_traced(situation.program(), None)?;
    if matches!(situation, Situation::Replaced(..)) {
        eventually(PATIENCE, "the engine in its place", || {
            ensure!(traced.is_over(), "it is still muster");
            Ok(())
        })?;
    } else {
        settled(host).with_context(|| host.log_tail())?;
    }
    host.kill9()?;
    let seen = traced.seen()?;
    if std::env::var_os("SHOW_STEPS").is_some() {
        show(&seen);
    }
    durable(&seen.steps)?;
    Ok(seen.steps)
}

/// What was written is on the disk before anything is done that rests on it: the content, the name, and the directories
/// that were made for it.
fn durable(steps: &[Step]) -> Result<()> {
    let mut in_memory = BTreeSet::new();
    let mut added = false;
    for Step { moment, .. } in steps {
        let (name, path) = moment.what.split_once(' ').unwrap_or((&moment.what, ""));
        let above = Path::new(path)
            .parent()
            .map_or_else(String::new, |dir| dir.display().to_string());
        match name {
            // Words for people about a lock, a process that ends with us, or what one did: nothing rests on them.
            "create" | "write" | "rename" if path.contains("/..muster-holder.") => {}
            "create" | "write" | "rename" if path.contains(".status") || path.contains(".history") => {}
            "create" | "write" => {
                in_memory.insert(path.to_owned());
            }
            "mkdir" => {
                in_memory.insert(above);
            }
            "rename" => {
                ensure!(!in_memory.contains(path), "{path} is renamed before it is synced");
                in_memory.insert(above);
            }
            "sync" | "unlink" => {
                in_memory.remove(path);
            }
            "send" | "spawn" | "exec" if moment.what.starts_with("send ALTER") || name != "send" => {
                added |= name == "send";
                ensure!(in_memory.is_empty(), "not synced {moment}: {in_memory:?}");
            }
            _ => {}
        }
    }
    let remembered = |step: &&Step| step.moment.what.starts_with("rename /opt/state/.muster-");
    let add = steps
        .iter()
        .position(|step| step.moment.what.starts_with("send ALTER"));
    let before = steps.iter().take(add.unwrap_or(0)).filter(remembered).count();
    ensure!(!added || before > 0, "the ADD was sent before it was remembered");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "asked for")]
fn show(seen: &Seen) {
    for Step { moment, lasts } in &seen.steps {
        println!("{} {moment}", if *lasts { "!" } else { " " });
    }
}

/// One kill and the next run; whether the kill happened.
fn round(host: &Host, situation: &Situation, death: &Death) -> Result<bool> {
    situation.prepare(host).context("the preparation")?;
    let added = situation.added(host)?;
    let moment = match death {
        Death::At(moment) => Some(moment.clone()),
        Death::InTheEnd => None,
    };
    let traced = host.start_traced(situation.program(), moment)?;
    eventually(PATIENCE, "the kill", || {
        ensure!(
            traced.is_over() || settled_now(host),
            "neither killed nor a member"
        );
        Ok(())
    })?;
    if matches!(death, Death::At(_)) {
        let grace = eventually(GRACE, "the kill", || {
            ensure!(traced.is_over(), "it goes on");
            Ok(())
        });
        // It is a member, and in this run nothing was left to do where it was to die.
        grace.ok();
    }
    let mut killed = false;
    if traced.is_over() {
        killed = traced.seen()?.killed;
        if killed {
            host.exit(PATIENCE)?;
        } else if matches!(situation, Situation::Replaced(..)) {
            host.kill9()?;
        } else {
            bail!("it ended by itself, with {}", host.exit(PATIENCE)?);
        }
    } else {
        host.kill9()?;
        traced.seen()?;
    }
    finish(host, situation, added)?;
    Ok(killed || matches!(death, Death::InTheEnd))
}

/// The next run, and what has come of both.
fn finish(host: &Host, situation: &Situation, added: usize) -> Result<()> {
    let before = Before::of(host, added);
    let program = match situation {
        Situation::Replaced(..) => &["muster", "run"],
        _ => situation.program(),
    };
    host.start_program(program)?;
    settled(host)?;
    situation.check(host, &before)?;
    host.kill9()
}

fn settled_now(host: &Host) -> bool {
    host.last_log().contains("is alive in cluster") && super::node::Records::of(host).settled().is_ok()
}

pub(crate) fn next<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    queue.lock().ok()?.pop_front()
}

pub(crate) fn push<T>(list: &Mutex<Vec<T>>, one: T) {
    if let Ok(mut list) = list.lock() {
        list.push(one);
    }
}
