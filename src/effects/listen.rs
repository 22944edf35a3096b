//! Listens for callers: the leader of a living cluster polls every registered node, dead ones too, and so shows itself to a
//! node that has lost everything. While this node waits without data it listens where it would be polled, gives the answers
//! that were observed to do no harm, and remembers the callers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::engine::{Call, Poll};

/// A caller that sends nothing for this long is not a leader.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any poll observed; a longer one is not read to its end.
const LONGEST: usize = 4096;
/// So many callers are answered at a time; the others wait in the backlog, so that they cannot use up the descriptors.
const AT_ONCE: usize = 64;
/// So many callers are remembered.
const MOST: usize = 1024;

/// A port to listen on, and the polls that are understood there.
#[derive(Debug, Clone)]
pub struct CallPort {
    pub port: u16,
    pub polls: Vec<&'static Poll>,
}

/// One caller and its call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    pub from: IpAddr,
    pub call: Call,
}

/// The open ports. Dropping it closes them; `close` waits until they are free.
#[derive(Debug)]
pub struct Callers {
    heard: Arc<Heard>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    /// Each caller, with the number of its calls.
    callers: Mutex<Vec<(Caller, u64)>>,
    news: Notify,
}

impl Callers {
    /// Listens at each port on every address, as the engine would, and answers as `own`. A port that cannot be opened is
    /// logged and left out: there are other witnesses.
    pub async fn listen(ports: Vec<CallPort>, own: &str) -> Self {
        let heard = Arc::new(Heard::default());
        let mut tasks = Vec::new();
        for port in ports {
            match bind(port.port).await {
                Ok(listener) => {
                    let (own, heard) = (own.to_owned(), Arc::clone(&heard));
                    tasks.push(tokio::spawn(serve(listener, port.polls, own, heard)));
                }
                Err(error) => tracing::warn!(
                    port = port.port,
                    "cannot listen for a cluster that this host may belong to: {error}"
                ),
            }
        }
        Self { heard, tasks }
    }

    /// All callers so far, with the number of calls of each.
    pub fn heard(&self) -> Vec<(Caller, u64)> {
        self.heard
            .callers
            .lock()
            .map_or_else(|_| Vec::new(), |callers| callers.clone())
    }

    /// Returns at the first call that had not come before.
    pub async fn news(&self) {
        self.heard.news.notified().await;
    }

