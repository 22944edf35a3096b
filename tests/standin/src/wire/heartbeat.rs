//! `HeartbeatService.heartbeat`, both sides. The engines share the method and the first fields.

use std::io;
use std::time::Duration;

use thrift::protocol::{TInputProtocol, TType};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::thrift::{Input, Writer, begin, call as ask, read_struct, receive};
use crate::profile::Engine;

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
    /// StarRocks: whether it is addressed as a compute node.
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
    pub(crate) version: String,
    pub(crate) starlet_port: i32,
    pub(crate) cores: i32,
    /// In seconds (StarRocks) or milliseconds (Doris) since 1970.
    pub(crate) start: i64,
    pub(crate) has_storage: bool,
    /// Doris: `be_node_role`, whether it stops, and its port for Arrow Flight.
    pub(crate) role: String,
    pub(crate) shutting_down: bool,
    pub(crate) arrow_port: i32,
}

pub(crate) const STATUS_OK: i32 = 0;
pub(crate) const STATUS_INTERNAL_ERROR: i32 = 6;
pub(crate) const STATUS_SHUTDOWN: i32 = 59;

const METHOD: &str = "heartbeat";

pub(crate) async fn call(
    stream: &mut TcpStream,
    engine: Engine,
    master: &MasterInfo,
    patience: Duration,
) -> io::Result<NodeInfo> {
    let decode = |cursor: &mut io::Cursor<&[u8]>| decode_reply(cursor, engine);
    ask(stream, encode_call(master, engine), decode, patience).await
}

/// The next call on a connection, with the sequence number its answer must carry; nothing at its end.
pub(crate) async fn accept(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(i32, MasterInfo)>> {
    receive(stream, buffer, decode_call).await
}

pub(crate) async fn answer(
    stream: &mut TcpStream,
    engine: Engine,
    sequence: i32,
    info: &NodeInfo,
) -> io::Result<()> {
    stream
        .write_all(&encode_reply(sequence, info, engine).map_err(io::Error::other)?)
        .await
}

fn encode_call(master: &MasterInfo, engine: Engine) -> thrift::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer::call(&mut bytes, METHOD, 0)?;
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
    match engine {
        Engine::StarRocks => {
            out.i64(7, 0)?;
            out.i64(8, master.backend_id)?;
            out.i64(9, 1)?;
            out.i32(10, 0)?;
            out.strings(11, &[])?;
            out.strings(12, &[])?;
            out.bool(13, false)?;
            out.bool(14, true)?;
            out.i32(15, master.node_type)?;
        }
        Engine::Doris => {
            out.i64(7, 1)?;
            out.i64(8, master.backend_id)?;
            // `frontend_infos`.
            out.list(9, TType::Struct, 0)?;
            out.string(13, "")?;
        }
    }
    out.end()?;
    out.end()?;
    Ok(bytes)
}

fn encode_reply(sequence: i32, info: &NodeInfo, engine: Engine) -> thrift::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer::reply(&mut bytes, METHOD, sequence)?;
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
    match engine {
        Engine::StarRocks => {
            out.i32(3, 0)?;
            out.i32(4, info.brpc_port)?;
            out.string(5, &info.version)?;
            out.i32(6, info.cores)?;
            out.i32(7, info.starlet_port)?;
            out.i64(8, info.start)?;
            out.bool(9, info.has_storage)?;
            out.i64(10, 1 << 30)?;
        }
        Engine::Doris => {
            out.i32(3, -1)?;
            out.i32(4, info.brpc_port)?;
            out.string(5, &info.version)?;
            out.i64(6, info.start)?;
            out.string(7, &info.role)?;
            out.bool(8, info.shutting_down)?;
            out.i32(9, info.arrow_port)?;
            out.i64(10, 1 << 30)?;
        }
    }
    out.end()?;
    out.end()?;
    out.end()?;
    Ok(bytes)
}

fn decode_call(cursor: &mut io::Cursor<&[u8]>) -> thrift::Result<(i32, MasterInfo)> {
    let (mut input, _, sequence) = begin(cursor)?;
    let mut master = MasterInfo::default();
    read_struct(&mut input, |input, id, kind| {
        if (id, kind) == (1, TType::Struct) {
            read_master(input, &mut master)?;
            return Ok(true);
        }
        Ok(false)
    })?;
    Ok((sequence, master))
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

fn decode_reply(cursor: &mut io::Cursor<&[u8]>, engine: Engine) -> thrift::Result<NodeInfo> {
    let (mut input, ..) = begin(cursor)?;
    let mut info = NodeInfo::default();
    read_struct(&mut input, |input, id, kind| {
        if (id, kind) != (0, TType::Struct) {
            return Ok(false);
        }
        read_struct(input, |input, id, kind| {
            match (id, kind) {
                (1, TType::Struct) => read_status(input, &mut info)?,
                (2, TType::Struct) => read_node(input, &mut info, engine)?,
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

fn read_node(input: &mut Input<'_, '_>, info: &mut NodeInfo, engine: Engine) -> thrift::Result<()> {
    read_struct(input, |input, id, kind| {
        match (id, kind, engine) {
            (1, TType::I32, _) => info.be_port = input.read_i32()?,
            (2, TType::I32, _) => info.http_port = input.read_i32()?,
            (4, TType::I32, _) => info.brpc_port = input.read_i32()?,
            (5, TType::String, _) => info.version = input.read_string()?,
            (6, TType::I32, Engine::StarRocks) => info.cores = input.read_i32()?,
            (7, TType::I32, Engine::StarRocks) => info.starlet_port = input.read_i32()?,
            (9, TType::Bool, Engine::StarRocks) => info.has_storage = input.read_bool()?,
            (8, TType::I64, Engine::StarRocks) | (6, TType::I64, Engine::Doris) => {
                info.start = input.read_i64()?;
            }
            (7, TType::String, Engine::Doris) => info.role = input.read_string()?,
            (8, TType::Bool, Engine::Doris) => info.shutting_down = input.read_bool()?,
            (9, TType::I32, Engine::Doris) => info.arrow_port = input.read_i32()?,
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
        for engine in [Engine::StarRocks, Engine::Doris] {
            let master = MasterInfo {
                host: "10.77.0.11".into(),
                rpc_port: 9020,
                epoch: 6,
                backend_id: 10001,
                ..Default::default()
            };
            let bytes = encode_call(&master, engine).unwrap();
            let mut cursor = io::Cursor::new(&bytes[..bytes.len() - 1]);
            assert!(decode_call(&mut cursor).is_err());
            let mut cursor = io::Cursor::new(bytes.as_slice());
            assert_eq!(decode_call(&mut cursor).unwrap().1, master);
            let info = NodeInfo {
                status: STATUS_SHUTDOWN,
                errors: vec!["x".into()],
                be_port: 9060,
                version: "3".into(),
                start: 5,
                has_storage: engine == Engine::StarRocks,
                shutting_down: engine == Engine::Doris,
                ..Default::default()
            };
            let bytes = encode_reply(7, &info, engine).unwrap();
            assert_eq!(
                decode_reply(&mut io::Cursor::new(bytes.as_slice()), engine).unwrap(),
                info
            );
        }
    }

    #[test]
    fn a_call_begins_as_the_strict_binary_protocol_does() {
        let bytes = encode_call(&MasterInfo::default(), Engine::StarRocks).unwrap();
        assert_eq!(&bytes[..17], b"\x80\x01\x00\x01\x00\x00\x00\x09heartbeat");
    }
}
