//! Apache Doris, 2.0 to 4.1. Observed running: FE 4.0.1. Files, flags and texts that differ between versions are recognised
//! by the installed scripts, not by a version number.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::accounts::{Accounts, Grant, ShippedAccount};
use super::probe::{Caller, Probes, ReadyWord};
use super::{
    CallListener, Component, DataKey, Demand, Engine, Entrypoint, Environment, HostCheck, HostChecks,
    IgnoredKey, JavaHome, Layout, MemberList, NameMode, OneStart, OneTimeFlag, OwnHost, Poll, Port, PortKind,
    PortName, ReadyProof, Rehost, ReplicaList, ReplicationKey, Sql, Switches, TableList, Unhealthy,
    Unsupported,
};

const FE: &[Component] = &[Component::Fe];
const META_SERVICE: &str = "the meta service";
const BE_CN: &[Component] = &[Component::Be, Component::Cn];
/// `bin/start_fe.sh` and `bin/start_be.sh`, before they read the conf.
const SCRIPT_SETS: &[&str] = &["DORIS_HOME", "LOG_DIR", "PID_DIR", "JAVA_OPTS"];

/// `bin/start_be.sh`: the first since 1.2, the last since 2.0, swap since September 2023, the variable since December 2024.
static HOST_CHECKS: HostChecks = HostChecks {
    skip: "SKIP_CHECK_ULIMIT",
    checks: &[
        HostCheck {
            demand: Demand::MapCount(2_000_000),
            word: "max_map_count",
        },
        HostCheck {
            demand: Demand::NoSwap,
            word: "swapon",
        },
        HostCheck {
            demand: Demand::OpenFiles(60_000),
            word: "ulimit",
        },
    ],
};

const BE_LAYOUT: Layout = Layout {
    component: Component::Be,
    default_home: "/opt/apache-doris/be",
    other_homes: &[],
    script: "bin/start_be.sh",
    // docker/runtime/be/resource.
    entrypoints: &[
        Entrypoint::alone("entry_point.sh"),
        Entrypoint::alone("init_be.sh"),
        Entrypoint::with_host("be_entrypoint.sh"),
        Entrypoint::alone("start-be.sh"),
    ],
    inner_scripts: &[],
    marks: &["lib/doris_be"],
    script_mark: None,
    script_sets: SCRIPT_SETS,
    conf: "conf/be.conf",
    custom_conf: Some("conf/be_custom.conf"),
    pid_file: "bin/be.pid",
    // Of the key-value store with the tablets' metadata (be/src/olap/olap_meta.cpp, RocksDB's LockFile).
    engine_locks: &["meta/LOCK"],
    process_mark: "doris_be",
    version_class: None,
    java_options: &[],
    written_conf: &[],
    temp_dir: None,
    console_flag: Some("--console"),
    log_files: &["be.out", "be.INFO", "be.WARNING"],
    data_logs: &[],
    default_logs: "log",
    log_dir_keys: &["LOG_DIR", "sys_log_dir"],
    data: Some(DataKey {
        key: "storage_root_path",
        default: "storage",
    }),
    networks_key: Some("priority_networks"),
    // Since 2.0, even for a BE that runs no Java.
    java_home: JavaHome::InEither,
    host_checks: Some(&HOST_CHECKS),
    // `chmod` at every start up to 3.0, later only if it cannot be executed.
    program: Some("lib/doris_be"),
    fixed_conf: &[],
    // be/src/olap/storage_engine.cpp, _open: the value precedes what the storage says, and must not differ from it.
    cluster_id_key: Some("cluster_id"),
    // Since 4.0 it waits up to 120 s for running fragments, then always 30 s (be/src/runtime/exec_env.cpp).
    stop_grace: Duration::from_secs(160),
};

/// A compute node is a BE to the cluster: `ADD COMPUTE NODE` does not exist (observed).
const fn backends(component: Component) -> MemberList {
    MemberList {
        component,
        show: "SHOW BACKENDS",
        port_column: "HeartbeatPort",
        // Observed.
        node_roles: &[("mix", Component::Be), ("computation", Component::Cn)],
        add: "ALTER SYSTEM ADD BACKEND \"{}\"",
        // Observed: DROP BACKEND is refused, "use DROPP instead of DROP".
        drop: "ALTER SYSTEM DROPP BACKEND \"{}\"",
        decommission: Some("ALTER SYSTEM DECOMMISSION BACKEND \"{}\""),
        // Observed for names only.
        rehost: Some(Rehost {
            statement: "ALTER SYSTEM MODIFY BACKEND \"{from}:{port}\" HOSTNAME \"{to}\"",
            to_address: false,
        }),
    }
}

