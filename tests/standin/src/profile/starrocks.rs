//! StarRocks. 3.5 was observed; 3.1 was read in its sources.

use super::{BeRules, Columns, Engine, FeRules, GroupRules, Mysql, Profile, Selects, Unmatched};
use crate::fe::steps::Steps;

/// Observed: seven of seven starts of a founder.
const FOUNDING: Steps = Steps {
    lock_file: None,
    files: 3.96,
    lock: 4.1,
    journal: 4.3,
    door: 4.53,
    elect: 9.5,
    can_write: 2.0,
    settle: 2.5,
    rpc: 4.27,
    query: 4.27,
    arrow: 0.0,
    http: 4.57,
    served: 4.57,
};
const JOINING: Steps = Steps {
    lock_file: None,
    files: 3.3,
    lock: 3.6,
    journal: 3.7,
    door: 3.8,
    elect: 4.3,
    can_write: 0.0,
    settle: 0.7,
    rpc: 3.2,
    query: 3.2,
    arrow: 0.0,
    http: 3.5,
    served: 3.5,
};
const RESTARTING: Steps = Steps {
    lock_file: None,
    files: 2.5,
    lock: 2.6,
    journal: 2.7,
    door: 3.0,
    elect: 4.3,
    can_write: 0.5,
    settle: 0.7,
    rpc: 2.2,
    query: 2.2,
    arrow: 0.0,
    http: 2.5,
    served: 2.5,
};

pub(super) static V35: Profile = LATEST;

const LATEST: Profile = Profile {
    id: "starrocks-3.5",
    engine: Engine::StarRocks,
    version: "3.5.0-0be11fd",
    heartbeat_ms: 5000.0,
    mysql: Mysql {
        greeting_version: "8.0.33",
        // `LONG_FLAG`, `CONNECT_WITH_DB`, `PROTOCOL_41`, `SECURE_CONNECTION`, `PLUGIN_AUTH`, `CONNECT_ATTRS` and
        // `PLUGIN_AUTH_LENENC`: no `TRANSACTIONS`, no `DEPRECATE_EOF`, no `MULTI_STATEMENTS`.
        capabilities: 0x0038_820c,
        refusal_code: 1064,
        refusal_prefix: "",
        privilege_code: 5203,
        privilege_quotes: ("", ""),
        lists_for_everybody: false,
        selects: Selects::Here,
        partitions_have_replicas: false,
        unset_time: None,
    },
    columns: Columns {
        // `Id` came with 3.5 and pushed every column one to the right.
        frontends: "Id Name IP EditLogPort HttpPort QueryPort RpcPort Role ClusterId Join Alive ReplayedJournalId \
                    LastHeartbeat IsHelper ErrMsg StartTime Version",
        backends: "BackendId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive \
                   SystemDecommissioned ClusterDecommissioned TabletNum DataUsedCapacity AvailCapacity TotalCapacity \
                   UsedPct MaxDiskUsedPct ErrMsg Version Status DataTotalCapacity DataUsedPct CpuCores MemLimit \
                   NumRunningQueries MemUsedPct CpuUsedPct DataCacheMetrics Location StatusCode",
        compute_nodes: "ComputeNodeId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive \
                        SystemDecommissioned ClusterDecommissioned ErrMsg Version CpuCores MemLimit NumRunningQueries \
                        MemUsedPct CpuUsedPct DataCacheMetrics HasStoragePath StatusCode",
        brokers: "Name IP Port Alive LastStartTime LastUpdateTime ErrMsg",
    },
    fe: FeRules {
        meta_dir: "meta",
        checkpoint_dir: "v2",
        deploy_mode: false,
        arrow_port: None,
        leader: "LEADER",
        thrown: 255,
        // It came with 3.4.2.
        graceful_exit: true,
        // Since 3.3; before, the loopback one.
        unmatched_networks: Unmatched::AnyAddress,
        founding: FOUNDING,
        joining: JOINING,
        restarting: RESTARTING,
        health_tells: false,
        check_names_cluster: false,
        ready_without_leader: Some(300.0),
        tolerated_rounds: 3,
        ping: None,
    },
    group: GroupRules {
        je: "(JE 18.3.20)",
        // Observed: 42-46 s.
        claim: Some(44.0),
        stuck_change: None,
        outcasts_end: false,
        settled_by_attaching: false,
        writes_time: false,
        shows_ask_members: false,
    },
    be: BeRules {
        http_key: "be_http_port",
        starlet_port: Some(9070),
        arrow_port: None,
        health: "To Be Added",
        health_tells: false,
        port_taken: 1,
        no_storage: 134,
        unopened: 255,
        makes_storage: true,
        stop: 0.3,
    },
};

pub(super) static V31: Profile = Profile {
    id: "starrocks-3.1",
    version: "3.1.10-7a2c1ff",
    mysql: Mysql {
        greeting_version: "5.1.0",
        privilege_code: 1227,
        // Up to 3.2.
        selects: Selects::OnBackends,
        partitions_have_replicas: false,
        ..LATEST.mysql
    },
    columns: Columns {
        frontends: "Name IP EditLogPort HttpPort QueryPort RpcPort Role ClusterId Join Alive ReplayedJournalId \
                    LastHeartbeat IsHelper ErrMsg StartTime Version",
        backends: "BackendId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive \
                   SystemDecommissioned ClusterDecommissioned TabletNum DataUsedCapacity AvailCapacity TotalCapacity \
                   UsedPct MaxDiskUsedPct ErrMsg Version Status DataTotalCapacity DataUsedPct CpuCores \
                   NumRunningQueries MemUsedPct CpuUsedPct",
        compute_nodes: "ComputeNodeId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive \
                        SystemDecommissioned ClusterDecommissioned ErrMsg Version CpuCores NumRunningQueries \
                        MemUsedPct CpuUsedPct HasStoragePath",
        ..LATEST.columns
    },
    fe: FeRules {
        graceful_exit: false,
        unmatched_networks: Unmatched::Loopback,
        check_names_cluster: true,
        ..LATEST.fe
    },
    ..LATEST
};
