//! Names that were probably meant to be one of ours. A container's environment is full of other people's names, so only a
//! typing mistake is suspected.

use super::variables::VARIABLES;

/// Names of other programs that come too close.
const FOREIGN: [&str; 8] = [
    "BE_HOST",
    "FE_PORT",
    "GRPC_PORT",
    "HOST_ID",
    "HTTP2_PORT",
    "HTTPS_PORT",
    "LOGFORMAT",
    "LOGLEVEL",
];

/// Shorter names are too likely names of other programs.
const SHORTEST: usize = 6;

/// From this length on two typing mistakes are suspected, below it one.
const LONG: usize = 14;

/// The variable of ours that an unknown name was probably meant to be.
pub(super) fn meant(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    if FOREIGN.contains(&upper.as_str()) || is_service_variable(&upper) {
        return None;
    }
    if let Some(conf) = conf_variable(&upper) {
        return Some(conf);
    }
    let ours = || VARIABLES.iter().map(|variable| variable.name);
    ours()
        .find(|known| squeezed(known).eq(squeezed(&upper)))
        .or_else(|| {
            let bare = stem(&upper);
            ours().find(|known| known.ends_with(bare) && bare.contains('_') && stem(known) == bare)
        })
        .or_else(|| {
            ours()
                .filter_map(|known| Some((mistakes(known, &upper)?, known)))
                .min_by_key(|(mistakes, _)| *mistakes)
                .map(|(_, known)| known)
        })
        .map(str::to_owned)
}

/// `REDIS_SERVICE_HOST`, `REDIS_PORT_6379_TCP_ADDR`: what Kubernetes and Docker links set.
fn is_service_variable(upper: &str) -> bool {
    upper.ends_with("_SERVICE_HOST")
        || upper.contains("_SERVICE_PORT")
        || ["_TCP", "_UDP", "_SCTP"]
            .iter()
            .any(|word| upper.contains("_PORT_") && upper.contains(word))
}

/// `FE_CONF_key` and `fe_conf__key` for `FE_CONF__key`.
fn conf_variable(upper: &str) -> Option<String> {
    ["FE", "BE", "CN", "BROKER"].into_iter().find_map(|component| {
        let rest = upper.strip_prefix(component)?;
        let rest = rest.strip_prefix("_CONF").or_else(|| rest.strip_prefix("CONF"))?;
        (rest.starts_with('_') && !rest.trim_start_matches('_').is_empty())
            .then(|| format!("{component}_CONF__key"))
    })
}

fn squeezed(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric)
}

