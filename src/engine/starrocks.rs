//! StarRocks, 2.5 to 4.0. Observed running: FE 3.5.0. Files, flags and texts that differ between
//! versions are recognised by the installed scripts, not by a version number.

use std::time::Duration;

use super::accounts::{Accounts, Grant, ShippedAccount};
use super::probe::{Probes, ReadyWord};
use super::{
    AddressKey, CallListener, Component, DataKey, Engine, Entrypoint, Environment, FoundingMode, JavaHome,
    Layout, MemberList, NameMode, OneStart, OwnHost, Poll, Port, PortKind, PortName, ReadyProof, Rehost,
    ReplicaList, ReplicationKey, Sql, Switches, TableList, Unhealthy,
};

const FE: &[Component] = &[Component::Fe];
const BE_CN: &[Component] = &[Component::Be, Component::Cn];
/// `bin/start_fe.sh` and `bin/start_backend.sh`, before `export_env_from_conf`.
const SCRIPT_SETS: &[&str] = &["STARROCKS_HOME", "DORIS_HOME", "LOG_DIR", "PID_DIR", "JAVA_OPTS"];

pub(super) static ENGINE: Engine = Engine {
    id: "starrocks",
    name: "StarRocks",
    // The main branch of April 2026 was read, after 4.0.
    newest: (4, 1),
    home_variable: "STARROCKS_HOME",
    // Written into VERSION since 3.0; an FE with another value in its conf ends: "Unmatched run mode between config file and
    // version file".
    founding_mode: Some(FoundingMode {
        conf_key: "run_mode",
        default: "shared_nothing",
        version_key: "runMode",
        show: "ADMIN SHOW FRONTEND CONFIG LIKE 'run_mode'",
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
            script_mark: None,
            script_sets: SCRIPT_SETS,
            // Written by build-support/gen_build_version.py.
            version_class: Some("com/starrocks/common/Version.class"),
            conf: "conf/fe.conf",
            custom_conf: None,
            pid_file: "bin/fe.pid",
            // Observed: there from the first second on; JE locks a part of it.
            engine_locks: &["bdb/je.lck"],
            process_mark: "StarRocksFE",
            java_options: &[],
            written_conf: &[],
            temp_dir: None,
            // Since 2.5.5; older scripts print a getopt complaint for it (bin/start_fe.sh).
            console_flag: Some("--logconsole"),
            log_files: &["fe.out", "fe.log", "fe.warn.log"],
            // JE writes it itself (observed).
            data_logs: &["bdb/je.info.0"],
            default_logs: "log",
            log_dir_keys: &["LOG_DIR", "sys_log_dir"],
            data: Some(DataKey {
                key: "meta_dir",
                default: "meta",
            }),
            networks_key: Some("priority_networks"),
            java_home: JavaHome::Optional,
            host_checks: None,
            program: None,
            fixed_conf: &[],
            cluster_id_key: None,
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
            script_mark: None,
            script_sets: SCRIPT_SETS,
            version_class: None,
            conf: "conf/be.conf",
            custom_conf: None,
            pid_file: "bin/be.pid",
            // Of the key-value store with the tablets' metadata (be/src/storage/kv_store.cpp, RocksDB's LockFile).
            engine_locks: &["meta/LOCK"],
            process_mark: "starrocks_be",
            java_options: &[],
            written_conf: &[],
            temp_dir: None,
            console_flag: Some("--logconsole"),
            log_files: &["be.out", "be.INFO", "be.WARNING"],
            data_logs: &[],
            default_logs: "log",
            log_dir_keys: &["LOG_DIR", "sys_log_dir"],
            data: Some(DataKey {
                key: "storage_root_path",
                default: "storage",
            }),
            networks_key: Some("priority_networks"),
            java_home: JavaHome::Optional,
            host_checks: None,
            program: None,
            fixed_conf: &[],
            // be/src/storage/storage_engine.cpp, _open: the value precedes what the storage says, and must not differ from it.
            cluster_id_key: Some("cluster_id"),
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
            script_mark: None,
            script_sets: SCRIPT_SETS,
            version_class: None,
            conf: "conf/cn.conf",
            custom_conf: None,
            pid_file: "bin/cn.pid",
            // Of the key-value store with the tablets' metadata (be/src/storage/kv_store.cpp, RocksDB's LockFile).
            engine_locks: &["meta/LOCK"],
            process_mark: "starrocks_be",
            java_options: &[],
            written_conf: &[],
            temp_dir: None,
            console_flag: Some("--logconsole"),
            log_files: &["cn.out", "cn.INFO", "cn.WARNING"],
            data_logs: &[],
            default_logs: "log",
            log_dir_keys: &["LOG_DIR", "sys_log_dir"],
            data: Some(DataKey {
                key: "storage_root_path",
                default: "storage",
            }),
            networks_key: Some("priority_networks"),
            java_home: JavaHome::Optional,
            host_checks: None,
            program: None,
            fixed_conf: &[],
            // be/src/storage/storage_engine.cpp, _open: the value precedes what the storage says, and must not differ from it.
            cluster_id_key: Some("cluster_id"),
            stop_grace: Duration::from_secs(60),
        },
        Layout {
            component: Component::Broker,
            default_home: "/opt/starrocks/apache_hdfs_broker",
            // docker/dockerfiles/allin1: broker_artifacts.
            other_homes: &["/data/deploy/starrocks/apache_hdfs_broker"],
            script: "bin/start_broker.sh",
            entrypoints: &[],
            inner_scripts: &[],
            marks: &["lib/apache_hdfs_broker.jar"],
            script_mark: Some("com.starrocks.broker"),
            // bin/start_broker.sh, before it reads the conf.
            script_sets: &["BROKER_HOME", "BROKER_LOG_DIR", "PID_DIR", "JAVA_OPTS"],
            conf: "conf/apache_hdfs_broker.conf",
            custom_conf: None,
            // Written after the engine has ended, and empty.
            pid_file: "bin/apache_hdfs_broker.pid",
            engine_locks: &[],
            process_mark: "BrokerBootstrap",
            // Its output goes into the first log file, and there is no flag that changes it.
            version_class: None,
            java_options: &[],
            written_conf: &[],
            temp_dir: None,
            console_flag: None,
            log_files: &["apache_hdfs_broker.out", "apache_hdfs_broker.log"],
            data_logs: &[],
            default_logs: "log",
            log_dir_keys: &["BROKER_LOG_DIR", "sys_log_dir"],
            data: None,
            networks_key: None,
            // It reads the conf only after it has looked.
            java_home: JavaHome::InEnvironment,
            host_checks: None,
            program: None,
            fixed_conf: &[],
            cluster_id_key: None,
            stop_grace: Duration::from_secs(30),
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
            default_since: None,
            udp: false,
        },
        Port {
            name: PortName::Rpc,
            components: FE,
            kind: PortKind::Local,
            conf_key: "rpc_port",
            default: Some(9020),
            default_since: None,
            udp: false,
        },
        Port {
            name: PortName::Query,
            components: FE,
            kind: PortKind::Local,
            conf_key: "query_port",
            default: Some(9030),
            default_since: None,
            udp: false,
        },
        Port {
            name: PortName::EditLog,
            components: FE,
            kind: PortKind::Identity,
            conf_key: "edit_log_port",
            default: Some(9010),
            default_since: None,
            udp: false,
        },
        // Off (-1) by default; known since 3.5.
        Port {
            name: PortName::ArrowFlight,
            components: &[Component::Fe, Component::Be, Component::Cn],
            kind: PortKind::Local,
            conf_key: "arrow_flight_port",
            default: None,
            default_since: None,
            udp: false,
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
            conf_key: "be_http_port",
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
        Port {
            name: PortName::Starlet,
            components: BE_CN,
            kind: PortKind::Local,
            conf_key: "starlet_port",
            default: Some(9070),
            default_since: None,
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
        name_of_address: true,
        case_matters: false,
        // Observed: `hostType=IP`, `name=10.77.0.11_9010_1795234059948`. Each start writes hostType again once it is
        // ready (saveStartType); the name stays when the host is changed.
        role_mode_key: Some("hostType"),
    },
    unsupported: &[],
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
        add_follower: "ALTER SYSTEM ADD FOLLOWER \"{}\"",
        add_observer: "ALTER SYSTEM ADD OBSERVER \"{}\"",
        drop_follower: "ALTER SYSTEM DROP FOLLOWER \"{}\"",
        drop_observer: "ALTER SYSTEM DROP OBSERVER \"{}\"",
        // Observed: "Can't change ip to ip." A name to an address is allowed by the source and was not observed.
        frontend_host: Rehost {
            statement: "ALTER SYSTEM MODIFY FRONTEND HOST \"{from}\" TO \"{to}\"",
            to_address: false,
        },
        member_verbs: &["ADD", "DROP", "DECOMMISSION"],
        // Observed: cluster_admin that is not a default role answers 5203 until this.
        set_all_roles: "SET ROLE ALL",
        // Observed: no answer of http_port has a `Date` header.
        unix_time: Some("SELECT UNIX_TIMESTAMP()"),
        // StatisticProcDir: the last row is the sum, since 2.5.5.
        replicas: ReplicaList {
            show: "SHOW PROC '/statistic'",
            total: "Total",
            unhealthy: Unhealthy::Column("UnhealthyTabletNum"),
        },
        // PartitionsMetaSystemTable, since 3.1.9 and 3.2.4 (its pull request 39265). Without shared data only.
        tables: TableList {
            show: "SELECT DB_NAME AS db, TABLE_NAME AS tbl, MIN(REPLICATION_NUM) AS replicas \
                   FROM information_schema.partitions_meta \
                   GROUP BY DB_NAME, TABLE_NAME ORDER BY replicas, db, tbl LIMIT 1000",
            // ShowTabletStmt; it needs OPERATE, and SELECT on the table.
            replicas_of: "SHOW TABLET FROM {}",
            most: "SELECT MAX(REPLICATION_NUM) AS replicas FROM information_schema.partitions_meta",
            own_database: "_statistics_",
        },
        frontend_disks: None,
        // docs/en/deployment/manage_deployment/upgrade.md. Each has an older name, under which it is set as well.
        balance: Switches {
            show: "ADMIN SHOW FRONTEND CONFIG LIKE 'tablet_sched_%'",
            off: &[
                ("tablet_sched_disable_balance", "true"),
                ("tablet_sched_disable_colocate_balance", "true"),
                ("tablet_sched_max_scheduling_tablets", "0"),
                ("tablet_sched_max_balancing_tablets", "0"),
            ],
            // TabletScheduler: with 0 it takes one tablet at a time at most.
            stops_moves: "tablet_sched_max_scheduling_tablets",
            set: "ADMIN SET FRONTEND CONFIG (\"{key}\" = \"{value}\")",
        },
    },
    environment: Environment {
        page: "https://docs.starrocks.io/docs/deployment/environment_configurations/",
        map_count: 262_144,
        overcommit: Some(1),
        without_avx2: None,
        // docs/en/deployment/deployment_prerequisites.md of each version.
        java: &[((3, 5), 17, None), ((3, 3), 11, None), ((2, 5), 8, None)],
        // Observed: with the second one left behind, 3.1 ends at its next start; 3.5 drops what was written since its image.
        one_start: &[
            OneStart {
                key: "metadata_failure_recovery",
                value: "true",
                does: "makes this FE a group of its own",
            },
            OneStart {
                key: "bdbje_reset_election_group",
                value: "true",
                does: "makes this FE a group of its own",
            },
            OneStart {
                key: "start_with_incomplete_meta",
                value: "true",
                does: "goes on with an old image if the journal is gone",
            },
        ],
        // Observed: local to the FE that is asked; only keys that can be changed while it runs.
        show_config: "ADMIN SHOW FRONTEND CONFIG",
        for_itself: None,
    },
    accounts: Accounts {
        shipped: &[ShippedAccount {
            name: "root",
            password_file: "ROOT_PASSWORD_FILE",
        }],
        // Observed: 3.5.0 takes the hash.
        set_password: "SET PASSWORD FOR '{account}' = '{hash}'",
        // No conf key and no variable sets it (com.starrocks.common.Config).
        root_hash_key: None,
        trusts: None,
        grants: &[
            // Observed: "'NODE' cannot be granted to user or role directly, use built-in role instead". Up to 2.5 there are
            // no roles, and the right is called OPERATOR.
            Grant {
                privilege: "NODE",
                statement: "GRANT cluster_admin TO USER '{account}'",
            },
            Grant {
                privilege: "OPERATE",
                statement: "GRANT OPERATE ON SYSTEM TO USER '{account}'",
            },
            Grant {
                privilege: "OPERATOR",
                statement: "GRANT NODE_PRIV ON *.* TO '{account}'",
            },
        ],
    },
    lists: &[
        MemberList {
            component: Component::Be,
            show: "SHOW BACKENDS",
            port_column: "HeartbeatPort",
            node_roles: &[],
            add: "ALTER SYSTEM ADD BACKEND \"{}\"",
            drop: "ALTER SYSTEM DROP BACKEND \"{}\"",
            decommission: Some("ALTER SYSTEM DECOMMISSION BACKEND \"{}\""),
            // Observed for names; the source has the same check as for an FE (AlterSystemStmtAnalyzer).
            rehost: Some(Rehost {
                statement: "ALTER SYSTEM MODIFY BACKEND HOST \"{from}\" TO \"{to}\"",
                to_address: false,
            }),
        },
        // Observed: a cluster that was founded as shared_nothing takes one too. Its docs offer it as more computing power for
        // such a cluster (deployment/deploy_manually), and demand it only for shared_data.
        MemberList {
            component: Component::Cn,
            show: "SHOW COMPUTE NODES",
            port_column: "HeartbeatPort",
            node_roles: &[],
            add: "ALTER SYSTEM ADD COMPUTE NODE \"{}\"",
            drop: "ALTER SYSTEM DROP COMPUTE NODE \"{}\"",
            decommission: None,
            rehost: None,
        },
        // Observed: an address may be listed under several names.
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
