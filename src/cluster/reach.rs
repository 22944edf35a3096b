//! Gets a TCP connection to an endpoint, and tells apart a closed port, an absent host and an unknown name.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::engine::failure::Failure;
use crate::facts::resolve::resolve;
use crate::settings::Endpoint;

/// The first address of the endpoint's host that accepts a connection, and the connection.
///
/// No connection in time is `Unreachable` and not `Deadline`: the latter means that a host accepted and did not answer.
pub(super) async fn reach(at: &Endpoint, until: Instant) -> Result<(SocketAddr, TcpStream), Failure> {
    let addresses = match timeout_at(until, resolve(&at.host)).await {
        Ok(Ok(found)) => found,
        Ok(Err(why)) => return Err(Failure::Unresolvable(why)),
        Err(_) => return Err(Failure::Unresolvable("no answer in time".to_owned())),
    };
    // All at once: a name may have an address that nothing routes to beside one that works.
    let mut connecting: FuturesUnordered<_> = addresses
        .into_iter()
        .map(async |address| {
            let address = SocketAddr::new(address, at.port);
            (address, TcpStream::connect(address).await)
        })
        .collect();
    let mut worst = Failure::Unresolvable("it has no address".to_owned());
    loop {
        match timeout_at(until, connecting.next()).await {
            Ok(Some((address, Ok(stream)))) => return Ok((address, stream)),
            Ok(Some((_, Err(error)))) if worst != Failure::Refused => worst = unreachable(&error),
            Ok(Some(_)) => {}
            Ok(None) => return Err(worst),
            Err(_) => return Err(Failure::Unreachable("connection timed out".to_owned())),
        }
    }
}

/// Connects to a port and closes the connection; the error says why it cannot.
pub async fn is_open(at: &Endpoint, within: Duration) -> Result<(), Failure> {
    reach(at, Instant::now() + within).await.map(drop)
}

fn unreachable(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        Failure::Refused
    } else {
        Failure::Unreachable(error.to_string())
    }
}
