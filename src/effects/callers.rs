//! Who calls us: the leader of a living cluster polls every registered node, dead ones too, and so shows itself to
//! a node that has lost everything. While this node waits with nothing it listens where it would be polled, answers
//! what was observed to do no harm, and remembers who called.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::engine::Poll;

/// A caller that says nothing for this long is no leader.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any poll observed; what is longer is not read on.
const LONGEST: usize = 4096;

/// The open ear. Dropping it closes the port; `close` waits until it is free.
#[derive(Debug)]
pub struct Callers {
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Heard {
    from: Mutex<BTreeSet<IpAddr>>,
    news: Notify,
}

impl Callers {
    /// Listens on every address, as the engine would.
    pub async fn listen(port: u16, poll: &'static Poll) -> io::Result<Self> {
        let listener = match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
            Ok(listener) => listener,
            // IPv6 is off on this host.
            Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?,
        };
        let heard = Arc::new(Heard::default());
        let task = tokio::spawn(serve(listener, poll, Arc::clone(&heard)));
        Ok(Self { heard, task })
    }

    /// Who called so far.
    pub fn heard(&self) -> Vec<IpAddr> {
        self.heard
            .from
            .lock()
            .map_or_else(|_| Vec::new(), |from| from.iter().copied().collect())
    }

    /// Returns at the first call from an address that had not called before.
    pub async fn news(&self) {
        self.heard.news.notified().await;
    }

    /// Frees the port before it returns.
    pub async fn close(mut self) {
        self.task.abort();
        // The listener is dropped with the task, and that is over once the handle says so.
        if let Err(error) = (&mut self.task).await
            && error.is_panic()
        {
            tracing::debug!("the listener for callers had failed");
        }
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, poll: &'static Poll, heard: Arc<Heard>) {
    let mut answering = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let heard = Arc::clone(&heard);
                    let address = peer.ip().to_canonical();
                    answering.spawn(async move {
                        if let Ok(true) = tokio::time::timeout(PATIENCE, answer(stream, poll)).await
                            && heard.from.lock().is_ok_and(|mut from| from.insert(address))
                        {
                            heard.news.notify_one();
                        }
                    });
                }
                // Out of descriptors for a moment: the next poll comes in a few seconds.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = answering.join_next() => {}
        }
    }
}

/// Reads the call and answers it; whether it was a poll at all.
async fn answer(mut stream: TcpStream, poll: &Poll) -> bool {
    let mut request = vec![0; LONGEST];
    let mut length = 0;
    while let Some(room) = request.get_mut(length..).filter(|room| !room.is_empty()) {
        match stream.read(room).await {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read,
        }
        let so_far = request.get(..length).unwrap_or_default();
        if poll.is_whole(so_far) {
            break;
        }
    }
    let request = request.get(..length).unwrap_or_default();
    if !poll.is_poll(request) {
        return false;
    }
    if let Some(reply) = poll.reply()
        && stream.write_all(reply.as_bytes()).await.is_err()
    {
        return true;
    }
    // Closed at once: a silent listener would lengthen the heartbeat round of the whole cluster.
    drop(stream.shutdown().await);
    true
}

#[cfg(test)]
mod tests {
    use super::Callers;
    use crate::engine::{ALL, Poll};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn call(port: u16, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut reply = Vec::new();
        drop(stream.read_to_end(&mut reply).await);
        reply
    }

    async fn ear(poll: &'static Poll) -> (Callers, u16) {
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        (Callers::listen(free, poll).await.unwrap(), free)
    }

    #[tokio::test]
    async fn the_leaders_poll_is_answered_without_harm_and_remembered() {
        let (callers, port) = ear(&ALL[0].fe_poll).await;
        let reply = call(
            port,
            b"GET /api/bootstrap?cluster_id=7&token=secret HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        .await;
        let reply = String::from_utf8(reply).unwrap();
        // Observed: a 404 or 503 makes the leader print its token, `{}` makes it show this FE as alive.
        assert!(
            reply.starts_with("HTTP/1.1 200 ") && reply.contains("\"status\":\"FAILED\""),
            "{reply}"
        );
        assert!(!reply.contains("secret"));
        callers.news().await;
        assert_eq!(
            callers.heard(),
            ["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]
        );
        callers.close().await;
        TcpListener::bind(("0.0.0.0", port)).await.unwrap();
    }

    #[tokio::test]
    async fn anyone_else_on_the_port_changes_nothing() {
        let (callers, port) = ear(&ALL[0].fe_poll).await;
        for request in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"\x16\x03\x01garbage\r\n\r\n",
            b"",
        ] {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(request).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut reply = Vec::new();
            drop(stream.read_to_end(&mut reply).await);
            assert_eq!(reply, b"");
        }
        assert!(callers.heard().is_empty());
        callers.close().await;
    }

    #[tokio::test]
    async fn a_heartbeat_is_read_remembered_and_closed() {
        let (callers, port) = ear(&ALL[0].backend_poll).await;
        let mut message = vec![0x80, 1, 0, 1, 0, 0, 0, 9];
        message.extend_from_slice(b"heartbeat");
        message.extend_from_slice(&[0; 30]);
        assert_eq!(call(port, &message).await, b"");
        callers.news().await;
        assert_eq!(callers.heard().len(), 1);
        callers.close().await;
    }
}
