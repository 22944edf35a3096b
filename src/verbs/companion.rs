//! The companion of `muster run`: does everything that can block or fail. Prepares the start and hands it over to PID 1,
//! watches the membership while the engine runs, and reports why the engine ended. It may end at any moment.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::setsid;
use serde::{Deserialize, Serialize};

use crate::cluster::Client;
use crate::effects::accounts::NewCluster;
use crate::effects::announce::Announcer;
use crate::effects::configure::configure;
use crate::effects::history::History;
use crate::effects::init_files::{INIT_DIR, InitFiles, is_first, present};
use crate::effects::join_loop::{NotReady, ReadyToStart, Unproven, join_cluster, members, stamp};
use crate::effects::log_tail::{LogTail, find};
use crate::effects::metrics_file::MetricsFile;
use crate::effects::record_store::RecordStore;
use crate::effects::register::add;
use crate::effects::set_aside::set_all_aside;
use crate::effects::status_file::StatusFile;
use crate::effects::watch::{Watch, Watched};
use crate::engine::Component;
use crate::engine::signature::OWN_DROP;
use crate::exit::{ExitCode, chain};
use crate::facts::addresses::is_here;
use crate::facts::container::oom_kills;
use crate::facts::fe_token;
use crate::facts::history::{Event, Word};
use crate::facts::home::Home;
use crate::facts::record::{FirstSteps, Progress, Record, RecordCopy};
use crate::facts::resolve::resolve;
use crate::facts::status::{Phase, Status};
use crate::plan::DataDir;
use crate::plan::accounts::first_passwords;
use crate::plan::clock::ClockNews;
use crate::plan::drop_detector::{Absence, absence};
use crate::plan::end_report::{self, CONSOLE};
use crate::plan::history::{self, Start, Stop};
use crate::plan::join::cure;
use crate::plan::launch::{self, HELPER, HOST_TYPE, Launch};
use crate::plan::leader::Cluster;
use crate::plan::node::Identity;
use crate::plan::refusal::Refusal;
use crate::plan::start_script;
use crate::settings::{Endpoint, Host, Settings};
use crate::supervise::{Channel, Ended, HandOver, Request, Work};
use crate::verbs::Outcome;
use crate::verbs::fe_endpoints::{self, state_dir};

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

/// The data of a start that PID 1 keeps for a later companion.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The id of the component.
    component: String,
    logs: LogTail,
    data_dir: Option<PathBuf>,
    state_dir: PathBuf,
    data_dirs: Vec<PathBuf>,
    /// The data dirs that are mount points.
    mount_points: Vec<PathBuf>,
    /// The statement that adds this node to a cluster.
    add: String,
    /// Other spellings of this host.
    also: Vec<String>,
    unproven: Option<Unproven>,
    helper: Option<String>,
    /// True if the data was a member's before this start.
    was_member: bool,
    /// The conf file gives root its password, if this FE founds.
    root_in_conf: bool,
    /// When this start of the node began, in seconds since 1970; 0 if nobody asks.
    start: u64,
}

