//! What the stand-in is told about itself: the environment the start script leaves, and `<home>/standin.conf`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Scale;
use crate::profile::Profile;
use crate::properties::Properties;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) home: PathBuf,
    pub(crate) log_dir: PathBuf,
    pub(crate) pid_dir: PathBuf,
    pub(crate) log_to_console: bool,
    pub(crate) profile: &'static Profile,
    pub(crate) scale: Scale,
    pub(crate) heartbeat: Duration,
    /// Replaces the wildcard when many nodes share one machine, and is the source of what they send.
    pub(crate) bind_address: Option<IpAddr>,
    /// What the host calls itself, in place of the machine's own name.
    pub(crate) host_name: Option<String>,
    /// PEM files of a certificate and its key: the MySQL port offers TLS.
    pub(crate) tls: Option<[PathBuf; 2]>,
    /// Names only this node knows, `name=address`, in place of a hosts file.
    pub(crate) names: Vec<(String, IpAddr)>,
    pub(crate) environment: HashMap<String, String>,
}

/// The variables by which the start scripts tell a program where it is: the first that is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variables {
    home: &'static [&'static str],
    logs: &'static str,
}

pub(crate) const SERVER: Variables = Variables {
    home: &["STARROCKS_HOME", "DORIS_HOME"],
    logs: "LOG_DIR",
};
pub(crate) const BROKER: Variables = Variables {
    home: &["BROKER_HOME"],
    logs: "BROKER_LOG_DIR",
};

impl Settings {
    pub(crate) fn read(variables: Variables) -> Result<Self, String> {
        let environment: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let home = variables.home.iter().find_map(|name| environment.get(*name));
        let home = home.ok_or_else(|| format!("env {} is not set.", variables.home.join(" or ")))?;
        let home = PathBuf::from(home);
        let pid_dir = environment
            .get("PID_DIR")
            .map(PathBuf::from)
            .ok_or("env PID_DIR is not set.")?;
        let log_dir = environment
            .get(variables.logs)
            .map_or_else(|| home.join("log"), PathBuf::from);
        let text = std::fs::read_to_string(home.join("standin.conf")).unwrap_or_default();
        let own = Properties::parse(&text);
        let number = |key: &str, default: f64| -> Result<f64, String> {
            let Some(text) = own.get(key) else {
                return Ok(default);
            };
            text.parse()
                .map_err(|_| format!("standin.conf: {key} = `{text}` is not a number"))
        };
        let offset = own.get("clock_offset_ms").unwrap_or("0");
        crate::clock::set_offset(
            offset
                .parse()
                .map_err(|_| format!("standin.conf: clock_offset_ms = `{offset}` is not a number"))?,
        );
        let profile = own.get("profile").unwrap_or("starrocks-3.5");
        let profile = Profile::parse(profile)
            .ok_or_else(|| format!("standin.conf: profile = `{profile}` is not known"))?;
        let address = own.get("bind_address").map(|text| {
            text.parse()
                .map_err(|_| format!("standin.conf: bind_address = `{text}` is not an address"))
        });
        let names = own.get("names").unwrap_or_default().split(',');
        let to_console = ["SYS_LOG_TO_CONSOLE", "DORIS_LOG_TO_STDERR"];
        Ok(Self {
            log_to_console: to_console
                .iter()
                .any(|name| environment.get(*name).is_some_and(|value| value == "1")),
            profile,
            scale: Scale(number("time_scale", 1.0)?),
            heartbeat: Duration::from_secs_f64(number("heartbeat_ms", profile.heartbeat_ms)? / 1000.0),
            bind_address: address.transpose()?,
            tls: own
                .get("tls_cert")
                .zip(own.get("tls_key"))
                .map(|(cert, key)| [PathBuf::from(cert), PathBuf::from(key)]),
            host_name: own.get("host_name").map(str::to_owned),
            names: names
                .filter_map(|pair| pair.split_once('='))
                .filter_map(|(name, address)| Some((name.trim().to_owned(), address.trim().parse().ok()?)))
                .collect(),
            home,
            log_dir,
            pid_dir,
            environment,
        })
    }

    pub(crate) fn listen_on(&self, port: u16) -> SocketAddr {
        SocketAddr::new(
            self.bind_address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            port,
        )
    }
}