/// Without the component: `QUERY_PORT` is meant for `FE_QUERY_PORT`, `FE_HTTP_PORT` for `HTTP_PORT`; one word alone says
/// too little.
fn stem(name: &str) -> &str {
    ["FE_", "BE_", "CN_"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

/// The number of typing mistakes between the two, if it is not too large.
fn mistakes(known: &str, upper: &str) -> Option<usize> {
    let allowed = if known.len() < LONG { 1 } else { 2 };
    if known.len() < SHORTEST || known.len().abs_diff(upper.len()) > allowed {
        return None;
    }
    Some(strsim::osa_distance(known, upper)).filter(|mistakes| *mistakes <= allowed)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_slip_of_the_keyboard_names_the_variable_that_was_meant() {
        let table = [
            ("MASTER_HOTS", "MASTER_HOST"),
            ("MASTERHOST", "MASTER_HOST"),
            ("MASTER_HOSTS", "MASTER_HOST"),
            ("MASTR_HOST", "MASTER_HOST"),
            ("HTTP_PROT", "HTTP_PORT"),
            ("MASTER-HOST", "MASTER_HOST"),
            ("master_host", "MASTER_HOST"),
            ("Master_Host", "MASTER_HOST"),
            ("LOCALHOST_", "LOCAL_HOST"),
            ("LOCAL_HSOT", "LOCAL_HOST"),
            ("local_host", "LOCAL_HOST"),
            ("FE_ROEL", "FE_ROLE"),
            ("CLUSTER_PASWORD", "CLUSTER_PASSWORD"),
            ("CLUSTER_PASSWORD_FIEL", "CLUSTER_PASSWORD_FILE"),
            ("CLUSTER_PASSWD", "CLUSTER_PASSWORD"),
            ("EDITLOG_PORT", "EDIT_LOG_PORT"),
            ("EDIT_LOG_PROT", "EDIT_LOG_PORT"),
            ("QUERY_PORT", "FE_QUERY_PORT"),
            ("FE_HTTP_PORT", "HTTP_PORT"),
            ("FE_EDIT_LOG_PORT", "EDIT_LOG_PORT"),
            ("BE_HEARTBEAT_PORT", "HEARTBEAT_PORT"),
            ("GUARDTIME", "GUARD_TIME"),
            ("WAIT_TIME_OUT", "WAIT_TIMEOUT"),
            ("PRIORITY_NETWORK", "PRIORITY_NETWORKS"),
            ("FE_CONF_query_timeout", "FE_CONF__key"),
            ("fe_conf__query_timeout", "FE_CONF__key"),
            ("BECONF__x", "BE_CONF__key"),
        ];
        for (name, expected) in table {
            assert_eq!(meant(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn other_peoples_names_are_left_alone() {
        let names = "PATH HOME HOSTNAME HOST PORT USER PWD OLDPWD SHELL SHLVL TERM LANG LC_ALL LANGUAGE TZ _ LOGNAME MAIL TMPDIR \
            EDITOR PAGER LS_COLORS DEBIAN_FRONTEND container INVOCATION_ID NOTIFY_SOCKET LISTEN_FDS LISTEN_PID JOURNAL_STREAM \
            JAVA_HOME JAVA_OPTS JAVA_TOOL_OPTIONS JAVA_VERSION JDK_JAVA_OPTIONS CLASSPATH LD_LIBRARY_PATH LD_PRELOAD \
            JEMALLOC_CONF MALLOC_CONF HADOOP_HOME HADOOP_CONF_DIR HADOOP_USER_NAME KRB5_CONFIG \
            HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy \
            HTTPS_PORT HTTP_HOST HTTP_PATH HTTP2_PORT FTP_PORT SSH_PORT TCP_PORT UDP_PORT GRPC_PORT SMTP_PORT DB_PORT WEB_PORT \
            DB_HOST DB_USER DB_PASSWORD DB_NAME DATABASE_URL REDIS_HOST REDIS_PORT REDIS_URL RABBITMQ_HOST KAFKA_HOST KAFKA_PORT \
            KAFKA_BROKERS ZOOKEEPER_HOST MYSQL_HOST MYSQL_PORT MYSQL_USER MYSQL_PASSWORD MYSQL_ROOT_PASSWORD \
            MYSQL_ROOT_PASSWORD_FILE MYSQL_DATABASE POSTGRES_HOST POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE PGHOST PGPORT \
            MASTER_PORT MASTER_URL MASTER_NAME LOCAL_PORT LOCAL_PATH LOCAL_USER LOCAL_IP REMOTE_HOST CLUSTER_NAME CLUSTER_ID \
            CLUSTER_DNS CLUSTER_IPS CLUSTER_URL CLUSTER_DOMAIN ROOT_PASSWORD BE_HOST POST_TYPE HOST_NAME HOST_ID HOST_PORT HOSTS \
            STATIC_DIR DATA_DIR CACHE_DIR CONF_DIR LOG_DIR PID_DIR TEMP_DIR STATE START_TIMEOUT STOP_TIMEOUT READ_TIMEOUT \
            IDLE_TIMEOUT CONN_TIMEOUT CONNECT_TIMEOUT WAIT WAIT_TIME TIMEOUT LOGLEVEL LOG_FILE LOG_PATH LOG_TYPE RUST_LOG \
            RUST_BACKTRACE loglevel FE_CONFIG_EXTRA FE_CONFIG FE_ENABLE_AUTO_JVM_XMX_DETECT \
            FE_JVM_XMX_PERCENTAGE ELECT_NUMBER BUILD_TYPE RECOVERY PASSWD NODE_ROLE BROKER_ADDR BE_SERVERS COREDUMP_ENABLED \
            DEBUG_MODE UDF_RUNTIME_DIR ENGINE_ID ENGINE_TYPE ENGINE_URL COMPONENT_ID BOOTSTRAP_SERVERS KAFKA_BOOTSTRAP_SERVERS \
            POD_NAME POD_NAMESPACE NODE_NAME NODE_IP SERVICE_NAME SERVICE_ACCOUNT NAMESPACE \
            KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS KUBERNETES_PORT \
            KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_PROTO KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_ADDR \
            MASTER_SERVICE_HOST MASTER_SERVICE_PORT FE_SERVICE_HOST FE_SERVICE_PORT FE_PORT FE_PORT_9030_TCP_ADDR BE_SERVICE_HOST \
            HTTP_SERVICE_PORT FE_HTTP_SERVICE_HOST AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
            AWS_EC2_METADATA_DISABLED GOOGLE_APPLICATION_CREDENTIALS GITHUB_TOKEN CI DOCKER_HOST SSL_CERT_FILE CA_FILE \
            NVIDIA_VISIBLE_DEVICES MESOS_SANDBOX MARATHON_APP_ID NOMAD_PORT_http NOMAD_ADDR_http CONSUL_HTTP_ADDR VAULT_ADDR \
            VAULT_TOKEN OTEL_EXPORTER_OTLP_ENDPOINT PYTHONPATH NODE_ENV GOPATH GPG_KEY TINI_SUBREAPER S6_BEHAVIOUR";
        for name in names.split_whitespace() {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
