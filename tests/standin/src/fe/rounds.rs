//! The leader's round: it polls every other registered FE, dead ones and those that never joined too, sends a heartbeat to
//! every BE and CN, and pings the brokers. Eight at a time, and the round waits for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Fe;
use crate::clock::now_millis;
use crate::group::membership::{Broker, Frontend, Membership, Node, NodeKind};
use crate::group::pulse::{NodePorts, NodeStatus};
use crate::profile::{Engine, Ping};
use crate::wire::heartbeat::{self, MasterInfo, NodeInfo};
use crate::wire::http;
use crate::wire::ping::{self, PingFe};

/// Threads of the engine's heartbeat pool.
const THREADS: usize = 8;
/// Observed: an empty BE under decommission is gone 4-16 s later, one to three rounds.
const ROUNDS_TO_EMPTY: u32 = 2;

/// What an FE told the leader; an error is the text that the list shows.
struct Told {
    replayed: u64,
    query_port: u16,
    rpc_port: u16,
    arrow_port: u16,
    start: u64,
    version: Option<String>,
}

impl Fe {
    pub(crate) async fn make_rounds(self: Arc<Self>) {
        let mut emptying: BTreeMap<u64, u32> = BTreeMap::new();
        loop {
            self.group
                .until(|s| (s.standing == crate::group::Standing::Leader).then_some(()))
                .await;
            let began = Instant::now();
            let (membership, term) = {
                let state = self.group.state();
                (state.journal.membership.clone(), state.journal.term)
            };
            self.note_myself();
            if self.settings.profile.group.writes_time {
                self.group.write_time();
            }
            self.clone().one_round(&membership, term).await;
            self.finish_decommissions(&membership, &mut emptying).await;
            tokio::time::sleep_until(began + self.settings.heartbeat).await;
        }
    }

    /// The next leader begins with what this one passed on, its own row included.
    fn note_myself(&self) {
        let mut state = self.group.state();
        let replayed = state.journal.version.index;
        let pulse = state
            .pulses
            .frontends
            .entry(self.group.me.name.clone())
            .or_default();
        pulse.succeed(now_millis());
        pulse.replayed = replayed;
        pulse.query_port = self.conf.query_port;
        pulse.rpc_port = self.conf.rpc_port;
        pulse.arrow_port = self.conf.arrow_port.unwrap_or(0);
        pulse.start_time = Some(self.start_millis);
        pulse.version = Some(self.settings.profile.version.to_owned());
    }

    /// How long one member may take: observed, 5 s in StarRocks (`heartbeat_timeout_second`) and 10 s in Doris, which is one
    /// round, so that a silent one doubles it.
    fn timeout(&self) -> Duration {
        match self.settings.profile.engine {
            Engine::StarRocks => Duration::from_secs(5),
            Engine::Doris => self.settings.heartbeat.max(Duration::from_secs(2)),
        }
    }

    /// Observed: what a leader of StarRocks finds is a write too, so that one that is cut off goes on showing everybody Alive.
    fn may_note(&self) -> bool {
        self.settings.profile.is_doris() || self.group.has_fresh_majority()
    }

    async fn one_round(self: Arc<Self>, membership: &Membership, term: u64) {
        let pool = Arc::new(Semaphore::new(THREADS));
        let mut round = JoinSet::new();
        let others = membership
            .frontends
            .iter()
            .filter(|fe| fe.name != self.group.me.name);
        for frontend in others {
            let (fe, pool, frontend) = (self.clone(), pool.clone(), frontend.clone());
            let (id, token) = (membership.cluster_id, membership.token.clone());
            round.spawn(async move {
                let _thread = pool.acquire().await;
                let found = match fe.settings.profile.fe.ping {
                    None => fe.poll(&frontend, id, &token).await,
                    Some(ping) => fe.ping(&frontend, id, &token, ping).await,
                };
                if fe.may_note() {
                    fe.note_poll(&frontend, found);
                }
            });
        }
        for node in &membership.nodes {
            let (fe, pool, node) = (self.clone(), pool.clone(), node.clone());
            let master = self.master_info(membership, &node, term);
            round.spawn(async move {
                let _thread = pool.acquire().await;
                let mut found = fe.beat(&node, &master).await;
                // Observed: Doris asks a BE once more at once.
                if found.is_err() && fe.settings.profile.is_doris() {
                    found = fe.beat(&node, &master).await;
                }
                if fe.may_note() {
                    fe.note_beat(&node, found);
                }
            });
        }
        for broker in &membership.brokers {
            let (fe, pool, broker) = (self.clone(), pool.clone(), broker.clone());
            round.spawn(async move {
                let _thread = pool.acquire().await;
                let found = fe.ping_broker(&broker).await;
                if fe.may_note() {
                    fe.note_broker(&broker, found);
                }
            });
        }
        round.join_all().await;
        self.group.announce();
    }

