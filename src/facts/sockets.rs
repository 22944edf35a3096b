//! The sockets of this network namespace and, where they can be seen, the processes behind them.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::file;
use std::collections::{BTreeMap, BTreeSet};

/// The socket on a port, and its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub protocol: Protocol,
    pub state: SocketState,
    /// The local address; an unspecified one is all of them.
    pub address: IpAddr,
    pub port: u16,
    pub inode: u64,
    /// `None` if it was not searched, or is not visible, perhaps in another container.
    pub process: Option<Process>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketState {
    /// It listens, or for UDP has bound the port.
    Listening,
    /// One end of a connection: it got the port from the ephemeral range, or its listener accepted it.
    Connected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub name: String,
}

/// The sockets of a network namespace are visible in all its containers, their processes only in their own.
const NOT_VISIBLE: &str = "a process of another container or user";

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(Process { pid, name }) => write!(f, "{name} (pid {pid})")?,
            None => f.write_str(NOT_VISIBLE)?,
        }
        let socket = SocketAddr::new(self.address, self.port);
        match self.state {
            SocketState::Listening => write!(f, " on {} {socket}", self.protocol.name()),
            SocketState::Connected => write!(f, " with a {} connection from {socket}", self.protocol.name()),
        }
    }
}

/// Reads the four tables below `<root>/proc/net`; one that is missing (no IPv6) has no sockets.
pub fn read(root: &Path) -> Vec<Holder> {
    let tables = [
        ("tcp", Protocol::Tcp),
        ("tcp6", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("udp6", Protocol::Udp),
    ];
    tables
        .into_iter()
        .flat_map(|(table, protocol)| {
            let text = file::text_of_kernel(&root.join("proc/net").join(table)).unwrap_or_default();
            parse(&text, protocol)
        })
        .collect()
}

/// proc(5), /proc/net/tcp: `sl local_address rem_address st … inode`, after one line of headings.
pub fn parse(table: &str, protocol: Protocol) -> Vec<Holder> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| parse_line(line, protocol))
        .collect()
}

fn parse_line(line: &str, protocol: Protocol) -> Option<Holder> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    let state = match (protocol, *fields.get(3)?) {
        // TIME_WAIT and CLOSE: an engine that binds with SO_REUSEADDR, as both do, gets the port.
        (Protocol::Tcp, "06" | "07") => return None,
        (Protocol::Tcp, "0A") | (Protocol::Udp, "07") => SocketState::Listening,
        (Protocol::Tcp | Protocol::Udp, _) => SocketState::Connected,
    };
    Some(Holder {
        protocol,
        state,
        address: parse_address(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        inode: fields.get(9)?.parse().ok()?,
        process: None,
    })
}

/// Words of 32 bits, each as the machine holds it.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let bytes: Vec<u8> = (0..hex.len() / 8)
        .map(|word| u32::from_str_radix(hex.get(word * 8..word * 8 + 8)?, 16).ok())
        .collect::<Option<Vec<u32>>>()?
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(IpAddr::V4(Ipv4Addr::from(v4)));
    }
    let v6 = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(v6)).to_canonical())
}

/// Finds the processes of some sockets, by the links in `<root>/proc/<pid>/fd`. Expensive on a busy host, so only sockets
/// that block a port should be passed.
pub fn name_processes(root: &Path, holders: &mut [&mut Holder]) {
    let owners = owners(root, &holders.iter().map(|holder| holder.inode).collect());
    for holder in holders {
        holder.process = owners.get(&holder.inode).cloned();
    }
}

/// The process that listens on an abstract unix socket, if it can be seen.
pub fn abstract_listener(root: &Path, name: &str) -> Option<Process> {
    let table = file::text_of_kernel(&root.join("proc/net/unix")).ok()?;
    // unix(7) and proc(5): `Num RefCount Protocol Flags Type St Inode Path`, and `@` before an abstract name.
    let inode = table.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let inode = fields.nth(6)?.parse().ok()?;
        // A connection that nobody has accepted yet has the same name, and no inode.
        (fields.next()?.strip_prefix('@')? == name && inode != 0).then_some(inode)
    })?;
    owners(root, &BTreeSet::from_iter([inode])).remove(&inode)
}

fn owners(root: &Path, wanted: &BTreeSet<u64>) -> BTreeMap<u64, Process> {
    let mut owners = BTreeMap::new();
    let processes = fs::read_dir(root.join("proc")).into_iter().flatten().flatten();
    for process in processes {
        if owners.len() == wanted.len() {
            break;
        }
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // Other users' links cannot be read; a process may also have ended.
        for fd in fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let inode = fs::read_link(fd.path()).ok().and_then(|link| socket_inode(&link));
            let is_new = |inode: &u64| wanted.contains(inode) && !owners.contains_key(inode);
            if let Some(inode) = inode.filter(is_new) {
                let name = name_of(&process.path());
                owners.insert(inode, Process { pid, name });
            }
        }
    }
    owners
}

