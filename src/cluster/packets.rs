//! The packets of the MySQL protocol and the fields in them. The length of every packet and of every field is checked before
//! anything is kept of it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::engine::failure::{Failure, presentable};

/// No packet of an FE that is read here is longer: a row of SHOW has some hundred bytes.
const LONGEST: usize = 1024 * 1024;
/// The length field has three bytes; a packet of this length would announce another one.
const LONGEST_SENT: usize = 0xff_ffff;

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// One connection, and the number of its next packet.
pub(super) struct Packets {
    stream: BufReader<Box<dyn Duplex>>,
    number: u8,
}

impl Packets {
    pub(super) fn new(stream: Box<dyn Duplex>, number: u8) -> Self {
        Self {
            stream: BufReader::new(stream),
            number,
        }
    }

    /// Begins another exchange: its packets are counted anew.
    pub(super) async fn command(&mut self, command: u8, body: &[u8]) -> Result<(), Failure> {
        self.number = 0;
        self.write(&[&[command], body].concat()).await
    }

    pub(super) async fn write(&mut self, packet: &[u8]) -> Result<(), Failure> {
        let framed = framed(packet, self.number)?;
        self.number = self.number.wrapping_add(1);
        self.stream
            .write_all(&framed)
            .await
            .map_err(|error| lost(&error))?;
        self.stream.flush().await.map_err(|error| lost(&error))
    }

    /// Reads one packet; an error of the server is one of ours.
    pub(super) async fn read(&mut self) -> Result<Vec<u8>, Failure> {
        let mut head = [0; 4];
        self.stream
            .read_exact(&mut head)
            .await
            .map_err(|error| lost(&error))?;
        let [low, middle, high, number] = head;
        let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        if length > LONGEST {
            return Err(Failure::Malformed(format!(
                "it announced a packet of {length} bytes"
            )));
        }
        if number != self.number {
            return Err(Failure::Malformed("its packets are out of order".to_owned()));
        }
        self.number = number.wrapping_add(1);
        let mut packet = vec![0; length];
        self.stream
            .read_exact(&mut packet)
            .await
            .map_err(|error| lost(&error))?;
        match packet.split_first() {
            Some((0xff, rest)) => Err(error(rest)),
            _ => Ok(packet),
        }
    }

    /// Says goodbye and closes. What comes of it does not matter.
    pub(super) async fn close(mut self) {
        if self.command(0x01, &[]).await.is_ok() {
            drop(self.stream.shutdown().await);
        }
    }
}

/// The packet with its length and number in front.
pub(super) fn framed(packet: &[u8], number: u8) -> Result<Vec<u8>, Failure> {
    let length = u32::try_from(packet.len())
        .ok()
        .filter(|_| packet.len() < LONGEST_SENT);
    let Some([low, middle, high, _]) = length.map(u32::to_le_bytes) else {
        // The code by which a server says so.
        return Err(Failure::Rejected {
            code: 1153,
            text: "the statement is longer than 16 MB".to_owned(),
        });
    };
    Ok([&[low, middle, high, number], packet].concat())
}

/// A TLS library's own errors have the kind `InvalidData`.
pub(super) fn lost(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::Lost("the FE closed the connection".to_owned()),
        io::ErrorKind::InvalidData => Failure::Malformed(presentable(&error.to_string())),
        _ => Failure::Lost(error.to_string()),
    }
}

/// The class of an error packet, whose first byte was read.
fn error(rest: &[u8]) -> Failure {
    let [low, high, text @ ..] = rest else {
        return Failure::Malformed("its error is cut short".to_owned());
    };
    let code = u16::from_le_bytes([*low, *high]);
    let (state, text) = match text {
        [b'#', text @ ..] if text.len() >= 5 => text.split_at(5),
        text => (&[][..], text),
    };
    let state = String::from_utf8_lossy(state);
    Failure::from_server(code, &state, &String::from_utf8_lossy(text))
}

/// The fields of one packet, read from its beginning; `None` if it ends too early.
pub(super) struct Fields<'p>(pub(super) &'p [u8]);

impl<'p> Fields<'p> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'p [u8]> {
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    /// Up to a zero byte, or to the end.
    pub(super) fn word(&mut self) -> &'p [u8] {
        let mut parts = self.0.splitn(2, |byte| *byte == 0);
        let word = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        word
    }

    /// A number of one to nine bytes.
    pub(super) fn number(&mut self) -> Option<u64> {
        let bytes = match self.take(1)? {
            [small @ ..=0xfa] => return Some(u64::from(*small)),
            [0xfc] => self.take(2)?,
            [0xfd] => self.take(3)?,
            [0xfe] => self.take(8)?,
            _ => return None,
        };
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    /// A text with its length in front.
    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        Some(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// Takes the one byte of NULL, if that comes next.
    pub(super) fn is_null(&mut self) -> bool {
        let rest = self.0.strip_prefix(&[0xfb]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}