    /// Over HTTP, at the own `http_port`.
    async fn poll(&self, frontend: &Frontend, cluster_id: u32, token: &str) -> Result<Told, String> {
        let target = format!("/api/bootstrap?cluster_id={cluster_id}&token={token}");
        let question = http::Question {
            host: &frontend.host,
            port: self.conf.http_port,
            target: &target,
            headers: &[],
        };
        let url = format!("http://{}:{}{target}", frontend.host, self.conf.http_port);
        let reply = match http::get(&self.network, &question, self.timeout()).await {
            // FileNotFoundException carries the URL alone, and with it the token.
            Ok(reply) if reply.status == 404 || reply.status == 410 => return Err(url),
            Ok(reply) if reply.status >= 400 => {
                let status = reply.status;
                return Err(format!(
                    "Server returned HTTP response code: {status} for URL: {url}"
                ));
            }
            Ok(reply) => reply,
            Err(error) => return Err(jvm_words(&error)),
        };
        let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(&reply.body) else {
            return Err(
                "java.lang.IllegalStateException: Expected BEGIN_OBJECT but was STRING at line 1 column 1 path $"
                    .to_owned(),
            );
        };
        let text = |key: &str| body.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let number = |key: &str| body.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
        // A body without a status counts as a good answer; one that failed is named by its `message`, which is "OK".
        if text("status").is_some_and(|status| status != "OK") {
            return Err(text("message").unwrap_or_else(|| "OK".to_owned()));
        }
        Ok(Told {
            replayed: number("replayedJournalId"),
            query_port: u16::try_from(number("queryPort")).unwrap_or(0),
            rpc_port: u16::try_from(number("rpcPort")).unwrap_or(0),
            arrow_port: 0,
            start: number("feStartTime"),
            version: text("feVersion"),
        })
    }

