//! The companion of `muster run`: does everything that can block or fail. Prepares the start and hands it over to PID 1,
//! watches the membership while the engine runs, and reports why the engine ended. It may end at any moment.

mod end;
mod first_steps;
mod kept;
mod membership;
mod prepare;

use std::path::Path;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::setsid;

use self::kept::Kept;
use crate::cluster::Client;
use crate::effects::history::History;
use crate::effects::metrics_file::MetricsFile;
use crate::effects::status_file::StatusFile;
use crate::exit::ExitCode;
use crate::facts::fe_token;
use crate::facts::history::Event;
use crate::facts::home::Home;
use crate::facts::status::{Phase, Status};
use crate::settings::Settings;
use crate::supervise::{Channel, Work};
use crate::verbs::Outcome;
use crate::verbs::fe_endpoints::state_dir;

pub(super) use self::end::remember;

/// The memory limit of the companion, in bytes. It needs about ten MB; an endless answer of a server ends one attempt only.
const MEMORY: u64 = 256 << 20;

/// Isolates this process from the engine: its own session and limits, no core dump, because it knows secrets, and SIGKILL
/// when PID 1 ends.
pub(super) fn isolate() {
    let done = [
        setsid().map(drop),
        prctl::set_pdeathsig(Signal::SIGKILL),
        prctl::set_dumpable(false),
        prctl::set_name(c"muster"),
        setrlimit(Resource::RLIMIT_DATA, MEMORY, MEMORY),
        setrlimit(Resource::RLIMIT_CORE, 0, 0),
    ];
    for error in done.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "cannot isolate the companion completely");
    }
}

/// Does the work that PID 1 requested. Must be called inside the runtime.
pub async fn companion(settings: &Settings, home: &Home, channel: &Channel, work: Work) -> Outcome {
    let companion = Companion {
        settings,
        home,
        channel,
        client: Client::new(settings, home.engine).knowing(fe_token::read(settings, home)),
        status: StatusFile::default(),
        metrics: metrics_file(settings, home, &work),
    };
    let beside = matches!(work, Work::Watch { .. });
    let done = async {
        match work {
            Work::Prepare => companion.prepare().await,
            Work::Watch { kept } => companion.watch_again(&kept).await,
            Work::Report { ended, kept, console } => companion.report(&ended, &kept, console).await,
            // Done before the settings were read.
            Work::Remember { .. } => Ok(Outcome::silent(ExitCode::Ok)),
        }
    };
    let ended = match &companion.metrics {
        None => done.await,
        Some(metrics) => tokio::select! {
            biased;
            ended = done => ended,
            never = metrics.keep(&companion.status) => match never {},
        },
    };
    let outcome = ended.unwrap_or_else(|error| Outcome::failed(&error, ExitCode::Internal));
    // An engine that runs is not ended by the end of a companion.
    let runs = beside || companion.status.look(|status| status.phase != Phase::Waiting) == Some(true);
    if let Some(metrics) = companion.metrics.as_ref().filter(|_| !runs) {
        metrics.ends(outcome.code.number());
    }
    companion.status.remove();
    outcome
}

/// The file of `METRICS_FILE`. A second muster in a container leaves it to the first.
fn metrics_file<'a>(settings: &'a Settings, home: &'a Home, work: &Work) -> Option<MetricsFile<'a>> {
    let path = settings.metrics_path(home.component)?;
    let start = match work {
        Work::Prepare => None,
        Work::Watch { kept } | Work::Report { kept, .. } | Work::Remember { kept, .. } => {
            let kept: Option<Kept> = serde_json::from_str(kept).ok();
            kept.map(|kept| kept.start)
        }
    };
    let another = start.is_none() && runs_here(settings, home).is_some();
    let state = state_dir(home, &settings.image);
    (!settings.exec && !another).then(|| MetricsFile::new(path, settings, home, &state, start))
}

/// The status of the muster that runs in this container already.
fn runs_here(settings: &Settings, home: &Home) -> Option<Status> {
    let dir = state_dir(home, &settings.image);
    Status::read(&Status::path(&dir, home.component), Path::new("/"))
}

struct Companion<'a> {
    settings: &'a Settings,
    home: &'a Home,
    channel: &'a Channel,
    client: Client,
    status: StatusFile,
    /// `None`: `METRICS_FILE` is not set.
    metrics: Option<MetricsFile<'a>>,
}

impl Companion<'_> {
    fn history(&self) -> History {
        History::of(&state_dir(self.home, &self.settings.image), self.home.component)
    }

    /// Writes an event of a running node down.
    fn note(&self, event: Event) {
        let history = self.history();
        history.add(event);
        history.sync();
    }
}
