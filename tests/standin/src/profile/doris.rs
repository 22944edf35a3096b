//! Apache Doris. The FE of 4.0.1 was observed, by itself and with stubs for BEs; the rest, and the older versions, were read in
//! their sources.

use super::{BeRules, Columns, Engine, FeRules, GroupRules, Mysql, Ping, Profile, Selects, Unmatched};
use crate::fe::steps::Steps;

/// Observed on an idle machine, from the start of the script to the open ports.
const FOUNDING: Steps = Steps {
    lock_file: Some(1.34),
    files: 1.8,
    lock: 1.9,
    journal: 2.0,
    door: 2.1,
    elect: 2.15,
    can_write: 0.3,
    settle: 0.3,
    rpc: 0.4,
    http: 2.6,
    query: 2.9,
    arrow: 3.15,
    served: 3.2,
};
/// Observed with a registered follower: ROLE and VERSION after 2.9 s, 9010 after 5.2 s, 9030 after 9.3 s.
const JOINING: Steps = Steps {
    lock_file: Some(1.34),
    files: 2.9,
    lock: 3.2,
    journal: 3.3,
    door: 5.2,
    elect: 5.3,
    can_write: 0.0,
    settle: 0.1,
    rpc: 1.2,
    http: 3.3,
    query: 3.6,
    arrow: 3.8,
    served: 3.9,
};
/// Observed: 9030 open after 7.4 s.
const RESTARTING: Steps = Steps {
    lock_file: Some(1.34),
    files: 1.8,
    lock: 1.9,
    journal: 2.0,
    door: 2.1,
    elect: 2.2,
    can_write: 0.3,
    settle: 0.3,
    rpc: 2.5,
    http: 4.7,
    query: 5.0,
    arrow: 5.2,
    served: 5.3,
};

pub(super) static V40: Profile = LATEST;

const LATEST: Profile = Profile {
    id: "doris-4.0",
    engine: Engine::Doris,
    version: "doris-4.0.1-Unknown",
    heartbeat_ms: 10_000.0,
    mysql: Mysql {
        greeting_version: "5.7.99",
        // `LONG_FLAG`, `CONNECT_WITH_DB`, `LOCAL_FILES`, `PROTOCOL_41`, `SECURE_CONNECTION`, `PLUGIN_AUTH`.
        capabilities: 0x0008_828c,
        refusal_code: 1105,
        refusal_prefix: "errCode = 2, detailMessage = ",
        privilege_code: 1105,
        privilege_quotes: ("(", ")"),
        lists_for_everybody: true,
        selects: Selects::OnBackends,
        partitions_have_replicas: true,
        unset_time: None,
    },
    columns: Columns {
        frontends: "Name Host EditLogPort HttpPort QueryPort RpcPort ArrowFlightSqlPort Role IsMaster ClusterId Join \
                    Alive ReplayedJournalId LastStartTime LastHeartbeat IsHelper ErrMsg Version CurrentConnected \
                    LiveSince",
        backends: "BackendId Host HeartbeatPort BePort HttpPort BrpcPort ArrowFlightSqlPort LastStartTime \
                   LastHeartbeat Alive SystemDecommissioned TabletNum DataUsedCapacity TrashUsedCapacity \
                   AvailCapacity TotalCapacity UsedPct MaxDiskUsedPct RemoteUsedCapacity Tag ErrMsg Version Status \
                   HeartbeatFailureCounter NodeRole CpuCores Memory LiveSince RunningTasks",
        compute_nodes: "",
        brokers: "Name Host Port Alive LastStartTime LastUpdateTime ErrMsg",
    },
    fe: FeRules {
        meta_dir: "doris-meta",
        checkpoint_dir: "",
        deploy_mode: true,
        arrow_port: Some(8070),
        leader: "MASTER",
        thrown: 255,
        graceful_exit: false,
        unmatched_networks: Unmatched::End,
        founding: FOUNDING,
        joining: JOINING,
        restarting: RESTARTING,
        health_tells: true,
        check_names_cluster: true,
        ready_without_leader: None,
        tolerated_rounds: 1,
        ping: Some(Ping::WithDeployMode),
    },
    group: GroupRules {
        je: "(JE 18.3.12)",
        claim: None,
        stuck_change: Some(45.5),
        outcasts_end: true,
        settled_by_attaching: true,
        writes_time: true,
        shows_ask_members: true,
    },
    be: BeRules {
        http_key: "webserver_port",
        starlet_port: None,
        arrow_port: Some(8050),
        health: "OK",
        health_tells: true,
        port_taken: 255,
        no_storage: 255,
        // "failed to init doris storage engine", return 0 (be/src/service/doris_main.cpp).
        unopened: 0,
        makes_storage: false,
        // Up to 3 s until it notices, then `grace_shutdown_post_delay_seconds`.
        stop: 32.0,
    },
};