    /// Over thrift. Observed: at the leader's own `rpc_port`, so that all FEs have to have the same.
    async fn ping(
        &self,
        frontend: &Frontend,
        cluster_id: u32,
        token: &str,
        ping: Ping,
    ) -> Result<Told, String> {
        let host = self.host_of(frontend);
        let asked = PingFe {
            cluster_id: i32::try_from(cluster_id).unwrap_or(0),
            token: token.to_owned(),
            deploy_mode: (ping == Ping::WithDeployMode).then(|| "local".to_owned()),
        };
        let told = async {
            let mut stream = self
                .network
                .connect(&host, self.conf.rpc_port, self.timeout())
                .await?;
            ping::ask_fe(&mut stream, &asked, self.timeout()).await
        };
        let told = told.await.map_err(|error| unknown_host(&host, &error))?;
        match told.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(Told {
                replayed: told.replayed,
                query_port: told.query_port,
                rpc_port: told.rpc_port,
                arrow_port: told.arrow_port,
                start: told.start,
                version: Some(told.version),
            }),
        }
    }

    fn note_poll(&self, frontend: &Frontend, found: Result<Told, String>) {
        let tolerated = self.settings.profile.fe.tolerated_rounds;
        let mut state = self.group.state();
        let pulse = state.pulses.frontends.entry(frontend.name.clone()).or_default();
        match found {
            Err(error) => pulse.fail(&error, tolerated),
            Ok(told) => {
                pulse.succeed(now_millis());
                pulse.replayed = told.replayed;
                pulse.query_port = told.query_port;
                pulse.rpc_port = told.rpc_port;
                pulse.arrow_port = told.arrow_port;
                pulse.start_time = Some(told.start);
                if told.version.is_some() {
                    pulse.version = told.version;
                }
            }
        }
    }

    async fn ping_broker(&self, broker: &Broker) -> Result<(), String> {
        let asked = async {
            let mut stream = self
                .network
                .connect(&broker.host, broker.port, self.timeout())
                .await?;
            ping::ask_broker(&mut stream, &self.identity.host, self.timeout()).await
        };
        asked.await.map_err(|error| unknown_host(&broker.host, &error))
    }

    fn note_broker(&self, broker: &Broker, found: Result<(), String>) {
        let tolerated = self.settings.profile.fe.tolerated_rounds;
        let mut state = self.group.state();
        let pulse = state.pulses.brokers.entry(broker.key()).or_default();
        match found {
            Ok(()) => pulse.succeed(now_millis()),
            Err(error) => pulse.fail(&error, tolerated),
        }
    }

    fn master_info(&self, membership: &Membership, node: &Node, term: u64) -> MasterInfo {
        MasterInfo {
            host: self.identity.host.clone(),
            rpc_port: self.conf.rpc_port.into(),
            cluster_id: i32::try_from(membership.cluster_id).unwrap_or(0),
            epoch: i64::try_from(term).unwrap_or(0),
            token: membership.token.clone(),
            backend_ip: node.host.clone(),
            http_port: self.conf.http_port.into(),
            backend_id: i64::try_from(node.id).unwrap_or(0),
            node_type: i32::from(node.kind == NodeKind::Compute),
        }
    }

    async fn beat(&self, node: &Node, master: &MasterInfo) -> Result<NodeInfo, String> {
        let engine = self.settings.profile.engine;
        let told = async {
            let mut stream = self
                .network
                .connect(&node.host, node.heartbeat_port, self.timeout())
                .await?;
            heartbeat::call(&mut stream, engine, master, self.timeout()).await
        };
        told.await.map_err(|error| unknown_host(&node.host, &error))
    }

    fn note_beat(&self, node: &Node, found: Result<NodeInfo, String>) {
        let profile = self.settings.profile;
        let tolerated = profile.fe.tolerated_rounds;
        // Doris tells the start in milliseconds.
        let unit = if profile.is_doris() { 1 } else { 1000 };
        let mut state = self.group.state();
        let pulse = state.pulses.nodes.entry(node.id).or_default();
        match found {
            Err(error) => pulse.fail(&error, tolerated),
            Ok(info) if info.status == heartbeat::STATUS_SHUTDOWN => pulse.stop(),
            Ok(info) if info.status != heartbeat::STATUS_OK => {
                let error = info.errors.first().map_or("Unknown error", String::as_str);
                pulse.fail(error, tolerated);
            }
            Ok(info) => {
                pulse.failures = 0;
                pulse.error.clear();
                pulse.alive = true;
                pulse.status = NodeStatus::Ok;
                pulse.last_heartbeat = Some(now_millis());
                pulse.last_start = u64::try_from(info.start).ok().map(|start| start * unit);
                pulse.role = info.role;
                // Observed: it stays Alive.
                pulse.shutting_down = info.shutting_down;
                pulse.version = info.version;
                pulse.cores = info.cores;
                pulse.ports = Some(NodePorts {
                    be: info.be_port,
                    http: info.http_port,
                    brpc: info.brpc_port,
                    arrow: info.arrow_port,
                });
            }
        }
    }

    /// An empty BE under decommission is dropped by the cluster itself.
    async fn finish_decommissions(&self, membership: &Membership, emptying: &mut BTreeMap<u64, u32>) {
        let leaving: Vec<u64> = membership
            .nodes
            .iter()
            .filter(|n| n.decommissioned && self.tablets_to_leave(n) == 0)
            .map(|n| n.id)
            .collect();
        emptying.retain(|id, _| leaving.contains(id));
        for id in leaving {
            let rounds = emptying.entry(id).or_default();
            *rounds += 1;
            if *rounds > ROUNDS_TO_EMPTY {
                let dropped = self.group.propose(|membership| {
                    membership
                        .nodes
                        .retain(|node| !(node.id == id && node.decommissioned));
                    Ok(())
                });
                dropped.await.ok();
            }
        }
    }
}

/// `Throwable.getMessage()`, which is what the poll of FEs keeps.
fn jvm_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset => "Connection reset".to_owned(),
        std::io::ErrorKind::HostUnreachable => "No route to host".to_owned(),
        _ => error.to_string(),
    }
}

/// What the list shows of a host that could not be asked.
fn unknown_host(host: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("java.net.UnknownHostException: {host}"),
        _ => jvm_exception(error),
    }
}

/// Class and message, which is what the heartbeat of BEs keeps.
fn jvm_exception(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "java.net.ConnectException: Connection refused".to_owned(),
        std::io::ErrorKind::HostUnreachable => "java.net.NoRouteToHostException: No route to host".to_owned(),
        std::io::ErrorKind::TimedOut => "java.net.SocketTimeoutException: Read timed out".to_owned(),
        std::io::ErrorKind::ConnectionReset => "java.net.SocketException: Connection reset".to_owned(),
        _ => error.to_string(),
    }
}
