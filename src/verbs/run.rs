//! `muster run`: the entrypoint. Enters the cluster, starts the engine, supervises it, and returns its end.

use std::cell::RefCell;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::cluster::Client;
use crate::effects::announce::Announcer;
use crate::effects::bootstrap_sql::{INIT_DIR, run_files, set_root_password};
use crate::effects::configure::configure;
use crate::effects::dir_lock::release;
use crate::effects::join_loop::{NotReady, ReadyToStart, Unproven, join_cluster, members, stamp};
use crate::effects::log_tail::{LastWords, find};
use crate::effects::reserve::Reservations;
use crate::effects::set_aside::set_all_aside;
use crate::effects::watch::{Watched, watch};
use crate::exit::ExitCode;
use crate::facts::STOPPING;
use crate::facts::home::Home;
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::plan::data::Data;
use crate::plan::end_report::{self, CONSOLE};
use crate::plan::join::{dropped, other_cluster};
use crate::plan::launch::{self, HELPER, HOST_TYPE, Launch};
use crate::plan::leader::Cluster;
use crate::plan::refusal::Refusal;
use crate::settings::Settings;
use crate::supervise::{Before, Beside, End, Ended, Job, Resident, Signals, Supervisor, exec};
use crate::verbs::Outcome;

/// Runs this node to its end. To be called inside the runtime.
pub async fn run(settings: &Settings, home: &Home, signals: Signals) -> Outcome {
    let mut supervisor = match Supervisor::new(signals) {
        Ok(supervisor) => supervisor,
        Err(error) => return failed(&error),
    };
    let client = Client::new(settings, home.engine);
    loop {
        let entry = match supervisor
            .until(Box::pin(join_cluster(&client, settings, home)))
            .await
        {
            // Nothing runs, and the record says how far we got.
            Before::StopRequested(_) => return Outcome::silent(ExitCode::Ok),
            Before::Done(Err(NotReady(refusals))) => return Outcome::refused(&refusals),
            Before::Done(Ok(entry)) => entry,
        };
        match attempt(&mut supervisor, &client, settings, home, entry).await {
            Attempt::Over(outcome) => return outcome,
            Attempt::Ended(ended, report) => return after(&ended, report),
            Attempt::Again => {}
        }
    }
}

/// Goes on with the engine that a former image of this process has started.
pub async fn resume(signals: Signals, resident: Resident) -> Outcome {
    let kept: Kept = serde_json::from_str(resident.kept()).unwrap_or_default();
    let mut supervisor = match Supervisor::resumed(signals, &resident) {
        Ok(supervisor) => supervisor,
        Err(error) => return failed(&error),
    };
    let end = match supervisor.resume(resident).await {
        Ok(end) => end,
        Err(error) => return failed(&error),
    };
    release(&kept.locks);
    if let Some(refusal) = noted(&kept.state_copy) {
        return Outcome::refused(&[refusal]);
    }
    let report = report(&texts(&kept.words, &end), &end.ended);
    after(&end.ended, report)
}

/// What an image of this process leaves for the one that goes on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    state_copy: PathBuf,
    words: LastWords,
    /// Of the data dirs.
    locks: Vec<i32>,
}

/// The end of a container whose engine has ended.
fn after(ended: &Ended, report: String) -> Outcome {
    Outcome {
        output: String::new(),
        report,
        code: ended.code(),
    }
}

/// Whether the record says by now that this node was dropped: the health check sees that, notes it, and asks for the
/// stop.
fn noted(state_copy: &Path) -> Option<Refusal> {
    match RecordCopy::read(state_copy) {
        RecordCopy::Present(record) if record.progress == Progress::Dropped => Some(dropped(
            record.component,
            &record.host,
            record.cluster_id.as_deref(),
        )),
        _ => None,
    }
}

/// What the watch beside the engine has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Membership {
    Unknown,
    Alive,
    /// The cluster that somebody dropped this node from.
    Dropped(Box<Cluster>),
    /// It was registered and never a member, and is not listed any more.
    Lost,
    /// Nobody but another cluster answers where this node looks for its own.
    Foreign(Refusal),
}

/// How one start of the engine ended for us.
enum Attempt {
    Over(Outcome),
    /// By itself, or because it was asked to; and what is said of it.
    Ended(Ended, String),
    /// A first start that had been cut short could not be finished, its data is set aside; or the registration was lost.
    Again,
}