pub(super) static ENGINE: Engine = Engine {
    id: "doris",
    name: "Apache Doris",
    // Releases up to 4.1.5 were read.
    newest: (4, 1),
    home_variable: "DORIS_HOME",
    // It is in a file of its own, DEPLOY_MODE.
    founding_mode: None,
    // init_fe.sh, init_be.sh and init_broker.sh end with `exec "$@"`, after they waited for the engine.
    command_follows_engine: true,
    // FEs compare names as texts, and people give every service a `hostname:`.
    hostname_is_identity: true,
    // fe/fe-common/src/main/java/org/apache/doris/common/Config.java, since 2.0 (pull request 21848): it overrides CREATE TABLE.
    // There is no default_replication_num.
    replication: ReplicationKey {
        key: "force_olap_table_replication_num",
        needless: Some("3"),
    },
    // bin/start_fe.sh, bin/start_be.sh: getopt and what follows it.
    one_time_flags: &[
        OneTimeFlag {
            flag: "--metadata_failure_recovery",
            does: "throws the other FEs out of their group",
        },
        OneTimeFlag {
            flag: "--image",
            does: "checks an image file and ends",
        },
        OneTimeFlag {
            flag: "--cluster_snapshot",
            does: "restores a snapshot",
        },
        OneTimeFlag {
            flag: "--version",
            does: "prints the version and ends",
        },
    ],
    // ConfigBase.java and be/src/common/config.cpp skip what they do not know. Seen in a guide and in compose files.
    ignored_keys: &[
        IgnoredKey {
            component: Component::Fe,
            key: "frontend_address",
            instead: "up to 1.2 it was the address of an FE; LOCAL_HOST is the host of this node",
            names_host: true,
        },
        IgnoredKey {
            component: Component::Be,
            key: "be_ip",
            instead: "LOCAL_HOST is the host of this node",
            names_host: true,
        },
        IgnoredKey {
            component: Component::Fe,
            key: "max_connection",
            instead: "the key is qe_max_connection, and the property of a user max_user_connections",
            names_host: false,
        },
        IgnoredKey {
            component: Component::Be,
            key: "max_scan_thread_num",
            instead: "the key is doris_scanner_thread_pool_thread_num",
            names_host: false,
        },
        IgnoredKey {
            component: Component::Be,
            key: "enable_ssl",
            instead: "it is a key of fe.conf, for the MySQL port",
            names_host: false,
        },
    ],
    script_adds: &[
        "JAVA_",
        "HADOOP_",
        "CLASSPATH",
        "DORIS_CLASSPATH",
        "LD_LIBRARY_PATH",
        "UDF_RUNTIME_DIR",
    ],
    layouts: &[
        Layout {
            component: Component::Fe,
            default_home: "/opt/apache-doris/fe",
            other_homes: &[],
            script: "bin/start_fe.sh",
            // docker/runtime/fe/resource; the last one is people's own, mounted beside the vendor's.
            entrypoints: &[
                Entrypoint::alone("init_fe.sh"),
                Entrypoint::with_host("fe_entrypoint.sh"),
                Entrypoint::alone("start-fe.sh"),
            ],
            inner_scripts: &[],
            marks: &["lib/doris-fe.jar"],
            script_mark: None,
            script_sets: SCRIPT_SETS,
            // Written by gensrc/script/gen_build_version.sh.
            version_class: Some("org/apache/doris/common/Version.class"),
            conf: "conf/fe.conf",
            custom_conf: Some("conf/fe_custom.conf"),
            pid_file: "bin/fe.pid",
            // Observed: "Try to lock process failed" names the first; JE locks a part of the second.
            engine_locks: &["process.lock", "bdb/je.lck"],
            process_mark: "DorisFE",
            // bin/start_fe.sh: "… is not set in fe.conf", exit 1.
            java_options: &[(17, "JAVA_OPTS_FOR_JDK_17"), (9, "JAVA_OPTS_FOR_JDK_9")],
            // Observed: 255 if it cannot be written, "java.io.IOException: Read-only file system".
            written_conf: &["log4j2-spring.xml"],
            // Observed: 255 after it has become the leader, "Unable to create tempDir. java.io.tmpdir is set to /tmp".
            temp_dir: Some("/tmp"),
            console_flag: Some("--console"),
            log_files: &["fe.out", "fe.log", "fe.warn.log"],
            // JE writes it itself (observed).
            data_logs: &["bdb/je.info.0"],
            default_logs: "log",
            log_dir_keys: &["LOG_DIR", "sys_log_dir"],
            data: Some(DataKey {
                key: "meta_dir",
                default: "doris-meta",
            }),
            networks_key: Some("priority_networks"),
            java_home: JavaHome::Optional,
            host_checks: None,
            program: None,
            fixed_conf: &[],
            cluster_id_key: None,
            // Since 4.0 it waits up to 300 s for running queries; idle 0.4 s (DorisFE.gracefulShutdown; observed).
            stop_grace: Duration::from_secs(310),
        },
        BE_LAYOUT,
        // The vendor's entrypoint writes that line for NODE_ROLE=computation (docker/runtime/be/resource/init_be.sh).
        Layout {
            component: Component::Cn,
            fixed_conf: &[("be_node_role", "computation")],
            ..BE_LAYOUT
        },
        Layout {
            component: Component::Broker,
            default_home: "/opt/apache-doris/apache_hdfs_broker",
            other_homes: &[],
            script: "bin/start_broker.sh",
            // docker/runtime/broker/resource.
            entrypoints: &[
                Entrypoint::alone("init_broker.sh"),
                Entrypoint::with_host("broker_entrypoint.sh"),
            ],
            inner_scripts: &[],
            marks: &["lib/apache_hdfs_broker.jar"],
            script_mark: Some("org.apache.doris.broker"),
            // bin/start_broker.sh, before it reads the conf.
            script_sets: &["BROKER_HOME", "BROKER_LOG_DIR", "PID_DIR", "JAVA_OPTS"],
            version_class: None,
            conf: "conf/apache_hdfs_broker.conf",
            custom_conf: None,
            pid_file: "bin/apache_hdfs_broker.pid",
            engine_locks: &[],
            process_mark: "BrokerBootstrap",
            java_options: &[],
            written_conf: &[],
            temp_dir: None,
            // The script passes its output on without one.
            console_flag: None,
            // The script itself writes a date into the first; conf/log4j.properties names the second.
            log_files: &["apache_hdfs_broker.out", "apache_hdfs_broker.log"],
            data_logs: &[],
            default_logs: "log",
            log_dir_keys: &["BROKER_LOG_DIR", "sys_log_dir"],
            data: None,
            networks_key: None,
            // Without it, it takes `java` from PATH.
            java_home: JavaHome::Optional,
            host_checks: None,
            program: None,
            fixed_conf: &[],
            cluster_id_key: None,
            stop_grace: Duration::from_secs(30),
        },
    ],
    // Observed: an FE tests each of its ports before its start, TCP and UDP.
    ports: &[
        Port {
            name: PortName::Http,
            components: FE,
            kind: PortKind::ClusterWide,
            conf_key: "http_port",
            default: Some(8030),
            default_since: None,
            udp: true,
        },
        Port {
            name: PortName::Rpc,
            components: FE,
            kind: PortKind::ClusterWide,
            conf_key: "rpc_port",
            default: Some(9020),
            default_since: None,
            udp: true,
        },
        Port {
            name: PortName::Query,
            components: FE,
            kind: PortKind::Local,
            conf_key: "query_port",
            default: Some(9030),
            default_since: None,
            udp: true,
        },
        Port {
            name: PortName::EditLog,
            components: FE,
            kind: PortKind::Identity,
            conf_key: "edit_log_port",
            default: Some(9010),
            default_since: None,
            udp: true,
        },
        Port {
            name: PortName::ArrowFlight,
            components: FE,
            kind: PortKind::Local,
            conf_key: "arrow_flight_sql_port",
            // -1 before (`Config.arrow_flight_sql_port`).
            default: Some(8070),
            default_since: Some((4, 0)),
            udp: true,
        },
        Port {
            name: PortName::Be,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "be_port",
            default: Some(9060),
            default_since: None,
            udp: false,
        },
        Port {
            name: PortName::BeHttp,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "webserver_port",
            default: Some(8040),
            default_since: None,
            udp: false,
        },
        Port {
            name: PortName::Heartbeat,
            components: BE_CN,
            kind: PortKind::Identity,
            conf_key: "heartbeat_service_port",
            default: Some(9050),
            default_since: None,
            udp: false,
        },
        Port {
            name: PortName::Brpc,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "brpc_port",
            default: Some(8060),
            default_since: None,
            udp: false,
        },
        // Since 4.0; -1 in the shipped conf of 2.1 and 3.0 (be/src/common/config.cpp).
        Port {
            name: PortName::ArrowFlight,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "arrow_flight_sql_port",
            default: Some(8050),
            default_since: Some((4, 0)),
            udp: false,
        },
        Port {
            name: PortName::BrokerIpc,
            components: &[Component::Broker],
            kind: PortKind::Identity,
            conf_key: "broker_ipc_port",
            default: Some(8000),
            default_since: None,
            udp: false,
        },
    ],
    heartbeat: Duration::from_secs(10),
    ready_proof: ReadyProof::JournalInfo,
    // fe/fe-core/src/main/java/org/apache/doris/service/FrontendOptions.java, since 2.0. By name: the canonical name of the
    // machine, forward and backward.
    own_host: OwnHost {
        // frontend_address existed up to 1.2.
        address_key: None,
        by_name: NameMode::Key("enable_fqdn_mode"),
        // `InetAddress.getLocalHost().getCanonicalHostName()`, whatever priority_networks is.
        name_of_address: false,
        // Observed: fe8 and FE8 are two members; the own row is found by `equals`.
        case_matters: true,
        // `name=fe_<uuid>`.
        role_mode_key: None,
    },
    // cloud/catalog/CloudEnv.java and be/src/common/config.cpp: on if one of the first two is set.
    unsupported: &[
        Unsupported {
            key: "deploy_mode",
            value: Some("cloud"),
            kept_by: META_SERVICE,
        },
        Unsupported {
            key: "cloud_unique_id",
            value: None,
            kept_by: META_SERVICE,
        },
        Unsupported {
            key: "meta_service_endpoint",
            value: None,
            kept_by: META_SERVICE,
        },
    ],
    // Observed: "env 'http_proxy' = …, need unset it", exit 1.
    unwanted: &["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"],
    cut_founding: &[
        "is not added to the cluster, will exit",
        "must both exist",
        "switch deploy mode from null",
        "has no root",
    ],
    // Observed: data of an impostor; a name that the group does not know; a member that was dropped and added again, whose old
    // data never starts.
    cut_join: &[
        "represent different environment instances",
        "were equal. But names",
        "is no longer a member of the group",
    ],
    sql: Sql {
        show_frontends: "SHOW FRONTENDS",
        add_follower: "ALTER SYSTEM ADD FOLLOWER \"{}\"",
        add_observer: "ALTER SYSTEM ADD OBSERVER \"{}\"",
        drop_follower: "ALTER SYSTEM DROP FOLLOWER \"{}\"",
        drop_observer: "ALTER SYSTEM DROP OBSERVER \"{}\"",
        // Observed: works for an address too, while the FE is down. On a live one it fails, but the host is changed
        // in the leader's memory; the reverse statement repairs that.
        frontend_host: Rehost {
            statement: "ALTER SYSTEM MODIFY FRONTEND \"{from}:{port}\" HOSTNAME \"{to}\"",
            to_address: true,
        },
        member_verbs: &["ADD", "DROP", "DROPP", "DECOMMISSION"],
        set_all_roles: "",
        // Observed: the header is in every answer of http_port, and follows the FE's own clock.
        unix_time: None,
        // TabletHealthProcDir: a row `Total` is the last one.
        replicas: ReplicaList {
            show: "SHOW PROC '/cluster_health/tablet_health'",
            total: "Total",
            unhealthy: Unhealthy::AllBut("HealthyNum"),
        },
        // SchemaTable and MetadataGenerator: the column is there since May 2025 (its pull request 51025); before, only a walk
        // through every table of SHOW PROC '/dbs' would tell.
        tables: TableList {
            show: "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tbl, MIN(REPLICA_NUM) AS replicas \
                   FROM information_schema.partitions \
                   GROUP BY TABLE_SCHEMA, TABLE_NAME ORDER BY replicas, db, tbl LIMIT 1000",
            // ShowTabletsFromTableCommand; it needs ADMIN.
            replicas_of: "SHOW TABLETS FROM {}",
            most: "SELECT MAX(REPLICA_NUM) AS replicas FROM information_schema.partitions",
            own_database: "__internal_schema",
        },
        // FrontendsProcNode, by `df` on each FE; DiskUtils.sizeFormat.
        frontend_disks: Some("SHOW FRONTENDS DISKS"),
        // docs/admin-manual/cluster-management/upgrade.md.
        balance: Switches {
            show: "ADMIN SHOW FRONTEND CONFIG LIKE 'disable_%'",
            off: &[
                ("disable_balance", "true"),
                ("disable_colocate_balance", "true"),
                ("disable_tablet_scheduler", "true"),
            ],
            // TabletScheduler.addTablet.
            stops_moves: "disable_tablet_scheduler",
            set: "ADMIN SET FRONTEND CONFIG (\"{key}\" = \"{value}\")",
        },
    },
    environment: Environment {
        page: "https://doris.apache.org/docs/install/preparation/os-checking",
        // bin/start_be.sh demands it too.
        map_count: 2_000_000,
        overcommit: None,
        without_avx2: Some("noavx2"),
        // docs/install/preparation/env-checking.md; bin/start_fe.sh: "it must be 17", since 3.0.
        java: &[((3, 0), 17, Some(17)), ((1, 2), 8, None)],
        // Observed: the key does nothing in 4.0.1; earlier versions read it (bdbje/BDBEnvironment.java).
        one_start: &[OneStart {
            key: "metadata_failure_recovery",
            value: "true",
            does: "may make this FE a group of its own",
        }],
        // Observed: a follower answers with the values of the master until it is told otherwise.
        show_config: "ADMIN SHOW FRONTEND CONFIG",
        for_itself: Some("SET forward_to_master=false"),
    },
    accounts: Accounts {
        // Observed: both have an empty password, from anywhere, and closing root leaves admin open.
        shipped: &[
            ShippedAccount {
                name: "root",
                password_file: "ROOT_PASSWORD_FILE",
            },
            ShippedAccount {
                name: "admin",
                password_file: "ADMIN_PASSWORD_FILE",
            },
        ],
        set_password: "SET PASSWORD FOR '{account}' = '{hash}'",
        // Observed: applied when it founds, a later value is ignored; it closes root only.
        root_hash_key: Some("initial_root_password"),
        // Observed for root (skip_localhost_auth_check, true since 2.0).
        trusts: Some(Ipv4Addr::LOCALHOST),
        grants: &[
            // Observed: enough for ADD, DROP and SHOW; only root can grant it.
            Grant {
                privilege: "NODE",
                statement: "GRANT NODE_PRIV ON *.*.* TO '{account}'",
            },
            Grant {
                privilege: "ADMIN",
                statement: "GRANT ADMIN_PRIV ON *.*.* TO '{account}'",
            },
            // SHOW FRONTENDS asks for it since mid-2025 (ShowFrontendsCommand).
            Grant {
                privilege: "SELECT",
                statement: "GRANT SELECT_PRIV ON internal.information_schema.* TO '{account}'",
            },
        ],
    },
    lists: &[
        backends(Component::Be),
        backends(Component::Cn),
        // Observed: an address may be listed under several names, and one name may have several addresses.
        MemberList {
            component: Component::Broker,
            show: "SHOW BROKER",
            port_column: "Port",
            node_roles: &[],
            add: "ALTER SYSTEM ADD BROKER {name} \"{}\"",
            drop: "ALTER SYSTEM DROP BROKER {name} \"{}\"",
            decommission: None,
            rehost: None,
        },
    ],
    // `/api/bootstrap` answers OK before the query port is open, and after the quorum is lost (observed).
    probes: Probes {
        fe_ready: "/api/health",
        ready_word: ReadyWord::Code,
        backend_ready: "/api/health",
        role: "/role?host={host}&port={port}",
        ha: Some("/api/show_meta_info?action=SHOW_HA"),
        version: "/version",
        caller: Some(Caller {
            host: "CLIENT_NODE_HOST",
            port: "CLIENT_NODE_PORT",
            // Since 4.0.8 (MetaBaseAction.TOKEN).
            token: "token",
            token_key: "fe_meta_auth_token",
        }),
        // Observed: it says MASTER for ever, and its `current_journal_id`, which moves every 10 s, stands still.
        leader_needs_journal: true,
    },
    call_listeners: &[
        // A silent listener here doubles the heartbeat round of the whole cluster (observed).
        CallListener {
            components: FE,
            port: PortName::Rpc,
            poll: Poll::Thrift { method: "ping" },
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
