//! `muster health`: exits with 0 or 1 and prints one line. Checks the node's own ports, as the record names them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::cli::HealthArgs;
use crate::cluster::{Client, greeting, http, is_open};
use crate::effects::look::{CONTRADICTION, look};
use crate::effects::roster::{MemberRow, row};
use crate::engine::{Component, PortName};
use crate::exit::ExitCode;
use crate::facts::home::{self, Home};
use crate::facts::process;
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::facts::status::{Phase, Status};
use crate::plan::leader::Belief;
use crate::plan::node::Identity;
use crate::settings::{Endpoint, Flags, Host, ImageSettings, Settings};
use crate::verbs::{Outcome, fe_endpoints, machine};

/// The depth of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Live,
    Ready,
    Deep,
}

/// The reason why a node is not healthy, as one line.
type Why = String;

/// Checks this node.
pub async fn health(args: &HealthArgs, flags: Flags, vars: Vec<(OsString, OsString)>) -> Outcome {
    let depth = match (args.live, args.deep) {
        (true, _) => Depth::Live,
        (_, true) => Depth::Deep,
        (false, false) => Depth::Ready,
    };
    let image = match ImageSettings::read(&flags, &vars) {
        Ok((image, _)) => image,
        Err(problems) => return not_healthy(&problems.to_string()),
    };
    let home = match home::find(&image, Path::new("/")) {
        Ok(home) => home,
        Err(problem) => return not_healthy(&problem.to_string()),
    };
    let within = args.timeout;
    let checked = timeout(within, check(depth, &home, &image, flags.clone(), &vars, within)).await;
    let checked = checked.unwrap_or_else(|_| Err(format!("no answer within {} s", within.as_secs_f64())));
    match checked {
        Ok(line) => Outcome {
            output: format!("{line}\n"),
            report: String::new(),
            code: ExitCode::Ok,
        },
        Err(why) => not_healthy(&why),
    }
}

/// Checks the page that this container serves; it has no node.
pub async fn of_page(listen: SocketAddr, within: Duration) -> Outcome {
    let at = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    match http::page_serves(&Host::from(at), listen.port(), within).await {
        Ok(()) => Outcome::printed("the page answers\n".to_owned()),
        Err(why) => not_healthy(&format!("the page at {listen} does not answer: {why}")),
    }
}

fn not_healthy(why: &str) -> Outcome {
    // On stdout, where Docker keeps the output of a health check; one line, well below its 4096 bytes.
    let line: String = why
        .lines()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(1000)
        .collect();
    Outcome {
        output: format!("{line}\n"),
        report: String::new(),
        code: ExitCode::Unhealthy,
    }
}

async fn check(
    depth: Depth,
    home: &Home,
    image: &ImageSettings,
    flags: Flags,
    vars: &[(OsString, OsString)],
    within: Duration,
) -> Result<String, Why> {
    let status = Status::read(
        &Status::path(&fe_endpoints::state_dir(home, image), home.component),
        Path::new("/"),
    );
    if let Some(status) = &status
        && status.phase == Phase::Waiting
    {
        return Err(status.sentence());
    }
    let line = check_engine(depth, home, image, status.as_ref(), (flags, vars), within).await?;
    // A running engine does not depend on the clock; its next start does.
    let clock = status.map(|status| status.clock).unwrap_or_default();
    Ok(if clock.is_empty() {
        line
    } else {
        format!("{line}; {clock}")
    })
}

async fn check_engine(
    depth: Depth,
    home: &Home,
    image: &ImageSettings,
    status: Option<&Status>,
    (flags, vars): (Flags, &[(OsString, OsString)]),
    within: Duration,
) -> Result<String, Why> {
    let record = record(home, image)?;
    if depth != Depth::Live {
        listed(&record, status)?;
    }
    let what = home.component.name();
    // Less than the whole timeout, so that the message can name the silent peer.
    let within = within * 9 / 10;
    if depth == Depth::Live {
        live(home, &record, within).await?;
        return Ok(format!(
            "{what} runs and its port {} is open",
            identity_port(&record)?
        ));
    }
    if let Err(why) = ready(home, &record, within).await {
        // While muster waits it listens on the engine's ports itself, so an answer may not come from the engine.
        return Err(running(home).err().unwrap_or(why));
    }
    if depth == Depth::Deep {
        return deep(home, &record, flags, vars).await;
    }
    Ok(format!("{what} is ready"))
}

