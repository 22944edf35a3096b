//! Where data is set aside and cannot be, or not as a whole.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hosts::{Host, Tree, World};

use super::joiners;
use super::node::{Kind, PATIENCE, Situation, settled};

for_each_engine! {
    a_full_disk_is_one_sentence_and_nothing_is_lost,
    where_the_dir_above_may_not_be_written_the_contents_are_moved,
    a_data_dir_that_the_image_brought_is_set_aside_all_the_same,
}

/// Without what makes root root: modes count for it as for everybody.
const AS_ANYBODY: &str = "exec setpriv --bounding-set=-dac_override,-dac_read_search \
                          --inh-caps=-dac_override,-dac_read_search -- \"$@\"";

/// A registered host with a join that was cut short.
fn unfinished(world: &World) -> Result<(hosts::Cluster, Situation, Host)> {
    let (cluster, home, mut hosts) = joiners(world, Kind::Follower, 1)?;
    let host = hosts.pop().context("one host")?;
    Ok((cluster, Situation::Unfinished(Kind::Follower, home), host))
}

/// It comes back, with what it was kept for it.
fn comes_back(situation: &Situation, host: &Host, added: usize) -> Result<()> {
    settled(host).with_context(|| host.log_tail())?;
    situation.check(host, &super::node::Before::of(host, added))?;
    host.kill9()
}

fn a_full_disk_is_one_sentence_and_nothing_is_lost(world: &World) -> Result<()> {
    let (_cluster, situation, host) = unfinished(world)?;
    situation.prepare(&host)?;
    let added = situation.added(&host)?;
    // The same files on a disk that has room for them and for nothing more.
    let data = host.data();
    let files = world.dir().join("files");
    fs::rename(&data, &files)?;
    fs::create_dir(&data)?;
    let run = |program: &str, arguments: &[&Path]| -> Result<()> {
        let done = Command::new(program).args(arguments).status()?;
        ensure!(done.success(), "{program} {arguments:?}");
        Ok(())
    };
    let options = ["-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "full"].map(Path::new);
    run("mount", &[options.as_slice(), &[&data]].concat())?;
    run("cp", &[Path::new("-a"), &files.join("image"), &data])?;
    let mut fillers = 0;
    while File::create(data.join(format!("filler{fillers}"))).is_ok() {
        fillers += 1;
    }
    let before = Tree::of(std::slice::from_ref(&data))?;
    let meta = host.data_dir();
    let refusal = format!("error: cannot set {meta} aside as {meta}/unfinished-");
    for _ in 0..2 {
        host.start()?;
        let code = host.exit(PATIENCE)?;
        let log = host.last_log();
        ensure!(code == 73, "it ended with {code}\n{log}");
        let said = log.lines().filter(|line| line.starts_with("error: "));
        let said: Vec<&str> = said.collect();
        ensure!(
            said.len() == 1
                && said.iter().all(|line| {
                    line.starts_with(&refusal) && line.ends_with(": No space left on device (os error 28)")
                }),
            "{log}"
        );
        ensure!(
            log.contains("hint: move it away by hand, then start again"),
            "{log}"
        );
        let changes = before.changes(&Tree::of(std::slice::from_ref(&data))?);
        ensure!(changes.is_empty(), "{}", changes.join("\n"));
    }
    for filler in 0..fillers {
        fs::remove_file(data.join(format!("filler{filler}")))?;
    }
    host.start()?;
    comes_back(&situation, &host, added)
}

fn where_the_dir_above_may_not_be_written_the_contents_are_moved(world: &World) -> Result<()> {
    let (_cluster, situation, host) = unfinished(world)?;
    host.without_volume();
    situation.prepare(&host)?;
    let added = situation.added(&host)?;
    // What an engine makes in its home must be there then.
    fs::create_dir_all(host.home().join("log"))?;
    fs::set_permissions(host.home(), fs::Permissions::from_mode(0o555))?;
    host.start_program(&["sh", "-euc", AS_ANYBODY, "setup", "muster", "run"])?;
    comes_back(&situation, &host, added)?;
    let kept = fs::read_dir(host.data())?.flatten();
    let kept = kept.filter(|entry| entry.file_name().to_string_lossy().starts_with("unfinished-"));
    ensure!(kept.count() == 1, "it was renamed");
    Ok(())
}

/// The docs of overlayfs: "When renaming a directory that is on the lower layer or merged … rename(2) will return EXDEV."
fn a_data_dir_that_the_image_brought_is_set_aside_all_the_same(world: &World) -> Result<()> {
    let (_cluster, situation, host) = unfinished(world)?;
    host.without_volume();
    situation.prepare(&host)?;
    let added = situation.added(&host)?;
    let image = host.data().join("image");
    fs::rename(&image, host.on_disk(Path::new("/opt/made-later")))?;
    // What is there becomes the image, and what is written from now on the container's own.
    let (homes, meta) = (world.engine().homes, host.data_dir());
    let setup = format!(
        "mkdir /tmp/upper /tmp/work
         mount -t overlay -o lowerdir={homes},upperdir=/tmp/upper,workdir=/tmp/work overlay {homes}
         cp -a /opt/made-later {meta}/image
         exec \"$@\""
    );
    host.start_program(&["sh", "-euc", &setup, "setup", "muster", "run"])?;
    host.says(PATIENCE, "is alive in cluster")?;
    let log = host.last_log();
    ensure!(
        log.contains(&format!("set {meta} aside as {meta}/unfinished-")),
        "{log}"
    );
    ensure!(situation.added(&host)? == added, "it was added again");
    let kept = host.exec(&["sh", "-c", &format!("cat {meta}/unfinished-*/image/keepsake")])?;
    ensure!(
        kept.code == 0 && kept.text.starts_with("the data of a node"),
        "{kept:?}"
    );
    Ok(())
}
