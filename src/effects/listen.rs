//! Listens for callers: the leader of a living cluster polls every registered node, dead ones too, and so shows itself to a
//! node that has lost everything. While this node waits without data it listens where it would be polled, gives the answers
//! that were observed to do no harm, and remembers the callers.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::effects::crowd::{Open, Unheard, to_close};
use crate::engine::{Call, Poll};
use crate::facts::resolve::resolve;
use crate::settings::Host;

/// A caller that sends nothing for this long is not a leader.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any poll observed; a longer one is not read to its end.
const LONGEST: usize = 4096;
/// Calls that are remembered of all addresses that are not named.
const MOST: usize = 1024;
/// Calls with a text of their own that are remembered of one address.
const TEXTS: usize = 8;
/// The pause after a failure that will not pass at once.
const PAUSE: Duration = Duration::from_millis(100);

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
    crowd: Mutex<Crowd>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Crowd {
    /// Each caller, with the number of its calls.
    callers: Vec<(Caller, u64)>,
    /// The addresses of the hosts that are named.
    named: BTreeSet<IpAddr>,
    /// The connections of all ports, the oldest first, and their tasks.
    open: Vec<(Open, AbortHandle)>,
    unheard: Unheard,
}

impl Callers {
    /// Listens at each port on every address, as the engine would, and answers as `own`. A port that cannot be opened is
    /// logged and left out: there are other witnesses. The `named` hosts are heard in any crowd.
    pub async fn listen(ports: Vec<CallPort>, own: &str, named: Vec<Host>) -> Self {
        let heard = Arc::new(Heard::default());
        let mut tasks = Vec::new();
        for host in named {
            tasks.push(tokio::spawn(name(host, Arc::clone(&heard))));
        }
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
        self.heard.crowd().callers.clone()
    }

    /// What was closed before it was heard, since this was asked last: the number, and from where.
    pub fn unheard(&self) -> Option<(usize, Vec<String>)> {
        self.heard.crowd().unheard.take()
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

/// Keeps the addresses of a named host; a name that does not resolve yet may do so later.
async fn name(host: Host, heard: Arc<Heard>) {
    loop {
        if let Ok(addresses) = resolve(&host).await {
            let addresses = addresses.into_iter().map(|address| address.to_canonical());
            heard.crowd().named.extend(addresses);
            return;
        }
        sleep(PATIENCE).await;
    }
}

async fn serve(listener: TcpListener, polls: Vec<&'static Poll>, own: String, heard: Arc<Heard>) {
    let mut answering = JoinSet::new();
    let polls: Arc<[&'static Poll]> = polls.into();
    let own: Arc<str> = own.into();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (polls, own, heard_by) = (Arc::clone(&polls), Arc::clone(&own), Arc::clone(&heard));
                    let from = peer.ip().to_canonical();
                    let mut crowd = heard.crowd();
                    crowd.make_room_for(from);
                    let task = answering.spawn(async move {
                        if let Ok(Some(call)) = tokio::time::timeout(PATIENCE, answer(stream, &polls, &own)).await {
                            heard_by.remember(Caller { from, call });
                        }
                    });
                    crowd.admit(from, task);
                }
                // The caller has gone; a leader comes again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Out of descriptors or of memory.
                Err(error) => {
                    heard.crowd().unheard.add(&error.to_string());
                    sleep(PAUSE).await;
                }
            },
            Some(_) = answering.join_next() => {}
        }
    }
}

impl Heard {
    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, caller: Caller) {
        if self.crowd().remember(caller) {
            self.news.notify_one();
        }
    }
}

impl Crowd {
    fn place_of(&self, from: IpAddr) -> Open {
        Open {
            from,
            named: self.named.contains(&from),
        }
    }

    /// Closes a connection if there are too many.
    fn make_room_for(&mut self, from: IpAddr) {
        self.open.retain(|(_, task)| !task.is_finished());
        let open: Vec<Open> = self.open.iter().map(|(open, _)| *open).collect();
        if let Some(oldest) = to_close(&open, self.place_of(from)) {
            let (closed, task) = self.open.remove(oldest);
            task.abort();
            self.unheard.add(&closed.from.to_string());
        }
    }

    fn admit(&mut self, from: IpAddr, task: AbortHandle) {
        let place = self.place_of(from);
        self.open.push((place, task));
    }

    /// Returns true for a call that had not come before.
    fn remember(&mut self, caller: Caller) -> bool {
        if let Some((_, calls)) = self.callers.iter_mut().find(|(known, _)| *known == caller) {
            *calls += 1;
            return false;
        }
        let has_text = |call: &Call| !matches!(call, Call::Leads | Call::WantsVote);
        let texts = |(other, _): &&(Caller, u64)| other.from == caller.from && has_text(&other.call);
        let too_many = has_text(&caller.call) && self.callers.iter().filter(texts).count() >= TEXTS;
        let strangers = |(other, _): &&(Caller, u64)| !self.named.contains(&other.from);
        let full =
            !self.named.contains(&caller.from) && self.callers.iter().filter(strangers).count() >= MOST;
        if too_many || full {
            self.unheard.add(&caller.from.to_string());
            return false;
        }
        self.callers.push((caller, 1));
        true
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
            Callers::listen(vec![CallPort { port: free, polls }], "10.0.0.9", Vec::new()).await,
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

    /// The crowd shares the address of the leader, so it may be the leader that was sent away: it is counted.
    #[tokio::test]
    async fn a_crowd_of_silent_connections_does_not_keep_the_leader_out() {
        let (callers, port) = listening(Component::Fe, PortName::Http).await;
        let mut crowd = Vec::new();
        for _ in 0..200 {
            crowd.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        }
        drop(call(port, b"GET /api/bootstrap?cluster_id=7&token=t HTTP/1.1\r\n\r\n").await);
        callers.news().await;
        assert_eq!(heard(&callers), [Call::Leads]);
        let (_, from) = callers.unheard().unwrap();
        assert_eq!(from, ["127.0.0.1"]);
        callers.close().await;
    }

    #[tokio::test]
    async fn a_crowd_of_calls_does_not_keep_the_leader_out() {
        let (callers, port) = listening(Component::Fe, PortName::Http).await;
        for number in 0..20 {
            let request = format!(
                "GET {} HTTP/1.1\r\n\r\n",
                member_path(&number.to_string(), "10.0.0.1")
            );
            drop(call(port, request.as_bytes()).await);
        }
        drop(call(port, b"GET /api/bootstrap?cluster_id=7&token=t HTTP/1.1\r\n\r\n").await);
        callers.news().await;
        assert_eq!(callers.heard().len(), super::TEXTS + 1);
        assert!(heard(&callers).contains(&Call::Leads));
        assert_eq!(callers.unheard().map(|(count, _)| count), Some(12));
        callers.close().await;
    }

    /// Once a second, from one address, without a word.
    #[tokio::test]
    async fn a_health_probe_leaves_no_trace() {
        let (callers, port) = listening(Component::Fe, PortName::Http).await;
        for _ in 0..100 {
            assert_eq!(call(port, b"GET /health HTTP/1.0\r\n\r\n").await, b"");
        }
        assert_eq!((callers.heard(), callers.unheard()), (Vec::new(), None));
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
