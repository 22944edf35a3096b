//! Ports that are spoken for until the engine listens on them: an abstract unix socket is seen by every container
//! of the same network namespace, and the kernel frees it when we die, however we die.

use std::collections::BTreeMap;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Reservations of one node; dropping it gives them back.
#[derive(Debug, Default)]
pub struct Reservations {
    held: BTreeMap<u16, UnixListener>,
}

impl Reservations {
    /// Takes all of `ports`, or none of the new ones: then it says which one another muster of this network
    /// namespace has taken. Ports that are no longer wanted are given back.
    pub fn take(&mut self, ports: &[u16]) -> Result<(), TakenBy> {
        let mut new = BTreeMap::new();
        for port in ports.iter().filter(|port| !self.held.contains_key(port)) {
            match reserve(*port) {
                Ok(socket) => {
                    new.insert(*port, socket);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(TakenBy { port: *port });
                }
                // No abstract sockets here (a sandbox may forbid them): the bind test alone has to do.
                Err(error) => tracing::debug!(port, %error, "cannot reserve a port"),
            }
        }
        self.held.retain(|port, _| ports.contains(port));
        self.held.append(&mut new);
        Ok(())
    }

    pub fn release(&mut self) {
        self.held.clear();
    }
}

/// Another muster in this network namespace has reserved the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBy {
    pub port: u16,
}

fn reserve(port: u16) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(format!("muster/port/{port}"))?)
}

#[cfg(test)]
mod tests {
    use super::{Reservations, TakenBy};

    // Numbers above 65535 cannot clash with a real muster on the machine, but ports are u16: take the top end.
    const A: u16 = 65_501;
    const B: u16 = 65_502;
    const C: u16 = 65_503;

    #[test]
    fn a_reserved_port_is_refused_to_everyone_else_until_it_is_given_back() {
        let mut one = Reservations::default();
        let mut other = Reservations::default();
        assert_eq!(one.take(&[A, B]), Ok(()));
        assert_eq!(other.take(&[C, B]), Err(TakenBy { port: B }));
        // The failed try holds nothing.
        assert_eq!(one.take(&[A, C]), Ok(()));
        // B was given back by asking for another set.
        assert_eq!(other.take(&[B]), Ok(()));
        one.release();
        assert_eq!(other.take(&[A, B, C]), Ok(()));
    }
}