/// Exceptions of a start are logged, and `main` returns: the JVM ends with 0.
pub(super) static V30: Profile = Profile {
    id: "doris-3.0",
    version: "doris-3.0.3-rc03-43f06a5e26",
    mysql: Mysql {
        privilege_code: 1227,
        lists_for_everybody: false,
        unset_time: Some("\\N"),
        partitions_have_replicas: false,
        ..LATEST.mysql
    },
    columns: Columns {
        frontends: "Name Host EditLogPort HttpPort QueryPort RpcPort ArrowFlightSqlPort Role IsMaster ClusterId Join \
                    Alive ReplayedJournalId LastStartTime LastHeartbeat IsHelper ErrMsg Version CurrentConnected",
        backends: "BackendId Host HeartbeatPort BePort HttpPort BrpcPort ArrowFlightSqlPort LastStartTime \
                   LastHeartbeat Alive SystemDecommissioned TabletNum DataUsedCapacity TrashUsedCapacity \
                   AvailCapacity TotalCapacity UsedPct MaxDiskUsedPct RemoteUsedCapacity Tag ErrMsg Version Status \
                   HeartbeatFailureCounter NodeRole CpuCores Memory",
        ..LATEST.columns
    },
    fe: FeRules {
        deploy_mode: false,
        arrow_port: None,
        thrown: 0,
        health_tells: false,
        ping: Some(Ping::Plain),
        ..LATEST.fe
    },
    be: BeRules {
        arrow_port: None,
        health: "To Be Added",
        health_tells: false,
        stop: 3.0,
        ..LATEST.be
    },
    ..LATEST
};

pub(super) static V21: Profile = Profile {
    id: "doris-2.1",
    version: "doris-2.1.0-rc11-91ebb6b1d2",
    mysql: Mysql {
        privilege_code: 1227,
        privilege_quotes: ("", ""),
        lists_for_everybody: false,
        unset_time: Some("\\N"),
        partitions_have_replicas: false,
        ..LATEST.mysql
    },
    columns: Columns {
        frontends: "Name Host EditLogPort HttpPort QueryPort RpcPort ArrowFlightSqlPort Role IsMaster ClusterId Join \
                    Alive ReplayedJournalId LastStartTime LastHeartbeat IsHelper ErrMsg Version CurrentConnected",
        // The name of the trash column was written so until 2024-05.
        backends: "BackendId Host HeartbeatPort BePort HttpPort BrpcPort ArrowFlightSqlPort LastStartTime \
                   LastHeartbeat Alive SystemDecommissioned TabletNum DataUsedCapacity TrashUsedCapcacity \
                   AvailCapacity TotalCapacity UsedPct MaxDiskUsedPct RemoteUsedCapacity Tag ErrMsg Version Status \
                   HeartbeatFailureCounter NodeRole",
        ..LATEST.columns
    },
    fe: FeRules {
        deploy_mode: false,
        arrow_port: None,
        thrown: 0,
        health_tells: false,
        ping: Some(Ping::Plain),
        ..LATEST.fe
    },
    be: BeRules {
        arrow_port: None,
        health: "To Be Added",
        health_tells: false,
        port_taken: 1,
        unopened: 255,
        stop: 3.0,
        ..LATEST.be
    },
    ..LATEST
};
