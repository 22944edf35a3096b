//! The bridge and the cables. All of it lives in the network namespace of the run and ends with it.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// Where all hosts are plugged in.
const BRIDGE: &str = "br0";
/// Where hosts are plugged in that see one another and nobody else.
const ISLAND: &str = "br1";

/// The address of host number `n`, counted from 1. The world itself is at 10.99.255.254.
pub(crate) fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, 10 + n)
}

/// Both bridges, and the world's own address.
pub(crate) fn lay() -> anyhow::Result<()> {
    ip(
        &[],
        &format!(
            "link set lo up\n\
             link add {BRIDGE} type bridge\n\
             link add {ISLAND} type bridge\n\
             addr add 10.99.255.254/16 dev {BRIDGE}\n\
             link set {BRIDGE} up\n\
             link set {ISLAND} up\n"
        ),
    )
}

/// A network namespace named after the host, with a cable into the bridge.
pub(crate) fn plug(host: &str, n: u8) -> anyhow::Result<()> {
    ip(
        &[],
        &format!(
            "netns add {host}\n\
             link add {host} type veth peer name eth0 netns {host}\n\
             link set {host} master {BRIDGE} up\n"
        ),
    )?;
    let four = address(n);
    ip(
        &["-n", host],
        &format!(
            "link set lo up\n\
             addr add {four}/16 dev eth0\n\
             addr add fd99::{n:x}/64 dev eth0 nodad\n\
             link set eth0 up\n"
        ),
    )
}

/// Another address in place of the one it has.
pub(crate) fn renumber(host: &str, from: Ipv4Addr, to: Ipv4Addr) -> anyhow::Result<()> {
    ip(
        &["-n", host],
        &format!("addr del {from}/16 dev eth0\naddr add {to}/16 dev eth0\n"),
    )
}

/// Silence, as of a cable cut behind the next switch: the host's own link stays up and nothing answers.
pub(crate) fn cut(host: &str) -> anyhow::Result<()> {
    ip(&[], &format!("link set {host} nomaster\n"))
}

/// Together with the others that were moved there, and away from everybody else.
pub(crate) fn maroon(host: &str) -> anyhow::Result<()> {
    ip(&[], &format!("link set {host} master {ISLAND}\n"))
}

pub(crate) fn heal(host: &str) -> anyhow::Result<()> {
    ip(&[], &format!("link set {host} master {BRIDGE}\n"))
}

fn ip(options: &[&str], commands: &str) -> anyhow::Result<()> {
    let mut ip = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run `ip` (Debian package iproute2)")?;
    ip.stdin
        .take()
        .context("`ip` has no stdin")?
        .write_all(commands.as_bytes())?;
    let done = ip.wait_with_output()?;
    ensure!(
        done.status.success(),
        "ip {} refused\n{commands}{}",
        options.join(" "),
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}
