//! The leader's round: it polls every other registered FE, dead ones and those that never joined too, and sends a
//! heartbeat to every BE and CN. Eight at a time, and the round waits for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Fe;
use crate::clock::now_millis;
use crate::group::membership::{Frontend, Membership, Node, NodeKind};
use crate::group::pulse::{NodePorts, NodeStatus};
use crate::wire::heartbeat::{self, MasterInfo, NodeInfo};
use crate::wire::http;

/// Threads of the engine's heartbeat pool.
const THREADS: usize = 8;
/// `heartbeat_timeout_second`.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Observed: an empty BE under decommission is gone 4-16 s later, one to three rounds.
const ROUNDS_TO_EMPTY: u32 = 2;

/// What an FE's `/api/bootstrap` came to.
enum Poll {
    Alive {
        replayed: u64,
        query_port: u16,
        rpc_port: u16,
        start: u64,
        version: Option<String>,
    },
    Failed(String),
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
        pulse.start_time = Some(self.start_millis);
        pulse.version = Some(self.settings.profile.version().to_owned());
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
            let question = format!(
                "/api/bootstrap?cluster_id={}&token={}",
                membership.cluster_id, membership.token
            );
            round.spawn(async move {
                let _thread = pool.acquire().await;
                let found = fe.poll(&frontend, &question).await;
                if fe.group.has_fresh_majority() {
                    fe.note_poll(&frontend, found);
                }
            });
        }
        for node in &membership.nodes {
            let (fe, pool, node) = (self.clone(), pool.clone(), node.clone());
            let master = self.master_info(membership, &node, term);
            round.spawn(async move {
                let _thread = pool.acquire().await;
                let found = fe.beat(&node, &master).await;
                if fe.group.has_fresh_majority() {
                    fe.note_beat(&node, found);
                }
            });
        }
        round.join_all().await;
        self.group.announce();
    }

    async fn poll(&self, frontend: &Frontend, question: &str) -> Poll {
        let port = self.conf.http_port;
        let reply = http::get(&self.network, &frontend.host, port, question, TIMEOUT).await;
        let url = format!("http://{}:{port}{question}", frontend.host);
        let reply = match reply {
            // FileNotFoundException carries the URL alone, and with it the token.
            Ok(reply) if reply.status == 404 || reply.status == 410 => return Poll::Failed(url),
            Ok(reply) if reply.status >= 400 => {
                let status = reply.status;
                return Poll::Failed(format!(
                    "Server returned HTTP response code: {status} for URL: {url}"
                ));
            }
            Ok(reply) => reply,
            Err(error) => return Poll::Failed(jvm_words(&error)),
        };
        let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(&reply.body) else {
            return Poll::Failed(
                "java.lang.IllegalStateException: Expected BEGIN_OBJECT but was STRING at line 1 column 1 path $"
                    .to_owned(),
            );
        };
        let text = |key: &str| body.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let number = |key: &str| body.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
        // A body without a status counts as a good answer; one that failed is named by its `message`, which is "OK".
        if text("status").is_some_and(|status| status != "OK") {
            return Poll::Failed(text("message").unwrap_or_else(|| "OK".to_owned()));
        }
        Poll::Alive {
            replayed: number("replayedJournalId"),
            query_port: u16::try_from(number("queryPort")).unwrap_or(0),
            rpc_port: u16::try_from(number("rpcPort")).unwrap_or(0),
            start: number("feStartTime"),
            version: text("feVersion"),
        }
    }

    fn note_poll(&self, frontend: &Frontend, found: Poll) {
        let mut state = self.group.state();
        let pulse = state.pulses.frontends.entry(frontend.name.clone()).or_default();
        match found {
            Poll::Failed(error) => pulse.fail(&error),
            Poll::Alive {
                replayed,
                query_port,
                rpc_port,
                start,
                version,
            } => {
                pulse.succeed(now_millis());
                pulse.replayed = replayed;
                pulse.query_port = query_port;
                pulse.rpc_port = rpc_port;
                pulse.start_time = Some(start);
                if version.is_some() {
                    pulse.version = version;
                }
            }
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

    async fn beat(&self, node: &Node, master: &MasterInfo) -> std::io::Result<NodeInfo> {
        let mut stream = self
            .network
            .connect(&node.host, node.heartbeat_port, TIMEOUT)
            .await?;
        heartbeat::call(&mut stream, master, TIMEOUT).await
    }

    fn note_beat(&self, node: &Node, found: std::io::Result<NodeInfo>) {
        let mut state = self.group.state();
        let pulse = state.pulses.nodes.entry(node.id).or_default();
        match found {
            Err(error) => pulse.fail(&jvm_exception(&error)),
            Ok(info) if info.status == heartbeat::STATUS_SHUTDOWN => pulse.stop(),
            Ok(info) if info.status != heartbeat::STATUS_OK => {
                let error = info.errors.first().map_or("Unknown error", String::as_str);
                pulse.fail(error);
            }
            Ok(info) => {
                pulse.failures = 0;
                pulse.error.clear();
                pulse.alive = true;
                pulse.status = NodeStatus::Ok;
                pulse.last_heartbeat = Some(now_millis());
                pulse.last_start = u64::try_from(info.reboot_time).ok().map(|seconds| seconds * 1000);
                pulse.version = info.version;
                pulse.cores = info.cores;
                pulse.ports = Some(NodePorts {
                    be: info.be_port,
                    http: info.http_port,
                    brpc: info.brpc_port,
                });
            }
        }
    }

    /// An empty BE under decommission is dropped by the cluster itself.
    async fn finish_decommissions(&self, membership: &Membership, emptying: &mut BTreeMap<u64, u32>) {
        let leaving: Vec<u64> = membership
            .nodes
            .iter()
            .filter(|n| n.decommissioned)
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
