//! The MySQL protocol on `query_port`, with the packets of `mysql_common` (the crate under `mysql_async`).

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use mysql_common::constants::{CapabilityFlags, ColumnType, StatusFlags};
use mysql_common::io::{BufMutExt, ParseBuf};
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest, Column, HandshakePacket, HandshakeResponse};
use mysql_common::proto::codec::PacketCodec;
use mysql_common::proto::{MyDeserialize, MySerialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Fe;
use super::accounts::{self, Speaker};
use super::answer::Answer;
use crate::network;
use crate::profile::Selects;

const NATIVE: &[u8] = b"mysql_native_password";
const UTF8: u16 = 33;
/// The length of a packet that asks for TLS: the beginning of a login.
const TLS_REQUEST: usize = 32;

static CONNECTIONS: AtomicU32 = AtomicU32::new(1);

/// A connection, before and after the client has asked for TLS.
enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn hold(self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => hold(stream).await,
            Self::Tls(stream) => hold(*stream).await,
        }
    }
}

struct Packets {
    stream: Wire,
    codec: PacketCodec,
    incoming: BytesMut,
}

impl Packets {
    async fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut packet = Vec::new();
        loop {
            if self
                .codec
                .decode(&mut self.incoming, &mut packet)
                .map_err(io::Error::other)?
            {
                return Ok(Some(packet));
            }
            if self.stream.read(&mut self.incoming).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The first packet, and not a byte of what follows: that may be the beginning of TLS.
    async fn read_first(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Wire::Plain(stream) = &mut self.stream else {
            return self.read().await;
        };
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let [low, middle, high, _] = head;
        let mut body = vec![0; usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16];
        stream.read_exact(&mut body).await?;
        self.incoming.extend_from_slice(&head);
        self.incoming.extend_from_slice(&body);
        self.read().await
    }

    async fn secured(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let stream = match self.stream {
            Wire::Plain(stream) => Wire::Tls(Box::new(acceptor.accept(stream).await?)),
            tls @ Wire::Tls(_) => tls,
        };
        Ok(Self { stream, ..self })
    }

    async fn write(&mut self, packets: &[Vec<u8>]) -> io::Result<()> {
        let mut outgoing = BytesMut::new();
        for packet in packets {
            self.codec
                .encode(&mut packet.as_slice(), &mut outgoing)
                .map_err(io::Error::other)?;
        }
        self.stream.write(&outgoing).await
    }

    async fn error(&mut self, code: u16, state: &str, text: &str) -> io::Result<()> {
        let mut packet = vec![0xff];
        packet.extend_from_slice(&code.to_le_bytes());
        packet.push(b'#');
        packet.extend_from_slice(state.as_bytes());
        packet.extend_from_slice(text.as_bytes());
        self.write(&[packet]).await
    }

    async fn done(&mut self) -> io::Result<()> {
        self.write(&[vec![0; 7]]).await
    }

    async fn rows(&mut self, columns: &[String], rows: &[super::answer::Row]) -> io::Result<()> {
        let end = vec![0xfe, 0, 0, 0, 0];
        let mut packets = Vec::new();
        let mut count = Vec::new();
        count.put_lenenc_int(columns.len() as u64);
        packets.push(count);
        for name in columns {
            let column = Column::new(ColumnType::MYSQL_TYPE_VAR_STRING)
                .with_name(name.as_bytes())
                .with_org_name(name.as_bytes())
                .with_character_set(UTF8)
                .with_column_length(255);
            let mut packet = Vec::new();
            column.serialize(&mut packet);
            packets.push(packet);
        }
        packets.push(end.clone());
        for row in rows {
            let mut packet = Vec::new();
            for value in row {
                match value {
                    Some(text) => packet.put_lenenc_str(text.as_bytes()),
                    None => packet.push(0xfb),
                }
            }
            packets.push(packet);
        }
        packets.push(end);
        self.write(&packets).await
    }
}

impl Fe {
    /// Accepts clients; with the fault `mysql=refuse` the port is closed until the fault is gone.
    pub(crate) async fn serve_mysql(self: Arc<Self>, mut listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                self.settings.scale.sleep(0.1).await;
                continue;
            };
            if self.faults.is("mysql", "refuse") {
                drop(stream);
                drop(listener);
                listener = self.reopen("mysql", self.conf.query_port).await;
                continue;
            }
            let (fe, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                stream.set_nodelay(true).ok();
                // A client that goes away in the middle is its own affair.
                fe.converse(stream, from.ip(), tls.as_ref()).await.ok();
            });
        }
    }

    /// With `mysql=busy 20ms` each statement takes that much of an FE that does one at a time.
    async fn be_busy(&self) {
        if let Some(work) = self.faults.duration("mysql", "busy") {
            let _alone = self.tally.desk.lock().await;
            tokio::time::sleep(work).await;
        }
    }

    /// Waits until a refusing fault is taken back, and listens again.
    pub(crate) async fn reopen(&self, area: &str, port: u16) -> TcpListener {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if !self.faults.is(area, "refuse")
                && let Ok(listener) = network::listen(self.settings.listen_on(port))
            {
                return listener;
            }
        }
    }

    async fn converse(&self, stream: TcpStream, from: IpAddr, tls: Option<&TlsAcceptor>) -> io::Result<()> {
        let _connected = self.tally.connected();
        let silent = ["no-greeting", "half-open"]
            .iter()
            .any(|fault| self.faults.is("mysql", fault));
        // Observed: a dropped observer accepts and never greets.
        if silent || self.group.state().zombie {
            return hold(stream).await;
        }
        let packets = Packets {
            stream: Wire::Plain(stream),
            codec: PacketCodec::default(),
            incoming: BytesMut::new(),
        };
        let Some((mut packets, mut speaker)) = self.log_in(packets, from, tls).await? else {
            return Ok(());
        };
        let _logged_in = self.tally.logged_in();
        loop {
            packets.codec.reset_seq_id();
            let Some(packet) = packets.read().await? else {
                return Ok(());
            };
            let Some((command, body)) = packet.split_first() else {
                return Ok(());
            };
            match command {
                0x01 => return Ok(()),
                0x02 => {
                    let sql = format!("USE `{}`", String::from_utf8_lossy(body));
                    let answer = self.answer(&mut speaker, &sql).await;
                    if !reply(&mut packets, answer).await? {
                        return Ok(());
                    }
                }
                0x03 => {
                    if self.faults.is("mysql", "hang") {
                        return packets.stream.hold().await;
                    }
                    self.faults.slow_down("mysql").await;
                    let sql = String::from_utf8_lossy(body).into_owned();
                    let answer = if let Some(counts) = self.tally.heard(&sql) {
                        counts
                    } else {
                        self.be_busy().await;
                        self.answer(&mut speaker, &sql).await
                    };
                    if !reply(&mut packets, answer).await? {
                        return Ok(());
                    }
                }
                0x0e | 0x1f => packets.done().await?,
                0x16 if self.settings.profile.mysql.selects == Selects::OnBackends => {
                    packets
                        .error(1064, "HY000", "Unsupported command(COM_STMT_PREPARE)")
                        .await?;
                }
                0x16 => {
                    let text = "This command is not supported in the prepared statement protocol yet";
                    packets.error(1295, "HY000", text).await?;
                }
                _ => packets.error(1064, "HY000", "Unsupported command").await?,
            }
        }
    }

    async fn log_in(
        &self,
        mut packets: Packets,
        from: IpAddr,
        tls: Option<&TlsAcceptor>,
    ) -> io::Result<Option<(Packets, Speaker)>> {
        let nonce: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(0x21..0x7f))
            .take(20)
            .collect();
        packets.write(&[self.greeting(&nonce, tls.is_some())]).await?;
        let Some(mut packet) = packets.read_first().await? else {
            return Ok(None);
        };
        if let (Some(acceptor), true) = (tls, packet.len() == TLS_REQUEST) {
            packets = packets.secured(acceptor).await?;
            match packets.read().await? {
                Some(hello) => packet = hello,
                None => return Ok(None),
            }
        }
        let hello = HandshakeResponse::deserialize((), &mut ParseBuf(&packet))?;
        let user = String::from_utf8_lossy(hello.user()).into_owned();
        let mut scramble = hello.scramble_buf().to_vec();
        let native = matches!(hello.auth_plugin(), None | Some(AuthPlugin::MysqlNativePassword));
        if !native {
            let mut switch = Vec::new();
            let mut data = nonce.clone();
            data.push(0);
            AuthSwitchRequest::new(NATIVE, data).serialize(&mut switch);
            packets.write(&[switch]).await?;
            let Some(answer) = packets.read().await? else {
                return Ok(None);
            };
            scramble = answer;
        }
        let kept = self
            .group
            .state()
            .journal
            .membership
            .account(&user)
            .map(|account| account.password);
        let proved = kept.is_some_and(|kept| accounts::proves(kept, &nonce, &scramble));
        let proved = proved || self.lets_in(&user, from);
        if !proved || self.faults.is("mysql", "deny") {
            let profile = self.settings.profile;
            let text = profile.access_denied(&user, &from.to_string(), !scramble.is_empty());
            packets.error(1045, "28000", &text).await?;
            return Ok(None);
        }
        let limit = self.faults.argument("mysql", "sessions");
        if limit.is_some_and(|limit| {
            limit
                .parse()
                .is_ok_and(|most: usize| self.tally.sessions() >= most)
        }) {
            packets.error(1203, "42000", "Reach limit of connections").await?;
            return Ok(None);
        }
        if let Some(name) = hello.db_name().filter(|name| !name.is_empty()) {
            let sql = format!("USE `{}`", String::from_utf8_lossy(name));
            let mut speaker = Speaker {
                user: user.clone(),
                ..Speaker::default()
            };
            if let Answer::Error { code, state, text } = self.answer(&mut speaker, &sql).await {
                packets.error(code, &state, &text).await?;
                return Ok(None);
            }
        }
        packets.done().await?;
        Ok(self.speaker(&user).map(|speaker| (packets, speaker)))
    }

    /// Observed in Doris: root and admin get in from 127.0.0.1 with any password. Where many hosts share a machine's loopback
    /// addresses, that one is nobody's own.
    fn lets_in(&self, user: &str, from: IpAddr) -> bool {
        let settings = &self.settings;
        let is_local = from == IpAddr::from([127, 0, 0, 1]) && settings.bind_address.is_none();
        settings.profile.is_doris() && is_local && ["root", "admin"].contains(&user)
    }

    fn greeting(&self, nonce: &[u8], offers_tls: bool) -> Vec<u8> {
        let mysql = &self.settings.profile.mysql;
        let version = mysql.greeting_version.as_bytes();
        let (first, second) = nonce.split_at(8);
        let mut part_1 = [0; 8];
        part_1.copy_from_slice(first);
        let part_2 = [second, &[0]].concat();
        let tls = if offers_tls {
            CapabilityFlags::CLIENT_SSL
        } else {
            CapabilityFlags::empty()
        };
        let greeting = HandshakePacket::new(
            10,
            version,
            CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            part_1,
            Some(part_2),
            CapabilityFlags::from_bits_truncate(mysql.capabilities) | tls,
            33,
            StatusFlags::empty(),
            Some(NATIVE),
        );
        let mut packet = Vec::new();
        greeting.serialize(&mut packet);
        // The crate is written for clients and counts only the second part of the nonce; the engine says 21.
        let length_at = 1 + version.len() + 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2;
        if let Some(length) = packet.get_mut(length_at) {
            *length = 21;
        }
        packet
    }
}

/// Keeps a connection open without a word until the client gives up.
pub(crate) async fn hold(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// Whether the conversation goes on.
async fn reply(packets: &mut Packets, answer: Answer) -> io::Result<bool> {
    match answer {
        Answer::Done => packets.done().await?,
        Answer::Rows { columns, rows } => packets.rows(&columns, &rows).await?,
        Answer::Error { code, state, text } => packets.error(code, &state, &text).await?,
        Answer::Closed => return Ok(false),
        Answer::Never => {
            let mut ignored = BytesMut::new();
            while packets.stream.read(&mut ignored).await? > 0 {
                ignored.clear();
            }
            return Ok(false);
        }
    }
    Ok(true)
}
