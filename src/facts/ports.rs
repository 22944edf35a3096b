//! The ports in use on this host, their holders, and the kernel's range for outgoing connections. `plan/ports` chooses.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use super::sockets::{self, Holder, Protocol, SocketState};
use crate::file;
use std::collections::BTreeSet;

/// The kernel's default, if its file cannot be read.
const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// The most numbers tried after a candidate that is in use, and the free ones that suffice: one for each service that may
/// move there.
const TRIED: u16 = 64;
const FREE_NEEDED: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFacts {
    /// The sockets of this network namespace by port, listeners first, with their processes.
    pub holders: BTreeMap<u16, Vec<Holder>>,
    /// The kernel's range for outgoing connections.
    pub ephemeral: RangeInclusive<u16>,
    /// The ports of that range that the kernel leaves out.
    pub reserved: Vec<RangeInclusive<u16>>,
    /// Candidates that could not be bound, each with the reason.
    pub bind_refused: BTreeMap<u16, Refused>,
    /// Every number that was tried.
    pub tried: BTreeSet<u16>,
    /// True if a bind was refused since `holders` was filled.
    unnamed: bool,
}

/// The reason why a bind like the engine's failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub protocol: Protocol,
    pub why: Errno,
}

impl Refused {
    /// The holder's name if no socket is visible: a bound socket that does not listen is in no table of the kernel.
    fn by_whom(&self) -> String {
        match self.why {
            Errno::EADDRINUSE => "a socket that does not listen yet".to_owned(),
            errno => format!("the kernel ({})", io::Error::from(errno)),
        }
    }
}

/// A port that may be chosen; `udp`: its service needs UDP on the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub number: u16,
    pub udp: bool,
}

impl PortFacts {
    /// Tries to bind each candidate; after one that is refused, or that two services request, the next numbers too.
    pub fn look(root: &Path, candidates: &[Candidate]) -> Self {
        let read =
            |path: &str| file::text_of_kernel(&root.join("proc/sys/net/ipv4").join(path)).unwrap_or_default();
        let mut facts = Self {
            holders: BTreeMap::new(),
            ephemeral: parse_range(&read("ip_local_port_range")).unwrap_or(EPHEMERAL),
            reserved: parse_reserved(&read("ip_local_reserved_ports")),
            bind_refused: BTreeMap::new(),
            tried: BTreeSet::new(),
            unnamed: false,
        };
        let mut seen = BTreeSet::new();
        for candidate in candidates {
            let contested = !seen.insert(candidate.number);
            facts.look_at(*candidate, contested);
        }
        facts.name_holders(root);
        facts
    }

    /// Tries one more port: a prescribed one, or the next number. `name_holders` finds its holder.
    pub fn look_further(&mut self, candidate: Candidate) {
        self.look_at(candidate, false);
    }

    /// Removes the holders of these ports: a node's own engine does not block its next start.
    pub fn leave_out(&mut self, ports: impl IntoIterator<Item = u16>) {
        for port in ports {
            self.holders.remove(&port);
            self.bind_refused.remove(&port);
        }
    }

    /// The holder of a port; `None` if it is free as far as visible. A process that listens on the loopback only is one
    /// too: the engines listen on all addresses.
    pub fn busy(&self, port: u16, udp: bool) -> Option<String> {
        let holders = self.holders.get(&port).map(Vec::as_slice).unwrap_or_default();
        let matters = |holder: &&Holder| udp || holder.protocol == Protocol::Tcp;
        let listener = holders
            .iter()
            .filter(matters)
            .find(|holder| holder.state == SocketState::Listening);
        if let Some(listener) = listener {
            return Some(listener.to_string());
        }
        let refused = self.bind_refused.get(&port)?;
        if refused.protocol == Protocol::Udp && !udp {
            return None;
        }
        // A connection is named only if the bind failed: it does not prevent listening by itself.
        Some(
            holders
                .iter()
                .find(|holder| holder.protocol == refused.protocol)
                .map_or_else(|| refused.by_whom(), ToString::to_string),
        )
    }

    /// Every port in use, with its holder.
    pub fn taken(&self, udp: bool) -> BTreeMap<u16, String> {
        let seen = self.holders.keys().chain(self.bind_refused.keys());
        seen.filter_map(|port| Some((*port, self.busy(*port, udp)?)))
            .collect()
    }

