//! The harness itself, with trivial programs as PID 1.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use hosts::{Component, Host, Image, World, eventually, this_test};

/// An image with nothing in it but what makes it one.
fn image(world: &World) -> anyhow::Result<Image> {
    let home = world.dir().join("image");
    for dir in ["bin", "lib", "conf"] {
        fs::create_dir_all(home.join(dir))?;
    }
    fs::write(home.join("bin/start_fe.sh"), "#!/bin/sh\n")?;
    fs::set_permissions(home.join("bin/start_fe.sh"), fs::Permissions::from_mode(0o755))?;
    fs::write(home.join("conf/fe.conf"), "a = b\n")?;
    Image::of(Component::Fe, &home)
}

/// Stops when asked, and says so.
fn start_polite(host: &Host) -> anyhow::Result<()> {
    host.start_program(&[
        "sh",
        "-c",
        "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done",
    ])?;
    host.says(Duration::from_secs(5), "up")
}

fn reaches(from: &Host, to: &Host) -> anyhow::Result<bool> {
    let port = format!("exec 3<>/dev/tcp/{}/7", to.address());
    Ok(from
        .exec(&["timeout", "0.3", "bash", "-c", &format!("{port} 2>&1 || exit 1")])?
        .text
        .contains("refused"))
}

#[test]
fn a_host_has_its_own_address_name_processes_and_files() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let image = image(&world)?;
    let host = world.host("fe1", 1, &image)?;
    host.set("MASTER_HOST", "10.99.0.11");
    start_polite(&host)?;
    assert_eq!(host.exec(&["cat", "/proc/1/comm"])?.text, "sh");
    assert!(host.exec(&["ip", "-br", "addr"])?.text.contains("10.99.0.11/16"));
    assert_eq!(
        host.exec(&["cat", "/opt/starrocks/fe/conf/fe.conf"])?.text,
        "a = b"
    );
    assert_eq!(host.exec(&["hostname"])?.text, "fe1");
    let variables = host.exec(&["cat", "/proc/1/environ"])?.text.replace('\0', "\n");
    let names: Vec<&str> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["PATH", "MASTER_HOST"], "{variables}");
    Ok(())
}

#[test]
fn a_stop_gives_the_exit_code_and_a_kill_leaves_nobody() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let image = image(&world)?;
    let host = world.host("fe1", 1, &image)?;
    start_polite(&host)?;
    assert_eq!(host.stop()?, 3);
    assert!(host.last_log().contains("bye"));
    // Two generations below PID 1, deaf to every signal that can be refused.
    host.start_program(&[
        "sh",
        "-c",
        "(trap '' TERM INT HUP; sleep 777 & sleep 777) & echo up; wait",
    ])?;
    host.says(Duration::from_secs(5), "up")?;
    host.kill9()?;
    assert!(!host.is_running());
    for entry in fs::read_dir("/proc")?.flatten() {
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!line.contains("777"), "{line}");
    }
    host.start_program(&["sh", "-c", "exit 69"])?;
    assert_eq!(host.exit(Duration::from_secs(5))?, 69);
    Ok(())
}

#[test]
fn wiped_data_leaves_the_container_and_a_new_container_keeps_the_data() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let image = image(&world)?;
    for (n, volume) in [(1, true), (2, false)] {
        let host = world.host(&format!("fe{n}"), n, &image)?;
        if !volume {
            host.without_volume();
        }
        let write = "cd /opt/starrocks/fe && echo d >meta/d && echo s >conf/s";
        let read = "cd /opt/starrocks/fe && echo $(cat meta/d conf/s 2>/dev/null)";
        let look = |what: &str| -> anyhow::Result<String> {
            host.start_program(&["sh", "-c", what])?;
            assert_eq!(host.exit(Duration::from_secs(5))?, 0, "{}", host.last_log());
            Ok(host.last_log().trim().to_owned())
        };
        look(write)?;
        assert_eq!(look(read)?, "d s");
        host.wipe_data()?;
        assert_eq!(look(read)?, "s");
        look(write)?;
        host.wipe_state()?;
        assert_eq!(look(read)?, "d");
        host.wipe_both()?;
        assert_eq!(look(read)?, "");
        assert!(
            host.on_disk(Path::new("/opt/starrocks/fe/bin/start_fe.sh"))
                .is_file()
        );
    }
    Ok(())
}

#[test]
fn a_cut_host_is_reached_by_nobody_and_an_island_by_its_own() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let image = image(&world)?;
    let [a, b, c] = [("fe1", 1), ("fe2", 2), ("fe3", 3)].map(|(name, n)| world.host(name, n, &image));
    let (a, b, c) = (a?, b?, c?);
    for host in [&a, &b, &c] {
        start_polite(host)?;
    }
    assert!(reaches(&a, &b)? && reaches(&b, &c)?);
    a.cut()?;
    assert!(!reaches(&a, &b)? && !reaches(&b, &a)?);
    a.heal()?;
    assert!(reaches(&a, &b)?);
    world.part([&a, &b])?;
    assert!(reaches(&a, &b)? && !reaches(&b, &c)? && !reaches(&c, &a)?);
    a.heal()?;
    assert!(reaches(&a, &c)? && !reaches(&b, &c)?);
    Ok(())
}

#[test]
fn a_frozen_host_goes_on_where_it_stood() -> anyhow::Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let image = image(&world)?;
    let host = world.host("fe1", 1, &image)?;
    host.start_program(&["sh", "-c", "while :; do echo tick; sleep 0.01; done"])?;
    let ticks = || host.log().len();
    let grows = |from: usize| {
        eventually(Duration::from_secs(2), "more", || {
            ensure!(ticks() > from, "it stands");
            Ok(())
        })
    };
    grows(0)?;
    host.freeze()?;
    let frozen = ticks();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(ticks(), frozen);
    host.thaw()?;
    grows(frozen)
}

/// The outcome inside is the outcome of the test: were it lost, every test here would pass for ever.
#[test]
fn a_failure_inside_is_a_failure_outside() -> anyhow::Result<()> {
    match World::enter(this_test!()) {
        Ok(Some(_world)) => anyhow::bail!("as it should"),
        Ok(None) => Ok(()), // namespaces are refused here
        Err(error) if !World::is_inside() && format!("{error:#}").contains("as it should") => Ok(()),
        Err(error) => Err(error),
    }
}
