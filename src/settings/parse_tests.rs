//! Environments as people write them, and what comes of each.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    Bootstrap, Command, EnvFile, FeRole, Flags, ImageSettings, Problems, Settings, Source, Sourced, TlsMode,
    Warning,
};
use crate::engine::{self, Component, PortName};

/// `NAME=value` separated by blanks.
fn vars(text: &str) -> Vec<(OsString, OsString)> {
    text.split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

const TWO: &str = "MASTER_HOST=192.168.1.10 LOCAL_HOST=192.168.1.11";

fn read(text: &str) -> (Settings, Vec<Warning>) {
    Settings::read(Flags::default(), vars(text)).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

fn read_with(text: &str, name: &str, value: &str) -> Result<(Settings, Vec<Warning>), Problems> {
    let mut all = vars(text);
    all.retain(|(known, _)| known != name);
    all.push((name.into(), value.into()));
    Settings::read(Flags::default(), all)
}

fn refused(text: &str) -> Vec<String> {
    lines(Settings::read(Flags::default(), vars(text)))
}

fn lines(read: Result<(Settings, Vec<Warning>), Problems>) -> Vec<String> {
    let Err(problems) = read else { return Vec::new() };
    problems
        .iter()
        .map(|problem| format!("{}: {}", problem.variable, problem.text))
        .collect()
}

fn hosts(settings: &Settings) -> String {
    let hosts: Vec<String> = settings
        .master_hosts
        .value
        .iter()
        .map(ToString::to_string)
        .collect();
    hosts.join(",")
}

fn warned(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}

fn environment(name: &str) -> Source {
    Source::Environment(name.to_owned())
}

#[test]
fn the_app_env_of_the_replaced_project_works_unchanged() {
    let (settings, warnings) = read(
        "KAFKA_HOST=127.0.0.1 DEFAULT_REPLICATION_NUM=3 MASTER_HOST=192.168.1.10 LOCAL_HOST=192.168.1.11",
    );
    assert_eq!(hosts(&settings), "192.168.1.10");
    assert_eq!(settings.local_host.value.to_string(), "192.168.1.11");
    let fe = &settings.conf[&Component::Fe];
    assert_eq!(
        (fe[0].key.as_str(), fe[0].value.as_str()),
        ("default_replication_num", "3")
    );
    assert_eq!(fe[0].source, environment("DEFAULT_REPLICATION_NUM"));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(settings.secret_variables.is_empty());
}

#[test]
fn two_addresses_are_enough() {
    let (settings, warnings) = read(TWO);
    assert!(warnings.is_empty());
    assert_eq!(settings.bootstrap.value, Bootstrap::Guarded);
    assert_eq!(settings.wait_timeout.value, Duration::from_secs(300));
    assert_eq!(settings.join_timeout.value, Duration::from_secs(300));
    assert_eq!(settings.account.user.value, "root");
    assert!(settings.account.password.is_none());
    assert_eq!(settings.tls.mode, TlsMode::Off);
    assert!(settings.ports.is_empty() && settings.conf.is_empty() && settings.guard_time.is_none());
    assert!(!settings.exec && !settings.rejoin);
}

#[test]
fn a_flag_wins_over_a_variable() {
    let home = engine::ALL[0].home_variable;
    let flags = Flags {
        home: Some(PathBuf::from("/flag")),
        component: Some(Component::Be),
        exec: true,
        script_args: vec!["--x".to_owned()],
        ..Flags::default()
    };
    let text = format!("{TWO} {home}=/variable COMPONENT=fe MUSTER_EXEC=0");
    let (settings, _) = Settings::read(flags, vars(&text)).unwrap();
    assert_eq!(
        settings.image.home,
        Some(Sourced {
            value: PathBuf::from("/flag"),
            source: Source::Flag("--home")
        })
    );
    assert_eq!(settings.image.component.unwrap().value, Component::Be);
    assert!(settings.exec);
    assert_eq!(settings.script_args, ["--x"]);

    let (settings, _) = read(&text);
    assert_eq!(
        settings.image.home,
        Some(Sourced {
            value: PathBuf::from("/variable"),
            source: environment(home)
        })
    );
    assert_eq!(settings.image.component.unwrap().value, Component::Fe);
    assert!(!settings.exec);
    assert!(read(&format!("{TWO} MUSTER_EXEC=Yes")).0.exec);
}

#[test]
fn every_variable_arrives_where_it_belongs() {
    let (settings, warnings) = read(&format!(
        "{TWO} COMPONENT=CN ENGINE={} FE_ROLE=Observer HTTP_PORT=8031 RPC_PORT=9021 FE_QUERY_PORT=9031 \
         EDIT_LOG_PORT=9011 ARROW_FLIGHT_PORT=9408 BE_PORT=9061 BE_HTTP_PORT=8041 HEARTBEAT_PORT=9051 BRPC_PORT=8061 \
         STARLET_PORT=9071 BROKER_IPC_PORT=8001 MASTER_FE_QUERY_PORT=9032 MASTER_FE_EDIT_LOG_PORT=9012 \
         PRIORITY_NETWORKS=192.168.1.0/24,10.0.0.0/8 META_DIR=/data/meta STORAGE_ROOT_PATH=/d1;/d2 CLUSTER_USER=admin \
         CLUSTER_PASSWORD=p CLUSTER_TLS=require BOOTSTRAP=NEVER GUARD_TIME=0 REJOIN=on WAIT_TIMEOUT=5m JOIN_TIMEOUT=1m30s \
         STOP_GRACE=1500ms STATE_DIR=/state METRICS_FILE=/m/a.prom SKIP_PREFLIGHT=Address,ntp FE_INDEX=1 BE_INDEX=2 LOG_FORMAT=json LOG_LEVEL=debug",
        engine::ALL[0].id
    ));
    assert!(warnings.is_empty(), "{warnings:?}");
    let metrics = settings.metrics_path(Component::Cn);
    assert_eq!(metrics, Some(PathBuf::from("/m/a.prom")));
    let ports: Vec<u16> = PortName::ALL
        .iter()
        .map(|port| settings.ports[port].value)
        .collect();
    assert_eq!(
        ports,
        [8031, 9021, 9031, 9011, 9408, 9061, 8041, 9051, 8061, 9071, 8001]
    );
    assert_eq!(settings.master_query_port.unwrap().value, 9032);
    assert_eq!(settings.master_edit_log_port.unwrap().value, 9012);
    assert_eq!(settings.fe_role.unwrap().value, FeRole::Observer);
    assert_eq!(settings.image.engine.unwrap().value, engine::ALL[0]);
    assert_eq!(settings.image.state_dir.unwrap().value, PathBuf::from("/state"));
    assert_eq!(settings.bootstrap.value, Bootstrap::Never);
    assert_eq!(settings.guard_time.unwrap().value, Duration::ZERO);
    assert_eq!(settings.wait_timeout.value, Duration::from_secs(300));
    assert_eq!(settings.wait_timeout.source, environment("WAIT_TIMEOUT"));
    assert_eq!(settings.join_timeout.value, Duration::from_secs(90));
    assert_eq!(settings.stop_grace.unwrap().value, Duration::from_millis(1500));
    assert!(settings.rejoin);
    assert_eq!(settings.account.user.value, "admin");
    assert_eq!(settings.account.password.unwrap().value.reveal(), "p");
    assert_eq!(settings.tls.mode, TlsMode::Require);
    assert!(settings.skip_preflight.contains("address") && settings.skip_preflight.contains("ntp"));
    let conf = |component, key: &str| {
        settings
            .conf
            .get(&component)
            .and_then(|requests| requests.iter().find(|request| request.key == key))
            .map(|request| request.value.as_str())
    };
    for component in [Component::Fe, Component::Be, Component::Cn] {
        assert_eq!(
            conf(component, "priority_networks"),
            Some("192.168.1.0/24;10.0.0.0/8")
        );
    }
    assert_eq!(conf(Component::Fe, "meta_dir"), Some("/data/meta"));
    assert_eq!(conf(Component::Be, "storage_root_path"), Some("/d1;/d2"));
    assert_eq!(conf(Component::Cn, "storage_root_path"), Some("/d1;/d2"));
    assert_eq!(conf(Component::Be, "meta_dir"), None);
}

#[test]
fn empty_is_unset_and_blanks_around_a_value_are_nothing() {
    let mut all = vars(TWO);
    for variable in super::VARIABLES {
        if !matches!(variable.name, "MASTER_HOST" | "LOCAL_HOST") {
            all.push((variable.name.into(), " \t ".into()));
        }
    }
    for (name, value) in [
        ("FE_CONF__x", ""),
        ("POD_IP", ""),
        ("MYSQL_PWD", ""),
        ("HOST_TYPE", " "),
    ] {
        all.push((name.into(), value.into()));
    }
    let (settings, warnings) = Settings::read(Flags::default(), all).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(settings.account.password.is_none() && settings.conf.is_empty());

    let (settings, _) = read_with(TWO, "FE_QUERY_PORT", " 9031\n").unwrap();
    assert_eq!(settings.ports[&PortName::Query].value, 9031);
}

#[test]
fn the_first_of_two_equal_names_counts_as_for_getenv() {
    let (settings, _) = read(&format!("{TWO} LOCAL_HOST=192.168.1.99"));
    assert_eq!(settings.local_host.value.to_string(), "192.168.1.11");
}

#[test]
fn one_number_for_two_components_is_said_before_they_meet_on_one_host() {
    let (_, warnings) = read(&format!("{TWO} HTTP_PORT=9050 HEARTBEAT_PORT=9050"));
    assert_eq!(
        warned(&warnings),
        ["HEARTBEAT_PORT is 9050, the same as HTTP_PORT; on one host only one of the two can use it"]
    );
}

#[test]
fn a_list_of_hosts() {
    let table = [
        ("fe-0", "fe-0", 0),
        ("FE-0.Example.COM. , fe-1", "fe-0.example.com,fe-1", 0),
        ("[2001:DB8::1],10.0.0.1", "2001:db8::1,10.0.0.1", 0),
        ("fe-0,fe-1,FE-0.", "fe-0,fe-1", 1),
        ("10.0.0.1,10.0.0.1.,::ffff:10.0.0.1", "10.0.0.1", 2),
    ];
    for (text, expected, warnings) in table {
        let (settings, warned) = read_with(TWO, "MASTER_HOST", text).unwrap();
        assert_eq!(hosts(&settings), expected, "{text}");
        assert_eq!(warned.len(), warnings, "{warned:?}");
    }
    let (_, warnings) = read_with(TWO, "MASTER_HOST", "fe-0,FE-0.").unwrap();
    assert_eq!(
        warned(&warnings),
        ["MASTER_HOST lists fe-0 twice; `FE-0.` at position 2 is ignored"]
    );
}

#[test]
fn the_report_is_the_one_an_operator_knows() {
    let problems = Settings::read(
        Flags::default(),
        vars("MASTER_HOST=fe-0,,fe-2 LOCAL_HOST=fe-1 FE_QUERY_PORT=90x0"),
    )
    .unwrap_err();
    assert_eq!(
        problems.to_string(),
        "2 settings cannot be used
  FE_QUERY_PORT: `90x0` is not a port (1–65535), set in the environment
  MASTER_HOST: `fe-0,,fe-2` has an empty host at position 2, set in the environment

hint: `muster explain` shows what the current settings lead to, without starting anything"
    );
    assert_eq!(
        refused(""),
        [
            "LOCAL_HOST: is not set; set it to the address or name of this host, such as LOCAL_HOST=192.168.1.11",
            "MASTER_HOST: is not set; set it to the host of the first FE, the same on every node, such as MASTER_HOST=192.168.1.10",
        ]
    );
}

#[test]
fn each_bad_value_says_what_was_expected() {
    let table = [
        ("MASTER_HOST", "fe-0,", "`fe-0,` has an empty host at position 2"),
        (
            "MASTER_HOST",
            "fe-0,fe-1:9030",
            "`fe-1:9030` at position 2 has a port",
        ),
        ("MASTER_HOST", "fe-0 fe-1", "`fe-0 fe-1` contains a space"),
        (
            "MASTER_HOST",
            "fe-0,10.0.0.256",
            "`10.0.0.256` at position 2 is not an IPv4 address",
        ),
        (
            "MASTER_HOST",
            "fe-0,::12345",
            "`::12345` at position 2 is not an IPv6 address",
        ),
        ("MASTER_HOST", "\"fe-0", "`\"fe-0` contains `\"`"),
        ("MASTER_HOST", "http://fe-0:8030", "is a URL"),
        ("MASTER_HOST", "0.0.0.0", "is not the address of one host"),
        ("LOCAL_HOST", "10.0.0.1,10.0.0.2", "contains `,`"),
        ("LOCAL_HOST", "192.168.1.11/24", "contains `/`"),
        (
            "LOCAL_HOST",
            "127.0.0.1",
            "is a loopback address and MASTER_HOST is not",
        ),
        (
            "LOCAL_HOST",
            "localhost",
            "is a loopback address and MASTER_HOST is not",
        ),
        ("LOCAL_HOST", "::", "is not the address of one host"),
        ("LOCAL_HOST", "224.0.0.1", "is not the address of one host"),
        ("LOCAL_HOST", "fe80::1", "is link-local"),
        ("LOCAL_HOST", "a\nb", "`a\\nb` contains a space"),
        ("FE_QUERY_PORT", "0", "is not a port (1–65535)"),
        ("HTTP_PORT", "70000", "is not a port (1–65535)"),
        ("BE_PORT", "-1", "is not a port (1–65535)"),
        ("ARROW_FLIGHT_PORT", "-2", "is not a port (1–65535)"),
        ("MASTER_FE_QUERY_PORT", "x", "is not a port (1–65535)"),
        ("COMPONENT", "frontend", "is none of fe, be, cn, broker"),
        ("ENGINE", "mysql", "is none of "),
        ("FE_ROLE", "leader", "is none of follower, observer"),
        ("CLUSTER_TLS", "on", "is none of off, prefer, require, verify"),
        ("BOOTSTRAP", "yes", "is none of guarded, never, force"),
        ("REJOIN", "maybe", "is none of 1, 0, true, false"),
        ("MUSTER_EXEC", "2", "is none of 1, 0, true, false"),
        ("LOG_LEVEL", "loud", "is none of error, warn, info, debug, trace"),
        ("LOG_FORMAT", "xml", "is none of text, json"),
        ("GUARD_TIME", "soon", "is not a duration"),
        ("WAIT_TIMEOUT", "0", "must be longer than 0"),
        ("STOP_GRACE", "5x", "is not a duration"),
        ("JOIN_TIMEOUT", "200h", "is longer than 7 days"),
        ("FE_INDEX", "first", "is not a number"),
        ("DEFAULT_REPLICATION_NUM", "0", "is not a number of copies"),
        ("PRIORITY_NETWORKS", "192.168.1.11", "has no mask"),
        (
            "PRIORITY_NETWORKS",
            "10.0.0.0/8",
            "does not contain LOCAL_HOST 192.168.1.11",
        ),
    ];
    check_refused(&table);
}

#[test]
fn each_bad_path_and_conf_key_says_what_was_expected() {
    let table = [
        ("META_DIR", "meta", "is not an absolute path"),
        ("META_DIR", "/data/`id`", "evaluates this path as shell code"),
        (
            "STORAGE_ROOT_PATH",
            "/d1;d2",
            "contains `d2`, which is not an absolute path",
        ),
        ("STATE_DIR", "state", "is not an absolute path"),
        ("METRICS_FILE", "a.prom", "is not an absolute path"),
        ("SKIP_PREFLIGHT", "a;b", "is not a list of names"),
        (
            "CLUSTER_USER",
            "a\u{7}b",
            "`a\\u{7}b` contains a control character",
        ),
        (
            "CLUSTER_PASSWORD_FILE",
            "/nowhere/at/all",
            "`/nowhere/at/all` cannot be read: No such file",
        ),
        (
            "ROOT_PASSWORD_FILE",
            "/nowhere/at/all",
            "`/nowhere/at/all` cannot be read: No such file",
        ),
        (
            "ADMIN_PASSWORD_FILE",
            "/nowhere/at/all",
            "`/nowhere/at/all` cannot be read: No such file",
        ),
        (
            "CLUSTER_CA_FILE",
            "/nowhere/at/all",
            "`/nowhere/at/all` cannot be read: No such file",
        ),
        ("FE_CONF__bad-key", "1", "is not FE_CONF__key"),
        ("FE_CONF__", "1", "is not FE_CONF__key"),
        ("FE_CONF__1x", "1", "is not FE_CONF__key"),
        (
            "FE_CONF__JAVA_OPTS",
            "$(id)",
            "contains `$`, and the start script evaluates",
        ),
        ("BE_CONF__x", "'1", "is quoted"),
        ("BE_CONF__x", "1 # one", "contains ` #`"),
        ("CN_CONF__x", "1\ny = 2", "contains a line break"),
        ("FE_CONF__http_port", "80x0", "is not a port (1–65535)"),
        ("FE_CONF__meta_dir", "meta", "is not an absolute path"),
        ("BE_CONF__priority_networks", "eth0", "has no mask"),
        ("HOST_TYPE", "DNS", "is none of IP, FQDN"),
        ("BE_ADDR", "10.0.0.1", "has no port"),
        ("BE_ADDR", "{HOST_IP}:9050", "contains `{`"),
        ("FE_SERVERS", "fe1:{HOST_IP}:9010", "contains `{`"),
        ("BROKER_ADDR", "10.0.0.1:8000", "is not name:host:port"),
        (
            "BROKER_ADDR",
            "my-broker:10.0.0.1:8000",
            "has the name `my-broker`",
        ),
        ("FE_HEAP", "8", "is not a heap size"),
        ("BE_HEAP", "80%", "is not a heap size"),
        ("DEPLOY_MODE", "cloud", "is not supported yet"),
        ("RECOVERY", "true", "throws the other FEs out of their group"),
        (
            "RECOVERY",
            "1",
            "run `start_fe.sh --metadata_failure_recovery` once by hand",
        ),
        ("FE_CONFIG_EXTRA", "a = 1\nb", "line 2 is not key = value"),
        (
            "FE_CONFIG_EXTRA",
            "http_port = x",
            "`x` for http_port is not a port",
        ),
        ("BE_CONFIG_EXTRA", "x = 'y", "`'y` for x is quoted"),
        (
            "BE_CONFIG_EXTRA",
            "s3_secret_key = 'hunter2'",
            "its value for s3_secret_key is quoted",
        ),
    ];
    check_refused(&table);
}

/// Name, value, and a part of the one line that is said.
fn check_refused(table: &[(&str, &str, &str)]) {
    for &(name, value, expected) in table {
        let said = lines(read_with(TWO, name, value));
        assert_eq!(said.len(), 1, "{name}={value}: {said:?}");
        assert!(said[0].starts_with(&format!("{name}: ")), "{said:?}");
        assert!(said[0].contains(expected), "{said:?}");
        assert!(!said[0].contains('\n'), "{said:?}");
        assert!(said[0].ends_with("set in the environment"), "{said:?}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let said = refused(
        "MASTER_HOST=a,,b:1 LOCAL_HOST=127.0.0.1 HTTP_PORT=x BOOTSTRAP=x GUARD_TIME=x COMPONENT=x LOG_LEVEL=x \
         FE_CONF__x='y PRIORITY_NETWORKS=x",
    );
    let mut names: Vec<&str> = said.iter().map(|line| line.split_once(':').unwrap().0).collect();
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(
        names,
        [
            "BOOTSTRAP",
            "COMPONENT",
            "FE_CONF__x",
            "GUARD_TIME",
            "HTTP_PORT",
            "LOG_LEVEL",
            "MASTER_HOST",
            "PRIORITY_NETWORKS"
        ]
    );
}

#[test]
fn loopback_is_for_those_who_are_alone() {
    assert!(refused("MASTER_HOST=127.0.0.1 LOCAL_HOST=127.0.0.1").is_empty());
    assert!(refused("MASTER_HOST=localhost,127.0.0.1 LOCAL_HOST=::1").is_empty());
    assert_eq!(
        refused("MASTER_HOST=127.0.0.1,fe-1 LOCAL_HOST=127.0.0.1").len(),
        1
    );
    let (_, warnings) = read("MASTER_HOST=localhost LOCAL_HOST=192.168.1.11");
    assert_eq!(
        warned(&warnings),
        ["MASTER_HOST is a loopback address and LOCAL_HOST is not; each host would ask itself"]
    );
}

#[test]
fn one_component_cannot_listen_twice_on_one_port() {
    assert_eq!(
        refused(&format!("{TWO} HTTP_PORT=8030 FE_QUERY_PORT=8030")),
        [
            "FE_QUERY_PORT: `8030` is also requested as HTTP_PORT; an FE's ports must differ, set in the environment"
        ]
    );
    let table = [
        ("HTTP_PORT=8030 BE_HTTP_PORT=8030", 0),
        ("BE_PORT=9060 BRPC_PORT=9060", 1),
        ("BE_PORT=9060 BRPC_PORT=9060 HEARTBEAT_PORT=9060", 2),
        ("HTTP_PORT=1 ARROW_FLIGHT_PORT=1", 1),
        ("HTTP_PORT=1 ARROW_FLIGHT_PORT=1 COMPONENT=be", 0),
        ("BE_PORT=1 ARROW_FLIGHT_PORT=1", 1),
        ("HTTP_PORT=8030 FE_CONF__query_port=8030", 1),
        ("ARROW_FLIGHT_PORT=-1", 0),
    ];
    for (text, problems) in table {
        assert_eq!(refused(&format!("{TWO} {text}")).len(), problems, "{text}");
    }
    assert!(read(&format!("{TWO} ARROW_FLIGHT_PORT=-1")).0.ports.is_empty());
}

#[test]
fn a_conf_key_that_is_ours_is_the_same_request() {
    let (settings, _) = read(&format!(
        "{TWO} FE_CONF__http_port=8031 BE_CONF__be_http_port=8041 FE_CONF__meta_dir=/m FE_CONF__qe_max_connection=99 \
         BE_CONF__storage_root_path=/s FE_CONF__JAVA_OPTS=-Xmx4g BROKER_CONF__client_expire_seconds=5"
    ));
    assert_eq!(
        &settings.ports[&PortName::Http],
        &Sourced {
            value: 8031,
            source: environment("FE_CONF__http_port")
        }
    );
    assert_eq!(settings.ports[&PortName::BeHttp].value, 8041);
    let keys = |component| -> Vec<&str> {
        settings.conf[&component]
            .iter()
            .map(|request| request.key.as_str())
            .collect()
    };
    assert_eq!(
        keys(Component::Fe),
        ["JAVA_OPTS", "meta_dir", "qe_max_connection"]
    );
    assert_eq!(keys(Component::Be), ["storage_root_path"]);
    assert_eq!(keys(Component::Broker), ["client_expire_seconds"]);

    let table = [
        ("HTTP_PORT=8031 FE_CONF__http_port=8031", 0),
        ("HTTP_PORT=8030 FE_CONF__http_port=8031", 1),
        ("HTTP_PORT=8030 FE_CONF__http_port=8031 COMPONENT=be", 0),
        ("META_DIR=/a FE_CONF__meta_dir=/a", 0),
        ("META_DIR=/a FE_CONF__meta_dir=/b", 1),
        ("META_DIR=/a BE_CONF__meta_dir=/b", 0),
        (
            "PRIORITY_NETWORKS=192.168.0.0/16,10.0.0.0/8 FE_CONF__priority_networks=192.168.0.0/16;10.0.0.0/8",
            0,
        ),
        (
            "PRIORITY_NETWORKS=192.168.0.0/16 BE_CONF__priority_networks=192.168.1.0/24",
            1,
        ),
        ("STORAGE_ROOT_PATH=/a CN_CONF__storage_root_path=/b", 1),
        // One env file for an FE and a BE container: only COMPONENT can tell.
        ("FE_CONF__arrow_flight_port=1 BE_CONF__arrow_flight_port=2", 1),
        (
            "FE_CONF__arrow_flight_port=1 BE_CONF__arrow_flight_port=2 COMPONENT=be",
            0,
        ),
    ];
    for (text, problems) in table {
        let said = refused(&format!("{TWO} {text}"));
        assert_eq!(said.len(), problems, "{text}: {said:?}");
    }
    assert_eq!(
        refused(&format!("{TWO} META_DIR=/a FE_CONF__meta_dir=/b")),
        ["FE_CONF__meta_dir: `/b` conflicts with META_DIR (remove one of them), set in the environment"]
    );
}

#[test]
fn what_the_replaced_project_generated_is_understood() {
    let (settings, warnings) = read(
        "MASTER_FE_HOST=10.0.0.1 FE_HOST=10.0.0.2 HOST_IP=10.0.0.2 MASTER_FE_QUERY_PORT=9031 FE_INDEX=1",
    );
    assert_eq!(hosts(&settings), "10.0.0.1");
    assert_eq!(settings.master_hosts.source, environment("MASTER_FE_HOST"));
    assert_eq!(settings.local_host.value.to_string(), "10.0.0.2");
    assert_eq!(settings.local_host.source, environment("HOST_IP"));
    assert_eq!(settings.master_query_port.unwrap().value, 9031);
    assert!(warnings.is_empty(), "{warnings:?}");

    let (settings, warnings) = read(&format!(
        "{TWO} MASTER_FE_HOST=10.0.0.1 FE_HOST=10.0.0.2 HOST_IP=10.0.0.3"
    ));
    assert_eq!(hosts(&settings), "192.168.1.10");
    assert_eq!(settings.local_host.value.to_string(), "192.168.1.11");
    let mut said = warned(&warnings);
    said.sort();
    assert_eq!(
        said,
        [
            "FE_HOST conflicts with LOCAL_HOST and is ignored",
            "HOST_IP conflicts with LOCAL_HOST and is ignored",
            "MASTER_FE_HOST conflicts with MASTER_HOST and is ignored",
        ]
    );
    let (settings, warnings) = read("FE_HOST=10.0.0.1 HOST_IP=10.0.0.1");
    assert_eq!(hosts(&settings), "10.0.0.1");
    assert!(warnings.is_empty());
}

#[test]
fn the_vendors_compose_files_only_change_the_image() {
    // master hosts, local host, edit log port, heartbeat port
    let table = [
        ("MASTER_HOST=a POD_IP=10.0.0.5", "a", "10.0.0.5", None, None),
        (
            "MASTER_HOST=a POD_IP=10.0.0.5 HOST_IP=10.9.9.9",
            "a",
            "10.0.0.5",
            None,
            None,
        ),
        (
            "MASTER_HOST=a HOST_TYPE=IP POD_IP=10.0.0.5 POD_FQDN=x",
            "a",
            "10.0.0.5",
            None,
            None,
        ),
        (
            "MASTER_HOST=a HOST_TYPE=FQDN POD_IP=10.0.0.5 POD_FQDN=x.y",
            "a",
            "x.y",
            None,
            None,
        ),
        (
            "FE_SERVICE_NAME=fe-service COMPONENT_NAME=fe HOST_TYPE=FQDN POD_FQDN=sr-fe-2.sr-fe-search.ns",
            "sr-fe-0.sr-fe-search.ns,fe-service",
            "sr-fe-2.sr-fe-search.ns",
            None,
            None,
        ),
        (
            "FE_SERVICE_NAME=fe-service COMPONENT_NAME=be HOST_TYPE=FQDN POD_FQDN=sr-be-2.sr-be-search.ns",
            "fe-service",
            "sr-be-2.sr-be-search.ns",
            None,
            None,
        ),
        (
            "FE_SERVERS=fe1:10.0.0.1:9010,fe2:10.0.0.2:9011 FE_ID=2",
            "10.0.0.1,10.0.0.2",
            "10.0.0.2",
            Some(9011),
            None,
        ),
        (
            "FE_SERVERS=fe1:[fd00::1]:9010 BE_ADDR=10.0.0.4:9055",
            "fd00::1",
            "10.0.0.4",
            None,
            Some(9055),
        ),
        (
            "FE_MASTER_IP=10.0.0.1 FE_MASTER_PORT=9010 FE_CURRENT_IP=10.0.0.2 FE_CURRENT_PORT=9011",
            "10.0.0.1",
            "10.0.0.2",
            Some(9011),
            None,
        ),
        (
            "FE_MASTER_IP=10.0.0.1 BE_IP=10.0.0.4 BE_PORT=9055",
            "10.0.0.1",
            "10.0.0.4",
            None,
            Some(9055),
        ),
        (
            "FE_MASTER=10.0.0.1,10.0.0.2 LOCAL_HOST=10.0.0.2",
            "10.0.0.1,10.0.0.2",
            "10.0.0.2",
            None,
            None,
        ),
    ];
    for (text, masters, local, edit_log, heartbeat) in table {
        let (settings, warnings) = read(text);
        assert!(warnings.is_empty(), "{text}: {warnings:?}");
        assert_eq!(hosts(&settings), masters, "{text}");
        assert_eq!(settings.local_host.value.to_string(), local, "{text}");
        let port = |name| settings.ports.get(&name).map(|port| port.value);
        assert_eq!(port(PortName::EditLog), edit_log, "{text}");
        assert_eq!(port(PortName::Heartbeat), heartbeat, "{text}");
        assert_eq!(port(PortName::Be), None, "{text}");
    }
}

/// What follows `run`, words or a text for a shell.
fn commanded(command: &str, environment: &str) -> Result<(Settings, Vec<Warning>), Problems> {
    let words = [&["bash", "-c"][..], &[command]].concat();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let flags = Flags {
        command: Command::read(&words, &|_| None).and_then(Result::ok),
        ..Flags::default()
    };
    assert!(flags.command.is_some(), "{command}");
    Settings::read(flags, vars(environment))
}

/// The command, the environment, the hosts to ask, this host, and how many warnings.
const COMMANDS: &[[&str; 5]] = &[
    [
        "fe_entrypoint.sh db-fe-0",
        "HOST_TYPE=FQDN HOSTNAME=db-fe-0",
        "db-fe-0",
        "db-fe-0",
        "0",
    ],
    [
        "fe_entrypoint.sh db-fe-0",
        "HOST_TYPE=FQDN HOSTNAME=db-fe-2",
        "db-fe-0",
        "db-fe-2",
        "0",
    ],
    [
        "fe_entrypoint.sh db-fe",
        "HOST_TYPE=FQDN HOSTNAME=db-fe-2",
        "db-fe-0,db-fe",
        "db-fe-2",
        "0",
    ],
    [
        "fe_entrypoint.sh db",
        "HOST_TYPE=FQDN HOSTNAME=db",
        "db",
        "db",
        "0",
    ],
    [
        "fe_entrypoint.sh db",
        "HOST_TYPE=FQDN HOSTNAME=other",
        "db",
        "other",
        "1",
    ],
    [
        "be_entrypoint.sh db-fe-0",
        "HOST_TYPE=FQDN HOSTNAME=db-be-1",
        "db-fe-0",
        "db-be-1",
        "0",
    ],
    [
        "be_entrypoint.sh a",
        "FE_SERVICE_NAME=b POD_IP=10.0.0.5 HOSTNAME=x",
        "a",
        "10.0.0.5",
        "0",
    ],
    [
        "be_entrypoint.sh",
        "FE_SERVICE_NAME=b POD_IP=10.0.0.5",
        "b",
        "10.0.0.5",
        "0",
    ],
    [
        "be_entrypoint.sh a",
        "MASTER_HOST=m LOCAL_HOST=l HOST_TYPE=FQDN HOSTNAME=x",
        "m",
        "l",
        "0",
    ],
    [
        "be_entrypoint.sh a",
        "HOST_TYPE=FQDN POD_FQDN=b.c HOSTNAME=x",
        "a",
        "b.c",
        "0",
    ],
    [
        "be_entrypoint.sh a",
        "HOST_TYPE=FQDN HOSTNAME=0123456789ab",
        "a",
        "0123456789ab",
        "1",
    ],
    ["start_fe.sh", "HOST_TYPE=FQDN HOSTNAME=fe1", "fe1", "fe1", "0"],
    ["start_fe.sh --host_type FQDN", "HOSTNAME=fe1", "fe1", "fe1", "0"],
    ["start_fe.sh", "MASTER_HOST=m LOCAL_HOST=l", "m", "l", "0"],
    [
        "start_fe.sh --helper fe1:9010",
        "HOST_TYPE=FQDN HOSTNAME=fe2",
        "fe1",
        "fe2",
        "0",
    ],
    [
        "sleep 1; start_be.sh",
        "MASTER_HOST=fe1 LOCAL_HOST=be1",
        "fe1",
        "be1",
        "1",
    ],
    [
        "start_fe.sh",
        "HOST_TYPE=FQDN HOSTNAME=x HOST_IP=fe1",
        "fe1",
        "fe1",
        "0",
    ],
];

#[test]
fn the_vendors_commands_only_change_the_image() {
    for [command, environment, masters, local, warnings] in COMMANDS {
        let row = format!("{command}, {environment}");
        let (settings, said) =
            commanded(command, environment).unwrap_or_else(|problems| panic!("{row}\n{problems}"));
        let said = warned(&said);
        assert_eq!(hosts(&settings), *masters, "{row}");
        assert_eq!(settings.local_host.value.to_string(), *local, "{row}");
        assert_eq!(said.len().to_string(), *warnings, "{row}: {said:?}");
        assert!(!said.concat().contains("hunter2"), "{said:?}");
    }
}

#[test]
fn what_a_vendors_command_says_is_told_with_its_source() {
    let (settings, _) = commanded("be_entrypoint.sh a", "HOST_TYPE=FQDN HOSTNAME=x").unwrap();
    assert_eq!(settings.local_host.source, environment("HOSTNAME"));
    assert_eq!(settings.master_hosts.source, Source::Flag("the command"));
    let (settings, _) = commanded(
        "/opt/db/be/bin/start_be.sh --numa",
        &format!("{TWO} COMPONENT=fe"),
    )
    .unwrap();
    assert_eq!(settings.script_args, ["--numa"]);
    assert_eq!(settings.image.component.unwrap().value, Component::Be);
    assert_eq!(settings.image.home.unwrap().value, PathBuf::from("/opt/db/be"));

    assert_eq!(
        warned(
            &commanded("sleep 1; mysql -phunter2; start_be.sh --daemon", TWO)
                .unwrap()
                .1
        ),
        [
            "the command starts the BE by start_be.sh; muster does not run what else it calls: sleep, mysql; it waits and \
             registers by itself, and BE_CONF__key=value sets a key of the conf"
        ]
    );
    assert_eq!(
        lines(commanded("be_entrypoint.sh fe:9030 ", "LOCAL_HOST=be1")),
        [
            "the command: names `fe:9030`, which has a port; give the host alone: MASTER_FE_QUERY_PORT is the MySQL port of the FEs, and each port of this node has a variable"
        ]
    );
    // An address of a container changes: nobody is known by one that was not said.
    assert_eq!(
        lines(commanded("be_entrypoint.sh a", "HOSTNAME=be1")),
        [
            "LOCAL_HOST: is not set; set it to the address or name of this host, such as LOCAL_HOST=192.168.1.11; or set \
             HOST_TYPE=FQDN to use HOSTNAME"
        ]
    );
}

#[test]
fn our_own_names_win_over_the_vendors() {
    let (settings, warnings) = read(&format!(
        "{TWO} POD_IP=10.0.0.5 HOST_IP=10.9.9.9 FE_MASTER=x LOG_CONSOLE=1 CONFIGMAP_MOUNT_PATH=/etc/x IS_FE_OBSERVER=true \
         FE_SERVERS=fe1:192.168.1.10:9010"
    ));
    assert_eq!(hosts(&settings), "192.168.1.10");
    assert_eq!(settings.local_host.value.to_string(), "192.168.1.11");
    assert_eq!(settings.fe_role.unwrap().value, FeRole::Observer);
    assert_eq!(settings.master_edit_log_port.unwrap().value, 9010);
    assert_eq!(
        warned(&warnings),
        ["FE_MASTER conflicts with MASTER_HOST and is ignored"]
    );
    assert_eq!(
        refused("MASTER_HOST=a HOST_TYPE=FQDN POD_IP=10.0.0.5 HOSTNAME=db-fe-0"),
        [
            "HOST_TYPE: `FQDN` requests a name, but neither LOCAL_HOST nor POD_FQDN is set, set in the environment"
        ]
    );
}

/// Text, and what is warned or refused.
#[test]
fn a_value_that_another_one_overrules_is_named() {
    let table = [
        (
            "FE_ROLE=follower IS_FE_OBSERVER=true",
            "IS_FE_OBSERVER conflicts with FE_ROLE and is ignored",
        ),
        (
            "FE_TYPE=follower IS_FE_OBSERVER=1",
            "IS_FE_OBSERVER conflicts with FE_TYPE and is ignored",
        ),
        (
            "FE_TYPE=leader",
            "FE_TYPE: `leader` is none of follower, observer, set in the environment",
        ),
        (
            "CLUSTER_PASSWORD=hunter2 MYSQL_PWD=hunter3",
            "MYSQL_PWD conflicts with CLUSTER_PASSWORD and is ignored",
        ),
        ("CLUSTER_PASSWORD=hunter2 MYSQL_PWD=hunter2", ""),
        (
            "EDIT_LOG_PORT=9011 FE_CURRENT_PORT=9012",
            "FE_CURRENT_PORT conflicts with EDIT_LOG_PORT and is ignored",
        ),
        (
            "MASTER_FE_EDIT_LOG_PORT=9011 FE_MASTER_PORT=9012",
            "FE_MASTER_PORT conflicts with MASTER_FE_EDIT_LOG_PORT and is ignored",
        ),
        (
            "HOST_TYPE=FQDN",
            "HOST_TYPE = FQDN has no effect: LOCAL_HOST is an address, and the node is known by that",
        ),
        ("HOST_TYPE=IP", ""),
        ("FE_ID=2", "FE_ID has no effect without FE_SERVERS"),
        (
            "HEARTBEAT_PORT=9051 BE_ADDR=192.168.1.11:9052",
            "BE_ADDR conflicts with HEARTBEAT_PORT and is ignored",
        ),
        ("LOG_CONSOLE=1", ""),
        (
            "LOG_CONSOLE=0",
            "LOG_CONSOLE has no effect: the engine's log always goes to the console too",
        ),
        (
            "RUN_MODE=standalone",
            "RUN_MODE is none of shared_data, shared_nothing, fe, be and is not read",
        ),
        (
            "RUN_MODE=shared_data FE_CONF__run_mode=shared_nothing",
            "FE_CONF__run_mode: `shared_nothing` conflicts with RUN_MODE (remove one of them), set in the environment",
        ),
        ("RUN_MODE=shared_data FE_CONF__run_mode=shared_data", ""),
        (
            "CONFIGMAP_MOUNT_PATH=conf",
            "CONFIGMAP_MOUNT_PATH: `conf` is not an absolute path, set in the environment",
        ),
    ];
    for (text, expected) in table {
        let read = Settings::read(Flags::default(), vars(&format!("{TWO} {text}")));
        let said = match read {
            Ok((_, warnings)) => warned(&warnings),
            problems @ Err(_) => lines(problems),
        };
        assert_eq!(said.join("; "), expected, "{text}");
    }
    let (settings, _) = read(&format!("{TWO} RUN_MODE=Shared_Data FE_TYPE=observer"));
    let [request] = settings.conf[&Component::Fe].as_slice() else {
        panic!("{:?}", settings.conf);
    };
    assert_eq!(
        (request.key.as_str(), request.value.as_str()),
        ("run_mode", "shared_data")
    );
    assert_eq!(settings.fe_role.unwrap().value, FeRole::Observer);
    let flags = Flags {
        component: Some(Component::Be),
        ..Flags::default()
    };
    let (_, warnings) = Settings::read(flags, vars(&format!("{TWO} COMPONENT=fe"))).unwrap();
    assert_eq!(
        warned(&warnings),
        ["COMPONENT conflicts with the argument of `run` and is ignored"]
    );
}

/// The compose files of an older image name the seed and the FE of the container.
#[test]
fn fe_host_beside_the_seed_is_the_host_of_this_fe() {
    let (settings, warnings) = read("MASTER_FE_HOST=fe1 FE_HOST=fe2 FE_TYPE=observer");
    assert_eq!(hosts(&settings), "fe1");
    assert_eq!(settings.local_host.value.to_string(), "fe2");
    assert_eq!(settings.local_host.source, environment("FE_HOST"));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(refused("MASTER_FE_HOST=fe1 FE_HOST=fe2 COMPONENT=be").len(), 1);
}

#[test]
fn a_service_link_of_kubernetes_is_not_a_port() {
    let (settings, warnings) = read(&format!(
        "{TWO} BE_PORT=tcp://10.96.0.7:9060 FE_HTTP_PORT=tcp://10.96.0.8:8030 FE_PORT=tcp://10.96.0.8:8030 \
         FE_SERVICE_HOST=10.96.0.8 FE_PORT_8030_TCP_ADDR=10.96.0.8"
    ));
    assert!(settings.ports.is_empty());
    assert_eq!(
        warned(&warnings),
        [
            "BE_PORT is set by Kubernetes for a service of that name and is not read as a port",
            "FE_HTTP_PORT is set by Kubernetes for a service of that name and is not read as a port",
        ]
    );
}

#[test]
fn a_near_miss_is_a_warning_without_its_value() {
    let (settings, warnings) = read(&format!(
        "{TWO} MASTER_HOTS=hunter2 master_host=hunter2 CLUSTER_PASWORD=hunter2 cluster_password=hunter2 KAFKA_HOST=x"
    ));
    assert_eq!(
        warned(&warnings),
        [
            "MASTER_HOTS looks like MASTER_HOST and is not read",
            "master_host looks like MASTER_HOST and is not read",
            "CLUSTER_PASWORD looks like CLUSTER_PASSWORD and is not read",
            "cluster_password looks like CLUSTER_PASSWORD and is not read",
        ]
    );
    assert_eq!(settings.secret_variables, ["CLUSTER_PASWORD", "cluster_password"]);
}

#[test]
fn a_variable_that_is_no_longer_read_names_what_took_its_place() {
    let (_, warnings) = read(&format!("{TWO} MUSTER_RESTART=on-failure"));
    assert_eq!(
        warned(&warnings),
        ["MUSTER_RESTART is no longer read; set `restart:` of the container instead"]
    );
}

#[test]
fn a_missing_variable_names_what_was_probably_meant_to_be_it() {
    let problems =
        Settings::read(Flags::default(), vars("MASTER_HOTS=a LOCAL_HOST=b CLUSTER_USR=x")).unwrap_err();
    let [problem] = problems.iter().collect::<Vec<_>>()[..] else {
        panic!("{problems}")
    };
    assert!(
        problem
            .text
            .starts_with("is not set (MASTER_HOTS looks like it and is not read); set it to"),
        "{problems}"
    );
    assert_eq!(problems.warnings().len(), 2);
}

#[test]
fn a_value_that_is_not_utf_8_is_a_problem_only_if_it_is_ours() {
    let bytes = || OsString::from_vec(b"fe\xff".to_vec());
    let mut all = vars(TWO);
    all.push(("FOREIGN".into(), bytes()));
    all.push((OsString::from_vec(b"MASTER_HOST\xff".to_vec()), "x".into()));
    assert!(Settings::read(Flags::default(), all.clone()).is_ok());
    all.push(("CLUSTER_USER".into(), bytes()));
    all.push(("CLUSTER_PASSWORD".into(), bytes()));
    all.push(("FE_CONF__x".into(), bytes()));
    assert_eq!(
        lines(Settings::read(Flags::default(), all)),
        [
            "CLUSTER_PASSWORD: its value is not UTF-8, set in the environment",
            "CLUSTER_USER: `fe\\xff` is not UTF-8, set in the environment",
            "FE_CONF__x: `fe\\xff` is not UTF-8, set in the environment",
        ]
    );
    // Said once, and not that it is missing as well.
    let said = lines(Settings::read(
        Flags::default(),
        [("MASTER_HOST".into(), bytes()), ("LOCAL_HOST".into(), "a".into())],
    ));
    assert_eq!(
        said,
        ["MASTER_HOST: `fe\\xff` is not UTF-8, set in the environment"]
    );
}

#[test]
fn where_the_password_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "from file\n").unwrap();
    let file = file.to_str().unwrap();
    let password = |text: &str| {
        let (settings, _) = read(&format!("{TWO} {text}"));
        settings
            .account
            .password
            .map(|password| (password.value.reveal().to_owned(), password.source))
    };
    assert_eq!(
        password(&format!("CLUSTER_PASSWORD_FILE={file} MYSQL_PWD=x")),
        Some(("from file".to_owned(), environment("CLUSTER_PASSWORD_FILE")))
    );
    assert_eq!(
        password("CLUSTER_PASSWORD=a MYSQL_PWD=x"),
        Some(("a".to_owned(), environment("CLUSTER_PASSWORD")))
    );
    assert_eq!(
        password("CLUSTER_PASSWORD= MYSQL_PWD=x"),
        Some(("x".to_owned(), environment("MYSQL_PWD")))
    );
    let (settings, _) = read_with(TWO, "CLUSTER_PASSWORD", " with blanks ").unwrap();
    assert_eq!(settings.account.password.unwrap().value.reveal(), " with blanks ");
    assert_eq!(
        refused(&format!(
            "{TWO} CLUSTER_PASSWORD=hunter2 CLUSTER_PASSWORD_FILE={file}"
        )),
        [
            "CLUSTER_PASSWORD: cannot be used together with CLUSTER_PASSWORD_FILE (remove one of them), set in the environment"
        ]
    );
    assert!(refused(&format!("{TWO} CLUSTER_PASSWORD= CLUSTER_PASSWORD_FILE={file}")).is_empty());
    // Who writes the password itself there does not read it again in the log.
    assert_eq!(
        refused(&format!("{TWO} CLUSTER_PASSWORD_FILE=hunter2")),
        ["CLUSTER_PASSWORD_FILE: its value is not an absolute path, set in the environment"]
    );
}

#[test]
fn no_secret_is_ever_printed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("root");
    std::fs::write(&file, "hunter2-root\n").unwrap();
    let mut all = vars(&format!(
        "{TWO} CLUSTER_PASSWORD=hunter2 MYSQL_PWD=hunter2 ROOT_PASSWORD_FILE={} FE_CONF__aws_s3_secret_key=hunter2 \
         CLUSTER_PASWORD=hunter2",
        file.display()
    ));
    all.push((
        "FE_CONF__JAVA_OPTS".into(),
        "-Xmx4g -Djavax.net.ssl.keyStorePassword=hunter2".into(),
    ));
    let (settings, warnings) = Settings::read(Flags::default(), all.clone()).unwrap();
    let printed = format!("{settings:?} {warnings:?}");
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("Secret(…)"));
    assert_eq!(
        settings.secret_variables,
        [
            "CLUSTER_PASSWORD",
            "CLUSTER_PASWORD",
            "FE_CONF__JAVA_OPTS",
            "FE_CONF__aws_s3_secret_key",
            "MYSQL_PWD"
        ]
    );

    for (name, value) in [
        ("FE_CONF__aws_s3_secret_key", "'hunter2"),
        ("FE_CONF__aws_s3_access_key", "hunter2 # mine"),
        ("FE_CONF__JAVA_OPTS", "-DkeyPassword=hunter2 $X"),
        ("HTTP_PORT", "x"),
    ] {
        all.retain(|(known, _)| known != name);
        all.push((name.into(), value.into()));
    }
    let problems = Settings::read(Flags::default(), all).unwrap_err();
    assert_eq!(problems.iter().count(), 4);
    assert!(
        !format!("{problems} {problems:?}").contains("hunter2"),
        "{problems}"
    );
}

