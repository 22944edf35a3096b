//! Faults on demand: `<home>/standin.faults`, one `area=what` per line, read again at each use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[derive(Debug, Clone)]
pub(crate) struct Faults(PathBuf);

impl Faults {
    pub(crate) fn of(home: &Path) -> Self {
        Self(home.join("standin.faults"))
    }

    /// What the file says about `area`; several lines may name the same one.
    pub(crate) fn all(&self, area: &str) -> Vec<String> {
        let Ok(text) = std::fs::read_to_string(&self.0) else {
            return Vec::new();
        };
        text.lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .filter(|(key, _)| key.trim() == area)
            .map(|(_, what)| what.trim().to_owned())
            .collect()
    }

    pub(crate) fn is(&self, area: &str, what: &str) -> bool {
        self.all(area).iter().any(|found| found == what)
    }

    /// The rest of a line such as `show=missing-column Alive`.
    pub(crate) fn argument(&self, area: &str, what: &str) -> Option<String> {
        self.all(area).iter().find_map(|found| {
            let rest = found.strip_prefix(what)?;
            rest.starts_with(' ').then(|| rest.trim().to_owned())
        })
    }

    /// `slow 2s`, `slow 250ms`: real time, not scaled.
    pub(crate) async fn slow_down(&self, area: &str) {
        if let Some(delay) = self.duration(area, "slow") {
            tokio::time::sleep(delay).await;
        }
    }

    /// The faults of one named point of a start: SIGKILL as from outside, or SIGSTOP for somebody who wants to look at
    /// this very moment. Spent first: the next start is an ordinary one.
    pub(crate) fn strike_at(&self, point: &str) {
        for (area, signal) in [("kill", Signal::SIGKILL), ("freeze", Signal::SIGSTOP)] {
            if self.is(area, point) {
                self.spend(area, point);
                kill(Pid::this(), signal).ok();
            }
        }
    }

    /// The time in a line such as `mysql=slow 2s`.
    pub(crate) fn duration(&self, area: &str, what: &str) -> Option<Duration> {
        self.argument(area, what).as_deref().and_then(duration)
    }

    /// Takes a line away, for faults that happen once.
    pub(crate) fn spend(&self, area: &str, what: &str) {
        let Ok(text) = std::fs::read_to_string(&self.0) else {
            return;
        };
        let spent = format!("{area}={what}");
        let left: String = text
            .lines()
            .filter(|line| line.replace(' ', "") != spent.replace(' ', ""))
            .flat_map(|line| [line, "\n"])
            .collect();
        // A fault file that cannot be written keeps its fault, which is what a reader of the file expects.
        std::fs::write(&self.0, left).ok();
    }
}

fn duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.trim().parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs_f64)
}
