//! The BE (and, with `--cn`, the CN): its ports in the observed order, a cluster id per storage path, and an answer
//! to the leader's heartbeat.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::address::Identity;
use crate::clock::now_millis;
use crate::faults::Faults;
use crate::halt::Halt;
use crate::log::Log;
use crate::network;
use crate::properties::Properties;
use crate::settings::Settings;
use crate::wire::heartbeat::{self, MasterInfo, NodeInfo};
use crate::wire::http::{Exchange, Response};

#[derive(Debug, Clone, Copy)]
struct Ports {
    be: u16,
    http: u16,
    heartbeat: u16,
    brpc: u16,
    starlet: u16,
}

#[derive(Debug)]
struct Be {
    settings: Settings,
    faults: Faults,
    log: Log,
    ports: Ports,
    storage: Vec<PathBuf>,
    /// Of the conf: precedes what the storage says.
    cluster_id: Option<i32>,
    identity: Identity,
    computes: bool,
    start_seconds: i64,
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
    let fragments = if be.faults.is("stop", "slow") { 20.0 } else { 0.3 };
    // Its ports stay open meanwhile: a heartbeat now hears of the stop.
    tokio::select! {
        halt = life => halt,
        () = scale.sleep(fragments) => Halt::with_code(0, ""),
    }
}

impl Be {
    async fn prepare(
        settings: Settings,
        computes: bool,
        ends: mpsc::UnboundedSender<()>,
    ) -> Result<Self, Halt> {
        let (file, pid) = if computes {
            ("cn.conf", "cn.pid")
        } else {
            ("be.conf", "be.pid")
        };
        let refuse = |words: String| Halt::with_code(255, words);
        let conf = std::fs::read_to_string(settings.home.join("conf").join(file)).unwrap_or_default();
        let conf = Properties::parse(&conf);
        for (key, value) in conf.values() {
            if let Some(name) = value.split("${").nth(1).and_then(|rest| rest.split('}').next())
                && !settings.environment.contains_key(name)
            {
                return Err(refuse(format!(
                    "Invalid value of config '{key}': '{value}'\nerror read config file."
                )));
            }
        }
        let conf = conf.substituted(&settings.environment).map_err(refuse)?;
        let port = |key: &str, default: u16| -> Result<u16, Halt> {
            let Some(text) = conf.get(key) else {
                return Ok(default);
            };
            let parsed = text.parse();
            parsed.map_err(|_| {
                refuse(format!(
                    "Invalid value of config '{key}': '{text}'\nerror read config file."
                ))
            })
        };
        let ports = Ports {
            be: port("be_port", 9060)?,
            http: port("be_http_port", 8040)?,
            heartbeat: port("heartbeat_service_port", 9050)?,
            brpc: port("brpc_port", 8060)?,
            starlet: port("starlet_port", 9070)?,
        };
        // Opened without truncation and never removed: a longer old content would leave its tail.
        std::fs::write(settings.pid_dir.join(pid), format!("{}\n", std::process::id()))
            .map_err(|_| refuse("fail to create pid file.".to_owned()))?;
        let default_storage = settings.home.join("storage").display().to_string();
        let storage = conf.get("storage_root_path").unwrap_or(&default_storage);
        let storage: Vec<PathBuf> = storage
            .split(';')
            .filter_map(|path| path.split(',').next())
            .map(|path| PathBuf::from(path.trim()))
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        let log = Log::open(
            &settings.log_dir,
            if computes { "cn" } else { "be" },
            settings.log_to_console,
        );
        for path in &storage {
            // The last component is made if its parent exists; a path that fails is the end of a BE, not of a CN.
            let usable = path.is_dir() || std::fs::create_dir(path).is_ok();
            if !usable && !computes {
                return Err(Halt::with_code(
                    134,
                    format!("Fail to load storage path: {}", path.display()),
                ));
            }
        }
        let of_conf: Option<i32> = conf.get("cluster_id").and_then(|id| id.parse().ok());
        if let Some(id) = of_conf {
            for path in storage.iter().filter(|path| cluster_id(path).is_none()) {
                std::fs::write(path.join("cluster_id"), id.to_string())
                    .map_err(|error| refuse(format!("fail to check cluster id: {error}")))?;
            }
        }
        let networks = conf.get("priority_networks").unwrap_or_default();
        let identity = Identity::choose(&settings, networks, false)
            .await
            .map_err(refuse)?;
        let faults = Faults::of(&settings.home);
        let start_seconds = i64::try_from(now_millis() / 1000).unwrap_or(0);
        let leaving = AtomicBool::new(false);
        Ok(Self {
            settings,
            faults,
            log,
            ports,
            storage,
            cluster_id: of_conf,
            identity,
            computes,
            start_seconds,
            leaving,
            ends,
        })
    }