#[test]
fn the_image_is_told_in_any_environment() {
    let home = engine::ALL[0].home_variable;
    let text = format!(
        "MASTER_HOST=,, HTTP_PORT=x CLUSTER_PASSWORD_FILE=/nowhere {home}=/home COMPONENT=be MASTER_HOTS=x"
    );
    let (image, warnings) = ImageSettings::read(&Flags::default(), &vars(&text)).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(image.home.unwrap().value, PathBuf::from("/home"));
    assert_eq!(image.component.unwrap().value, Component::Be);
    assert!(ImageSettings::read(&Flags::default(), &vars("COMPONENT=x")).is_err());
}

#[test]
fn two_home_variables_need_a_choice_only_if_they_differ() {
    let [one, two] = engine::ALL.map(|engine| engine.home_variable);
    let count = |text: &str| refused(&format!("{TWO} {text}")).len();
    assert_eq!(count(&format!("{one}=/a {two}=/a")), 0);
    assert_eq!(count(&format!("{one}=/a {two}=/b")), 1);
    assert_eq!(
        count(&format!("{one}=/a {two}=/b ENGINE={}", engine::ALL[1].id)),
        0
    );
    assert_eq!(count(&format!("{one}=a")), 1);
    let flags = Flags {
        home: Some(PathBuf::from("/c")),
        ..Flags::default()
    };
    assert!(Settings::read(flags, vars(&format!("{TWO} {one}=/a {two}=/b"))).is_ok());
}

