//! `muster run`: the entrypoint. Enters the cluster, starts the engine, supervises it, and returns its end.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::cluster::Client;
use crate::effects::configure::configure;
use crate::effects::enter::{Entry, NoEntry, Unproven, enter, members, stamp};
use crate::effects::first_steps::{INIT_DIR, run_files, set_root_password};
use crate::effects::last_words::LastWords;
use crate::effects::reserve::Reservations;
use crate::effects::set_aside::set_all_aside;
use crate::effects::voice::Voice;
use crate::effects::watch::{Watched, endpoint, watch};
use crate::exit::ExitCode;
use crate::facts::home::Home;
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::plan::data::Data;
use crate::plan::join::{dropped, other_cluster};
use crate::plan::launch::{self, HELPER, HOST_TYPE, Launch};
use crate::plan::leader::Cluster;
use crate::plan::refusal::Refusal;
use crate::settings::Settings;
use crate::supervise::{Before, Beside, Resident, Signals, Supervisor, exec};
use crate::verbs::Outcome;

/// Runs this node to its end. To be called inside the runtime.
pub async fn run(settings: &Settings, home: &Home, signals: Signals) -> Outcome {
    let mut supervisor = match Supervisor::new(signals) {
        Ok(supervisor) => supervisor,
        Err(error) => return failed(&error),
    };
    let client = Client::new(settings, home.engine);
    loop {
        let entry = match supervisor.until(enter(&client, settings, home)).await {
            // Nothing runs, and the record says how far we got.
            Before::StopRequested(_) => return Outcome::silent(ExitCode::Ok),
            Before::Done(Err(NoEntry(refusals))) => return Outcome::refused(&refusals),
            Before::Done(Ok(entry)) => entry,
        };
        match attempt(&mut supervisor, &client, settings, home, entry).await {
            Attempt::Over(outcome) => return outcome,
            Attempt::Again => {}
        }
    }
}

/// Goes on with the engine that a former image of this process has started: the node is a member by then. `record` is
/// where its copy lies that needs no conf file to be found, and is asked for only in the end.
pub async fn resume(
    signals: Signals,
    resident: Resident,
    record: impl FnOnce() -> Option<PathBuf>,
) -> Outcome {
    match Supervisor::resume(signals, resident).await {
        Ok(ended) => match record().as_deref().and_then(noted) {
            Some(refusal) => Outcome::refused(&[refusal]),
            None => Outcome::silent(ended.code()),
        },
        Err(error) => failed(&error),
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
    /// A first start that had been cut short could not be finished, its data is set aside; or the registration was lost.
    Again,
}

async fn attempt(
    supervisor: &mut Supervisor,
    client: &Client,
    settings: &Settings,
    home: &Home,
    entry: Entry,
) -> Attempt {
    let dir = match configure(&entry.plan.conf, &home.dir) {
        Ok(dir) => dir,
        Err(error) => {
            let refusals = NoEntry::from(error).0;
            return Attempt::Over(Outcome::refused(&refusals));
        }
    };
    let launch = launch(settings, home, &entry, &dir);
    let command = format!("{} {}", launch.script.display(), launch.args.join(" "));
    if settings.exec {
        tracing::info!("handing over to {command}");
        return Attempt::Over(failed(&exec(&launch)));
    }
    tracing::info!("starting {}", command.trim_end());
    let words = LastWords::from_here(&entry.plan.log_dirs, home.layout.log_files);
    let plan = entry.plan.clone();
    let unproven = entry.unproven;
    let state_copy = entry.places.state_copy(&entry.record);
    let membership = Rc::new(RefCell::new(Membership::Unknown));
    let watching = follow(client, home, settings, entry, Rc::clone(&membership));
    let ended = match supervisor.run(&launch, plan.stop_grace, watching).await {
        Ok(ended) => ended,
        Err(error) => return Attempt::Over(failed(&error)),
    };
    let membership = membership.replace(Membership::Unknown);
    if membership == Membership::Lost && !supervisor.was_told_to_stop() {
        return Attempt::Again;
    }
    if let Membership::Dropped(cluster) = membership {
        return Attempt::Over(Outcome::refused(&[gone(&plan.node.host.to_string(), &cluster)]));
    }
    if let Some(refusal) = noted(&state_copy) {
        return Attempt::Over(Outcome::refused(&[refusal]));
    }
    if let Membership::Foreign(refusal) = membership {
        return Attempt::Over(Outcome::refused(&[refusal]));
    }
    // What was a member once is never set aside, whatever words it ends with.
    let unproven = unproven.filter(|_| membership == Membership::Unknown && !ended.asked);
    if let Some(unproven) = unproven {
        for line in words.lines(20) {
            tracing::info!("engine: {line}");
        }
        let signature = match unproven {
            Unproven::Founding => home.engine.cut_founding,
            Unproven::Join => home.engine.cut_join,
        };
        if let Some(word) = words.find(signature) {
            let why = format!("its first start was cut short, the engine ended with `{word}`");
            return match set_all_aside(&plan.data_dirs, stamp(), &why) {
                Ok(()) => Attempt::Again,
                Err(error) => Attempt::Over(Outcome::refused(&NoEntry::from(error).0)),
            };
        }
    }
    Attempt::Over(Outcome::silent(ended.code()))
}

fn launch(settings: &Settings, home: &Home, entry: &Entry, dir: &Path) -> Launch {
    let known: Vec<&'static str> = [HOST_TYPE, HELPER, home.layout.console_flag]
        .into_iter()
        .filter(|flag| home.knows_flag(flag))
        .collect();
    launch::derive(&launch::Inputs {
        layout: home.layout,
        home: dir,
        host: &entry.plan.node.host,
        known_flags: &known,
        helper: entry.helper.as_deref(),
        // With the console flag the log files stay empty, and an unproven start is told by its last words.
        console: entry.unproven.is_none(),
        script_args: &settings.script_args,
        secrets: &settings.secret_variables,
    })
}

/// Watches the membership beside the running engine until it is alive, and writes that down.
async fn follow(
    client: &Client,
    home: &Home,
    settings: &Settings,
    entry: Entry,
    membership: Rc<RefCell<Membership>>,
) -> Beside {
    let Entry {
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
    let founder = || Some(Voice::of_seed(&plan.node.host, true, told, plan.http_port()?));
    let voice = Voice::of(&record).or_else(|| founder().filter(|_| founds));
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
                    crate::effects::enter::chain(&error)
                );
            }
            drop::<Reservations>(reservations);
            membership.replace(Membership::Alive);
            if record.first_steps_pending {
                let leader = endpoint(&cluster);
                if let Some(path) = &settings.root_password_file {
                    set_root_password(client, &leader, path).await;
                }
                run_files(client, &leader, Path::new(INIT_DIR), patience).await;
                record.first_steps_pending = false;
                if let Err(error) = places.write(&record) {
                    tracing::error!("{}", crate::effects::enter::chain(&error));
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
                tracing::error!("{}", crate::effects::enter::chain(&error));
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
                tracing::error!("{}", crate::effects::enter::chain(&error));
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
    let text = crate::effects::enter::chain(error);
    Outcome {
        output: String::new(),
        report: format!("error: {text}\n"),
        code: error.exit_code(),
    }
}
