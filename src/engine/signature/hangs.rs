//! What an FE logs again and again while it does not get ready, and does not end. A start that goes well may log them too, for
//! a while: they count only for an FE that is late.

use super::{Signature, row};

pub const HANGS: &[Signature] = &[
    // Observed on both, every 5 s: its helper has no row of the host and port that it gives itself.
    row(
        "not-in-the-list-of-its-helper",
        "is not added to the group. please add it first",
        "its helper does not list this FE by the host and port that it gives itself",
        "compare LOCAL_HOST and edit_log_port with its row in SHOW FRONTENDS",
    ),
    // Observed on Doris 4.0, with another http_port; the helper may also be gone.
    row(
        "helper-does-not-answer",
        "failed to get fe node type from helper",
        "its helper does not answer over HTTP: an FE asks it at its own http_port",
        "give every FE of the cluster the same http_port, and check that the helper runs",
    ),
    // Observed on Doris 4.0.
    row(
        "metadata-too-old",
        "meta out of date. currentTime",
        "what it knows of the cluster is too old: the leader's changes do not reach it, or the clocks differ",
        "check the network to the leader, and synchronise the clocks with NTP",
    ),
    // Observed on both: a member whose group has no majority; and, for ever, the only FE of a cluster under another host.
    row(
        "no-group",
        "wait catalog to be ready|wait globalStateMgr to be ready",
        "it waits for its group: not enough followers run, or the group knows it by another host or edit_log_port",
        "start the other followers; if this host has another address than before, see `muster readdress`",
    ),
];
