//! StarRocks, 2.5 to 4.0. Observed running: FE 3.5.0. Files, flags and texts that differ between
//! versions are recognised by the installed scripts, not by a version number.

use std::time::Duration;

use super::probe::{Probes, ReadyWord};
use super::{
    AddressKey, CallListener, Component, Engine, Entrypoint, FoundingMode, Layout, NameMode, OwnHost, Poll,
    Port, PortKind, PortName, ReadyProof, Rehost, ReplicationKey, Sql,
};

const FE: &[Component] = &[Component::Fe];
const BE_CN: &[Component] = &[Component::Be, Component::Cn];

pub(super) static ENGINE: Engine = Engine {
    id: "starrocks",
    name: "StarRocks",
    home_variable: "STARROCKS_HOME",
    // Written into VERSION since 3.0; an FE with another value in its conf ends: "Unmatched run mode between config file and
    // version file".
    founding_mode: Some(FoundingMode {
        conf_key: "run_mode",
        default: "shared_nothing",
        version_key: "runMode",
    }),
    // Its images have no entrypoint: the command is all that runs.
    command_follows_engine: false,
    // The scripts take the address unless HOST_TYPE says FQDN.
    hostname_is_identity: false,
    replication: ReplicationKey {
        key: "default_replication_num",
        needless: None,
    },
    one_time_flags: &[],
    ignored_keys: &[],
    unsupported: &[],
    // bin/start_fe.sh and bin/start_backend.sh, before export_env_from_conf.
    script_sets: &["STARROCKS_HOME", "DORIS_HOME", "LOG_DIR", "PID_DIR", "JAVA_OPTS"],
    // The same scripts, bin/common.sh and conf/hadoop_env.sh.
    // DORIS_HOME up to 3.5.
    script_adds: &[
        "JAVA_",
        "HADOOP_",
        "CLASSPATH",
        "LD_LIBRARY_PATH",
        "UDF_RUNTIME_DIR",
        "SYS_LOG_TO_CONSOLE",
        "JEMALLOC_CONF",
        "DORIS_HOME",
    ],
    layouts: &[
        Layout {
            component: Component::Fe,
            default_home: "/opt/starrocks/fe",
            // docker/dockerfiles/allin1.
            other_homes: &["/data/deploy/starrocks/fe"],
            script: "bin/start_fe.sh",
            // docker/dockerfiles/fe/fe_entrypoint.sh and its like.
            entrypoints: &[Entrypoint::with_host("fe_entrypoint.sh")],
            inner_scripts: &[],
            marks: &[
                "lib/starrocks-fe.jar",
                "lib/starrocks-fe-core.jar",
                "lib/starrocks-fe-main.jar",
            ],
            conf: "conf/fe.conf",
            custom_conf: None,
            pid_file: "bin/fe.pid",
            // Observed: there from the first second on; JE locks a part of it.
            engine_locks: &["bdb/je.lck"],
            process_mark: "StarRocksFE",
            // Since 2.5.5; older scripts print a getopt complaint for it (bin/start_fe.sh).
            console_flag: "--logconsole",
            log_files: &["fe.out", "fe.log", "fe.warn.log"],
            // JE writes it itself (observed).
            data_logs: &["bdb/je.info.0"],
            default_logs: "log",
            log_dir_keys: &["LOG_DIR", "sys_log_dir"],
            data_key: "meta_dir",
            default_data: "meta",
            // A ready leader needs 0.5 s after SIGTERM, an FE in its first seconds 1.4 s (observed).
            stop_grace: Duration::from_secs(30),
        },
        Layout {
            component: Component::Be,
            default_home: "/opt/starrocks/be",
            other_homes: &["/data/deploy/starrocks/be"],
            script: "bin/start_be.sh",
            entrypoints: &[Entrypoint::with_host("be_entrypoint.sh")],
            inner_scripts: &["bin/start_backend.sh"],
            marks: &["lib/starrocks_be"],
            conf: "conf/be.conf",
            custom_conf: None,
            pid_file: "bin/be.pid",
            // Of the key-value store with the tablets' metadata (be/src/storage/kv_store.cpp, RocksDB's LockFile).
            engine_locks: &["meta/LOCK"],
            process_mark: "starrocks_be",
            console_flag: "--logconsole",
            log_files: &["be.out", "be.INFO", "be.WARNING"],
            data_logs: &[],
            default_logs: "log",
            log_dir_keys: &["LOG_DIR", "sys_log_dir"],
            data_key: "storage_root_path",
            default_data: "storage",
            // From 3.4.2 on it waits up to 20 s for running fragments (loop_count_wait_fragments_finish = 2).
            stop_grace: Duration::from_secs(60),
        },
        Layout {
            component: Component::Cn,
            default_home: "/opt/starrocks/cn",
            other_homes: &[],
            script: "bin/start_cn.sh",
            entrypoints: &[Entrypoint::with_host("cn_entrypoint.sh")],
            inner_scripts: &["bin/start_backend.sh"],
            marks: &["lib/starrocks_be"],
            conf: "conf/cn.conf",
            custom_conf: None,
            pid_file: "bin/cn.pid",
            // Of the key-value store with the tablets' metadata (be/src/storage/kv_store.cpp, RocksDB's LockFile).
            engine_locks: &["meta/LOCK"],
            process_mark: "starrocks_be",
            console_flag: "--logconsole",
            log_files: &["cn.out", "cn.INFO", "cn.WARNING"],
            data_logs: &[],
            default_logs: "log",
            log_dir_keys: &["LOG_DIR", "sys_log_dir"],
            data_key: "storage_root_path",
            default_data: "storage",
            stop_grace: Duration::from_secs(60),
        },
    ],
    ports: &[
        // A joiner asks its helper on its own http_port, and the leader polls every FE on its own.
        Port {
            name: PortName::Http,
            components: FE,
            kind: PortKind::ClusterWide,
            conf_key: "http_port",
            default: Some(8030),
            udp: false,
        },
        Port {
            name: PortName::Rpc,
            components: FE,
            kind: PortKind::Local,
            conf_key: "rpc_port",
            default: Some(9020),
            udp: false,
        },
        Port {
            name: PortName::Query,
            components: FE,
            kind: PortKind::Local,
            conf_key: "query_port",
            default: Some(9030),
            udp: false,
        },
        Port {
            name: PortName::EditLog,
            components: FE,
            kind: PortKind::Identity,
            conf_key: "edit_log_port",
            default: Some(9010),
            udp: false,
        },
        // Off (-1) by default; known since 3.5.
        Port {
            name: PortName::ArrowFlight,
            components: &[Component::Fe, Component::Be, Component::Cn],
            kind: PortKind::Local,
            conf_key: "arrow_flight_port",
            default: None,
            udp: false,
        },
        Port {
            name: PortName::Be,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "be_port",
            default: Some(9060),
            udp: false,
        },
        Port {
            name: PortName::BeHttp,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "be_http_port",
            default: Some(8040),
            udp: false,
        },
        Port {
            name: PortName::Heartbeat,
            components: BE_CN,
            kind: PortKind::Identity,
            conf_key: "heartbeat_service_port",
            default: Some(9050),
            udp: false,
        },
        Port {
            name: PortName::Brpc,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "brpc_port",
            default: Some(8060),
            udp: false,
        },
        Port {
            name: PortName::Starlet,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "starlet_port",
            default: Some(9070),
            udp: false,
        },
    ],
    // Observed: polls every 5.00 s while every node is reachable.
    heartbeat: Duration::from_secs(5),
    // Observed: the key is there from the first write, its value only 0.7 s after `can write now`.
    ready_proof: ReadyProof::RoleKeyFilled("hostType"),
    // fe/fe-core/src/main/java/com/starrocks/service/FrontendOptions.java. By name: the canonical name of
    // `InetAddress.getLocalHost()`; since 2026 that of the address in priority_networks, if there is one.
    own_host: OwnHost {
        // Forces the address mode, also with `--host_type FQDN`; 0.0.0.0 is its default.
        address_key: Some(AddressKey {
            key: "frontend_address",
            unset: "0.0.0.0",
        }),
        by_name: NameMode::Flag("--host_type"),
        // Observed: `hostType=IP`, `name=10.77.0.11_9010_1795234059948`. Each start writes hostType again once it is
        // ready (saveStartType); the name stays when the host is changed.
        role_mode_key: Some("hostType"),
    },
    unwanted: &[],
    cut_founding: &[
        "current node is not added to the cluster, will exit",
        "role file and version file must both exist or both not exist",
        "has no root",
    ],
    cut_join: &[
        "bad environment",
        "represent different environment instances",
        "key too small",
        "image exists, but bdb dir is empty",
    ],
    sql: Sql {
        show_frontends: "SHOW FRONTENDS",
        show_backends: "SHOW BACKENDS",
        show_compute_nodes: Some("SHOW COMPUTE NODES"),
        add_follower: "ALTER SYSTEM ADD FOLLOWER \"{}\"",
        add_observer: "ALTER SYSTEM ADD OBSERVER \"{}\"",
        add_backend: "ALTER SYSTEM ADD BACKEND \"{}\"",
        add_compute_node: Some("ALTER SYSTEM ADD COMPUTE NODE \"{}\""),
        drop_follower: "ALTER SYSTEM DROP FOLLOWER \"{}\"",
        drop_observer: "ALTER SYSTEM DROP OBSERVER \"{}\"",
        drop_backend: "ALTER SYSTEM DROP BACKEND \"{}\"",
        drop_compute_node: Some("ALTER SYSTEM DROP COMPUTE NODE \"{}\""),
        // Observed: "Can't change ip to ip." A name to an address is allowed by the source and was not observed.
        frontend_host: Rehost {
            statement: "ALTER SYSTEM MODIFY FRONTEND HOST \"{from}\" TO \"{to}\"",
            to_address: false,
        },
        // Observed for names; the source has the same check as for an FE (AlterSystemStmtAnalyzer).
        backend_host: Rehost {
            statement: "ALTER SYSTEM MODIFY BACKEND HOST \"{from}\" TO \"{to}\"",
            to_address: false,
        },
        // Observed: cluster_admin that is not a default role answers 5203 until this.
        set_all_roles: "SET ROLE ALL",
        // Observed: no answer of http_port has a `Date` header.
        unix_time: Some("SELECT UNIX_TIMESTAMP()"),
        set_own_password: "SET PASSWORD = PASSWORD('{}')",
    },
    probes: Probes {
        fe_ready: "/api/bootstrap",
        ready_word: ReadyWord::Status,
        backend_ready: "/api/health",
        role: "/role?host={host}&port={port}",
        ha: Some("/api/show_meta_info?action=SHOW_HA"),
        version: "/version",
        // It goes by the caller's address.
        caller: None,
        // SHOW_HA hangs at a leader without a majority (observed).
        leader_needs_journal: false,
    },
    call_listeners: &[
        CallListener {
            components: FE,
            port: PortName::Http,
            // Observed: 404 or 503 puts the leader's token into its ErrMsg, `{}` shows this FE as Alive; this answer
            // does neither.
            poll: Poll::Http {
                path: "/api/bootstrap?cluster_id=",
                body: r#"{"status":"FAILED","msg":"waiting to join"}"#,
            },
        },
        CallListener {
            components: FE,
            port: PortName::Http,
            poll: Poll::Member,
        },
        CallListener {
            components: FE,
            port: PortName::Http,
            poll: Poll::Seed,
        },
        CallListener {
            components: FE,
            port: PortName::EditLog,
            poll: Poll::Election,
        },
        CallListener {
            components: BE_CN,
            port: PortName::Heartbeat,
            poll: Poll::Heartbeat { method: "heartbeat" },
        },
    ],
};
