//! The companion of `muster run`: does everything that can block, fail or be lied to. Brings the node to its start and hands
//! it over, watches the membership while the engine runs, and says why it ended. It may die at any moment.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::setsid;
use serde::{Deserialize, Serialize};

use crate::cluster::Client;
use crate::effects::announce::Announcer;
use crate::effects::bootstrap_sql::{INIT_DIR, run_files, set_root_password, sql_files};
use crate::effects::configure::configure;
use crate::effects::join_loop::{NotReady, ReadyToStart, Unproven, join_cluster, members, stamp};
use crate::effects::log_tail::{LogTail, find};
use crate::effects::record_store::RecordStore;
use crate::effects::register::add;
use crate::effects::roster::Identity;
use crate::effects::set_aside::set_all_aside;
use crate::effects::status_file::StatusFile;
use crate::effects::watch::{Watch, Watched};
use crate::exit::{ExitCode, chain};
use crate::facts::home::Home;
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::facts::status::Phase;
use crate::plan::DataDir;
use crate::plan::end_report::{self, CONSOLE};
use crate::plan::launch::{self, HELPER, HOST_TYPE, Launch};
use crate::plan::leader::Cluster;
use crate::plan::node::Role;
use crate::plan::refusal::Refusal;
use crate::settings::{Endpoint, Host, Settings};
use crate::supervise::{Channel, Ended, HandOver, Request, Work};
use crate::verbs::Outcome;

/// What the companion may use of memory, in bytes. It needs some ten MB; a server that never stops answering costs an
/// attempt, and not the machine.
const MEMORY: u64 = 256 << 20;

/// Sets this process apart from the engine: a session and limits of its own, no core dump, because it knows secrets, and no
/// life beyond PID 1's.
pub(super) fn stand_apart() {
    let done = [
        setsid().map(drop),
        prctl::set_pdeathsig(Signal::SIGKILL),
        prctl::set_dumpable(false),
        prctl::set_name(c"muster"),
        setrlimit(Resource::RLIMIT_DATA, MEMORY, MEMORY),
        setrlimit(Resource::RLIMIT_CORE, 0, 0),
    ];
    for error in done.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "the companion is not set apart in every way");
    }
}

/// What PID 1 keeps of a start for a later companion.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    logs: LogTail,
    data_dir: PathBuf,
    state_dir: PathBuf,
    data_dirs: Vec<PathBuf>,
    /// Those of the data dirs that are mount points.
    mount_points: Vec<PathBuf>,
    role: Role,
    /// Other spellings of this host.
    also: Vec<String>,
    unproven: Option<Unproven>,
    helper: Option<String>,
    /// The data was a member's before this start.
    was_member: bool,
}

/// Does the work that PID 1 asked for. To be called inside the runtime.
pub async fn companion(settings: &Settings, home: &Home, channel: &Channel, work: Work) -> Outcome {
    let companion = Companion {
        settings,
        home,
        channel,
        client: Client::new(settings, home.engine),
        status: StatusFile::default(),
    };
    let ended = match work {
        Work::Prepare => companion.prepare().await,
        Work::Watch { kept } => companion.watch_again(&kept).await,
        Work::Report { ended, kept, console } => companion.report(&ended, &kept, console).await,
    };
    ended.unwrap_or_else(|error| Outcome::failed(&error, ExitCode::Internal))
}

struct Companion<'a> {
    settings: &'a Settings,
    home: &'a Home,
    channel: &'a Channel,
    client: Client,
    status: StatusFile,
}

