use super::*;
use std::ffi::OsString;

#[derive(Debug, Default, Clone)]
pub struct Flags {
    pub home: Option<PathBuf>,
    pub component: Option<Component>,
    pub exec: bool,
    pub script_args: Vec<String>,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}
#[derive(Debug)]
pub struct LogSettings {
    pub format: Option<LogFormat>,
    pub level: tracing::Level,
}
impl LogSettings {
    pub fn read(_: &[(OsString, OsString)]) -> Self {
        Self {
            format: None,
            level: tracing::Level::INFO,
        }
    }
}
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Problems(String);
fn get(vars: &[(OsString, OsString)], name: &str) -> Option<String> {
    vars.iter()
        .find(|(k, v)| k == name && !v.is_empty())
        .map(|(_, v)| v.to_string_lossy().into_owned())
}
impl ImageSettings {
    pub fn read(flags: &Flags, vars: &[(OsString, OsString)]) -> Result<(Self, Vec<String>), Problems> {
        let env = |n: &str| Source::Environment(n.to_owned());
        Ok((
            Self {
                home: flags.home.clone().map(|value| Sourced {
                    value,
                    source: Source::Flag("--home"),
                }),
                component: flags.component.map(|value| Sourced {
                    value,
                    source: Source::Flag("run"),
                }),
                engine: None,
                state_dir: get(vars, "STATE_DIR").map(|v| Sourced {
                    value: v.into(),
                    source: env("STATE_DIR"),
                }),
            },
            vec![],
        ))
    }
}
impl Settings {
    pub fn read(
        flags: Flags,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<String>), Problems> {
        let vars: Vec<_> = vars.into_iter().collect();
        let env = |n: &str| Source::Environment(n.to_owned());
        let host = |n: &str| get(&vars, n).ok_or(Problems(format!("{n} missing")));
        let masters = host("MASTER_HOST")?;
        let masters = masters
            .split(',')
            .map(|h| Host::parse(h).map_err(|e| Problems(e.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        let local = Host::parse(&host("LOCAL_HOST")?).map_err(|e| Problems(e.to_string()))?;
        let dur = |n: &str| {
            get(&vars, n).and_then(|v| v.parse().ok()).map(|s: u64| Sourced {
                value: Duration::from_secs(s),
                source: env(n),
            })
        };
        let d = |s| Sourced {
            value: Duration::from_secs(s),
            source: Source::Default,
        };
        let (image, w) = ImageSettings::read(&flags, &vars)?;
        Ok((
            Self {
                master_hosts: Sourced {
                    value: masters,
                    source: env("MASTER_HOST"),
                },
                local_host: Sourced {
                    value: local,
                    source: env("LOCAL_HOST"),
                },
                master_query_port: None,
                master_edit_log_port: None,
                fe_role: None,
                ports: BTreeMap::new(),
                image,
                conf: BTreeMap::new(),
                account: Account {
                    user: Sourced {
                        value: "root".into(),
                        source: Source::Default,
                    },
                    password: None,
                },
                tls: Tls {
                    mode: TlsMode::Off,
                    ca_file: None,
                },
                root_password_file: None,
                bootstrap: Sourced {
                    value: Bootstrap::Guarded,
                    source: Source::Default,
                },
                guard_time: dur("GUARD_TIME"),
                rejoin: false,
                wait_timeout: dur("WAIT_TIMEOUT").unwrap_or(d(300)),
                stop_grace: None,
                join_timeout: d(300),
                exec: flags.exec,
                skip_preflight: BTreeSet::new(),
                secret_variables: vec![],
                script_args: flags.script_args,
            },
            w,
        ))
    }
}