    /// Tries to bind a port instead of reading the kernel's socket tables, which takes milliseconds even if they are short.
    fn look_at(&mut self, candidate: Candidate, beyond: bool) {
        let mut refused = |number| {
            self.tried.insert(number);
            match try_bind(number, candidate.udp) {
                Ok(()) => {
                    self.bind_refused.remove(&number);
                    false
                }
                Err(refused) => {
                    self.bind_refused.insert(number, refused);
                    self.unnamed = true;
                    true
                }
            }
        };
        if !refused(candidate.number) && !beyond {
            return;
        }
        let last = candidate.number.saturating_add(TRIED);
        let mut free = 0;
        for number in candidate.number.saturating_add(1)..=last {
            if !refused(number) {
                free += 1;
            }
            if free == FREE_NEEDED {
                break;
            }
        }
    }

    /// Finds the holders of the ports in use. Returns false if no bind was refused since the last call: reading sockets and
    /// processes is expensive.
    pub fn name_holders(&mut self, root: &Path) -> bool {
        if !std::mem::take(&mut self.unnamed) {
            return false;
        }
        self.holders.clear();
        for holder in sockets::read(root) {
            self.holders.entry(holder.port).or_default().push(holder);
        }
        for sockets in self.holders.values_mut() {
            let rank = |holder: &Holder| (holder.state, holder.protocol);
            sockets.sort_by_key(rank);
        }
        let refused = &self.bind_refused;
        let mut blocking: Vec<&mut Holder> = self
            .holders
            .values_mut()
            .flatten()
            .filter(|holder| holder.state == SocketState::Listening || refused.contains_key(&holder.port))
            .collect();
        sockets::name_processes(root, &mut blocking);
        true
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
/// `SO_REUSEADDR` for TCP. Nothing listens, so no client can connect.
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
            // A host without IPv6: the engine uses IPv4 only as well.
            Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) if family == AddressFamily::Inet6 => {}
            Err(errno) => {
                return Err(Refused { protocol, why: errno });
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
    use std::path::Path;

    use nix::errno::Errno;

    use super::{Candidate, EPHEMERAL, PortFacts, Refused, parse_range, parse_reserved, try_bind};
    use crate::facts::fixture::tree;
    use crate::facts::sockets::{Holder, Process, Protocol, SocketState};

    fn look(number: u16, udp: bool) -> PortFacts {
        PortFacts::look(Path::new("/"), &[Candidate { number, udp }])
    }

    fn me() -> String {
        format!("(pid {})", std::process::id())
    }

    #[test]
    fn a_listener_is_found_with_its_process_on_whatever_address_it_listens() {
        let addresses: [IpAddr; 5] = [
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(127, 0, 0, 2).into(),
            Ipv4Addr::LOCALHOST.into(),
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::LOCALHOST.into(),
        ];
        for address in addresses {
            // A machine without IPv6 has two rows less to show.
            let Ok(listener) = TcpListener::bind((address, 0)) else {
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            let facts = look(port, false);
            let busy = facts.busy(port, false).unwrap();
            assert!(busy.contains(&me()), "{address}: {busy}");
            assert!(
                busy.ends_with(&format!("TCP {}", SocketAddr::new(address, port))),
                "{busy}"
            );
            assert!(facts.taken(false).contains_key(&port));
        }
    }

    #[test]
    fn udp_is_blocking_only_of_a_service_that_needs_it() {
        // The number may belong to another TCP connection; then another one is tried.
        let free = (0..20).find_map(|_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = socket.local_addr().unwrap().port();
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .is_ok()
                .then_some((socket, port))
        });
        let (_socket, port) = free.unwrap();
        let facts = look(port, true);
        let busy = facts.busy(port, true).unwrap();
        assert!(busy.contains(&me()) && busy.contains("UDP"), "{busy}");
        assert_eq!(facts.busy(port, false), None);
        assert_eq!(look(port, false).busy(port, false), None);
    }

    /// An outgoing connection got its port from the ephemeral range without `SO_REUSEADDR`: no process can listen there.
    #[test]
    fn an_outgoing_connection_on_a_requested_port_is_named_as_one() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let outgoing = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = outgoing.local_addr().unwrap().port();
        let facts = look(port, false);
        let busy = facts.busy(port, false).unwrap();
        assert!(busy.contains("with a TCP connection from 127.0.0.1"), "{busy}");
        assert!(facts.ephemeral.contains(&port));
    }

