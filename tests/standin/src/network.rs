//! Sockets as the node opens them: from its own address, and with names it knows.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::settings::Settings;

#[derive(Debug, Clone)]
pub(crate) struct Network {
    source: Option<IpAddr>,
    names: Vec<(String, IpAddr)>,
}

impl Network {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            source: settings.bind_address,
            names: settings.names.clone(),
        }
    }

    pub(crate) async fn resolve(&self, host: &str) -> io::Result<IpAddr> {
        if let Ok(address) = host.parse() {
            return Ok(address);
        }
        if let Some((_, address)) = self.names.iter().find(|(name, _)| name == host) {
            return Ok(*address);
        }
        let found = tokio::net::lookup_host((host, 0)).await?.next();
        found
            .map(|at| at.ip())
            .ok_or_else(|| io::Error::other("Name or service not known"))
    }

    pub(crate) async fn connect(&self, host: &str, port: u16, patience: Duration) -> io::Result<TcpStream> {
        let at = SocketAddr::new(self.resolve(host).await?, port);
        let socket = if at.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = tokio::time::timeout(patience, socket.connect(at))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "Connect timed out"))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Listens with a backlog wide enough for a thousand nodes that register at once.
pub(crate) fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(1024)
}
