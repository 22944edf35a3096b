//! Directories that cannot be written: read-only, full, or no directories at all.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;
use hosts::{Component, World, this_test};

use crate::trial::{Trial, host, put};

fn read_only(dir: &str) -> String {
    format!("mount --bind {dir} {dir}; mount -o remount,bind,ro {dir}")
}

#[test]
fn what_is_read_only_is_said_before_anybody_is_asked() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    Trial::of(&fe)
        .after(&read_only("/opt/starrocks/fe/meta"))
        .ends(73, "…")?;
    Trial::of(&fe)
        .after(&read_only("/opt/starrocks/fe"))
        .ends(73, "…")?;
    Trial::of(&fe)
        .after(&read_only("/opt/starrocks/fe/conf"))
        .ends(73, "…")?;
    put(&fe, "/opt/state/keep", "")?;
    fe.set("STATE_DIR", "/opt/state");
    Trial::of(&fe).after(&read_only("/opt/state")).ends(73, "…")?;
    fe.set("STATE_DIR", "/proc/none");
    Trial::of(&fe).ends(73, "…")
}

#[test]
fn what_is_no_directory_is_said_before_anybody_is_asked() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    put(&fe, "/opt/file", "")?;
    symlink("/opt/nowhere", fe.on_disk(Path::new("/opt/link")))?;
    for path in ["/opt/file", "/opt/link", "/opt/file/below"] {
        fe.set("META_DIR", path);
        Trial::of(&fe).ends(78, "…")?;
        fe.set("META_DIR", "").set("STATE_DIR", path);
        Trial::of(&fe).ends(78, "…")?;
        fe.set("STATE_DIR", "");
    }
    put(
        &fe,
        "/opt/starrocks/fe/conf/fe.conf",
        "meta_dir = ${DORIS_HOME}/meta\nquery_port = 9030\n",
    )?;
    Trial::of(&fe).ends(78, "…")?;
    put(
        &fe,
        "/opt/starrocks/fe/conf/fe.conf",
        b"# f\xfcr alle\nquery_port = 9030\n",
    )?;
    Trial::of(&fe).ends(78, "…")
}