    /// The engine binds with `SO_REUSEADDR`, so its own restart is not kept waiting by the connections it closed.
    #[test]
    fn a_port_in_time_wait_is_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        // The side that closes first keeps TIME_WAIT.
        drop(server);
        drop(client);
        drop(listener);
        assert_eq!(try_bind(port, false), Ok(()));
        assert_eq!(look(port, false).busy(port, false), None);
    }

    #[test]
    fn the_numbers_after_a_requested_one_are_tried_as_well() {
        // Two adjacent ports; another process may have the second.
        let pair = std::iter::repeat_with(|| {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let next = first.local_addr().unwrap().port().saturating_add(1);
            TcpListener::bind((Ipv4Addr::LOCALHOST, next))
                .ok()
                .map(|second| (first, second, next))
        });
        let (_first, _second, next) = pair.take(100).flatten().next().unwrap();
        assert!(look(next - 1, false).bind_refused.contains_key(&next));
    }

    /// Two services cannot share a number, so one of them moves although no process uses it.
    #[test]
    fn a_number_that_two_services_want_is_looked_past() {
        let pair = std::iter::repeat_with(|| {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let wanted = free.local_addr().unwrap().port();
            let next = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.saturating_add(1))).ok()?;
            Some((wanted, next))
        });
        let (number, _next) = pair.take(100).flatten().next().unwrap();
        let candidate = Candidate { number, udp: false };
        let facts = PortFacts::look(Path::new("/"), &[candidate, candidate]);
        assert!(facts.bind_refused.contains_key(&(number + 1)), "{facts:?}");
    }

    fn holder(port: u16, protocol: Protocol, state: SocketState) -> Holder {
        Holder {
            protocol,
            state,
            address: Ipv4Addr::LOCALHOST.into(),
            port,
            inode: 1,
            process: Some(Process {
                pid: 7,
                name: "nginx".to_owned(),
            }),
        }
    }

    #[test]
    fn what_is_blocking_is_told_from_what_is_not() {
        use Protocol::{Tcp, Udp};
        use SocketState::{Connected, Listening};
        let listens = Some("nginx (pid 7) on TCP 127.0.0.1:9010");
        let connected = Some("nginx (pid 7) with a TCP connection from 127.0.0.1:9010");
        let udp_bound = Some("nginx (pid 7) on UDP 127.0.0.1:9010");
        let refused = Some("a socket that does not listen yet");
        // Sockets on 9010, the protocol whose bind failed, and who is in the way of TCP alone and of both.
        let table = [
            (vec![], None, None, None),
            (vec![(Tcp, Listening)], Some(Tcp), listens, listens),
            // Seen, but not tried.
            (vec![(Tcp, Listening)], None, listens, listens),
            // A connection that an earlier listener accepted does not block a bind with SO_REUSEADDR.
            (vec![(Tcp, Connected)], None, None, None),
            (vec![(Tcp, Connected)], Some(Tcp), connected, connected),
            (vec![(Udp, Listening)], None, None, udp_bound),
            (vec![(Udp, Listening)], Some(Udp), None, udp_bound),
            // Bound and not listening, or in a table that cannot be read.
            (vec![], Some(Tcp), refused, refused),
            (vec![(Udp, Connected)], Some(Tcp), refused, refused),
        ];
        for (sockets, failed, tcp, both) in table {
            let holders = sockets
                .iter()
                .map(|(protocol, state)| holder(9010, *protocol, *state))
                .collect();
            let facts = PortFacts {
                holders: BTreeMap::from([(9010, holders)]),
                ephemeral: EPHEMERAL,
                reserved: Vec::new(),
                bind_refused: failed
                    .map(|protocol| {
                        let why = Errno::EADDRINUSE;
                        (9010, Refused { protocol, why })
                    })
                    .into_iter()
                    .collect(),
                tried: BTreeSet::new(),
                unnamed: false,
            };
            assert_eq!(facts.busy(9010, false).as_deref(), tcp, "{sockets:?} {failed:?}");
            assert_eq!(
                facts.busy(9010, true).as_deref(),
                both,
                "{sockets:?} {failed:?} with UDP"
            );
        }
    }

    #[test]
    fn the_ephemeral_range_and_what_is_reserved_of_it_are_read() {
        let root = tree(&[
            ("proc/sys/net/ipv4/ip_local_port_range", "9000\t60999\n"),
            ("proc/sys/net/ipv4/ip_local_reserved_ports", "9030,9050-9060\n"),
        ]);
        let facts = PortFacts::look(root.path(), &[]);
        assert_eq!(facts.ephemeral, 9000..=60999);
        assert_eq!(facts.reserved, [9030..=9030, 9050..=9060]);
    }

    #[test]
    fn a_kernel_that_says_nothing_has_its_default_range() {
        assert_eq!(PortFacts::look(tree(&[]).path(), &[]).ephemeral, EPHEMERAL);
        assert_eq!(parse_range("1024 65535"), Some(1024..=65535));
        assert_eq!(parse_range("1024"), None);
        assert_eq!(parse_reserved("\n"), Vec::new());
    }
}
