//! The only loop back: observe, decide, act, until the engine may be started.

mod act;
mod callers;
mod observe;
mod ready_to_start;

use std::future::pending;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub use self::act::stamp;
pub use self::observe::members;
pub use self::ready_to_start::{NotReady, ReadyToStart, Unproven};
use crate::cluster::FeClient;
use crate::effects::announce::Announcer;
use crate::effects::backoff::{Backoff, Met};
use crate::effects::clock::read_clock;
use crate::effects::dir_lock::DirLocks;
use crate::effects::guard_clock::GuardClock;
use crate::effects::journal_pulse::JournalPulse;
use crate::effects::listen::Callers;
use crate::effects::look::Round;
use crate::effects::register::Sent;
use crate::effects::reserve::Reservations;
use crate::effects::settle_ports::settle;
use crate::effects::status_file::StatusFile;
use crate::effects::wait_log::WaitLog;
use crate::engine::PortName;
use crate::facts::home::Home;
use crate::facts::record::MemberSeen;
use crate::facts::{Facts, gather};
use crate::plan::clock::{ClockNews, ClockWatch};
use crate::plan::data::Data;
use crate::plan::join::{decide, denied_add, unregistered};
use crate::plan::leader::Belief;
use crate::plan::lost_vote::is_lost;
use crate::plan::node::{Decision, Seen};
use crate::plan::{Plan, Prescribed, seconds, taken};
use crate::settings::{Bootstrap, Endpoint, Host, Settings, Source};
use std::collections::{BTreeMap, BTreeSet};

/// The state of the loop.
struct Search<'a, C> {
    client: &'a C,
    settings: &'a Settings,
    home: &'a Home,
    facts: Facts,
    /// Ports another muster has reserved.
    taken: BTreeMap<u16, String>,
    /// The ports that were logged.
    moved: BTreeMap<PortName, u16>,
    prescribed: Prescribed,
    members: Vec<MemberSeen>,
    /// Names that the cluster lists and that stand for this host.
    also: BTreeSet<Host>,
    cluster_id: Option<String>,
    /// Whether the vote of this node is lost, by the last round.
    lost: bool,
    reservations: Reservations,
    locks: DirLocks,
    /// A BE or CN that is registered for the first time: nothing says that it ever was.
    is_new: bool,
    /// An ADD that no look has followed yet.
    sent: Option<Sent>,
    callers: Option<Callers>,
    announcer: Option<Announcer>,
    /// The cluster that each FE showed when it was last asked.
    shown: BTreeMap<Host, String>,
    /// Other nodes that may found.
    rivals: BTreeSet<Host>,
    /// Election ports of other FEs that were found open although no FE answered: once open, they are remembered.
    starting: Vec<Endpoint>,
    begun: Instant,
    /// The guard: it begins with the first round in which a leader could have called, and anew with each call of a host that
    /// nobody named.
    listening: Option<GuardClock>,
    /// The calls that the guard has begun after.
    calls: u64,
    /// The journals of the callers.
    journals: BTreeMap<Host, JournalPulse>,
    /// The next round waits for every FE.
    thorough: bool,
    warned: BTreeSet<String>,
}

/// Brings this node to the point where its engine may be started. May wait for a leader for as long as the patience
/// lasts; cancelled, it leaves a consistent record.
pub async fn join_cluster<C: FeClient>(
    client: &C,
    settings: &Settings,
    home: &Home,
    status: &StatusFile,
) -> Result<ReadyToStart, NotReady> {
    let mut search = Search {
        client,
        settings,
        home,
        facts: gather(settings, home.clone(), Path::new("/")),
        taken: BTreeMap::new(),
        moved: BTreeMap::new(),
        prescribed: Prescribed::default(),
        members: Vec::new(),
        also: BTreeSet::new(),
        cluster_id: None,
        lost: false,
        reservations: Reservations::default(),
        locks: DirLocks::default(),
        is_new: false,
        sent: None,
        callers: None,
        announcer: None,
        shown: BTreeMap::new(),
        rivals: BTreeSet::new(),
        starting: Vec::new(),
        begun: Instant::now(),
        listening: None,
        calls: 0,
        journals: BTreeMap::new(),
        thorough: false,
        warned: BTreeSet::new(),
    };
    let mut backoff = Backoff::new();
    let mut wait_log = WaitLog::new();
    loop {
        let mut plan = search.plan()?;
        // What the cluster prescribes is known from the second plan on.
        for warning in &plan.warnings {
            search.warn(warning);
        }
        let for_others = plan.for_others.join(", ");
        if !for_others.is_empty() && search.warned.insert(for_others.clone()) {
            tracing::info!("settings of other nodes, without effect here: {for_others}");
        }
        status.decided(&plan);
        search.lock(&plan).await?;
        let (seen, round) = search.observe(&plan).await;
        search.learn_names(&plan, &seen).await;
        plan.node.also.extend(search.also.iter().cloned());
        if search.learn(&plan, &seen) {
            let before = std::mem::replace(&mut plan, search.plan()?);
            status.decided(&plan);
            if before.ports != plan.ports {
                continue;
            }
        }
        search.lost = is_lost(&plan.node, &seen.belief, search.record());
        match decide(&plan.node, &seen) {
            // An FE that answers later may be the right one.
            Decision::Refuse(refusal) if !seen.complete => {
                tracing::debug!("{}: waiting for every FE that was named", refusal.sentence);
                search.thorough = true;
            }
            Decision::Refuse(refusal) => return Err(refusal.into()),
            Decision::Wait { why } => {
                wait_log.wait(&why);
                status.waits_for(&format!("for a leader: {why}"));
                search.pause(backoff.next(met(&round, &seen))).await;
            }
            Decision::Register { cluster } => match search.sent.take() {
                None => search.add(&plan, &cluster).await?,
                Some(sent) => {
                    let leader = sent.leader.clone();
                    let why = sent.in_vain();
                    denied_add(&leader, &why)?;
                    let said = unregistered(&leader, &why, &seen)?;
                    wait_log.wait(&said);
                    search
                        .pause(backoff.next(Met::of(true, [&why].into_iter())))
                        .await;
                }
            },
            Decision::SetAside { why } => search.set_aside(&plan, &why).await?,
            Decision::Start => {
                say_caller(&seen);
                search.registered(&plan)?;
                return search.finish(plan, None, false).await;
            }
            Decision::Found => {
                say_found(&plan);
                return search.finish(plan, None, true).await;
            }
            Decision::Join { helper, cluster } => {
                say_caller(&seen);
                say_join(&plan, &helper, &cluster);
                search.compare_clocks(&seen).await;
                search.cluster_id = Some(cluster);
                search.registered(&plan)?;
                return search.finish(plan, Some(helper), false).await;
            }
        }
    }
}

