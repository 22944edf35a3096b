//! The record that says who this node is, and cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use hosts::{Component, World, this_test};

use super::trial::{AS_ANYBODY, Trial, host, put};

const STATE: &str = "/opt/starrocks/fe/conf/muster-fe.json";

/// A record of a member, as version `version` of the format.
fn record(version: u64) -> String {
    format!(
        r#"{{"version": {version}, "engine": "starrocks", "component": "fe", "role": "follower", "host": "10.99.0.11",
            "ports": {{"EDIT_LOG_PORT": 9010}}, "cluster_id": "424242", "members": [], "progress": "joined"}}"#
    )
}

#[test]
fn a_record_that_cannot_be_read_is_not_taken_for_none() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let whole = record(1);
    let half = whole.get(..whole.len() / 2).unwrap_or_default();
    let unreadable = |path: &str, why: &str| {
        format!(
            "error: the record {path} cannot be read: {why}\n\nhint: restore it; or, if the data belongs to this host, \
             move the record away: muster then decides by the data alone"
        )
    };
    let texts = [
        (
            half.as_bytes(),
            "it is truncated or not JSON: EOF while parsing …",
        ),
        (b"", "it is empty"),
        (b"\x7fELF\0\xff\xfe", "it is not UTF-8; save it as UTF-8"),
        (b"{}", "it is JSON, but not a record of muster: it has no version"),
        (
            b"[1]",
            "it is JSON, but not a record of muster: it has no version",
        ),
    ];
    for (text, why) in texts {
        put(&fe, STATE, text)?;
        Trial::of(&fe).ends(79, &unreadable(STATE, why))?;
    }
    put(&fe, STATE, record(2))?;
    Trial::of(&fe).ends(
        79,
        &format!(
            "error: the record {STATE} has version 2, written by a newer muster; this muster reads version 1\n\n\
             hint: use the newer muster"
        ),
    )?;
    put(&fe, STATE, &whole)?;
    let state = fe.on_disk(Path::new(STATE));
    fs::set_permissions(&state, fs::Permissions::from_mode(0o000))?;
    Trial::of(&fe)
        .after(AS_ANYBODY)
        .ends(79, &unreadable(STATE, "Permission denied (os error 13)"))?;
    fs::remove_file(&state)?;
    fs::create_dir(&state)?;
    Trial::of(&fe).ends(
        79,
        &unreadable(STATE, "it is a directory; put a regular file there"),
    )?;
    fs::remove_dir(&state)?;
    std::os::unix::fs::symlink("nowhere", &state)?;
    Trial::of(&fe).ends(79, &unreadable(STATE, "No such file or directory (os error 2)"))?;
    fs::remove_file(&state)?;
    let data = "/opt/starrocks/fe/meta/muster.json";
    let copy = fe.data().join("muster.json");
    fs::write(&copy, half)?;
    Trial::of(&fe).ends(
        79,
        &unreadable(data, "it is truncated or not JSON: EOF while parsing …"),
    )?;
    fs::write(copy, record(1).replace("10.99.0.11", "10.99.0.12"))?;
    // The plan is the same whoever answers; that nobody does is known only once they were asked.
    Trial::of(&fe).beyond_explain().ends(
        79,
        "error: the cluster knows this node as 10.99.0.12, but LOCAL_HOST is 10.99.0.11, and no leader answers, so muster \
         cannot check which host the cluster lists\n\nhint: if this node has not moved, set LOCAL_HOST=10.99.0.12; if it has, \
         run `ALTER SYSTEM DROP FOLLOWER \"10.99.0.12:9010\"` with any MySQL client, then start the node with \
         LOCAL_HOST=10.99.0.11 and REJOIN=1: its data is set aside and copied from the cluster again; or choose a \
         name that every host resolves to 10.99.0.11, run `muster readdress --from 10.99.0.12 --to NAME` in a container of another \
         node, and start this one with LOCAL_HOST=NAME",
    )
}

/// Killed, or out of room, between the plan and the ADD: somebody led a cluster then, so this host never founds one,
/// though nobody answers now.
#[test]
fn a_seed_that_was_about_to_join_does_not_found() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    fe.set("MASTER_HOST", "10.99.0.11").set("GUARD_TIME", "0");
    put(&fe, STATE, record(1).replace("joined", "planned"))?;
    Trial::of(&fe).beyond_explain().ends(
        69,
        "error: no leader within WAIT_TIMEOUT: no FE answered; not founding: the record says that this host was about to be \
         added to cluster 424242\n\nhint: start the other FEs of that cluster; if it no longer exists and a new, empty cluster is intended, set \
         BOOTSTRAP=force once",
    )
}
