//! Outside the namespaces: start the story inside them, and clean up after it however it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use hosts::{Lifeline, World, eventually, target_dir, tidy};

use crate::{Args, show};

/// `on HOST COMMAND…`: through the namespaces of the run into those of one host, with the variables of its PID 1.
const ON: &str = r#"#!/bin/sh
# on HOST COMMAND...     runs a command on a host of this demo, while it runs
# on HOST sql STATEMENT  asks the FE of that host
set -eu
cd "$(dirname "$0")"
[ $# -ge 2 ] || { sed -n '2,3s/^# //p' on >&2; exit 64; }
host=$1; shift
[ -f world ] && [ -f "$host/pid" ] || { echo "there is no host $host, or the demo is over" >&2; exit 69; }
read -r user <user; read -r world <world
into() { [ "$user" = no ] || set -- -U --preserve-credentials "$@"; exec nsenter -t "$world" -n -m -p "$@"; }
if [ "$1" = sql ]; then
  into -- "@demo@" --ask "$(cat "$host/address"):9030" "$2"
fi
into -- nsenter -t "$(cat "$host/pid")" -n -m -p -u -- sh -c 'exec env -i $(tr "\0" "\n" </proc/1/environ) "$@"' on "$@"
"#;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..100_000));
    let dir = target_dir()?.join("demo").join(format!("seed-{seed}"));
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("{} is in use", dir.display()))?;
    }
    fs::create_dir_all(&dir)?;
    let mut inside = World::start(&dir, ["--seed", &seed.to_string()], |command| {
        command
            .args(["--nodes", &args.nodes.to_string()])
            .args(["--engine", &args.engine])
            .args(args.keep.then_some("--keep"))
            .args(args.operate.then_some("--operate"));
        command.args(
            args.home
                .iter()
                .flat_map(|home| ["--home".as_ref(), home.as_os_str()]),
        );
        Ok(())
    })?;
    if args.keep {
        write_on(&dir, &inside)?;
    }
    let ended = inside.wait()?;
    tidy(&dir);
    if let Some(code) = ended {
        return Ok(ExitCode::from(code));
    }
    show::line(&format!(
        "\nstopped: no process is left; the logs are in\n  {}",
        dir.display()
    ));
    Ok(if args.keep {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(130)
    })
}

fn write_on(dir: &Path, inside: &Lifeline) -> anyhow::Result<()> {
    let unshare = inside.program.id();
    let world = eventually(Duration::from_secs(5), "the namespaces", || {
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"))?;
        Ok(children
            .split_whitespace()
            .next()
            .context("not forked yet")?
            .to_owned())
    })?;
    let own = fs::read_link("/proc/self/ns/user")?;
    let user = if fs::read_link(format!("/proc/{world}/ns/user"))? == own {
        "no"
    } else {
        "yes"
    };
    fs::write(dir.join("user"), format!("{user}\n"))?;
    fs::write(dir.join("world"), format!("{world}\n"))?;
    let on = dir.join("on");
    fs::write(
        &on,
        ON.replace("@demo@", &std::env::current_exe()?.to_string_lossy()),
    )?;
    fs::set_permissions(&on, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