impl<C: FeClient> Search<'_, C> {
    /// The plan with what is known now, its ports reserved.
    fn plan(&mut self) -> Result<Plan, NotReady> {
        let reservations = &mut self.reservations;
        let plan = settle(
            self.settings,
            &mut self.facts,
            &self.prescribed,
            &mut self.taken,
            |ports| reservations.take(ports),
        )
        .map_err(NotReady)?;
        self.say_moved(&plan);
        Ok(plan)
    }

    /// Before anything is written to a data dir, and before any question that could lead to it.
    async fn lock(&mut self, plan: &Plan) -> Result<(), NotReady> {
        let held = self.locks.take(&plan.data_dirs).await;
        held.map_err(|holder| taken(&holder).into())
    }

    /// Logs a warning once.
    fn warn(&mut self, warning: &str) {
        if self.warned.insert(warning.to_owned()) {
            tracing::warn!("{warning}");
        }
    }

    /// Logs, once, each port that has another number than people expect.
    fn say_moved(&mut self, plan: &Plan) {
        for choice in plan
            .ports
            .iter()
            .filter(|choice| choice.source == Source::Derived)
        {
            if self.moved.insert(choice.port.name, choice.number) != Some(choice.number) {
                tracing::info!("{} is {}: {}", choice.port.conf_key, choice.number, choice.why);
            }
        }
    }

    /// Warns before the engine starts: it would end some seconds later by a clock that differs.
    async fn compare_clocks(&self, seen: &Seen) {
        let Belief::Leader(cluster) = &seen.belief else {
            return;
        };
        let reading = read_clock(self.client, cluster).await;
        if let Some(ClockNews::Differs(warning)) =
            reading.and_then(|reading| ClockWatch::default().compare(&reading))
        {
            tracing::warn!("{warning}");
        }
    }

    /// Sleeps until the delay is over or a new caller is heard.
    async fn pause(&self, delay: Duration) {
        let news = async {
            match &self.callers {
                Some(callers) => callers.news().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = sleep(delay) => {}
            () = news => {}
        }
    }
}

/// The data dir of an FE.
fn data_dir(plan: &Plan) -> String {
    let dir = plan.data_dir.as_ref();
    dir.map_or_else(String::new, |dir| dir.display().to_string())
}

fn say_found(plan: &Plan) {
    let host = &plan.node.host;
    if plan.node.bootstrap == Bootstrap::Force {
        tracing::info!("founding a new cluster: BOOTSTRAP is force");
    } else {
        tracing::info!(
            "founding a new cluster: {host} is the first host of MASTER_HOST, {} holds no data, and for {} no FE answered \
             and none called",
            data_dir(plan),
            seconds(plan.guard_time)
        );
    }
}

/// Logs that a leader was believed that no setting names.
fn say_caller(seen: &Seen) {
    if let (Some(caller), Belief::Doubt(_) | Belief::Nobody) = (&seen.caller, &seen.belief) {
        tracing::info!(
            "no host of MASTER_HOST leads, but {} polls this host and leads a cluster that lists it",
            caller.leader
        );
    }
}

fn say_join(plan: &Plan, helper: &str, cluster: &str) {
    if let Data::Empty { known: Some(known) } = &plan.node.data {
        tracing::info!(
            "rejoining cluster {cluster} through {helper}: {} holds no data, and {}",
            data_dir(plan),
            known.sentence
        );
    } else {
        tracing::info!("joining cluster {cluster} through {helper}");
    }
}

/// The kind of round, with the questions that followed it.
fn met(round: &Round, seen: &Seen) -> Met {
    match &seen.backends {
        Some(Err(why)) => Met::of(true, [why].into_iter()),
        Some(Ok(_)) | None => round.met(),
    }
}
