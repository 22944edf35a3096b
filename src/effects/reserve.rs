//! Reserves ports until the engine listens on them: an abstract unix socket is visible to every container of the same
//! network namespace, and the kernel frees it when the process ends.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, UnixCredentials, connect, getsockopt, socket,
};
use nix::unistd::geteuid;

use crate::facts::sockets::{self, Process};
use crate::printable::excerpt;
use std::collections::BTreeMap;

/// The reservations of one node; dropping them frees the ports.
#[derive(Debug, Default)]
pub struct Reservations {
    held: BTreeMap<u16, UnixListener>,
}

impl Reservations {
    /// Reserves each of `ports` that is free; the error lists those that another muster of this network namespace has. The
    /// reserved ones are kept meanwhile, or nodes that start together would take them from each other. Once all are
    /// reserved, ports that are no longer needed are freed.
    pub fn take(&mut self, ports: &[u16]) -> Result<(), Taken> {
        let mut taken = Vec::new();
        for port in ports {
            if self.held.contains_key(port) {
                continue;
            }
            match reserve(*port) {
                Ok(socket) => {
                    self.held.insert(*port, socket);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken.push(*port),
                // Without abstract sockets (a sandbox may forbid them) only the bind test protects the port.
                Err(error) => tracing::debug!(port, %error, "cannot reserve a port"),
            }
        }
        if taken.is_empty() {
            self.held.retain(|port, _| ports.contains(port));
            return Ok(());
        }
        Err(Taken(taken))
    }

    /// The descriptors for the process that keeps them until the engine listens.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.held.values().map(AsFd::as_fd).collect()
    }
}

/// Ports that other musters in this network namespace have reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken(pub Vec<u16>);

fn reserve(port: u16) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name(port))?)
}

/// The name of a reservation in the network namespace.
fn name(port: u16) -> String {
    format!("muster/port/{port}")
}

/// The process that has reserved a port, as far as it is visible: a node, or a program that took the name.
pub fn holder(root: &Path, port: u16) -> String {
    let user = listener_of(port).map(|listener| listener.uid());
    match (sockets::abstract_listener(root, &name(port)), user) {
        (Some(Process { pid, name }), _) if name.starts_with("muster") => {
            format!("{ANOTHER} ({name}, pid {pid})")
        }
        (Some(Process { pid, name }), Some(user)) => {
            format!(
                "a program that is not muster ({}, pid {pid}, user {user})",
                excerpt(&name, 20)
            )
        }
        (Some(Process { pid, name }), None) => {
            format!("a program that is not muster ({}, pid {pid})", excerpt(&name, 20))
        }
        // In another container.
        (None, Some(user)) if user != geteuid().as_raw() => {
            format!("a process of user {user} in another container of this host")
        }
        (None, _) => ANOTHER.to_owned(),
    }
}

/// The process that listens at the name of a port; the pid is 0 if it is in another container.
fn listener_of(port: u16) -> Option<UnixCredentials> {
    let (kind, flags) = (SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK);
    let socket = socket(AddressFamily::Unix, kind, flags, None).ok()?;
    let address = UnixAddr::new_abstract(name(port).as_bytes()).ok()?;
    connect(socket.as_raw_fd(), &address).ok()?;
    getsockopt(&socket, PeerCredentials).ok()
}

/// A holder whose process was not searched, or is in another container.
pub const ANOTHER: &str = "another node of this host";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Reservations, Taken, holder};

    // Numbers above 65535 cannot clash with a real muster on the machine, but ports are u16: take the top end.
    const A: u16 = 65_501;
    const B: u16 = 65_502;
    const C: u16 = 65_503;

    #[test]
    fn a_reserved_port_is_refused_to_everyone_else_until_it_is_given_back() {
        let mut one = Reservations::default();
        let mut other = Reservations::default();
        assert_eq!(one.take(&[A, B]), Ok(()));
        assert_eq!(other.take(&[A, C, B]), Err(Taken(vec![A, B])));
        // The reserved ports are kept, or the two nodes would take them from each other forever.
        assert_eq!(one.take(&[A, C]), Err(Taken(vec![C])));
        // B stays reserved until its replacement is known.
        assert_eq!(other.take(&[C, B]), Err(Taken(vec![B])));
        assert_eq!(one.take(&[A]), Ok(()));
        assert_eq!(other.take(&[C, B]), Ok(()));
        drop(one);
        assert_eq!(other.take(&[A, B, C]), Ok(()));
    }

    #[test]
    fn whoever_reserved_a_port_is_named_if_it_can_be_seen() {
        const D: u16 = 65_504;
        let mut one = Reservations::default();
        assert_eq!(one.take(&[D]), Ok(()));
        let named = holder(Path::new("/"), D);
        assert!(
            named.ends_with(&format!(", pid {})", std::process::id())),
            "{named}"
        );
        assert_eq!(holder(Path::new("/nowhere"), D), "another node of this host");
        // The connections that these questions made are not taken for the listener.
        assert_eq!(holder(Path::new("/"), D), named);
    }
}
