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
    /// `None`: it is off.
    pub(crate) arrow_port: Option<u16>,
    pub(crate) meta_dir: PathBuf,
    pub(crate) sys_log_dir: PathBuf,
    pub(crate) priority_networks: String,
    pub(crate) frontend_address: Option<String>,
    /// Whether this FE knows itself by the name of its machine.
    pub(crate) by_name: bool,
    /// The id and the token of a cluster that is founded here.
    pub(crate) cluster_id: Option<u32>,
    pub(crate) auth_token: Option<String>,
    /// `*` and the hex digest of root's first password.
    pub(crate) root_password: Option<String>,
    /// Only StarRocks has it.
    pub(crate) run_mode: String,
    /// A key that can be changed while it runs, and differ between FEs.
    pub(crate) edit_log_roll_num: String,
    /// Whether the pages for everybody need a login.
    pub(crate) http_login: bool,
}

impl FeConf {
    pub(crate) fn read(settings: &Settings) -> Result<Self, String> {
        let profile = settings.profile;
        let path = settings.home.join("conf/fe.conf");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("java.io.FileNotFoundException: {} ({error})", path.display()))?;
        let mut conf = Properties::parse(&text);
        if profile.is_doris() {
            // What was set by SQL and is to last; observed to win.
            let custom = std::fs::read_to_string(settings.home.join("conf/fe_custom.conf"));
            conf = conf.overlaid(Properties::parse(&custom.unwrap_or_default()));
        }
        let conf = conf
            .substituted(&settings.environment)
            .map_err(|name| profile.unset_variable(&name))?;
        let port = |key: &str, default: u16| -> Result<u16, String> {
            let Some(text) = conf.get(key) else {
                return Ok(default);
            };
            text.parse().map_err(|_| profile.bad_value(key, text))
        };
        let arrow_port = match (profile.fe.arrow_port, conf.get("arrow_flight_sql_port")) {
            (None, None) | (_, Some("-1")) => None,
            (default, _) => Some(port("arrow_flight_sql_port", default.unwrap_or(0))?),
        };
        let dir = |key: &str, default: PathBuf| conf.get(key).map_or(default, PathBuf::from);
        let set = |key: &str| conf.get(key) == Some("true");
        let cluster_id = conf.get("cluster_id").filter(|id| *id != "-1");
        Ok(Self {
            http_port: port("http_port", 8030)?,
            rpc_port: port("rpc_port", 9020)?,
            query_port: port("query_port", 9030)?,
            edit_log_port: port("edit_log_port", 9010)?,
            arrow_port: arrow_port.filter(|_| profile.is_doris()),
            meta_dir: dir("meta_dir", settings.home.join(profile.fe.meta_dir)),
            sys_log_dir: dir("sys_log_dir", settings.log_dir.clone()),
            priority_networks: conf.get("priority_networks").unwrap_or_default().to_owned(),
            frontend_address: conf
                .get("frontend_address")
                .filter(|address| *address != "0.0.0.0" && !profile.is_doris())
                .map(str::to_owned),
            by_name: profile.is_doris() && set("enable_fqdn_mode"),
            cluster_id: cluster_id
                .map(|id| id.parse().map_err(|_| profile.bad_value("cluster_id", id)))
                .transpose()?,
            auth_token: conf.get("auth_token").map(str::to_owned),
            root_password: conf
                .get("initial_root_password")
                .filter(|_| profile.is_doris())
                .map(str::to_owned),
            edit_log_roll_num: conf.get("edit_log_roll_num").unwrap_or("50000").to_owned(),
            run_mode: conf.get("run_mode").unwrap_or("shared_nothing").to_owned(),
            http_login: profile.is_doris() && set("enable_all_http_auth"),
        })
    }
}
