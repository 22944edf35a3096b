//! What stays resident while the engine runs and nothing happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Host, eventually};
use nix::unistd::Pid;

use crate::bench::{Bench, inits, s6, supervisord, tool};
use crate::container::Container;
use crate::row::{Line, Row};

pub(crate) const ROW: Row = Row {
    name: "memory",
    about: "resident beside an engine, and wake-ups",
    per_engine: false,
    measure,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Until what happens at a start is over.
const SETTLED: Duration = Duration::from_secs(1);

/// In kB.
struct Resident {
    name: String,
    pss: u64,
    dirty: u64,
    threads: usize,
    wakeups: u64,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let seed = bench.fresh_cluster()?.seed()?;
    seed.start()?;
    joined(seed)?;
    let others = sleepers(bench)?;
    sleep(SETTLED);
    let mut all = vec![("muster and its companion".to_owned(), supervisors(seed.one()?)?)];
    for (name, it) in &others {
        all.push((name.clone(), supervisors(it.one)?));
    }
    let window = Duration::from_secs(bench.much(60, 1));
    let before: Vec<u64> = all
        .iter()
        .map(|(_, pids)| switches(pids))
        .collect::<Result<_, _>>()?;
    sleep(window);
    let mut found = Vec::new();
    for ((name, pids), before) in all.into_iter().zip(before) {
        // Before the files that make the kernel walk through its memory.
        let wakeups = switches(&pids)? - before;
        let mut resident = Resident {
            pss: 0,
            dirty: 0,
            threads: 0,
            wakeups,
            name,
        };
        for pid in pids {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            resident.pss += kilobytes(&rollup, "Pss")?;
            resident.dirty += kilobytes(&rollup, "Private_Dirty")?;
            resident.threads += tasks(pid)?.len();
        }
        found.push(resident);
    }
    seed.kill9()?;
    let own = found.first().context("muster was measured")?;
    let others = |figure: fn(&Resident) -> String| {
        let others = found.iter().skip(1);
        others.map(|it| (it.name.clone(), figure(it))).collect::<Vec<_>>()
    };
    let pss = |it: &Resident| format!("{} kB", it.pss);
    let dirty = |it: &Resident| format!("{} kB", it.dirty);
    let wakeups = |it: &Resident| {
        format!(
            "{} ({} thread{})",
            it.wakeups,
            it.threads,
            if it.threads == 1 { "" } else { "s" }
        )
    };
    Ok(vec![
        Line {
            what: "memory while supervising, PSS".to_owned(),
            muster: pss(own),
            others: others(pss),
            budget: "≤ 10 000 kB".to_owned(),
            met: own.pss <= 10_000,
        },
        Line {
            what: "memory while supervising, private dirty".to_owned(),
            muster: dirty(own),
            others: others(dirty),
            budget: "≤ 4000 kB".to_owned(),
            met: own.dirty <= 4000,
        },
        Line {
            what: format!("wake-ups in {} s", window.as_secs()),
            muster: wakeups(own),
            others: others(wakeups),
            budget: "≤ 60 a minute".to_owned(),
            met: own.wakeups <= window.as_secs(),
        },
    ])
}

/// The node is a member: PID 1 supervises, and the companion looks now and then.
fn joined(seed: &Host) -> anyhow::Result<()> {
    let record = seed.home().join("conf/muster-fe.json");
    eventually(PATIENCE, "the record says joined", || {
        let text = fs::read_to_string(&record).with_context(|| record.display().to_string())?;
        ensure!(text.contains("\"joined\""), "{text}");
        Ok(())
    })
    .with_context(|| seed.log_tail())
}

/// The others, each as PID 1 in front of a `sleep`.
fn sleepers(bench: &Bench) -> anyhow::Result<Vec<(String, Container)>> {
    let path = vec![("PATH", "/usr/bin:/bin".to_owned())];
    let dir = bench.world.dir();
    let sleeps = tool("sleep").context("sleep is not installed")?;
    let mut all = Vec::new();
    for mut init in inits(&sleeps)? {
        init.words.push("1000".into());
        let output = dir.join(format!("memory-{}", init.name));
        all.push((
            init.name.to_owned(),
            Container::start(&init.words, &path, &output)?,
        ));
    }
    if let Some(init) = supervisord(bench, "memory-with-supervisord", "sleep 1000")? {
        let container = Container::start(&init.words, &path, &dir.join("memory-supervisord"))?;
        container.says("entered RUNNING state")?;
        all.push((init.name.to_owned(), container));
    }
    let script = dir.join("memory-script");
    fs::write(&script, "#!/bin/sh\nexec sleep 1000\n")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    if let Some(init) = s6(bench, "memory-with-s6", &script)? {
        let container = Container::start(&init.words, &path, &dir.join("memory-s6"))?;
        all.push(("s6-svscan + s6-supervise".to_owned(), container));
    }
    Ok(all)
}

/// PID 1, its companion, and the processes that it has put between itself and the engine.
fn supervisors(one: Pid) -> anyhow::Result<Vec<Pid>> {
    let mut all = vec![one];
    let children = fs::read_to_string(format!("/proc/{one}/task/{one}/children"))?;
    for child in children.split_whitespace() {
        let comm = fs::read_to_string(format!("/proc/{child}/comm"))?;
        if comm.starts_with("s6-") || comm.starts_with("muster") {
            all.push(Pid::from_raw(child.parse()?));
        }
    }
    Ok(all)
}

/// How often their threads were put on a processor: asleep is who is not.
fn switches(pids: &[Pid]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for status in statuses(pids)? {
        for line in status.lines() {
            if let Some((name, count)) = line.split_once(':')
                && name.ends_with("_ctxt_switches")
            {
                sum += count.trim().parse::<u64>()?;
            }
        }
    }
    Ok(sum)
}

/// Of each of their threads, see proc(5).
fn statuses(pids: &[Pid]) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for pid in pids {
        for task in tasks(*pid)? {
            all.push(fs::read_to_string(format!("/proc/{pid}/task/{task}/status"))?);
        }
    }
    Ok(all)
}

fn tasks(pid: Pid) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("PID {pid} is gone"))?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn kilobytes(rollup: &str, name: &str) -> anyhow::Result<u64> {
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = line.and_then(|line| line.split_whitespace().next());
    Ok(value
        .with_context(|| format!("no {name} in smaps_rollup"))?
        .parse()?)
}
