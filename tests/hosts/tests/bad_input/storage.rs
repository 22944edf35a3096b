//! The storage of a BE.

use std::fs;
use std::path::Path;

use anyhow::Result;
use hosts::{Component, World, this_test};

use crate::trial::{Trial, host, put};

#[test]
fn storage_that_is_none_is_said_path_by_path() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let be = host(&world, 1, Component::Be)?;
    for value in ["storage", "/data;;/more", "/data;/data/", "/da ta", "/$DATA"] {
        be.set("STORAGE_ROOT_PATH", value);
        Trial::of(&be).ends(78, "…")?;
    }
    put(&be, "/opt/file", "")?;
    be.set("STORAGE_ROOT_PATH", "/opt/one;/opt/file");
    Trial::of(&be).ends(78, "…")?;
    be.set("STORAGE_ROOT_PATH", "/opt/one;/opt/no/parent");
    Trial::of(&be).ends(78, "…")?;
    put(&be, "/opt/one/cluster_id", "424242")?;
    put(&be, "/opt/two/cluster_id", "515151")?;
    be.set("STORAGE_ROOT_PATH", "/opt/one;/opt/two");
    Trial::of(&be).ends(79, "…")?;
    put(&be, "/opt/two/cluster_id", "garbage")?;
    Trial::of(&be).ends(79, "…")?;
    fs::remove_file(be.on_disk(Path::new("/opt/two/cluster_id")))?;
    be.set("STORAGE_ROOT_PATH", "/opt/one;/opt/two");
    Trial::of(&be)
        .after("mount --bind /opt/two /opt/two; mount -o remount,bind,ro /opt/two")
        .ends(73, "…")
}