async fn attempt(
    supervisor: &mut Supervisor,
    client: &Client,
    settings: &Settings,
    home: &Home,
    mut entry: ReadyToStart,
) -> Attempt {
    let dir = match configure(&entry.plan.conf, &home.dir) {
        Ok(dir) => dir,
        Err(error) => {
            let refusals = NotReady::from(error).0;
            return Attempt::Over(Outcome::refused(&refusals));
        }
    };
    let launch = launch(settings, home, &entry, &dir);
    let command = format!("{} {}", launch.script.display(), launch.args.join(" "));
    let locks = take(&mut entry.hold).keep();
    if settings.exec {
        tracing::info!("handing over to {command}");
        return Attempt::Over(failed(&exec(&launch)));
    }
    tracing::info!("starting {}", command.trim_end());
    let plan = entry.plan.clone();
    let unproven = entry.unproven;
    let mut kept = Kept {
        state_copy: entry.places.state_copy(&entry.record),
        words: LastWords::from_here(&plan.log_dirs, home.layout.log_files)
            .and(std::slice::from_ref(&plan.data_dir), home.layout.data_logs),
        locks,
    };
    let membership = Rc::new(RefCell::new(Membership::Unknown));
    let watching = follow(client, home, settings, entry, Rc::clone(&membership));
    let charge = Job {
        launch: &launch,
        grace: plan.stop_grace,
        without: &settings.secret_variables,
        stop_note: Some(kept.state_copy.with_extension(STOPPING)),
        kept: serde_json::to_string(&kept).unwrap_or_default(),
    };
    let ran = supervisor.run(charge, watching).await;
    release(&take(&mut kept.locks));
    let end = match ran {
        Ok(end) => end,
        Err(error) => return Attempt::Over(failed(&error)),
    };
    let membership = membership.replace(Membership::Unknown);
    if membership == Membership::Lost && !supervisor.was_told_to_stop() {
        return Attempt::Again;
    }
    if let Membership::Dropped(cluster) = membership {
        return Attempt::Over(Outcome::refused(&[gone(&plan.node.host.to_string(), &cluster)]));
    }
    if let Some(refusal) = noted(&kept.state_copy) {
        return Attempt::Over(Outcome::refused(&[refusal]));
    }
    if let Membership::Foreign(refusal) = membership {
        return Attempt::Over(Outcome::refused(&[refusal]));
    }
    let texts = texts(&kept.words, &end);
    let report = report(&texts, &end.ended);
    // What was a member once is never set aside, whatever words it ends with.
    let unproven = unproven.filter(|_| membership == Membership::Unknown && !end.ended.asked);
    if let Some(unproven) = unproven {
        let signature = match unproven {
            Unproven::Founding => home.engine.cut_founding,
            Unproven::Join => home.engine.cut_join,
        };
        if let Some(word) = find(signature, &texts) {
            tracing::info!("{}", report.trim());
            let why = format!("its first start was cut short, the engine ended with `{word}`");
            return match set_all_aside(&plan.data_dirs, stamp(), &why) {
                Ok(()) => Attempt::Again,
                Err(error) => Attempt::Over(Outcome::refused(&NotReady::from(error).0)),
            };
        }
    }
    Attempt::Ended(end.ended, report)
}

/// What the engine wrote since its start, to the console first.
fn texts(words: &LastWords, end: &End) -> Vec<(String, String)> {
    let console = String::from_utf8_lossy(&end.console).into_owned();
    let mut texts = vec![(CONSOLE.to_owned(), console)];
    texts.extend(words.texts());
    texts
}

/// The last words of an engine that nobody had asked to end.
fn report(texts: &[(String, String)], ended: &Ended) -> String {
    if ended.asked {
        return String::new();
    }
    end_report::derive(texts, ended.exit.number(), ended.lived).to_string()
}

fn launch(settings: &Settings, home: &Home, entry: &ReadyToStart, dir: &Path) -> Launch {
    let known: Vec<&'static str> = [HOST_TYPE, HELPER, home.layout.console_flag]
        .into_iter()
        .filter(|flag| home.knows_flag(flag))
        .collect();
    let unwanted = home.engine.unwanted.iter().map(|name| (*name).to_owned());
    let unset: Vec<String> = settings
        .secret_variables
        .iter()
        .cloned()
        .chain(unwanted)
        .collect();
    launch::derive(&launch::Inputs {
        layout: home.layout,
        home: dir,
        host: &entry.plan.node.host,
        known_flags: &known,
        helper: entry.helper.as_deref(),
        script_args: &settings.script_args,
        unset: &unset,
        limits: &entry.plan.limits,
    })
}

