//! The storage of a BE.

use std::fs;
use std::path::Path;

use anyhow::Result;
use hosts::{Component, World, this_test};

use super::trial::{Trial, host, put};

#[test]
fn storage_that_is_none_is_said_path_by_path() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let be = host(&world, 1, Component::Be)?;
    let values = [
        ("storage", "contains `storage`, which is not an absolute path"),
        ("/data;;/more", "has an empty path"),
        ("/data;/data/", "lists `/data` twice"),
        ("/da ta", "contains ` `, which is not allowed in this path"),
        ("/$DATA", "contains a `$` that is not part of a ${NAME}"),
    ];
    for (value, why) in values {
        be.set("STORAGE_ROOT_PATH", value);
        Trial::of(&be).ends(
            78,
            &format!(
                "error: 1 setting cannot be used\n  STORAGE_ROOT_PATH: `{value}` {why}, set in the environment\n\n\
                 hint: `muster explain` shows what the current settings lead to, without starting anything"
            ),
        )?;
    }
    put(&be, "/opt/file", "")?;
    let paths = [
        ("/opt/file", "is not a directory"),
        (
            "/opt/no/parent",
            "does not exist, and neither does its parent directory",
        ),
    ];
    for (path, why) in paths {
        be.set("STORAGE_ROOT_PATH", &format!("/opt/one;{path}"));
        Trial::of(&be).ends(
            78,
            &format!(
                "error: the storage path {path}, from the variable STORAGE_ROOT_PATH, {why}\n\nhint: set it to a directory, or to \
                 a path that does not exist yet"
            ),
        )?;
    }
    put(&be, "/opt/one/cluster_id", "424242")?;
    put(&be, "/opt/two/cluster_id", "515151")?;
    be.set("STORAGE_ROOT_PATH", "/opt/one;/opt/two");
    Trial::of(&be).ends(
        79,
        "error: the storage paths belong to two clusters: 424242 (/opt/one/cluster_id) and 515151 (/opt/two/cluster_id)\n\n\
         hint: remove the paths of the other cluster from STORAGE_ROOT_PATH",
    )?;
    put(&be, "/opt/two/cluster_id", "garbage")?;
    Trial::of(&be).ends(
        79,
        "error: cannot read the cluster id of the storage: /opt/two/cluster_id: it is not a number\n\n\
         hint: restore that file from another storage path of this node",
    )?;
    fs::remove_file(be.on_disk(Path::new("/opt/two/cluster_id")))?;
    Trial::of(&be)
        .after("mount --bind /opt/two /opt/two; mount -o remount,bind,ro /opt/two")
        .ends(
            73,
            "error: the storage path /opt/two, from the variable STORAGE_ROOT_PATH, cannot be written: Read-only file \
             system (os error 30)\n\nhint: mount it so that the user of this container can write to it",
        )
}
