//! Thrift's strict binary protocol without frames, as much as three small calls need.

use std::io;
use std::time::Duration;

use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TFieldIdentifier, TInputProtocol, TListIdentifier,
    TMessageIdentifier, TMessageType, TOutputProtocol, TStructIdentifier, TType,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a call and reads its answer.
pub(crate) async fn call<T>(
    stream: &mut TcpStream,
    request: thrift::Result<Vec<u8>>,
    decode: impl Fn(&mut io::Cursor<&[u8]>) -> thrift::Result<T>,
    patience: Duration,
) -> io::Result<T> {
    stream.write_all(&request.map_err(io::Error::other)?).await?;
    let mut buffer = Vec::new();
    let answer = tokio::time::timeout(patience, receive(stream, &mut buffer, decode)).await;
    let answer = answer.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "Read timed out"))??;
    answer.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "Socket is closed by peer."))
}

/// The next message; nothing at the end. Without frames the end of a message is known only by reading it, so each piece that
/// comes is tried again.
pub(crate) async fn receive<T>(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    decode: impl Fn(&mut io::Cursor<&[u8]>) -> thrift::Result<T>,
) -> io::Result<Option<T>> {
    loop {
        if !buffer.is_empty() {
            let mut cursor = io::Cursor::new(buffer.as_slice());
            if let Ok(message) = decode(&mut cursor) {
                let used = usize::try_from(cursor.position()).unwrap_or(buffer.len());
                buffer.drain(..used);
                return Ok(Some(message));
            }
            if buffer.len() > 1 << 20 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not a call"));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

pub(crate) struct Writer<'a>(TBinaryOutputProtocol<&'a mut Vec<u8>>);

impl<'a> Writer<'a> {
    pub(crate) fn call(bytes: &'a mut Vec<u8>, method: &str, sequence: i32) -> thrift::Result<Self> {
        Self::message(bytes, method, TMessageType::Call, sequence)
    }

    pub(crate) fn reply(bytes: &'a mut Vec<u8>, method: &str, sequence: i32) -> thrift::Result<Self> {
        Self::message(bytes, method, TMessageType::Reply, sequence)
    }

    fn message(
        bytes: &'a mut Vec<u8>,
        method: &str,
        kind: TMessageType,
        sequence: i32,
    ) -> thrift::Result<Self> {
        let mut out = Self(TBinaryOutputProtocol::new(bytes, true));
        out.0
            .write_message_begin(&TMessageIdentifier::new(method, kind, sequence))?;
        Ok(out)
    }

    fn begin(&mut self, id: i16, kind: TType) -> thrift::Result<()> {
        self.0.write_field_begin(&TFieldIdentifier::new("", kind, id))
    }

    pub(crate) fn i32(&mut self, id: i16, value: i32) -> thrift::Result<()> {
        self.begin(id, TType::I32)?;
        self.0.write_i32(value)
    }

    pub(crate) fn i64(&mut self, id: i16, value: i64) -> thrift::Result<()> {
        self.begin(id, TType::I64)?;
        self.0.write_i64(value)
    }

    pub(crate) fn bool(&mut self, id: i16, value: bool) -> thrift::Result<()> {
        // The binary protocol writes the flag as a byte of its own, after the field's header.
        self.begin(id, TType::Bool)?;
        self.0.write_bool(value)
    }

    pub(crate) fn string(&mut self, id: i16, value: &str) -> thrift::Result<()> {
        self.begin(id, TType::String)?;
        self.0.write_string(value)
    }

    pub(crate) fn strings(&mut self, id: i16, values: &[String]) -> thrift::Result<()> {
        self.list(id, TType::String, values.len())?;
        values.iter().try_for_each(|value| self.0.write_string(value))
    }

    /// The beginning of a list; its elements follow.
    pub(crate) fn list(&mut self, id: i16, kind: TType, length: usize) -> thrift::Result<()> {
        self.begin(id, TType::List)?;
        let size = i32::try_from(length).unwrap_or(0);
        self.0.write_list_begin(&TListIdentifier::new(kind, size))
    }

    pub(crate) fn structure(&mut self, id: i16) -> thrift::Result<()> {
        self.begin(id, TType::Struct)?;
        self.0.write_struct_begin(&TStructIdentifier::new(""))
    }

    pub(crate) fn end(&mut self) -> thrift::Result<()> {
        self.0.write_field_stop()
    }
}

pub(crate) type Input<'a, 'b> = TBinaryInputProtocol<&'a mut io::Cursor<&'b [u8]>>;

/// The head of a message: its method and sequence number.
pub(crate) fn begin<'a, 'b>(
    cursor: &'a mut io::Cursor<&'b [u8]>,
) -> thrift::Result<(Input<'a, 'b>, String, i32)> {
    let mut input = TBinaryInputProtocol::new(cursor, true);
    let head = input.read_message_begin()?;
    Ok((input, head.name, head.sequence_number))
}

/// Reads a struct field by field; `take` says whether it knew the field.
pub(crate) fn read_struct(
    input: &mut Input<'_, '_>,
    mut take: impl FnMut(&mut Input<'_, '_>, i16, TType) -> thrift::Result<bool>,
) -> thrift::Result<()> {
    input.read_struct_begin()?;
    loop {
        let field = input.read_field_begin()?;
        if field.field_type == TType::Stop {
            return input.read_struct_end();
        }
        if !take(input, field.id.unwrap_or(0), field.field_type)? {
            input.skip(field.field_type)?;
        }
    }
}
