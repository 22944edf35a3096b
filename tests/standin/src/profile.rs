//! What differs between the imitated versions: strings, columns, texts and codes.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Profile {
    StarRocks31,
    #[default]
    StarRocks35,
}

/// How the berkeley group names itself in front of its errors.
pub(crate) const JE: &str = "(JE 18.3.20)";

impl Profile {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "starrocks-3.1" => Some(Self::StarRocks31),
            "starrocks-3.5" => Some(Self::StarRocks35),
            _ => None,
        }
    }

    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::StarRocks31 => "3.1.10-7a2c1ff",
            Self::StarRocks35 => "3.5.0-0be11fd",
        }
    }

    /// The version in the greeting is a configured constant and says nothing about the engine.
    pub(crate) fn greeting_version(self) -> &'static str {
        match self {
            Self::StarRocks31 => "5.1.0",
            Self::StarRocks35 => "8.0.33",
        }
    }

    /// Up to 3.2 every SELECT, of a system variable too, runs on a backend and fails while none is alive.
    pub(crate) fn selects_need_a_backend(self) -> bool {
        self == Self::StarRocks31
    }

    /// The graceful exit on SIGUSR1 came with 3.4.2; before, the signal kills.
    pub(crate) fn has_graceful_exit(self) -> bool {
        self == Self::StarRocks35
    }

    /// Since 3.3 an unmatched `priority_networks` falls back to another address, before to the loopback one.
    pub(crate) fn falls_back_to_any_address(self) -> bool {
        self == Self::StarRocks35
    }

    /// Code, SQLSTATE and text for a statement the user may not run.
    pub(crate) fn privilege_refusal(self, inactive_roles: &str) -> (u16, &'static str, String) {
        match self {
            Self::StarRocks31 => (
                1227,
                "42000",
                "Access denied; you need (at least one of) the NODE privilege(s) for this operation"
                    .to_owned(),
            ),
            Self::StarRocks35 => (
                5203,
                "42000",
                format!(
                    "Access denied; you need (at least one of) the NODE privilege(s) on SYSTEM for this operation. \
                     Please ask the admin to grant permission(s) or try activating existing roles using \
                     <set [default] role>. Current role(s): NONE. Inactivated role(s): [{inactive_roles}]."
                ),
            ),
        }
    }

    pub(crate) fn frontend_columns(self) -> Vec<&'static str> {
        let mut columns = vec![
            "Id",
            "Name",
            "IP",
            "EditLogPort",
            "HttpPort",
            "QueryPort",
            "RpcPort",
            "Role",
            "ClusterId",
            "Join",
            "Alive",
            "ReplayedJournalId",
            "LastHeartbeat",
            "IsHelper",
            "ErrMsg",
            "StartTime",
            "Version",
        ];
        if self == Self::StarRocks31 {
            columns.remove(0); // `Id` came with 3.5 and pushed every column one to the right
        }
        columns
    }

    pub(crate) fn backend_columns(self) -> Vec<&'static str> {
        let mut columns = vec![
            "BackendId",
            "IP",
            "HeartbeatPort",
            "BePort",
            "HttpPort",
            "BrpcPort",
            "LastStartTime",
            "LastHeartbeat",
            "Alive",
            "SystemDecommissioned",
            "ClusterDecommissioned",
            "TabletNum",
            "DataUsedCapacity",
            "AvailCapacity",
            "TotalCapacity",
            "UsedPct",
            "MaxDiskUsedPct",
            "ErrMsg",
            "Version",
            "Status",
            "DataTotalCapacity",
            "DataUsedPct",
            "CpuCores",
            "MemLimit",
            "NumRunningQueries",
            "MemUsedPct",
            "CpuUsedPct",
            "DataCacheMetrics",
            "Location",
            "StatusCode",
        ];
        if self == Self::StarRocks31 {
            columns.retain(|c| !["MemLimit", "DataCacheMetrics", "Location", "StatusCode"].contains(c));
        }
        columns
    }

    pub(crate) fn compute_columns(self) -> Vec<&'static str> {
        let mut columns = vec![
            "ComputeNodeId",
            "IP",
            "HeartbeatPort",
            "BePort",
            "HttpPort",
            "BrpcPort",
            "LastStartTime",
            "LastHeartbeat",
            "Alive",
            "SystemDecommissioned",
            "ClusterDecommissioned",
            "ErrMsg",
            "Version",
            "CpuCores",
            "MemLimit",
            "NumRunningQueries",
            "MemUsedPct",
            "CpuUsedPct",
            "DataCacheMetrics",
            "HasStoragePath",
            "StatusCode",
        ];
        if self == Self::StarRocks31 {
            columns.retain(|c| !["MemLimit", "DataCacheMetrics", "StatusCode"].contains(c));
        }
        columns
    }
}

pub(crate) const BROKER_COLUMNS: [&str; 7] = [
    "Name",
    "IP",
    "Port",
    "Alive",
    "LastStartTime",
    "LastUpdateTime",
    "ErrMsg",
];
