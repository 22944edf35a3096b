//! Gets a TCP connection to an endpoint, and tells a closed port from a host that is away from a name nobody knows.

use std::io;
use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::engine::failure::Failure;
use crate::settings::{Endpoint, Host};

/// The first address of the endpoint's host that accepts a connection, and the connection.
///
/// Nothing in time is `Unreachable` and not `Deadline`: the latter says that somebody is there and does not answer.
pub(super) async fn reach(at: &Endpoint, until: Instant) -> Result<(SocketAddr, TcpStream), Failure> {
    let addresses = match timeout_at(until, addresses(at)).await {
        Ok(found) => found?,
        Err(_) => return Err(Failure::Unresolvable("the name servers do not answer".to_owned())),
    };
    // All at once: a name may have an address that nothing routes to beside one that works.
    let mut connecting: FuturesUnordered<_> = addresses
        .into_iter()
        .map(async |address| (address, TcpStream::connect(address).await))
        .collect();
    let mut worst = Failure::Unresolvable("it has no address".to_owned());
    loop {
        match timeout_at(until, connecting.next()).await {
            Ok(Some((address, Ok(stream)))) => return Ok((address, stream)),
            Ok(Some((_, Err(error)))) if worst != Failure::Refused => worst = unreachable(&error),
            Ok(Some(_)) => {}
            Ok(None) => return Err(worst),
            Err(_) => return Err(Failure::Unreachable("no connection in time".to_owned())),
        }
    }
}

async fn addresses(at: &Endpoint) -> Result<Vec<SocketAddr>, Failure> {
    match &at.host {
        Host::Address(ip) => Ok(vec![SocketAddr::new(*ip, at.port)]),
        Host::Name(name) => match lookup_host((name.as_str(), at.port)).await {
            Ok(found) => Ok(found.collect()),
            Err(error) => Err(Failure::Unresolvable(error.to_string())),
        },
    }
}

fn unreachable(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        Failure::Refused
    } else {
        Failure::Unreachable(error.to_string())
    }
}
