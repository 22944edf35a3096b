//! Errors of an FE's membership: its cluster, its role, its name. None of them goes away without a change.

use super::{Signature, row};

const ONE_HELPER: &str = "use another member as helper, with its host and edit_log_port from SHOW FRONTENDS";
const AS_REGISTERED: &str = "start it with the LOCAL_HOST it was registered with, or change its host in the cluster with `muster readdress`";
const SYNCHRONISE: &str = "synchronise the clocks of all FE hosts with NTP, then start it again; a container uses the clock of its host";
pub(super) const REJOIN: &str =
    "if the other FEs have the data, start it with REJOIN=1: its own data is set aside, and it joins again";

/// What an FE of either engine says of itself alone when it replays its own drop. That another one `is no longer a member of the
/// group` may stand in the log of a leader too.
pub const OWN_DROP: &str = "is removed. will exit";

pub(super) const ROWS: &[Signature] = &[
    row(
        "foreign-data",
        // Observed (JE): two journals that give one node id to different names. The leader that is asked ends some
        // seconds later with another message that has this one as its cause. Then a founder that was wiped and meets its old
        // cluster (JE, observed); both engines, about the conf or the helper; StarRocks NodeMgr.
        "were equal. But names*weren't!|represent different environment instances\
         |cluster id is not equal with|token is not equal with helper node",
        "its data belongs to another cluster than the members it met",
        "give this node its own data dir: image/VERSION holds the id of its cluster",
    ),
    // Observed on both.
    row(
        "not-added",
        "is not added to the cluster, will exit",
        "its own data does not list it as a member",
        AS_REGISTERED,
    ),
    // Both: NodeMgr, Env.
    row(
        "half-written-image",
        "role file and version file must both exist or both not exist",
        "its first start was interrupted: it has only one of image/ROLE and image/VERSION",
        REJOIN,
    ),
    // Both: checkCurrentNodeExist.
    row(
        "other-role",
        "not match with frontend recorded role",
        "it is registered with another role than it was started with",
        "set FE_ROLE to its role in SHOW FRONTENDS",
    ),
    // StarRocks NodeMgr: with the conf, with the helper; Doris Env, since November 2024.
    row(
        "other-mode",
        "Unmatched run mode|switch deploy mode from",
        "its data was created in another mode (run_mode, deploy_mode)",
        "restore the value of the first start: it cannot be changed later",
    ),
    // Observed on Doris 4.0.
    row(
        "configured-cluster-id",
        "cluster_id does not match stored cluster_id",
        "cluster_id in fe.conf differs from the one of its data",
        "remove it from fe.conf, or give this node the data of that cluster",
    ),
    // Observed: a restart with a helper that its journal has under another name.
    row(
        "unknown-helper",
        "bad environment*not in local",
        "its journal does not contain the helper that it was started with",
        ONE_HELPER,
    ),
    // Observed on both, on restarts too.
    row(
        "helper-is-itself",
        "Do not specify the helper node to FE itself",
        "its helper is the node itself",
        ONE_HELPER,
    ),
    // Observed on both (JE): minus means that the one that ends is ahead. 5000 ms is max_bdbje_clock_delta_ms of both.
    row(
        "clock-ahead",
        "Clock delta: -* ms. between*exceeds max permissible delta",
        "the clock of its host is * ms ahead of the clock of the leader's host, which is too much",
        SYNCHRONISE,
    ),
    row(
        "clock-behind",
        "Clock delta: * ms. between*exceeds max permissible delta",
        "the clock of its host is * ms behind the clock of the leader's host, which is too much",
        SYNCHRONISE,
    ),
    // Observed on Doris 4.0 (JE).
    row(
        "clock-limit",
        "je.rep.maxClockDelta doesn't validate",
        "max_bdbje_clock_delta_ms in fe.conf is more than 60000, the most that the engine accepts",
        "remove it from fe.conf, and synchronise the clocks of all FE hosts with NTP",
    ),
    // Observed (JE): a follower's data under another address.
    row(
        "other-host",
        "Conflicting hostnames for replica",
        "the cluster lists this FE under another host",
        AS_REGISTERED,
    ),
    // Both: EditLog, when the drop is replayed. Observed (JE): a follower that was dropped while it was down.
    row(
        "dropped",
        "is removed. will exit|is no longer a member of the group",
        "the cluster has dropped this FE",
        "to join again, start it with REJOIN=1, which sets its data aside",
    ),
    // StarRocks StateChangeExecutor; Doris Env.
    row(
        "leadership-lost",
        "transfer FE type from LEADER to|transfer FE type from MASTER to",
        "it was the leader and lost the leadership; an FE ends itself then",
        "start it again, it becomes a follower; if this happens often, check for long GC pauses and network problems",
    ),
    // Observed on StarRocks 3.5.
    row(
        "image-without-journal",
        "image exists, but bdb dir is empty",
        "its data has an image and no journal: a join was interrupted, or files are missing",
        REJOIN,
    ),
    // StarRocks GlobalStateMgr. JE of 2.5 on a journal of 3.0 (StarRocks issue 20679).
    row(
        "newer-data",
        "Not compatible with meta version|VERSION_MISMATCH: ",
        "its data was written by a newer version of the engine",
        "use the image of that version: a downgrade is not possible",
    ),
    // Observed on StarRocks, 3.1 on data of 3.5 and the reverse; the right version was ready again each time. Doris JournalEntity.
    row(
        "other-version",
        "UNKNOWN Operation Type",
        "its journal has an entry that this version of the engine does not know",
        "use the image of the version that wrote its data: this start did it no harm",
    ),
    // Observed on StarRocks 3.1 with the key left in fe.conf, and on Doris 4.0 with the flag and an image alone; the last one with
    // the data of an observer.
    row(
        "left-armed",
        "DatabaseNotFoundException*_jeRepGroupDB|It is not allowed to set metadata_failure_recovery\
         |is not in the electable_nodes list. will exit",
        "it was told to reset its election group, and its data cannot be reset so",
        "remove bdbje_reset_election_group and metadata_failure_recovery from fe.conf and from its arguments: they are for \
         one start of a follower with its whole journal",
    ),
    // StarRocks, docs/en/administration/Meta_recovery.md: versions before 3.1.
    row(
        "journal-gap",
        "recoveryTracker should overlap or follow on disk last VLSN",
        "its journal has a gap, which a bug of the journal library of old versions makes",
        REJOIN,
    ),
    // The same page: the journal libraries of 2.5 and 3.0 in one cluster.
    row(
        "other-journal-library",
        "DbTree.removeReplicaDb(",
        "its journal library is of another version than the leader's",
        "run the image of one version on all FEs, followers first, and start it with REJOIN=1: it joins without its own data",
    ),
];
