//! Which ports are taken here, by whom, and which ones the kernel deals out itself. Which port follows from that is
//! decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use super::sockets::{self, Holder, PortUse, Protocol};

/// If the kernel does not say: its own default.
const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// So many numbers after a wished one are tried at most, until so many of them were free: one for each service that
/// may be moved there.
const TRIED: u16 = 64;
const FREE_WANTED: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFacts {
    /// Every socket of this network namespace, listeners first; processes are named where a candidate is held.
    pub holders: BTreeMap<u16, Vec<Holder>>,
    /// The kernel deals these out to outgoing connections.
    pub ephemeral: RangeInclusive<u16>,
    /// Except these.
    pub reserved: Vec<RangeInclusive<u16>>,
    /// Candidates that could not be bound, and how that failed.
    pub bind_refused: BTreeMap<u16, Refused>,
}

/// A bind as the engine does it, and why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub protocol: Protocol,
    pub why: String,
}

/// A port somebody may want, and whether its service needs UDP on the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub number: u16,
    pub udp: bool,
}

impl PortFacts {
    /// Looks at the sockets and tries to bind each candidate, and the numbers after it until enough are free.
    pub fn look(root: &Path, candidates: &BTreeSet<Candidate>) -> Self {
        let read =
            |path: &str| fs::read_to_string(root.join("proc/sys/net/ipv4").join(path)).unwrap_or_default();
        let mut holders: BTreeMap<u16, Vec<Holder>> = BTreeMap::new();
        for holder in sockets::read(root) {
            holders.entry(holder.port).or_default().push(holder);
        }
        for sockets in holders.values_mut() {
            sockets.sort_by_key(|holder| (holder.use_, holder.protocol));
        }
        let mut facts = Self {
            holders,
            ephemeral: parse_range(&read("ip_local_port_range")).unwrap_or(EPHEMERAL),
            reserved: parse_reserved(&read("ip_local_reserved_ports")),
            bind_refused: BTreeMap::new(),
        };
        for candidate in candidates {
            facts.try_from(*candidate);
        }
        facts.name_processes(root);
        facts
    }

    /// Who or what is in the way of listening on a port; `None` if it is free as far as can be seen. Somebody who
    /// listens on the loopback only is in the way too: the engines listen on all addresses.
    pub fn busy(&self, port: u16, udp: bool) -> Option<String> {
        let holders = self.holders.get(&port).map(Vec::as_slice).unwrap_or_default();
        let matters = |holder: &&Holder| udp || holder.protocol == Protocol::Tcp;
        let listener = holders
            .iter()
            .filter(matters)
            .find(|holder| holder.use_ == PortUse::Listening);
        if let Some(listener) = listener {
            return Some(listener.to_string());
        }
        let refused = self.bind_refused.get(&port)?;
        if refused.protocol == Protocol::Udp && !udp {
            return None;
        }
        // A connection explains why the bind failed; one without the other takes nothing from a listener.
        Some(
            holders
                .iter()
                .find(|holder| holder.protocol == refused.protocol)
                .map_or_else(|| refused.why.clone(), ToString::to_string),
        )
    }

    /// Every port that is in the way, and of whom.
    pub fn taken(&self, udp: bool) -> BTreeMap<u16, String> {
        let seen: BTreeSet<u16> = self
            .holders
            .keys()
            .chain(self.bind_refused.keys())
            .copied()
            .collect();
        seen.into_iter()
            .filter_map(|port| Some((port, self.busy(port, udp)?)))
            .collect()
    }

    /// Whether the kernel may give this port to an outgoing connection at any moment.
    pub fn is_ephemeral(&self, port: u16) -> bool {
        self.ephemeral.contains(&port) && !self.reserved.iter().any(|range| range.contains(&port))
    }

    fn try_from(&mut self, wanted: Candidate) {
        let last = wanted.number.saturating_add(TRIED);
        let mut free = 0;
        for number in wanted.number..=last {
            if let Err(refused) = try_bind(number, wanted.udp) {
                self.bind_refused.insert(number, refused);
            }
            if self.busy(number, wanted.udp).is_none() {
                free += 1;
            }
            if free == FREE_WANTED {
                break;
            }
        }
    }

    fn name_processes(&mut self, root: &Path) {
        let refused = &self.bind_refused;
        let mut in_the_way: Vec<&mut Holder> = self
            .holders
            .iter_mut()
            .filter(|(port, _)| refused.contains_key(port))
            .flat_map(|(_, holders)| holders)
            .collect();
        if !in_the_way.is_empty() {
            sockets::name_processes(root, &mut in_the_way);
        }
    }
}

/// `32768\t60999`.
fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some(numbers.next()?.ok()?..=numbers.next()?.ok()?)
}

/// `8030,9000-9100`.
fn parse_reserved(text: &str) -> Vec<RangeInclusive<u16>> {
    text.trim()
        .split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .collect()
}

/// Binds as the engines do, on all addresses: as one IPv6 socket for both families, and as an IPv4 one, each with
/// SO_REUSEADDR for TCP. Nothing listens, so nobody can connect to the test.
pub fn try_bind(port: u16, udp: bool) -> Result<(), Refused> {
    let mut wildcards = vec![
        (Protocol::Tcp, AddressFamily::Inet6),
        (Protocol::Tcp, AddressFamily::Inet),
    ];
    if udp {
        wildcards.push((Protocol::Udp, AddressFamily::Inet6));
        wildcards.push((Protocol::Udp, AddressFamily::Inet));
    }
    for (protocol, family) in wildcards {
        match bind_once(protocol, family, port) {
            // A host without IPv6: the engine does without it as well.
            Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) if family == AddressFamily::Inet6 => {}
            Err(errno) => {
                return Err(Refused {
                    protocol,
                    why: io::Error::from(errno).to_string(),
                });
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

fn bind_once(protocol: Protocol, family: AddressFamily, port: u16) -> nix::Result<()> {
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    if protocol == Protocol::Tcp {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    let address = if family == AddressFamily::Inet6 {
        setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))
    } else {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
    };
    bind(
        std::os::fd::AsRawFd::as_raw_fd(&socket),
        &SockaddrStorage::from(address),
    )
}
