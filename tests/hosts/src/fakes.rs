//! A scripted FE: the greeting that was observed, a login that checks the password, and a reply for each statement. It
//! speaks the protocol by hand, so that a mistake of ours is not made twice.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it needs by failing"
)]

use std::fmt;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio_rustls::TlsAcceptor;

/// How it behaves before the first statement.
#[expect(missing_debug_implementations, reason = "a TLS acceptor has none")]
pub enum Manner {
    Speaks,
    /// Offers TLS, and switches to it if asked.
    Tls(TlsAcceptor),
    /// Offers TLS, and hangs up when asked for it.
    TlsThenCloses,
    /// Offers TLS, and says nothing any more when asked for it.
    TlsThenSilent,
    /// Demands another authentication plugin after the login.
    Switches(&'static str),
    /// Announces this plugin, offers TLS if it has some, hears the login, and then sends one packet after the other, whatever
    /// comes as a reply. It hears `(native)` for a proof by the native plugin and `(REPLY)` for everything else.
    Asks(&'static str, Option<TlsAcceptor>, Vec<Vec<u8>>),
    /// Sends these bytes and waits.
    Says(&'static [u8]),
    /// Greets, hears the login, sends these bytes and waits.
    SaysToLogin(&'static [u8]),
    ClosesAtOnce,
    ClosesAfterGreeting,
    Silent,
}

/// The columns of SHOW FRONTENDS that every version has.
pub const FRONTENDS: [&str; 12] = [
    "Name",
    "IP",
    "EditLogPort",
    "HttpPort",
    "QueryPort",
    "RpcPort",
    "Role",
    "ClusterId",
    "Join",
    "Alive",
    "LastHeartbeat",
    "ErrMsg",
];

/// What it answers to one statement.
#[derive(Debug)]
pub enum Reply {
    Ok,
    Error(u16, &'static str, String),
    Rows(Vec<&'static str>, Vec<Vec<Option<&'static str>>>),
    /// The columns and the first row, then an error where the next row would be.
    RowsThenError(Vec<&'static str>, Vec<Option<&'static str>>),
    /// The same, and then nothing more.
    RowsThenHangs(Vec<&'static str>, Vec<Option<&'static str>>),
    /// That so many columns follow, and then nothing more.
    Columns(u64),
    /// The columns, and row after row until the other side is gone.
    Endless(Vec<&'static str>),
    Hangs,
    Closes,
}

type Script = Box<dyn FnMut(&str) -> Reply + Send>;

struct Part {
    manner: Manner,
    password: &'static str,
    script: Mutex<Script>,
    heard: Mutex<Vec<String>>,
    open: AtomicUsize,
    accepted: AtomicUsize,
}

/// Where the servers of a test run that is not asynchronous itself: a thread of their own.
#[derive(Debug)]
pub struct Stage(Handle);

impl Stage {
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::spawn(move || runtime.block_on(pending::<()>()));
        Ok(Self(handle))
    }

    /// An FE at this address.
    pub fn fe(
        &self,
        at: SocketAddr,
        manner: Manner,
        script: impl FnMut(&str) -> Reply + Send + 'static,
    ) -> Fe {
        self.0.block_on(Fe::start_at(at, manner, "", script))
    }

    /// An HTTP port at this address.
    pub fn web(
        &self,
        at: SocketAddr,
        script: impl Fn(&str) -> (u16, &'static str, &'static str) + Send + 'static,
    ) -> Web {
        self.0.block_on(Web::start_at(at, script))
    }
}

/// A running one; its port is closed when the test's runtime ends.
pub struct Fe {
    pub at: SocketAddr,
    part: Arc<Part>,
}

impl fmt::Debug for Fe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fe").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Fe {
    /// On a port of the loopback.
    pub async fn start(
        manner: Manner,
        password: &'static str,
        script: impl FnMut(&str) -> Reply + Send + 'static,
    ) -> Self {
        Self::start_at(ANY, manner, password, script).await
    }

    pub async fn start_at(
        at: SocketAddr,
        manner: Manner,
        password: &'static str,
        script: impl FnMut(&str) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        let part = Arc::new(Part {
            manner,
            password,
            script: Mutex::new(Box::new(script)),
            heard: Mutex::default(),
            open: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&part);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let part = Arc::clone(&serving);
                part.open.fetch_add(1, SeqCst);
                part.accepted.fetch_add(1, SeqCst);
                tokio::spawn(async move {
                    part.serve(stream).await;
                    part.open.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { at, part }
    }

    /// Waits until nobody is connected any more.
    pub async fn no_connection_left(&self) {
        let gone = async {
            while self.part.open.load(SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let left = tokio::time::timeout(Duration::from_secs(20), gone).await;
        assert!(left.is_ok(), "a connection was left open");
    }

    /// Waits for the end of all connections: every statement, `(tls)` for a switch to it, `(quit)` for a polite end.
    pub async fn heard_to_the_end(&self) -> Vec<String> {
        self.no_connection_left().await;
        self.heard()
    }

    /// Connections so far, whatever was said on them.
    pub fn accepted(&self) -> usize {
        self.part.accepted.load(SeqCst)
    }

    /// What was heard so far.
    pub fn heard(&self) -> Vec<String> {
        self.part.heard.lock().unwrap().clone()
    }
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A port nobody listens on.
pub async fn closed_port() -> SocketAddr {
    TcpListener::bind(ANY).await.unwrap().local_addr().unwrap()
}

/// A scripted HTTP port: path to status, header lines and body.
#[derive(Debug)]
pub struct Web {
    pub at: SocketAddr,
}

impl Web {
    pub async fn start(script: impl Fn(&str) -> (u16, &'static str, &'static str) + Send + 'static) -> Self {
        Self::start_at(ANY, script).await
    }

    pub async fn start_at(
        at: SocketAddr,
        script: impl Fn(&str) -> (u16, &'static str, &'static str) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n")
                    && stream.read_buf(&mut request).await.is_ok_and(|n| n > 0)
                {}
                let request = String::from_utf8(request).unwrap();
                let Some(path) = request.split(' ').nth(1) else {
                    continue;
                };
                let (status, headers, body) = script(path);
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { at }
    }
}

const NONCE: &[u8; 20] = b"abcdefgh0123456789AB";
const SECOND_NONCE: &[u8; 20] = b"ZYXWVUTS9876543210zy";
const TLS: u32 = 0x800;
/// `LONG_FLAG CONNECT_WITH_DB PROTOCOL_41 SECURE_CONNECTION PLUGIN_AUTH CONNECT_ATTRS PLUGIN_AUTH_LENENC` (observed).
const CAPABILITIES: u32 = 0x0038_820c;

fn greeting(capabilities: u32, plugin: &str) -> Vec<u8> {
    let [low0, low1, high0, high1] = capabilities.to_le_bytes();
    let mut packet = b"\x0a8.0.33\0\x07\0\0\0".to_vec();
    packet.extend(&NONCE[..8]);
    packet.extend([0, low0, low1, 33, 0, 0, high0, high1, 21]);
    packet.extend([0; 10]);
    packet.extend(&NONCE[8..]);
    packet.push(0);
    packet.extend(plugin.as_bytes());
    packet.push(0);
    packet
}

/// `SHA1(password) XOR SHA1(nonce SHA1(SHA1(password)))`; nothing for no password.
fn scramble(password: &str, nonce: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let once = Sha1::digest(password);
    let salted = Sha1::new()
        .chain_update(nonce)
        .chain_update(Sha1::digest(once))
        .finalize();
    once.iter().zip(salted).map(|(a, b)| a ^ b).collect()
}

/// The packet that asks for another login plugin.
pub fn switch_to(plugin: &str) -> Vec<u8> {
    [b"\xfe", plugin.as_bytes(), b"\0", SECOND_NONCE, b"\0"].concat()
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

struct Line<S> {
    stream: S,
    number: u8,
}

impl<S: Duplex> Line<S> {
    async fn send(&mut self, packet: &[u8]) -> Option<()> {
        let mut framed = u32::try_from(packet.len()).unwrap().to_le_bytes()[..3].to_vec();
        framed.push(self.number);
        framed.extend(packet);
        self.number = self.number.wrapping_add(1);
        self.stream.write_all(&framed).await.ok()
    }

    async fn receive(&mut self) -> Option<Vec<u8>> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).await.ok()?;
        self.number = head[3].wrapping_add(1);
        let mut packet = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
        self.stream.read_exact(&mut packet).await.ok()?;
        Some(packet)
    }

    /// Says nothing until the other side is gone.
    async fn hang(&mut self) -> Option<()> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.ok()?;
        None
    }

    async fn error(&mut self, code: u16, state: &str, text: &str) -> Option<()> {
        let [low, high] = code.to_le_bytes();
        let mut packet = vec![0xff, low, high, b'#'];
        packet.extend(state.as_bytes());
        packet.extend(text.as_bytes());
        self.send(&packet).await
    }

    async fn end_of_rows(&mut self) -> Option<()> {
        self.send(&[0xfe, 0, 0, 0, 0]).await
    }

    async fn columns(&mut self, names: &[&str]) -> Option<()> {
        self.send(&[u8::try_from(names.len()).unwrap()]).await?;
        for name in names {
            let mut packet = Vec::new();
            for text in ["def", "", "", "", name, name] {
                packet.push(u8::try_from(text.len()).unwrap());
                packet.extend(text.as_bytes());
            }
            packet.extend([0x0c, 33, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0]);
            self.send(&packet).await?;
        }
        self.end_of_rows().await
    }

    async fn row(&mut self, cells: &[Option<&str>]) -> Option<()> {
        let mut packet = Vec::new();
        for cell in cells {
            match cell {
                None => packet.push(0xfb),
                Some(text) if text.len() < 251 => {
                    packet.push(u8::try_from(text.len()).unwrap());
                    packet.extend(text.as_bytes());
                }
                Some(text) => {
                    packet.push(0xfc);
                    packet.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
                    packet.extend(text.as_bytes());
                }
            }
        }
        self.send(&packet).await
    }
}

impl Part {
    fn hear(&self, what: &str) {
        self.heard.lock().unwrap().push(what.to_owned());
    }

    fn hear_proof(&self, proof: &[u8], nonce: &[u8]) {
        if proof == scramble(self.password, nonce) {
            self.hear("(native)");
        } else {
            self.hear(&format!("({})", proof.escape_ascii()));
        }
    }

    /// `None` is a connection that ended.
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        match &self.manner {
            Manner::ClosesAtOnce => return None,
            Manner::Says(bytes) => stream.write_all(bytes).await.ok()?,
            _ => {}
        }
        if matches!(self.manner, Manner::Says(_) | Manner::Silent) {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok()?;
            return None;
        }
        let offers_tls = matches!(
            self.manner,
            Manner::Tls(_) | Manner::TlsThenCloses | Manner::TlsThenSilent | Manner::Asks(_, Some(_), _)
        );
        let plugin = match self.manner {
            Manner::Asks(plugin, ..) => plugin,
            _ => "mysql_native_password",
        };
        let mut hello = Line {
            stream: &mut stream,
            number: 0,
        };
        hello
            .send(&greeting(CAPABILITIES | if offers_tls { TLS } else { 0 }, plugin))
            .await?;
        if matches!(self.manner, Manner::ClosesAfterGreeting) {
            return None;
        }
        let mut login = hello.receive().await?;
        if let Manner::SaysToLogin(bytes) = self.manner {
            hello.stream.write_all(bytes).await.ok()?;
            return hello.hang().await;
        }
        let mut number = hello.number;
        let asks_for_tls = login.len() == 32;
        let stream: Box<dyn Duplex> = match &self.manner {
            Manner::TlsThenCloses if asks_for_tls => return None,
            Manner::TlsThenSilent if asks_for_tls => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.ok()?;
                return None;
            }
            Manner::Tls(acceptor) | Manner::Asks(_, Some(acceptor), _) if asks_for_tls => {
                self.hear("(tls)");
                Box::new(acceptor.accept(stream).await.ok()?)
            }
            _ => Box::new(stream),
        };
        let mut line = Line { stream, number };
        if asks_for_tls {
            login = line.receive().await?;
            number = line.number;
        }
        line.number = number;
        // Capabilities, packet size, character set, filler; then the user, then the proof of the password.
        let rest = &login[32..];
        let user = rest.split(|byte| *byte == 0).next().unwrap();
        let proof = &rest[user.len() + 1..];
        let mut proof = proof[1..=usize::from(proof[0])].to_vec();
        let mut nonce = NONCE;
        if let Manner::Asks(_, _, packets) = &self.manner {
            self.hear_proof(&proof, NONCE);
            for packet in packets {
                line.send(packet).await?;
                self.hear_proof(&line.receive().await?, SECOND_NONCE);
            }
            return None;
        }
        if let Manner::Switches(plugin) = self.manner {
            nonce = SECOND_NONCE;
            line.send(&switch_to(plugin)).await?;
            proof = line.receive().await?;
        }
        if proof != scramble(self.password, nonce) {
            let user = String::from_utf8_lossy(user);
            let given = if proof.is_empty() { "NO" } else { "YES" };
            let text = format!("Access denied for user '{user}' (using password: {given})");
            return line.error(1045, "28000", &text).await;
        }
        line.send(&[0, 0, 0, 0, 0, 0, 0]).await?;
        loop {
            let command = line.receive().await?;
            match command.split_first()? {
                (1, _) => {
                    self.hear("(quit)");
                    return None;
                }
                (3, statement) => {
                    self.answer(&mut line, &String::from_utf8_lossy(statement))
                        .await?;
                }
                _ => line.error(1047, "08S01", "Unsupported command").await?,
            }
        }
    }

    async fn answer(&self, line: &mut Line<impl Duplex>, statement: &str) -> Option<()> {
        self.hear(statement);
        let reply = (self.script.lock().unwrap())(statement);
        match reply {
            Reply::Ok => line.send(&[0, 0, 0, 0, 0, 0, 0]).await,
            Reply::Error(code, state, text) => line.error(code, state, &text).await,
            Reply::Rows(names, rows) => {
                line.columns(&names).await?;
                for cells in &rows {
                    line.row(cells).await?;
                }
                line.end_of_rows().await
            }
            Reply::RowsThenError(names, cells) => {
                line.columns(&names).await?;
                line.row(&cells).await?;
                line.error(1064, "HY000", "Socket is closed by peer.").await
            }
            Reply::Columns(number) => {
                // A length-encoded integer of eight bytes.
                let packet: Vec<u8> = [0xfe].into_iter().chain(number.to_le_bytes()).collect();
                line.send(&packet).await?;
                line.hang().await
            }
            Reply::Endless(names) => {
                line.columns(&names).await?;
                let cells = vec![Some("x"); names.len()];
                loop {
                    line.row(&cells).await?;
                }
            }
            Reply::RowsThenHangs(names, cells) => {
                line.columns(&names).await?;
                line.row(&cells).await?;
                line.hang().await
            }
            Reply::Hangs => line.hang().await,
            Reply::Closes => None,
        }
    }
}
