//! Directories that cannot be written: read-only, full, or no directories at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};
use hosts::{Cluster, Component, Host, StandIn, Tree, World, this_test};

use super::trial::{PATIENCE, Trial, host, put};

fn read_only(dir: &str) -> String {
    format!("mount --rbind {dir} {dir}; mount -o remount,bind,ro {dir}")
}

#[test]
fn what_is_read_only_is_said_before_anybody_is_asked() -> Result<()> {
    const ADVICE: &str = "hint: mount it so that the user of this container can write to it";
    const STATE: &str = "hint: set STATE_DIR to a directory that the user of this container can write to, preferably on a volume";
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
    Trial::of(&fe)
        .after(&read_only("/opt/starrocks/fe/conf"))
        .ends(73, &format!("error: {state}\n\n{STATE}"))?;
    // The JVM opens its log there before anything else.
    put(&fe, "/opt/starrocks/fe/log/keep", "")?;
    Trial::of(&fe).after(&read_only("/opt/starrocks/fe/log")).ends(
        73,
        &format!(
            "error: {}\n\nhint: make it writable for the user of this container, or set LOG_DIR in the conf to a directory \
             that is",
            why("the log dir /opt/starrocks/fe/log").replace("written:", "written by uid 0:")
        ),
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
    Trial::of(&fe)
        .after(&read_only("/opt/state"))
        .ends(73, &format!("error: {state}\n\n{STATE}"))
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
        ("/opt/link", "is a broken symbolic link"),
        ("/opt/file/below", "is not a directory"),
    ];
    for (path, why) in paths {
        for (variable, what) in [("META_DIR", "data"), ("STATE_DIR", "state")] {
            fe.set(variable, path);
            let said = format!(
                "error: the {what} dir {path}, from the variable {variable}, {why}\n\nhint: set it to a directory, or to a path \
                 that does not exist yet"
            );
            Trial::of(&fe).ends(78, &said)?;
            fe.set(variable, "");
        }
    }
    let conf = "/opt/starrocks/fe/conf/fe.conf";
    let file = fe.on_disk(Path::new(conf));
    fs::remove_file(&file)?;
    fs::create_dir(&file)?;
    Trial::of(&fe).ends(
        78,
        &format!(
            "error: cannot read {conf}: it is a directory; put a regular file there\n\nhint: it must be a file that the user of this \
             container can read"
        ),
    )?;
    fs::remove_dir(&file)?;
    put(&fe, conf, "meta_dir = ${DORIS_HOME}/meta\nquery_port = 9030\n")?;
    Trial::of(&fe).ends(
        78,
        "error: cannot resolve the data dir, from the conf file: `${DORIS_HOME}/meta` uses the variable DORIS_HOME, \
         which is not set\n\nhint: write the path without that variable",
    )?;
    put(&fe, conf, b"# f\xfcr alle\nquery_port = 9030\n")?;
    Trial::of(&fe).ends(
        78,
        &format!(
            "error: {conf} is not UTF-8, so muster cannot rewrite it unchanged\n\nhint: save it as UTF-8"
        ),
    )
}

/// A member's data would be taken for a first start that was cut short, and be set aside.
#[test]
fn data_that_cannot_be_read_is_never_taken_for_something_else() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let meta = "/opt/starrocks/fe/meta";
    for file in ["image/ROLE", "image/VERSION", "bdb/je.info.0"] {
        // Where a file should be there is a directory: that keeps root from reading it too.
        let path = fe.data().join(file);
        fs::create_dir_all(&path)?;
        Trial::of(&fe).ends(
            79,
            &format!(
                "error: cannot read the data dir {meta}: {meta}/{file}: it is a directory; put a regular file there\n\nhint: it \
                 must be a file that the user of this container can read"
            ),
        )?;
        fs::remove_dir(&path)?;
    }
    Ok(())
}

/// A disk of 64 KiB without room for another byte, on which a file is in the way.
struct FullDisk {
    filler: PathBuf,
}

impl FullDisk {
    /// In the place of a directory of a host, as it is seen from outside, with its files.
    fn at(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_file() {
                files.push((fs::read(&path)?, path));
            }
        }
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "full"])
            .arg(dir)
            .status()?;
        ensure!(mounted.success(), "cannot mount {}", dir.display());
        for (text, path) in files {
            fs::write(path, text)?;
        }
        let filler = dir.join("filler");
        let mut file = File::create(&filler)?;
        loop {
            match file.write(&[b'x'; 512]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(Self { filler }),
                Err(error) => bail!("{error}"),
            }
        }
    }

    fn make_room(self) -> Result<()> {
        Ok(fs::remove_file(self.filler)?)
    }
}

