//! What a cluster says of a member that is not alive: the column `ErrMsg` of its row. Not the end of an engine, which may run.

use super::{Signature, row};

const OPEN: &str = "open that port between the two hosts, and check LOCAL_HOST";

/// Tried in this order.
pub static HEARTBEAT: &[Signature] = &[
    // Observed on both, for an FE, BE and broker: the exceptions of Java.
    row(
        "heartbeat-refused",
        "Connection refused",
        "nothing listens on its port at the host that the cluster has for it",
        "check that the engine runs, and that LOCAL_HOST is this machine",
    ),
    row(
        "heartbeat-lost",
        "No route to host|Read timed out|connect timed out",
        "the leader does not reach its port",
        OPEN,
    ),
    row(
        "heartbeat-name",
        "UnknownHostException",
        "the leader cannot resolve its name",
        "add the name to DNS or to the hosts file of every FE",
    ),
    // StarRocks heartbeat_server.cpp; Doris heartbeat_server.cpp.
    row(
        "heartbeat-other-cluster",
        "Unmatched cluster id|invalid cluster id",
        "its storage belongs to another cluster",
        "give it a storage dir of its own: the file cluster_id in it holds the id",
    ),
    row(
        "heartbeat-other-token",
        "Unmatched token|invalid token",
        "it belongs to another cluster of the same id, or its cluster was restored",
        "restart it; if that does not help, give it a storage dir of its own",
    ),
    // Doris since 2.0, for a name; up to 1.2, for an address.
    row(
        "heartbeat-not-here",
        "cannot found the local ip that mapped to that host|actual backend local ip",
        "the host that the cluster has for it is no address of this machine",
        "set LOCAL_HOST to a host that this machine has, or let the name resolve to its address",
    ),
    // StarRocks.
    row(
        "heartbeat-other-host",
        "Unmatched backend ip|FE saved address not match backend address",
        "the cluster has had another host for it since it started",
        "restart it, with the LOCAL_HOST that the cluster lists",
    ),
    row(
        "heartbeat-local-only",
        "FE heartbeat with localhost ip",
        "an FE of the cluster is registered as 127.0.0.1, which only its own machine reaches",
        "register every FE by an address that other machines reach",
    ),
    row(
        "heartbeat-other-kind",
        "Unmatched node type",
        "it is registered as another component than it was started as",
        "drop it and let it register again, or start it as it is listed",
    ),
    // Both: an FE that was started on an image alone counts its terms from 1 again.
    row(
        "heartbeat-old-leader",
        "epoch is not greater than local|Out-dated epoch",
        "it has known a leader with a higher number of terms",
        "restart it",
    ),
];

#[cfg(test)]
mod tests {
    use super::HEARTBEAT;

    #[test]
    fn each_error_of_a_row_has_its_cause() {
        let table = [
            (
                "java.net.ConnectException: Connection refused",
                "heartbeat-refused",
            ),
            (
                "java.net.NoRouteToHostException: No route to host",
                "heartbeat-lost",
            ),
            (
                "java.net.SocketTimeoutException: Read timed out",
                "heartbeat-lost",
            ),
            ("java.net.UnknownHostException: be9", "heartbeat-name"),
            ("invalid cluster id. ignore.", "heartbeat-other-cluster"),
            ("Unmatched cluster id", "heartbeat-other-cluster"),
            ("Unmatched token", "heartbeat-other-token"),
            (
                "the host recorded in master is be9, but we cannot found the local ip that mapped to that host. backend=",
                "heartbeat-not-here",
            ),
            ("actual backend local ip: 10.0.0.4", "heartbeat-not-here"),
            (
                "FE saved address not match backend address",
                "heartbeat-other-host",
            ),
            (
                "FE heartbeat with localhost ip but BE is not deployed on the same machine",
                "heartbeat-local-only",
            ),
            (
                "expect to be BE but actually CN,Unmatched node type!",
                "heartbeat-other-kind",
            ),
            (
                "epoch is not greater than local. ignore heartbeat.",
                "heartbeat-old-leader",
            ),
        ];
        for (error, id) in table {
            let found = HEARTBEAT.iter().find(|row| row.matches(error));
            assert_eq!(found.map(|row| row.id), Some(id), "{error}");
        }
        let unknown = |error: &str| HEARTBEAT.iter().all(|row| !row.matches(error));
        assert!(unknown("") && unknown("BE is shutting down"));
    }
}