impl Companion<'_> {
    /// Brings this node to its start, hands it over, and watches.
    async fn prepare(&self) -> io::Result<Outcome> {
        if let Some(refusal) = self.not_with_exec() {
            return Ok(Outcome::refused(&[refusal]));
        }
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
        if self.settings.exec {
            return Ok(Outcome::silent(ExitCode::Ok));
        }
        // PID 1 has the locks and the reservations now.
        let ReadyToStart { record, known, .. } = ready;
        let announcer = Announcer::of(&record).or_else(|| self.founder(&record));
        self.watch(known, announcer, record, &kept).await
    }

    /// A founder's first hours need somebody to watch: with `--exec` there is nobody.
    fn not_with_exec(&self) -> Option<Refusal> {
        let needs = if self.settings.root_password_file.is_some() {
            "ROOT_PASSWORD_FILE is set".to_owned()
        } else if sql_files(Path::new(INIT_DIR)).is_empty() {
            return None;
        } else {
            format!("{INIT_DIR} holds SQL files")
        };
        self.settings.exec.then(|| {
            Refusal::new(
                ExitCode::Configuration,
                format!(
                    "{needs}, and with MUSTER_EXEC or --exec no process is left to do that after the start"
                ),
                "leave out MUSTER_EXEC and --exec",
            )
        })
    }

    fn launch(&self, ready: &ReadyToStart, dir: &Path) -> Launch {
        let home = self.home;
        let known: Vec<&'static str> = [HOST_TYPE, HELPER, home.layout.console_flag]
            .into_iter()
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
            unset: &unset,
            limits: &ready.plan.limits,
        })
    }

    fn keep(&self, ready: &ReadyToStart) -> Kept {
        let (plan, layout) = (&ready.plan, self.home.layout);
        let dirs = |wanted: fn(&DataDir) -> bool| {
            let dirs = plan.data_dirs.iter().filter(move |dir| wanted(dir));
            dirs.map(|dir| dir.path.clone()).collect()
        };
        Kept {
            logs: LogTail::from_here(&plan.log_dirs, layout.log_files)
                .and(std::slice::from_ref(&plan.data_dir), layout.data_logs),
            data_dir: plan.data_dir.clone(),
            state_dir: plan.state_dir.clone(),
            data_dirs: dirs(|_| true),
            mount_points: dirs(|dir| dir.is_mount_point),
            role: plan.node.role,
            also: plan.node.also.iter().map(ToString::to_string).collect(),
            unproven: ready.unproven,
            helper: ready.helper.clone(),
            was_member: plan.node.data.was_member(),
        }
    }

    /// While the engine of a founder starts, nobody answers at this host: another node that may found hears nothing else.
    fn founder(&self, record: &Record) -> Option<Announcer> {
        let port = record.ports.get(&crate::engine::PortName::Http)?;
        let masters = &self.settings.master_hosts.value;
        (record.progress == Progress::Founding)
            .then(|| Announcer::of_seed(&record.host, true, masters, *port))
    }

    /// Beside an engine that an earlier companion started.
    async fn watch_again(&self, kept: &str) -> io::Result<Outcome> {
        let kept: Kept = serde_json::from_str(kept)?;
        let store = store(&kept);
        let RecordCopy::Present(record) = RecordCopy::read(&store.state_copy(self.home.component)) else {
            return Err(io::Error::other("the record is gone"));
        };
        self.status.begin(&kept.state_dir, self.home.component);
        self.status.enters(Phase::Starting);
        let known = crate::verbs::fe_endpoints::endpoints(self.settings, self.home, Some(&record));
        let announcer = Announcer::of(&record);
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
                Watched::Alive(cluster) => self.alive(&cluster, &mut record, &store).await?,
                Watched::NotListed { cluster, serves } => {
                    let (id, leader) = (&cluster.id, &cluster.leader.host);
                    // A leader had taken the ADD and was gone before the others knew of it. What never was a member has
                    // nothing to lose, and nobody has a reason to drop it.
                    let never_joined = record.progress == Progress::Started && !kept.was_member;
                    if never_joined && !kept.role.is_fe() {
                        tracing::info!(
                            "cluster {id} led by {leader} does not list {host}, which never was a member: registering it \
                             again"
                        );
                        let host_port = host.with_port(identity.identity_port);
                        add(&self.client, cluster.endpoint(), kept.role, &host_port).await;
                        watch.ask_again();
                    } else if never_joined && !serves {
                        // Registered again it has another name, which its journal does not know.
                        let why = format!(
                            "cluster {id} led by {leader} does not list {host}, which never was a member and does not serve"
                        );
                        self.channel.send(&Request::StartAgain { why }, &[])?;
                    } else {
                        self.dropped(&cluster, &mut record, &store);
                    }
                }
                Watched::Foreign(cluster) => {
                    let own = record.cluster_id.as_deref().unwrap_or_default();
                    let sentence = format!(
                        "this node belongs to cluster {own} (the record), but {} leads cluster {}: the engine runs on; check \
                         MASTER_HOST",
                        cluster.leader.host, cluster.id
                    );
                    tracing::error!("{sentence}");
                    self.status.notices(&sentence);
                }
                Watched::Late { why, leader, serves } => {
                    tracing::error!("this node is not alive in its cluster after JOIN_TIMEOUT: {why}");
                    self.status.waits_for(&why);
                    let helper = kept.helper.as_deref().and_then(|helper| helper.rsplit_once(':'));
                    if let (Some((helper, _)), Some(leader), false) = (helper, leader, serves)
                        && !kept.was_member
                        && helper.trim_matches(['[', ']']) != leader
                    {
                        let why = format!(
                            "{helper}, which this node joins by, does not lead any more ({leader} does)"
                        );
                        self.channel.send(&Request::StartAgain { why }, &[])?;
                    }
                }
            }
        }
    }

    /// The cluster shows this node alive.
    async fn alive(&self, cluster: &Cluster, record: &mut Record, store: &RecordStore) -> io::Result<()> {
        let was = record.progress;
        record.progress = Progress::Joined;
        record.cluster_id = Some(cluster.id.clone());
        record.members = members(cluster);
        if let Err(error) = store.write(record) {
            let then = if was == Progress::Joined {
                ""
            } else {
                "; the next start will look again"
            };
            tracing::error!("{}{then}", chain(&error));
        }
        // Said when it is true for the next start, too.
        let (host, id, leader) = (&record.host, &cluster.id, &cluster.leader.host);
        if was == Progress::Dropped {
            tracing::info!("cluster {id} led by {leader} lists {host} again");
        } else {
            tracing::info!("{host} is alive in cluster {id} led by {leader}");
        }
        self.channel.send(&Request::ReleasePorts, &[])?;
        self.status.enters(Phase::Running);
        self.status.notices("");
        if record.first_steps_pending {
            let leader = cluster.endpoint();
            if let Some(path) = &self.settings.root_password_file {
                set_root_password(&self.client, &leader, path).await;
            }
            let patience = self.settings.join_timeout.value;
            run_files(&self.client, &leader, Path::new(INIT_DIR), patience).await;
            record.first_steps_pending = false;
            if let Err(error) = store.write(record) {
                tracing::error!("{}", chain(&error));
            }
        }
        Ok(())
    }

    /// Says that this node was dropped, and writes it down for the next start. The engine runs on.
    fn dropped(&self, cluster: &Cluster, record: &mut Record, store: &RecordStore) {
        let sentence = format!(
            "cluster {} led by {} does not list {} any more: this node was dropped; its engine runs on",
            cluster.id, cluster.leader.host, record.host
        );
        record.progress = Progress::Dropped;
        if let Err(error) = store.write(record) {
            tracing::error!("{}", chain(&error));
        }
        self.status.notices(&sentence);
        tracing::error!("{sentence}");
    }

    /// Says why the engine ended. A first start that had been cut short is set aside, and begun again.
    async fn report(&self, ended: &Ended, kept: &str, console: String) -> io::Result<Outcome> {
        let kept: Kept = serde_json::from_str(kept)?;
        let mut texts = vec![(CONSOLE.to_owned(), console)];
        texts.extend(kept.logs.texts());
        let report = end_report::derive(&texts, ended.exit.number(), ended.lived).to_string();
        // What was a member once is never set aside, whatever words it ends with.
        let copy = RecordCopy::read(&store(&kept).state_copy(self.home.component));
        let was_alive = matches!(copy, RecordCopy::Present(record) if matches!(record.progress, Progress::Joined | Progress::Dropped));
        if let Some(unproven) = kept.unproven.filter(|_| !was_alive) {
            let signature = match unproven {
                Unproven::Founding => self.home.engine.cut_founding,
                Unproven::Join => self.home.engine.cut_join,
            };
            if let Some(word) = find(signature, &texts) {
                tracing::info!("{}", report.trim());
                let why = format!("its first start was cut short, the engine ended with `{word}`");
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
