//! `muster doctor`: what may be wrong with this host, this container, this node, the ways to the others and the cluster. It looks
//! and asks, and changes nothing.

use std::ffi::OsString;
use std::path::Path;

use futures_util::future::join3;

use crate::cli::DoctorArgs;
use crate::effects::doctor::{configs, dial, resolved};
use crate::effects::history::History;
use crate::effects::settle_ports::settle;
use crate::engine::{Component, Engine};
use crate::exit::ExitCode;
use crate::facts::disk::Disk;
use crate::facts::history::Event;
use crate::facts::home::Home;
use crate::facts::host::HostFacts;
use crate::facts::mounts::Mounts;
use crate::facts::pidfile::PidFileState;
use crate::facts::status::Status;
use crate::facts::{Facts, gather, loose_images};
use crate::plan::doctor::{Examination, Examined, Node, Severity, examine, print, script};
use crate::plan::refusal::Refusal;
use crate::plan::view::view;
use crate::plan::{Plan, Prescribed, also};
use crate::settings::{Flags, Host, ImageSettings, Settings};
use crate::verbs::asks::Asks;
use crate::verbs::{Outcome, fe_endpoints, machine, own_node};
use std::collections::BTreeMap;

/// The node of this container, as it was found.
struct Found {
    facts: Facts,
    plan: Result<Plan, Vec<Refusal>>,
    disks: Vec<Result<Disk, (std::path::PathBuf, String)>>,
    state_disk: Option<Disk>,
    loose_images: usize,
    events: Vec<Event>,
    /// Its host, and the addresses of that.
    hosts: Vec<Host>,
}

/// What was looked at, and found.
pub(super) struct Diagnosis {
    pub engine: &'static Engine,
    pub result: Examination,
    /// Settings that cannot be read: there is no node to look at.
    unread: Option<Outcome>,
}

/// `asks`: the error is why nobody can be asked.
pub async fn doctor(
    args: &DoctorArgs,
    flags: Flags,
    vars: Vec<(OsString, OsString)>,
    asks: Result<Asks, Outcome>,
) -> Outcome {
    let Diagnosis {
        engine,
        result,
        unread,
    } = match diagnose([&args.only, &args.skip], flags, vars, asks).await {
        Ok(diagnosis) => diagnosis,
        Err(outcome) => return outcome,
    };
    let fails = result.count(Severity::Error) > 0 || (args.strict && result.count(Severity::Warning) > 0);
    let output = match (args.script, args.json) {
        (true, _) => script::script(&result),
        (false, true) => print::json(&result, engine),
        (false, false) => print::text(&result),
    };
    Outcome {
        output,
        code: match &unread {
            Some(outcome) => outcome.code,
            None if fails => ExitCode::Unhealthy,
            None => ExitCode::Ok,
        },
        report: unread.map(|outcome| outcome.report).unwrap_or_default(),
    }
}

/// Runs the checks of the names in `only`, or all, but those in `skip`.
pub(super) async fn diagnose(
    [only, skip]: [&[String]; 2],
    flags: Flags,
    vars: Vec<(OsString, OsString)>,
    asks: Result<Asks, Outcome>,
) -> Result<Diagnosis, Outcome> {
    let named = ImageSettings::read(&flags, &vars).ok();
    let named = named
        .and_then(|(image, _)| image.engine)
        .map(|engine| engine.value);
    let engine = machine::image_engine(&flags, &vars).or(named);
    let node = node(flags, vars);
    let Some(engine) = engine else {
        return Err(asks
            .err()
            .unwrap_or_else(|| Outcome::internal("no engine is known")));
    };
    let host = HostFacts::look(Path::new("/"));
    let own = node.as_ref().and_then(|node| node.as_ref().ok());
    let component = own.map(|node| node.facts.home.component);
    let cluster = match &asks {
        Ok(asks) => Some(ask(asks, engine, component, own).await),
        Err(_) => None,
    };
    let examined = Examined {
        engine,
        component,
        host: &host,
        node: own.map(|node| Node {
            facts: &node.facts,
            plan: node.plan.as_ref().map_err(Vec::as_slice),
            disks: &node.disks,
            state_disk: node.state_disk.as_ref(),
            loose_images: node.loose_images,
            events: &node.events,
        }),
        dialled: cluster.as_ref().map_or(&[], |cluster| &cluster.dialled),
        configs: cluster.as_ref().map_or(&[], |cluster| &cluster.configs),
        resolved: cluster.as_ref().map_or(&[], |cluster| &cluster.resolved),
        view: cluster.as_ref().map(|cluster| &cluster.view),
    };
    let result = examine(&examined, only, skip);
    Ok(Diagnosis {
        engine,
        result,
        unread: node.and_then(Result::err),
    })
}