/// Watches the membership beside the running engine until it is alive, and writes that down.
async fn follow(
    client: &Client,
    home: &Home,
    settings: &Settings,
    entry: ReadyToStart,
    membership: Rc<RefCell<Membership>>,
) -> Beside {
    let ReadyToStart {
        plan,
        mut record,
        places,
        reservations,
        known,
        ..
    } = entry;
    let patience = settings.join_timeout.value;
    let own = record.cluster_id.clone();
    // While the engine of a founder starts, nobody answers at this host: another node that may found hears nothing else.
    let founds = record.progress == Progress::Founding;
    let told = &settings.master_hosts.value;
    let founder = || Some(Announcer::of_seed(&plan.node.host, true, told, plan.http_port()?));
    let voice = Announcer::of(&record).or_else(|| founder().filter(|_| founds));
    let heartbeat = home.engine.heartbeat;
    match watch(
        client,
        &plan.node,
        own.as_deref(),
        known,
        voice,
        heartbeat,
        patience,
    )
    .await
    {
        Watched::Alive(cluster) => {
            tracing::info!(
                "{} is alive in cluster {} led by {}",
                plan.node.host,
                cluster.id,
                cluster.leader.host
            );
            record.progress = Progress::Joined;
            record.contradicted = false;
            record.cluster_id = Some(cluster.id.clone());
            record.members = members(&cluster);
            if let Err(error) = places.write(&record) {
                tracing::error!(
                    "{}; the next start will look again",
                    crate::effects::join_loop::chain(&error)
                );
            }
            drop::<Reservations>(reservations);
            membership.replace(Membership::Alive);
            if record.first_steps_pending {
                let leader = cluster.endpoint();
                if let Some(path) = &settings.root_password_file {
                    set_root_password(client, &leader, path).await;
                }
                run_files(client, &leader, Path::new(INIT_DIR), patience).await;
                record.first_steps_pending = false;
                if let Err(error) = places.write(&record) {
                    tracing::error!("{}", crate::effects::join_loop::chain(&error));
                }
            }
            Beside::Settled
        }
        // A leader had taken the ADD and was gone before the others knew of it. What never was a member has nothing to
        // lose, and nobody has a reason to drop it.
        Watched::Dropped(cluster) if never_joined(&record, &plan.node.data) => {
            tracing::info!(
                "cluster {} led by {} does not list {} any more, which never was a member: registering again",
                cluster.id,
                cluster.leader.host,
                plan.node.host
            );
            membership.replace(Membership::Lost);
            Beside::Stop
        }
        Watched::Dropped(cluster) => {
            tracing::error!("{}", gone(&plan.node.host.to_string(), &cluster));
            record.progress = Progress::Dropped;
            if let Err(error) = places.write(&record) {
                tracing::error!("{}", crate::effects::join_loop::chain(&error));
            }
            membership.replace(Membership::Dropped(cluster));
            Beside::Stop
        }
        Watched::Foreign(cluster) => {
            let own = own.unwrap_or_default();
            let refusal = other_cluster(&own, "by the record", &cluster.leader.host, &cluster.id);
            tracing::error!("{refusal}");
            record.contradicted = true;
            if let Err(error) = places.write(&record) {
                tracing::error!("{}", crate::effects::join_loop::chain(&error));
            }
            membership.replace(Membership::Foreign(refusal));
            Beside::Stop
        }
    }
}

/// Whether this start was to make a member of a node that never was one, as the record and the data it began with say.
fn never_joined(record: &Record, data: &Data) -> bool {
    record.progress == Progress::Started && !data.was_member()
}

fn gone(host: &str, cluster: &Cluster) -> Refusal {
    Refusal::protect(
        format!(
            "cluster {} led by {} does not list {host} any more: somebody dropped it",
            cluster.id, cluster.leader.host
        ),
        "to let it join anew start it with REJOIN=1: its data is set aside then",
    )
}

fn failed(error: &crate::supervise::SuperviseError) -> Outcome {
    let text = crate::effects::join_loop::chain(error);
    Outcome {
        output: String::new(),
        report: format!("error: {text}\n"),
        code: error.exit_code(),
    }
}
