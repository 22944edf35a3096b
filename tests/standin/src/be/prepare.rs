//! What a BE does before it serves: its conf, its pid file, its storage and its address.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32};

use tokio::sync::mpsc;

use super::storage::{cluster_id as stored_cluster, own_cluster};
use super::{Be, Ports};
use crate::address::Identity;
use crate::clock::now_millis;
use crate::faults::Faults;
use crate::halt::Halt;
use crate::log::{Lines, Log};
use crate::profile::{BeRules, Engine};
use crate::properties::Properties;
use crate::settings::Settings;

/// A conf file of a BE: `key = value`, of which a second file may change some.
struct Conf {
    read: Properties,
    engine: Engine,
}

impl Conf {
    fn read(settings: &Settings, file: &str) -> Result<Self, Halt> {
        let engine = settings.profile.engine;
        let read = |file: &str| {
            let text = std::fs::read_to_string(settings.home.join("conf").join(file));
            Properties::parse(&text.unwrap_or_default())
        };
        let mut conf = read(file);
        if engine == Engine::Doris {
            conf = conf.overlaid(read("be_custom.conf"));
        }
        let unset = conf.values().find(|(_, value)| {
            let name = value.split("${").nth(1).and_then(|rest| rest.split('}').next());
            name.is_some_and(|name| !settings.environment.contains_key(name))
        });
        if let Some((key, value)) = unset {
            return Err(match engine {
                Engine::StarRocks => invalid(key, value),
                Engine::Doris => refuse(format!(
                    "config field error: {key} = \"{value}\"\nerror read config file."
                )),
            });
        }
        let read = conf.substituted(&settings.environment).map_err(refuse)?;
        Ok(Self { read, engine })
    }

    fn number(&self, key: &str, default: i32) -> Result<i32, Halt> {
        let Some(text) = self.read.get(key) else {
            return Ok(default);
        };
        text.parse().map_err(|_| invalid(key, text))
    }

    fn port(&self, key: &str, default: u16) -> Result<u16, Halt> {
        let port = self.number(key, default.into())?;
        u16::try_from(port).map_err(|_| invalid(key, &port.to_string()))
    }

    fn ports(&self, rules: &BeRules) -> Result<Ports, Halt> {
        let starlet = rules
            .starlet_port
            .map(|default| self.port("starlet_port", default));
        let arrow = self.number("arrow_flight_sql_port", rules.arrow_port.map_or(-1, i32::from))?;
        Ok(Ports {
            be: self.port("be_port", 9060)?,
            http: self.port(rules.http_key, 8040)?,
            heartbeat: self.port("heartbeat_service_port", 9050)?,
            brpc: self.port("brpc_port", 8060)?,
            starlet: starlet.transpose()?,
            // -1 turns it off.
            arrow: u16::try_from(arrow).ok().filter(|_| self.engine == Engine::Doris),
        })
    }
}

fn refuse(words: impl Into<String>) -> Halt {
    Halt::with_code(255, words)
}

fn invalid(key: &str, value: &str) -> Halt {
    refuse(format!(
        "Invalid value of config '{key}': '{value}'\nerror read config file."
    ))
}

impl Be {
    pub(super) async fn prepare(
        settings: Settings,
        computes: bool,
        ends: mpsc::UnboundedSender<()>,
    ) -> Result<Self, Halt> {
        let name = if computes { "cn" } else { "be" };
        let profile = settings.profile;
        let conf = Conf::read(&settings, &format!("{name}.conf"))?;
        let ports = conf.ports(&profile.be)?;
        // Opened without truncation and never removed: a longer old content would leave its tail.
        let pid_file = settings.pid_dir.join(format!("{name}.pid"));
        std::fs::write(pid_file, format!("{}\n", std::process::id()))
            .map_err(|_| refuse("fail to create pid file."))?;
        let default_storage = settings.home.join("storage").display().to_string();
        let storage = conf.read.get("storage_root_path").unwrap_or(&default_storage);
        let storage: Vec<PathBuf> = storage
            .split(';')
            .filter_map(|path| path.split(',').next())
            .map(|path| PathBuf::from(path.trim()))
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        let log = Log::open(&settings.log_dir, name, Lines::of(&settings));
        for path in &storage {
            // A path that fails is the end of a BE, not of a CN.
            let made = || profile.be.makes_storage && std::fs::create_dir(path).is_ok();
            let usable = path.is_dir() || made();
            if !usable && !computes {
                let words = match profile.engine {
                    Engine::StarRocks => format!("Fail to load storage path: {}", path.display()),
                    Engine::Doris => format!("parse config storage path failed, path={}", path.display()),
                };
                return Err(Halt::with_code(profile.be.no_storage, words));
            }
        }
        let faults = Faults::of(&settings.home);
        let is_new = storage.iter().any(|path| stored_cluster(path).is_none());
        let cluster_id = own_cluster(&storage, conf.number("cluster_id", -1)?)
            .map_err(|words| Halt::with_code(profile.be.unopened, words))?;
        if is_new && cluster_id != -1 {
            faults.strike_at("cluster_id");
        }
        let networks = conf.read.get("priority_networks").unwrap_or_default();
        let identity = Identity::choose(&settings, networks, false)
            .await
            .map_err(|words| match profile.engine {
                Engine::StarRocks => refuse(words),
                // A `LOG(FATAL)`.
                Engine::Doris => Halt::with_code(134, "fail to find one valid address, exit."),
            })?;
        let stop = match (
            profile.be.health_tells,
            conf.read.get("grace_shutdown_post_delay_seconds"),
        ) {
            (true, Some(delay)) => 2.0 + delay.parse().unwrap_or(30.0),
            _ => profile.be.stop,
        };
        Ok(Self {
            role: conf.read.get("be_node_role").unwrap_or("mix").to_owned(),
            settings,
            faults,
            log,
            ports,
            storage,
            identity,
            computes,
            cluster_id: AtomicI32::new(cluster_id),
            stop,
            start_millis: now_millis(),
            served: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            ends,
        })
    }
}
