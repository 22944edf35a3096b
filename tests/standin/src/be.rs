//! The BE (and, with `--cn`, StarRocks' CN): its ports in the observed order, a cluster id per storage path, and an answer
//! to the leader's heartbeat.

mod prepare;
mod storage;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::address::Identity;
use crate::faults::Faults;
use crate::halt::Halt;
use crate::log::Log;
use crate::network::{self, Network, keep_open};
use crate::profile::Engine;
use crate::settings::Settings;
use crate::wire::heartbeat::{self, MasterInfo, NodeInfo};
use crate::wire::http::{Exchange, Response};
use storage::{cluster_id, write_cluster_id};

#[derive(Debug, Clone, Copy)]
struct Ports {
    be: u16,
    http: u16,
    heartbeat: u16,
    brpc: u16,
    starlet: Option<u16>,
    arrow: Option<u16>,
}

#[derive(Debug)]
struct Be {
    settings: Settings,
    faults: Faults,
    log: Log,
    ports: Ports,
    storage: Vec<PathBuf>,
    identity: Identity,
    computes: bool,
    /// `be_node_role` of Doris.
    role: String,
    /// The cluster it belongs to, by its conf or its storage; -1 before the first heartbeat.
    cluster_id: AtomicI32,
    /// Engine seconds from a stop to its end.
    stop: f64,
    start_millis: u64,
    served: AtomicBool,
    leaving: AtomicBool,
    ends: mpsc::UnboundedSender<()>,
}

