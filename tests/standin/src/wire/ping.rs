//! Two calls of the same name: `FrontendService.ping` of one FE of Doris to another, and `ping` of a leader of both engines to
//! a broker.

use std::io;
use std::time::Duration;

use thrift::protocol::{TInputProtocol, TType};
use tokio::net::TcpStream;

use super::thrift::{Writer, begin, call, read_struct};

const METHOD: &str = "ping";

/// What a leader shows of itself, and of its cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PingFe {
    pub(crate) cluster_id: i32,
    pub(crate) token: String,
    pub(crate) deploy_mode: Option<String>,
}

/// What an FE tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FeInfo {
    /// Why it does not answer, if it does not.
    pub(crate) refusal: Option<String>,
    pub(crate) query_port: u16,
    pub(crate) rpc_port: u16,
    pub(crate) arrow_port: u16,
    pub(crate) replayed: u64,
    pub(crate) version: String,
    pub(crate) start: u64,
}

const OK: i32 = 0;
const FAILED: i32 = 1;

pub(crate) async fn ask_fe(stream: &mut TcpStream, ping: &PingFe, patience: Duration) -> io::Result<FeInfo> {
    call(stream, encode(1, ping), decode_info, patience).await
}

/// Observed byte by byte: 83 of them, with sequence number 1.
fn encode(sequence: i32, ping: &PingFe) -> thrift::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer::call(&mut bytes, METHOD, sequence)?;
    out.structure(1)?;
    out.i32(1, ping.cluster_id)?;
    out.string(2, &ping.token)?;
    if let Some(mode) = &ping.deploy_mode {
        out.string(3, mode)?;
    }
    out.end()?;
    out.end()?;
    Ok(bytes)
}

/// A call and its sequence number.
pub(crate) fn decode(cursor: &mut io::Cursor<&[u8]>) -> thrift::Result<(i32, PingFe)> {
    let (mut input, _, sequence) = begin(cursor)?;
    let mut ping = PingFe::default();
    read_struct(&mut input, |input, id, kind| {
        if (id, kind) != (1, TType::Struct) {
            return Ok(false);
        }
        read_struct(input, |input, id, kind| {
            match (id, kind) {
                (1, TType::I32) => ping.cluster_id = input.read_i32()?,
                (2, TType::String) => ping.token = input.read_string()?,
                (3, TType::String) => ping.deploy_mode = Some(input.read_string()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(true)
    })?;
    Ok((sequence, ping))
}

pub(crate) fn encode_info(sequence: i32, info: &FeInfo) -> thrift::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer::reply(&mut bytes, METHOD, sequence)?;
    let status = if info.refusal.is_some() { FAILED } else { OK };
    let long = |value: u64| i64::try_from(value).unwrap_or(0);
    out.structure(0)?;
    out.i32(1, status)?;
    out.string(2, info.refusal.as_deref().unwrap_or("success"))?;
    out.i32(3, info.query_port.into())?;
    out.i32(4, info.rpc_port.into())?;
    out.i64(5, long(info.replayed))?;
    out.string(6, &info.version)?;
    out.i64(7, long(info.start))?;
    out.i32(10, info.arrow_port.into())?;
    out.end()?;
    out.end()?;
    Ok(bytes)
}

fn decode_info(cursor: &mut io::Cursor<&[u8]>) -> thrift::Result<FeInfo> {
    let (mut input, ..) = begin(cursor)?;
    let mut info = FeInfo::default();
    let (mut status, mut words) = (OK, String::new());
    read_struct(&mut input, |input, id, kind| {
        if (id, kind) != (0, TType::Struct) {
            return Ok(false);
        }
        read_struct(input, |input, id, kind| {
            let port = |number: i32| u16::try_from(number).unwrap_or(0);
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            match (id, kind) {
                (1, TType::I32) => status = input.read_i32()?,
                (2, TType::String) => words = input.read_string()?,
                (3, TType::I32) => info.query_port = port(input.read_i32()?),
                (4, TType::I32) => info.rpc_port = port(input.read_i32()?),
                (5, TType::I64) => info.replayed = count(input.read_i64()?),
                (6, TType::String) => info.version = input.read_string()?,
                (7, TType::I64) => info.start = count(input.read_i64()?),
                (10, TType::I32) => info.arrow_port = port(input.read_i32()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(true)
    })?;
    info.refusal = (status != OK).then_some(words);
    Ok(info)
}

/// Asks a broker whether it is there: its version and who asks (gensrc/thrift/PaloBrokerService.thrift).
pub(crate) async fn ask_broker(stream: &mut TcpStream, client: &str, patience: Duration) -> io::Result<()> {
    let request = || {
        let mut bytes = Vec::new();
        let mut out = Writer::call(&mut bytes, METHOD, 1)?;
        out.structure(1)?;
        out.i32(1, 1)?;
        out.string(2, client)?;
        out.end()?;
        out.end()?;
        Ok(bytes)
    };
    call(
        stream,
        request(),
        |cursor| decode_call(cursor).map(drop),
        patience,
    )
    .await
}

/// Any call: its method and sequence number.
pub(crate) fn decode_call(cursor: &mut io::Cursor<&[u8]>) -> thrift::Result<(String, i32)> {
    let (mut input, method, sequence) = begin(cursor)?;
    read_struct(&mut input, |_, _, _| Ok(false))?;
    Ok((method, sequence))
}

/// `TBrokerOperationStatus` with `OK`.
pub(crate) fn encode_broker_ok(method: &str, sequence: i32) -> thrift::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = Writer::reply(&mut bytes, method, sequence)?;
    out.structure(0)?;
    out.i32(1, OK)?;
    out.end()?;
    out.end()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_has_the_observed_83_bytes() {
        let ping = PingFe {
            cluster_id: 1_403_539_615,
            token: "6369c608-8e84-4c09-9b61-4ae1a6a53b9f".to_owned(),
            deploy_mode: Some("local".to_owned()),
        };
        let bytes = encode(1, &ping).unwrap();
        let mut expected =
            b"\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x0c\x00\x01\x08\x00\x01".to_vec();
        expected.extend(1_403_539_615_i32.to_be_bytes());
        expected.extend(b"\x0b\x00\x02\x00\x00\x00\x246369c608-8e84-4c09-9b61-4ae1a6a53b9f");
        expected.extend(b"\x0b\x00\x03\x00\x00\x00\x05local\x00\x00");
        assert_eq!(bytes.len(), 83);
        assert_eq!(bytes, expected);
        assert_eq!(decode(&mut io::Cursor::new(&bytes)).unwrap(), (1, ping));
    }

    #[test]
    fn an_answer_survives_the_wire() {
        for refusal in [None, Some("invalid cluster id: 7".to_owned())] {
            let info = FeInfo {
                refusal,
                query_port: 9030,
                rpc_port: 9020,
                arrow_port: 8070,
                replayed: 77,
                version: "v".to_owned(),
                start: 5,
            };
            let bytes = encode_info(3, &info).unwrap();
            assert_eq!(decode_info(&mut io::Cursor::new(&bytes)).unwrap(), info);
        }
        let bytes = encode_broker_ok(METHOD, 4).unwrap();
        let read = decode_call(&mut io::Cursor::new(&bytes)).unwrap();
        assert_eq!(read, (METHOD.to_owned(), 4));
    }
}
