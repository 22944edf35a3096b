//! Prepares a start of the node and hands it over to PID 1.

use std::io;
use std::path::Path;

use super::kept::Kept;
use super::{Companion, runs_here};
use crate::effects::announce::Announcer;
use crate::effects::configure::configure;
use crate::effects::history::History;
use crate::effects::init_files::{INIT_DIR, present};
use crate::effects::join_loop::{NotReady, ReadyToStart, join_cluster};
use crate::effects::log_tail::LogTail;
use crate::effects::metrics_file::MetricsFile;
use crate::exit::ExitCode;
use crate::facts::record::{Progress, Record};
use crate::facts::status::Phase;
use crate::plan::history::{self, Start};
use crate::plan::launch::{self, HELPER, HOST_TYPE, Launch};
use crate::plan::refusal::Refusal;
use crate::plan::{DataDir, start_script};
use crate::settings::Host;
use crate::supervise::{HandOver, Request};
use crate::verbs::Outcome;
use crate::verbs::fe_endpoints;

impl Companion<'_> {
    /// Prepares the start of this node, hands it over, and watches.
    pub(super) async fn prepare(&self) -> io::Result<Outcome> {
        // The history is that of the other one.
        if let Some(refusal) = self.not_beside_another() {
            return Ok(Outcome::refused(&[refusal]));
        }
        let outcome = self.prepare_and_watch().await?;
        if !outcome.report.is_empty() {
            let history = self.history();
            history.add(history::refused(outcome.code.number(), &outcome.report));
            history.sync();
        }
        Ok(outcome)
    }

    async fn prepare_and_watch(&self) -> io::Result<Outcome> {
        if let Some(refusal) = self.not_with_exec() {
            return Ok(Outcome::refused(&[refusal]));
        }
        let before = fe_endpoints::record(self.home, &self.settings.image).1;
        let ready = match join_cluster(&self.client, self.settings, self.home, &self.status).await {
            Ok(ready) => ready,
            Err(NotReady(refusals)) => return Ok(Outcome::refused(&refusals)),
        };
        let dir = match configure(&ready.plan.conf, &self.home.dir) {
            Ok(dir) => dir,
            Err(error) => return Ok(Outcome::refused(&NotReady::from(error).0)),
        };
        let launch = self.launch(&ready, &dir);
        let kept = self.keep(&ready);
        let mut descriptors = ready.locks.descriptors();
        let locks = descriptors.len();
        descriptors.extend(ready.reservations.descriptors());
        let command = format!("{} {}", launch.script.display(), launch.args.join(" "));
        tracing::info!("starting {}", command.trim_end());
        self.status.enters(Phase::Starting);
        let hand_over = HandOver {
            launch,
            grace: ready.plan.stop_grace,
            exec: self.settings.exec,
            kept: serde_json::to_string(&kept)?,
            locks,
            descriptors: descriptors.len(),
        };
        self.channel
            .send(&Request::Start(Box::new(hand_over)), &descriptors)?;
        // A start waits neither for this nor for the disk. The data is locked: whatever ran on it runs no more.
        let history = self.history();
        self.begins(&ready, before.record(), &history);
        if self.settings.exec {
            // PID 1 waits for the end of this process.
            return Ok(Outcome::silent(ExitCode::Ok));
        }
        history.sync();
        // PID 1 holds the locks and the reservations now.
        let ReadyToStart {
            record, known, plan, ..
        } = ready;
        let announcer = Announcer::of(&record).or_else(|| Self::founder(&record, &plan.masters));
        self.know_data(&kept);
        self.watch(known, announcer, record, &kept).await
    }

    /// Refuses settings that need muster after the start: with `--exec` no process of muster remains.
    fn not_with_exec(&self) -> Option<Refusal> {
        let accounts = self.home.engine.accounts.shipped.iter();
        let variable = accounts
            .map(|account| account.password_file)
            .find(|variable| self.settings.first_password_file(variable).is_some());
        let needs = match variable {
            Some(variable) => format!("{variable} is set"),
            None if present(Path::new(INIT_DIR)) => format!("{INIT_DIR} contains files to run"),
            None => return None,
        };
        self.settings.exec.then(|| {
            Refusal::new(
                ExitCode::Configuration,
                format!(
                    "{needs}, but with MUSTER_EXEC or --exec no process of muster remains after the start to apply it"
                ),
                "unset MUSTER_EXEC and remove --exec",
            )
        })
    }

    /// Refuses `docker exec … muster run`: the lock and the ports are those of the muster that is here already.
    fn not_beside_another(&self) -> Option<Refusal> {
        let status = runs_here(self.settings, self.home)?;
        Some(Refusal::protect(
            format!("muster runs in this container already: {}", status.sentence()),
            "use `muster explain` or `muster health` to see what it does; a second node needs a container of its own",
        ))
    }

    fn launch(&self, ready: &ReadyToStart, dir: &Path) -> Launch {
        let home = self.home;
        let known: Vec<&'static str> = [Some(HOST_TYPE), Some(HELPER), home.layout.console_flag]
            .into_iter()
            .flatten()
            .filter(|flag| home.knows_flag(flag))
            .collect();
        let unwanted = home.engine.unwanted.iter().map(|name| (*name).to_owned());
        let unset: Vec<String> = self
            .settings
            .secret_variables
            .iter()
            .cloned()
            .chain(unwanted)
            .collect();
        launch::derive(&launch::Inputs {
            layout: home.layout,
            home: dir,
            host: &ready.plan.node.host,
            known_flags: &known,
            helper: ready.helper.as_deref(),
            script_args: &self.settings.script_args,
            set: &start_script::variables(home),
            unset: &unset,
            limits: &ready.plan.limits,
        })
    }

    /// Writes the start down, and what it shows of the run before.
    fn begins(&self, ready: &ReadyToStart, before: Option<&Record>, history: &History) {
        let start = Start {
            engine: self.home.engine,
            version: ready.plan.version.as_deref(),
            role: ready.plan.node.role.name(),
            record: &ready.record,
            helper: ready.helper.as_deref(),
            exec: self.settings.exec,
        };
        history.extend(|past| start.events(past, before));
    }

    fn keep(&self, ready: &ReadyToStart) -> Kept {
        let (plan, layout) = (&ready.plan, self.home.layout);
        let dirs = |included: fn(&DataDir) -> bool| {
            let dirs = plan.data_dirs.iter().filter(move |dir| included(dir));
            dirs.map(|dir| dir.path.clone()).collect()
        };
        Kept {
            component: self.home.component.id().to_owned(),
            logs: LogTail::from_here(&plan.log_dirs, layout.log_files)
                .and(plan.data_dir.as_slice(), layout.data_logs),
            data_dir: plan.data_dir.clone(),
            state_dir: plan.state_dir.clone(),
            data_dirs: dirs(|_| true),
            mount_points: dirs(|dir| dir.is_mount_point),
            add: plan.node.add_statement(),
            also: plan.node.also.iter().map(ToString::to_string).collect(),
            unproven: ready.unproven,
            helper: ready.helper.clone(),
            was_member: plan.node.data.was_member(),
            root_in_conf: plan.root_in_conf,
            start: self.metrics.as_ref().map_or(0, MetricsFile::start),
        }
    }

    /// Announces a founding while the engine starts and does not answer yet, so that another seed does not found.
    fn founder(record: &Record, masters: &[Host]) -> Option<Announcer> {
        let port = record.ports.get(&crate::engine::PortName::Http)?;
        (record.progress == Progress::Founding)
            .then(|| Announcer::of_seed(&record.host, true, masters, *port))
    }
}