pub(crate) async fn run(settings: Settings, words: &[String]) -> Halt {
    let computes = words.iter().any(|word| word == "--cn");
    let scale = settings.scale;
    let (ends, mut ended) = mpsc::unbounded_channel();
    let (Ok(mut term), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return Halt::with_code(255, "cannot listen for signals");
    };
    let be = match Be::prepare(settings, computes, ends).await {
        Ok(be) => Arc::new(be),
        Err(halt) => return halt,
    };
    let life = async {
        match be.clone().serve().await {
            Ok(never) => never,
            Err(halt) => halt,
        }
    };
    tokio::pin!(life);
    tokio::select! {
        halt = &mut life => return halt,
        // Without any credentials, and at once.
        _ = ended.recv() => return Halt::with_code(0, ""),
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    be.leaving.store(true, Ordering::Relaxed);
    let fragments = if be.faults.is("stop", "slow") {
        20.0
    } else {
        be.stop
    };
    // Its ports stay open meanwhile: a heartbeat now hears of the stop.
    tokio::select! {
        halt = life => halt,
        () = scale.sleep(fragments) => Halt::with_code(0, ""),
    }
}

impl Be {
    /// thrift, brpc, http, starlet, and the heartbeat last: an open heartbeat port means a started node.
    async fn serve(self: Arc<Self>) -> Result<Halt, Halt> {
        self.faults.strike_at("storage");
        self.settings.scale.sleep(1.5).await;
        let thrift = self.listen(self.ports.be, "thrift")?;
        let brpc = self.listen(self.ports.brpc, "brpc")?;
        let pages = self.listen(self.ports.http, "http")?;
        let mut idle = vec![thrift, brpc];
        for (port, what) in [
            (self.ports.starlet, "starlet"),
            (self.ports.arrow, "arrow flight"),
        ] {
            if let Some(port) = port {
                idle.push(self.listen(port, what)?);
            }
        }
        for listener in idle {
            tokio::spawn(keep_open(listener));
        }
        tokio::spawn(self.clone().serve_http(pages));
        self.faults.strike_at("ports");
        self.settings.scale.sleep(0.5).await;
        let listener = self.listen(self.ports.heartbeat, "heartbeat")?;
        self.faults.strike_at("heartbeat");
        self.served.store(true, Ordering::Relaxed);
        self.log.info("BE started successfully");
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                self.settings.scale.sleep(0.1).await;
                continue;
            };
            let be = self.clone();
            tokio::spawn(async move {
                be.serve_heartbeats(stream).await.ok();
            });
        }
    }

    fn listen(&self, port: u16, what: &str) -> Result<TcpListener, Halt> {
        let profile = self.settings.profile;
        network::listen(self.settings.listen_on(port)).map_err(|_| {
            let be = match profile.engine {
                Engine::StarRocks => "StarRocks Be",
                Engine::Doris => "Doris Be",
            };
            Halt::with_code(
                profile.be.port_taken,
                format!("{be} {what} server did not start correctly, exiting. Its port: {port}"),
            )
        })
    }

    async fn serve_heartbeats(&self, mut stream: TcpStream) -> io::Result<()> {
        if self.faults.is("heartbeat", "hang") {
            return crate::fe::session::hold(stream).await;
        }
        let mut buffer = Vec::new();
        while let Some((sequence, master)) = heartbeat::accept(&mut stream, &mut buffer).await? {
            self.faults.slow_down("heartbeat").await;
            let info = self.answer(&master).await;
            heartbeat::answer(&mut stream, self.settings.profile.engine, sequence, &info).await?;
        }
        Ok(())
    }

    async fn answer(&self, master: &MasterInfo) -> NodeInfo {
        let leaving = self.leaving.load(Ordering::Relaxed);
        let refusal = match self.settings.profile.engine {
            Engine::StarRocks if leaving => {
                Some((heartbeat::STATUS_SHUTDOWN, "BE is shutting down".to_owned()))
            }
            _ => {
                let objection = self.objection(master).await;
                objection.map(|text| (heartbeat::STATUS_INTERNAL_ERROR, text))
            }
        };
        if let (Some((status, text)), Engine::Doris) = (&refusal, self.settings.profile.engine) {
            return NodeInfo {
                status: *status,
                errors: vec![text.clone()],
                ..NodeInfo::default()
            };
        }
        let start = i64::try_from(self.start_millis).unwrap_or(0);
        let mut info = NodeInfo {
            be_port: self.ports.be.into(),
            http_port: self.ports.http.into(),
            brpc_port: self.ports.brpc.into(),
            starlet_port: self.ports.starlet.unwrap_or(0).into(),
            arrow_port: self.ports.arrow.map_or(-1, i32::from),
            version: self.settings.profile.version.to_owned(),
            cores: 2,
            start: match self.settings.profile.engine {
                Engine::StarRocks => start / 1000,
                Engine::Doris => start,
            },
            has_storage: !self.computes,
            role: self.role.clone(),
            shutting_down: leaving,
            ..NodeInfo::default()
        };
        if let Some((status, text)) = refusal {
            info.status = status;
            info.errors = vec![text];
        }
        info
    }

    async fn objection(&self, master: &MasterInfo) -> Option<String> {
        if let Some(text) = self.faults.argument("heartbeat", "error") {
            return Some(text);
        }
        let engine = self.settings.profile.engine;
        if engine == Engine::StarRocks && master.node_type != i32::from(self.computes) {
            let (wanted, found) = if self.computes { ("BE", "CN") } else { ("CN", "BE") };
            return Some(format!(
                "expect to be {wanted} but actually {found},Unmatched node type!"
            ));
        }
        let own = self.cluster_id.load(Ordering::Relaxed);
        if own != -1 && own != master.cluster_id {
            return Some(match engine {
                Engine::StarRocks => "Unmatched cluster id".to_owned(),
                // be/src/agent/heartbeat_server.cpp; up to 2.1 without what follows `ignore.`
                Engine::Doris => format!(
                    "invalid cluster id. ignore. Record cluster id ={own}, record frontend info . Invalid \
                     cluster_id={}, invalid frontend info ",
                    master.cluster_id
                ),
            });
        }
        self.cluster_id.store(master.cluster_id, Ordering::Relaxed);
        for path in &self.storage {
            if cluster_id(path).is_none() {
                if let Err(error) = write_cluster_id(path, master.cluster_id) {
                    self.log
                        .warn(&format!("cannot write {}/cluster_id: {error}", path.display()));
                }
                self.faults.strike_at("cluster_id");
            }
        }
        let registered: Result<std::net::IpAddr, _> = master.backend_ip.parse();
        match (engine, registered) {
            (Engine::StarRocks, Ok(address)) if address != self.identity.address => {
                Some("FE saved address not match backend address".to_owned())
            }
            // An address is believed, a name has to be this host's.
            (Engine::Doris, Err(_)) => {
                let network = Network::of(&self.settings);
                let found = network.resolve(&master.backend_ip).await;
                if found.is_ok_and(|address| address == self.identity.address) {
                    return None;
                }
                Some(format!(
                    "the host recorded in master is {}, but we cannot found the local ip that mapped to that host. \
                     backend={}",
                    master.backend_ip, self.identity.host
                ))
            }
            _ => None,
        }
    }

    async fn serve_http(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                self.settings.scale.sleep(0.1).await;
                continue;
            };
            let be = self.clone();
            tokio::spawn(async move {
                be.serve_pages(stream).await.ok();
            });
        }
    }

    async fn serve_pages(&self, stream: TcpStream) -> io::Result<()> {
        if self.faults.is("http", "hang") {
            return crate::fe::session::hold(stream).await;
        }
        let mut exchange = Exchange::over(stream);
        while let Some(request) = exchange.next().await? {
            self.faults.slow_down("http").await;
            let response = match request.path.as_str() {
                "/api/health" => self.health(),
                "/api/_stop_be" if !self.settings.profile.is_doris() => Response::text(200, "OK"),
                "/metrics" => Response::text(200, "# a stand-in measures nothing\n"),
                _ => Response::text(404, ""),
            };
            exchange.reply(&response, request.keep_alive).await?;
            if request.path == "/api/_stop_be" && !self.settings.profile.is_doris() {
                // The receiver lives as long as the program does.
                self.ends.send(()).ok();
            }
            if !request.keep_alive {
                break;
            }
        }
        Ok(())
    }

    /// Always 200: what matters is in the body.
    fn health(&self) -> Response {
        let rules = &self.settings.profile.be;
        let (status, words) = if rules.health_tells && self.leaving.load(Ordering::Relaxed) {
            ("Server is not available", "Server is shutting down")
        } else if rules.health_tells && !self.served.load(Ordering::Relaxed) {
            ("Server is not available", "Server is not ready")
        } else {
            ("OK", rules.health)
        };
        Response::json(200, format!("{{\"status\": \"{status}\",\"msg\": \"{words}\"}}"))
    }
}