    /// thrift, brpc, http, starlet, and the heartbeat last: an open heartbeat port means a started node.
    async fn serve(self: Arc<Self>) -> Result<Halt, Halt> {
        self.faults.strike_at("storage");
        self.settings.scale.sleep(1.5).await;
        let thrift = self.listen(self.ports.be, "thrift")?;
        let brpc = self.listen(self.ports.brpc, "brpc")?;
        let pages = self.listen(self.ports.http, "http")?;
        let starlet = self.listen(self.ports.starlet, "starlet")?;
        for idle in [thrift, brpc, starlet] {
            tokio::spawn(keep_open(idle));
        }
        tokio::spawn(self.clone().serve_http(pages));
        self.faults.strike_at("ports");
        self.settings.scale.sleep(0.5).await;
        let listener = self.listen(self.ports.heartbeat, "heartbeat")?;
        self.faults.strike_at("heartbeat");
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
        network::listen(self.settings.listen_on(port)).map_err(|_| {
            Halt::with_code(
                1,
                format!("StarRocks Be {what} server did not start correctly, exiting. Its port: {port}"),
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
            let info = self.answer(&master);
            heartbeat::answer(&mut stream, sequence, &info).await?;
        }
        Ok(())
    }

    fn answer(&self, master: &MasterInfo) -> NodeInfo {
        let mut info = NodeInfo {
            be_port: self.ports.be.into(),
            http_port: self.ports.http.into(),
            brpc_port: self.ports.brpc.into(),
            starlet_port: self.ports.starlet.into(),
            version: self.settings.profile.version().to_owned(),
            cores: 2,
            reboot_time: self.start_seconds,
            has_storage: !self.computes,
            ..NodeInfo::default()
        };
        let refusal = if self.leaving.load(Ordering::Relaxed) {
            Some((heartbeat::STATUS_SHUTDOWN, "BE is shutting down".to_owned()))
        } else {
            self.objection(master)
                .map(|text| (heartbeat::STATUS_INTERNAL_ERROR, text))
        };
        if let Some((status, text)) = refusal {
            info.status = status;
            info.errors = vec![text];
        }
        info
    }

    fn objection(&self, master: &MasterInfo) -> Option<String> {
        if let Some(text) = self.faults.argument("heartbeat", "error") {
            return Some(text);
        }
        if master.node_type != i32::from(self.computes) {
            let (wanted, found) = if self.computes { ("BE", "CN") } else { ("CN", "BE") };
            return Some(format!(
                "expect to be {wanted} but actually {found},Unmatched node type!"
            ));
        }
        for path in &self.storage {
            match self.cluster_id.or_else(|| cluster_id(path)) {
                Some(known) if known != master.cluster_id => return Some("Unmatched cluster id".to_owned()),
                Some(_) => {}
                None => {
                    if let Err(error) = std::fs::write(path.join("cluster_id"), master.cluster_id.to_string())
                    {
                        self.log
                            .warn(&format!("cannot write {}/cluster_id: {error}", path.display()));
                    }
                    self.faults.strike_at("cluster_id");
                }
            }
        }
        let registered: Result<std::net::IpAddr, _> = master.backend_ip.parse();
        if registered.is_ok_and(|address| address != self.identity.address) {
            return Some("FE saved address not match backend address".to_owned());
        }
        None
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
                "/api/health" => Response::json(200, "{\"status\": \"OK\",\"msg\": \"To Be Added\"}"),
                "/api/_stop_be" => Response::text(200, "OK"),
                "/metrics" => Response::text(200, "# a stand-in measures nothing\n"),
                _ => Response::text(404, ""),
            };
            exchange.reply(&response, request.keep_alive).await?;
            if request.path == "/api/_stop_be" {
                // The receiver lives as long as the program does.
                self.ends.send(()).ok();
            }
            if !request.keep_alive {
                break;
            }
        }
        Ok(())
    }
}

fn cluster_id(storage: &Path) -> Option<i32> {
    std::fs::read_to_string(storage.join("cluster_id"))
        .ok()?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}

/// A port that answers nothing and holds nothing for long.
async fn keep_open(listener: TcpListener) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(tokio::time::timeout(
                Duration::from_secs(60),
                crate::fe::session::hold(stream),
            ));
        }
    }
}
