//! The image: where the engine is, what it is, and its start script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use hosts::{Component, Host, World, this_test};

use super::trial::{AS_ANYBODY, Trial, host, put};

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

    let no_script = "restore the engine's start script there, or remove a volume that hides it";
    let ends = |trial: Trial<'_>, why: &str, hint: &str| {
        trial.ends(126, &format!("error: {SCRIPT} {why}\n\nhint: {hint}"))
    };
    mode(0o644)?;
    let chmod = "set its execute bit in the image: chmod +x";
    ends(Trial::of(&fe), "cannot be executed: its mode is 0644", chmod)?;
    mode(0o755)?;
    ends(
        Trial::of(&fe).after(
            "mount --bind /opt/starrocks/fe/bin /opt/starrocks/fe/bin
             mount -o remount,bind,noexec /opt/starrocks/fe/bin",
        ),
        "cannot be executed: its file system is mounted noexec",
        "mount that file system without noexec",
    )?;
    let interpreter = |name: &str, why: &str| {
        format!("cannot be executed: the interpreter of its first line, `{name}`, {why}")
    };
    let texts = [
        (
            "#!/opt/no/bash\n",
            interpreter("/opt/no/bash", "does not exist"),
            "install that interpreter in the image",
        ),
        (
            "#!/opt\n",
            interpreter("/opt", "is not a file"),
            "install that interpreter in the image",
        ),
        (
            "#!/bin/sh\r\nexit 0\r\n",
            interpreter("/bin/sh\\r", "does not exist"),
            "save it with Unix line ends: the `\\r` of a Windows line end counts as part of the name",
        ),
        ("", "cannot be executed: it is empty".to_owned(), no_script),
        (
            "echo no first line\n",
            "cannot be executed: its first line is not `#!` and an interpreter".to_owned(),
            no_script,
        ),
    ];
    for (text, why, hint) in texts {
        fs::write(&script, text)?;
        ends(Trial::of(&fe), &why, hint)?;
    }
    mode(0)?;
    ends(
        Trial::of(&fe).after(AS_ANYBODY),
        "cannot be executed: its mode is 0000",
        chmod,
    )?;
    fs::remove_file(&script)?;
    fs::create_dir(&script)?;
    ends(Trial::of(&fe), "is a directory, not a start script", no_script)?;
    fs::remove_dir(&script)?;
    let missing = "error: no start script in /opt/starrocks/fe: looked for bin/start_fe.sh, bin/start_be.sh, \
                   bin/start_cn.sh, bin/start_broker.sh\n\nhint: set --home to the directory that holds bin/, conf/ \
                   and lib/ of the engine";
    Trial::of(&fe).ends(127, missing)?;
    std::os::unix::fs::symlink("/opt/nowhere", &script)?;
    Trial::of(&fe).ends(127, missing)
}

#[test]
fn a_home_that_cannot_be_chosen_is_said_with_the_choice() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let home = "set --home to the directory that holds bin/, conf/ and lib/ of the engine";
    let component = "set COMPONENT to the component of this image or leave it unset, or use another image";
    let cases: [(&[&str], i32, &str, &str); 4] = [
        (
            &["be"],
            78,
            "the argument of `run` requests be, but only /opt/starrocks/fe (FE) is installed",
            component,
        ),
        (
            &["--home", "/opt/nowhere"],
            78,
            "the home dir /opt/nowhere, from the flag --home, does not exist",
            home,
        ),
        (
            &["--home", SCRIPT],
            78,
            "the home dir /opt/starrocks/fe/bin/start_fe.sh, from the flag --home, is not a directory",
            home,
        ),
        (
            &["--home", "/opt"],
            127,
            "no start script in /opt: looked for bin/start_fe.sh, bin/start_be.sh, bin/start_cn.sh, bin/start_broker.sh",
            home,
        ),
    ];
    for (arguments, code, why, hint) in cases {
        Trial::of(&fe)
            .with(arguments)
            .ends(code, &format!("error: {why}\n\nhint: {hint}"))?;
    }
    let engine = "use an image of that engine, or leave ENGINE unset";
    let variables = [
        (
            ("COMPONENT", "be"),
            "the variable COMPONENT requests be, but only /opt/starrocks/fe (FE) is installed",
            component,
        ),
        (
            ("STARROCKS_HOME", "/opt/nowhere"),
            "the home dir /opt/nowhere, from the variable STARROCKS_HOME, does not exist",
            home,
        ),
        (
            ("ENGINE", "doris"),
            "ENGINE requests Apache Doris, but /opt/starrocks/fe contains StarRocks",
            engine,
        ),
    ];
    for ((name, value), why, hint) in variables {
        fe.set(name, value);
        Trial::of(&fe).ends(78, &format!("error: {why}\n\nhint: {hint}"))?;
        fe.set(name, "");
    }
    add_home(&fe, "/opt/starrocks/be", &["bin/start_be.sh", "lib/starrocks_be"])?;
    // As with `docker run` of an image that was all in one: nothing is set.
    fe.set("LOCAL_HOST", "").set("MASTER_HOST", "");
    Trial::of(&fe).ends(
        78,
        "error: one container is one node, and this image has homes of several: /opt/starrocks/fe (FE) and /opt/starrocks/be \
         (BE)\n\nhint: start one container of this image for each of them, with `command: fe` or `command: be` (COMPONENT is \
         the same), and with MASTER_HOST and LOCAL_HOST; or set --home",
    )
}
