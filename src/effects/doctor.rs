//! What `doctor` asks of the other nodes, all at once: every port of theirs that this node needs, the addresses of their names,
//! the settings of every FE.

use std::time::Duration;

use futures_util::future::join_all;

use crate::cluster::greeting::greets;
use crate::cluster::{Client, http, is_open};
use crate::effects::survey::cell;
use crate::engine::dialler::Dialler;
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend, Row};
use crate::engine::{Component, Engine, PortName};
use crate::facts::resolve::resolve;
use crate::plan::doctor::{Config, Dialled};
use crate::plan::view::observed::Observed;
use crate::settings::{Endpoint, Host};

/// No way inside a data centre takes longer.
const BRIEF: Duration = Duration::from_secs(1);

/// A port of a node in a list.
struct Port {
    component: Component,
    host: String,
    name: PortName,
    number: u16,
}

/// Dials, for a node of this component at these hosts; without one: as somebody who only asks. `known`: FEs that were named, each
/// with its ports for SQL and HTTP.
pub async fn dial(
    seen: &Observed,
    engine: &'static Engine,
    (component, own): (Option<Component>, &[Host]),
    known: &[(Host, u16, u16)],
) -> Vec<Dialled> {
    let from = component.map_or(Dialler::User, Dialler::of);
    let is = |host: &Host, port: &Port| Host::parse(&port.host).is_ok_and(|other| other == *host);
    let mut ports = listed(seen);
    for (host, query, http) in known {
        if !ports.iter().any(|port| port.component.is_fe() && is(host, port)) {
            let numbers = [(PortName::Http, *http), (PortName::Query, *query)];
            ports.extend(of(Component::Fe, &host.to_string(), &numbers));
        }
    }
    let ports = ports.into_iter().filter(|port| {
        let (diallers, _) = port.name.dialled_by();
        let is_own = component == Some(port.component) && own.iter().any(|host| is(host, port));
        port.number != 0 && !is_own && diallers.contains(&from)
    });
    let dialled = ports.filter_map(|port| {
        let key = engine.port(port.component, port.name)?.conf_key;
        let (_, purpose) = port.name.dialled_by();
        Some(async move {
            let answer = answer(engine, &port).await;
            Dialled {
                component: port.component,
                host: port.host,
                port: port.number,
                key,
                purpose,
                answer,
            }
        })
    });
    join_all(dialled).await
}

async fn answer(engine: &Engine, port: &Port) -> Result<(), Failure> {
    let host = Host::parse(&port.host).map_err(|problem| Failure::Unresolvable(problem.to_string()))?;
    let probes = &engine.probes;
    match port.name {
        PortName::Query => greets(&at(host, port.number), BRIEF).await,
        // One that does not serve yet is the engine all the same.
        PortName::Http => is_engine(http::bootstrap(probes, &host, port.number, BRIEF).await.map(drop)),
        PortName::BeHttp => is_engine(
            http::backend_health(probes, &host, port.number, BRIEF)
                .await
                .map(drop),
        ),
        _ => is_open(&at(host, port.number), BRIEF).await,
    }
}

fn at(host: Host, port: u16) -> Endpoint {
    Endpoint { host, port }
}

fn is_engine(answer: Result<(), Failure>) -> Result<(), Failure> {
    match answer {
        Err(Failure::NotReady(_) | Failure::NoLeader(_)) => Ok(()),
        answer => answer,
    }
}

/// Every port that the lists name.
fn listed(seen: &Observed) -> Vec<Port> {
    let mut ports = Vec::new();
    let shown = seen
        .answers
        .iter()
        .filter_map(|answer| answer.said.as_deref().ok());
    // Of an FE that several show, one.
    let mut frontends: Vec<&Frontend> = Vec::new();
    for fe in shown.flatten() {
        if frontends
            .iter()
            .all(|known| (&known.host, known.edit_log_port) != (&fe.host, fe.edit_log_port))
        {
            frontends.push(fe);
        }
    }
    for fe in frontends {
        ports.extend(of_frontend(fe));
    }
    for (component, list) in &seen.lists {
        for row in list.as_deref().unwrap_or_default() {
            ports.extend(of_backend(row.component.unwrap_or(*component), row));
        }
    }
    ports
}

fn of_frontend(fe: &Frontend) -> Vec<Port> {
    let numbers = [
        (PortName::EditLog, fe.edit_log_port),
        (PortName::Http, fe.http_port),
        (PortName::Query, fe.query_port),
        (PortName::Rpc, fe.rpc_port),
    ];
    of(Component::Fe, &fe.host, &numbers)
}

fn of_backend(component: Component, row: &Backend) -> Vec<Port> {
    if component == Component::Broker {
        return of(component, &row.host, &[(PortName::BrokerIpc, row.port)]);
    }
    let numbers = [
        (PortName::Heartbeat, row.port),
        (PortName::BeHttp, row.http_port),
        (PortName::Be, row.be_port),
        (PortName::Brpc, row.brpc_port),
    ];
    of(component, &row.host, &numbers)
}

fn of(component: Component, host: &str, numbers: &[(PortName, u16)]) -> Vec<Port> {
    let port = |(name, number): &(PortName, u16)| Port {
        component,
        host: host.to_owned(),
        name: *name,
        number: *number,
    };
    numbers.iter().map(port).collect()
}

/// The addresses here of every host of the lists that is a name.
pub async fn resolved(seen: &Observed) -> Vec<(String, Result<Vec<String>, String>)> {
    let mut hosts: Vec<String> = listed(seen).into_iter().map(|port| port.host).collect();
    hosts.sort();
    hosts.dedup();
    let names = hosts.into_iter().filter_map(|text| match Host::parse(&text) {
        Ok(host @ Host::Name(_)) => Some(async move {
            let found = resolve(&host).await;
            (
                text,
                found.map(|all| all.iter().map(ToString::to_string).collect()),
            )
        }),
        _ => None,
    });
    join_all(names).await
}

/// Asks every FE that can be asked for its own settings.
pub async fn configs(seen: &Observed, client: &Client, engine: &Engine) -> Vec<Config> {
    let answered = seen.answers.iter().filter(|answer| answer.said.is_ok());
    let asked = answered.map(async |answer| {
        let at = Endpoint {
            host: answer.from.clone(),
            port: answer.port,
        };
        let environment = &engine.environment;
        let rows = client
            .show_after(&at, environment.for_itself, environment.show_config)
            .await;
        let pair = |row: &Row| Some((cell(row, "Key")?.to_owned(), cell(row, "Value")?.to_owned()));
        Config {
            host: answer.from.to_string(),
            keys: rows.map(|rows| rows.iter().filter_map(pair).collect()),
        }
    });
    join_all(asked).await
}