/// Writes the end of the engine into the history of its node, and does nothing else.
pub(super) fn remember(ended: &Ended, kept: &str) {
    let Ok(kept) = serde_json::from_str::<Kept>(kept) else {
        return;
    };
    let Some(component) = Component::parse(&kept.component) else {
        return;
    };
    let history = History::of(&kept.state_dir, component);
    history.add(if ended.asked {
        Stop {
            unclean: (!ended.is_clean()).then(|| ended.code().number()),
            took: ended.stopping,
            ran: ended.lived,
            cut: !ended.drained,
        }
        .event()
    } else {
        history::ended(
            &end_report::derive(&[], ended.exit.number(), ended.lived),
            ended.exit.number(),
            ended.lived,
        )
    });
    // The end of the container does not wait for the disk.
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
    /// Prepares the start of this node, hands it over, and watches.
    async fn prepare(&self) -> io::Result<Outcome> {
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

    /// From here on the metrics have the disks of the data.
    fn know_data(&self, kept: &Kept) {
        if let Some(metrics) = &self.metrics {
            metrics.data_is_in(&kept.data_dirs);
        }
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

    fn history(&self) -> History {
        History::of(&state_dir(self.home, &self.settings.image), self.home.component)
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

    /// Watches beside an engine that an earlier companion started.
    async fn watch_again(&self, kept: &str) -> io::Result<Outcome> {
        let kept: Kept = serde_json::from_str(kept)?;
        let store = store(&kept);
        let RecordCopy::Present(record) = RecordCopy::read(&store.state_copy(self.home.component)) else {
            return Err(io::Error::other(
                "the record in the state dir is missing or cannot be read",
            ));
        };
        self.status.begin(&kept.state_dir, self.home.component);
        self.status.enters(Phase::Starting);
        let known = fe_endpoints::endpoints(self.settings, self.home.engine, Some(&record));
        let announcer = Announcer::of(&record);
        self.know_data(&kept);
        self.watch(known, announcer, record, &kept).await
    }

    /// Watches the membership for as long as the engine runs: PID 1 ends this process with it.
    async fn watch(
        &self,
        known: Vec<Endpoint>,
        announcer: Option<Announcer>,
        mut record: Record,
        kept: &Kept,
    ) -> io::Result<Outcome> {
        let store = store(kept);
        let host = record.host.clone();
        let also: BTreeSet<Host> = kept
            .also
            .iter()
            .filter_map(|host| Host::parse(host).ok())
            .collect();
        let identity = Identity {
            component: self.home.component,
            host: &host,
            also: &also,
            identity_port: record.identity_port().unwrap_or_default(),
        };
        let patience = self.settings.join_timeout.value;
        let heartbeat = self.home.engine.heartbeat;
        let id = record.cluster_id.clone();
        let mut watch = Watch::new(
            &self.client,
            identity,
            id,
            known,
            announcer,
            [heartbeat, patience],
        );
        loop {
            match watch.next().await {
                Watched::Alive(cluster) => {
                    let first = self.alive(&cluster, &mut record, &store);
                    self.channel.send(&Request::ReleasePorts, &[])?;
                    self.first_steps(&cluster, &mut record, &identity, first, kept)
                        .await;
                }
                Watched::Refused { from, why } => tracing::error!(
                    "{from}: {why}; the engine runs on, but muster does not see its cluster; {}",
                    cure(&why)
                ),
                Watched::NotListed { cluster, serves } => {
                    let (id, leader) = (&cluster.id, &cluster.leader.host);
                    // The leader accepted the ADD and ended before the others had it. A node that was never a member has no
                    // data to lose, and is not dropped on purpose.
                    let never_joined = record.progress == Progress::Started && !kept.was_member;
                    if never_joined && !self.home.component.is_fe() {
                        tracing::info!(
                            "cluster {id} led by {leader} does not list {host}, which was never a member: registering it \
                             again"
                        );
                        add(&self.client, cluster.endpoint(), &kept.add).await;
                        watch.ask_again();
                    } else if never_joined && !serves {
                        // A new registration gives it another name, which its journal does not contain.
                        let why = format!(
                            "cluster {id} led by {leader} does not list {host}, which was never a member and does not serve"
                        );
                        self.start_again(why)?;
                    } else {
                        match absence(record.progress, self.leads_here(&cluster, &identity).await) {
                            Absence::Dropped => self.dropped(&cluster, &mut record, &store),
                            Absence::NeverListed => self.never_listed(&cluster, &host),
                            Absence::OtherHost => tracing::error!(
                                "the engine of this node leads cluster {id} as {leader}, but LOCAL_HOST is {host}, which it does \
                                 not list; the engine runs on; set LOCAL_HOST={leader}"
                            ),
                        }
                    }
                }
                Watched::Foreign(cluster) => {
                    let own = record.cluster_id.as_deref().unwrap_or_default();
                    let sentence = format!(
                        "this node belongs to cluster {own} (from the record), but {} leads cluster {}; the engine runs on; \
                         check MASTER_HOST",
                        cluster.leader.host, cluster.id
                    );
                    self.status.notices(&sentence);
                    tracing::error!("{sentence}");
                }
                Watched::Clock(ClockNews::Differs(sentence)) => {
                    self.status.clock(&sentence);
                    tracing::warn!("{sentence}");
                }
                Watched::Clock(ClockNews::Agrees(sentence)) => {
                    self.status.clock("");
                    tracing::info!("{sentence}");
                }
                Watched::Late { why, leader, serves } => {
                    tracing::error!("this node is not alive in its cluster after JOIN_TIMEOUT: {why}");
                    let hang = end_report::hang(&kept.logs.texts()).filter(|_| !serves);
                    if let Some((sentence, hint)) = hang {
                        tracing::error!("by the log of the engine: {sentence}; {hint}");
                    }
                    self.status.waits_for(&why);
                    let helper = kept.helper.as_deref().and_then(|helper| helper.rsplit_once(':'));
                    if let (Some((helper, _)), Some(leader), false) = (helper, leader, serves)
                        && !kept.was_member
                        && helper.trim_matches(['[', ']']) != leader
                    {
                        let why = format!("the helper {helper} of this join no longer leads; {leader} leads");
                        self.start_again(why)?;
                    }
                }
            }
        }
    }

    /// Has PID 1 stop the engine and prepare again.
    fn start_again(&self, why: String) -> io::Result<()> {
        self.note(Event::new(
            Word::Again,
            format!("muster stops the engine to start it again: {why}"),
        ));
        self.channel.send(&Request::StartAgain { why }, &[])
    }

    /// Writes an event of a running node down.
    fn note(&self, event: Event) {
        let history = self.history();
        history.add(event);
        history.sync();
    }

    /// Records that the cluster shows this node alive. Returns true if it was not a member before.
    fn alive(&self, cluster: &Cluster, record: &mut Record, store: &RecordStore) -> bool {
        let before = record.progress;
        record.progress = Progress::Joined;
        record.lost = false;
        record.cluster_id = Some(cluster.id.clone());
        record.members = members(cluster);
        if let Err(error) = store.write(record) {
            let then = if before == Progress::Joined {
                ""
            } else {
                "; the next start asks the cluster again"
            };
            tracing::error!("{}{then}", chain(&error));
        }
        let history = self.history();
        if history.extend(|past| history::alive(before, cluster, past).into_iter().collect()) {
            history.sync();
        }
        // Logged after the write, when it is true for the next start as well.
        let (host, id, leader) = (&record.host, &cluster.id, &cluster.leader.host);
        if before == Progress::Dropped {
            tracing::info!("cluster {id} led by {leader} lists {host} again");
        } else {
            tracing::info!("{host} is alive in cluster {id} led by {leader}");
        }
        self.status.enters(Phase::Running);
        self.status.notices("");
        !matches!(before, Progress::Joined | Progress::Dropped)
    }

    /// Does the work that is done once in the life of a cluster, and writes down what is done. `first`: this node has just become
    /// a member, so nothing of it was begun before.
    async fn first_steps(
        &self,
        cluster: &Cluster,
        record: &mut Record,
        identity: &Identity<'_>,
        first: bool,
        kept: &Kept,
    ) {
        let (dir, store) = (Path::new(INIT_DIR), store(kept));
        let Some(done) = record.first_steps.clone() else {
            if first && present(dir) {
                tracing::info!(
                    "the files of {INIT_DIR} are not run here: the FE that founds a cluster runs its own, and so does the first \
                     BE that is registered"
                );
            }
            return;
        };
        let keep = |steps: Option<FirstSteps>, record: &mut Record| {
            record.first_steps = steps;
            if let Err(error) = store.write(record) {
                tracing::error!("{}", chain(&error));
            }
        };
        let leader = cluster.endpoint();
        let patience = self.settings.join_timeout.value;
        if identity.component.is_fe() {
            let engine = self.home.engine;
            let cluster = NewCluster {
                client: &self.client,
                engine,
                leader: &leader,
                patience,
            };
            let accounts = first_passwords(engine, self.settings, kept.root_in_conf);
            if !cluster.close(&accounts).await {
                return;
            }
        } else if present(dir) {
            match is_first(&self.client, &leader, identity, patience).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::info!(
                        "the files of {INIT_DIR} are not run here: another BE was registered first"
                    );
                    return keep(None, record);
                }
                Err(why) => {
                    tracing::error!(
                        "the files of {INIT_DIR} were not run: {why}; the next start of this node tries again"
                    );
                    return;
                }
            }
        }
        let files = InitFiles {
            client: &self.client,
            engine: self.home.engine,
            leader: &leader,
            dir,
            patience,
            unset: &self.settings.secret_variables,
        };
        files
            .run(done, !first, |steps| keep(Some(steps.clone()), record))
            .await;
        keep(None, record);
    }

    /// True if the leader is the engine of this node.
    async fn leads_here(&self, cluster: &Cluster, identity: &Identity<'_>) -> bool {
        let leader = &cluster.leader;
        if !identity.component.is_fe() || leader.edit_log_port != identity.identity_port {
            return false;
        }
        let Ok(host) = Host::parse(&leader.host) else {
            return false;
        };
        resolve(&host).await.is_ok_and(|addresses| is_here(&addresses))
    }

    /// Logs that the cluster has never listed this host, and records nothing: another `LOCAL_HOST` may be right.
    fn never_listed(&self, cluster: &Cluster, host: &Host) {
        let members: Vec<&str> = cluster.frontends.iter().map(|fe| fe.host.as_str()).collect();
        let sentence = format!(
            "cluster {} led by {} lists {} and not LOCAL_HOST = {host}; the engine runs on; check LOCAL_HOST",
            cluster.id,
            cluster.leader.host,
            members.join(", ")
        );
        self.status.notices(&sentence);
        tracing::error!("{sentence}");
    }

    /// Logs that this node was dropped, and records it for the next start. The engine runs on.
    fn dropped(&self, cluster: &Cluster, record: &mut Record, store: &RecordStore) {
        let sentence = format!(
            "cluster {} led by {} no longer lists {}: this node was dropped; its engine runs on",
            cluster.id, cluster.leader.host, record.host
        );
        record.progress = Progress::Dropped;
        record.members = members(cluster);
        if let Err(error) = store.write(record) {
            tracing::error!("{}", chain(&error));
        }
        self.note(Event::new(Word::Dropped, &sentence));
        self.status.notices(&sentence);
        tracing::error!("{sentence}");
    }

    /// Reports why the engine ended. The data of an interrupted first start is set aside, and a new start is prepared.
    async fn report(&self, ended: &Ended, kept: &str, console: String) -> io::Result<Outcome> {
        let kept: Kept = serde_json::from_str(kept)?;
        let mut texts = vec![(CONSOLE.to_owned(), console)];
        texts.extend(kept.logs.texts());
        let report = end_report::derive(&texts, ended.exit.number(), ended.lived);
        let report = report.with_oom_kills(oom_kills(Path::new("/")));
        self.note(history::ended(&report, ended.exit.number(), ended.lived));
        let report = report.to_string();
        // The data of a member is never set aside, whatever the engine's last lines are.
        let store = store(&kept);
        let was_alive = match RecordCopy::read(&store.state_copy(self.home.component)) {
            RecordCopy::Present(mut record) if record.progress == Progress::Joined => {
                if find(&[OWN_DROP], &texts).is_some() {
                    self.note(Event::new(
                        Word::Dropped,
                        "the engine ended with the words that its cluster has dropped it",
                    ));
                    // Its leader forgets an observer that it does not see, so that no look before the next start shows it.
                    record.progress = Progress::Dropped;
                    if let Err(error) = store.write(&record) {
                        tracing::error!("{}", chain(&error));
                    }
                }
                true
            }
            RecordCopy::Present(record) => record.progress == Progress::Dropped,
            RecordCopy::Missing | RecordCopy::Unreadable { .. } | RecordCopy::Newer { .. } => false,
        };
        if let Some(unproven) = kept.unproven.filter(|_| !was_alive) {
            let signature = match unproven {
                Unproven::Founding => self.home.engine.cut_founding,
                Unproven::Join => self.home.engine.cut_join,
            };
            if let Some(phrase) = find(signature, &texts) {
                report.trim().lines().for_each(|line| tracing::info!("{line}"));
                let why = format!("its first start was interrupted: the engine ended with `{phrase}`");
                let dirs: Vec<DataDir> = kept
                    .data_dirs
                    .iter()
                    .map(|path| DataDir {
                        path: path.clone(),
                        is_mount_point: kept.mount_points.contains(path),
                    })
                    .collect();
                return match set_all_aside(&dirs, stamp(), &why) {
                    Ok(()) => self.prepare().await,
                    Err(error) => Ok(Outcome::refused(&NotReady::from(error).0)),
                };
            }
        }
        Ok(Outcome {
            output: String::new(),
            report,
            code: ended.code(),
        })
    }
}

fn store(kept: &Kept) -> RecordStore {
    RecordStore {
        data_dir: kept.data_dir.clone(),
        state_dir: kept.state_dir.clone(),
    }
}
