//! What is done once in the life of a cluster: the accounts are closed, and the files of `/docker-entrypoint-initdb.d` are run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};

for_each_engine! {
    init_files_are_run_once_by_the_founder_and_once_by_the_first_be,
    a_member_whose_password_was_changed_while_it_was_away_says_so,
}

/// For anything that must happen; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Becomes the container that has the directory: hosts share the root of this machine, on which nothing is made.
const WITH_DIR: &str = r#"
    root=/tmp/root
    for entry in /*; do
        if [ -L "$entry" ]; then mkdir -p "$root" && cp -P "$entry" "$root"
        elif [ "$entry" = /tmp ]; then mkdir -p "$root/tmp"
        elif [ -d "$entry" ]; then mkdir -p "$root$entry" && mount --rbind "$entry" "$root$entry"
        fi
    done
    mkdir "$root/docker-entrypoint-initdb.d"
    mount --bind /opt/init "$root/docker-entrypoint-initdb.d"
    exec chroot "$root" "$@"
"#;

fn start(host: &Host) -> Result<()> {
    host.start_program(&["sh", "-euc", WITH_DIR, "setup", "muster", "run"])
}

fn give(host: &Host, files: &[(&str, &str)]) -> Result<()> {
    let dir = host.on_disk(Path::new("/opt/init"));
    fs::create_dir_all(&dir)?;
    for (name, text) in files {
        fs::write(dir.join(name), text)?;
    }
    Ok(())
}

/// The founder has files, and so have all BEs, as in a compose file that gives every BE the same volumes.
fn init_files_are_run_once_by_the_founder_and_once_by_the_first_be(world: &World) -> Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 2, &fe, 3, Some(&be))?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s");
    }
    for fe in cluster.fes() {
        give(
            fe,
            &[(
                "1.sql",
                "CREATE USER one; alter /* who */ system add FOLLOWER 'FE9:9010', ;\nCREATE USER two IDENTIFIED BY 'canary'",
            )],
        )?;
    }
    for be in cluster.bes() {
        give(
            be,
            &[
                ("1.sql", "CREATE USER three"),
                ("2.sh", "echo \"a script says ${CLUSTER_PASSWORD-nothing}\"\n"),
            ],
        )?;
    }
    for host in &cluster.hosts {
        start(host)?;
    }
    let everywhere = |words: &str| -> usize {
        let logs = cluster.hosts.iter().map(Host::log);
        logs.map(|log| log.matches(words).count()).sum()
    };
    eventually(PATIENCE, "all files run", || {
        let run = [
            everywhere("1.sql: 2 statements run"),
            everywhere("1.sql: 1 statements run"),
            everywhere("2.sh: run"),
            everywhere("another BE was registered first"),
            everywhere("the files of /docker-entrypoint-initdb.d are not run here: the FE"),
        ];
        ensure!(run == [1, 1, 1, 2, 1], "{run:?}");
        Ok(())
    })?;
    assert_eq!(
        everywhere("line 1: `alter` is left out"),
        1,
        "{}",
        cluster.tails()
    );
    assert_eq!(everywhere("a script says nothing"), 1, "{}", cluster.tails());
    for host in &cluster.hosts {
        ensure!(!host.log().contains("canary"), "{}", host.log_tail());
    }
    // Nobody begins again: each user would be there already.
    for host in &cluster.hosts {
        host.kill9()?;
        start(host)?;
    }
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
        ensure!(!host.last_log().contains("statements run"), "{}", host.log_tail());
    }
    ensure!(everywhere("run it by hand") == 0, "{}", cluster.tails());
    Ok(())
}

/// Somebody has changed the password while the node was away: the engine runs on, and muster says at once that it is blind.
fn a_member_whose_password_was_changed_while_it_was_away_says_so(world: &World) -> Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 1, &fe, 1, Some(&be))?;
    let (fe, be) = (cluster.seed()?, cluster.host("be1")?);
    fe.set("GUARD_TIME", "3s");
    for host in [fe, be] {
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    be.says(PATIENCE, "is alive in cluster")?;
    be.kill9()?;
    cluster.sql("SET PASSWORD = PASSWORD('canary')")?;
    be.start()?;
    be.says(PATIENCE, "login refused")?;
    be.says(
        PATIENCE,
        "the engine runs on, but muster does not see its cluster; set CLUSTER_USER",
    )?;
    ensure!(!be.has_ended(), "{}", be.log_tail());
    be.stop()?;
    be.set("CLUSTER_PASSWORD", "canary");
    be.start()?;
    be.says(PATIENCE, "is alive in cluster")?;
    ensure!(!be.log().contains("canary"), "{}", be.log_tail());
    Ok(())
}
