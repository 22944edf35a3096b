//! The bridge and the cables. All of it lives in the network namespace of the run and ends with it.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// Where all hosts are plugged in.
const BRIDGE: &str = "br0";
/// Where hosts are plugged in that see one another and nobody else.
const ISLAND: &str = "br1";

/// The address of host number `n`, counted from 1. The world itself is at 10.99.255.254 and .253.
pub(crate) fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, 10 + n)
}

/// The address of a member of a herd, counted from 0.
pub(crate) fn address_in_herd(n: u16) -> Ipv4Addr {
    let [high, low] = (n + 256).to_be_bytes();
    Ipv4Addr::new(10, 99, high, low)
}

/// Both bridges, and the world's own addresses.
///
/// A bridge that was given no hardware address takes the lowest of its ports': it would change under a host that has just
/// asked for it whenever another is plugged in, and that host's packets would be lost for seconds.
pub(crate) fn lay() -> anyhow::Result<()> {
    ip(
        &[],
        &format!(
            "link set lo up\n\
             link add {BRIDGE} address 02:00:0a:63:ff:fe type bridge\n\
             link add {ISLAND} type bridge\n\
             addr add 10.99.255.254/16 dev {BRIDGE}\n\
             addr add 10.99.255.253/16 dev {BRIDGE}\n\
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

/// The same for many at once, with one address each.
pub(crate) fn plug_all(places: &[(String, Ipv4Addr)]) -> anyhow::Result<()> {
    let commands: Vec<String> = places
        .iter()
        .map(|(name, _)| {
            format!(
                "netns add {name}\n\
                 link add {name} type veth peer name eth0 netns {name}\n\
                 link set {name} master {BRIDGE} up\n"
            )
        })
        .collect();
    ip(&[], &commands.concat())?;
    for (name, address) in places {
        let commands = format!("link set lo up\naddr add {address}/16 dev eth0\nlink set eth0 up\n");
        ip(&["-n", name], &commands)?;
    }
    Ok(())
}

pub(crate) fn unplug_all(names: impl Iterator<Item = String>) -> anyhow::Result<()> {
    // The cable goes with its namespace.
    let commands: Vec<String> = names.map(|name| format!("netns delete {name}\n")).collect();
    ip(&[], &commands.concat())
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
