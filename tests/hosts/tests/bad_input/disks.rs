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
    const ADVICE: &str = "hint: mount it writable, and for the user this container runs as";
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let why = |what: &str| format!("{what} cannot be written: Read-only file system (os error 30)");
    let data = why("the data dir /opt/starrocks/fe/meta, from the default,");
    let state = why("the state dir /opt/starrocks/fe/conf, from the default,");
    Trial::of(&fe)
        .after(&read_only("/opt/starrocks/fe/meta"))
        .ends(73, &format!("error: {data}\n\n{ADVICE}"))?;
    Trial::of(&fe).after(&read_only("/opt/starrocks/fe/conf")).ends(
        73,
        &format!("error: {state}\n\n{ADVICE}; or name another with STATE_DIR"),
    )?;
    // The data is a volume in it, and read-only for itself.
    let both = format!(
        "{}; {}",
        read_only("/opt/starrocks/fe"),
        read_only("/opt/starrocks/fe/meta")
    );
    Trial::of(&fe).after(&both).ends(
        73,
        &format!("error: 2 reasons not to start\n  {data}\n  {state}…"),
    )?;
    put(&fe, "/opt/state/keep", "")?;
    fe.set("STATE_DIR", "/opt/state");
    let state = why("the state dir /opt/state, from the variable STATE_DIR,");
    Trial::of(&fe).after(&read_only("/opt/state")).ends(
        73,
        &format!("error: {state}\n\n{ADVICE}; or name another with STATE_DIR"),
    )
}

#[test]
fn what_is_no_directory_is_said_before_anybody_is_asked() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    put(&fe, "/opt/file", "")?;
    symlink("/opt/nowhere", fe.on_disk(Path::new("/opt/link")))?;
    let paths = [
        ("/opt/file", "is not a directory"),
        ("/opt/link", "is a link to nowhere"),
        ("/opt/file/below", "is not a directory"),
    ];
    for (path, why) in paths {
        for (variable, what) in [("META_DIR", "data"), ("STATE_DIR", "state")] {
            fe.set(variable, path);
            let said = format!(
                "error: the {what} dir {path}, from the variable {variable}, {why}\n\nhint: name a directory, or a path \
                 that does not exist yet"
            );
            Trial::of(&fe).ends(78, &said)?;
            fe.set(variable, "");
        }
    }
    let conf = "/opt/starrocks/fe/conf/fe.conf";
    put(&fe, conf, "meta_dir = ${DORIS_HOME}/meta\nquery_port = 9030\n")?;
    Trial::of(&fe).ends(
        78,
        "error: the data dir cannot be told, from the conf file: `${DORIS_HOME}/meta` names the variable DORIS_HOME, \
         which is not set here\n\nhint: write the path without that variable",
    )?;
    put(&fe, conf, b"# f\xfcr alle\nquery_port = 9030\n")?;
    Trial::of(&fe).ends(
        78,
        &format!("error: {conf} is not UTF-8: writing it back would change it\n\nhint: save it as UTF-8"),
    )
}
