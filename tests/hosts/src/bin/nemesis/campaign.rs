//! Many runs, several of them at the same time, each in a world of its own.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{World, target_dir};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::generate::leaderless_blank_seed;
use crate::report::{Report, failure, line, progress};
use crate::schedule::Step;
use crate::{Args, RESULT};

/// Between two looks at a run.
const LOOK: Duration = Duration::from_millis(100);

struct Campaign<'a> {
    args: &'a Args,
    /// The seed of the first run; every further one is one more.
    first: u64,
    dir: PathBuf,
    next: AtomicU32,
    stop: Arc<AtomicBool>,
    report: Mutex<Report>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let first = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // A handler and not a mask: that would be inherited by every program inside.
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let campaign = Campaign {
        args,
        first,
        dir: own_dir()?,
        next: AtomicU32::new(0),
        stop,
        report: Mutex::default(),
    };
    progress(&format!(
        "{} runs, {} at a time, from seed {first} on; their files meanwhile: {}",
        args.count(),
        args.jobs,
        campaign.dir.display()
    ));
    let outcome = thread::scope(|scope| {
        let jobs: Vec<_> = (0..args.jobs).map(|_| scope.spawn(|| campaign.work())).collect();
        jobs.into_iter().try_for_each(|job| {
            job.join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a job of the nemesis has failed")))
        })
    });
    let mut report = campaign
        .report
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    report.print();
    if report.failed.is_empty() {
        fs::remove_dir_all(&campaign.dir)?;
    }
    outcome?;
    if campaign.stop.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(130));
    }
    ensure!(
        report.failed.is_empty(),
        "{} of {} runs failed; their files are in {}",
        report.failed.len(),
        report.runs(),
        campaign.dir.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// A directory on the disk that the build is on.
fn own_dir() -> anyhow::Result<PathBuf> {
    let all = target_dir()?.join("nemesis");
    fs::create_dir_all(&all)?;
    loop {
        let own = all.join(fastrand::u32(..).to_string());
        match fs::create_dir(&own) {
            Ok(()) => return Ok(own),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| own.display().to_string()),
        }
    }
}

impl Campaign<'_> {
    fn work(&self) -> anyhow::Result<()> {
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n >= self.args.count() || self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.one(self.first + u64::from(n))?;
        }
    }

    fn one(&self, seed: u64) -> anyhow::Result<()> {
        let dir = self.dir.join(format!("seed-{seed}"));
        fs::create_dir(&dir)?;
        let schedule = self.args.schedule(seed)?;
        // What a person would give to `--schedule`.
        fs::write(dir.join("schedule"), schedule.to_string())?;
        let output = dir.join("output");
        let mut inside = World::start(&dir, self.args.inside(seed), |command| {
            let file = File::create(&output)?;
            command.stdout(file.try_clone()?).stderr(file);
            Ok(())
        })?;
        let ended = loop {
            if self.stop.load(Ordering::Relaxed) {
                inside.pipe = None;
                inside.program.wait()?;
                fs::remove_dir_all(&dir)?;
                return Ok(());
            }
            if let Some(ended) = inside.program.try_wait()? {
                break ended;
            }
            thread::sleep(LOOK);
        };
        let whole = whole(&dir);
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        for step in &schedule.steps {
            if !matches!(step, Step::Pause(_)) {
                *report.steps.entry(step.kind()).or_default() += 1;
            }
        }
        report.whole.extend(&whole);
        if ended.success() {
            report.passed += 1;
            drop(report);
            let took: Vec<String> = whole
                .iter()
                .map(|took| format!("{:.1} s", took.as_secs_f32()))
                .collect();
            line(&format!("seed {seed}: whole after {}", took.join(", ")));
            fs::remove_dir_all(&dir)?;
        } else {
            report.failed.push(seed);
            if leaderless_blank_seed(&schedule) {
                report.leaderless.push(seed);
            }
            drop(report);
            let said = fs::read_to_string(&output).unwrap_or_default();
            failure(&format!(
                "seed {seed} failed, all files are left in {}\n{said}\nto repeat it: {}",
                dir.display(),
                self.args.repeat(seed)
            ));
        }
        Ok(())
    }
}

/// How long the run waited each time.
fn whole(dir: &Path) -> Vec<Duration> {
    let result = fs::read_to_string(dir.join(RESULT)).unwrap_or_default();
    let seconds = result.lines().filter_map(|line| line.parse().ok());
    seconds.map(Duration::from_secs_f64).collect()
}
