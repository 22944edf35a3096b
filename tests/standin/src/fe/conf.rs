//! The keys of `fe.conf` the stand-in understands; unknown ones are ignored, as the engine does.

use std::path::PathBuf;

use crate::properties::Properties;
use crate::settings::Settings;

#[derive(Debug, Clone)]
pub(crate) struct FeConf {
    pub(crate) http_port: u16,
    pub(crate) rpc_port: u16,
    pub(crate) query_port: u16,
    pub(crate) edit_log_port: u16,
    pub(crate) meta_dir: PathBuf,
    pub(crate) sys_log_dir: PathBuf,
    pub(crate) priority_networks: String,
    pub(crate) frontend_address: Option<String>,
}

impl FeConf {
    pub(crate) fn read(settings: &Settings) -> Result<Self, String> {
        let path = settings.home.join("conf/fe.conf");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("java.io.FileNotFoundException: {} ({error})", path.display()))?;
        let conf = Properties::parse(&text).substituted(&settings.environment)?;
        let port = |key: &str, default: u16| -> Result<u16, String> {
            let Some(text) = conf.get(key) else {
                return Ok(default);
            };
            text.parse()
                .map_err(|_| format!("java.lang.NumberFormatException: For input string: \"{text}\""))
        };
        let dir = |key: &str, default: PathBuf| conf.get(key).map_or(default, PathBuf::from);
        Ok(Self {
            http_port: port("http_port", 8030)?,
            rpc_port: port("rpc_port", 9020)?,
            query_port: port("query_port", 9030)?,
            edit_log_port: port("edit_log_port", 9010)?,
            meta_dir: dir("meta_dir", settings.home.join("meta")),
            sys_log_dir: dir("sys_log_dir", settings.log_dir.clone()),
            priority_networks: conf.get("priority_networks").unwrap_or_default().to_owned(),
            frontend_address: conf
                .get("frontend_address")
                .filter(|a| *a != "0.0.0.0")
                .map(str::to_owned),
        })
    }
}