/// Checks the status file and the record for signs that this node is no longer a member.
fn listed(record: &Record, status: Option<&Status>) -> Result<(), Why> {
    if let Some(status) = status.filter(|status| !status.notice.is_empty()) {
        return Err(status.notice.clone());
    }
    if record.progress == Progress::Dropped {
        return Err(format!(
            "cluster {} no longer lists {}: this node was dropped (from the record)",
            record.cluster_id.as_deref().unwrap_or("?"),
            record.host
        ));
    }
    Ok(())
}

/// Checks that the node serves.
async fn ready(home: &Home, record: &Record, within: Duration) -> Result<(), Why> {
    let what = home.component.name();
    let port = |name: PortName| {
        record
            .ports
            .get(&name)
            .copied()
            .ok_or_else(|| format!("the record names no {}", name.variable()))
    };
    match home.component {
        Component::Fe => {
            let http = port(PortName::Http)?;
            http::bootstrap(&home.engine.probes, &record.host, http, within)
                .await
                .map_err(|why| format!("FE http port {http}: {why}"))?;
            let query = Endpoint {
                host: record.host.clone(),
                port: port(PortName::Query)?,
            };
            greeting::greets(&query, within)
                .await
                .map_err(|why| format!("FE query port {}: {why}", query.port))
        }
        Component::Be | Component::Cn | Component::Broker => {
            // A broker answers on one port only, and not in HTTP.
            if home.engine.port(home.component, PortName::BeHttp).is_some() {
                let http = port(PortName::BeHttp)?;
                http::backend_health(&home.engine.probes, &record.host, http, within)
                    .await
                    .map_err(|why| format!("{what} http port {http}: {why}"))?;
            }
            is_listening(record, within).await
        }
    }
}

/// Reads the record from the state dir, which is found without the conf file.
fn record(home: &Home, image: &ImageSettings) -> Result<Record, Why> {
    let (path, copy) = fe_endpoints::record(home, image);
    match copy {
        RecordCopy::Present(record) => Ok(record),
        RecordCopy::Missing => Err(format!(
            "not started yet: the record {} does not exist",
            path.display()
        )),
        RecordCopy::Unreadable { why, .. } => {
            Err(format!("the record {} cannot be read: {why}", path.display()))
        }
        RecordCopy::Newer { version, .. } => Err(format!(
            "the record {} has version {version}, written by a newer muster",
            path.display()
        )),
    }
}

fn identity_port(record: &Record) -> Result<u16, Why> {
    record
        .identity_port()
        .ok_or_else(|| "the record does not name the port that identifies this node".to_owned())
}

fn running(home: &Home) -> Result<(), Why> {
    if process::runs(home, Path::new("/")) {
        return Ok(());
    }
    Err(format!(
        "no {} process of {} runs",
        home.component.name(),
        home.dir.display()
    ))
}

async fn live(home: &Home, record: &Record, within: Duration) -> Result<(), Why> {
    running(home)?;
    is_listening(record, within).await
}

async fn is_listening(record: &Record, within: Duration) -> Result<(), Why> {
    let at = Endpoint {
        host: record.host.clone(),
        port: identity_port(record)?,
    };
    let open = is_open(&at, within).await;
    open.map_err(|why| format!("port {} is not open: {why}", at.port))
}

/// Checks how the cluster lists this node.
async fn deep(
    home: &Home,
    record: &Record,
    flags: Flags,
    vars: &[(OsString, OsString)],
) -> Result<String, Why> {
    let flags = machine::look(flags, vars);
    let (settings, _) =
        Settings::read(flags, vars.iter().cloned()).map_err(|problems| problems.to_string())?;
    let client = Client::new(&settings, home.engine);
    let known = fe_endpoints::endpoints(&settings, home.engine, Some(record));
    let round = look(
        &client,
        &known,
        home.engine.heartbeat,
        Duration::from_secs(60),
        CONTRADICTION,
    )
    .await;
    let cluster = match &round.belief {
        Belief::Leader(cluster) => cluster,
        Belief::Doubt(_) | Belief::Nobody => {
            return Err(format!("no leader: {}", round.no_leader()));
        }
    };
    let also = BTreeSet::new();
    let identity = Identity {
        component: home.component,
        host: &record.host,
        also: &also,
        identity_port: identity_port(record)?,
    };
    let leader = cluster.endpoint();
    match row(&client, &identity, cluster).await {
        Err(why) => Err(format!("{leader}: {why}")),
        Ok(MemberRow::None) => Err(format!("the leader {leader} does not list this node")),
        Ok(MemberRow::NotAlive(error)) => Err(format!(
            "the leader {leader} shows this node as not alive: {error}"
        )),
        Ok(MemberRow::Alive) => Ok(format!(
            "{} is alive in cluster {} led by {}",
            home.component.name(),
            cluster.id,
            cluster.leader.host
        )),
    }
}
