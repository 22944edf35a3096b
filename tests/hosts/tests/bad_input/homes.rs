//! The image: where the engine is, what it is, and its start script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use hosts::{Component, Host, World, this_test};

use crate::trial::{AS_ANYBODY, Trial, host, put};

const SCRIPT: &str = "/opt/starrocks/fe/bin/start_fe.sh";

/// Another home on the same host.
fn add_home(host: &Host, home: &str, files: &[&str]) -> Result<()> {
    for file in files {
        let path = put(host, &format!("{home}/{file}"), "#!/bin/sh\n")?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[test]
fn a_start_script_that_cannot_be_started_is_said_before_anybody_is_asked() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let script = fe.on_disk(Path::new(SCRIPT));
    let mode = |mode| fs::set_permissions(&script, fs::Permissions::from_mode(mode));

    mode(0o644)?;
    Trial::of(&fe).ends(126, "…")?;
    mode(0o755)?;
    let no_programs = "mount -o remount,bind,noexec /opt/starrocks/fe/bin";
    Trial::of(&fe)
        .after(&format!("mount --bind /opt/starrocks/fe/bin /opt/starrocks/fe/bin; {no_programs}"))
        .ends(126, "…")?;
    for text in ["#!/opt/no/bash\n", "#!/bin/sh\r\nexit 0\r\n", "", "echo no first line\n", "#!\n", "#!/opt\n"] {
        fs::write(&script, text)?;
        Trial::of(&fe).ends(126, "…")?;
    }
    mode(0)?;
    Trial::of(&fe).after(AS_ANYBODY).ends(126, "…")?;
    fs::remove_file(&script)?;
    Trial::of(&fe).ends(127, "…")?;
    fs::create_dir(&script)?;
    Trial::of(&fe).ends(126, "…")?;
    fs::remove_dir(&script)?;
    std::os::unix::fs::symlink("/opt/nowhere", &script)?;
    Trial::of(&fe).ends(127, "…")
}

#[test]
fn a_home_that_cannot_be_chosen_is_said_with_the_choice() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    Trial::of(&fe).with(&["be"]).ends(78, "…")?;
    Trial::of(&fe).with(&["--home", "/opt/nowhere"]).ends(78, "…")?;
    Trial::of(&fe).with(&["--home", SCRIPT]).ends(78, "…")?;
    Trial::of(&fe).with(&["--home", "/opt/starrocks"]).ends(127, "…")?;
    fe.set("COMPONENT", "be");
    Trial::of(&fe).ends(78, "…")?;
    fe.set("COMPONENT", "");
    fe.set("STARROCKS_HOME", "/opt/nowhere");
    Trial::of(&fe).ends(78, "…")?;
    fe.set("STARROCKS_HOME", "");
    fe.set("ENGINE", "doris");
    Trial::of(&fe).ends(78, "…")?;
    fe.set("ENGINE", "");
    add_home(&fe, "/opt/starrocks/be", &["bin/start_be.sh", "lib/starrocks_be"])?;
    Trial::of(&fe).ends(78, "…")
}

#[test]
fn doris_is_refused_in_words() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    fs::remove_dir_all(fe.on_disk(Path::new("/opt/starrocks")))?;
    // Its mount point remains.
    fs::create_dir_all(fe.on_disk(Path::new("/opt/starrocks/fe/meta")))?;
    Trial::of(&fe).ends(127, "…")?;
    add_home(&fe, "/opt/apache-doris/fe", &["bin/start_fe.sh", "lib/doris-fe.jar"])?;
    Trial::of(&fe).ends(78, "…")
}
