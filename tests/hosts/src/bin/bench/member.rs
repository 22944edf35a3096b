//! The home of a node that has been a member for long: it has nothing to ask, and its start is muster's own part.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::bench::Bench;

/// A case of muster's own tests: a seed that is started again. Its address is in the record.
const CASE: &str = "../cases/starrocks-seed-restart";
const ADDRESS: &str = "10.0.0.11";

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) home: PathBuf,
    pub(crate) script: PathBuf,
}

impl Member {
    /// A home with this start script; the flags of a vendor's are in it as a comment.
    pub(crate) fn new(bench: &Bench, name: &str, script: &str) -> anyhow::Result<Self> {
        own_address(ADDRESS)?;
        let home = bench.world.dir().join(name).join("fe");
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASE);
        for dir in ["bin", "conf", "lib", "log", "meta/image", "meta/bdb"] {
            fs::create_dir_all(home.join(dir))?;
        }
        fs::write(home.join("lib/starrocks-fe.jar"), "")?;
        for (from, to) in [
            ("conf", "conf/fe.conf"),
            ("record.json", "conf/muster-fe.json"),
            ("record.json", "meta/muster.json"),
            ("data/image/ROLE", "meta/image/ROLE"),
            ("data/image/VERSION", "meta/image/VERSION"),
            ("data/bdb/je.info.0", "meta/bdb/je.info.0"),
            ("data/bdb/00000000.jdb", "meta/bdb/00000000.jdb"),
        ] {
            fs::copy(case.join(from), home.join(to)).with_context(|| format!("{}/{from}", case.display()))?;
        }
        let member = Self {
            script: home.join("bin/start_fe.sh"),
            home,
        };
        fs::write(&member.script, script)?;
        fs::set_permissions(&member.script, fs::Permissions::from_mode(0o755))?;
        Ok(member)
    }

    /// What muster and everybody beside it is given.
    pub(crate) fn variables() -> Vec<(&'static str, String)> {
        vec![
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("MASTER_HOST", ADDRESS.to_owned()),
            ("LOCAL_HOST", ADDRESS.to_owned()),
        ]
    }
}

/// The stand-in's script as `extra` would run it: with the text of a vendor's, because muster reads that.
pub(crate) fn script_of(interpreter: &Path) -> anyhow::Result<String> {
    let vendors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../standin/home/starrocks/fe/bin/start_fe.sh");
    let text = fs::read_to_string(&vendors).with_context(|| vendors.display().to_string())?;
    let (_, body) = text.split_once('\n').context("a script of one line")?;
    Ok(format!("#!{}\n{body}", interpreter.display()))
}

/// Gives the machine of the bench this address.
pub(crate) fn own_address(address: &str) -> anyhow::Result<()> {
    let done = Command::new("ip")
        .args(["address", "replace", &format!("{address}/32"), "dev", "lo"])
        .output()
        .context("cannot run `ip` (Debian package iproute2)")?;
    ensure!(
        done.status.success(),
        "ip address replace {address}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}
