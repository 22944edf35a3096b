//! Sockets as the node opens them: from its own address, and with names it knows.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::settings::Settings;

/// What resolves to no address.
const UNKNOWN_HOST: &str = "Name or service not known";

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
        let unknown = || io::Error::new(io::ErrorKind::NotFound, UNKNOWN_HOST);
        let found = tokio::net::lookup_host((host, 0)).await.map_err(|_| unknown())?;
        found.map(|at| at.ip()).next().ok_or_else(unknown)
    }

    /// The first name of an address, as a hosts file gives it.
    pub(crate) fn first_name(&self, address: IpAddr) -> Option<String> {
        if let Some((name, _)) = self.names.iter().find(|(_, known)| *known == address) {
            return Some(name.clone());
        }
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        hosts.lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let known: IpAddr = words.next()?.parse().ok()?;
            (known == address).then(|| words.next().map(str::to_owned))?
        })
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

/// A port that answers nothing and holds nothing for long.
pub(crate) async fn keep_open(listener: TcpListener) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let held = crate::fe::session::hold(stream);
            tokio::spawn(tokio::time::timeout(Duration::from_secs(60), held));
        }
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
