//! The record that says who this node is, and cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use hosts::{Component, World, this_test};

use crate::trial::{AS_ANYBODY, Trial, host, put};

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
    for text in [half.as_bytes(), b"", b"\x7fELF\0\xff\xfe", b"{}", b"[1]", record(2).as_bytes()] {
        put(&fe, STATE, text)?;
        Trial::of(&fe).ends(79, "…")?;
    }
    put(&fe, STATE, &whole)?;
    let state = fe.on_disk(Path::new(STATE));
    fs::set_permissions(&state, fs::Permissions::from_mode(0))?;
    Trial::of(&fe).after(AS_ANYBODY).ends(79, "…")?;
    fs::remove_file(&state)?;
    fs::create_dir(&state)?;
    Trial::of(&fe).ends(79, "…")?;
    fs::remove_dir(&state)?;
    std::os::unix::fs::symlink("nowhere", &state)?;
    Trial::of(&fe).ends(79, "…")?;
    fs::remove_file(&state)?;
    // The copy beside the data.
    fs::write(fe.data().join("muster.json"), half)?;
    Trial::of(&fe).ends(79, "…")?;
    fs::write(fe.data().join("muster.json"), record(1).replace("10.99.0.11", "10.99.0.12"))?;
    Trial::of(&fe).ends(79, "…")
}
