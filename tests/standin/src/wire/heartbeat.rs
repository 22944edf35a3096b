//! `HeartbeatService.heartbeat`, thrift's strict binary protocol without frames, both sides.

use std::io;
use std::time::Duration;

use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TFieldIdentifier, TInputProtocol, TListIdentifier,
    TMessageIdentifier, TMessageType, TOutputProtocol, TStructIdentifier, TType,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a leader tells a node (`TMasterInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MasterInfo {
    pub(crate) host: String,
    pub(crate) rpc_port: i32,
    pub(crate) cluster_id: i32,
    pub(crate) epoch: i64,
    pub(crate) token: String,
    pub(crate) backend_ip: String,
    pub(crate) http_port: i32,
    pub(crate) backend_id: i64,
    pub(crate) node_type: i32,
}

/// What a node answers (`THeartbeatResult`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NodeInfo {
    pub(crate) status: i32,
    pub(crate) errors: Vec<String>,
    pub(crate) be_port: i32,
    pub(crate) http_port: i32,
    pub(crate) brpc_port: i32,
    pub(crate) starlet_port: i32,
    pub(crate) version: String,
    pub(crate) cores: i32,
    pub(crate) reboot_time: i64,
    pub(crate) has_storage: bool,
}

pub(crate) const STATUS_OK: i32 = 0;
pub(crate) const STATUS_INTERNAL_ERROR: i32 = 6;
pub(crate) const STATUS_SHUTDOWN: i32 = 59;

const METHOD: &str = "heartbeat";

pub(crate) async fn call(
    stream: &mut TcpStream,
    master: &MasterInfo,
    patience: Duration,
) -> io::Result<NodeInfo> {
    stream
        .write_all(&encode_call(master).map_err(io::Error::other)?)
        .await?;
    let mut buffer = Vec::new();
    let read = receive(stream, &mut buffer, decode_reply);
    let answer = tokio::time::timeout(patience, read).await;
    let answer = answer.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "Read timed out"))??;
    answer.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "Socket is closed by peer."))
}

/// The next call on a connection, with the sequence number its answer must carry; nothing at its end.
pub(crate) async fn accept(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(i32, MasterInfo)>> {
    receive(stream, buffer, decode_call).await
}

pub(crate) async fn answer(stream: &mut TcpStream, sequence: i32, info: &NodeInfo) -> io::Result<()> {
    stream
        .write_all(&encode_reply(sequence, info).map_err(io::Error::other)?)
        .await
}

/// Without frames the end of a message is known only by reading it, so each piece that comes is tried again.
async fn receive<T>(
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
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not a heartbeat"));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

struct Writer<'a>(TBinaryOutputProtocol<&'a mut Vec<u8>>);

impl Writer<'_> {
    fn begin(&mut self, id: i16, kind: TType) -> thrift::Result<()> {
        self.0.write_field_begin(&TFieldIdentifier::new("", kind, id))
    }

    fn i32(&mut self, id: i16, value: i32) -> thrift::Result<()> {
        self.begin(id, TType::I32)?;
        self.0.write_i32(value)
    }

    fn i64(&mut self, id: i16, value: i64) -> thrift::Result<()> {
        self.begin(id, TType::I64)?;
        self.0.write_i64(value)
    }

    fn bool(&mut self, id: i16, value: bool) -> thrift::Result<()> {
        // The binary protocol writes the flag as a byte of its own, after the field's header.
        self.begin(id, TType::Bool)?;
        self.0.write_bool(value)
    }

    fn string(&mut self, id: i16, value: &str) -> thrift::Result<()> {
        self.begin(id, TType::String)?;
        self.0.write_string(value)
    }

    fn strings(&mut self, id: i16, values: &[String]) -> thrift::Result<()> {
        self.begin(id, TType::List)?;
        let size = i32::try_from(values.len()).unwrap_or(0);
        self.0
            .write_list_begin(&TListIdentifier::new(TType::String, size))?;
        values.iter().try_for_each(|value| self.0.write_string(value))
    }

    fn structure(&mut self, id: i16) -> thrift::Result<()> {
        self.begin(id, TType::Struct)?;
        self.0.write_struct_begin(&TStructIdentifier::new(""))
    }

    fn end(&mut self) -> thrift::Result<()> {
        self.0.write_field_stop()
    }
}

fn encode_call(master: &MasterInfo) -> thrift::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer(TBinaryOutputProtocol::new(&mut bytes, true));
    out.0
        .write_message_begin(&TMessageIdentifier::new(METHOD, TMessageType::Call, 0))?;
    out.structure(1)?;
    out.structure(1)?;
    out.string(1, &master.host)?;
    out.i32(2, master.rpc_port)?;
    out.end()?;
    out.i32(2, master.cluster_id)?;
    out.i64(3, master.epoch)?;
    out.string(4, &master.token)?;
    out.string(5, &master.backend_ip)?;
    out.i32(6, master.http_port)?;
    out.i64(7, 0)?;
    out.i64(8, master.backend_id)?;
    out.i64(9, 1)?;
    out.i32(10, 0)?;
    out.strings(11, &[])?;
    out.strings(12, &[])?;
    out.bool(13, false)?;
    out.bool(14, true)?;
    out.i32(15, master.node_type)?;
    out.end()?;
    out.end()?;
    Ok(bytes)
}

fn encode_reply(sequence: i32, info: &NodeInfo) -> thrift::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer(TBinaryOutputProtocol::new(&mut bytes, true));
    out.0
        .write_message_begin(&TMessageIdentifier::new(METHOD, TMessageType::Reply, sequence))?;
    out.structure(0)?;
    out.structure(1)?;
    out.i32(1, info.status)?;
    if !info.errors.is_empty() {
        out.strings(2, &info.errors)?;
    }
    out.end()?;
    out.structure(2)?;
    out.i32(1, info.be_port)?;
    out.i32(2, info.http_port)?;
    out.i32(3, 0)?;
    out.i32(4, info.brpc_port)?;
    out.string(5, &info.version)?;
    out.i32(6, info.cores)?;
    out.i32(7, info.starlet_port)?;
    out.i64(8, info.reboot_time)?;
    out.bool(9, info.has_storage)?;
    out.i64(10, 1 << 30)?;
    out.end()?;
    out.end()?;
    out.end()?;
    Ok(bytes)
}

type Input<'a, 'b> = TBinaryInputProtocol<&'a mut io::Cursor<&'b [u8]>>;

/// Reads a struct field by field; `take` says whether it knew the field.
fn read_struct(
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

fn decode_call(cursor: &mut io::Cursor<&[u8]>) -> thrift::Result<(i32, MasterInfo)> {
    let mut input = TBinaryInputProtocol::new(cursor, true);
    let head = input.read_message_begin()?;
    let mut master = MasterInfo::default();
    read_struct(&mut input, |input, id, kind| {
        if (id, kind) == (1, TType::Struct) {
            read_master(input, &mut master)?;
            return Ok(true);
        }
        Ok(false)
    })?;
    Ok((head.sequence_number, master))
}

fn read_master(input: &mut Input<'_, '_>, master: &mut MasterInfo) -> thrift::Result<()> {
    read_struct(input, |input, id, kind| {
        match (id, kind) {
            (1, TType::Struct) => read_struct(input, |input, id, kind| {
                match (id, kind) {
                    (1, TType::String) => master.host = input.read_string()?,
                    (2, TType::I32) => master.rpc_port = input.read_i32()?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            (2, TType::I32) => master.cluster_id = input.read_i32()?,
            (3, TType::I64) => master.epoch = input.read_i64()?,
            (4, TType::String) => master.token = input.read_string()?,
            (5, TType::String) => master.backend_ip = input.read_string()?,
            (6, TType::I32) => master.http_port = input.read_i32()?,
            (8, TType::I64) => master.backend_id = input.read_i64()?,
            (15, TType::I32) => master.node_type = input.read_i32()?,
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn decode_reply(cursor: &mut io::Cursor<&[u8]>) -> thrift::Result<NodeInfo> {
    let mut input = TBinaryInputProtocol::new(cursor, true);
    input.read_message_begin()?;
    let mut info = NodeInfo::default();
    read_struct(&mut input, |input, id, kind| {
        if (id, kind) != (0, TType::Struct) {
            return Ok(false);
        }
        read_struct(input, |input, id, kind| {
            match (id, kind) {
                (1, TType::Struct) => read_status(input, &mut info)?,
                (2, TType::Struct) => read_node(input, &mut info)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(true)
    })?;
    Ok(info)
}

fn read_status(input: &mut Input<'_, '_>, info: &mut NodeInfo) -> thrift::Result<()> {
    read_struct(input, |input, id, kind| {
        match (id, kind) {
            (1, TType::I32) => info.status = input.read_i32()?,
            (2, TType::List) => {
                let list = input.read_list_begin()?;
                for _ in 0..list.size {
                    info.errors.push(input.read_string()?);
                }
                input.read_list_end()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn read_node(input: &mut Input<'_, '_>, info: &mut NodeInfo) -> thrift::Result<()> {
    read_struct(input, |input, id, kind| {
        match (id, kind) {
            (1, TType::I32) => info.be_port = input.read_i32()?,
            (2, TType::I32) => info.http_port = input.read_i32()?,
            (4, TType::I32) => info.brpc_port = input.read_i32()?,
            (5, TType::String) => info.version = input.read_string()?,
            (6, TType::I32) => info.cores = input.read_i32()?,
            (7, TType::I32) => info.starlet_port = input.read_i32()?,
            (8, TType::I64) => info.reboot_time = input.read_i64()?,
            (9, TType::Bool) => info.has_storage = input.read_bool()?,
            _ => return Ok(false),
        }
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_survives_the_wire_and_waits_for_its_last_byte() {
        let master = MasterInfo {
            host: "10.77.0.11".into(),
            rpc_port: 9020,
            epoch: 6,
            backend_id: 10001,
            ..Default::default()
        };
        let bytes = encode_call(&master).unwrap();
        let mut cursor = io::Cursor::new(&bytes[..bytes.len() - 1]);
        assert!(decode_call(&mut cursor).is_err());
        let mut cursor = io::Cursor::new(bytes.as_slice());
        assert_eq!(decode_call(&mut cursor).unwrap().1, master);
        let info = NodeInfo {
            status: STATUS_SHUTDOWN,
            errors: vec!["x".into()],
            be_port: 9060,
            version: "3".into(),
            has_storage: true,
            ..Default::default()
        };
        let bytes = encode_reply(7, &info).unwrap();
        assert_eq!(
            decode_reply(&mut io::Cursor::new(bytes.as_slice())).unwrap(),
            info
        );
    }

    #[test]
    fn a_call_begins_as_the_strict_binary_protocol_does() {
        let bytes = encode_call(&MasterInfo::default()).unwrap();
        assert_eq!(&bytes[..17], b"\x80\x01\x00\x01\x00\x00\x00\x09heartbeat");
    }
}