/// What the others say.
struct Cluster {
    view: crate::plan::view::View,
    dialled: Vec<crate::plan::doctor::Dialled>,
    configs: Vec<crate::plan::doctor::Config>,
    resolved: Vec<(String, Result<Vec<String>, String>)>,
}

async fn ask(
    asks: &Asks,
    engine: &'static Engine,
    component: Option<Component>,
    own: Option<&Found>,
) -> Cluster {
    let seen = asks.observe(false).await;
    let hosts = own.map(|node| node.hosts.as_slice()).unwrap_or_default();
    let known = asks.known_ports();
    let client = asks.client();
    let (dialled, configs, resolved) = join3(
        dial(&seen, engine, (component, hosts), &known),
        configs(&seen, &client, engine),
        resolved(&seen),
    )
    .await;
    Cluster {
        view: view(&seen),
        dialled,
        configs,
        resolved,
    }
}

/// Looks at the node of this container; `None` if there is none: an image without an engine, or without settings.
fn node(flags: Flags, vars: Vec<(OsString, OsString)>) -> Option<Result<Found, Outcome>> {
    let home = machine::image_home(&flags, &vars)?;
    let (image, _) = ImageSettings::read(&flags, &vars).ok()?;
    let meant = |name: &str| vars.iter().any(|(known, _)| known.to_str() == Some(name));
    let has_record = fe_endpoints::record(&home, &image).1.record().is_some();
    if !has_record && !meant("MASTER_HOST") && !meant("LOCAL_HOST") && flags.component.is_none() {
        return None;
    }
    Some(super::read(flags, vars).map(|(settings, home)| found(&settings, home)))
}

fn found(settings: &Settings, home: Home) -> Found {
    let root = Path::new("/");
    let mut facts = gather(settings, home, root);
    at_rest(&mut facts, settings);
    // Reserves nothing: a reservation could block a node that starts at this moment.
    let plan = settle(
        settings,
        &mut facts,
        &Prescribed::default(),
        &mut BTreeMap::new(),
        |_: &[u16]| Ok(()),
    );
    let mounts = Mounts::read(root);
    let disks = facts
        .data_dirs()
        .into_iter()
        .map(|dir| Disk::look(&dir, root, &mounts).map_err(|why| (dir, why)));
    let disks = disks.collect();
    let loose_images = match facts.data_dirs().first() {
        Some(dir) if facts.home.component.is_fe() => loose_images(dir),
        _ => 0,
    };
    let state_dir = fe_endpoints::state_dir(&facts.home, &settings.image);
    let events = History::of(&state_dir, facts.home.component).events();
    let own = [settings.local_host.value.clone()].into_iter();
    let hosts = own.chain(also(&facts)).collect();
    Found {
        facts,
        plan,
        disks,
        state_disk: Disk::look(&state_dir, root, &mounts).ok(),
        loose_images,
        events,
        hosts,
    }
}

/// The facts as if nothing ran here: what the muster or the engine of this container holds is its own.
fn at_rest(facts: &mut Facts, settings: &Settings) {
    let state_dir = fe_endpoints::state_dir(&facts.home, &settings.image);
    let waits = Status::read(&Status::path(&state_dir, facts.home.component), Path::new("/")).is_some();
    if let Some((_, stopped)) = facts.once_stopped() {
        *facts = stopped;
    } else if waits {
        facts.holder = None;
        facts.pid_file.state = PidFileState::Missing;
    }
    facts
        .ports
        .leave_out(own_node::ports(&facts.home, &settings.image));
}
