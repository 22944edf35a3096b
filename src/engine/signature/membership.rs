//! Of an FE: which cluster it belongs to, and as what. Nothing of it passes by itself.

use super::{Signature, row};

const ONE_HELPER: &str =
    "the helper has to be another member, by the host and the edit_log_port of SHOW FRONTENDS";
const AS_REGISTERED: &str =
    "start it with the LOCAL_HOST it was registered with, or tell the cluster: `muster readdress`";
pub(super) const REJOIN: &str =
    "if the other FEs have the data, start it with REJOIN=1: its own is set aside, and it joins anew";

pub(super) const ROWS: &[Signature] = &[
    row(
        "foreign-data",
        // Observed (JE): two journals that give one node id to different names. The leader that hears of it dies some
        // seconds later with other words, and these stand in their cause. Then a founder that was wiped and meets its old
        // cluster (JE, observed); both engines, of the conf or the helper; StarRocks NodeMgr.
        "were equal. But names*weren't!|represent different environment instances\
         |cluster id is not equal with|token is not equal with helper node",
        "its data is of another cluster than the members it met",
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
        "its first start was cut short: it has only one of image/ROLE and image/VERSION",
        REJOIN,
    ),
    // Both: checkCurrentNodeExist.
    row(
        "other-role",
        "not match with frontend recorded role",
        "it is registered with another role than it was started with",
        "set FE_ROLE to the role of SHOW FRONTENDS",
    ),
    // StarRocks NodeMgr: with the conf, with the helper; Doris Env, since November 2024.
    row(
        "other-mode",
        "Unmatched run mode|switch deploy mode from",
        "its data was made in another mode (run_mode, deploy_mode)",
        "give back the value of the first start: it cannot change later",
    ),
    // Observed on Doris 4.0.
    row(
        "configured-cluster-id",
        "cluster_id does not match stored cluster_id",
        "cluster_id in fe.conf is not the one of its data",
        "take it out of fe.conf, or give this node the data of that cluster",
    ),
    // Observed: a restart with a helper its own journal does not know by that name.
    row(
        "unknown-helper",
        "bad environment*not in local",
        "its own journal does not know the helper it was started with",
        ONE_HELPER,
    ),
    // Observed on both, on restarts too.
    row(
        "helper-is-itself",
        "Do not specify the helper node to FE itself",
        "it was told to join through itself",
        ONE_HELPER,
    ),
    // Observed (JE); 5000 ms is max_bdbje_clock_delta_ms of both.
    row(
        "clock-skew",
        "exceeds max permissible delta",
        "its clock differs too much from the leader's",
        "let NTP set the clocks of all FE hosts: a container has its host's clock",
    ),
    // Observed (JE): a follower's data under another address.
    row(
        "other-host",
        "Conflicting hostnames for replica",
        "the cluster knows this FE by another host than it has now",
        AS_REGISTERED,
    ),
    // Both: EditLog, when the drop is replayed. Observed (JE): a follower that was dropped while it was down.
    row(
        "dropped",
        "is removed. will exit|is no longer a member of the group",
        "the cluster has dropped this FE",
        "to let it join anew start it with REJOIN=1: its data is set aside then",
    ),
    // StarRocks StateChangeExecutor; Doris Env.
    row(
        "leadership-lost",
        "transfer FE type from LEADER to|transfer FE type from MASTER to",
        "it led the cluster and lost that: such a leader ends itself",
        "start it again, as a follower; if that is frequent look for long GC pauses and at the network",
    ),
    // Observed on StarRocks 3.5.
    row(
        "image-without-journal",
        "image exists, but bdb dir is empty",
        "its data has an image and no journal: a join was cut short, or files are gone",
        REJOIN,
    ),
    // StarRocks GlobalStateMgr.
    row(
        "newer-data",
        "Not compatible with meta version",
        "its data was written by a newer version of the engine",
        "use the image of that version: there is no way back",
    ),
];