/// How often the leader lists this host.
fn listed(cluster: &Cluster, host: &Host) -> Result<usize> {
    let rows = cluster.seed()?.sql(host.component().show())?;
    let own = rows.iter().filter(|row| row.host() == host.address().to_string());
    Ok(own.count())
}

/// The engine is started from links to its home, with a conf of its own. What it writes itself is there to stay.
#[test]
fn a_read_only_home_is_no_reason_not_to_start() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(&world, 1, &fe, 1, Some(&be))?;
    cluster.seed()?.set("BOOTSTRAP", "force");
    let hosts = [cluster.host("fe1")?, cluster.host("be1")?];
    for host in hosts {
        host.set("STATE_DIR", "/opt/state");
    }
    for start in 1..=2 {
        for host in hosts {
            let id = host.component().id();
            let disks = ["bin", "conf", "lib"].map(|dir| host.home().join(dir));
            let before = Tree::of(&disks)?;
            let setup = format!("{}; exec \"$@\"", read_only(&format!("/opt/starrocks/{id}")));
            host.start_program(&["sh", "-euc", &setup, "setup", "muster", "run"])?;
            host.says(PATIENCE, "is alive in cluster")?;
            let changes = before.changes(&Tree::of(&disks)?);
            ensure!(changes.is_empty(), "{}", changes.join("\n"));
            let shadow = host.on_disk(Path::new("/opt/state")).join(format!("home-{id}"));
            let left = shadow.join("log/left by the first start");
            match start {
                1 => drop(File::create(left)?),
                _ => ensure!(
                    left.exists(),
                    "what the engine left in {} is gone",
                    shadow.display()
                ),
            }
        }
        for host in hosts {
            host.kill9()?;
        }
    }
    Ok(())
}

/// The engine then logs where its home is a link to, and what it said last tells a founding that was cut short.
#[test]
fn last_words_are_found_though_the_home_is_read_only() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(&world, 1, &fe, 0, None)?;
    let host = cluster.seed()?;
    host.set("STATE_DIR", "/opt/state").set("BOOTSTRAP", "force");
    put(host, "/opt/state/home-fe/standin.faults", "kill=LEADER\n")?;
    let setup = format!("{}; exec \"$@\"", read_only("/opt/starrocks/fe"));
    let start = || host.start_program(&["sh", "-euc", &setup, "setup", "muster", "run"]);
    start()?;
    ensure!(host.exit(PATIENCE)? == 137, "{}", host.log_tail());
    start()?;
    host.says(PATIENCE, "its first start was interrupted")?;
    host.says(PATIENCE, "is alive in cluster")
}

#[test]
fn what_cannot_be_remembered_is_not_registered() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(&world, 4, &fe, 1, Some(&be))?;
    let seed = cluster.seed()?;
    // The first of a new cluster: nobody could call.
    seed.set("BOOTSTRAP", "force");
    seed.start()?;
    seed.says(PATIENCE, "is alive in cluster")?;
    let state = "/opt/state";
    let (a, b, c) = (cluster.host("fe2")?, cluster.host("fe3")?, cluster.host("be1")?);
    let d = cluster.host("fe4")?;
    for host in [a, b, c, d] {
        host.set("STATE_DIR", state)
            .set("CLUSTER_PASSWORD_FILE", "/opt/no-password");
        put(host, "/opt/no-password", "")?;
        fs::create_dir_all(host.on_disk(Path::new(state)))?;
    }
    let cases = [
        (
            a,
            FullDisk::at(&a.on_disk(Path::new(state)))?,
            "/opt/state/muster-fe.json",
        ),
        (b, FullDisk::at(&b.data())?, "/opt/starrocks/fe/meta/muster.json"),
        (
            c,
            FullDisk::at(&c.data())?,
            "/opt/starrocks/be/storage/muster.json",
        ),
        (
            d,
            FullDisk::at(&d.home().join("conf"))?,
            "/opt/starrocks/fe/conf/fe.conf",
        ),
    ];
    for (host, disk, path) in cases {
        let report = format!(
            "error: cannot write {path}: No space left on device (os error 28)\n\nhint: make room or make it writable; \
             nothing was registered without being remembered"
        );
        Trial::of(host).beyond_explain().ends(73, &report)?;
        ensure!(listed(&cluster, host)? == 0, "{} is registered", host.name());
        disk.make_room()?;
        host.start()?;
        host.says(PATIENCE, "is alive in cluster")?;
        ensure!(
            listed(&cluster, host)? == 1,
            "{} is registered twice",
            host.name()
        );
    }
    Ok(())
}