/// `socket:[12345]`.
fn socket_inode(link: &Path) -> Option<u64> {
    link.to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

fn name_of(process: &Path) -> String {
    file::text_of_kernel(&process.join("comm"))
        .map(|name| name.trim_end().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Protocol, SocketState, name_processes, parse, read};
    use crate::facts::fixture::tree;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn table(lines: &[&str]) -> String {
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        format!("{HEAD}{}", lines.concat())
    }

    const LISTENS: &str = "   0: 00000000:2346 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0";
    const LOOPBACK: &str = "   1: 0100007F:2332 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 4712 1 0000000000000000 100 0 0 10 0";
    const OUTGOING: &str = "   2: 0B01A8C0:80E8 0A01A8C0:01BB 01 00000000:00000000 02:000A7D2B 00000000     0        0 4713 2 0000000000000000 20 4 30 10 -1";
    const TIME_WAIT: &str = "   3: 0B01A8C0:2346 0A01A8C0:D431 06 00000000:00000000 03:00001234 00000000     0        0 0 3 0000000000000000";
    const V6_LISTENS: &str = "   0: 00000000000000000000000000000000:1F5E 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0000000000000000 100 0 0 10 0";
    const V6_ADDRESS: &str = "   1: B80D0120000000000000000001000000:1F5F 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4715 1 0000000000000000 100 0 0 10 0";
    const MAPPED: &str = "   2: 0000000000000000FFFF00000B01A8C0:2346 0000000000000000FFFF00000A01A8C0:D432 01 00000000:00000000 02:000A7D2B 00000000     0        0 4716 1 0000000000000000 100 0 0 10 0";
    const UDP: &str = " 1234: 00000000:2332 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4717 2 0000000000000000 0";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_tables_are_read_line_by_line() {
        use Protocol::{Tcp, Udp};
        use SocketState::{Connected, Listening};
        let rows = [
            (LISTENS, Tcp, Some(("0.0.0.0", 9030, Listening, 4711))),
            (LOOPBACK, Tcp, Some(("127.0.0.1", 9010, Listening, 4712))),
            (OUTGOING, Tcp, Some(("192.168.1.11", 33000, Connected, 4713))),
            (TIME_WAIT, Tcp, None),
            (V6_LISTENS, Tcp, Some(("::", 8030, Listening, 4714))),
            (V6_ADDRESS, Tcp, Some(("2001:db8::1", 8031, Listening, 4715))),
            (MAPPED, Tcp, Some(("192.168.1.11", 9030, Connected, 4716))),
            (UDP, Udp, Some(("0.0.0.0", 9010, Listening, 4717))),
            ("   0: rubbish", Tcp, None),
            ("", Tcp, None),
        ];
        for (line, protocol, expected) in rows {
            let holders = parse(&table(&[line]), protocol);
            let seen = holders.first().map(|holder| {
                (
                    holder.address.to_string(),
                    holder.port,
                    holder.state,
                    holder.inode,
                )
            });
            let expected =
                expected.map(|(address, port, state, inode)| (address.to_owned(), port, state, inode));
            assert_eq!(seen, expected, "{line}");
        }
    }

    #[test]
    fn a_host_without_ipv6_has_no_tables_for_it() {
        let root = tree(&[
            ("proc/net/tcp", &table(&[LISTENS, LOOPBACK])),
            ("proc/net/udp", &table(&[UDP])),
        ]);
        assert_eq!(read(root.path()).len(), 3);
        assert!(read(tree(&[]).path()).is_empty());
    }

    #[test]
    fn the_process_is_found_through_its_open_files() {
        let root = tree(&[
            ("proc/net/tcp", &table(&[LISTENS, LOOPBACK])),
            ("proc/7/comm", "nginx\n"),
            ("proc/7/fd/0", "-> /dev/null"),
            ("proc/7/fd/3", "-> socket:[4711]"),
            ("proc/8/fd/", ""),
            ("proc/self", "-> 7"),
        ]);
        let mut holders = read(root.path());
        name_processes(root.path(), &mut holders.iter_mut().collect::<Vec<_>>());
        let said: Vec<String> = holders.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "nginx (pid 7) on TCP 0.0.0.0:9030",
                "a process of another container or user on TCP 127.0.0.1:9010"
            ]
        );
    }
}