    /// Frees the ports before it returns.
    pub async fn close(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // The listener is dropped with the task, and that is over once the handle says so.
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::debug!("a listener for callers had failed");
            }
        }
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn bind(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        // IPv6 is off on this host.
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

async fn serve(listener: TcpListener, polls: Vec<&'static Poll>, own: String, heard: Arc<Heard>) {
    let mut answering = JoinSet::new();
    let polls: Arc<[&'static Poll]> = polls.into();
    let own: Arc<str> = own.into();
    loop {
        tokio::select! {
            accepted = listener.accept(), if answering.len() < AT_ONCE => match accepted {
                Ok((stream, peer)) => {
                    let (heard, polls, own) = (Arc::clone(&heard), Arc::clone(&polls), Arc::clone(&own));
                    let from = peer.ip().to_canonical();
                    answering.spawn(async move {
                        if let Ok(Some(call)) = tokio::time::timeout(PATIENCE, answer(stream, &polls, &own)).await {
                            heard.remember(Caller { from, call });
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

impl Heard {
    fn remember(&self, caller: Caller) {
        let Ok(mut callers) = self.callers.lock() else {
            return;
        };
        if let Some((_, calls)) = callers.iter_mut().find(|(known, _)| *known == caller) {
            *calls += 1;
        } else if callers.len() < MOST {
            callers.push((caller, 1));
            self.news.notify_one();
        }
    }
}

/// Reads and answers one call; `None` if it is not a call.
async fn answer(mut stream: TcpStream, polls: &[&'static Poll], own: &str) -> Option<Call> {
    let mut request = vec![0; LONGEST];
    let mut length = 0;
    while let Some(room) = request.get_mut(length..).filter(|room| !room.is_empty()) {
        match stream.read(room).await {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read,
        }
        let so_far = request.get(..length).unwrap_or_default();
        if polls.iter().any(|poll| poll.is_whole(so_far)) {
            break;
        }
    }
    let request = request.get(..length).unwrap_or_default();
    let (poll, call) = polls.iter().find_map(|poll| Some((poll, poll.call(request)?)))?;
    if let Some(reply) = poll.reply(own)
        && stream.write_all(reply.as_bytes()).await.is_err()
    {
        return Some(call);
    }
    // Closed at once: a silent listener would lengthen the heartbeat round of the whole cluster.
    drop(stream.shutdown().await);
    Some(call)
}

#[cfg(test)]
mod tests {
    use super::{CallPort, Caller, Callers};
    use crate::engine::heartbeat::tests::message;
    use crate::engine::{ALL, Call, Component, MEMBER_ANSWER, Poll, PortName, member_path};
    use std::net::IpAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn call(port: u16, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut reply = Vec::new();
        drop(stream.read_to_end(&mut reply).await);
        reply
    }

    /// Listens at a free port for the polls of one component at one of its ports.
    async fn listening(component: Component, port: PortName) -> (Callers, u16) {
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let here = ALL[0].ears_of(component).filter(|listener| listener.port == port);
        let polls: Vec<&'static Poll> = here.map(|listener| &listener.poll).collect();
        (
            Callers::listen(vec![CallPort { port: free, polls }], "10.0.0.9").await,
            free,
        )
    }

    fn heard(callers: &Callers) -> Vec<Call> {
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let one = |caller: Caller| {
            assert_eq!(caller.from, here);
            caller.call
        };
        callers
            .heard()
            .into_iter()
            .map(|(caller, _)| one(caller))
            .collect()
    }

    #[tokio::test]
    async fn the_leaders_poll_is_answered_without_harm_and_remembered() {
        let (callers, port) = listening(Component::Fe, PortName::Http).await;
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
        assert_eq!(heard(&callers), [Call::Leads]);
        callers.close().await;
        TcpListener::bind(("0.0.0.0", port)).await.unwrap();
    }

    #[tokio::test]
    async fn a_member_that_calls_is_told_that_a_muster_waits_here() {
        let (callers, port) = listening(Component::Fe, PortName::Http).await;
        let request = format!("GET {} HTTP/1.1\r\n\r\n", member_path("7", "10.0.0.1"));
        let reply = String::from_utf8(call(port, request.as_bytes()).await).unwrap();
        assert!(reply.ends_with(MEMBER_ANSWER), "{reply}");
        callers.news().await;
        let (cluster, host) = ("7".to_owned(), "10.0.0.1".to_owned());
        assert_eq!(heard(&callers), [Call::Member { cluster, host }]);
        callers.close().await;
    }

    #[tokio::test]
    async fn a_call_for_a_vote_is_heard_though_nothing_else_is_said() {
        let (callers, port) = listening(Component::Fe, PortName::EditLog).await;
        assert_eq!(call(port, b"Service:\x08Acceptor").await, b"");
        callers.news().await;
        assert_eq!(heard(&callers), [Call::WantsVote]);
        callers.close().await;
    }

    #[tokio::test]
    async fn anyone_else_on_the_port_changes_nothing() {
        let (callers, port) = listening(Component::Fe, PortName::Http).await;
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

    /// Connections that say nothing take no place for longer than the patience, and the leader behind them is heard.
    #[tokio::test]
    async fn a_crowd_of_silent_connections_does_not_keep_the_leader_out() {
        let (callers, port) = listening(Component::Fe, PortName::Http).await;
        let mut crowd = Vec::new();
        for _ in 0..3 * super::AT_ONCE {
            crowd.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        }
        drop(call(port, b"GET /api/bootstrap?cluster_id=7&token=t HTTP/1.1\r\n\r\n").await);
        callers.news().await;
        assert_eq!(heard(&callers), [Call::Leads]);
        callers.close().await;
    }

    #[tokio::test]
    async fn a_heartbeat_is_read_remembered_and_closed() {
        let (callers, port) = listening(Component::Be, PortName::Heartbeat).await;
        assert_eq!(call(port, &message("10.0.0.1", 8030, "10.0.0.9")).await, b"");
        callers.news().await;
        assert!(matches!(heard(&callers).as_slice(), [Call::Heartbeat(_)]));
        callers.close().await;
    }
}
