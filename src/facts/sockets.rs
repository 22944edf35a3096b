//! The sockets of this network namespace and, where they can be seen, the processes behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Who has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub protocol: Protocol,
    pub use_: PortUse,
    /// The local address; an unspecified one is all of them.
    pub address: IpAddr,
    pub port: u16,
    pub inode: u64,
    /// `None`: a process we cannot see, in another container perhaps.
    pub process: Option<Process>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortUse {
    /// It listens, or for UDP has bound the port.
    Listening,
    /// One end of a connection: it got the port from the ephemeral range, or its listener is gone or still there.
    Connected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub name: String,
}

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
            None => f.write_str("a process that cannot be seen from here")?,
        }
        let socket = SocketAddr::new(self.address, self.port);
        match self.use_ {
            PortUse::Listening => write!(f, " on {} {socket}", self.protocol.name()),
            PortUse::Connected => write!(f, " with a {} connection from {socket}", self.protocol.name()),
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
            let text = fs::read_to_string(root.join("proc/net").join(table)).unwrap_or_default();
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
    let use_ = match (protocol, *fields.get(3)?) {
        // TIME_WAIT and CLOSE: an engine that binds with SO_REUSEADDR, as both do, gets the port.
        (Protocol::Tcp, "06" | "07") => return None,
        (Protocol::Tcp, "0A") | (Protocol::Udp, "07") => PortUse::Listening,
        (Protocol::Tcp | Protocol::Udp, _) => PortUse::Connected,
    };
    Some(Holder {
        protocol,
        use_,
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

/// Names the processes behind some sockets, by the links in `<root>/proc/<pid>/fd`. Dear on a busy host, so only
/// sockets that are in the way should be asked for.
pub fn name_processes(root: &Path, holders: &mut [&mut Holder]) {
    let wanted: BTreeSet<u64> = holders.iter().map(|holder| holder.inode).collect();
    let mut owners = BTreeMap::new();
    let processes = fs::read_dir(root.join("proc")).into_iter().flatten().flatten();
    for process in processes {
        if owners.len() == wanted.len() {
            break;
        }
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // Other users' links cannot be read; a process may also be gone by now.
        for fd in fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let inode = fs::read_link(fd.path()).ok().and_then(|link| socket_inode(&link));
            if let Some(inode) = inode.filter(|inode| wanted.contains(inode)) {
                owners.entry(inode).or_insert_with(|| Process {
                    pid,
                    name: name_of(&process.path()),
                });
            }
        }
    }
    for holder in holders {
        holder.process = owners.get(&holder.inode).cloned();
    }
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
    fs::read_to_string(process.join("comm"))
        .map(|name| name.trim_end().to_owned())
        .unwrap_or_default()
}