/// What `run` will say in the container is said of the lines that are written for it, and where they stand.
#[test]
fn the_lines_of_a_file_are_checked_as_the_environment_is_and_named_by_their_place() {
    let report = |text: &str| {
        let file = EnvFile::parse("app.env", text);
        let read = Settings::read_file(Flags::default(), &file);
        read.err().map(|problems| problems.to_string())
    };
    assert_eq!(
        report(
            "MASTER_HOST=10.0.0.1,,10.0.0.2\nLOCAL_HOST=10.0.0.2\nnonsense\n\nFE_QUERY_PORT=90x0\n\
             CLUSTER_PASSWORD=hunter2\nCLUSTER_PASSWORD_FILE=/run/secrets/none\nROOT_PASSWORD_FILE=hunter2\n\
             ADMIN_PASSWORD_FILE=hunter2\n"
        )
        .as_deref(),
        Some(
            "app.env cannot be used
  ADMIN_PASSWORD_FILE: its value is not an absolute path, set in app.env, line 9
  CLUSTER_PASSWORD: cannot be used together with CLUSTER_PASSWORD_FILE (remove one of them), set in app.env, line 6
  FE_QUERY_PORT: `90x0` is not a port (1–65535), set in app.env, line 5
  MASTER_HOST: `10.0.0.1,,10.0.0.2` has an empty host at position 2, set in app.env, line 1
  ROOT_PASSWORD_FILE: its value is not an absolute path, set in app.env, line 8
  app.env: line 3 has no `=`: it is neither KEY=VALUE nor a comment

hint: correct these lines and run it again; nothing was written"
        )
    );
    // These are in the container, and not here.
    let elsewhere = "MASTER_HOST=10.0.0.1\nLOCAL_HOST=10.0.0.2\nCLUSTER_PASSWORD_FILE=/none/a\nROOT_PASSWORD_FILE=/none/b\n\
                     CLUSTER_TLS=verify\nCLUSTER_CA_FILE=/none/c\n";
    assert_eq!(report(elsewhere), None);
}

/// The FE and the BE of a host may have the same app.env, and the same directory of the host.
#[test]
fn a_directory_of_metrics_has_a_file_for_each_component() {
    let (settings, _) = read(&format!("{TWO} METRICS_FILE=/m"));
    for (component, path) in [
        (Component::Fe, "/m/muster-fe.prom"),
        (Component::Be, "/m/muster-be.prom"),
    ] {
        assert_eq!(settings.metrics_path(component), Some(PathBuf::from(path)));
    }
    assert_eq!(read(TWO).0.metrics_path(Component::Fe), None);
}
